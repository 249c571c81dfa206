/**
 * Who can compute what: everything that operator, sender and receiver can record of a transfer, and the subtractions tried; the
 * recorded traffic in the hands of whoever seizes the operator's home afterwards; and the old share, which is nowhere.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { xOnlyKey } from '../../src/lib/signing/bip340.ts';
import { bytesToHex, mod, N, parseScalar, toBytes, toNumber, evenSecret } from '../../src/lib/signing/curve.ts';
import { keyAgg, publicKey } from '../../src/lib/signing/musig2.ts';
import { evenKey, openField } from '../../src/lib/signing/sealed-field.ts';
import { messageHash } from '../../src/lib/signing/seal.ts';
import { hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import type { Path } from '../../src/lib/protocol/action.ts';
import type { OperatorRecord } from '../../src/lib/statechain/records.ts';
import { coinOf, opened, transferMessages } from '../support/statechain.ts';
import type { Message, TestParty } from '../support/party.ts';
import { openIn } from '../../src/lib/statechain/transfer-messages.ts';
import { m1Of, parties, step } from './helpers.ts';

const pub = (s: Uint8Array): string => bytesToHex(publicKey(s));
/** Every key that the protocol must keep apart, by name. */
interface Keys {
  [name: string]: string;
}

/** All sums and differences of up to three of the numbers, with 1 and with the coefficients: does one open a key? */
function cracked(known: Record<string, bigint>, keys: Keys, coefficients: readonly bigint[]): string[] {
  const points = new Map(Object.entries(keys).flatMap(([name, key]) => [[key.slice(2), name] as const]));
  const found: string[] = [];
  const look = (words: string, n: bigint): void => {
    const scalar = mod(n);
    if (scalar === 0n) return;
    for (const c of [1n, ...coefficients]) {
      const value = toBytes(mod(scalar * inverse(c)));
      const name = parseScalar(value) && points.get(pub(value).slice(2));
      if (name) found.push(`${name} = ${words}`);
    }
  };
  const list = Object.entries(known);
  list.forEach(([a, x], i) => {
    look(a, x);
    list.slice(i + 1).forEach(([b, y], j) => {
      look(`${a} + ${b}`, x + y);
      look(`${a} - ${b}`, x - y);
      list.slice(i + j + 2).forEach(([c, z]) => {
        look(`${a} + ${b} - ${c}`, x + y - z);
        look(`${a} - ${b} + ${c}`, x - y + z);
        look(`${a} - ${b} - ${c}`, x - y - z);
      });
    });
  });
  return found;
}
function inverse(n: bigint): bigint {
  let [a, b, u, v] = [mod(n), N, 1n, 0n];
  while (b !== 0n) [a, b, u, v] = [b, a % b, v, u - (a / b) * v];
  return mod(u);
}

const contractKey = async (party: TestParty, pubkey: string): Promise<Uint8Array> => {
  const { found } = await party.home.store.load([`key:${pubkey}`]);
  const { own } = [...found.values()][0]!.record as { own: { path: Path } };
  return (await party.home.keys()).contract(own.path);
};
const authKey = async (party: TestParty, pubkey: string): Promise<Uint8Array> => {
  const { found } = await party.home.store.load([`key:${pubkey}`]);
  const { own } = [...found.values()][0]!.record as { own: { path: Path } };
  return (await party.home.keys()).auth(own.path);
};

async function scene() {
  const all = await parties();
  const id = await opened(all);
  const said = await transferMessages(all.operator, all.alice, all.bob, id, 'received');
  const [, , open, sent, received] = said as [Message, Message, Message, Message, Message];
  const frozen = (await coinOf(all.operator, id)) as OperatorRecord & { frozen: { share: string } };
  const files = await all.operator.home.shares.read([frozen.share!, frozen.frozen.share]);
  const s = files.get(frozen.share!)!;
  const drawn = files.get(frozen.frozen.share)!;
  const [s2, x, e] = [drawn.slice(0, 32), drawn.slice(32, 64), drawn.slice(64, 96)] as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const entry = open['record'].entries[0];
  const o = await contractKey(all.alice, entry.owner_pubkey);
  const o2 = await contractKey(all.bob, sent['invite'].pubkey);
  const m1 = await m1Of(all.bob, sent);
  const m2 = openIn('m2', received, received['m2'], e, 'receiver');
  const keys = { S: entry.operator_pubkey, O: entry.owner_pubkey, "S'": pub(s2), "O'": pub(o2) };
  const coefficients = [
    ...keyAgg([hexToBytes(keys.S), hexToBytes(keys.O)]).coefficients,
    ...keyAgg([hexToBytes(keys["S'"]), hexToBytes(keys["O'"])]).coefficients,
  ].filter((c) => c !== 1n);
  return { all, id, said, s, s2, x, e, o, o2, m1, m2, keys, coefficients };
}
const n = (bytes: Uint8Array): bigint => toNumber(bytes);

describe('everything that one party can record', () => {
  it('opens no key but its own; any two of x, m1 and m2 would', async () => {
    const t = await scene();
    const moved = (await step(t.all.operator, t.said[4])).message;
    const offset = n(hexToBytes(moved['offset']));
    const without = (...own: string[]) =>
      Object.fromEntries(Object.entries(t.keys).filter(([name]) => !own.includes(name)));
    // The operator: its shares, x, m2, t'.
    const operator = { s: n(t.s), s2: n(t.s2), x: n(t.x), m2: n(t.m2), e: n(t.e), offset };
    expect(cracked(operator, without('S', "S'"), t.coefficients)).toEqual([]);
    // The sender: its key, x, m1, t'.
    const sender = { o: n(t.o), x: n(t.x), m1: n(t.m1), offset };
    expect(cracked(sender, without('O'), t.coefficients)).toEqual([]);
    // The receiver: its key, m1, m2, t'.
    const receiver = { o2: n(t.o2), m1: n(t.m1), m2: n(t.m2), offset };
    expect(cracked(receiver, without("O'"), t.coefficients)).toEqual([]);
    // The search finds what there is to find.
    expect(cracked({ x: n(t.x), m1: n(t.m1) }, t.keys, t.coefficients)).toContain('O = x - m1');
    expect(cracked({ m1: n(t.m1), m2: n(t.m2) }, t.keys, t.coefficients).some((w) => w.startsWith("O' = "))).toBe(true);
  });

  it('each sealed field opens for its reader alone', async () => {
    const t = await scene();
    const [, , open, sent, received] = t.said as [Message, Message, Message, Message, Message];
    const entry = open['record'].entries[0];
    const lasting = {
      operator: (await t.all.operator.home.keys()).auth([0, 0, 0, 0]),
      sender: await authKey(t.all.alice, entry.owner_pubkey),
      receiver: await authKey(t.all.bob, sent['invite'].pubkey),
    };
    const contract = { sender: t.o, receiver: t.o2, operator: t.s };
    const fields = [
      ['x', open, { sealed: open['x'], key: open['opening'].one_time_pubkey }, 'sender'],
      ['m1', sent, sent['m1'], 'receiver'],
      ['m2', received, received['m2'], 'nobody'],
    ] as const;
    for (const [field, m, { sealed, key }, reader] of fields) {
      const ends = { field, hash: messageHash({ ...m, [field]: undefined }) };
      for (const who of ['operator', 'sender', 'receiver'] as const) {
        const opens = [lasting[who], evenSecret(lasting[who]), contract[who]].some(
          (secret) => openField(ends, sealed, secret, key) !== undefined,
        );
        expect([field, who, opens]).toEqual([field, who, who === reader]);
      }
      expect(evenKey(xOnlyKey(lasting.sender))).toMatch(/^02/);
    }
  });
});

/** Every file of a directory, deep. */
const filesIn = (dir: string): string[] =>
  readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    return statSync(path).isDirectory() ? filesIn(path) : [path];
  });

describe('whoever seizes the home of the operator after the move', () => {
  it('has all traffic and every file, and neither x, m1, m2 nor the old share', async () => {
    const t = await scene();
    const moved = (await step(t.all.operator, t.said[4])).message;
    const { home, dir } = t.all.operator;
    const secrets = { s: t.s, x: t.x, e: t.e, m1: t.m1, m2: t.m2, o: t.o, o2: t.o2 };
    // Database, its journal with what is in free pages, refunds, shares, everything in and beside the home.
    const everything = filesIn(join(dir, '..')).map((file) => readFileSync(file));
    for (const [name, secret] of Object.entries(secrets))
      for (const form of [
        secret,
        Buffer.from(bytesToHex(secret)),
        Buffer.from(Buffer.from(secret).toString('base64').slice(0, 43)),
      ])
        expect([name, everything.some((bytes) => bytes.includes(Buffer.from(form)))]).toEqual([name, false]);
    // What is sealed under its seed is the new share and nothing else.
    const record = (await coinOf(t.all.operator, t.id)) as OperatorRecord;
    const files = readdirSync(`${home.dir}.shares`).filter((file) => file.endsWith('.share'));
    expect(files).toEqual([expect.stringMatching(`^${home.id}-.*${record.share}\\.share$`)]);
    expect((await home.shares.read([record.share!])).get(record.share!)).toEqual(t.s2);
    // With the new share, all traffic and every key of the seed: no sealed field opens, no key comes out.
    const keys = await home.keys();
    const own = [keys.auth([0, 0, 0, 0]), keys.contract([0, 0, 0, 0]), keys.storeKey, t.s2];
    for (const [field, m, sealed, key] of [
      ['x', t.said[2]!, t.said[2]!['x'], t.said[2]!['opening'].one_time_pubkey],
      ['x', t.said[2]!, t.said[2]!['x'], evenKey(t.said[2]!['record'].entries[0].owner_auth)],
      ['m1', t.said[3]!, t.said[3]!['m1'].sealed, t.said[3]!['m1'].key],
      ['m2', t.said[4]!, t.said[4]!['m2'].sealed, t.said[4]!['m2'].key],
    ] as const)
      for (const secret of own)
        for (const reader of [secret, parseScalar(secret) ? evenSecret(secret) : secret])
          expect(
            openField({ field, hash: messageHash({ ...m, [field]: undefined }) }, sealed, reader, key),
          ).toBeUndefined();
    const known = { s2: n(t.s2), offset: n(hexToBytes(moved['offset'])), seed: n(own[0]!), path: n(own[1]!) };
    expect(cracked(known, { S: t.keys.S, O: t.keys.O, "O'": t.keys["O'"] }, t.coefficients)).toEqual([]);
  });

  it('the old share cannot be computed again from the seed: every key that the home derives is another', async () => {
    const t = await scene();
    await step(t.all.operator, t.said[4]);
    const keys = await t.all.operator.home.keys();
    const paths: Path[] = [
      [0, 0, 0, 0],
      ...(await t.all.operator.home.store.list()).map((r) => (r.record as unknown as { own: { path: Path } }).own.path),
    ];
    const derived = paths.flatMap((path) => [keys.contract(path), keys.auth(path)]);
    const shares = [t.s, t.s2].map(bytesToHex);
    expect(derived.filter((key) => shares.includes(bytesToHex(key)))).toEqual([]);
    // From the published offsets: t' − t and what they are made of leave two unknown shares.
    const { entries } = (await coinOf(t.all.operator, t.id)) as OperatorRecord;
    const offsets = Object.fromEntries(entries.map((e, i) => [`t${i}`, n(hexToBytes(e.offset))]));
    const fromSeed = Object.fromEntries(derived.map((key, i) => [`k${i}`, n(key)]));
    expect(cracked({ ...offsets, ...fromSeed }, { S: t.keys.S, "S'": t.keys["S'"] }, t.coefficients)).toEqual([]);
  });
});
