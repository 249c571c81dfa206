/**
 * Histories, honest and not: what the check finds in each altered one, all of it; and over random histories the honest
 * receiver accepts exactly the honest ones.
 */
import { RawTx } from '@scure/btc-signer/script.js';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { taprootSighash } from '../../src/lib/bitcoin/sighash.ts';
import { parseTransaction, withWitness } from '../../src/lib/bitcoin/transaction.ts';
import { checkHistory, type History } from '../../src/lib/statechain/history.ts';
import type { OwnerEntry, PublicRecord } from '../../src/lib/statechain/statements.ts';
import { locktimeAt, NO_OFFSET } from '../../src/lib/statechain/terms.ts';
import { backup, backupSighash, withdraw } from '../../src/lib/statechain/transactions.ts';
import { spentCoin } from '../../src/lib/statechain/terms.ts';
import { readHistory, verify } from '../../src/lib/statechain/verify.ts';
import { ADDRESSES } from '../credit/things.ts';
import { ERRORS } from '../../src/lib/protocol/refusal.ts';
import { canonicalJson } from '../../src/lib/protocol/json.ts';
import { refusal } from '../support/refusal.ts';
import { opened, transferMessages } from '../support/statechain.ts';
import { honest, pub, recordOf, secret } from '../support/histories.ts';
import { crossings } from '../support/moments.ts';
import type { Message } from '../support/party.ts';
import { parties } from './helpers.ts';

/** The same history whose operator states something else, truly signed. */
const stating = (h: History, change: Partial<PublicRecord>): History => ({
  ...h,
  record: recordOf(h.coin, h.record.entries, change),
});
const entriesWith = (h: History, n: number, change: Partial<OwnerEntry>): History =>
  stating(h, { entries: h.record.entries.map((e, i) => (i === n ? { ...e, ...change } : e)) });
const codes = (h: History): string[] => [...new Set(checkHistory(h, h.coin.terms.operator).map((f) => f.code))].sort();

let four: History;
beforeAll(() => {
  four = honest(4);
});

describe('a history', () => {
  it('that is honest has no finding', () => expect(codes(four)).toEqual([]));

  const flip = (hex: string, at: number): string =>
    hex.slice(0, at) + (hex[at] === '0' ? '1' : '0') + hex.slice(at + 1);
  /** The backup of owner `n` in another encoding. */
  const encodedAs = (h: History, n: number, change: (signature: Uint8Array) => object): History => {
    const tx = parseTransaction(h.backups[n]!);
    const other = RawTx.encode({ ...tx, ...change(tx.witnesses![0]![0]!) });
    return { ...h, backups: h.backups.with(n, bytesToHex(other)) };
  };
  it.each<[string, (h: History) => History, string[]]>([
    ['a missing backup', (h) => ({ ...h, backups: h.backups.slice(0, 3) }), ['chain-gap']],
    [
      'a backup missing in the middle',
      (h) => ({ ...h, backups: h.backups.toSpliced(1, 1) }),
      ['chain-gap', 'transaction-differs'],
    ],
    ['a backup twice', (h) => ({ ...h, backups: [...h.backups, h.backups[3]!] }), ['chain-duplicate']],
    [
      'backups in another order',
      (h) => ({ ...h, backups: [h.backups[1]!, h.backups[0]!, ...h.backups.slice(2)] }),
      ['transaction-differs'],
    ],
    [
      'an altered signature',
      (h) => ({ ...h, backups: h.backups.with(2, flip(h.backups[2]!, h.backups[2]!.length - 60)) }),
      ['signature-invalid'],
    ],
    [
      'an altered amount',
      (h) => ({ ...h, backups: h.backups.with(2, h.backups[2]!.replace('40420f00', '41420f00')) }),
      ['transaction-differs'],
    ],
    [
      'a final sequence, which would switch its locktime off',
      (h) => ({ ...h, backups: h.backups.with(1, h.backups[1]!.replace('fdffffff', 'ffffffff')) }),
      ['transaction-differs'],
    ],
    [
      'a backup without its witness',
      (h) => encodedAs(h, 1, () => ({ segwitFlag: false, witnesses: undefined })),
      ['signature-invalid'],
    ],
    [
      'a signature of 65 bytes',
      (h) => encodedAs(h, 1, (signature) => ({ witnesses: [[Uint8Array.of(...signature, 1)]] })),
      ['signature-invalid'],
    ],
    [
      'an annex behind the signature',
      (h) => encodedAs(h, 1, (signature) => ({ witnesses: [[signature, Uint8Array.of(0x50)]] })),
      ['transaction-differs'],
    ],
    ['no transaction', (h) => ({ ...h, backups: h.backups.with(0, 'ab') }), ['malformed-transaction']],
    [
      'an entry left out',
      (h) => stating(h, { entries: h.record.entries.toSpliced(1, 1) }),
      ['chain-duplicate', 'locktime-step', 'sighash-unknown', 'transaction-differs'],
    ],
    [
      'a wrong step',
      (h) => entriesWith(h, 2, { locktime: h.record.entries[2]!.locktime - 1 }),
      ['locktime-step', 'transaction-differs'],
    ],
    ['a wrong offset', (h) => entriesWith(h, 2, { offset: NO_OFFSET }), ['keyagg-mismatch']],
    ['an offset out of range', (h) => entriesWith(h, 2, { offset: 'ff'.repeat(32) }), ['keyagg-mismatch']],
    ['another owner key', (h) => entriesWith(h, 3, { owner_pubkey: pub(secret(404)) }), ['keyagg-mismatch']],
    [
      'a key twice',
      (h) => entriesWith(h, 3, { owner_pubkey: h.record.entries[1]!.owner_pubkey }),
      ['chain-duplicate', 'keyagg-mismatch'],
    ],
    ['a first owner of its own', (h) => entriesWith(h, 0, { owner_auth: 'ab'.repeat(32) }), ['terms-differ']],
    [
      'a reused sighash',
      (h) => entriesWith(h, 3, { sighash: h.record.entries[2]!.sighash }),
      ['chain-duplicate', 'sighash-unknown', 'transaction-differs'],
    ],
    ['a wrong count', (h) => stating(h, { count: 5 }), ['signature-count']],
    [
      'a signature too many',
      (h) => stating(h, { count: 5, signed: [...h.record.signed, { kind: 'backup', sighash: 'ab'.repeat(32) }] }),
      ['sighash-unknown'],
    ],
    [
      'a backup that was never signed',
      (h) => stating(h, { count: 3, signed: h.record.signed.slice(0, 3) }),
      ['signature-count'],
    ],
    [
      'a sighash listed twice',
      (h) => stating(h, { signed: [...h.record.signed, h.record.signed[0]!] }),
      ['chain-duplicate'],
    ],
    [
      'a withdraw hidden in it',
      (h) =>
        stating(h, {
          count: 5,
          signed: [
            ...h.record.signed,
            { kind: 'withdraw', sighash: bytesToHex(taprootSighash(withdraw(h.coin, ADDRESSES.p2tr, 500n), 0)) },
          ],
        }),
      ['coin-closed', 'sighash-unknown'],
    ],
    ['a closed coin', (h) => stating(h, { state: 'closed' }), ['coin-closed']],
    ['a restored operator', (h) => stating(h, { state: 'exit-only' }), ['contract-restored']],
    [
      'a record of somebody else',
      (h) => ({ ...h, record: { ...h.record, signature: '11'.repeat(64) } }),
      ['bad-record'],
    ],
  ])('with %s', (_, change, expected) => {
    expect(codes(change(four))).toEqual(expected);
  });

  /** Owners picked from it, with their backups, what was signed and the count; `anew`: heights and words as they would be. */
  const picked = (h: History, owners: readonly number[], anew: boolean): History => {
    const { coin, record } = h;
    const at = (n: number, place: number): OwnerEntry => {
      const entry = { ...record.entries[n]!, ...(anew && { locktime: locktimeAt(coin.terms, place) }) };
      return { ...entry, sighash: backupSighash(coin, entry) };
    };
    const entries = owners.map(at);
    // Their signatures are those that there are: a new one would need the owner's key.
    const backups = owners.map((n, place) => {
      const signature = parseTransaction(h.backups[n]!).witnesses![0]![0]!;
      return withWitness(backup(coin, entries[place]!), [[signature]]);
    });
    return { coin, backups, record: recordOf(coin, entries) };
  };
  it.each<[string, number[], boolean, string[]]>([
    ['the first owner left out', [1, 2, 3], false, ['locktime-step', 'terms-differ']],
    ['the first owner left out, heights made anew', [1, 2, 3], true, ['signature-invalid', 'terms-differ']],
    ['an owner left out', [0, 2, 3], false, ['locktime-step']],
    ['an owner left out, heights made anew', [0, 2, 3], true, ['signature-invalid']],
    ['an owner twice', [0, 1, 1, 2, 3], false, ['chain-duplicate', 'locktime-step', 'signature-count']],
    ['an owner twice, heights made anew', [0, 1, 1, 2, 3], true, ['chain-duplicate', 'signature-invalid']],
    ['owners in another order', [0, 2, 1, 3], false, ['locktime-step']],
    ['owners in another order, heights made anew', [0, 2, 1, 3], true, ['signature-invalid']],
    // That is how it was before its last owner: only who sends it now tells, by the last owner's own signature.
    ['nothing of its last owner', [0, 1, 2], true, []],
  ])('with %s, and all that hangs on it', (_, owners, anew, expected) => {
    expect(codes(picked(four, owners, anew))).toEqual(expected);
  });

  it('of another operator than the pinned one', () => {
    const found = checkHistory(four, '11'.repeat(32)).map((f) => f.code);
    expect(found).toEqual(['operator-differs', 'bad-record']);
  });
});

describe('the verification by anyone', () => {
  const document = (h: History, more = {}) =>
    JSON.parse(
      JSON.stringify({ network: 'regtest', record: h.record, backups: h.backups, ...more }, (_, v) =>
        typeof v === 'bigint' ? Number(v) : v,
      ),
    );
  const no = { tip: 'not-checked', coins: 'not-checked' } as const;
  it('says all findings, and what it could not check', () => {
    const bad = { ...entriesWith(four, 2, { offset: NO_OFFSET }), backups: four.backups.slice(0, 2) };
    const said = verify(readHistory(document(bad)), undefined, no, 1);
    expect([said.valid, said.findings.map((f) => f.code)]).toEqual([false, ['keyagg-mismatch', 'chain-gap']]);
    expect(said.checks).toEqual({
      operator: 'not-pinned',
      backups: 'checked',
      tip: 'not-checked',
      coins: 'not-checked',
    });
    const record = verify(
      readHistory(document(four, { backups: undefined })),
      four.coin.terms.operator,
      { ...no, tip: 1000 },
      1,
    );
    expect(record).toMatchObject({
      valid: true,
      owners: 4,
      transfers_left: 186,
      checks: { operator: 'pinned', backups: 'not-checked' },
    });
  });
  /** Of the documents of two coins of one operator, which had the same owners: what is valid though it is a mixture. */
  const MIXTURES: readonly (readonly [RegExp, why: string])[] = [
    [
      /^(record\.height of the other|all of the other but record\.height), stated anew$/,
      'when the operator says it, is its own to say: the tip tells how old that is',
    ],
  ];
  it.each([
    ['with their backups', {}],
    ['of the record alone', { backups: undefined }],
  ])('finds what is wrong in each mixture of the documents of two coins: %s', (_, more) => {
    const [one, two] = [honest(2), honest(2, { amount_sat: 900_000n, locktime: 21_000 })];
    const stated = (m: Message): Message => {
      const { signature: __, ...record } = m['record'] as PublicRecord;
      return { ...m, record: recordOf(one.coin, [], record) };
    };
    const documents = [one, stating(two, { height: 1100 })].map((h) => document(h, more) as Message);
    const whole = new Set(documents.map((m) => canonicalJson(m)));
    const told = [...crossings(documents[0]!, documents[1]!, (m) => m)].flatMap(({ what, message }) => {
      const isStated = message['record'] && !what.includes('signature');
      return [[what, message] as const, ...(isStated ? [[`${what}, stated anew`, stated(message)] as const] : [])];
    });
    const ended = told
      .filter(([, m]) => !whole.has(canonicalJson(m)))
      .map(([what, m]) => {
        try {
          return [what, verify(readHistory(m), one.coin.terms.operator, no, 1).valid ? 'valid' : 'found'] as const;
        } catch (error) {
          return [what, (error as { code?: string }).code ?? String(error)] as const;
        }
      });
    const valid = ended.filter(([, end]) => end === 'valid').map(([what]) => what);
    expect(valid.filter((what) => !MIXTURES.some(([w]) => w.test(what)))).toEqual([]);
    expect(MIXTURES.filter(([w]) => !valid.some((what) => w.test(what)))).toEqual([]);
    const refused = ended.filter(([, end]) => !['valid', 'found'].includes(end));
    expect(refused.filter(([, end]) => !(end in ERRORS))).toEqual([]);
    expect(ended.length).toBeGreaterThan(60);
  });
  it('looks at the chain where there is one: spent, other, unconfirmed, too near, too old', () => {
    const at = `${four.coin.outpoint.txid}:1`;
    const check = (facts: object, least = 1) =>
      verify(readHistory(document(four)), undefined, { ...no, ...facts }, least).findings.map(
        (f) => `${f.point} ${f.code}`,
      );
    expect(check({ coins: new Map() })).toEqual(['2 funding-missing']);
    expect(check({ coins: new Map([[at, { sat: 1n, script: '', confirmations: 0 }]]) })).toEqual([
      '3 unsafe-funding',
      '2 funding-unconfirmed',
    ]);
    const coin = { ...spentCoin(four.coin), confirmations: 99 };
    for (const [change, codes] of [
      [{}, []],
      [{ sat: coin.sat - 1n }, ['3 unsafe-funding']],
      [{ script: `5120${'33'.repeat(32)}` }, ['3 unsafe-funding']],
      [{ coinbase: true }, ['2 funding-unconfirmed']],
      [{ coinbase: true, confirmations: 100 }, []],
    ] as const)
      expect(check({ coins: new Map([[at, { ...coin, ...change }]]) })).toEqual(codes);
    expect(check({ tip: 19_700 })).toEqual(['9 expired', '1 stale-record']);
    expect(check({ tip: 1_000 }, 18_701)).toEqual(['9 expired']);
  });
  /** Blocks between the record's height, 1000, and the tip. */
  it.each([
    [-145, true],
    [-144, false],
    [-143, false],
    [143, false],
    [144, false],
    [145, true],
  ])('a record is stale more than 144 blocks away: %i, %s', (away, stale) => {
    const said = verify(readHistory(document(four)), undefined, { ...no, tip: 1000 + away }, 1);
    expect(said.findings.map((f) => f.code)).toEqual(stale ? ['stale-record'] : []);
  });
  it('a locktime that would mean a time is none', () => {
    const entries = four.record.entries.map((e) => ({ ...e, locktime: 500_000_000 }));
    const bad = document(four, { record: { ...four.record, entries } });
    expect(refusal(() => readHistory(bad))).toMatchObject({ code: 'malformed-message' });
  });
  it('refuses what is no document with a history', () => {
    for (const bad of [{}, document(four, { record: { ...four.record, entries: [] } })])
      expect(() => readHistory(bad)).toThrow();
    expect(refusal(() => readHistory(document(four, { network: 'nowhere' })))).toMatchObject({
      code: 'wrong-network',
      message: 'network nowhere is not known',
    });
  });
});

describe('over random histories', () => {
  it('exactly the honest ones are accepted', () => {
    const lengths = [1, 2, 3, 5];
    const made = new Map(lengths.map((n) => [n, honest(n)]));
    const hexAt = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 15 }));
    const twist = (hex: string, [at, by]: [number, number]): string => {
      const i = at % hex.length;
      return hex.slice(0, i) + (parseInt(hex[i]!, 16) ^ by).toString(16) + hex.slice(i + 1);
    };
    const dishonest: fc.Arbitrary<(h: History) => History> = fc.oneof(
      fc.tuple(fc.nat(), hexAt).map(([n, at]) => (h: History) => ({
        ...h,
        backups: h.backups.with(n % h.backups.length, twist(h.backups[n % h.backups.length]!, at)),
      })),
      fc.nat().map((n) => (h: History) => ({ ...h, backups: h.backups.toSpliced(n % h.backups.length, 1) })),
      fc.nat().map((n) => (h: History) => ({ ...h, backups: [...h.backups, h.backups[n % h.backups.length]!] })),
      fc
        .tuple(fc.nat(), fc.constantFrom('operator_pubkey', 'owner_pubkey', 'offset', 'sighash' as const), hexAt)
        .map(([n, field, at]) => (h: History) => {
          const i = n % h.record.entries.length;
          return entriesWith(h, i, { [field]: twist(h.record.entries[i]![field as 'offset'], at) });
        }),
      fc
        .tuple(
          fc.nat(),
          fc.integer({ min: -500, max: 500 }).filter((d) => d !== 0),
        )
        .map(
          ([n, d]) =>
            (h: History) =>
              entriesWith(h, n % h.record.entries.length, {
                locktime: h.record.entries[n % h.record.entries.length]!.locktime + d,
              }),
        ),
      fc
        .nat()
        .map(
          (n) => (h: History) =>
            stating(h, { signed: h.record.signed.toSpliced(n % h.record.signed.length, 1), count: h.record.count - 1 }),
        ),
      fc
        .integer({ min: 0, max: 99 })
        .map((count) => (h: History) => (count === h.record.count ? { ...h, backups: [] } : stating(h, { count }))),
      fc
        .constantFrom('signature' as const)
        .map((field) => (h: History) => ({ ...h, record: { ...h.record, [field]: twist(h.record[field], [3, 5]) } })),
    );
    fc.assert(
      fc.property(fc.constantFrom(...lengths), fc.option(dishonest), (n, change) => {
        const history = made.get(n)!;
        const found = checkHistory(change ? change(history) : history, history.coin.terms.operator);
        expect(found.length === 0).toBe(change === null);
      }),
      { numRuns: 250 },
    );
  });

  it('what real parties make is one of them, after any sequence of transfers, cancels and declines', async () => {
    const all = await parties();
    const { operator, alice, bob, carol } = all;
    const id = await opened(all);
    let holder = alice;
    for (const [to, end] of [
      [bob, 'opened'],
      [carol, 'sent'],
      [bob, 'owned'],
      [carol, 'received'],
      [alice, 'owned'],
    ] as const) {
      const said = await transferMessages(operator, holder, to, id, end);
      const { transferStatechain } = await import('../../src/lib/statechain/transfer.ts');
      const run = (who: typeof alice, options: object) => who.run(transferStatechain, options as never);
      if (end === 'opened') {
        const cancelled = await run(holder, { on: said.at(-1), cancel: true });
        await run(operator, { on: cancelled.message });
      } else if (end === 'owned') holder = to;
      else {
        const declined = await run(to, { on: said.at(-1), cancel: true });
        const freed = await run(operator, { on: declined.message });
        expect((await run(holder, { on: freed.message })).message['final']).toBe(true);
      }
      const last = said.findLast((m) => m['backups'] !== undefined);
      if (!last) continue;
      const found = verify(readHistory(last), undefined, { tip: 1000, coins: 'not-checked' }, 1);
      expect([end, found.findings]).toEqual([end, []]);
    }
  });
});
