/**
 * The receiver declines: it will not complete an opening. Its nonce is erased, and its signature, which names S', says so for
 * good. Without the sender's half that ends the opening; with it, it is the promise of an honest receiver.
 */
import type { Hand } from '../protocol/action.ts';
import { sameJson } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { xOnlyKey } from '../signing/bip340.ts';
import type { Own } from '../signing/exchange.ts';
import { checkMine } from './receive.ts';
import { backupNonce, cancelled, isPending, must, type Ended, type Statecoin } from './records.ts';
import { declineOf, signStatement, type Invite } from './statements.ts';
import { viewOf } from './terms.ts';
import type { At, TransferMessage } from './transfer-messages.ts';

/**
 * --cancel: it will not complete the opening, which the message names or its record. Its nonce is erased, and its signature
 * says so for good. An invitation that was given up can still decline what was sent to it.
 */
export function decline(hand: Hand, m: TransferMessage | null, next: Statecoin | undefined) {
  const had = must(next, 'owner', 'invited', 'received', 'declined', 'cancelled');
  const named = m && 'opening' in m ? m : undefined;
  if (isPending(had)) {
    if (named) checkMine(had.side, named.invite);
    if (named && (had.id !== named.coin.id || !sameJson(had.opening, named.opening)))
      throw new Refusal('state-moved-on', 'this home has answered another opening');
    const said = { coin: viewOf(had), invite: had.side, opening: had.opening };
    return {
      ...declined(hand, had.own, said),
      writes: { next: { ...had, state: 'declined', nonce: null } as Statecoin },
      voids: backupNonce(had),
    };
  }
  if (!named) throw new Refusal('too-late-to-cancel', 'no opening found to decline');
  if (had.state === 'invited') checkMine(had.side, named.invite);
  else checkInvited(hand, had, named.invite);
  return { ...declined(hand, had.own, named), writes: { next: had.state === 'invited' ? cancelled(had) : had } };
}

/** Of an invitation that was given up only its keys are left. */
function checkInvited(hand: Hand, { own: { path }, key }: Ended, { pubkey, auth }: Invite): void {
  if (pubkey !== key || auth !== xOnlyKey(hand.keys.auth(path)))
    throw new Refusal('not-mine', 'the transfer names other keys than this home has invited to', { blame: 'sender' });
}

function declined(
  hand: Hand,
  { path }: Own,
  { coin, invite: to, opening }: Pick<At<'declined'>, 'coin' | 'invite' | 'opening'>,
) {
  const signed = signStatement('declined', declineOf(coin.id, to, opening.operator_pubkey), hand.keys.auth(path));
  const message: At<'declined'> = {
    step: 'declined',
    network: hand.network,
    coin,
    invite: to,
    opening,
    declined: signed,
  };
  return { message };
}
