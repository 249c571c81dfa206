/**
 * Minting at a running mint: what was reported on the contract's quote becomes a token.
 *
 * A token is a record of its own (`ecash/in-hand.ts`) until the mint shows it as spent. Outputs are
 * stored before they are sent. So after a crash the same ones are sent, and what the mint had
 * signed is asked for again (NUT-09). A token counts as printed once it has left this program; one
 * that has not comes first in the next run. Runs of one home wait for each other. A home that was
 * ever lost first finds what it may have minted since. Not here: quotes (`quotes.ts`), what a mint
 * is asked about tokens (`in-hand.ts`), melts (`melt.ts`).
 */
import { LOCKS } from '../credit/jobs.ts';
import { FUNDED, creditKind, inState, type Credit } from '../credit/records.ts';
import type { MintQuote } from '../ecash/quote.ts';
import { isSignedToken, newToken, tokenSat, tokenKind, type SignedToken, type TokenRecord } from '../ecash/in-hand.ts';
import { keysetClaim, keysetKind, newWallet, type KeysetRecord } from '../ecash/keyset.ts';
import { amountsFor, blindedOutputs, placesFrom, signOutputs } from '../ecash/outputs.ts';
import { stillInflight } from '../ecash/payments.ts';
import { change } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import { isQuoted, ledgerClaim, ledgerKind, type Ledger, type QuotedLedger } from '../ecash/ledger.ts';
import type { Hex } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { MintAt } from './ask.ts';
import { mintQuote } from './quotes.ts';
import { blindedMessage, promiseOf, type MintSignature } from './search.ts';
import { withMintErrors, walletOf } from './wallet.ts';
import {
  alone,
  askedBack,
  handOver,
  keepSigned,
  keepToken,
  knownKeyset,
  search,
  tokensIn,
  unspentOf,
  type PrintToken,
  type MintPurse,
} from './in-hand.ts';

/** Looks for a report, which takes up to a second to reach the mint, and the time between. */
const LOOKS = 20;
const LOOK_MS = 250;

export interface MintEcash {
  home: Home;
  contract: Hex;
  /** Returns whether the operator named the mint. */
  isNamed(mint: string): boolean;
  /** Sum to mint, in satoshis; undefined for all that was reported and not minted. */
  amountSat?: bigint | undefined;
  print: PrintToken;
  point(label: string): void;
}
export interface Minted {
  token: string;
  /** True for a token that a lost home found: its coins may be in use, and there may be more. */
  again: boolean;
  /** Sum of the contract's other tokens that were made and never printed. */
  waitingSat: bigint;
}

/**
 * Prints a token: one that was made and not printed, else a new one of what was reported and not
 * minted, else the last one again. With `amountSat` only one of that sum.
 * @throws Refusal `quote-unknown` before ecash-quote, `not-mintable`, `mint-refused`,
 * `mint-private`, `mint-unavailable`, `dleq-invalid`, `concurrent`
 */
export const mintEcash = (given: MintEcash): Promise<Minted> => alone(given.home, () => mintAlone(given));

async function mintAlone({ home, contract, isNamed, amountSat, print, point }: MintEcash): Promise<Minted> {
  const { own, quotes } = await quotesOf(home, contract);
  const at = { url: quotes.mint, named: isNamed(quotes.mint) };
  const purse: MintPurse = { home, wallet: await walletOf(at) };
  const keys = await home.keys();
  for (;;) {
    await askBack();
    await search(purse, quotes);
    const held = await inHand();
    const token = unprinted(held) ?? (await prepare(held));
    point('mint-prepared');
    const made = isSignedToken(token) ? token : await signed(token);
    // A token that may have been printed before is printed without its spent coins.
    const left = made.older && made.state !== 'printed' ? await unspentOf(purse, made) : made;
    if (!isSignedToken(left)) continue;
    point('mint-kept');
    const text = await handOver(purse, left, print);
    const rest = (await inHand()).filter(({ state }) => state === 'asked' || state === 'signed');
    return { token: text, again: left.older, waitingSat: rest.reduce((sum, t) => sum + tokenSat(t), 0n) };
  }

  /** Requests the blind signatures that the mint may have made and this home has not stored. */
  async function askBack(): Promise<void> {
    for (const t of await tokensIn(home, ['asked', 'refused'], isOurs)) await askedBack(purse, t);
  }
  /** Lists the unspent tokens of this contract's quotes. */
  function inHand(): Promise<TokenRecord[]> {
    return tokensIn(home, ['signed', 'asked', 'refused', 'printed'], isOurs);
  }
  function isOurs(t: TokenRecord): boolean {
    return t.contract === contract && t.quote !== null;
  }

  function unprinted(held: readonly TokenRecord[]): TokenRecord | undefined {
    const fits = (t: TokenRecord): boolean => amountSat === undefined || tokenSat(t) === amountSat;
    const waits = held.filter(({ state }) => state === 'signed' || state === 'asked');
    return waits.find((t) => t.older) ?? waits.find(fits);
  }

  /** Returns a new token of the free sum, else the last token. */
  async function prepare(held: readonly TokenRecord[]): Promise<TokenRecord> {
    const last = held.findLast(({ state }) => state === 'printed');
    const {
      id: quote,
      paidSat,
      issuedSat,
    } = (await leftOver(at, quotes)) ?? (await reported(at, quotes, held.length > 0 ? 1 : LOOKS));
    const under = held.filter((t) => t.state === 'asked' && t.quote === quote);
    const free = paidSat - issuedSat - under.reduce((sum, t) => sum + tokenSat(t), 0n);
    const wanted = amountSat ?? free;
    if (wanted <= 0n && last) return last;
    if (wanted <= 0n || wanted > free)
      throw new Refusal('not-mintable', `${wanted} sat wanted; ${free} sat are reported to the mint and not minted`, {
        ...(held.length > 0 && { hint: 'ecash-mint --again prints every token that is not known to be spent' }),
      });
    const { id: active } = await withMintErrors(at.url, async () => purse.wallet.getKeyset());
    const keyset = await knownKeyset(purse, active);
    // A refused token is tried again.
    const refused = held.find(
      (t) => t.state === 'refused' && t.quote === quote && t.keyset === keyset.id && tokenSat(t) === wanted,
    );
    if (refused) return keepToken(home, { ...refused, state: 'asked' });
    return change<{ keyset: KeysetRecord; token: TokenRecord }, TokenRecord>(
      home.store,
      { keyset: keysetKind, token: tokenKind },
      () => ({ keyset: keysetClaim('wallet', keyset.id) }),
      ({ keyset: found }) => {
        const record = found?.role === 'wallet' ? found : newWallet(keyset, home.mayRepeat);
        if (record.restored)
          throw new Refusal('concurrent', 'this home was restored meanwhile', { hint: 'run it again' });
        const places = placesFrom(record.counter, amountsFor(wanted, keyset));
        const token = newToken({ contract, mint: at.url, keyset: keyset.id, places, quote, promises: null });
        return {
          writes: { token, keyset: { ...record, counter: record.counter + places.length } },
          result: token,
        };
      },
    );
  }

  /** Returns the token with the mint's blind signatures, new or found again (NUT-09). */
  async function signed(t: TokenRecord): Promise<SignedToken> {
    const before = await askedBack(purse, t);
    if (isSignedToken(before)) return before;
    const outs = blindedOutputs(keys.seed(), t.keyset, t.places);
    const signature = signOutputs(keys.secret(own.path, LOCKS), t.quote!, outs);
    try {
      const { signatures } = (await withMintErrors(at.url, () =>
        purse.wallet.mint.mint('credit', { quote: t.quote!, outputs: outs.map(blindedMessage), signature } as never),
      )) as unknown as { signatures: readonly MintSignature[] };
      return await keepSigned(purse, t, signatures.map(promiseOf));
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'mint-refused') throw error;
      const late = await askedBack(purse, t);
      if (isSignedToken(late)) return late;
      // The next run may send other outputs under another keyset; these are asked back until they are signed.
      await keepToken(home, { ...t, state: 'refused' });
      throw error;
    }
  }
}

/** Returns a contract's keys, and its quotes. @throws Refusal `quote-unknown`, and as `inState` */
const quotesOf = ({ store }: Home, contract: Hex): Promise<Pick<Credit, 'own'> & { quotes: QuotedLedger }> =>
  change<{ contract: Credit; ledger: Ledger }, Pick<Credit, 'own'> & { quotes: QuotedLedger }>(
    store,
    { contract: creditKind, ledger: ledgerKind },
    () => ({ contract: idClaim(contract), ledger: ledgerClaim(contract) }),
    ({ ledger, ...found }) => {
      if (!isQuoted(ledger))
        throw new Refusal('quote-unknown', 'this contract has no quote of its mint yet', {
          hint: `spillway ecash-quote --mint URL --contract ${contract.slice(0, 8)}`,
        });
      const { own } = inState(found.contract, 'payer', ...FUNDED);
      return { writes: {}, result: { own, quotes: ledger } };
    },
  );

/** Finds an earlier quote that was replaced before all paid on it was minted. */
async function leftOver(mint: MintAt, { past }: QuotedLedger): Promise<MintQuote | undefined> {
  for (const id of past) {
    const figures = await mintQuote(mint, id);
    if (figures !== 'unknown' && figures.paidSat > figures.issuedSat) return figures;
  }
  return undefined;
}

/** Reads the figures of the contract's quote, and waits a moment for a payment on its way. */
async function reported(mint: MintAt, ledger: QuotedLedger, looks: number): Promise<MintQuote> {
  const { quote } = ledger;
  for (let look = 1; ; look++) {
    const figures = await mintQuote(mint, quote);
    if (figures === 'unknown') throw new Refusal('quote-unknown', `the mint does not know quote ${quote}`);
    const comes = stillInflight(ledger, new Map([[quote, figures]])).some((p) => p.quote === null);
    if (figures.paidSat > figures.issuedSat || !comes || look === looks) return figures;
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}
