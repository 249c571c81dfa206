/**
 * Facts for a step: given by flags, known to a node, or left unchecked, each of these named in
 * `checks`.
 *
 * An explicit tip wins over the node's. A node's network and newest block are checked before its
 * facts are used.
 * Not here: the wallet's facts (the store).
 */
import { feerateText, MAX_FEERATE, MIN_FEERATE } from '../bitcoin/fee.ts';
import type { Network } from '../bitcoin/network.ts';
import { outpointText, parseOutpoint } from '../bitcoin/outpoint.ts';
import type { Utxo, Facts, Remote } from '../protocol/action.ts';
import type { FactSource } from '../protocol/ports.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { minedSince, recentBlocks, spendersIn } from './blocks.ts';
import type { ChainInfo, Rpc } from './rpc.ts';
import { spendOf, type Blocks } from './spends.ts';

/** Feerate where no node gives one, satoshis per 1000 vB. */
export const DEFAULT_FEERATE = 2000;
/** Number of blocks within which a transaction should confirm. */
const TARGET = 6;
export const CHAIN_LIMITS = {
  /** Age of a node's newest block. */
  age: { unit: 'seconds', most: 90 * 60 },
  /** Largest minimum of a mempool, where no estimate is known and less is the default. */
  relayed: { unit: 'sat/kvB', most: DEFAULT_FEERATE },
  /**
   * Range of an estimate. Less is raised to the least: a node may relay less than the transactions
   * of contracts pay at least.
   */
  estimate: { unit: 'sat/kvB', least: MIN_FEERATE, most: MAX_FEERATE },
} satisfies Limits;
/** Number of coins in one batch. */
const AT_ONCE = 200;

const NETWORK_OF: Readonly<Record<string, Network>> = {
  main: 'mainnet',
  test: 'testnet',
  testnet4: 'testnet4',
  signet: 'signet',
  regtest: 'regtest',
  mainnet: 'mainnet',
  testnet3: 'testnet',
};

/** Returns the network by the name that Bitcoin Core or btcd gives it. */
export const networkOfNode = (chain: string): string => NETWORK_OF[chain] ?? chain;

export interface SourceOptions {
  network: Network;
  /** Height, from --tip. */
  tip?: number;
  rpc?: Rpc;
  /** Satoshis for 1000 vB, from --feerate. */
  feerate?: number | undefined;
  /** Unix seconds. */
  now?: () => number;
  /** Seconds of a monotonic clock. */
  uptime?: () => number;
  /** Looks up an entry at a service outside. */
  remote?: (asked: Remote) => Promise<object | 'unknown'>;
}

/**
 * Returns a source of facts, which refuse with `wrong-network`, `chain-stale`, `chain-unavailable`,
 * `fee-too-high` or `mint-unavailable`.
 */
export function factSource({
  network,
  tip,
  rpc,
  feerate,
  now = () => Math.floor(Date.now() / 1000),
  uptime = () => performance.now() / 1000,
  remote,
}: SourceOptions): FactSource {
  let last: { block: string; age: number; at: number } | undefined;
  /**
   * Returns the age of a block that is still the newest, at least its former age: the clock may be
   * set back.
   */
  const ageOf = ({ bestBlock }: ChainInfo, time: number): number => {
    const by = now() - time;
    const block = `${bestBlock} ${time}`;
    const age = last?.block === block ? Math.max(by, Math.floor(last.age + uptime() - last.at)) : by;
    last = { block, age, at: uptime() };
    return age;
  };
  const believe = async (node: Rpc): Promise<ChainInfo> => {
    const info = await node.blockchainInfo();
    const found = networkOfNode(info.chain);
    if (found !== network)
      throw new Refusal('wrong-network', `the node at ${node.at} is on ${found}, ${network} expected`);
    // A regtest chain may stand still for any time.
    if (network !== 'regtest') await refuseStale(node, info, ageOf);
    return info;
  };
  let seen: Promise<ChainInfo> | undefined;
  const look = (node: Rpc): Promise<ChainInfo> => {
    const looked = believe(node);
    seen = looked;
    looked.catch(() => (seen = undefined));
    return looked;
  };

  return {
    async facts(queries) {
      const facts: Partial<Facts> = {};
      const checks: Record<string, string> = {};
      if (queries.now) facts.now = now();
      if (queries.remote) {
        const asked = remote ? queries.remote : [];
        facts.remote = new Map(await Promise.all(asked.map(async (one) => [one.id, await remote!(one)] as const)));
      }
      if (queries.tip) {
        checks['tip'] = tip !== undefined ? 'given' : rpc ? 'chain' : 'not-checked';
        // Looked at anew each time: a server lives longer than a block.
        facts.tip = tip ?? (rpc ? (await look(rpc)).blocks : 'not-checked');
      }
      if (queries.coins) {
        checks['coins'] = rpc ? 'chain' : 'not-checked';
        if (rpc) await (seen ?? look(rpc));
        facts.coins = rpc ? await coinsOf(rpc, queries.coins) : 'not-checked';
      }
      if (queries.known) {
        if (rpc) await (seen ?? look(rpc));
        facts.known = rpc ? await knownOf(rpc, queries.known) : 'not-checked';
      }
      if (queries.feerate) {
        const node = feerate === undefined ? rpc : undefined;
        if (node) await (seen ?? look(node));
        const estimate =
          node &&
          ratePaid(
            node,
            (await node.feerate(TARGET)) ?? (await node.mempoolRates().then(({ least }) => aboveDefault(least))),
          );
        checks['feerate'] = feerate !== undefined ? 'flag' : estimate !== undefined ? 'chain' : 'default';
        facts.feerate = feerate ?? estimate ?? DEFAULT_FEERATE;
      }
      return { facts, checks };
    },
    ...(rpc && { spends: spendsIn(rpc), mined: (since) => minedSince(rpc, since) }),
  };
}

/** Returns the search for spenders; facts only in blocks are left out unless these are read. */
function spendsIn(node: Rpc): NonNullable<FactSource['spends']> {
  const recent = recentBlocks(node);
  const read = { none: {}, ways: { recent }, any: { recent, spenders: spendersIn(node) } } satisfies Record<
    string,
    Blocks
  >;
  return (gone, blocks = 'none') =>
    ofMany(node, gone, async (together, { outpoint, ways }) => {
      const { spend } = await spendOf(together, outpoint, ways, read[blocks]);
      return spend ? [outpointText(outpoint), spend] : undefined;
    });
}
/** Returns a mempool's minimum above the default rate, for a node that has no estimate yet. */
const aboveDefault = (least: number | undefined): number | undefined =>
  least !== undefined && !allows(CHAIN_LIMITS.relayed, least) ? least : undefined;

/** Returns the feerate for a node's estimate. @throws Refusal `fee-too-high` if implausible */
function ratePaid(node: Rpc, estimate: number | undefined): number | undefined {
  if (estimate === undefined) return undefined;
  const { least, most } = CHAIN_LIMITS.estimate;
  if (estimate > most)
    throw new Refusal(
      'fee-too-high',
      `the node at ${node.at} says ${feerateText(estimate)} sat/vB, at most ${feerateText(most)} expected`,
      { hint: 'give --feerate' },
    );
  return Math.max(estimate, least);
}

async function refuseStale(
  node: Rpc,
  info: ChainInfo,
  ageOf: (info: ChainInfo, time: number) => number,
): Promise<void> {
  if (info.initialDownload)
    throw new Refusal('chain-stale', `the node at ${node.at} is still downloading the chain (block ${info.blocks})`);
  const age = ageOf(info, info.time ?? (await node.blockTime(info.bestBlock)));
  if (!allows(CHAIN_LIMITS.age, age))
    throw new Refusal(
      'chain-stale',
      `the newest block of the node at ${node.at} is ${Math.floor(age / 60)} minutes old, at most ${CHAIN_LIMITS.age.most / 60} expected`,
      {
        hint: 'wait until the node has caught up, or give --tip HEIGHT without --chain',
      },
    );
}

/** Queries many items in batches, a request for each batch. */
async function ofMany<T, R>(
  node: Rpc,
  all: readonly T[],
  ask: (together: Rpc, one: T) => Promise<readonly [string, R] | undefined>,
): Promise<ReadonlyMap<string, R>> {
  const together = node.together();
  const found = new Map<string, R>();
  for (let from = 0; from < all.length; from += AT_ONCE) {
    const answers = await Promise.all(all.slice(from, from + AT_ONCE).map((one) => ask(together, one)));
    for (const answer of answers) if (answer) found.set(...answer);
  }
  return found;
}

const coinsOf = (node: Rpc, outpoints: readonly string[]): Promise<ReadonlyMap<string, Utxo | 'missing'>> =>
  ofMany(node, outpoints, async (together, text) => {
    const outpoint = parseOutpoint(text);
    if (!outpoint) throw new Refusal('bug', `${text} is no outpoint`);
    return [text, (await together.txOut(outpoint)) ?? 'missing'];
  });

const knownOf = (node: Rpc, txids: readonly string[]): Promise<ReadonlyMap<string, boolean>> =>
  ofMany(node, txids, async (together, txid) => {
    if ((await together.transaction(txid)) !== undefined) return [txid, true];
    return (await together.hasIndex()) ? [txid, false] : undefined;
  });
