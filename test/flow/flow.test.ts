/** Payments in networks: published counts, and verdicts against every set of members. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import {
  countDocument,
  liquidityDocument,
  payDocument,
  sampleDocument,
  throughputDocument,
  wealthDocument,
} from '../../src/lib/flow/document.ts';
import { NetworkBalances } from '../../src/lib/flow/liquidity.ts';
import { flowNetwork } from '../../src/lib/flow/max-flow.ts';
import {
  networkOfGraph,
  parseNetwork,
  parseWealth,
  memberPair,
  type ChannelNetwork,
  type Wealth,
} from '../../src/lib/flow/network.ts';
import { drawSamples, wilson } from '../../src/lib/flow/sample.ts';
import { percent, Draws } from '../../src/lib/protocol/draws.ts';
import { decideWealth, paid } from '../../src/lib/flow/wealth.ts';
import { graphOf } from '../../src/lib/gossip/dump.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { parseJson, printJson } from '../../src/lib/protocol/json.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { drawer, MUTATIONS, mutated } from '../support/gossip.ts';
import { codeOf } from '../support/refusal.ts';
import { bulkFile, fixture } from '../support/vectors.ts';

const golden = fixture('flow/networks.json');
const fields = (value: object): Fields => new Fields(parseJson(printJson(value)));
const networkOf = (channels: readonly (readonly [readonly string[], number])[]): ChannelNetwork =>
  parseNetwork(fields({ channels: channels.map(([members, capacity]) => ({ members, capacity_sat: capacity })) }));
const total = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0);

describe('draws', () => {
  it('are the stream that everybody gets of a seed', () => {
    const draws = new Draws('sample', '1');
    const bytes = Array.from({ length: 16 }, () => draws.below(2 ** 40));
    const first = [0xb89a7b783f87ec56n, 0xc5f350b030cf6877n].map((n) => BigInt.asUintN(64, n));
    const littleEndian = first.map((n) =>
      BigInt(`0x${bytesToHex(Uint8Array.from(Buffer.from(n.toString(16), 'hex')).reverse())}`),
    );
    expect(bytes.slice(0, 2)).toEqual(littleEndian.map((n) => Number(n % 2n ** 40n)));
  });
  it('are even', () => {
    const draws = new Draws('test', 'even');
    const counts = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) counts[draws.below(3)]! += 1;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
  });
});

describe('published networks', () => {
  it.each<any>(golden.networks)('$name', ({ channels, feasible, all, largest, rho, funded, success }) => {
    const network = networkOf(channels);
    const counted: any = countDocument(network, [1, 2, 3, 4, 5]);
    expect(counted).toMatchObject({ feasible, distributions: all, largest_wealth_sat: largest });
    expect(counted.payments.map((p: any) => p.infeasible_percent)).toEqual(rho);
    expect(counted.payments.map((p: any) => p.funded.infeasible_percent)).toEqual(funded);
    if (!success) return;
    const amounts = success.map((_: string, i: number) => i + 1);
    const pair: any = countDocument(network, amounts, { payer: 0, payee: 1 });
    expect(pair.payments.map(({ infeasible }: any) => percent(1 - infeasible / feasible))).toEqual(success);
    const other: any = countDocument(network, [5], { payer: 0, payee: 2 });
    expect(percent(1 - other.payments[0].infeasible / feasible)).toBe('64.05');
  });
  it('one channel of all members holds everything', () => {
    expect(countDocument(networkOf([[['a', 'b', 'c'], 12]]), [1])).toMatchObject({ feasible: 91, distributions: 91 });
  });
  it('of channels that reserve all they have are counted, and more is refused', () => {
    const reserved = (reserve: number): unknown => {
      const channels = [{ members: [0, 1], capacity_sat: 4, reserve_sat: reserve }];
      return countDocument(parseNetwork(fields({ channels })), [1]);
    };
    expect([reserved(2), reserved(3)]).toMatchObject([{ feasible: 1 }, { feasible: 0 }]);
    expect(codeOf(() => parseNetwork(fields({ channels: [{ members: [0, true], capacity_sat: 4 }] })))).toBe(
      'malformed-message',
    );
  });
  it('too large to count are refused', () => {
    const many = Array.from({ length: 60 }, (_, i) => `m${i}`);
    expect(codeOf(() => countDocument(networkOf([[many, 1]]), [1]))).toBe('too-many-states');
    expect(codeOf(() => countDocument(networkOf([[['a', 'b', 'c', 'd'], 5000]]), [1]))).toBe('too-many-states');
  });
});

/** The rule itself: every set owns at least what the channels inside it hold, all without reserves. */
function feasibleByRule(network: ChannelNetwork, wealth: Wealth): boolean {
  const { channels, members, capacity } = network;
  if (total(wealth) !== capacity || channels.some((channel) => total(channel.least) > channel.capacity)) return false;
  const rest = wealth.map((sat, member) =>
    channels.reduce((left, { members: of, least }) => left - (least[of.indexOf(member)] ?? 0), sat),
  );
  for (let set = 1; set < 2 ** members.length; set++) {
    const within = (member: number): boolean => (set & (1 << member)) !== 0;
    const inside = total(
      channels.filter(({ members: of }) => of.every(within)).map((c) => c.capacity - total(c.least)),
    );
    if (total(rest.filter((_, member) => within(member))) < inside) return false;
  }
  return true;
}

/** A network of up to ten members and channels of two to four, with reserves and credits. */
function drawn(draw: (most: number) => number): { network: ChannelNetwork; wealth: number[] } {
  const count = 2 + draw(9);
  const names = Array.from({ length: count }, (_, i) => `m${i}`);
  const channels = Array.from({ length: 1 + draw(12) }, () => {
    const size = 2 + draw(Math.min(3, count - 1));
    const members = [...names].sort(() => draw(3) - 1).slice(0, size);
    return {
      members,
      capacity_sat: 4 + draw(20),
      ...(draw(4) === 0 && { reserve_sat: draw(3) }),
      ...(draw(4) === 0 && { credit_sat: { [members[0]!]: draw(5) } }),
    };
  });
  const network = parseNetwork(fields({ channels }));
  const wealth = network.members.map(() => 0);
  for (let sat = 0; sat < network.capacity; sat++) wealth[draw(wealth.length)]! += 1;
  return { network, wealth };
}

describe('a verdict over wealth', () => {
  it('is that of all sets of members; each yes is a balance', () => {
    const draw = drawer(2024);
    const answers = { yes: 0, no: 0 };
    for (let i = 0; i < 1500; i++) {
      const { network, wealth } = drawn(draw);
      const verdict = decideWealth(network, wealth);
      expect(verdict.feasible, `round ${i}`).toBe(feasibleByRule(network, wealth));
      if (!verdict.feasible) {
        answers.no += 1;
        continue;
      }
      answers.yes += 1;
      const owned = wealth.map(() => 0);
      network.channels.forEach(({ members, capacity, least }, c) => {
        expect(total(verdict.liquidity[c]!)).toBe(capacity);
        members.forEach((member, j) => {
          expect(verdict.liquidity[c]![j]!).toBeGreaterThanOrEqual(least[j]!);
          owned[member]! += verdict.liquidity[c]![j]!;
        });
      });
      expect(owned).toEqual(wealth);
    }
    expect(Math.min(answers.yes, answers.no)).toBeGreaterThan(200);
  });
  it('names a set that owns too little', () => {
    const network = networkOf([
      [['a', 'b'], 10],
      [['b', 'c'], 11],
    ]);
    expect(wealthDocument(network, [5, 6, 10])).toMatchObject({ feasible: true });
    expect(wealthDocument(network, [15, 4, 2])).toMatchObject({
      feasible: false,
      certificate: { reason: 'set', set: ['b', 'c'], wealth_sat: 6, inside_sat: 11 },
    });
    expect(payDocument(network, [15, 4, 2], { payer: 0, payee: 1, amount: 1 })).toMatchObject({
      state: 'before',
      feasible: false,
    });
  });
  it('of the paper: a payment can be made, and then another cannot', () => {
    const network = networkOf([
      [['x', 'y'], 3],
      [['y', 'z'], 7],
      [['x', 'z'], 11],
    ]);
    expect(payDocument(network, [5, 6, 10], { payer: 1, payee: 2, amount: 2 })).toMatchObject({ feasible: true });
    expect(payDocument(network, [5, 4, 12], { payer: 2, payee: 0, amount: 10 })).toMatchObject({ feasible: false });
  });
});

describe('the most that can be paid', () => {
  it('is the same whether wealth or balances are asked', () => {
    const draw = drawer(77);
    let rounds = 0;
    while (rounds < 400) {
      const { network, wealth } = drawn(draw);
      const verdict = decideWealth(network, wealth);
      if (!verdict.feasible) continue;
      rounds += 1;
      const payer = draw(network.members.length);
      const payee = (payer + 1 + draw(network.members.length - 1)) % network.members.length;
      const most = new NetworkBalances(network, verdict.liquidity).most(payer, payee);
      expect(decideWealth(network, paid(wealth, payer, payee, most)).feasible, `round ${rounds}`).toBe(true);
      expect(decideWealth(network, paid(wealth, payer, payee, most + 1)).feasible, `round ${rounds}`).toBe(false);
    }
  });
  it('needs the balance of every channel', () => {
    const network = networkOf([[['a', 'b'], 10]]);
    expect(codeOf(() => liquidityDocument(network, { payer: 0, payee: 1, amount: 1 }))).toBe('malformed-message');
    const stated = parseNetwork(
      fields({ channels: [{ members: ['a', 'b'], capacity_sat: 10, liquidity_sat: { a: 4, b: 6 } }] }),
    );
    expect(liquidityDocument(stated, { payer: 0, payee: 1, amount: 4 })).toMatchObject({ feasible: true, most_sat: 4 });
    expect(liquidityDocument(stated, { payer: 0, payee: 1, amount: 5 })).toMatchObject({
      feasible: false,
      certificate: { set: ['a'], outgoing_sat: 4 },
    });
  });
  it('in plain flow networks is what a search for paths finds', () => {
    const draw = drawer(5);
    for (let round = 0; round < 300; round++) {
      const nodes = 2 + draw(7);
      const edges = Array.from({ length: 1 + draw(16) }, () => [draw(nodes), draw(nodes), draw(9), draw(9)]);
      const expected = byPaths(nodes, edges as [number, number, number, number][]);
      const network = flowNetwork(nodes, Float64Array.from(edges.flat()));
      expect(network.maxFlow(0, nodes - 1)).toBe(expected);
      expect(network.maxFlow(0, nodes - 1)).toBe(expected);
    }
  });
});

/** Ford and Fulkerson's method, one unit a path. */
function byPaths(nodes: number, edges: readonly [number, number, number, number][]): number {
  const room = Array.from({ length: nodes }, () => Array.from({ length: nodes }, () => 0));
  for (const [a, b, forth, back] of edges) {
    if (a === b) continue;
    room[a]![b]! += forth;
    room[b]![a]! += back;
  }
  const push = (v: number, seen: Set<number>): boolean => {
    if (v === nodes - 1) return true;
    seen.add(v);
    return room[v]!.some((free, w) => {
      if (free <= 0 || seen.has(w) || !push(w, seen)) return false;
      room[v]![w]! -= 1;
      room[w]![v]! += 1;
      return true;
    });
  };
  let flow = 0;
  while (nodes > 1 && push(0, new Set())) flow += 1;
  return flow;
}

describe('samples', () => {
  const network = networkOf(golden.networks[1].channels);
  it('repeat by their seed, and come near to what is counted', () => {
    const options = { pairs: 4000, draw: 'wealth', amounts: [1, 5], list: false } as const;
    const one: any = sampleDocument(network, { ...options, seed: 'x' });
    expect(sampleDocument(network, { ...options, seed: 'x' })).toEqual(one);
    expect(sampleDocument(network, { ...options, seed: 'y' })).not.toEqual(one);
    const counted: any = countDocument(network, [1, 5]);
    one.amounts.forEach(({ payable }: any, i: number) => {
      const [low, high] = wilson(payable, 4000);
      const real = 1 - counted.payments[i].infeasible / counted.payments[i].payments;
      expect(real).toBeGreaterThan(low - 0.01);
      expect(real).toBeLessThan(high + 0.01);
    });
    expect(one.distributions_drawn / 4000).toBeCloseTo(253 / 153, 1);
  });
  it('need two members', () => {
    const { network } = networkOfGraph({
      type: 'gossip-graph',
      version: 1,
      source: '',
      nodes: [{ node: 0 }],
      channels: [],
    });
    expect(codeOf(() => drawSamples(network, 1, new Draws('sample', '1'), 'liquidity'))).toBe('malformed-message');
  });
  it('list their pairs, who never pay themselves', () => {
    const made: any = sampleDocument(network, { pairs: 50, draw: 'liquidity', seed: '1', amounts: [], list: true });
    expect(made.samples).toHaveLength(50);
    expect(made.samples.some(({ payer, payee }: any) => payer === payee)).toBe(false);
  });
  it('of wealth that the channels can nearly never hold are refused', () => {
    const chain = networkOf(Array.from({ length: 12 }, (_, i) => [[`m${i}`, `n${i}`], 50]));
    expect(codeOf(() => drawSamples(chain, 1, new Draws('sample', '1'), 'wealth'))).toBe('sample-too-rare');
    const three = networkOf([[['a', 'b', 'c'], 5]]);
    expect(codeOf(() => drawSamples(three, 1, new Draws('sample', '1'), 'liquidity'))).toBe('malformed-message');
  });
  const file = bulkFile('periphery/mainnet-2026-02-03.gossmap.gz');
  it('of mainnet (2026-02-03) are those that others drew', () => {
    if (file === undefined) return;
    const { network: mainnet } = networkOfGraph(graphOf(gunzipSync(readFileSync(file)), 'gossmap').graph);
    const { first, payable, sum, pairs, seed } = golden.snapshot;
    const { samples } = drawSamples(mainnet, pairs, new Draws('sample', seed), 'liquidity');
    expect(samples.slice(0, 3).map(({ payer, payee, most }) => [payer, payee, most])).toEqual(first);
    expect([1e3, 1e4, 1e5, 1e6].map((amount) => samples.filter(({ most }) => most >= amount).length)).toEqual(payable);
    expect(total(samples.map(({ most }) => most))).toBe(sum);
  });
});

describe('throughput', () => {
  it('is that of the paper, with its interval', () => {
    expect(throughputDocument({ infeasible: 3, payments: 10_000, tps: 14, batch: 1, target: 47_000 })).toMatchObject({
      payments_per_second: 46_667,
      interval: [15_878, 137_212],
      needs_percent: '0.0298',
    });
    expect(throughputDocument({ infeasible: 3, payments: 10_000, tps: 7, batch: 1, target: 47_000 })).toMatchObject({
      needs_percent: '0.0149',
    });
    expect(throughputDocument({ infeasible: 0, payments: 10, tps: 7, batch: 1 })).toMatchObject({
      payments_per_second: null,
    });
  });
});

describe('a network in JSON', () => {
  const bad: [string, object][] = [
    ['no channels', {}],
    ['one member', { channels: [{ members: ['a'], capacity_sat: 1 }] }],
    ['a member twice', { channels: [{ members: ['a', 'a'], capacity_sat: 1 }] }],
    ['no capacity', { channels: [{ members: ['a', 'b'] }] }],
    [
      'balances that are not the capacity',
      { channels: [{ members: ['a', 'b'], capacity_sat: 5, liquidity_sat: { a: 1 } }] },
    ],
    ['one id twice', { channels: [1, 2].map(() => ({ id: 'x', members: ['a', 'b'], capacity_sat: 1 })) }],
    ['credit above 2^53 sat', { channels: [{ members: ['a', 'b'], capacity_sat: 1, credit_sat: 2 ** 52 }] }],
    ['more than 2^53 sat', { channels: [1, 2].map(() => ({ members: ['a', 'b'], capacity_sat: 2 ** 53 - 1 })) }],
  ];
  it.each(bad)('with %s is refused', (_, value) => {
    expect(codeOf(() => parseNetwork(fields(value)))).toBe('malformed-message');
  });
  it('refuses wealth of, and payments by, who is no member', () => {
    const network = networkOf([[['a', 'b'], 10]]);
    expect(codeOf(() => parseWealth(fields({ c: 1 }), network))).toBe('malformed-message');
    for (const [payer, payee] of [
      ['c', 'a'],
      ['a', 'c'],
      ['a', 'a'],
    ] as const)
      expect(codeOf(() => memberPair(network, payer, payee))).toBe('malformed-message');
    expect(parseWealth(fields({ b: 10 }), network)).toEqual([0, 10]);
  });
  it('changed in any way is a network of whole numbers, or refused', () => {
    const draw = drawer(11);
    const text = `{"channels":[{"id":"x","members":["a","b","c"],"capacity_sat":20,"reserve_sat":{"a":1},"credit_sat":2,
      "liquidity_sat":{"a":5,"b":7,"c":8}},{"members":["b","a"],"capacity_sat":9,"reserve_sat":1}],"wealth_sat":{"a":9,"b":20}}`;
    const bytes = new TextEncoder().encode(text);
    let read = 0;
    for (let i = 0; i < MUTATIONS; i++)
      try {
        const from = new Fields(parseJson(new TextDecoder().decode(mutated(bytes, draw))));
        const network = parseNetwork(from);
        const wealth = parseWealth(from.object('wealth_sat') ?? from.refuse('wealth_sat', 'an object'), network);
        const numbers = [network.capacity, ...wealth, ...network.channels.flatMap(({ least }) => least)];
        expect(numbers.every(Number.isSafeInteger)).toBe(true);
        decideWealth(network, wealth);
        read += 1;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
    expect(read).toBeGreaterThan(0);
  });
});
