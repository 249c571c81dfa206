/**
 * A customer's ecash at a running mint, through cashu-ts's Wallet: what was reported on the contract's quote becomes a token.
 *
 * The outputs are kept before they are sent: sent again after a crash, they are the same ones, and what the mint had signed
 * already is asked back (NUT-09). So a payment becomes one token, however often the command runs.
 * Not here: quotes (`quotes.ts`), melts (`melt.ts`), the wallet's secrets (`ecash/outputs.ts`).
 */
import type { Mint, Wallet } from '@cashu/cashu-ts';
import { creditKind, must, type Credit } from '../credit/records.ts';
import { keysetClaim, keysetKind, type Keyset, type KeysetRecord } from '../ecash/keyset.ts';
import { loadCashu } from '../ecash/library.ts';
import {
  amountsFor,
  outputsOf,
  placesFrom,
  signOutputs,
  tokenOf,
  type BlindedOutput,
  type BlindPromise,
} from '../ecash/outputs.ts';
import { change } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import { purseClaim, purseKind, type Minting, type Purse } from '../mint/purse.ts';
import type { Hex, MintQuote } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { Refusal } from '../protocol/refusal.ts';
import { mintQuote } from './quotes.ts';

/** A report takes up to a second to reach the mint. */
const PATIENCE_MS = 5_000;
const LOOK_MS = 250;

type Rs = { contract: Credit; purse: Purse; keyset: KeysetRecord };
const KINDS = { contract: creditKind, purse: purseKind, keyset: keysetKind };

/** The library's wallet for a mint, its keysets loaded and verified. @throws Refusal `mint-unavailable` */
export async function walletOf(mint: string, seed?: Uint8Array): Promise<Wallet> {
  const { Wallet: Made } = await loadCashu();
  const wallet = new Made(mint, { unit: 'sat', ...(seed && { bip39seed: seed }) });
  await asked(mint, () => wallet.loadMint());
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
  /** All that was reported and not minted yet, where it is not given. */
  amountSat?: bigint | undefined;
  point(label: string): void;
}

/**
 * A token of what was reported on the contract's quote and not minted yet. Where nothing is new, the last token again.
 * @throws Refusal `quote-unknown` before ecash-quote, `not-mintable`, `mint-refused`, `mint-unavailable`, `dleq-invalid`
 */
export async function mintEcash({ home, contract, amountSat, point }: MintEcash): Promise<string> {
  const { store } = home;
  const purse = await change<Rs, Purse>(
    store,
    KINDS,
    () => ({ contract: idClaim(contract), purse: purseClaim(contract) }),
    (found) => {
      if (!found.purse)
        throw new Refusal('quote-unknown', 'this contract has no quote of its mint yet', {
          hint: `spillway ecash-quote --mint URL --contract ${contract.slice(0, 8)}`,
        });
      return { writes: {}, result: found.purse };
    },
  );
  const keys = await home.keys();
  const wallet = await walletOf(purse.mint);
  const kept = await prepare();
  point('mint-prepared');
  const promises = kept.promises ?? (await signed(kept));
  return token(kept, promises);

  /** The minting that is under way, else a new one, else the last. */
  async function prepare(): Promise<Minting> {
    const last = purse.minting;
    if (last && !last.promises) return last;
    const figures = await reported(purse, last ? 0 : PATIENCE_MS);
    const free = figures.paidSat - figures.issuedSat;
    if (free === 0n && last) return last;
    const wanted = amountSat ?? free;
    if (wanted <= 0n || wanted > free)
      throw new Refusal('not-mintable', `${wanted} sat wanted; ${free} sat are reported to the mint and not minted`);
    const { id, unit, keys: known } = wallet.getKeyset();
    const keyset: Keyset = { id, unit: unit as 'sat', keys: asText(known) };
    return change<Rs, Minting>(
      store,
      KINDS,
      () => ({ contract: idClaim(contract), purse: purseClaim(contract), keyset: keysetClaim('wallet', id) }),
      async (found) => {
        must(found.contract, 'payer', 'open', 'closing', 'closed', 'rolled', 'exiting');
        if (found.purse?.minting && !found.purse.minting.promises) return { writes: {}, result: found.purse.minting };
        const record = found.keyset?.role === 'wallet' ? found.keyset : fresh(keyset);
        const counter = record.restored ? await firstFree(id, record.counter) : record.counter;
        const places = placesFrom(counter, amountsFor(wanted, keyset));
        const minting: Minting = { keyset: id, places, fromSat: figures.issuedSat, promises: null };
        return {
          writes: {
            purse: { ...found.purse!, minting },
            keyset: { ...record, counter: counter + places.length, restored: false },
          },
          result: minting,
        };
      },
    );
  }

  /** A restored wallet may have used counters that it does not know of. */
  async function firstFree(keyset: Hex, counter: number): Promise<number> {
    const seeded = await walletOf(purse.mint, keys.cashu());
    const { lastCounterWithSignature } = await asked(purse.mint, () => seeded.batchRestore(300, 100, 0, keyset));
    return Math.max(counter, (lastCounterWithSignature ?? -1) + 1);
  }

  /** The mint's blind signatures, asked for or asked back. */
  async function signed(minting: Minting): Promise<readonly BlindPromise[]> {
    const outs = outputsOf(keys.cashu(), minting.keyset, minting.places);
    const had = await asked(purse.mint, () => signaturesOf(wallet.mint, outs));
    if (had) return had;
    const owner = await change<Rs, Credit>(
      store,
      KINDS,
      () => ({ contract: idClaim(contract) }),
      (found) => ({
        writes: {},
        result: found.contract!,
      }),
    );
    const { own } = must(owner, 'payer', 'open', 'closing', 'closed', 'rolled', 'exiting');
    const signature = signOutputs(keys.ecash(own.path), purse.quote, outs);
    try {
      const { signatures } = (await asked(purse.mint, () =>
        wallet.mint.mint('credit', { quote: purse.quote, outputs: outs.map(messageOf), signature } as never),
      )) as unknown as { signatures: readonly Signature[] };
      return signatures.map(promiseOf);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'mint-refused') throw error;
      const late = await asked(purse.mint, () => signaturesOf(wallet.mint, outs));
      if (late) return late;
      await forget();
      throw error;
    }
  }

  /** What the mint refuses and has not signed: the next run may send other outputs, under another keyset. */
  function forget(): Promise<void> {
    return change<Rs, void>(
      store,
      KINDS,
      () => ({ purse: purseClaim(contract) }),
      ({ purse: now }) => ({
        writes: now?.minting && !now.minting.promises ? { purse: { ...now, minting: null } } : {},
        result: undefined,
      }),
    );
  }

  /** Checked before it is kept: what does not verify is asked for again. */
  async function token(minting: Minting, promises: readonly BlindPromise[]): Promise<string> {
    const { id, unit, keys: known } = wallet.getKeyset(minting.keyset);
    const keyset: Keyset = { id, unit: unit as 'sat', keys: asText(known) };
    const text = tokenOf(keys.cashu(), minting.places, keyset, promises, purse.mint);
    await change<Rs, void>(
      store,
      KINDS,
      () => ({ purse: purseClaim(contract) }),
      ({ purse: now }) => ({
        writes:
          now?.minting && !now.minting.promises ? { purse: { ...now, minting: { ...now.minting, promises } } } : {},
        result: undefined,
      }),
    );
    point('mint-kept');
    return text;
  }
}

const fresh = (keyset: Keyset) => ({ role: 'wallet' as const, keyset, counter: 0, restored: false });
const asText = (keys: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(keys).map(([amount, key]) => [String(amount), key]));

/** Waits a moment for what was just paid. */
async function reported(purse: Purse, patience: number): Promise<MintQuote> {
  for (const end = performance.now() + patience; ;) {
    const figures = await mintQuote(purse.mint, purse.quote);
    if (figures === 'unknown') throw new Refusal('quote-unknown', `the mint does not know quote ${purse.quote}`);
    if (figures.paidSat > figures.issuedSat || performance.now() > end) return figures;
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}

interface Signature {
  id: string;
  amount: unknown;
  C_: string;
  dleq?: { e: string; s: string };
}
/** @throws Refusal `dleq-invalid` where the mint leaves its proof out */
function promiseOf({ id, amount, C_, dleq }: Signature): BlindPromise {
  if (!dleq) throw new Refusal('dleq-invalid', 'the mint signs without a proof (NUT-12)');
  return { amount_sat: BigInt(String(amount)), id, C_, dleq: { e: dleq.e, s: dleq.s } };
}
const messageOf = ({ amount_sat, id, B_ }: BlindedOutput) => ({ amount: Number(amount_sat), id, B_ });

/** What the mint has signed of these before (NUT-09): all, or undefined for none. */
async function signaturesOf(mint: Mint, outs: readonly BlindedOutput[]): Promise<BlindPromise[] | undefined> {
  const answer = await mint.restore({ outputs: outs.map(messageOf) as never });
  const { outputs, signatures } = answer as unknown as { outputs: { B_: string }[]; signatures: Signature[] };
  const found = outs.map(({ B_ }) => signatures[outputs.findIndex((o) => o.B_ === B_)]);
  return found.every((s) => s !== undefined) ? found.map(promiseOf) : undefined;
}
