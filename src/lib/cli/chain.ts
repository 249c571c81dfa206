/**
 * Access of a command to the chain: `chainFlags` as the options of `factSource`.
 * Not here: the calls to a node (`chain/rpc.ts`), what follows from its answers
 * (`chain/source.ts`).
 */
import type { Network } from '../bitcoin/network.ts';
import type { Rpc } from '../chain/rpc.ts';
import type { Facts } from '../protocol/action.ts';
import type { chainFlags, Values } from './flags.ts';

/** The values of `chainFlags`. */
export type ChainValues = Partial<Values<typeof chainFlags>>;

/** Returns options of `factSource`. The client is loaded only where there is a node. */
export async function chainOf({ tip, ...flags }: ChainValues): Promise<{ tip?: number; rpc?: Rpc }> {
  const rpc = await rpcOf(flags);
  return { ...(tip !== undefined && { tip }), ...(rpc && { rpc }) };
}

/** Returns the client of the node that the flags name; undefined where they name none. */
export async function rpcOf({ chain: url, chainCookie: cookie }: Omit<ChainValues, 'tip'>): Promise<Rpc | undefined> {
  if (url === undefined) return undefined;
  const { Rpc } = await import('../chain/rpc.ts');
  return new Rpc(cookie === undefined ? { url } : { url, cookie });
}

type SpendFacts = Pick<Facts, 'tip' | 'coins' | 'feerate' | 'now'>;

/** Returns the facts of chain and clock. */
export async function factsFor(
  flags: ChainValues & { feerate?: number | undefined },
  network: Network,
  coins: readonly string[] = [],
): Promise<{ facts: SpendFacts; checks: Record<string, string> }> {
  const { factSource } = await import('../chain/source.ts');
  const { feerate } = flags;
  const source = factSource({ network, ...(await chainOf(flags)), ...(feerate !== undefined && { feerate }) });
  const { facts, checks } = await source.facts({ tip: true, coins, feerate: true, now: true });
  return { facts: facts as SpendFacts, checks };
}
