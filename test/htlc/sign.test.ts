/** PSBTs of claims and refunds: handed to other signers and back, and every way in which they come back wrong. */
import { Transaction } from '@scure/btc-signer/transaction.js';
import { afterAll, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { KEEP_ALL, toTransaction, txidOf, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { readPsbt, writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import { dustLimit } from '../../src/lib/bitcoin/script.ts';
import { finishedHex } from '../../src/lib/htlc/finalize.ts';
import { isRelative, lockNumber, type Lock } from '../../src/lib/htlc/lock.ts';
import { PATHS, type PathName } from '../../src/lib/htlc/scripts.ts';
import {
  carrier,
  checkSignature,
  finishSpend,
  merged,
  missing,
  ownerOf,
  signatureBy,
} from '../../src/lib/htlc/sign.ts';
import { spend } from '../../src/lib/htlc/spend.ts';
import { build, hashOf } from '../../src/lib/htlc/terms.ts';
import { N, toBytes } from '../../src/lib/signing/curve.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import {
  altered,
  COIN,
  finished,
  FORMS,
  formName,
  htlcOf,
  known,
  LOCKS,
  PREIMAGE,
  PUBKEYS,
  secret,
  SECRETS,
  spendOf,
  TO,
} from '../support/htlc.ts';
import { judge } from '../support/kernel.ts';
import { bytes32, secretKey } from '../support/random.ts';
import { codeOf, refusal } from '../support/refusal.ts';

const P2WSH = { variant: 'standard', type: 'p2wsh', lock: LOCKS[0]! } as const;
const kernel = await judge();
afterAll(() => kernel?.close());

/** A spend, and the transaction that made its coin, which signers of plain P2SH want to see. */
function fundedSpend(htlc: ReturnType<typeof htlcOf>, path: PathName) {
  const inputs = [{ ...COIN, script: `5120${'11'.repeat(32)}`, sequence: 0xfffffffd }];
  const outputs = [
    { sat: 1n, script: TO },
    { sat: COIN.sat, script: build(htlc).output },
  ];
  const template = { version: 2 as const, locktime: 0, inputs, outputs };
  const made = spendOf(htlc, path, { ...COIN, txid: txidOf(template) });
  return { made, previous: toTransaction(template).unsignedTx };
}

describe.each(FORMS.map((f) => [formName(f), f] as const))('%s', (_, form) => {
  const htlc = htlcOf(form);
  it.each(PATHS)('the %s is handed to each signer and comes back', (path) => {
    const { made, previous } = fundedSpend(htlc, path);
    const nothing = { signatures: {} };
    expect(missing(made, nothing)).toHaveLength(made.signers.length + (path === 'claim' ? 1 : 0));
    // Each signer sees the PSBT alone, @scure's own signer among them.
    const parts = made.signers.map((who) => {
      const tx = Transaction.fromPSBT(
        readPsbt(carrier(made, { ...nothing, preimage: PREIMAGE }, previous)).toPSBT(),
        KEEP_ALL,
      );
      tx.signIdx(SECRETS[who], 0);
      return writePsbt(tx);
    });
    const back = merged(made, parts);
    expect(missing(made, back)).toHaveLength(path === 'claim' && parts.length === 0 ? 1 : 0);
    const whole = { ...back, preimage: path === 'claim' ? PREIMAGE : undefined };
    const { hex, psbt, txid } = finishSpend(made, whole, previous);
    expect(readPsbt(psbt).getInput(0).finalScriptWitness ?? readPsbt(psbt).getInput(0).finalScriptSig).toBeDefined();
    expect(bytesToHex(readPsbt(psbt).extract())).toBe(hex);
    expect(Transaction.fromRaw(hexToBytes(hex), KEEP_ALL).id).toBe(txid);
    if (form.type !== 'p2sh') expect(merged(made, [psbt]).signatures).toEqual(back.signatures);
  });
  it('a PSBT carries the preimage in its own field, for the claim alone', () => {
    const field = (path: PathName) =>
      readPsbt(carrier(spendOf(htlc, path), { signatures: {}, preimage: PREIMAGE })).getInput(0).hash160;
    expect(field('claim')).toEqual([[hexToBytes(hashOf(PREIMAGE).hash160), PREIMAGE]]);
    expect(field('refund')).toBeUndefined();
  });
});

describe('what is spent', () => {
  // The fee of a refund, in satoshis, at 2 sat/vB.
  const { feeSat } = spendOf(htlcOf(P2WSH), 'refund');
  const dust = dustLimit(TO);
  it.each<[string, bigint, bigint | string]>([
    ['the fee less 1', feeSat - 1n, 'fee-too-high'],
    ['the fee', feeSat, 'fee-too-high'],
    ['the fee and 1', feeSat + 1n, 'below-dust'],
    ['the fee, and 1 less than dust', feeSat + dust - 1n, 'below-dust'],
    ['the fee and dust', feeSat + dust, dust],
    ['the fee, and 1 more than dust', feeSat + dust + 1n, dust + 1n],
  ])('%s', (_, sat, expected) => {
    const work = () =>
      spend(htlcOf(P2WSH), 'refund', { coin: { ...COIN, sat }, to: TO, feerate: 2000, allowFee: true });
    if (typeof expected === 'string') expect(codeOf(work)).toBe(expected);
    else expect(work().template.outputs).toEqual([{ sat: expected, script: TO }]);
  });
});

describe('what comes back wrong', () => {
  const relative = spendOf(htlcOf({ ...P2WSH, lock: LOCKS[2]! }), 'refund');
  const refund = spendOf(htlcOf(P2WSH), 'refund');
  const claim = spendOf(htlcOf(P2WSH), 'claim');
  const leaf = spendOf(htlcOf({ ...P2WSH, type: 'p2tr' }), 'claim');
  const psbt = (template: Template, more: object = {}): string => {
    const tx = toTransaction(template);
    tx.updateInput(0, more, true);
    return writePsbt(tx);
  };
  const sequence = (made: typeof refund, n: number): Template => ({
    ...made.template,
    inputs: [{ ...made.template.inputs[0]!, sequence: n }],
  });
  const partial = (who: PathName, signature: Uint8Array) => ({
    partialSig: [[hexToBytes(PUBKEYS[who]), signature]],
  });
  const other = altered(refund, { outputs: [{ sat: 1000n, script: TO }] });

  it.each<[string, () => unknown, string]>([
    ['a final sequence', () => merged(refund, [psbt(sequence(refund, 0xffffffff))]), 'final-sequence'],
    [
      'a final sequence of a relative lock',
      () => merged(relative, [psbt(sequence(relative, 0xffffffff))]),
      'final-sequence',
    ],
    [
      'version 1 with a relative lock',
      () => merged(relative, [psbt({ ...relative.template, version: 1 as 2 })]),
      'csv-version',
    ],
    [
      'a time for a height',
      () => merged(refund, [psbt({ ...refund.template, locktime: 1_700_000_000 })]),
      'locktime-kind',
    ],
    // From 500,000,000 on nLockTime is a time.
    [
      'the largest height',
      () => merged(refund, [psbt({ ...refund.template, locktime: 499_999_999 })]),
      'transaction-differs',
    ],
    ['the least time', () => merged(refund, [psbt({ ...refund.template, locktime: 500_000_000 })]), 'locktime-kind'],
    ['another height', () => merged(refund, [psbt({ ...refund.template, locktime: 901 })]), 'transaction-differs'],
    [
      'another coin',
      () => merged(refund, [psbt(sequence(spendOf(refund.htlc, 'refund', { ...COIN, vout: 0 }), 1))]),
      'transaction-differs',
    ],
    ['another output', () => merged(refund, [psbt(other.template)]), 'transaction-differs'],
    ['not a PSBT', () => merged(refund, ['cHNidP8']), 'malformed-psbt'],
    [
      'a sighash type in the PSBT',
      () => merged(refund, [psbt(refund.template, { sighashType: 2 })]),
      'sighash-refused',
    ],
    [
      'a signature with another sighash type',
      () =>
        merged(refund, [psbt(refund.template, partial('refund', signatureBy(refund, SECRETS.refund).with(-1, 0x81)))]),
      'sighash-refused',
    ],
    [
      'a signature of another transaction',
      () => merged(refund, [psbt(refund.template, partial('refund', signatureBy(other, SECRETS.refund)))]),
      'signature-invalid',
    ],
    [
      'a signature of another key',
      () => merged(refund, [psbt(refund.template, partial('refund', signatureBy(refund, secret(9))))]),
      'signature-invalid',
    ],
    ['a signature that is none', () => checkSignature(refund, 'refund', Uint8Array.of(1)), 'signature-invalid'],
    ['an empty signature', () => checkSignature(refund, 'refund', new Uint8Array()), 'sighash-refused'],
    ['a leaf signature of 65 bytes', () => checkSignature(leaf, 'claim', new Uint8Array(65)), 'sighash-refused'],
    [
      'a leaf signature of another key',
      () => checkSignature(leaf, 'claim', signatureBy(leaf, secret(9))),
      'signature-invalid',
    ],
    [
      'another preimage in the field',
      () => merged(claim, [psbt(claim.template, { hash160: [[hexToBytes(hashOf(PREIMAGE).hash160), secret(8)]] })]),
      'wrong-preimage',
    ],
    ['another preimage', () => finishSpend(claim, { ...known(claim), preimage: secret(8) }), 'wrong-preimage'],
    [
      'a preimage of 33 bytes',
      () => finishSpend(claim, { ...known(claim), preimage: new Uint8Array(33) }),
      'preimage-size',
    ],
    [
      'a signature of another transaction, to be finished',
      () => finishSpend(refund, { signatures: { refund: signatureBy(other, SECRETS.refund) } }),
      'signature-invalid',
    ],
    ['the key of the other path', () => ownerOf(claim, SECRETS.refund), 'wrong-key'],
    ['a key that is nobody’s', () => ownerOf(claim, secret(9)), 'wrong-key'],
    [
      "a key for the book's claim",
      () => ownerOf(spendOf(htlcOf({ ...P2WSH, variant: 'book' }), 'claim'), SECRETS.claim),
      'wrong-key',
    ],
  ])('%s', (_, work, code) => expect(codeOf(work)).toBe(code));

  it('a key whose point has the other sign signs a leaf all the same', () => {
    const flipped = `03${PUBKEYS.claim.slice(2)}`;
    const made = spendOf(
      htlcOf(
        { ...P2WSH, type: 'p2tr' },
        { claim: { pubkey: PUBKEYS.claim === flipped ? `02${flipped.slice(2)}` : flipped, auth: null } },
      ),
      'claim',
    );
    expect(ownerOf(made, SECRETS.claim)).toBe('claim');
    expect(finished(made).hex).toHaveLength(finished(leaf).hex.length);
  });
});

describe('amounts', () => {
  const htlc = htlcOf(P2WSH);
  const of =
    (sat: bigint, feerate: number, allowFee = false) =>
    () =>
      spend(htlc, 'claim', { coin: { ...COIN, sat }, to: TO, feerate, allowFee });
  it.each<[string, () => unknown, string]>([
    ['a fee as large as the coin', of(300n, 3000, true), 'fee-too-high'],
    ['a fee above a tenth', of(2_000n, 2000), 'fee-too-high'],
    ['an output below dust', of(700n, 3000, true), 'below-dust'],
  ])('%s', (_, work, code) => expect(codeOf(work)).toBe(code));
  it('the fee is what the rate says', () => {
    const made = of(100_000n, 1000)();
    expect(made.feeSat + made.template.outputs[0]!.sat).toBe(100_000n);
    expect(made.feeSat).toBeLessThan(200n);
  });
});

/** One who may be anybody: with or without preimage, with one of three keys, at any time. */
describe.skipIf(!kernel)('for any terms, exactly the intended party spends at exactly the intended time', () => {
  const lock = fc.oneof(
    fc.integer({ min: 2, max: 499_999_998 }).map((value): Lock => ({ kind: 'height', value })),
    fc.integer({ min: 500_000_001, max: 0xfffffffe }).map((value): Lock => ({ kind: 'time', value })),
    fc.integer({ min: 2, max: 65_534 }).map((value): Lock => ({ kind: 'blocks', value })),
    fc.integer({ min: 2, max: 65_534 }).map((n): Lock => ({ kind: 'seconds', value: n * 512 })),
  );
  const type = fc.constantFrom('p2tr', 'p2wsh', 'p2sh-p2wsh', 'p2sh' as const);
  // In taproot a key and its negation are one.
  const keys = fc.uniqueArray(secretKey, {
    minLength: 3,
    maxLength: 3,
    selector: (k) => bytesToHex(publicKey(k)).slice(2),
  });

  it('standard', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ lock, type, keys, preimage: bytes32, wrong: bytes32, cooperative: fc.boolean() }),
        async ({ lock: at, type: as, keys: [claim, refund, stranger], preimage, wrong, cooperative }) => {
          const party = (key: Uint8Array) => ({ pubkey: bytesToHex(publicKey(key)), auth: null });
          const htlc = htlcOf(
            { variant: 'standard', type: as, lock: at, cooperative: cooperative && as === 'p2tr' },
            { hash: hashOf(preimage), claim: party(claim!), refund: party(refund!) },
          );
          const n = lockNumber(at);
          for (const path of PATHS)
            for (const who of [claim!, refund!, stranger!])
              for (const shown of path === 'claim' ? [preimage, wrong] : [preimage])
                for (const when of path === 'refund' ? [n - 1, n, n + 1] : [0]) {
                  const made = spendOf(htlc, path);
                  const [input] = made.template.inputs;
                  const timed = altered(
                    made,
                    path === 'claim'
                      ? {}
                      : isRelative(at)
                        ? { inputs: [{ ...input!, sequence: when }] }
                        : { locktime: when },
                  );
                  const hex = finishedHex(timed, { [path]: signatureBy(timed, who) }, shown);
                  const intended =
                    path === 'claim'
                      ? who === claim && bytesToHex(shown) === bytesToHex(preimage)
                      : who === refund && when >= n;
                  const valid = await kernel!.scripts(hex, [{ sat: input!.sat, script: input!.script }]);
                  expect([path, when - n, valid]).toEqual([path, when - n, intended]);
                }
        },
      ),
      { numRuns: 25 },
    );
  });
});

it.each([
  ['zero', 0n],
  ['the order of the curve', N],
])('the number %s signs for nobody', (_, n) => {
  const work = () => ownerOf(spendOf(htlcOf(P2WSH), 'claim'), toBytes(n));
  expect(refusal(work)).toMatchObject({ code: 'wrong-key', message: expect.stringContaining('no secret key') });
});
