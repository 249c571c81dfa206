/**
 * Access of a command to the chain: `chainFlags` as the options of `factSource`.
 * Not here: the calls to a node (`chain/rpc.ts`), what follows from its answers
 * (`chain/source.ts`).
 */
import type { Rpc } from '../chain/rpc.ts';

/** The values of `chainFlags`. */
export interface ChainValues {
  chain?: string | undefined;
  'chain-cookie'?: string | undefined;
  tip?: number | undefined;
}

/** Returns the height: --tip, or SPILLWAY_TIP if no node is configured. */
export function tipOf({ chain, tip }: ChainValues, argv: readonly string[]): number | undefined {
  const asFlag = argv.some((word) => word === '--tip' || word.startsWith('--tip='));
  return asFlag || chain === undefined ? tip : undefined;
}

/** Returns options of `factSource`. The client is loaded only where there is a node. */
export async function chainOf(flags: ChainValues, argv: readonly string[]): Promise<{ tip?: number; rpc?: Rpc }> {
  const tip = tipOf(flags, argv);
  const { chain: url, 'chain-cookie': cookie } = flags;
  return {
    ...(tip !== undefined && { tip }),
    ...(url !== undefined && { rpc: await connect(url, cookie) }),
  };
}

/** Returns the client of the node that the flags of a filter name; undefined where they name none. */
export const rpcOf = async ({
  chain,
  chainCookie,
}: {
  chain?: string | undefined;
  chainCookie?: string | undefined;
}) => (chain === undefined ? undefined : connect(chain, chainCookie));

async function connect(url: string, cookie: string | undefined): Promise<Rpc> {
  const { Rpc } = await import('../chain/rpc.ts');
  return new Rpc(cookie === undefined ? { url } : { url, cookie });
}
