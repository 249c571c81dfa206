/** Contracts that nobody funded: they count in no sum, cost the node one block a look, and are known once they are funded. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { markFunded, lapseAll } from '../../src/lib/engine/upkeep.ts';
import { lookingOver } from '../../src/lib/engine/look.ts';
import { closeCredit, signUpdate } from '../../src/lib/ecash/credit.ts';
import { liquidityOf } from '../../src/lib/credit/liquidity.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { creditKind, type PayeeCredit } from '../../src/lib/credit/records.ts';
import { keysOf } from '../../src/lib/credit/terms.ts';
import { plainCommit, writeOf } from '../../src/lib/home/change.ts';
import type { Utxo } from '../../src/lib/protocol/action.ts';
import type { FactSource } from '../../src/lib/protocol/ports.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { parties, payeeOf, refused } from '../credit/helpers.ts';
import { opened, payMessages, rollMessages } from '../support/credit.ts';
import { many } from '../support/many.ts';
import { creditWatcher } from '../../src/lib/credit/watch.ts';

const at = ({ outpoint: { txid, vout } }: PayeeCredit): string => `${txid}:${vout}`;
const coinOf = (c: PayeeCredit, more: Partial<Utxo> = {}): Utxo => ({
  sat: c.terms.capacity_sat,
  script: keysOf(c.terms).script,
  confirmations: 1,
  ...more,
});

const keyOf = (): string => bytesToHex(publicKey(randomBytes(32)));

/** A node whose newest block is `best`, with what it was asked. */
function nodeOf(tip: number) {
  const coins = new Map<string, Utxo>();
  const asked: string[] = [];
  const since: (string | undefined)[] = [];
  const state = { best: 'b1', mined: undefined as ReadonlySet<string> | undefined, now: 0 };
  const source: FactSource = {
    async facts({ coins: wanted = [], known = [] }) {
      asked.push(...wanted);
      return {
        facts: {
          tip,
          now: state.now,
          coins: new Map(wanted.map((coin) => [coin, coins.get(coin) ?? ('missing' as const)])),
          known: new Map(known.map((txid) => [txid, false])),
        },
        checks: {},
      };
    },
    async mined(block) {
      since.push(block);
      return { best: state.best, txids: state.mined };
    },
  };
  return { source, coins, asked, since, state };
}

/** A home with one contract that was paid over, and so many that nobody has funded. */
async function scene(count: number) {
  const both = await parties();
  const pattern = await payeeOf(both, await opened(both));
  const keys = () => ({ payer_pubkey: keyOf(), payee_pubkey: keyOf() });
  const unfunded = Array.from({ length: count }, () => {
    const c = many({ ...pattern, paidSat: 0n });
    return { ...c, terms: { ...c.terms, ...keys() } };
  });
  const writes = unfunded.map((c) => writeOf(creditKind, c, null, 0));
  expect(await both.payee.home.store.commit(plainCommit({ reads: [], writes }))).toBe(true);
  await payMessages(both, pattern.id, 50_000n);
  const marked = async () => {
    const all = (await both.payee.home.store.list('credit')).map(({ record }) => creditKind.parse(record));
    const funded = new Set(all.flatMap((c) => ('funded' in c && c.funded ? [c.id] : [])));
    return unfunded.flatMap(({ id }, i) => (funded.has(id) ? [i] : []));
  };
  return { both, home: both.payee.home, unfunded, marked };
}

describe('a contract that nobody has funded', () => {
  it('counts in no sum, and its coin is not asked for with those of others', async () => {
    const { home, unfunded } = await scene(3);
    const { source, asked, coins } = nodeOf(1_000);
    for (const c of unfunded) coins.set(at(c), coinOf(c));
    const found = async () => {
      const { otherwise, tip } = await lookingOver(home.store, source, creditWatcher)();
      return liquidityOf('regtest', tip, await home.store.totals(creditKind, otherwise));
    };
    const [paid] = (await home.store.list('credit')).map(({ record }) => creditKind.parse(record) as PayeeCredit);
    coins.set(at(paid!), coinOf(paid!));
    expect(await found()).toMatchObject({ contracts: 1, locked_sat: paid!.terms.capacity_sat });
    expect(new Set(asked)).toEqual(new Set([at(paid!)]));
    await markFunded(home, source);
    expect(await found()).toMatchObject({ contracts: 4, locked_sat: 4n * paid!.terms.capacity_sat });
  });

  it('is looked for among the transactions of a new block: the node is asked for what is in it alone', async () => {
    const { home, unfunded, marked } = await scene(450);
    const node = nodeOf(1_000);
    await markFunded(home, node.source);
    expect([node.since, node.asked.length, await marked()]).toEqual([[undefined], 450, []]);

    node.asked.splice(0);
    const [a, b, c, d] = [3, 210, 449, 20].map((i) => unfunded[i]!) as [
      PayeeCredit,
      PayeeCredit,
      PayeeCredit,
      PayeeCredit,
    ];
    node.state.best = 'b2';
    node.state.mined = new Set([a, b, c, d].map(({ outpoint }) => outpoint.txid));
    node.coins.set(at(a), coinOf(a)).set(at(b), coinOf(b, { sat: b.terms.capacity_sat - 1n }));
    node.coins.set(at(c), coinOf(c, { script: '51' })).set(at(d), coinOf(d, { confirmations: 0 }));
    await markFunded(home, node.source);
    expect([node.since.at(-1), new Set(node.asked), await marked()]).toEqual([
      'b1',
      new Set([a, b, c, d].map(at)),
      [3],
    ]);

    // And once it is known, it is not asked for again; without a new block nothing is.
    node.asked.splice(0);
    await markFunded(home, node.source);
    expect(node.asked).toEqual([]);
  });

  it('is looked for again where the look was broken off, or the node was away', async () => {
    const { home, unfunded, marked } = await scene(2);
    const node = nodeOf(1_000);
    node.coins.set(at(unfunded[1]!), coinOf(unfunded[1]!));
    await expect(markFunded(home, { ...node.source, facts: () => Promise.reject(new Error('away')) })).rejects.toThrow(
      'away',
    );
    await markFunded(home, node.source, () => true);
    expect([await marked(), node.since]).toEqual([[1], [undefined, undefined]]);
    await markFunded(home, node.source);
    expect(node.since).toEqual([undefined, undefined, undefined]);
    await markFunded(home, node.source);
    expect(node.since.at(-1)).toBe('b1');
  });

  it('is nothing that a home without a node asks about', async () => {
    const { home, marked } = await scene(1);
    const { source } = nodeOf(1_000);
    await markFunded(home, { facts: source.facts.bind(source) });
    expect(await marked()).toEqual([]);
  });

  it('ends at --offer-expiry by the clock of the payee, where a node shows no coin; its expiry may be a year away', async () => {
    const both = await parties();
    const { payee } = both;
    const [early, late, there] = [
      await opened(both, { offer: { offerExpiry: 3_600 } }),
      await opened(both, { offer: { offerExpiry: 7_200 } }),
      await opened(both, { offer: { offerExpiry: 3_600 } }),
    ];
    const { now } = payee.chain;
    const node = nodeOf(1_000);
    const funded = await payeeOf(both, there);
    node.coins.set(at(funded), coinOf(funded, { confirmations: 0 }));
    const ended = async (seconds: number, source = node.source) => {
      node.state.now = now + seconds;
      return lapseAll(payee.home, source);
    };
    expect(await ended(3_600)).toEqual([]);
    const blind: FactSource = {
      facts: async () => ({
        facts: { tip: 1_000, now: now + 9_999, coins: 'not-checked', known: 'not-checked' },
        checks: {},
      }),
    };
    expect(await ended(0, blind)).toEqual([]);
    expect(await ended(3_601)).toEqual([early]);
    await refused(
      () =>
        both.payer
          .run(signUpdate, { input: { contract: early, amount: 1_000n } })
          .then((asked) => payee.run(signUpdate, { on: asked.message })),
      'unknown-contract',
    );
    expect(await ended(7_201)).toEqual([late]);
    expect((await payeeOf(both, there)).state).toBe('accepted');
  });

  it('waits for the rollover that funds it, however long that takes', async () => {
    const both = await parties();
    const id = await opened(both, { offer: { offerExpiry: 3_600 } });
    await payMessages(both, id, 5_000n);
    const { next_contract: next } = (await rollMessages(both, id))[2]!;
    const node = nodeOf(1_000);
    node.state.now = both.payee.chain.now + 1_000_000;
    expect(await lapseAll(both.payee.home, node.source)).toEqual([]);
    expect((await payeeOf(both, next.id as string)).until).toBe(undefined);
  });

  it('ends at once where the stated transaction is in a block and pays something else, or its output is spent', async () => {
    const { home, unfunded } = await scene(4);
    const node = nodeOf(1_000);
    expect(await markFunded(home, node.source)).toEqual([]);
    const [other, less, gone, young] = unfunded as [PayeeCredit, PayeeCredit, PayeeCredit, PayeeCredit];
    node.state.best = 'b2';
    node.state.mined = new Set(unfunded.map(({ outpoint }) => outpoint.txid));
    node.coins.set(at(other), coinOf(other, { script: '51' }));
    node.coins.set(at(less), coinOf(less, { sat: less.terms.capacity_sat - 1n }));
    node.coins.set(at(young), coinOf(young, { confirmations: 0 }));
    expect(new Set(await markFunded(home, node.source))).toEqual(new Set([other.id, less.id, gone.id]));
    expect((await home.store.list('credit', 'cancelled')).length).toBe(3);
  });

  it('does not end where a mint may owe what nobody has taken, and its coin may be what was spent', async () => {
    const { both, home } = await scene(0);
    const merchant = await payeeOf(both, await opened(both, { offer: { mint: 'https://mint.example' } }));
    const node = nodeOf(1_000);
    await markFunded(home, node.source);
    node.state.best = 'b2';
    node.state.mined = new Set([merchant.outpoint.txid]);
    expect(await markFunded(home, node.source)).toEqual([]);
    // Another coin in its place never pays it.
    node.state.best = 'b3';
    node.coins.set(at(merchant), coinOf(merchant, { script: '51' }));
    expect(await markFunded(home, node.source)).toEqual([merchant.id]);
  });

  it('is not told as ended once it is funded, also where a close was signed over it', async () => {
    const { home, both } = await scene(0);
    const id = await opened(both);
    const { message } = await both.payer.run(closeCredit, { input: { contract: id } });
    await both.payee.run(closeCredit, { on: message });
    const closing = await payeeOf(both, id);
    const node = nodeOf(1_000);
    node.coins.set(at(closing), coinOf(closing));
    expect(await markFunded(home, node.source)).toEqual([]);
    expect(await payeeOf(both, id)).toMatchObject({ state: 'closing', funded: true });
  });

  it('ends also where the record of another one cannot be read', async () => {
    const { home, unfunded } = await scene(3);
    const real = creditKind.parse.bind(creditKind);
    const unreadable = vi.spyOn(creditKind, 'parse').mockImplementation((json) => {
      if ((json as { id?: string }).id === unfunded[1]!.id) throw new SyntaxError('damaged');
      return real(json);
    });
    try {
      const ended = await lapseAll(home, nodeOf(unfunded[0]!.terms.expiry).source);
      expect(new Set(ended)).toEqual(new Set([unfunded[0]!.id, unfunded[2]!.id]));
    } finally {
      unreadable.mockRestore();
    }
  });

  it('is one in a restored home too, and no customer of which the sums would tell', async () => {
    const { unfunded } = await scene(1);
    const restored = { ...unfunded[0]!, restored: true };
    expect([creditKind.isStranger!(restored), creditKind.figures!(restored)['locked_sat']]).toEqual([true, undefined]);
    expect(creditKind.isStranger!({ ...restored, funded: true })).toBe(false);
  });

  it('ends at its expiry, also where a close was signed over it; what was funded does not', async () => {
    const { home, unfunded, both } = await scene(2);
    const closing = await opened(both);
    const { message } = await both.payer.run(closeCredit, { input: { contract: closing } });
    await both.payee.run(closeCredit, { on: message });
    const { expiry } = unfunded[0]!.terms;
    const ends = async (tip: number, funded?: PayeeCredit) => {
      const node = nodeOf(tip);
      if (funded) node.coins.set(at(funded), coinOf(funded));
      return new Set(await lapseAll(home, node.source));
    };
    expect(await ends(expiry - 1)).toEqual(new Set());
    expect(await ends(expiry, unfunded[1])).toEqual(new Set([unfunded[0]!.id, closing]));
    expect((await home.store.list('credit', 'cancelled')).length).toBe(2);
  });
});

describe('an offer that nobody answers', () => {
  it('is given up a day after its end, to the second; no earlier, for its late answer is told so', async () => {
    const both = await parties();
    both.payee.chain.now = 1_000_000;
    await both.payee.run(openCredit, { input: { as: 'payee', offerExpiry: 60 } });
    const node = nodeOf(1_000);
    const ended = async (now: number) => {
      node.state.now = now;
      await lapseAll(both.payee.home, node.source);
      return (await both.payee.home.store.list('credit', 'cancelled')).length;
    };
    expect([await ended(1_000_060 + 86_399), await ended(1_000_060 + 86_400)]).toEqual([0, 1]);
  });
});

describe('what a rollover makes', () => {
  it('is funded by it: the next contract is no stranger once the rollover is complete', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 5_000n);
    const rolled = await rollMessages(both, id);
    const next = await payeeOf(both, rolled.at(-1)!['next_contract'].id as string);
    expect([next.paidSat, next.funded]).toEqual([0n, true]);
  });
});
