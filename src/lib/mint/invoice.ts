/**
 * A merchant's invoice: one line that a wallet pays in ecash at the mint, a melt of the method
 * `credit`. Then the mint's home owes the amount over the merchant's contract.
 *
 * The merchant makes it alone: nothing is stored and nobody is asked. Its authentication key of the
 * contract signs it as it signs messages (`signing/seal.ts`). The digest that is signed identifies
 * the invoice, however its text is spaced. The invoice names the home's key too; whoever has paid
 * verifies the receipt by it.
 */
import * as v from 'valibot';
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import type { Hex } from '../protocol/action.ts';
import { parseJson, printJson } from '../protocol/json.ts';
import { hexOf, parseAs, sat, text } from '../protocol/message.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { signHash, verifies } from '../signing/bip340.ts';
import { taggedHash } from '../signing/curve.ts';
import { checkSeal, messageHash, seal } from '../signing/seal.ts';
import { looksLikeRequest } from '../ecash/request.ts';
import { authOf, type Terms } from '../credit/terms.ts';

export const INVOICE_LIMITS = {
  /** Most bytes of a line: mints take 1,024, and a wallet may wrap it in a field of its own. */
  line: { unit: 'bytes', most: 700 },
  memo: { unit: 'characters', most: 120 },
} satisfies Limits;

const schema = v.strictObject({
  type: v.literal('invoice'),
  version: v.literal(1),
  network: text,
  mint: text,
  contract: hexOf(32),
  amount_sat: sat,
  id: hexOf(16),
  payer_auth: hexOf(32),
  expiry: v.pipe(v.number(), v.integer(), v.minValue(0)),
  memo: v.optional(v.pipe(v.string(), v.maxLength(INVOICE_LIMITS.memo.most))),
  auth: hexOf(64),
});

export interface InvoiceTerms {
  network: string;
  /** URL of the mint that takes the ecash. */
  mint: string;
  /** Reverse contract over which the merchant is paid. */
  contract: Hex;
  amountSat: bigint;
  /** 16 random bytes. */
  id: Hex;
  /** Authentication key of the paying home, which signs the receipt. */
  payerAuth: Hex;
  /** Unix seconds. */
  expiry: number;
  memo?: string | undefined;
}
/** Merchant's invoice, parsed and verified. */
export interface Invoice extends InvoiceTerms {
  /** Digest of the invoice, 32 bytes; it identifies it. */
  digest: Hex;
  /** Document as signed. */
  document: object;
}

/**
 * Returns the signed line of an invoice.
 * @param secret the merchant's authentication key of the contract
 * @throws Refusal `usage` for one that is too long
 */
export function signInvoice(terms: InvoiceTerms, secret: Uint8Array): string {
  const { network, mint, contract, amountSat, id, payerAuth, expiry, memo } = terms;
  const named = { network, mint, contract, amount_sat: amountSat, id, payer_auth: payerAuth, expiry };
  const body = { type: 'invoice', version: 1, ...named };
  const line = printJson(seal({ ...body, ...(memo !== undefined && { memo }) }, secret));
  const bytes = new TextEncoder().encode(line).length;
  if (!allows(INVOICE_LIMITS.line, bytes))
    throw new Refusal('usage', `an invoice of ${bytes} bytes found, at most ${INVOICE_LIMITS.line.most} expected`, {
      hint: 'shorten --memo',
    });
  return line;
}

/** Parses an invoice, unverified. @throws Refusal `not-an-invoice`, `malformed-invoice` */
export function parseInvoice(line: string): Invoice {
  // A request for ecash, settled inside the mint, would be paid without any contract.
  if (looksLikeRequest(line))
    throw new Refusal('not-an-invoice', 'a request for ecash found, an invoice of a merchant expected');
  try {
    if (!allows(INVOICE_LIMITS.line, new TextEncoder().encode(line).length))
      throw new Error(`more than ${INVOICE_LIMITS.line.most} bytes`);
    const document = parseJson(line.trim());
    const { type: _, version: __, auth: ___, ...stated } = parseAs(schema, document);
    const { amount_sat: amountSat, payer_auth: payerAuth, ...rest } = stated;
    const digest = bytesToHex(messageHash(document as object));
    return { ...rest, amountSat, payerAuth, digest, document: document as object };
  } catch (error) {
    throw new Refusal('malformed-invoice', `no invoice: ${(error as Error).message}`);
  }
}

/**
 * Checks that a contract's merchant has signed the invoice, and that it names the contract's home.
 * @throws Refusal `bad-seal` for an altered one, `not-an-invoice` for one of another home
 */
export function checkInvoice(invoice: Invoice, terms: Terms): void {
  checkSeal(invoice.document, authOf(terms, 'payee'), 'merchant');
  if (invoice.payerAuth !== authOf(terms, 'payer'))
    throw new Refusal('not-an-invoice', 'an invoice found that names another home than the one that pays');
}

const receiptHash = (digest: Hex, contract: Hex): Uint8Array =>
  taggedHash('spillway/invoice-receipt', hexToBytes(digest), hexToBytes(contract));

/** Signs the home's receipt for an invoice, the payment proof of a melt; always the same bytes. */
export const signInvoiceReceipt = (digest: Hex, contract: Hex, secret: Uint8Array): Hex =>
  signHash(receiptHash(digest, contract), secret);

/** Returns whether the home that the invoice names has signed this receipt for it. */
export const isInvoiceReceipt = (receipt: string, { digest, contract, payerAuth }: Invoice): boolean =>
  v.is(hexOf(64), receipt) && verifies(receipt, receiptHash(digest, contract), payerAuth);
