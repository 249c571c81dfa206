/**
 * A customer's ecash at a running mint, through cashu-ts's Wallet: what was reported on the contract's quote becomes a token.
 *
 * The outputs are kept before they are sent: sent again after a crash, they are the same ones, and what the mint had signed
 * already is asked back (NUT-09). So a payment becomes one token, however often the command runs.
 * A home that was ever lost first finds what it may have minted since, and prints what of it is not spent.
 * Not here: quotes (`quotes.ts`), melts (`melt.ts`), the search (`search.ts`), the wallet's secrets (`ecash/outputs.ts`).
 */
import type { Wallet } from '@cashu/cashu-ts';
import { FUNDED, creditKind, must, type Credit } from '../credit/records.ts';
import { keysetClaim, keysetKind, newWallet, type Keyset, type KeysetRecord } from '../ecash/keyset.ts';
import { loadCashu } from '../ecash/library.ts';
import { amountsFor, outputsOf, placesFrom, signOutputs, tokenOf, type BlindPromise } from '../ecash/outputs.ts';
import { change } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import { purseClaim, purseKind, withMinting, type Minting, type Purse } from '../mint/purse.ts';
import type { Hex, MintQuote } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { MintAt } from './ask.ts';
import { mintQuote } from './quotes.ts';
import { requestTo } from './request.ts';
import { messageOf, promiseOf, signaturesOf, signedFrom, type Signature } from './search.ts';

/** A report takes up to a second to reach the mint: so many looks, and the time between two. */
const LOOKS = 20;
const LOOK_MS = 250;

type Rs = { contract: Credit; purse: Purse; keyset: KeysetRecord };
const KINDS = { contract: creditKind, purse: purseKind, keyset: keysetKind };

/** The library's wallet for a mint, its keysets loaded and verified. @throws Refusal `mint-private`, `mint-unavailable` */
export async function walletOf(mint: MintAt, seed?: Uint8Array): Promise<Wallet> {
  const { Mint, Wallet: Made } = await loadCashu();
  const customRequest = await requestTo(mint);
  const wallet = new Made(new Mint(mint.url, { customRequest }), { unit: 'sat', ...(seed && { bip39seed: seed }) });
  await asked(mint.url, () => wallet.loadMint());
  return wallet;
}

/** What the mint says, in this program's words. @throws Refusal `mint-refused`, `mint-unavailable` */
export async function asked<T>(mint: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const { code, message } = error as Error & { code?: unknown };
    if (typeof code === 'number') throw new Refusal('mint-refused', `the mint at ${mint}: ${message} (${code})`);
    throw new Refusal('mint-unavailable', `the mint at ${mint}: ${message}`, {
      hint: 'is it running, and is this its URL?',
    });
  }
}

export interface MintEcash {
  home: Home;
  contract: Hex;
  /** Whether the operator named the mint. */
  isNamed(mint: string): boolean;
  /** All that was reported and not minted yet, where it is not given. */
  amountSat?: bigint | undefined;
  point(label: string): void;
}
export interface Minted {
  token: string;
  /** It was found again in a home that was lost: its coins may be in use already, and there may be more to mint. */
  again: boolean;
}

/**
 * A token of what was reported on the contract's quote, or an earlier one, and not minted yet. Where nothing is new, the last token again; in a
 * home that was lost first what it had minted and not spent.
 * @throws Refusal `quote-unknown` before ecash-quote, `not-mintable`, `mint-refused`, `mint-private`, `mint-unavailable`, `dleq-invalid`
 */
export async function mintEcash({ home, contract, isNamed, amountSat, point }: MintEcash): Promise<Minted> {
  const { store } = home;
  const find = () => ({ contract: idClaim(contract), purse: purseClaim(contract) });
  const { own, mint } = await change<Rs, Pick<Purse, 'mint'> & Pick<Credit, 'own'>>(store, KINDS, find, (found) => {
    if (!found.purse)
      throw new Refusal('quote-unknown', 'this contract has no quote of its mint yet', {
        hint: `spillway ecash-quote --mint URL --contract ${contract.slice(0, 8)}`,
      });
    const c = must(found.contract, 'payer', ...FUNDED);
    return { writes: {}, result: { own: c.own, mint: found.purse.mint } };
  });
  const keys = await home.keys();
  const at = { url: mint, named: isNamed(mint) };
  const wallet = await walletOf(at);
  for (;;) {
    const purse = await purseNow();
    const under = purse.mintings.find(({ promises }) => promises === null);
    const minting = under ?? (await searched()) ?? (await prepare(purse));
    point('mint-prepared');
    const promises = minting.promises ?? (await signed(minting));
    const token = promises && (await kept(minting, promises));
    if (token !== undefined) return { token, again: minting.older };
  }

  function purseNow(): Promise<Purse> {
    return change<Rs, Purse>(store, KINDS, find, ({ purse }) => ({ writes: {}, result: purse! }));
  }

  /** What was minted with counters that this home may not know of, of each keyset of the mint; undefined where it knows. */
  async function searched(): Promise<Minting | undefined> {
    for (const { id } of wallet.keyChain.getKeysets()) {
      const minting = await change<Rs, Minting | undefined>(
        store,
        KINDS,
        () => ({ ...find(), keyset: keysetClaim('wallet', id) }),
        async ({ purse, keyset: found }) => {
          const known = found?.role === 'wallet' ? found : undefined;
          if (!(known?.restored ?? home.mayRepeat)) return { writes: {}, result: undefined };
          const record = known ?? newWallet(await keysetOf(id), true);
          const { next, ...all } = await asked(mint, () => signedFrom(wallet.mint, keys.cashu(), id, record.counter));
          const unspent = await unspentOf({ keyset: id, quote: purse!.quote, older: true, ...all }, all.promises);
          const writes = { keyset: { ...record, counter: next, restored: false } };
          return unspent
            ? { writes: { ...writes, purse: { ...purse!, mintings: [...purse!.mintings, unspent] } }, result: unspent }
            : { writes, result: undefined };
        },
      );
      if (minting) return minting;
    }
    return undefined;
  }

  /** A new minting of what is free, else the last one. */
  async function prepare(purse: Purse): Promise<Minting> {
    const last = purse.mintings.at(-1);
    const {
      id: quote,
      paidSat,
      issuedSat,
    } = (await leftOver(at, purse)) ?? (await reported(at, purse, last ? 1 : LOOKS));
    const free = paidSat - issuedSat;
    if (free === 0n && last) return last;
    const wanted = amountSat ?? free;
    if (wanted <= 0n || wanted > free)
      throw new Refusal('not-mintable', `${wanted} sat wanted; ${free} sat are reported to the mint and not minted`);
    const keyset = await keysetOf(wallet.getKeyset().id);
    return change<Rs, Minting>(
      store,
      KINDS,
      () => ({ ...find(), keyset: keysetClaim('wallet', keyset.id) }),
      (found) => {
        const under = found.purse!.mintings.find(({ promises }) => promises === null);
        if (under) return { writes: {}, result: under };
        const record = found.keyset?.role === 'wallet' ? found.keyset : newWallet(keyset, home.mayRepeat);
        if (record.restored)
          throw new Refusal('concurrent', 'this home was restored meanwhile', { hint: 'run it again' });
        const places = placesFrom(record.counter, amountsFor(wanted, keyset));
        const minting: Minting = { keyset: keyset.id, places, quote, promises: null, older: false };
        return {
          writes: {
            purse: { ...found.purse!, mintings: [minting] },
            keyset: { ...record, counter: record.counter + places.length },
          },
          result: minting,
        };
      },
    );
  }

  /** The mint's blind signatures, asked for or asked back; undefined where others than these were made there before. */
  async function signed(minting: Minting): Promise<readonly BlindPromise[] | undefined> {
    const outs = outputsOf(keys.cashu(), minting.keyset, minting.places);
    const before = await had();
    if (before) return before === 'others' ? undefined : before;
    const signature = signOutputs(keys.ecash(own.path), minting.quote, outs);
    try {
      const { signatures } = (await asked(mint, () =>
        wallet.mint.mint('credit', { quote: minting.quote, outputs: outs.map(messageOf), signature } as never),
      )) as unknown as { signatures: readonly Signature[] };
      return signatures.map(promiseOf);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'mint-refused') throw error;
      const late = await had();
      if (late && late !== 'others') return late;
      // What the mint refuses and has not signed: the next run may send other outputs, under another keyset.
      await replace(minting, null);
      throw error;
    }

    async function had(): Promise<readonly BlindPromise[] | 'others' | undefined> {
      const found = await asked(mint, () => signaturesOf(wallet.mint, outs));
      if (found.every((one) => one === undefined)) return undefined;
      if (found.every((one, i) => one?.amount_sat === outs[i]!.amount_sat)) return found as BlindPromise[];
      // These counters were used before: what is there is found by a search, and this minting never comes.
      await change<Rs, void>(
        store,
        KINDS,
        () => ({ ...find(), keyset: keysetClaim('wallet', minting.keyset) }),
        ({ purse, keyset }) => ({
          writes: {
            purse: withMinting(purse!, minting, null),
            ...(keyset?.role === 'wallet' && { keyset: { ...keyset, restored: true } }),
          },
          result: undefined,
        }),
      );
      return 'others';
    }
  }

  /** Checked before it is kept: what does not verify is asked for again. undefined: all of it is spent. */
  async function kept(minting: Minting, promises: readonly BlindPromise[]): Promise<string | undefined> {
    const token = await tokenIn(minting, promises);
    if (minting.promises) return token;
    const now = minting.older ? await unspentOf(minting, promises) : { ...minting, promises };
    await replace(minting, now);
    point('mint-kept');
    return now && tokenIn(now, now.promises!);
  }

  function replace(minting: Minting, now: Minting | null | undefined): Promise<void> {
    return change<Rs, void>(store, KINDS, find, ({ purse }) => ({
      writes: { purse: withMinting(purse!, minting, now ?? null) },
      result: undefined,
    }));
  }

  async function tokenIn({ keyset, places }: Minting, promises: readonly BlindPromise[]): Promise<string> {
    return tokenOf(keys.cashu(), places, await keysetOf(keyset), promises, mint);
  }

  /** Those of its coins that are not spent, where there are any. */
  async function unspentOf(
    minting: Omit<Minting, 'promises'>,
    promises: readonly BlindPromise[],
  ): Promise<(Minting & { promises: readonly BlindPromise[] }) | undefined> {
    if (promises.length === 0) return undefined;
    const { proofs } = wallet.decodeToken(await tokenIn({ ...minting, promises }, promises));
    const { unspent } = await asked(mint, () => wallet.groupProofsByState(proofs));
    const secrets = new Set(unspent.map(({ secret }) => secret));
    const left = proofs.flatMap(({ secret }, i) => (secrets.has(secret) ? [i] : []));
    if (left.length === 0) return undefined;
    return { ...minting, places: left.map((i) => minting.places[i]!), promises: left.map((i) => promises[i]!) };
  }

  /** Its keys as this program writes them; a mint lists those of an inactive one only when it is asked. */
  async function keysetOf(id: Hex): Promise<Keyset> {
    const { unit, keys: known } = await asked(mint, () => wallet.keyChain.ensureKeysetKeys(id));
    return { id, unit: unit as 'sat', keys: asText(known) };
  }
}

const asText = (keys: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(keys).map(([amount, key]) => [String(amount), key]));

/** An earlier quote that another one took the place of before all was minted that had been paid on it. */
async function leftOver(mint: MintAt, { past }: Purse): Promise<MintQuote | undefined> {
  for (const id of past) {
    const figures = await mintQuote(mint, id);
    if (figures !== 'unknown' && figures.paidSat > figures.issuedSat) return figures;
  }
  return undefined;
}

/** Waits a moment for what was just paid. */
async function reported(mint: MintAt, purse: Purse, looks: number): Promise<MintQuote> {
  for (let look = 1; ; look++) {
    const figures = await mintQuote(mint, purse.quote);
    if (figures === 'unknown') throw new Refusal('quote-unknown', `the mint does not know quote ${purse.quote}`);
    if (figures.paidSat > figures.issuedSat || look === looks) return figures;
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}
