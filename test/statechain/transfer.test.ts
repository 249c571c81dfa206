/** A transfer, step by step: what each party checks before it gives anything away, and what it refuses. */
import { describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { N, mod, toBytes, toNumber } from '../../src/lib/signing/curve.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { exitStatechain } from '../../src/lib/statechain/exit.ts';
import { evenKey } from '../../src/lib/signing/sealed-field.ts';
import { openIn, sealIn } from '../../src/lib/statechain/transfer-messages.ts';
import type { OperatorRecord, OwnerRecord } from '../../src/lib/statechain/records.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import {
  audit,
  coinOf,
  opened,
  operatorKey,
  show,
  tip,
  transferMessages,
  withdrawMessages,
} from '../support/statechain.ts';
import type { Message } from '../support/party.ts';
import { m1Of, parties, refused, sealedAs, stateOf, step, withM1, withM2 } from './helpers.ts';

describe('three owners', () => {
  it('the coin moves without a transaction, each backup a step before the one of the owner before', async () => {
    const all = await parties();
    const id = await opened(all);
    const first = (await transferMessages(all.operator, all.alice, all.bob, id)).at(-1)!;
    const second = (await transferMessages(all.operator, all.bob, all.carol, id)).at(-1)!;
    expect([first['valid_from_height'], second['valid_from_height']]).toEqual([1901, 1801]);
    expect([first['confirm_before_height'], second['confirm_before_height']]).toEqual([2000, 1900]);
    expect(second).toMatchObject({ owners: 3, remaining_blocks: 800 });
    expect([await stateOf(all.alice, id), await stateOf(all.bob, id), await stateOf(all.carol, id)]).toEqual([
      'sent',
      'sent',
      'owned',
    ]);
    const record = await audit(all.operator, id);
    expect([record['count'], record['signed'].length, record['state']]).toEqual([3, 3, 'open']);
    // Back to Alice, in whose home the old record still says `sent`.
    await transferMessages(all.operator, all.carol, all.alice, id);
    expect(await stateOf(all.alice, id)).toBe('owned');
    expect((await all.alice.home.store.list('statecoin')).map((r) => r.state)).toEqual(['gone', 'owned']);
  });

  it('a home may renew its own keys', async () => {
    const all = await parties();
    const id = await opened(all);
    const owned = (await transferMessages(all.operator, all.alice, all.alice, id)).at(-1)!;
    expect(owned['owners']).toBe(2);
    expect((await all.alice.home.store.list('statecoin')).map((r) => r.state)).toEqual(['gone', 'owned']);
    await withdrawMessages(all.operator, all.alice, id);
  });
});

describe('the operator', () => {
  it('freezes for one transfer at a time, and neither withdraws nor opens another meanwhile', async () => {
    const all = await parties();
    const { operator, alice, bob, carol } = all;
    const id = await opened(all);
    const key = await operatorKey(operator);
    const invites = [];
    for (const who of [bob, carol])
      invites.push((await step(who, undefined, { input: { as: 'receiver', operator: key } })).message);
    const toBob = (await step(alice, invites[0], { input: { contract: id } })).message;
    const requested = await alice
      .run(withdrawStatechain, { input: { contract: id } })
      .catch((e: { code: string }) => e.code);
    expect(requested).toBe('coin-frozen');
    await expect(step(alice, invites[1], { input: { contract: id } })).rejects.toMatchObject({
      code: 'wrong-state',
      hint: expect.stringContaining('--contract ID --cancel') as string, // the offer itself may be lost in a pipe
    });
    await step(operator, toBob);
    // Alice takes her offer back without telling, and offers the coin to Carol: two transfers of one coin.
    await step(alice, undefined, { input: { contract: id }, cancel: true });
    const toCarol = (await step(alice, invites[1], { input: { contract: id } })).message;
    await refused(() => step(operator, toCarol), 'coin-frozen', operator);
    await step(alice, undefined, { input: { contract: id }, cancel: true });
    const leaves = (await alice.run(withdrawStatechain, { input: { contract: id } })).message;
    await refused(() => operator.run(withdrawStatechain, { on: leaves }), 'coin-frozen', operator);
  });

  it('takes no key that was seen before, is its own, or is no point', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'offered');
    const record = (await coinOf(operator, id)) as OperatorRecord;
    const { pubkey } = said[1]!['invite'];
    const other = (key: string) => (key.startsWith('02') ? '03' : '02') + key.slice(2);
    const first = record.entries[0]!;
    for (const bad of [
      first.operator_pubkey,
      first.owner_pubkey,
      other(first.owner_pubkey),
      '02' + 'ff'.repeat(32),
      `02${record.terms.operator}`,
      `03${first.owner_auth}`,
    ]) {
      const offered = await sealedAs(alice, said[1]!, { invite: { ...said[1]!['invite'], pubkey: bad } });
      await refused(() => step(operator, offered), 'key-rejected', operator);
    }
    const bad = await sealedAs(alice, said[1]!, { invite: { ...said[1]!['invite'], auth: 'ff'.repeat(32) } });
    await refused(() => step(operator, bad), 'key-rejected', operator);
    const nowhere = await sealedAs(alice, said[1]!, { invite: { ...said[1]!['invite'], address: 'nowhere' } });
    await refused(() => step(operator, nowhere), 'malformed-address', operator);
    // Cancelled keys do not come back either.
    const open = (await step(operator, said[1])).message;
    await step(operator, open, { cancel: true });
    await step(alice, open, { cancel: true });
    const again = await sealedAs(alice, said[1]!, { invite: { ...said[1]!['invite'], address: first.address } });
    await refused(() => step(operator, again), 'key-rejected', operator);
    expect(pubkey).toMatch(/^0[23]/);
  });

  it('moves once, on the count that was checked, and never on a wrong half or nonce: the old share stays', async () => {
    const all = await parties();
    const { operator, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, all.alice, bob, id, 'received');
    const received = said[4]!;
    const frozen = (await coinOf(operator, id)) as OperatorRecord & { frozen: { share: string } };
    const drawn = (await operator.home.shares.read([frozen.frozen.share])).get(frozen.frozen.share)!;
    const m2 = openIn('m2', received, received['m2'], drawn.slice(64), 'receiver');
    const wrong: [Message, string][] = [
      [await withM2(bob, received, toBytes(mod(toNumber(m2) + 1n))), 'm2-mismatch'],
      [await withM2(bob, received, toBytes(N)), 'scalar-range'],
      [await withM2(bob, received, toBytes(toNumber(m2) + N < 2n ** 256n ? toNumber(m2) + N : N + 5n)), 'scalar-range'],
      [await sealedAs(bob, received, { m2: { ...received['m2'], sealed: '00'.repeat(48) } }), 'sealed-unreadable'],
      [await sealedAs(bob, received, { m2: null }), 'sealed-unreadable'],
      [await sealedAs(bob, received, { expected_count: 2 }), 'count-moved'],
      [await sealedAs(bob, received, { expected_count: 0 }), 'count-moved'],
      [await sealedAs(bob, received, { transfer_signature: '11'.repeat(64) }), 'transfer-signature'],
      [
        await sealedAs(bob, received, {
          opening: { ...received['opening'], operator_pubkey: said[0]!['invite'].pubkey },
        }),
        'stale-record',
      ],
    ];
    for (const [m, code] of wrong) await refused(() => step(operator, m), code as never, operator);
    const names = [frozen.share!, frozen.frozen.share];
    expect([...(await operator.home.shares.read(names)).keys()]).toEqual(names);
    tip(all, 1881); // 19 blocks are left of the new backup's 1900, the margin is 20
    await refused(() => step(operator, received), 'expired', operator);
    tip(all, 1000);
    const moved = await step(operator, received);
    expect((await step(operator, received)).text).toBe(moved.text);
    expect([...(await operator.home.shares.read(names)).keys()]).toEqual([]);
  });

  it('a sender that asks for one more signature between check and move gets none', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'received');
    await step(alice, said[3], { cancel: true });
    const leaves = (await alice.run(withdrawStatechain, { input: { contract: id } })).message;
    await refused(() => operator.run(withdrawStatechain, { on: leaves }), 'coin-frozen', operator);
    await step(operator, said[4]);
    // After the move she is no owner any more.
    await refused(() => operator.run(withdrawStatechain, { on: leaves }), 'bad-seal', operator);
  });

  it('opens nothing too near to the lock, without a height, or for a coin that is not there', async () => {
    const all = await parties();
    const id = await opened(all);
    const said = await transferMessages(all.operator, all.alice, all.bob, id, 'offered');
    const coin = await coinOf(all.operator, id);
    tip(all, 1851); // the new backup is final at 1900; 50 blocks are the least
    await refused(() => step(all.operator, said[1]), 'expired', all.operator);
    tip(all, 'not-checked');
    await refused(() => step(all.operator, said[1]), 'tip-required', all.operator);
    tip(all, 1850);
    show(all, coin, 'missing');
    await refused(() => step(all.operator, said[1]), 'funding-missing', all.operator);
    show(all, coin);
    expect((await step(all.operator, said[1])).message['checks']).toMatchObject({ coins: 'confirmed' });
  });

  it('a closed coin is closed', async () => {
    const all = await parties();
    const id = await opened(all);
    const said = await transferMessages(all.operator, all.alice, all.bob, id, 'offered');
    await step(all.alice, undefined, { input: { contract: id }, cancel: true });
    await withdrawMessages(all.operator, all.alice, id);
    await refused(() => step(all.operator, said[1]), 'coin-closed', all.operator);
  });
});

describe('the sender', () => {
  it('sends nothing to another operator, on a wrong x, or for an opening that is not its last', async () => {
    const all = await parties();
    const { operator, alice, bob, carol } = all;
    const id = await opened(all);
    const strange = await step(bob, undefined, { input: { as: 'receiver', operator: 'ab'.repeat(32) } });
    await refused(() => step(alice, strange.message, { input: { contract: id } }), 'operator-differs', alice);
    const said = await transferMessages(operator, alice, bob, id, 'opened');
    const open = said[2]!;
    const swapped = { ...open['opening'], x_pubkey: open['opening'].one_time_pubkey };
    await refused(async () => step(alice, await sealedAs(operator, open, { opening: swapped })), 'stale-record', alice);
    await refused(
      async () => step(alice, await sealedAs(operator, open, { x: '00'.repeat(48) })),
      'sealed-unreadable',
      alice,
    );
    const record = { ...open['record'], count: 2 };
    await refused(async () => step(alice, await sealedAs(operator, open, { record })), 'bad-record', alice);
    await step(alice, undefined, { input: { contract: id }, cancel: true });
    await refused(() => step(alice, open), 'wrong-state', alice);
    await step(
      alice,
      (await step(carol, undefined, { input: { as: 'receiver', operator: await operatorKey(operator) } })).message,
      {
        input: { contract: id },
      },
    );
    await refused(() => step(alice, open), 'state-moved-on', alice);
  });

  it('an x that is not behind X, sealed by the operator itself, is refused', async () => {
    const all = await parties();
    const id = await opened(all);
    const open = (await transferMessages(all.operator, all.alice, all.bob, id, 'opened'))[2]!;
    const record = (await coinOf(all.operator, id)) as OperatorRecord & { frozen: { share: string } };
    const drawn = (await all.operator.home.shares.read([record.frozen.share])).get(record.frozen.share)!;
    const { x: _, auth: __, checks: ___, ...rest } = open;
    const sealing = (x: Uint8Array) => sealIn('x', rest, x, drawn.slice(64), evenKey(record.entries[0]!.owner_auth));
    const other = await sealedAs(all.operator, open, { x: sealing(toBytes(5n)) });
    await refused(() => step(all.alice, other), 'x-mismatch', all.alice);
    const zero = await sealedAs(all.operator, open, { x: sealing(toBytes(0n)) });
    await refused(() => step(all.alice, zero), 'scalar-range', all.alice);
    const same = await sealedAs(all.operator, open, { x: sealing(drawn.slice(32, 64)) });
    expect((await step(all.alice, same)).message['step']).toBe('sent');
  });

  it('without --contract it hears what is missing; with it somebody else’s coin is unknown', async () => {
    const all = await parties();
    const id = await opened(all);
    const invited = await step(all.bob, undefined, {
      input: { as: 'receiver', operator: await operatorKey(all.operator) },
    });
    await refused(() => step(all.alice, invited.message), 'usage', all.alice);
    await refused(() => step(all.carol, invited.message, { input: { contract: id } }), 'unknown-contract', all.carol);
    await refused(() => step(all.bob, invited.message), 'not-your-turn', all.bob);
  });
});

describe('the receiver', () => {
  it('answers no transfer that is not for its keys, its operator, or whose m1 does not fit', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    const sent = said[3]!;
    const m1 = await m1Of(bob, sent);
    const wrong: [Message, string][] = [
      [await withM1(alice, sent, toBytes(mod(toNumber(m1) + 1n))), 'm1-mismatch'],
      [await withM1(alice, sent, toBytes(N)), 'scalar-range'],
      [await withM1(alice, sent, toBytes(0n)), 'm1-mismatch'],
      [await sealedAs(alice, sent, { m1: { ...sent['m1'], sealed: '00'.repeat(48) } }), 'sealed-unreadable'],
      [await sealedAs(alice, sent, { invite: { ...sent['invite'], auth: 'ab'.repeat(32) } }), 'not-mine'],
      [await sealedAs(alice, sent, { transfer_signature: '22'.repeat(64) }), 'transfer-signature'],
      [await sealedAs(alice, sent, { backups: [] }), 'malformed-message'],
      [await sealedAs(alice, sent, { backups: [...sent['backups'], sent['backups'][0]] }), 'chain-duplicate'],
    ];
    for (const [m, code] of wrong) await refused(() => step(bob, m), code as never, bob);
    tip(all, 'not-checked');
    await refused(() => step(bob, sent), 'tip-required', bob);
    tip(all, 1881); // its own backup would be final in 19 blocks
    await refused(() => step(bob, sent), 'expired', bob);
    tip(all, 1145);
    await refused(() => step(bob, sent), 'stale-record', bob);
    tip(all, 1000);
    await refused(() => step(bob, sent, { input: { minRemaining: 901 } }), 'expired', bob);
    const other = await sealedAs(alice, sent, { opening: { ...sent['opening'], x_pubkey: sent['invite'].pubkey } });
    await refused(() => step(bob, other), 'stale-record', bob);
    expect((await step(bob, sent)).message['step']).toBe('received');
  });

  it('pins its operator from the invitation on', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const key = await operatorKey(operator);
    const invited = (await step(bob, undefined, { input: { as: 'receiver', operator: '11'.repeat(32) } })).message;
    // A sender that rewrites the invitation for its own operator: Bob has pinned another.
    const secret = await (await import('./helpers.ts')).inviteAuth(bob, invited);
    const { reseal } = await import('../credit/alter.ts');
    const offered = (await step(alice, reseal({ ...invited, operator: key }, secret), { input: { contract: id } }))
      .message;
    const sent = (await step(alice, (await step(operator, offered)).message)).message;
    await refused(() => step(bob, sent), 'operator-differs', bob);
  });

  it('owns nothing on a wrong offset, receipt, record or signature, and its nonce stays', async () => {
    const all = await parties();
    const { operator, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, all.alice, bob, id, 'moved');
    const moved = said[5]!;
    const wrong: [object, string][] = [
      [{ offset: '00'.repeat(32) }, 'keyagg-mismatch'],
      [{ offset: 'ff'.repeat(32) }, 'keyagg-mismatch'],
      [{ receipt: { ...moved['receipt'], count: 3 } }, 'bad-receipt'],
      [{ receipt: { ...moved['receipt'], signature: '33'.repeat(64) } }, 'bad-receipt'],
      [{ record: { ...moved['record'], count: 3 } }, 'bad-record'],
      [{ opening: { ...moved['opening'], operator_pubkey: bytesToHex(publicKey(toBytes(9n))) } }, 'state-moved-on'],
      [{ invite: { ...moved['invite'], address: 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080' } }, 'not-mine'],
    ];
    for (const [change, code] of wrong)
      await refused(async () => step(bob, await sealedAs(operator, moved, change)), code as never, bob);
    // A record that counts one more, truly signed by the operator.
    const { signStatement } = await import('../../src/lib/statechain/statements.ts');
    const key = (await operator.home.keys()).auth([0, 0, 0, 0]);
    const { signature: _, ...record } = moved['record'];
    const extra = { ...record, count: 3, signed: [...record.signed, { kind: 'backup', sighash: 'ab'.repeat(32) }] };
    const lying = { record: { ...extra, signature: signStatement('record', extra, key) } };
    await refused(async () => step(bob, await sealedAs(operator, moved, lying)), 'signature-count', bob);
    const frozen = { ...record, state: 'closed' };
    const closed = { record: { ...frozen, signature: signStatement('record', frozen, key) } };
    await refused(async () => step(bob, await sealedAs(operator, moved, closed)), 'bad-record', bob);
    const owned = await step(bob, moved);
    const backup = ((await coinOf(bob, id)) as OwnerRecord).backups.at(-1);
    expect(owned.message['hex']).toBe(backup);
  });

  it('that owns the coin has finished its backup: no other answer is taken for it, in a move that is true otherwise', async () => {
    const all = await parties();
    const { operator, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, all.alice, bob, id, 'moved');
    const [received, moved] = [said[4]!, said[5]!];
    const owned = await step(bob, moved);
    const on = await sealedAs(operator, moved, { psbt: { ...moved['psbt'], backup: received['psbt'].backup } });
    const { blame } = await refused(() => step(bob, on), 'nonce-consumed', bob);
    expect(blame).toBe('operator');
    expect((await step(bob, moved)).text).toBe(owned.text);
  });

  it('that never finishes keeps nobody: the sender exits, and the operator can free the coin', async () => {
    const all = await parties();
    const id = await opened(all);
    const said = await transferMessages(all.operator, all.alice, all.bob, id, 'sent');
    const freed = await step(all.operator, said[3], { cancel: true });
    expect((await step(all.alice, freed.message)).message).toMatchObject({ step: 'kept', final: false });
    tip(all, 2000);
    expect((await all.alice.run(exitStatechain, { input: { contract: id } })).message['verdict']).toBe('due');
  });

  it('an invitation can be taken back; nothing else without the operator', async () => {
    const all = await parties();
    const invited = await step(all.bob, undefined, {
      input: { as: 'receiver', operator: await operatorKey(all.operator) },
    });
    const cancelled = await step(all.bob, invited.message, { cancel: true });
    expect((await step(all.bob, invited.message, { cancel: true })).text).toBe(cancelled.text);
    const id = await opened(all);
    await transferMessages(all.operator, all.alice, all.bob, id);
    await refused(
      () => step(all.operator, undefined, { input: { contract: id }, cancel: true }),
      'too-late-to-cancel',
      all.operator,
    );
  });
});
