/**
 * Cancelling: --cancel, by a message or by the record that it is named by. It is a step like
 * others. It authenticates what it reads; what it says is kept and printed again. What its action
 * has answered over the same records is said no more.
 * Not here: what may still be given up (each family's table).
 */
import type { Action, Given, Keys, Records, Seen, Step } from '../protocol/action.ts';
import { printJson } from '../protocol/json.ts';
import { CANCELLED, type Ports } from '../protocol/ports.ts';
import { homeRestored, Refusal } from '../protocol/refusal.ts';
import { xOnlyKey } from '../signing/bip340.ts';
import { checkSeal, isSealedBy } from '../signing/seal.ts';
import {
  answer,
  answered,
  commit,
  digest,
  handed,
  load,
  printed,
  sayAgain,
  sealed,
  withEnvelope,
  type Line,
  type Printed,
} from './stage.ts';

/** @throws Refusal as the action's `cancel`; `bad-seal`, `usage`, `home-restored`, `unknown-contract`, `concurrent` */
export async function giveUp<M extends Step, Rs extends Records, I extends object>(
  action: Action<M, Rs, I>,
  message: M | null,
  line: Line<I>,
  ports: Ports,
): Promise<Printed> {
  if (!action.cancel) throw new Refusal('usage', `${action.type} cannot be cancelled`);
  // What a cancel ends for good no journal brings back.
  if (ports.restored) throw homeRestored('what it would cancel may have gone on since');
  const { checks: _, ...read } = (line.json ?? {}) as Record<string, unknown>;
  const key = digest([action.type, CANCELLED, line.json === null ? null : read, line.over ?? null, line.input]);
  return answered(
    key,
    ports,
    (reply) => sayAgain(reply, ports),
    () => once(action, message, line, ports, key),
  );
}

/** One attempt; undefined where another run was faster. */
async function once<M extends Step, Rs extends Records, I extends object>(
  action: Action<M, Rs, I>,
  message: M | null,
  line: Line<I>,
  ports: Ports,
  key: string,
): Promise<Printed | undefined> {
  const loaded = await load(action, message, line, ports);
  const { seen, hand } = await handed(action, message, line, loaded, ports);
  if (Object.keys(seen.records).length === 0)
    throw new Refusal('unknown-contract', 'this home has no record of what that message speaks of');
  if (message) checkOwnOrPeers(action, seen, line.json as object, hand.keys);
  const kept = action.cancel!({ ...seen, ...hand, facts: {} } as Given<M | null, Rs, I, never, never>);
  const said = kept.message
    ? sealed(action, withEnvelope(action.type, kept.message), { ...seen.records, ...kept.writes }, seen.by, hand.keys)
    : { type: action.type, version: 1, step: CANCELLED, network: ports.network };
  const reply = answer(action.type, CANCELLED, printJson(said), {
    ...(kept.hint !== undefined && { hint: kept.hint }),
    ends: true,
  });
  return (await commit(action, kept, key, reply, loaded, [], ports)) ? printed(reply) : undefined;
}

/**
 * A cancel names what it ends by a message of this home or of the other side: both are known by their seals, and the other
 * side by the record, never by what the message says of itself.
 * @throws Refusal `bad-seal`
 */
function checkOwnOrPeers<M extends Step, Rs extends Records, I>(
  action: Action<M, Rs, I>,
  seen: Seen<M | null, Rs, I>,
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
  // Of a message that no counterparty sends nobody's seal would do.
  checkSeal(json, peer ?? '', 'counterparty');
}
