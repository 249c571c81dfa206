/**
 * Cancels of statecoins whose words come from elsewhere: strangers, older attempts, homes that forget. What they may end, and
 * what of the coin must be left to its owner.
 */
import { describe, expect, it } from 'vitest';
import { claimNamed } from '../../src/lib/cli/named.ts';
import { playAgain } from '../../src/lib/engine/play.ts';
import { keyClaim } from '../../src/lib/protocol/claims.ts';
import { exitStatechain } from '../../src/lib/statechain/exit.ts';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { seal } from '../../src/lib/signing/seal.ts';
import { xOnlyKey } from '../../src/lib/signing/bip340.ts';
import { ownCoin } from '../support/credit.ts';
import { EvilOperator } from '../support/evil-operator.ts';
import type { Message, TestParty } from '../support/party.ts';
import { coinOf, opened, operatorKey, POLICY, show, tip, transferMessages, type Cast } from '../support/statechain.ts';
import { parties, refused, stateOf, step } from './helpers.ts';

const STRANGER = new Uint8Array(32).fill(99);
const sealedByStranger = ({ auth: _, checks: __, ...m }: Message): Message => seal(m, STRANGER) as Message;
const stranger = xOnlyKey(STRANGER);
const offer = async ({ operator }: Cast): Promise<Message> =>
  (await operator.run(openStatechain, { input: { as: 'operator', policy: POLICY } })).message;
const propose = async ({ alice }: Cast, on: Message): Promise<Message> =>
  (await alice.run(openStatechain, { on, input: { utxo: [await ownCoin(alice, 2_000_000n)], amount: 1_000_000n } }))
    .message;
const invite = async ({ operator }: Cast, to: TestParty): Promise<Message> =>
  (await step(to, undefined, { input: { as: 'receiver', operator: await operatorKey(operator) } })).message;

describe('a stranger’s message with --cancel ends nothing', () => {
  it('an offer of another operator that names the share, at the operator and at the owner', async () => {
    const all = await parties();
    const { operator, alice } = all;
    const offered = await offer(all);
    const strangers = sealedByStranger({ ...offered, offer: { ...offered['offer'], operator: stranger } });
    await refused(() => operator.run(openStatechain, { on: strangers, cancel: true }), 'bad-seal', operator);
    await propose(all, offered);
    await refused(() => alice.run(openStatechain, { on: strangers, cancel: true }), 'bad-seal', alice);
    // The true one still does.
    await alice.run(openStatechain, { on: offered, cancel: true });
    await operator.run(openStatechain, { on: offered, cancel: true });
  });

  it('an answer of somebody to the offer, or one of another operator to the proposal', async () => {
    const all = await parties();
    const { operator, alice } = all;
    const offered = await offer(all);
    const proposed = await propose(all, offered);
    const coin = proposed['coin'];
    const other = sealedByStranger({ ...proposed, coin: { ...coin, owner_auth: stranger } });
    for (const on of [other, proposed])
      await refused(() => operator.run(openStatechain, { on, cancel: true }), 'bad-seal', operator);
    const accepted = sealedByStranger({ ...proposed, step: 'accepted', coin: { ...coin, operator: stranger } });
    await refused(() => alice.run(openStatechain, { on: accepted, cancel: true }), 'bad-seal', alice);
  });

  it('a `sent` of another coin owner does not decline what was received, nor end an invitation', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    const forged = structuredClone(said[3]!);
    forged['record'].entries.at(-1).owner_auth = stranger;
    const sent = sealedByStranger(forged);
    await refused(() => step(bob, sent, { cancel: true }), 'bad-record', bob);
    await step(bob, said[3]);
    await refused(() => step(bob, sent, { cancel: true }), 'bad-seal', bob);
  });

  it('a `received` under another key than was invited does not take the coin back', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'received');
    const forged = sealedByStranger({ ...said[4]!, invite: { ...said[4]!['invite'], auth: stranger } });
    for (const who of [alice, operator]) await refused(() => step(who, forged, { cancel: true }), 'bad-seal', who);
  });
});

describe('a message of an earlier attempt with --cancel leaves the later one alone', () => {
  it('of an opening, where the same offer was answered again', async () => {
    const all = await parties();
    const { operator, alice } = all;
    const offered = await offer(all);
    const first = await propose(all, offered);
    const accepted = await operator.run(openStatechain, { on: first });
    await alice.run(openStatechain, { on: first, cancel: true });
    await propose(all, offered);
    const { records } = (await alice.state()) as { records: unknown };
    // Its own cancel is said again, and ends nothing more.
    expect((await alice.run(openStatechain, { on: first, cancel: true })).message['step']).toBe('cancelled');
    expect(await alice.state()).toMatchObject({ records: records as object });
    await refused(() => alice.run(openStatechain, { on: accepted.message, cancel: true }), 'state-moved-on', alice);
  });

  it.each(['offered', 'opened', 'sent'] as const)('of a transfer that had come to %s', async (until) => {
    const all = await parties();
    const { operator, alice, bob, carol } = all;
    const id = await opened(all);
    const first = await transferMessages(operator, alice, bob, id, until);
    const back = await step(alice, first.at(-1), { cancel: true });
    if (until !== 'offered') await step(operator, back.message);
    // Undeclined after 'sent': to herself.
    await transferMessages(operator, alice, until === 'sent' ? alice : carol, id, 'opened');
    for (const on of first) {
      const { records } = (await alice.state()) as { records: object };
      // What was given up stays so: said again, and nothing changes.
      await step(alice, on, { cancel: true }).catch(() => undefined);
      expect(await alice.state(), on['step']).toMatchObject({ records });
      await step(operator, on, { cancel: true }).catch(() => undefined);
      expect(await stateOf(operator, id), on['step']).toBe('frozen');
    }
    expect(await stateOf(alice, id)).toBe('offering');
  });

  it('of a withdrawal to another address', async () => {
    const all = await parties();
    const { alice } = all;
    const contract = await opened(all);
    const first = await alice.run(withdrawStatechain, { input: { contract, fee: 500n } });
    await alice.run(withdrawStatechain, { on: first.message, cancel: true });
    const second = await alice.run(withdrawStatechain, { input: { contract, fee: 700n } });
    await refused(() => alice.run(withdrawStatechain, { on: first.message, cancel: true }), 'state-moved-on', alice);
    await alice.run(withdrawStatechain, { on: second.message, cancel: true });
  });
});

describe('an opening of a former owner', () => {
  it('is not given up by the present one: it would count as its own, and keep the coin from everybody', async () => {
    const all = await parties();
    const { operator, alice, bob, carol } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'owned');
    await refused(() => step(bob, said[2], { cancel: true }), 'state-moved-on', bob);
    // Back to Alice, restored: her own `sent` of then is of another place.
    await transferMessages(operator, bob, alice, id, 'owned');
    await alice.lose(await alice.backUp());
    await alice.home.acceptRestore();
    await refused(() => step(alice, said[2], { cancel: true }), 'state-moved-on', alice);
    await refused(() => step(alice, said[3], { cancel: true }), 'bad-seal', alice);
    await transferMessages(operator, alice, carol, id, 'owned');
  });
});

describe('a receiver that was restored and declines what had moved before', () => {
  const lost = async (at: 'moved' | 'owned') => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    show(all, await coinOf(operator, id));
    const invited = await invite(all, bob);
    const before = await bob.backUp();
    const offered = await step(alice, invited, { input: { contract: id } });
    const open = await step(operator, offered.message);
    const sent = await step(alice, open.message);
    const received = await step(bob, sent.message);
    const moved = await step(operator, received.message);
    if (at === 'owned') await step(bob, moved.message);
    await bob.lose(before);
    await bob.home.acceptRestore();
    return { all, id, invited, open, sent: sent.message, received: received.message, moved: moved.message };
  };
  const leaves = async (all: Cast, id: string): Promise<void> => {
    tip(all, 1900);
    expect((await all.bob.run(exitStatechain, { input: { contract: id } })).message['package']).toHaveLength(2);
  };

  it.each(['moved', 'owned'] as const)('after %s still gets the coin, as no payment', async (at) => {
    const { all, id, sent, moved } = await lost(at);
    const { operator, bob } = all;
    const declined = await step(bob, sent, { cancel: true });
    expect(declined.hint).toMatch(/restored/);
    await refused(() => step(operator, declined.message), 'state-moved-on', operator);
    await refused(() => step(bob, moved, { cancel: true }), 'too-late-to-cancel', bob);
    const again = await step(bob, moved);
    const owned = await step(bob, (await step(operator, again.message)).message);
    expect([owned.exit, owned.message['checks'].payment]).toEqual([3, 'declined-before']);
    await leaves(all, id);
  });

  it('also where it gave up its invitation by name first, or declined by a message without the history', async () => {
    const { all, id, invited, sent, received, moved } = await lost('moved');
    const { operator, bob } = all;
    await step(bob, undefined, { over: keyClaim(invited['invite'].pubkey), cancel: true });
    await step(bob, received, { cancel: true });
    await step(bob, sent, { cancel: true });
    const again = await step(bob, moved);
    expect((await step(bob, (await step(operator, again.message)).message)).exit).toBe(3);
    await leaves(all, id);
  });

  it('and what its journal knows of the transfer comes back as declined', async () => {
    const { all, id, sent, moved } = await lost('moved');
    const { operator, bob } = all;
    await step(bob, sent, { cancel: true });
    await bob.home.reconcile(bob.journal());
    expect(await stateOf(bob, id)).toBe('declined');
    const again = await step(bob, moved);
    expect((await step(bob, (await step(operator, again.message)).message)).exit).toBe(3);
  });

  it('what was declined is not answered, and an invitation that was given up takes nothing', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    await step(bob, undefined, { over: keyClaim(said[0]!['invite'].pubkey), cancel: true });
    await refused(() => step(bob, said[3]), 'wrong-state', bob);
    await step(bob, said[3], { cancel: true });
    await refused(() => step(bob, said[3]), 'wrong-state', bob);
    const evil = await EvilOperator.of(operator, id);
    expect(await evil.say({ step: 'freed' })).toBeDefined();
  });
});

describe('a declined transfer is named', () => {
  it('by the coin’s id, or by the key that was invited, for --again and --cancel', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'received');
    const declined = await step(bob, said[3], { cancel: true });
    const { pubkey } = said[0]!['invite'] as { pubkey: string };
    for (const name of [id.slice(0, 12), pubkey.slice(0, 16)]) {
      const over = await claimNamed(bob.home, name);
      expect(over).toBe(keyClaim(pubkey));
      expect((await playAgain(transferStatechain, over, bob.ports())).text).toBe(declined.text);
      expect((await step(bob, undefined, { over, cancel: true })).message['declined']).toBe(
        declined.message['declined'],
      );
    }
    await expect(claimNamed(bob.home, 'ab'.repeat(8))).rejects.toMatchObject({ code: 'unknown-contract' });
  });
});

describe('an outpoint belongs to the coin that is paid there', () => {
  it('a stranger that states it first keeps nobody from opening, and gets nothing moved', async () => {
    const all = await parties();
    const { operator, alice, bob, carol } = all;
    // Carol saw Alice's proposal, and states its outpoint for a coin of her own.
    const proposed = await propose(all, await offer(all));
    const at = proposed['coin'].outpoint;
    const hers = await carol.run(openStatechain, {
      on: await offer(all),
      input: { utxo: [await ownCoin(carol, 2_000_000n)], amount: 1_000_000n },
    });
    const { restated } = await import('../support/statechain.ts');
    const forged = await restated(carol, hers.message, { outpoint: at });
    await operator.run(openStatechain, { on: forged });
    const accepted = await operator.run(openStatechain, { on: proposed });
    const ready = await alice.run(openStatechain, { on: accepted.message });
    const id = ready.message['coin'].id as string;
    show(all, await coinOf(operator, id));
    await transferMessages(operator, alice, bob, id, 'owned');
    carol.chain.coins = 'not-checked';
    // Once it is paid nobody else's coin is accepted there.
    const late = await restated(
      carol,
      (
        await carol.run(openStatechain, {
          on: await offer(all),
          input: { utxo: [await ownCoin(carol, 2_000_000n)], amount: 1_000_000n },
        })
      ).message,
      { outpoint: at },
    );
    await refused(() => operator.run(openStatechain, { on: late }), 'unsafe-funding', operator);
    expect(await stateOf(operator, forged['coin'].id)).toBe('open');
  });
});
