/** The contracts of a home, watched: exits freeze, children are signed, what the chain settled is marked. */
import { closeCredit } from '../ecash/credit.ts';
import {
  FUNDED,
  creditKind,
  exitingAs,
  isFunded,
  mayLapse,
  must,
  rollingOf,
  settledAs,
  type Credit,
  type FundedCredit,
} from '../credit/records.ts';
import { isReverse, type Contract } from '../credit/terms.ts';
import type { Listed, Watched } from '../credit/watch.ts';
import { listedOf, warnsAt, watchedOf } from '../credit/watched.ts';
import { change } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import { lostOf } from '../home/lost.ts';
import type { Action, Claim } from '../protocol/action.ts';
import { idClaim, keyClaim } from '../protocol/claims.ts';
import { parseJson } from '../protocol/json.ts';
import type { Ports } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { changeCredit } from './contracts.ts';
import { childAt, dutyPost } from './duties-home.ts';
import { damaged, failureOf } from './failure.ts';
import { markFunded } from './funded.ts';
import { lapse, lapseAll } from './lapse.ts';
import { note } from './log.ts';
import { pagesOf } from './pages.ts';
import { play, playAgain } from './play.ts';
import { slices } from './slices.ts';
import type { Unread } from './looking.ts';
import type { Post } from './watch.ts';

/** Number of contracts that are read in one go. */
const AT_ONCE = 200;

function unlessNothing(error: unknown): undefined {
  if (!(error instanceof Refusal) || error.code !== 'nothing-to-print') throw error;
}

/**
 * Codes of a close that must wait. They are told where a close is asked for; here they are no
 * fault, and only no offer.
 */
const NOT_YET = new Set(['update-in-flight', 'owed-unsettled', 'contract-restored', 'home-restored']);
function unlessNotYet(error: unknown): undefined {
  if (!(error instanceof Refusal) || !NOT_YET.has(error.code)) throw error;
}

function ifDamaged<T>(error: unknown, instead: (why: Refusal) => T): T {
  if (!(error instanceof Refusal) || error.code !== 'store-damaged') throw error;
  return instead(error);
}

async function find({ store }: Home, claim: Claim): Promise<Credit | undefined> {
  try {
    const hit = (await store.load([claim])).found.get(claim);
    return hit?.kind === creditKind.name ? creditKind.parse(hit.record) : undefined;
  } catch (error) {
    throw damaged(error);
  }
}

/** A contract, and the one that it rolls into, unless that cannot be read: then what is due is done without. */
interface Rolling {
  contract: FundedCredit;
  next: Contract | undefined;
  knowsAll: boolean;
}

/** Reads one contract by its claims: how many others there are does not matter. */
async function read(home: Home, id: string): Promise<Rolling | undefined> {
  const contract = await find(home, idClaim(id));
  if (!contract || !isFunded(contract)) return undefined;
  const key = rollingOf(contract)?.nextKey;
  const next =
    key === undefined
      ? undefined
      : await find(home, keyClaim(key)).catch((error: unknown) => ifDamaged(error, () => null));
  return { contract, next: next && 'outpoint' in next ? next : undefined, knowsAll: next !== null };
}

/** Little enough to be kept of each contract. `idle`: until then nothing can be done over what was never paid over. */
interface Entry extends Omit<Listed, 'open'> {
  idle: number | undefined;
}
/** A merchant that has taken nothing may be owed something. */
const idleUntil = (c: FundedCredit): number => Math.min(c.terms.expiry, isReverse(c.terms) ? warnsAt(c) : Infinity);
const entryOf = (c: FundedCredit): Entry => ({
  ...listedOf(c),
  idle: mayLapse(c) && c.state !== 'closing' ? idleUntil(c) : undefined,
});

/**
 * Returns the watched contracts, a page at a time. Those with an exit come first, the nearest
 * deadline first, then all others by their expiry. A contract that nobody has funded comes only
 * once it has expired. A record is worked out anew only where it has changed since the last look.
 */
function entriesOf({ store }: Home): (over: { upTo?: bigint }) => AsyncGenerator<readonly (Entry | Unread)[]> {
  let held: ReadonlyMap<string, Entry> = new Map();
  return async function* (over) {
    const now = new Map<string, Entry>();
    const pause = slices();
    for (const [figure, part] of [['deadline'], ['expiry'], ['unfunded', over]] as const)
      for await (const page of pagesOf(store, creditKind, figure, { most: AT_ONCE, ...part })) {
        const found: (Entry | Unread)[] = [];
        for (const row of page) {
          const revision = `${row.name} ${row.rev}`;
          try {
            const entry = held.get(revision) ?? entryOf(creditKind.parse(row.record) as FundedCredit);
            now.set(revision, entry);
            found.push(entry);
          } catch (error) {
            found.push({ id: row.name, why: damaged(error) });
          }
          await pause();
        }
        yield found;
      }
    held = now;
  };
}

/** @param only the contract that is watched; undefined: all */
export function homePost(home: Home, ports: Ports, only: string | undefined): Post {
  const { store } = home;
  const entries = entriesOf(home);
  async function* one(id: string): AsyncGenerator<readonly (Entry | Unread)[]> {
    const found = await read(home, id).catch((error: unknown) => ifDamaged(error, (why): Unread => ({ id, why })));
    if (found && 'why' in found) yield [found];
    else if (found && !found.contract.settled) yield [entryOf(found.contract)];
  }
  const start = (table: Action<any, any, any>, contract: string) =>
    play(table, { json: null, input: { contract }, merged: [] }, ports);
  return {
    network: home.network,
    async list(tip) {
      // Looked at each time: another process reconciles.
      const restored = (await lostOf(store)) === 'pending';
      const open = async ({ id }: Entry): Promise<Watched | undefined> => {
        const found = await read(home, id);
        if (!found || found.contract.settled) return undefined;
        return { ...watchedOf(found.contract, found.next, restored), knowsAll: found.knowsAll };
      };
      // What a program without figures has written since this one began is counted by that.
      await home.totals(creditKind);
      // Anybody may have asked for what is idle. Of a restored home, whose journal may know of payments, nothing is.
      const isIdle = ({ idle }: Entry): boolean => !restored && idle !== undefined && tip < idle;
      const asListed = (entry: Entry | Unread): readonly (Listed | Unread)[] =>
        'why' in entry ? [entry] : isIdle(entry) ? [] : [{ ...entry, open: () => open(entry) }];
      async function* listed() {
        for await (const page of only === undefined ? entries(restored ? {} : { upTo: BigInt(tip) }) : one(only))
          yield page.flatMap(asListed);
      }
      return { listed: listed(), bad: [] };
    },
    async freeze({ id }) {
      const byId = () => ({ contract: idClaim(id) });
      return change(store, { contract: creditKind }, byId, ({ contract }) => {
        const any = contract as Credit | undefined;
        const c = must(any, 'payee', 'accepted', ...FUNDED);
        const { own } = watchedOf(c, undefined);
        // Only an exit falls due here, and a payee that has one never loses it.
        if (!own) throw new Refusal('bug', `contract ${id} is due, and has no exit`);
        return { writes: { contract: exitingAs(c) }, result: own };
      });
    },
    withChild: (_, tx, feeSat) => childAt(home, tx, feeSat),
    duties: dutyPost(home, only),
    async propose({ id, offers }) {
      // What it has printed may have got lost in a pipe; what showed a nonce that is gone is proposed anew.
      const kept =
        offers === 'again' ? await playAgain(closeCredit, idClaim(id), ports).catch(unlessNothing) : undefined;
      const said = kept ?? (await start(closeCredit, id).catch(unlessNotYet));
      return said && (parseJson(said.text) as object);
    },
    async lapse({ id }) {
      await lapse(home, id);
    },
    async after(stopped) {
      try {
        const ended = await markFunded(home, ports.source, stopped);
        return [...ended, ...(await lapseAll(home, ports.source, stopped))];
      } catch (error) {
        // Nothing that is due waits for it: at the next look it is tried again.
        const { code, message } = failureOf(error);
        note(`no look at what was funded: ${code}: ${message}`);
        return [];
      }
    },
    async settle({ id }, settled) {
      await changeCredit(home, idClaim(id), (c) => settledAs(c as FundedCredit, settled));
    },
  };
}
