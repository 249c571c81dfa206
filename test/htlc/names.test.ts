/** A swap's hash is the other side's choice of bytes: it takes no name of another family. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import { swapKind, type Swap } from '../../src/lib/htlc/swap-records.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { opened } from '../support/credit.ts';
import type { Message } from '../support/party.ts';
import { ACCEPT, OFFER, pair, resealed, WANT, type Pair } from './scenes.ts';

let both: Pair;
beforeAll(async () => {
  both = await pair(160);
});
afterAll(() => both.close());

it('an offer on the id of a contract takes nothing of that contract', async () => {
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
