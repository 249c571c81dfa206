/**
 * Generations of contracts of a running mint, in process: customers pay over quotes of their contracts and of other wallets,
 * merchants' invoices are melted and taken, the chain settles both contracts, and what is old is pruned.
 */
import { changeRecord } from '../../src/lib/engine/upkeep.ts';
import { settledAs, type FundedCredit } from '../../src/lib/credit/records.ts';
import type { Pruned } from '../../src/lib/home/prune.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import type { Hex } from '../../src/lib/protocol/action.ts';
import { until, type Market } from './mint-home.ts';
import { DAY, pruneAt } from './prune.ts';
import { creditKind } from '../../src/lib/credit/records.ts';

/** A key of another wallet. */
const OTHER = '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
/** Sat of one payment, and of one invoice. */
export const PAYMENT = 1_000n;

export interface Generation {
  customer: Hex;
  merchant: Hex;
  /** What both were paid over their contracts. */
  paidSat: bigint;
  meltedSat: bigint;
}

/** So many payments of a customer, every fifth for another wallet's quote, and a fifth as many invoices of a merchant. */
export async function playGeneration(
  market: Market,
  payments: number,
  /** Called before each payment and each melt. */
  between: () => Promise<void> = async () => {},
): Promise<Generation> {
  const customer = await market.forward();
  const own = await market.bind(customer);
  const quotes = [own];
  for (let n = 1; n <= payments; n += 1) {
    await between();
    const other = n % 5 === 0 ? await market.mint.newQuote({ amount: Number(PAYMENT), pubkey: OTHER }) : undefined;
    await market.pay(customer, PAYMENT, other?.id);
    if (other) quotes.push(other.id);
  }
  const merchant = await market.reverse();
  const invoices = Math.floor(payments / 5);
  for (let n = 0; n < invoices; n += 1) {
    await between();
    await market.mint.melt(await market.mint.newMelt(await market.invoice(merchant, PAYMENT)));
  }
  const meltedSat = PAYMENT * BigInt(invoices);
  if (meltedSat > 0n) await market.settle(merchant, meltedSat);
  for (const id of quotes) await until(async () => isTold(market, id), `quote ${id} acknowledged`);
  return { customer, merchant, paidSat: PAYMENT * BigInt(payments), meltedSat };
}
const isTold = async (market: Market, id: string): Promise<boolean> => {
  const { event, creditedSat, ackSat } = await market.quote(id);
  return event === null && creditedSat === ackSat;
};

/** The chain settles both contracts by a close, and a hundred days later the operator prunes. */
export async function endGeneration(market: Market, { customer, merchant, paidSat }: Generation): Promise<Pruned> {
  const { operator, user, merchant: shop } = market;
  const settle = (id: Hex, paysSat: bigint) =>
    changeRecord(operator.home, creditKind, idClaim(id), (c) =>
      settledAs(c as FundedCredit, { by: 'close', txid: 'ab'.repeat(32), paysSat }),
    );
  await settle(customer, paidSat);
  await settle(merchant, 1_000_000n);
  await pruneAt(operator, { days: 90 });
  for (const { chain } of [operator, user, shop]) {
    chain.now += 100 * DAY;
    chain.tip = (chain.tip as number) + 100 * 144;
  }
  return pruneAt(operator, { days: 90, deep: 100 * 144 });
}
