/**
 * Who may decline, what a decline and a receipt are worth, and when a cancel is final: played against operators that lie and
 * homes that forget.
 */
import { describe, expect, it } from 'vitest';
import { xOnlyKey } from '../../src/lib/signing/bip340.ts';
import type { OwnerRecord } from '../../src/lib/statechain/records.ts';
import { exitStatechain } from '../../src/lib/statechain/exit.ts';
import { declineOf, RECEIPT_TEXT, signStatement } from '../../src/lib/statechain/statements.ts';
import { statechainStatus } from '../../src/lib/statechain/status.ts';
import { EvilOperator } from '../support/evil-operator.ts';
import type { Message, TestParty } from '../support/party.ts';
import { audit, coinOf, opened, operatorKey, show, tip, transferMessages, type Cast } from '../support/statechain.ts';
import { backUp, parties, refused, restore, sealedAs, stateOf, step } from './helpers.ts';

const owner = async (party: TestParty, id: string): Promise<OwnerRecord> => (await coinOf(party, id)) as OwnerRecord;
const invite = async ({ operator }: Cast, to: TestParty): Promise<Message> =>
  (await step(to, undefined, { input: { as: 'receiver', operator: await operatorKey(operator) } })).message;

/** What an operator says of an opening that it has ended. */
const cancelledOf = ({ opening, invite: to }: Message, change: object = {}) => ({
  operator_pubkey: opening.operator_pubkey,
  owner_pubkey: to.pubkey,
  owner_auth: to.auth,
  owners: 1,
  declined: null,
  ...change,
});
const receiptOf = async (
  evil: EvilOperator,
  id: string,
  { opening, invite: to, record }: Message,
  change: object = {},
) =>
  evil.statement('receipt', {
    text: RECEIPT_TEXT,
    coin: id,
    owners: 2,
    from_pubkey: record.entries[0].owner_pubkey,
    owner_pubkey: to.pubkey,
    owner_auth: to.auth,
    operator_pubkey: opening.operator_pubkey,
    offset: '11'.repeat(32),
    count: 2,
    sighash: '22'.repeat(32),
    ...change,
  });

describe('who may decline is who was invited', () => {
  it('a decline under a key that the operator has made up does not make a cancel final', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'received');
    const evil = await EvilOperator.of(operator, id);
    await step(alice, said[3], { cancel: true });
    const key = await evil.key();
    const { opening, invite: to } = said[3]!;
    const declined = signStatement('declined', declineOf(id, to, opening.operator_pubkey), key);
    const cancelled = cancelledOf(said[3]!, { owner_auth: xOnlyKey(key), declined });
    const forged = await evil.say({ step: 'freed', coin: said[3]!['coin'], cancelled });
    const kept = await step(alice, forged);
    expect(kept.message['final']).toBe(false);
    const to2 = await invite(all, all.carol);
    await refused(() => step(alice, to2, { input: { contract: id } }), 'undeclined', alice);
  });

  it('nor does it count where the operator shows it in its record', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    const cancelled = await step(alice, said[3], { cancel: true });
    await step(alice, (await step(operator, cancelled.message)).message);
    // To herself, as is allowed; the record that the operator shows then has a decline under its own key.
    const evil = await EvilOperator.of(operator, id);
    const key = await evil.key();
    const { opening, invite: to } = said[3]!;
    const declined = signStatement('declined', declineOf(id, to, opening.operator_pubkey), key);
    evil.record = { ...evil.record, cancelled: [cancelledOf(said[3]!, { owner_auth: xOnlyKey(key), declined })] };
    const own = await transferMessages(operator, alice, alice, id, 'offered');
    await step(alice, await evil.freeze(own[1]!));
    expect((await owner(alice, id)).given.map(({ declined: d }) => d)).toEqual([false, false]);
  });

  it('of an opening that a restored home has forgotten no decline counts, until its own `sent` says who was invited', async () => {
    const all = await parties();
    const { operator, alice, bob, carol } = all;
    const id = await opened(all);
    const before = backUp(alice);
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    const declined = await step(bob, said[3], { cancel: true });
    const freed = await step(operator, declined.message);
    await restore(alice, before);
    await alice.home.acceptRestore();
    // The record of the operator shows Bob's opening and a decline: she does not remember him.
    const first = await transferMessages(operator, alice, carol, id, 'opened');
    await refused(() => step(alice, first[2]), 'undeclined', alice);
    await step(operator, (await step(alice, first[2], { cancel: true })).message);
    // Her own message names him.
    await step(alice, said[3], { cancel: true });
    expect((await step(alice, freed.message)).message['final']).toBe(false);
    expect((await owner(alice, id)).given.at(-1)).toMatchObject({
      owner_auth: said[0]!['invite'].auth,
      declined: true,
    });
  });
});

describe('a receiver that declined never counts the coin as payment', () => {
  it('`moved` is kept and its backup printed, with exit 3, and status says it for good', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    show(all, await coinOf(operator, id));
    const said = await transferMessages(operator, alice, bob, id, 'received');
    const evil = await EvilOperator.of(operator, id);
    await step(bob, said[3], { cancel: true });
    const again = await step(bob, await evil.move(said[4]!));
    const owned = await step(bob, await evil.move(again.message));
    expect([owned.message['step'], owned.exit, owned.message['checks'].payment]).toEqual([
      'owned',
      3,
      'declined-before',
    ]);
    expect(owned.hint).toMatch(/declined before: no payment/);
    const line = statechainStatus(id, await coinOf(bob, id), { tip: 1000, coins: 'not-checked', feerate: 1000 });
    expect(line.notes.join()).toMatch(/declined before: no payment/);
    tip(all, 1900);
    expect((await bob.run(exitStatechain, { input: { contract: id } })).message['package']).toHaveLength(2);
  });
});

describe('a restored home knows nothing of what it gave away', () => {
  it.each(['invited', 'received'] as const)(
    'a receiver restored after %s owns a coin that is marked restored',
    async (at) => {
      const all = await parties();
      const { operator, alice, bob, carol } = all;
      const id = await opened(all);
      show(all, await coinOf(operator, id));
      const first = await transferMessages(operator, alice, bob, id, at);
      const before = backUp(bob);
      const turn: Record<string, TestParty> = {
        invited: alice,
        offered: operator,
        opened: alice,
        sent: bob,
        received: operator,
        moved: bob,
      };
      const said = [...first];
      while (said.at(-1)!['step'] !== 'owned') {
        const on = said.at(-1)!;
        const input = on['step'] === 'invited' ? { contract: id } : {};
        said.push((await step(turn[on['step']]!, on, { input })).message);
      }
      // Bob sends it on to Alice, takes it back undeclined, and loses all memory of it.
      const away = await transferMessages(operator, bob, alice, id, 'received');
      const cancelled = await step(bob, away[3], { cancel: true });
      await step(bob, (await step(operator, cancelled.message)).message);
      await restore(bob, before);
      await bob.home.acceptRestore();
      const again = at === 'received' ? await step(bob, said[5]) : await step(bob, said[3]);
      const owned = await step(bob, (await step(operator, again.message)).message);
      // It may have declined in the part that is lost: no payment without a person.
      expect([owned.exit, owned.message['checks'].payment]).toEqual([3, 'restored']);
      expect((await owner(bob, id)).restored).toBe(true);
      const to = await invite(all, carol);
      const open = (await step(operator, (await step(bob, to, { input: { contract: id } })).message)).message;
      await refused(() => step(bob, open), 'undeclined', bob);
    },
  );

  it('a restored sender never says that a cancel is final', async () => {
    const all = await parties();
    const { operator, alice, bob, carol } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'opened');
    await restore(alice, backUp(alice));
    await alice.home.acceptRestore();
    const cancelled = await step(alice, said[2], { cancel: true });
    const declined = await step(bob, await sealedAs(operator, said[2]!, {}), { cancel: true });
    const freed = await step(operator, declined.message);
    expect([cancelled.message['final'], (await step(alice, freed.message)).message['final']]).toEqual([false, false]);
    expect(carol.home.restored).toBe(false);
  });
});

describe('the sender verifies the receipt', () => {
  it('a signed receipt whose offset does not lead to the coin proves nothing', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    const evil = await EvilOperator.of(operator, id);
    const { opening, invite: to, coin, transfer_signature, record } = said[3]!;
    const psbt = { backup: 'cHNidP8BAAoCAAAAAAAAAAAAAAA=' };
    const moved = async (change: object = {}, receipt: object = {}) =>
      evil.say({
        step: 'moved',
        coin,
        invite: to,
        opening,
        transfer_signature,
        record,
        offset: '11'.repeat(32),
        receipt: await receiptOf(evil, id, said[3]!, receipt),
        psbt,
        ...change,
      });
    const forged = await moved();
    await refused(() => step(alice, forged), 'bad-receipt', alice);
    tip(all, 2000);
    expect((await alice.run(exitStatechain, { input: { contract: id } })).message['verdict']).toBe('due');
  });

  it('the sighash is rebuilt, and the offset leads to the coin: a receipt for anything else is refused', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'moved');
    const evil = await EvilOperator.of(operator, id);
    const { signature: _, ...receipt } = said[5]!['receipt'];
    const others = [
      { sighash: '22'.repeat(32) },
      { count: 3 },
      { owner_auth: '33'.repeat(32) },
      { offset: '11'.repeat(32) },
    ];
    for (const change of others) {
      const other = await evil.say({
        ...said[5]!,
        receipt: await evil.statement('receipt', { ...receipt, ...change }),
      });
      await refused(() => step(alice, other), 'bad-receipt', alice);
    }
    expect((await step(alice, said[5])).message['step']).toBe('paid');
  });

  it('what is gone keeps its backup reachable by id, as evidence', async () => {
    const all = await parties();
    const id = await opened(all);
    const said = await transferMessages(all.operator, all.alice, all.bob, id, 'moved');
    await step(all.alice, said[5]);
    const kept = await all.alice.run(exitStatechain, { input: { contract: id, bundle: true } });
    expect([kept.exit, kept.message['step'], kept.message['owners']]).toEqual([3, 'bundle', 1]);
    expect(kept.hint).toMatch(/another owner/);
    await refused(() => all.alice.run(exitStatechain, { input: { contract: id } }), 'nothing-to-print', all.alice);
  });

  it('a receipt for an opening that its receiver has declined is no payment', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'received');
    const evil = await EvilOperator.of(operator, id);
    const moved = await evil.move(said[4]!);
    const declined = await step(bob, said[3], { cancel: true });
    expect((await step(alice, (await step(operator, declined.message)).message)).message['final']).toBe(true);
    await refused(() => step(alice, moved), 'state-moved-on', alice);
    expect(await stateOf(alice, id)).toBe('owned');
  });
});

describe('`paid` compares the receiver with the one to whom the coin was sent', () => {
  it.each(['pubkey', 'auth', 'address'] as const)(
    'another %s in `moved` and its receipt, both signed, is refused',
    async (field) => {
      const all = await parties();
      const { operator, alice, bob, carol } = all;
      const id = await opened(all);
      const said = await transferMessages(operator, alice, bob, id, 'moved');
      const evil = await EvilOperator.of(operator, id);
      const other = (await invite(all, carol))['invite'];
      const to = { ...said[5]!['invite'], [field]: other[field] };
      const { signature: _, ...receipt } = said[5]!['receipt'];
      const named = { ...receipt, owner_pubkey: to.pubkey, owner_auth: to.auth };
      const forged = await evil.say({ ...said[5]!, invite: to, receipt: await evil.statement('receipt', named) });
      await refused(() => step(alice, forged), 'state-moved-on', alice);
      expect(await stateOf(alice, id)).toBe('sent');
    },
  );
});

describe('only an opening that was answered ends a transfer that was sent', () => {
  it('`freed` with the receiver’s key and a made-up S′ is refused, and the coin stays sent', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    const evil = await EvilOperator.of(operator, id);
    const made = said[0]!['invite'].pubkey;
    const cancelled = cancelledOf(said[3]!, { operator_pubkey: made });
    const forged = await evil.say({ step: 'freed', coin: said[3]!['coin'], cancelled });
    await refused(() => step(alice, forged), 'state-moved-on', alice);
    expect(await stateOf(alice, id)).toBe('sent');
  });

  it('nor said twice to a home that was restored', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    await restore(alice, backUp(alice));
    await alice.home.acceptRestore();
    const evil = await EvilOperator.of(operator, id);
    for (const owner_auth of [said[0]!['operator'], said[0]!['invite'].auth]) {
      const cancelled = cancelledOf(said[3]!, { operator_pubkey: said[0]!['invite'].pubkey, owner_auth });
      const forged = await evil.say({ step: 'freed', coin: said[3]!['coin'], cancelled });
      expect((await step(alice, forged)).message['final']).toBe(false);
      expect(await stateOf(alice, id)).toBe('sent');
    }
  });

  it('`final` is false while any opening that was sent is not declined', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    const cancelled = await step(alice, said[3], { cancel: true });
    await step(alice, (await step(operator, cancelled.message)).message);
    // To herself, given up before m1 has left: Bob's is open still.
    const own = await transferMessages(operator, alice, alice, id, 'opened');
    const second = await step(alice, own[2], { cancel: true });
    expect(second.message['final']).toBe(false);
    const kept = await step(alice, (await step(operator, second.message)).message);
    expect(kept.message['final']).toBe(false);
  });

  it('of a coin that has moved no `freed` says that it is kept', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'received');
    const evil = await EvilOperator.of(operator, id);
    const fork = evil.fork();
    await step(alice, await evil.move(said[4]!));
    // Operator and receiver say afterwards that it was declined.
    const freed = await fork.free((await step(bob, said[3], { cancel: true })).message);
    await refused(() => step(alice, freed), 'state-moved-on', alice);
    expect(await stateOf(alice, id)).toBe('gone');
  });
});

describe('an operator’s cancel ends only the transfer that its message names', () => {
  it.each(['freed', 'cancelled', 'kept'] as const)(
    'an older %s with --cancel leaves a newer transfer alone',
    async (which) => {
      const all = await parties();
      const { operator, alice, bob, carol } = all;
      const id = await opened(all);
      const said = await transferMessages(operator, alice, bob, id, 'opened');
      const cancelled = (await step(alice, said[2], { cancel: true })).message;
      const freed = (await step(operator, cancelled)).message;
      const kept = (await step(alice, freed)).message;
      await transferMessages(operator, alice, carol, id, 'received');
      const older = { freed, cancelled, kept }[which];
      // 'kept' is the sender's own: the operator believes no word of it.
      const code = which === 'kept' ? 'bad-seal' : 'stale-record';
      await refused(() => step(operator, older, { cancel: true }), code, operator);
      expect(await stateOf(operator, id)).toBe('frozen');
    },
  );
});

describe('a sender’s cancel ends only the offering that its message names', () => {
  it.each(['invited', 'offered', 'opened', 'freed'] as const)(
    'an older %s with --cancel leaves a newer offering alone',
    async (which) => {
      const all = await parties();
      const { operator, alice, bob, carol } = all;
      const id = await opened(all);
      const said = await transferMessages(operator, alice, bob, id, 'opened');
      const freed = (await step(operator, (await step(alice, said[2], { cancel: true })).message)).message;
      await step(alice, freed);
      const older: Record<string, Message> = { invited: said[0]!, offered: said[1]!, opened: said[2]!, freed };
      await transferMessages(operator, alice, carol, id, 'offered');
      await step(alice, older[which], { cancel: true }).catch(() => undefined);
      expect((await coinOf(alice, id)) as object).toMatchObject({ state: 'offering' });
    },
  );
});

describe('the sender’s cancel acts on the opening that was sent', () => {
  it('another opening for the same receiver gives no `final`, and the coin stays sent', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    const opening = { ...said[2]!['opening'], operator_pubkey: said[0]!['invite'].pubkey };
    // By Bob, who signs for nobody; and under the seal of an operator that helps him.
    const unsealed = { ...said[2]!, opening };
    await expect(step(alice, unsealed, { cancel: true })).rejects.toThrow();
    const evil = await EvilOperator.of(operator, id);
    await refused(async () => step(alice, await evil.say(unsealed), { cancel: true }), 'state-moved-on', alice);
    expect(await stateOf(alice, id)).toBe('sent');
  });
});

describe('a receiver can always decline', () => {
  it('after it has cancelled its invitation, and once more where the answer was lost', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    await step(bob, said[0], { cancel: true });
    const declined = await step(bob, said[3], { cancel: true });
    expect(declined.message['step']).toBe('declined');
    const again = await step(bob, said[3], { cancel: true });
    expect(again.message['declined']).toBe(declined.message['declined']);
    const freed = await step(operator, again.message);
    expect((await step(alice, freed.message)).message['final']).toBe(true);
  });
  it('and the operator keeps the decline, whichever of the two it hears first', async () => {
    for (const order of ['declined', 'cancelled'] as const) {
      const all = await parties();
      const { operator, alice, bob } = all;
      const id = await opened(all);
      const said = await transferMessages(operator, alice, bob, id, 'sent');
      const declined = (await step(bob, said[3], { cancel: true })).message;
      const cancelled = (await step(alice, said[3], { cancel: true })).message;
      const messages = order === 'declined' ? [declined, cancelled] : [cancelled, declined];
      for (const message of messages) await step(operator, message);
      const { cancelled: ended } = (await audit(operator, id)) as { cancelled: { declined: string | null }[] };
      expect([order, ended.map((e) => e.declined)]).toEqual([order, [declined['declined']]]);
    }
  });
  it('from its record alone', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    await transferMessages(operator, alice, bob, id, 'received');
    const declined = await step(bob, undefined, { cancel: true, over: `coin-id:${id}` });
    expect(declined.message['step']).toBe('declined');
    await step(operator, declined.message);
    expect([await stateOf(bob, id), await stateOf(operator, id)]).toEqual(['declined', 'open']);
  });
});

describe('“to this home itself” is an invitation of this home, whole', () => {
  it('a key of an own record of another kind, or another side, is no own invitation', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    const cancelled = await step(alice, said[3], { cancel: true });
    await step(alice, (await step(operator, cancelled.message)).message);
    const own = await invite(all, alice);
    const theirs = await invite(all, bob);
    const mixed = { ...theirs, invite: { ...theirs['invite'], pubkey: own['invite'].pubkey } };
    const forged = await sealedAs(bob, theirs, mixed);
    await refused(() => step(alice, forged, { input: { contract: id } }), 'undeclined', alice);
    // An invitation that was given up is none either.
    await step(alice, own, { cancel: true });
    await refused(() => step(alice, own, { input: { contract: id } }), 'undeclined', alice);
  });
});

describe('a second `moved` is checked like the first, against the chain too', () => {
  it('an altered record or receipt is not printed, and a coin that is spent is not owned', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const coin = await coinOf(operator, id);
    show(all, coin);
    const said = await transferMessages(operator, alice, bob, id);
    const evil = await EvilOperator.of(operator, id);
    const { signature: _, ...receipt } = said[5]!['receipt'];
    const lie = await evil.say({ ...said[5]!, receipt: await evil.statement('receipt', { ...receipt, count: 7 }) });
    await refused(() => step(bob, lie), 'bad-receipt', bob);
    const unsigned = await evil.say({ ...said[5]!, record: { ...said[5]!['record'], height: 999 } });
    await refused(() => step(bob, unsigned), 'bad-record', bob);
    show(all, coin, 'missing');
    const { signature: __, ...record } = said[5]!['record'];
    const later = await evil.say({ ...said[5]!, record: await evil.statement('record', { ...record, height: 1001 }) });
    expect([(await step(bob, later)).message['checks'].payment]).toEqual(['coin-missing']);
    show(all, coin);
    expect((await step(bob, later)).message['step']).toBe('owned');
  });
});
