/**
 * Beliefs of a restored or copied home about its statecoins, field by field, and the union of two
 * versions of one record. Openings and proposals end; an invitation stands, and a declined transfer
 * stays declined.
 */
import type { Hex } from '../protocol/action.ts';
import {
  believing,
  doubted,
  each,
  fixed,
  onceOnly,
  remembered,
  united,
  voided,
  type Belief,
  type Beliefs,
} from '../protocol/belief.ts';
import { cancelled, freed, isBeginning, isOperators, isOwners, isPending, type Statecoin } from './states.ts';

const STAGE = { invited: 1, received: 2, declined: 3, closed: 5, gone: 5 } as const;

/** Returns how far a record has come: the first number that differs decides. */
function progress(c: Statecoin): readonly number[] {
  if (c.state === 'cancelled') return [c.lost ? 0 : c.invitation ? STAGE.invited + 0.5 : 3];
  const stage = (STAGE as Partial<Record<Statecoin['state'], number>>)[c.state] ?? 4;
  if (isOwners(c)) return [stage, c.given.length];
  if (!isOperators(c)) return [stage];
  const declined = c.cancelled.filter((ended) => ended.declined !== null);
  // Moves count before cancelled openings: openings of both versions are merged, but only one history is kept.
  return [stage, c.entries.length + c.signed.length, c.cancelled.length + declined.length];
}

const further = (a: Statecoin, b: Statecoin): boolean => {
  const ahead = progress(a).map((n, i) => n - (progress(b)[i] ?? 0));
  return (ahead.find((n) => n !== 0) ?? 0) > 0;
};

/** Rule of openings by S': the union of both versions, merged where both have one. */
const openings = <T extends { operator_pubkey: Hex }>(both: (later: T, earlier: T) => T): Belief<readonly T[]> => ({
  merged: (later, earlier = []) =>
    united<T>((e) => e.operator_pubkey).merged!(later, earlier).map((e) => {
      const other = earlier.find((o) => o.operator_pubkey === e.operator_pubkey);
      return other ? both(e, other) : e;
    }),
});

const fields: Beliefs<Statecoin> = {
  ...each(fixed, 'role', 'state', 'network', 'own', 'side', 'key', 'operator', 'id', 'terms', 'outpoint'),
  // Signed by the operator, or counted by it, in order: the later version has all of the earlier one's.
  ...each(fixed, 'entries', 'signed', 'backups'),
  ...each(fixed, 'offer', 'to', 'opening', 'frozen', 'locktime', 'minRemaining', 'minConf', 'answer'),
  ...each(fixed, 'funding', 'coins', 'lost'),
  ...each(onceOnly, 'receipt', 'tx', 'closing', 'exiting', 'settled'),
  cancelled: openings((later, earlier) => ({ ...later, declined: later.declined ?? earlier.declined })),
  given: openings((later, earlier) => ({
    ...later,
    owner_auth: later.owner_auth || earlier.owner_auth,
    sent: later.sent || earlier.sent,
    declined: later.declined || earlier.declined,
  })),
  withdrawals: united((w) => w.sighash),
  // True outlives the other version's value; null (unknown) gives way to false.
  declined: { merged: (later, earlier) => later || (earlier ?? later) },
  superseded: remembered,
  invitation: { restored: (invitation) => ({ ...invitation, restored: true }) },
  ...each(voided<string | null>(null), 'nonce', 'share'),
  restored: doubted,
};

/** Returns the record after a restore: openings and proposals end, invitations stay. */
function afterRestore(c: Statecoin): Statecoin {
  if (c.state === 'invited') return c;
  if (isBeginning(c)) return { ...cancelled(c), lost: true };
  if (c.state === 'frozen') return freed(c);
  return c.state === 'withdrawing' ? { ...c, state: 'owned' } : c;
}

const beliefs = believing(fields, { restored: afterRestore, isLater: further });
export const { restored } = beliefs;

/** Returns whether its home has declined the transfer, or given up the invitation to it. */
const isDeclined = (c: Statecoin): boolean => c.state === 'declined' || isGivenUp(c);
const isGivenUp = (c: Statecoin): boolean => c.state === 'cancelled' && c.invitation !== undefined;

/** Merges two versions. A transfer that either has declined stays declined. */
export function merged(mine: Statecoin, other: Statecoin): Statecoin {
  const versions = [mine, other];
  const both = beliefs.merged(mine, other);
  if (isOwners(both) && versions.some(isDeclined)) return { ...both, declined: true };
  const pending = versions.find(isPending);
  return pending && versions.some(isGivenUp) ? { ...pending, state: 'declined', nonce: null, restored: true } : both;
}
