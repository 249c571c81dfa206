/** Every form that this program writes, and real transactions of others, are known again; everything else is not. */
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { sha256 as sha256Of } from '@scure/btc-signer/utils.js';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { identifyScript, identifyTransaction, identifyWitness } from '../../src/lib/htlc/identify.ts';
import { PATHS } from '../../src/lib/htlc/scripts.ts';
import { secretIn, shownBy } from '../../src/lib/htlc/secret.ts';
import { build, hashOf } from '../../src/lib/htlc/terms.ts';
import { parseTransaction, withWitness } from '../../src/lib/bitcoin/transaction.ts';
import { finished, FORMS, formName, htlcOf, PREIMAGE, PUBKEYS, spendOf } from '../support/htlc.ts';
import { codeOf, refusal } from '../support/refusal.ts';
import { fixture } from '../support/vectors.ts';

const bolt3 = fixture('htlc/bolt3.json');
const { sha256, hash160 } = hashOf(PREIMAGE);

describe.each(FORMS.map((f) => [formName(f), f] as const))('%s', (_, form) => {
  const htlc = htlcOf(form);
  const claim = finished(spendOf(htlc, 'claim')).hex;
  const refund = finished(spendOf(htlc, 'refund')).hex;

  it('its script is known, with every constraint', () => {
    const built = build(htlc);
    const scripts = built.type === 'p2tr' ? PATHS.map((path) => built.leaves[path]) : [built.script];
    const found = scripts.map((script) => identifyScript(script));
    const all = Object.assign(
      {},
      ...found.map((f) => Object.fromEntries(Object.entries(f).filter(([, v]) => v !== null))),
    );
    // The standard leaves are also those of boltz-core's reverse swaps.
    expect([found[0]!.variant, ...(found[0]!.same_as ?? [])]).toContain(form.variant);
    const key = (k: string) => (form.type === 'p2tr' ? k.slice(2) : k);
    expect(all.hash160).toBe(hash160);
    if (form.variant !== 'book') expect(all.claim_pubkey).toBe(key(PUBKEYS.claim));
    if (form.variant !== 'loop' || form.type === 'p2tr') expect(all.refund_pubkey).toBe(key(PUBKEYS.refund));
    if (form.variant !== 'bolt3-offered') expect(all.locktime).toEqual(form.lock);
    expect(found[0]!.preimage_size).toBe(['book', 'boltz-submarine'].includes(form.variant) ? 'any' : 32);
    expect(Object.keys(found[0]!.ways)).toContain('claim');
    expect(found[0]!.ways.claim!.by).toBe(
      form.variant === 'book'
        ? 'anyone'
        : form.variant === 'bolt3-received'
          ? `${PUBKEYS.claim} and ${PUBKEYS.refund}`
          : key(PUBKEYS.claim),
    );
  });

  it('its claim and its refund are told apart', () => {
    const [claimed] = identifyTransaction(claim);
    const [refunded] = identifyTransaction(refund);
    expect(claimed).toMatchObject({ input: 0, path: 'claim', preimage: bytesToHex(PREIMAGE), script_type: form.type });
    expect(refunded).toMatchObject({ input: 0, path: 'refund', script_type: form.type });
    expect(refunded!.preimage).toBeUndefined();
    if (form.type === 'p2tr') expect(claimed!.key_path).toBe(form.cooperative ? 'possible' : 'nobody');
  });

  it('its claim reveals the preimage, by either hash; its refund does not', () => {
    const found = { preimage: bytesToHex(PREIMAGE), path: 'claim', input: 0 };
    expect(secretIn(shownBy(claim), sha256!)).toEqual({ ...found, hash: sha256 });
    expect(secretIn(shownBy(claim), hash160)).toEqual({ ...found, hash: hash160 });
    expect(codeOf(() => secretIn(shownBy(refund), hash160))).toBe('no-preimage');
    expect(codeOf(() => secretIn(shownBy(claim), 'ab'.repeat(20)))).toBe('no-preimage');
  });
});

describe("BOLT3's second-stage transactions", () => {
  it.each<any>(bolt3.transactions.list)('$kind $htlc', ({ kind, htlc, tx }) => {
    const [found] = identifyTransaction(tx);
    const success = kind === 'htlc-success';
    expect(found).toMatchObject({
      variant: success ? 'bolt3-received' : 'bolt3-offered',
      path: success ? 'claim' : 'refund',
      anchors: false,
    });
    const { preimage } = bolt3.htlcs.find((h: any) => h.htlc === htlc);
    const { sha256: payment } = hashOf(hexToBytes(preimage));
    if (success) expect(secretIn(shownBy(tx), payment!).preimage).toBe(preimage);
    else expect(codeOf(() => secretIn(shownBy(tx), payment!))).toBe('no-preimage');
  });
  it('a penalty is known by the revocation key', () => {
    const { script, variant } = bolt3.htlcs[0];
    const stack = [new Uint8Array(71).fill(0x30), hexToBytes(bolt3.revocation_pubkey), hexToBytes(script)];
    expect(identifyWitness(stack)).toMatchObject({ variant, path: 'penalty' });
  });
});

describe('a claim of a P2SH output that somebody has changed on its way', () => {
  // The selector of the claim may be any true value there, and whoever relays the claim can put in another.
  const form = FORMS.find(({ variant, type }) => variant === 'standard' && type === 'p2sh')!;
  const claim = finished(spendOf(htlcOf(form), 'claim')).hex;
  const selector = `20${bytesToHex(PREIMAGE)}51`;
  it.each([
    ['OP_1NEGATE', '4f'],
    ['OP_16', '60'],
    ['a push of 01', '0101'],
    ['a NOP before it', '6151'],
    ['an opcode that is none', 'ba51'],
  ])('%s in place of OP_1 hides no preimage', (_, other) => {
    expect(claim).toContain(selector);
    const length = (hex: string) => (hex.length / 2).toString(16).padStart(2, '0');
    const { finalScriptSig } = parseTransaction(claim).inputs[0]!;
    const scriptSig = bytesToHex(finalScriptSig!);
    const changed = scriptSig.replace(selector, `20${bytesToHex(PREIMAGE)}${other}`);
    const hex = claim.replace(`${length(scriptSig)}${scriptSig}`, `${length(changed)}${changed}`);
    expect(secretIn(shownBy(hex), sha256!).preimage).toBe(bytesToHex(PREIMAGE));
    if (other.length === 2) expect(identifyTransaction(hex)[0]).toMatchObject({ path: 'claim' });
  });
});

describe('what is none', () => {
  const plain = {
    version: 2,
    locktime: 0,
    inputs: [{ txid: 'ab'.repeat(32), vout: 0, sequence: 0 }],
    outputs: [{ sat: 1_000n, script: `5120${'ab'.repeat(32)}` }],
  } as const;
  it.each<[string, () => unknown, words?: string]>([
    ['an empty script', () => identifyScript(new Uint8Array())],
    ['a multisig', () => identifyScript(hexToBytes('5121' + PUBKEYS.claim + '51ae'))],
    ['an empty witness', () => identifyWitness([]), 'an empty witness'],
    ['a single element that begins as an annex does', () => identifyWitness([Uint8Array.of(0x50, 1)]), 'a script'],
    ['a key-path spend', () => identifyWitness([new Uint8Array(64)])],
    [
      'a control block alone',
      () => identifyWitness([Uint8Array.of(0xc0, ...new Uint8Array(32))]),
      'a control block without a script',
    ],
    [
      'a transaction of other spends',
      () => identifyTransaction(withWitness(plain, [[new Uint8Array(64)]])),
      'a transaction with 1 inputs',
    ],
  ])('%s is unknown', (_, work, words = '') => {
    const error = refusal(work);
    expect(error.code).toBe('unknown-witness');
    expect(error.message).toContain(words);
  });

  it('no bytes crash the reader, and what it knows it could have written', () => {
    const form = FORMS[0]!;
    const built = build(htlcOf({ ...form, variant: 'standard', type: 'p2wsh' }));
    const script = built.type === 'p2tr' ? new Uint8Array() : built.script;
    fc.assert(
      fc.property(fc.nat(script.length - 1), fc.nat(255), fc.uint8Array({ maxLength: 40 }), (at, byte, tail) => {
        const other = Uint8Array.from(script);
        other[at] = byte;
        for (const bytes of [other, Uint8Array.of(...other.subarray(0, at), ...tail), tail])
          try {
            expect(identifyScript(bytes).script).toBe(bytesToHex(bytes));
          } catch (error) {
            expect((error as { code?: string }).code).toBe('unknown-witness');
          }
      }),
    );
  });

  it('no transaction crashes it either', () => {
    const claim = hexToBytes(finished(spendOf(htlcOf(FORMS[0]!), 'claim')).hex);
    fc.assert(
      fc.property(fc.nat(claim.length - 1), fc.nat(255), (at, byte) => {
        const other = Uint8Array.from(claim);
        other[at] = byte;
        for (const read of [identifyTransaction, (hex: string) => secretIn(shownBy(hex), hash160)])
          try {
            read(bytesToHex(other));
          } catch (error) {
            expect((error as { code?: string }).code).toMatch(/^(unknown-witness|malformed-transaction|no-preimage)$/);
          }
      }),
    );
    expect(parseTransaction(bytesToHex(claim)).inputs).toHaveLength(1);
  });

  it.each([519, 520, 521])('an element of %i bytes opens its hash where it has at most 520', (bytes) => {
    const element = new Uint8Array(bytes).fill(3);
    for (const hash of [bytesToHex(sha256Of(element)), hashOf(element).hash160]) {
      const work = () => secretIn([[], [new Uint8Array(4), element]], hash);
      if (bytes <= 520) expect(work()).toMatchObject({ preimage: bytesToHex(element), input: 1 });
      else expect(codeOf(work)).toBe('no-preimage');
    }
  });

  it('a big witness is searched in time that grows with its size alone', () => {
    const shown = [Array.from({ length: 20_000 }, (_, i) => new Uint8Array(80).fill(i & 255))];
    expect(codeOf(() => secretIn(shown, hash160))).toBe('no-preimage');
  });
});
