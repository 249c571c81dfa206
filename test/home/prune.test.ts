/** What a home drops, when, and what it never does. What is refused afterwards, family by family: `test/<family>/pruned.test.ts`. */
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { exitCredit, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { creditKind, paidOf, settledAs, type FundedCredit } from '../../src/lib/credit/records.ts';
import { change } from '../../src/lib/home/change.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { opened, pair, payMessages, type Pair } from '../support/credit.ts';
import { havePostgres, startPostgres, type Cluster } from '../support/postgres.ts';
import { DAY, pruneAll, pruneAt } from '../support/prune.ts';
import type { TestParty } from '../support/party.ts';
import { commitOf } from './things.ts';

let both: Pair;
afterEach(() => both.close());

const settle = (party: TestParty, id: string, settled: Partial<FundedCredit['settled']> = {}): Promise<void> =>
  change(
    party.home.store,
    { contract: creditKind },
    () => ({ contract: idClaim(id) }),
    ({ contract }) => ({
      writes: {
        contract: settledAs(contract as FundedCredit, {
          by: 'exit',
          txid: 'ab'.repeat(32),
          paysSat: paidOf(contract as FundedCredit),
          ...settled,
        }),
      },
      result: undefined,
    }),
  );
type Rows = Record<string, unknown>[];
/** What holds the payee's store. */
interface Base {
  /** Of a new home; none: a file in it. */
  store(): Promise<string | undefined>;
  /** Runs SQL beside the program. */
  sql(party: TestParty, text: string): Promise<Rows>;
}
const inFile: Base = {
  store: async () => undefined,
  async sql(party, text) {
    const db = new DatabaseSync(join(party.dir, 'store.db'));
    try {
      if (text.startsWith('SELECT')) return db.prepare(text).all();
      db.exec(text);
      return [];
    } finally {
      db.close();
    }
  },
};
const parties = async (base: Base, seed: number): Promise<Pair> => (both = await pair(seed, await base.store()));
/** A contract that was paid over, exited and settled. */
async function ended(base = inFile): Promise<string> {
  await parties(base, 71);
  const id = await opened(both);
  await payMessages(both, id, 50_000n);
  await both.payee.run(exitCredit, { input: { contract: id } });
  await settle(both.payee, id);
  return id;
}

/** What holds in every database. */
function suite(base: Base): void {
  const { sql } = base;
  const count = async (party: TestParty, table: string): Promise<number> =>
    Number((await sql(party, `SELECT count(*) AS n FROM ${table}`))[0]!['n']);

  describe('a record', () => {
    it('that is over goes once it is old by the clock and by blocks, and its coin is seen spent as deep', async () => {
      await ended(base);
      const { payee } = both;
      const later = { days: 90, seconds: 90 * DAY, blocks: 90 * 144, deep: 90 * 144 };
      await pruneAt(payee, { days: 90 });
      for (const not of [{ seconds: 90 * DAY - 1 }, { blocks: 90 * 144 - 1 }])
        expect((await pruneAt(payee, { ...later, ...not, dry: true })).records).toEqual({});
      const { deep: _, ...unspent } = later;
      expect(await pruneAt(payee, { ...unspent, dry: true })).toMatchObject({ records: {}, unseen: 1 });
      expect(await pruneAt(payee, { ...later, deep: 90 * 144 - 1, dry: true })).toMatchObject({
        records: {},
        unseen: 1,
      });
      expect((await pruneAt(payee, { ...later, dry: true })).records).toEqual({ credit: 1 });
      expect(await payee.home.store.list()).toHaveLength(1);
      expect((await pruneAt(payee, later)).records).toEqual({ credit: 1 });
      expect(await payee.home.store.list()).toEqual([]);
      for (const table of ['claim', 'reply', 'reply_of', 'nonce'])
        expect([table, await count(payee, table)]).toEqual([table, 0]);
      // What it came to stays in the sums; that there is such a contract does not.
      expect(await payee.home.store.totals(creditKind)).toEqual(
        new Map([['settled_sat', { records: 1, sum: 50_000n }]]),
      );
    });

    it('is kept by a clock that was set forward, by a node that is ahead, and where no height is known', async () => {
      await ended(base);
      const { payee } = both;
      await pruneAt(payee);
      const years = { seconds: 365 * DAY, deep: 100_000 };
      expect((await pruneAt(payee, years)).records).toEqual({});
      expect((await pruneAt(payee, { blocks: 50_000, deep: 100_000, days: 1 })).records).toEqual({});
      payee.chain.tip = 'not-checked';
      expect((await pruneAt(payee, years)).records).toEqual({});
      expect(await payee.home.store.list()).toHaveLength(1);
    });

    it('counts its time anew once it is written again', async () => {
      const id = await ended(base);
      const { payee } = both;
      await pruneAt(payee, { days: 1 });
      await payee.run(exitCredit, { input: { contract: id } });
      await settle(payee, id, { txid: 'cd'.repeat(32) });
      const day = { days: 1, seconds: DAY, blocks: 144, deep: 144 };
      expect((await pruneAt(payee, day)).records).toEqual({});
      payee.chain.now += DAY;
      payee.chain.tip = 1144;
      expect((await pruneAt(payee, day)).records).toEqual({ credit: 1 });
    });

    it('that is written while others go stays, and its commit is the last', async () => {
      const first = await ended(base);
      const { payee } = both;
      const second = await opened(both);
      await payMessages(both, second, 50_000n);
      await payee.run(exitCredit, { input: { contract: second } });
      await settle(payee, second);
      await pruneAt(payee);
      const committed: number[] = [];
      const pause = async (gone: number) => {
        if (gone === 0 || committed.length > 0) return;
        await settle(payee, second, { txid: 'cd'.repeat(32) });
        committed.push(await payee.home.store.commits());
      };
      const seconds = 365 * DAY;
      expect((await pruneAt(payee, { seconds, blocks: 60_000, deep: 60_000, pause })).records).toEqual({ credit: 1 });
      expect((await payee.home.store.list()).map(({ name }) => name)).toEqual([second]);
      expect([committed.length, await payee.home.store.commits()]).toEqual([1, committed[0]]);
      await expect(payee.record(first)).rejects.toThrow();
    });

    it('of a kind that only a newer program knows stops it, with nothing gone', async () => {
      const id = await ended(base);
      const { payee } = both;
      await pruneAt(payee);
      const later = { seconds: 365 * DAY, blocks: 60_000, deep: 60_000 };
      const { store } = payee.home;
      await sql(payee, `UPDATE record SET kind = 'unheard-of'`);
      const before = [await store.list(), await store.commits(), await count(payee, 'claim')];
      await expect(pruneAt(payee, later)).rejects.toMatchObject({ code: 'store-newer' });
      expect([await store.list(), await store.commits(), await count(payee, 'claim')]).toEqual(before);
      await sql(payee, `UPDATE record SET kind = 'credit'`);
      expect(await payee.record(id)).toMatchObject({ state: 'exiting' });
      expect((await pruneAt(payee, later)).records).toEqual({ credit: 1 });
    });

    it('that came to nothing goes after a day, however long others are kept', async () => {
      await parties(base, 73);
      const { payee } = both;
      const { message } = await payee.run(openCredit, { input: { as: 'payee' } });
      await payee.run(openCredit, { on: message, cancel: true });
      await pruneAt(payee, { days: 90 });
      expect((await pruneAt(payee, { days: 90, seconds: DAY - 1, blocks: 144 })).records).toEqual({});
      expect((await pruneAt(payee, { days: 90, seconds: DAY, blocks: 143 })).records).toEqual({});
      expect((await pruneAt(payee, { days: 90, seconds: DAY, blocks: 144 })).records).toEqual({ credit: 1 });
    });

    it('is no more by a row that says it is over than its kind allows, and the schema keeps what is not', async () => {
      await parties(base, 75);
      const { payee } = both;
      const id = await opened(both);
      await expect(sql(payee, 'DELETE FROM record')).rejects.toThrow('may not be deleted');
      await expect(sql(payee, 'UPDATE record SET over = 1')).rejects.toThrow(/check/i);
      await sql(payee, 'UPDATE record SET "left" = 1, over = 1');
      expect((await pruneAll(payee)).records).toEqual({});
      expect(await payee.record(id)).toMatchObject({ state: 'accepted' });
    });

    it.each([
      ['was not settled', (id: string) => both.payee.run(exitCredit, { input: { contract: id } })],
      ['was settled for less than was paid', (id: string) => settle(both.payee, id, { by: 'other', paysSat: 49_999n })],
      ['was settled by the refund', (id: string) => settle(both.payee, id, { by: 'refund', paysSat: 0n })],
      ['is open', async () => {}],
    ])('of a contract that %s stays for ever', async (_, prepare) => {
      await parties(base, 77);
      const id = await opened(both);
      await payMessages(both, id, 50_000n);
      await prepare(id);
      expect((await pruneAll(both.payee)).records).toEqual({});
      expect((await both.payee.home.store.list()).map(({ name }) => name)).toEqual([id]);
    });
  });

  describe('a reply', () => {
    const rows = async (party: TestParty): Promise<string[]> =>
      (await sql(party, 'SELECT "row" FROM reply ORDER BY number')).map(({ row }) => String(row));

    it('goes once a later one has followed it for so long; the last one stays', async () => {
      await parties(base, 79);
      const { payee } = both;
      const id = await opened(both);
      for (let i = 0; i < 3; i++) await payMessages(both, id, 1_000n);
      expect(await rows(payee)).toEqual(['offered', 'accepted', 'accepted', 'accepted', 'accepted']);
      await pruneAt(payee, { days: 1 });
      expect((await pruneAt(payee, { days: 1, seconds: DAY - 1, blocks: 144 })).replies).toBe(0);
      expect(await pruneAt(payee, { days: 1, seconds: DAY, blocks: 144, dry: true })).toMatchObject({ replies: 3 });
      expect(await rows(payee)).toHaveLength(5);
      expect((await pruneAt(payee, { days: 1, seconds: DAY, blocks: 144 })).replies).toBe(3);
      expect(await rows(payee)).toEqual(['accepted', 'accepted']);
      const last = await payMessages(both, id, 1_000n);
      await pruneAll(payee);
      expect((await payee.run(signUpdate, { on: last[1]! })).message).toEqual(last[2]);
    });

    it('that stands for good is not followed by one that does not', async () => {
      await parties(base, 81);
      const { payee } = both;
      const id = await opened(both);
      const [, signed, accepted] = await payMessages(both, id, 1_000n);
      await payee.run(signUpdate, { input: { contract: id, amount: 500n } });
      expect((await pruneAll(payee)).replies).toBe(1);
      expect(await rows(payee)).toEqual(['accepted', 'accepted', 'requested']);
      expect((await payee.run(signUpdate, { on: signed! })).message).toEqual(accepted);
    });

    it('whose nonce is gone is not kept once the next one is there', async () => {
      await parties(base, 83);
      const id = await opened(both);
      const { payee } = both;
      await payee.run(signUpdate, { input: { contract: id, amount: 500n } });
      await payee.run(signUpdate, { input: { contract: id, amount: 500n } });
      expect(await rows(payee)).toEqual(['offered', 'accepted', 'requested']);
      await payee.run(signUpdate, { input: { contract: id }, cancel: true, over: idClaim(id) });
      expect(await rows(payee)).toEqual(['offered', 'accepted', 'cancelled']);
    });
  });

  it('a note of a wish lapses, one of a named start never does', async () => {
    await parties(base, 85);
    const { payee, payer } = both;
    const id = await opened(both);
    const asked = await payer.run(signUpdate, { input: { contract: id, amount: 1_000n } });
    const requested = await payee.run(signUpdate, { on: asked.message });
    await payee.run(signUpdate, { on: (await payer.run(signUpdate, { on: requested.message })).message });
    const named = await payee.run(signUpdate, { input: { contract: id, amount: 500n }, requestId: 'order 7' });
    await payee.run(signUpdate, { on: (await payer.run(signUpdate, { on: named.message, amount: 500n })).message });
    expect(await count(payee, 'note')).toBe(2);
    expect((await pruneAll(payee)).notes).toBe(1);
    await expect(
      payee.run(signUpdate, { input: { contract: id, amount: 500n }, requestId: 'order 7' }),
    ).rejects.toMatchObject({ code: 'request-paid' });
    await expect(sql(payee, 'DELETE FROM note')).rejects.toThrow(/may not be (changed or )?deleted/);
  });
}

describe('in SQLite', () => suite(inFile));

describe.runIf(havePostgres)('in PostgreSQL', () => {
  let cluster: Cluster;
  beforeAll(async () => void (cluster = await startPostgres()));
  afterAll(() => cluster.end());
  let url: string;
  suite({ store: async () => (url = await cluster.database()), sql: (_, text) => cluster.sql(url, text) });
});

it.each([99, 100, 101])('%i notes of wishes lapse at once, though each transaction drops a hundred', async (count) => {
  await parties(inFile, 87);
  const { payee } = both;
  const notes = Array.from({ length: count }, (_, i) => ({ name: `wish/${i}`, body: {}, lapses: true as const }));
  await payee.home.store.commit(commitOf({ notes }));
  expect((await pruneAt(payee)).notes).toBe(count);
});

it('a home whose journal was not read prunes nothing', async () => {
  await ended();
  const { payee } = both;
  await payee.lose(await payee.backUp());
  await expect(pruneAll(payee)).rejects.toMatchObject({ code: 'home-restored' });
  expect(await payee.home.store.list()).toHaveLength(1);
});

describe('what a home has dropped', () => {
  const DAYS = { days: 1, seconds: 2 * DAY, blocks: 288, deep: 288 };
  /** Contracts, and what all of them were settled for, in the sums. */
  const settled = async ({ home }: TestParty) => [
    (await home.store.list('credit')).length,
    Number((await home.store.totals(creditKind)).get('settled_sat')?.sum ?? 0n),
  ];
  const dropped = async (party: TestParty): Promise<void> => {
    await pruneAt(party, { days: 1 });
    expect((await pruneAt(party, DAYS)).records).toEqual({ credit: 1 });
  };
  const outcomes = async (party: TestParty, journal = party.journal()) =>
    (await party.home.reconcile(journal)).outcomes
      .filter(({ kind, outcome }) => kind === 'credit' && outcome !== 'same')
      .map(({ outcome }) => outcome);

  it('does not come back of its journal, and is in the sums once', async () => {
    await ended();
    const { payee } = both;
    await dropped(payee);
    expect(await settled(payee)).toEqual([0, 50_000]);
    const live = await opened(both);
    const backup = await payee.backUp();
    await payMessages(both, live, 7_000n);
    await payee.lose(backup);
    expect(await outcomes(payee)).toEqual(['raised']);
    expect(await settled(payee)).toEqual([1, 50_000]);
    expect(await outcomes(payee)).toEqual([]);
    expect(await settled(payee)).toEqual([1, 50_000]);
  });

  it('after it was brought in, and dropped again, neither', async () => {
    await ended();
    const { payee } = both;
    const journal = payee.journal();
    await payee.fromWords();
    expect(await outcomes(payee, journal)).toEqual(['added']);
    await payee.home.reconcile(payee.journal(), { complete: true });
    expect(await settled(payee)).toEqual([1, 50_000]);
    await dropped(payee);
    expect(await settled(payee)).toEqual([0, 50_000]);
    expect(await outcomes(payee)).toEqual([]);
    expect(await settled(payee)).toEqual([0, 50_000]);
  });

  it('comes back where the store that is left never had it: its sums are lost with the other one', async () => {
    both = await pair(71);
    const { payee } = both;
    const backup = await payee.backUp();
    const id = await opened(both);
    await payMessages(both, id, 50_000n);
    await payee.run(exitCredit, { input: { contract: id } });
    await settle(payee, id);
    await dropped(payee);
    await payee.lose(backup);
    expect(await settled(payee)).toEqual([0, 0]);
    expect(await outcomes(payee)).toEqual(['added']);
    expect(await settled(payee)).toEqual([1, 50_000]);
  });

  it('of another home of the same words comes back, whatever the numbers of its commits', async () => {
    await ended();
    const { payee } = both;
    const journal = payee.journal();
    const commits = await payee.home.store.commits();
    await payee.fromWords();
    await payee.home.acceptRestore();
    await payee.home.store.atLeast(commits);
    await opened(both);
    await payee.lose(await payee.backUp());
    expect(await outcomes(payee, journal)).toEqual(['added']);
    expect((await settled(payee))[1]).toBe(50_000);
  });

  it('and what holds money comes back, whatever the store had', async () => {
    both = await pair(71);
    const { payee } = both;
    const id = await opened(both);
    await payMessages(both, id, 50_000n);
    const backup = await payee.backUp();
    await payee.lose(backup);
    // As by a hand that is none of this program's.
    const links = ['nonce', 'reply_of', 'claim'].map((table) => `DELETE FROM ${table};`).join(' ');
    await inFile.sql(payee, `UPDATE record SET "left" = 1, over = 1; ${links} DELETE FROM record;`);
    expect(await outcomes(payee)).toEqual(['added']);
    expect((await payee.record(id)) as FundedCredit).toMatchObject({ paidSat: 50_000n });
  });
});
