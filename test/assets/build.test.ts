/** Issuances and transfers read back by the decoder; the guard; dividends that add up. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fates } from '../../src/lib/assets/check.ts';
import { divide, readSnapshot, REMAINDERS } from '../../src/lib/assets/dividends.ts';
import { buildIssue, buildTransfer, type BuiltTransaction } from '../../src/lib/assets/openassets/build.ts';
import { OpenAssets } from '../../src/lib/assets/openassets/decode.ts';
import { assetHash } from '../../src/lib/assets/openassets/ids.ts';
import { subjectOfPsbt } from '../../src/lib/assets/psbt.ts';
import { Parents } from '../../src/lib/assets/trace.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { readPsbt } from '../../src/lib/bitcoin/psbt.ts';
import { dustLimit } from '../../src/lib/bitcoin/script.ts';
import { codeOf, refusal } from '../support/refusal.ts';
import { coloured, marker, P2PKH, readTxOf, script, txBytes } from './make.ts';

const hex = (n: number) => bytesToHex(script(n));
const parents = new Parents();
const money = parents.add(
  txBytes(
    [{ txid: 'aa'.repeat(32), vout: 0 }],
    [
      { sat: 500_000n, script: script(1) },
      { sat: 300_000n, script: script(2) },
    ],
  ),
);
const coin = (txid: string, vout: number, sat: bigint, bytes: Uint8Array) => ({
  txid,
  vout,
  sat,
  script: bytesToHex(bytes),
});
const plain = [coin(money.txid, 0, 500_000n, script(1)), coin(money.txid, 1, 300_000n, script(2))];
const common = { parents, network: 'mainnet', change: hex(9), feerate: 2000 } as const;
const issued = buildIssue({
  ...common,
  coins: plain,
  grants: [
    { script: hex(3), units: 60n },
    { script: hex(4), units: 40n },
  ],
  metadata: Buffer.from('u=https://a.b'),
}) as BuiltTransaction;
const asset = assetHash(script(1));
const decode = (built: BuiltTransaction): any => {
  const subject = subjectOfPsbt(readPsbt(built.psbt), parents);
  return new OpenAssets({ network: 'mainnet', parents: subject.parents }).decode(subject.tx);
};

describe('issue', () => {
  it('units, marker, change; the decoder reads what was meant', () => {
    expect(decode(issued)).toMatchObject({
      status: 'colored',
      txid: issued.txid,
      destroyed: [],
      marker: { vout: 2, metadata_text: 'u=https://a.b' },
    });
    expect(decode(issued).outputs.map((o: any) => [o.type, o.quantity, o.asset_hash160])).toEqual([
      ['issuance', '60', asset],
      ['issuance', '40', asset],
      ['marker', '0', null],
      ['transfer', '0', null],
    ]);
  });
  it('needs to know its coins, names the issuer, and refuses to burn', () => {
    expect(
      buildIssue({ ...common, parents: new Parents(), coins: plain, grants: [{ script: hex(3), units: 1n }] }),
    ).toEqual({ missing: [money.txid] });
    const other = buildIssue({
      ...common,
      coins: plain,
      issuer: `${money.txid}:1`,
      grants: [{ script: hex(3), units: 1n }],
    }) as BuiltTransaction;
    expect(other.asset).toBe(assetHash(script(2)));
    const { tx, parents: known } = coloured([[5n]], { quantities: [5n] }, [P2PKH]);
    known.add(tx.bytes);
    const carrying = [coin(tx.txid, 1, 600n, P2PKH)];
    const attempt = (burn: boolean) =>
      buildIssue({ ...common, parents: known, coins: carrying, burn, grants: [{ script: hex(3), units: 1n }] });
    expect(codeOf(() => attempt(false))).toBe('units-destroyed');
    expect(codeOf(() => attempt(true))).toBe('not-enough-coins');
  });
  it.each([
    ['amount', { sat: 9_000_000n }],
    ['script', { script: hex(2) }],
    ['output', { vout: 2 }],
  ])('refuses a coin of another %s than its transaction has', (_, lie) => {
    const coins = [{ ...plain[0]!, ...lie }];
    expect(codeOf(() => buildIssue({ ...common, coins, grants: [{ script: hex(3), units: 1n }] }))).toBe(
      'malformed-coins',
    );
  });
  it('refuses to issue from a coin that is not among those given, or from none', () => {
    const grants = [{ script: hex(3), units: 1n }];
    for (const [coins, issuer] of [
      [[], undefined],
      [plain, `${money.txid}:2`],
      [[plain[0]!], `${money.txid}:1`],
    ] as const)
      expect(codeOf(() => buildIssue({ ...common, coins, issuer, grants }))).toBe('not-enough-coins');
  });
  it.each([65_534, 65_535, 65_536, 70_000])('a marker of %i bytes, of which one push has at most 65535', (bytes) => {
    // Tag, version, a quantity with its count, and the length of the metadata.
    const metadata = new Uint8Array(bytes - 9).fill(7);
    const work = () =>
      buildIssue({ ...common, coins: plain, allowFee: true, metadata, grants: [{ script: hex(3), units: 1n }] });
    if (bytes <= 65_535) expect(decode(work() as BuiltTransaction).marker.metadata_hex).toBe('07'.repeat(bytes - 9));
    else
      expect(refusal(work)).toMatchObject({
        code: 'usage',
        message: `a marker of ${bytes} bytes found, at most 65535 expected`,
      });
  });
  it.each([-1n, 0n, 1n])('takes another coin where %i sat are left above outputs and fee', (more) => {
    // 600 sat for the units, the marker, and 2 sat/vB; P2PKH in and out.
    const grants = [{ script: hex(3), units: 1n }];
    const made = (first: bigint) => {
      const known = new Parents();
      const bytes = txBytes(
        [{ txid: 'ab'.repeat(32), vout: 0 }],
        [first, 300_000n].map((sat, i) => ({ sat, script: script(i + 1) })),
      );
      const { txid } = known.add(bytes);
      const coins = [coin(txid, 0, first, script(1)), coin(txid, 1, 300_000n, script(2))];
      return buildIssue({ ...common, parents: known, coins, grants, allowFee: true }) as BuiltTransaction;
    };
    const alone = made(600_000n);
    const outputs = alone.outputs.slice(0, -1).reduce((sum, { sat }) => sum + sat, 0n);
    // Without an output for the change, whose 34 bytes cost 68 sat.
    const exact = outputs + alone.fee - 68n;
    const found = made(exact + more);
    expect(found.inputs).toHaveLength(more < 0n ? 2 : 1);
    if (more >= 0n) expect([found.fee, found.outputs.length]).toEqual([alone.fee - 68n + more, 2]);
  });
  it.each([-1n, 0n, 1n])('gives change that is the dust limit and %i sat', (more) => {
    const [first] = plain;
    const made = (feerate: number, sat: bigint) => {
      const known = new Parents();
      const { txid } = known.add(txBytes([{ txid: 'ab'.repeat(32), vout: 0 }], [{ sat, script: script(1) }]));
      const coins = [{ ...first!, txid, vout: 0, sat }];
      const grants = [{ script: hex(3), units: 1n }];
      return buildIssue({ ...common, parents: known, coins, grants, feerate, allowFee: true }) as BuiltTransaction;
    };
    const large = made(2000, 600_000n);
    const outputs = large.outputs.slice(0, -1).reduce((sum, { sat }) => sum + sat, 0n);
    const dust = dustLimit(common.change);
    const found = made(2000, outputs + large.fee + dust + more);
    const change = found.outputs.filter((o) => o.script === common.change);
    expect(change.map(({ sat }) => sat)).toEqual(more < 0n ? [] : [dust + more]);
    expect(found.fee).toBe(more < 0n ? large.fee + dust + more : large.fee);
  });
});

describe('transfer', () => {
  const subject = subjectOfPsbt(readPsbt(issued.psbt), parents);
  parents.add(subject.tx.bytes);
  const coins = subject.tx.outputs
    .flatMap((o, vout) => (vout === 2 ? [] : [coin(issued.txid, vout, o.sat, o.script)]))
    .concat(plain[1]!);
  const transfer = (units: bigint, more: object = {}) =>
    buildTransfer({ ...common, asset, coins, grants: [{ script: hex(5), units }], ...more }) as BuiltTransaction;

  it('marker, units, units back, change', () => {
    expect(decode(transfer(70n)).outputs.map((o: any) => [o.type, o.quantity])).toEqual([
      ['marker', '0'],
      ['transfer', '70'],
      ['transfer', '30'],
      ['transfer', '0'],
    ]);
  });
  it('takes only as many coins of the asset as it needs', () => {
    expect(transfer(10n).inputs.filter(({ txid }) => txid === issued.txid).length).toBeLessThan(3);
  });
  it.each([
    // 60 and 40 units are there.
    [59n, 1, [59n, 1n]],
    [60n, 1, [60n]],
    [61n, 2, [61n, 39n]],
    [99n, 2, [99n, 1n]],
    [100n, 2, [100n]],
  ])('of %i units spends %i coins with units, and gives back what is over', (units, spent, given) => {
    const built = transfer(units);
    const carrying = built.inputs.filter(({ txid, vout }) => txid === issued.txid && vout < 2);
    const { outputs } = decode(built);
    expect([carrying.length, outputs.length]).toEqual([spent, given.length + 2]);
    expect(outputs.slice(1, -1).map((o: any) => [o.asset_hash160, o.quantity])).toEqual(
      given.map((quantity) => [asset, String(quantity)]),
    );
  });
  it('burns only if told to, and says what', () => {
    const burnt = transfer(70n, { burn: true });
    expect(burnt.destroyed).toMatchObject([{ quantity: '30' }]);
    expect(codeOf(() => transfer(101n))).toBe('not-enough-units');
    expect(codeOf(() => transfer(70n, { coins: coins.slice(0, 2) }))).toBe('not-enough-coins');
    expect(codeOf(() => transfer(70n, { feerate: 4_000_000 }))).toMatch(/fee-too-high|not-enough-coins/);
  });
  it('every split comes back from the decoder as it was meant', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt(1n, 30n), { minLength: 1, maxLength: 3 }), (list) => {
        const grants = list.map((units, i) => ({ script: hex(20 + i), units }));
        const found = decode(buildTransfer({ ...common, asset, coins, grants }) as BuiltTransaction);
        expect(found.outputs.slice(1, 1 + list.length).map((o: any) => BigInt(o.quantity))).toEqual(list);
        expect(found.destroyed).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });
  it('the guard sees what moves and what is lost', () => {
    const moved: any = fates(subjectOfPsbt(readPsbt(transfer(70n).psbt), parents).tx, { network: 'mainnet', parents });
    expect(moved.fates).toMatchObject([{ protocol: 'openassets', spent: 100n, kept: 100n, destroyed: 0n }]);
    const naive = readTxOf([{ txid: issued.txid, vout: 0 }], [{ sat: 500n, script: P2PKH }]);
    const lost: any = fates(naive.tx, { network: 'mainnet', parents });
    expect(lost.fates).toMatchObject([{ spent: 60n, destroyed: 60n, vins: [0] }]);
    expect(fates(naive.tx, { network: 'mainnet', parents: new Parents() })).toEqual({ missing: [issued.txid] });
    // Issuing the same asset anew does not make up for what is lost.
    const own = readTxOf([{ txid: 'bb'.repeat(32), vout: 0 }], [{ sat: 600n, script: script(1) }]);
    parents.add(own.bytes);
    const again = readTxOf(
      [
        { txid: own.tx.txid, vout: 0 },
        { txid: issued.txid, vout: 0 },
      ],
      [
        { sat: 600n, script: P2PKH },
        { sat: 0n, script: marker([60n]) },
      ],
    );
    expect(fates(again.tx, { network: 'mainnet', parents })).toMatchObject({
      fates: [{ spent: 60n, kept: 0n, destroyed: 60n }],
    });
  });
});

describe('dividends', () => {
  const A = '16UwLL9Risc3QfPqBUvKofHmBQ7wMtjvM';
  const B = '1BvvRfz4XnxSWJ524TusetYKrtZnAbgV3r';
  it('reads JSON and CSV, adds up one holder under two names', () => {
    const list = readSnapshot(
      `[{"address":"${A}","quantity":"3"},{"address":"akB4NBW9UuCmHuepksob6yfZs6naHtRCPNy","units":4}]`,
      'mainnet',
    );
    expect(list).toMatchObject([{ address: A, units: 7n }]);
    expect(readSnapshot(`{"${A}":"3","${B}":2}`, 'mainnet')).toMatchObject([{ units: 3n }, { units: 2n }]);
    expect(readSnapshot(`address,quantity\r\n"${A}",3\n${B},2\n\n`, 'mainnet')).toMatchObject([
      { units: 3n },
      { units: 2n },
    ]);
  });
  it.each([`${A},1.5`, `${A},-1`, `${A},1,2`, `${A}`, '[{"quantity":"1"}]', `{"${A}":null}`, `{"${A}":1.5}`])(
    'refuses %s',
    (text) => {
      expect(codeOf(() => readSnapshot(text, 'mainnet'))).toBe('malformed-snapshot');
    },
  );
  it('sums are exact under every rule', () => {
    const holder = fc.bigInt(0n, 2n ** 63n);
    fc.assert(
      fc.property(
        fc.array(holder, { minLength: 1, maxLength: 20 }),
        fc.bigInt(0n, 10n ** 9n),
        fc.bigInt(0n, 10n ** 6n),
        fc.constantFrom(...REMAINDERS),
        (list, total, min, remainder) => {
          const holders = list.map((units, i) => ({ address: '', script: hex(i + 1), units }));
          try {
            const plan = divide(holders, { total, min, exclude: [hex(1)], remainder });
            const sum = (rows: readonly { sat: bigint }[]) => rows.reduce((all, { sat }) => all + sat, 0n);
            expect(sum(plan.payouts)).toBe(plan.paid);
            expect(plan.paid + plan.kept).toBe(total);
            expect(plan.kept).toBeGreaterThanOrEqual(0n);
            expect(plan.payouts.length + plan.skipped.length).toBe(holders.length);
            expect(plan.payouts.every(({ sat, script: paid }) => sat >= min && paid !== hex(1))).toBe(true);
            if (remainder !== 'keep') expect(sum(plan.payouts) + sum(plan.skipped)).toBe(total);
          } catch (error) {
            expect((error as { code: string }).code).toBe('nobody-to-pay');
          }
        },
      ),
      { numRuns: 300 },
    );
  });
  it.each([
    // satoshis of a share, where the least that is relayed to its script is 546, and what becomes of it
    [545n, 'below-dust'],
    [546n, 'paid'],
    [547n, 'paid'],
  ])('a share of %i sat is %s', (share, expected) => {
    expect(dustLimit(hex(1))).toBe(546n);
    const holders = [share, 10_000n].map((units, i) => ({ address: `${i}`, script: hex(i + 1), units }));
    const plan = divide(holders, { total: 10_000n + share, remainder: 'keep' });
    expect(plan.payouts.map(({ sat }) => sat)).toEqual(expected === 'paid' ? [share, 10_000n] : [10_000n]);
    expect(plan.skipped.map(({ reason }) => reason)).toEqual(expected === 'paid' ? [] : [expected]);
  });
  it('says who is left out and why', () => {
    const holders = [1n, 1_000_000n, 5n, 0n].map((units, i) => ({ address: `${i}`, script: hex(i + 1), units }));
    const plan = divide(holders, { total: 1_000_000n, exclude: [hex(3)], remainder: 'keep' });
    expect(plan.skipped.map(({ address, reason }) => [address, reason])).toEqual([
      ['2', 'excluded'],
      ['3', 'nothing'],
      ['0', 'nothing'],
    ]);
    expect(codeOf(() => divide(holders.slice(2), { total: 5n, exclude: [hex(3)], remainder: 'keep' }))).toBe(
      'nobody-to-pay',
    );
  });
});
