/**
 * Whatever a server, a watch or a command over one contract asks of a store is found by an index, in either database: each
 * statement is caught as it is sent, in a store with thousands of rows in every table, and its plan is read.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Connection } from '../../src/lib/home/sqlite.ts';
import { initHome, openHome, type Home } from '../../src/lib/home/home.ts';
import type { Claim } from '../../src/lib/protocol/action.ts';
import { havePostgres, startPostgres, type Cluster } from '../support/postgres.ts';
import { commitOf, hex, nonceOf, tempDir, thing, things, write } from './fixture.ts';

const ROWS = 10_000;
const A: Claim = `key:${'ab'.repeat(32)}`;

/** Rows of every table, beside those of the records that are asked for. @param series `(n)` from 1 to ROWS, in the dialect */
const fill = (series: string, bytes: string): string[] => [
  `INSERT INTO record(kind, name, state, rev, high_sat, limit_sat, "left", body, issuer, issued_sat, over)
   SELECT 'thing', 'name' || n, 'open', 1, 5, 9, 0, '{}', 'home', 5, 0 FROM ${series}`,
  `INSERT INTO claim(claim, record) SELECT 'id:' || name, id FROM record`,
  `INSERT INTO figure(record, name, value) SELECT id, 'thing paid', id % 97 FROM record`,
  `INSERT INTO reply(key, text, exit, "row", flags, copies, type, number, stands, notes)
   SELECT 'key' || n, '{}', 0, 'row', '', '[]', '', 0, 0, '[]' FROM ${series}`,
  `INSERT INTO reply_of(record, type, number, reply) SELECT record.id, '', 0, reply.key FROM record JOIN reply ON reply.key = 'key' || record.id`,
  `INSERT INTO shown(reply, of_claim, sighash, pubnonce) SELECT key, 'id:' || key, 'aa', '00' FROM reply`,
  `INSERT INTO nonce(of_claim, sighash, pubnonce, sealed) SELECT claim, 'aa', '00', ${bytes} FROM claim`,
  `INSERT INTO address(chain, idx, script, address) SELECT n % 2, n, 'script' || n, 'address' || n FROM ${series}`,
  `INSERT INTO note(name, body) SELECT 'note' || n, '{}' FROM ${series}`,
];

/** What runs ask of a store again and again. */
async function work(home: Home): Promise<void> {
  const { store } = home;
  await store.load(['id:name5', 'id:name6', 'id:none']);
  await store.reply('key7');
  await store.last('thing', 'id:name5');
  await store.notes(['note1', 'note2', 'none']);
  await store.ours(['script1', 'script2']);
  await store.fresh(1);
  const [payout] = await store.payouts(1);
  await store.byName('abababab');
  await store.byClaim('key:abababab' as Claim);
  await store.list('thing', 'pending');
  await store.unissued('home');
  await store.pending('quote', 7);
  await store.inOrder(things, 'paid', { most: 10, upTo: 50n, after: { value: 3n, id: 7 } });
  await store.stated(things, 'paid', { most: 10, after: { value: 3n, id: 7 } });
  await home.store.totals(things, new Map([[5, { rev: 1, was: {}, is: {} }]]));
  const rev = async (claim: Claim) => (await store.load([claim])).found.get(claim)?.rev ?? 0;
  const open = nonceOf(A);
  const first = commitOf({ key: 'one', writes: [write(A, 0, thing(A, { nonces: ['aa'] }))], opens: [open] });
  expect(await store.commit(first)).toBe(true);
  await store.recall((await store.reply('one'))!);
  const B: Claim = `id:${hex(32)}`;
  expect(await store.commit(commitOf({ writes: [write(B, 0, thing(B))], addresses: [payout!] }))).toBe(true);
  expect(await store.commit(commitOf({ writes: [write(B, await rev(B), thing(B, { state: 'vain' }))] }))).toBe(true);
  expect(await store.payouts(1)).toEqual([payout]);
  const next = thing(A, { paid: 7, claims: [A, 'coin:aa:0'] });
  const note = { name: `note ${hex(4)}`, body: {} };
  expect(await store.commit(commitOf({ key: 'two', writes: [write(A, await rev(A), next)], notes: [note] }))).toBe(
    true,
  );
  expect(await store.commit(commitOf({ opens: [nonceOf(A, 'bb')] }))).toBe(true);
  const ends = { ...commitOf().reply, ends: true };
  expect(
    await store.commit(
      commitOf({
        key: 'three',
        reply: ends,
        spends: [{ of: A, sighash: 'bb' }],
        reads: [{ claim: A, rev: await rev(A) }],
      }),
    ),
  ).toBe(true);
}

describe('a SQLite file', () => {
  it('finds what waits to be told to a mint by what has changed, not by all that waits', async () => {
    const dir = join(tempDir(), 'home');
    await initHome({ dir, network: 'regtest' });
    const home = await openHome({ dir, kinds: async () => [things] });
    const all = vi.spyOn(Connection.prototype, 'all');
    expect(await home.store.pending('quote', 7)).toEqual([]);
    const [sql, ...values] = all.mock.calls.at(-1)!;
    all.mockRestore();
    home.close();
    const db = new DatabaseSync(join(dir, 'store.db'));
    expect(db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...(values as number[]))).toMatchObject([
      { detail: 'SEARCH record USING INDEX record_pending (kind=? AND rev>?)' },
    ]);
    db.close();
  });

  it('is asked nothing that it finds by reading a table from end to end', async () => {
    const dir = join(tempDir(), 'home');
    await initHome({ dir, network: 'regtest' });
    const db = new DatabaseSync(join(dir, 'store.db'));
    for (const sql of fill(
      `(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ${ROWS}) SELECT n FROM s)`,
      "x'00'",
    ))
      db.exec(sql);
    const home = await openHome({ dir, kinds: async () => [things] });
    const asked = new Map<string, unknown[]>();
    const unspied = Connection.prototype.all;
    const all = vi.spyOn(Connection.prototype, 'all').mockImplementation(function (this: Connection, sql, ...values) {
      asked.set(sql, values);
      return unspied.call(this, sql, ...values);
    });
    try {
      await work(home);
    } finally {
      all.mockRestore();
      home.close();
    }
    const slow = [...asked].flatMap(([sql, values]) =>
      db
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all(...(values as never[]))
        .flatMap(({ detail }) =>
          /^SCAN (?!total|dropped|every|CONSTANT|\(|\d)/.test(String(detail)) ? [`${sql}: ${String(detail)}`] : [],
        ),
    );
    db.close();
    expect(asked.size).toBeGreaterThan(25);
    expect(slow).toEqual([]);
  });
});

describe.runIf(havePostgres)('a PostgreSQL database', () => {
  let cluster: Cluster;
  beforeAll(async () => void (cluster = await startPostgres()));
  afterAll(() => cluster.end());

  it('is asked nothing that it finds by reading a table from end to end', async () => {
    const store = await cluster.database();
    const dir = join(tempDir(), 'home');
    await initHome({ dir, network: 'regtest', store });
    for (const sql of fill(`generate_series(1, ${ROWS}) AS s(n)`, "'\\x00'::bytea")) await cluster.sql(store, sql);
    await cluster.sql(store, 'ANALYZE');
    const home = await openHome({ dir, kinds: async () => [things] });
    const asked = new Map<string, unknown[]>();
    const query = pg.Client.prototype.query;
    const spied = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (this: pg.Client, ...args: any[]) {
      const [sent] = args as [string | pg.QueryConfig];
      const { text, values = [] } = typeof sent === 'string' ? { text: sent } : sent;
      // Sums are a view here, over all figures: the server adds them up while the program goes on.
      if (/^\s*(SELECT|INSERT|UPDATE|DELETE)/.test(text) && !text.includes('FROM total')) asked.set(text, values);
      return Reflect.apply(query, this, args);
    } as never);
    try {
      await work(home);
    } finally {
      spied.mockRestore();
      home.close();
    }
    const client = new pg.Client(store);
    await client.connect();
    const slow: string[] = [];
    for (const [text, values] of asked) {
      const { rows } = await client.query(`EXPLAIN (FORMAT TEXT) ${text}`, values);
      const plan = rows.map((row) => String(row['QUERY PLAN'])).join('\n');
      if (/Seq Scan on (?!dropped|commit_number)/.test(plan)) slow.push(`${text}\n${plan}`);
    }
    await client.end();
    expect(asked.size).toBeGreaterThan(25);
    expect(slow).toEqual([]);
  });
});
