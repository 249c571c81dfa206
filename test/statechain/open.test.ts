/** Opening, withdrawing, leaving: what is final before anything is paid in, and how an owner gets out. */
import { describe, expect, it } from 'vitest';
import { readPsbt } from '../../src/lib/bitcoin/psbt.ts';
import { parseTransaction, txidOf } from '../../src/lib/bitcoin/transaction.ts';
import { bundleOf } from '../../src/lib/statechain/backup.ts';
import { exitStatechain, parseBundle } from '../../src/lib/statechain/exit.ts';
import type { History } from '../../src/lib/statechain/history.ts';
import type { OwnerRecord } from '../../src/lib/statechain/records.ts';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import { statechainSettlement } from '../../src/lib/statechain/ways.ts';
import { statechainStatus } from '../../src/lib/statechain/status.ts';
import { checkPolicy, readCoin, type CoinView } from '../../src/lib/statechain/terms.ts';
import { backup } from '../../src/lib/statechain/transactions.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { auditStatechain } from '../../src/lib/statechain/audit.ts';
import { bump, stuckOf } from '../../src/lib/engine/bump.ts';
import { settlement } from '../../src/lib/engine/documents.ts';
import { inspect } from '../../src/commands/tools/inspection.ts';
import { fundingFor } from '../credit/scenes.ts';
import { ownCoin } from '../support/credit.ts';
import { honest } from '../support/histories.ts';
import { refusal } from '../support/refusal.ts';
import type { Message } from '../support/party.ts';
import {
  coinOf,
  opened,
  openMessages,
  operatorKey,
  POLICY,
  show,
  tip,
  transferMessages,
  withdrawMessages,
} from '../support/statechain.ts';
import { parties, refused, sealedAs, stateOf } from './helpers.ts';

const offer = async (all: Awaited<ReturnType<typeof parties>>, policy = POLICY) =>
  (await all.operator.run(openStatechain, { input: { as: 'operator', policy } })).message;

describe('opening', () => {
  it('shows the funding only once the backup is final, in the home and beside it', async () => {
    const all = await parties();
    const said = await openMessages(all);
    for (const m of said.slice(0, 3)) expect(Object.keys(m['psbt'] ?? {})).not.toContain('funding');
    const ready = said[3]!;
    expect(readPsbt(ready['psbt'].funding).id).toBe(ready['funding_txid']);
    const [copy] = all.alice.home.copies().copies;
    expect(copy!.body).toMatchObject({ type: 'refund-copy', contract: ready['coin'].id, hex: ready['hex'] });
    const { version, lockTime, inputs, outputs } = parseTransaction(ready['hex']);
    expect([version, lockTime, inputs[0]!.sequence, outputs.map((o) => o.amount)]).toEqual([
      3,
      2000,
      0xfffffffd,
      [0n, 1_000_000n],
    ]);
    expect(ready).toMatchObject({ owners: 1, valid_from_height: 2001, confirm_before_height: null });
  });

  it('by another wallet: address, PSBT, and its signature last', async () => {
    const all = await parties();
    const offered = await offer(all);
    const addressed = await all.alice.run(openStatechain, { on: offered, input: { amount: 500_000n } });
    expect([addressed.exit, addressed.message['notice']]).toEqual([3, 'do not pay yet']);
    const { terms, address } = addressed.message as { terms: { amount_sat: number }; address: string };
    const foreign = { txid: 'dd'.repeat(32), vout: 0, sat: 506_000n, script: `5120${'11'.repeat(32)}` };
    const funding = fundingFor({ terms: { capacity_sat: terms.amount_sat }, address } as unknown as Message, foreign);
    const proposed = await all.alice.run(openStatechain, { on: addressed.message, input: { funding } });
    const accepted = await all.operator.run(openStatechain, { on: proposed.message });
    const ready = await all.alice.run(openStatechain, { on: accepted.message });
    expect([ready.exit, ready.hint]).toEqual([3, expect.stringMatching(/sign psbt.funding/)]);
    const wrong = fundingFor({ terms: { capacity_sat: 400_000 }, address } as unknown as Message, foreign);
    await refused(
      () => all.alice.run(openStatechain, { on: addressed.message, input: { funding: wrong } }),
      'wrong-state',
      all.alice,
    );
  });

  it('by another wallet with a coin of the home: only one that nothing else holds, and it is held from then on', async () => {
    const all = await parties();
    const { alice } = all;
    const own = await ownCoin(alice, 506_000n);
    const first = await alice.run(openStatechain, { on: await offer(all), input: { amount: 500_000n, utxo: [own] } });
    const addressed = (await alice.run(openStatechain, { on: await offer(all), input: { amount: 500_000n } })).message;
    const { terms, address } = addressed as { terms: { amount_sat: number }; address: string };
    const paid = (changeSat: bigint) =>
      fundingFor({ terms: { capacity_sat: terms.amount_sat }, address } as unknown as Message, own, changeSat);
    const fund = () => alice.run(openStatechain, { on: addressed, input: { funding: paid(5_000n) } });
    await refused(fund, 'coin-reserved', alice);
    await alice.run(openStatechain, { on: first.message, cancel: true });
    expect((await fund()).message['step']).toBe('proposed');
    const other = { on: await offer(all), input: { amount: 500_000n, utxo: [own] } };
    await refused(() => alice.run(openStatechain, other), 'coin-reserved', alice);
  });

  it('refuses what the policy does not allow, an unknown operator, no height, and policies that contradict themselves', async () => {
    const all = await parties();
    const offered = await offer(all);
    const utxo = [await ownCoin(all.alice, 2_000_000n)];
    const answer = (input: object) => () => all.alice.run(openStatechain, { on: offered, input: { utxo, ...input } });
    await refused(answer({ amount: 9_999n }), 'out-of-policy', all.alice);
    await refused(answer({ amount: 100_000n, operator: '11'.repeat(32) }), 'operator-differs', all.alice);
    tip(all, 'not-checked');
    await refused(answer({ amount: 100_000n }), 'tip-required', all.alice);
    tip(all, 499_999_500);
    await refused(answer({ amount: 100_000n }), 'out-of-policy', all.alice);
    tip(all, 1000);
    const proposed = await all.alice.run(openStatechain, { on: offered, input: { utxo, amount: 100_000n } });
    tip(all, 1021); // the tips of both may differ by the margin of 20
    await refused(() => all.operator.run(openStatechain, { on: proposed.message }), 'out-of-policy', all.operator);
    tip(all, 980);
    await all.operator.run(openStatechain, { on: proposed.message });
    for (const bad of [
      { min_amount_sat: 2n, max_amount_sat: 1n },
      { min_remaining_blocks: 5, margin_blocks: 6 },
      { initial_blocks: 100, step_blocks: 90, min_remaining_blocks: 20 },
    ]) {
      expect(refusal(() => checkPolicy({ ...POLICY, ...bad }, 'regtest')).code).toBe('usage');
      expect(refusal(() => checkPolicy({ ...POLICY, ...bad }, 'regtest', 'operator'))).toMatchObject({
        code: 'malformed-message',
        blame: 'operator',
      });
    }
    const dust = await offer(all, { ...POLICY, min_amount_sat: 1n });
    await refused(
      () => all.alice.run(openStatechain, { on: dust, input: { utxo, amount: 329n } }),
      'below-dust',
      all.alice,
    );
  });

  it.each<[string, (operator: string) => string]>([
    ['is no point', () => `02${'ff'.repeat(32)}`],
    ['is the key that the operator signs its messages by', (operator) => `02${operator}`],
  ])('an offer whose share %s is answered by nobody', async (_, pubkey) => {
    const all = await parties();
    const { alice, operator } = all;
    const honest = await offer(all);
    const utxo = [await ownCoin(alice, 2_000_000n)];
    const lie = { ...honest['offer'], pubkey: pubkey(honest['offer'].operator) };
    const on = await sealedAs(operator, honest, { offer: lie });
    for (const input of [{ amount: 100_000n }, { amount: 100_000n, utxo }])
      await refused(() => alice.run(openStatechain, { on, input }), 'key-rejected', alice);
    expect((await alice.run(openStatechain, { on: honest, input: { amount: 100_000n, utxo } })).exit).toBe(0);
  });

  it('can be cancelled up to the point of no return', async () => {
    const all = await parties();
    const offered = await offer(all);
    const utxo = [await ownCoin(all.alice, 2_000_000n)];
    const proposed = await all.alice.run(openStatechain, { on: offered, input: { utxo, amount: 100_000n } });
    const shares = async () => (await all.operator.home.store.list()).filter((r) => 'share' in (r.record as object));
    expect(await shares()).toHaveLength(1);
    await all.alice.run(openStatechain, { on: proposed.message, cancel: true });
    await all.operator.run(openStatechain, { on: offered, cancel: true });
    await refused(
      () => all.operator.run(openStatechain, { on: proposed.message }),
      'unknown-contract',
      all.operator,
    ).catch(() =>
      refused(() => all.operator.run(openStatechain, { on: proposed.message }), 'wrong-state', all.operator),
    );
    expect(await shares()).toHaveLength(0);
    const said = await openMessages(all);
    for (const who of [all.alice, all.operator])
      await refused(() => who.run(openStatechain, { on: said[2], cancel: true }), 'too-late-to-cancel', who);
  });

  it('a coin that does not follow from its terms is none', async () => {
    const all = await parties();
    const { coin } = (await openMessages(all))[3] as unknown as { coin: CoinView };
    const whole = { ...coin, amount_sat: BigInt(coin.amount_sat) };
    expect(readCoin(whole, 'regtest', 'owner').id).toBe(coin.id);
    for (const [change, code] of [
      [{ locktime: coin.locktime + 1 }, 'terms-differ'],
      [{ address: 'bcrt1q' }, 'terms-differ'],
      [{ owner_pubkey: coin.operator_pubkey }, 'key-rejected'],
      [{ owner_pubkey: '02' + 'ff'.repeat(32) }, 'key-rejected'],
      [{ owner_auth: coin.owner_pubkey.slice(2) }, 'key-rejected'],
    ] as const)
      expect(refusal(() => readCoin({ ...whole, ...change }, 'regtest', 'owner')).code).toBe(code);
  });
});

describe('withdrawing', () => {
  it('ends the coin: the same again is signed again, another never', async () => {
    const all = await parties();
    const id = await opened(all);
    const [requested, , complete] = await withdrawMessages(all.operator, all.alice, id);
    expect(complete).toMatchObject({ step: 'complete', amount_sat: 1_000_000 - complete!['fee_sat'] });
    expect([await stateOf(all.operator, id), await stateOf(all.alice, id)]).toEqual(['closed', 'closed']);
    const record = (await all.operator.run(auditStatechain, { input: { contract: id } })).message['record'];
    expect(record.signed.map((s: { kind: string }) => s.kind)).toEqual(['backup', 'withdraw']);
    const other = await sealedAs(all.alice, requested!, { fee_sat: requested!['fee_sat'] + 1 });
    await refused(() => all.operator.run(withdrawStatechain, { on: other }), 'coin-closed', all.operator);
    const named = await sealedAs(all.alice, requested!, { owner_pubkey: requested!['coin'].operator_pubkey });
    await refused(() => all.operator.run(withdrawStatechain, { on: named }), 'terms-differ', all.operator);
    await refused(() => all.alice.run(withdrawStatechain, { input: { contract: id } }), 'wrong-state', all.alice);
    // A withdrawal that does not confirm leaves the backup what it was.
    tip(all, 2000);
    expect((await all.alice.run(exitStatechain, { input: { contract: id } })).message['verdict']).toBe('due');
  });

  it('bounds its fee, leaves no dust, and can be taken back by its owner', async () => {
    const all = await parties();
    const id = await opened(all, { amount: 10_000n });
    all.alice.chain.feerate = 20_000;
    await refused(() => all.alice.run(withdrawStatechain, { input: { contract: id } }), 'fee-too-high', all.alice);
    all.alice.chain.feerate = 90_000;
    await refused(
      () => all.alice.run(withdrawStatechain, { input: { contract: id, allowFee: true } }),
      'below-dust',
      all.alice,
    );
    all.alice.chain.feerate = 1_000;
    const requested = await all.alice.run(withdrawStatechain, { input: { contract: id } });
    const back = await all.alice.run(withdrawStatechain, { input: { contract: id }, cancel: true });
    expect(back.hint).toMatch(/closed there/);
    expect((await all.alice.run(withdrawStatechain, { input: { contract: id }, cancel: true })).text).toBe(back.text);
    const signed = await all.operator.run(withdrawStatechain, { on: requested.message });
    await refused(() => all.alice.run(withdrawStatechain, { on: signed.message }), 'nonce-consumed', all.alice);
    await refused(() => all.carol.run(withdrawStatechain, { input: { contract: id } }), 'unknown-contract', all.carol);
  });
});

describe('leaving', () => {
  it('waits for the height, then prints a package whose child spends anchor and payout', async () => {
    const all = await parties();
    const id = await opened(all);
    await transferMessages(all.operator, all.alice, all.bob, id);
    const exit = (input = {}) => all.bob.run(exitStatechain, { input: { contract: id, ...input } });
    tip(all, 1899);
    const early = await exit();
    expect([early.exit, early.message['verdict'], early.message['hex']]).toEqual([3, 'early', undefined]);
    tip(all, 'not-checked');
    expect((await exit()).message['verdict']).toBe('unknown');
    tip(all, 1900);
    const due = await exit();
    expect([due.exit, due.message['verdict'], due.hint]).toEqual([0, 'due', expect.stringMatching(/block below 2000/)]);
    const [parent, child] = due.message['package'].map(parseTransaction);
    expect([parent.version, child.version, child.inputs.length]).toEqual([3, 3, 2]);
    expect(child.witnesses.map((w: unknown[]) => w.length)).toEqual([0, 1]);
    tip(all, 2000);
    const late = await exit();
    expect([late.message['verdict'], late.hint]).toEqual(['late', expect.stringMatching(/higher fee/)]);
    const c = (await coinOf(all.bob, id)) as OwnerRecord;
    show(all, c, 'missing');
    // Gone, or never there: nothing is concluded.
    expect((await exit()).message['verdict']).toBe('pending');
    const at = `${c.outpoint.txid}:${c.outpoint.vout}`;
    const [theirs, own] = c.entries.map((entry) => txidOf(backup(c, entry)));
    for (const [txid, confirmations, verdict, code] of [
      [own, 0, 'pending', 0],
      [own, 5, 'pending', 0],
      [own, 6, 'done', 0],
      [theirs, 0, 'pending', 0],
      [theirs, 5, 'pending', 0],
      [theirs, 6, 'lost', 3],
      ['ee'.repeat(32), 6, 'lost', 3],
    ] as const) {
      all.bob.chain.spends = new Map([[at, { txid: txid!, hex: null, confirmations }]]);
      const said = await exit();
      expect([said.message['verdict'], said.exit]).toEqual([verdict, code]);
      expect(said.hint).toContain(`${txid}`);
    }
    // Its sender has sent it: what another owner does with it is no loss.
    all.alice.chain.spends = new Map([[at, { txid: 'ee'.repeat(32), hex: null, confirmations: 6 }]]);
    const sender = await all.alice.run(exitStatechain, { input: { contract: id } });
    expect([sender.message['verdict'], sender.exit]).toEqual(['pending', 0]);
    all.bob.chain.spends = new Map();
    all.bob.chain.known = new Map([[c.outpoint.txid, false]]);
    const unfunded = await exit();
    expect([unfunded.message['verdict'], unfunded.exit]).toEqual(['unfunded', 3]);
    await refused(() => all.carol.run(exitStatechain, { input: { contract: id } }), 'unknown-contract', all.carol);
    await refused(() => all.operator.run(exitStatechain, { input: { contract: id } }), 'not-your-turn', all.operator);
  });

  it('a bundle has no secret, proves itself, and a watchtower pays for it from the anchor', async () => {
    const all = await parties();
    const id = await opened(all);
    const made = await all.alice.run(exitStatechain, { input: { contract: id, bundle: true } });
    expect(made.message).toMatchObject({ step: 'bundle', verdict: 'early', valid_from_height: 2001 });
    const from = parseBundle(made.message);
    tip(all, 2000);
    const bad = { ...from, hex: from.hex.replace(/07d0|d0070000$/, 'd1070000') };
    await refused(() => all.alice.run(exitStatechain, { input: { from: bad } }), 'transaction-differs', all.alice);
    const flipped = {
      ...from,
      hex: from.hex.slice(0, -20) + (from.hex.at(-20) === '0' ? '1' : '0') + from.hex.slice(-19),
    };
    await refused(() => all.alice.run(exitStatechain, { input: { from: flipped } }), 'signature-invalid', all.alice);
    const elsewhere = { ...from, network: 'signet' };
    await refused(() => all.alice.run(exitStatechain, { input: { from: elsewhere } }), 'wrong-network', all.alice);
    expect((await all.alice.run(exitStatechain, { input: { from } })).message['package']).toHaveLength(2);
    // Another home owns no output of it: it pays from the anchor with a coin of its own.
    const foreign = { ...from, path: null };
    const alone = await all.carol.run(exitStatechain, { input: { from: foreign } });
    expect([alone.exit, alone.hint]).toEqual([3, expect.stringMatching(/anchor/)]);
    const coins = [await ownCoin(all.carol, 50_000n)];
    const stuck = stuckOf(await settlement({ type: 'statechain-exit', ...alone.message }));
    const payTo = made.message['coin'].address as string;
    const options = { coins, merged: [], feerate: 5_000, allowFee: true };
    const bumped = await bump(all.carol.home, stuck, { ...options, payTo });
    expect(bumped.complete).toBe(true);
    await expect(bump(all.carol.home, stuck, { ...options, payTo: undefined })).rejects.toMatchObject({
      code: 'usage',
    });
  });
});

describe('a bundle', () => {
  const bundleFrom = ({ coin, record, backups }: History, owners = record.entries.length) => ({
    network: coin.terms.network,
    ...bundleOf(coin, record.entries, backups.at(-1)!, new Map()),
    owners,
  });
  /** Heights: the second owner's backup comes 100 blocks before the first. */
  it.each([
    [99, -1],
    [100, 0],
    [101, 1],
  ])('whose first backup is valid after %i has a second owner at %i, from 0 on', async (locktime, at) => {
    const { alice } = await parties();
    const from = bundleFrom(honest(at < 0 ? 1 : 2, { locktime }), 2);
    const run = () => alice.run(exitStatechain, { input: { from } });
    if (at < 0) return void (await refused(run, 'terms-differ', alice));
    expect((await run()).message).toMatchObject({ verdict: 'late', valid_from_height: at + 1, hex: from.hex });
  });

  it('is of the network of the home', async () => {
    const { alice } = await parties();
    const from = bundleFrom(honest(1, { network: 'signet' }));
    await refused(() => alice.run(exitStatechain, { input: { from } }), 'wrong-network', alice);
  });

  it('has a child that spends coins of the home alone', async () => {
    const all = await parties();
    const contract = await opened(all, { amount: 10_000n });
    tip(all, 2000);
    all.alice.chain.feerate = 50_000;
    const utxo = [{ txid: 'dd'.repeat(32), vout: 0, sat: 50_000n, script: `5120${'11'.repeat(32)}` }];
    const exit = () => all.alice.run(exitStatechain, { input: { contract, utxo, allowFee: true } });
    await refused(exit, 'not-signed', all.alice);
    utxo[0] = await ownCoin(all.alice, 50_000n);
    expect((await exit()).message['package']).toHaveLength(2);
  });
});

describe('what is said of a coin', () => {
  it('status: transfers left, the height before which an exit must confirm, its cost, and when to act', async () => {
    const all = await parties();
    const id = await opened(all);
    await transferMessages(all.operator, all.alice, all.bob, id);
    const line = async (who: 'bob' | 'operator' | 'alice', at: number) =>
      statechainStatus(id, await coinOf(all[who], id), { tip: at, coins: 'not-checked', feerate: 2_000 });
    expect(await line('bob', 1000)).toMatchObject({
      transfers_left: 8,
      expiry: 1900,
      deadline_height: 2000,
      quote: { transactions: 2, vbytes: 277, feerate: '2', fee_sat: 554n, blocks: 901, worth_from_sat: 884n },
      verdict: 'early',
      notes: ['watch sends its exit from height 1901 on'],
    });
    expect((await line('bob', 1850)).transfers_left).toBe(0);
    expect((await line('bob', 1900)).notes.join()).toMatch(/not confirmed before 2000 can be replaced/);
    expect((await line('bob', 2000)).notes.join()).toMatch(/higher fee wins/);
    expect(await line('operator', 1000)).toMatchObject({ role: 'operator', owners: 2, state: 'open' });
    await transferMessages(all.operator, all.bob, all.carol, id, 'opened');
    expect((await line('operator', 1000)).notes.join()).toMatch(/^frozen for/);
    expect(await line('alice', 1000)).toMatchObject({ state: 'sent' });
  });

  it('inspect: every message, in words', async () => {
    const all = await parties();
    const first = await openMessages(all);
    const id = first[3]!['coin'].id;
    const said = [...first, ...(await transferMessages(all.operator, all.alice, all.bob, id))];
    const left = (await all.bob.run(exitStatechain, { input: { contract: id, bundle: true } })).message;
    const audited = (await all.operator.run(auditStatechain, { input: { contract: id } })).message;
    const leaves = await withdrawMessages(all.operator, all.bob, id);
    for (const document of [...said, left, audited, ...leaves]) {
      const found = await inspect({ document }, 'regtest');
      const wrong = found.checks.filter(([, words]) => words.startsWith('no:'));
      expect([document['step'], wrong]).toEqual([document['step'], []]);
      expect(JSON.stringify(found)).not.toContain(document['x'] ?? 'nothing that is said');
    }
    const sent = said[7]!;
    const altered = { ...sent, backups: [sent['backups'][0].replace(/00/, '01')] };
    const { checks } = await inspect({ document: altered }, 'regtest');
    expect(Object.fromEntries(checks)).toMatchObject({
      history: expect.stringMatching(/^no/),
      seal: expect.stringMatching(/nobody/),
    });
  });

  it('settlement: what each document sends', async () => {
    const all = await parties();
    const [, , , ready] = await openMessages(all);
    expect(statechainSettlement(ready!)!.spends).toHaveLength(1);
    const id = ready!['coin'].id;
    const owned = (await transferMessages(all.operator, all.alice, all.bob, id)).at(-1)!;
    expect(statechainSettlement(owned)!.hex).toBe(owned['hex']);
    const early = (await all.bob.run(exitStatechain, { input: { contract: id } })).message;
    expect(refusal(() => statechainSettlement(early)).code).toBe('not-final');
    const [requested] = await withdrawMessages(all.operator, all.bob, id);
    expect(refusal(() => statechainSettlement(requested!)).code).toBe('not-signed');
    expect(statechainSettlement({ type: 'exit-credit' })).toBeUndefined();
  });

  it('audit: the operator alone, with a height', async () => {
    const all = await parties();
    const id = await opened(all);
    const ask = { input: { contract: id } };
    await refused(() => all.alice.run(auditStatechain, ask), 'not-your-turn', all.alice);
    await refused(() => all.carol.run(auditStatechain, ask), 'unknown-contract', all.carol);
    tip(all, 'not-checked');
    await refused(() => all.operator.run(auditStatechain, ask), 'tip-required', all.operator);
    expect(await operatorKey(all.operator)).toHaveLength(64);
  });
});
