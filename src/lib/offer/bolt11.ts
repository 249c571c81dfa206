/**
 * BOLT11 invoices as text: prefix with network and amount, time, tagged fields, signature.
 *
 * BOLT11 (https://github.com/lightning/bolts/blob/master/11-payment-encoding.md): Human-Readable
 * Part, Data Part. bech32 with its checksum, of any length. Not here: what a field means
 * (`bolt11-fields.ts`).
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bech32 } from '@scure/base';
import { concatBytes } from '../bitcoin/bytes.ts';
import type { Network } from '../bitcoin/network.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { signRecoverable } from '../signing/ecdsa.ts';
import { LETTERS, excerpt } from './string.ts';

export const BOLT11_LIMITS = {
  letters: { unit: 'characters', most: 65_536 },
  /** Seconds since 1970 in 35 bits. */
  timestamp: { unit: 'Unix seconds', most: (1n << 35n) - 1n },
  /** Number of words of one field, itself in two words. */
  field: { unit: 'characters', most: 1023 },
} satisfies Limits;

/** Tagged field: a letter of bech32, and the 5-bit words of its value. */
export interface Tagged {
  tag: string;
  words: number[];
}
/** BOLT11 invoice. */
export interface Bolt11 {
  network: Network;
  amountMsat: bigint | undefined;
  /** Text before the last `1`, as it was written. */
  prefix: string;
  timestamp: bigint;
  tagged: Tagged[];
  /** r and s, 64 bytes. */
  signature: Uint8Array;
  recovery: number;
  /** Hash that is signed. */
  hash: Uint8Array;
}

const CURRENCIES: Readonly<Record<string, Network>> = { bc: 'mainnet', tb: 'testnet', tbs: 'signet', bcrt: 'regtest' };
/** Millisatoshis of each multiplier; `p`, a tenth of one, stands apart. */
const MULTIPLIERS = [
  ['', 100_000_000_000n],
  ['m', 100_000_000n],
  ['u', 100_000n],
  ['n', 100n],
] as const;

const malformed = (text: string): never => {
  throw new Refusal('malformed-bolt11', text);
};

/** Joins words to bytes; bits that fill no byte are dropped, or filled up with zeros. */
export function bytesOf(words: readonly number[], fill = false): Uint8Array {
  const bytes: number[] = [];
  let [held, bits] = [0, 0];
  for (const word of words) {
    held = ((held << 5) | word) & 0xfff;
    bits += 5;
    if (bits >= 8) bytes.push((held >> (bits -= 8)) & 0xff);
  }
  if (fill && bits > 0) bytes.push((held << (8 - bits)) & 0xff);
  return Uint8Array.from(bytes);
}
/** Splits bytes into words, filled up with zero bits. */
export const wordsOf = (bytes: Uint8Array): number[] => bech32.toWords(bytes);
/** Writes a number in the fewest words, or in at least `size` of them. */
export function numberWords(value: bigint, size = 0): number[] {
  const words: number[] = [];
  for (let rest = value; rest > 0n || words.length < size; rest >>= 5n) words.unshift(Number(rest & 31n));
  return words;
}
export const wordsNumber = (words: readonly number[]): bigint =>
  words.reduce((sum, word) => (sum << 5n) | BigInt(word), 0n);

/** Reads an invoice. @throws Refusal `malformed-bolt11`, `too-large` */
export function readBolt11(text: string): Bolt11 {
  if (!allows(BOLT11_LIMITS.letters, text.length))
    throw new Refusal('too-large', `${text.length} characters found, at most ${BOLT11_LIMITS.letters.most} expected`);
  if (!/^ln(?:bc|tb)/i.test(text))
    malformed(`${excerpt(text)} found, a string that begins with lnbc, lntb, lntbs or lnbcrt expected`);
  const decoded = bech32.decodeUnsafe(text, false);
  if (!decoded)
    return malformed(`${excerpt(text)}: the checksum does not fit: a letter is wrong, missing or of another case`);
  const { prefix, words } = decoded;
  const { network, amountMsat } = readPrefix(prefix);
  const end = words.length - 104;
  if (end < 7) malformed(`${words.length} letters found behind ${prefix}, at least 111 expected`);
  const tagged: Tagged[] = [];
  for (let at = 7; at < end;) {
    const length = words[at + 1]! * 32 + words[at + 2]!;
    const from = at + 3;
    if (from + length > end) malformed(`field ${LETTERS[words[at]!]} ends behind the fields`);
    tagged.push({ tag: LETTERS[words[at]!]!, words: words.slice(from, from + length) });
    at = from + length;
  }
  const signed = bytesOf(words.slice(end));
  return {
    network,
    amountMsat,
    prefix,
    timestamp: wordsNumber(words.slice(0, 7)),
    tagged,
    signature: signed.subarray(0, 64),
    recovery: signed[64]!,
    hash: hashOf(prefix, words.slice(0, end)),
  };
}

/** Reads network and amount from a prefix. @throws Refusal `malformed-bolt11` */
export function readPrefix(prefix: string): Pick<Bolt11, 'network' | 'amountMsat'> {
  const [, currency, digits, multiplier = ''] = /^ln(bcrt|bc|tbs|tb)(?:([1-9]\d{0,18})([munp]?))?$/.exec(prefix) ?? [];
  if (currency === undefined) return malformed(`${excerpt(prefix)} found, ln, a currency and an amount expected`);
  const network = CURRENCIES[currency]!;
  if (digits === undefined) return { network, amountMsat: undefined };
  if (multiplier === 'p') {
    if (!digits.endsWith('0')) malformed(`${digits}p found, no whole number of millisatoshis`);
    return { network, amountMsat: BigInt(digits) / 10n };
  }
  const [, factor] = MULTIPLIERS.find(([letter]) => letter === multiplier)!;
  return { network, amountMsat: BigInt(digits) * factor };
}

/** Returns the shortest prefix of an amount. @throws Refusal `wrong-network` if there is none */
export function prefixOf(network: Network, amountMsat: bigint | undefined): string {
  const [currency] = Object.entries(CURRENCIES).find(([, each]) => each === network) ?? [];
  if (currency === undefined) throw new Refusal('wrong-network', `${network} found, which has no prefix of invoices`);
  if (amountMsat === undefined) return `ln${currency}`;
  const [letter, factor] = MULTIPLIERS.find(([, each]) => amountMsat % each === 0n) ?? [];
  return factor === undefined ? `ln${currency}${amountMsat * 10n}p` : `ln${currency}${amountMsat / factor}${letter}`;
}

const hashOf = (prefix: string, words: readonly number[]): Uint8Array =>
  sha256(concatBytes(new TextEncoder().encode(prefix), bytesOf(words, true)));

/**
 * Signs an invoice, and writes it in lower case.
 * @param prefix as `prefixOf` returns it
 * @throws Refusal `malformed-bolt11` if it is too long; Error for a key out of range
 */
export function writeBolt11(
  { prefix, timestamp, tagged }: Pick<Bolt11, 'prefix' | 'timestamp' | 'tagged'>,
  secret: Uint8Array,
): string {
  const words = [
    ...numberWords(timestamp, 7),
    ...tagged.flatMap(({ tag, words: value }) => {
      if (!allows(BOLT11_LIMITS.field, value.length))
        malformed(`field ${tag}: ${value.length} letters found, at most ${BOLT11_LIMITS.field.most} expected`);
      return [LETTERS.indexOf(tag), value.length >> 5, value.length & 31, ...value];
    }),
  ];
  const { compact, recovery } = signRecoverable(hashOf(prefix, words), secret);
  const text = bech32.encode(prefix, [...words, ...wordsOf(concatBytes(compact, Uint8Array.of(recovery)))], false);
  if (!allows(BOLT11_LIMITS.letters, text.length))
    malformed(`${text.length} letters found, at most ${BOLT11_LIMITS.letters.most} expected`);
  return text;
}
