/** Scripts, leaves and addresses, byte for byte those of others: BOLT3's vectors, the package boltz-core. */
import { reverseSwapScript, reverseSwapTree, swapScript, swapTree, Musig, TaprootUtils } from 'boltz-core';
import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { OP, Script } from '@scure/btc-signer/script.js';
import { hash160 } from '@scure/btc-signer/utils.js';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { identifyScript } from '../../src/lib/htlc/identify.ts';
import { lockFrom, lockNumber, lockOpcode } from '../../src/lib/htlc/lock.ts';
import { NUMS } from '../../src/lib/htlc/taproot.ts';
import { hashFrom, hashOf } from '../../src/lib/htlc/terms.ts';
import { viewOf } from '../../src/lib/htlc/view.ts';
import { readScript, scriptWords, wholeForm, scriptsAlike, VARIANTS, writeScript } from '../../src/lib/htlc/scripts.ts';
import { FORMS, formName, htlcOf, LOCKS, PREIMAGE, PUBKEYS, SECRETS } from '../support/htlc.ts';
import { refusal } from '../support/refusal.ts';
import { fixture } from '../support/vectors.ts';

const bolt3 = fixture('htlc/bolt3.json');

describe('BOLT3', () => {
  it.each<{ h: any; anchors: boolean }>(
    bolt3.htlcs.flatMap((h: any) => [{ h, anchors: false }, ...(h.with_anchors ? [{ h, anchors: true }] : [])]),
  )('appendices C and F: $h.variant $h.htlc, anchors $anchors', ({ h, anchors }) => {
    const offered = h.variant === 'bolt3-offered';
    const [local, remote] = [bolt3.local_htlcpubkey, bolt3.remote_htlcpubkey];
    const htlc = htlcOf(
      { variant: h.variant, type: 'p2wsh', lock: { kind: 'height', value: h.expiry }, anchors },
      {
        hash: hashOf(hexToBytes(h.preimage)),
        claim: { pubkey: offered ? remote : local, auth: null },
        refund: { pubkey: offered ? local : remote, auth: null },
        revocation: bolt3.revocation_pubkey,
      },
    );
    expect(viewOf(htlc).script).toBe(anchors ? h.with_anchors : h.script);
  });
});

describe('boltz-core', () => {
  const hash = hexToBytes(hashOf(PREIMAGE).sha256!);
  const [claim, refund] = [hexToBytes(PUBKEYS.claim), hexToBytes(PUBKEYS.refund)];
  const heights = [1, 16, 17, 127, 128, 900, 65_535, 850_000, 499_999_999];
  it.each(heights)('swapScript and reverseSwapScript at %i', (value) => {
    const lock = { kind: 'height', value } as const;
    const of = (variant: 'boltz' | 'boltz-submarine') => viewOf(htlcOf({ variant, type: 'p2wsh', lock })).script;
    expect(of('boltz')).toBe(bytesToHex(reverseSwapScript(hash, claim, refund, value)));
    expect(of('boltz-submarine')).toBe(bytesToHex(swapScript(hash, claim, refund, value)));
  });
  it.each(heights)('swapTree and reverseSwapTree at %i, tweaked and untweaked', (value) => {
    const lock = { kind: 'height', value } as const;
    for (const [variant, tree] of [
      ['boltz', reverseSwapTree(false, hash, claim, refund, value)],
      ['boltz-submarine', swapTree(false, hash, claim, refund, value)],
    ] as const) {
      const order = 'refund-first';
      const view = viewOf(htlcOf({ variant, type: 'p2tr', lock, cooperative: true }, { order }));
      expect(view.leaves!.claim.script).toBe(bytesToHex(tree.claimLeaf.output));
      expect(view.leaves!.refund.script).toBe(bytesToHex(tree.refundLeaf.output));
      // Boltz's server comes first; its Musig does not sort.
      const musig = Musig.create(SECRETS.refund, [refund, claim]);
      const tweaked = TaprootUtils.tweakMusig(musig, tree.tree);
      expect(view.output_script).toBe(`5120${bytesToHex(tweaked.aggPubkey)}`);
      expect(view.participants).toEqual([PUBKEYS.refund, PUBKEYS.claim]);
    }
  });
});

describe('forms', () => {
  it('the words of the book', () => {
    const { script } = viewOf(htlcOf({ variant: 'book', type: 'p2wsh', lock: LOCKS[0]! }));
    const hash = hashOf(PREIMAGE).hash160;
    expect(script).toBe(`63a914${hash}8867028403b17521${PUBKEYS.refund}ac68`);
  });

  it("Loop's, as its source has them", () => {
    // https://github.com/lightninglabs/loop/blob/master/swap/htlc.go: HtlcScriptV2, HtlcScriptV3
    const hash = hashOf(PREIMAGE).hash160;
    const lock = LOCKS[0]!;
    const refundHash = bytesToHex(hash160(hexToBytes(PUBKEYS.refund)));
    expect(viewOf(htlcOf({ variant: 'loop', type: 'p2wsh', lock })).script).toBe(
      `21${PUBKEYS.claim}ac6476a914${refundHash}88ad028403b16782012088a914${hash}8851b268`,
    );
    const { leaves } = viewOf(htlcOf({ variant: 'loop', type: 'p2tr', lock }));
    expect(leaves!.claim.script).toBe(`20${PUBKEYS.claim.slice(2)}ad82012088a914${hash}8851b2`);
    expect(leaves!.refund.script).toBe(`20${PUBKEYS.refund.slice(2)}ad028403b1`);
  });

  it('a hash of 32 and of 20 bytes give the same script', () => {
    const { sha256, hash160: short20 } = hashOf(PREIMAGE);
    const form = { variant: 'standard', type: 'p2wsh', lock: LOCKS[0]! } as const;
    const [long, short] = [sha256!, short20].map((h) => viewOf(htlcOf(form, { hash: hashFrom(h) })));
    expect(long!.script).toBe(short!.script);
    expect([long!.hash.sha256, short!.hash.sha256]).toEqual([sha256, null]);
  });

  it('nobody has the default internal key', () => {
    const view = viewOf(htlcOf({ variant: 'standard', type: 'p2tr', lock: LOCKS[0]! }));
    expect([view.internal_key, view.participants]).toEqual([NUMS, null]);
  });

  it.each(FORMS.map((f) => [formName(f), f] as const))('%s has an address of its type and network', (_, form) => {
    const view = viewOf(htlcOf(form));
    expect(view.address).toMatch(
      { p2tr: /^bcrt1p/, p2wsh: /^bcrt1q.{58}$/, 'p2sh-p2wsh': /^2/, p2sh: /^2/ }[form.type],
    );
    expect(viewOf(htlcOf(form, { network: 'mainnet' })).address).toMatch(/^(bc1|3)/);
  });
});

describe('reading scripts', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const lock = fc.oneof(
    fc.integer({ min: 1, max: 499_999_999 }).map((value) => ({ kind: 'height', value }) as const),
    fc.integer({ min: 500_000_000, max: 0xffffffff }).map((value) => ({ kind: 'time', value }) as const),
    fc.integer({ min: 1, max: 65_535 }).map((value) => ({ kind: 'blocks', value }) as const),
    fc.integer({ min: 1, max: 65_535 }).map((n) => ({ kind: 'seconds', value: n * 512 }) as const),
  );
  const holes = fc.record({
    hash: bytes(20),
    claim: bytes(33),
    refund: bytes(33),
    'refund-hash': bytes(20),
    'revocation-hash': bytes(20),
    lock,
  });
  it('what was written is read again, and no byte more or other', () => {
    fc.assert(
      fc.property(fc.constantFrom(...VARIANTS), fc.boolean(), holes, fc.nat(), (variant, anchors, filled, at) => {
        const form = wholeForm(variant, anchors);
        if (!form) return;
        const script = writeScript(form.script, filled);
        const read = readScript(form.script, script)!;
        for (const [name, value] of Object.entries(read)) expect(value).toEqual(filled[name as keyof typeof filled]);
        expect(readScript(form.script, Uint8Array.of(...script, 0x61))).toBeUndefined();
        expect(readScript(form.script, script.subarray(0, -1))).toBeUndefined();
        const other = Uint8Array.from(script);
        other[at % other.length]! ^= 0x80;
        const found = readScript(form.script, other);
        if (found) expect(bytesToHex(writeScript(form.script, found))).toBe(bytesToHex(other));
      }),
    );
  });
  it('those that share any of their holes are written and hashed as one by itself', () => {
    const shares = fc.subarray(['hash', 'claim', 'refund', 'refund-hash', 'revocation-hash'] as const);
    fc.assert(
      fc.property(fc.constantFrom(...VARIANTS), holes, holes, shares, (variant, first, second, shared) => {
        const text = wholeForm(variant, false)!.script;
        const same = Object.fromEntries(shared.map((name) => [name, first[name]]));
        const write = scriptsAlike(text, same);
        for (const rest of [first, second]) {
          const code = writeScript(text, { ...rest, ...same });
          expect(write(rest)).toEqual({ code, hash: sha256(code) });
        }
      }),
    );
  });
  it('a push that is not the shortest is another script', () => {
    const form = wholeForm('book', false)!;
    const script = writeScript(form.script, { ...holesFor(), lock: { kind: 'height', value: 5 } });
    const long = Script.encode(Script.decode(script).map((item) => (item === 5 ? Uint8Array.of(5) : item)));
    expect(readScript(form.script, script)).toBeDefined();
    expect(readScript(form.script, long)).toBeUndefined();
  });
  it('every lock has one number and opcode', () => {
    fc.assert(
      fc.property(lock, (l) => {
        expect(lockFrom(lockOpcode(l), lockNumber(l))).toEqual(l);
      }),
    );
    for (const n of [0, -1, 65_536, 2 ** 31, (1 << 22) | 65_536, NaN])
      expect(lockFrom('CHECKSEQUENCEVERIFY', n)).toBeUndefined();
    for (const n of [0, -5, 2 ** 32, NaN]) expect(lockFrom('CHECKLOCKTIMEVERIFY', n)).toBeUndefined();
  });
  it.each([
    // as nLockTime has it
    [499_999_999, 'height'],
    [500_000_000, 'time'],
    [500_000_001, 'time'],
  ])('an absolute lock of %i is a %s', (value, kind) => {
    expect(lockFrom('CHECKLOCKTIMEVERIFY', value)).toEqual({ kind, value });
  });
  it.each([
    [519, true],
    [520, true],
    [521, false],
  ])('a script of %i bytes is read: %s', (bytes, read) => {
    const script = new Uint8Array(bytes).fill(OP.NOP);
    expect(scriptWords(script)).toBe(read ? Array(bytes).fill('NOP').join(' ') : '');
    expect(refusal(() => identifyScript(script))).toMatchObject({
      code: 'unknown-witness',
      message: expect.stringContaining(`a script of ${bytes} bytes`),
    });
  });
});
const holesFor = () => ({ hash: new Uint8Array(20), refund: hexToBytes(PUBKEYS.refund) });
