/**
 * Values of the fields by which an offer recurs, and of the place in a chain of preimages.
 *
 * Recurrence: bolts#1240 (https://github.com/lightning/bolts/pull/1240), a draft. Not here: what
 * they mean (`recurrence.ts`), chains (`preimages.ts`).
 */
import type { Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { hexBytes, type Kind } from '../wire/fields.ts';
import { part, struct, truncatedEnd, uint, type Part, type StructOf } from '../wire/struct.ts';

export const RECURRENCE_LIMITS = {
  period: { unit: 'number', most: 0xffff_ffffn },
  basetime: { unit: 'Unix seconds', most: (1n << 64n) - 1n },
  window: { unit: 'seconds', most: 0xffff_ffffn },
  index: { unit: 'number', most: 0xffff_ffffn },
} satisfies Limits;

/** Units of a period, at the place of their number. */
const UNITS = ['seconds', 'days', 'months'] as const;
const unit: Part<(typeof UNITS)[number]> = {
  write: (name) => Uint8Array.of(UNITS.indexOf(name)),
  read: (take) => {
    const [number] = take(1);
    const name = UNITS[number!];
    if (name !== undefined) return name;
    throw new Refusal('tlv-value', `unit ${number} found, 0 (seconds), 1 (days) or 2 (months) expected`);
  },
  parse: (from, name) => UNITS.find((each) => each === from.json(name)) ?? from.refuse(name, UNITS.join(', ')),
};
/** True where a period that has begun costs its rest. */
const proportional: Part<boolean> = {
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
export const chainPlace = struct({ salt: part(hexBytes(32), 32), index: truncatedEnd(4, RECURRENCE_LIMITS.index) });

/** A field without a value, `true` in JSON. */
export const cancel: Kind<true> = {
  write: () => new Uint8Array(),
  read: (bytes) => {
    if (bytes.length > 0) throw new Refusal('tlv-value', `${bytes.length} bytes found, none expected`);
    return true;
  },
  parse: (from, name) => (from.flag(name) ? true : from.refuse(name, 'true')),
};
