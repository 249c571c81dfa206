/** The document of an HTLC: whoever reads one believes nothing in it that does not follow from its terms. */
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import type { KeyOrder } from '../../src/lib/htlc/create.ts';
import { checkAhead, checkLock, lockWords, parseLock, type Lock } from '../../src/lib/htlc/lock.ts';
import { checkHtlc, checkPreimage, hashFrom, hashOf, type Htlc } from '../../src/lib/htlc/terms.ts';
import { documentOf, htlcId, readHtlc, viewOf } from '../../src/lib/htlc/view.ts';
import { parseJson, printJson } from '../../src/lib/protocol/json.ts';
import { FORMS, formName, htlcOf, LOCKS, PREIMAGE, PUBKEYS, secret } from '../support/htlc.ts';
import { codeOf, refusal } from '../support/refusal.ts';

const P2WSH = { variant: 'standard', type: 'p2wsh', lock: LOCKS[0]! } as const;
const printed = (htlc: Htlc): any => parseJson(printJson(documentOf(htlc)));

describe('documents', () => {
  it.each(FORMS.map((f) => [formName(f), f] as const))('%s is read as it was written', (_, form) => {
    const htlc = htlcOf(form);
    expect(readHtlc(printed(htlc))).toEqual(htlc);
    expect(printed(htlc).paths.claim.by).toEqual(
      form.variant === 'book' ? 'anyone' : expect.arrayContaining([PUBKEYS.claim]),
    );
  });

  const musig = htlcOf({ variant: 'standard', type: 'p2tr', lock: LOCKS[0]!, cooperative: true });
  const other = { pubkey: `03${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}` };
  it.each<[string, Htlc, (view: any) => void, string]>([
    [
      'another address',
      htlcOf(P2WSH),
      (v) => (v.address = viewOf(htlcOf({ ...P2WSH, type: 'p2sh' })).address),
      'terms-differ',
    ],
    ['another script', htlcOf(P2WSH), (v) => (v.script = v.script.replace('63', '64')), 'terms-differ'],
    ['no script', htlcOf(P2WSH), (v) => delete v.script, 'terms-differ'],
    ['leaves beside a script', htlcOf(P2WSH), (v) => (v.leaves = printed(musig).leaves), 'terms-differ'],
    ['another output', htlcOf(P2WSH), (v) => (v.output_script = `0014${'00'.repeat(20)}`), 'terms-differ'],
    ['another key', htlcOf(P2WSH), (v) => (v.claim_pubkey = other.pubkey), 'terms-differ'],
    ['another lock', htlcOf(P2WSH), (v) => (v.locktime.value += 1), 'terms-differ'],
    ['another kind of lock', htlcOf(P2WSH), (v) => (v.locktime.kind = 'blocks'), 'terms-differ'],
    ['a height that is a time', htlcOf(P2WSH), (v) => (v.locktime.value = 1_700_000_000), 'locktime-kind'],
    ['another network', htlcOf(P2WSH), (v) => (v.network = 'mainnet'), 'terms-differ'],
    ['an unknown network', htlcOf(P2WSH), (v) => (v.network = 'liquid'), 'malformed-message'],
    ['another variant', htlcOf(P2WSH), (v) => (v.variant = 'boltz'), 'terms-differ'],
    [
      'a type that the variant has not',
      htlcOf({ ...P2WSH, variant: 'book' }),
      (v) => (v.script_type = 'p2tr'),
      'malformed-message',
    ],
    ['nobody as claimer', htlcOf(P2WSH), (v) => (v.claim_pubkey = null), 'malformed-message'],
    [
      'a claimer of the book',
      htlcOf({ ...P2WSH, variant: 'book' }),
      (v) => (v.claim_pubkey = PUBKEYS.claim),
      'malformed-message',
    ],
    ['one key for both', htlcOf(P2WSH), (v) => (v.claim_pubkey = v.refund_pubkey), 'key-rejected'],
    ['one point for both', htlcOf(P2WSH), (v) => (v.claim_pubkey = `03${v.refund_pubkey.slice(2)}`), 'key-rejected'],
    ['a key that is no point', htlcOf(P2WSH), (v) => (v.claim_pubkey = `02${'00'.repeat(31)}05`), 'key-rejected'],
    ['hashes that do not fit', htlcOf(P2WSH), (v) => (v.hash.sha256 = 'ab'.repeat(32)), 'terms-differ'],
    ['a revocation key', htlcOf(P2WSH), (v) => (v.revocation_pubkey = PUBKEYS.revocation), 'malformed-message'],
    ['participants that are others', musig, (v) => (v.participants[0] = other.pubkey), 'key-rejected'],
    ['participants the other way round', musig, (v) => v.participants.reverse(), 'terms-differ'],
    ["nobody's internal key", musig, (v) => (v.participants = null), 'terms-differ'],
    ['another internal key', musig, (v) => (v.internal_key = 'ab'.repeat(32)), 'terms-differ'],
    [
      'another control block',
      musig,
      (v) => (v.leaves.claim.control_block = v.leaves.refund.control_block),
      'terms-differ',
    ],
    ['a sealing key that is a signing key', musig, (v) => (v.claim_auth = v.refund_pubkey.slice(2)), 'key-rejected'],
    ['version 2', htlcOf(P2WSH), (v) => (v.version = 2), 'malformed-message'],
  ])('%s is refused', (_, htlc, change, code) => {
    const view = printed(htlc);
    change(view);
    expect(codeOf(() => readHtlc(view))).toBe(code);
  });

  it('words about paths, and fields that it does not know, are nobody’s terms', () => {
    const view = { ...printed(musig), paths: {}, colour: 'blue' };
    expect(readHtlc(view)).toEqual(musig);
  });

  it('an id stands for all terms', () => {
    const ids = [
      ...FORMS.map((f) => htlcOf(f)),
      htlcOf(P2WSH, { network: 'signet' }),
      { ...musig, claimAuth: 'ab'.repeat(32) },
    ];
    expect(new Set(ids.map(htlcId)).size).toBe(ids.length);
  });

  it('BOLT3 and Loop take heights only, and BOLT3 needs a revocation key', () => {
    expect(codeOf(() => htlcOf({ variant: 'loop', type: 'p2wsh', lock: LOCKS[1]! }))).toBe('locktime-kind');
    expect(codeOf(() => htlcOf({ variant: 'bolt3-received', type: 'p2wsh', lock: LOCKS[2]! }))).toBe('locktime-kind');
    const htlc = htlcOf({ variant: 'bolt3-received', type: 'p2wsh', lock: LOCKS[0]! });
    expect(codeOf(() => checkHtlc({ ...htlc, revocation: null }))).toBe('malformed-message');
    expect(codeOf(() => checkHtlc({ ...htlcOf(P2WSH), anchors: true }))).toBe('malformed-message');
  });

  it('keys sign together in taproot alone, and in the order that was asked for', () => {
    const [claim, refund] = [PUBKEYS.claim, PUBKEYS.refund];
    const p2tr = { ...P2WSH, type: 'p2tr', cooperative: true } as const;
    const orders = { sorted: [claim, refund].sort(), 'claim-first': [claim, refund], 'refund-first': [refund, claim] };
    for (const [order, keys] of Object.entries(orders))
      expect(htlcOf(p2tr, { order: order as KeyOrder }).internal).toEqual(keys);
    for (const type of ['p2wsh', 'p2sh', 'p2sh-p2wsh'] as const)
      expect(refusal(() => htlcOf({ ...p2tr, type }))).toMatchObject({
        code: 'malformed-message',
        message: 'variant standard: participants of an internal key found, none outside p2tr expected',
      });
    const same = { claim: { pubkey: refund, auth: null } };
    expect(codeOf(() => htlcOf(p2tr, same))).toBe('key-rejected');
  });

  it("the book's script is made only for whoever knows", () => {
    expect(codeOf(() => htlcOf({ ...P2WSH, variant: 'book' }, { acceptAnyone: false }))).toBe('anyone-can-claim');
  });
});

describe('preimages', () => {
  const hash = hashOf(PREIMAGE);
  it.each([0, 1, 31, 33, 520])('of %i bytes are refused, whatever they hash to', (length) => {
    const preimage = new Uint8Array(length).fill(7);
    expect(codeOf(() => checkPreimage(preimage, hashOf(preimage)))).toBe('preimage-size');
  });
  it('must hash to the hash', () => {
    expect(codeOf(() => checkPreimage(secret(8), hash))).toBe('wrong-preimage');
    expect(checkPreimage(PREIMAGE, hash)).toBe(PREIMAGE);
    expect(hashFrom(hash.sha256!)).toEqual(hash);
    expect(bytesToHex(PREIMAGE)).not.toContain(hash.hash160);
  });
});

describe('locks', () => {
  it.each<[string, number | 'not-checked', Lock]>([
    ['900', 'not-checked', { kind: 'height', value: 900 }],
    ['+144', 1000, { kind: 'height', value: 1144 }],
    ['499999999', 1000, { kind: 'height', value: 499_999_999 }],
    ['500000000', 1000, { kind: 'time', value: 500_000_000 }],
    ['4294967295', 1000, { kind: 'time', value: 4_294_967_295 }],
    ['2027-01-31', 'not-checked', { kind: 'time', value: 1_801_353_600 }],
    ['2027-01-31T12:30Z', 'not-checked', { kind: 'time', value: 1_801_398_600 }],
    ['relative:144', 'not-checked', { kind: 'blocks', value: 144 }],
    ['relative:65535', 1, { kind: 'blocks', value: 65_535 }],
    ['relative:1024s', 1, { kind: 'seconds', value: 1024 }],
  ])('%s with tip %s', (text, tip, lock) => {
    expect(parseLock(text, tip)).toEqual(lock);
    expect(lockWords(lock)).toMatch(/from block|once|after/);
  });
  it.each([
    ['+144', 'usage'],
    ['0', 'usage'],
    ['-5', 'usage'],
    ['2027-02-31', 'usage'],
    ['2027-13-01', 'usage'],
    ['tomorrow', 'usage'],
    ['relative:0', 'usage'],
    ['4294967296', 'locktime-kind'],
    ['relative:65536', 'locktime-kind'],
    ['relative:1000s', 'locktime-kind'],
    ['relative:511s', 'locktime-kind'],
    ['relative:33554432s', 'locktime-kind'],
  ])('%s is refused', (text, code) => expect(codeOf(() => parseLock(text, 'not-checked'))).toBe(code));

  it('an absolute lock lies ahead of tip or clock, where these are known', () => {
    const height = { kind: 'height', value: 900 } as const;
    const time = { kind: 'time', value: 1_700_000_000 } as const;
    expect(codeOf(() => checkAhead(height, 900, 0))).toBe('expired');
    expect(checkAhead(height, 899, 0)).toBe('ahead');
    expect(checkAhead(height, 'not-checked', 0)).toBe('not-checked');
    expect(codeOf(() => checkAhead(time, 1, 1_700_000_000))).toBe('expired');
    expect(checkAhead(time, 1, 1_699_999_999)).toBe('ahead');
    expect(checkAhead({ kind: 'blocks', value: 1 }, 900, 0)).toBe('relative');
  });
  it('no value outside of its kind is a lock', () => {
    expect(codeOf(() => checkLock({ kind: 'height', value: 900.5 }))).toBe('locktime-kind');
    fc.assert(
      fc.property(fc.constantFrom('height', 'time', 'blocks', 'seconds'), fc.double(), (kind, value) => {
        try {
          expect(checkLock({ kind, value } as Lock).value % 1).toBe(0);
        } catch (error) {
          expect((error as { code?: string }).code).toBe('locktime-kind');
        }
      }),
    );
  });
});
