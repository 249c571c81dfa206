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
  'statechain-open': async () => (await import('../statechain/open.ts')).openStatechain,
  'statechain-transfer': async () => (await import('../statechain/transfer.ts')).transferStatechain,
  'statechain-withdraw': async () => (await import('../statechain/withdraw.ts')).withdrawStatechain,
  'statechain-exit': async () => (await import('../statechain/exit.ts')).exitStatechain,
  'statechain-audit': async () => (await import('../statechain/audit.ts')).auditStatechain,
};

export const tableOf = async (type: unknown): Promise<Action<any, any, any> | undefined> =>
  typeof type === 'string' && Object.hasOwn(TABLES, type) ? TABLES[type]!() : undefined;
