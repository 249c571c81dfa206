/**
 * `serve --stdio`: accepted updates, with ecash off and on, against the same cryptographic work in a bare loop with the
 * libraries; and its memory over many messages. BENCH_MESSAGES (50000) makes the second shorter.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { createBlindSignature, createDLEQProof, pointFromHex } from '@cashu/cashu-ts';
import { schnorr } from '@noble/curves/secp256k1.js';
import { keyAggregate, nonceAggregate, nonceGen, Session, sortKeys } from '@scure/btc-signer/musig2.js';
import { pubECDSA, tagSchnorr } from '@scure/btc-signer/utils.js';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { addKeyset } from '../../src/commands/ecash/keysets.ts';
import { HOME_MINT, opened, pair, type Pair } from '../support/credit.ts';
import { resident } from './batch.ts';
import { median, report } from './measure.ts';

const messages = Number(process.env['BENCH_MESSAGES'] ?? 50_000);
/** Updates of one round, each over a contract of its own. */
const CONTRACTS = 16;
const AMOUNT = 1_000n;

/** A server on the payee's home, asked line by line. */
export class Served {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** @param seed of a home whose randomness is repeatable */
  constructor(run: string, dir: string, seed?: number) {
    const insecure = seed !== undefined && { SPILLWAY_INSECURE_SEED: Buffer.alloc(32, seed).toString('hex') };
    const env = { ...process.env, ...insecure, SPILLWAY_TIP: '1000' };
    this.child = spawn(process.execPath, [run, 'serve', '--home', dir, '--stdio'], {
      env,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    this.#lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
  }
  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('serve has ended');
    return value;
  }
  /** Milliseconds until all are answered, and the answers. */
  async answers(texts: readonly string[]): Promise<{ took: number; replies: string[] }> {
    const start = performance.now();
    this.child.stdin!.write(texts.map((text) => `${text}\n`).join(''));
    const replies: string[] = [];
    for (const _ of texts) replies.push(await this.line());
    return { took: performance.now() - start, replies };
  }
  async end(): Promise<void> {
    this.child.stdin!.end();
    const code = await new Promise((done) => this.child.on('exit', done));
    if (code !== 0) throw new Error(`serve ended with ${String(code)}`);
  }
}

export async function signedFor({ payee, payer }: Pair, contract: string, ecash: boolean): Promise<string> {
  const asked = await payer.run(signUpdate, { input: { contract, amount: AMOUNT } });
  const requested = await payee.run(signUpdate, { on: asked.text });
  const input = ecash ? { ecash: true, maxInflight: 1_000_000_000n } : {};
  return (await payer.run(signUpdate, { on: requested.text, input })).text;
}

export async function benchServe(run: string, rounds: number): Promise<boolean[]> {
  const results: boolean[] = [];
  for (const ecash of [false, true]) {
    const both = await pair(ecash ? 113 : 111);
    const ids: string[] = [];
    if (ecash) await addKeyset(both.payee.home, undefined);
    for (let i = 0; i < CONTRACTS; i++) ids.push(await opened(both, ecash ? { offer: HOME_MINT } : {}));
    const server = new Served(run, both.payee.dir, ecash ? 113 : 111);
    await server.line();
    const times = { served: [] as number[], bare: [] as number[] };
    for (let round = -2; round < rounds; round++) {
      const signed: string[] = [];
      for (const id of ids) signed.push(await signedFor(both, id, ecash));
      const outputs = ecash ? (JSON.parse(signed[0]!).ecash.outputs as { B_: string }[]).map(({ B_ }) => B_) : [];
      const works = ids.map(() => bareAccept(outputs));
      const { took, replies } = await server.answers(signed);
      for (const reply of replies) if (!reply.includes('"step":"accepted"')) throw new Error(reply);
      const start = performance.now();
      for (const work of works) work();
      const bare = performance.now() - start;
      if (round < 0) continue;
      times.served.push(took);
      times.bare.push(bare);
    }
    await server.end();
    both.close();
    const served = median(times.served);
    console.log(
      `      ${Math.round((1000 * CONTRACTS) / served)} accepted updates a second, ecash ${ecash ? 'on' : 'off'}`,
    );
    results.push(
      report({
        what: `serve --stdio, an accepted update, ecash ${ecash ? 'on' : 'off'}`,
        ratio: served / median(times.bare),
        limit: 1.5,
        unit: '× its cryptography in a bare loop',
      }),
    );
  }
  results.push(
    report({
      what: `memory of serve --stdio over ${messages} messages`,
      ratio: await serveGrowth(run),
      limit: 50,
      unit: 'MB more',
    }),
  );
  return results;
}

// ── the same cryptography, bare ───────────────────────────────────────────────────────────────────────────────────────

const secrets = [new Uint8Array(32).fill(5), new Uint8Array(32).fill(6)] as const;
const pubkeys = sortKeys(secrets.map((s) => pubECDSA(s)));
const ordered = pubkeys.map((p) => secrets.find((s) => Buffer.compare(pubECDSA(s), p) === 0)!);
const message = new Uint8Array(32).fill(7);
const mintKey = new Uint8Array(32).fill(8);
const seal = schnorr.sign(message, secrets[0]);
const sealKey = schnorr.getPublicKey(secrets[0]);

/**
 * What accepting an update takes: seal and receipt verified, both keys aggregated and tweaked, the payer's partial
 * signature verified, the own one made, the whole one verified, the reply sealed; with ecash NUT-20's signature verified
 * and each output signed with its proof. What the payer did before is done before it is called.
 */
function bareAccept(outputs: readonly string[]): () => void {
  const x = keyAggregate(pubkeys).aggPublicKey.toBytes(true).slice(1);
  const nonces = pubkeys.map((p, i) => nonceGen(p, ordered[i]!));
  const publics = nonces.map((n) => n.public);
  const session = () => {
    const tweaks = [tagSchnorr('TapTweak', x)];
    const set = keyAggregate(pubkeys, tweaks, [true]);
    return { s: new Session(nonceAggregate(publics), pubkeys, message, tweaks, [true]), set };
  };
  const theirs = session().s.sign(nonces[1]!.secret, ordered[1]!, true);
  const verify = (signature: Uint8Array, key: Uint8Array) => {
    if (!schnorr.verify(signature, message, key)) throw new Error('a signature does not verify');
  };
  return () => {
    verify(seal, sealKey);
    verify(seal, sealKey);
    const { s, set } = session();
    if (!s.partialSigVerify(theirs, publics, 1)) throw new Error('a partial signature does not verify');
    const own = s.sign(nonces[0]!.secret, ordered[0]!, true);
    verify(s.partialSigAgg([own, theirs]), set.aggPublicKey.toBytes(true).slice(1));
    if (outputs.length > 0) verify(seal, sealKey);
    for (const B_ of outputs) {
      const point = pointFromHex(B_);
      createDLEQProof(point, mintKey);
      createBlindSignature(point, mintKey, 'id');
    }
    schnorr.sign(message, secrets[0]);
  };
}

// ── memory ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Of twenty messages one is a new update; the others repeat it, alter it, or are no message. */
const BLOCK = 20;

/** Megabytes gained from a tenth of the way to the end. */
async function serveGrowth(run: string): Promise<number> {
  const both = await pair(115);
  const contract = await opened(both, { amount: 90_000_000n });
  const server = new Served(run, both.payee.dir, 115);
  await server.line();
  const blocks = Math.ceil(messages / BLOCK);
  let warm = 0;
  for (let i = 0; i < blocks; i++) {
    const signed = await signedFor(both, contract, false);
    const altered = signed.replace(/"amount_sat":\d+/, '"amount_sat":7');
    const lines = [
      signed,
      ...Array.from({ length: BLOCK - 1 }, (_, n) => [signed, altered, signed.slice(0, -9), '[]'][n % 4]!),
    ];
    await server.answers(lines);
    if (i === Math.floor(blocks / 10)) warm = resident(server.child.pid!);
  }
  const grown = resident(server.child.pid!) - warm;
  await server.end();
  const { paidSat } = (await both.payee.record(contract)) as { paidSat: bigint };
  if (paidSat !== AMOUNT * BigInt(blocks)) throw new Error(`${paidSat} sat paid, ${AMOUNT * BigInt(blocks)} expected`);
  both.close();
  return grown;
}
