/** What every store of a home does, whatever its database: run with SQLite here, with others where they are. */
import { describe, expect, it } from 'vitest';
import type { Claim } from '../../src/lib/protocol/action.ts';
import type { HomeStore } from '../../src/lib/home/sql-store.ts';
import { commitOf, hex, nonceOf, thing, write } from './fixture.ts';

/** @param make a new, empty store of the seed of `sqlite.test.ts`; the suite closes it */
export function storeSuite(name: string, make: () => Promise<HomeStore>): void {
  const A: Claim = 'id:aa';
  const B: Claim = 'id:bb';
  const coin: Claim = 'coin:11:0';
  const test = (title: string, body: (store: HomeStore) => Promise<void>) =>
    it(title, async () => {
      const store = await make();
      try {
        await body(store);
      } finally {
        store.close();
      }
    });
  const revOf = async (store: HomeStore, claim: Claim) => (await store.load([claim])).found.get(claim)?.rev ?? 0;
  const add = async (store: HomeStore, claim: Claim, more: Parameters<typeof thing>[1] = {}) => {
    expect(await store.commit(commitOf({ writes: [write(claim, 0, thing(claim, more))] }))).toBe(true);
  };

  describe(name, () => {
    test('keeps records under each of their claims, with revisions that grow', async (store) => {
      const record = thing(A, { claims: [A, 'key:01'] });
      await store.commit(commitOf({ reads: [{ claim: A, rev: 0 }], writes: [write(A, 0, record)] }));
      const { found, nonces } = await store.load([A, 'key:01', B]);
      expect(found.get(A)).toMatchObject({ kind: 'thing', record, rev: found.get(A)!.rev });
      expect(found.get('key:01')).toEqual(found.get(A));
      expect(found.has(B)).toBe(false);
      expect(nonces).toEqual([]);
      const rev = await revOf(store, A);
      expect(rev).toBeGreaterThan(0);
      await store.commit(commitOf({ writes: [write(A, rev, { ...record, paid: 7 })] }));
      expect(await revOf(store, A)).toBeGreaterThan(rev);
      expect((await store.load(['key:01'])).found.get('key:01')!.record).toMatchObject({ paid: 7 });
    });

    test('writes bigint as whole numbers', async (store) => {
      const record = { ...thing(A), paid: 2_100_000_000_000_000n } as unknown as ReturnType<typeof thing>;
      const row = {
        name: 'aa',
        state: 'open',
        highSat: 2_100_000_000_000_000n,
        limitSat: 2_100_000_000_000_000n,
        left: false,
      };
      await store.commit(commitOf({ writes: [{ ...write(A, 0, record), row }] }));
      expect((await store.load([A])).found.get(A)!.record).toMatchObject({ paid: 2_100_000_000_000_000 });
    });

    test('compares the revisions of everything read, absent records included', async (store) => {
      await add(store, A);
      const rev = await revOf(store, A);
      const before = await store.commits();
      for (const reads of [
        [{ claim: A, rev: 0 }],
        [{ claim: A, rev: rev + 1 }],
        [
          { claim: A, rev },
          { claim: B, rev: 1 },
        ],
      ])
        expect(await store.commit(commitOf({ reads, writes: [write(B, 0, thing(B))] }))).toBe(false);
      expect(await store.commit(commitOf({ writes: [write(A, rev + 1, thing(A))] }))).toBe(false);
      expect(await store.commit(commitOf({ writes: [write(A, 0, thing(A))] }))).toBe(false);
      expect(await store.commits()).toBe(before);
      expect(await store.list()).toHaveLength(1);
    });

    test('gives a claim to one record, replaces the claims of a record, and hands them on within a commit', async (store) => {
      await add(store, A, { claims: [A, coin] });
      await expect(
        store.commit(commitOf({ writes: [write(null, 0, thing(B, { claims: [B, coin] }))] })),
      ).rejects.toMatchObject({
        code: 'already-known',
        message: expect.stringContaining(coin),
      });
      expect(await store.list()).toHaveLength(1);
      const rev = await revOf(store, A);
      const handOn = [write(null, 0, thing(B, { claims: [B, coin] })), write(A, rev, thing(A))];
      expect(await store.commit(commitOf({ writes: handOn }))).toBe(true);
      const { found } = await store.load([coin]);
      expect(found.get(coin)!.record).toMatchObject({ claims: [B, coin] });
      const twice = [write(null, 0, thing('id:cc', { claims: ['id:cc'] })), write(null, 0, thing('id:cc'))];
      await expect(store.commit(commitOf({ writes: twice }))).rejects.toMatchObject({ code: 'already-known' });
    });

    test('never lowers what was paid, never comes back from a state left for good', async (store) => {
      await add(store, A, { paid: 10 });
      const rev = await revOf(store, A);
      await expect(store.commit(commitOf({ writes: [write(A, rev, thing(A, { paid: 9 }))] }))).rejects.toMatchObject({
        code: 'bug',
      });
      await expect(
        store.commit(commitOf({ writes: [write(A, rev, thing(A, { paid: 1_000_001 }))] })),
      ).rejects.toMatchObject({ code: 'bug' });
      expect(await store.commit(commitOf({ writes: [write(A, rev, thing(A, { paid: 10, state: 'left' }))] }))).toBe(
        true,
      );
      const left = await revOf(store, A);
      await expect(store.commit(commitOf({ writes: [write(A, left, thing(A, { paid: 10 }))] }))).rejects.toMatchObject({
        code: 'bug',
      });
      expect(await store.commit(commitOf({ writes: [write(A, left, thing(A, { paid: 11, state: 'left' }))] }))).toBe(
        true,
      );
    });

    test('never issues more than was paid, keeps the issuer, and never lowers what is issued or owed', async (store) => {
      await add(store, A, { paid: 10 });
      const put = async (more: object) => {
        const written = write(A, await revOf(store, A), thing(A, { paid: 10 }));
        return store.commit(commitOf({ writes: [{ ...written, row: { ...written.row, ...more } }] }));
      };
      const good = { issuer: 'home', issuedSat: 7n, owedSat: 20n };
      expect(await put(good)).toBe(true);
      expect(await store.unissued('home')).toHaveLength(1);
      for (const bad of [
        { issuedSat: 11n },
        { issuedSat: 6n },
        { issuer: 'cdk' },
        { issuer: undefined },
        { owedSat: 19n },
        { owedSat: undefined },
        { owedSat: 9n },
        { owedSat: 1_000_001n },
      ])
        await expect(put({ ...good, ...bad }), JSON.stringify(Object.keys(bad))).rejects.toMatchObject({ code: 'bug' });
      expect(await put({ ...good, issuedSat: 10n })).toBe(true);
      expect(await store.unissued('home')).toEqual([]);
    });

    test('notes a name once', async (store) => {
      expect(await store.commit(commitOf({ notes: [{ name: 'n', body: { a: 1 } }] }))).toBe(true);
      const again = commitOf({ key: 'k', notes: [{ name: 'n', body: { a: 2 } }] });
      await expect(store.commit(again)).rejects.toMatchObject({ code: 'already-known' });
      expect(await store.reply('k')).toBeUndefined();
      expect(await store.notes(['n', 'm'])).toEqual(new Map([['n', { a: 1 }]]));
    });

    test('lets one of many win who write at once, and none wait in a circle', async (store) => {
      await add(store, A);
      await add(store, B);
      const [a, b] = [await revOf(store, A), await revOf(store, B)];
      const both = (i: number) => {
        const pair = [write(A, a, thing(A, { paid: 1 })), write(B, b, thing(B, { paid: 1 }))];
        return commitOf({ key: `k${i}`, writes: i % 2 === 0 ? pair : pair.reverse() });
      };
      const won = await Promise.all(Array.from({ length: 12 }, (_, i) => store.commit(both(i))));
      expect(won.filter((one) => one)).toHaveLength(1);
    });

    test('lets one of two win who each write what the other has read as absent', async (store) => {
      for (let i = 0; i < 5; i += 1) {
        const [one, two] = [`id:1${i}`, `id:2${i}`] as const;
        const commits = [
          commitOf({ reads: [{ claim: two, rev: 0 }], writes: [write(one, 0, thing(one))] }),
          commitOf({ reads: [{ claim: one, rev: 0 }], writes: [write(two, 0, thing(two))] }),
        ];
        const won = await Promise.all(commits.map((commit) => store.commit(commit)));
        expect(won.filter((one) => one)).toHaveLength(1);
      }
    });

    test('repeats a reply, once', async (store) => {
      const reply = {
        text: '{"ä":"\\n"}\n',
        exit: 3,
        hint: 'go on',
        type: 'thing',
        row: 'x',
        stands: false,
        flags: 'ff',
        copies: [{ name: 'c', body: { a: 1 } }],
      } as const;
      expect(await store.reply('k')).toBeUndefined();
      expect(await store.commit(commitOf({ key: 'k', reply }))).toBe(true);
      expect(await store.reply('k')).toEqual({ ...reply, key: 'k', notes: [] });
      expect(await store.commit(commitOf({ key: 'k' }))).toBe(false);
      expect(await store.commit(commitOf({ key: 'l' }))).toBe(true);
      expect(await store.reply('l')).not.toHaveProperty('hint');
      expect(await store.commit(commitOf())).toBe(true);
    });

    test('opens a nonce with its record, spends it once, and says no more what showed it', async (store) => {
      const nonce = nonceOf(A);
      await store.commit(
        commitOf({ key: 'k', writes: [write(A, 0, thing(A, { claims: [A, 'key:01'] }))], opens: [nonce] }),
      );
      expect(await unsealed(store, 'key:01')).toEqual([nonce]);
      expect(await unsealed(store, A, 'key:01')).toEqual([nonce]);
      const rev = await revOf(store, A);
      expect(await store.commit(commitOf({ reads: [{ claim: A, rev }], spends: [nonce] }))).toBe(true);
      expect((await store.load([A])).nonces).toEqual([]);
      expect(await store.reply('k')).toBeUndefined();
      const again = commitOf({ key: 'm', spends: [nonce], writes: [write(B, 0, thing(B))] });
      await expect(store.commit(again)).rejects.toMatchObject({ code: 'nonce-consumed' });
      expect(await store.reply('m')).toBeUndefined();
      expect(await revOf(store, B)).toBe(0);
    });

    test('spends a nonce once in a commit too', async (store) => {
      await add(store, A);
      const nonce = nonceOf(A);
      await store.commit(commitOf({ opens: [nonce] }));
      const twice = commitOf({ spends: [nonce, nonce] });
      await expect(store.commit(twice)).rejects.toMatchObject({ code: 'nonce-consumed' });
      expect((await store.load([A])).nonces).toHaveLength(1);
    });

    test('lets whoever read an older nonce lose the race, though nobody wrote the record', async (store) => {
      await add(store, A);
      const first = nonceOf(A);
      await store.commit(commitOf({ opens: [first] }));
      const rev = await revOf(store, A);
      await store.commit(commitOf({ spends: [first] }));
      await store.commit(commitOf({ opens: [nonceOf(A)] }));
      expect(await store.commit(commitOf({ reads: [{ claim: A, rev }], spends: [first] }))).toBe(false);
      expect((await store.load([A])).nonces).toHaveLength(1);
    });

    test('ends each nonce of a record that is written, but for those that it names, and its reply with it', async (store) => {
      await add(store, A);
      await add(store, B);
      const [gone, stays, other] = [nonceOf(A), nonceOf(A, 'bb'), nonceOf(B)];
      await store.commit(commitOf({ key: 'k', opens: [gone] }));
      await store.commit(commitOf({ key: 'l', opens: [stays, other] }));
      const written = thing(A, { nonces: ['bb', 'cc'] });
      expect(await store.commit(commitOf({ writes: [write(A, await revOf(store, A), written)] }))).toBe(true);
      expect(await unsealed(store, A)).toEqual([stays]);
      expect(await unsealed(store, B)).toEqual([other]);
      expect([await store.reply('k'), await store.reply('l')]).toEqual([undefined, expect.anything()]);
    });

    test('opening again replaces the older nonce and its reply; other transactions keep theirs', async (store) => {
      await add(store, A);
      const [first, second, other] = [nonceOf(A), nonceOf(A), nonceOf(A, 'bb')];
      await store.commit(commitOf({ key: 'k', opens: [first, other] }));
      await store.commit(commitOf({ key: 'l', opens: [second] }));
      expect(new Set(await unsealed(store, A))).toEqual(new Set([second, other]));
      expect(await store.reply('k')).toBeUndefined();
      expect(await store.reply('l')).toBeDefined();
    });

    test('gives a reply again only with the nonces that it shows, whoever opened them', async (store) => {
      await add(store, A);
      const [nonce, other] = [nonceOf(A), nonceOf(A)];
      await store.commit(commitOf({ opens: [nonce] }));
      const rev = await revOf(store, A);
      const reads = [{ claim: A, rev }];
      expect(await store.commit(commitOf({ key: 'k', reads, shows: [nonce] }))).toBe(true);
      expect(await store.commit(commitOf({ key: 'l', reads, shows: [other] }))).toBe(true);
      expect([await store.reply('k'), await store.reply('l')]).toEqual([expect.anything(), undefined]);
      expect(await store.commit(commitOf({ key: 'k', spends: [nonce] }))).toBe(false);
      expect(await store.commit(commitOf({ spends: [nonce] }))).toBe(true);
      expect(await store.reply('k')).toBeUndefined();
      // The same input is answered anew.
      expect(await store.commit(commitOf({ key: 'k' }))).toBe(true);
      expect(await store.reply('k')).toBeDefined();
    });

    test('a cancel, or a step that ends an action, takes its replies away, but those that stand and those of others', async (store) => {
      await add(store, A);
      await add(store, B);
      const answer = async (key: string, claim: Claim, more: object, paid: number) =>
        store.commit(
          commitOf({
            key,
            reply: { ...commitOf().reply, ...more },
            writes: [write(claim, await revOf(store, claim), thing(claim, { paid }))],
          }),
        );
      for (const row of ['cancelled', 'freed']) {
        const step = row === 'cancelled' ? 1 : 3;
        await answer(`said-${row}`, A, {}, step);
        await answer(`stands-${row}`, A, { stands: true }, step + 1);
        await answer(`other-${row}`, A, { type: 'another' }, step + 1);
        await answer(`beside-${row}`, B, {}, step);
        await answer(row, A, { row, ends: true }, step + 2);
        expect(await store.reply(`said-${row}`)).toBeUndefined();
        for (const key of [`stands-${row}`, `other-${row}`, `beside-${row}`, row])
          expect(await store.reply(key), key).toBeDefined();
        expect((await store.last('thing', A))!.key).toBe(row);
      }
      await answer('step', A, {}, 9);
      expect(await store.reply('cancelled')).toBeUndefined();
      expect((await store.last('thing', A))!.key).toBe('step');
      expect((await store.last('another', A))!.key).toBe('other-freed');
      expect(await store.last('none', A)).toBeUndefined();
    });

    test('a claim that a record drops takes its nonces along', async (store) => {
      await add(store, A, { claims: [A, 'key:01'] });
      await store.commit(commitOf({ key: 'k', opens: [nonceOf('key:01')] }));
      expect(await store.commit(commitOf({ writes: [write(A, await revOf(store, A), thing(A))] }))).toBe(true);
      expect((await store.load([A])).nonces).toEqual([]);
      expect(await store.reply('k')).toBeUndefined();
      await expect(store.commit(commitOf({ opens: [nonceOf('key:01')] }))).rejects.toMatchObject({ code: 'bug' });
    });

    test('uses an address up only with the step that pays to it', async (store) => {
      const fresh = await store.fresh(2);
      expect(fresh.map(({ chain, index }) => [chain, index])).toEqual([
        [0, 0],
        [0, 1],
      ]);
      expect(await store.fresh(2)).toEqual(fresh);
      expect(await store.commit(commitOf({ addresses: [fresh[0]!] }))).toBe(true);
      expect(await store.commit(commitOf({ addresses: [fresh[1]!, fresh[0]!] }))).toBe(false);
      expect((await store.fresh(1))[0]).toEqual(fresh[1]);
      const [used] = await store.addresses();
      expect(used).toMatchObject(fresh[0]!);
      expect(await store.ours([used!.script, '5120' + hex(32)])).toEqual(
        new Map([[used!.script, { chain: 0, index: 0 }]]),
      );
    });

    test('adds addresses again and again', async (store) => {
      const paths = [
        { chain: 0, index: 4 },
        { chain: 1, index: 0 },
      ] as const;
      const before = await store.commits();
      await store.addAddresses(paths);
      await store.addAddresses(paths);
      expect((await store.addresses()).map(({ chain, index }) => [chain, index])).toEqual([
        [0, 4],
        [1, 0],
      ]);
      expect((await store.fresh(1))[0]).toMatchObject({ chain: 0, index: 5 });
      expect(await store.commits()).toBe(before + 1);
    });

    describe('an address that a step was given', () => {
      /** A record that is begun with an address; which. */
      const begin = async (store: HomeStore, claim: Claim) => {
        const [at] = await store.payouts(1);
        const writes = [write(claim, 0, thing(claim))];
        expect(await store.commit(commitOf({ writes, addresses: [at!] }))).toBe(true);
        return at!;
      };
      const become = async (store: HomeStore, claim: Claim, state: string) => {
        const writes = [write(claim, await revOf(store, claim), thing(claim, { state }))];
        expect(await store.commit(commitOf({ writes }))).toBe(true);
      };
      const next = async (store: HomeStore, count: number) => (await store.payouts(count)).map(({ index }) => index);

      test('is given again once its record came to nothing, the first one first', async (store) => {
        const first = await begin(store, 'id:01');
        await begin(store, 'id:02');
        const third = await begin(store, 'id:03');
        await begin(store, 'id:04');
        expect(await next(store, 2)).toEqual([4, 5]);
        await become(store, 'id:03', 'vain');
        await become(store, 'id:01', 'vain');
        await become(store, 'id:02', 'left');
        expect(await store.payouts(2)).toEqual([first, third]);
        expect(await next(store, 3)).toEqual([0, 2, 4]);
        expect(await next(store, 0)).toEqual([]);
        expect(await begin(store, 'id:05')).toEqual(first);
        expect(await next(store, 2)).toEqual([2, 4]);
        expect((await store.addresses()).map(({ index }) => index)).toEqual([0, 1, 2, 3]);
        expect(await store.lastUsed()).toEqual([{ chain: 0, index: 3 }]);
      });
      test('is never one that a person was given', async (store) => {
        await begin(store, 'id:01');
        await become(store, 'id:01', 'vain');
        expect((await store.fresh(2)).map(({ index }) => index)).toEqual([1, 2]);
        const [own] = await store.fresh(1);
        const writes = [write(null, 0, thing('id:02')), write(null, 0, thing('id:03'))];
        // Of an address of two records nobody can say when nothing pays to it.
        expect(await store.commit(commitOf({ addresses: [own!], writes }))).toBe(true);
        await become(store, 'id:02', 'vain');
        await become(store, 'id:03', 'vain');
        expect(await next(store, 2)).toEqual([0, 2]);
      });
      test('is that of its newest record', async (store) => {
        await begin(store, 'id:01');
        await become(store, 'id:01', 'vain');
        await begin(store, 'id:02');
        await become(store, 'id:01', 'vain');
        expect(await next(store, 1)).toEqual([1]);
      });
      test('is spared by no record but one that came to nothing', async (store) => {
        await begin(store, 'id:01');
        const rev = await revOf(store, 'id:01');
        for (const over of [undefined, 'ended'] as const) {
          const left = write('id:01', rev, thing('id:01', { state: 'left' }));
          const row = { ...left.row, ...(over && { over }), frees: true };
          await expect(store.commit(commitOf({ writes: [{ ...left, row }] }))).rejects.toThrow('came to nothing');
        }
        expect([await revOf(store, 'id:01'), await next(store, 1)]).toEqual([rev, [1]]);
      });
      test('is given to one of two runs', async (store) => {
        const spare = await begin(store, 'id:01');
        await become(store, 'id:01', 'vain');
        const taking = (claim: Claim) => commitOf({ writes: [write(claim, 0, thing(claim))], addresses: [spare] });
        expect(await Promise.all([store.commit(taking('id:02')), store.commit(taking('id:03'))])).toContain(false);
        expect(await next(store, 1)).toEqual([1]);
        expect([await revOf(store, 'id:02'), await revOf(store, 'id:03')].filter((rev) => rev > 0)).toHaveLength(1);
      });
      test('is given to nobody once it has got a coin', async (store) => {
        const { chain, index } = await begin(store, 'id:01');
        await become(store, 'id:01', 'vain');
        const before = await store.commits();
        await store.addAddresses([{ chain, index }]);
        expect(await next(store, 1)).toEqual([1]);
        expect(await store.commits()).toBe(before + 1);
        await store.addAddresses([{ chain, index }]);
        expect(await store.commits()).toBe(before + 1);
      });
    });

    test('lists by kind, finds by the beginning of a name', async (store) => {
      const names = ['12345678' + '00'.repeat(28), '12345678' + 'ff'.repeat(28), '12345679' + '00'.repeat(28)];
      for (const [i, name] of names.entries()) await add(store, `id:${i}`, { name });
      expect((await store.list()).map((found) => found.name)).toEqual(names);
      expect(await store.list('thing')).toHaveLength(3);
      expect(await store.list('other')).toEqual([]);
      expect((await store.byName('12345678')).map((found) => found.name)).toEqual(names.slice(0, 2));
      expect((await store.byName(names[2]!))[0]).toMatchObject({
        kind: 'thing',
        state: 'open',
        record: { name: names[2] },
      });
      expect(await store.byName('1234567')).toEqual([]);
      expect(await store.byName('12345678%')).toEqual([]);
    });

    test('counts its commits', async (store) => {
      const before = await store.commits();
      await add(store, A);
      await store.commit(commitOf({ reads: [{ claim: A, rev: 0 }] }));
      await expect(store.commit(commitOf({ spends: [nonceOf(A)] }))).rejects.toThrow();
      await add(store, B);
      expect(await store.commits()).toBe(before + 2);
    });

    test('keeps meta values', async (store) => {
      expect(await store.meta('x')).toBeUndefined();
      await store.setMeta('x', '1');
      await store.setMeta('x', '2');
      expect(await store.meta('x')).toBe('2');
    });
  });
}

/** The open nonces of these claims, with their secrets. */
async function unsealed(store: HomeStore, ...claims: Claim[]) {
  return Promise.all((await store.load(claims)).nonces.map((nonce) => nonce.decrypt()));
}
