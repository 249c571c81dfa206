/**
 * Cancels as rows: `--cancel`, named by a message or by a record. Such a row authenticates what it
 * reads, and ends what its action has answered over the same records.
 * Not here: what may still be given up (each family's table), how a row is played (`play.ts`).
 */
import type { Action, TakeArgs, Hand, Keys, Records, Row, StepContext, Step } from '../protocol/action.ts';
import { CANCELLED, type Ports } from '../protocol/ports.ts';
import { homeRestored, Refusal } from '../protocol/refusal.ts';
import { xOnlyKey } from '../signing/bip340.ts';
import { checkSeal, isSealedBy } from '../signing/seal.ts';
import { digest, type RunInput } from './stage.ts';

/** @throws Refusal `usage`, `home-restored` */
export function checkMayCancel(action: Action<any, any, any>, { restored }: Pick<Ports, 'restored'>): void {
  if (!action.cancel) throw new Refusal('usage', `${action.type} cannot be cancelled`);
  // A journal cannot bring back a cancelled record.
  if (restored) throw homeRestored('what it would cancel may have gone on since');
}

/** Reply key of a cancel. */
export function cancelKey<I>(type: string, { json, over, input }: RunInput<I>): string {
  const { checks: _, ...message } = (json ?? {}) as Record<string, unknown>;
  return digest([type, CANCELLED, json === null ? null : message, over ?? null, input]);
}

/**
 * Returns the row of a cancel: it takes whatever flags were given, and asks for no facts.
 * @throws Refusal `unknown-contract`, `bad-seal`
 */
export function cancelRow<M extends Step, Rs extends Records, I extends object>(
  action: Action<M, Rs, I>,
  seen: StepContext<M | null, Rs, I>,
  { json, input }: RunInput<I>,
  { keys }: Pick<Hand, 'keys'>,
): Row<M, Rs, I> {
  if (Object.keys(seen.records).length === 0)
    throw new Refusal('unknown-contract', 'this home has no record of what that message speaks of');
  if (seen.message) checkOwnOrPeers(action, seen, json as object, keys);
  return {
    name: CANCELLED,
    after: null,
    by: seen.by,
    does: 'gives the action up',
    may: Object.keys(input) as (keyof I)[],
    ends: true,
    take(given: TakeArgs<M | null, Rs, I, never, never>) {
      const { message, hint, ...kept } = action.cancel!(given);
      // Without a message, the runner prints that the action is cancelled.
      return { ...kept, message: message as M, ...(hint !== undefined && { hint }) };
    },
  };
}

/**
 * Checks the seal of the message that a cancel names: of this home, or of the record's
 * counterparty. The message's own claims do not count.
 * @throws Refusal `bad-seal`
 */
function checkOwnOrPeers<M extends Step, Rs extends Records, I>(
  action: Action<M, Rs, I>,
  seen: StepContext<M | null, Rs, I>,
  json: object,
  keys: Keys,
): void {
  const peer = action.peer(seen, seen.by);
  const path = action.sealWith(seen.records, seen.by);
  const own = path && xOnlyKey(keys.auth(path));
  if (own && isSealedBy(json, own)) return;
  if (peer !== null && typeof peer !== 'string')
    throw new Refusal('bad-seal', 'the record does not know who sent this message: it gives nothing up', {
      hint: 'give a message of this home, or name the record: --contract ID --cancel',
    });
  // An empty key refuses every seal of a message that no counterparty sends.
  checkSeal(json, peer ?? '', 'counterparty');
}
