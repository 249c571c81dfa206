/** The contracts of a home, for who asks again and again: read anew where they have changed, and only there. */
import { expect, it } from 'vitest';
import { contractsOf, contractsReader } from '../../src/lib/engine/contracts.ts';
import { opened, openMessages, pair, payMessages } from '../support/credit.ts';

it('gives what a first reading gives, and the same objects for what has not changed', async () => {
  const both = await pair(276);
  const { home } = both.payee;
  const [a, b] = [await opened(both), await opened(both)];
  const read = contractsReader(home);
  const first = await read();
  expect(first).toEqual(await contractsOf(home));
  expect((await read()).map(({ record }, i) => record === first[i]!.record)).toEqual([true, true]);
  await payMessages(both, b, 1_000n);
  const second = await read();
  expect(second.map(({ record }, i) => record === first[i]!.record)).toEqual([true, false]);
  expect(second[1]!.record).toMatchObject({ id: b, paidSat: 1_000n });
  // An offer gets another name when it becomes a contract.
  await openMessages(both);
  expect((await read()).map(({ name }) => name)).toHaveLength(3);
  expect((await read())[0]!.name).toBe(a);
  expect(await read()).toEqual(await contractsOf(home));
  both.close();
});
