/**
 * `serve --stdio`: accepted updates, with ecash off and on, against the same cryptographic work in a bare loop on the same
 * curve; and its memory over many messages. BENCH_MESSAGES (50000) makes the second shorter.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { addKeyset } from '../../src/commands/ecash/keysets.ts';
import { blindSignature } from '../../src/lib/ecash/blind.ts';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { signHash, verifies, xOnlyKey } from '../../src/lib/signing/bip340.ts';
import { parsePoint } from '../../src/lib/signing/curve.ts';
import * as musig2 from '../../src/lib/signing/musig2.ts';
import { HOME_MINT, opened, pair, type Pair } from '../support/credit.ts';
import { resident } from './batch.ts';
import { cpuFor, cpuOf, median, report } from './measure.ts';
import { MESSAGE, PUBKEYS, SECRETS, tweakedKey } from './naive.ts';

const messages = Number(process.env['BENCH_MESSAGES'] ?? 50_000);
/** Updates of one round, each over a contract of its own. */
const CONTRACTS = 16;
const AMOUNT = 1_000n;
/**
 * Both sides run on one curve, on which the cryptography of an update takes a millisecond. What is allowed beside it is a
 * message parsed and printed, its PSBT, and a synced commit to store and journal.
 */
const LIMITS = { off: 4.5, on: 3.5 };

/** A server on the payee's home, asked line by line. */
export class Served {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** @param seed of a home whose randomness is repeatable */
  constructor(run: string, dir: string, seed?: number, flags: readonly string[] = []) {
    const insecure = seed !== undefined && { SPILLWAY_INSECURE_SEED: Buffer.alloc(32, seed).toString('hex') };
    const env = { ...process.env, ...insecure, SPILLWAY_TIP: '1000' };
    // The first updates of contracts whose coins nobody has seen are strangers' messages, of which a minute takes only so many.
    this.child = spawn(process.execPath, [run, 'serve', '--home', dir, '--stdio', '--offers', '1000', ...flags], {
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
    const times: number[] = [];
    let bare = 0;
    let warm = 0;
    for (let round = -2; round < rounds; round++) {
      const signed: string[] = [];
      for (const id of ids) signed.push(await signedFor(both, id, ecash));
      const outputs = ecash ? (JSON.parse(signed[0]!).ecash.outputs as { B_: string }[]).map(({ B_ }) => B_) : [];
      const works = ids.map(() => bareAccept(outputs));
      const { took, replies } = await server.answers(signed);
      for (const reply of replies) if (!reply.includes('"step":"accepted"')) throw new Error(reply);
      const cpu = await cpuFor(() => works.forEach((work) => work()));
      if (round < 0) warm = cpuOf(server.child.pid!);
      else {
        times.push(took);
        bare += cpu;
      }
    }
    const served = cpuOf(server.child.pid!) - warm;
    await server.end();
    both.close();
    console.log(
      `      ${Math.round((1000 * CONTRACTS) / median(times))} accepted updates a second, ecash ${ecash ? 'on' : 'off'}`,
    );
    results.push(
      report({
        what: `serve --stdio, an accepted update, ecash ${ecash ? 'on' : 'off'}`,
        ratio: served / bare,
        limit: LIMITS[ecash ? 'on' : 'off'],
        unit: '× the CPU of its cryptography in a bare loop',
      }),
    );
  }
  results.push(
    report({
      what: `memory of serve --stdio over ${messages} messages`,
      ratio: await serveGrowth(run),
      limit: 30,
      unit: 'MB more',
    }),
  );
  return results;
}

// ── the same cryptography, bare ───────────────────────────────────────────────────────────────────────────────────────

const mintKey = new Uint8Array(32).fill(8);
const seal = signHash(MESSAGE, SECRETS[0]);
const sealKey = xOnlyKey(SECRETS[0]);

/**
 * What accepting an update takes: seal and receipt verified, both keys aggregated and tweaked, the payer's partial
 * signature verified, the own one made, the whole one verified, the reply sealed; with ecash NUT-20's signature verified
 * and each output signed with its proof. What the payer did before is done before it is called.
 */
function bareAccept(outputs: readonly string[]): () => void {
  const nonces = PUBKEYS.map((pubkey, i) => musig2.nonceGen({ random: MESSAGE, secret: SECRETS[i]!, pubkey }));
  const publics = nonces.map(({ pubnonce }) => pubnonce);
  const session = () => musig2.session(tweakedKey(), musig2.nonceAgg(publics), MESSAGE);
  const theirs = musig2.sign(nonces[1]!.secnonce, SECRETS[1], session());
  const verify = () => {
    if (!verifies(seal, MESSAGE, sealKey)) throw new Error('a signature does not verify');
  };
  return () => {
    verify();
    verify();
    const s = session();
    if (!musig2.partialVerify(theirs, publics[1]!, 1, s)) throw new Error('a partial signature does not verify');
    const own = musig2.sign(nonces[0]!.secnonce, SECRETS[0], s);
    if (!musig2.verifyAggregate(musig2.partialAgg([own, theirs], s), s))
      throw new Error('the signature does not verify');
    if (outputs.length > 0) verify();
    for (const B_ of outputs) blindSignature(parsePoint(hexToBytes(B_))!, mintKey);
    signHash(MESSAGE, SECRETS[0]);
  };
}

// ── memory ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Of twenty messages one is a new update; the others repeat it, alter it, or are no message. */
const BLOCK = 20;

/**
 * Megabytes gained from two fifths of the way to the end. The engine lets its heap grow over the first 15,000 messages, to
 * some 200 MB, and stays there (measured: 154 MB after 5,000, 201 after 20,000, 200 after 50,000). Growth after that is a leak.
 */
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
    if (i === Math.floor((2 * blocks) / 5)) warm = resident(server.child.pid!);
  }
  const grown = resident(server.child.pid!) - warm;
  await server.end();
  const { paidSat } = (await both.payee.record(contract)) as { paidSat: bigint };
  if (paidSat !== AMOUNT * BigInt(blocks)) throw new Error(`${paidSat} sat paid, ${AMOUNT * BigInt(blocks)} expected`);
  both.close();
  return grown;
}
