/** Coins of `listunspent`, and the selection of coins for a payment: feerate, change, dust, fee bounds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressOf } from '../../src/lib/bitcoin/address.ts';
import { listedCoin, parseCoins, payFrom } from '../../src/lib/bitcoin/coins.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { dustLimit } from '../../src/lib/bitcoin/script.ts';
import { feeOf, sortInputs, sortOutputs, sumSat, type Spent } from '../../src/lib/bitcoin/transaction.ts';
import { parseJson, printJson, type Json } from '../../src/lib/protocol/json.ts';
import { codeOf, refusal } from '../support/refusal.ts';
import { coinOf, signAll, walletKey } from '../support/wallet.ts';

const key = walletKey('p2tr', 1);
const txid = 'ab'.repeat(32);
/** As Bitcoin Core prints it. */
const listed = (
  more: string,
) => `[{"txid":"${txid}","vout":1,"address":"x","label":"","scriptPubKey":"${key.script}","amount":0.29,
  "confirmations":7,"spendable":true,"solvable":true,"parent_descs":["tr(x)"],"safe":true${more}}]`;

describe('a list of coins', () => {
  it('is read from listunspent, its amounts exactly', () => {
    expect(parseCoins(parseJson(listed('')))).toEqual([{ txid, vout: 1, sat: 29_000_000n, script: key.script }]);
    const amounts = ['0.00000001', '1', '1.15', '20999999.99999999', '21000000', '0'];
    const list = amounts.map((a, i) => `{"txid":"${txid}","vout":${i},"scriptPubKey":"00","amount":${a}}`);
    expect(parseCoins(parseJson(`[${list.join()}]`)).map((c) => c.sat)).toEqual([
      1n,
      100_000_000n,
      115_000_000n,
      2_099_999_999_999_999n,
      2_100_000_000_000_000n,
      0n,
    ]);
    expect(parseCoins([])).toEqual([]);
  });

  it('is read as it is written', () => {
    const coin = fc.record({
      txid: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => Buffer.from(b).toString('hex')),
      vout: fc.nat(0xffffffff),
      sat: fc.bigInt({ min: 0n, max: 2_100_000_000_000_000n }),
      script: fc.constantFrom(key.script, walletKey('p2wpkh', 1).script, '51'),
    });
    fc.assert(
      fc.property(fc.uniqueArray(coin, { selector: outpointText }), (coins) => {
        const text = printJson(coins.map((c) => listedCoin(c, 3, 'regtest')));
        expect(parseCoins(parseJson(text))).toEqual(coins);
      }),
    );
    expect(listedCoin(coinOf(key, 1, 5n), 3, 'regtest')).toMatchObject({
      address: addressOf(key.script, 'regtest'),
      amount: { text: '0.00000005' },
      confirmations: 3,
    });
  });

  const one = (entry: object): Json => [{ txid, vout: 0, scriptPubKey: '51', amount: 1, ...entry }] as Json;
  it.each<[string, Json]>([
    ['no list', {}],
    ['text', 'x'],
    ['no object', [1]],
    ['null', [null]],
    ['a list', [[]]],
    ['no txid', one({ txid: 5 })],
    ['a txid in capitals', one({ txid: txid.toUpperCase() })],
    ['a negative vout', one({ vout: -1 })],
    ['a vout too large', one({ vout: 2 ** 32 })],
    ['no script', one({ scriptPubKey: '' })],
    ['half a byte', one({ scriptPubKey: '515' })],
    ['a script that is a number', one({ scriptPubKey: 51 })],
    ['an amount in quotes', one({ amount: '1' })],
    ['no amount', one({ amount: null })],
    ['a negative amount', one({ amount: -1 })],
    ['the same coin twice', [...(one({}) as Json[]), ...(one({ amount: 2 }) as Json[])]],
  ])('with %s is refused', (_, json) => {
    expect(refusal(() => parseCoins(json))).toMatchObject({ code: 'malformed-coins', exit: 65 });
  });
  it.each(['-0.5', '1e-8', '0.123456789', '21000000.1', '1e400'])('with the amount %s is refused', (amount) => {
    const work = () => parseCoins(parseJson(listed('').replace('0.29', amount)));
    expect(['malformed', 'malformed-coins']).toContain(codeOf(work));
  });
});

describe('a payment', () => {
  const network = 'regtest' as const;
  const change = addressOf(walletKey('p2tr', 99).script, network)!;
  const pay = (coins: Spent[], sat: bigint, more: Partial<Parameters<typeof payFrom>[0]> = {}) =>
    payFrom({ coins, outputs: [{ sat, script: key.script }], change, feerate: 2000, version: 2, network, ...more });

  it('pays exactly, at the feerate and little above, whatever it is made of', () => {
    const kind = fc.constantFrom('p2tr' as const, 'p2wpkh' as const);
    const some = fc.array(fc.tuple(kind, fc.bigInt({ min: 5_000n, max: 400_000n })), { minLength: 1, maxLength: 6 });
    let paid = 0;
    let unchanged = 0;
    fc.assert(
      fc.property(
        some,
        some,
        fc.boolean(),
        fc.integer({ min: 1000, max: 12_000 }),
        (list, wants, required, feerate) => {
          const keys = list.map(([type], i) => walletKey(type, i + 1));
          const coins = list.map(([, sat], i) => coinOf(keys[i]!, i + 1, sat));
          const outputs = wants
            .slice(0, 3)
            .map(([type, sat], i) => ({ sat: sat / 2n, script: walletKey(type, i + 50).script }));
          const must = required ? [coinOf(keys[0]!, 77, 30_000n)] : [];
          let made: ReturnType<typeof payFrom>;
          try {
            made = payFrom({ required: must, coins, outputs, change, feerate, version: 3, network, allowFee: true });
          } catch (error) {
            expect((error as { code: string }).code).toBe('not-enough-coins');
            return;
          }
          paid += 1;
          const known = new Map([...coins, ...must].map((c) => [outpointText(c), c]));
          for (const input of made.inputs) expect(input).toMatchObject(known.get(outpointText(input))!);
          expect(new Set(made.inputs.map(outpointText)).size).toBe(made.inputs.length);
          for (const coin of must) expect(made.inputs.map(outpointText)).toContain(outpointText(coin));
          expect(sumSat(made.inputs)).toBe(sumSat(outputs) + made.changeSat + made.fee);
          expect(feeOf(made)).toBe(made.fee);
          const all =
            made.changeSat > 0n ? [...outputs, { sat: made.changeSat, script: walletKey('p2tr', 99).script }] : outputs;
          expect(made.outputs).toEqual(sortOutputs(all));
          expect(made.inputs).toEqual(sortInputs(made.inputs));
          expect([made.version, made.locktime, ...made.inputs.map((i) => i.sequence)]).toEqual([
            3,
            0,
            ...made.inputs.map(() => 0xfffffffd),
          ]);
          const tx = signAll(made, keys);
          tx.finalize();
          const rate = BigInt(Math.ceil(feerate / 1000));
          const vsize = BigInt(tx.vsize);
          expect(made.fee).toBeGreaterThanOrEqual(rate * vsize);
          // Signatures of ECDSA vary by a byte or two; without a change output, what it would have held is fee too.
          const slack = rate * BigInt(2 + made.inputs.length);
          if (made.changeSat > 0n) {
            expect(made.changeSat).toBeGreaterThanOrEqual(330n);
            expect(made.fee).toBeLessThanOrEqual(rate * vsize + slack);
          } else {
            unchanged += 1;
            expect(made.fee).toBeLessThanOrEqual(rate * (vsize + 43n) + slack + 330n);
          }
        },
      ),
      { numRuns: 60 },
    );
    expect(paid).toBeGreaterThan(10);
    expect(unchanged).toBeLessThan(paid);
  });

  it('leaves no change below dust', () => {
    const at = (sat: bigint) => pay([coinOf(key, 1, sat)], 100_000n, { feerate: 1000 });
    // 1 input, 2 outputs: 154 vB. The library keeps a change only where it is above the limit.
    expect(dustLimit(key.script)).toBe(330n);
    expect(at(100_000n + 154n + 331n)).toMatchObject({ changeSat: 331n, fee: 154n });
    expect(at(100_000n + 154n + 330n)).toMatchObject({ changeSat: 0n, fee: 154n + 330n });
    expect(at(100_000n + 111n)).toMatchObject({ changeSat: 0n, fee: 111n });
    expect(codeOf(() => at(100_000n + 110n))).toBe('not-enough-coins');
  });

  it('needs coins, native segwit ones, whose size is known', () => {
    expect(refusal(() => pay([coinOf(key, 1, 1000n)], 5000n))).toMatchObject({ code: 'not-enough-coins', exit: 77 });
    expect(codeOf(() => pay([], 5000n))).toBe('not-enough-coins');
    const legacy = { ...coinOf(key, 1, 90_000n), script: `76a914${'ab'.repeat(20)}88ac` };
    const found = refusal(() => pay([legacy], 5000n));
    expect(found.code).toBe('unsafe-funding');
    expect(found.message).toContain('is p2pkh');
    const p2sh = { ...legacy, script: `a914${'ab'.repeat(20)}87` };
    expect(codeOf(() => pay([coinOf(key, 1, 90_000n)], 5000n, { required: [p2sh] }))).toBe('unsafe-funding');
    const p2wsh = { ...legacy, script: `0020${'ab'.repeat(32)}` };
    expect(refusal(() => pay([p2wsh], 5000n)).hint).toContain('--funding');
  });

  it('costs at most a tenth, unless that is allowed', () => {
    const coins = [coinOf(key, 1, 3000n)];
    expect(codeOf(() => pay(coins, 1000n, { feerate: 5000 }))).toBe('fee-too-high');
    expect(pay(coins, 1000n, { feerate: 5000, allowFee: true }).fee).toBeGreaterThan(300n);
  });

  // Fails: the address reaches the library unread, whose own error comes out.
  it('refuses a change address of another network', () => {
    const coins = [coinOf(key, 1, 900_000n)];
    expect(codeOf(() => pay(coins, 1000n, { change: addressOf(key.script, 'mainnet')! }))).toBe('wrong-network');
  });

  it('rounds the feerate up to whole satoshis', () => {
    const fees = [1000, 1001, 2000].map((feerate) => pay([coinOf(key, 1, 900_000n)], 1000n, { feerate }).fee);
    expect(fees).toEqual([154n, 308n, 308n]);
  });
});
