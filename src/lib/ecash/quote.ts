/**
 * Quote of a running mint, bound to one contract: what updates paid to it, and how the mint is
 * told.
 *
 * No satoshi may be told twice. An event is (quote, total before, total after), and a quote has one
 * under way. It is stored before anyone sees it, and repeated unchanged until the mint's own figure
 * shows it; only then is the next one made. Any other figure stops the quote for good: mint or home
 * came back from an older copy, and what is told again would be credited twice. Not here: the
 * contract that pays (`credit/`), asking the mint (`cashu/`).
 */
import { MAX_SAT } from '../bitcoin/amount.ts';
import type { Claim, Facts, Hex, Kind, RecordRow } from '../protocol/action.ts';
import { believing, each, fixed, largest, onceOnly, type Belief, type Beliefs } from '../protocol/belief.ts';
import { idClaim } from '../protocol/claims.ts';
import { withSats } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';

/** Quote that is bound to a contract; sums in satoshis. */
export interface Quote {
  id: string;
  contract: Hex;
  /** URL of the mint. */
  mint: string;
  /** Amount; null for the contract's reusable quote, which takes any. */
  amountSat: bigint | null;
  /** Sum that accepted updates paid to it. */
  creditedSat: bigint;
  /** Event that was reported and not acknowledged yet. */
  event: PaymentEvent | null;
  /** Figure of the mint that was acknowledged last. */
  ackSat: bigint;
  /** Sum that the mint had issued when it was last asked. */
  issuedSat: bigint;
  /** Reason why nothing more is reported, accepted or melted. */
  stopped: Stop | null;
  /** True once the operator gave it up after a stop; then it is the contract's no more. */
  retired: boolean;
  /** Unix time until which an `asked` reserves it; null once it is bound. */
  reserved: number | null;
}
/** Payment over a contract, as the sums before and after it, in satoshis. */
export interface PaymentEvent {
  beforeSat: bigint;
  afterSat: bigint;
}
/** Reason of a stop: a mint behind what it acknowledged or ahead of reports, or a restored home. */
export type Stop = 'mint-behind' | 'mint-ahead' | 'home-restored';

/** State of a quote at its mint. */
export interface MintQuote {
  id: string;
  /** Amount; null for any amount, again and again. */
  amountSat: bigint | null;
  /** Key that it is locked to (NUT-20); null if whoever knows the id may mint. */
  pubkey: Hex | null;
  paidSat: bigint;
  issuedSat: bigint;
  /** Expiry, in Unix seconds. */
  expiry: number | null;
}
/** Answer of a mint about a quote. */
export type MintAnswer = MintQuote | 'unknown' | 'not-checked';
export const mintAnswerOf = ({ remote }: Pick<Facts, 'remote'>, id: string): MintAnswer =>
  (remote.get(id) as MintQuote | 'unknown' | undefined) ?? 'not-checked';

/** Sums that the mint states for a quote. */
export interface MintFigures {
  paidSat: bigint;
  issuedSat: bigint;
}

export const quoteClaim = (id: string): Claim => `ecash:quote/${id}`;
/** Claim of a contract's reusable quote, so that there is only one. */
export const reusableClaim = (contract: Hex): Claim => `ecash:reusable/${contract}`;

const either: Belief<boolean> = { merged: (later, earlier) => later || (earlier ?? false) };
const fields: Beliefs<Quote> = {
  ...each(fixed, 'id', 'contract', 'mint', 'amountSat'),
  ...each(largest, 'creditedSat', 'ackSat', 'issuedSat'),
  event: { merged: (later, earlier) => ((earlier?.afterSat ?? 0n) > (later?.afterSat ?? 0n) ? earlier! : later) },
  stopped: onceOnly,
  retired: either,
  // A bound quote stays bound; of two wishes the one that lapses last holds.
  reserved: { merged: (later, earlier) => (later === null || earlier === null ? null : Math.max(later, earlier ?? 0)) },
};
const beliefs = believing(fields, {
  // This home does not know what its lost journal had reported.
  restored: (q) => (q.retired || q.reserved !== null ? q : { ...q, stopped: q.stopped ?? 'home-restored' }),
  // A reserved quote may have gone to another contract: the bound version knows which, else the later wish.
  isLater: (a, b) => a.reserved === null || (b.reserved !== null && a.reserved >= b.reserved),
});

export const quoteKind: Kind<Quote> = {
  name: 'quote',
  parse: (json) => withSats(json) as Quote,
  claims: (q) => [quoteClaim(q.id), ...(q.amountSat === null && !q.retired ? [reusableClaim(q.contract)] : [])],
  /** The schema guards that what the mint saw never falls and never exceeds what was paid. */
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
    // An event that the mint has acknowledged is not under way any more.
    return q.event && q.event.afterSat <= q.ackSat ? { ...q, event: null } : q;
  },
};

/** Returns whether something is to be told, or was told and not acknowledged. */
export const isQuotePending = (q: Quote): boolean => stateOf(q) === 'pending';

/** Returns the state by which a server finds its work. */
const stateOf = (q: Quote): 'pending' | 'idle' | 'stopped' | 'retired' =>
  q.retired ? 'retired' : q.stopped ? 'stopped' : q.event || q.creditedSat > q.ackSat ? 'pending' : 'idle';

/** Returns the name of the figure that counts a mint's stopped quotes. */
export const stoppedAt = (mint: string): string => `stopped ${mint}`;

/** Returns all that the mint was ever shown; it counts as reported, whether it arrived or not. */
export const shownSat = (q: Quote): bigint => q.event?.afterSat ?? q.ackSat;

/** Returns a quote to which nothing was paid yet. */
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

/** Returns a mint's answer about a quote. @throws Refusal `mint-unavailable`, `quote-unknown` */
export function requireMintQuote(found: MintAnswer): MintQuote {
  if (found === 'not-checked') throw new Refusal('mint-unavailable', 'the mint was not asked about its quote');
  if (found === 'unknown') throw new Refusal('quote-unknown', 'the mint knows no such quote');
  return found;
}

/**
 * Checks a quote's state at the mint before it becomes a contract's.
 * @param expected `amountSat` null for the reusable quote, locked to `pubkey`, the contract's own
 * @throws Refusal `mint-unavailable`, `quote-unknown`, `quote-amount`, `quote-unlocked`,
 * `quote-used`
 */
export function checkUnpaidQuote(
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

/** Wish of a contract for a quote of one amount, and when it lapses. */
export interface Wish {
  id: string;
  contract: Hex;
  mint: string;
  amountSat: bigint;
  until: number;
}

/**
 * Reserves a quote of any wallet for one `asked` of one contract, until that lapses.
 * @param known this home's record of the quote
 * @throws Refusal `quote-bound` if another contract has it, `quote-amount`; as `checkUnpaidQuote`
 */
export function reserve(
  known: Quote | undefined,
  { id, contract, mint, amountSat, until }: Wish,
  found: MintAnswer,
  now: number,
): Quote {
  // The contract's reusable quote takes every payment anyway.
  if (known && known.contract === contract && known.amountSat === null) return known;
  const free = known === undefined || (known.creditedSat === 0n && known.reserved !== null && known.reserved < now);
  if (known && !free && known.contract !== contract)
    throw new Refusal('quote-bound', `quote ${id} belongs to another contract of this home, or is reserved for it`);
  if (known && known.creditedSat > 0n) throw new Refusal('quote-amount', `quote ${id} is paid already`);
  checkUnpaidQuote(found, { amountSat, pubkey: null });
  return { ...newQuote({ id, contract, mint, amountSat }), reserved: until };
}

const WHY: Readonly<Record<Stop, (id: string) => string>> = {
  'mint-behind': (id) => `the mint shows less on quote ${id} than it had acknowledged`,
  'mint-ahead': (id) => `the mint shows more on quote ${id} than this home has reported`,
  'home-restored': (id) => `quote ${id} comes from a restored store: what was reported last may be missing here`,
};

/** Refuses a stopped quote. @throws Refusal `mint-behind`, `mint-ahead`, `home-restored` */
export function checkNotStopped(q: Quote): void {
  const stopped = q.stopped ?? (q.retired ? 'mint-behind' : null);
  if (stopped)
    throw new Refusal(stopped, WHY[stopped](q.id), {
      hint: 'the operator compares the figures, and goes on with ecash-quote --confirm',
    });
}

/**
 * Credits an accepted update to a quote.
 * @throws Refusal `quote-amount` if a quote of a fixed amount gets another one, or gets it twice;
 * as `checkNotStopped`
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

/** Makes the next event of what was paid and not shown; undefined if none is due. */
export function cutEvent(q: Quote): Quote | undefined {
  if (q.event || q.stopped || q.retired || q.creditedSat <= q.ackSat) return undefined;
  return { ...q, event: { beforeSat: q.ackSat, afterSat: q.creditedSat } };
}

/** Returns the id of an event, made of quote, before and after; no other event ever has it. */
export const paymentId = (q: Quote, event: PaymentEvent): string => `${q.id}:${event.beforeSat}:${event.afterSat}`;

/** Returns the quote after the mint's figures; `unknown`: the mint does not know it. */
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
