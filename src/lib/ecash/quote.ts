/**
 * One quote of a running mint that is bound to one contract: what accepted updates paid to it, and how that is told to
 * the mint so that no satoshi is told twice.
 *
 * An event is (quote, total before, total after). One is under way per quote; it is stored before anyone sees it, shown
 * again and again as the very same row, and done when the mint's own figure says so; only then is the next one cut.
 * A figure that is neither of the two stops the quote for good: mint or home came back from an older copy, and what is
 * told again would be credited twice. Not here: the contract that pays (`credit/`), asking the mint (`cashu/`).
 */
import { MAX_SAT } from '../bitcoin/amount.ts';
import type { Claim, Facts, Hex, Kind, RecordRow } from '../protocol/action.ts';
import { believing, each, fixed, largest, onceOnly, type Belief, type Beliefs } from '../protocol/belief.ts';
import { idClaim } from '../protocol/claims.ts';
import { withSats } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';

/** Quote of a running mint that is bound to a contract; sums in satoshis. */
export interface Quote {
  id: string;
  contract: Hex;
  /** URL of the mint. */
  mint: string;
  /** null: the contract's reusable quote, for whatever is paid. */
  amountSat: bigint | null;
  /** Sum that accepted updates have paid to it. */
  creditedSat: bigint;
  /** Reported, and not acknowledged yet. */
  event: PaymentEvent | null;
  /** The mint's figure that was acknowledged last. */
  ackSat: bigint;
  /** Sum that the mint had issued when it was last asked. */
  issuedSat: bigint;
  /** Reason why nothing more is reported, accepted or melted on it. */
  stopped: Stop | null;
  /** The operator gave it up after it had stopped: it is no longer the contract's. */
  retired: boolean;
  /** Time (Unix) until which an `asked` keeps others from it; null once it is bound. */
  reserved: number | null;
}
/** Payment over a contract, by the sums before and after it, in satoshis. */
export interface PaymentEvent {
  beforeSat: bigint;
  afterSat: bigint;
}
/** The mint is behind what it had acknowledged, or ahead of what it was told; or this record is from a restored home. */
export type Stop = 'mint-behind' | 'mint-ahead' | 'home-restored';

/** A mint's statement about a quote. */
export interface MintQuote {
  id: string;
  /** null: for any amount, again and again. */
  amountSat: bigint | null;
  /** The key to which it is locked (NUT-20); null where whoever knows the id may mint. */
  pubkey: Hex | null;
  paidSat: bigint;
  issuedSat: bigint;
  /** Unix seconds. */
  expiry: number | null;
}
/** Finding about a quote at its mint. */
export type MintAnswer = MintQuote | 'unknown' | 'not-checked';
export const mintAnswerOf = ({ remote }: Pick<Facts, 'remote'>, id: string): MintAnswer =>
  (remote.get(id) as MintQuote | 'unknown' | undefined) ?? 'not-checked';

/** The mint's own figures of a quote. */
export interface MintFigures {
  paidSat: bigint;
  issuedSat: bigint;
}

export const quoteClaim = (id: string): Claim => `ecash:quote/${id}`;
/** Held by the reusable quote of the contract, so that there is one. */
export const reusableClaim = (contract: Hex): Claim => `ecash:reusable/${contract}`;

const either: Belief<boolean> = { merged: (later, earlier) => later || (earlier ?? false) };
const fields: Beliefs<Quote> = {
  ...each(fixed, 'id', 'contract', 'mint', 'amountSat'),
  ...each(largest, 'creditedSat', 'ackSat', 'issuedSat'),
  event: { merged: (later, earlier) => ((earlier?.afterSat ?? 0n) > (later?.afterSat ?? 0n) ? earlier! : later) },
  stopped: onceOnly,
  retired: either,
  // Bound is bound; of two wishes the one that lapses last.
  reserved: { merged: (later, earlier) => (later === null || earlier === null ? null : Math.max(later, earlier ?? 0)) },
};
const beliefs = believing(fields, {
  // What the lost tail had reported is not known here.
  restored: (q) => (q.retired || q.reserved !== null ? q : { ...q, stopped: q.stopped ?? 'home-restored' }),
  // A quote that was only reserved may have gone to another contract since: the bound one knows which, or the later wish.
  isLater: (a, b) => a.reserved === null || (b.reserved !== null && a.reserved >= b.reserved),
});

export const quoteKind: Kind<Quote> = {
  name: 'quote',
  parse: (json) => withSats(json) as Quote,
  claims: (q) => [quoteClaim(q.id), ...(q.amountSat === null && !q.retired ? [reusableClaim(q.contract)] : [])],
  /** The schema guards the chain: what was shown to the mint never falls and never exceeds what was paid. */
  row: (q): RecordRow => ({
    name: `quote ${q.id}`,
    state: stateOf(q),
    highSat: q.creditedSat,
    limitSat: q.amountSat ?? MAX_SAT,
    issuedSat: shownSat(q),
    left: q.retired,
  }),
  part: (q) => ({ of: idClaim(q.contract), over: stateOf(q) === 'idle' || stateOf(q) === 'retired' }),
  figures: (q) => (stateOf(q) === 'stopped' ? { [stoppedAt(q.mint)]: 1n } : {}),
  ...beliefs,
  merged(mine, other) {
    const q = beliefs.merged(mine, other);
    // What the mint has acknowledged is under way no more.
    return q.event && q.event.afterSat <= q.ackSat ? { ...q, event: null } : q;
  },
};

/** Returns whether something is to be told, or was and is not acknowledged. */
export const isPending = (q: Quote): boolean => stateOf(q) === 'pending';

/** Returns the state by which a server finds its work. */
const stateOf = (q: Quote): 'pending' | 'idle' | 'stopped' | 'retired' =>
  q.retired ? 'retired' : q.stopped ? 'stopped' : q.event || q.creditedSat > q.ackSat ? 'pending' : 'idle';

/** The figure by which those of a mint are found that have stopped. */
export const stoppedAt = (mint: string): string => `stopped ${mint}`;

/** All that the mint was ever shown: counted as reported, arrived or not. */
export const shownSat = (q: Quote): bigint => q.event?.afterSat ?? q.ackSat;

/** Returns a quote over which nothing was paid yet. */
export const newQuote = (q: Pick<Quote, 'id' | 'contract' | 'mint' | 'amountSat'>): Quote => ({
  ...q,
  creditedSat: 0n,
  event: null,
  ackSat: 0n,
  issuedSat: 0n,
  stopped: null,
  retired: false,
  reserved: null,
});

/**
 * Returns the mint's statement about a quote. @throws Refusal `mint-unavailable`, `quote-unknown`
 */
export function requireMintQuote(found: MintAnswer): MintQuote {
  if (found === 'not-checked') throw new Refusal('mint-unavailable', 'the mint was not asked about its quote');
  if (found === 'unknown') throw new Refusal('quote-unknown', 'the mint knows no such quote');
  return found;
}

/**
 * Checks the mint's statement about a quote before that becomes a contract's.
 * @param expected `amountSat` null: the reusable quote, locked to `pubkey`, the contract's own
 * @throws Refusal `mint-unavailable`, `quote-unknown`, `quote-amount`, `quote-unlocked`,
 * `quote-used`
 */
export function checkUnpaid(
  facts: MintAnswer,
  { amountSat, pubkey }: { amountSat: bigint | null; pubkey: Hex | null },
): MintQuote {
  const found = requireMintQuote(facts);
  if (found.amountSat !== amountSat)
    throw new Refusal(
      'quote-amount',
      `quote ${found.id} is for ${found.amountSat ?? 'any amount of'} sat, ${amountSat ?? 'any amount of'} sat expected`,
    );
  if (found.pubkey === null || (pubkey !== null && found.pubkey !== pubkey))
    throw new Refusal('quote-unlocked', `quote ${found.id} is locked to ${found.pubkey ?? 'no key'} (NUT-20)`);
  if (found.paidSat !== 0n || found.issuedSat !== 0n)
    throw new Refusal('quote-used', `${found.paidSat} sat are paid on quote ${found.id} already`);
  return found;
}

/** Wish of a contract for a quote of one amount, and its end. */
export interface Wish {
  id: string;
  contract: Hex;
  mint: string;
  amountSat: bigint;
  until: number;
}

/**
 * Keeps a quote of any wallet for one `asked` of one contract, until that lapses.
 * @param known what this home holds of the quote
 * @throws Refusal `quote-bound` where another contract has it; `quote-amount`; as `checkUnpaid`
 */
export function reserve(
  known: Quote | undefined,
  { id, contract, mint, amountSat, until }: Wish,
  found: MintAnswer,
  now: number,
): Quote {
  // The reusable quote of the contract takes every payment anyway.
  if (known && known.contract === contract && known.amountSat === null) return known;
  const free = known === undefined || (known.creditedSat === 0n && known.reserved !== null && known.reserved < now);
  if (known && !free && known.contract !== contract)
    throw new Refusal('quote-bound', `quote ${id} belongs to another contract of this home, or is reserved for it`);
  if (known && known.creditedSat > 0n) throw new Refusal('quote-amount', `quote ${id} is paid already`);
  checkUnpaid(found, { amountSat, pubkey: null });
  return { ...newQuote({ id, contract, mint, amountSat }), reserved: until };
}

const WHY: Readonly<Record<Stop, (id: string) => string>> = {
  'mint-behind': (id) => `the mint shows less on quote ${id} than it had acknowledged`,
  'mint-ahead': (id) => `the mint shows more on quote ${id} than this home has reported`,
  'home-restored': (id) => `quote ${id} comes from a restored store: what was reported last may be missing here`,
};

/** @throws Refusal `mint-behind`, `mint-ahead`, `home-restored` */
export function checkNotStopped(q: Quote): void {
  const stopped = q.stopped ?? (q.retired ? 'mint-behind' : null);
  if (stopped)
    throw new Refusal(stopped, WHY[stopped](q.id), {
      hint: 'the operator compares the figures, and goes on with ecash-quote --confirm',
    });
}

/**
 * An accepted update paid so much to it.
 * @throws Refusal `quote-amount` where a quote of a fixed amount gets another one, or gets it twice; as `checkNotStopped`
 */
export function creditQuote(q: Quote, amountSat: bigint): Quote {
  checkNotStopped(q);
  if (q.amountSat !== null && (amountSat !== q.amountSat || q.creditedSat > 0n))
    throw new Refusal(
      'quote-amount',
      q.creditedSat > 0n
        ? `quote ${q.id} is paid already`
        : `${amountSat} sat found for quote ${q.id}, which takes exactly ${q.amountSat} sat`,
    );
  return { ...q, creditedSat: q.creditedSat + amountSat, reserved: null };
}

/** The next event: all that was paid and not yet shown. undefined while one is under way, or nothing is to be told. */
export function cutEvent(q: Quote): Quote | undefined {
  if (q.event || q.stopped || q.retired || q.creditedSat <= q.ackSat) return undefined;
  return { ...q, event: { beforeSat: q.ackSat, afterSat: q.creditedSat } };
}

/** Names quote, before and after: the same event has the same name for ever, another never has. */
export const paymentId = (q: Quote, event: PaymentEvent): string => `${q.id}:${event.beforeSat}:${event.afterSat}`;

/**
 * Returns the quote as the mint's figures have it. @param figures 'unknown' where the mint does not
 * know the quote
 */
export function acknowledge(q: Quote, figures: MintFigures | 'unknown'): Quote {
  if (q.stopped || q.retired) return q;
  if (figures === 'unknown') return { ...q, stopped: 'mint-behind' };
  const { paidSat, issuedSat } = figures;
  if (issuedSat < q.issuedSat) return { ...q, stopped: 'mint-behind' };
  if (paidSat > shownSat(q)) return { ...q, stopped: 'mint-ahead' };
  const seen = { ...q, issuedSat };
  if (paidSat === shownSat(q)) return { ...seen, event: null, ackSat: paidSat };
  if (paidSat === q.ackSat) return seen;
  return { ...q, stopped: 'mint-behind' };
}
