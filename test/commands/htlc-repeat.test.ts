/** `htlc fund`, `htlc claim` and `htlc refund` of a home: the same command prints the same transaction, and what pays is reserved. */
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { Desk } from '../support/desk.ts';

let desk: Desk;
afterEach(() => desk.close());

it('a payment, a claim and a refund are the same at each run; a coin that pays an HTLC pays nothing else until it is given up', async () => {
  desk = await Desk.make(['alice', 'bob']);
  const own = (who: string) => ['--home', join(desk.dir, who)];
  const key = async (who: string) => desk.file(`${who}.json`, (await desk.ok(who, ['htlc', 'key'])).stdout);
  const keys = ['--claim-key', await key('bob'), '--refund-key', await key('alice')];
  const hash = (await desk.ok('bob', ['htlc', 'key'])).out.hash.sha256 as string;
  const create = ['htlc', 'create', '--network', 'regtest', ...keys, '--hash', hash, '--expires', '1100'];
  const htlc = desk.file('htlc.json', (await desk.ok('alice', create)).stdout);
  const [coin, other] = [await desk.coin('alice', 150_000n), await desk.coin('alice', 250_000n)];
  const fund = (utxo: string, ...more: string[]) =>
    desk.run('alice', ['htlc', 'fund', ...own('alice'), '--amount', '100000', '--utxo', utxo, ...more, htlc]);
  const [first, second] = [await fund(coin), await fund(coin)];
  expect([first.code, second.out.hex]).toEqual([0, first.out.hex]);
  expect((await fund(other)).stderr).toContain('error[answered-otherwise]');
  // Another HTLC of the same refund key is another payment.
  const later = desk.file('later.json', (await desk.ok('alice', [...create.slice(0, -1), '1200'])).stdout);
  const twice = ['htlc', 'fund', ...own('alice'), '--amount', '100000', '--utxo', coin, later];
  expect((await desk.run('alice', twice)).stderr).toContain('error[answered-otherwise]');
  const open = async () => {
    const offered = await desk.ok('bob', ['open-credit', '--as', 'payee']);
    const flags = ['--amount', '120000', '--expires', '+4320', '--utxo', coin];
    return desk.run('alice', ['open-credit', ...flags], offered.stdout);
  };
  const reserved = await open();
  expect(reserved.stderr).toContain('error[coin-reserved]');
  expect(reserved.stderr).toContain('spillway htlc fund --cancel');
  const given = await fund(coin, '--cancel');
  expect([given.code, given.out.step, given.out.coins.length]).toEqual([0, 'cancelled', 1]);
  expect((await open()).code).toBe(0);
  const paid = await fund(other);
  await desk.send('alice', paid.stdout);
  for (const blocks of [0, 1]) {
    desk.chain.mine(blocks);
    // What was sent is watched until it is claimed or taken back.
    const sent = await fund(other, '--cancel');
    expect([sent.code, sent.stderr]).toEqual([75, expect.stringContaining(`the payment ${paid.out.txid} was sent`)]);
  }
  const at = ['--utxo', paid.out.utxo as string];
  const refund = () => desk.ok('alice', ['htlc', 'refund', ...own('alice'), ...at, htlc]);
  expect((await refund()).out.hex).toBe((await refund()).out.hex);
  const claim = () => desk.ok('bob', ['htlc', 'claim', ...own('bob'), ...at, htlc]);
  const [one, two] = [await claim(), await claim()];
  expect([one.code, two.out.hex]).toEqual([0, one.out.hex]);
});
