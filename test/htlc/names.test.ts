/** A swap's hash is the other side's choice of bytes: it takes no name of another family, and older stores are found again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { kinds } from '../../src/lib/cli/home.ts';
import { freshKey } from '../../src/lib/cli/htlc-home.ts';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import { openHome } from '../../src/lib/home/home.ts';
import { htlcKeyKind } from '../../src/lib/htlc/records.ts';
import { swapKind, type Swap } from '../../src/lib/htlc/swap-records.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { opened, ownCoin } from '../support/credit.ts';
import { asItself, oldHomes, unpack } from '../support/old-homes.ts';
import type { Message } from '../support/party.ts';
import { ACCEPT, OFFER, pair, resealed, straight, WANT, type Pair } from './scenes.ts';

let both: Pair;
beforeAll(async () => {
  both = await pair(160);
});
afterAll(() => both.close());

it('statechain 5.8.6: an offer on the id of a contract takes nothing of that contract', async () => {
  const { alice, bob } = both;
  const contract = await opened({ payee: bob, payer: alice, close: () => {} });
  const offered = await alice.run(htlcSwap, { input: OFFER });
  const before = await bob.record(contract);
  const on = await resealed(alice, offered.message, (m: Message) => ({
    ...m,
    offer: { ...m['offer'], hash: contract },
  }));
  const accepted = await bob.run(htlcSwap, { on, amount: WANT, input: ACCEPT });
  expect(accepted.message['step']).toBe('accepted');
  const { found } = await bob.home.store.load([idClaim(contract)]);
  expect(found.get(idClaim(contract))!.kind).toBe('credit');
  expect((await bob.home.store.byName(contract)).find(({ kind }) => kind === 'credit')!.record).toEqual(
    JSON.parse(JSON.stringify(before, (_, v) => (typeof v === 'bigint' ? Number(v) : v))),
  );
  const ids = (await bob.home.store.list()).filter(({ kind }) => kind.startsWith('htlc'));
  for (const { record } of ids.filter(({ kind }) => kind === swapKind.name))
    expect(swapKind.claims(record as unknown as Swap).some((claim) => claim.startsWith('id:'))).toBe(false);
});

it('swaps and keys of a store of 0.1.0 are found under their new names', async () => {
  const { alice } = both;
  const stage = straight(both);
  const key = await freshKey(alice.home);
  const offered = await stage('alice', htlcSwap, { input: OFFER });
  const accepted = await stage('bob', htlcSwap, { on: offered, amount: WANT, input: ACCEPT });
  alice.home.close();
  const db = new DatabaseSync(join(alice.dir, 'store.db'));
  db.exec("UPDATE claim SET claim = 'id:' || substr(claim, 6) WHERE claim LIKE 'hash:%'");
  // A store of 0.1.0 has no life yet.
  db.exec("DELETE FROM meta WHERE key = 'life'");
  db.close();
  await alice.reopen();
  const claims = [`hash:${key.hash.hash160}`, `hash:${offered['offer'].hash}`] as const;
  expect((await alice.home.store.load(claims)).found.size).toBe(2);
  const utxo = [await ownCoin(alice, 150_000n)];
  expect((await stage('alice', htlcSwap, { on: accepted, input: { utxo } }))['step']).toBe('funded');
});

it('every swap and key in homes of 0.1.0 is found', async () => {
  const into = mkdtempSync(join(tmpdir(), 'spillway-old-'));
  for (const { name, seed } of oldHomes('0.1.0').filter((old) => ['alice', 'bob'].includes(old.name))) {
    const dir = unpack('0.1.0', name, into);
    asItself(dir);
    const home = await openHome({ dir, insecureSeed: seed, kinds });
    expect(home.restored).toBe(false);
    const listed = (await home.store.list()).filter(({ kind }) => kind.startsWith('htlc'));
    expect(listed.length).toBeGreaterThan(10);
    for (const { kind, name: called, record } of listed) {
      const of = kind === swapKind.name ? swapKind : htlcKeyKind;
      const claims = of.claims(of.parse(record) as never);
      const { found } = await home.store.load(claims);
      expect([...found.values()].map((hit) => hit.name)).toEqual(claims.map(() => called));
    }
    home.close();
  }
  rmSync(into, { recursive: true });
});
