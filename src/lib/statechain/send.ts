/**
 * The sender's steps of a transfer: it offers the coin, hands it on with m1, keeps the receipt, or takes it back.
 *
 * Once m1 has left the home, an operator that only pretends to destroy the opening could complete it behind the back of
 * the next owner. So the home remembers every opening that it has answered, and after a cancel that its receiver has not
 * declined it sends the coin to nobody but itself. What a restored home does not remember, it takes for sent.
 */
import type { Hand, Outcome } from '../protocol/action.ts';
import { sameJson } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { bytesToHex, evenSecret, parseScalar } from '../signing/curve.ts';
import { firstMessage } from '../signing/key-update.ts';
import { publicKey } from '../signing/musig2.ts';
import { evenKey } from '../signing/sealed-field.ts';
import { refuseFindings, checkCount } from './history.ts';
import { drawSecret } from './operator.ts';
import { isOwners, must, type Given, type OwnerRecord, type Statecoin } from './records.ts';
import {
  checkReceipt,
  isDeclined,
  isSignedBy,
  signStatement,
  transferOf,
  type Cancelled,
  type Invite,
} from './statements.ts';
import { viewOf } from './terms.ts';
import {
  checkCoinIs,
  isOpenFor,
  openIn,
  sealIn,
  type At,
  type TransferMessage,
  type TransferRecords,
} from './transfer-messages.ts';

type Out<S extends TransferMessage['step']> = Outcome<At<S>, TransferRecords>;

/** Openings that could be completed without this owner. */
export const exposed = (c: OwnerRecord): Given[] => c.given.filter((g) => g.sent && !g.declined);

/** @throws Refusal `undeclined` unless the receiver is this home itself */
function checkExposed(c: OwnerRecord, receiver: Statecoin | undefined): void {
  if (exposed(c).length === 0 || receiver?.role === 'owner') return;
  throw new Refusal(
    'undeclined',
    'an earlier transfer of this coin was cancelled after its secret half had left, and its receiver has not declined',
    {
      hint: 'let that receiver give it up with --cancel, and hand on its answer; or withdraw, exit, or transfer the coin to this home itself',
    },
  );
}

export function offer(
  { invite, network, operator }: At<'invited'>,
  { coin, next }: Partial<TransferRecords>,
): Out<'offered'> {
  const c = must(coin, 'owner', 'owned');
  if (operator !== c.terms.operator)
    throw new Refusal(
      'operator-differs',
      `the receiver trusts the operator ${operator}, the coin is of ${c.terms.operator}`,
    );
  checkExposed(c, next);
  return {
    message: { step: 'offered', network, coin: viewOf(c), invite },
    writes: { coin: { ...c, state: 'offering', to: invite } },
  };
}

export function send(hand: Hand, m: At<'opened'>, { coin, next }: Partial<TransferRecords>): Out<'sent'> {
  const c = must(coin, 'owner', 'offering');
  checkCoinIs(c, m.coin, 'operator');
  const { invite, opening, record } = m;
  if (!sameJson(c.to, invite) || c.given.some((g) => g.operator_pubkey === opening.operator_pubkey))
    throw new Refusal('state-moved-on', 'this opening is not for the transfer that this home offered last');
  checkRecord(c, m);
  const x = openIn('x', m, { key: opening.one_time_pubkey, sealed: m.x }, readerKey(hand, c), 'operator');
  if (parseScalar(x) === undefined)
    throw new Refusal('scalar-range', 'the blinding number of the operator is out of range', { blame: 'operator' });
  if (bytesToHex(publicKey(x)) !== opening.x_pubkey)
    throw new Refusal('x-mismatch', 'x·G is not the X that the operator has signed', { blame: 'operator' });
  const known = withLost(c, record.cancelled);
  checkExposed(known, next);

  const last = c.entries.at(-1)!;
  const m1 = firstMessage([last.operator_pubkey, last.owner_pubkey], hand.keys.contract(c.own.path), x);
  const oneTime = drawSecret(hand);
  const said: Omit<At<'sent'>, 'm1'> = {
    step: 'sent',
    network: m.network,
    coin: m.coin,
    invite,
    opening,
    record,
    backups: [...c.backups],
    transfer_signature: signStatement(
      'transfer',
      transferOf(c, c.entries.length, invite, opening),
      hand.keys.auth(c.own.path),
    ),
  };
  const sealed = sealIn('m1', said, m1, oneTime, evenKey(invite.auth));
  return {
    message: { ...said, m1: { key: bytesToHex(publicKey(oneTime)), sealed } },
    writes: { coin: { ...known, state: 'sent', to: invite, given: [...known.given, givenOf(m, true)] } },
  };
}

const readerKey = (hand: Hand, c: OwnerRecord): Uint8Array => evenSecret(hand.keys.auth(c.own.path));
const givenOf = ({ invite, opening }: Pick<At<'opened'>, 'invite' | 'opening'>, sent: boolean): Given => ({
  operator_pubkey: opening.operator_pubkey,
  owner_pubkey: invite.pubkey,
  sent,
  declined: false,
});

/** The record must be what this owner knows, frozen for this transfer. @throws Refusal `bad-record`, `stale-record`, … */
function checkRecord(c: OwnerRecord, { record, invite, opening }: At<'opened'>): void {
  if (
    !isSignedBy('record', record, c.terms.operator) ||
    !sameJson(record.coin, viewOf(c)) ||
    !sameJson(record.entries, c.entries)
  )
    throw new Refusal('bad-record', "the operator's record is not the history of this owner, or not signed", {
      blame: 'operator',
    });
  refuseFindings(checkCount(record), 'operator');
  if (!isOpenFor(record, opening, invite))
    throw new Refusal('stale-record', "the operator's record is not frozen for this opening", { blame: 'operator' });
}

/** A restored home takes what the operator cancelled, and what it does not remember, for sent. */
function withLost(c: OwnerRecord, cancelled: readonly Cancelled[]): OwnerRecord {
  const mine = cancelled.filter((e) => e.owners === c.entries.length);
  const known = c.given.map((g) => {
    const found = mine.find((e) => e.operator_pubkey === g.operator_pubkey);
    return found && isDeclined(c.id, found) ? { ...g, declined: true } : g;
  });
  const lost = mine.filter((e) => !known.some((g) => g.operator_pubkey === e.operator_pubkey));
  return { ...c, given: [...known, ...lost.map((e) => lostOf(c, e))] };
}
const lostOf = (c: OwnerRecord, e: Cancelled): Given => ({
  operator_pubkey: e.operator_pubkey,
  owner_pubkey: e.owner_pubkey,
  sent: c.restored,
  declined: isDeclined(c.id, e),
});

/** The operator's receipt proves the payment, whatever the receiver says. */
export function pay(m: At<'moved'>, { coin }: Partial<TransferRecords>): Out<'paid'> {
  const c = must(coin, 'owner', 'sent', 'owned', 'offering', 'gone');
  checkCoinIs(c, m.coin, 'operator');
  const { invite, opening, receipt, network } = m;
  checkReceipt(receipt, c.terms.operator, {
    coin: c.id,
    owners: c.entries.length + 1,
    from_pubkey: c.side.pubkey,
    owner_pubkey: invite.pubkey,
    operator_pubkey: opening.operator_pubkey,
  });
  if (!c.restored && !c.given.some((g) => g.sent && g.operator_pubkey === opening.operator_pubkey))
    throw new Refusal('state-moved-on', 'this home has not sent the coin in that opening');
  const { to: _, ...rest } = c as Extract<Statecoin, { to: Invite }>;
  return {
    message: { step: 'paid', network, coin: m.coin, invite, opening, receipt },
    writes: { coin: { ...rest, state: 'gone' } },
  };
}

/** The coin is the sender's again; `final` where nobody else can complete the opening any more. */
export function keep(m: At<'freed'>, { coin }: Partial<TransferRecords>): Out<'kept'> {
  if (!isOwners(coin)) throw new Refusal('unknown-contract', 'this home knows no such coin as owner');
  checkCoinIs(coin, m.coin, 'operator');
  const { cancelled } = m;
  if (cancelled.owners !== coin.entries.length)
    throw new Refusal('state-moved-on', 'this opening was not of the present owner');
  const known = withLost(coin, [cancelled]);
  const under = coin.state === 'offering' || coin.state === 'sent';
  const released = under && coin.to.pubkey === cancelled.owner_pubkey ? ownAgain(known) : known;
  const given = released.given.find((g) => g.operator_pubkey === cancelled.operator_pubkey)!;
  const final = !given.sent || given.declined;
  return {
    message: {
      step: 'kept',
      network: m.network,
      coin: m.coin,
      cancelled,
      final,
      locktime: coin.entries.at(-1)!.locktime,
    },
    writes: { coin: released as Statecoin },
    ...(!final && { hint: WHO_COULD }),
  };
}

const WHO_COULD =
  'the secret half of this transfer has left this home and its receiver has not declined: an operator that only pretends to have destroyed its part could still complete it with that receiver, and sell the coin twice; until a `declined` of the receiver is here, the coin can be withdrawn, exited with its backup at its height, or transferred to this home itself (which does not help against the operator)';

function ownAgain(c: OwnerRecord): OwnerRecord {
  const { to: _, ...rest } = c as Extract<Statecoin, { to: Invite }>;
  return { ...rest, state: 'owned' };
}

/** --cancel by the owner. The operator is told where it may have frozen the coin: the message names S'. */
export function takeBack(hand: Pick<Hand, 'network'>, m: TransferMessage | null, coin: OwnerRecord) {
  const under = coin.state === 'offering' || coin.state === 'sent' ? coin : undefined;
  if (!m || !('opening' in m)) {
    if (under?.state !== 'offering')
      throw new Refusal('too-late-to-cancel', `the coin is '${coin.state}' in this home: nothing is offered`, {
        hint: "after 'opened', give that message: the operator must be told",
      });
    return {
      writes: { coin: ownAgain(under) },
      hint: 'if the operator has opened the transfer, give its message with --cancel too, and hand the answer on',
    };
  }
  if (coin.state === 'gone' || coin.state === 'closed')
    throw new Refusal('too-late-to-cancel', `the coin is '${coin.state}' in this home`);
  const { invite, opening } = m;
  const found = coin.given.find((g) => g.operator_pubkey === opening.operator_pubkey);
  const given = found ?? givenOf(m, coin.restored);
  const freed = under && under.to.pubkey === invite.pubkey ? ownAgain(coin) : coin;
  const final = !given.sent || given.declined;
  return {
    writes: { coin: { ...freed, given: found ? coin.given : [...coin.given, given] } as Statecoin },
    message: { step: 'cancelled', network: hand.network, coin: viewOf(coin), invite, opening, final } as const,
    ...(!final && { hint: WHO_COULD }),
  };
}
