/** Swaps and cooperative spends, step by step: what is refused, what is kept, and every transaction by Core's consensus code. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { readPsbt, templateOf, writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import { parseTransaction } from '../../src/lib/bitcoin/transaction.ts';
import { closeCredit } from '../../src/lib/ecash/credit.ts';
import { freshKey } from '../../src/commands/htlc/home.ts';
import { htlcCooperate } from '../../src/lib/htlc/cooperate.ts';
import { describeHtlc } from '../../src/lib/htlc/describe.ts';
import { hashOf } from '../../src/lib/htlc/terms.ts';
import { secretIn, shownBy } from '../../src/lib/htlc/secret.ts';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import { checkOrder, checkTime, claimBy, fundBy, matchBy } from '../../src/lib/htlc/swap-terms.ts';
import { createHtlc } from '../../src/lib/htlc/create.ts';
import { readHtlc, viewOf } from '../../src/lib/htlc/view.ts';
import { withSats } from '../../src/lib/protocol/json.ts';
import type { Utxo } from '../../src/lib/protocol/action.ts';
import { htlcKeyKind } from '../../src/lib/htlc/records.ts';
import { swapKind } from '../../src/lib/htlc/swap-records.ts';
import { reseal, sealSecret } from '../credit/alter.ts';
import { ownCoin } from '../support/credit.ts';
import { coinOf, signAll, walletKey } from '../support/wallet.ts';
import { judge, type Prevout } from '../support/kernel.ts';
import type { Message } from '../support/party.ts';
import { codeOf } from '../support/refusal.ts';
import {
  ACCEPT,
  COIN,
  cooperation,
  GIVE,
  OFFER,
  pair,
  scenes,
  sharedHtlc,
  straight,
  swapMessages,
  WANT,
  type Pair,
  type Stage,
} from './scenes.ts';

const kernel = await judge();
afterAll(() => kernel?.close());
let seed = 500;
let both: Pair;
beforeAll(async () => {
  both = await pair((seed += 2));
});
afterAll(() => both.close());

const refused = async (run: Promise<unknown>): Promise<string> => {
  try {
    await run;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'not refused';
};
const judged = async (hex: string, ...prevouts: Prevout[]): Promise<void> => {
  if (kernel) expect(await kernel.scripts(hex, prevouts)).toBe(true);
};
const extracted = (psbt: string): { hex: string; prevouts: Prevout[] } => ({
  hex: bytesToHex(readPsbt(psbt).extract()),
  prevouts: templateOf(readPsbt(psbt)).inputs.map(({ sat, script }) => ({ sat, script })),
});

describe('a swap', () => {
  let messages: Message[];
  beforeAll(async () => {
    messages = await swapMessages(both);
  });
  const at = (step: number) => messages[step]!;

  it('both pay, the initiator claims, the responder claims with what that shows', async () => {
    expect(messages.map((m) => m['step'])).toEqual(['offered', 'accepted', 'funded', 'matched', 'claimed', 'claimed']);
    const { first, second } = at(1)['htlcs'];
    const funding = extracted(at(2)['psbt'].first);
    await judged(funding.hex, ...funding.prevouts);
    const matching = extracted(at(3)['psbt'].second);
    await judged(matching.hex, ...matching.prevouts);
    await judged(at(4)['hex'], { sat: WANT, script: second.output_script });
    await judged(at(5)['hex'], { sat: GIVE, script: first.output_script });
    const spends = (m: Message) => parseTransaction(m['hex']).inputs.map((i) => `${bytesToHex(i.txid)}:${i.index}`);
    expect(spends(at(4))).toEqual([`${at(3)['second'].txid}:${at(3)['second'].vout}`]);
    expect(spends(at(5))).toEqual([`${at(2)['first'].txid}:${at(2)['first'].vout}`]);
    const { hash } = at(0)['offer'];
    expect(secretIn(shownBy(at(4)['hex']), hash).preimage).toBe(secretIn(shownBy(at(5)['hex']), hash).preimage);
  });

  it('no message before the claim shows the preimage', () => {
    const { preimage } = secretIn(shownBy(at(4)['hex']), at(0)['offer'].hash);
    for (const message of messages.slice(0, 4)) expect(JSON.stringify(message)).not.toContain(preimage);
    expect(hashOf(Buffer.from(preimage, 'hex')).sha256).toBe(at(0)['offer'].hash);
  });

  it('the documents of both HTLCs are in the messages, and claim and refund belong to different homes', () => {
    const { first, second } = at(1)['htlcs'];
    for (const view of [first, second]) expect(viewOf(readHtlc(view))).toEqual(view);
    expect([first.locktime.value, second.locktime.value]).toEqual([1288, 1144]);
    expect(first.hash).toEqual(second.hash);
    const { offer, answer } = at(1) as any;
    expect([first.claim_pubkey, first.refund_pubkey]).toEqual([answer.side.claim_pubkey, offer.side.refund_pubkey]);
    expect([second.claim_pubkey, second.refund_pubkey]).toEqual([offer.side.claim_pubkey, answer.side.refund_pubkey]);
  });

  it('what a home has paid it does not pay again, and what it has claimed it does not claim again', async () => {
    const utxo = [await ownCoin(both.alice, 150_000n)];
    expect(await refused(both.alice.run(htlcSwap, { on: at(1), input: { utxo } }))).toBe('answered-otherwise');
    expect(await refused(both.alice.run(htlcSwap, { on: at(3), input: {}, cancel: true }))).toBe('too-late-to-cancel');
    expect(
      await refused(
        both.bob.run(htlcSwap, {
          on: at(0),
          amount: WANT,
          input: { want: GIVE, expires: { blocks: 140 }, amount: WANT },
        }),
      ),
    ).toBe('answered-otherwise');
  });

  it('a stranger takes no part, and whoever reads its own message hears who is next', async () => {
    const stranger = await pair((seed += 2));
    for (const m of messages.slice(1))
      expect(await refused(stranger.alice.run(htlcSwap, { on: m }))).toMatch(/unknown-contract|nothing-follows/);
    stranger.close();
    expect(await refused(both.alice.run(htlcSwap, { on: at(0) }))).toBe('not-your-turn');
    expect(await refused(both.bob.run(htlcSwap, { on: at(1) }))).toBe('not-your-turn');
    expect(await refused(both.alice.run(htlcSwap, { on: at(5) }))).toBe('not-your-turn');
    // The responder goes on from its own claim as from the other's.
    expect((await both.bob.run(htlcSwap, { on: at(5) })).message['hex']).toBe(at(5)['hex']);
  });

  it('in words', () => {
    for (const message of messages) {
      const { facts, checks } = describeHtlc(withSats(message) as Message);
      expect(facts.length).toBeGreaterThan(2);
      expect(checks.filter(([, , failed]) => failed !== undefined)).toEqual([]);
      expect(checks.at(-1)![1]).toMatch(/^by the (initiator|responder)$/);
    }
    const { checks } = describeHtlc(
      withSats({ ...at(1), htlcs: { ...at(1)['htlcs'], first: at(1)['htlcs'].second } }) as Message,
    );
    expect(checks.filter(([, , failed]) => failed !== undefined).length).toBe(2);
  });
});

describe('the order of heights', () => {
  const terms = (first: number, second: number, margin = 36) =>
    ({ offer: { expiry: first, margin_blocks: margin }, answer: { expiry: second } }) as never;
  it("the initiator's coin is locked longer by the margin", () => {
    expect(codeOf(() => checkOrder(terms(1179, 1144)))).toBe('unsafe-expiry');
    expect(codeOf(() => checkOrder(terms(1144, 1144)))).toBe('unsafe-expiry');
    expect(codeOf(() => checkOrder(terms(1000, 1144)))).toBe('unsafe-expiry');
    checkOrder(terms(1180, 1144));
    expect([fundBy, matchBy, claimBy].map((by) => by(terms(1180, 1144)))).toEqual([1036, 1072, 1108]);
  });
  it('each deadline is the first height that is too late', () => {
    expect(codeOf(() => checkTime(1036, 1036, 'x'))).toBe('expired');
    checkTime(1035, 1036, 'x');
    checkTime('not-checked', 1036, 'x');
  });

  it.each<[string, object, number, string]>([
    ['a responder that wants to be refunded last', { expires: { blocks: 288 } }, 1000, 'unsafe-expiry'],
    ['a responder one block too late', { expires: { blocks: 253 } }, 1000, 'unsafe-expiry'],
    ['a responder that leaves no time to fund', { expires: { blocks: 108 } }, 1000, 'expired'],
    ['an offer that has waited', { expires: { height: 1144 } }, 1036, 'expired'],
  ])('%s is refused', async (_, input, tip, code) => {
    const two = await pair((seed += 2));
    const offered = await two.alice.run(htlcSwap, { input: OFFER });
    two.bob.chain.tip = tip;
    const before = await two.bob.state();
    expect(
      await refused(
        two.bob.run(htlcSwap, { on: offered.message, amount: WANT, input: { want: GIVE, ...input, amount: WANT } }),
      ),
    ).toBe(code);
    expect(await two.bob.state()).toEqual(before);
    two.close();
  });
  it("the margin and the confirmations that are enough are each side's own", async () => {
    const offered = await both.alice.run(htlcSwap, { input: { ...OFFER, margin: 5 } });
    const accept = (more: object) =>
      both.bob.run(htlcSwap, {
        on: offered.message,
        amount: WANT,
        input: { want: GIVE, expires: { blocks: 144 }, amount: WANT, ...more },
      });
    expect(await refused(accept({}))).toBe('unsafe-expiry');
    expect(await refused(accept({ margin: 6 }))).toBe('unsafe-expiry');
    expect((await accept({ margin: 5 })).message['step']).toBe('accepted');
    expect(offered.message['offer'].min_conf).toBeUndefined();
  });
  it('an offer of less than is wanted is refused, whatever it asks for', async () => {
    const offered = await both.alice.run(htlcSwap, { input: { ...OFFER, give: 5_000n } });
    const input = { want: GIVE, expires: { blocks: 144 }, amount: WANT };
    expect(await refused(both.bob.run(htlcSwap, { on: offered.message, amount: WANT, input }))).toBe('amount-differs');
  });
  it('an action of another family finds no contract where a swap is', async () => {
    const offered = await both.alice.run(htlcSwap, { input: OFFER });
    const contract = offered.message['offer'].hash;
    expect(await refused(both.alice.run(closeCredit, { input: { contract } }))).toBe('unknown-contract');
  });
  it('an offer that expires too soon is not made', async () => {
    expect(await refused(both.alice.run(htlcSwap, { input: { ...OFFER, expires: { blocks: 144 } } }))).toBe(
      'unsafe-expiry',
    );
  });
  it.each([
    [10n, 98_000n],
    [100_000n, 500n],
    [100_000n, 1_000n],
  ])('amounts that are not worth claiming are refused: %i for %i', async (give, want) => {
    const offered = await both.alice.run(htlcSwap, { input: { ...OFFER, give, want } });
    expect(
      await refused(
        both.bob.run(htlcSwap, {
          on: offered.message,
          amount: want,
          input: { want: give, expires: { blocks: 144 }, amount: want },
        }),
      ),
    ).toMatch(/fee-too-high|below-dust/);
  });
  it('nobody agreed, or to another amount', async () => {
    const offered = await both.alice.run(htlcSwap, { input: OFFER });
    const input = { want: GIVE, expires: { blocks: 144 } };
    expect(await refused(both.bob.run(htlcSwap, { on: offered.message, input }))).toBe('not-agreed');
    expect(await refused(both.bob.run(htlcSwap, { on: offered.message, input, amount: WANT + 1n }))).toBe(
      'amount-differs',
    );
  });
});

describe('what a node says of the other side', () => {
  const paid = (message: Message, name: 'first' | 'second', amount: bigint, change: Partial<Utxo> = {}) =>
    new Map([
      [
        `${message[name].txid}:${message[name].vout}`,
        { sat: amount, script: message['htlcs'][name].output_script, confirmations: 1, ...change },
      ],
    ]);

  it('no coin, another coin, an unconfirmed coin, and nobody to ask: nothing is paid or shown', async () => {
    const two = await pair((seed += 2));
    const stage = straight(two);
    const offered = await stage('alice', htlcSwap, { input: OFFER });
    const accepted = await stage('bob', htlcSwap, {
      on: offered,
      amount: WANT,
      input: { want: GIVE, expires: { blocks: 144 }, amount: WANT },
    });
    const funded = await stage('alice', htlcSwap, {
      on: accepted,
      input: { utxo: [await ownCoin(two.alice, 150_000n)] },
    });
    const coin = await ownCoin(two.bob, 140_000n);
    const own: [string, Utxo] = [`${coin.txid}:${coin.vout}`, { sat: coin.sat, script: coin.script, confirmations: 6 }];
    const match = () => two.bob.run(htlcSwap, { on: funded, input: { utxo: [coin] } });
    const cases: [Map<string, Utxo> | 'not-checked', string][] = [
      ['not-checked', 'funding-unchecked'],
      [new Map([own]), 'funding-missing'],
      [new Map([own, ...paid(funded, 'first', GIVE - 1n)]), 'unsafe-funding'],
      [new Map([own, ...paid(funded, 'first', GIVE, { script: `0014${'00'.repeat(20)}` })]), 'unsafe-funding'],
      [new Map([own, ...paid(funded, 'first', GIVE, { confirmations: 0 })]), 'funding-unconfirmed'],
      [new Map(paid(funded, 'first', GIVE)), 'coin-missing'],
    ];
    const before = await two.bob.state();
    for (const [coins, code] of cases) {
      two.bob.chain.coins = coins;
      expect(await refused(match())).toBe(code);
    }
    two.bob.chain.coins = new Map([own, ...paid(funded, 'first', GIVE)]);
    expect(await refused(two.bob.run(htlcSwap, { on: funded, input: { utxo: [coin], minConf: 2 } }))).toBe(
      'funding-unconfirmed',
    );
    two.bob.chain.tip = 1072;
    expect(await refused(match())).toBe('expired');
    expect(await two.bob.state()).toEqual(before);
    two.bob.chain.tip = 1071;
    const matched = (await match()).message;

    const claim = () => two.alice.run(htlcSwap, { on: matched });
    const then = await two.alice.state();
    for (const [coins, code] of [
      ['not-checked', 'funding-unchecked'],
      [new Map(), 'funding-missing'],
      [paid(matched, 'second', WANT + 1n), 'unsafe-funding'],
      [paid(matched, 'second', WANT, { confirmations: 0 }), 'funding-unconfirmed'],
    ] as [Map<string, Utxo> | 'not-checked', string][]) {
      two.alice.chain.coins = coins;
      expect(await refused(claim())).toBe(code);
    }
    two.alice.chain.coins = paid(matched, 'second', WANT);
    two.alice.chain.tip = 1108;
    expect(await refused(claim())).toBe('expired');
    expect(await two.alice.state()).toEqual(then);
    two.alice.chain.tip = 1107;
    const claimed = (await claim()).message;
    expect(claimed['checks'].second).toBe('confirmed');
    const settled = await two.bob.run(htlcSwap, { on: claimed });
    expect([settled.exit, settled.message['step'], settled.message['checks'].first]).toEqual([
      0,
      'claimed',
      'confirmed',
    ]);
    two.close();
  });

  it('two runs at once pay once, and print the same', async () => {
    const two = await pair((seed += 2));
    const stage = straight(two);
    const offered = await stage('alice', htlcSwap, { input: OFFER });
    const accepted = await stage('bob', htlcSwap, {
      on: offered,
      amount: WANT,
      input: { want: GIVE, expires: { blocks: 144 }, amount: WANT },
    });
    const utxo = [await ownCoin(two.alice, 150_000n)];
    const both = await Promise.all([1, 2].map(() => two.alice.run(htlcSwap, { on: accepted, input: { utxo } })));
    expect(both[0]!.text).toBe(both[1]!.text);
    // Another agreement on the same offer finds it paid.
    const other = await pair((seed += 2));
    const again = await other.bob.run(htlcSwap, {
      on: offered,
      amount: WANT,
      input: { want: GIVE, expires: { blocks: 144 }, amount: WANT },
    });
    expect(await refused(two.alice.run(htlcSwap, { on: again.message, input: { utxo } }))).toBe('bad-seal');
    for (const p of [two, other]) p.close();
  });

  it('a coin of another wallet: the PSBT waits for its signature, and comes back with --merge', async () => {
    const two = await pair((seed += 2));
    const stage = straight(two);
    const offered = await stage('alice', htlcSwap, { input: OFFER });
    const accepted = await stage('bob', htlcSwap, {
      on: offered,
      amount: WANT,
      input: { want: GIVE, expires: { blocks: 144 }, amount: WANT },
    });
    const key = walletKey('p2wpkh', 5);
    const input = { utxo: [coinOf(key, 9, 150_000n)] };
    const waiting = await two.alice.run(htlcSwap, { on: accepted, input });
    expect([waiting.exit, waiting.message['step']]).toEqual([3, 'funded']);
    const signed = writePsbt(signAll(templateOf(readPsbt(waiting.message['psbt'].first)), [key]));
    const done = await two.alice.run(htlcSwap, { on: accepted, input, merged: [signed] });
    expect([done.exit, done.message['first']]).toEqual([0, waiting.message['first']]);
    const { hex, prevouts } = extracted(done.message['psbt'].first);
    await judged(hex, ...prevouts);
    two.close();
  });

  it('a restored home pays nothing that it may have paid before, and still claims and refunds', async () => {
    const record = {
      role: 'initiator',
      state: 'offered',
      network: 'regtest',
      own: { path: [0, 0, 0, 0], outside: false },
      offer: { hash: 'ab'.repeat(32) },
    };
    expect(swapKind.restored(record as never)).toMatchObject({ state: 'cancelled' });
    const paid = { ...record, state: 'funded' };
    expect(swapKind.restored(paid as never)).toEqual(paid);
    const key = { proposal: { sighash: 'ab' }, pubkey: '02', used: false };
    expect(htlcKeyKind.restored(key as never)).toEqual({ ...key, proposal: null, used: 'unknown' });
  });

  it('of two versions that have come as far the one of the journal counts, of others the one that has come further', () => {
    const own = { path: [0, 0, 0, 0], outside: false };
    const funded = (tx: string) => ({ role: 'initiator', state: 'funded', network: 'regtest', own, tx }) as never;
    const claimed = { role: 'initiator', state: 'claimed', network: 'regtest', own, tx: 'cc' } as never;
    const merged = (mine: never, other: never) => swapKind.merged!(mine, other) as { state: string; tx: string };
    expect(merged(funded('aa'), funded('bb')).tx).toBe('bb');
    expect(merged(funded('aa'), claimed)).toMatchObject({ state: 'claimed', tx: 'cc' });
    expect(merged(claimed, funded('bb'))).toMatchObject({ state: 'claimed', tx: 'cc' });
  });

  it('an offer and an agreement can be given up, a payment cannot', async () => {
    const two = await pair((seed += 2));
    const stage = straight(two);
    const offered = await stage('alice', htlcSwap, { input: OFFER });
    const accepted = await stage('bob', htlcSwap, {
      on: offered,
      amount: WANT,
      input: { want: GIVE, expires: { blocks: 144 }, amount: WANT },
    });
    expect((await two.bob.run(htlcSwap, { on: offered, cancel: true })).message['step']).toBe('cancelled');
    // Whoever answers an offer is nobody that its record knows yet.
    expect(await refused(two.alice.run(htlcSwap, { on: accepted, cancel: true }))).toBe('bad-seal');
    expect((await two.alice.run(htlcSwap, { on: offered, cancel: true })).message['step']).toBe('cancelled');
    expect(
      await refused(two.alice.run(htlcSwap, { on: accepted, input: { utxo: [await ownCoin(two.alice, 150_000n)] } })),
    ).toBe('wrong-state');
    expect(
      await refused(
        two.bob.run(htlcSwap, {
          on: offered,
          amount: WANT,
          input: { want: GIVE, expires: { blocks: 144 }, amount: WANT },
        }),
      ),
    ).toBe('already-known');
    two.close();
  });
});

describe('a cooperative spend', () => {
  it.each(['claimer', 'refunder'] as const)('that the %s opens is one signature, and valid', async (opener) => {
    const htlc = await sharedHtlc(both);
    const complete = await cooperation(both, straight(both), opener, htlc);
    expect(complete['step']).toBe('complete');
    const { witnesses } = parseTransaction(complete['hex']);
    expect(witnesses!.map((stack) => stack.map((part) => part.length))).toEqual([[64]]);
    await judged(complete['hex'], { sat: COIN.sat, script: viewOf(htlc).output_script });
    expect(describeHtlc(withSats(complete) as Message).checks.at(-1)).toEqual(['seal', `by the ${opener}`]);
  });

  it('is not for an HTLC whose internal key is nobody’s, or whose parties have no sealing keys', async () => {
    const [claim, refund] = [await freshKey(both.bob.home), await freshKey(both.alice.home)];
    const parts = {
      network: 'regtest',
      variant: 'standard',
      hash: claim.hash,
      lock: { kind: 'height', value: 1144 },
    } as const;
    const nums = createHtlc({ ...parts, claim, refund });
    const bare = createHtlc({ ...parts, claim, refund: { pubkey: refund.pubkey, auth: null }, cooperative: true });
    for (const htlc of [nums, bare])
      expect(await refused(both.bob.run(htlcCooperate, { input: { as: 'claimer', htlc, utxo: COIN } }))).toBe(
        'no-key-path',
      );
  });

  it('one nonce, one signature: a second answer is refused, an older proposal too', async () => {
    const htlc = await sharedHtlc(both);
    const start = (sat: bigint) =>
      both.bob.run(htlcCooperate, { input: { as: 'claimer', htlc, utxo: { ...COIN, sat } } });
    const sign = (on: Message, amount: bigint) => both.alice.run(htlcCooperate, { on, amount, input: { amount } });
    const [older, newer] = [(await start(100_000n)).message, (await start(90_000n)).message];
    const late = (await sign(older, 100_000n)).message;
    const answer = (await sign(newer, 90_000n)).message;
    expect(await refused(both.bob.run(htlcCooperate, { on: late }))).toBe('state-moved-on');
    const done = await both.bob.run(htlcCooperate, { on: answer });
    expect((await both.bob.run(htlcCooperate, { on: answer })).text).toBe(done.text);
    const other = { ...answer, checks: { note: 'another' } };
    expect((await both.bob.run(htlcCooperate, { on: other })).text).toBe(done.text);
  });

  it('a key serves one HTLC', async () => {
    const htlc = await sharedHtlc(both);
    await cooperation(both, straight(both), 'claimer', htlc);
    const other = { ...htlc, lock: { kind: 'height', value: 1145 } as const };
    expect(await refused(both.bob.run(htlcCooperate, { input: { as: 'claimer', htlc: other, utxo: COIN } }))).toBe(
      'terms-differ',
    );
  });

  it('consent, fees and dust', async () => {
    const htlc = await sharedHtlc(both);
    const { message } = await both.bob.run(htlcCooperate, { input: { as: 'claimer', htlc, utxo: COIN } });
    expect(await refused(both.alice.run(htlcCooperate, { on: message }))).toBe('not-agreed');
    expect(await refused(both.alice.run(htlcCooperate, { on: message, amount: 99_999n }))).toBe('amount-differs');
    expect(await refused(both.alice.run(htlcCooperate, { on: message, max: 99_999n }))).toBe('over-max');
    expect(
      await refused(both.alice.run(htlcCooperate, { on: message, amount: COIN.sat, input: { maxFeerate: 1000 } })),
    ).toBe('fee-too-high');
    for (const [sat, code] of [
      [1_000n, 'fee-too-high'],
      [300n, 'fee-too-high'],
    ] as const)
      expect(
        await refused(both.bob.run(htlcCooperate, { input: { as: 'claimer', htlc, utxo: { ...COIN, sat } } })),
      ).toBe(code);
    const tiny = { as: 'claimer', htlc, utxo: { ...COIN, sat: 400n }, allowFee: true };
    expect(await refused(both.bob.run(htlcCooperate, { input: tiny }))).toBe('below-dust');
    expect(await refused(both.bob.run(htlcCooperate, { input: { as: 'refunder', htlc, utxo: COIN } }))).toBe('usage');
  });

  it('a proposal can be given up, and its answer completes nothing then', async () => {
    const htlc = await sharedHtlc(both);
    const { message } = await both.bob.run(htlcCooperate, { input: { as: 'claimer', htlc, utxo: COIN } });
    const { message: signed } = await both.alice.run(htlcCooperate, { on: message, amount: COIN.sat });
    const cancelled = await both.bob.run(htlcCooperate, { on: signed, cancel: true });
    expect(cancelled.message['step']).toBe('cancelled');
    expect(await refused(both.bob.run(htlcCooperate, { on: signed }))).toBe('state-moved-on');
    expect((await both.bob.run(htlcCooperate, { on: signed, cancel: true })).text).toBe(cancelled.text);
    expect(await refused(both.bob.run(htlcCooperate, { on: message, cancel: true }))).toBe('too-late-to-cancel');
  });
});

/** The process ends here, as a crash or a kill would end it. */
class Killed extends Error {}
describe('killed at any point, and run again', () => {
  it.each(['before-commit', 'after-commit', 'before-print'])('%s', async (point) => {
    const two = await pair((seed += 2));
    const said: string[] = [];
    const stage: Stage = async (who, table, options) => {
      const before = await two[who].state();
      const stop = (label: string) => {
        if (label === point) throw new Killed();
      };
      // A start has no input to be known by: after a kill it is begun anew.
      const named = options.on === undefined ? { ...options, requestId: `${table.type} ${said.length}` } : options;
      await expect(two[who].run(table, { ...named, point: stop })).rejects.toThrow(Killed);
      if (point === 'before-commit') expect(await two[who].state()).toEqual(before);
      await two[who].reopen();
      const again = await two[who].run(table, named);
      const commits = await two[who].home.store.commits();
      expect((await two[who].run(table, named)).text).toBe(again.text);
      expect(await two[who].home.store.commits()).toBe(commits);
      said.push(again.text);
      return again.message;
    };
    for (const [name, scene] of Object.entries(scenes)) {
      await scene(two, stage);
      expect(said.length, name).toBeGreaterThan(2);
    }
    two.close();
  });
});

it('a responder that has paid pays for no other coin of the initiator', async () => {
  const pair_ = await pair((seed += 2));
  const { alice, bob } = pair_;
  const stage = straight(pair_);
  const offered = await stage('alice', htlcSwap, { input: OFFER });
  const accepted = await stage('bob', htlcSwap, { on: offered, amount: WANT, input: ACCEPT });
  const funded = await stage('alice', htlcSwap, { on: accepted, input: { utxo: [await ownCoin(alice, 150_000n)] } });
  const input = { utxo: [await ownCoin(bob, 140_000n)], unchecked: true };
  await stage('bob', htlcSwap, { on: funded, input });
  const other = { ...funded, first: { ...funded['first'], vout: funded['first'].vout + 1 } };
  const on = reseal(other, await sealSecret(alice, funded));
  expect(await refused(bob.run(htlcSwap, { on, input }))).toBe('terms-differ');
  pair_.close();
});
