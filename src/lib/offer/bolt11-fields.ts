/**
 * Tagged fields of BOLT11 invoices: their values in words and in JSON.
 *
 * BOLT11, Tagged Fields. A field has `letters` if its tag is unknown, or if its value would be
 * written in other letters; so each invoice can be written as it was. Not here: which fields must
 * stand (`bolt11-document.ts`).
 */
import { scriptOf } from '../bitcoin/address.ts';
import { addressOf } from '../bitcoin/address-text.ts';
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import type { Network } from '../bitcoin/network.ts';
import { Fields } from '../protocol/document.ts';
import type { Json } from '../protocol/json.ts';
import { allows } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { hexBytes, point, shortChannelId, type Codec } from '../wire/fields.ts';
import { FEES } from '../wire/fees.ts';
import { member, structs } from '../wire/struct.ts';
import { BOLT11_LIMITS, bytesOf, numberWords, wordsNumber, wordsOf, type Tagged } from './bolt11.ts';
import { utf8Text } from './codecs.ts';
import { LETTERS } from './string.ts';

/** Number of words of fields with a fixed length. */
export const LENGTHS: Readonly<Record<string, number>> = { p: 52, s: 52, h: 52, n: 53 };

interface Bolt11Tag {
  name: string;
  /** Reads a value; returns undefined, or throws, for words that are none. */
  read(words: readonly number[], network: Network): unknown;
  parse(from: Fields, network: Network): number[];
}
/** Hops of a private route. */
const route = structs({ pubkey: member(point, 33), short_channel_id: member(shortChannelId, 8), ...FEES });

/** Field whose words are the bytes of a value. @param length number of its words, if it is fixed */
const bytesTag = (name: string, kind: Codec<any>, length?: number): Bolt11Tag => ({
  name,
  read: (words) => (length === undefined || words.length === length ? kind.read(bytesOf(words)) : undefined),
  parse: (from) => wordsOf(kind.write(kind.parse(from, name))),
});
const numberTag = (name: string): Bolt11Tag => ({
  name,
  // Twelve words have 60 bits.
  read: (words) => (words.length < 13 ? wordsNumber(words) : undefined),
  parse: (from) => numberWords(from.need(name, from.whole(name, (1n << 60n) - 1n))),
});

/** Returns the output script (hex) of a fallback; undefined for an unknown version. */
function scriptFor(version: number, program: string): string | undefined {
  if (version === 17) return `76a914${program}88ac`;
  if (version === 18) return `a914${program}87`;
  const push = (program.length / 2).toString(16).padStart(2, '0');
  return version > 16 ? undefined : `${version === 0 ? '00' : (0x50 + version).toString(16)}${push}${program}`;
}
/** Returns version (17 P2PKH, 18 P2SH) and program (hex) of a script; undefined for another. */
export function versionOf(script: string): [number, string] | undefined {
  const [, key, redeem, version, program] =
    /^(?:76a914([0-9a-f]{40})88ac|a914([0-9a-f]{40})87|(00|5[1-9a-f]|60)[0-9a-f]{2}([0-9a-f]+))$/.exec(script) ?? [];
  if (key !== undefined) return [17, key];
  if (redeem !== undefined) return [18, redeem];
  return version === undefined ? undefined : [version === '00' ? 0 : Number.parseInt(version, 16) - 0x50, program!];
}

const ROUTE = bytesTag('route', route);
const TAGS: Readonly<Record<string, Bolt11Tag>> = {
  p: bytesTag('payment_hash', hexBytes(32), LENGTHS['p']),
  s: bytesTag('payment_secret', hexBytes(32), LENGTHS['s']),
  h: bytesTag('description_hash', hexBytes(32), LENGTHS['h']),
  d: bytesTag('description', utf8Text),
  m: bytesTag('payment_metadata', hexBytes()),
  n: bytesTag('node_id', point, LENGTHS['n']),
  x: numberTag('expiry'),
  c: numberTag('min_final_cltv_expiry_delta'),
  f: {
    name: 'fallback',
    read: ([version, ...rest], network) => {
      const program = bytesToHex(bytesOf(rest));
      const script = version === undefined ? undefined : scriptFor(version, program);
      const address = script === undefined ? undefined : addressOf(script, network);
      return script === undefined ? undefined : { version, program, ...(address !== undefined && { address }) };
    },
    parse: (from, network) => {
      const inner = from.need(
        'fallback',
        from.object('fallback'),
        'an object with an address, or version and program,',
      );
      const address = inner.text('address');
      const version = inner.whole('version', 18n);
      const program = inner.bytes('program');
      inner.end();
      if (version !== undefined && program) return [Number(version), ...wordsOf(program)];
      const found = address === undefined ? undefined : versionOf(scriptOf(address, network));
      return found
        ? [found[0], ...wordsOf(hexToBytes(found[1]))]
        : from.refuse('fallback', 'an address, or version and program');
    },
  },
  // One word has no whole byte.
  r: { ...ROUTE, read: (words, network) => (words.length > 1 ? ROUTE.read(words, network) : undefined) },
  9: {
    name: 'features',
    read: (words) =>
      [...words]
        .reverse()
        .flatMap((word, i) => [0, 1, 2, 3, 4].filter((bit) => (word >> bit) & 1).map((bit) => 5 * i + bit)),
    parse: (from) => {
      const most = 5 * BOLT11_LIMITS.field.most - 1;
      const bits = from.need(
        'features',
        from.list('features', (bit) =>
          typeof bit === 'number' && bit >= 0 && bit <= most ? bit : from.refuse('features', `bits from 0 to ${most}`),
        ),
        'a list of bits',
      );
      return numberWords(bits.reduce((set, bit) => set | (1n << BigInt(bit)), 0n));
    },
  },
};

/** Field in JSON: its tag, its value under a name, or its letters. */
export type FieldJson = { tag: string; letters?: string } & Record<string, unknown>;

/** Shows a field: its value, and its letters unless the value would be written in the same. */
export function fieldOf({ tag, words }: Tagged, network: Network): FieldJson {
  const known = TAGS[tag];
  const field: FieldJson = { tag };
  try {
    const value = known?.read(words, network);
    if (known && value !== undefined) {
      field[known.name] = value;
      const written = known.parse(new Fields({ [known.name]: value as Json }), network);
      if (written.length === words.length && written.every((word, i) => word === words[i])) return field;
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  return { ...field, letters: words.map((word) => LETTERS[word]).join('') };
}

/** Returns the value of a field; undefined if it has none. */
export const fieldValue = (field: FieldJson): unknown => field[TAGS[field.tag]?.name ?? ''];

/** Reads a field from JSON. @throws Refusal `malformed-message`, `wrong-key`, as `scriptOf` */
export function parseField(from: Fields, network: Network): Tagged {
  const tag = from.need('tag', from.text('tag'), 'a letter of bech32');
  if (tag.length !== 1 || !LETTERS.includes(tag)) from.refuse('tag', 'a letter of bech32');
  const letters = from.text('letters');
  const known = TAGS[tag];
  if (letters === undefined)
    return { tag, words: known ? known.parse(from, network) : from.refuse('letters', 'letters of bech32') };
  if (known) from.skip(known.name);
  const words = Array.from(letters, (letter) => LETTERS.indexOf(letter));
  if (words.includes(-1) || !allows(BOLT11_LIMITS.field, words.length))
    from.refuse('letters', `up to ${BOLT11_LIMITS.field.most} letters of bech32`);
  return { tag, words };
}
