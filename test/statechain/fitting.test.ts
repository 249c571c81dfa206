/** Lies that fit: everything signed and sealed again by whoever could, so that one rule alone sees each. */
import { describe, expect, it } from 'vitest';
import { signStatement, transferOf } from '../../src/lib/statechain/statements.ts';
import { keep, keepReceipt } from '../../src/lib/statechain/send.ts';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import type { OperatorRecord, OwnerRecord } from '../../src/lib/statechain/records.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { ownCoin } from '../support/credit.ts';
import { refusal } from '../support/refusal.ts';
import {
  coinOf,
  opened,
  openMessages,
  POLICY,
  operatorKey,
  transferMessages,
  viewUnder,
  withdrawMessages,
  type Cast,
} from '../support/statechain.ts';
import type { Message } from '../support/party.ts';
import { authOf, backUp, parties, refused, restore, sealedAs, stateOf, step } from './helpers.ts';
import { Liars } from './liars.ts';

/** The message with something else in it, as all of them together can make it fit. @param sealer whose key seals it; else who did */
async function lied(all: Cast, m: Message, change: (m: Message) => void, sealer?: string): Promise<Message> {
  const liars = new Liars();
  await liars.learn(all, m);
  const made = structuredClone(m);
  change(made);
  return liars.mended(made, sealer ?? liars.sealer(m));
}

describe('a sender and a receiver that lie together', () => {
  it.each(['address', 'auth'] as const)(
    'get no backup for another invitation than the one for which the coin is frozen: another %s',
    async (field) => {
      const all = await parties();
      const { operator, alice, bob, carol } = all;
      const id = await opened(all);
      const said = await transferMessages(operator, alice, bob, id, 'received');
      const key = await operatorKey(operator);
      const other = (await step(carol, undefined, { input: { as: 'receiver', operator: key } })).message['invite'];
      const c = (await coinOf(operator, id)) as OperatorRecord;
      const received = said[4]!;
      const invite = { ...received['invite'], [field]: other[field] };
      const consent = transferOf(c, 1, invite, received['opening']);
      const signed = signStatement('transfer', consent, await authOf(alice, await coinOf(alice, id)));
      const lie = await lied(all, received, (m) => Object.assign(m, { invite, transfer_signature: signed }));
      await refused(() => step(operator, lie), 'stale-record', operator);
      // What is frozen is still moved.
      await step(operator, received);
      expect(await stateOf(operator, id)).toBe('open');
    },
  );

  it('get no second coin moved to the keys of one invitation', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const [one, two] = [await opened(all), await opened(all)];
    const said = await transferMessages(operator, alice, bob, one, 'opened');
    const [, offered] = await transferMessages(operator, alice, bob, two, 'offered');
    const again = await lied(all, offered!, (m) => Object.assign(m, { invite: said[0]!['invite'] }));
    const { message } = await refused(() => step(operator, again), 'key-rejected', operator);
    expect(message).toContain('was shown to this operator before');
  });
});

describe('the first owner', () => {
  it('gets no backup by a transfer: its own pair was never moved to', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const [, proposed, , ready] = await openMessages(all);
    const { id } = ready!['coin'];
    const said = await transferMessages(operator, alice, bob, id, 'received');
    await step(operator, said[3], { cancel: true });
    const { terms, side } = (await coinOf(alice, id)) as OwnerRecord;
    const lie = await lied(all, said[4]!, (m) => {
      m['invite'] = { pubkey: side.pubkey, auth: side.auth, address: side.address };
      m['opening'].operator_pubkey = terms.operator_pubkey;
      m['m2'] = null;
      m['psbt'] = { backup: proposed!['psbt'].backup };
    });
    await refused(() => step(operator, lie), 'stale-record', operator);
  });
});

describe('a sender and an operator that lie together', () => {
  it('do not get a receiver to count with other terms than those that were signed', async () => {
    const all = await parties();
    const id = await opened(all);
    const said = await transferMessages(all.operator, all.alice, all.bob, id, 'sent');
    const lie = await lied(all, said[3]!, (m) => (m['coin'] = viewUnder(m['coin'], { margin_blocks: 21 })));
    await refused(() => step(all.bob, lie), 'bad-record', all.bob);
  });

  it('a record that the operator has not signed is none, before anything else of it is looked at', async () => {
    const all = await parties();
    const id = await opened(all);
    const said = await transferMessages(all.operator, all.alice, all.bob, id, 'sent');
    // Out of the receiver's own bounds too.
    const input = { maxLock: 1 };
    await refused(() => step(all.bob, said[3], { input }), 'out-of-policy', all.bob);
    const lie = await lied(all, said[3]!, () => {});
    lie['record'].signature = `${lie['record'].signature.slice(0, -2)}00`;
    const sealed = new Liars();
    await sealed.learn(all);
    const key = lie['record'].entries.at(-1).owner_auth as string;
    const { auth: _, ...rest } = lie;
    await refused(() => step(all.bob, sealed.sealed(rest, key), { input }), 'bad-record', all.bob);
  });
});

/** A transfer that was opened and no further; the operator has freed the coin, and its owner keeps it. */
async function freedAgain(all: Awaited<ReturnType<typeof parties>>) {
  const id = await opened(all);
  const said = await transferMessages(all.operator, all.alice, all.bob, id, 'opened');
  const { message: freed } = await step(all.operator, said[2], { cancel: true });
  await step(all.alice, freed);
  return { id, said, freed };
}

describe('a sender', () => {
  it('is paid for no opening in which it has not sent the coin, whatever it has signed', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'moved');
    const c = (await coinOf(alice, id)) as OwnerRecord;
    const knowing = (change: object): OwnerRecord => ({ ...c, given: [{ ...c.given[0]!, ...change }] });
    const moved = transferStatechain.parse(said[5]!);
    expect(keepReceipt(moved as never, { coin: knowing({}) }, { ours: new Map() })).toMatchObject({
      message: { step: 'paid' },
    });
    for (const change of [{ sent: false }, { owner_pubkey: `02${'11'.repeat(32)}` }])
      expect(refusal(() => keepReceipt(moved as never, { coin: knowing(change) }, { ours: new Map() }))).toMatchObject({
        code: 'state-moved-on',
      });
  });

  it('that was restored keeps nothing of an opening of an earlier owner', async () => {
    const all = await parties();
    const { operator, alice } = all;
    const { id, freed } = await freedAgain(all);
    await transferMessages(operator, alice, alice, id);
    await restore(alice, backUp(alice));
    await refused(() => step(alice, freed), 'state-moved-on', alice);
  });

  it('keeps nothing of a coin that it has withdrawn since, whatever the operator says again', async () => {
    const all = await parties();
    const { operator, alice } = all;
    const { id, freed } = await freedAgain(all);
    await withdrawMessages(operator, alice, id);
    expect(await stateOf(alice, id)).toBe('closed');
    const coin = (await coinOf(alice, id)) as OwnerRecord;
    const again = transferStatechain.parse(freed);
    expect(refusal(() => keep(again as never, { coin }))).toMatchObject({
      code: 'state-moved-on',
      message: expect.stringContaining("'closed'"),
    });
  });

  it('takes back nothing of a coin that is gone, or closed', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id);
    await step(alice, said[5]);
    expect(await stateOf(alice, id)).toBe('gone');
    for (const m of [said[2], said[3]])
      await refused(() => step(alice, m, { cancel: true }), 'too-late-to-cancel', alice);
    const { id: kept, said: dropped } = await freedAgain(all);
    await withdrawMessages(operator, alice, kept);
    expect(await stateOf(alice, kept)).toBe('closed');
    await refused(() => step(alice, dropped[2], { cancel: true }), 'too-late-to-cancel', alice);
  });

  it.each(['offered', 'sent'] as const)('withdraws nothing that it has %s', async (until) => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    await transferMessages(operator, alice, bob, id, until);
    await refused(() => alice.run(withdrawStatechain, { input: { contract: id } }), 'coin-frozen', alice);
  });
});

describe('an operator', () => {
  it('finds nobody for a policy that contradicts itself', async () => {
    const all = await parties();
    const { operator, alice } = all;
    const offered = (await operator.run(openStatechain, { input: { as: 'operator', policy: POLICY } })).message;
    const policy = { ...offered['offer'].policy, min_remaining_blocks: offered['offer'].policy.margin_blocks - 1 };
    const lie = await sealedAs(operator, offered, { offer: { ...offered['offer'], policy } });
    const utxo = [await ownCoin(alice, 2_000_000n)];
    const input = { utxo, amount: 1_000_000n };
    await refused(() => alice.run(openStatechain, { on: lie, input }), 'malformed-message', alice);
    await alice.run(openStatechain, { on: offered, input });
  });
});
