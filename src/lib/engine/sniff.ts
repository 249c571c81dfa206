/**
 * Kind of an input, by its first bytes alone. No reader is tried after another, so a damaged
 * PSBT is reported as a damaged PSBT. Source of the magic bytes: BIP174.
 * Not here: whether a PSBT, transaction or message holds together.
 */
import { isAscii } from 'node:buffer';
import { utf8Of } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { visible } from './log.ts';

export type SniffedInput =
  | { form: 'psbt'; encoding: 'binary' | 'base64' | 'hex'; bytes: Uint8Array }
  | { form: 'json'; text: string }
  | { form: 'transaction'; bytes: Uint8Array };

export interface SniffOptions {
  /** True if the command reads a transaction in hex too. */
  transaction?: boolean;
}

const MAGIC = Buffer.from('70736274ff', 'hex');
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Returns an input's kind by its first bytes; `malformed-json` stands for bytes that are no UTF-8.
 * @throws Refusal `malformed`, `malformed-json`, `malformed-psbt`, `malformed-transaction`
 */
export function sniff(bytes: Uint8Array, wanted: SniffOptions = {}): SniffedInput {
  const input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (input.subarray(0, 5).equals(MAGIC)) return { form: 'psbt', encoding: 'binary', bytes };
  const expected = `a PSBT (binary, base64 or hex)${wanted.transaction ? ', a transaction in hex' : ''} or JSON expected`;
  const mark = byteOrderMark(input);
  if (mark) throw new Refusal('malformed', `${mark} found, ${expected}`, { hint: 'save the document as plain UTF-8' });

  const start = input.subarray(0, 256).toString('latin1').trimStart();
  if (/^[{[]/.test(start)) return { form: 'json', text: utf8(input) };
  if (start.startsWith('cHNidP')) return { form: 'psbt', encoding: 'base64', bytes: fromBase64(unfolded(input)) };
  const psbt = /^70736274ff/i.test(start);
  if (psbt || (wanted.transaction && /^[0-9a-f]{8}/i.test(start))) {
    const hex = unfolded(input);
    if (!/^(?:[0-9a-f]{2})+$/i.test(hex)) {
      throw new Refusal(
        psbt ? 'malformed-psbt' : 'malformed-transaction',
        'broken hex found, pairs of hex digits expected',
      );
    }
    const decoded = Uint8Array.from(Buffer.from(hex, 'hex'));
    return psbt ? { form: 'psbt', encoding: 'hex', bytes: decoded } : { form: 'transaction', bytes: decoded };
  }
  if (start === '') {
    throw new Refusal('malformed', `nothing found, ${expected}`, {
      hint: 'the command before this one in the pipe may have failed: set -o pipefail shows it',
    });
  }
  throw new Refusal('malformed', `${beginning(bytes)} found, ${expected}`);
}

/** Describes an unreadable input for errors: as a PSBT, or by the beginning of its text. */
export function beginning(bytes: Uint8Array): string {
  const text = Buffer.from(bytes);
  if (/^\s*(?:cHNidP|70736274ff|psbt\u00ff)/i.test(text.toString('latin1'))) return 'a PSBT';
  return `"${visible(text.toString().trimStart().slice(0, 16))}"`;
}

function byteOrderMark(input: Buffer): string | undefined {
  if (input.subarray(0, 3).toString('hex') === 'efbbbf') return 'a byte order mark (UTF-8)';
  const two = input.subarray(0, 2).toString('hex');
  return two === 'fffe' || two === 'feff' ? 'a byte order mark (UTF-16)' : undefined;
}

/** Returns the text without white space and line breaks. */
const unfolded = (input: Buffer): string => input.toString('latin1').replace(/[ \t\r\n]+/g, '');

/** Decodes UTF-8. @throws Refusal `malformed-json` */
export function utf8(bytes: Uint8Array): string {
  // Nearly all input is ASCII, which needs no decoding.
  if (isAscii(bytes)) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const text = utf8Of(bytes);
  if (text === undefined) throw new Refusal('malformed-json', 'bytes found that are not UTF-8');
  return text;
}

function fromBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  // The second test refuses set bits behind the last byte: one PSBT, one text.
  if (!BASE64.test(text) || bytes.toString('base64') !== text) {
    throw new Refusal('malformed-psbt', 'broken base64 found, whole groups of base64 digits expected', {
      hint: 'was it cut, by a terminal or a clipboard? pass files or pipes',
    });
  }
  return Uint8Array.from(bytes);
}
