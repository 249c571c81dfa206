/**
 * The action `credit-invoice --check`: queried (merchant, the payee), stated (home, the payer),
 * checked (merchant).
 *
 * The home states its total debt and the paid invoices without an update; with that the merchant
 * asks for the difference by `sign-update`. A receipt that a customer shows raises a restored
 * home's debt, once. The answer to a question asked after nothing more could be paid is stored:
 * only then the contract may be over.
 */
import * as v from 'valibot';
import { maxSat } from '../bitcoin/amount.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { knownUpTo } from '../credit/owed.ts';
import { freezeHeight } from '../credit/checks.ts';
import {
  FUNDED,
  creditKind,
  inState,
  receivedSat,
  type Credit,
  type PayeeCredit,
  type PayerCredit,
} from '../credit/records.ts';
import { idClaim } from '../protocol/claims.ts';
import { hexOf, messageParser, sat, type MessageOf } from '../protocol/message.ts';
import { overContract, paysOwed } from '../credit/steps.ts';
import { total } from '../credit/spans.ts';
import { contractSchema, isReverse, viewOf } from '../credit/terms.ts';
import { checkPaid } from '../credit/transactions.ts';
import { table, type Facts, type Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { checkInvoice, INVOICE_LIMITS, isInvoiceReceipt, parseInvoice, type Invoice } from './invoice.ts';
import {
  BY_RECEIPT,
  invoiceClaim,
  invoiceKind,
  newInvoice,
  TAB_LIMITS,
  tabClaim,
  tabKind,
  type InvoiceRecord,
  type Tab,
} from './records.ts';

const shownInvoice = v.nullable(
  v.strictObject({ text: v.pipe(v.string(), v.maxLength(INVOICE_LIMITS.line.most)), receipt: hexOf(64) }),
);
/** Fields of a question; its `id` is new each time, so that asking again gets a new answer. */
const askedFields = { contract: contractSchema, id: hexOf(16), paid_sat: sat, shown: shownInvoice };
const answeredFields = {
  ...askedFields,
  owed_sat: sat,
  /** Oldest owed invoices in order; `owed_sat` is the total debt including each. */
  invoices: v.pipe(
    v.array(v.strictObject({ id: hexOf(16), amount_sat: sat, owed_sat: sat })),
    v.maxLength(TAB_LIMITS.due.most),
  ),
};
const steps = { queried: askedFields, stated: answeredFields, checked: answeredFields } as const;
export type SettleMessage = MessageOf<typeof steps>;

export interface SettleInput {
  contract?: Hex;
  /** Invoice, and the receipt that its customer got for it. */
  shown?: { text: string; receipt: Hex };
}
type SettleRecords = { contract: Credit; invoice: InvoiceRecord; tab: Tab };

/** Table of `credit-invoice`: a merchant asks a home what it owes. */
export const creditInvoice = table<SettleMessage, SettleRecords, SettleInput>(
  {
    type: 'credit-invoice',
    server: 'payer',
    kinds: { contract: creditKind, invoice: invoiceKind, tab: tabKind },
    parse: messageParser('credit-invoice', steps),
    find: (m, input) => {
      const id = m?.contract.id ?? input.contract ?? '';
      return {
        contract: idClaim(id),
        tab: tabClaim(id),
        ...(m?.shown && { invoice: invoiceClaim(parseInvoice(m.shown.text).digest) }),
      };
    },
    ...overContract,
  },
  (row) => [
    row({
      name: 'queried',
      after: null,
      by: 'payee',
      does: 'asks which invoices are paid and how much is owed',
      asks: ['contract'],
      may: ['shown'],
      needs: () => ({ tip: true }),
      take: ({ records, input, facts, random }) => {
        const c = inState(records.contract, 'payee', 'accepted', ...FUNDED);
        checkReverse(c.terms);
        const id = bytesToHex(random(16));
        return {
          message: {
            step: 'queried',
            network: c.terms.network,
            contract: viewOf(c),
            id,
            paid_sat: c.paidSat,
            shown: input.shown ?? null,
          },
          // The answer is final once no more can be paid over the contract.
          writes: isOver(c, facts.tip) ? { contract: { ...c, owedQuery: id } as Credit } : {},
        };
      },
    }),
    row({
      name: 'stated',
      after: 'queried',
      by: 'payer',
      does: 'states what it owes, invoice by invoice',
      take: ({ message: m, records }) => {
        const c = inState(records.contract, 'payer', ...FUNDED);
        checkReverse(c.terms);
        const { contract, tab, invoice } = m.shown
          ? takeReceipt(c, records, parseInvoice(m.shown.text), m.shown.receipt)
          : { contract: c, tab: records.tab, invoice: undefined };
        const due = (tab?.due ?? []).filter(({ owedSat }) => owedSat > m.paid_sat).slice(0, TAB_LIMITS.due.most);
        return {
          message: {
            ...m,
            step: 'stated',
            owed_sat: contract.owedSat!,
            invoices: due.map(({ id, amountSat, owedSat }) => ({ id, amount_sat: amountSat, owed_sat: owedSat })),
          },
          writes: { contract, ...(tab && { tab }), ...(invoice && { invoice }) },
        };
      },
    }),
    row({
      name: 'checked',
      after: 'stated',
      by: 'payee',
      does: "reads the home's answer",
      needs: () => ({ tip: true }),
      take: ({ message: m, records, facts }) => {
        const c = inState(records.contract, 'payee', 'accepted', ...FUNDED);
        // A debt only grows, so a smaller statement is ignored.
        const owedSat = maxSat(m.owed_sat, c.owedStatedSat ?? 0n);
        const due = owedSat - receivedSat(c);
        return {
          message: { ...m, step: 'checked' },
          writes: c.owedQuery === m.id ? { contract: { ...c, owedStatedSat: owedSat } as Credit } : {},
          ...(due > 0n && dueAs(c, due, facts.tip)),
        };
      },
    }),
  ],
);

/** Returns the hint for a debt: an update, as long as the contract allows one. */
function dueAs(c: PayeeCredit, due: bigint, tip: Facts['tip']): { hint: string; exit?: 3 } {
  const at = c.id.slice(0, 8);
  const isFrozen = tip !== 'not-checked' && tip >= freezeHeight(c.terms);
  if ((c.state === 'accepted' || c.state === 'open') && !c.restored && !isFrozen)
    return { hint: `${due} sat are due: spillway sign-update --contract ${at} --amount ${due}` };
  const how = c.settled ? 'the mint pays them over the next contract, or on chain' : paysOwed(c.id);
  return { exit: 3, hint: `${due} sat are due, and contract ${at} takes no more updates: ${how}` };
}

/** Returns whether no invoice can be paid over the contract any more. */
const isOver = (c: PayeeCredit, tip: Facts['tip']): boolean =>
  c.settled !== undefined || (tip !== 'not-checked' && tip >= freezeHeight(c.terms));

function checkReverse(terms: Parameters<typeof isReverse>[0]): void {
  if (!isReverse(terms))
    throw new Refusal('wrong-state', 'a contract found that no mint pays over, a reverse one with --mint expected');
}

/**
 * Takes a receipt of this home as proof of its debt, also after the store was lost. A known receipt
 * changes nothing.
 * @throws Refusal `not-an-invoice`, `bad-seal`, `bad-receipt`, `over-capacity`
 */
export function takeReceipt<C extends PayerCredit>(
  c: C,
  { tab, invoice: known }: { tab?: Tab | undefined; invoice?: InvoiceRecord | undefined },
  invoice: Invoice,
  receipt: Hex,
): { contract: C; tab: Tab | undefined; invoice: InvoiceRecord } {
  const { digest, id, contract, amountSat } = invoice;
  if (contract !== c.id) throw new Refusal('not-an-invoice', 'an invoice over another contract found');
  checkInvoice(invoice, c.terms);
  if (!isInvoiceReceipt(receipt, invoice))
    throw new Refusal('bad-receipt', 'a receipt found that this home has not signed', { blame: 'payee' });
  if (known?.paid) return { contract: c, tab, invoice: known };
  const invoicesSat = c.invoicesSat + amountSat;
  checkPaid(c.terms, invoicesSat + total(c.agreed));
  const owing = knownUpTo(c, invoicesSat);
  const lost = known ?? newInvoice({ digest, id, contract, amountSat });
  return {
    contract: owing,
    tab: { contract: c.id, due: [...(tab?.due ?? []), { id, amountSat, owedSat: owing.owedSat! }] },
    invoice: { ...lost, paid: { by: BY_RECEIPT, proof: receipt } },
  };
}
