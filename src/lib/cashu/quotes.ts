/**
 * Quotes of the method `credit` at a running mint, over HTTP (NUT-04, NUT-20): made, and read.
 *
 * Answers of a mint are read strictly, and only the figures that are needed. Not here: minting and
 * melting (`wallet.ts`).
 */
import * as v from 'valibot';
import type { MintQuote } from '../ecash/quote.ts';
import type { Hex } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { parseJson, type Json } from '../protocol/json.ts';
import { parseAs, pubkey, sat } from '../protocol/message.ts';
import type { Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { creditKind, inState } from '../credit/records.ts';
import { quoteId } from '../ecash/request.ts';
import { mintOf } from '../mint/bind.ts';
import { isQuoted, ledgerClaim, ledgerKind } from '../ecash/ledger.ts';
import type { Store } from '../protocol/ports.ts';
import { askMint, unavailable, type MintAt } from './ask.ts';

const TIMEOUT_MS = 10_000;
export const ANSWER_LIMITS = {
  answer: { unit: 'bytes', most: 200_000 },
  request: { unit: 'characters', most: 20_000 },
} satisfies Limits;

const quoteSchema = v.object({
  quote: quoteId,
  request: v.pipe(v.string(), v.maxLength(ANSWER_LIMITS.request.most)),
  unit: v.optional(v.nullable(v.literal('sat'))),
  amount: v.optional(v.nullable(sat)),
  pubkey: v.optional(v.nullable(pubkey)),
  amount_paid: sat,
  amount_issued: sat,
  expiry: v.optional(v.nullable(v.number())),
});
export interface NewMintQuote extends MintQuote {
  /** Payment request that the mint's home wrote for it. */
  request: string;
}

/**
 * Returns a mint's URL as contracts have it: http(s), no slash at the end.
 * @throws Refusal `usage`
 */
export function mintUrlOf(text: string): string {
  const url = URL.parse(text);
  // Refuses an empty query or fragment too, because a path behind it would be ignored.
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || /[?#]/.test(url.href))
    throw new Refusal('usage', `${JSON.stringify(text.slice(0, 100))} found, the URL of a mint expected`);
  return url.href.replace(/\/+$/, '');
}

/**
 * Returns whether an error means an unknown quote. Mints have no code for it: cdk says "Unknown
 * quote", nutshell "quote not found".
 */
export const isUnknownQuote = (detail: string): boolean => /unknown quote|quote not found/i.test(detail);

/** Reads the figures of a quote. @throws Refusal `mint-private`, `mint-unavailable` */
export async function mintQuote(mint: MintAt, id: string): Promise<MintQuote | 'unknown'> {
  const { ok, status, json } = await call(mint, `/v1/mint/quote/credit/${encodeURIComponent(id)}`);
  if (ok) {
    const read = quoteOf(json, mint);
    if (read.id !== id) throw unavailable(mint, `it answers with quote ${read.id} when asked for ${id}`);
    return read;
  }
  const detail = String((json as { detail?: unknown } | null)?.detail ?? '');
  if (isUnknownQuote(detail)) return 'unknown';
  throw unavailable(mint, `it answers with status ${status}: ${detail.slice(0, 200)}`);
}

/**
 * Makes a quote locked to a key.
 * @throws Refusal `mint-private`, `mint-unavailable`, `mint-refused`
 */
export async function newMintQuote(mint: MintAt, key: Hex, amountSat?: bigint): Promise<NewMintQuote> {
  const body = { unit: 'sat', pubkey: key, ...(amountSat !== undefined && { amount: Number(amountSat) }) };
  const { ok, status, json } = await call(mint, '/v1/mint/quote/credit', body);
  if (!ok)
    throw new Refusal(
      'mint-refused',
      `the mint at ${mint.url} makes no quote of the method credit (status ${status}): ${JSON.stringify(json).slice(0, 200)}`,
    );
  return quoteOf(json, mint);
}

/**
 * Returns the quote that ecash-quote names: the bound one, else a new one, locked to the contract's
 * ecash key.
 * @param isNamed whether the operator named the mint
 * @param options `mint`: if given, it must be the contract's; `renew`: a new one in any case
 */
export async function quoteFor(
  store: Pick<Store, 'load'>,
  contract: Hex,
  isNamed: (mint: string) => boolean,
  { mint, renew = false }: { mint?: string | undefined; renew?: boolean | undefined } = {},
): Promise<string> {
  const [id, beside] = [idClaim(contract), ledgerClaim(contract)];
  const { found } = await store.load([id, beside]);
  const hit = found.get(id);
  const { terms } = inState(
    hit && creditKind.parse(hit.record),
    'payer',
    'open',
    'closing',
    'closed',
    'rolled',
    'exiting',
  );
  const url = mintOf(terms);
  if (mint !== undefined && mintUrlOf(mint) !== url)
    throw new Refusal('usage', `--mint ${mint} found, the contract's mint is ${url}`);
  const known = renew ? undefined : found.get(beside);
  const ledger = known && ledgerKind.parse(known.record);
  return isQuoted(ledger) ? ledger.quote : (await newMintQuote({ url, named: isNamed(url) }, terms.ecash_pubkey!)).id;
}

function quoteOf(json: Json, mint: MintAt): NewMintQuote {
  try {
    const q = parseAs(quoteSchema, json);
    return {
      id: q.quote,
      request: q.request,
      amountSat: q.amount ?? null,
      pubkey: q.pubkey ?? null,
      paidSat: q.amount_paid,
      issuedSat: q.amount_issued,
      expiry: q.expiry ?? null,
    };
  } catch (error) {
    throw unavailable(mint, (error as Error).message);
  }
}

async function call(mint: MintAt, path: string, body?: object): Promise<{ ok: boolean; status: number; json: Json }> {
  const { ok, status, text } = await askMint(mint, path, {
    body: body && JSON.stringify(body),
    limit: ANSWER_LIMITS.answer,
    timeoutMs: TIMEOUT_MS,
  });
  let json: Json = null;
  try {
    json = parseJson(text);
  } catch {
    // The caller reports an unexpected form.
  }
  return { ok, status, json };
}
