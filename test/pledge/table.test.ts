/** Campaigns, pledges and seats in real homes: what is kept, said again, refused and taken back. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { freeSeats, HomeSeats, seatsOf } from '../../src/commands/pledge/seats.ts';
import { openedIn, place } from '../../src/commands/pledge/gathering.ts';
import { play, playAgain } from '../../src/lib/engine/play.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import type { Spent } from '../../src/lib/bitcoin/transaction.ts';
import type { Campaign } from '../../src/lib/pledge/campaign.ts';
import { lackOf } from '../../src/lib/pledge/gather.ts';
import { pledgeVerdict } from '../../src/lib/pledge/status.ts';
import { pledgePsbt } from '../../src/lib/pledge/psbt.ts';
import {
  campaignKind,
  ownClaim,
  pledgeKind,
  seatKind,
  type CampaignRecord,
  type OwnPledge,
  type Seat,
} from '../../src/lib/pledge/records.ts';
import { pledge as table } from '../../src/lib/pledge/table.ts';
import type { SpentBy } from '../../src/lib/protocol/action.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { withSats } from '../../src/lib/protocol/json.ts';
import type { FactSource } from '../../src/lib/protocol/ports.ts';
import { xOnlyKey } from '../../src/lib/signing/bip340.ts';
import { readPsbt, writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import { ADDRESSES } from '../credit/things.ts';
import { outcome } from '../support/attack.ts';
import { ownCoin } from '../support/credit.ts';
import { TestParty, type Message } from '../support/party.ts';
import { coinOf, walletKey } from '../support/wallet.ts';
import { ACP, NETWORK, ownPledge, pledged } from './things.ts';

const parties: TestParty[] = [];
afterEach(() => parties.splice(0).forEach((party) => party.close()));
async function party(seed: number): Promise<TestParty> {
  const made = await TestParty.make(seed);
  parties.push(made);
  return made;
}
const OUTPUTS = [{ address: ADDRESSES.p2tr, sat: 1_000_000n }];
async function begun(collector: TestParty, input: object = {}): Promise<Message> {
  collector.chain.feerate = 1000;
  return (await collector.run(table, { input: { outputs: OUTPUTS, ...input } })).message;
}
const campaignIn = (message: Message): Campaign => withSats(message['campaign']) as Campaign;
const join = (collector: TestParty, on: Message, input: object = {}) => collector.run(table, { on, input });
/** A pledge by a wallet outside, as a message. */
const messageOf = (
  campaign: Campaign,
  n: number,
  sat: bigint,
  type: 'p2tr' | 'p2wpkh' = 'p2tr',
  network = 'regtest',
) => ({
  type: 'pledge',
  version: 1,
  step: 'pledged',
  network,
  campaign: campaign.id,
  pledge: { ...pledged(campaign, n, sat, type), sat: Number(sat) },
  sealed: null,
});
const there = (party: TestParty, coins: readonly Spent[], confirmations = 3): void => {
  party.chain.coins = new Map(coins.map((c) => [outpointText(c), { ...c, confirmations }]));
};
const own = async ({ home }: TestParty): Promise<OwnPledge[]> =>
  (await home.store.list('pledge')).map(({ record }) => pledgeKind.parse(record));

describe('a campaign', () => {
  it('has fresh addresses of the home, or outputs that no earlier campaign of it has', async () => {
    const collector = await party(301);
    const fresh = await begun(collector, {
      outputs: [
        { address: null, sat: 500_000n },
        { address: null, sat: 5_000n },
      ],
    });
    const [one, two] = fresh['campaign'].outputs;
    expect(one.address).not.toBe(two.address);
    expect(fresh['checks'].addresses).toBe('fresh');
    const first = await begun(collector);
    expect(first['campaign'].min_sat).toBe(667);
    expect(await outcome(begun(collector, { title: 'again' }))).toBe('address-used');
    const capitals = [{ ...OUTPUTS[0]!, address: ADDRESSES.p2tr.toUpperCase() }];
    expect(await outcome(begun(collector, { outputs: capitals }))).toBe('address-used');
    // Another amount, or another order, are other outputs.
    await begun(collector, { outputs: [{ ...OUTPUTS[0], sat: 1_000_001n }] });
  });
  it('refuses an address that holds coins, unless that is meant', async () => {
    const collector = await party(302);
    expect(await outcome(begun(collector, { paid: [ADDRESSES.p2tr] }))).toBe('address-used');
    expect((await begun(collector, { paid: [ADDRESSES.p2tr], allowUsed: true }))['checks'].addresses).toBe('chain');
  });
  it('is printed again, and begins no second one under one name', async () => {
    const collector = await party(303);
    const first = await begun(collector);
    const again = await playAgain(table, idClaim(first['campaign'].id), collector.ports());
    expect(JSON.parse(again.text)).toEqual(first);
    const input = { outputs: [{ address: null, sat: 9_000n }] };
    const named = await collector.run(table, { input, requestId: 'till' });
    expect((await collector.run(table, { input, requestId: 'till' })).text).toBe(named.text);
  });
});

describe('a pledge', () => {
  it('of an own coin as it is, is the same bytes again; its coin is reserved', async () => {
    const [collector, alice] = [await party(304), await party(305)];
    const on = await begun(collector);
    const utxo = [await ownCoin(alice, 400_000n)];
    const made = await alice.run(table, { on, input: { utxo, coin: outpointText(utxo[0]!) } });
    expect(made).toMatchObject({ exit: 0, message: { step: 'pledged', pledge: { sat: 400_000 } } });
    expect(made.message['auth']).toBeUndefined();
    expect(made.hint).toBe(
      `400000 sat are pledged to "": they move only in a transaction that pays 1000000 sat, to ${ADDRESSES.p2tr}`,
    );
    const again = await alice.run(table, { on, input: { utxo, coin: outpointText(utxo[0]!) } });
    expect(again.text.replace(/"checks".*/, '')).toBe(made.text.replace(/"checks".*/, ''));
    const other = await begun(collector, { outputs: [{ ...OUTPUTS[0], sat: 2_000_000n }] });
    expect(await outcome(alice.run(table, { on: other, input: { utxo, amount: 400_000n } }))).toBe('coin-reserved');
    expect(await outcome(alice.run(table, { on, input: { utxo } }))).toBe('usage');
    expect(await outcome(alice.run(table, { on, input: { amount: 5_000n } }))).toBe('usage');
    expect(await outcome(alice.run(table, { on, input: { utxo, coin: `${'ab'.repeat(32)}:0` } }))).toBe(
      'not-enough-coins',
    );
    expect(await outcome(alice.run(table, { on, input: { utxo, amount: 666n } }))).toBe('below-minimum');
  });

  it('of a split waits for a block, and its way back is kept outside the home before it is shown', async () => {
    const [collector, alice] = [await party(306), await party(307)];
    const on = await begun(collector);
    const utxo = [await ownCoin(alice, 900_000n)];
    there(alice, utxo);
    const input = { utxo, amount: 400_000n };
    const split = await alice.run(table, { on, input });
    expect(split).toMatchObject({ exit: 3, message: { step: 'split' } });
    expect(split.hint).toContain(
      '; 400000 sat are pledged to "": they move only in a transaction that pays 1000000 sat',
    );
    const [copy] = alice.home.copies().copies;
    expect(copy!.body).toMatchObject({ type: 'refund-copy', capacity_sat: 400_000, valid_from_height: 0 });
    const [record] = await own(alice);
    // Not sent yet, then in the mempool, then in a block; each time the same.
    expect((await alice.run(table, { on, input })).message['hex']).toBe(split.message['hex']);
    there(alice, [record!.pledge], 0);
    expect((await alice.run(table, { on, input })).exit).toBe(3);
    there(alice, [{ ...record!.pledge, sat: 1n }]);
    expect((await alice.run(table, { on, input })).exit).toBe(3);
    there(alice, [record!.pledge], 1);
    const made = await alice.run(table, { on, input });
    expect(made).toMatchObject({ exit: 0, message: { step: 'pledged', checks: { coin: 'confirmed' } } });
    expect(await own(alice)).toHaveLength(1);
    expect((await join(collector, made.message)).message).toMatchObject({ pledges: 1, missing_sat: 600_112 });
    const printed = await playAgain(table, ownClaim((await own(alice))[0]!), alice.ports());
    expect(JSON.parse(printed.text)).toMatchObject({ step: 'pledged', pledge: made.message['pledge'] });
  });

  it('is finished in one commit: a crash at any point between split and pledge loses nothing', async () => {
    const collector = await party(308);
    const on = await begun(collector);
    for (const [at, label] of [
      'before-commit',
      'in-commit',
      'before-journal',
      'after-commit',
      'before-print',
    ].entries()) {
      const alice = await party(310 + at);
      const utxo = [await ownCoin(alice, 900_000n)];
      const input = { utxo, amount: 400_000n };
      alice.point = (found) => {
        if (found === label) throw new Error('died');
      };
      await expect(alice.run(table, { on, input })).rejects.toThrow('died');
      alice.point = undefined;
      await alice.reopen();
      const split = await alice.run(table, { on, input });
      const made = await alice.run(table, { on, input });
      const records = await own(alice);
      expect(records).toHaveLength(1);
      // Split (where it was said), pledge and way back are of one coin.
      const { pledge, revocation, coins } = records[0]!;
      if (split.message['step'] === 'split') expect(pledge.txid).toBe(split.message['txid']);
      expect(made.message['pledge']).toMatchObject({ txid: pledge.txid });
      // Nobody has seen the split: what it spends stays reserved, so that nothing else can undo it.
      expect(coins).toEqual([outpointText(utxo[0]!), outpointText(pledge)]);
      const other = await begun(collector, { outputs: [{ ...OUTPUTS[0], sat: 2_000_000n + BigInt(at) }] });
      expect(await outcome(alice.run(table, { on: other, input: { utxo, amount: 300_000n } }))).toBe('coin-reserved');
      there(alice, [pledge]);
      await alice.run(table, { on, input });
      expect((await own(alice))[0]!.coins).toEqual([outpointText(pledge)]);
      expect(alice.home.copies().copies.map(({ body }) => (body as { hex: string }).hex)).toEqual([revocation.hex]);
    }
  });

  it('is given up while its coin is not split off, and then made anew', async () => {
    const [collector, alice] = [await party(320), await party(321)];
    const on = await begun(collector);
    const utxo = [await ownCoin(alice, 900_000n)];
    const input = { utxo, amount: 400_000n };
    await alice.run(table, { on, input });
    const over = ownClaim((await own(alice))[0]!);
    await alice.run(table, { over, cancel: true });
    // Its signature was never shown, and is not by --again either: nobody would watch it.
    expect(await outcome(playAgain(table, over, alice.ports()))).toBe('wrong-state');
    const split = await alice.run(table, { on, input });
    expect(split.message['step']).toBe('split');
    expect((await own(alice)).map(({ state }) => state)).toEqual(['cancelled', 'split']);
    await alice.run(table, { on, input });
    const made = ownClaim((await own(alice))[1]!);
    expect(await outcome(alice.run(table, { over: made, cancel: true }))).toBe('too-late-to-cancel');
  });

  it('that was printed in plain, or is about to be, does not pass for an encrypted one', async () => {
    const [collector, alice] = [await party(355), await party(356)];
    const on = await begun(collector);
    const input = { utxo: [await ownCoin(alice, 900_000n)], amount: 400_000n };
    await alice.run(table, { on, input });
    expect(await outcome(alice.run(table, { on, input: { ...input, seal: true } }))).toBe('usage');
  });

  it('is due from when its way back was printed, until that is sent', async () => {
    const [collector, alice] = [await party(357), await party(358)];
    const on = await begun(collector);
    const utxo = [await ownCoin(alice, 400_000n)];
    await alice.run(table, { on, input: { utxo, amount: 400_000n } });
    const made = (await own(alice))[0]!;
    expect(pledgeVerdict(made, { is: 'live', depth: 3 }, 1_000)).toBe('open');
    const revoked: OwnPledge = { ...made, state: 'revoked' };
    expect(pledgeVerdict(revoked, { is: 'live', depth: 3 }, 1_000)).toBe('due');
    const sent = { is: 'spending', txid: made.revocation.txid, confirmations: 0, hex: null, pays: null } as const;
    expect(pledgeVerdict(revoked, sent, 1_000)).toBe('taken-back');
  });

  it('of a coin in another wallet goes out as a PSBT and comes back; another transaction is refused', async () => {
    const [collector, alice] = [await party(322), await party(323)];
    const on = await begun(collector);
    const campaign = campaignIn(on);
    for (const type of ['p2tr', 'p2wpkh'] as const) {
      const key = walletKey(type, 77);
      const coin = coinOf(key, 77, 400_000n);
      const input = { utxo: [coin], coin: outpointText(coin) };
      const waiting = await alice.run(table, { on, input });
      const second = await alice.run(table, { on, input: { ...input, psbtVersion: 2 } });
      expect(second.message['psbt'].pledge).toBe(pledgePsbt(campaign, NETWORK, coin, 2));
      expect(waiting).toMatchObject({
        exit: 3,
        message: { step: 'waiting', psbt: { pledge: pledgePsbt(campaign, NETWORK, coin) } },
      });
      const signed = readPsbt(waiting.message['psbt'].pledge);
      if (type === 'p2tr') signed.updateInput(0, { tapInternalKey: pubOf(key.secret) }, true);
      signed.signIdx(key.secret, 0, [ACP], new Uint8Array(32));
      const made = await alice.run(table, { on, input, merged: [writePsbt(signed)] });
      expect(made.message['pledge']).toEqual({ ...pledged(campaign, 77, 400_000n, type), sat: 400_000 });
      const other = pledgePsbt(campaign, NETWORK, coinOf(key, 78, 400_000n));
      expect(await outcome(alice.run(table, { on, input, merged: [other] }))).toMatch(/transaction-differs|not-signed/);
      expect(await outcome(alice.run(table, { on, input: { ...input, seal: true } }))).toBe('usage');
      await alice.home.store.commits();
    }
    expect(await own(alice)).toEqual([]);
  });

  it('to an altered campaign, after its height, or by a restored home is refused', async () => {
    const [collector, alice] = [await party(324), await party(325)];
    const on = await begun(collector, { until: { height: 1_010 } });
    const utxo = [await ownCoin(alice, 400_000n)];
    const input = { utxo, amount: 400_000n };
    const raised = {
      ...on,
      campaign: { ...on['campaign'], outputs: [{ ...on['campaign'].outputs[0], sat: 9_000_000 }] },
    };
    expect(await outcome(alice.run(table, { on: raised, input }))).toBe('bad-seal');
    alice.chain.tip = 1_010;
    expect(await outcome(alice.run(table, { on, input }))).toBe('expired');
    alice.chain.tip = 1_009;
    const backup = await alice.backUp();
    await alice.lose(backup);
    expect(await outcome(alice.run(table, { on, input }))).toBe('home-restored');
  });
});

describe('fees', () => {
  it('of a campaign are at least 1 sat/vB', async () => {
    const collector = await party(350);
    await begun(collector);
    collector.chain.feerate = 999;
    expect(await outcome(collector.run(table, { input: { outputs: [{ address: null, sat: 5_000n }] } }))).toBe(
      'fee-too-low',
    );
  });
  it('of an own input are at most a tenth of the coin, unless more is allowed', async () => {
    const [collector, alice] = [await party(351), await party(352)];
    const input = { outputs: OUTPUTS, min: 0n };
    collector.chain.feerate = 100_000;
    const { message: on } = await collector.run(table, { input });
    // 231 weight units at 100 sat/vB are 5,775 sat.
    const coins = [await ownCoin(alice, 57_749n), { ...(await ownCoin(alice, 57_750n)), txid: 'ab'.repeat(32) }];
    const make = (n: number, more: object = {}) =>
      outcome(alice.run(table, { on, input: { utxo: coins, coin: outpointText(coins[n]!), ...more } }));
    expect(await make(0)).toBe('fee-too-high');
    expect(await make(1)).toBeUndefined();
    expect(await make(0, { allowFee: true })).toBeUndefined();
    // The way back is paid at the pledger's own rate: 111 vB at 521 sat/vB are 57,831 sat.
    alice.chain.feerate = 521_000;
    const dear = { ...(await ownCoin(alice, 400_000n)), txid: 'cd'.repeat(32) };
    const give = (more: object) =>
      outcome(alice.run(table, { on, input: { utxo: [dear], amount: 400_000n, ...more } }));
    expect(await give({})).toBe('fee-too-high');
    expect(await give({ allowFee: true })).toBeUndefined();
    alice.chain.feerate = 1_000;
    const foreign = coinOf(walletKey('p2tr', 70), 70, 57_749n);
    const outside = { utxo: [foreign], coin: outpointText(foreign) };
    expect(await outcome(alice.run(table, { on, input: outside }))).toBe('fee-too-high');
  });
});

describe('a home that was lost and made of its backup', () => {
  it('knows by its journal what it has pledged and gathered; before that it does neither', async () => {
    const [collector, alice] = [await party(353), await party(354)];
    const backups = [await collector.backUp(), await alice.backUp()];
    const on = await begun(collector);
    const utxo = [await ownCoin(alice, 400_000n)];
    const input = { utxo, amount: 400_000n };
    const made = await alice.run(table, { on, input });
    const joined = await join(collector, made.message);
    const records = async ({ home }: TestParty) =>
      (await home.store.list()).map(({ kind, record }) => ({ kind, record }));
    for (const [i, who] of [collector, alice].entries()) {
      const before = await records(who);
      expect(before.length).toBe(i === 0 ? 2 : 1);
      await who.lose(backups[i]!);
      expect(await outcome(i === 0 ? join(who, made.message) : who.run(table, { on, input }))).toMatch(
        /home-restored|unknown-contract/,
      );
      const { outcomes } = await who.home.reconcile(who.journal());
      expect(outcomes.filter(({ outcome: what }) => what === 'conflict')).toEqual([]);
      expect(await records(who)).toEqual(before);
    }
    expect((await join(collector, made.message)).message).toEqual(joined.message);
    expect((await alice.run(table, { on, input })).message['pledge']).toEqual(made.message['pledge']);
  });
});

it('of two versions of a campaign, or of a seat, the one that was changed more often is later, whatever its worth', async () => {
  const collector = await party(359);
  await begun(collector);
  const [listed] = await collector.home.store.list('campaign');
  const record = campaignKind.parse(listed!.record);
  const [earlier, later] = [4_000n, 3_000n].map((netSat, changes) => ({
    ...record,
    sum: { count: 3, weight: 693, netSat },
    changes,
  })) as [CampaignRecord, CampaignRecord];
  expect(campaignKind.merged!(earlier, later).sum).toEqual(later.sum);
  expect(campaignKind.merged!(later, earlier).sum).toEqual(later.sum);
  expect(campaignKind.merged!({ ...earlier, left: true }, later).left).toBe(true);
  const seat = { network: 'regtest', campaign: 'ab', pledge: {} as never };
  const [kept, gone]: [Seat, Seat] = [
    { ...seat, changes: 0 },
    { ...seat, changes: 1 },
  ];
  expect([seatKind.merged!(kept, gone).changes, seatKind.merged!(gone, kept).changes]).toEqual([1, 1]);
});

describe('a seat', () => {
  it('is taken by each pledge in any order, once, until the goal is reached', async () => {
    const collector = await party(330);
    const campaign = campaignIn(await begun(collector));
    const [one, two] = [messageOf(campaign, 1, 600_000n), messageOf(campaign, 2, 400_180n, 'p2wpkh')];
    expect(await join(collector, two)).toMatchObject({ exit: 3, message: { step: 'gathered', pledges: 1 } });
    const twice = await join(collector, two);
    expect(twice.message).toMatchObject({ pledges: 1, missing_sat: 599_942 });
    // One satoshi below the goal, and at it.
    expect(await join(collector, messageOf(campaign, 3, 599_999n))).toMatchObject({
      exit: 3,
      message: { missing_sat: 1 },
    });
    const other = await party(331);
    const same = campaignIn(await begun(other));
    await join(other, messageOf(same, 2, 400_180n, 'p2wpkh'));
    expect(await join(other, messageOf(same, 1, 600_000n))).toMatchObject({ exit: 0, message: { missing_sat: 0 } });
    expect((await join(collector, one)).message['pledges']).toBe(3);
    expect(await seatsOf(collector.home, campaign.id)).toHaveLength(3);
  });

  it('is given to one pledge of a coin; the second, of other bytes, is refused', async () => {
    const collector = await party(332);
    const campaign = campaignIn(await begun(collector));
    await join(collector, messageOf(campaign, 1, 600_000n));
    const { PledgeHashes } = await import('../../src/lib/pledge/pledge.ts');
    const { sat, ...second } = new PledgeHashes(campaign, NETWORK).sign(
      coinOf(walletKey('p2tr', 1), 1, 600_000n),
      walletKey('p2tr', 1).secret,
      new Uint8Array(32).fill(7),
    );
    const on = { ...messageOf(campaign, 1, 600_000n), pledge: { ...second, sat: Number(sat) } };
    expect(await outcome(join(collector, on))).toBe('pledge-known');
  });

  it('is refused to what is altered, too small, of another script, spent, unconfirmed, or not as stated', async () => {
    const collector = await party(333);
    const campaign = campaignIn(await begun(collector));
    const good = messageOf(campaign, 1, 600_000n);
    const before = await collector.state();
    const spent = ownPledge(campaign, 1, 600_000n);
    const changed = (change: object) => ({ ...good, pledge: { ...good.pledge, ...change } });
    expect(await outcome(join(collector, changed({ sat: 599_999 })))).toBe('signature-invalid');
    expect(await outcome(join(collector, changed({ signature: good.pledge.signature.replace(/81$/, '01') })))).toBe(
      'sighash-refused',
    );
    expect(await outcome(join(collector, changed({ script: `0020${'ab'.repeat(32)}` })))).toBe('pledge-script');
    expect(await outcome(join(collector, messageOf(campaign, 1, 500n)))).toBe('below-minimum');
    expect(await outcome(join(collector, { ...good, campaign: 'ab'.repeat(32) }))).toBe('unknown-contract');
    expect(await outcome(join(collector, { ...good, sealed: null, pledge: null }))).toBe('malformed-message');
    there(collector, []);
    expect(await outcome(join(collector, good))).toBe('inputs-spent');
    there(collector, [spent], 0);
    expect(await outcome(join(collector, good))).toBe('funding-unconfirmed');
    there(collector, [{ ...spent, sat: 1n }]);
    expect(await outcome(join(collector, good))).toBe('unsafe-funding');
    const reward = (confirmations: number) => ({ ...spent, confirmations, coinbase: true });
    collector.chain.coins = new Map([[outpointText(spent), reward(99)]]);
    expect(await outcome(join(collector, good))).toBe('funding-unconfirmed');
    expect(lackOf(spent, collector.chain.coins)?.code).toBe('funding-unconfirmed');
    expect(lackOf(spent, new Map([[outpointText(spent), reward(100)]]))).toBeUndefined();
    collector.chain.tip = 'not-checked';
    expect(await collector.state()).toEqual(before);
    there(collector, [spent], 1);
    expect((await join(collector, good)).message['checks']).toMatchObject({ coin: 'confirmed' });
  });

  it('is refused after the end of the campaign, and without a height where it has an end off regtest', async () => {
    const { Gate } = await import('../../src/lib/pledge/gather.ts');
    const { campaign: made } = await import('./things.ts');
    const gate = new Gate(made({ until: 100 }), NETWORK);
    const one = ownPledge(gate.campaign, 1, 600_000n);
    const look = (tip: number | 'not-checked', unchecked: boolean, coins: never[] | 'not-checked' = 'not-checked') =>
      outcome((async () => gate.check(one, { tip, coins: coins === 'not-checked' ? coins : new Map() }, unchecked))());
    expect(await look(100, true)).toBe('expired');
    expect(await look('not-checked', false)).toBe('tip-required');
    expect(await look(99, false)).toBe('funding-unchecked');
    expect(await look('not-checked', true)).toBeUndefined();
  });

  it('is taken by a sealed pledge, which nobody else reads', async () => {
    const [collector, alice, other] = [await party(334), await party(335), await party(336)];
    const on = await begun(collector);
    const utxo = [await ownCoin(alice, 400_000n)];
    const sealed = await alice.run(table, { on, input: { utxo, amount: 400_000n, seal: true } });
    expect(sealed.text).not.toContain(utxo[0]!.txid);
    expect((await alice.run(table, { on, input: { utxo, amount: 400_000n, seal: true } })).message['sealed']).toEqual(
      sealed.message['sealed'],
    );
    for (const text of [sealed.message['sealed'].text.replace(/^../, '00'), sealed.message['sealed'].text.slice(2)])
      expect(await outcome(join(collector, { ...sealed.message, sealed: { ...sealed.message['sealed'], text } }))).toBe(
        'sealed-unreadable',
      );
    expect((await join(collector, sealed.message)).message).toMatchObject({ pledges: 1 });
    // The same pledge in plain, as its owner may hand it out, is the same.
    const { pledge } = (await own(alice))[0]!;
    const plain = { ...sealed.message, sealed: null, pledge: { ...pledge, sat: Number(pledge.sat) } };
    expect((await join(collector, plain)).message).toMatchObject({ pledges: 1 });
    // Sealed for one campaign it opens in no other.
    const second = await begun(collector, { outputs: [{ ...OUTPUTS[0], sat: 5_000_000n }] });
    expect(await outcome(join(collector, { ...sealed.message, campaign: second['campaign'].id }))).toBe(
      'sealed-unreadable',
    );
    await begun(other);
    expect(await outcome(join(other, sealed.message))).toBe('unknown-contract');
  });

  it('is given by a server without a person; a campaign and a pledge are not', async () => {
    const [collector, alice] = [await party(337), await party(338)];
    const on = await begun(collector);
    const utxo = [await ownCoin(alice, 400_000n)];
    const { message } = await alice.run(table, { on, input: { utxo, amount: 400_000n } });
    expect((await collector.run(table, { on: message, served: {} })).message['pledges']).toBe(1);
    expect(await outcome(alice.run(table, { on, served: {} }))).toMatch(/not-served|usage/);
  });
});

describe('seats of coins that are spent', () => {
  /** Two pledges, the first of which a node does not show unspent; `by`: what it says of the spender. */
  const spent = async (seed: number, by: SpentBy | undefined) => {
    const collector = await party(seed);
    const campaign = campaignIn(await begun(collector));
    const [gone, kept] = [ownPledge(campaign, 1, 600_000n), ownPledge(campaign, 2, 300_000n)] as const;
    await join(collector, messageOf(campaign, 1, 600_000n));
    await join(collector, messageOf(campaign, 2, 300_000n));
    const spends = new Map(by && [[outpointText(gone), by]]);
    const source: FactSource = { facts: async () => ({ facts: {}, checks: {} }), spends: async () => spends };
    await freeSeats(collector.home, campaign.id, [gone], source);
    const found = await collector.home.store.load([idClaim(campaign.id)]);
    const { sum, changes } = campaignKind.parse(found.found.get(idClaim(campaign.id))!.record);
    const coins = (await seatsOf(collector.home, campaign.id)).map(({ pledge }) => outpointText(pledge));
    return { collector, campaign, sum, changes, coins, gone: outpointText(gone), kept: outpointText(kept) };
  };
  const by = (confirmations: number, txid = 'ab'.repeat(32)): SpentBy => ({ txid, hex: null, confirmations });

  it('are free for others, and taken again by a pledge of that coin, also one of other bytes', async () => {
    const { collector, campaign, sum, changes, coins, gone, kept } = await spent(370, undefined);
    expect([sum.count, sum.netSat, changes, coins]).toEqual([1, 299_942n, 3, [kept]]);
    // Freed once: no seat of that coin is there any more.
    const source: FactSource = { facts: async () => ({ facts: {}, checks: {} }) };
    await freeSeats(collector.home, campaign.id, [ownPledge(campaign, 1, 600_000n)], source);
    const joined = await join(collector, messageOf(campaign, 1, 600_000n));
    expect(joined.message).toMatchObject({ pledges: 2, missing_sat: 100_170 });
    expect((await seatsOf(collector.home, campaign.id)).map(({ pledge }) => outpointText(pledge)).sort()).toEqual(
      [gone, kept].sort(),
    );
    expect((await join(collector, messageOf(campaign, 1, 600_000n))).message).toEqual(joined.message);
  });
  it('are taken again in a batch too', async () => {
    const { collector, campaign } = await spent(373, by(3));
    const brought = { campaign: campaign.id, network: NETWORK, plain: ownPledge(campaign, 1, 600_000n), sealed: null };
    const round = await new HomeSeats(collector.home, undefined).begin([brought]);
    const one = openedIn(round, brought);
    await round.look([one]);
    expect(place(one, { tip: 1, coins: 'not-checked' }, true)).toBe('not-checked');
    expect(one.campaign.gathering.sum.count).toBe(2);
    expect(await round.keep()).toBe(true);
    expect(await seatsOf(collector.home, campaign.id)).toHaveLength(2);
  });
  it('are kept while no block has the spender, which may be replaced', async () => {
    const { sum, coins, gone, kept } = await spent(371, by(0));
    expect([sum.count, coins]).toEqual([2, [gone, kept]]);
  });
});

it('a campaign that was given up gathers nothing more; its outputs stay taken', async () => {
  const collector = await party(375);
  const on = await begun(collector);
  const campaign = campaignIn(on);
  await join(collector, messageOf(campaign, 1, 600_000n));
  const line = { json: null, input: {}, merged: [], cancel: true, over: idClaim(campaign.id) };
  const given = await play(table, line, collector.ports());
  expect(given.hint).toContain('whoever has the pledges can still complete');
  expect((await play(table, line, collector.ports())).text).toBe(given.text);
  expect(await outcome(join(collector, messageOf(campaign, 2, 300_000n)))).toBe('wrong-state');
  const brought = { campaign: campaign.id, network: NETWORK, plain: ownPledge(campaign, 2, 300_000n), sealed: null };
  const round = await new HomeSeats(collector.home, undefined).begin([brought]);
  expect(await outcome((async () => openedIn(round, brought))())).toBe('wrong-state');
  expect(await outcome(begun(collector))).toBe('address-used');
  const [listed] = await collector.home.store.list('campaign');
  expect(campaignKind.row(campaignKind.parse(listed!.record))).toMatchObject({ state: 'cancelled', over: 'ended' });
});

describe('seats of a home, many at once', () => {
  const seated = async (collector: TestParty, campaign: Campaign, pledges: ReturnType<typeof ownPledge>[]) => {
    const brought = pledges.map((plain) => ({ campaign: campaign.id, network: NETWORK, plain, sealed: null }));
    const round = await new HomeSeats(collector.home, undefined).begin(brought);
    const opened = brought.map((one) => openedIn(round, one));
    await round.look(opened);
    const codes: (string | undefined)[] = [];
    for (const one of opened)
      codes.push(await outcome((async () => place(one, { tip: 1, coins: 'not-checked' }, true))()));
    return { codes, kept: await round.keep() };
  };
  const record = async (collector: TestParty, { id }: Campaign) =>
    campaignKind.parse((await collector.home.store.load([idClaim(id)])).found.get(idClaim(id))!.record);

  it('are one commit, and say the same as one by one', async () => {
    const collector = await party(340);
    const campaign = campaignIn(await begun(collector));
    await join(collector, messageOf(campaign, 1, 2_000n));
    const commits = await collector.home.store.commits();
    const pledges = [1, 2, 3, 2].map((n) => ownPledge(campaign, n, 2_000n));
    expect(await seated(collector, campaign, pledges)).toEqual({ codes: pledges.map(() => undefined), kept: true });
    expect(await collector.home.store.commits()).toBe(commits + 1);
    expect((await record(collector, campaign)).sum).toEqual({ count: 3, weight: 693, netSat: 5_826n });
    // A faster run makes the round begin anew.
    const brought = { campaign: campaign.id, network: NETWORK, plain: ownPledge(campaign, 9, 2_000n), sealed: null };
    const slow = await new HomeSeats(collector.home, undefined).begin([brought]);
    const late = openedIn(slow, brought);
    await slow.look([late]);
    place(late, { tip: 1, coins: 'not-checked' }, true);
    await join(collector, messageOf(campaign, 4, 2_000n));
    expect(await slow.keep()).toBe(false);
  });

  it('are 1,730; a larger pledge takes the place of the smallest, alone and among many, and dust does not', async () => {
    const collector = await party(341);
    const campaign = campaignIn(await begun(collector));
    const many = Array.from({ length: 1_730 }, (_, i) => ownPledge(campaign, i + 1, 1_000n + BigInt(i)));
    const first = await seated(collector, campaign, many);
    expect(first.codes.filter((code) => code !== undefined)).toEqual([]);
    const full = (await record(collector, campaign)).sum;
    // As large as the smallest is no larger.
    expect((await seated(collector, campaign, [ownPledge(campaign, 1_735, 1_000n)])).codes).toEqual([
      'too-many-pledges',
    ]);
    expect(full.count).toBe(1_730);
    expect((await seated(collector, campaign, [ownPledge(campaign, 1_731, 999n)])).codes).toEqual(['too-many-pledges']);
    expect(await outcome(join(collector, messageOf(campaign, 1_731, 999n)))).toBe('too-many-pledges');
    // Whoever has signed nothing does not make the collector read all seats.
    const byName = vi.spyOn(collector.home.store, 'byName');
    const unsigned = messageOf(campaign, 1_734, 9_000n);
    const signature = unsigned.pledge.signature.replace(/^../, (byte) => (byte === '00' ? '01' : '00'));
    const forged = { ...unsigned, pledge: { ...unsigned.pledge, signature } };
    expect(await outcome(join(collector, forged))).toBe('signature-invalid');
    expect(byName).not.toHaveBeenCalled();
    byName.mockRestore();
    expect((await seated(collector, campaign, [ownPledge(campaign, 1_732, 9_000n)])).codes).toEqual([undefined]);
    await join(collector, messageOf(campaign, 1_733, 9_000n));
    const { sum } = await record(collector, campaign);
    expect(sum).toEqual({ ...full, netSat: full.netSat + 8_000n + 7_999n });
  });
});

const pubOf = (secret: Uint8Array): Uint8Array => Uint8Array.from(Buffer.from(xOnlyKey(secret), 'hex'));
