/**
 * The operator's steps of a transfer: it freezes the coin and draws S', x and E; it moves the coin
 * once; it frees it.
 *
 * The move is one commit: checked against its own record, share replaced, signature counted. Only
 * after it is t' revealed and the old share, x and E are destroyed. A request that it has answered
 * is answered again, with another nonce too.
 */
import { checkCoin } from '../bitcoin/coin-checks.ts';
import { checkDust } from '../bitcoin/script.ts';
import { scriptOf } from '../bitcoin/address.ts';
import type { Facts, Hand } from '../protocol/action.ts';
import { sameJson } from '../protocol/json.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { bytesToHex, concatBytes, hexToBytes, parsePoint, parseResidue } from '../signing/curve.ts';
import { signLastIn } from '../signing/exchange.ts';
import { coinKey, nextOffset, offsetPoint, type OpeningSecrets } from '../signing/key-update.ts';
import { publicKey } from '../signing/musig2.ts';
import { evenKey } from '../signing/sealed-field.ts';
import { operatorJob } from './jobs.ts';
import { checkServes, drawName, drawSecret, givenUp, operatorsOwn, publicRecord, receiptOf } from './operator.ts';
import { freed, type Frozen, type OperatorRecord, type Statecoin } from './records.ts';
import {
  declineOf,
  isStatement,
  transferOf,
  type Cancelled,
  type OwnerEntry,
  type Invite,
  type Opening,
} from './statements.ts';
import { checkRemaining, knownTip, locktimeAt, pointOf, spentCoin, viewOf } from './terms.ts';
import {
  nextEntry,
  openIn,
  readable,
  sealIn,
  type At,
  type Out,
  type TransferMessage,
  type TransferRecords,
} from './transfer-messages.ts';
import { backup, backupSighash } from './transactions.ts';

type StepRecords = Partial<TransferRecords>;
type Chain = Pick<Facts, 'tip' | 'coins'>;
type OpenCoin = Extract<OperatorRecord, { state: 'open' }>;

/**
 * The coin, free to be signed for.
 * @throws Refusal `coin-frozen`, `coin-closed`, `home-restored`, `contract-restored`
 */
export function openCoin(hand: Pick<Hand, 'restored'>, found: Statecoin | undefined): OpenCoin {
  const coin = operatorsOwn(found);
  checkServes(hand, coin);
  if (coin.state === 'frozen')
    throw new Refusal('coin-frozen', `the coin is frozen for a transfer to ${coin.frozen.invite.pubkey}`, {
      hint: 'the sender or the operator can give that transfer up with --cancel',
    });
  if (coin.settled) throw new Refusal('coin-closed', `the coin was spent on the chain by ${coin.settled.txid}`);
  if (coin.state === 'closed') throw new Refusal('coin-closed', 'a withdrawal of this coin was signed');
  return coin;
}

export const MOVE_LIMITS = {
  /** Most openings of one owner, this one included, which keeps the record readable. */
  openings: { unit: 'items', most: 16 },
} satisfies Limits;

const onChain = (c: OperatorRecord, coins: Facts['coins']): string =>
  checkCoin(coins, spentCoin(c), { minConf: c.terms.min_conf, blame: 'owner' });

export function freeze(hand: Hand, m: At<'offered'>, { coin, next }: StepRecords, facts: Chain): Out<'opened'> {
  const c = openCoin(hand, coin);
  const tip = knownTip(facts.tip);
  checkRemaining(c.terms, c.entries.length, tip, c.terms.min_remaining_blocks);
  const coins = onChain(c, facts.coins);
  checkInvite(c, m.invite, next);
  if (!allows(MOVE_LIMITS.openings, givenUp(c).length + 1))
    throw new Refusal('too-many-openings', `${MOVE_LIMITS.openings.most} openings of this owner were given up before`, {
      hint: 'withdraw, or exit with the backup at its height',
      blame: 'sender',
    });
  // Without its share the coin could only be frozen, never moved.
  hand.keys.share(c.share!);

  const secrets: OpeningSecrets = { share: drawSecret(hand), x: drawSecret(hand), oneTime: drawSecret(hand) };
  const [operator_pubkey, x_pubkey, one_time_pubkey] = [secrets.share, secrets.x, secrets.oneTime].map((secret) =>
    bytesToHex(publicKey(secret)),
  ) as [string, string, string];
  const opening: Opening = { operator_pubkey, x_pubkey, one_time_pubkey };
  // The receiver's key was fixed before the share was drawn, so their sum is never infinity.
  if (!offsetPoint(pointOf(c.terms), [operator_pubkey, m.invite.pubkey]))
    throw new Refusal('bug', "the receiver's key and the new share sum to nothing");
  const frozen: Frozen = { invite: m.invite, opening, share: drawName(hand) };
  const record: OperatorRecord = { ...c, state: 'frozen', frozen };
  const { network, invite } = m;
  const said = {
    step: 'opened',
    network,
    coin: m.coin,
    invite,
    opening,
    record: publicRecord(hand, record, tip),
  } as const;
  const sender = c.entries.at(-1)!.owner_auth;
  return {
    message: { ...said, x: sealIn('x', said, secrets.x, secrets.oneTime, evenKey(sender)) },
    writes: { coin: record },
    shares: [{ name: frozen.share, secret: concatBytes(secrets.share, secrets.x, secrets.oneTime) }],
    checks: { coins },
  };
}

/**
 * O' is a point that was never seen, on either side of any pair, and its address can be paid.
 * @throws Refusal `key-rejected`
 */
function checkInvite(c: OperatorRecord, { pubkey, auth, address }: Invite, seen: Statecoin | undefined): void {
  const refuse = (why: string) => new Refusal('key-rejected', `the receiver's key ${why}`, { blame: 'sender' });
  if (seen) throw refuse('was shown to this operator before');
  if (!parsePoint(hexToBytes(pubkey)) || !parsePoint(hexToBytes(evenKey(auth))))
    throw refuse('is no point of the curve');
  const x = pubkey.slice(2);
  const used = [...c.entries, ...c.cancelled].flatMap((e) =>
    [e.operator_pubkey, e.owner_pubkey].map((k) => k.slice(2)),
  );
  if (used.includes(x)) throw refuse('was used for this coin before');
  if ([auth, c.terms.operator, ...c.entries.map((e) => e.owner_auth)].includes(x))
    throw refuse('authenticates messages');
  const output = { sat: c.terms.amount_sat, script: scriptOf(address, c.terms.network) };
  checkDust(output, () => 'the coin would be dust at that address');
}

function secretsIn(bytes: Uint8Array): OpeningSecrets {
  return { share: bytes.slice(0, 32), x: bytes.slice(32, 64), oneTime: bytes.slice(64, 96) };
}

export function move(hand: Hand, m: At<'received'>, records: StepRecords, facts: Chain): Out<'moved'> {
  const coin = operatorsOwn(records.coin);
  // A restored home has no frozen coin; any other one is refused there.
  if (coin.state !== 'frozen') return moveAgain(hand, m, coin, facts);
  const tip = knownTip(facts.tip);
  const { frozen } = coin;
  if (!sameJson(frozen.invite, m.invite) || !sameJson(frozen.opening, m.opening))
    throw new Refusal('stale-record', 'the message is of another opening than the one for which the coin is frozen', {
      blame: 'receiver',
    });
  const before = coin.entries.at(-1)!;
  const consent = transferOf(coin, coin.entries.length, m.invite, m.opening);
  if (!isStatement('transfer', consent, m.transfer_signature, before.owner_auth))
    throw new Refusal('transfer-signature', 'the sender has not signed this transfer', { blame: 'receiver' });
  const count = new Set(coin.signed.map((s) => s.sighash)).size;
  if (m.expected_count !== count)
    throw new Refusal('count-moved', `${count} signatures were given, ${m.expected_count} expected by the receiver`);
  checkRemaining(coin.terms, coin.entries.length, tip, coin.terms.margin_blocks);
  const coins = onChain(coin, facts.coins);

  const secrets = secretsIn(hand.keys.share(frozen.share));
  const offset = offsetFrom(coin, frozen, m, secrets, hand.keys.share(coin.share!));
  const locked = nextEntry(m.invite, m.opening, locktimeAt(coin.terms, coin.entries.length));
  const entry: OwnerEntry = { ...locked, offset, sighash: backupSighash(coin, locked) };
  // Its locktime is a step below that of every backup before.
  if (coin.signed.some((s) => s.sighash === entry.sighash))
    throw new Refusal('bug', 'this backup was signed before, for another owner');
  const part = signBackup(hand, coin, m, entry, secrets.share);
  const share = drawName(hand);
  const { frozen: _, ...rest } = coin;
  const moved: OpenCoin = {
    ...rest,
    state: 'open',
    entries: [...coin.entries, entry],
    signed: [...coin.signed, { kind: 'backup', sighash: entry.sighash }],
    share,
  };
  return {
    message: readable(movedMessage(hand, m, moved, part, tip)),
    writes: { coin: moved },
    shares: [{ name: share, secret: secrets.share }],
    checks: { coins },
  };
}

/**
 * t', which alone makes the new pair come to P.
 * @throws Refusal `sealed-unreadable`, `scalar-range`, `m2-mismatch`
 */
function offsetFrom(
  coin: OperatorRecord,
  { invite, opening }: Frozen,
  m: At<'received'>,
  secrets: OpeningSecrets,
  share: Uint8Array,
): string {
  if (!m.m2)
    throw new Refusal('sealed-unreadable', 'no half of the key update found, and the coin has not moved yet', {
      blame: 'receiver',
    });
  const m2 = openIn('m2', m, m.m2, secrets.oneTime, 'receiver');
  if (parseResidue(m2) === undefined)
    throw new Refusal('scalar-range', "the receiver's half of the key update is out of range", { blame: 'receiver' });
  const { operator_pubkey, owner_pubkey, offset } = coin.entries.at(-1)!;
  const pair = [opening.operator_pubkey, invite.pubkey] as const;
  const made = nextOffset(
    { pair: [operator_pubkey, owner_pubkey], offset, share },
    { pair, share: secrets.share },
    m2,
    secrets.x,
  );
  if (coinKey(pair, made) !== pointOf(coin.terms))
    throw new Refusal('m2-mismatch', 'the new keys and their offset would not sum to the key of the coin', {
      blame: 'receiver',
    });
  return made;
}

function signBackup(hand: Hand, coin: OperatorRecord, m: At<'received'>, entry: OwnerEntry, share: Uint8Array): string {
  return signLastIn(hand, operatorJob(share, entry, backup(coin, entry)), m.psbt.backup);
}

const movedMessage = (hand: Hand, m: At<'received'>, c: OpenCoin, psbt: string, tip: number): At<'moved'> => ({
  step: 'moved',
  network: m.network,
  coin: m.coin,
  invite: m.invite,
  opening: m.opening,
  transfer_signature: m.transfer_signature,
  record: publicRecord(hand, c, tip),
  offset: c.entries.at(-1)!.offset,
  receipt: receiptOf(hand, c),
  psbt: { backup: psbt },
});

/** Signs the present owner's backup again, for a new nonce. */
function moveAgain(hand: Hand, m: At<'received'>, coin: OperatorRecord, facts: Chain): Out<'moved'> {
  const c = openCoin(hand, coin);
  const tip = knownTip(facts.tip);
  const last = c.entries.at(-1)!;
  const mine =
    c.entries.length > 1 &&
    last.operator_pubkey === m.opening.operator_pubkey &&
    sameJson([last.owner_pubkey, last.owner_auth, last.address], [m.invite.pubkey, m.invite.auth, m.invite.address]);
  if (!mine)
    throw new Refusal('stale-record', 'the coin is not frozen for this transfer: it was cancelled, or has moved on', {
      blame: 'receiver',
    });
  const part = signBackup(hand, c, m, last, hand.keys.share(c.share!));
  return { message: movedMessage(hand, m, c, part, tip), writes: {} };
}

/** Ends an opening: S', x and E are destroyed. @throws Refusal `state-moved-on` once moved */
export function free(m: At<'declined'> | At<'cancelled'>, records: StepRecords): Out<'freed'> {
  const coin = operatorsOwn(records.coin);
  const names = (e: { operator_pubkey: string; owner_pubkey: string }): boolean =>
    e.operator_pubkey === m.opening.operator_pubkey && e.owner_pubkey === m.invite.pubkey;
  if (coin.entries.some(names))
    throw new Refusal('state-moved-on', 'the coin has moved in this opening: it belongs to the receiver');
  const declined = m.step === 'declined' ? declinedIn(coin, m) : null;
  const under = coin.state === 'frozen' && names({ ...coin.frozen.opening, owner_pubkey: coin.frozen.invite.pubkey });
  const after = under ? freed(coin) : coin;
  const found = after.cancelled.find(names);
  if (!found) throw new Refusal('stale-record', 'this operator has never opened, or drawn, what the message names');
  const ended: Cancelled = { ...found, declined: found.declined ?? declined };
  const record = { ...after, cancelled: after.cancelled.map((e) => (e === found ? ended : e)) } as Statecoin;
  return {
    message: { step: 'freed', network: m.network, coin: m.coin, cancelled: ended },
    writes: { coin: record },
  };
}

/** @throws Refusal `signature-invalid` */
function declinedIn(coin: OperatorRecord, m: At<'declined'>): string {
  const { operator_pubkey } = m.opening;
  const auth =
    coin.state === 'frozen' && coin.frozen.opening.operator_pubkey === operator_pubkey
      ? coin.frozen.invite.auth
      : coin.cancelled.find((e) => e.operator_pubkey === operator_pubkey)?.owner_auth;
  if (!isStatement('declined', declineOf(coin.id, m.invite, operator_pubkey), m.declined, auth ?? ''))
    throw new Refusal('signature-invalid', 'the receiver of this opening has not signed that it declines', {
      blame: 'receiver',
    });
  return m.declined;
}

/** Cancels the operator's opening that is under way, if the message names that one. */
export function dropOpening(coin: OperatorRecord, m: TransferMessage | null, network: string) {
  if (coin.state !== 'frozen')
    throw new Refusal('too-late-to-cancel', `the coin is '${coin.state}' in this home: no transfer is under way`);
  if (m && !namesUnder(m, coin.frozen))
    throw new Refusal('stale-record', 'the message is of another transfer than the one under way');
  const after = freed(coin);
  return {
    writes: { coin: after as Statecoin },
    message: { step: 'freed', network, coin: viewOf(coin), cancelled: after.cancelled.at(-1)! } as const,
    hint: 'the sender may have sent its secret half already: until the receiver declines, the sender transfers the coin to nobody else; hand it this message',
  };
}

function namesUnder(m: TransferMessage, { opening, invite }: Frozen): boolean {
  if ('cancelled' in m)
    return m.cancelled.operator_pubkey === opening.operator_pubkey && m.cancelled.owner_pubkey === invite.pubkey;
  return 'invite' in m && sameJson(m.invite, invite) && (!('opening' in m) || sameJson(m.opening, opening));
}
