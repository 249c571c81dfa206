/**
 * Values of the fields by which an offer recurs, and of the place in a chain of preimages.
 *
 * Recurrence: bolts#1240 (https://github.com/lightning/bolts/pull/1240), a draft. Not here: what they mean
 * (`recurrence.ts`), chains (`preimages.ts`).
 */
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import type { Fields } from '../protocol/document.ts';
import type { Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readTruncated, readUint, writeTruncated, writeUint } from '../wire/bigsize.ts';
import { atLeast, type Kind } from '../wire/fields.ts';

export const RECURRENCE_LIMITS = {
  period: { unit: 'number', most: 0xffff_ffffn },
  basetime: { unit: 'Unix seconds', most: (1n << 64n) - 1n },
  window: { unit: 'seconds', most: 0xffff_ffffn },
  index: { unit: 'number', most: 0xffff_ffffn },
} satisfies Limits;

/** Units of a period, at the place of their number. */
const UNITS = ['seconds', 'days', 'months'] as const;
export interface PeriodJson {
  unit: (typeof UNITS)[number];
  period: bigint;
}
export interface BaseJson {
  /** True where a period that has begun costs its rest. */
  proportional: boolean;
  basetime: bigint;
}
export interface PaywindowJson {
  seconds_before: bigint;
  seconds_after: bigint;
}
export interface ChainPlaceJson {
  salt: string;
  index: bigint;
}

const inner = <T>(from: Fields, name: string, read: (fields: Fields) => T): T => {
  const fields = from.need(name, from.object(name), 'an object');
  const made = read(fields);
  fields.end();
  return made;
};

export const period: Kind<PeriodJson> = {
  write: ({ unit, period: n }) => concatBytes(Uint8Array.of(UNITS.indexOf(unit)), writeTruncated(n, 4)),
  read: (bytes) => {
    const unit = UNITS[atLeast(bytes, 1)[0]!];
    if (unit === undefined)
      throw new Refusal('tlv-value', `unit ${bytes[0]} found, 0 (seconds), 1 (days) or 2 (months) expected`);
    return { unit, period: readTruncated(bytes.subarray(1), 4) };
  },
  parse: (from, name) =>
    inner(from, name, (fields) => {
      const unit = UNITS.find((each) => each === fields.json('unit')) ?? fields.refuse('unit', UNITS.join(', '));
      return { unit, period: fields.need('period', fields.whole('period', RECURRENCE_LIMITS.period.most)) };
    }),
};
export const base: Kind<BaseJson> = {
  write: ({ proportional, basetime }) => concatBytes(Uint8Array.of(proportional ? 1 : 0), writeTruncated(basetime, 8)),
  read: (bytes) => {
    const first = atLeast(bytes, 1)[0]!;
    if (first > 1) throw new Refusal('tlv-value', `${first} found where 0 or 1 says if amounts are proportional`);
    return { proportional: first === 1, basetime: readTruncated(bytes.subarray(1), 8) };
  },
  parse: (from, name) =>
    inner(from, name, (fields) => ({
      proportional: fields.flag('proportional'),
      basetime: fields.need('basetime', fields.whole('basetime', RECURRENCE_LIMITS.basetime.most)),
    })),
};
export const paywindow: Kind<PaywindowJson> = {
  write: (window) => concatBytes(writeUint(window.seconds_before, 4), writeTruncated(window.seconds_after, 4)),
  read: (bytes) => ({
    seconds_before: readUint(atLeast(bytes, 4).subarray(0, 4)),
    seconds_after: readTruncated(bytes.subarray(4), 4),
  }),
  parse: (from, name) =>
    inner(from, name, (fields) => {
      const seconds = (key: string) => fields.need(key, fields.whole(key, RECURRENCE_LIMITS.window.most));
      return { seconds_before: seconds('seconds_before'), seconds_after: seconds('seconds_after') };
    }),
};
/** A field without a value, `true` in JSON. */
export const cancel: Kind<true> = {
  write: () => new Uint8Array(),
  read: (bytes) => {
    if (bytes.length > 0) throw new Refusal('tlv-value', `${bytes.length} bytes found, none expected`);
    return true;
  },
  parse: (from, name) => (from.flag(name) ? true : from.refuse(name, 'true')),
};
export const chainPlace: Kind<ChainPlaceJson> = {
  write: ({ salt, index }) => concatBytes(hexToBytes(salt), writeTruncated(index, 4)),
  read: (bytes) => ({
    salt: bytesToHex(atLeast(bytes, 32).subarray(0, 32)),
    index: readTruncated(bytes.subarray(32), 4),
  }),
  parse: (from, name) =>
    inner(from, name, (fields) => ({
      salt: bytesToHex(fields.need('salt', fields.bytes('salt', 32))),
      index: fields.need('index', fields.whole('index', RECURRENCE_LIMITS.index.most)),
    })),
};
