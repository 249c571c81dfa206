/** Payment out of coins that a person names, signed as far as they are the home's. Not here: contracts (`play.ts`). */
import { checkSpendable, outpointsOf } from '../bitcoin/coin-checks.ts';
import { payFrom, type Payment } from '../bitcoin/coins.ts';
import { inputScripts, signFunding, type Funding } from '../bitcoin/funding.ts';
import type { Home } from '../home/home.ts';
import { reservedIn } from '../home/reserved.ts';
import type { Facts } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { freshAddress, homeHand } from './wallet.ts';

/**
 * Pays these outputs; change goes to the address that is given, or to a fresh one of the home.
 * @param seen chain facts about the coins
 * @returns the payment, and the result of the coin checks
 * @throws Refusal `usage` for no address, and as `payFrom` and `checkSpendable`
 */
export async function pay(
  home: Home | undefined,
  { change, ...how }: Omit<Payment, 'change' | 'version'> & { change: string | undefined },
  seen: Facts['coins'],
): Promise<{ funding: Funding; checked: string }> {
  if (change === undefined && !home)
    throw new Refusal('usage', 'no address for the change', { hint: 'give --change ADDRESS, or --home DIR' });
  const template = payFrom({ ...how, change: change ?? (await freshAddress(home!)).address, version: 2 });
  const reserved = home ? await reservedIn(home.store, outpointsOf(template.inputs)) : new Map();
  const checked = checkSpendable({ coins: seen, reserved }, template.inputs);
  const funding = { template, witnesses: {} };
  if (!home) return { funding, checked };
  return { funding: signFunding(await homeHand(home), funding, await home.store.ours(inputScripts(funding))), checked };
}
