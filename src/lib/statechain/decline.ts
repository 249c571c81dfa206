/**
 * The receiver declines: it will not complete an opening. Its nonce is erased, and its signature,
 * which names S', says so for good. Without the sender's half that ends the opening; with it, it is
 * the promise of an honest receiver.
 */
import type { Network } from '../bitcoin/network.ts';
import type { Hand } from '../protocol/action.ts';
import { sameJson } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Own } from '../signing/exchange.ts';
import { checkRecord, refuseFindings } from './history.ts';
import { checkMine, checkSent } from './receive.ts';
import { cancelled, inState, type Ended, type Invitation, type PendingRecord, type Statecoin } from './records.ts';
import { declineOf, signStatement, type Invite } from './statements.ts';
import { locktimeAt, readCoin, viewOf } from './terms.ts';
import type { At, TransferMessage } from './transfer-messages.ts';

type Invited = Extract<Statecoin, { state: 'invited' }> | Ended;
type NamesOpening = Extract<TransferMessage, { opening: unknown }>;

/**
 * Declines an opening that this receiver has answered (--cancel), and erases its nonce.
 * @throws Refusal `state-moved-on`, `not-mine`, `too-late-to-cancel`
 */
export function decline(hand: Hand, m: TransferMessage | null, had: PendingRecord) {
  if (m && 'opening' in m) {
    checkMine(had.side, m.invite);
    if (had.id !== m.coin.id || !sameJson(had.opening, m.opening))
      throw new Refusal('state-moved-on', 'this home has answered another opening');
    checkUnmoved(m);
  }
  const said = { coin: viewOf(had), invite: had.side, opening: had.opening };
  return {
    ...declined(hand, had.own, said),
    writes: { next: { ...had, state: 'declined', nonce: null } as Statecoin },
  };
}

/**
 * --cancel of what this home knows by its invitation alone. Of `sent` the history is kept: whoever
 * was restored may decline what it has completed before, and an operator may complete what was
 * declined.
 */
export function declineNamed(hand: Hand, named: NamesOpening, next: Statecoin | undefined) {
  const had = inState(next, 'owner', 'invited', 'cancelled') as Invited;
  checkInvited(had, named.invite);
  checkUnmoved(named);
  const invitation = had.state === 'invited' ? had : had.invitation;
  const after = had.state === 'invited' ? cancelled(had) : had;
  const kept = named.step === 'sent' && invitation ? heldBack(hand, named, had.own, invitation) : undefined;
  return {
    ...declined(hand, had.own, named),
    writes: { next: kept ?? after },
    ...(invitation?.restored && {
      hint: "this home was restored: where the operator says that the coin has moved, it is this home's; give `sent` with --cancel, if you have not, and then the operator's `moved`",
    }),
  };
}

/**
 * The coin as `sent` has it, declined; undefined where its history is not good.
 * @throws Refusal `bad-record`, `operator-differs`
 */
function heldBack(
  hand: Hand,
  m: At<'sent'>,
  own: Own,
  { side, operator, restored }: Invitation,
): Statecoin | undefined {
  const coin = readCoin(m.coin, hand.network as Network, 'sender');
  // The operator's record names the sender; only its history can end an invitation.
  refuseFindings(checkRecord(coin, m.record, operator), 'sender');
  if (checkSent({ coin, m, operator }).length > 0) return undefined;
  const { opening, record, backups } = m;
  const { entries } = record;
  const asked = { minRemaining: 0, minConf: 0, restored };
  const known = { entries, backups, cancelled: record.cancelled, locktime: locktimeAt(coin.terms, entries.length) };
  return { role: 'owner', state: 'declined', ...coin, own, side, opening, ...known, nonce: null, ...asked };
}

/** @throws Refusal `too-late-to-cancel` where the operator has completed what would be declined */
function checkUnmoved(m: NamesOpening): void {
  if (m.step === 'moved')
    throw new Refusal('too-late-to-cancel', "the operator has moved the coin to this home's keys: it is its owner", {
      hint: 'read that message without --cancel; the coin can be sent back',
    });
}

/** @throws Refusal `not-mine` */
function checkInvited(had: Invited, invite: Invite): void {
  if (had.state !== 'cancelled') checkMine(had.side, invite);
  else if (had.invitation) checkMine(had.invitation.side, invite);
  else
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
