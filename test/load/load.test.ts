/** `npm run load` in small: honest customers are served among strangers who have paid nothing, also where the server dies. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Market } from './market.ts';
import { comeIn } from './strangers.ts';

let market: Market;
beforeAll(async () => {
  market = await Market.open(2, ['--jobs', '1']);
});
afterAll(() => market.close());

it('every payment is accepted once, whatever strangers say beside it, and nobody who has funded is refused', async () => {
  const crowd = comeIn(() => market.server, 'all', 6);
  const [first] = await Promise.all([market.pay(2), market.kill()]);
  const second = await market.pay(1);
  const { answers } = await crowd.end();
  expect([...first.refused, ...second.refused]).toEqual([]);
  const payments = first.accepted + second.accepted;
  expect(payments).toBeGreaterThan(1);
  expect(await market.check()).toBe(1_000n * BigInt(payments));
  // The strangers were there.
  for (const answer of ['200', '400', 'closed']) expect(answers.get(answer), answer).toBeGreaterThan(0);
});
