/** Bounds of statecoins: openings, locks, steps, what `owned` rests on, bundles, withdrawals that were asked for twice, and names. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { refusal } from '../support/refusal.ts';
import { plainCommit, writeOf } from '../../src/lib/home/change.ts';
import type { Network } from '../../src/lib/bitcoin/network.ts';
import { scriptOf } from '../../src/lib/bitcoin/address.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { DUST_LIMITS } from '../../src/lib/bitcoin/script.ts';
import type { Facts } from '../../src/lib/protocol/action.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { FORM_LIMITS, parseAs } from '../../src/lib/protocol/message.ts';
import { printJson } from '../../src/lib/protocol/json.ts';
import { exitStatechain, parseBundle } from '../../src/lib/statechain/exit.ts';
import { checkOffered } from '../../src/lib/statechain/opening.ts';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import { statecoinKind, type OperatorRecord, type OwnerRecord } from '../../src/lib/statechain/records.ts';
import { statechainStatus } from '../../src/lib/statechain/status.ts';
import { bundleEntries, BUNDLE_LIMITS } from '../../src/lib/statechain/backup.ts';
import { checkChain, HISTORY_LIMITS, refuseFindings } from '../../src/lib/statechain/history.ts';
import { MOVE_LIMITS } from '../../src/lib/statechain/move.ts';
import { recordSchema, STATEMENT_LIMITS } from '../../src/lib/statechain/statements.ts';
import {
  checkLock,
  checkPolicy,
  checkStep,
  checkTermsWithin,
  defaultPolicy,
  offerSchema,
  spentCoin,
  STATECOIN_LIMITS,
  termsFrom,
  type Policy,
  type Terms,
} from '../../src/lib/statechain/terms.ts';
import { readable, TRANSFER_LIMITS } from '../../src/lib/statechain/transfer-messages.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { ownCoin } from '../support/credit.ts';
import { EvilOperator } from '../support/evil-operator.ts';
import { honest } from '../support/histories.ts';
import { limits, unchanged } from '../support/limits.ts';
import type { Message, TestParty } from '../support/party.ts';
import { audit, coinOf, opened, POLICY, show, tip, transferMessages, withdrawMessages } from '../support/statechain.ts';
import { TOWER_LIMITS, watchedBundle } from '../../src/lib/statechain/tower.ts';
import { STATECOIN_WATCH_LIMITS, watchedCoin } from '../../src/lib/statechain/watch.ts';
import { ADDRESSES } from '../credit/things.ts';
import { by, due, FORMER, OWN, ownerOf, scripts, second } from './watching.ts';
import { backUp, parties, refused, restore, sealedAs, stateOf, step } from './helpers.ts';

const operatorRecord = async (operator: TestParty, id: string): Promise<OperatorRecord> =>
  (await coinOf(operator, id)) as OperatorRecord;
const restored = async (party: TestParty, backup: string): Promise<void> => {
  await restore(party, backup);
  await party.home.acceptRestore();
};

/** The statecoin's terms as an owner states them to an operator with `POLICY`, whose tip is 1000. */
const termsWith = (change: Partial<Terms>, network: Network = 'regtest'): Terms => ({
  ...termsFrom(
    network,
    { operator: '01', pubkey: '02', policy: { ...POLICY, step_blocks: 100 } },
    { pubkey: '03', auth: '04', address: '05' },
    50_000n,
    1000,
  ),
  ...change,
});
const malformed = { below: 'malformed-message', above: 'malformed-message' } as const;
const { below: _, ...long } = malformed;
const offered = (change: object) =>
  parseAs(offerSchema, {
    operator: 'ab'.repeat(32),
    pubkey: `02${'cd'.repeat(32)}`,
    policy: { ...POLICY, min_amount_sat: 10_000, max_amount_sat: 20_000, ...change },
  });

describe('what is agreed of a coin', () => {
  const blocks = ['initial_blocks', 'step_blocks', 'margin_blocks', 'min_remaining_blocks'];
  const outside = { below: 'out-of-policy', above: 'out-of-policy' } as const;
  limits(STATECOIN_LIMITS, {
    blocks: blocks.map((name) => ({ takes: (n: number) => offered({ [name]: n }), ...malformed })),
    confirmations: { takes: (n: number) => offered({ min_conf: n }), ...malformed },
    step: (['mainnet', 'signet', 'regtest'] as const).map((network) => ({
      takes: (n: number) => checkStep(termsWith({ step_blocks: n, network })),
      figures: [network],
      ...outside,
    })),
    lock: { takes: (n: number) => checkLock(n), above: 'out-of-policy' },
    // The coin's first lock is at 2000: the backup of owner 1 is valid from 1900 on.
    remaining: [
      { takes: (n: number) => underWay('offered', 1900 - n), figures: [POLICY.min_remaining_blocks], below: 'expired' },
      { takes: (n: number) => underWay('received', 1900 - n), figures: [POLICY.margin_blocks], below: 'expired' },
    ],
    amount: {
      takes: (n: bigint) => checkTermsWithin(termsWith({ amount_sat: n }), POLICY, 1000),
      figures: [POLICY],
      ...outside,
    },
    // With the lowest initial lock that a policy may have, what a transfer needs is above what the margin leaves.
    locktime: [POLICY, { ...POLICY, initial_blocks: POLICY.step_blocks + POLICY.min_remaining_blocks }].map(
      (policy) => ({
        takes: (n: number) => checkTermsWithin(termsWith({ locktime: n }), policy, 1000),
        figures: [policy, 1000],
        ...outside,
      }),
    ),
  });

  /** The operator takes this message of a transfer at that height. */
  async function underWay(until: 'offered' | 'received', height: number): Promise<unknown> {
    const all = await parties();
    const { operator, alice, bob } = all;
    const said = await transferMessages(operator, alice, bob, await opened(all), until);
    tip(all, height);
    return unchanged([operator], () => step(operator, said.at(-1)));
  }

  it('a step that is too short is refused in a policy and in an offer too', () => {
    const short = { ...defaultPolicy('mainnet'), step_blocks: 35 };
    expect(refusal(() => checkPolicy(short, 'mainnet')).code).toBe('usage');
    expect(refusal(() => checkPolicy(short, 'signet', 'operator')).code).toBe('malformed-message');
    expect(checkPolicy(short, 'regtest')).toBe(short);
    expect(checkPolicy({ ...short, step_blocks: 36 }, 'mainnet').step_blocks).toBe(36);
  });

  it('no height lies where nLockTime means a time', () => {
    const policy = { ...POLICY, initial_blocks: 1_000 };
    const at = (locktime: number) => checkTermsWithin(termsWith({ locktime }), policy, locktime - 1_000);
    expect(at(499_999_999)).toBeUndefined();
    expect(refusal(() => at(500_000_000)).code).toBe('out-of-policy');
  });
});

describe('a history', () => {
  const { coin, record } = honest(2);
  const last = record.entries.at(-1)!.locktime;
  const at = outpointText(coin.outpoint);
  const check = (facts: Partial<Facts>, least = 0, confirmations?: number, height = record.height) => {
    const seen = { tip: 'not-checked', coins: 'not-checked', ...facts } as const;
    refuseFindings(checkChain({ coin, record: { ...record, height } }, seen, least, confirmations), 'sender');
  };
  limits(HISTORY_LIMITS, {
    age: [
      { takes: (n: number) => check({ tip: record.height + n }), above: 'stale-record' },
      { takes: (n: number) => check({ tip: record.height - n }), above: 'stale-record' },
    ],
    remaining: {
      takes: (n: number) => check({ tip: last - n }, 500, 0, last - 500),
      figures: [500],
      below: 'expired',
    },
    depth: [
      [1, 0],
      [1, 9],
    ].map(([agreed, asked]) => ({
      takes: (confirmations: number) =>
        check({ coins: new Map([[at, { ...spentCoin(coin), confirmations, coinbase: false }]]) }, 0, asked),
      figures: [agreed, asked],
      below: 'funding-unconfirmed' as const,
    })),
  });
});

describe('openings of one owner', () => {
  limits(MOVE_LIMITS, {
    openings: {
      async takes(n: number) {
        const all = await parties();
        const { operator, alice, bob } = all;
        const id = await opened(all);
        const record = await operatorRecord(operator, id);
        const key = (k: number) => `02${String(k).padStart(64, '0')}`;
        const cancelled = Array.from({ length: n - 1 }, (_, k) => ({
          operator_pubkey: key(k),
          owner_pubkey: key(k + 100),
          owner_auth: key(k).slice(2),
          owners: 1,
          declined: null,
        }));
        const { found } = await operator.home.store.load([idClaim(id)]);
        const write = writeOf(statecoinKind, { ...record, cancelled }, idClaim(id), found.get(idClaim(id))!.rev);
        await operator.home.store.commit(plainCommit({ reads: [], writes: [write] }));
        const said = await transferMessages(operator, alice, bob, id, 'offered');
        await unchanged([operator], () => step(operator, said[1]));
        expect(await stateOf(operator, id)).toBe('frozen');
      },
      above: 'too-many-openings',
    },
  });
});

describe('statements and messages', () => {
  const { record } = honest(1);
  const plain = JSON.parse(printJson(record)) as Record<string, unknown[]>;
  const stated = (change: object) => parseAs(recordSchema, { ...plain, ...change });
  const many = (what: unknown, n: number) => Array<unknown>(n).fill(what);
  const given = {
    operator_pubkey: `02${'ab'.repeat(32)}`,
    owner_pubkey: `02${'cd'.repeat(32)}`,
    owner_auth: 'ef'.repeat(32),
    owners: 1,
    declined: null,
  };
  limits(STATEMENT_LIMITS, {
    count: { takes: (n: number) => stated({ count: n }), ...malformed },
    owners: { takes: (n: number) => stated({ entries: many(plain['entries']![0], n) }), ...malformed },
    signed: { takes: (n: number) => stated({ signed: many(plain['signed']![0], n) }), ...long },
    cancelled: { takes: (n: number) => stated({ cancelled: many(given, n) }), ...long },
  });
  limits(BUNDLE_LIMITS, {
    owners: { takes: (n: number) => parseAs(bundleEntries.owners, n), ...malformed },
    index: { takes: (n: number) => parseAs(bundleEntries.path, { chain: 0, index: n }), ...malformed },
  });
  limits(TRANSFER_LIMITS, {
    message: {
      takes(n: number) {
        const made = (length: number) => ({ backups: ['0'.repeat(length)] });
        readable(made(n - printJson(made(0)).length));
      },
      above: 'too-large',
    },
  });
  it('what is sent is read: seal, envelope and checks fit into what is left', () => {
    expect(FORM_LIMITS.message.most - TRANSFER_LIMITS.message.most).toBe(1_000);
  });
});

describe('what is answered must be readable', () => {
  it('statements carry the openings of the present owner alone', async () => {
    const all = await parties();
    const { operator, alice, bob, carol } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'opened');
    await step(alice, (await step(operator, (await step(alice, said[2], { cancel: true })).message)).message);
    expect(((await audit(operator, id))['cancelled'] as unknown[]).length).toBe(1);
    await transferMessages(operator, alice, carol, id);
    expect((await audit(operator, id))['cancelled']).toEqual([]);
    expect((await operatorRecord(operator, id)).cancelled).toHaveLength(1);
  });
});

describe('names of families never meet', () => {
  it('a coin that is being received holds its id under a name that no other family uses', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    await transferMessages(operator, alice, bob, id, 'received');
    const { found } = await bob.home.store.load([`coin-id:${id}`, `id:${id}`]);
    expect([...found.keys()]).toEqual([`coin-id:${id}`]);
    // A second transfer of the coin waits until the first is declined.
    await bob.run((await import('../../src/lib/statechain/transfer.ts')).transferStatechain, {
      cancel: true,
      over: `coin-id:${id}`,
    });
    expect((await bob.home.store.load([`coin-id:${id}`])).found.size).toBe(0);
  });

  it('an operator reserves nothing for an outpoint that an owner states', async () => {
    const all = await parties();
    const id = await opened(all);
    const { txid, vout } = (await operatorRecord(all.operator, id)).outpoint;
    const { found } = await all.operator.home.store.load([`coin:${txid}:${vout}`, `funding:${txid}:${vout}`]);
    expect([...found.keys()]).toEqual([]);
  });
});

describe('least terms', () => {
  /** Satoshis in the first two, blocks in the others. */
  it.each<[string, Partial<Policy>[], Partial<Policy>]>([
    ['amounts', [{ max_amount_sat: 20_000n }, { max_amount_sat: 20_001n }], { max_amount_sat: 19_999n }],
    ['room for a transfer', [{ initial_blocks: 150 }, { initial_blocks: 151 }], { initial_blocks: 149 }],
    ['margin', [{ margin_blocks: 50 }, { margin_blocks: 49 }], { margin_blocks: 51 }],
  ])('a policy contradicts itself one past the edge: %s', (_, right, wrong) => {
    const policy = { ...POLICY, min_amount_sat: 20_000n };
    for (const change of right) expect(checkPolicy({ ...policy, ...change }, 'regtest')).toMatchObject(change);
    expect(refusal(() => checkPolicy({ ...policy, ...wrong }, 'regtest')).code).toBe('usage');
  });

  it('--min-conf and --min-remaining of the receiver hold again at `owned`', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const coin = await coinOf(operator, id);
    show(all, coin, { confirmations: 9 });
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    await refused(() => step(bob, said[3], { input: { minConf: 10 } }), 'funding-unconfirmed', bob);
    const received = await step(bob, said[3], { input: { minConf: 9, minRemaining: 800 } });
    const moved = (await step(operator, received.message)).message;
    show(all, coin, { confirmations: 8 });
    await refused(() => step(bob, moved), 'funding-unconfirmed', bob);
    show(all, coin, { confirmations: 9 });
    tip(all, 1101); // valid from 1900 on
    const owned = await step(bob, moved);
    expect([owned.exit, owned.message['checks'].payment]).toEqual([3, 'late']);
  });

  it.each<[string, object, number, unknown]>([
    ['too near to its height', { confirmations: 9 }, 1101, [3, 'late']],
    ['not deep enough', { confirmations: 8 }, 1000, 'funding-unconfirmed'],
  ])('and at a second `moved`, of the same meaning: a coin %s', async (_, coin, height, expected) => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const shown = await coinOf(operator, id);
    show(all, shown, { confirmations: 9 });
    const said = await transferMessages(operator, alice, bob, id, 'sent');
    const received = await step(bob, said[3], { input: { minConf: 9, minRemaining: 800 } });
    const moved = (await step(operator, received.message)).message;
    await step(bob, moved);
    show(all, shown, coin);
    tip(all, height);
    const evil = await EvilOperator.of(operator, id);
    const { signature: __, ...record } = moved['record'];
    const again = await evil.say({ ...moved, record: await evil.statement('record', { ...record, height: 1001 }) });
    const second = () => step(bob, again);
    if (typeof expected === 'string') return void (await refused(second, expected as 'funding-unconfirmed', bob));
    const { exit, message } = await second();
    expect([exit, message['checks'].payment]).toEqual(expected);
  });

  it.each([true, false])(
    '`owned` without a look at the chain exits 3, or 0 with --unchecked (%s)',
    async (unchecked) => {
      const all = await parties();
      const id = await opened(all);
      const said = await transferMessages(all.operator, all.alice, all.bob, id, 'moved');
      const owned = await step(all.bob, said[5], { input: unchecked ? { unchecked } : {} });
      expect([owned.exit, owned.message['checks'].payment]).toEqual(unchecked ? [0, 'final'] : [3, 'not-checked']);
      if (!unchecked) expect(owned.hint).toMatch(/do not count this as payment/);
      // What was not looked at is asked anew, whatever was answered before.
      for (const flag of [!unchecked, unchecked]) {
        const again = await step(all.bob, said[5], { input: flag ? { unchecked: true } : {} });
        expect([again.exit, again.message['hex']]).toEqual([flag ? 0 : 3, owned.message['hex']]);
      }
    },
  );

  it('an operator whose share is missing refuses the freeze', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    const said = await transferMessages(operator, alice, bob, id, 'offered');
    const dir = `${operator.dir}.shares`;
    for (const file of readdirSync(dir).filter((name) => name.endsWith('.share'))) rmSync(join(dir, file));
    await refused(() => step(operator, said[1]), 'share-missing', operator);
    expect(await stateOf(operator, id)).toBe('open');
  });

  it('txid and heights of a bundle follow from its transaction and terms, and its path leads to its address', async () => {
    const all = await parties();
    const { operator, alice, bob, carol } = all;
    const id = await opened(all);
    const owned = (await transferMessages(operator, alice, bob, id)).at(-1)!;
    tip(all, 2000);
    const run = (change: object, who = bob) =>
      who.run(exitStatechain, { input: { from: parseBundle({ ...owned, ...change }) } });
    for (const lie of [
      { txid: 'ab'.repeat(32) },
      { confirm_before_height: null },
      { confirm_before_height: 5_000 },
      { owners: 1 },
    ])
      await refused(() => run(lie), 'owners' in lie ? 'transaction-differs' : 'terms-differ', bob);
    await refused(() => run({ owners: 77 }), 'terms-differ', bob);
    expect((await run({})).message['verdict']).toBe('late');
    // In a home to which the path does not lead nothing is signed.
    const foreign = await run({ path: { chain: 0, index: 0 } }, carol);
    expect([foreign.exit, foreign.message['package']]).toEqual([3, undefined]);
  });

  // Nobody signs for a coin that could not be paid out to the address of its owner, or of the next one.
  const cheap = { ...POLICY, min_amount_sat: 1n };
  limits(DUST_LIMITS, {
    output: [
      {
        async takes(amount: bigint) {
          const all = await parties();
          const { operator, alice } = all;
          const offered = await operator.run(openStatechain, { input: { as: 'operator', policy: cheap } });
          const input = { utxo: [await ownCoin(alice, 2_000_000n)], amount };
          await unchanged([alice], () => alice.run(openStatechain, { on: offered.message, input }));
        },
        figures: [scriptOf(ADDRESSES.p2tr, 'regtest')],
        below: 'below-dust',
      },
      {
        takes(amount_sat: bigint) {
          const terms = termsWith({ owner_address: ADDRESSES.p2pkh, amount_sat });
          checkOffered({ operator: terms.operator, pubkey: terms.operator_pubkey, policy: cheap }, terms, 1000);
        },
        figures: [scriptOf(ADDRESSES.p2pkh, 'regtest')],
        below: 'below-dust',
      },
      {
        async takes(amount: bigint) {
          const all = await parties();
          const { operator, alice, bob } = all;
          const coin = await opened(all, { amount, policy: cheap });
          const said = (await transferMessages(operator, alice, bob, coin, 'offered'))[1]!;
          const invite = { ...said['invite'], address: ADDRESSES.p2pkh };
          const moved = await sealedAs(alice, said, { invite });
          await unchanged([operator], () => step(operator, moved));
        },
        figures: [scriptOf(ADDRESSES.p2pkh, 'regtest')],
        below: 'below-dust',
      },
    ],
  });

  /** Satoshis that a withdrawal leaves, to a P2TR address: 330 are the least. */
  it.each([
    [329n, false],
    [330n, true],
    [331n, true],
  ])('a withdrawal leaves %i sat: %s', async (left, made) => {
    const all = await parties();
    const contract = await opened(all, { amount: 10_000n });
    const input = { contract, fee: 10_000n - left, allowFee: true };
    const run = () => all.alice.run(withdrawStatechain, { input });
    if (!made) return void (await refused(run, 'below-dust', all.alice));
    const signed = await all.operator.run(withdrawStatechain, { on: (await run()).message });
    const { message } = await all.alice.run(withdrawStatechain, { on: signed.message });
    expect(message['amount_sat']).toBe(Number(left));
  });

  it('a withdrawal warns where the backup of the owner before is final', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    await transferMessages(operator, alice, bob, id);
    tip(all, 1999);
    const early = await bob.run(withdrawStatechain, { input: { contract: id } });
    expect(early.hint).toBeUndefined();
    tip(all, 2000);
    const requested = await bob.run(withdrawStatechain, { input: { contract: id } });
    expect(requested.hint).toMatch(/owner before is final/);
    const signed = await operator.run(withdrawStatechain, { on: requested.message });
    expect((await bob.run(withdrawStatechain, { on: signed.message })).hint).toMatch(/owner before is final/);
  });
});

describe('--max-lock caps the wait for the own backup', () => {
  it('of the first owner, with and without own coins, and by default at a year', async () => {
    const all = await parties();
    const { operator, alice } = all;
    const policy = { ...POLICY, initial_blocks: 60_000 };
    const offered = await operator.run(openStatechain, { input: { as: 'operator', policy } });
    const utxo = [await ownCoin(alice, 1_100_000n)];
    for (const input of [{ amount: 500_000n }, { amount: 500_000n, maxLock: 59_999 }, { amount: 500_000n, utxo }])
      await refused(() => alice.run(openStatechain, { on: offered.message, input }), 'out-of-policy', alice);
    const input = { amount: 500_000n, utxo, maxLock: 60_000 };
    expect((await alice.run(openStatechain, { on: offered.message, input })).message['step']).toBe('proposed');
  });
  it('of a receiver', async () => {
    const all = await parties();
    const id = await opened(all);
    const said = await transferMessages(all.operator, all.alice, all.bob, id, 'sent');
    await refused(() => step(all.bob, said[3], { input: { maxLock: 899 } }), 'out-of-policy', all.bob);
    expect((await step(all.bob, said[3], { input: { maxLock: 900 } })).message['step']).toBe('received');
  });
});

describe('every withdrawal that was asked for stays one that can be completed', () => {
  const ask = (alice: TestParty, input: object) => alice.run(withdrawStatechain, { input });

  it('a start while one is under way repeats it, or refuses', async () => {
    const all = await parties();
    const { operator, alice } = all;
    const contract = await opened(all);
    const first = await ask(alice, { contract });
    alice.chain.feerate = 9_000;
    const again = await ask(alice, { contract, to: first.message['address'] });
    expect([again.message['address'], again.message['fee_sat']]).toEqual([
      first.message['address'],
      first.message['fee_sat'],
    ]);
    const to = again.message['coin'].address as string;
    for (const other of [{ fee: 5_000n }, { to }])
      await refused(() => ask(alice, { contract, ...other }), 'wrong-state', alice);
    const signed = await operator.run(withdrawStatechain, { on: again.message });
    expect((await alice.run(withdrawStatechain, { on: signed.message })).message['step']).toBe('complete');
  });

  it.each(['a cancel', 'a restore'] as const)(
    'the one that the operator signed is asked for again after %s',
    async (after) => {
      const all = await parties();
      const { operator, alice } = all;
      const contract = await opened(all);
      const before = backUp(alice);
      const first = (await ask(alice, { contract })).message;
      await operator.run(withdrawStatechain, { on: first });
      if (after === 'a restore') await restored(alice, before);
      else {
        const given = await alice.run(withdrawStatechain, { input: { contract }, cancel: true });
        expect(given.hint).toContain(`--to ${first['address']} --fee ${first['fee_sat']}`);
        expect(((await coinOf(alice, contract)) as OwnerRecord).withdrawals).toHaveLength(1);
      }
      alice.chain.feerate = 9_000;
      const other = await ask(alice, { contract });
      const closed = await refused(
        () => operator.run(withdrawStatechain, { on: other.message }),
        'coin-closed',
        operator,
      );
      expect(closed.hint).toContain(`--to ${first['address']} --fee ${first['fee_sat']}`);
      await alice.run(withdrawStatechain, { input: { contract }, cancel: true });
      const again = await ask(alice, { contract, to: first['address'], fee: BigInt(first['fee_sat']) });
      const signed = await operator.run(withdrawStatechain, { on: again.message });
      expect((await alice.run(withdrawStatechain, { on: signed.message })).message['step']).toBe('complete');
      expect(((await operatorRecord(operator, contract)).signed as unknown[]).length).toBe(2);
    },
  );

  it('a request that is restored is kept, and status says so', async () => {
    const all = await parties();
    const { alice } = all;
    const contract = await opened(all);
    const first = (await ask(alice, { contract })).message;
    await restored(alice, backUp(alice));
    const c = (await coinOf(alice, contract)) as OwnerRecord;
    expect([c.state, c.withdrawals.map(({ address }) => address)]).toEqual(['owned', [first['address']]]);
    const line = statechainStatus(contract, c, { tip: 1000, coins: 'not-checked', feerate: 1000 });
    expect(line.notes.join()).toMatch(/withdrawal was asked for before/);
  });
});

describe('records of one coin are told apart, and the later owner has its id', () => {
  /** Alice has sent the coin to Bob, and has it back; her home dies after that commit and before its line in the journal. */
  async function comeBack(
    all: Awaited<ReturnType<typeof parties>>,
    retry: boolean,
  ): Promise<{ id: string; hex: string }> {
    const { operator, alice, bob } = all;
    const id = await opened(all);
    await transferMessages(operator, alice, bob, id);
    const backup = await alice.backUp();
    const said = await transferMessages(operator, bob, alice, id, 'moved');
    const dies = (label: string): void => {
      if (label === 'after-commit') throw new Error('the process dies');
    };
    if (retry) await step(alice, said[5], { point: dies }).catch(() => undefined);
    const owned = await step(alice, said[5]);
    await alice.lose(backup);
    await alice.home.reconcile(alice.journal());
    return { id, hex: owned.message['hex'] };
  }
  it.each([false, true])(
    'after a loss the newest backup is the one that the id leads to (with a crash: %s)',
    async (crash) => {
      const all = await parties();
      const { id, hex } = await comeBack(all, crash);
      const bundle = await all.alice.run(exitStatechain, { input: { contract: id, bundle: true } });
      expect([bundle.message['hex'], bundle.message['owners']]).toEqual([hex, 3]);
      const states = (await all.alice.home.store.list('statecoin')).map(({ state }) => state);
      expect(states.filter((state) => state === 'owned')).toEqual(['owned']);
    },
  );

  it('where the journal has only the newer record, the older one yields the id', async () => {
    const all = await parties();
    const { operator, alice, bob } = all;
    const id = await opened(all);
    await transferMessages(operator, alice, bob, id);
    const backup = await alice.backUp();
    const owned = (await transferMessages(operator, bob, alice, id)).at(-1) as Message;
    const newer = await coinOf(alice, id);
    await alice.lose(backup);
    const { reconcile } = await import('../../src/lib/home/reconcile.ts');
    const kind = statecoinKind;
    const gathered = {
      records: new Map([
        ['one', { kind, name: id, record: kind.restored(newer), rev: 99, path: '', over: false, versions: [] }],
      ]),
      notes: new Map(),
      addresses: new Map(),
      lines: 1,
      others: [],
      cut: [],
      newest: { commit: 99, at: 0 },
    };
    expect((await reconcile(alice.home.store, gathered)).map(({ outcome }) => outcome)).toEqual(['added']);
    const bundle = await alice.run(exitStatechain, { input: { contract: id, bundle: true } });
    expect(bundle.message['hex']).toBe(owned['hex']);
  });
});

describe('heights at which a watched coin is asked about', () => {
  const held = { valid_from_height: OWN + 1, confirm_before_height: FORMER, step: 100 };
  const hung = { feeSat: 0n, vsize: 110 };
  limits(STATECOIN_WATCH_LIMITS, {
    hangs: {
      async takes(height: number) {
        const all = await parties();
        const { id } = await second(all);
        await withdrawMessages(all.operator, all.bob, id);
        const c = await ownerOf(all.bob, id);
        // The withdrawal pays another wallet: this home can only exit.
        const w = watchedCoin(c, scripts({ ...c, withdrawals: [] }))!;
        const txid = txidOfHex((c as { tx?: string }).tx!);
        return due(w, height, by(w, txid, { paying: { all: hung, own: hung } })).do === 'send';
      },
      figures: [held],
      below: 'not taken',
    },
    asked: {
      async takes(height: number) {
        const { bob } = await second(await parties());
        return due(watchedCoin({ ...bob, restored: true }, scripts(bob))!, height).do === 'tell';
      },
      figures: [held],
      below: 'not taken',
    },
  });
  limits(TOWER_LIMITS, {
    former: {
      async takes(height: number) {
        const all = await parties();
        const { id, former } = await second(all);
        const { message } = await all.bob.run(exitStatechain, { input: { contract: id, bundle: true } });
        const { watched: w } = watchedBundle(message)!;
        const told = due(w, height, by(w, former, { confirmations: 1 }));
        return told.do === 'tell' && told.short === true;
      },
      figures: [FORMER],
      below: 'not taken',
    },
  });
});
