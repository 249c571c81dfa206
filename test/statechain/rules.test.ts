/**
 * The rules that a model check of the protocol forced, each a test named after it: without one of them a trace of crashes,
 * restores and stalls loses a coin.
 */
import { describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes, evenSecret } from '../../src/lib/signing/curve.ts';
import { offsetPoint } from '../../src/lib/signing/key-update.ts';
import { keySet } from '../../src/lib/signing/keyset.ts';
import { nonceGen } from '../../src/lib/signing/musig2.ts';
import { evenKey, openField } from '../../src/lib/signing/sealed-field.ts';
import { messageHash } from '../../src/lib/signing/seal.ts';
import { readPsbt, shareOf, templateOf } from '../../src/lib/bitcoin/psbt.ts';
import { taprootSighash } from '../../src/lib/bitcoin/sighash.ts';
import { exitStatechain, parseBundle } from '../../src/lib/statechain/exit.ts';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import type { OperatorRecord, OwnerRecord } from '../../src/lib/statechain/records.ts';
import { pointOf } from '../../src/lib/statechain/terms.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { ownCoin } from '../support/credit.ts';
import { audit, coinOf, opened, operatorKey, POLICY, show, tip, transferMessages } from '../support/statechain.ts';
import type { Message, TestParty } from '../support/party.ts';
import { backUp, inviteAuth, parties, refused, restore, sealedAs, stateOf, step } from './helpers.ts';

const shares = async (operator: TestParty, coin: Message | OperatorRecord): Promise<Uint8Array | undefined> => {
  const name = (coin as { frozen: { share: string } }).frozen.share;
  return (await operator.home.shares.read([name])).get(name);
};

describe('x and m2 are sealed with a one-time key that `moved` and `cancel` destroy', () => {
  it('neither opens with any lasting key of the operator, and the one-time key ends with the move', async () => {
    const all = await parties();
    const id = await opened(all);
    const said = await transferMessages(all.operator, all.alice, all.bob, id, 'received');
    const frozen = (await coinOf(all.operator, id)) as OperatorRecord;
    const secret = (await shares(all.operator, frozen))!;
    const [opened_, received] = [said[2]!, said[4]!];
    const fields = (m: Message, field: 'x' | 'm2') => ({
      field,
      hash: messageHash({ ...m, [field]: undefined }),
    });
    const oneTime = secret.slice(64, 96);
    // With the one-time key m2 opens: that is what makes its end matter.
    const m2 = openField(fields(received, 'm2'), received['m2'].sealed, oneTime, received['m2'].key);
    expect(m2).toHaveLength(32);
    const sender = opened_['record'].entries[0].owner_auth;
    // No key that the operator keeps opens x or m2.
    const lasting = (await all.operator.home.keys()).auth([0, 0, 0, 0]);
    for (const key of [lasting, evenSecret(lasting)]) {
      expect(openField(fields(received, 'm2'), received['m2'].sealed, key, received['m2'].key)).toBeUndefined();
      expect(openField(fields(opened_, 'x'), opened_['x'], key, evenKey(sender))).toBeUndefined();
    }
    await step(all.operator, received);
    expect(await shares(all.operator, frozen)).toBeUndefined();
    const after = (await coinOf(all.operator, id)) as OperatorRecord;
    expect((await all.operator.home.shares.read([after.share!])).get(after.share!)).toHaveLength(32);
  });

  it('cancel destroys S′ and x with it', async () => {
    const all = await parties();
    const id = await opened(all);
    const said = await transferMessages(all.operator, all.alice, all.bob, id, 'opened');
    const frozen = (await coinOf(all.operator, id)) as OperatorRecord;
    expect(await shares(all.operator, frozen)).toHaveLength(96);
    await step(all.operator, said[2], { cancel: true });
    expect(await shares(all.operator, frozen)).toBeUndefined();
    expect(await stateOf(all.operator, id)).toBe('open');
  });
});

describe('`owned` only after the chain was looked at again', () => {
  it('is no payment where the coin is missing by then, and the backup is kept; nor where the lock is near', async () => {
    const all = await parties();
    const id = await opened(all);
    const said = await transferMessages(all.operator, all.alice, all.bob, id, 'moved');
    const coin = await coinOf(all.operator, id);
    show(all, coin, 'missing');
    const gone = await step(all.bob, said[5]);
    expect([gone.exit, gone.message['checks'].payment]).toEqual([3, 'coin-missing']);
    expect(await stateOf(all.bob, id)).toBe('owned');
    tip(all, 2000);
    const left = await all.bob.run(exitStatechain, { input: { contract: id } });
    expect([left.message['verdict'], left.message['package']]).toEqual([
      'pending',
      [expect.any(String), expect.any(String)],
    ]);
    tip(all, 1000);
    show(all, coin, { sat: 5n });
    await refused(() => step(all.bob, said[5]), 'unsafe-funding', all.bob);
    show(all, coin, { confirmations: 0 });
    await refused(() => step(all.bob, said[5]), 'funding-unconfirmed', all.bob);
    show(all, coin);
    tip(all, 'not-checked');
    await refused(() => step(all.bob, said[5]), 'tip-required', all.bob);
    tip(all, 1890); // final at 1900, and the margin is 20
    const late = await step(all.bob, said[5]);
    expect([late.exit, late.message['remaining_blocks']]).toEqual([3, 10]);
    expect(late.hint).toMatch(/do not count this as payment/);
    expect(late.message['checks']).toMatchObject({ coins: 'confirmed' });
  });
  it('without a node it names what it did not look at', async () => {
    const all = await parties();
    const id = await opened(all);
    const owned = (await transferMessages(all.operator, all.alice, all.bob, id)).at(-1)!;
    expect(owned['checks']).toMatchObject({ coins: 'not-checked' });
  });
});

describe('after `sent` a cancel is final only with the signed `declined`', () => {
  it('without it the coin goes to nobody but its owner; exit and withdraw remain', async () => {
    const all = await parties();
    const { alice, bob, carol, operator } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    const cancelled = await step(alice, said[3], { cancel: true });
    expect(cancelled.message).toMatchObject({ step: 'cancelled', final: false });
    expect(cancelled.hint).toMatch(/sell the coin twice/);
    const freed = await step(operator, cancelled.message);
    const kept = await step(alice, freed.message);
    expect([kept.message['final'], await stateOf(alice, id)]).toEqual([false, 'owned']);
    // Not to Carol.
    const key = await operatorKey(operator);
    const invited = await step(carol, undefined, { input: { as: 'receiver', operator: key } });
    await refused(() => step(alice, invited.message, { input: { contract: id } }), 'undeclined', alice);
    // To herself, and out.
    expect((await transferMessages(operator, alice, alice, id)).at(-1)!['owners']).toBe(2);
    await transferMessages(operator, alice, carol, id);
    expect((await carol.run(exitStatechain, { input: { contract: id, bundle: true } })).message['step']).toBe('bundle');
  });

  it('with it the coin is free again, and the receiver that declined has no nonce and gives no answer', async () => {
    const all = await parties();
    const { alice, bob, carol, operator } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'received');
    const declined = await step(bob, said[3], { cancel: true });
    const { nonces } = await bob.home.store.load([`key:${said[0]!['invite'].pubkey}`]);
    expect([nonces, await stateOf(bob, id)]).toEqual([[], 'declined']);
    const freed = await step(operator, declined.message);
    expect((await step(alice, freed.message)).message['final']).toBe(true);
    await refused(() => step(operator, said[4]), 'stale-record', operator);
    await transferMessages(operator, alice, carol, id);
    expect(await stateOf(carol, id)).toBe('owned');
  });

  it('a cancel names S′: it is not good for the next opening', async () => {
    const all = await parties();
    const { alice, bob, carol, operator } = all;
    const id = await opened(all);
    const first = await transferMessages(operator, alice, bob, id, 'opened');
    const cancelled = await step(alice, first[2], { cancel: true });
    const freed = await step(operator, cancelled.message);
    expect((await step(alice, freed.message)).message['final']).toBe(true);
    await transferMessages(operator, alice, carol, id, 'opened');
    // Repeated, it answers what it answered; the new opening stands.
    expect((await step(operator, cancelled.message)).text).toBe(freed.text);
    expect(await stateOf(operator, id)).toBe('frozen');
    const { opening } = (await audit(operator, id)) as { opening: { operator_pubkey: string } };
    expect(opening.operator_pubkey).not.toBe(first[2]!['opening'].operator_pubkey);
    // And a `declined` by somebody else is none.
    const forged = { ...cancelled.message, step: 'declined', declined: '11'.repeat(64) } as Message;
    delete forged['final'];
    await refused(() => step(operator, forged), 'bad-seal', operator);
  });
});

describe('`owned` prints the finished backup, which pays a seed key', () => {
  it('a home that lost its record leaves with that document, or with the copy beside it', async () => {
    const all = await parties();
    const id = await opened(all);
    const before = backUp(all.bob);
    const owned = (await transferMessages(all.operator, all.alice, all.bob, id)).at(-1)!;
    await restore(all.bob, before);
    expect(all.bob.home.restored).toBe(true);
    await expect(coinOf(all.bob, id)).rejects.toThrow();
    tip(all, 1900);
    const from = parseBundle(owned);
    const left = await all.bob.run(exitStatechain, { input: { from } });
    expect(left.message).toMatchObject({ step: 'exit', verdict: 'due', confirm_before_height: 2000 });
    expect(left.message['package'][0]).toBe(owned['hex']);
    const copies = all.bob.home.copies().copies.map(({ body }) => (body as { hex: string }).hex);
    expect(copies).toContain(owned['hex']);
  });
});

describe('after `moved` a new nonce of the present owner is answered again', () => {
  it('so that a receiver restored from before gets its backup, and nobody else does', async () => {
    const all = await parties();
    const { bob, operator, alice } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'received');
    const before = backUp(bob);
    const moved = await step(operator, said[4]);
    await restore(bob, before);
    await bob.home.acceptRestore();
    // Its nonce is gone: `moved` itself is answered with a new one.
    const again = await step(bob, moved.message);
    expect(again.message).toMatchObject({ step: 'received', m2: null, expected_count: 2 });
    const count = ((await coinOf(operator, id)) as OperatorRecord).signed.length;
    const second = await step(operator, again.message);
    expect(((await coinOf(operator, id)) as OperatorRecord).signed.length).toBe(count);
    expect(second.message['offset']).toBe(moved.message['offset']);
    const owned = await step(bob, second.message);
    expect([owned.message['step'], await stateOf(bob, id)]).toEqual(['owned', 'owned']);
    // Or on the `sent` that it still has, with m2 again, which the operator does not read any more.
    await restore(bob, before);
    await bob.home.acceptRestore();
    const third = await step(operator, (await step(bob, said[3])).message);
    expect((await step(bob, third.message)).message['hex']).toHaveLength(owned.message['hex'].length);
    // Once the coin has gone on, nobody is answered anew.
    await transferMessages(operator, bob, all.carol, id);
    const late = await sealedAs(bob, again.message, { expected_count: 3 });
    await refused(() => step(operator, late), 'stale-record', operator);
  });
});

describe('for the sender the receipt of `moved` proves the payment', () => {
  it('whatever the receiver says; and no receipt is taken that is not for it', async () => {
    const all = await parties();
    const id = await opened(all);
    const said = await transferMessages(all.operator, all.alice, all.bob, id, 'moved');
    const paid = await step(all.alice, said[5]);
    expect(paid.message).toMatchObject({ step: 'paid', receipt: { owners: 2, count: 2 } });
    expect(paid.message['receipt'].text).toMatch(/deletion is an assumption/);
    expect(await stateOf(all.alice, id)).toBe('gone');
    await refused(() => all.alice.run(exitStatechain, { input: { contract: id } }), 'nothing-to-print', all.alice);
    // Bob declines now: the operator says that the coin has moved.
    const declined = await step(all.bob, said[3], { cancel: true });
    await refused(() => step(all.operator, declined.message), 'state-moved-on', all.operator);
    // And Bob, who threw his nonce away, still gets his backup.
    const again = await step(all.bob, said[5]);
    const owned = await step(all.bob, (await step(all.operator, again.message)).message);
    expect(owned.message['step']).toBe('owned');
  });
});

describe('a restored sender takes cancelled openings for sent, unless declined', () => {
  it('from its own cancel, and from what the record of the operator shows', async () => {
    const all = await parties();
    const { alice, bob, carol, operator } = all;
    const id = await opened(all);
    const before = backUp(alice);
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    await step(operator, said[3], { cancel: true });
    await restore(alice, before);
    await alice.home.acceptRestore();
    // She does not remember Bob; the operator's record does.
    const next = await transferMessages(operator, alice, carol, id, 'opened');
    await refused(() => step(alice, next[2]), 'undeclined', alice);
    // A cancel by a restored home is never final by itself.
    const cancelled = await step(alice, next[2], { cancel: true });
    expect(cancelled.message['final']).toBe(false);
    const freed = await step(operator, cancelled.message);
    expect((await step(alice, freed.message)).message['final']).toBe(false);
    // Nor with Bob's signature: there may be more that she does not remember.
    const declined = await step(bob, said[3], { cancel: true });
    expect((await step(alice, (await step(operator, declined.message)).message)).message['final']).toBe(false);
    await refused(
      async () =>
        step(
          alice,
          (await step(carol, undefined, { input: { as: 'receiver', operator: await operatorKey(operator) } })).message,
          { input: { contract: id } },
        ),
      'undeclined',
      alice,
    );
  });
});

describe('one outpoint for a share', () => {
  it('a restored owner gets no second sighash for the first backup', async () => {
    const all = await parties();
    const { alice, operator } = all;
    const utxo = [await ownCoin(alice, 2_000_000n)];
    const offered = await operator.run(openStatechain, { input: { as: 'operator', policy: POLICY } });
    const before = backUp(alice);
    const input = { utxo, amount: 1_000_000n };
    const proposed = await alice.run(openStatechain, { on: offered.message, input });
    await operator.run(openStatechain, { on: proposed.message });
    await restore(alice, before);
    await alice.home.acceptRestore();
    const other = await alice.run(openStatechain, { on: offered.message, input: { utxo, amount: 900_000n } });
    await refused(() => operator.run(openStatechain, { on: other.message }), 'key-bound', operator);
    expect(((await operator.home.store.list('statecoin'))[0]!.record as { signed: unknown[] }).signed).toHaveLength(1);
  });
});

describe("5.7.10: the receiver's nonce is bound to T′, for t′ is not known when it is drawn", () => {
  it('it is NonceGen with the coin key as aggregate and T′ behind the place', async () => {
    const all = await parties();
    const id = await opened(all);
    const { bob } = all;
    let drawn: Uint8Array[] = [];
    const random = bob.home.random.bind(bob.home);
    (bob.home as { random: unknown }).random = async () => {
      const real = await random();
      return (n: number) => {
        const made = real(n);
        drawn.push(made);
        return made;
      };
    };
    const said = await transferMessages(all.operator, all.alice, bob, id, 'sent');
    drawn = [];
    const received = (await step(bob, said[3])).message;
    const coin = (await coinOf(all.operator, id)) as OperatorRecord;
    const { operator_pubkey } = received['opening'];
    const pubkey = received['invite'].pubkey;
    const tx = readPsbt(received['psbt'].backup);
    const message = taprootSighash(templateOf(tx), 0);
    const T = offsetPoint(pointOf(coin.terms), [operator_pubkey, pubkey])!;
    const { found } = await bob.home.store.load([`key:${pubkey}`]);
    const { own } = [...found.values()][0]!.record as { own: { path: [number, number, number, number] } };
    const set = keySet([coin.terms.operator_pubkey, coin.terms.owner_pubkey], { offset: '00'.repeat(32) });
    const shown = shareOf(tx, 0, { ...set, participants: [operator_pubkey, pubkey] }, pubkey).pubnonce;
    const keys = await bob.home.keys();
    const made = drawn
      .filter((random_) => random_.length === 32)
      .map((random_) =>
        nonceGen({
          random: random_,
          secret: keys.contract(own.path),
          pubkey: hexToBytes(pubkey),
          aggregate: hexToBytes(set.script.slice(4)),
          message,
          extra: new TextEncoder().encode(`key:${pubkey}${T}`),
        }),
      );
    expect(made.map(({ pubnonce }) => bytesToHex(pubnonce))).toContain(shown);
  });
});

describe('stalls and restores of each party at each step', () => {
  it.each(['invited', 'offered', 'opened', 'sent', 'received', 'moved'] as const)(
    'whoever vanishes after %s: the owner of that moment still gets out',
    async (at) => {
      const all = await parties();
      const id = await opened(all);
      await transferMessages(all.operator, all.alice, all.bob, id, at);
      tip(all, 2000);
      const left = await all.alice.run(exitStatechain, { input: { contract: id } });
      expect(left.message).toMatchObject({ step: 'exit', verdict: 'due' });
    },
  );

  it.each(['opened', 'sent', 'received', 'moved'] as const)(
    'an operator restored after %s states what it knows and signs nothing',
    async (at) => {
      const all = await parties();
      const { alice, bob, operator } = all;
      const id = await opened(all);
      const said = await transferMessages(operator, alice, bob, id, at);
      await restore(operator, backUp(operator));
      for (const accepted of [false, true]) {
        if (accepted) await operator.home.acceptRestore();
        const code = accepted ? 'contract-restored' : 'home-restored';
        expect((await audit(operator, id))['state']).toBe('exit-only');
        const asks = await alice.run(withdrawStatechain, { input: { contract: id } }).catch(() => undefined);
        if (asks && at !== 'moved')
          await refused(() => operator.run(withdrawStatechain, { on: asks.message }), code, operator);
        const received = at === 'opened' ? undefined : (said[4] ?? (await step(bob, said[3])).message);
        if (received && at !== 'moved') await refused(() => step(operator, received), code, operator);
        if (!accepted)
          await refused(
            () => operator.run(openStatechain, { input: { as: 'operator', policy: POLICY } }),
            'home-restored',
            operator,
          );
      }
      expect(await operator.home.shares.read(['00'.repeat(16)])).toEqual(new Map());
    },
  );

  it.each(['invited', 'sent', 'received', 'moved'] as const)(
    'a receiver restored after %s goes on where it was',
    async (at) => {
      const all = await parties();
      const { alice, bob, operator } = all;
      const id = await opened(all);
      const said = await transferMessages(operator, alice, bob, id, at);
      await restore(bob, backUp(bob));
      await bob.home.acceptRestore();
      let m = said.at(-1)!;
      const turn: Record<string, TestParty> = {
        invited: alice,
        offered: operator,
        opened: alice,
        sent: bob,
        received: operator,
        moved: bob,
      };
      for (let i = 0; i < 12 && m['step'] !== 'owned'; i++) {
        const on = m;
        const input = on['step'] === 'invited' ? { contract: id } : {};
        const next = await step(turn[on['step']]!, on, { input }).catch(async (e: { code: string }) => {
          // What was answered with the lost nonce: read `sent` again.
          expect([on['step'], e.code]).toEqual(['moved', 'nonce-consumed']);
          return step(bob, said[3]);
        });
        m = next.message;
      }
      expect([m['step'], await stateOf(bob, id)]).toEqual(['owned', 'owned']);
    },
  );

  it.each(['offered', 'opened', 'sent'] as const)('a sender restored after %s still has its coin', async (at) => {
    const all = await parties();
    const { alice, bob, operator } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, at);
    await restore(alice, backUp(alice));
    await alice.home.acceptRestore();
    expect(((await coinOf(alice, id)) as OwnerRecord).restored).toBe(true);
    if (at !== 'offered') {
      const cancelled = await step(alice, said[2], { cancel: true });
      expect(cancelled.message['final']).toBe(false);
      await step(operator, cancelled.message);
    }
    tip(all, 2000);
    expect((await alice.run(exitStatechain, { input: { contract: id } })).message['verdict']).toBe('due');
    expect((await inviteAuth(bob, said[0]!)).length).toBe(32);
  });
});

it('a home that is no party learns only that', async () => {
  const all = await parties();
  const id = await opened(all);
  const said = await transferMessages(all.operator, all.alice, all.bob, id, 'sent');
  for (const m of said.slice(1)) await refused(() => step(all.carol, m), 'unknown-contract', all.carol);
  expect(transferStatechain.rows.length).toBeGreaterThan(9);
});
