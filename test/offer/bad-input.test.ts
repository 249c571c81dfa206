/**
 * Bad input, in one loop over all kinds of records: each record dropped, doubled, swapped or flipped, and mutations by the
 * ten thousand for each parser. Whatever comes in is shown or refused with a code; what is signed never holds when altered.
 */
import { describe, expect, it } from 'vitest';
import { verifyDnsSignature as verify } from '../../src/commands/offer/dns-signatures.ts';
import { bech32 } from '@scure/base';
import { verifyDnssec } from '../../src/lib/names/dnssec.ts';
import { fieldOf } from '../../src/lib/offer/bolt11-fields.ts';
import { openProof, parsePersonName, resolveName } from '../../src/lib/names/bip353.ts';
import { readBolt11 } from '../../src/lib/offer/bolt11.ts';
import { bolt11Document, encodeBolt11, invoiceIn } from '../../src/lib/offer/bolt11-document.ts';
import { checkFields } from '../../src/lib/offer/check.ts';
import { offerProblems } from '../../src/lib/offer/document.ts';
import { readOfferMessage, type OfferMessage } from '../../src/lib/offer/message.ts';
import { readString, writeString, type OfferKind } from '../../src/lib/offer/string.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { writeFields } from '../../src/lib/wire/fields.ts';
import { FIELDS } from '../../src/lib/offer/fields.ts';
import { writeBigSize } from '../../src/lib/wire/bigsize.ts';
import { bytes, fill } from '../support/onion.ts';
import { document, PREIMAGE, theInvoice, theOffer, thePath, theProof, theRequest } from '../support/offer.ts';
import { drawing } from '../support/random.ts';
import { fixture } from '../support/vectors.ts';

const MUTATIONS = 100_000;
/** One to three bytes flipped, dropped, doubled or replaced, or the end cut off. */
function mutated(whole: Uint8Array, below: (most: number) => number): Buffer {
  let made = Buffer.from(whole);
  for (let times = 1 + below(3); times > 0; times--) {
    const at = below(made.length || 1);
    const how = below(5);
    if (how === 0) made[at]! ^= 1 << below(8);
    else if (how === 1) made = Buffer.concat([made.subarray(0, at), made.subarray(at + 1)]);
    else if (how === 2) made = Buffer.concat([made.subarray(0, at), made.subarray(at, at + 1), made.subarray(at)]);
    else if (how === 3) made[at] = below(256);
    else made = made.subarray(0, at);
  }
  return made;
}
/** What was made, or the code of what was refused; anything else that is thrown fails the test. */
function codeOr<T>(work: () => T): T | string {
  try {
    return work();
  } catch (error) {
    if (error instanceof Refusal && error.code !== 'bug') return error.code;
    throw error;
  }
}

const request = theRequest(theOffer({ offer_paths: [thePath()], custom: { 77: 'aa' } }));
const messages: [string, OfferMessage][] = [
  ['an offer', theOffer({ offer_recurrence_optional: { unit: 'days', period: 1 }, offer_paths: [thePath()] })],
  ['a request', request],
  ['an invoice', theInvoice(request, { fields: { invoice_fallbacks: [{ version: 1n, program: '11'.repeat(32) }] } })],
  ['a proof', theProof(PREIMAGE, [170n, 10n], 'a note')],
];
const cut = (message: OfferMessage): Uint8Array[] =>
  message.records.map(({ type, value }) =>
    Buffer.concat([writeBigSize(type), writeBigSize(BigInt(value.length)), value]),
  );
/** Of a signed message no altered form is sound; an offer is not signed, and another one. */
const holds = (kind: OfferKind, stream: Uint8Array): boolean | string =>
  codeOr(() => offerProblems(readOfferMessage(kind, stream)).length === 0);

describe.each(messages)('%s with a record', (_, message) => {
  const parts = cut(message);
  const signed = message.kind !== 'offer';
  it('dropped is refused, or another message', () => {
    parts.forEach((part, i) => {
      const stream = Buffer.concat(parts.toSpliced(i, 1));
      if (signed) expect([i, holds(message.kind, stream) === true]).toEqual([i, false]);
      else expect(readOfferMessage('offer', stream).records).toHaveLength(parts.length - 1);
      expect(part.length).toBeGreaterThan(0);
    });
  });
  it('doubled or swapped is refused', () => {
    parts.forEach((part, i) => {
      expect(holds(message.kind, Buffer.concat(parts.toSpliced(i, 0, part)))).toBe('tlv-duplicate');
      if (i === 0) return;
      const swapped = parts.toSpliced(i - 1, 2, part, parts[i - 1]!);
      expect(holds(message.kind, Buffer.concat(swapped))).toBe('tlv-order');
    });
  });
  it('flipped in any bit is refused, or another message', () => {
    const whole = message.bytes;
    // Signatures cost too much for every bit of long messages.
    for (let bit = 0; bit < 8 * whole.length; bit += signed ? 13 : 1) {
      const altered = Uint8Array.from(whole);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      const found = holds(message.kind, altered);
      if (signed) expect([bit, found === true]).toEqual([bit, false]);
    }
  });
  it('comes back in the same bytes', () => {
    expect(writeFields(FIELDS, message.fields)).toEqual(message.bytes);
  });
});

describe(`${MUTATIONS} mutations`, () => {
  it.each(messages)('of %s are shown or refused, and what is read is written again', (_, message) => {
    const below = drawing(7);
    let read = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      const stream = mutated(message.bytes, below);
      const made = codeOr(() => readOfferMessage(message.kind, stream));
      if (typeof made === 'string') continue;
      read += 1;
      checkFields(made);
      if (made.problems.length === 0) expect(Buffer.from(writeFields(FIELDS, made.fields)).equals(stream)).toBe(true);
    }
    expect(read).toBeGreaterThan(MUTATIONS / 100);
  });
  it('of a string are refused, or another string of the same bytes', () => {
    const below = drawing(11);
    const text = Buffer.from(writeString('offer', theOffer({ offer_issuer: 'a+b' }).bytes));
    let read = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      const altered = mutated(text, below).toString();
      const made = codeOr(() => readString(altered));
      if (typeof made === 'string') continue;
      read += 1;
      expect(writeString(made.kind, made.bytes)).toBe(altered.toLowerCase().replace(/\+\s*/g, ''));
    }
    expect(read).toBeGreaterThan(MUTATIONS / 100);
  });
  it('of an invoice of BOLT11 are refused by their checksum, and shown where that is made anew', () => {
    const below = drawing(13);
    const published = fixture('offer/bolt11.json');
    const { string } = invoiceIn(document({ string: published.valid[0].invoice }));
    const text = Buffer.from(string);
    for (let i = 0; i < MUTATIONS; i++) {
      const altered = mutated(text, below).toString('latin1');
      if (altered.toLowerCase() !== string) expect(codeOr(() => readBolt11(altered))).toBe('malformed-bolt11');
    }
    // Altered fields under a right checksum. The payee of one in a hundred is recovered.
    const { prefix, words } = bech32.decode(string as `${string}1${string}`, false);
    let read = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      const altered = [...mutated(Buffer.from(words), below)].map((word) => word & 31);
      const written = bech32.encode(prefix, altered, false);
      const made = codeOr(() => readBolt11(written));
      if (typeof made === 'string') continue;
      read += 1;
      if (i % 100 === 0) bolt11Document(made, written);
      else made.tagged.forEach((field) => fieldOf(field, made.network));
    }
    expect(read).toBeGreaterThan(MUTATIONS / 100);
    // Fields of any letters, under a right checksum and signature.
    const letters = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
    for (let i = 0; i < 1000; i++) {
      const fields = Array.from({ length: 1 + below(6) }, () => ({
        tag: 'pshndxcmfr9v'[below(12)]!,
        letters: Array.from({ length: below(120) }, () => letters[below(32)]!).join(''),
      }));
      const made = codeOr(() => encodeBolt11(document({ timestamp: below(1e9), fields }), fill(0x41), 0n));
      if (typeof made !== 'string') expect(made).toMatchObject({ problems: [] });
    }
    expect(bolt11Document(readBolt11(string), string)).toMatchObject({ problems: [] });
  });
  it('of a proof of a name are refused, or prove the same', () => {
    const below = drawing(17);
    const { proof, offer, anchor } = fixture('names/example-org.json');
    const [tag, algorithm, digestType] = anchor.split(' ').map(Number);
    const anchors = [{ tag, algorithm, digestType, digest: anchor.split(' ')[3] }];
    const whole = bytes(proof);
    const name = parsePersonName('user@example.org');
    const resolved = (records: Uint8Array): any => resolveName(name, { records }, { verify, anchors }, 1_764_000_000n);
    expect(resolved(whole)).toMatchObject({ offer });
    for (let i = 0; i < MUTATIONS; i++) {
      const altered = mutated(whole, below);
      codeOr(() => openProof(altered));
      // All signatures count as right; those of one in fifty are checked.
      codeOr(() => verifyDnssec(altered, { verify: () => true, anchors }));
      const made = i % 50 === 0 ? codeOr(() => resolved(altered)) : 'not-resolved';
      if (typeof made !== 'string') expect(made.offer).toBe(offer);
    }
  });
});
