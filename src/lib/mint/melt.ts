/**
 * Melts: a merchant's invoice is paid in ecash at the mint. Answers of the home to GetPaymentQuote,
 * MakePayment and CheckOutgoingPayment, as pure functions of its records and the chain.
 *
 * Whoever is told FAILED gets ecash back. So nothing that was told FAILED can be paid later, and
 * what is not certain is UNKNOWN. Not here: the service (`cdk/`), the update that settles a debt
 * (`credit/`).
 */
import { checkFunding, checkMelts } from '../credit/checks.ts';
import { raisedBy } from '../credit/owed.ts';
import type { Credit, PayerCredit } from '../credit/records.ts';
import { checkPaid } from '../credit/transactions.ts';
import type { Facts, Hex } from '../protocol/action.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { checkInvoice, signInvoiceReceipt, type Invoice } from './invoice.ts';
import {
  BY_RECEIPT,
  newInvoice,
  type OwedInvoice,
  type InvoiceRecord,
  TAB_LIMITS,
  type Melt,
  type Tab,
} from './records.ts';

export type MeltRecords = { contract: Credit; invoice: InvoiceRecord; melt: Melt; tab: Tab };
type FoundRecords = Partial<MeltRecords>;
/** State of the home at a melt request. */
export interface MeltContext {
  network: string;
  /** URL of the mint that asks. */
  mint: string;
  facts: Pick<Facts, 'tip' | 'coins' | 'now'>;
  /** Refusal of all melts after a stop of this mint's quotes or a restore, else null. */
  stopped: Refusal | null;
}
export interface Taken<T> {
  writes: FoundRecords;
  result: T;
}
/** Result of a melt: paid with its proof, failed, or unknown. */
export type MeltResult =
  | { status: 'paid'; digest: Hex; proof: Hex; amountSat: bigint }
  | { status: 'failed'; digest: Hex; code?: ErrorCode | undefined }
  | { status: 'unknown' };

export const MELT_LIMITS = {
  /** Last second in which an invoice can be paid. */
  payable: { unit: 'Unix seconds', most: (expiry: number) => expiry - 1 },
  /** Melts quoted for one invoice before one is sent: anyone with its line can ask for them. */
  quotes: { unit: 'items', most: 20 },
} satisfies Limits;

type Reverse = PayerCredit & { state: 'open'; owedSat: bigint };
/** Context that is known without asking anybody. */
type Here = Pick<MeltContext, 'network' | 'mint'> & { facts: Pick<Facts, 'now'> };

/** Returns the merchant's contract of an invoice. @throws Refusal `not-an-invoice` if not served */
function reverseOf(c: Credit | undefined, invoice: Invoice, now: Here): Reverse {
  const ours =
    c?.role === 'payer' && c.state === 'open' && c.owedSat !== null && c.id === invoice.contract
      ? (c as Reverse)
      : null;
  if (!ours || invoice.network !== now.network || invoice.mint !== now.mint || ours.terms.mint_url !== now.mint)
    throw new Refusal('not-an-invoice', 'an invoice over another contract, network or mint than this home serves');
  checkInvoice(invoice, ours.terms);
  return ours;
}

/**
 * Checks by this home's records that the contract can owe so much more.
 * @throws Refusal `contract-restored`, `invoice-expired`, `below-dust`, `over-capacity`, …
 */
export function checkOwable(c: Reverse, amountSat: bigint, expiry: number, { facts }: Here): void {
  if (c.restored)
    throw new Refusal(
      'contract-restored',
      'this contract comes from a restored store: what it owed last may be missing',
      {
        hint: 'compare with the merchant, then ecash-quote --confirm',
      },
    );
  if (facts.now > MELT_LIMITS.payable.most(expiry))
    throw new Refusal('invoice-expired', `the invoice ended at ${expiry}, it is ${facts.now} (Unix seconds)`);
  if (amountSat <= 0n) throw new Refusal('amount-not-growing', 'an invoice of nothing found');
  checkPaid(c.terms, c.owedSat + amountSat);
}

/** Checks the same by chain and mint. @throws Refusal `frozen`, `funding-missing`, … */
function checkShown(c: Reverse, { facts, stopped }: MeltContext): void {
  if (stopped) throw stopped;
  if (facts.tip === 'not-checked') throw new Refusal('chain-unavailable', 'no height of the chain is known');
  checkMelts(facts.tip, c.terms);
  checkFunding(facts.coins, c);
}

/**
 * Refuses a melt quote without a look at the chain. Anybody may ask for one, so a request for no
 * invoice of this home, or one too many, costs no more than this.
 */
export function checkQuotable(
  found: FoundRecords,
  quote: string,
  invoice: Invoice,
  now: Here,
): [Reverse, InvoiceRecord] {
  const { digest, id, contract, amountSat } = invoice;
  const c = reverseOf(found.contract, invoice, now);
  const known = found.invoice ?? newInvoice({ digest, id, contract, amountSat });
  if (!known.paid && known.doubted)
    throw new Refusal('contract-restored', 'this invoice was known before the store was lost: it may be paid already', {
      hint: `if it was not: ecash-quote --contract ${contract.slice(0, 8)} --confirm --unpaid ${id}`,
    });
  if (known.paid) throw new Refusal('invoice-paid', 'the invoice is paid already');
  checkOwable(c, amountSat, invoice.expiry, now);
  if (found.melt && (found.melt.digest !== digest || !isNew(found.melt, known)))
    throw new Refusal('already-known', `melt quote ${quote} was answered before`);
  if (!found.melt && !allows(MELT_LIMITS.quotes, known.quoted + 1))
    throw new Refusal('too-many-quotes', `${known.quoted} melts of this invoice are quoted already`, {
      hint: 'pay one of them, or ask the merchant for another invoice',
    });
  return [c, known];
}

/** Answers GetPaymentQuote. @throws Refusal unless this home's invoice is valid, unpaid, payable */
export function quoteMelt(
  found: FoundRecords,
  quote: string,
  invoice: Invoice,
  now: MeltContext,
): Taken<{ amountSat: bigint }> {
  const { digest, contract, amountSat } = invoice;
  const [c, known] = checkQuotable(found, quote, invoice, now);
  checkShown(c, now);
  return {
    writes: {
      invoice: { ...known, quoted: known.quoted + (found.melt ? 0 : 1) },
      melt: { quote, digest, contract, round: known.round, state: 'new' },
    },
    result: { amountSat },
  };
}

const isNew = (melt: Melt, invoice: InvoiceRecord): boolean => melt.state === 'new' && melt.round === invoice.round;

/**
 * Answers MakePayment. One commit marks invoice and melt as paid and raises the debt. A melt that
 * fails is refused for good in the commit before the answer.
 * @param parse reads the request of the melt; what it throws refuses the melt
 * @param secret the home's authentication key of the contract
 */
export function payMelt(
  found: FoundRecords,
  parse: () => Invoice,
  now: MeltContext,
  secret: (c: PayerCredit) => Uint8Array,
): Taken<MeltResult> {
  const { contract, invoice, melt, tab } = found;
  // A restored home may have paid a quote that it does not know.
  if (!melt || !invoice || !contract) return { writes: {}, result: { status: 'unknown' } };
  const { digest, amountSat } = invoice;
  if (melt.state === 'paid') return { writes: {}, result: verdictOf(invoice) };
  // This home cannot tell whether or by which melt the invoice was paid.
  if (invoice.paid ? invoice.paid.by === BY_RECEIPT : invoice.doubted)
    return { writes: {}, result: { status: 'unknown' } };
  if (!isNew(melt, invoice)) return { writes: {}, result: { status: 'failed', digest } };
  try {
    const asked = parse();
    const c = reverseOf(contract, asked, now);
    if (asked.digest !== digest) throw new Refusal('not-an-invoice', 'another invoice than the one that was quoted');
    if (invoice.paid) throw new Refusal('invoice-paid', 'the invoice is paid already');
    checkOwable(c, amountSat, asked.expiry, now);
    checkShown(c, now);
    const due = checkDue(tab?.due ?? [], c.signedMaxSat);
    const proof = signInvoiceReceipt(digest, c.id, secret(c));
    const owing = raisedBy(c, amountSat);
    const paid: InvoiceRecord = { ...invoice, paid: { by: melt.quote, proof } };
    return {
      writes: {
        contract: owing,
        invoice: paid,
        melt: { ...melt, state: 'paid' },
        tab: { contract: c.id, due: [...due, { id: invoice.id, amountSat, owedSat: owing.owedSat }] },
      },
      result: verdictOf(paid),
    };
  } catch (error) {
    if (!(error instanceof Refusal) || error.code === 'bug') throw error;
    return {
      writes: { melt: { ...melt, state: 'refused' } },
      result: { status: 'failed', digest, code: error.code },
    };
  }
}

/** Answers CheckOutgoingPayment by digest. Earlier quotes can pay an unpaid invoice no more. */
export function checkMelt({ invoice, contract }: FoundRecords): Taken<MeltResult> {
  const known = contract?.role === 'payer' && 'restored' in contract && !contract.restored;
  const unsure = !invoice || (!invoice.paid && (invoice.doubted || !known));
  if (unsure) return { writes: {}, result: { status: 'unknown' } };
  if (invoice.paid) return { writes: {}, result: verdictOf(invoice) };
  return {
    writes: invoice.quoted > 0 ? { invoice: { ...invoice, round: invoice.round + 1, quoted: 0 } } : {},
    result: { status: 'failed', digest: invoice.digest },
  };
}

const verdictOf = ({ digest, amountSat, paid }: InvoiceRecord): MeltResult => ({
  status: 'paid',
  digest,
  amountSat,
  proof: paid!.proof,
});

/** Returns the due invoices; settled ones make room. @throws Refusal `invoices-unsettled` */
export function checkDue(due: readonly OwedInvoice[], settledSat: bigint): readonly OwedInvoice[] {
  const left = due.length < TAB_LIMITS.due.most ? due : due.filter(({ owedSat }) => owedSat > settledSat);
  // The count includes this melt.
  if (!allows(TAB_LIMITS.due, left.length + 1))
    throw new Refusal('invoices-unsettled', `${left.length} paid invoices wait for the merchant to settle them`);
  return left;
}
