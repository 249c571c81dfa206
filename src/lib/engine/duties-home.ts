/** The records of a home that families watch by duties: read a page at a time, and anew only where they have changed. */
import type { Watcher } from '../contract/duty.ts';
import type { Ready } from '../contract/fees.ts';
import { allWatchers } from '../families.ts';
import { change } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import type { Listed } from '../home/store.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { bumpAlone } from './bump.ts';
import type { Charge, DutyPost, Resting } from './duties.ts';
import { damaged } from './failure.ts';
import { pagesOf } from './pages.ts';
import { slices } from './slices.ts';
import { handOf } from './wallet.ts';
import type { Unread } from './looking.ts';

/** Number of records that are read in one go. */
const AT_ONCE = 200;
const NONE: ReadonlySet<Hex> = new Set();

type Held = Pick<Resting, 'id' | 'role' | 'outpoints' | 'restsUntil'>;
function restOf({ kind, watched }: Watcher<any>, { record }: Pick<Listed, 'record'>): Held | undefined {
  const found = watched(kind.parse(record), NONE);
  if (!found) return undefined;
  const { id, role, coins, restsUntil } = found;
  return { id, role, outpoints: coins.map(({ outpoint }) => outpoint), restsUntil };
}

/** A child that spends the anchor and an output of this home, and nothing else, at a fee that its budget has bounded. */
export async function childAt(home: Home, { hex, fee }: Ready, feeSat: bigint) {
  const stuck = { network: home.network, hex, feeSat: fee };
  // A tenth of what a small contract pays may be too little to save it.
  const dear = { feerate: 0, least: () => feeSat, allowFee: true };
  const { package: txs, fee_sat } = await bumpAlone(home, stuck, dear);
  return { txs, fee_sat };
}

/** @param only name of the record that is watched; undefined: all */
export function dutyPost(home: Home, only: string | undefined): DutyPost {
  const { store } = home;
  let held: ReadonlyMap<string, Held | undefined> = new Map();

  async function chargeOf(watcher: Watcher<any>, row: Pick<Listed, 'record'>): Promise<Charge | undefined> {
    const { kind } = watcher;
    const record: unknown = kind.parse(row.record);
    const claim = kind.key?.(record) ?? kind.claims(record)[0]!;
    const rewrite = (next: (it: object) => object): Promise<void> =>
      change<{ it: object }, void>(
        store,
        { it: kind },
        () => ({ it: claim }),
        ({ it }) => {
          if (!it) throw new Refusal('state-moved-on', 'the record is not there any more');
          return { writes: { it: next(it) }, result: undefined };
        },
      );
    const ours = new Set((await store.ours(watcher.scripts?.(record) ?? [])).keys());
    const watched = watcher.watched(record, ours);
    return (
      watched && {
        watched,
        async learn(seen) {
          if (watcher.learnt?.(record, seen)) await rewrite((it) => (watcher.learnt!(it, seen) ?? it) as object);
        },
        async sent(tx) {
          if (watcher.sent) await rewrite((it) => watcher.sent!(it, tx) as object);
        },
        ended: (end) => rewrite((it) => watcher.ended(it, end) as object),
      }
    );
  }

  return {
    async *resting() {
      const now = new Map<string, Held | undefined>();
      const pause = slices();
      for (const watcher of await allWatchers()) {
        // What a program without figures has written since this one began is counted by that.
        await home.totals(watcher.kind);
        for await (const page of pagesIn(watcher)) {
          const found: (Resting | Unread)[] = [];
          for (const row of page) {
            // Two records may have one name, and after a restore one revision.
            const revision = `${watcher.kind.name} ${row.id} ${row.rev}`;
            try {
              const rests = held.has(revision) ? held.get(revision) : restOf(watcher, row);
              now.set(revision, rests);
              if (rests) found.push({ ...rests, open: () => chargeOf(watcher, row) });
            } catch (error) {
              found.push({ id: row.name, why: damaged(error) });
            }
            await pause();
          }
          yield found;
        }
      }
      held = now;
    },
    withChild: (tx, feeSat) => childAt(home, tx, feeSat),
    hand: () => handOf(home),
  };

  async function* pagesIn({ kind, order }: Watcher<any>) {
    if (only !== undefined) {
      const named = (await store.byName(only)).filter((row) => row.kind === kind.name && row.name === only);
      yield named.map((row, id) => ({ ...row, id }));
      return;
    }
    for (const figure of order) yield* pagesOf(store, kind, figure, { most: AT_ONCE });
  }
}
