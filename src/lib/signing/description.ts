/** Descriptions of messages for `inspect`: facts in words, checks, and whose seal it is. */
import type { Hex, Party } from '../protocol/action.ts';
import { Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { verifies } from './bip340.ts';
import { messageHash } from './seal.ts';

/** Label and text. */
export type Fact = readonly [label: string, text: string];
/** Label and outcome in words, and the refusal's code if the check failed. */
export type Check = readonly [label: string, text: string, failed?: ErrorCode];
export interface Description {
  facts: Fact[];
  checks: Check[];
}

/** Returns which party has sealed a message; the check fails if none has. */
export function sealedBy(m: Readonly<Record<string, unknown>>, keys: Readonly<Record<Party, Hex>>): Check {
  const auth = m['auth'];
  if (typeof auth !== 'string') return ['seal', 'none'];
  const hash = messageHash(m);
  const [party] = Object.entries(keys).findLast(([, key]) => verifies(auth, hash, key)) ?? [];
  return party === undefined
    ? ['seal', 'by nobody whom the message names: altered on the way, or made up', 'bad-seal']
    : ['seal', `by the ${party}`];
}

/** Runs a check, and returns its words or those of its refusal. */
export function attempt(label: string, check: () => string): Check {
  try {
    return [label, check()];
  } catch (error) {
    if (error instanceof Refusal) return [label, `no: ${error.message}`, error.code];
    throw error;
  }
}
