/** Every contract action by the type of its messages: one line a table; and who puts its messages into words. */
import type { Action } from '../protocol/action.ts';
import type { Description } from '../signing/description.ts';

const TABLES: Readonly<Record<string, () => Promise<Action<any, any, any>>>> = {
  'open-credit': async () => (await import('../credit/open.ts')).openCredit,
  'sign-update': async () => (await import('../ecash/credit.ts')).signUpdate,
  rollover: async () => (await import('../ecash/credit.ts')).rollover,
  'close-credit': async () => (await import('../ecash/credit.ts')).closeCredit,
  'htlc-cooperate': async () => (await import('../htlc/cooperate.ts')).htlcCooperate,
  'htlc-swap': async () => (await import('../htlc/swap.ts')).htlcSwap,
  'exit-credit': async () => (await import('../ecash/credit.ts')).exitCredit,
  'ecash-quote': async () => (await import('../mint/bind.ts')).ecashQuote,
  'credit-invoice': async () => (await import('../mint/settle.ts')).creditInvoice,
  'ecash-restore': async () => (await import('../ecash/restore.ts')).ecashRestore,
  'statechain-open': async () => (await import('../statechain/open.ts')).openStatechain,
  'statechain-transfer': async () => (await import('../statechain/transfer.ts')).transferStatechain,
  'statechain-withdraw': async () => (await import('../statechain/withdraw.ts')).withdrawStatechain,
  'statechain-exit': async () => (await import('../statechain/exit.ts')).exitStatechain,
  'statechain-audit': async () => (await import('../statechain/audit.ts')).auditStatechain,
};

export const tableOf = async (type: unknown): Promise<Action<any, any, any> | undefined> =>
  typeof type === 'string' && Object.hasOwn(TABLES, type) ? TABLES[type]!() : undefined;

export const allTables = (): Promise<Action<any, any, any>[]> =>
  Promise.all(Object.values(TABLES).map((load) => load()));

type Describer = (message: Readonly<Record<string, any>>) => Description;
export async function describerOf(type: string): Promise<Describer> {
  if (type.startsWith('htlc')) return (await import('../htlc/describe.ts')).describeHtlc;
  if (type.startsWith('statechain-')) return (await import('../statechain/describe.ts')).describeStatechain;
  return (await import('../credit/describe.ts')).describeCredit;
}
