/**
 * The way in which the Cashu library asks a mint: by this program's own call (`ask.ts`), so that what
 * it reads has an end. A mint's refusal comes back as the library's error with the mint's code
 * (NUT-00).
 */
import type { RequestFn } from '@cashu/cashu-ts';
import { loadCashu } from '../ecash/library.ts';
import type { Limits } from '../protocol/limit.ts';
import { askMint, unavailable, type MintAt } from './ask.ts';

export const WALLET_LIMITS = {
  /** Keys of all keysets, or a hundred signatures: a mint with many keysets sends some hundred kilobytes. */
  answer: { unit: 'bytes', most: 4_000_000 },
} satisfies Limits;
/** A melt is answered once its invoice is paid. */
const TIMEOUT_MS = 60_000;

/** Makes the `customRequest` of `new Mint(url, { customRequest })`. */
export async function requestTo(mint: MintAt): Promise<RequestFn> {
  const { JSONInt, MintOperationError } = await loadCashu();
  return async <T>({ endpoint, requestBody, headers, method }: Parameters<RequestFn>[0]): Promise<T> => {
    if (!endpoint.startsWith(`${mint.url}/`)) throw unavailable(mint, 'the library asks another server');
    const body = requestBody ? JSONInt.stringify(requestBody) : method === 'POST' ? '{}' : undefined;
    const path = endpoint.slice(mint.url.length);
    const call = { body, headers, limit: WALLET_LIMITS.answer, timeoutMs: TIMEOUT_MS };
    const { ok, status, text } = await askMint(mint, path, call);
    let json: unknown;
    try {
      json = JSONInt.parse(text);
    } catch {
      throw unavailable(mint, `it answers with status ${status}, and not in JSON`);
    }
    if (ok) return json as T;
    const { code, detail } = (json ?? {}) as { code?: unknown; detail?: unknown };
    if (status === 400 && typeof code === 'number' && typeof detail === 'string')
      throw new MintOperationError(code, detail);
    throw unavailable(mint, `it answers with status ${status}: ${String(detail).slice(0, 200)}`);
  };
}
