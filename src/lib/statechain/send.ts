/**
 * The sender's steps of a transfer: it offers the coin, hands it on with m1, keeps the receipt, or
 * takes it back. Once m1 has left the home, an operator that only pretends to destroy the opening
 * could complete it behind the next owner's back. The home therefore remembers every opening that
 * it has answered. After a cancel that its receiver has not declined it sends the coin to nobody
 * but itself. What a restored home does not remember, it takes for sent.
 */
import type { Facts, Hand } from '../protocol/action.ts';
import { sameJson } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { bytesToHex, evenSecret, parseScalar } from '../signing/curve.ts';
import { coinKey, firstMessage } from '../signing/key-update.ts';
import { publicKey } from '../signing/musig2.ts';
import { evenKey } from '../signing/sealed-field.ts';
import { movedCopy } from './backup.ts';
import { refuseFindings, checkCount } from './history.ts';
import { drawSecret } from './operator.ts';
import { atRest, isOwners, inState, type AnsweredOpening, type OwnerRecord, type Statecoin } from './records.ts';
import {
  checkReceipt,
  isDeclined,
  isSignedBy,
  isStatement,
  signStatement,
  transferOf,
  type Cancelled,
  type Invite,
  type PublicRecord,
} from './statements.ts';
import { locktimeAt, pointOf, viewOf } from './terms.ts';
import {
  isOpenFor,
  openIn,
  readable,
  sealIn,
  type At,
  type Out,
  type TransferMessage,
  type TransferRecords,
} from './transfer-messages.ts';
import { backupSighash } from './transactions.ts';

/** Openings that could be completed without this owner. */
export const exposed = (c: OwnerRecord): AnsweredOpening[] => c.given.filter((g) => g.sent && !g.declined);

/**
 * Returns whether no transfer of this coin can be completed without this owner. False while an
 * opening is exposed, and for a record of a restored store, which may not know all that was sent.
 */
const isFinal = (c: OwnerRecord): boolean => !c.restored && exposed(c).length === 0;

/** @throws Refusal `undeclined` unless the invitation is one of this home itself */
function checkExposed(c: OwnerRecord, invite: Invite, own: Statecoin | undefined): void {
  if (exposed(c).length === 0 || (own?.state === 'invited' && sameJson(own.side, invite))) return;
  throw new Refusal(
    'undeclined',
    'an earlier transfer of this coin was cancelled after its secret half had left, and its receiver has not declined',
    {
      hint: c.restored
        ? "give this home's own 'sent' of that transfer with --cancel, so that it knows whom it had invited, and then the receiver's decline; or withdraw, exit, or transfer the coin to this home itself"
        : 'let that receiver give it up with --cancel, and hand on its answer; or withdraw, exit, or transfer the coin to this home itself',
    },
  );
}

/** Returns the coin, unless its exit was sent: it may be spent. @throws Refusal `exit-sent` */
function stays<C extends OwnerRecord>(c: C): C {
  if (c.exiting)
    throw new Refusal('exit-sent', 'the exit of this coin was sent: it is passed on no more', {
      hint: 'spillway status says what has become of it',
    });
  return c;
}

export function offer(
  { invite, network, operator }: At<'invited'>,
  { coin, next }: Partial<TransferRecords>,
): Out<'offered'> {
  const c = stays(inState(coin, 'owner', 'owned'));
  if (operator !== c.terms.operator)
    throw new Refusal(
      'operator-differs',
      `the receiver trusts the operator ${operator}, the coin is of ${c.terms.operator}`,
    );
  checkExposed(c, invite, next);
  return {
    message: { step: 'offered', network, coin: viewOf(c), invite },
    writes: { coin: { ...c, state: 'offering', to: invite } },
  };
}

export function send(hand: Hand, m: At<'opened'>, { coin, next }: Partial<TransferRecords>): Out<'sent'> {
  const c = stays(inState(coin, 'owner', 'offering'));
  const { invite, opening, record } = m;
  if (!sameJson(c.to, invite) || c.given.some((g) => g.operator_pubkey === opening.operator_pubkey))
    throw new Refusal('state-moved-on', 'this opening is not for the transfer that this home offered last');
  checkRecord(c, m);
  const x = openIn('x', m, { key: opening.one_time_pubkey, sealed: m.x }, readerKey(hand, c), 'operator');
  if (parseScalar(x) === undefined)
    throw new Refusal('scalar-range', 'the blinding number of the operator is out of range', { blame: 'operator' });
  if (bytesToHex(publicKey(x)) !== opening.x_pubkey)
    throw new Refusal('x-mismatch', 'x·G is not the X that the operator has signed', { blame: 'operator' });
  const known = withEnded(c, record.cancelled);
  checkExposed(known, invite, next);

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
    message: readable({ ...said, m1: { key: bytesToHex(publicKey(oneTime)), sealed } }),
    writes: { coin: { ...known, state: 'sent', to: invite, opening, given: [...known.given, givenOf(m, true)] } },
  };
}

const readerKey = (hand: Hand, c: OwnerRecord): Uint8Array => evenSecret(hand.keys.auth(c.own.path));
type Offered = { invite: Invite; opening: Pick<Cancelled, 'operator_pubkey'> };
const givenOf = ({ invite, opening }: Offered, sent: boolean): AnsweredOpening => ({
  operator_pubkey: opening.operator_pubkey,
  owner_pubkey: invite.pubkey,
  owner_auth: invite.auth,
  sent,
  declined: false,
});

/**
 * Checks that the operator's record agrees with this owner's and is frozen for this transfer.
 * @throws Refusal `bad-record`, `stale-record`, …
 */
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

/**
 * Returns the record with the openings that the operator states as ended. A decline counts under
 * the key that was invited, and no other. A restored home takes what it does not remember for sent;
 * whom it had invited it does not know.
 */
function withEnded(c: OwnerRecord, cancelled: readonly Cancelled[]): OwnerRecord {
  const mine = cancelled.filter((e) => e.owners === c.entries.length);
  const known = c.given.map((g) => {
    const found = mine.find((e) => e.operator_pubkey === g.operator_pubkey && e.owner_pubkey === g.owner_pubkey);
    return found && isDeclined(c.id, found, g.owner_auth) ? { ...g, declined: true } : g;
  });
  const lost = mine.filter((e) => !known.some((g) => g.operator_pubkey === e.operator_pubkey));
  return { ...c, given: [...known, ...(c.restored ? lost.map(lostOf) : [])] };
}
const lostOf = ({ operator_pubkey, owner_pubkey }: Cancelled): AnsweredOpening => ({
  operator_pubkey,
  owner_pubkey,
  owner_auth: '',
  sent: true,
  declined: false,
});

/**
 * Keeps the operator's receipt, which proves the payment, whatever the receiver says. It is for
 * what this home has signed away. The new pair comes to the coin's key, which it could not without
 * this home's half.
 */
export function keepReceipt(
  m: At<'moved'>,
  { coin }: Partial<TransferRecords>,
  { ours }: Pick<Facts, 'ours'>,
): Out<'paid'> {
  const c = inState(coin, 'owner', 'sent', 'owned', 'offering', 'gone');
  const { invite, opening, receipt, network } = m;
  checkGiven(c, m);
  const position = c.entries.length;
  const to = { address: invite.address, locktime: locktimeAt(c.terms, position) };
  checkReceipt(receipt, c.terms.operator, {
    coin: c.id,
    owners: position + 1,
    from_pubkey: c.side.pubkey,
    owner_pubkey: invite.pubkey,
    owner_auth: invite.auth,
    operator_pubkey: opening.operator_pubkey,
    count: position + 1,
    sighash: backupSighash(c, to),
  });
  if (coinKey([opening.operator_pubkey, invite.pubkey], receipt.offset) !== pointOf(c.terms))
    throw new Refusal('bad-receipt', "the receipt's offset does not lead to the key of the coin: it has not moved", {
      blame: 'operator',
    });
  return {
    message: { step: 'paid', network, coin: m.coin, invite, opening, receipt },
    writes: { coin: { ...atRest(c), state: 'gone' } },
    copies: [movedCopy(c, ours)],
    ...(c.restored && {
      exit: 3,
      hint: 'this home was restored: if its receiver had declined this transfer before, it was not paid',
    }),
  };
}

/**
 * Refuses an opening other than the one in which this home has sent the coin, to this receiver, and
 * not declined.
 * @throws Refusal `state-moved-on`
 */
function checkGiven(c: OwnerRecord, { invite, opening, transfer_signature }: At<'moved'>): void {
  const given = c.given.find((g) => g.operator_pubkey === opening.operator_pubkey);
  const consent = transferOf(c, c.entries.length, invite, opening);
  const sent = given ? given.sent && given.owner_pubkey === invite.pubkey : c.restored;
  if (!sent || !isStatement('transfer', consent, transfer_signature, c.side.auth))
    throw new Refusal('state-moved-on', 'this home has not sent the coin to that receiver in that opening', {
      blame: 'operator',
    });
  if (given?.declined)
    throw new Refusal('state-moved-on', 'the receiver has declined this opening, and the operator has completed it', {
      hint: 'withdraw or exit at once: that receiver holds a backup which is valid before the one of this home',
      blame: 'operator',
    });
}

/** Takes the coin back. `final`: no transfer of it can be completed without this owner. */
export function keep(m: At<'freed'>, { coin }: Partial<TransferRecords>): Out<'kept'> {
  if (!isOwners(coin)) throw new Refusal('unknown-contract', 'this home knows no such coin as owner');
  const { cancelled } = m;
  if (coin.state === 'gone' || coin.state === 'closed')
    throw new Refusal('state-moved-on', `the coin is '${coin.state}' in this home: nothing of it is kept`);
  if (cancelled.owners !== coin.entries.length)
    throw new Refusal('state-moved-on', 'this opening was not of the present owner');
  const answered = isGiven(coin, cancelled);
  const offered = coin.state === 'offering' && coin.to.pubkey === cancelled.owner_pubkey;
  if (!answered && !offered && !coin.restored)
    throw new Refusal('state-moved-on', 'this home has answered no such opening');
  // Stores openings that ended unseen, so that they are never answered.
  const unseen =
    !answered && offered && !coin.restored ? [givenOf({ invite: coin.to, opening: cancelled }, false)] : [];
  const known = withEnded({ ...coin, given: [...coin.given, ...unseen] }, [cancelled]);
  const under = coin.state === 'sent' ? answered && isUnder(coin, cancelled) : offered;
  const released = under ? ownAgain(known) : known;
  const final = isFinal(released);
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

type NamedKeys = Pick<Cancelled, 'operator_pubkey' | 'owner_pubkey'>;
const isGiven = (c: OwnerRecord, named: NamedKeys): boolean =>
  c.given.some((g) => g.operator_pubkey === named.operator_pubkey && g.owner_pubkey === named.owner_pubkey);
/** Returns whether it is the opening of the current transfer. */
const isUnder = (c: Extract<OwnerRecord, { state: 'sent' }>, { operator_pubkey }: NamedKeys): boolean =>
  c.opening.operator_pubkey === operator_pubkey;

const WHO_COULD =
  'the secret half of a transfer has left this home and its receiver has not declined, or this home was restored and does not know: an operator that only pretends to have destroyed its part could still complete it with that receiver, and sell the coin twice; until a `declined` of the receiver is here, the coin can be withdrawn, exited with its backup at its height, or transferred to this home itself (which does not help against the operator)';

const ownAgain = (c: OwnerRecord): OwnerRecord => ({ ...atRest(c), state: 'owned' });

/**
 * --cancel by the owner: the offer that is under way, or an opening that this home was shown. The
 * operator is told where it may have frozen the coin: the message names S'.
 */
export function takeBack(hand: Pick<Hand, 'network'>, m: TransferMessage | null, coin: OwnerRecord) {
  const under = coin.state === 'sent' && coin.opening;
  const named = m ?? (under && ({ step: 'sent', invite: coin.to, opening: under } as const));
  if (!named || !('opening' in named)) return takeOffer(m, coin);
  return takeOpening(hand, named, coin);
}

type NamedOpening = Pick<At<'sent' | 'opened'>, 'invite' | 'opening'> & { step: string; record?: PublicRecord };

function takeOpening(hand: Pick<Hand, 'network'>, m: NamedOpening, coin: OwnerRecord) {
  if (coin.state === 'gone' || coin.state === 'closed')
    throw new Refusal('too-late-to-cancel', `the coin is '${coin.state}' in this home`);
  const { invite, opening, record } = m;
  if (record && record.entries.length !== coin.entries.length)
    throw new Refusal('state-moved-on', 'this opening was not of the present owner');
  const named = { operator_pubkey: opening.operator_pubkey, owner_pubkey: invite.pubkey };
  const answered = isGiven(coin, named);
  const offered = coin.state === 'offering' && sameJson(coin.to, invite);
  const sent = coin.state === 'sent' && answered && isUnder(coin, named);
  // Only an answered or offered opening can be cancelled, or one shown to an owner that offers nothing. Otherwise
  // an operator's message could free a coin that was sent.
  if (!answered && !offered && !(coin.state === 'owned' && (m.step === 'opened' || m.step === 'sent')))
    throw new Refusal('state-moved-on', 'this is not the opening in which the coin is under way');
  const known = withNamed(coin, m);
  const after = offered || sent ? ownAgain(known) : known;
  const final = isFinal(after);
  return {
    writes: { coin: after as Statecoin },
    message: { step: 'cancelled', network: hand.network, coin: viewOf(coin), invite, opening, final } as const,
    ...(!final && { hint: WHO_COULD }),
  };
}

/** Adds the named opening to the record; a restored home learns of it by its own `sent`. */
function withNamed(c: OwnerRecord, m: NamedOpening): OwnerRecord {
  const given = c.given.find((g) => g.operator_pubkey === m.opening.operator_pubkey);
  const named = { ...givenOf(m, c.restored), ...(m.step !== 'sent' && c.restored && { owner_auth: '' }) };
  if (!given) return { ...c, given: [...c.given, named] };
  if (given.owner_auth !== '' || m.step !== 'sent' || given.owner_pubkey !== m.invite.pubkey) return c;
  return { ...c, given: c.given.map((g) => (g === given ? { ...g, owner_auth: m.invite.auth } : g)) };
}

/** Cancels an offer for which this home knows no opening. */
function takeOffer(m: TransferMessage | null, coin: OwnerRecord) {
  const named = m && (m.step === 'invited' || m.step === 'offered') ? m.invite : undefined;
  if (coin.state !== 'offering' || (m && !(named && sameJson(coin.to, named))))
    throw new Refusal('too-late-to-cancel', `the coin is '${coin.state}' in this home: nothing of that is offered`, {
      hint: "after 'opened', give that message: the operator must be told",
    });
  return {
    writes: { coin: ownAgain(coin) },
    hint: 'if the operator has opened the transfer, give its message with --cancel too, and hand the answer on',
  };
}
