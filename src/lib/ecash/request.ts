/**
 * Payment request of a mint quote of the method `credit`: one line of JSON.
 *
 * The mint's wallet shows it, and the payer of a credit contract gives it to
 * `sign-update --request` or `ecash-quote`. It only names the quote; whoever acts on it asks the
 * mint. Its amount and key are for people.
 */
import * as v from 'valibot';
import type { Hex } from '../protocol/action.ts';
import { parseJson, printJson } from '../protocol/json.ts';
import { hexOf, parseAs, sat, text } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';

/** Schema of a quote's id: mints make UUIDs or base64url. */
export const quoteId = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,64}$/, 'the id of a quote'));

const schema = v.strictObject({
  type: v.literal('credit-request'),
  version: v.literal(1),
  network: text,
  quote: quoteId,
  amount_sat: v.nullable(sat),
  mint: text,
  home: hexOf(16),
});

/** Payment request of a mint's quote over a credit contract. */
export interface CreditRequest {
  network: string;
  quote: string;
  /** Amount; null for any amount, again and again. */
  amountSat: bigint | null;
  /** URL of the mint. */
  mint: string;
  /** Authentication key of the home that serves the mint. */
  home: Hex;
}

/** Returns the request as one line; the id of the quote makes it unique. */
export const printRequest = ({ network, quote, amountSat, mint, home }: CreditRequest): string =>
  printJson({ type: 'credit-request', version: 1, network, quote, amount_sat: amountSat, mint, home });

/** Returns whether a line is meant as a request: the answer to one must never be a melt. */
export const looksLikeRequest = (line: string): boolean => line.includes('"credit-request"');

/** Parses a request. @throws Refusal `malformed-request` */
export function parseRequest(line: string): CreditRequest {
  try {
    const { network, quote, amount_sat: amountSat, mint, home } = parseAs(schema, parseJson(line.trim()));
    return { network, quote, amountSat, mint, home };
  } catch (error) {
    throw new Refusal('malformed-request', `no request of a credit quote: ${(error as Error).message}`);
  }
}
