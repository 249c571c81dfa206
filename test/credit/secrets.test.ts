/**
 * What never leaves a home: keys, secret nonces, and the payee's partial signature of an update or rollover. All texts
 * of every action, all stored replies and the bytes of both stores are searched for them, in every encoding.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { base64 } from '@scure/base';
import { beforeAll, describe, expect, it } from 'vitest';
import { readPsbt, shareOf } from '../../src/lib/bitcoin/psbt.ts';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { taprootSighash } from '../../src/lib/bitcoin/sighash.ts';
import { parseTransaction } from '../../src/lib/bitcoin/transaction.ts';
import { update } from '../../src/lib/credit/transactions.ts';
import { keysOf } from '../../src/lib/credit/terms.ts';
import type { PayeeCredit } from '../../src/lib/credit/records.ts';
import { exitCredit, signUpdate } from '../../src/lib/ecash/credit.ts';
import { mod, toBytes, toNumber } from '../../src/lib/signing/curve.ts';
import { nonceAgg, session } from '../../src/lib/signing/musig2.ts';
import type { OpenNonce, Path } from '../../src/lib/protocol/action.ts';
import { opened, pair, payMessages, rollMessages, type Pair } from '../support/credit.ts';
import type { TestParty } from '../support/party.ts';
import { scenes } from './scenes.ts';

/** A text with the bytes of every PSBT in it, as hex. */
function withPsbts(text: string): string {
  const inside = [...text.matchAll(/cHNid[A-Za-z0-9+/]+=*/g)].map(([b]) => bytesToHex(base64.decode(b)));
  return [text.toLowerCase(), ...inside].join('\n');
}

/** Every file of a home but its seed, raw: as hex, and as the text that it may hold. */
function filesOf(dir: string): string {
  return readdirSync(dir)
    .filter((name) => name !== 'seed' && statSync(join(dir, name)).isFile())
    .map((name) => readFileSync(join(dir, name)))
    .map((bytes) => `${bytes.toString('hex')}\n${withPsbts(bytes.toString('latin1'))}`)
    .join('\n');
}

/** Nonces that the party opens, as they pass into its store. */
function watchNonces(party: TestParty): OpenNonce[] {
  const seen: OpenNonce[] = [];
  const { store } = party.home;
  const commit = store.commit.bind(store);
  store.commit = (given) => {
    seen.push(...given.opens.map((nonce) => ({ ...nonce, secret: nonce.secret.slice() })));
    return commit(given);
  };
  return seen;
}

async function secretsOf(party: TestParty, nonces: OpenNonce[]): Promise<Map<string, string>> {
  const keys = await party.home.keys();
  const secrets = new Map<string, string>([
    ['store key', bytesToHex(keys.storeKey)],
    ['seed', bytesToHex(keys.seed())],
  ]);
  for (const { record, name } of await party.home.store.list()) {
    const { own, keyset, path: of } = record as unknown as { own?: { path: Path }; keyset?: object; path?: Path };
    if (keyset && of) for (let i = 0; i < 32; i++) secrets.set(`${name} key ${i}`, bytesToHex(keys.secret(of, 3, i)));
    if (!own) continue;
    const { path } = own;
    secrets.set(`${name} ecash`, bytesToHex(keys.secret(path, 2)));
    secrets.set(`${name} key`, bytesToHex(keys.contract(path)));
    secrets.set(`${name} auth`, bytesToHex(keys.auth(path)));
  }
  for (const at of await party.home.store.addresses()) secrets.set(`wallet ${at.index}`, bytesToHex(keys.wallet(at)));
  nonces.forEach(({ secret }, i) => {
    secrets.set(`nonce ${i} first half`, bytesToHex(secret.subarray(0, 32)));
    secrets.set(`nonce ${i} second half`, bytesToHex(secret.subarray(32, 64)));
  });
  return secrets;
}

describe('no secret leaves', () => {
  const found: string[] = [];
  let looked = 0;

  beforeAll(async () => {
    let seed = 50;
    for (const scene of Object.values(scenes)) {
      const both = await pair((seed += 2));
      const nonces = { payer: watchNonces(both.payer), payee: watchNonces(both.payee) };
      const texts: string[] = [];
      await scene(both, async (who, table, options) => {
        const ran = await both[who].run(table, options);
        texts.push(ran.text, ran.hint ?? '');
        return ran.message;
      });
      const emitted = withPsbts(texts.join('\n'));
      for (const who of ['payer', 'payee'] as const) {
        const store = filesOf(both[who].dir) + filesOf(`${both[who].dir}.refunds`);
        for (const [name, secret] of await secretsOf(both[who], nonces[who])) {
          looked += 1;
          if (emitted.includes(secret)) found.push(`${who} ${name} in a message`);
          if (store.includes(secret)) found.push(`${who} ${name} in the store`);
        }
      }
      both.close();
    }
  });

  it('no key and no nonce is in any message, PSBT, hint, reply or file of the store', () => {
    expect(looked).toBeGreaterThan(40);
    expect(found).toEqual([]);
  });

  it('the search would find one', () => {
    const secret = '11'.repeat(32);
    const psbt = base64.encode(hexToBytes('70736274ff' + secret));
    expect(withPsbts(`{"psbt":"${psbt}"}`)).toContain(secret);
  });
});

describe("the payee's partial signature of an update", () => {
  let both: Pair;
  let texts: string;
  let partial: string;
  let finished: string;
  let id: string;

  beforeAll(async () => {
    both = await pair(80);
    id = await opened(both);
    const all: string[] = [];
    const requested = await both.payee.run(signUpdate, { input: { contract: id, amount: 2_100n } });
    const signed = await both.payer.run(signUpdate, { on: requested.message, amount: 2_100n });
    const accepted = await both.payee.run(signUpdate, { on: signed.message });
    all.push(requested.text, signed.text, accepted.text);
    // s of the payee, from the finished signature and the payer's part: what a payer would need.
    const c = (await both.payee.record(id)) as PayeeCredit;
    finished = bytesToHex(parseTransaction(c.exit!).witnesses![0]![0]!);
    const set = keysOf(c.terms);
    const template = update(c, c.paidSat);
    const psbt = readPsbt(signed.message['psbt'].update);
    const payer = shareOf(psbt, 0, set, c.terms.payer_pubkey);
    const payee = shareOf(psbt, 0, set, c.terms.payee_pubkey);
    const s = session(
      set.agg,
      nonceAgg([hexToBytes(payer.pubnonce!), hexToBytes(payee.pubnonce!)]),
      taprootSighash(template, 0),
    );
    const g = set.agg.evenQ ? 1n : -1n;
    const whole = toNumber(hexToBytes(finished.slice(64)));
    partial = bytesToHex(toBytes(mod(whole - toNumber(hexToBytes(payer.partial!)) - s.e * g * set.agg.tacc)));
    for (const m of await rollMessages(both, id)) all.push(JSON.stringify(m));
    texts = withPsbts(all.join('\n'));
  });

  it('is in no message, and neither is the finished signature', () => {
    expect(texts).not.toContain(partial);
    expect(texts).not.toContain(finished);
    expect(texts).not.toContain(finished.slice(64));
  });

  it('is not in the payee’s store either; the finished update is, for exit-credit alone', async () => {
    const store = filesOf(both.payee.dir);
    expect(store).not.toContain(partial);
    expect(store).toContain(finished);
    const replies = await import('node:sqlite').then(({ DatabaseSync }) => {
      const db = new DatabaseSync(join(both.payee.dir, 'store.db'), { readOnly: true });
      const rows = db.prepare('SELECT text, copies FROM reply').all();
      db.close();
      return JSON.stringify(rows);
    });
    expect(replies).not.toContain(finished);
    const exit = await both.payee.run(exitCredit, { input: { contract: id } });
    expect(exit.message['hex']).toContain(finished);
    both.close();
  });

  it('no message of the payee but a refund’s or a close’s carries a partial signature of its own', async () => {
    const other = await pair(84);
    const contract = await opened(other);
    const said = [...(await payMessages(other, contract, 5_000n)), ...(await rollMessages(other, contract))];
    const c = (await other.payee.record(contract)) as PayeeCredit;
    for (const m of said)
      for (const [name, psbt] of Object.entries((m['psbt'] ?? {}) as Record<string, string>)) {
        if (name === 'refund') continue;
        const tx = readPsbt(psbt);
        for (let i = 0; i < tx.inputsLength; i++)
          expect(shareOf(tx, i, keysOf(c.terms), c.terms.payee_pubkey).partial, `${m['type']} ${m['step']}`).toBe(
            undefined,
          );
      }
    expect(said[2]).not.toHaveProperty('psbt');
    other.close();
  });
});
