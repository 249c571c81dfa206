/** Every contract action by the type of its messages: one line a table; and who puts its messages into words. */
import type { Action } from '../protocol/action.ts';
import type { Description } from '../signing/description.ts';

const TABLES: Readonly<Record<string, () => Promise<Action<any, any, any>>>> = {
  'open-credit': async () => (await import('../credit/open.ts')).openCredit,
  'sign-update': async () => (await import('../credit/update.ts')).signUpdate,
  rollover: async () => (await import('../credit/rollover.ts')).rollover,
  'close-credit': async () => (await import('../credit/close.ts')).closeCredit,
  'htlc-cooperate': async () => (await import('../htlc/cooperate.ts')).htlcCooperate,
  'htlc-swap': async () => (await import('../htlc/swap.ts')).htlcSwap,
  'exit-credit': async () => (await import('../credit/exit.ts')).exitCredit,
};

export const tableOf = async (type: unknown): Promise<Action<any, any, any> | undefined> =>
  typeof type === 'string' && Object.hasOwn(TABLES, type) ? TABLES[type]!() : undefined;

type Describer = (message: Readonly<Record<string, any>>) => Description;
export const describerOf = async (type: string): Promise<Describer> =>
  type.startsWith('htlc-')
    ? (await import('../htlc/describe.ts')).describeHtlc
    : (await import('../credit/describe.ts')).describeCredit;
