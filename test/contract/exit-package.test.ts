/** Packages of every family: what stands in them, that each rule is kept, and that no bent one is taken for another. */
import { describe, expect, it } from 'vitest';
import { Script } from '@scure/btc-signer/script.js';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { checkSignatures } from '../../src/lib/bitcoin/signed.ts';
import { parseTransaction } from '../../src/lib/bitcoin/transaction.ts';
import { readPsbt } from '../../src/lib/bitcoin/psbt.ts';
import { exitPackage, readExitPackage, type ReadPackage } from '../../src/lib/contract/exit-package.ts';
import { canonicalJson } from '../../src/lib/protocol/json.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import {
  asRead,
  everyExit,
  KEY,
  only,
  outputOf,
  plain,
  PLAIN,
  plainPsbt,
  twoSteps,
  withoutSignatures,
} from '../support/exits.ts';
import { drawing } from '../support/random.ts';

const all = await everyExit(31);
const named = (name: string) => all.find((one) => one.name === name)!;
const AT = { tip: 1000 };
/** Code of a refusal; undefined where there is none. */
function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}
const read = (document: any): ReadPackage => readExitPackage(asRead(document));

describe('a package', () => {
  it.each(all)('of $name reads back, with what its transactions say', ({ package: made, family, exit }) => {
    const found = read(made);
    expect(found).toMatchObject({ family, contract: exit.contract, network: 'regtest', quote: made.quote });
    expect(found.steps.map(({ hex, spends, by, why }) => ({ hex, spends, by, why }))).toEqual(
      exit.steps.map(({ hex, spends, by, why }) => ({
        hex,
        spends: spends.map(({ txid, vout, sat, script }) => ({ txid, vout, sat, script })),
        by,
        why,
      })),
    );
    const fees = found.steps.map(({ feeSat, child }) => feeSat + (child?.feeSat ?? 0n));
    expect(made.quote.fee_sat).toBe(fees.reduce((sum, fee) => sum + fee, 0n));
  });

  it('is what others can read: an exit, a backup with its child, a refund, and two steps', async () => {
    const shown = ['credit exit', 'statechain second owner', 'htlc standard p2tr height', 'two steps'].map((name) => {
      const { steps, ...rest } = asRead(named(name).package);
      return { ...rest, steps: steps.map(withoutSignatures) };
    });
    await expect(`${JSON.stringify(shown, null, 2)}\n`).toMatchFileSnapshot('exit-package.txt');
  });

  it('is never written where nobody would relay it: a backup without its child', () => {
    const { exit } = named('statechain first owner');
    expect(codeOf(() => exitPackage('statechain', exit, [null], AT))).toBe('fee-too-low');
  });
});

describe('a reader refuses', () => {
  const two = twoSteps();
  const bent = (change: (document: any) => void, made = two.package): string | undefined => {
    const document = asRead(made);
    change(document);
    return codeOf(() => readExitPackage(document));
  };
  const [first, second] = two.exit.steps.map(({ hex }) => hex) as [string, string];

  it.each<[string, (document: any) => void]>([
    ['steps in another order', (d) => d.steps.reverse()],
    ['one step twice', (d) => d.steps.push(d.steps[1])],
    ['coins in another order or of other inputs', (d) => (d.steps[0].spends_from[0].vout += 1)],
    ['a coin too many', (d) => d.steps[0].spends_from.push(d.steps[0].spends_from[0])],
    ['an amount that the step before does not make', (d) => (d.steps[1].spends_from[0].amount_sat += 1)],
    ['a script that the step before does not make', (d) => (d.steps[1].spends_from[0].script = '51024e73')],
    ['more paid than there is', (d) => (d.steps[0].spends_from[0].amount_sat = 98_999)],
    ['another txid', (d) => (d.steps[0].txid = 'ab'.repeat(32))],
    ['another size', (d) => (d.steps[0].vsize -= 1)],
    ['a wait that is not there', (d) => (d.steps[0].after = { txid: PLAIN.txid, blocks: 3 })],
    ['a wait left out', (d) => (d.steps[1].after = null)],
    ['a wait for another time', (d) => (d.steps[1].after.blocks = 2)],
    ['a height that is not there', (d) => (d.steps[0].valid_from = { height: 900 })],
    ['other fees in the quote', (d) => (d.quote.fee_sat += 1)],
    ['other sizes in the quote', (d) => (d.quote.vbytes += 1)],
    ['another feerate in the quote', (d) => (d.quote.feerate = '9')],
    ['fewer blocks than its waits take', (d) => (d.quote.blocks = 3)],
  ])('%s', (_, change) => {
    expect(bent(change)).toBe('transaction-differs');
  });
  it('a deadline that no block can keep', () => {
    const refund = named('credit refund').package;
    expect(bent((d) => (d.steps[0].by = 5_320), refund)).toBe('transaction-differs');
    expect(bent((d) => (d.steps[0].by = 5_321), refund)).toBeUndefined();
  });
  it('a child stated at an anchor that its step does not have, or at none', () => {
    const backup = named('statechain first owner').package;
    expect(bent((d) => (d.steps[0].child.anchor = 1), backup)).toBe('transaction-differs');
    expect(bent((d) => (d.steps[0].child.anchor = null), backup)).toBe('transaction-differs');
  });
  it('an amount that its signature does not cover', () => {
    const change = (d: any): void => {
      d.steps[0].spends_from[0].amount_sat += 1;
      d.quote.fee_sat += 1;
      d.quote.feerate = '9.013';
    };
    expect(bent(change)).toBe('signature-invalid');
  });
  it.each<[string, (document: any) => void]>([
    ['a field that it does not know', (d) => (d.steps[0].note = '')],
    ['a field less', (d) => delete d.steps[0].by],
    ['no steps', (d) => (d.steps = [])],
    ['a network that there is not', (d) => (d.network = 'liquid')],
    ['bytes in capitals', (d) => (d.steps[0].hex = d.steps[0].hex.toUpperCase())],
  ])('%s', (_, change) => {
    expect(bent(change)).toBe('malformed-message');
  });
  it('another version, a coin that is spent twice, and inputs that are not signed', () => {
    expect(bent((d) => (d.version = 2))).toBe('malformed-message');
    const twice = { ...two.exit, steps: [two.exit.steps[0]!, { ...two.exit.steps[0]!, hex: plain([PLAIN], 98_000n) }] };
    expect(codeOf(() => exitPackage('channel', twice, [], AT))).toBe('transaction-differs');
    const unsigned = readPsbt(plainPsbt([PLAIN], 99_000n));
    const bare = Buffer.from(unsigned.unsignedTx).toString('hex');
    expect(codeOf(() => exitPackage('channel', only(bare, [PLAIN]), [], AT))).toBe('not-signed');
    expect(codeOf(() => exitPackage('channel', only(`${first.slice(0, -2)}01`, [PLAIN]), [], AT))).toBe(
      'signature-invalid',
    );
  });
  it('two inputs that wait', () => {
    const coins = [PLAIN, { ...PLAIN, vout: 2 }];
    expect(codeOf(() => exitPackage('channel', only(plain(coins, 99_000n, { sequence: 3 }), coins), [], AT))).toBe(
      'transaction-differs',
    );
  });

  it('a child of something else, one of another version, one too large, one that overspends', () => {
    const parent = plain([PLAIN], 99_000n, { version: 3 });
    const exit = only(parent, [PLAIN]);
    const made = outputOf(parent);
    const child = (psbt: string) => codeOf(() => exitPackage('channel', exit, [psbt], AT));
    expect(child(plainPsbt([made], 98_000n, { version: 3 }))).toBeUndefined();
    expect(child(plainPsbt([made], 98_000n))).toBe('truc-limit');
    expect(child(plainPsbt([{ ...made, txid: 'ab'.repeat(32) }], 98_000n, { version: 3 }))).toBe('transaction-differs');
    expect(child(plainPsbt([{ ...made, sat: 99_001n }], 98_000n, { version: 3 }))).toBe('transaction-differs');
    expect(child(plainPsbt([made, PLAIN], 98_000n, { version: 3 }))).toBe('transaction-differs');
    expect(child(plainPsbt([made], 99_001n, { version: 3 }))).toBe('transaction-differs');
    const many = Array.from({ length: 17 }, (_, vout) => ({ ...PLAIN, vout: vout + 10 }));
    expect(child(plainPsbt([made, ...many], 98_000n, { version: 3 }))).toBe('truc-limit');
    const of2 = only(second, [outputOf(first)]);
    expect(
      codeOf(() => exitPackage('channel', of2, [plainPsbt([outputOf(second)], 97_000n, { version: 3 })], AT)),
    ).toBe('truc-limit');
  });
  it('a child that is not signed, and one that leaves an anchor of no value behind', () => {
    const { exit, package: made } = named('statechain first owner');
    const psbt = readPsbt(made.steps[0]!.child!.psbt);
    psbt.updateInput(1, { finalScriptWitness: undefined } as never, true);
    const unsigned = Buffer.from(psbt.toPSBT(0)).toString('base64');
    expect(codeOf(() => exitPackage('statechain', exit, [unsigned], AT))).toBe('not-signed');
    const dusty = { sat: 0n, script: '51024e73' };
    const parent = plain([PLAIN], 0n, { version: 3, outputs: [dusty, { sat: 100_000n, script: KEY.script }] });
    const left = plainPsbt([outputOf(parent, 1)], 99_000n, { version: 3 });
    expect(codeOf(() => exitPackage('channel', only(parent, [PLAIN]), [left], AT))).toBe('transaction-differs');
    const both = plainPsbt([outputOf(parent, 0), outputOf(parent, 1)], 99_000n, { version: 3 });
    expect(codeOf(() => exitPackage('channel', only(parent, [PLAIN]), [both], AT))).toBeUndefined();
  });
});

describe('signatures', () => {
  /** The largest part of an input: a signature. */
  const signatureIn = (hex: string): string => {
    const { inputs, witnesses } = parseTransaction(hex);
    const pushed = Script.decode(inputs[0]!.finalScriptSig!).filter((part) => part instanceof Uint8Array);
    const stack = witnesses?.[0] && witnesses[0].length > 0 ? [...witnesses[0]] : pushed;
    return bytesToHex(stack.find(({ length }) => length >= 64 && length <= 73)!);
  };
  it.each(all.flatMap(({ name, exit }) => exit.steps.map((step) => [name, step] as const)))(
    'of %s count',
    (_, step) => {
      const { hex, spends } = step;
      expect(codeOf(() => checkSignatures(hex, spends))).toBeUndefined();
      const signature = signatureIn(hex);
      const at = hex.indexOf(signature) + 40;
      const bent = hex.slice(0, at) + (hex[at] === '0' ? '1' : '0') + hex.slice(at + 1);
      expect(codeOf(() => checkSignatures(bent, spends))).toBe('signature-invalid');
      const [first] = spends;
      expect(codeOf(() => checkSignatures(hex, [{ ...first!, script: `0014${'00'.repeat(20)}` }]))).toBe(
        'signature-invalid',
      );
    },
  );
});

describe('mutations', () => {
  const RUNS = Number(process.env['SPILLWAY_MUTATIONS'] ?? 5_000);
  /** Facts of a package; the other fields are its maker's word. */
  const meaning = ({ network, steps, quote: { blocks: _, worth_from_sat: __, ...sums } }: ReadPackage): string =>
    canonicalJson({
      network,
      sums,
      steps: steps.map(({ hex: ___, by: ____, why: _____, child, ...rest }) => ({
        ...rest,
        child: child && { ...child, hex: '', psbt: '' },
      })),
    });
  const draws = drawing(2463534242);
  const VALUES = [null, true, -1, 0, 1, 2 ** 53, 1.5, '', '00', 'zz', 'a'.repeat(64), [], [1], {}, { height: 1 }];
  function bend(value: any, other: any): any {
    if (typeof value !== 'object' || value === null || draws(8) === 0) return leaf(value, other);
    const names = Object.keys(value);
    if (names.length === 0) return leaf(value, other);
    const name = names[draws(names.length)]!;
    if (draws(20) === 0)
      return Array.isArray(value)
        ? value.toSpliced(Number(name), 1)
        : Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));
    const changed = bend(value[name], other?.[name]);
    return Array.isArray(value)
      ? value.map((one, i) => (String(i) === name ? changed : one))
      : { ...value, [name]: changed };
  }
  function leaf(value: any, other: any): any {
    const kind = draws(4);
    if (kind === 0) return VALUES[draws(VALUES.length)];
    if (kind === 1 && other !== undefined) return other;
    if (typeof value === 'number') return value + draws(5) - 2;
    if (typeof value !== 'string' || value === '') return VALUES[draws(VALUES.length)];
    const at = draws(value.length);
    const digits = '0123456789abcdef';
    return kind === 2
      ? value.slice(0, at) + value.slice(at + 2)
      : value.slice(0, at) + digits[draws(16)] + value.slice(at + 1);
  }
  it(`${RUNS} bent packages: each is refused by name, or says the same`, () => {
    const texts = all.map(({ package: made }) => asRead(made));
    const known = texts.map((document) => meaning(readExitPackage(document)));
    const outcomes = new Map<string, number>();
    for (let i = 0; i < RUNS; i++) {
      const at = draws(texts.length);
      const document = bend(texts[at], texts[draws(texts.length)]);
      let code = 'read';
      try {
        const found = meaning(readExitPackage(document));
        if (found !== known[at] && !known.includes(found))
          throw new Error(`run ${i} means something else: ${JSON.stringify(document)}`);
      } catch (error) {
        if (!(error instanceof Refusal) || error.code === 'bug') throw error;
        ({ code } = error);
      }
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
    }
    expect([...outcomes.keys()]).toEqual(
      expect.arrayContaining(['read', 'malformed-message', 'transaction-differs', 'signature-invalid']),
    );
  });
});
