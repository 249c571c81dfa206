/**
 * Exit quotes: the cost of leaving a contract alone, how long it takes, and the smallest balance
 * that pays for it. Quotes are computed from sizes, and from the transactions themselves once they
 * exist.
 *
 * A step that pays less than the feerate takes a child, which pays for both. The leaving party
 * bears the fee of each child, and of each step whose fee no other output holds. Not here: the
 * transactions (`exit-package.ts`, each family).
 */
import { feeFor, feerateOf, feerateText } from '../bitcoin/fee.ts';
import { childFee, childVsize } from '../bitcoin/package.ts';
import { dustLimit } from '../bitcoin/script.ts';
import { sweepVsize } from '../bitcoin/transaction.ts';
import type { Hex, Party } from '../protocol/action.ts';
import type { Moment } from './moment.ts';

/** A transaction of a way out, by its size. */
export interface Leg {
  vsize: number;
  feeSat: bigint;
  /** Size of the child that would pay for it; null where it pays for itself. */
  childVsize: number | null;
  /** True if the leaving party pays its fee. */
  bears: boolean;
  /** Moments that must all have come. */
  from: readonly Moment[];
}
/** Script of the kind that homes are paid to, where none is known yet. */
export const ANY_SCRIPT: Hex = `5120${'00'.repeat(32)}`;

/**
 * Returns the step that spends one coin by its key to these scripts.
 * @param feerate satoshis for 1000 vB
 */
export function legTo(outputs: readonly Hex[], feerate: number, rest: Partial<Leg> = {}): Leg {
  const vsize = sweepVsize(...outputs);
  const feeSat = feeFor(feerate, vsize);
  return { vsize, feeSat, childVsize: null, bears: true, from: [], ...rest };
}

/** A way out that a party can go alone. */
export interface WayOut {
  who: Party;
  legs: readonly Leg[];
  /** Output script that receives the balance, hex. */
  script: Hex;
}
/** Feerate, height and time for which a quote is made. */
export interface ExitConditions {
  /** Satoshis for 1000 vB. */
  feerate: number;
  tip: number | 'not-checked';
  /** Unix time, seconds; absent: not known. */
  now?: number;
}
/** Cost of leaving alone, in the fields of its JSON. */
export interface ExitQuote {
  /** Number of transactions, children counted. */
  transactions: number;
  vbytes: number;
  /** Feerate of all together, in sat/vB. */
  feerate: string;
  fee_sat: bigint;
  /** Blocks until the last one can have confirmed, from the next block on; null: not known. */
  blocks: number | null;
  /** Smallest balance that pays for leaving alone. */
  worth_from_sat: bigint;
}

/** Transaction with its size and fee; `bears`: the leaving party pays that fee. */
export interface Priced {
  vsize: number;
  feeSat: bigint;
  bears: boolean;
}

export const feesOf = (all: readonly Pick<Priced, 'feeSat'>[]): bigint =>
  all.reduce((sum, { feeSat }) => sum + feeSat, 0n);
/** Returns number, size, fee and feerate of all these transactions together. */
export function exitTotals(all: readonly Omit<Priced, 'bears'>[]): Omit<ExitQuote, 'blocks' | 'worth_from_sat'> {
  const vbytes = all.reduce((sum, { vsize }) => sum + vsize, 0);
  const fee_sat = feesOf(all);
  return { transactions: all.length, vbytes, feerate: feerateText(feerateOf(fee_sat, vbytes)), fee_sat };
}
/**
 * Returns the smallest balance that pays for the exit: the borne fees and the dust limit.
 * @param script output script that receives it, hex
 */
export const worthFrom = (all: readonly Priced[], script: Hex): bigint =>
  feesOf(all.filter(({ bears }) => bears)) + dustLimit(script);

const BLOCK_SECONDS = 600;
/** Number of blocks by which the median time of the last eleven lags behind the clock. */
const MEDIAN_LAG = 6;

/** Returns the blocks until the last step can have confirmed; null without a height. */
export function blocksOf(steps: readonly Pick<Leg, 'from'>[], at: Pick<ExitConditions, 'tip' | 'now'>): number | null {
  let blocks = 0;
  for (const { from } of steps) {
    const all = from.map((moment) => blocksUntil(moment, blocks, at));
    if (all.includes(null)) return null;
    blocks = Math.max(blocks + 1, ...(all as number[]));
  }
  return blocks;
}
/** Returns the blocks until a moment. @param confirmed blocks until the previous step confirms */
function blocksUntil(
  moment: Moment,
  confirmed: number,
  { tip, now }: Pick<ExitConditions, 'tip' | 'now'>,
): number | null {
  if (moment === null) return 0;
  if ('confirmations' in moment) return confirmed + moment.confirmations;
  if ('seconds' in moment) return confirmed + Math.ceil(moment.seconds / BLOCK_SECONDS);
  if ('height' in moment) return tip === 'not-checked' ? null : moment.height - tip;
  return now === undefined ? null : Math.ceil((moment.median_time - now) / BLOCK_SECONDS) + MEDIAN_LAG;
}

/** Returns the cost of a way out at this feerate, height and time. */
export function exitQuoteOf({ legs, script }: Omit<WayOut, 'who'>, at: ExitConditions): ExitQuote {
  const { feerate } = at;
  const priced = legs.flatMap(({ vsize, feeSat, childVsize: child, bears }): Priced[] => {
    const step = { vsize, feeSat, bears };
    if (child === null || feeSat >= feeFor(feerate, vsize)) return [step];
    return [step, { vsize: child, feeSat: childFee({ vsize, fee: feeSat }, child, feerate), bears: true }];
  });
  return { ...exitTotals(priced), blocks: blocksOf(legs, at), worth_from_sat: worthFrom(priced, script) };
}

/** Quote as a document of its own. */
export interface ExitQuoteDocument extends ExitQuote {
  type: 'exit-quote';
  version: 1;
  family: string;
  contract: Hex;
  network: string;
}
export const exitQuoteDocument = (
  family: string,
  { contract, network }: { contract: Hex; network: string },
  way: Omit<WayOut, 'who'>,
  at: ExitConditions,
): ExitQuoteDocument => ({ type: 'exit-quote', version: 1, family, contract, network, ...exitQuoteOf(way, at) });

/** Returns the virtual size of a child that spends these outputs to the same script. */
export const childOfSize = (script: Hex, beside: readonly Hex[] = []): number =>
  childVsize([...beside, script], script);

/** Returns a quote in one line. */
export function exitQuoteWords({ transactions, vbytes, feerate, fee_sat, blocks, worth_from_sat }: ExitQuote): string {
  const within = blocks === null ? '' : `, ${blocks} block${blocks === 1 ? '' : 's'}`;
  return `${transactions} transaction${transactions === 1 ? '' : 's'} of ${vbytes} vB in all, ${fee_sat} sat at ${feerate} sat/vB${within}; pays from ${worth_from_sat} sat on`;
}
