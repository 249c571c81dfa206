/** How a credit record gets into each of its states, through the real steps. */
import { closeCredit, exitCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { creditKind, paidOf, settledAs } from '../../src/lib/credit/records.ts';
import { change } from '../../src/lib/home/change.ts';
import type { Action } from '../../src/lib/protocol/action.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { opened, ownCoin, payMessages, rollMessages, type Pair } from '../support/credit.ts';
import type { Message, TestParty } from '../support/party.ts';
import { policy } from './helpers.ts';
import type { Who } from './scenes.ts';

type Table = Action<any, any, any>;
const expires = { blocks: 4_320 };
/** A message that names the record, and its id where it has one. */
export interface Made {
  on: Message;
  id?: string;
}
const paid = async (both: Pair): Promise<Made> => {
  const id = await opened(both);
  const messages = await payMessages(both, id, 50_000n);
  return { id, on: messages[2]! };
};
const offer = async ({ payee }: Pair): Promise<Message> =>
  (await payee.run(openCredit, { input: { as: 'payee', policy } })).message;
const proposed = async (both: Pair): Promise<Message> => {
  const input = { utxo: [await ownCoin(both.payer, 1_300_000n)], amount: 1_200_000n, expires };
  return (await both.payer.run(openCredit, { on: await offer(both), input })).message;
};
/** A contract with payments, after these steps of an action that one of the two begins. */
const after =
  (table: Table, by: Who, steps: number) =>
  async (both: Pair): Promise<Made> => {
    const { id } = await paid(both);
    const start =
      table === rollover ? { contract: id, policy } : { contract: id, ...(table === signUpdate && { amount: 2_100n }) };
    let [on, next]: [Message, Who] = [(await both[by].run(table, { input: start })).message, by];
    for (let i = 1; i < steps; i++) {
      next = next === 'payer' ? 'payee' : 'payer';
      const input = table === rollover && on['step'] === 'offered' ? { expires } : {};
      on = (await both[next].run(table, { on, input, max: 5_000_000n })).message;
    }
    return { id: id!, on };
  };
const settle = async ({ home }: TestParty, id: string, by: 'exit' | 'rollover'): Promise<void> => {
  await change(
    home.store,
    { contract: creditKind },
    () => ({ contract: idClaim(id) }),
    ({ contract }) => ({
      writes: {
        contract: settledAs(contract as never, { by, txid: 'ab'.repeat(32), paysSat: paidOf(contract as never) }),
      },
      result: undefined,
    }),
  );
};

/** How a record gets where it is; whose it is. */
export const STATES: Record<string, [Who, (both: Pair) => Promise<Made>]> = {
  'payee offered': ['payee', async (both) => ({ on: await offer(both) })],
  'payer addressed': [
    'payer',
    async (both) => ({
      on: (await both.payer.run(openCredit, { on: await offer(both), input: { amount: 1_200_000n, expires } })).message,
    }),
  ],
  'payer proposed': ['payer', async (both) => ({ on: await proposed(both) })],
  'payee accepted': [
    'payee',
    async (both) => {
      const { message: on } = await both.payee.run(openCredit, { on: await proposed(both) });
      return { on, id: on['contract'].id };
    },
  ],
  'payer cancelled': [
    'payer',
    async (both) => {
      const on = await proposed(both);
      await both.payer.run(openCredit, { on, cancel: true });
      return { on };
    },
  ],
  'payer open': ['payer', paid],
  'payee open': ['payee', paid],
  'payee asking': ['payee', after(signUpdate, 'payee', 1)],
  'payer signed': ['payer', after(signUpdate, 'payee', 2)],
  'payer rolling': ['payer', after(rollover, 'payee', 3)],
  'payee rolling': ['payee', after(rollover, 'payee', 3)],
  'payer rolled': ['payer', after(rollover, 'payee', 4)],
  'payee rolled': ['payee', after(rollover, 'payee', 5)],
  'payer closing, own': ['payer', after(closeCredit, 'payer', 1)],
  'payee closing, own': ['payee', after(closeCredit, 'payee', 1)],
  'payer closing, signed': ['payer', after(closeCredit, 'payee', 2)],
  'payee closing, signed': ['payee', after(closeCredit, 'payer', 2)],
  'payer closed': ['payer', after(closeCredit, 'payer', 3)],
  'payee closed': ['payee', after(closeCredit, 'payee', 3)],
  'payee exiting': [
    'payee',
    async (both) => {
      const made = await paid(both);
      await both.payee.run(exitCredit, { input: { contract: made.id } });
      return made;
    },
  ],
  'payer settled': [
    'payer',
    async (both) => {
      const made = await paid(both);
      await settle(both.payer, made.id!, 'exit');
      return made;
    },
  ],
  'payer rolled, settled': [
    'payer',
    async (both) => {
      const id = await opened(both);
      const on = (await rollMessages(both, id)).at(-1)!;
      await settle(both.payer, id, 'rollover');
      return { on, id };
    },
  ],
};
