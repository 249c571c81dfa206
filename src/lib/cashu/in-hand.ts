/**
 * Tokens that a home holds of its mints: read, checked with the mint, printed again.
 *
 * One record is one token (`ecash/in-hand.ts`). NUT-07 says what is spent, NUT-09 what was signed.
 * Not here: new tokens (`mint.ts`), signatures found by a search (`search.ts`), the wallet's
 * secrets (`ecash/outputs.ts`).
 */
import { join } from 'node:path';
import type { Wallet } from '@cashu/cashu-ts';
import {
  coinFields,
  isSignedToken,
  newToken,
  spentPart,
  tokenSat,
  tokenKind,
  withoutSpent,
  type SignedToken,
  type TokenRecord,
} from '../ecash/in-hand.ts';
import { keysetClaim, keysetKind, newWallet, type Keyset, type KeysetRecord } from '../ecash/keyset.ts';
import { blindedOutputs, tokenOf, type BlindPromise } from '../ecash/outputs.ts';
import { change, listRecords, loadRecord } from '../home/change.ts';
import { holdFor } from '../home/hold.ts';
import type { Home } from '../home/home.ts';
import type { Hex } from '../protocol/action.ts';
import type { Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { isQuoted, ledgerKind, type QuotedLedger } from '../ecash/ledger.ts';
import { signaturesOf, signedFrom } from './search.ts';
import { withMintErrors, walletOf } from './wallet.ts';

export const TURN_LIMITS = {
  /** Wait for another run that holds the home's ecash: as long as a mint may take to answer. */
  held: { unit: 'milliseconds', most: 60_000 },
} satisfies Limits;

/** Runs work alone: runs that use a home's ecash take turns. @throws Refusal `concurrent` */
export async function alone<T>({ dir }: Home, work: () => Promise<T>): Promise<T> {
  const free = await holdFor(join(dir, 'ecash.lock'), TURN_LIMITS.held);
  if (!free)
    throw new Refusal(
      'concurrent',
      `another run was at the ecash of this home for ${TURN_LIMITS.held.most / 1_000} s`,
      {
        hint: 'try again; should it last, look for a run that hangs',
      },
    );
  try {
    return await work();
  } finally {
    free();
  }
}

/** Writes a token to its owner's output, and resolves once it is written. */
export type PrintToken = (token: string) => Promise<void>;

/** Lists the tokens of a home in these states, oldest first. */
export async function tokensIn(
  { store }: Pick<Home, 'store'>,
  states: readonly TokenRecord['state'][],
  belongs: (t: TokenRecord) => boolean = () => true,
): Promise<TokenRecord[]> {
  const found: TokenRecord[] = [];
  for (const state of states)
    for (const token of await listRecords(store, tokenKind, state)) if (belongs(token)) found.push(token);
  return found;
}

/** Stores a new token, or a token in its next state. */
export const keepToken = ({ store }: Pick<Home, 'store'>, token: TokenRecord): Promise<TokenRecord> =>
  change<{ token: TokenRecord }, TokenRecord>(
    store,
    { token: tokenKind },
    () => ({ token: `ecash:token/${token.id}` }),
    () => ({ writes: { token }, result: token }),
  );

/** Home with ecash, and its mint's wallet; undefined if the mint cannot be reached. */
export interface Purse {
  home: Home;
  wallet: Wallet | undefined;
}

export type MintPurse = Purse & { wallet: Wallet };

/** Returns a keyset, the home's or the mint's. @throws Refusal `no-keyset`, `mint-unavailable` */
export async function knownKeyset({ home, wallet }: Purse, id: Hex): Promise<Keyset> {
  const own = await loadRecord(home.store, keysetKind, keysetClaim('wallet', id));
  if (own) return own.record.keyset;
  if (!wallet) throw new Refusal('no-keyset', `this home has no keyset ${id}, and its mint was not asked`);
  const { unit, keys } = await withMintErrors(wallet.mint.mintUrl, () => wallet.keyChain.ensureKeysetKeys(id));
  const texts = Object.entries(keys).map(([amount, key]) => [String(amount), key]);
  return { id, unit: unit as 'sat', keys: Object.fromEntries(texts) };
}

/** Returns the text of a token, checked. @throws Refusal `dleq-invalid`, `promises-differ`, … */
async function textOf(purse: Purse, t: SignedToken): Promise<string> {
  const seed = (await purse.home.keys()).seed();
  return tokenOf(seed, t.places, await knownKeyset(purse, t.keyset), t.promises, t.mint);
}

/** Prints a token, then stores that. @throws what `print` throws; then nothing is stored */
export async function handOver(purse: Purse, t: SignedToken, print: PrintToken): Promise<string> {
  const text = await textOf(purse, t);
  await print(text);
  if (t.state !== 'printed') await keepToken(purse.home, { ...t, state: 'printed' });
  return text;
}

/**
 * Asks for the mint's earlier signatures of a token's outputs (NUT-09), and stores those that
 * verify.
 * @returns the token as it is now: unchanged if nothing is signed. If another copy of this home
 * used the places, it has the coins and amounts that the mint states
 */
export async function askedBack(purse: MintPurse, t: TokenRecord): Promise<TokenRecord> {
  const { home, wallet } = purse;
  const outs = blindedOutputs((await home.keys()).seed(), t.keyset, t.places);
  const found = await withMintErrors(t.mint, () => signaturesOf(wallet.mint, outs));
  if (found.every((one) => one === undefined)) return t;
  if (found.every((one, i) => one?.amount_sat === outs[i]!.amount_sat))
    return keepSigned(purse, t, found as BlindPromise[]);
  const coins = t.places.flatMap(({ counter }, i) => {
    const promise = found[i];
    return promise ? [{ place: { counter, amountSat: promise.amount_sat }, promise }] : [];
  });
  const other: SignedToken = { ...t, ...coinFields(coins), state: 'signed', older: true };
  await textOf(purse, other);
  await change<{ token: TokenRecord; keyset: KeysetRecord }, void>(
    home.store,
    { token: tokenKind, keyset: keysetKind },
    () => ({ token: `ecash:token/${t.id}`, keyset: keysetClaim('wallet', t.keyset) }),
    ({ keyset }) => ({
      writes: { token: other, ...(keyset?.role === 'wallet' && { keyset: { ...keyset, restored: true } }) },
      result: undefined,
    }),
  );
  return other;
}

/** Stores blind signatures if they verify. @throws Refusal `dleq-invalid`, `promises-differ` */
export async function keepSigned(
  purse: Purse,
  t: TokenRecord,
  promises: readonly BlindPromise[],
): Promise<SignedToken> {
  const signed: SignedToken = { ...t, promises, state: 'signed' };
  await textOf(purse, signed);
  await keepToken(purse.home, signed);
  return signed;
}

/** Removes the coins that the mint shows as spent (NUT-07), and stores the rest. */
export async function unspentOf(purse: MintPurse, t: SignedToken): Promise<TokenRecord> {
  const left = await withoutShown(purse, t);
  return left === t ? t : keepToken(purse.home, left);
}

async function withoutShown(purse: MintPurse, t: SignedToken): Promise<TokenRecord> {
  const { proofs } = purse.wallet.decodeToken(await textOf(purse, t));
  const { spent } = await withMintErrors(t.mint, () => purse.wallet.groupProofsByState(proofs));
  const secrets = new Set(spent.map(({ secret }) => secret));
  const counters = t.places.flatMap(({ counter }, i) => (secrets.has(proofs[i]!.secret) ? [counter] : []));
  return withoutSpent(t, new Set(counters));
}

/** Searches each keyset that a lost home may have used for coins at unknown counters. */
export async function search(purse: MintPurse, { contract, mint, quote }: QuotedLedger): Promise<void> {
  const { home, wallet } = purse;
  for (const { id } of wallet.keyChain.getKeysets())
    await change<{ keyset: KeysetRecord; token: TokenRecord }, void>(
      home.store,
      { keyset: keysetKind, token: tokenKind },
      () => ({ keyset: keysetClaim('wallet', id) }),
      async ({ keyset: found }) => {
        const known = found?.role === 'wallet' ? found : undefined;
        if (!(known?.restored ?? home.mayRepeat)) return { writes: {}, result: undefined };
        const record = known ?? newWallet(await knownKeyset(purse, id), true);
        const seed = (await home.keys()).seed();
        const { next, places, promises } = await withMintErrors(mint, () =>
          signedFrom(wallet.mint, seed, id, record.counter),
        );
        const keyset = { ...record, counter: next, restored: false };
        if (places.length === 0) return { writes: { keyset }, result: undefined };
        const token = newToken({ contract, mint, keyset: id, places, quote, promises, older: true });
        // Throws unless the token verifies.
        await textOf(purse, token as SignedToken);
        return { writes: { keyset, token }, result: undefined };
      },
    );
}

export interface PrintInHand {
  home: Home;
  /** Contract whose tokens are printed; undefined for all. */
  contract?: Hex | undefined;
  /** Checks again the coins that a mint called spent. */
  spent?: boolean;
  /** Returns whether the operator named the mint. */
  isNamed(mint: string): boolean;
  print: PrintToken;
}
export interface InHand {
  /** Sum of the printed tokens, in satoshis. */
  sat: bigint;
  /** Mints that did not say which coins are spent, with the reason. */
  unasked: readonly { mint: string; why: string }[];
}

/**
 * Prints every token of the home, or of one contract, that its mint does not show as spent; each
 * coin once.
 * @throws Refusal `concurrent`, and what `print` throws
 */
export const printInHand = (given: PrintInHand) => alone(given.home, () => printAlone(given));

async function printAlone({ home, contract, spent = false, isNamed, print }: PrintInHand): Promise<InHand> {
  const isWanted = (t: TokenRecord): boolean => contract === undefined || t.contract === contract;
  const ledgers = await listRecords(home.store, ledgerKind);
  const known = ledgers.filter(isQuoted).filter((l) => contract === undefined || l.contract === contract);
  const states = spent ? [...TOKEN_ORDER, 'spent' as const] : TOKEN_ORDER;
  const mints = new Set([...known, ...(await tokensIn(home, states, isWanted))].map(({ mint }) => mint));
  const unasked: { mint: string; why: string }[] = [];
  const seen = new Set<string>();
  let sat = 0n;
  for (const mint of mints) {
    const purse: Purse = { home, wallet: await told(mint, undefined, () => walletAt(mint)) };
    const { wallet } = purse;
    if (wallet)
      for (const quotes of known.filter((q) => q.mint === mint))
        await told(mint, undefined, () => search({ home, wallet }, quotes));
    for (const t of await tokensIn(home, states, (t) => t.mint === mint && isWanted(t))) {
      const now = wallet ? await told(mint, t, () => lookedAt({ home, wallet }, t)) : t;
      const left = once(now);
      if (isSignedToken(left)) {
        await handOver(purse, left, print);
        sat += tokenSat(left);
      }
      const called = spent && wallet ? spentPart(now) : undefined;
      const back = called && (await told(mint, undefined, () => withoutShown({ home, wallet: wallet! }, called)));
      const more = back && once(back);
      if (!more || !isSignedToken(more)) continue;
      // The record does not change, since the mint may call the coins spent again.
      await print(await textOf(purse, more));
      sat += tokenSat(more);
    }
  }
  return { sat, unasked };

  /** Removes coins that were printed before, because two searches may find a coin twice. */
  function once(t: TokenRecord): TokenRecord {
    if (!isSignedToken(t)) return t;
    const twice = t.places.flatMap((p) => (seen.has(coin(t, p)) ? [p.counter] : []));
    t.places.forEach((p) => seen.add(coin(t, p)));
    return withoutSpent(t, new Set(twice));
  }

  /** Resolves to the mint's wallet; undefined for a mint without an address. */
  async function walletAt(mint: string): Promise<Wallet | undefined> {
    return /^https?:/.test(mint) ? walletOf({ url: mint, named: isNamed(mint) }) : undefined;
  }
  /** Resolves to the mint's answer; without one, notes the mint and resolves to `known`. */
  async function told<T>(mint: string, known: T, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === 'bug') throw error;
      if (!unasked.some((one) => one.mint === mint)) unasked.push({ mint, why: error.message });
      return known;
    }
  }
}

/** Order of printing: if two tokens have a coin, the one printed before is printed again. */
const TOKEN_ORDER = ['printed', 'signed', 'asked', 'refused'] as const;
const coin = ({ keyset }: TokenRecord, { counter }: TokenRecord['places'][number]): string => `${keyset}/${counter}`;

/** Resolves to the token as its mint knows it. */
async function lookedAt(purse: MintPurse, t: TokenRecord): Promise<TokenRecord> {
  const now = isSignedToken(t) ? t : await askedBack(purse, t);
  return isSignedToken(now) ? unspentOf(purse, now) : now;
}
