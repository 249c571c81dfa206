/** The contracts of a home, and what the chain says of all of them at once: for `status` and `exit-credit --due`. */
import { outpointText, type Gone } from '../bitcoin/outpoint.ts';
import { outcomeNeeds, type Followed, type Seen } from '../contract/outcome.ts';
import { creditKind, isFunded, type Credit } from '../credit/records.ts';
import { followed, type ExitFacts } from '../credit/standing.ts';
import { ledgerClaim, ledgerKind, type Ledger } from '../ecash/ledger.ts';
import { change } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import type { Listed } from '../home/store.ts';
import type { Facts } from '../protocol/action.ts';
import type { Claim } from '../protocol/kind.ts';
import type { FactSource } from '../protocol/ports.ts';
import { isOwners, statecoinKind } from '../statechain/records.ts';
import { followedCoin } from '../statechain/standing.ts';
import { isUnderWay, swapKind } from '../htlc/swap-records.ts';
import { statechainStatus, type StatechainStatus } from '../statechain/status.ts';
import { slices } from './slices.ts';

export interface Named {
  name: string;
  record: Credit;
}

export const contractsOf = (home: Home): Promise<Named[]> => contractsReader(home)();

/** All of them, or those of one name: then no other record is read. */
const ofKind = (kind: string, { store }: Home, name: string | undefined): Promise<readonly Listed[]> =>
  name === undefined
    ? store.list(kind)
    : store.byName(name).then((found) => found.filter((one) => one.kind === kind && one.name === name));
export const contractsNamed = async (home: Home, name: string): Promise<Named[]> =>
  (await ofKind('credit', home, name)).map((row) => ({ name: row.name, record: creditKind.parse(row.record) }));

/** Returns the ledgers of all contracts, or of one, by its id. */
export async function ledgersOf({ store }: Home, contract?: string): Promise<ReadonlyMap<string, Ledger>> {
  const one = contract !== undefined && (await store.load([ledgerClaim(contract)])).found.values();
  const rows = [...(one || (await store.list(ledgerKind.name)))];
  return new Map(rows.map(({ record }) => ledgerKind.parse(record)).map((l) => [l.contract, l]));
}

/** For who asks again and again: a contract is read anew only where it has changed. */
export function contractsReader({ store }: Home): () => Promise<Named[]> {
  let held: ReadonlyMap<string, Named> = new Map();
  return async () => {
    const pause = slices();
    const listed = new Map<string, Named>();
    for (const row of await store.list('credit')) {
      const revision = `${row.name} ${row.rev}`;
      listed.set(revision, held.get(revision) ?? { name: row.name, record: creditKind.parse(row.record) });
      await pause();
    }
    held = listed;
    return [...held.values()];
  };
}

/**
 * Writes the credit record anew that holds a claim, where `next` gives one; whatever else writes it at the same time.
 * @returns what was written
 */
export const changeCredit = (
  { store }: Pick<Home, 'store'>,
  claim: Claim,
  next: (c: Credit) => Credit | undefined,
): Promise<Credit | undefined> =>
  change(
    store,
    { contract: creditKind },
    () => ({ contract: claim }),
    ({ contract }) => {
      const result = next(contract as Credit);
      return { writes: result ? { contract: result } : {}, result };
    },
  );

/**
 * Asks for every coin, and of those that are gone for their transactions and, where the end of one is not known yet, for
 * what spends it.
 */
async function seenOf(
  source: FactSource,
  coins: readonly (Followed & { ended: boolean })[],
  blocks?: 'ways',
): Promise<Pick<Facts, 'tip'> & Seen> {
  const { facts } = await source.facts({ tip: true, coins: outcomeNeeds(coins).coins });
  const { tip = 'not-checked', coins: found = 'not-checked' } = facts;
  if (found === 'not-checked') return { tip, coins: found };
  const isGone = ({ outpoint }: Gone): boolean => found.get(outpointText(outpoint)) === 'missing';
  const gone = coins.filter(isGone);
  const { known = 'not-checked' } = (await source.facts({ known: [...new Set(gone.map((c) => c.outpoint.txid))] }))
    .facts;
  const open = outcomeNeeds(gone.filter(({ ended }) => !ended)).spends.filter(isGone);
  const spends = await source.spends?.(open, blocks);
  return { tip, coins: found, known, ...(spends && { spends }) };
}

export const exitFacts = (source: FactSource, contracts: readonly Named[]): Promise<ExitFacts> =>
  seenOf(
    source,
    contracts.flatMap(({ record: c }) => (isFunded(c) ? [{ ...followed(c), ended: c.settled !== undefined }] : [])),
  );

/** A line for each statecoin, or for those of one name; those that are only a key by now are left out. */
export async function statecoinLines(home: Home, source: FactSource, name?: string): Promise<StatechainStatus[]> {
  const coins = (await ofKind('statecoin', home, name)).map((r) => ({
    name: r.name,
    record: statecoinKind.parse(r.record),
  }));
  if (coins.length === 0) return [];
  const owned = coins.flatMap(({ record }) => (isOwners(record) ? [{ ...followedCoin(record), ended: false }] : []));
  const seen = await seenOf(source, owned, 'ways');
  const { feerate } = (await source.facts({ feerate: true })).facts;
  return coins.map(({ name, record }) => statechainStatus(name, record, { ...seen, feerate: feerate! }));
}

/** What `watch` and `status` do not look after, in words. */
export async function unwatched({ store }: Home, kinds = [swapKind.name, statecoinKind.name]): Promise<string[]> {
  const isHeld = (kind: string, record: unknown): boolean => {
    if (kind === swapKind.name) return isUnderWay(swapKind.parse(record));
    const c = statecoinKind.parse(record);
    return isOwners(c) && c.state !== 'gone' && c.state !== 'closed';
  };
  const words: string[] = [];
  for (const kind of kinds) {
    const held = (await store.list(kind)).filter(({ record }) => isHeld(kind, record));
    if (held.length === 0) continue;
    words.push(
      kind === swapKind.name
        ? `swaps under way: ${held.length}, which neither status nor watch looks after: claim before the expiry with htlc swap, or take back with htlc refund`
        : `statecoins: ${held.length}, which watch does not look after: status says what is due, statechain-exit does it`,
    );
  }
  return words;
}
