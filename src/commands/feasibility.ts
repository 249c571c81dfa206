/** Commands of `feasibility`, and their networks: channels with members, or any dump. */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { door } from '../lib/cli/door.ts';
import { arg, choiceFlag, countFlag, flagOf, repeated, switchFlag, textFlag } from '../lib/cli/flags.ts';
import { maxInputFlag, readDocument } from '../lib/cli/stateless.ts';
import { readAll } from '../lib/engine/files.ts';
import { note } from '../lib/engine/log.ts';
import { utf8 } from '../lib/engine/sniff.ts';
import {
  countDocument,
  liquidityDocument,
  payDocument,
  sampleDocument,
  throughputDocument,
  wealthDocument,
} from '../lib/flow/document.ts';
import {
  memberPair,
  networkOfGraph,
  parseNetwork,
  parseWealth,
  type ChannelNetwork,
  type Wealth,
} from '../lib/flow/network.ts';
import { SAMPLE_LIMITS } from '../lib/flow/sample.ts';
import { Fields } from '../lib/protocol/document.ts';
import { parseJson } from '../lib/protocol/json.ts';
import { Refusal } from '../lib/protocol/refusal.ts';
import { graphIn, openDump } from './gossip/dumps.ts';

const amountFlag = flagOf('SAT', (input) => {
  if (!/^(?:0|[1-9]\d{0,15})$/.test(input) || !Number.isSafeInteger(Number(input)))
    throw new Refusal('usage', 'whole satoshis expected');
  return Number(input);
});
const wealthFlag = textFlag('What each member owns, {member: sat} (default: wealth_sat of the network)', 'FILE');

/** Returns a random seed for draws. It is printed, so that they can be repeated. */
const freshSeed = (): string => randomBytes(8).toString('hex');

interface ReadNetwork {
  network: ChannelNetwork;
  /** Document of the network; undefined for a dump of gossip. */
  document: Fields | undefined;
}

/** Reads a network. @throws Refusal of the formats, `too-large`, `no-input` */
async function readNetwork(file: string | undefined, limit: number): Promise<ReadNetwork> {
  const opened = await openDump(file, { limit, least: 4096 });
  if (opened.dump === 'json' && /"members"\s*:/.test(Buffer.from(opened.start.subarray(0, 4096)).toString('latin1'))) {
    const bytes = await readAll(Readable.from(opened.pieces), limit, file ?? 'stdin');
    const document = new Fields(parseJson(utf8(bytes)));
    return { network: parseNetwork(document), document };
  }
  const { network, unknown } = networkOfGraph(await graphIn(opened));
  if (unknown > 0) note(`${unknown} channels without a capacity are left out`);
  return { network, document: undefined };
}

/** Reads the members' wealth from a file, or the network's document. @throws Refusal `usage` */
async function wealthOf({ network, document }: ReadNetwork, file: string | undefined): Promise<Wealth> {
  const from = file === undefined ? document?.object('wealth_sat') : await readDocument(file, 64_000_000);
  if (!from) throw new Refusal('usage', 'wealth_sat is not in the network, and --wealth is not given');
  return parseWealth(from, network);
}

export const count = door({
  summary: 'A small network counted out: the distributions that it can hold, the payments that it cannot make',
  description: `Reads a network as feasibility wealth does. Counts every way to share its capacity, those that its channels can hold, and over all of those the payments of each amount that cannot be made: all, and those of payers who own the amount. Up to ten million distributions.`,
  examples: [
    'Which payments fail?\nspillway feasibility count --amount 1 --amount 5 < network.json | jq -c ".payments[]"',
    'Between two members\nspillway feasibility count --payer a --payee c --amount 5 < network.json | jq .payments',
  ],
  args: { file: arg('The network (default: stdin)') },
  flags: {
    amount: amountFlag('An amount to be paid', { ...repeated, default: [1] }),
    payer: textFlag('Only payments of this member', 'MEMBER', { dependsOn: ['payee'] }),
    payee: textFlag('Only payments to this member', 'MEMBER', { dependsOn: ['payer'] }),
    'max-input': maxInputFlag,
  },
  exits: [0, 2, 65, 66, 70, 77],
  run: async ({ maxInput, payer, payee, amount }, { file }) => {
    const { network } = await readNetwork(file, maxInput);
    const pair = payer !== undefined && payee !== undefined ? memberPair(network, payer, payee) : undefined;
    return countDocument(network, amount, pair);
  },
});

export const pay = door({
  summary: 'Can this payment be made at all: by any balance of the channels, or as they are balanced now?',
  description: `Reads a network as feasibility wealth does. By wealth, the answer holds whatever routes, splits and rebalancing are used. With --liquidity each channel states liquidity_sat by member, and the answer is a smallest cut: the most that can be paid over all routes together, and where it is too little, the set that cannot send more.`,
  examples: [
    'Whatever the routes\nspillway feasibility pay --payer a --payee c --amount 6 < network.json',
    'As things are\nspillway feasibility pay --payer a --payee c --amount 6 --liquidity < balances.json | jq .most_sat',
  ],
  args: { file: arg('The network (default: stdin)') },
  flags: {
    payer: textFlag('Who pays', 'MEMBER', { required: true }),
    payee: textFlag('Who is paid', 'MEMBER', { required: true }),
    amount: amountFlag('Satoshis', { required: true }),
    wealth: wealthFlag,
    liquidity: switchFlag('Take the channels as they are balanced', { exclusive: ['wealth'] }),
    'max-input': maxInputFlag,
  },
  run: async ({ maxInput, payer, payee, amount, wealth, liquidity }, { file }) => {
    const read = await readNetwork(file, maxInput);
    const payment = { ...memberPair(read.network, payer, payee), amount };
    return liquidity
      ? liquidityDocument(read.network, payment)
      : payDocument(read.network, await wealthOf(read, wealth), payment);
  },
});

export const sample = door({
  summary: 'How much can two members of a large network pay each other? Drawn pairs, and the most of each',
  description: `Reads a network as feasibility wealth does, or any dump of gossip. --draw liquidity balances every channel of two at random once; --draw wealth draws what members own for each pair, and keeps what the channels can hold. Two different questions: say which one you ask. For each pair the most that can be paid over all routes together is found exactly. The same --seed draws the same.`,
  examples: [
    'A tenth of a million pairs of the real network\nspillway feasibility sample --pairs 1000 --seed 1 gossmap.gz | jq -c ".amounts[]"',
    "From a node of one's own\nlncli describegraph | spillway feasibility sample --pairs 100 --amount 50000 | jq .quantiles_sat",
  ],
  args: { file: arg('The network (default: stdin)') },
  flags: {
    pairs: countFlag('Pairs that are drawn', SAMPLE_LIMITS.pairs, { helpValue: 'N', default: 1000 }),
    seed: textFlag('Text that the draws follow from (default: a fresh one, which is printed)'),
    draw: choiceFlag(['liquidity', 'wealth'], 'What is drawn at random', { default: 'liquidity' }),
    amount: amountFlag('An amount to be paid', { ...repeated, default: [1000, 10_000, 100_000, 1_000_000] }),
    list: switchFlag('Print every pair too', { default: false }),
    'max-input': maxInputFlag,
  },
  exits: [0, 2, 65, 66, 70, 77],
  run: async ({ maxInput, amount: amounts, seed = freshSeed(), ...flags }, { file }) =>
    sampleDocument((await readNetwork(file, maxInput)).network, { ...flags, amounts, seed }),
});

export const throughput = door({
  summary: 'Payments a second that a network delivers, where those that it cannot make go to the chain',
  description: `A payment that no balance of the channels can make needs a transaction. With TPS transactions a second for them, BATCH payments repaired by each, and INFEASIBLE of PAYMENTS that could not be made, a network delivers BATCH · TPS · PAYMENTS / INFEASIBLE a second; the interval is that of the share (Wilson, 95 percent). Papers differ in the transactions a second that they assume, so it has no default.`,
  examples: [
    'What does one failure in ten thousand allow?\nspillway feasibility throughput --tps 14 --infeasible 1 --payments 10000',
    'What does a target need?\nspillway feasibility throughput --tps 14 --infeasible 3 --payments 10000 --target 47000 | jq -r .needs_percent',
  ],
  flags: {
    tps: countFlag('Transactions a second on the chain', [1, 1_000_000], { required: true }),
    batch: countFlag('Payments that one of them repairs', [1, 1_000_000], { default: 1 }),
    infeasible: countFlag('Payments that cannot be made', [0], { required: true }),
    payments: countFlag('Of so many', [1], { required: true }),
    target: countFlag('Payments a second that are wanted: prints the share that they allow', [1]),
  },
  run: (flags) => {
    if (flags.infeasible > flags.payments) throw new Refusal('usage', 'more --infeasible than --payments');
    return throughputDocument(flags);
  },
});

export const wealth = door({
  summary: 'Can the members of a network own so much each, however its channels are balanced?',
  description: `Reads {channels: [{id?, members: [a, b, …], capacity_sat, reserve_sat?, credit_sat?}], wealth_sat: {a: n, …}}, or any dump that gossip graph reads with --wealth. A channel may have more than two members; reserve and credit are a number, or an object by member. Yes comes with one way to balance the channels. No comes with a certificate: a set whose members would own less than the channels inside it hold. Exact, in whole satoshis.`,
  examples: [
    'Two channels of three people\necho \'{"channels":[{"members":["a","b"],"capacity_sat":10},{"members":["b","c"],"capacity_sat":11}],"wealth_sat":{"a":15,"b":4,"c":2}}\' | spillway feasibility wealth',
    'Which set would own too little?\nspillway feasibility wealth --wealth wishes.json network.json | jq -c .certificate',
  ],
  args: { file: arg('The network (default: stdin)') },
  flags: { wealth: wealthFlag, 'max-input': maxInputFlag },
  run: async ({ maxInput, wealth }, { file }) => {
    const read = await readNetwork(file, maxInput);
    return wealthDocument(read.network, await wealthOf(read, wealth));
  },
});
