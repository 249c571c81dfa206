/**
 * Recipient data: what the recipient tells each hop of a blinded path, and its encryption.
 *
 * BOLT4, Inside `encrypted_recipient_data`, and Route Blinding: ChaCha20-Poly1305 with the hop's
 * rho key and a nonce of zeros. Not here: the path (`blinding.ts`), fees (`blinded-payment.ts`).
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import {
  field,
  hexBytes,
  point,
  readFields,
  shortChannelId,
  type Codec,
  type ReadFields,
  type ValuesOf,
} from '../wire/fields.ts';
import { RELAY_LIMITS, FEES } from '../wire/fees.ts';
import { struct, truncatedEnd, uint, type StructOf } from '../wire/struct.ts';
import { keyFor } from './keys.ts';

export const RECIPIENT_LIMITS = {
  max_cltv_expiry: { unit: 'height', most: 0xffffffffn },
  feature: { unit: 'number', least: 0, most: 0xffff },
} satisfies Limits;

const RELAY = {
  cltv_expiry_delta: FEES.cltv_expiry_delta,
  fee_proportional_millionths: FEES.fee_proportional_millionths,
  fee_base_msat: truncatedEnd(4, RELAY_LIMITS.fee_base_msat, 0n),
};
const CONSTRAINTS = {
  max_cltv_expiry: uint(4, RECIPIENT_LIMITS.max_cltv_expiry),
  htlc_minimum_msat: truncatedEnd(8, RELAY_LIMITS.htlc_msat, 0n),
};
export type PaymentConstraints = StructOf<typeof CONSTRAINTS>;
const isFeatureBit = (bit: unknown): bit is number =>
  typeof bit === 'number' && Number.isInteger(bit) && allows(RECIPIENT_LIMITS.feature, bit);
/** Codec of feature bits in hex. BOLT4's vectors write the empty set as `{"features": []}`. */
const features: Codec<string> = {
  ...hexBytes(),
  parse: (from, name) => {
    const json = from.json(name);
    if (typeof json !== 'object') return hexBytes().parse(from, name);
    const inner = from.object(name)!;
    const bits = inner.list('features', (bit) => bit) ?? [];
    inner.end();
    if (!bits.every(isFeatureBit)) return from.refuse(name, 'feature bits');
    let set = 0n;
    for (const bit of bits) set |= 1n << BigInt(bit);
    const hex = set === 0n ? '' : set.toString(16);
    return hex.length % 2 ? `0${hex}` : hex;
  },
};

/** Fields of `encrypted_data_tlv`: fees in millisatoshis and millionths, expiries in blocks. */
export const RECIPIENT_DATA = {
  padding: field(1n, hexBytes()),
  short_channel_id: field(2n, shortChannelId),
  next_node_id: field(4n, point),
  path_id: field(6n, hexBytes()),
  next_path_key_override: field(8n, point),
  payment_relay: field(10n, struct(RELAY)),
  payment_constraints: field(12n, struct(CONSTRAINTS)),
  allowed_features: field(14n, features),
};
export type RecipientData = ValuesOf<typeof RECIPIENT_DATA>;

const NONCE = new Uint8Array(12);
const cipher = (secret: Uint8Array) => chacha20poly1305(keyFor('rho', secret), NONCE);

/** Encrypts a hop's data under the secret shared with the path's maker; adds 16 bytes. */
export const encryptData = (plain: Uint8Array, secret: Uint8Array): Uint8Array => cipher(secret).encrypt(plain);

/** Decrypts and reads data. @throws Refusal `blinding-failed`; RecordRefusal as `readFields` */
export function decryptData(
  encrypted: Uint8Array,
  secret: Uint8Array,
): ReadFields<typeof RECIPIENT_DATA> & { plain: Uint8Array } {
  let plain: Uint8Array;
  try {
    plain = cipher(secret).decrypt(encrypted);
  } catch {
    throw new Refusal('blinding-failed', `${encrypted.length} bytes of recipient data do not decrypt`, {
      hint: 'made for another node, or another path key belongs to it',
    });
  }
  return { plain, ...readFields(RECIPIENT_DATA, plain) };
}
