/**
 * Answers of a node to a packet that it refuses: failure code, failure message, reason in words.
 *
 * BOLT4, Failure Messages, Requirements; BOLT2, Removing an HTLC. A packet that cannot be decrypted
 * is answered in the clear by `update_fail_malformed_htlc`. Every other one is answered by an error
 * onion, except inside a blinded path, where all failures look the same.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { writeBigSize, writeUint } from '../wire/bigsize.ts';
import type { PacketHtlc } from './blinded-payment.ts';
import { buildError } from './error.ts';
import { FAILURES, readFailure, type OnionFailure } from './failure.ts';
import { RecordRefusal } from '../wire/tlv.ts';

const MALFORMED: Partial<Record<ErrorCode, string>> = {
  'onion-size': 'invalid_onion_hmac',
  'onion-version': 'invalid_onion_version',
  'onion-point': 'invalid_onion_key',
  'onion-hmac': 'invalid_onion_hmac',
};

/** Place of a node on a blinded path: the introduction node finds a path key in its payload. */
export type PathPosition = 'outside' | 'introduction' | 'inside';

/** Answer of a node to a packet that it refuses. */
export interface PacketAnswer extends OnionFailure {
  message: 'update_fail_malformed_htlc' | 'update_fail_htlc';
  /** The failure message in the clear. */
  failure_message: string;
  sha256_of_onion?: string;
  /** Error onion of `update_fail_htlc`. */
  reason?: string;
}

export const onionDigest = (onion: Uint8Array): string => bytesToHex(sha256(onion));

/** Answers a packet that was refused. @param secret shared secret, if the packet was decrypted */
export function answerTo(
  refusal: Refusal,
  onion: Uint8Array,
  secret: Uint8Array | undefined,
  { position, htlc, final }: { position: PathPosition; htlc?: PacketHtlc | undefined; final: boolean },
): PacketAnswer {
  const digest = onionDigest(onion);
  const malformed = MALFORMED[refusal.code];
  const inside = position === 'inside';
  const name =
    inside || position === 'introduction' ? 'invalid_onion_blinding' : (malformed ?? codeFor(refusal, final));
  const code = FAILURES[name]![0];
  const message = concatBytes(writeUint(BigInt(code), 2), dataFor(name, refusal, digest, htlc));
  const failure = { ...readFailure(message), failure_message: bytesToHex(message) };
  if (inside || malformed !== undefined || !secret)
    return { ...failure, message: 'update_fail_malformed_htlc', sha256_of_onion: digest };
  return { ...failure, message: 'update_fail_htlc', reason: bytesToHex(buildError(secret, message).error) };
}

function codeFor(refusal: Refusal, final: boolean): string {
  switch (refusal.code) {
    case 'onion-amount':
      return final ? 'final_incorrect_htlc_amount' : 'fee_insufficient';
    case 'onion-expiry':
      return final ? 'final_incorrect_cltv_expiry' : 'incorrect_cltv_expiry';
    case 'onion-replay':
      return 'temporary_node_failure';
    default:
      return 'invalid_onion_payload';
  }
}

function dataFor(name: string, refusal: Refusal, digest: string, htlc: PacketHtlc | undefined): Uint8Array {
  const parts = FAILURES[name]![1];
  return concatBytes(
    ...Object.entries(parts).map(([key, part]) => {
      if (part === 'sha256') return hexToBytes(digest);
      if (part === 'bigsize') return writeBigSize(refusal instanceof RecordRefusal ? refusal.type : 0n);
      if (key === 'offset')
        return writeUint(BigInt(refusal instanceof RecordRefusal ? Math.min(refusal.offset, 0xffff) : 0), 2);
      if (key === 'cltv_expiry') return writeUint(htlc?.cltvExpiry ?? 0n, 4);
      if (key === 'htlc_msat' || key === 'incoming_htlc_amt') return writeUint(htlc?.amountMsat ?? 0n, 8);
      return writeUint(0n, 2); // no channel update
    }),
  );
}

/** Reasons of refusals, for `--explain`. */
const WHY: Partial<Record<ErrorCode, string>> = {
  'onion-size':
    'A payment packet has 1366 bytes: version, 33-byte key, 1300 bytes of payloads, 32-byte HMAC. This one was cut, or made with another --size.',
  'onion-version': 'Only version 0 exists. The first byte is not the begin of a packet, or the text was shifted.',
  'onion-point':
    'The 33 bytes behind the version must be a compressed point: 02 or 03, then an x coordinate on the curve. Nothing can be decrypted without it.',
  'onion-hmac':
    'The HMAC covers the payloads and the associated data (for payments, the payment hash). It is wrong if one bit changed, if the packet is for another node, if the associated data differs, or if a blinded hop lacks its path key.',
  'onion-legacy':
    'The payload begins with length 0, which meant the historic frame of 65 bytes. Today nodes refuse it; --legacy reads it.',
  'onion-length': 'No payload can be shorter than 2 bytes, so a length of 1 is reserved and refused.',
  'bigsize-not-canonical':
    'A number was written in more bytes than it needs. Accepting it would let two packets mean the same.',
  'onion-beyond':
    'The payload claims more bytes than the packet has. Reading on would take the stream behind it for data.',
  'onion-no-hmac': 'Behind the payload there must be 32 bytes: the HMAC for the next hop, or zeros for the last.',
  'tlv-truncated': 'A record of the payload ends behind the payload: its length is wrong, or the payload was cut.',
  'tlv-order': 'Types must grow, so that each payload has one form only.',
  'tlv-duplicate': 'A type stands twice, and readers could disagree about which one counts.',
  'tlv-value': 'The value of a record has not the form of its type, or a number in it has leading zeros.',
  'tlv-unknown-even': 'Even types must be understood ("it is OK to be odd"); --known-type N accepts one.',
  'onion-field-missing':
    'The payload lacks a field that its position needs: a forwarding hop amount, expiry and channel; the final hop amount and expiry.',
  'onion-field-forbidden':
    'The payload has a field that its position must not have: the packet was made for another place in the route, or a sender adds fields in a blinded path.',
  'path-key-twice':
    'A path key came beside the packet and in its payload: only the introduction node finds one inside.',
  'path-key-missing': 'The recipient data is encrypted, and its path key came neither beside the packet nor in it.',
  'path-key-unexpected':
    'A path key came, but this payload is not part of a blinded path. It was sent to the wrong node, or the sender mixed two routes.',
  'blinding-failed':
    "The recipient data does not decrypt: it is for another node, the path key is another hop's, or it was altered. Nodes answer invalid_onion_blinding and say no more.",
  'blinding-feature':
    'The recipient allows features that this reader does not know; it must refuse, even if they are odd.',
  'blinding-constraint':
    'The recipient set a smallest amount and a last height for this path; this payment is outside, or the path is too old.',
  'onion-amount': 'The HTLC holds less than the onion asks for: the hop before took too much.',
  'onion-expiry': 'The HTLC expires earlier than the onion asks for: the hop before took too many blocks.',
  'onion-replay': 'A packet with this HMAC was peeled before. Peeling it again would help whoever probes the route.',
};

/** Returns why a packet is refused with this code, in words; undefined for other codes. */
export const explain = (code: ErrorCode): string | undefined => WHY[code];
