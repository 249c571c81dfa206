/**
 * Codecs of BOLT12 fields: how each value is written in bytes and in JSON.
 *
 * BOLT12, TLV Fields; recurrence by bolts#1240 (https://github.com/lightning/bolts/pull/1240), a
 * draft. Paths are in the shape of `onion-blind`; `invoice_blindedpay` is a list of payinfo
 * objects. Not here: which field has which value (`fields.ts`), periods (`recurrence.ts`).
 */
import { bytesToHex, concatBytes, hexToBytes, utf8Of } from '../bitcoin/bytes.ts';
import { CHAIN_HASHES, isNetwork } from '../bitcoin/network.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { hexBytes, type Codec } from '../wire/fields.ts';
import { RELAY_LIMITS, FEES } from '../wire/fees.ts';
import { counted, struct, structs, uint, member, truncatedEnd, type Member, type StructOf } from '../wire/struct.ts';

export const VALUE_LIMITS = {
  /** Size of the features of a path, and of a fallback's program. */
  bytes: { unit: 'bytes', most: 0xffff },
  /** Size of either half of a BIP353 name. */
  name: { unit: 'bytes', most: 255 },
  version: { unit: 'number', most: 255n },
} satisfies Limits;

const refuse = (text: string): never => {
  throw new Refusal('tlv-value', text);
};

/** Codec of text in UTF-8. */
export const utf8Text: Codec<string> = {
  write: (value) => new TextEncoder().encode(value),
  read: (bytes) => utf8Of(bytes) ?? refuse('bytes found that are no UTF-8'),
  parse: (from, name) => {
    const text = from.need(name, from.text(name), 'text');
    return text.isWellFormed() ? text : from.refuse(name, 'text without half a surrogate pair');
  },
};

/** Returns the chain hash of a network; undefined for other names. */
const hashOf = (name: unknown): string | undefined =>
  typeof name === 'string' && isNetwork(name) ? CHAIN_HASHES[name] : undefined;

/** Codec of chain hashes in hex; JSON may name networks. */
export const chains: Codec<string[]> = {
  write: (value) => concatBytes(...value.map(hexToBytes)),
  read: (bytes) =>
    bytes.length % 32 === 0
      ? Array.from({ length: bytes.length / 32 }, (_, i) => bytesToHex(bytes.subarray(32 * i, 32 * (i + 1))))
      : refuse(`${bytes.length} bytes found, hashes of 32 bytes expected`),
  parse: (from, name) =>
    from.need(
      name,
      from.list(name, (item) => {
        const hash = hashOf(item) ?? item;
        if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash))
          from.refuse(name, 'a list of networks or chain hashes');
        return hash as string;
      }),
    ),
};
/** Codec of one chain hash. */
export const chain: Codec<string> = {
  ...hexBytes(32),
  parse: (from, name) => hashOf(from.json(name)) ?? hexBytes(32).parse(from, name),
};

/** Fees and limits of a blinded path: `blinded_payinfo`. */
export const PAYINFO = {
  ...FEES,
  htlc_minimum_msat: uint(8, RELAY_LIMITS.htlc_msat),
  htlc_maximum_msat: uint(8, RELAY_LIMITS.htlc_msat),
  features: counted(VALUE_LIMITS.bytes),
};
export type PayinfoJson = StructOf<typeof PAYINFO>;
export const payinfos = structs(PAYINFO, { features: '' });

/** Witness program. */
const FALLBACK = { version: uint(1, VALUE_LIMITS.version), program: counted(VALUE_LIMITS.bytes) };
export type FallbackJson = StructOf<typeof FALLBACK>;
export const fallbacks = structs(FALLBACK);

/** Member with half of a BIP353 name, whose bytes are shown as Latin-1. */
const half: Member<string> = {
  write: (text) => Uint8Array.from([text.length, ...Array.from(text, (c) => c.charCodeAt(0))]),
  read: (take) => String.fromCharCode(...take(take(1)[0]!)),
  parse: (from, name) => {
    const text = from.need(name, from.text(name), 'text');
    return /^[\u0000-\u00ff]*$/.test(text) && allows(VALUE_LIMITS.name, text.length)
      ? text
      : from.refuse(name, `at most ${VALUE_LIMITS.name.most} bytes of text`);
  },
};
/** Codec of a BIP353 name. */
export const bip353Name = struct({ name: half, domain: half });

export const RECURRENCE_LIMITS = {
  period: { unit: 'number', most: 0xffff_ffffn },
  basetime: { unit: 'Unix seconds', most: (1n << 64n) - 1n },
  window: { unit: 'seconds', most: 0xffff_ffffn },
  index: { unit: 'number', most: 0xffff_ffffn },
} satisfies Limits;

/** Units of a period, in the order of their numbers. */
const UNITS = ['seconds', 'days', 'months'] as const;
const unit: Member<(typeof UNITS)[number]> = {
  write: (name) => Uint8Array.of(UNITS.indexOf(name)),
  read: (take) => {
    const [number] = take(1);
    const name = UNITS[number!];
    if (name !== undefined) return name;
    throw new Refusal('tlv-value', `unit ${number} found, 0 (seconds), 1 (days) or 2 (months) expected`);
  },
  parse: (from, name) => UNITS.find((each) => each === from.json(name)) ?? from.refuse(name, UNITS.join(', ')),
};
/** Member that is true if a begun period costs only its rest. */
const proportional: Member<boolean> = {
  write: (value) => Uint8Array.of(value ? 1 : 0),
  read: (take) => {
    const [first] = take(1);
    if (first! > 1) throw new Refusal('tlv-value', `${first} found where 0 or 1 says if amounts are proportional`);
    return first === 1;
  },
  parse: (from, name) => from.flag(name),
};

const PERIOD = { unit, period: truncatedEnd(4, RECURRENCE_LIMITS.period) };
const BASE = { proportional, basetime: truncatedEnd(8, RECURRENCE_LIMITS.basetime) };
const PAYWINDOW = {
  seconds_before: uint(4, RECURRENCE_LIMITS.window),
  seconds_after: truncatedEnd(4, RECURRENCE_LIMITS.window),
};
export type PeriodJson = StructOf<typeof PERIOD>;
export type BaseJson = StructOf<typeof BASE>;
export type PaywindowJson = StructOf<typeof PAYWINDOW>;
export const period = struct(PERIOD);
export const base = struct(BASE);
export const paywindow = struct(PAYWINDOW);
export const chainPlace = struct({ salt: member(hexBytes(32), 32), index: truncatedEnd(4, RECURRENCE_LIMITS.index) });

/** Codec of a field without a value: `true` in JSON. */
export const cancel: Codec<true> = {
  write: () => new Uint8Array(),
  read: (bytes) => {
    if (bytes.length > 0) throw new Refusal('tlv-value', `${bytes.length} bytes found, none expected`);
    return true;
  },
  parse: (from, name) => (from.flag(name) ? true : from.refuse(name, 'true')),
};
