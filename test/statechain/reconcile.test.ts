/** Statecoins of a home that was lost and made of its backup: what its journal brings back, as owner and as operator. */
import { describe, expect, it } from 'vitest';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { printJson } from '../../src/lib/protocol/json.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import {
  audit,
  coinOf,
  opened,
  openMessages,
  operatorKey,
  transferMessages,
  type Cast,
  type Name,
} from '../support/statechain.ts';
import type { Message, TestParty } from '../support/party.ts';
import { parties, refused, stateOf } from './helpers.ts';

/** The home's directory is lost with its shares, and comes back from a backup of before `what` and from its journal. */
async function after(all: Cast, name: Name, what: () => Promise<unknown>): Promise<void> {
  const party = all[name];
  const backup = await party.backUp();
  await what();
  await party.lose(backup);
  await party.home.reconcile(party.journal());
}

describe('an owner that lost its home', () => {
  it('has the backup of a coin that it has opened since', async () => {
    const all = await parties();
    let id = '';
    let before: unknown;
    await after(all, 'alice', async () => {
      id = await opened(all);
      before = await coinOf(all.alice, id);
    });
    expect(await coinOf(all.alice, id)).toEqual({ ...(before as object), restored: true });
  });

  it('has the backup of a coin that it has received since', async () => {
    const all = await parties();
    const id = await opened(all);
    let before: unknown;
    await after(all, 'bob', async () => {
      await transferMessages(all.operator, all.alice, all.bob, id);
      before = await coinOf(all.bob, id);
    });
    expect(await coinOf(all.bob, id)).toEqual({ ...(before as object), restored: true });
  });

  it('knows that it has sent a coin, and has one that came back', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const [sent, back] = [await opened(all), await opened(all)];
    let before: unknown;
    await after(all, 'alice', async () => {
      await transferMessages(operator, alice, bob, sent);
      await transferMessages(operator, alice, bob, back);
      await transferMessages(operator, bob, alice, back);
      before = await coinOf(alice, back);
    });
    expect(await stateOf(alice, sent)).toBe('sent');
    const held = (await alice.home.store.list('statecoin', 'owned')).map(({ record }) => record);
    expect(held).toEqual([{ ...JSON.parse(printJson(before)), restored: true }]);
  });

  it('has both records of a coin that it opened, sent and received again since, whichever comes in first', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    let before: readonly object[] = [];
    const backup = await alice.backUp();
    const id = await opened(all);
    await transferMessages(operator, alice, bob, id);
    await transferMessages(operator, bob, alice, id);
    const listed = async () =>
      (await alice.home.store.list('statecoin')).map(({ record }) => {
        const { state, entries, superseded } = record as { state: string; entries: unknown[]; superseded?: boolean };
        return { state, owners: entries.length, superseded: superseded ?? false };
      });
    before = await listed();
    expect(before).toHaveLength(2);
    await alice.lose(backup);
    const { outcomes } = await alice.home.reconcile(alice.journal());
    expect(outcomes.map(({ outcome }) => outcome)).not.toContain('conflict');
    const sorted = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).sort();
    expect(sorted(await listed())).toEqual(sorted(before));
  });

  it('brings back the record of an earlier ownership beside that of a coin that came again before the journal was read', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const backup = await alice.backUp();
    const id = await opened(all);
    await transferMessages(operator, alice, bob, id);
    await alice.lose(backup);
    const lost = alice.journal();
    await alice.home.acceptRestore();
    await transferMessages(operator, bob, alice, id);
    const { outcomes } = await alice.home.reconcile(lost);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['added']);
    const rows = (await alice.home.store.list('statecoin')).map(({ record }) => record as Record<string, unknown>);
    const told = rows.map(({ state, entries, superseded }) => [state, (entries as unknown[]).length, superseded]);
    expect(told).toEqual(
      expect.arrayContaining([
        ['sent', 1, true],
        ['owned', 3, false],
      ]),
    );
    const named = (await alice.home.store.load([idClaim(id)])).found.get(idClaim(id))!.record;
    expect(named).toMatchObject({ state: 'owned' });
  });

  it('knows that it has taken an offer back, and made the next one', async () => {
    const all = await parties();
    const { operator, alice, bob, carol } = all;
    const [free, again] = [await opened(all), await opened(all)];
    await after(all, 'alice', async () => {
      for (const id of [free, again]) {
        const offered = (await transferMessages(operator, alice, bob, id, 'offered')).at(-1)!;
        await alice.run(transferStatechain, { on: offered, cancel: true });
      }
      await transferMessages(operator, alice, carol, again, 'offered');
    });
    expect(await stateOf(alice, free)).toBe('owned');
    expect(await stateOf(alice, again)).toBe('offering');
  });

  it('knows what it has sent, and that it is free of a transfer that was declined', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    let before: unknown;
    await after(all, 'alice', async () => {
      const sent = (await transferMessages(operator, alice, bob, id, 'sent')).at(-1)!;
      const declined = await bob.run(transferStatechain, { on: sent, cancel: true });
      const cancelled = await operator.run(transferStatechain, { on: declined.message });
      await alice.run(transferStatechain, { on: cancelled.message });
      before = await coinOf(alice, id);
      expect(before).toMatchObject({ state: 'owned', given: [{ sent: true, declined: true }] });
    });
    expect(await coinOf(alice, id)).toEqual({ ...(before as object), restored: true });
  });
});

describe('a receiver that gave its invitation up after it had lost the transfer', () => {
  it('has declined it: what the journal brings back is no payment', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const side = { as: 'receiver', operator: await operatorKey(operator) };
    const invited = (await bob.run(transferStatechain, { input: side })).message;
    const backup = await bob.backUp();
    const offered = (await alice.run(transferStatechain, { on: invited, input: { contract: id } })).message;
    const openedBy = (await operator.run(transferStatechain, { on: offered })).message;
    const sent = (await alice.run(transferStatechain, { on: openedBy })).message;
    await bob.run(transferStatechain, { on: sent });
    expect(await stateOf(bob, id)).toBe('received');
    await bob.lose(backup);
    await bob.home.acceptRestore();
    await bob.run(transferStatechain, { on: invited, cancel: true });
    await bob.home.reconcile(bob.journal());
    expect(await stateOf(bob, id)).toBe('declined');
    expect(await coinOf(bob, id)).toMatchObject({ nonce: null, restored: true });
  });
});

describe('an operator that lost its home', () => {
  it('states the whole history of coins of before and since, and holds no share', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const old = await opened(all);
    const [offered] = await openMessages(all);
    let id = '';
    let before: readonly object[] = [];
    await after(all, 'operator', async () => {
      id = await opened(all);
      await transferMessages(operator, alice, bob, old);
      await transferMessages(operator, alice, bob, id);
      before = await Promise.all([old, id].map((one) => audit(operator, one)));
    });
    expect(offered).toBeDefined();
    const restored = await Promise.all([old, id].map((one) => audit(operator, one)));
    for (const [i, record] of restored.entries()) {
      const { signed, entries } = before[i] as Record<string, unknown>;
      expect(record).toMatchObject({ state: 'exit-only', signed, entries });
    }
    await refused(() => transferMessages(operator, bob, alice, id), 'contract-restored', operator);
    const names = (await operator.home.store.list('statecoin')).map(
      ({ record }) => (record as { share: unknown }).share,
    );
    expect(new Set(names)).toEqual(new Set([null]));
  });

  it('that reads its journal again goes on with what it began since', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    await after(all, 'operator', () => opened(all));
    const id = await opened(all);
    await transferMessages(operator, alice, bob, id, 'opened');
    const before = await coinOf(operator, id);
    expect(before).toMatchObject({ state: 'frozen' });
    await operator.home.reconcile(operator.journal());
    expect(await coinOf(operator, id)).toEqual(before);
  });
});

describe('what was declined and what has moved, by two versions of one record', () => {
  it('a restored receiver that has completed what it had declined learns that it is no payment', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'received');
    const [sent, received] = said.slice(-2) as [Message, Message];
    const backup = await bob.backUp();
    await bob.run(transferStatechain, { on: sent, cancel: true });
    await bob.lose(backup);
    // Its decline was lost, and the operator has moved the coin.
    const moved = (await operator.run(transferStatechain, { on: received })).message;
    const again = (await bob.run(transferStatechain, { on: moved })).message;
    const answer = (await operator.run(transferStatechain, { on: again })).message;
    expect((await bob.run(transferStatechain, { on: answer })).exit).toBe(3);
    expect(await coinOf(bob, id)).toMatchObject({ state: 'owned', declined: null, restored: true });
    await bob.home.reconcile(bob.journal());
    expect(await coinOf(bob, id)).toMatchObject({ state: 'owned', declined: true, restored: true });
  });

  it('a restored operator that was told of old declines still learns that the coin has moved', async () => {
    const all = await parties();
    const { operator, alice, bob, carol } = all;
    const id = await opened(all);
    const named: Message[] = [];
    for (let n = 0; n < 3; n++) {
      const freed = (await transferMessages(operator, alice, bob, id, 'opened')).at(-1)!;
      const cancelled = (await alice.run(transferStatechain, { on: freed, cancel: true })).message;
      const free = (await operator.run(transferStatechain, { on: cancelled })).message;
      await alice.run(transferStatechain, { on: free });
      named.push(freed);
    }
    const received = (await transferMessages(operator, alice, carol, id, 'received')).at(-1)!;
    const backup = await operator.backUp();
    await operator.run(transferStatechain, { on: received });
    const before = await audit(operator, id);
    const ofTheLost = operator.journal();
    await operator.lose(backup);
    for (const on of named) {
      const { message } = await bob.run(transferStatechain, { on, cancel: true });
      await operator.run(transferStatechain, { on: message });
    }
    await operator.home.reconcile(ofTheLost);
    const { entries, signed, count } = before;
    expect(entries).toHaveLength(2);
    expect(await audit(operator, id)).toMatchObject({ state: 'exit-only', entries, signed, count });
  });
});

it.each(['older', 'younger'])(
  'a coin that comes back to its first owner is in the journal, where the machine stops before its line; invited to by keys %s than the coin',
  async (age) => {
    const all = await parties();
    const { operator, alice } = all;
    const backup = await alice.backUp();
    const run = async (party: TestParty, on: Message, input = {}): Promise<Message> =>
      (await party.run(transferStatechain, { on, input })).message;
    const invite = async () =>
      (await alice.run(transferStatechain, { input: { as: 'receiver', operator: await operatorKey(operator) } }))
        .message;
    const before = age === 'older' ? await invite() : undefined;
    const id = await opened(all);
    let said = await run(alice, before ?? (await invite()), { contract: id });
    for (const party of [operator, alice, alice, operator]) said = await run(party, said);
    await alice.reopen();
    alice.point = (label) => {
      if (label === 'before-journal') throw new Error('the machine stops');
    };
    await expect(run(alice, said, { unchecked: true })).rejects.toThrow('the machine stops');
    alice.point = undefined;
    await alice.reopen();
    // The same command again prints it, so it is in the journal by then.
    await run(alice, said, { unchecked: true });
    const files = alice.journal();
    await alice.lose(backup);
    await alice.home.reconcile(files);
    const owned = (await alice.home.store.list('statecoin')).map(({ state, record }) => [
      state,
      (record as { entries?: readonly object[] }).entries?.length,
    ]);
    expect(owned).toContainEqual(['owned', 2]);
    all.close();
  },
);
