/** Rules that were right before and that no test held: each line is one that a lying counterparty alone reaches. */
import { describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { toBytes } from '../../src/lib/signing/curve.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import { printJson } from '../../src/lib/protocol/json.ts';
import { coinId, viewOf } from '../../src/lib/statechain/terms.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import type { OperatorRecord } from '../../src/lib/statechain/records.ts';
import { ownCoin } from '../support/credit.ts';
import { EvilOperator } from '../support/evil-operator.ts';
import { TestParty, type Message } from '../support/party.ts';
import { inOtherWords } from '../support/coin-world.ts';
import {
  audit,
  coinOf,
  opened,
  openMessages,
  POLICY,
  restated,
  show,
  tip,
  transferMessages,
  withdrawMessages,
} from '../support/statechain.ts';
import { m1Of, parties, refused, sealedAs, stateOf, step, withM1 } from './helpers.ts';

const P2WPKH = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';

describe('one share, offered twice', () => {
  it('an owner answers an offer once, with and without own coins', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const offered = (await operator.run(openStatechain, { input: { as: 'operator', policy: POLICY } })).message;
    const utxo = [await ownCoin(alice, 2_000_000n)];
    await alice.run(openStatechain, { on: offered, input: { amount: 1_000_000n } });
    // The operator says the same offer in other bytes.
    const again = await sealedAs(operator, offered, {
      offer: { ...offered['offer'], policy: { ...offered['offer'].policy, margin_blocks: 21 } },
    });
    for (const input of [{ amount: 900_000n }, { amount: 900_000n, utxo }])
      await refused(() => alice.run(openStatechain, { on: again, input }), 'already-known', alice);
    // Another owner gets it too; the operator signs for one of them.
    const mine = { utxo: [await ownCoin(bob, 2_000_000n)], amount: 1_000_000n };
    const his = (await bob.run(openStatechain, { on: offered, input: mine })).message;
    await operator.run(openStatechain, { on: his });
    await alice.run(openStatechain, { on: offered, cancel: true });
    const theirs = { utxo, amount: 1_000_000n };
    const hers = (await alice.run(openStatechain, { on: offered, input: theirs })).message;
    await refused(() => operator.run(openStatechain, { on: hers }), 'key-bound', operator);
  });
});

describe('an opening', () => {
  it('is of the operator that has offered it', async () => {
    const all = await parties();
    const { operator, alice } = all;
    const [, proposed] = await openMessages(all);
    const offered = (await operator.run(openStatechain, { input: { as: 'operator', policy: POLICY } })).message;
    const input = { utxo: [await ownCoin(alice, 2_000_000n)], amount: 1_000_000n };
    const hers = (await alice.run(openStatechain, { on: offered, input })).message;
    const lie = await restated(alice, hers, { operator: proposed!['coin'].owner_auth });
    await refused(() => operator.run(openStatechain, { on: lie }), 'terms-differ', operator);
    expect((await operator.run(openStatechain, { on: hers })).message['step']).toBe('accepted');
  });

  it('is not repeated once the coin has moved: its first backup is signed no more', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const [, proposed, , ready] = (await openMessages(all)) as [Message, Message, Message, Message];
    expect((await operator.run(openStatechain, { on: await inOtherWords(all, proposed) })).message['step']).toBe(
      'accepted',
    );
    await transferMessages(operator, alice, bob, ready['coin'].id);
    const late = await restated(alice, proposed, {});
    await refused(() => operator.run(openStatechain, { on: late }), 'key-bound', operator);
  });
});

describe('an operator', () => {
  it.each([
    ['offered', 'cancelled', 'home-restored', 'wrong-state'],
    ['accepted', 'open', 'home-restored', 'contract-restored'],
  ] as const)('restored after %s accepts no opening', async (at, state, first, then) => {
    const all = await parties();
    const { operator, alice } = all;
    const input = { utxo: [await ownCoin(alice, 2_000_000n)], amount: 1_000_000n };
    const offered = (await operator.run(openStatechain, { input: { as: 'operator', policy: POLICY } })).message;
    const proposed = (await alice.run(openStatechain, { on: offered, input })).message;
    if (at === 'accepted') await operator.run(openStatechain, { on: proposed });
    await operator.lose(await operator.backUp());
    // A home that was restored answers nothing of before by heart.
    const on = await restated(alice, proposed, {});
    const accept = () => operator.run(openStatechain, { on });
    const told = await refused(accept, first, operator);
    expect(told.message).toMatch(/signs nothing as operator/);
    await operator.home.acceptRestore();
    await refused(accept, then, operator);
    expect((await operator.home.store.list('statecoin')).map((r) => r.state)).toEqual([state]);
  });

  it('restored after a withdrawal signs it no second time', async () => {
    const all = await parties();
    const { operator, alice } = all;
    const id = await opened(all);
    const requested = (await withdrawMessages(operator, alice, id))[0]!;
    await operator.lose(await operator.backUp());
    // It says again what it said; asked for anew, it would have to sign.
    const on = await inOtherWords(all, requested);
    const ask = () => operator.run(withdrawStatechain, { on });
    await refused(ask, 'home-restored', operator);
    await operator.home.acceptRestore();
    await refused(ask, 'contract-restored', operator);
    expect(await stateOf(operator, id)).toBe('closed');
  });

  it('restored before a move does not move', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const received = (await transferMessages(operator, alice, bob, id, 'received'))[4]!;
    await operator.lose(await operator.backUp());
    const told = await refused(() => step(operator, received), 'home-restored', operator);
    expect(told.message).toMatch(/signs nothing as operator/);
    await operator.home.acceptRestore();
    await refused(() => step(operator, received), 'contract-restored', operator);
  });

  it.each(['step_blocks', 'margin_blocks', 'min_remaining_blocks', 'min_conf'] as const)(
    'opens no coin with another %s than it has offered',
    async (name) => {
      const all = await parties();
      const { operator, alice } = all;
      const offered = (await operator.run(openStatechain, { input: { as: 'operator', policy: POLICY } })).message;
      const input = { utxo: [await ownCoin(alice, 2_000_000n)], amount: 1_000_000n };
      const proposed = (await alice.run(openStatechain, { on: offered, input })).message;
      for (const by of [-1, 1].filter((n) => POLICY[name] + n > 0)) {
        const lie = await restated(alice, proposed, { [name]: POLICY[name] + by });
        const told = await refused(() => operator.run(openStatechain, { on: lie }), 'out-of-policy', operator);
        expect(told.message).toContain(name);
      }
      expect((await operator.run(openStatechain, { on: proposed })).message['step']).toBe('accepted');
    },
  );

  it('opens no coin that is dust, and no owner asks for one, whatever the policy allows', async () => {
    const all = await parties();
    const { operator, alice } = all;
    const policy = { ...POLICY, min_amount_sat: 1n };
    const offered = (await operator.run(openStatechain, { input: { as: 'operator', policy } })).message;
    const utxo = [await ownCoin(alice, 2_000_000n)];
    const ask = (amount: bigint) => () => alice.run(openStatechain, { on: offered, input: { amount } });
    await refused(ask(1n), 'below-dust', alice);
    const least = BigInt(/at least (\d+)/.exec((await refused(ask(1n), 'below-dust', alice)).message)![1]!);
    const told = await refused(ask(least - 1n), 'below-dust', alice);
    expect(told.message).toMatch(/a coin of/);
    const proposed = (await alice.run(openStatechain, { on: offered, input: { utxo, amount: least } })).message;
    const lie = await restated(alice, proposed, { amount_sat: Number(least) - 1 });
    await refused(() => operator.run(openStatechain, { on: lie }), 'below-dust', operator);
    expect((await operator.run(openStatechain, { on: proposed })).message['step']).toBe('accepted');
  });
});

describe('an owner', () => {
  it('completes its first backup with one answer: another of the operator is not taken', async () => {
    const all = await parties();
    const { operator, alice } = all;
    const [, proposed, accepted, ready] = (await openMessages(all)) as [Message, Message, Message, Message];
    const again = await operator.run(openStatechain, { on: await restated(alice, proposed, {}) });
    const other = await sealedAs(operator, accepted, { psbt: again.message['psbt'] });
    expect(other['psbt']).not.toEqual(accepted['psbt']);
    await refused(() => alice.run(openStatechain, { on: other }), 'nonce-consumed', alice);
    expect((await alice.run(openStatechain, { on: accepted })).message['hex']).toBe(ready['hex']);
  });

  it('takes no coin whose steps leave no time, though its operator has signed for it', async () => {
    const make = () => TestParty.make(undefined, undefined, 'signet');
    const [operator, alice, bob] = [await make(), await make(), await make()];
    const policy = { ...POLICY, step_blocks: 36 };
    const id = await opened({ operator, alice } as Parameters<typeof opened>[0], { policy });
    const sent = (await transferMessages(operator, alice, bob, id, 'sent'))[3]!;
    const terms = ((await coinOf(operator, id)) as OperatorRecord).terms;
    const short = { ...terms, step_blocks: 35 };
    const seen = JSON.parse(printJson(viewOf({ id: coinId(short), terms: short, outpoint: sent['coin'].outpoint })));
    const evil = await EvilOperator.of(operator, id);
    const { signature: _, ...record } = sent['record'];
    const lie = { coin: seen, record: await evil.statement('record', { ...record, coin: seen }) };
    const on = await sealedAs(alice, sent, lie);
    const told = await refused(() => step(bob, on), 'out-of-policy', bob);
    expect(told.message).toContain('step_blocks 35 found');
    expect((await step(bob, sent)).message['step']).toBe('received');
    for (const party of [operator, alice, bob]) party.close();
  });
});

describe('a decline', () => {
  const answered = async () => {
    const all = await parties();
    const id = await opened(all);
    const said = await transferMessages(all.operator, all.alice, all.bob, id, 'received');
    return { ...all, all, id, said, sent: said[3]! };
  };
  it('names the opening that was answered, not another one to the same keys', async () => {
    const { operator, alice, bob, id, said, sent } = await answered();
    const evil = await EvilOperator.of(operator, id);
    evil.forget();
    evil.record = { ...evil.record, cancelled: [] } as OperatorRecord;
    const { opening, record } = await evil.freeze(said[1]!);
    const other = await withM1(alice, await sealedAs(alice, sent, { opening, record }), await m1Of(bob, sent));
    await refused(() => step(bob, other, { cancel: true }), 'state-moved-on', bob);
    expect((await step(bob, sent, { cancel: true })).message['opening']).toEqual(sent['opening']);
  });
  it('names the coin that was answered, not another of its sender', async () => {
    const { all, alice, bob, sent } = await answered();
    const { coin } = (await openMessages(all))[3]!;
    const other = await sealedAs(alice, sent, { coin });
    await refused(() => step(bob, other, { cancel: true }), 'state-moved-on', bob);
    expect((await step(bob, sent, { cancel: true })).message['coin']).toEqual(sent['coin']);
  });
  it.each<[string, (ends: Awaited<ReturnType<typeof parties>>, said: Message[]) => Promise<unknown>]>([
    ['of an answer', ({ bob }, said) => step(bob, said[3])],
    ['of an invitation', async () => {}],
    ['of an invitation that was given up', ({ bob }, said) => step(bob, said[0], { cancel: true })],
  ])('%s names the address that was invited to, not another for the same keys', async (_, before) => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    await before(all, said);
    const sent = said[3]!;
    const lie = await sealedAs(alice, sent, { invite: { ...sent['invite'], address: P2WPKH } });
    await refused(() => step(bob, lie, { cancel: true }), 'not-mine', bob);
    expect((await step(bob, sent, { cancel: true })).message['invite']).toEqual(sent['invite']);
  });
});

describe('the receiver', () => {
  it('answers no second transfer to the same keys', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'received');
    const nonces = async () => (await bob.home.store.load([`key:${said[0]!['invite'].pubkey}`])).nonces.length;
    expect(await nonces()).toBe(1);
    // The operator forgets that it has shown these keys, and opens for them again.
    const evil = await EvilOperator.of(operator, id);
    evil.forget();
    evil.record = { ...evil.record, cancelled: [] } as OperatorRecord;
    const second = await evil.freeze(said[1]!);
    const sent = await sealedAs(alice, said[3]!, { opening: second['opening'], record: second['record'] });
    await refused(() => step(bob, sent), 'state-moved-on', bob);
    expect([await nonces(), await stateOf(bob, id)]).toEqual([1, 'received']);
  });

  it.each(['x_pubkey', 'one_time_pubkey'] as const)('nor one whose opening has another %s', async (name) => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'received');
    const opening = { ...said[3]!['opening'], [name]: bytesToHex(publicKey(toBytes(9n))) };
    const sent = await sealedAs(alice, said[3]!, { opening });
    await refused(() => step(bob, sent), 'state-moved-on', bob);
  });

  it.each<[string, (record: Message) => object, string]>([
    ['that is frozen again', (r) => ({ ...r, state: 'frozen' }), 'bad-record'],
    ['that has another owner behind it', (r) => ({ ...r, entries: [...r['entries'], r['entries'][0]] }), 'bad-record'],
    ['without its entry', (r) => ({ ...r, entries: r['entries'].slice(0, 1) }), 'bad-record'],
    [
      'whose first owner is another',
      (r) => ({ ...r, entries: [{ ...r['entries'][0], address: P2WPKH }, r['entries'][1]] }),
      'bad-record',
    ],
    ['that counts one less', (r) => ({ ...r, count: 1 }), 'signature-count'],
    ['that has signed in another order', (r) => ({ ...r, signed: [...r['signed']].reverse() }), 'signature-count'],
    [
      'that has signed a withdrawal for a backup',
      (r) => ({ ...r, signed: r['signed'].map((s: object) => ({ ...s, kind: 'withdraw' })) }),
      'signature-count',
    ],
    [
      'of another coin',
      (r) => ({ ...r, coin: { ...r['coin'], outpoint: { ...r['coin'].outpoint, vout: 7 } } }),
      'bad-record',
    ],
  ])('owns nothing on a record of the operator, truly signed, %s', async (_, change, code) => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'moved');
    const evil = await EvilOperator.of(operator, id);
    const { signature: __, ...record } = said[5]!['record'];
    const lie = await evil.say({ ...said[5]!, record: await evil.statement('record', change(record)) });
    await refused(() => step(bob, lie), code as never, bob);
    expect((await step(bob, said[5])).message['step']).toBe('owned');
  });
});

describe('the sender gives no m1', () => {
  it('for an opening that it has given up', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'opened');
    const evil = await EvilOperator.of(operator, id);
    await step(alice, said[2], { cancel: true });
    // It offers the coin to Bob once more, and the operator says the old opening again, for its newer record.
    await step(alice, said[0], { input: { contract: id } });
    const { signature: _, ...record } = said[2]!['record'];
    const old = await evil.say({ ...said[2]!, record: await evil.statement('record', { ...record, height: 1001 }) });
    const before = await alice.home.store.commits();
    await refused(() => step(alice, old), 'state-moved-on', alice);
    expect(await alice.home.store.commits()).toBe(before);
  });

  it('for an opening that the operator has given up before it was seen here', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const [invited, , late] = await transferMessages(operator, alice, bob, id, 'opened');
    const freed = await step(operator, late, { cancel: true });
    expect((await step(alice, freed.message)).message).toMatchObject({ step: 'kept', final: true });
    // The coin is offered to Bob once more; only then the operator's first answer arrives.
    await step(alice, invited, { input: { contract: id } });
    await refused(() => step(alice, late), 'state-moved-on', alice);
  });

  it.each<[string, (record: Message) => object]>([
    ['an owner more', (r) => ({ entries: [...r['entries'], { ...r['entries'][0], locktime: 1900 }] })],
    ['another first owner', (r) => ({ entries: [{ ...r['entries'][0], address: P2WPKH }] })],
    ['another outpoint', (r) => ({ coin: { ...r['coin'], outpoint: { ...r['coin'].outpoint, vout: 7 } } })],
  ])('on a history that is not its own: %s', async (_, change) => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const open = (await transferMessages(operator, alice, bob, id, 'opened'))[2]!;
    const evil = await EvilOperator.of(operator, id);
    const { signature: __, ...record } = open['record'];
    const signed = await evil.statement('record', { ...record, ...change(record) });
    await refused(async () => step(alice, await evil.say({ ...open, record: signed })), 'bad-record', alice);
  });

  it('where the operator has signed something else, or is frozen for another', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const open = (await transferMessages(operator, alice, bob, id, 'opened'))[2]!;
    const evil = await EvilOperator.of(operator, id);
    const { signature: __, ...record } = open['record'];
    const saying = async (change: object) =>
      evil.say({ ...open, record: await evil.statement('record', { ...record, ...change }) });
    const signed = [...record.signed, { kind: 'backup', sighash: 'ab'.repeat(32) }];
    await refused(async () => step(alice, await saying({ signed, count: 2 })), 'sighash-unknown', alice);
    const opening = { ...record.opening, owner_pubkey: bytesToHex(publicKey(toBytes(9n))) };
    await refused(async () => step(alice, await saying({ opening })), 'stale-record', alice);
    await refused(async () => step(alice, await saying({ state: 'open', opening: null })), 'stale-record', alice);
  });
});

describe('the operator', () => {
  it('freezes no coin for an address at which it would be dust', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const policy = { ...POLICY, min_amount_sat: 300n };
    const id = (await openMessages(all, { amount: 330n, policy }))[3]!['coin'].id as string;
    const said = await transferMessages(operator, alice, bob, id, 'offered');
    // P2PKH: 546 sat are the least.
    const invite = { ...said[1]!['invite'], address: 'mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn' };
    const dust = await sealedAs(alice, said[1]!, { invite });
    await refused(() => step(operator, dust), 'below-dust', operator);
    expect((await audit(operator, id))['state']).toBe('open');
    expect((await step(operator, said[1])).message['step']).toBe('opened');
  });
});

describe('receiver and operator have the same deadline', () => {
  /** The next backup is final at 1900; the margin is 20 blocks. */
  it.each([
    [1880, true],
    [1881, false],
  ])('to move, at height %i: %s', async (height, moves) => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const coin = await coinOf(operator, id);
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    tip(all, height);
    const { signature: _, ...record } = said[3]!['record'];
    const evil = await EvilOperator.of(operator, id);
    const fresh = await evil.statement('record', { ...record, height });
    const changed = await sealedAs(alice, said[3]!, { record: fresh });
    const sent = await withM1(alice, changed, await m1Of(bob, said[3]!));
    if (!moves) {
      await refused(() => step(bob, sent), 'expired', bob);
      tip(all, 1000);
      const early = await step(bob, said[3]);
      tip(all, height);
      return void (await refused(() => step(operator, early.message), 'expired', operator));
    }
    show(all, coin);
    const moved = await step(operator, (await step(bob, sent)).message);
    const owned = await step(bob, moved.message);
    expect([owned.exit, owned.message['checks'].payment]).toEqual([0, 'final']);
  });

  it('and after the move the receiver counts nothing as payment past it', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    show(all, await coinOf(operator, id));
    const said = await transferMessages(operator, alice, bob, id, 'moved');
    tip(all, 1881);
    const owned = await step(bob, said[5]);
    expect([owned.exit, owned.message['checks'].payment]).toEqual([3, 'late']);
  });
});
