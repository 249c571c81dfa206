/** Statecoins as `watch` sees them: what is due of each record, by height and by what the chain shows. */
import { describe, expect, it } from 'vitest';
import { scriptOf } from '../../src/lib/bitcoin/address.ts';
import { txidOf, txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import type { Due } from '../../src/lib/contract/duty.ts';
import { printJson } from '../../src/lib/protocol/json.ts';
import { exitStatechain } from '../../src/lib/statechain/exit.ts';
import {
  statecoinKind,
  type OperatorRecord,
  type OwnerRecord,
  type Statecoin,
} from '../../src/lib/statechain/records.ts';
import { watchedBundle } from '../../src/lib/statechain/tower.ts';
import { backup, withdraw } from '../../src/lib/statechain/transactions.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import {
  exitingAs,
  scriptsIn,
  settledAs,
  STATECOIN_WATCH_LIMITS,
  watchedCoin,
} from '../../src/lib/statechain/watch.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { rules } from '../contract/dutiful.ts';
import { ADDRESSES } from '../credit/things.ts';
import type { Message } from '../support/party.ts';
import { refusal } from '../support/refusal.ts';
import { coinOf, opened, transferMessages, withdrawMessages, type Cast } from '../support/statechain.ts';
import { parties, refused, step } from './helpers.ts';
import { by, due, FORMER, OWN, ownerOf, rewrite, SAT, scripts, second, unspent } from './watching.ts';

describe('an owner after another', () => {
  it('exits from its height on, by that of the owner before, with a child for both', async () => {
    const { bob, w, exit } = await second(await parties());
    expect(w.duties).toMatchObject([{ does: 'exit', from: { height: OWN + 1 }, by: FORMER, worthSat: SAT }]);
    expect(due(w, OWN - 1)).toEqual({ do: 'rest' });
    const sent = due(w, OWN);
    expect(sent).toMatchObject({ do: 'send', event: 'exit', tx: { txid: exit, fee: 0n } });
    const { tx, child } = sent as Extract<Due, { do: 'send' }>;
    expect(tx.hex).toBe(bob.backups[1]);
    expect(child!.feeSat).toBe(BigInt(2 * (tx.vsize + tx.childVsize)));
  });
  it('is told what its exit would cost where the budget does not reach, and pays no more', async () => {
    const { w } = await second(await parties());
    const spike = { feerate: 300_000, least: 300_000 };
    const poor = { ...rules, feeBudgetSat: 10_000n };
    expect(due(w, OWN, unspent, spike, poor)).toMatchObject({
      event: 'over-budget',
      short: true,
      more: { deadline_height: FORMER },
    });
    expect(due(w, OWN, unspent, { feerate: 300_000 }, poor)).toMatchObject({ do: 'send', child: { feeSat: 10_000n } });
    expect(due(w, OWN, unspent, spike)).toMatchObject({ do: 'send', child: { feerate: 300_000 } });
  });
  it('helps its exit in the mempool, and outbids the backup of the owner before', async () => {
    const { w, exit, former } = await second(await parties());
    const own = by(w, exit, { paying: { all: { feeSat: 280n, vsize: 280 }, own: { feeSat: 0n, vsize: 124 } } });
    expect(due(w, OWN + 5, own, { feerate: 1_500 })).toMatchObject({ event: 'in-mempool' });
    expect(due(w, OWN + 5, own, { feerate: 2_000 })).toMatchObject({ do: 'bump' });
    const rival = by(w, former, {
      paying: { all: { feeSat: 50_000n, vsize: 1_100 }, own: { feeSat: 0n, vsize: 124 } },
    });
    const outbid = due(w, FORMER, rival);
    expect(outbid).toMatchObject({ do: 'send', event: 'exit', beaten: { by: 'former-owner', short_sat: SAT } });
    expect((outbid as { child: { feeSat: bigint } }).child.feeSat).toBeGreaterThan(50_000n);
    expect(due(w, OWN - 1, rival)).toMatchObject({ do: 'tell', event: 'overtaken', short: true });
  });
  it('has lost the coin once that backup is final, and is settled by its own; not before', async () => {
    const { bob, w, exit, former } = await second(await parties());
    expect(due(w, FORMER + 5, by(w, former, { confirmations: 5 }))).toMatchObject({ event: 'overtaken', short: true });
    const lost = due(w, FORMER + 6, by(w, former, { confirmations: 6 }));
    expect(lost).toMatchObject({ do: 'end', event: 'lost', by: 'former-owner', lostSat: SAT });
    const settled = due(w, OWN + 6, by(w, exit, { confirmations: 6 }));
    expect(settled).toMatchObject({ do: 'end', event: 'settled', by: 'exit', paysSat: SAT });
    const ended = settledAs(bob, settled as Extract<Due, { do: 'end' }>);
    expect(ended).toMatchObject({ state: 'closed', settled: { by: 'exit', txid: exit, lostSat: 0n } });
    expect(watchedCoin(ended, new Set())).toBeUndefined();
    expect(statecoinKind.figures!(ended)).toEqual({});
  });
  it('loses nothing by an older backup of its own home, and the coin by a stranger', async () => {
    const all = await parties();
    const id = await opened(all);
    await transferMessages(all.operator, all.alice, all.bob, id);
    await transferMessages(all.operator, all.bob, all.alice, id);
    const records = (await all.alice.home.store.list('statecoin')).map(({ record }) => statecoinKind.parse(record));
    const c = records.find(({ state }) => state === 'owned') as OwnerRecord;
    const [first, other] = c.entries.map((entry) => txidOf(backup(c, entry)));
    const ours = new Set([0, 2].map((i) => scriptOf(c.entries[i]!.address, 'regtest')));
    const w = watchedCoin(c, ours)!;
    expect(due(w, FORMER + 6, by(w, first!, { confirmations: 6 }))).toMatchObject({ event: 'settled', by: 'exit' });
    expect(due(w, FORMER + 6, by(w, other!, { confirmations: 6 }))).toMatchObject({ event: 'lost' });
    const hex = c.backups[1]!;
    expect(w.coins[0]!.judge!(hex)).toEqual({ by: 'other', paysSat: 0n, lostSat: SAT });
    expect(w.coins[0]!.judge!(c.backups[0]!)).toEqual({ by: 'other', paysSat: SAT, lostSat: 0n });
    expect(records.filter((record) => watchedCoin(record, ours))).toHaveLength(1);
  });
  it('whose backup pays another wallet is asked for a child', async () => {
    const { bob } = await second(await parties());
    const w = watchedCoin(bob, new Set())!;
    expect(due(w, OWN)).toMatchObject({ do: 'tell', event: 'needs-bump', short: true });
  });
});

describe('the first owner', () => {
  it('keeps its coin past its height: nobody else can take it', async () => {
    const all = await parties();
    const c = await ownerOf(all.alice, await opened(all));
    const w = watchedCoin(c, scripts(c))!;
    expect(w.duties).toEqual([]);
    expect(due(w, FORMER + 10_000)).toEqual({ do: 'rest' });
    // An exit that it has sent by hand is helped all the same, and a stranger is outbid.
    const exit = txidOfHex(c.backups[0]!);
    expect(due(w, FORMER, by(w, exit), { feerate: 20_000 })).toMatchObject({ do: 'bump' });
    const stranger = by(w, 'ee'.repeat(32), { paysSat: 0n, lostSat: SAT });
    expect(due(w, FORMER - 1, stranger)).toMatchObject({ event: 'overtaken', short: true });
    expect(due(w, FORMER, stranger)).toMatchObject({ do: 'send', beaten: { by: 'other' } });
    const unnamed = { ...unspent, coin: 'spent' } as const;
    expect(due(w, 1_000, unnamed)).toMatchObject({ event: 'spent-otherwise', short: true });
    expect(due(w, 1_000, { ...unspent, coin: 'absent' })).toEqual({ do: 'tell', event: 'unfunded' });
  });
});

describe('a withdrawal', () => {
  const withdrawn = async (to?: string) => {
    const all = await parties();
    const { id } = await second(all);
    const requested = await all.bob.run(withdrawStatechain, { input: { contract: id, ...(to && { to }) } });
    const signed = await all.operator.run(withdrawStatechain, { on: requested.message });
    await all.bob.run(withdrawStatechain, { on: signed.message });
    const c = await ownerOf(all.bob, id);
    const last = c.withdrawals.at(-1)!;
    const ours = new Set([
      ...(to ? [] : [scriptOf(last.address, 'regtest')]),
      scriptOf(c.entries[1]!.address, 'regtest'),
    ]);
    const w = watchedCoin(c, ours)!;
    return { c, w, txid: txidOf(withdraw(c, last.address, last.feeSat)), exit: txidOfHex(c.backups[1]!) };
  };
  it('is sent again, and gets a child; its exit does not outbid it', async () => {
    const { w, txid } = await withdrawn();
    expect(due(w, 1_000)).toMatchObject({ do: 'send', event: 'rebroadcast', tx: { by: 'withdrawal', txid } });
    for (const height of [1_000, OWN, FORMER - 1]) {
      expect(due(w, height, by(w, txid))).toMatchObject({ event: 'in-mempool' });
      expect(due(w, height, by(w, txid), { feerate: 20_000 })).toMatchObject({ do: 'bump', tx: { txid } });
    }
    expect(due(w, 1_100, by(w, txid, { confirmations: 6 }))).toMatchObject({ event: 'settled', by: 'withdrawal' });
  });
  it('to another wallet that hangs halfway to the deadline makes room for the exit', async () => {
    const { w, txid, exit } = await withdrawn(ADDRESSES.p2wpkh);
    const half = STATECOIN_WATCH_LIMITS.hangs.least({
      valid_from_height: OWN + 1,
      confirm_before_height: FORMER,
      step: 100,
    });
    const spike = { feerate: 20_000 };
    expect(due(w, half - 1, by(w, txid), spike)).toMatchObject({ event: 'needs-bump', more: { by: 'withdrawal' } });
    expect(due(w, half, by(w, txid))).toMatchObject({ event: 'in-mempool' });
    expect(due(w, half, by(w, txid, { confirmations: 1 }), spike)).toMatchObject({ event: 'confirming' });
    expect(due(w, half, by(w, txid), spike)).toMatchObject({ do: 'send', event: 'exit', tx: { txid: exit } });
    expect(due(w, OWN, unspent, { ...spike, least: 20_000 })).toMatchObject({ do: 'send', event: 'exit' });
    expect(due(w, OWN - 1, unspent, { ...spike, least: 20_000 })).toMatchObject({ event: 'needs-bump' });
  });
  it('that is asked for waits for no answer once the exit is due, and one that was given up is no loss', async () => {
    const all = await parties();
    const { id } = await second(all);
    await all.bob.run(withdrawStatechain, { input: { contract: id } });
    const asking = await ownerOf(all.bob, id);
    const w = watchedCoin(asking, scripts(asking))!;
    expect(asking.state).toBe('withdrawing');
    expect(due(w, OWN - 1)).toEqual({ do: 'rest' });
    expect(due(w, OWN)).toMatchObject({ do: 'send', event: 'exit' });
    const { address, feeSat } = asking.withdrawals[0]!;
    const txid = txidOf(withdraw(asking, address, feeSat));
    expect(due(w, OWN, by(w, txid, { confirmations: 6 }))).toMatchObject({ event: 'settled' });
  });
});

describe('a coin that may be another’s by now', () => {
  it('is not taken back from its receiver, whose exit is no loss; what an owner before both sends is outbid', async () => {
    const all = await parties();
    const { id } = await second(all);
    const said = await transferMessages(all.operator, all.bob, all.carol, id, 'sent');
    const c = await ownerOf(all.bob, id);
    const w = watchedCoin(c, scripts(c))!;
    const next = txidOf(backup(c, { address: said.at(-1)!['invite'].address, locktime: OWN - 100 }));
    const [former] = c.entries.map((entry) => txidOf(backup(c, entry)));
    expect(due(w, OWN - 101)).toEqual({ do: 'rest' });
    for (const height of [OWN - 100, OWN, FORMER, FORMER + 1_000])
      expect(due(w, height)).toEqual({
        do: 'tell',
        event: 'in-transfer',
        short: true,
        more: { from_height: OWN + 1, deadline_height: FORMER },
      });
    expect(due(w, OWN, by(w, next), { feerate: 90_000 })).toMatchObject({ event: 'in-mempool' });
    const taken = due(w, OWN, by(w, next, { confirmations: 6 }));
    expect(taken).toMatchObject({ do: 'end', event: 'settled', by: 'next-owner' });
    expect(settledAs(c, taken as Extract<Due, { do: 'end' }>)).toMatchObject({ state: 'gone' });
    expect(due(w, OWN, by(w, 'ee'.repeat(32), { confirmations: 6 }))).toMatchObject({ event: 'spent-otherwise' });
    expect(w.coins[0]!.judge!(c.backups[0]!)).toBeUndefined();
    const outbid = due(w, FORMER, by(w, former!));
    expect(outbid).toMatchObject({ do: 'send', event: 'exit', beaten: { by: 'former-owner' } });
    // Once it was sent it is sent again.
    const again = exitingAs(c, { by: 'exit' });
    expect(due(watchedCoin(again, scripts(c))!, FORMER)).toMatchObject({ do: 'send', event: 'rebroadcast' });
  });
  it('is left by hand with a warning', async () => {
    const all = await parties();
    const { id } = await second(all);
    const exit = async () => (await all.bob.run(exitStatechain, { input: { contract: id } })).hint;
    all.bob.chain.tip = OWN;
    expect(await exit()).toMatch(/must be in a block below 2000/);
    await rewrite(all.bob, id, (c) => ({ ...(c as OwnerRecord), restored: true }) as Statecoin);
    expect(await exit()).toMatch(/another may own it by now/);
  });
  it('of a restored home waits for its owner, until the owner says that the journal is whole', async () => {
    const all = await parties();
    const { id } = await second(all);
    const backedUp = await all.bob.backUp();
    await transferMessages(all.operator, all.bob, all.carol, id);
    await all.bob.lose(backedUp);
    const c = await ownerOf(all.bob, id);
    const w = watchedCoin(c, scripts(c))!;
    expect(c).toMatchObject({ state: 'owned', restored: true });
    expect(due(w, OWN - 101)).toEqual({ do: 'rest' });
    expect(due(w, OWN)).toMatchObject({ do: 'tell', event: 'restored', short: true });
    const taker = by(w, 'ee'.repeat(32));
    expect(due(w, OWN, taker, { feerate: 90_000 })).toMatchObject({ do: 'tell', event: 'spent-otherwise' });
    await all.bob.home.reconcile(all.bob.journal(), { complete: true });
    const sent = await ownerOf(all.bob, id);
    // The receipt never came: the sender knows no more than that it has sent the coin.
    expect(sent).toMatchObject({ state: 'sent', restored: false });
    expect(due(watchedCoin(sent, scripts(sent))!, OWN)).toMatchObject({ event: 'in-transfer' });
  });
  it('of a restored home whose journal is whole, and has not sent it, exits as before', async () => {
    const all = await parties();
    const { id } = await second(all);
    const backedUp = await all.bob.backUp();
    await all.bob.lose(backedUp);
    expect(await coinOf(all.bob, id)).toMatchObject({ restored: true });
    await all.bob.home.reconcile(all.bob.journal(), { complete: true });
    const c = await ownerOf(all.bob, id);
    expect(c).toMatchObject({ state: 'owned', restored: false });
    expect(due(watchedCoin(c, scripts(c))!, OWN)).toMatchObject({ do: 'send', event: 'exit' });
  });
  it.each(['declined', 'taken'] as const)(
    'that a restored home took, and may have %s before, is not fought for against its sender, until the journal tells',
    async (before) => {
      const all = await parties();
      const { operator, alice, bob } = all;
      const id = await opened(all);
      const said = await transferMessages(operator, alice, bob, id, 'received');
      const [sent, received] = said.slice(-2) as [Message, Message];
      const backedUp = await bob.backUp();
      if (before === 'declined') await step(bob, sent, { cancel: true });
      const moved = (await step(operator, received)).message;
      if (before === 'taken') await step(bob, moved);
      await bob.lose(backedUp);
      const again = (await step(bob, moved)).message;
      expect((await step(bob, (await step(operator, again)).message)).exit).toBe(3);
      const doubted = await ownerOf(bob, id);
      expect(doubted).toMatchObject({ state: 'owned', restored: true, declined: null });
      const watched = async () => {
        const c = await ownerOf(bob, id);
        return watchedCoin(c, scripts(c));
      };
      const w = (await watched())!;
      const former = txidOf(backup(doubted, doubted.entries[0]!));
      for (const confirmations of [0, 6])
        expect(due(w, FORMER, by(w, former, { confirmations }))).toEqual({
          do: 'tell',
          event: 'restored',
          short: true,
          more: { by: 'former-owner', txid: former, from_height: OWN + 1, deadline_height: FORMER },
        });
      // Sent by hand, its owner has decided.
      const byHand = watchedCoin(exitingAs(doubted, { by: 'exit' }), scripts(doubted))!;
      expect(due(byHand, FORMER, by(byHand, former))).toMatchObject({ do: 'send', tx: { by: 'exit' } });
      await bob.home.reconcile(bob.journal(), { complete: before === 'taken' });
      expect(await coinOf(bob, id)).toMatchObject({ declined: before === 'declined' });
      const known = await watched();
      if (before === 'declined') expect(known).toBeUndefined();
      else expect(due(known!, FORMER, by(known!, former))).toMatchObject({ do: 'send', event: 'exit' });
    },
  );
  it('that a restored home had before it was restored is fought for against its sender', async () => {
    const all = await parties();
    const { id, former } = await second(all);
    const backedUp = await all.bob.backUp();
    await all.bob.lose(backedUp);
    const c = await ownerOf(all.bob, id);
    expect(c).toMatchObject({ restored: true, declined: false });
    const w = watchedCoin(c, scripts(c))!;
    expect(due(w, FORMER, by(w, former))).toMatchObject({ do: 'send', event: 'exit' });
  });
  it('is its sender’s where this home had declined it: neither exited nor fought for', async () => {
    const { bob } = await second(await parties());
    const declined = { ...bob, declined: true } as OwnerRecord;
    expect(watchedCoin(declined, scripts(bob))).toBeUndefined();
    expect(statecoinKind.figures!(declined)).toEqual({});
    expect(refusal(() => exitingAs(declined, { by: 'exit' })).code).toBe('state-moved-on');
  });
  it('that has moved is not watched, nor is one that this home has received only half', async () => {
    const all = await parties();
    const id = await opened(all);
    const said = await transferMessages(all.operator, all.alice, all.bob, id, 'moved');
    expect(watchedCoin(await coinOf(all.bob, id), new Set())).toBeUndefined();
    await step(all.alice, said.at(-1));
    const gone = await ownerOf(all.alice, id);
    expect(gone.state).toBe('gone');
    expect(watchedCoin(gone, new Set())).toBeUndefined();
    expect(scriptsIn(gone)).toEqual([]);
    expect(refusal(() => exitingAs(gone, { by: 'exit' })).code).toBe('state-moved-on');
    const end = { do: 'end', event: 'lost', by: 'other', txid: 'ff', paysSat: 0n, lostSat: SAT } as const;
    expect(settledAs(gone, end)).toBe(gone);
  });
});

describe('a coin whose exit was sent', () => {
  it('is offered and sent to nobody, and can be withdrawn', async () => {
    const all = await parties();
    const { operator, bob, carol } = all;
    const { id } = await second(all);
    const said = await transferMessages(operator, bob, carol, id, 'opened');
    await rewrite(bob, id, (c) => exitingAs(c, { by: 'exit' }));
    await refused(() => step(bob, said.at(-1)), 'exit-sent', bob);
    const { message } = await bob.run(transferStatechain, { on: said.at(-1), cancel: true });
    await step(operator, message);
    await refused(() => transferMessages(operator, bob, carol, id, 'offered'), 'exit-sent', bob);
    await withdrawMessages(operator, bob, id);
    expect(await coinOf(bob, id)).toMatchObject({ state: 'closed', exiting: true });
  });
});

describe('an operator', () => {
  it('is told what spends a coin, and ends its record and share with a final one', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const { id, exit, former } = await second(all);
    const c = (await coinOf(operator, id)) as OperatorRecord;
    const w = watchedCoin(c, new Set())!;
    expect(w.duties).toEqual([]);
    expect(due(w, FORMER)).toEqual({ do: 'rest' });
    expect(due(w, FORMER, { ...unspent, coin: 'absent' })).toEqual({ do: 'rest' });
    expect(due(w, FORMER, by(w, exit))).toMatchObject({ event: 'in-mempool', more: { by: 'exit' } });
    expect(due(w, FORMER, by(w, former, { confirmations: 1 }))).toMatchObject({ event: 'confirming' });
    expect(w.coins[0]!.judge!('')).toMatchObject({ by: 'other' });
    const end = due(w, FORMER, by(w, exit, { confirmations: 6 })) as Extract<Due, { do: 'end' }>;
    expect(end).toMatchObject({ do: 'end', event: 'settled', by: 'exit' });
    const said = await transferMessages(operator, bob, alice, id, 'opened');
    expect((await coinOf(operator, id)).state).toBe('frozen');
    await rewrite(operator, id, (record) => settledAs(record, end));
    const ended = (await coinOf(operator, id)) as OperatorRecord;
    expect(ended).toMatchObject({ state: 'closed', share: null, settled: { by: 'exit', txid: exit } });
    expect(statecoinKind.row(ended)).toMatchObject({ left: true, over: 'ended' });
    expect(statecoinKind.claims(ended).filter((claim) => claim.startsWith('share:'))).toEqual([]);
    expect(watchedCoin(ended, new Set())).toBeUndefined();
    await step(bob, said.at(-1), { cancel: true });
    const requested = await bob.run(withdrawStatechain, { input: { contract: id } });
    await refused(() => operator.run(withdrawStatechain, { on: requested.message }), 'coin-closed', operator);
  });
});

describe('a bundle without a home', () => {
  const bundle = async (all: Cast) => {
    const { id, ...more } = await second(all);
    const { message } = await all.bob.run(exitStatechain, { input: { contract: id, bundle: true } });
    return { document: message, ...more };
  };
  it('asks for a child at its height, and never before', async () => {
    const { document, exit } = await bundle(await parties());
    const { network, watched: w } = watchedBundle(document)!;
    expect(network).toBe('regtest');
    expect(w.duties).toMatchObject([{ does: 'exit', by: FORMER }]);
    expect(due(w, OWN - 1)).toEqual({ do: 'rest' });
    expect(due(w, OWN)).toMatchObject({ event: 'needs-bump', short: true, more: { deadline_height: FORMER } });
    expect(due(w, OWN, by(w, exit, { confirmations: 6 }))).toMatchObject({ event: 'settled' });
  });
  it('cannot name what spends the coin, and alarms where it may be the owner before', async () => {
    const { document, former } = await bundle(await parties());
    const { watched: w } = watchedBundle(document)!;
    const at = (height: number, confirmations = 0) => due(w, height, by(w, former, { confirmations }));
    expect(at(OWN - 1)).toEqual({ do: 'tell', event: 'spent-otherwise' });
    expect(at(FORMER + 1)).toEqual({ do: 'tell', event: 'spent-otherwise', short: true });
    expect(at(FORMER + 1, 2)).toEqual({ do: 'tell', event: 'spent-otherwise' });
    expect(at(FORMER + 2, 2)).toMatchObject({ short: true });
  });
  it('of a first owner, or of a coin that has moved, asks for nothing', async () => {
    const all = await parties();
    const id = await opened(all);
    const copy = (): object =>
      JSON.parse(printJson(all.alice.home.copies().copies.find(({ body }) => 'coin' in body)!.body)) as object;
    const { watched: w } = watchedBundle(copy())!;
    expect(due(w, FORMER + 1_000)).toEqual({ do: 'rest' });
    const said = await transferMessages(all.operator, all.alice, all.bob, id, 'moved');
    await step(all.alice, said.at(-1));
    expect(copy()).toMatchObject({ moved: true });
    expect(watchedBundle(copy())).toBeNull();
  });
  it('is refused where it does not prove itself', async () => {
    const { document } = await bundle(await parties());
    for (const [change, code] of [
      [{ network: 'elsewhere' }, 'wrong-network'],
      [{ confirm_before_height: FORMER + 50 }, 'terms-differ'],
      [{ owners: 1 }, 'transaction-differs'],
    ] as const)
      expect([change, refusal(() => watchedBundle({ ...document, ...change })).code]).toEqual([change, code]);
  });
});
