/** Prices of leaving alone: worked out from sizes, told before anything is accepted, and what the finished package costs. */
import { describe, expect, it } from 'vitest';
import { inspect } from '../../src/commands/tools/inspection.ts';
import { blocksOf, exitQuoteOf, exitQuoteWords, type Leg, type WayOut } from '../../src/lib/contract/quote.ts';
import { legsOf } from '../../src/lib/contract/exit-package.ts';
import { creditWay } from '../../src/lib/credit/ways.ts';
import { quotesNow } from '../../src/lib/engine/ways.ts';
import { tableOf } from '../../src/lib/families.ts';
import { refundWay } from '../../src/lib/htlc/ways.ts';
import { pledge } from '../../src/lib/pledge/table.ts';
import { ADDRESSES } from '../credit/things.ts';
import { pair as swappers, swapMessages } from '../htlc/scenes.ts';
import { openMessages, pair, payMessages } from '../support/credit.ts';
import { creditExits, pledgeExits, statecoinExits } from '../support/exits.ts';
import { FORMS, formName, htlcOf, spendOf, TO } from '../support/htlc.ts';
import { TestParty, type Message } from '../support/party.ts';
import { cast, openMessages as openCoin, transferMessages } from '../support/statechain.ts';

const NOW = { tip: 1_000, now: 1_800_000_000 };
const SCRIPT = `5120${'79'.repeat(32)}`;
const leg = (more: Partial<Leg> = {}): Leg => ({
  vsize: 100,
  feeSat: 200n,
  childVsize: 111,
  bears: true,
  from: [],
  ...more,
});
const way = (...legs: Leg[]): WayOut => ({ who: 'owner', legs, script: SCRIPT });
const at = (feerate: number) => ({ ...NOW, feerate });

describe('a quote', () => {
  it('has a child where the step pays less than the feerate, and none where it pays as much', () => {
    const alone = { transactions: 1, vbytes: 100, feerate: '2', fee_sat: 200n, blocks: 1, worth_from_sat: 530n };
    expect(exitQuoteOf(way(leg()), at(2_000))).toEqual(alone);
    expect(exitQuoteOf(way(leg()), at(2_001))).toMatchObject({ transactions: 2, vbytes: 211, fee_sat: 423n });
    expect(exitQuoteOf(way(leg({ childVsize: null })), at(90_000))).toEqual(alone);
  });
  it('counts what the leaver bears alone, and dust', () => {
    expect(exitQuoteOf(way(leg({ bears: false })), at(1_000)).worth_from_sat).toBe(330n);
    expect(exitQuoteOf(way(leg({ bears: false })), at(10_000))).toMatchObject({
      fee_sat: 2_110n,
      worth_from_sat: 2_240n,
    });
    expect(exitQuoteOf(way(leg(), leg()), at(1_000))).toMatchObject({ fee_sat: 400n, worth_from_sat: 730n });
  });
  it.each<[string, Partial<Leg>[], { tip?: number | 'not-checked'; now?: number | undefined }, number | null]>([
    ['the next block', [{}], {}, 1],
    ['one for each step', [{}, {}, {}], {}, 3],
    ['a height ahead', [{ from: [{ height: 1_010 }] }], {}, 10],
    ['a height behind', [{ from: [{ height: 900 }] }], {}, 1],
    ['a wait after the coin', [{ from: [{ confirmations: 144 }] }], {}, 144],
    ['a wait after a step', [{ from: [{ height: 1_010 }] }, { from: [{ confirmations: 144 }] }], {}, 154],
    ['a wait in seconds', [{}, { from: [{ seconds: 6_144 }] }], {}, 12],
    ['a time ahead: the median lags', [{ from: [{ median_time: 1_800_006_000 }] }], {}, 16],
    ['a height that nobody knows', [{ from: [{ height: 1_010 }] }], { tip: 'not-checked' }, null],
    ['a time that nobody knows', [{ from: [{ median_time: 1_800_006_000 }] }], { now: undefined }, null],
  ])('takes as long as its slowest step: %s', (_, legs, more, blocks) => {
    const { tip, now } = { ...NOW, ...more };
    const known = { tip, ...(now !== undefined && { now }) };
    expect(blocksOf(legs.map(leg), known)).toBe(blocks);
  });
  it('is one line', () => {
    expect(exitQuoteWords(exitQuoteOf(way(leg()), at(2_000)))).toBe(
      '1 transaction of 100 vB in all, 200 sat at 2 sat/vB, 1 block; pays from 530 sat on',
    );
    expect(exitQuoteWords(exitQuoteOf(way(leg()), { feerate: 40_000, tip: 'not-checked' }))).toContain(
      '2 transactions of 211 vB in all, 8440 sat at 40 sat/vB',
    );
  });
});

describe('what is quoted is what it costs', () => {
  it.each([2_000, 7_500, 30_000])(
    'at %i sat for 1000 vB, to the satoshi: exit, refund, backup, pledge',
    async (feerate) => {
      const made = [
        ...(await creditExits(11, feerate)),
        ...(await statecoinExits(21, feerate)),
        ...(await pledgeExits(31, feerate)),
      ];
      for (const {
        name,
        exit,
        package: { quote },
      } of made)
        expect({ name, ...exitQuoteOf({ legs: legsOf(exit), script: exit.script }, at(feerate)) }).toEqual({
          name,
          ...quote,
        });
    },
  );
  it.each(FORMS.map((form) => [formName(form), form] as const))(
    'a refund, by its largest signatures: %s',
    (_, form) => {
      const htlc = htlcOf(form);
      const [sized] = refundWay('refunder', htlc, 2_000, TO).legs;
      const { vsize, feeSat } = spendOf(htlc, 'refund');
      expect(sized).toMatchObject({ vsize, feeSat });
    },
  );
});

/** Ways out that `inspect` tells of each message, by step. */
async function told(messages: readonly Message[]): Promise<Record<string, string[]>> {
  const all: Record<string, string[]> = {};
  for (const document of messages) {
    const { facts } = await inspect({ document }, undefined);
    all[document['step']] = facts
      .filter(([label]) => label.startsWith('leaving alone'))
      .map(([label, text]) => `${label}: ${text}`);
  }
  return all;
}

describe('told before anything is accepted', () => {
  it('of a credit contract: in every message of its opening, for both', async () => {
    const both = await pair(51);
    const messages = await openMessages(both);
    const found = await told(messages);
    const payer = 'leaving alone, payer: 1 transaction of 111 vB in all, 222 sat at 2 sat/vB';
    const payee =
      'leaving alone, payee: 1 transaction of 154 vB in all, 308 sat at 2 sat/vB, 1 block; pays from 330 sat on';
    const { max_blocks } = messages[0]!['offer'].policy;
    expect(found['offered']).toEqual([`${payer}, ${max_blocks} blocks; pays from 552 sat on`, payee]);
    for (const step of ['proposed', 'accepted', 'ready'])
      expect(found[step]).toEqual([`${payer}; pays from 552 sat on`, payee]);
    const { contract } = messages[3]!;
    expect(creditWay('payer', { ...contract, network: 'regtest' }).legs).toMatchObject([
      { from: [{ height: contract.expiry + 1 }] },
    ]);
    expect(await told(await payMessages(both, contract.id, 50_000n))).toEqual({
      requested: [],
      signed: [],
      accepted: [],
    });
    both.close();
  });
  it('of a statecoin: in the offer, when it is ready, and to whoever receives it', async () => {
    const all = await cast(61);
    const opening = await openCoin(all);
    const words = 'leaving alone, owner: 2 transactions of 277 vB in all, 554 sat at 2 sat/vB';
    const found = await told(opening);
    expect(found['offered']).toEqual([`${words}, 1000 blocks; pays from 884 sat on`]);
    expect(found['ready']).toEqual([`${words}; pays from 884 sat on`]);
    const moved = await transferMessages(all.operator, all.alice, all.bob, opening[3]!['coin'].id);
    const later = await told(moved);
    expect(later).toMatchObject({ invited: [], offered: [] });
    for (const step of ['opened', 'sent', 'moved', 'owned'])
      expect(later[step], step).toEqual([`${words}; pays from 884 sat on`]);
    const table = (await tableOf('statechain-transfer'))!;
    for (const step of ['sent', 'owned']) {
      const message = moved.find((one) => one['step'] === step)!;
      const before = await quotesNow(table, message, all.bob.ports().source);
      expect(before).toEqual([['leaving alone, owner', expect.stringContaining('554 sat at 2 sat/vB, 901 blocks')]]);
    }
    all.close();
  });
  it('of a swap: in offer and acceptance, for whoever has to take its coin back', async () => {
    const both = await swappers(71);
    const messages = await swapMessages(both);
    const found = await told(messages);
    expect(found['offered']).toHaveLength(1);
    expect(found['accepted']!.map((text) => text.split(':')[0])).toEqual([
      'leaving alone, initiator',
      'leaving alone, responder',
    ]);
    expect(found['funded']).toEqual([]);
    both.close();
  });
  it('of a campaign', async () => {
    const collector = await TestParty.make(81);
    const { message } = await collector.run(pledge, {
      input: { outputs: [{ address: ADDRESSES.p2tr, sat: 1_000_000n }] },
    });
    expect((await told([message]))['campaign']).toEqual([
      'leaving alone, pledger: 1 transaction of 111 vB in all, 222 sat at 2 sat/vB, 1 block; pays from 552 sat on',
    ]);
    collector.close();
  });
  it('nothing where the run will refuse the message', async () => {
    const alice = await TestParty.make(91);
    const table = (await tableOf('open-credit'))!;
    expect(await quotesNow(table, { type: 'open-credit' }, alice.ports().source)).toEqual([]);
    alice.close();
  });
});
