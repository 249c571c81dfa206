/**
 * Lines of `status`, of every family that has some, and the coins that they ask of the chain.
 * Not here: the text of a line (`status` of each family), how it is drawn (`commands/home/`).
 */
import { outpointText, type Gone } from '../bitcoin/outpoint.ts';
import { outcomeNeeds, type TrackedCoin, type ChainFacts } from '../contract/outcome.ts';
import { ALONE, type Watcher } from '../contract/watcher.ts';
import { momentIn } from '../contract/moment.ts';
import type { NextDuty, StatusLine, StatusOptions } from '../contract/status.ts';
import { FAMILIES } from '../families.ts';
import type { Home } from '../home/home.ts';
import type { ListedRecord } from '../home/store.ts';
import type { Claim, Facts, Kind } from '../protocol/action.ts';
import type { FactSource } from '../protocol/ports.ts';

/** Lists the records of a kind; with a name, reads only records of that name. */
const ofKind = (kind: string, { store }: Pick<Home, 'store'>, name?: string): Promise<readonly ListedRecord[]> =>
  name === undefined
    ? store.list(kind)
    : store.byName(name).then((found) => found.filter((one) => one.kind === kind && one.name === name));

/** Maps claims of a kind to records: for some claims, or for all. */
async function byClaim(
  { store }: Pick<Home, 'store'>,
  kind: Kind<any>,
  of: readonly (Claim | undefined)[] | undefined,
): Promise<ReadonlyMap<Claim | undefined, unknown>> {
  const rows = of
    ? [...(await store.load(of.filter((claim) => claim !== undefined))).found.values()]
    : await store.list(kind.name);
  const records = rows.map(({ record }) => kind.parse(record));
  return new Map(records.flatMap((record) => kind.claims(record).map((claim) => [claim, record] as const)));
}

/** Looks up every coin; of missing ones the transactions, and of those not ended the spenders. */
export async function seenOf(
  source: FactSource,
  coins: readonly (TrackedCoin & { ended: boolean })[],
  blocks?: 'ways' | 'any',
): Promise<Pick<Facts, 'tip'> & ChainFacts> {
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

/** Returns the first line of `watch --dry-run` over a record. */
function nextDuty(watcher: Watcher<any>, record: unknown): NextDuty | undefined {
  const [duty] = watcher.watched(record, ALONE)?.duties ?? [];
  if (!duty) return undefined;
  const { does, from, by, why } = duty;
  return { does, ...momentIn(from), deadline_height: by, why };
}

/** Returns each record's status line, by family. @param name of the record; undefined for all */
export async function statusLines(
  home: Home,
  source: FactSource,
  name: string | undefined,
  wanted: StatusOptions = {},
): Promise<StatusLine[]> {
  const lines: StatusLine[] = [];
  const kinds = FAMILIES.flatMap(({ status = {}, duties }) =>
    Object.entries(status).map(([of, load]) => [of, load, duties] as const),
  );
  for (const [of, load, duties] of kinds) {
    const listed = await ofKind(of, home, name);
    if (listed.length === 0) continue;
    const { kind, beside, coin, blocks, feerate, line } = await load();
    const rows = listed.map((row) => ({ name: row.name, record: kind.parse(row.record) }));
    const coins = rows.flatMap(({ record }) => coin?.(record) ?? []);
    const facts = {
      ...(await seenOf(source, coins, blocks)),
      ...(feerate && (await source.facts({ feerate })).facts),
    };
    const others = beside
      ? await byClaim(home, beside.kind, name === undefined ? undefined : rows.map(({ record }) => beside.of(record)))
      : undefined;
    const watcher = (await duties?.())?.find((one) => one.kind.name === of);
    for (const { name: contract, record } of rows) {
      const next = watcher && nextDuty(watcher, record);
      const said = line(contract, record, facts, wanted, others?.get(beside!.of(record)));
      lines.push(Object.assign(said, next && { next_duty: next }));
    }
  }
  // Without records the node is queried all the same, so that `status` reports one that does not answer.
  if (lines.length === 0) await seenOf(source, []);
  return lines;
}
