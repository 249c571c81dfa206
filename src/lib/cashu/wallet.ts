/**
 * The Cashu library's wallet for a mint, and the mint's words in this program's.
 * Not here: quotes (`quotes.ts`), tokens (`mint.ts`, `in-hand.ts`), melts (`melt.ts`).
 */
import type { Wallet } from '@cashu/cashu-ts';
import { loadCashu } from '../ecash/library.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { MintAt } from './ask.ts';
import { requestTo } from './request.ts';

/**
 * Makes the library's wallet for a mint, its keysets loaded and verified.
 * @throws Refusal `mint-private`; `mint-unavailable`, also for a mint that shows no keyset of sat
 */
export async function walletOf(mint: MintAt, seed?: Uint8Array): Promise<Wallet> {
  const { Mint, Wallet: Made } = await loadCashu();
  const customRequest = await requestTo(mint);
  const wallet = new Made(new Mint(mint.url, { customRequest }), { unit: 'sat', ...(seed && { bip39seed: seed }) });
  await asked(mint.url, async () => {
    await wallet.loadMint();
    wallet.keyChain.getKeysets();
  });
  return wallet;
}

/** Says what the mint says in this program's words. @throws Refusal `mint-refused`, `mint-unavailable`, `dleq-invalid` */
export async function asked<T>(mint: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const { code, message } = error as Error & { code?: unknown };
    if (typeof code === 'number') throw new Refusal('mint-refused', `the mint at ${mint}: ${message} (${code})`);
    // What the mint has signed is not by its keys.
    if (message.includes('DLEQ'))
      throw new Refusal('dleq-invalid', `the mint at ${mint}: ${message}`, { blame: 'mint' });
    throw new Refusal('mint-unavailable', `the mint at ${mint}: ${message}`, {
      hint: 'is it running, and is this its URL?',
    });
  }
}
