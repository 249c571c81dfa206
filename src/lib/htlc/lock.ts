/**
 * Locks of refunds: a height, a time, or a number of blocks or seconds after the coin confirmed.
 * BIP65 (CHECKLOCKTIMEVERIFY), BIP112 with BIP68 (CHECKSEQUENCEVERIFY), BIP113: times are compared
 * with the median of the last eleven blocks, about an hour behind the clock.
 * Not here: which variant takes which lock (`scripts.ts`).
 */
import { LOCKTIME_THRESHOLD } from '../bitcoin/locktime.ts';
import { SEQUENCE_RBF } from '../bitcoin/transaction.ts';
import type { Moment } from '../contract/moment.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';

export const LOCK_KINDS = ['height', 'time', 'blocks', 'seconds'] as const;
export type LockKind = (typeof LOCK_KINDS)[number];
/** `time` is Unix time; `blocks` and `seconds` (512 n) count from the coin's confirmation. */
export interface Lock {
  kind: LockKind;
  value: number;
}

/** BIP68: the unit of relative times, and the bit that says so. */
const UNIT = 512;
const TIME_BIT = 1 << 22;
const MOST_RELATIVE = 0xffff;
export const LOCK_LIMITS = {
  height: { unit: 'height', least: 1, most: LOCKTIME_THRESHOLD - 1 },
  time: { unit: 'Unix seconds', least: LOCKTIME_THRESHOLD, most: 0xffffffff },
  blocks: { unit: 'blocks', least: 1, most: MOST_RELATIVE },
  seconds: { unit: 'seconds', least: UNIT, most: MOST_RELATIVE * UNIT },
} satisfies Limits;
export const AHEAD_LIMITS = {
  /** An absolute lock, by tip or clock. */
  lock: { unit: 'number', least: (now: number) => now + 1 },
} satisfies Limits;

export const isRelative = ({ kind }: Lock): boolean => kind === 'blocks' || kind === 'seconds';

/** @throws Refusal `locktime-kind` for a value that a lock of its kind cannot hold */
export function checkLock(lock: Lock): Lock {
  const { kind, value } = lock;
  const { least, most } = LOCK_LIMITS[kind];
  if (!Number.isSafeInteger(value) || !allows(LOCK_LIMITS[kind], value))
    throw new Refusal('locktime-kind', `a lock by ${kind} of ${value} found, ${least} to ${most} expected`);
  if (kind === 'seconds' && value % UNIT !== 0)
    throw new Refusal('locktime-kind', `a lock of ${value} seconds found, a multiple of ${UNIT} expected`, {
      hint: `${Math.min(Math.ceil(value / UNIT), MOST_RELATIVE) * UNIT} seconds are the next`,
    });
  return lock;
}

/** The number that the script compares with, and that nLockTime or nSequence must have. */
export const lockNumber = ({ kind, value }: Lock): number => (kind === 'seconds' ? TIME_BIT | (value / UNIT) : value);

export const lockOpcode = (lock: Lock): string => (isRelative(lock) ? 'CHECKSEQUENCEVERIFY' : 'CHECKLOCKTIMEVERIFY');

/** Returns the lock of a script; undefined for a number that this program never writes. */
export function lockFrom(opcode: string, n: number): Lock | undefined {
  const lock: Lock =
    opcode === 'CHECKLOCKTIMEVERIFY'
      ? { kind: n < LOCKTIME_THRESHOLD ? 'height' : 'time', value: n }
      : n & TIME_BIT
        ? { kind: 'seconds', value: (n & MOST_RELATIVE) * UNIT }
        : { kind: 'blocks', value: n };
  try {
    return lockNumber(checkLock(lock)) === n ? lock : undefined;
  } catch {
    return undefined;
  }
}

/** Fields of a transaction that let a path of the script pass its lock. */
export interface Timing {
  locktime: number;
  sequence: number;
}
export const AT_ONCE: Timing = { locktime: 0, sequence: SEQUENCE_RBF };
/** A relative lock of one block, as Loop's and BOLT3's scripts ask for. */
export const NEXT_BLOCK: Timing = { locktime: 0, sequence: 1 };

export const timingOf = (lock: Lock): Timing =>
  isRelative(lock) ? { locktime: 0, sequence: lockNumber(lock) } : { locktime: lock.value, sequence: SEQUENCE_RBF };

/** Source: Bitcoin Core, IsFinalTx and SequenceLocks. */
export function validFrom({ kind, value }: Lock): NonNullable<Moment> {
  switch (kind) {
    case 'height':
      return { height: value + 1 };
    case 'time':
      return { median_time: value + 1 };
    case 'blocks':
      return { confirmations: value };
    case 'seconds':
      return { seconds: value };
  }
}

/** Returns the lock in words for people. */
export function lockWords({ kind, value }: Lock): string {
  switch (kind) {
    case 'height':
      return `from block ${value + 1} on`;
    case 'time':
      return `once the median time of the last eleven blocks is past ${new Date(value * 1000).toISOString().slice(0, 19)}Z`;
    case 'blocks':
      return `${value} blocks after the coin confirmed`;
    case 'seconds':
      return `${value} seconds (median time) after the coin confirmed`;
  }
}

const DATE = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?Z)?$/;

/**
 * HEIGHT, +BLOCKS (needs the tip), Unix time from 500000000 on, YYYY-MM-DD[THH:MM[:SS]Z],
 * relative:BLOCKS, relative:SECONDSs.
 * @throws Refusal `usage`, `locktime-kind`
 */
export function parseLock(text: string, tip: number | 'not-checked'): Lock {
  const [, relative, unit] = /^relative:([1-9]\d{0,8})(s?)$/.exec(text) ?? [];
  if (relative !== undefined) return checkLock({ kind: unit === 's' ? 'seconds' : 'blocks', value: Number(relative) });
  if (/^[1-9]\d{0,9}$/.test(text)) {
    const value = Number(text);
    return checkLock({ kind: value < LOCKTIME_THRESHOLD ? 'height' : 'time', value });
  }
  if (/^\+[1-9]\d{0,6}$/.test(text)) {
    if (tip === 'not-checked')
      throw new Refusal('usage', 'an expiry in blocks from now found, and no height to count from', {
        hint: 'give --tip HEIGHT or --chain URL; relative:BLOCKS counts from the confirmation of the coin',
      });
    return checkLock({ kind: 'height', value: tip + Number(text) });
  }
  const time = DATE.test(text) ? Date.parse(text.length === 10 ? `${text}T00:00:00Z` : text) : NaN;
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== text.slice(0, 10))
    throw new Refusal(
      'usage',
      `--expires ${JSON.stringify(text.slice(0, 40))} found, a height, +BLOCKS, a date, a Unix time, relative:BLOCKS or relative:SECONDSs expected`,
    );
  return checkLock({ kind: 'time', value: time / 1000 });
}

/** @throws Refusal `expired` for an absolute lock that is not ahead of tip or clock */
export function checkAhead(lock: Lock, tip: number | 'not-checked', now: number): string {
  if (isRelative(lock)) return 'relative';
  const from = lock.kind === 'time' ? now : tip;
  if (from === 'not-checked') return 'not-checked';
  if (lock.value < AHEAD_LIMITS.lock.least(from))
    throw new Refusal(
      'expired',
      `an expiry at ${lock.value} found, after ${from} expected: the refund would be valid at once`,
    );
  return 'ahead';
}
