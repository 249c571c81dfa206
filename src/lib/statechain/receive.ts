/**
 * The receiver's steps of a transfer: keys for it, all checks before it answers, the last one
 * before it counts as paid.
 *
 * For the receiver only `owned` is payment: the operator has counted its signature, and the coin
 * was seen on the chain once more. Until then the sender may be faster with its own backup.
 */
import { checkCoin } from '../bitcoin/coin-checks.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Network } from '../bitcoin/network.ts';
import type { Facts, Hand, Hex } from '../protocol/action.ts';
import { sameJson } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { bytesToHex, evenSecret, parseResidue } from '../signing/curve.ts';
import { answerOf, checkAnswer, drawNonce, finishIn, psbtOf } from '../signing/exchange.ts';
import { coinKey, firstMessageFits, offsetPoint, secondMessage } from '../signing/key-update.ts';
import { publicKey } from '../signing/musig2.ts';
import { freshSide, type Side } from '../signing/side.ts';
import { backupCopy, bundleOf, movedCopy } from './backup.ts';
import { checkChain, checkHistory, checkRecord, refuseFindings, type HistoryFault } from './history.ts';
import { ownerJob, receiverJob } from './jobs.ts';
import { drawSecret } from './operator.ts';
import { atRest, isOwners, isPending, inState, type OwnerRecord, type PendingCoin } from './records.ts';
import { followedCoin, standingOf, windowOf, type StatecoinFacts } from './standing.ts';
import { checkReceipt, isSignedBy, isStatement, transferOf, type OwnerEntry } from './statements.ts';
import { checkLock, checkStep, knownTip, locktimeAt, pointOf, readCoin, spentCoin, type Coin } from './terms.ts';
import {
  isOpenFor,
  nextEntry,
  openIn,
  sealIn,
  type At,
  type Out,
  type TransferInput,
  type TransferRecords,
} from './transfer-messages.ts';
import { backup, backupSighash } from './transactions.ts';

type StepRecords = Partial<TransferRecords>;

export function invite(hand: Hand, operator: Hex, address: string): Out<'invited'> {
  const { own, side } = freshSide(hand, undefined, address);
  return {
    message: { step: 'invited', network: hand.network, operator, invite: side },
    writes: { next: { role: 'owner', state: 'invited', network: hand.network, own, side, operator, restored: false } },
  };
}

/** Checks points 1 to 11; without a finding, returns m2 and opens the nonce. */
export function receiveCoin(
  hand: Hand,
  m: At<'sent'>,
  { next }: StepRecords,
  facts: StatecoinFacts,
  { minRemaining = 0, minConf = 0, maxLock }: TransferInput,
): Out<'received'> {
  const had = inState(next, 'owner', 'invited', 'received');
  const { invite: to, opening, record } = m;
  checkMine(had.side, to);
  const coin = readCoin(m.coin, hand.network as Network, 'sender');
  if (isPending(had) && (had.id !== coin.id || !sameJson(had.opening, opening)))
    throw new Refusal('state-moved-on', 'another transfer to these keys was answered before');
  const operator = isPending(had) ? had.terms.operator : had.operator;
  const tip = knownTip(facts.tip);
  // The cheap check comes first, because anyone can send a long history without the operator's signature.
  refuseFindings(checkRecord(coin, record, operator), 'sender');
  const { terms } = coin;
  checkStep(terms);
  const locktime = locktimeAt(terms, record.entries.length);
  checkLock(locktime - tip, maxLock);
  const least = terms.step_blocks + Math.max(minRemaining, terms.margin_blocks);
  refuseFindings(
    [...checkSent({ coin, m, operator }), ...checkChain({ coin, record }, facts, least, minConf)],
    'sender',
  );
  const last = record.entries.at(-1)!;
  const m1 = openIn('m1', m, m.m1, evenSecret(hand.keys.auth(had.own.path)), 'sender');
  if (parseResidue(m1) === undefined)
    throw new Refusal('scalar-range', "the sender's half of the key update is out of range", { blame: 'sender' });
  if (!firstMessageFits([last.operator_pubkey, last.owner_pubkey], m1, opening.x_pubkey))
    throw new Refusal('m1-mismatch', "m1·G is not c·O + X of the sender's key", { blame: 'sender' });

  const pending: PendingCoin = {
    role: 'owner',
    id: coin.id,
    terms,
    outpoint: coin.outpoint,
    own: had.own,
    side: had.side,
    opening,
    entries: record.entries,
    backups: m.backups,
    cancelled: record.cancelled,
    locktime,
    nonce: null,
    minRemaining,
    minConf,
    restored: had.restored,
  };
  const opened = openBackup(hand, pending);
  const said: Omit<At<'received'>, 'm2'> = {
    step: 'received',
    network: m.network,
    coin: m.coin,
    invite: to,
    opening,
    transfer_signature: m.transfer_signature,
    expected_count: record.count,
    psbt: { backup: opened.psbt },
  };
  const oneTime = drawSecret(hand);
  const m2 = secondMessage(m1, [opening.operator_pubkey, to.pubkey], hand.keys.contract(had.own.path));
  const sealed = sealIn('m2', said, m2, oneTime, opening.one_time_pubkey);
  return {
    message: { ...said, m2: { key: bytesToHex(publicKey(oneTime)), sealed } },
    writes: { next: { ...pending, state: 'received', nonce: opened.sighash } },
    opens: opened.opens,
    checks: { coins: facts.coins === 'not-checked' ? 'not-checked' : 'confirmed' },
  };
}

/** Refuses a message that is not for this home's keys. @throws Refusal `not-mine` */
export function checkMine(side: Side, to: At<'sent'>['invite']): void {
  if (!sameJson(side, to))
    throw new Refusal('not-mine', 'the transfer names other keys, or another address, than this home has invited to', {
      blame: 'sender',
    });
}

/** All that needs no chain: is this the coin's history, handed on to these keys? */
export const checkSent = ({ coin, m, operator }: { coin: Coin; m: At<'sent'>; operator: Hex }): HistoryFault[] => [
  ...(sameJson(m.record.coin, m.coin) ? [] : [{ point: 1, code: 'bad-record', text: OTHER_COIN } as const]),
  ...checkHistory({ coin, record: m.record, backups: m.backups }, operator),
  ...checkTransfer(coin, m),
];
const OTHER_COIN = "the operator's record is of another coin";

/** Checks points 5 and 11, the consent and the freeze, and that the new pair leads to P. */
function checkTransfer(coin: Coin, { invite: to, opening, record, transfer_signature }: At<'sent'>): HistoryFault[] {
  const found: HistoryFault[] = [];
  const { entries } = record;
  const consent = transferOf(coin, entries.length, to, opening);
  if (!isStatement('transfer', consent, transfer_signature, entries.at(-1)!.owner_auth))
    found.push({ point: 5, code: 'transfer-signature', text: 'the sender has not signed this transfer' });
  if (!isOpenFor(record, opening, to))
    found.push({ point: 11, code: 'stale-record', text: 'the operator is not frozen for these keys' });
  const old = entries.flatMap((e) => [e.operator_pubkey, e.owner_pubkey]);
  const fresh = [opening.operator_pubkey, to.pubkey];
  if (fresh.some((key) => old.includes(key)) || !offsetPoint(pointOf(coin.terms), [fresh[0]!, fresh[1]!]))
    found.push({ point: 4, code: 'key-rejected', text: 'a key of the new pair was used before, or is no point' });
  return found;
}

/** Opens the nonce of the own backup, bound to T' = P − KeyAgg([S', O']) in place of t'. */
function openBackup(hand: Hand, { opening, side, own, locktime, ...coin }: PendingCoin) {
  const keys = { operator_pubkey: opening.operator_pubkey, owner_pubkey: side.pubkey };
  const job = receiverJob(coin, own, keys, backup(coin, { address: side.address, locktime }));
  const bound = offsetPoint(pointOf(coin.terms), [keys.operator_pubkey, keys.owner_pubkey])!;
  const { share, opens } = drawNonce(hand, job, bound);
  return { psbt: psbtOf(job, { own: share }), sighash: job.nonceId.sighash, opens };
}

/** Requests the backup again with a new nonce, after a move whose nonce this home has lost. */
export function receiveAgain(hand: Hand, m: At<'moved'>, { next }: StepRecords): Out<'received'> {
  const had = inState(next, 'owner', 'received', 'declined');
  const { entry, record } = movedTo(had, m);
  const opened = openBackup(hand, had);
  return {
    message: {
      step: 'received',
      network: m.network,
      coin: m.coin,
      invite: m.invite,
      opening: m.opening,
      transfer_signature: m.transfer_signature,
      expected_count: record.count,
      m2: null,
      psbt: { backup: opened.psbt },
    },
    // The state stays `declined`: such a transfer is no payment, but its backup may be needed.
    writes: { next: { ...had, nonce: entry.sighash } },
    opens: opened.opens,
  };
}

/** Coin that `moved` is compared with: its history as it was before the own entry. */
interface Received extends Coin {
  side: Side;
  opening: { operator_pubkey: Hex };
  entries: readonly OwnerEntry[];
  locktime: number;
}

/**
 * Checks point 12: the coin has moved to exactly these keys, with no other signature meanwhile.
 * @throws Refusal `terms-differ`, `state-moved-on`, `keyagg-mismatch`, `bad-receipt`, `bad-record`,
 * `signature-count`, …
 */
function movedTo(had: Received, m: At<'moved'>): { entry: OwnerEntry; record: At<'moved'>['record'] } {
  checkMine(had.side, m.invite);
  if (Object.entries(had.opening).some(([name, key]) => m.opening[name as keyof typeof m.opening] !== key))
    throw new Refusal('state-moved-on', 'this home has answered another opening', { blame: 'operator' });
  const { offset, record, receipt } = m;
  const locked = nextEntry(m.invite, m.opening, had.locktime);
  const entry: OwnerEntry = { ...locked, offset, sighash: backupSighash(had, locked) };
  if (coinKey([entry.operator_pubkey, entry.owner_pubkey], offset) !== pointOf(had.terms))
    throw new Refusal('keyagg-mismatch', 'the new keys and their offset do not sum to the key of the coin', {
      blame: 'operator',
    });
  const owners = had.entries.length + 1;
  checkReceipt(receipt, had.terms.operator, {
    coin: had.id,
    owners,
    from_pubkey: had.entries.at(-1)!.owner_pubkey,
    owner_pubkey: entry.owner_pubkey,
    owner_auth: entry.owner_auth,
    operator_pubkey: entry.operator_pubkey,
    offset,
    count: owners,
    sighash: entry.sighash,
  });
  if (!isSignedBy('record', record, had.terms.operator) || !sameJson(record.coin, m.coin))
    throw new Refusal('bad-record', "the operator's record is of another coin, or not signed", { blame: 'operator' });
  const signed = [...had.entries, entry].map(({ sighash }) => ({ kind: 'backup', sighash }));
  if (record.count !== owners || !sameJson(record.signed, signed))
    throw new Refusal('signature-count', 'the operator has signed more, or something else, since the check', {
      blame: 'operator',
    });
  if (record.state !== 'open' || !sameJson(record.entries, [...had.entries, entry]))
    throw new Refusal('bad-record', "the operator's record is not the checked history with this owner added", {
      blame: 'operator',
    });
  return { entry, record };
}

/** The coin is this home's: the chain looked at again, the backup finished, stored and printed. */
export function own(
  hand: Hand,
  m: At<'moved'>,
  { next, coin: before }: StepRecords,
  facts: StatecoinFacts & Pick<Facts, 'ours'>,
  { unchecked = false }: TransferInput,
): Out<'owned'> {
  const tip = knownTip(facts.tip);
  if (isOwners(next)) return ownedBefore(next, m, tip, facts, unchecked);
  const had = inState(next, 'owner', 'received', 'declined');
  const { entry, record } = movedTo(had, m);
  const { terms } = had;
  const { coins, least } = looked(had, facts);
  const job = ownerJob(had.own, entry, backup(had, entry));
  const { hex, spends } = finishIn(hand, job, m.psbt.backup);
  const earlier = isOwners(before) ? before : undefined;
  const owned: Extract<OwnerRecord, { state: 'owned' }> = {
    role: 'owner',
    state: 'owned',
    id: had.id,
    terms,
    outpoint: had.outpoint,
    own: had.own,
    side: had.side,
    entries: [...had.entries, entry],
    backups: [...had.backups, hex],
    cancelled: record.cancelled,
    receipt: m.receipt,
    answer: answerOf(m.psbt.backup),
    funding: null,
    coins: [],
    given: [],
    withdrawals: [],
    minRemaining: had.minRemaining,
    minConf: had.minConf,
    restored: had.restored || (earlier?.restored ?? false),
    declined: had.state === 'declined' || (had.restored ? null : false),
    superseded: false,
  };
  // The home had the coin before: as its sender, or long ago. The later owner has its id.
  const left: Partial<TransferRecords> =
    earlier && earlier.state !== 'closed' ? { coin: { ...atRest(earlier), state: 'gone', superseded: true } } : {};
  const said = say(owned, m, tip, facts, { coins, unchecked, restored: had.restored, least });
  return {
    ...said,
    ...(left.coin && { copies: [...said.copies, movedCopy(earlier!, facts.ours)] }),
    writes: { ...left, next: owned },
    spends,
  };
}

/** Checks another `moved` of an own coin like the first, and the chain once more. */
function ownedBefore(
  c: OwnerRecord,
  m: At<'moved'>,
  tip: number,
  facts: StatecoinFacts & Pick<Facts, 'ours'>,
  unchecked: boolean,
): Out<'owned'> {
  const had = inState(c, 'owner', 'owned', 'offering', 'sent', 'withdrawing') as OwnerRecord;
  checkAnswer(had.answer, m.psbt.backup, 'backup', 'operator');
  const { operator_pubkey, locktime } = had.entries.at(-1)!;
  movedTo({ ...had, opening: { operator_pubkey }, locktime, entries: had.entries.slice(0, -1) }, m);
  const { coins, least } = looked(had, facts);
  return {
    ...say(had, m, tip, facts, { coins, unchecked, restored: had.restored, least }),
    writes: {},
  };
}

/**
 * The chain once more, at every `moved`: the coin as deep, and the backup as far away, as the
 * receiver has asked. A coin that is missing by now keeps nobody from a backup that the operator
 * has signed: its owner may have to outbid another one.
 */
function looked(c: Coin & Pick<OwnerRecord, 'minConf' | 'minRemaining'>, { coins }: Pick<Facts, 'coins'>) {
  const minConf = Math.max(c.terms.min_conf, c.minConf);
  const isGone = coins !== 'not-checked' && coins.get(outpointText(c.outpoint)) === 'missing';
  return {
    coins: isGone ? 'missing' : checkCoin(coins, spentCoin(c), { minConf, blame: 'sender' }),
    least: Math.max(c.terms.margin_blocks, c.minRemaining),
  };
}

/** Facts from which `owned` is decided. */
interface Grounds {
  coins: string;
  unchecked: boolean;
  /** The record of the transfer comes from a restored store. */
  restored: boolean;
  /** Blocks that the backup must be away. */
  least: number;
}

/** Returns why a transfer is no payment yet, by its name and in words; undefined if it is. */
function missing(
  c: OwnerRecord,
  remaining: number,
  on: Grounds,
  facts: StatecoinFacts,
): readonly [check: string, words: string] | undefined {
  if (on.coins === 'missing') {
    const { words } = standingOf(followedCoin(c), windowOf(c), facts);
    return [
      'coin-missing',
      `${words}. No payment before this home's own exit is final: spillway statechain-exit, at a higher fee than what spends the coin`,
    ];
  }
  if (c.declined)
    return ['declined-before', 'declined before: no payment; the backup is kept in case that the sender lost the coin'];
  if (on.restored)
    return [
      'restored',
      'this home was restored: it may have declined this transfer before, and then it is no payment; ask the sender',
    ];
  if (remaining < on.least)
    return [
      'late',
      `only ${remaining} blocks are left: do not count this as payment before the coin is withdrawn or exited and confirmed`,
    ];
  if (on.coins === 'not-checked' && !on.unchecked)
    return [
      'not-checked',
      'nobody looked whether the coin is still there: do not count this as payment before `spillway status` or `statechain-verify` with --chain has (--unchecked says that you have looked yourself)',
    ];
  return undefined;
}

function say(
  c: OwnerRecord,
  { record, receipt }: Pick<At<'moved'>, 'record' | 'receipt'>,
  tip: number,
  facts: StatecoinFacts & Pick<Facts, 'ours'>,
  on: Grounds,
) {
  const bundle = bundleOf(c, c.entries, c.backups.at(-1)!, facts.ours);
  const remaining = c.entries.at(-1)!.locktime - tip;
  const message: At<'owned'> = {
    step: 'owned',
    network: c.terms.network,
    ...bundle,
    record,
    backups: [...c.backups],
    receipt,
    remaining_blocks: remaining,
  };
  const [payment, hint] = missing(c, remaining, on, facts) ?? ['final', undefined];
  return {
    message,
    copies: [backupCopy(bundle, c.terms.network)],
    checks: { coins: on.coins, payment },
    ...(hint !== undefined && { exit: 3 as const, hint }),
    // Unmet or skipped checks may pass in a later run, so the reply is not stored.
    ...((hint !== undefined || on.unchecked) && { passing: true as const }),
  };
}
