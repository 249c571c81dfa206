/** Standing of a statecoin in one line, for `status`. */
import { scriptLike } from '../bitcoin/address.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Hex } from '../protocol/action.ts';
import { exitQuoteBy, statusHead, type StatusLine, type StatusSource, type Verdict } from '../contract/status.ts';
import { followedCoin, standingOf, windowOf, type StatecoinFacts } from './standing.ts';
import { isOperators, isOwners, mayBeAnothers, statecoinKind, type OwnerRecord, type Statecoin } from './records.ts';
import { exposed } from './send.ts';
import { confirmBefore, locktimeAt, transfersLeft } from './terms.ts';
import { ownersWay } from './ways.ts';

/** Line of `status` about a statecoin; sums in satoshis. */
export interface StatechainStatus extends StatusLine {
  capacity_sat?: bigint;
  outpoint?: string;
  owners?: number;
  /** nLockTime of the present owner's backup. */
  expiry?: number;
  /** Height by which the backup must be confirmed; null: no earlier owner. */
  deadline_height?: number | null;
  /** Number of further owners that the coin can have; it falls as blocks pass. */
  transfers_left?: number;
  verdict?: Verdict;
}

/** Statecoins in `status`. */
export const statecoinsShown: StatusSource<Statecoin> = {
  kind: statecoinKind,
  coin: (c) => (isOwners(c) ? { ...followedCoin(c), ended: false } : undefined),
  blocks: 'ways',
  feerate: true,
  line: (name, c, { feerate, ...facts }) => statechainStatus(name, c, { ...facts, feerate: feerate! }),
};

/** Spenders of a coin, as `watch` names them, in words. */
const SPENDERS: Readonly<Record<string, string>> = {
  exit: "its owner's exit",
  withdrawal: 'its withdrawal',
  'former-owner': 'the backup of an owner before',
  'next-owner': 'the exit of the next owner',
};

/** Returns the line of `status` about a statecoin. */
export function statechainStatus(
  name: Hex,
  c: Statecoin,
  facts: StatecoinFacts & { feerate: number },
): StatechainStatus {
  const line: StatechainStatus = { ...statusHead(name, c), notes: [] };
  if ('terms' in c) line.capacity_sat = c.terms.amount_sat;
  if ('outpoint' in c) line.outpoint = outpointText(c.outpoint);
  if (!isOwners(c) && !isOperators(c)) return line;
  const position = c.entries.length - 1;
  const expiry = locktimeAt(c.terms, position);
  const held: StatechainStatus = {
    ...line,
    owners: c.entries.length,
    expiry,
    deadline_height: confirmBefore(c.terms, position),
    ...(facts.tip !== 'not-checked' && { transfers_left: transfersLeft(c.terms, position, facts.tip) }),
  };
  if (c.restored) held.notes.push('from a restored store');
  if (c.settled) held.notes.push(`spent by ${SPENDERS[c.settled.by] ?? 'another'}: ${c.settled.txid}, final`);
  if (isOperators(c)) {
    if (c.state === 'frozen') held.notes.push(`frozen for ${c.frozen.invite.pubkey.slice(0, 16)}`);
    return held;
  }
  if (c.declined) held.notes.push('declined before: no payment');
  if (c.state === 'gone') return held;
  if (c.settled) {
    const { lostSat } = c.settled;
    if (lostSat > 0n) held.notes.push(`${lostSat} sat are lost`);
    return { ...held, verdict: lostSat > 0n ? 'lost' : 'done' };
  }
  const { verdict, words } = standingOf(followedCoin(c), windowOf(c), facts);
  return {
    ...held,
    quote: exitQuoteBy(
      ownersWay(scriptLike(c.entries.at(-1)!.address, c.terms.network), { height: expiry + 1 }),
      facts,
    ),
    verdict,
    notes: [...held.notes, ...notesOf(c, verdict, words)],
  };
}

const watchedFrom = (c: OwnerRecord): string =>
  mayBeAnothers(c)
    ? 'another may own it by now: watch sends its exit only against an owner before both'
    : `watch sends its exit from height ${windowOf(c).valid_from_height} on`;

function notesOf(c: OwnerRecord, verdict: Verdict, words: string | undefined): string[] {
  const before = confirmBefore(c.terms, c.entries.length - 1);
  const notes: string[] = [];
  if (verdict === 'lost') notes.push(`${c.terms.amount_sat} sat are lost`);
  if (words !== undefined) notes.push(words);
  if (verdict === 'pending')
    notes.push(
      `statechain-exit${before === null ? '' : `, before height ${before},`} with a higher --feerate outbids what pays less`,
    );
  if (verdict === 'early' && before !== null && !c.declined) notes.push(watchedFrom(c));
  if (c.exiting) notes.push('its exit was sent: it is passed on no more');
  if (exposed(c).length > 0 && c.state === 'owned')
    notes.push('a cancelled transfer is not declined: exit, withdraw or renew');
  if (c.withdrawals.length > 0 && c.state === 'owned')
    notes.push('a withdrawal was asked for before: if the operator has signed it, it signs no other');
  if (verdict === 'due' && before !== null)
    notes.push(`exit now: an exit that is not confirmed before ${before} can be replaced by the owner before`);
  if (verdict === 'late') notes.push('the owner before can take the coin: the higher fee wins');
  return notes;
}
