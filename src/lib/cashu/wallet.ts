/**
 * The Cashu library's wallet for a mint, with its errors as refusals. Not here: quotes
 * (`quotes.ts`), tokens (`mint.ts`, `in-hand.ts`), melts (`melt.ts`).
 */
import type { Wallet, RequestFn } from '@cashu/cashu-ts';
import { loadCashu } from '../ecash/library.ts';
import { Refusal } from '../protocol/refusal.ts';
import { type MintAt, askMint, unavailable } from './ask.ts';
import type { Limits } from '../protocol/limit.ts';

export const WALLET_LIMITS = {
  /** Most bytes of an answer: some hundred kilobytes of keys, or a hundred signatures. */
  answer: { unit: 'bytes', most: 4_000_000 },
} satisfies Limits;
/** Time limit of a call; a melt is answered once its invoice is paid. */
const TIMEOUT_MS = 60_000;

/**
 * Returns the `customRequest` of a `Mint`: the library calls by `ask.ts`, so that answers are
 * limited. A mint's refusal becomes the library's error with the mint's code (NUT-00).
 */
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

/**
 * Makes the library's wallet for a mint, its keysets loaded and verified.
 * @throws Refusal `mint-private`, `mint-unavailable`, also for a mint without a keyset of sat
 */
export async function walletOf(mint: MintAt, seed?: Uint8Array): Promise<Wallet> {
  const { Mint, Wallet: Made } = await loadCashu();
  const customRequest = await requestTo(mint);
  const wallet = new Made(new Mint(mint.url, { customRequest }), { unit: 'sat', ...(seed && { bip39seed: seed }) });
  await withMintErrors(mint.url, async () => {
    await wallet.loadMint();
    wallet.keyChain.getKeysets();
  });
  return wallet;
}

/**
 * Runs a call of the Cashu library, and turns its errors into refusals.
 * @throws Refusal `mint-refused`, `mint-unavailable`, `dleq-invalid`
 */
export async function withMintErrors<T>(mint: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const { code, message } = error as Error & { code?: unknown };
    if (typeof code === 'number') throw new Refusal('mint-refused', `the mint at ${mint}: ${message} (${code})`);
    // The blind signature is not by the mint's keys.
    if (message.includes('DLEQ'))
      throw new Refusal('dleq-invalid', `the mint at ${mint}: ${message}`, { blame: 'mint' });
    throw new Refusal('mint-unavailable', `the mint at ${mint}: ${message}`, {
      hint: 'is it running, and is this its URL?',
    });
  }
}
