/**
 * BOLT12 strings: a prefix for each kind of message, then letters of bech32 without a checksum.
 *
 * BOLT12 (https://github.com/lightning/bolts/blob/master/12-offer-encoding.md), Encoding. All
 * letters are of one case. A `+` between two letters drops out, with white space behind it. Not
 * here: what the bytes say (`message.ts`).
 */
import { bech32 } from '@scure/base';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';

/** Kinds of messages, by their names in BOLT12's signatures, and their prefixes. */
const PREFIXES = { offer: 'lno', invoice_request: 'lnr', invoice: 'lni', payer_proof: 'lnp' } as const;
export type OfferKind = keyof typeof PREFIXES;
export const OFFER_KINDS = Object.keys(PREFIXES) as OfferKind[];

/** Length of 64 kB of records, as long as an onion message can be. */
export const STRING_LIMITS = { letters: { unit: 'characters', most: 104_004 } } satisfies Limits;

/** Letters of bech32 in the order of their values. */
export const LETTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
/** Shortens a text for errors. */
export const excerpt = (text: string): string => JSON.stringify(text.length > 20 ? `${text.slice(0, 20)}…` : text);

/** Texts that are often given in place of a BOLT12 string, and what reads them. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [/^ln(?:bc|tb)/, 'spillway invoice decode reads invoices of BOLT11'],
  [/^[0-9a-f]+$/, 'hex is read by spillway offer decode --kind KIND'],
];
/** Strips white space and the scheme of a link. */
export const bareString = (text: string): string => text.trim().replace(/^lightning:/i, '');

/** Reads a string. @throws Refusal `malformed-offer` for its letters or padding, `too-large` */
export function readString(text: string): { kind: OfferKind; bytes: Uint8Array } {
  if (!allows(STRING_LIMITS.letters, text.length))
    throw new Refusal('too-large', `${text.length} characters found, at most ${STRING_LIMITS.letters.most} expected`);
  const joined = text.replace(/(?<=[0-9a-z])\+\s*(?=[0-9a-z])/gi, '');
  const lower = joined.toLowerCase();
  if (joined !== lower && joined !== joined.toUpperCase())
    throw new Refusal('malformed-offer', `${excerpt(text)}: letters of both cases found, one case expected`);
  const kind = OFFER_KINDS.find((each) => lower.startsWith(`${PREFIXES[each]}1`));
  if (kind === undefined) {
    const [, hint] = HINTS.find(([form]) => form.test(lower)) ?? [];
    const expected = 'a string that begins with lno1, lnr1, lni1 or lnp1 expected';
    throw new Refusal('malformed-offer', `${excerpt(text)} found, ${expected}`, hint === undefined ? {} : { hint });
  }
  const words = Array.from(lower.slice(4), (letter, i) => {
    const word = LETTERS.indexOf(letter);
    if (word < 0)
      throw new Refusal(
        'malformed-offer',
        `${JSON.stringify(letter)} found behind ${i + 4} letters, no letter of bech32`,
      );
    return word;
  });
  try {
    return { kind, bytes: bech32.fromWords(words) };
  } catch {
    throw new Refusal(
      'malformed-offer',
      'the last letter holds more than 4 bits of padding, or padding that is not zero',
    );
  }
}

/** Writes the string of a message, in lower case. */
export const writeString = (kind: OfferKind, bytes: Uint8Array): string =>
  `${PREFIXES[kind]}1${bech32
    .toWords(bytes)
    .map((word) => LETTERS[word])
    .join('')}`;
