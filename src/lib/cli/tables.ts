/** Every contract action by the type of its messages: one line a table. */
import type { Action } from '../protocol/action.ts';

const TABLES: Readonly<Record<string, () => Promise<Action<any, any, any>>>> = {
  'open-credit': async () => (await import('../credit/open.ts')).openCredit,
  'sign-update': async () => (await import('../credit/update.ts')).signUpdate,
  rollover: async () => (await import('../credit/rollover.ts')).rollover,
  'close-credit': async () => (await import('../credit/close.ts')).closeCredit,
  'exit-credit': async () => (await import('../credit/exit.ts')).exitCredit,
  'ecash-quote': async () => (await import('../mint/bind.ts')).ecashQuote,
  'credit-invoice': async () => (await import('../mint/settle.ts')).creditInvoice,
  'ecash-restore': async () => (await import('../credit/ecash-restore.ts')).ecashRestore,
};

export const tableOf = async (type: unknown): Promise<Action<any, any, any> | undefined> =>
  typeof type === 'string' && Object.hasOwn(TABLES, type) ? TABLES[type]!() : undefined;
