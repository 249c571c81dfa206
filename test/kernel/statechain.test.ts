/** Every finished transaction of a statecoin, judged by Bitcoin Core's consensus code, and their order on a chain. */
import { afterAll, describe, expect, it } from 'vitest';
import { readPsbt } from '../../src/lib/bitcoin/psbt.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { parseTransaction, txidOfHex, type Spent } from '../../src/lib/bitcoin/transaction.ts';
import { exitStatechain } from '../../src/lib/statechain/exit.ts';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import { spentCoin, type Coin } from '../../src/lib/statechain/terms.ts';
import { expectJudged, known } from '../support/judged.ts';
import { judge } from '../support/kernel.ts';
import { cast, coinOf, openMessages, POLICY, tip, transferMessages, withdrawMessages } from '../support/statechain.ts';

const kernel = await judge();
afterAll(() => kernel?.close());

const outputsOf = (hex: string): Spent[] =>
  parseTransaction(hex).outputs.map((o, vout) => ({
    txid: txidOfHex(hex),
    vout,
    sat: o.amount,
    script: bytesToHex(o.script),
  }));

describe.skipIf(!kernel)('scripts and signatures', () => {
  const by = kernel!;
  it('the backup of each owner, its child, and the withdrawal, under changing keys', async () => {
    const all = await cast(61);
    const ready = (await openMessages(all))[3]!;
    const id = ready['coin'].id;
    const coin = known(spentCoin((await coinOf(all.operator, id)) as Coin));
    const backups = [ready['hex']];
    for (const [from, to] of [
      [all.alice, all.bob],
      [all.bob, all.carol],
      [all.carol, all.alice],
    ] as const)
      backups.push((await transferMessages(all.operator, from, to, id)).at(-1)!['hex']);
    for (const hex of backups) await expectJudged(by, hex, coin);
    tip(all, 1700);
    const [parent, child] = (await all.alice.run(exitStatechain, { input: { contract: id } })).message['package'];
    expect(parent).toBe(backups[3]);
    await expectJudged(by, child, known(...outputsOf(parent)));
    const complete = (await withdrawMessages(all.operator, all.alice, id))[2]!;
    await expectJudged(by, complete['hex'], coin);
    all.close();
  });
});

describe.skipIf(!kernel)('on a chain', () => {
  const by = kernel!;
  it("no backup is valid before its height; the present owner's comes first, and then no other", async () => {
    const all = await cast(71);
    const chain = await by.chain();
    const [address] = await all.alice.home.store.fresh(1);
    await all.alice.home.store.addAddresses([address!]);
    const { script } = await (await all.alice.home.keys()).address(address!);
    const [mined] = await chain.mine(1, script);
    await chain.mine(100);
    tip(all, chain.height());
    const policy = { ...POLICY, initial_blocks: 60, step_blocks: 10, margin_blocks: 2, min_remaining_blocks: 5 };
    const offered = await all.operator.run(openStatechain, { input: { as: 'operator', policy } });
    const input = { utxo: [{ ...mined!, script }], amount: 1_000_000n };
    const proposed = await all.alice.run(openStatechain, { on: offered.message, input });
    const accepted = await all.operator.run(openStatechain, { on: proposed.message });
    const ready = (await all.alice.run(openStatechain, { on: accepted.message })).message;
    const id = ready['coin'].id;
    expect(await chain.block(ready['hex'])).toBe(false); // not funded
    expect(await chain.block(bytesToHex(readPsbt(ready['psbt'].funding).extract()))).toBe(true);
    const toBob = (await transferMessages(all.operator, all.alice, all.bob, id)).at(-1)!;
    const toCarol = (await transferMessages(all.operator, all.bob, all.carol, id)).at(-1)!;
    const [alices, bobs, carols] = [ready['hex'], toBob['hex'], toCarol['hex']] as [string, string, string];
    await chain.mine(toCarol['valid_from_height'] - 2 - chain.height());
    for (const hex of [alices, bobs, carols]) expect(await chain.block(hex)).toBe(false);
    await chain.mine(1);
    tip(all, chain.height());
    const left = (await all.carol.run(exitStatechain, { input: { contract: id } })).message;
    for (const hex of [alices, bobs]) expect(await chain.block(hex)).toBe(false);
    expect(await chain.block(...(left['package'] as string[]))).toBe(true);
    await chain.mine(30);
    for (const hex of [alices, bobs, carols]) expect(await chain.block(hex)).toBe(false);
    all.close();
  });
});
