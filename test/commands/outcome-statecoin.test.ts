/** What the owner of a statecoin is told at the command line follows from transactions, never from a coin that is missing. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { readPsbt } from '../../src/lib/bitcoin/psbt.ts';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import { defaultPolicy } from '../../src/lib/statechain/terms.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import { ownCoin } from '../support/credit.ts';
import { Desk } from '../support/desk.ts';
import { TestParty, type Message } from '../support/party.ts';
import { transferMessages } from '../support/statechain.ts';

const closing: { close(): void }[] = [];
afterEach(() => closing.splice(0).forEach((one) => one.close()));

const POLICY = {
  ...defaultPolicy('regtest'),
  initial_blocks: 1000,
  step_blocks: 40,
  margin_blocks: 40,
  min_remaining_blocks: 80,
};

/** Alice's coin, transferred to Bob in all but her receipt; its funding is signed and not sent. */
async function transferred(until: 'moved' | 'owned' = 'owned') {
  const desk = await Desk.make([]);
  const [operator, alice, bob] = [await TestParty.make(), await TestParty.make(), await TestParty.make()];
  closing.push(desk, operator, alice, bob);
  const coin = await ownCoin(alice, 1_100_000n);
  desk.chain.give(coin);
  let said = await operator.run(openStatechain, { input: { as: 'operator', policy: POLICY } });
  said = await alice.run(openStatechain, { on: said.message, input: { utxo: [coin], amount: 1_000_000n } });
  said = await operator.run(openStatechain, { on: said.message });
  const ready = (await alice.run(openStatechain, { on: said.message })).message;
  const id = ready['coin'].id as string;
  const said2 = await transferMessages(operator, alice, bob, id, until);
  const status = async (who: TestParty) => {
    const { code, out } = await desk.run(who.dir, ['status']);
    return [code, out.verdict, (out.notes as string[]).join('; '), out.deadline_height];
  };
  const exit = (who: TestParty, ...more: string[]) => desk.run(who.dir, ['statechain-exit', '--contract', id, ...more]);
  const fund = () => {
    desk.chain.accept([bytesToHex(readPsbt(ready['psbt'].funding).extract())]);
    desk.chain.mine(3);
  };
  return { desk, operator, alice, bob, id, last: said2.at(-1) as Message, status, exit, fund };
}

it('an exit that hangs is pending until it is final, and one that the owner before has outbid is lost, exit 3', async () => {
  const { desk, alice, bob, last, status, exit, fund } = await transferred();
  // Never funded: a node with an index says so.
  expect((await status(alice)).slice(0, 2)).toEqual([0, 'unfunded']);
  expect((await exit(bob)).code).toBe(3);
  fund();
  desk.chain.mine(last['valid_from_height'] - 1 - desk.chain.tip);
  expect((await status(bob)).slice(0, 2)).toEqual([0, 'due']);
  const hangs = await exit(bob, '--feerate', '1');
  await desk.send(bob.dir, hangs.stdout);
  desk.chain.feerate = 20_000;
  desk.chain.mine(1);
  const [code, verdict, notes, deadline] = await status(bob);
  expect([code, verdict, deadline]).toEqual([0, 'pending', last['confirm_before_height']]);
  expect(notes).toContain(`spent by its exit: ${hangs.out.txids[0]} in the mempool`);
  const dearer = await exit(bob, '--feerate', '3');
  expect([dearer.code, dearer.out.verdict, dearer.out.fee_sat > hangs.out.fee_sat]).toEqual([0, 'pending', true]);
  // From here on the backup of the owner before is final too: hers pays more.
  desk.chain.mine(last['confirm_before_height'] - desk.chain.tip);
  const hers = await exit(alice, '--feerate', '30');
  await desk.send(alice.dir, hers.stdout);
  const theirs = `spent by the backup of owner 1: ${hers.out.txids[0]}`;
  for (const [blocks, exits, is, depth] of [
    [0, 0, 'pending', ' in the mempool'],
    [1, 0, 'pending', ', 1 confirmation'],
    [4, 0, 'pending', ', 5 confirmations'],
    [1, 3, 'lost', ', 6 confirmations'],
  ] as const) {
    desk.chain.mine(blocks);
    const said = await status(bob);
    expect(said.slice(0, 2)).toEqual([exits, is]);
    expect(said[2]).toContain(`${theirs}${depth}`);
  }
  expect((await status(bob))[2]).toContain('1000000 sat are lost');
  const lost = await exit(bob);
  expect([lost.code, lost.out.verdict, lost.out.package]).toEqual([3, 'lost', undefined]);
  expect((await status(alice)).slice(0, 2)).toEqual([0, 'done']);
});

it('a receiver whose coin is missing keeps its backup and outbids; --unchecked answers for its own run alone', async () => {
  const { desk, alice, bob, id, last, fund, exit } = await transferred('moved');
  const transfer = (env: Record<string, string>, ...more: string[]) =>
    desk.run(bob.dir, ['statechain-transfer', ...more], JSON.stringify(last), env);
  const offline = { SPILLWAY_CHAIN: '', SPILLWAY_TIP: '1000' };
  for (const [flags, code] of [
    [[], 3],
    [['--unchecked'], 0],
    [[], 3],
  ] as const)
    expect([(await transfer(offline, ...flags)).code, flags]).toEqual([code, flags]);
  fund();
  desk.chain.mine(2000 - desk.chain.tip);
  await desk.send(alice.dir, (await exit(alice, '--feerate', '2')).stdout);
  const gone = await transfer({});
  expect([gone.code, gone.out.checks.payment]).toEqual([3, 'coin-missing']);
  expect(gone.stderr).toContain('spent by the backup of owner 1');
  const own = await desk.ok(bob.dir, ['statechain-exit', '--contract', id, '--feerate', '20']);
  await desk.send(bob.dir, own.stdout);
  desk.chain.mine(1);
  expect(desk.chain.confirmations(own.out.txids[0])).toBe(1);
});

it('a home made of its words leaves with the copy of its backup: exit, bump and broadcast read it, and one that moved on says so', async () => {
  const { desk, operator, alice, id, last, fund } = await transferred('moved');
  fund();
  const copyOf = (who: TestParty): string => {
    const folder = `${who.dir}.refunds`;
    return join(
      folder,
      readdirSync(folder).find((file) => file.endsWith('.json'))!,
    );
  };
  const copy = desk.file('copy.json', readFileSync(copyOf(alice), 'utf8'));
  // As long as she has not heard that it has moved, it is hers; then her copy says that it is not.
  await alice.run(transferStatechain, { on: last });
  const moved = await desk.run(alice.dir, ['statechain-exit', '--bundle', copyOf(alice), '--tip', '2100']);
  expect([moved.code, moved.stderr.includes('has moved to another owner')]).toEqual([3, true]);
  const { mnemonic } = JSON.parse(readFileSync(join(alice.dir, 'seed'), 'utf8'));
  await desk.ok('again', ['init', '--network', 'regtest', '--mnemonic-fd', '0'], mnemonic);
  const restored = await desk.ok('again', ['restore', '--refunds', `${alice.dir}.refunds`]);
  expect(restored.out).toMatchObject({ contract: id, ours: true, moved: true });
  desk.chain.mine(2100 - desk.chain.tip);
  const left = await desk.ok('again', ['statechain-exit', '--bundle', copy]);
  expect([left.code, left.out.package.length]).toEqual([0, 2]);
  const bumped = await desk.ok('again', ['bump', '--feerate', '5', copy]);
  expect(bumped.out.txids[0]).toBe(left.out.txid);
  await desk.send('again', bumped.stdout);
  expect((await desk.run('again', ['broadcast', copy])).code).toBe(0);
  desk.chain.mine(1);
  expect(desk.chain.confirmations(left.out.txid)).toBe(1);
  expect(operator.home.restored).toBe(false);
});

it('a coin that came back leaves two copies outside the home, and the one of before says that it moved on', async () => {
  const { desk, operator, alice, bob, id } = await transferred();
  // She has never heard that it moved; it is sent back to her.
  const [owned] = (await transferMessages(operator, bob, alice, id, 'owned')).slice(-1);
  const folder = `${alice.dir}.refunds`;
  const copies = readdirSync(folder).filter((file) => file.startsWith(id));
  const exits = await Promise.all(
    copies.map(async (file) => {
      const { code, out, stderr } = await desk.run(alice.dir, ['statechain-exit', '--bundle', join(folder, file)], '', {
        SPILLWAY_CHAIN: '',
        SPILLWAY_TIP: '2100',
      });
      return [out.owners, code, stderr.includes('has moved to another owner')];
    }),
  );
  expect(exits.sort()).toEqual([
    [1, 3, true],
    [3, 0, false],
  ]);
  expect(owned!['owners']).toBe(3);
});
