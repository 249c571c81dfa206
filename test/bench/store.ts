/** What payments leave in the payee's home: bytes of each before it is pruned, and the file of the store at twice as many where a day is kept. */
import { opened, pair, payMessages, type Pair } from '../support/credit.ts';
import { journalBytes, payForDays, storeBytes } from '../support/growth.ts';
import { Market } from '../support/mint-home.ts';
import { endGeneration, playGeneration } from '../support/mint-generations.ts';
import { report } from './measure.ts';

const A_DAY = 500;

/** A contract of a seed's own, over which something was paid. */
async function withContract<T>(seed: number, work: (both: Pair, id: string) => Promise<T>): Promise<T> {
  const both = await pair(seed);
  try {
    const id = await opened(both);
    await payMessages(both, id, 1_000n);
    return await work(both, id);
  } finally {
    both.close();
  }
}

export async function benchStore(payments: number): Promise<boolean[]> {
  const each = await withContract(121, async (both, id) => {
    const bytes = (): number => storeBytes(both.payee) + journalBytes(both.payee);
    const before = bytes();
    for (let i = 0; i < A_DAY; i++) await payMessages(both, id, 10n);
    return (bytes() - before) / A_DAY;
  });
  const aDay = Math.min(A_DAY, Math.ceil(payments / 10));
  const days = Math.ceil(payments / aDay);
  const ratio = await withContract(123, async (both, id) => {
    const day = await payForDays(both, id, days, aDay);
    const few = storeBytes(both.payee);
    await payForDays(both, id, days, aDay, day);
    return storeBytes(both.payee) / few;
  });
  const what = `the store after ${2 * days * aDay} payments, a day kept`;
  return [
    report({ what: 'an honest payment leaves', ratio: each / 1_000, limit: 6, unit: 'kB in store and journal' }),
    report({ what, ratio, limit: 1.1, unit: `× after ${days * aDay}` }),
  ];
}

/** The store of a running mint that keeps 90 days: its file after twice as many generations of contracts. */
export async function benchMintStore(payments = 30, generations = 4): Promise<boolean[]> {
  const market = await Market.make(125);
  try {
    const play = async () => {
      for (let n = 0; n < generations; n += 1) await endGeneration(market, await playGeneration(market, payments));
      return storeBytes(market.operator);
    };
    const few = await play();
    const ratio = (await play()) / few;
    const what = `the store of a running mint after ${2 * generations} generations of contracts, 90 days kept`;
    return [report({ what, ratio, limit: 1.1, unit: `× after ${generations}` })];
  } finally {
    await market.close();
  }
}
