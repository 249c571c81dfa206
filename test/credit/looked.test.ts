/** What a party relies on without having looked: heights, the funding, an outpoint that a stranger names, an old offer, fees. */
import { afterEach, describe, expect, it } from 'vitest';
import { closeCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { keysOf } from '../../src/lib/credit/terms.ts';
import { coinClaim } from '../../src/lib/protocol/claims.ts';
import { opened, ownCoin, payMessages, type Pair } from '../support/credit.ts';
import { TestParty, type Message } from '../support/party.ts';
import { parties, payeeOf, policy, refused, show, tip } from './helpers.ts';
import { proposal } from './proposal.ts';

const expires = { blocks: 4_320 };
const mainnet: TestParty[] = [];
afterEach(() => mainnet.splice(0).forEach((party) => party.close()));
/** Two homes on mainnet: nothing of a chain is known there, but what a test shows. */
async function onMainnet(): Promise<Pair> {
  const [payee, payer] = [
    await TestParty.make(undefined, undefined, 'mainnet'),
    await TestParty.make(undefined, undefined, 'mainnet'),
  ];
  mainnet.push(payee, payer);
  return { payee, payer, close: () => {} };
}
const start = async ({ payee, payer }: Pair, height: number | undefined = undefined) => {
  const offered = await payee.run(openCredit, { input: { as: 'payee', policy } });
  const input = {
    utxo: [await ownCoin(payer, 1_300_000n)],
    amount: 1_200_000n,
    expires: height === undefined ? expires : { height },
  };
  return (await payer.run(openCredit, { on: offered.message, input })).message;
};
const unchecked = { unchecked: true };

describe('off regtest a payee relies on nothing that it has not looked at', () => {
  it('an opening needs a height: a contract that has expired long ago is not taken', async () => {
    const both = await onMainnet();
    tip(both, 'not-checked');
    const proposed = await start(both, 1);
    await refused(() => both.payee.run(openCredit, { on: proposed }), 'tip-required', both.payee);
    both.payee.chain.tip = 900_000;
    await refused(() => both.payee.run(openCredit, { on: proposed }), 'out-of-policy', both.payee);
    both.payee.chain.tip = 'not-checked';
    const taken = await both.payee.run(openCredit, { on: proposed, input: unchecked });
    expect(taken.message['step']).toBe('accepted');
  });

  it('requests, updates and rollovers need a height and a node that has seen the funding', async () => {
    const both = await onMainnet();
    const { payee, payer } = both;
    const accepted = await payee.run(openCredit, { on: await start(both) });
    const ready = await payer.run(openCredit, { on: accepted.message });
    const contract = ready.message['contract'].id as string;
    const c = await payeeOf(both, contract);
    const steps: [() => Message | undefined, typeof signUpdate | typeof rollover][] = [];
    /** Refused while something is unknown, taken once all is. */
    const looked = async (table: typeof signUpdate | typeof rollover, on: Message | undefined, input: object = {}) => {
      const go = (more: object = {}) =>
        payee.run(
          table as typeof signUpdate,
          { on, input: { ...input, ...more }, requestId: on ? undefined : `${steps.length}` } as never,
        );
      payee.chain.coins = 'not-checked';
      await refused(() => go(), 'funding-unchecked', payee);
      show(both, c);
      payer.chain.coins = 'not-checked';
      payee.chain.tip = 'not-checked';
      await refused(() => go(), 'tip-required', payee);
      payee.chain.tip = 1_000;
      return (await go()).message;
    };
    const requested = await looked(signUpdate, undefined, { contract, amount: 50_000n });
    const signed = await payer.run(signUpdate, { on: requested, amount: 50_000n });
    await looked(signUpdate, signed.message);
    const offered = await payee.run(rollover, { input: { contract, policy } });
    const proposed = await payer.run(rollover, { on: offered.message, input: { expires } });
    const rolled = await payer.run(rollover, { on: await looked(rollover, proposed.message) });
    await looked(rollover, rolled.message);
  });

  it('--unchecked goes on all the same, and regtest needs neither', async () => {
    const both = await onMainnet();
    const { payee, payer } = both;
    tip(both, 'not-checked');
    const accepted = await payee.run(openCredit, { on: await start(both, 5_320), input: unchecked });
    const ready = await payer.run(openCredit, { on: accepted.message });
    const contract = ready.message['contract'].id as string;
    const requested = await payee.run(signUpdate, { input: { contract, amount: 2_100n, ...unchecked } });
    const signed = await payer.run(signUpdate, { on: requested.message, amount: 2_100n });
    const taken = await payee.run(signUpdate, { on: signed.message, input: unchecked });
    expect(taken.message['checks']).toMatchObject({ tip: 'not-checked', funding: 'not-checked' });
    // The word is the owner's for one run: without it the same answer is there.
    expect((await payee.run(signUpdate, { on: signed.message })).text).toBe(taken.text);
    const here = await parties();
    tip(here, 'not-checked');
    const made = await here.payee.run(openCredit, { on: await start(here, 5_320) });
    expect(made.message['step']).toBe('accepted');
  });
});

describe('what a stranger names reserves nothing of ours', () => {
  it('a payee’s own coin, named as a contract’s outpoint, funds what its owner likes', async () => {
    const both = await parties();
    const { payee } = both;
    const coin = await ownCoin(payee, 5_000_000n);
    const offered = await payee.run(openCredit, { input: { as: 'payee', policy } });
    await payee.run(openCredit, { on: proposal(offered.message, {}, { txid: coin.txid, vout: coin.vout }) });
    const { found } = await payee.home.store.load([coinClaim(`${coin.txid}:0`)]);
    expect(found.size).toBe(0);
    const other = await both.payer.run(openCredit, { input: { as: 'payee', policy } });
    const input = { utxo: [coin], amount: 1_000_000n, expires };
    expect((await payee.run(openCredit, { on: other.message, input })).message['step']).toBe('proposed');
  });

  it('with a node, a coin of another script is refused; one that is missing or young is not', async () => {
    const both = await parties();
    const { payee } = both;
    const at = `${'ab'.repeat(32)}:0`;
    const propose = async () => proposal((await payee.run(openCredit, { input: { as: 'payee', policy } })).message);
    const on = await propose();
    const { script } = keysOf({
      payer_pubkey: on['contract'].payer_pubkey,
      payee_pubkey: on['contract'].payee_pubkey,
    } as never);
    const coin = { sat: 1_200_000n, script, confirmations: 0, coinbase: false };
    payee.chain.coins = new Map([[at, { ...coin, script: '5120' + '11'.repeat(32) }]]);
    await refused(() => payee.run(openCredit, { on }), 'unsafe-funding', payee);
    payee.chain.coins = new Map([[at, { ...coin, sat: 1n }]]);
    await refused(() => payee.run(openCredit, { on }), 'unsafe-funding', payee);
    payee.chain.coins = new Map([[at, coin]]);
    const ran = await payee.run(openCredit, { on });
    expect(ran.message['checks']).toMatchObject({ funding: 'confirmed' });
  });

  it('and where nothing is there yet, that is said', async () => {
    const { payee } = await parties();
    const on = proposal((await payee.run(openCredit, { input: { as: 'payee', policy } })).message);
    payee.chain.coins = new Map();
    expect((await payee.run(openCredit, { on })).message['checks']).toMatchObject({ funding: 'none' });
  });

  it('an offer that nobody has answered in time ends', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const proposed = await start(both);
    payee.chain.now += 86_401;
    await refused(() => payee.run(openCredit, { on: proposed }), 'offer-expired', payee);
    payee.chain.now -= 1;
    await payee.run(openCredit, { on: proposed });
    const short = await payee.run(openCredit, { input: { as: 'payee', policy, offerExpiry: 3_600 } });
    payee.chain.now += 3_601;
    await refused(() => payee.run(openCredit, { on: proposal(short.message) }), 'offer-expired', payee);
    const contract = await opened(both);
    const offered = await payee.run(rollover, { input: { contract, policy, offerExpiry: 60 } });
    const rolls = await payer.run(rollover, { on: offered.message, input: { expires } });
    payee.chain.now += 61;
    await refused(() => payee.run(rollover, { on: rolls.message }), 'offer-expired', payee);
  });
});

describe('both sides bound fees', () => {
  const offer = async ({ payee }: Pair, exit_feerate: number) =>
    (await payee.run(openCredit, { input: { as: 'payee', policy: { ...policy, exit_feerate } } })).message;
  const propose = async ({ payer }: Pair, on: Message, amount: bigint, more: object = {}) =>
    payer.run(openCredit, { on, input: { utxo: [await ownCoin(payer, amount + 100_000n)], amount, expires, ...more } });

  it('an exit feerate above 50 sat/vB, or above what the payer says, is refused with the figures', async () => {
    const both = await parties();
    const dear = await offer(both, 51);
    const error = await refused(() => propose(both, dear, 5_000_000n), 'fee-too-high');
    expect(error.message).toContain('51 sat/vB, at most 50 expected');
    expect(error.hint).toContain('--max-exit-feerate');
    expect((await propose(both, dear, 5_000_000n, { maxExitFeerate: 51_000 })).message['step']).toBe('proposed');
    expect((await propose(both, await offer(both, 50), 5_000_000n)).message['step']).toBe('proposed');
    const three = await offer(both, 3);
    await refused(() => propose(both, three, 5_000_000n, { maxExitFeerate: 2_000 }), 'fee-too-high');
  });

  it('a refund that burns more than a hundredth is refused, whether a home or another wallet funds', async () => {
    const both = await parties();
    // 111 vB at 2 sat/vB: 222 sat are a hundredth of 22,200.
    const [small, large] = [await offer(both, 2), await offer(both, 2)];
    const error = await refused(() => propose(both, small, 22_100n), 'fee-too-high');
    expect(error.message).toMatch(/22100 sat that costs 222 sat/);
    const addressed = { on: small, input: { amount: 22_100n, expires } };
    await refused(() => both.payer.run(openCredit, addressed), 'fee-too-high');
    expect((await propose(both, small, 22_100n, { allowFee: true })).message['step']).toBe('proposed');
    expect((await propose(both, large, 22_200n)).message['step']).toBe('proposed');
  });

  it('the next contract of a rollover likewise, and a close above 50 sat/vB', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    const input = { contract, policy: { ...policy, exit_feerate: 60 } };
    const offered = await payee.run(rollover, { input });
    await refused(() => payer.run(rollover, { on: offered.message, input: { expires } }), 'fee-too-high', payer);
    payee.chain.feerate = 51_000;
    const proposed = await payee.run(closeCredit, { input: { contract } });
    const error = await refused(() => payer.run(closeCredit, { on: proposed.message }), 'fee-too-high', payer);
    expect(error.message).toContain('51 sat/vB found, at most 50 expected');
    await payer.run(closeCredit, { on: proposed.message, input: { maxFeerate: 51_000 } });
  });
});
