/** Rules between a swap and everything else that its home does: secrets, the other HTLC, restores, cancels, and the word "settled". */
import { describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { parseTransaction, withWitness, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { plainCommit, writeOf } from '../../src/lib/home/change.ts';
import { createInHome, freshKey, preimageFor } from '../../src/commands/htlc/home.ts';
import { createHtlc } from '../../src/lib/htlc/create.ts';
import { htlcCooperate } from '../../src/lib/htlc/cooperate.ts';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import { htlcKeyKind, preimageOf } from '../../src/lib/htlc/records.ts';
import type { Swap } from '../../src/lib/htlc/swap-records.ts';
import { hashOf, type Htlc } from '../../src/lib/htlc/terms.ts';
import { readHtlc, viewOf } from '../../src/lib/htlc/view.ts';
import type { Utxo } from '../../src/lib/protocol/action.ts';
import { keyClaim } from '../../src/lib/protocol/claims.ts';
import { withSats } from '../../src/lib/protocol/json.ts';
import { reseal, sealSecret } from '../credit/alter.ts';
import { ownCoin } from '../support/credit.ts';
import type { Message, TestParty } from '../support/party.ts';
import { PUBKEYS } from '../support/htlc.ts';
import {
  ACCEPT,
  COIN,
  GIVE,
  inOtherWords,
  OFFER,
  pair,
  resealed,
  sharedHtlc,
  showSpent,
  spendOf,
  straight,
  unsent,
  WANT,
  type Pair,
} from './scenes.ts';

let seed = 180;
async function withPair(work: (both: Pair) => Promise<void>): Promise<void> {
  const both = await pair((seed += 2) % 250);
  await work(both).finally(() => both.close());
}

/** The code of a refusal that changed nothing. */
async function refused(party: TestParty, run: () => Promise<unknown>): Promise<string> {
  const before = await party.state();
  const code = await run().then(
    () => 'not refused',
    (error: { code?: string }) => error.code ?? String(error),
  );
  expect(await party.state()).toEqual(before);
  return code;
}

interface Played {
  offered: Message;
  accepted: Message;
  funded: Message;
  matched: Message;
  claimed: Message;
}
/** A swap of both, up to where Alice has claimed. */
async function played(both: Pair, until: keyof Played = 'claimed'): Promise<Played> {
  const stage = straight(both);
  const said = {} as Played;
  const steps: { [K in keyof Played]: () => Promise<Message> } = {
    offered: () => stage('alice', htlcSwap, { input: OFFER }),
    accepted: () => stage('bob', htlcSwap, { on: said.offered, amount: WANT, input: ACCEPT }),
    funded: async () =>
      stage('alice', htlcSwap, { on: said.accepted, input: { utxo: [await ownCoin(both.alice, 150_000n)] } }),
    matched: async () =>
      stage('bob', htlcSwap, {
        on: said.funded,
        input: { utxo: [await ownCoin(both.bob, 140_000n)], unchecked: true },
      }),
    claimed: () => stage('alice', htlcSwap, { on: said.matched, input: { unchecked: true } }),
  };
  for (const [name, step] of Object.entries(steps) as [keyof Played, () => Promise<Message>][]) {
    said[name] = await step();
    if (name === until) break;
  }
  return said;
}
const swapOf = async ({ home }: TestParty): Promise<Swap> =>
  withSats((await home.store.list('htlc-swap'))[0]!.record) as Swap;
const leg = (m: Message, name: 'first' | 'second') => readHtlc(m['htlcs'][name]);
const at = (m: Message, name: 'first' | 'second'): string => `${m[name].txid}:${m[name].vout}`;
const there = (m: Message, name: 'first' | 'second'): [string, Utxo] => [
  at(m, name),
  { sat: name === 'first' ? GIVE : WANT, script: m['htlcs'][name].output_script, confirmations: 6 },
];
/** The coins that it has paid with, gone. */
const lost = (m: Message, name: 'first' | 'second'): [string, Utxo | 'missing'][] => [[at(m, name), 'missing']];
const gone = async (party: TestParty): Promise<[string, Utxo | 'missing'][]> =>
  ((await swapOf(party)) as { coins: readonly string[] } & Swap).coins.map((coin) => [coin, 'missing']);
const ALL = { all: true, own: true };

describe('the preimage of a live swap leaves its home by the swap alone', () => {
  it.each(['offered', 'funded'] as const)('not while the swap is %s, whatever HTLC has its hash', (state) =>
    withPair(async (both) => {
      const { alice } = both;
      const { accepted } = await played(both, state === 'offered' ? 'accepted' : 'funded');
      const book = createHtlc({
        network: 'regtest',
        variant: 'book',
        hash: leg(accepted, 'first').hash,
        claim: null,
        refund: { pubkey: PUBKEYS.refund, auth: null },
        lock: { kind: 'height', value: 1500 },
        acceptAnyone: true,
      });
      for (const htlc of [leg(accepted, 'first'), leg(accepted, 'second'), book])
        for (const signed of [ALL, { all: false, own: true }, { all: true, own: false }])
          expect(await refused(alice, () => preimageFor(alice.home, htlc, signed))).toBe('preimage-kept');
    }),
  );
  it('once it was claimed, for the HTLC that it claims and no other', () =>
    withPair(async (both) => {
      const { accepted } = await played(both);
      const show = (name: 'first' | 'second', own: boolean) =>
        preimageFor(both.alice.home, leg(accepted, name), { all: true, own });
      expect(hashOf((await show('second', true))!).sha256).toBe(accepted['offer'].hash);
      expect(await show('first', false)).toBeUndefined();
    }));
  it('any other preimage leaves in a finished claim of the HTLC that was made for it, or that a key of the home signs', () =>
    withPair(async ({ alice }) => {
      const made = await createInHome(alice.home, {
        network: 'regtest',
        variant: 'standard',
        hash: undefined,
        claim: { pubkey: PUBKEYS.claim, auth: null },
        refund: undefined,
        lock: { kind: 'height', value: 1500 },
      });
      const other = { ...made.htlc, lock: { kind: 'height', value: 1501 } as const };
      expect(await preimageFor(alice.home, made.htlc, { all: false, own: false })).toBeUndefined();
      expect(await preimageFor(alice.home, other, { all: true, own: false })).toBeUndefined();
      expect(await preimageFor(alice.home, other, { all: false, own: true })).toBeUndefined();
      for (const htlc of [made.htlc, other])
        expect(hashOf((await preimageFor(alice.home, htlc, ALL))!)).toEqual(made.htlc.hash);
      expect(await preimageFor(alice.home, made.htlc, { all: true, own: false })).toBeDefined();
      // A key whose preimage is in no HTLC of this home.
      const { hash } = await freshKey(alice.home);
      expect(await preimageFor(alice.home, { ...made.htlc, hash }, { all: true, own: false })).toBeUndefined();
    }));
});

describe('settled is said of a claim that is final, and a claim in doubt is called so', () => {
  const cases: [string, (both: Pair, m: Played) => void, RegExp][] = [
    ['at a height at which the refund is valid', ({ bob }) => void (bob.chain.tip = 5000), /at height 5000/],
    [
      'of a coin that is missing',
      ({ bob }, m) => void (bob.chain.coins = new Map([[at(m.funded, 'first'), 'missing']])),
      /is not there/,
    ],
    ['without a node', ({ bob }) => void (bob.chain.coins = 'not-checked'), /no node/],
    ['without a height', ({ bob }) => void (bob.chain.tip = 'not-checked'), /no node/],
  ];
  it.each(cases)('not %s: the claim is printed, exit 3, and the record stays', (_, change, words) =>
    withPair(async (both) => {
      const { bob } = both;
      const m = await played(both);
      bob.chain.coins = new Map([there(m.funded, 'first')]);
      change(both, m);
      const before = await swapOf(bob);
      const said = await bob.run(htlcSwap, { on: m.claimed });
      expect([said.exit, said.message['txid'].length]).toEqual([3, 64]);
      expect(said.hint).toMatch(/nothing is settled/);
      expect(said.hint).toMatch(words);
      expect(await swapOf(bob)).toEqual({ ...before, state: 'claimed', tx: said.message['hex'] });
      // The same once more: the same claim, with nothing against it as soon as the chain says so.
      expect((await bob.run(htlcSwap, { on: m.claimed })).message['hex']).toBe(said.message['hex']);
      bob.chain.tip = 1200;
      bob.chain.coins = new Map([there(m.funded, 'first')]);
      const done = await bob.run(htlcSwap, { on: m.claimed });
      expect([done.exit, done.message['hex'], (await swapOf(bob)).state]).toEqual([0, said.message['hex'], 'claimed']);
    }),
  );
  /** Heights: from a tip at the expiry on the next block can hold the refund. */
  it.each([
    [-1, 0],
    [0, 3],
    [1, 3],
  ])('at the expiry and %i, with exit %i', (away, exit) =>
    withPair(async (both) => {
      const { bob } = both;
      const m = await played(both);
      bob.chain.coins = new Map([there(m.funded, 'first')]);
      bob.chain.tip = m.offered['offer'].expiry + away;
      expect((await bob.run(htlcSwap, { on: m.claimed })).exit).toBe(exit);
    }),
  );
  it('settled is said of a claim with six confirmations, and not of fewer; another address is another claim', () =>
    withPair(async (both) => {
      const { bob, alice } = both;
      const m = await played(both);
      bob.chain.coins = new Map([there(m.funded, 'first')]);
      const first = await bob.run(htlcSwap, { on: m.claimed });
      const { address: to } = (await alice.home.store.fresh(1))[0]!;
      const other = await bob.run(htlcSwap, { on: m.claimed, input: { to } });
      expect(other.message['hex']).not.toBe(first.message['hex']);
      for (const [confirmations, step, state] of [
        [0, 'claimed', 'claimed'],
        [5, 'claimed', 'claimed'],
        [6, 'settled', 'settled'],
        [7, 'settled', 'settled'],
      ] as const) {
        showSpent(bob, first.message['hex'], confirmations);
        const said = await bob.run(htlcSwap, { on: m.claimed });
        expect([said.exit, said.message['step'], (await swapOf(bob)).state]).toEqual([0, step, state]);
        // Of two claims the one that has confirmed is shown.
        if (step === 'settled') expect(said.message['hex']).toBe(first.message['hex']);
      }
    }));
  it('a claim that lost against the refund is called lost, exit 3', () =>
    withPair(async (both) => {
      const { bob, alice } = both;
      const m = await played(both);
      const refund = await spendOf(alice, leg(m.funded, 'first'), 'refund', {
        ...(m.funded['first'] as typeof COIN),
        sat: GIVE,
      });
      for (const [confirmations, words] of [
        [0, /refund .* in the mempool spends the coin/],
        [5, /refund .* 5 confirmations spends the coin/],
        [6, /100000 sat are lost: refund/],
      ] as const) {
        showSpent(bob, refund, confirmations);
        const said = await bob.run(htlcSwap, { on: m.claimed });
        expect([said.exit, said.message['step']]).toEqual([3, 'claimed']);
        expect(said.hint).toMatch(words);
      }
    }));
});

it('a restored or copied home accepts no swap, before the other side pays', () =>
  withPair(async ({ alice, bob }) => {
    const offered = await alice.run(htlcSwap, { input: OFFER });
    await bob.lose(await bob.backUp());
    const accept = () => bob.run(htlcSwap, { on: offered.message, amount: WANT, input: ACCEPT });
    expect(await refused(bob, accept)).toBe('home-restored');
    await alice.lose(await alice.backUp());
    expect(await refused(alice, () => alice.run(htlcSwap, { input: OFFER }))).toBe('home-restored');
  }));

it('what the lost end of a restored home did with a preimage is not known', () =>
  withPair(async ({ alice, bob }) => {
    const { hash } = await freshKey(alice.home);
    await alice.lose(await alice.backUp());
    const refund = await freshKey(bob.home);
    const given = { network: 'regtest', variant: 'standard', claim: undefined, refund } as const;
    const make = (sha256: string, sameHash = false) =>
      createInHome(
        alice.home,
        { ...given, hash: { ...hash, sha256 }, lock: { kind: 'height', value: 1144 } },
        sameHash,
      );
    expect(await refused(alice, () => make(hash.sha256!))).toBe('same-hash');
    expect((await make(hash.sha256!, true)).reused).toBe('unknown');
    const foreign = await freshKey(bob.home);
    const meet = (sameHash: boolean) =>
      createInHome(
        alice.home,
        { ...given, hash: foreign.hash, claim: foreign, refund: undefined, lock: { kind: 'height', value: 1144 } },
        sameHash,
      );
    expect(await refused(alice, () => meet(false))).toBe('same-hash');
    expect((await meet(true)).reused).toBe('unknown');
    // What is drawn now is new.
    const own = await createInHome(alice.home, { ...given, hash: undefined, lock: { kind: 'height', value: 1144 } });
    expect(own.reused).toBe(false);
  }));

describe('a swap and the other HTLCs of its home', () => {
  it.each(['own preimage', 'met before'])('an offer on a hash with an %s needs --same-hash', (which) =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const theirs = await freshKey(alice.home);
      const { hash } = which === 'met before' ? await freshKey(alice.home) : await freshKey(bob.home);
      await createInHome(bob.home, {
        network: 'regtest',
        variant: 'standard',
        hash,
        claim: undefined,
        refund: theirs,
        lock: { kind: 'height', value: 1500 },
      });
      const offered = await alice.run(htlcSwap, { input: OFFER });
      const on = await resealed(alice, offered.message, (m) => ({ ...m, offer: { ...m['offer'], hash: hash.sha256 } }));
      const accept = (more: object = {}) => bob.run(htlcSwap, { on, amount: WANT, input: { ...ACCEPT, ...more } });
      expect(await refused(bob, accept)).toBe('same-hash');
      expect((await accept({ sameHash: true })).message['step']).toBe('accepted');
    }),
  );
  it('a hash that came by a swap is met, for what is created later', () =>
    withPair(async (both) => {
      const { bob } = both;
      const { accepted } = await played(both, 'accepted');
      const given = {
        network: 'regtest',
        variant: 'standard',
        claim: undefined,
        refund: await freshKey(bob.home),
      } as const;
      const make = () =>
        createInHome(bob.home, { ...given, hash: leg(accepted, 'first').hash, lock: { kind: 'height', value: 1500 } });
      expect(await refused(bob, make)).toBe('same-hash');
    }));

  const propose = (who: TestParty, as: 'claimer' | 'refunder', m: Message, name: 'first' | 'second') =>
    who.run(htlcCooperate, {
      input: { as, htlc: leg(m, name), utxo: { ...m[name], sat: name === 'first' ? GIVE : WANT } },
    });
  /** The other side's transaction, or this party's, that spends a leg of the swap. */
  const spends = (
    who: TestParty,
    path: 'claim' | 'refund',
    m: Message,
    name: 'first' | 'second',
    preimage?: Uint8Array,
  ) => spendOf(who, leg(m, name), path, { ...(m[name] as typeof COIN), sat: name === 'first' ? GIVE : WANT }, preimage);
  it('a coin that both sides have spent together is settled once that is final, and never lost', () =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const m = await played(both);
      showSpent(alice, m.claimed['hex'], 6);
      const proposed = await propose(bob, 'claimer', m.funded, 'first');
      const signed = await alice.run(htlcCooperate, { on: proposed.message, amount: GIVE });
      const { message } = await bob.run(htlcCooperate, { on: signed.message });
      for (const [confirmations, step] of [
        [0, 'claimed'],
        [5, 'claimed'],
        [6, 'settled'],
      ] as const) {
        showSpent(bob, message['hex'], confirmations);
        const said = await bob.run(htlcSwap, { on: m.claimed });
        expect([said.exit, said.message['step'], (await swapOf(bob)).state]).toEqual([0, step, step]);
      }
    }));
  it('the responder signs its claim away only once its refund is final: not for a coin that nobody finds, nor for a claim', () =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const { matched } = await played(both, 'matched');
      const proposed = await propose(alice, 'refunder', matched, 'first');
      const sign = () => bob.run(htlcCooperate, { on: proposed.message, amount: GIVE });
      expect(await refused(bob, sign)).toBe('swap-open');
      bob.chain.coins = new Map([there(matched, 'second')]);
      expect(await refused(bob, sign)).toBe('swap-open');
      // Never sent, not yet seen or gone: the node says the same of all.
      bob.chain.coins = new Map(lost(matched, 'second'));
      expect(await refused(bob, sign)).toBe('swap-open');
      bob.chain.known = new Map([[matched['second'].txid, false]]);
      expect(await refused(bob, sign)).toBe('swap-open');
      const swap = (await swapOf(alice)) as { offer: { hash: string } };
      const { own } = htlcKeyKind.parse(
        (await alice.home.store.load([keyClaim(leg(matched, 'second').claim!)])).found.values().next().value!.record,
      );
      const preimage = preimageOf(await alice.home.keys(), { own });
      expect(hashOf(preimage).sha256).toBe(swap.offer.hash);
      showSpent(bob, await spends(alice, 'claim', matched, 'second', preimage), 100);
      await expect(sign()).rejects.toMatchObject({
        code: 'swap-open',
        hint: expect.stringContaining('claim this one'),
      });
      const refund = await spends(bob, 'refund', matched, 'second');
      for (const depth of [0, 5]) {
        showSpent(bob, refund, depth);
        expect(await refused(bob, sign)).toBe('swap-open');
      }
      showSpent(bob, refund, 6);
      expect((await sign()).message['step']).toBe('signed');
    }));
  it.each([
    ['another use of its coin', false, 'signed'],
    ['another payment to the same HTLC', true, 'swap-open'],
  ])('a payment that can never be made any more frees the claim: %s', (_, pays, expected) =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const { matched } = await played(both, 'matched');
      const proposed = await propose(alice, 'refunder', matched, 'first');
      const sign = () =>
        bob.run(htlcCooperate, { on: proposed.message, amount: GIVE }).then(
          ({ message }) => message['step'],
          ({ code }) => code,
        );
      const { template } = ((await swapOf(bob)) as { funding: { template: Template } }).funding;
      const script = pays ? matched['htlcs'].second.output_script : `5120${'22'.repeat(32)}`;
      const taken = withWitness({ ...template, outputs: [{ sat: 130_000n, script }] }, [[new Uint8Array(64)]]);
      bob.chain.coins = new Map(lost(matched, 'second'));
      showSpent(bob, taken, 5);
      expect(await sign()).toBe('swap-open');
      showSpent(bob, taken, 6);
      expect(await sign()).toBe(expected);
      const end = bob.run(htlcSwap, { input: { contract: matched['offer'].hash } });
      expect(
        await end.then(
          ({ message }) => message['step'],
          ({ code }) => code,
        ),
      ).toBe(pays ? 'swap-open' : 'ended');
    }),
  );
  it('the initiator signs its refund away only once its claim of the other is final', () =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const { matched } = await played(both, 'matched');
      const proposed = await propose(bob, 'claimer', matched, 'first');
      const sign = () => alice.run(htlcCooperate, { on: proposed.message, amount: GIVE });
      alice.chain.coins = new Map();
      // Before it has claimed, it does not even know where the other one lies.
      expect(await refused(alice, sign)).toBe('swap-open');
      alice.chain.coins = new Map([there(matched, 'second')]);
      const claimed = await alice.run(htlcSwap, { on: matched });
      expect(await refused(alice, sign)).toBe('swap-open');
      alice.chain.coins = new Map(lost(matched, 'second'));
      expect(await refused(alice, sign)).toBe('swap-open');
      showSpent(alice, await spends(bob, 'refund', matched, 'second'), 100);
      expect(await refused(alice, sign)).toBe('swap-open');
      showSpent(alice, claimed.message['hex'], 5);
      expect(await refused(alice, sign)).toBe('swap-open');
      showSpent(alice, claimed.message['hex'], 6);
      expect((await sign()).message['step']).toBe('signed');
    }));
  it('a swap that was ended holds its keys back all the same', () =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const { matched } = await played(both, 'matched');
      const utxo = ((await swapOf(bob)) as { coins: readonly string[] }).coins;
      const unspent = (coin: string): [string, Utxo] => [coin, { sat: 140_000n, script: '', confirmations: 6 }];
      bob.chain.coins = new Map([...lost(matched, 'second'), ...utxo.map(unspent)]);
      await bob.run(htlcSwap, { input: { contract: matched['offer'].hash } });
      const proposed = await propose(alice, 'refunder', matched, 'first');
      expect(await refused(bob, () => bob.run(htlcCooperate, { on: proposed.message, amount: GIVE }))).toBe(
        'swap-open',
      );
    }));
  it('nor while the swap may still go on; given up, its keys are free', () =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const { offered, funded } = await played(both, 'funded');
      const proposed = await propose(alice, 'refunder', funded, 'first');
      const sign = () => bob.run(htlcCooperate, { on: proposed.message, amount: GIVE });
      bob.chain.coins = new Map();
      expect(await refused(bob, sign)).toBe('swap-open');
      await expect(sign()).rejects.toMatchObject({ hint: expect.stringContaining('give the swap up first') });
      await bob.run(htlcSwap, { on: offered, cancel: true });
      expect((await sign()).message['step']).toBe('signed');
    }));
  it('nor while its offer is open, and what to do about it is said', () =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const { offered, accepted } = await played(both, 'accepted');
      const htlc = leg(accepted, 'first');
      const utxo = { txid: 'ee'.repeat(32), vout: 0, sat: GIVE };
      const proposed = await proposedFor(bob, 'claimer', htlc, utxo);
      const sign = () => alice.run(htlcCooperate, { on: proposed, amount: GIVE });
      alice.chain.coins = new Map();
      expect((await swapOf(alice)).state).toBe('offered');
      expect(await refused(alice, sign)).toBe('swap-open');
      await expect(sign()).rejects.toMatchObject({ hint: expect.stringContaining('give the swap up first') });
      await alice.run(htlcSwap, { on: offered, cancel: true });
      expect((await sign()).message['step']).toBe('signed');
    }));
  it.each(['claim', 'refund'] as const)('a %s key that is in another HTLC by then is paid into no swap', (path) =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const { offered, accepted } = await played(both, 'accepted');
      const { side } = offered['offer'];
      const [own, theirs] = [
        { pubkey: side[`${path}_pubkey`], auth: side[`${path}_auth`] },
        await freshKey(bob.home),
      ] as const;
      const htlc = createHtlc({
        network: 'regtest',
        variant: 'standard',
        hash: theirs.hash,
        claim: path === 'claim' ? own : theirs,
        refund: path === 'claim' ? theirs : own,
        lock: { kind: 'height', value: 1144 },
        cooperative: true,
      });
      const as = path === 'claim' ? 'refunder' : 'claimer';
      const proposed = await bob.run(htlcCooperate, { input: { as, htlc, utxo: COIN } });
      await alice.run(htlcCooperate, { on: proposed.message, amount: COIN.sat });
      const utxo = [await ownCoin(alice, 150_000n)];
      const pay = () => alice.run(htlcSwap, { on: accepted, input: { utxo } });
      expect(await refused(alice, pay)).toBe('key-rejected');
    }),
  );
  it('nor by a home that was restored and may have gone on', () =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const { funded } = await played(both, 'funded');
      await bob.lose(await bob.backUp());
      const proposed = await propose(alice, 'refunder', funded, 'first');
      const sign = () => bob.run(htlcCooperate, { on: proposed.message, amount: GIVE });
      expect(await refused(bob, sign)).toBe('swap-open');
    }));
  /** The other side proposes to spend this HTLC together; its own record does not hold it back. */
  async function proposedFor(who: TestParty, as: 'claimer' | 'refunder', htlc: Htlc, utxo: object): Promise<Message> {
    const claim = keyClaim((as === 'claimer' ? htlc.claim : htlc.refund)!);
    const { rev, record } = (await who.home.store.load([claim])).found.get(claim)!;
    const free = { ...htlcKeyKind.parse(record), bound: null };
    await who.home.store.commit(plainCommit({ reads: [], writes: [writeOf(htlcKeyKind, free, claim, rev)] }));
    return (await who.run(htlcCooperate, { input: { as, htlc, utxo } })).message;
  }
  it.each(['second', 'first'] as const)('nor for a document that leaves the payment hash of the %s out', (name) =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const { accepted } = await played(both, 'accepted');
      // What Alice has paid since is lost.
      if (name === 'first') await alice.lose(await alice.backUp());
      const htlc = leg(accepted, name);
      const bare: Htlc = { ...htlc, hash: { ...htlc.hash, sha256: null } };
      const utxo = { txid: 'ee'.repeat(32), vout: 0, sat: name === 'first' ? GIVE : WANT };
      const proposed = await proposedFor(bob, name === 'first' ? 'claimer' : 'refunder', bare, utxo);
      const sign = () => alice.run(htlcCooperate, { on: proposed, amount: utxo.sat });
      expect(await refused(alice, sign)).toBe('swap-open');
    }),
  );
});

it('the keys of a swap that a restore has lost are free once its owner says that nothing more is known of it', () =>
  withPair(async (both) => {
    const { alice } = both;
    const { offered, accepted } = await played(both, 'accepted');
    await alice.lose(await alice.backUp());
    const show = () => preimageFor(alice.home, leg(accepted, 'second'), ALL);
    const cancel = () => alice.run(htlcSwap, { on: offered, cancel: true });
    expect(await refused(alice, show)).toBe('preimage-kept');
    expect(await refused(alice, cancel)).toBe('home-restored');
    await alice.home.acceptRestore();
    await cancel();
    expect(await show()).toBeDefined();
  }));

it('a cooperative spend that is complete cannot be given up', () =>
  withPair(async (both) => {
    const { alice, bob } = both;
    const htlc = await sharedHtlc(both);
    const utxo = { txid: 'cd'.repeat(32), vout: 1, sat: 100_000n };
    const proposed = await bob.run(htlcCooperate, { input: { as: 'claimer', htlc, utxo } });
    const signed = await alice.run(htlcCooperate, { on: proposed.message, amount: 100_000n });
    const complete = await bob.run(htlcCooperate, { on: signed.message });
    for (const on of [proposed.message, signed.message])
      expect(await refused(bob, () => bob.run(htlcCooperate, { on, cancel: true }))).toBe('too-late-to-cancel');
    expect((await bob.run(htlcCooperate, { on: signed.message })).text).toBe(complete.text);
  }));

describe('a cooperative spend is given up by its own messages alone', () => {
  const UTXO = { txid: 'cd'.repeat(32), vout: 1, sat: 100_000n };
  it('not by those of a proposal before it', () =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const htlc = await sharedHtlc(both);
      const propose = (utxo: typeof UTXO) => bob.run(htlcCooperate, { input: { as: 'claimer', htlc, utxo } });
      const first = await propose(UTXO);
      const last = await propose({ ...UTXO, vout: 2 });
      const answered = await alice.run(htlcCooperate, { on: first.message, amount: UTXO.sat });
      for (const on of [first.message, answered.message])
        expect(await refused(bob, () => bob.run(htlcCooperate, { on, cancel: true }))).toBe('state-moved-on');
      const signed = await alice.run(htlcCooperate, { on: last.message, amount: UTXO.sat });
      expect((await bob.run(htlcCooperate, { on: signed.message })).message['step']).toBe('complete');
    }));
  it('not by one of the same terms in another HTLC of its keys', () =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const htlc = await sharedHtlc(both);
      const proposed = await bob.run(htlcCooperate, { input: { as: 'claimer', htlc, utxo: UTXO } });
      const signed = (await alice.run(htlcCooperate, { on: proposed.message, amount: UTXO.sat })).message;
      const other = viewOf({ ...htlc, lock: { kind: 'height', value: 1145 } });
      const lie = reseal({ ...signed, htlc: other }, await sealSecret(alice, signed));
      expect(await refused(bob, () => bob.run(htlcCooperate, { on: lie, cancel: true }))).toBe('state-moved-on');
      expect((await bob.run(htlcCooperate, { on: signed })).message['step']).toBe('complete');
    }));
});

describe('cancel, then the same input', () => {
  it('of an answer: it is not given again, and the other side does not pay on it', () =>
    withPair(async (both) => {
      const { bob } = both;
      const { offered } = await played(both, 'accepted');
      await bob.run(htlcSwap, { on: offered, cancel: true });
      const again = () => bob.run(htlcSwap, { on: offered, amount: WANT, input: ACCEPT });
      expect(await refused(bob, again)).toBe('already-known');
      expect(await refused(bob, () => bob.run(htlcSwap, { on: offered, input: ACCEPT }))).toBe('already-known');
    }));
  it('of an offer by name: the same start is a new offer', () =>
    withPair(async ({ alice }) => {
      const start = () => alice.run(htlcSwap, { input: OFFER, requestId: 'one' });
      const first = await start();
      expect((await start()).text).toBe(first.text);
      await alice.run(htlcSwap, { on: first.message, cancel: true });
      expect((await start()).message['offer'].hash).not.toBe(first.message['offer'].hash);
    }));
  it('of a proposal: its answer completes nothing, and another one is opened', () =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const htlc = await sharedHtlc(both);
      const input = { as: 'claimer', htlc, utxo: { txid: 'cd'.repeat(32), vout: 1, sat: 100_000n } } as const;
      const start = () => bob.run(htlcCooperate, { input, requestId: 'one' });
      const proposed = await start();
      const signed = await alice.run(htlcCooperate, { on: proposed.message, amount: 100_000n });
      await bob.run(htlcCooperate, { on: proposed.message, cancel: true });
      expect(await refused(bob, () => bob.run(htlcCooperate, { on: signed.message }))).toBe('state-moved-on');
      const next = await start();
      expect(next.message['psbt'].spend).not.toBe(proposed.message['psbt'].spend);
    }));
});

describe('a swap that was paid for and goes no further', () => {
  it('its coins are free again once it is known to be over', () =>
    withPair(async (both) => {
      await unsent(both, straight(both));
      const { alice } = both;
      const swap = await swapOf(alice);
      expect(swap.state).toBe('ended');
      const coins = 'coins' in swap ? swap.coins : [];
      expect((await alice.home.store.load(coins.map((coin) => `coin:${coin}` as const))).found.size).toBe(0);
    }));
  it('and not before: without a node, with its own coin there, or with something to claim', () =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const { offered, matched } = await played(both, 'matched');
      const contract = offered['offer'].hash;
      const end = (who: TestParty) => () => who.run(htlcSwap, { input: { contract } });
      expect(await refused(bob, end(bob))).toBe('funding-unchecked');
      bob.chain.coins = new Map([there(matched, 'second')]);
      expect(await refused(bob, end(bob))).toBe('wrong-state');
      bob.chain.coins = new Map([there(matched, 'first'), ...lost(matched, 'second'), ...(await gone(bob))]);
      bob.chain.known = new Map([[matched['second'].txid, true]]);
      expect(await refused(bob, end(bob))).toBe('swap-open');
      // Its refund is final, and there is still something to claim.
      const refund = await spendOf(bob, leg(matched, 'second'), 'refund', {
        ...(matched['second'] as typeof COIN),
        sat: WANT,
      });
      showSpent(bob, refund, 6);
      expect(await refused(bob, end(bob))).toBe('swap-open');
      const theirs = await spendOf(alice, leg(matched, 'first'), 'refund', {
        ...(matched['first'] as typeof COIN),
        sat: GIVE,
      });
      showSpent(bob, theirs, 5);
      expect(await refused(bob, end(bob))).toBe('swap-open');
      showSpent(bob, theirs, 6);
      const ended = await end(bob)();
      expect([ended.exit, ended.hint]).toEqual([0, undefined]);
      // Of the initiator: its refund has spent it.
      showSpent(alice, theirs, 5);
      expect(await refused(alice, end(alice))).toBe('swap-open');
      showSpent(alice, theirs, 6);
      expect((await end(alice)()).message['step']).toBe('ended');
      expect(await refused(alice, () => alice.run(htlcSwap, { on: matched }))).toBe('wrong-state');
    }));
  it('is called lost, exit 3, where the other side has claimed one coin and taken the other back', () =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const m = await played(both);
      const end = () => bob.run(htlcSwap, { input: { contract: m.offered['offer'].hash } });
      const first = { ...(m.funded['first'] as typeof COIN), sat: GIVE };
      showSpent(bob, m.claimed['hex'], 6);
      showSpent(bob, await spendOf(alice, leg(m.funded, 'first'), 'refund', first), 5);
      expect(await refused(bob, end)).toBe('swap-open');
      showSpent(bob, await spendOf(alice, leg(m.funded, 'first'), 'refund', first), 6);
      const ended = await end();
      expect([ended.exit, ended.hint]).toEqual([3, expect.stringContaining(`${WANT} sat are lost`)]);
      expect(await swapOf(bob)).toMatchObject({ state: 'ended', lostSat: WANT });
    }));
  it('does not end for an initiator whose coin was claimed, and who does not know where the other lies', () =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const { offered, matched } = await played(both, 'matched');
      const before = await alice.backUp();
      alice.chain.coins = new Map([there(matched, 'second')]);
      const claimed = await alice.run(htlcSwap, { on: matched });
      bob.chain.coins = new Map([there(matched, 'first')]);
      const taken = await bob.run(htlcSwap, { on: claimed.message });
      await alice.lose(before);
      showSpent(alice, taken.message['hex'], 6);
      const end = () => alice.run(htlcSwap, { input: { contract: offered['offer'].hash } });
      expect(await refused(alice, end)).toBe('swap-open');
      // The message that she had answered says where it lies.
      alice.chain.coins = new Map([there(matched, 'second')]);
      expect((await alice.run(htlcSwap, { on: matched })).message['step']).toBe('claimed');
    }));
  it('a payment of the responder that can never confirm leaves nothing to wait for', () =>
    withPair(async (both) => {
      const { bob } = both;
      const { offered, matched } = await played(both, 'matched');
      const { template } = ((await swapOf(bob)) as { funding: { template: Template } }).funding;
      const other = { ...template, outputs: [{ sat: 130_000n, script: `5120${'22'.repeat(32)}` }] };
      bob.chain.coins = new Map([there(matched, 'first'), ...lost(matched, 'second')]);
      showSpent(bob, withWitness(other, [[new Uint8Array(64)]]), 6);
      expect((await bob.run(htlcSwap, { input: { contract: offered['offer'].hash } })).message['step']).toBe('ended');
      // The acceptance that it gave is said no more.
      expect(await refused(bob, () => bob.run(htlcSwap, { on: offered, amount: WANT, input: ACCEPT }))).toBe(
        'already-known',
      );
    }));
});

describe('right before, and held by a test', () => {
  it('an offer twice on one hash', () =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const { offered } = await played(both, 'accepted');
      const on = await resealed(alice, offered, (m) => ({ ...m, offer: { ...m['offer'], give_sat: 200_000 } }));
      const accept = () => bob.run(htlcSwap, { on, amount: WANT, input: { ...ACCEPT, want: 1n } });
      expect(await refused(bob, accept)).toBe('already-known');
    }));
  it('a restored home pays for no swap', () =>
    withPair(async (both) => {
      const { alice } = both;
      const { accepted } = await played(both, 'accepted');
      const restored = Object.create(alice) as TestParty;
      restored.ports = (options) => ({ ...alice.ports(options), restored: true });
      const utxo = [await ownCoin(alice, 150_000n)];
      expect(await refused(alice, () => restored.run(htlcSwap, { on: accepted, input: { utxo } }))).toBe(
        'home-restored',
      );
    }));
  it('a payment, once: not for the same agreement in other bytes', () =>
    withPair(async (both) => {
      const { accepted, funded } = await played(both, 'matched');
      for (const [who, from, on] of [
        ['alice', 'bob', accepted],
        ['bob', 'alice', funded],
      ] as const) {
        const input = { utxo: [await ownCoin(both[who], 150_000n)], ...(who === 'bob' && { unchecked: true }) };
        const again = { on: await inOtherWords(both[from], on), input };
        expect(await refused(both[who], () => both[who].run(htlcSwap, again))).toBe('wrong-state');
      }
    }));
  it('an HTLC whose keys are both of one home needs no cooperation', () =>
    withPair(async (both) => {
      const { bob } = both;
      const htlc = await sharedHtlc({ ...both, alice: bob });
      const start = () => bob.run(htlcCooperate, { input: { as: 'claimer', htlc, utxo: COIN } });
      expect(await refused(bob, start)).toBe('key-rejected');
    }));
  /** Satoshis that a cooperative spend leaves, to a P2TR address: 330 are the least. */
  it.each([
    [329n, 'below-dust'],
    [330n, 'not refused'],
    [331n, 'not refused'],
  ])('a cooperative spend that leaves %i sat: %s', (left, code) =>
    withPair(async (both) => {
      const { bob } = both;
      const htlc = await sharedHtlc(both);
      const run = (sat: bigint) =>
        bob.run(htlcCooperate, { input: { as: 'claimer', htlc, utxo: { ...COIN, sat }, allowFee: true } });
      const fee = BigInt((await run(COIN.sat)).message['fee_sat']);
      const start = () => run(left + fee);
      if (code === 'not refused') return void expect((await start()).message['step']).toBe('proposed');
      expect(await refused(bob, start)).toBe(code);
    }),
  );
  it('a key in both HTLCs', () =>
    withPair(async (both) => {
      const { alice, bob } = both;
      const { accepted } = await played(both, 'accepted');
      for (const key of ['refund_pubkey', 'refund_auth'] as const) {
        const from = key === 'refund_pubkey' ? 'claim_pubkey' : 'claim_auth';
        const on = await resealed(bob, accepted, (m) => ({
          ...m,
          answer: { ...m['answer'], side: { ...m['answer'].side, [key]: m['answer'].side[from] } },
        }));
        const utxo = [await ownCoin(alice, 150_000n)];
        expect(await refused(alice, () => alice.run(htlcSwap, { on, input: { utxo } }))).toBe('key-rejected');
      }
    }));
  it('another network inside a cooperative spend', () =>
    withPair(async (both) => {
      const { bob } = both;
      const htlc = { ...(await sharedHtlc(both)), network: 'signet' } as const;
      const utxo = { txid: 'cd'.repeat(32), vout: 1, sat: 100_000n };
      const start = () => bob.run(htlcCooperate, { input: { as: 'claimer', htlc, utxo } });
      expect(await refused(bob, start)).toBe('wrong-network');
      await expect(start()).rejects.toThrow('this home is for regtest');
    }));
});

it('no step before its own shows a preimage, in no document, hint, error or file', () =>
  withPair(async (both) => {
    const { alice, bob } = both;
    const { offered, accepted, funded, matched, claimed } = await played(both);
    const { witnesses } = parseTransaction(claimed['hex']);
    const preimage = witnesses![0]!.map((part) => bytesToHex(part)).find((hex) => hex.length === 64)!;
    expect(hashOf(Buffer.from(preimage, 'hex')).sha256).toBe(offered['offer'].hash);
    const outcomes: string[] = [offered, accepted, funded, matched].map((m) => JSON.stringify(m));
    for (const who of [alice, bob])
      for (const on of [offered, accepted, funded, matched])
        for (const options of [{ on }, { on, cancel: true }])
          outcomes.push(await who.run(htlcSwap, options).then(({ text, hint }) => `${text}${hint}`, String));
    // Asked once more for what it has claimed, the initiator prints its claim again, and that shows it.
    const shown = outcomes.filter((text) => text.includes(preimage) && !text.includes(claimed['hex']));
    expect(shown).toEqual([]);
    const kept = JSON.stringify([
      await bob.home.store.list(),
      (await alice.home.store.list('htlc-key')).map((r) => r.record),
    ]);
    expect(kept).not.toContain(preimage);
  }));
