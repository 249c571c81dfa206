/** A message in words, for `inspect`: what it says, what of that was checked, and whose seal it carries. */
import type { Hex, Party } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { verifies } from './bip340.ts';
import { messageHash } from './seal.ts';

/** Label and text. */
export type Fact = readonly [label: string, text: string];
export interface Description {
  facts: Fact[];
  /** What was checked, and how it came out. */
  checks: Fact[];
}

/** Which of the parties' keys has sealed a message. */
export function sealedBy(m: Readonly<Record<string, unknown>>, keys: Readonly<Record<Party, Hex>>): string {
  const auth = m['auth'];
  if (typeof auth !== 'string') return 'none';
  const hash = messageHash(m);
  const [party] = Object.entries(keys).find(([, key]) => verifies(auth, hash, key)) ?? [];
  return party === undefined ? 'by neither party: altered on the way' : `by the ${party}`;
}

/** What a check says, or why it refuses. */
export function attempt(check: () => string): string {
  try {
    return check();
  } catch (error) {
    if (error instanceof Refusal) return `no: ${error.message}`;
    throw error;
  }
}
