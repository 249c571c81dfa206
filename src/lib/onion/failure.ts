/**
 * Failure codes, and the messages that carry them back to the origin.
 *
 * BOLT4, Failure Messages. A message has a code of two bytes, the data of its type, and a TLV
 * stream. Codes of older versions of BOLT4 are read by name too. Not here: encrypting messages
 * (`error.ts`), choosing a code (`answer.ts`).
 */
import { bytesToHex, concatBytes } from '../bitcoin/bytes.ts';
import { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readBigSize, readUint, writeBigSize, writeUint } from '../wire/bigsize.ts';
import { readStream } from '../wire/tlv.ts';

const [BADONION, PERM, NODE, UPDATE] = [0x8000, 0x4000, 0x2000, 0x1000];

type FailureField = 'u16' | 'u32' | 'u64' | 'bigsize' | 'sha256' | 'update';
type FailureFields = Readonly<Record<string, FailureField>>;
const update = { channel_update: 'update' } as const;
const badOnion = { sha256_of_onion: 'sha256' } as const;

/** Failure messages of BOLT4 by name: code, fields and meaning. */
export const FAILURES: Readonly<Record<string, readonly [code: number, parts: FailureFields, meaning: string]>> = {
  temporary_node_failure: [NODE | 2, {}, 'the node cannot do it now'],
  permanent_node_failure: [PERM | NODE | 2, {}, 'the node cannot do it'],
  required_node_feature_missing: [PERM | NODE | 3, {}, 'the node needs a feature that the onion lacks'],
  invalid_onion_version: [BADONION | PERM | 4, badOnion, 'the version of the onion is unknown to the node'],
  invalid_onion_hmac: [BADONION | PERM | 5, badOnion, 'the HMAC of the onion was wrong when it reached the node'],
  invalid_onion_key: [BADONION | PERM | 6, badOnion, 'the ephemeral key of the onion was no point'],
  temporary_channel_failure: [UPDATE | 7, update, 'the channel cannot take this HTLC now'],
  permanent_channel_failure: [PERM | 8, {}, 'the channel can take no HTLCs'],
  required_channel_feature_missing: [PERM | 9, {}, 'the channel needs a feature that the onion lacks'],
  unknown_next_peer: [PERM | 10, {}, 'the node has no such channel'],
  amount_below_minimum: [UPDATE | 11, { htlc_msat: 'u64', ...update }, "less than the channel's minimum"],
  fee_insufficient: [UPDATE | 12, { htlc_msat: 'u64', ...update }, 'less fee than the channel takes'],
  incorrect_cltv_expiry: [UPDATE | 13, { cltv_expiry: 'u32', ...update }, 'fewer blocks than the channel takes'],
  expiry_too_soon: [UPDATE | 14, update, 'the expiry is too near'],
  incorrect_or_unknown_payment_details: [
    PERM | 15,
    { htlc_msat: 'u64', height: 'u32' },
    'the final node knows no such payment, or not with this secret, amount or expiry',
  ],
  incorrect_payment_amount: [PERM | 16, {}, 'the wrong amount (no longer sent)'],
  final_expiry_too_soon: [17, {}, 'the expiry at the final node is too near (no longer sent)'],
  final_incorrect_cltv_expiry: [18, { cltv_expiry: 'u32' }, 'the HTLC expires earlier than the onion says'],
  final_incorrect_htlc_amount: [19, { incoming_htlc_amt: 'u64' }, 'the HTLC holds less than the onion says'],
  channel_disabled: [UPDATE | 20, { disabled_flags: 'u16', ...update }, 'the channel is disabled'],
  expiry_too_far: [21, {}, 'the expiry is too far in the future'],
  invalid_onion_payload: [
    PERM | 22,
    { type: 'bigsize', offset: 'u16' },
    'the payload of the hop is wrong or incomplete',
  ],
  mpp_timeout: [23, {}, 'the other parts of the payment did not come in time'],
  invalid_onion_blinding: [BADONION | PERM | 24, badOnion, 'an error inside the blinded path'],
};

const names = new Map(Object.entries(FAILURES).map(([name, [code]]) => [code, name]));

export const isBadOnion = (code: number): boolean => (code & BADONION) !== 0;

const flagsOf = (code: number): string[] =>
  (
    [
      ['badonion', BADONION],
      ['perm', PERM],
      ['node', NODE],
      ['update', UPDATE],
    ] as const
  ).flatMap(([name, bit]) => (code & bit ? [name] : []));

export interface OnionFailure {
  /** Code in four hex digits. */
  failure_code: string;
  failure: string;
  flags: string[];
  meaning: string;
  data: Record<string, unknown>;
  /** Records behind the data: maps types to hex. */
  tlvs?: Record<string, string>;
}

const SIZES = { u16: 2, u32: 4, u64: 8, sha256: 32 };

/** Returns code and fields of a failure. @throws Refusal `malformed-message` for another name */
export function failureNamed(name: string): NonNullable<(typeof FAILURES)[string]> {
  const found = Object.hasOwn(FAILURES, name) ? FAILURES[name] : undefined;
  if (!found) throw new Refusal('malformed-message', `a failure found that is not known: ${name.slice(0, 60)}`);
  return found;
}

/** Writes a failure; absent data is 0 or empty. @throws Refusal `malformed-message` */
export function writeFailure(name: string, data: Fields): Uint8Array {
  const [code, parts] = failureNamed(name);
  const written = Object.entries(parts).map(([key, part]) => {
    if (part === 'sha256') return data.need(key, data.bytes(key, 32), '32 bytes in hex');
    if (part === 'bigsize') return writeBigSize(data.whole(key) ?? 0n);
    if (part === 'update') {
      const bytes = data.bytes(key) ?? new Uint8Array();
      return concatBytes(writeUint(BigInt(bytes.length), 2), bytes);
    }
    const size = SIZES[part];
    return writeUint(data.whole(key, (1n << BigInt(8 * size)) - 1n) ?? 0n, size);
  });
  data.end();
  return concatBytes(writeUint(BigInt(code), 2), ...written);
}

/** Reads a failure message. An unknown code has no name; unreadable data stands in `raw`. */
export function readFailure(message: Uint8Array): OnionFailure {
  const code = message.length < 2 ? 0 : message[0]! * 256 + message[1]!;
  const name = message.length < 2 ? undefined : names.get(code);
  const data: Record<string, unknown> = {};
  let rest = message.subarray(2);
  let tlvs: Record<string, string> = {};
  const take = (length: number): Uint8Array => {
    if (length > rest.length) throw new Refusal('tlv-truncated', 'a failure message that ends early');
    const taken = rest.subarray(0, length);
    rest = rest.subarray(length);
    return taken;
  };
  try {
    if (name === undefined) throw new Refusal('tlv-truncated', 'unknown');
    for (const [key, part] of Object.entries(FAILURES[name]![1])) {
      if (part === 'bigsize') {
        // invalid_onion_payload may leave type and offset out.
        if (rest.length === 0) break;
        const { value, end } = readBigSize(rest);
        take(end);
        data[key] = value;
      } else if (part === 'update') data[key] = bytesToHex(take(Number(readUint(take(2)))));
      else if (part === 'sha256') data[key] = bytesToHex(take(32));
      else data[key] = readUint(take(SIZES[part]));
    }
    tlvs = Object.fromEntries(readStream(rest).map(({ type, value }) => [String(type), bytesToHex(value)]));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (rest.length > 0) data['raw'] = bytesToHex(rest);
  }
  return {
    failure_code: code.toString(16).padStart(4, '0'),
    failure: name ?? 'unknown',
    flags: flagsOf(code),
    meaning: name === undefined ? 'a code that is not in BOLT4' : FAILURES[name]![2],
    data,
    ...(Object.keys(tlvs).length > 0 && { tlvs }),
  };
}
