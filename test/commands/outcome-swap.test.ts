/** What a swap's owner is promised, told and asked at the command line follows from transactions, never from a coin that is missing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { outputsOf, vsizeOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { allKinds } from '../../src/lib/families.ts';
import { openHome } from '../../src/lib/home/home.ts';
import { htlcKeyKind, preimageOf } from '../../src/lib/htlc/records.ts';
import { keyClaim } from '../../src/lib/protocol/claims.ts';
import { Desk, type Said } from '../support/desk.ts';

let desk: Desk;
afterEach(() => desk.close());

/** A swap up to where the responder has signed its payment; nobody has sent that yet. */
async function matched(): Promise<Said & { first: string; second: string }> {
  desk = await Desk.make(['alice', 'bob']);
  const [own, theirs] = [await desk.coin('alice', 150_000n), await desk.coin('bob', 140_000n)];
  const start = ['--as', 'initiator', '--give', '100000', '--want', '98000', '--expires', '+288'];
  const offered = await desk.ok('alice', ['htlc', 'swap', ...start]);
  const answer = ['--want', '100000', '--amount', '98000', '--expires', '+144'];
  const accepted = await desk.ok('bob', ['htlc', 'swap', ...answer], offered.stdout);
  const funded = await desk.ok('alice', ['htlc', 'swap', '--utxo', own], accepted.stdout);
  await desk.send('alice', funded.stdout);
  desk.chain.mine(2);
  const said = await desk.ok('bob', ['htlc', 'swap', '--utxo', theirs], funded.stdout);
  const { first, second, htlcs } = said.out;
  for (const name of ['first', 'second']) desk.file(`${name}.json`, JSON.stringify(htlcs[name]));
  return {
    ...said,
    first: `${first.txid}:${first.vout}:100000`,
    second: `${second.txid}:${second.vout}:98000`,
  };
}
const COOPERATE = ['htlc', 'cooperate', '--as', 'refunder', '--htlc', 'first.json', '--feerate', '5'];
const sign = (proposed: Said) => desk.run('bob', ['htlc', 'cooperate', '--amount', '100000'], proposed.stdout);
const rate = (hex: string, sat: bigint): number => Number(sat - outputsOf(hex)[0]!.sat) / vsizeOfHex(hex);

it('a responder whose payment was never sent does not sign its claim away, until that can never be sent any more', async () => {
  const m = await matched();
  const proposed = await desk.ok('alice', [...COOPERATE, '--utxo', m.first]);
  const refused = await sign(proposed);
  expect([refused.code, refused.stdout]).toEqual([77, '']);
  expect(refused.stderr).toMatch(/error\[swap-open\].*is unseen, its refund, or another use/s);
  expect(refused.stderr).toContain('can still be sent by whoever has its PSBT: spend one of its coins elsewhere first');
  // The coin is freed, and spent elsewhere: six blocks later nothing can come of the payment.
  const contract = m.out.offer.hash as string;
  const ended = await desk.ok('bob', ['htlc', 'swap', '--contract', contract]);
  expect([ended.out.step, ended.stderr.includes('was never sent')]).toEqual(['ended', true]);
  expect((await sign(proposed)).code).toBe(77);
  const create = ['htlc', 'create', '--network', 'regtest', '--refund-key', m.out.htlcs.second.refund_pubkey];
  const keys = ['--claim-key', m.out.htlcs.first.claim_pubkey, '--hash', '11'.repeat(32), '--expires', '2000'];
  const elsewhere = desk.file('elsewhere.json', (await desk.ok('bob', [...create, ...keys])).stdout);
  const coins = `coin-${'2'.padStart(64, '0')}.json`;
  const fund = ['htlc', 'fund', '--home', join(desk.dir, 'bob'), '--amount', '120000', '--utxo', coins, elsewhere];
  await desk.send('bob', (await desk.ok('bob', fund)).stdout);
  desk.chain.mine(5);
  expect((await sign(proposed)).stderr).toContain('replaced by');
  desk.chain.mine(1);
  const signed = await sign(proposed);
  expect([signed.code, signed.out.step]).toEqual([0, 'signed']);
  expect((await desk.run('alice', ['broadcast'], m.stdout)).stderr).toContain('error[inputs-spent]');
});

it('a responder whose refund is in the mempool does not sign its claim away; nor where the initiator then claims', async () => {
  const m = await matched();
  await desk.send('bob', m.stdout);
  desk.chain.mine(1);
  desk.chain.mine(m.out.htlcs.second.locktime.value - desk.chain.tip);
  const home = ['--home', join(desk.dir, 'bob')];
  const refund = await desk.ok('bob', ['htlc', 'refund', ...home, '--utxo', m.second, '--feerate', '2', 'second.json']);
  await desk.send('bob', refund.stdout);
  const proposed = await desk.ok('alice', [...COOPERATE, '--utxo', m.first]);
  expect((await sign(proposed)).stderr).toMatch(/error\[swap-open\].*spending by .* in the mempool/s);
  // The claim has no lock: the initiator's own wallet makes it, whatever its home says of the height.
  const alice = await openHome({ dir: join(desk.dir, 'alice'), kinds: allKinds });
  const claim = keyClaim(m.out.htlcs.second.claim_pubkey);
  const key = htlcKeyKind.parse((await alice.store.load([claim])).found.get(claim)!.record);
  const keys = (await alice.keys()).keysWith([], new Map());
  desk.file('preimage', bytesToHex(preimageOf(keys, key)));
  desk.file('key', bytesToHex(keys.contract(key.own.path)));
  alice.close();
  const to = (await desk.ok('alice', ['address'])).stdout.trim();
  const secrets = ['--preimage-file', 'preimage', '--key-file', 'key', '--to', to];
  const theirs = await desk.ok(
    'alice',
    ['htlc', 'claim', '--utxo', m.second, '--feerate', '20', ...secrets, 'second.json'],
    '',
    { SPILLWAY_CHAIN: '' },
  );
  await desk.send('alice', theirs.stdout);
  desk.chain.mine(7);
  const refused = await sign(proposed);
  expect([refused.code, refused.stderr.includes('it was claimed: claim this one too')]).toEqual([77, true]);
  // What the claim has shown is enough to claim the other.
  const shown = await desk.ok('bob', ['htlc', 'secret', '--hash', m.out.offer.hash], theirs.out.hex);
  desk.file('shown', shown.out.preimage);
  const own = await desk.ok('bob', [
    'htlc',
    'claim',
    ...home,
    '--utxo',
    m.first,
    '--preimage-file',
    'shown',
    'first.json',
  ]);
  await desk.send('bob', own.stdout);
  desk.chain.mine(1);
  expect(desk.chain.confirmations(own.out.txid)).toBe(1);
});

it('a responder signs its claim away once its refund has six confirmations', async () => {
  const m = await matched();
  await desk.send('bob', m.stdout);
  desk.chain.mine(m.out.htlcs.second.locktime.value - desk.chain.tip);
  const refund = [
    'htlc',
    'refund',
    '--home',
    join(desk.dir, 'bob'),
    '--utxo',
    m.second,
    '--feerate',
    '2',
    'second.json',
  ];
  await desk.send('bob', (await desk.ok('bob', refund)).stdout);
  const proposed = await desk.ok('alice', [...COOPERATE, '--utxo', m.first]);
  desk.chain.mine(5);
  expect((await sign(proposed)).stderr).toContain('5 confirmations, its refund, or another use');
  desk.chain.mine(1);
  expect((await sign(proposed)).out.step).toBe('signed');
});

it('a claim is settled once it is final; a higher fee rate replaces one that hangs, and bump pays for it', async () => {
  const m = await matched();
  await desk.send('bob', m.stdout);
  desk.chain.mine(2);
  const claimed = await desk.ok('alice', ['htlc', 'swap'], m.stdout);
  await desk.send('alice', claimed.stdout);
  desk.chain.mine(1);
  const offline = { SPILLWAY_CHAIN: '', SPILLWAY_TIP: String(desk.chain.tip) };
  const one = await desk.run('bob', ['htlc', 'swap'], claimed.stdout, offline);
  expect([one.code, one.out.step, Math.round(rate(one.out.hex, 100_000n))]).toEqual([3, 'claimed', 2]);
  desk.chain.feerate = 40_000;
  const two = await desk.run('bob', ['htlc', 'swap', '--feerate', '60', '--allow-fee'], claimed.stdout);
  expect([two.code, two.out.step, Math.round(rate(two.out.hex, 100_000n))]).toEqual([0, 'claimed', 60]);
  const three = await desk.run('bob', ['htlc', 'swap', '--feerate', '90', '--allow-fee'], claimed.stdout);
  expect([three.code, Math.round(rate(three.out.hex, 100_000n))]).toEqual([0, 90]);
  expect(outputsOf(three.out.hex)[0]!.script).toBe(outputsOf(one.out.hex)[0]!.script);
  // The first one hangs in the mempool: a child pays for it, or the dearer claim takes its place.
  await desk.send('bob', one.stdout);
  const bumped = await desk.ok('bob', ['bump', '--feerate', '50', '--allow-fee'], one.stdout);
  expect(bumped.out.txids[0]).toBe(one.out.txid);
  await desk.send('bob', three.stdout);
  for (const [blocks, confirmations, step] of [
    [1, 1, 'claimed'],
    [4, 5, 'claimed'],
    [1, 6, 'settled'],
  ] as const) {
    desk.chain.mine(blocks);
    expect(desk.chain.confirmations(three.out.txid)).toBe(confirmations);
    const said = await desk.run('bob', ['htlc', 'swap'], claimed.stdout);
    expect([said.code, said.out.step, said.out.txid]).toEqual([0, step, three.out.txid]);
  }
});

it('an initiator whose claim hangs makes a dearer one, from the message that it has answered', async () => {
  const m = await matched();
  await desk.send('bob', m.stdout);
  desk.chain.mine(2);
  const one = await desk.ok('alice', ['htlc', 'swap'], m.stdout);
  desk.chain.feerate = 30_000;
  await desk.send('alice', one.stdout);
  desk.chain.mine(1);
  const two = await desk.ok('alice', ['htlc', 'swap', '--feerate', '30'], m.stdout);
  expect([two.code, two.out.step, Math.round(rate(two.out.hex, 98_000n))]).toEqual([0, 'claimed', 30]);
  await desk.send('alice', two.stdout);
  desk.chain.mine(1);
  expect(desk.chain.confirmations(two.out.txid)).toBe(1);
  const again = await desk.ok('alice', ['htlc', 'swap', '--contract', m.out.offer.hash, '--again']);
  expect([again.out.step, again.out.txid]).toEqual(['claimed', two.out.txid]);
});

it('the refund of what a swap has paid lies outside the home: of its words alone a home sends it, and bump pays for it', async () => {
  const m = await matched();
  await desk.send('bob', m.stdout);
  const copy = join('bob.refunds', `swap-${m.out.offer.hash}.json`);
  const { mnemonic } = JSON.parse(readFileSync(join(desk.dir, 'bob', 'seed'), 'utf8'));
  await desk.ok('again', ['init', '--network', 'regtest', '--mnemonic-fd', '0'], mnemonic);
  const restored = await desk.ok('again', ['restore', '--refunds', 'bob.refunds']);
  expect(restored.out).toMatchObject({ contract: m.out.offer.hash, capacity_sat: 98_000, ours: true });
  desk.chain.mine(m.out.htlcs.second.locktime.value - desk.chain.tip);
  desk.chain.feerate = 20_000;
  await desk.send('again', (await desk.ok('again', ['bump', '--feerate', '25', copy])).stdout);
  desk.chain.mine(1);
  expect(desk.chain.confirmations(restored.out.txid)).toBe(1);
});
