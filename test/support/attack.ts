/** What the attacks on every family have in common: a party whose store takes no commit, and how a run ended. */
import type { Action } from '../../src/lib/protocol/action.ts';
import type { Commit } from '../../src/lib/protocol/ports.ts';
import type { RunOptions, TestParty } from './party.ts';

class NotRefused extends Error {}

/**
 * The same party in a run that may do everything but commit: it shows what would be done, and changes nothing.
 * @param seen is told what would have been committed
 */
export function withoutCommit<P extends TestParty>(party: P, seen: (commit: Commit) => void = () => {}): P {
  const dry = Object.create(party) as P;
  dry.ports = (options) => {
    const ports = party.ports(options);
    const { store, shares } = ports;
    return {
      ...ports,
      store: {
        reply: (key) => store.reply(key),
        last: (type, claim) => store.last(type, claim),
        recall: (reply) => store.recall(reply),
        load: (claims) => store.load(claims),
        flush: () => store.flush(),
        payouts: (count) => store.payouts(count),
        notes: (names) => store.notes(names),
        byName: (prefix) => store.byName(prefix),
        ours: (scripts) => store.ours(scripts),
        commit: (commit) => {
          seen(commit);
          return Promise.reject(new NotRefused());
        },
      },
      shares: { read: (names) => shares.read(names), around: (_, __, commit) => commit() },
    };
  };
  return dry;
}

/** The code with which a run was refused; undefined where it was not. */
export async function outcome(run: Promise<unknown>): Promise<string | undefined> {
  try {
    await run;
    return undefined;
  } catch (error) {
    return error instanceof NotRefused ? undefined : ((error as { code?: string }).code ?? `crash: ${String(error)}`);
  }
}

/** The same party in a run that prints and keeps nothing. */
export function unkept(party: TestParty): TestParty {
  const dry = withoutCommit(party);
  const kept = dry.ports;
  dry.ports = (options) => {
    const ports = kept(options);
    return { ...ports, copy: async () => {}, store: { ...ports.store, commit: async () => true } };
  };
  return dry;
}

/** How a run without its commit ended: refused by `code`; else with what it would commit, or with `text` and nothing to commit. */
export interface Tried {
  code?: string | undefined;
  commit?: Commit;
  text?: string;
}
export async function tried(party: TestParty, table: Action<any, any, any>, options: RunOptions): Promise<Tried> {
  const ended: Tried = {};
  const dry = withoutCommit(party, (commit) => void (ended.commit = commit));
  const code = await outcome(dry.run(table, options).then(({ text }) => void (ended.text = text)));
  return code === undefined ? ended : { code };
}
