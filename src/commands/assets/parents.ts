/**
 * Parents of a decoder's transactions: files with one a line, folders of `TXID.hex`, a second
 * stream, a node. Each is hashed when it is read, so a wrong one is refused.
 */
import { choiceFlag, countFlag, nodeFlags, repeated, textFlag, type Values } from '../../lib/cli/flags.ts';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { addParentLine } from '../../lib/assets/subject.ts';
import { Parents } from '../../lib/assets/trace.ts';
import type { Sha256 } from '../../lib/assets/transaction.ts';
import { hexToBytes } from '../../lib/bitcoin/bytes.ts';
import { NETWORKS } from '../../lib/bitcoin/network.ts';
import { parseJson } from '../../lib/protocol/json.ts';
import { Refusal, unreadable } from '../../lib/protocol/refusal.ts';
import { openDescriptor, openInput } from '../../lib/cli/input.ts';
import { linesOf } from '../../lib/cli/lines.ts';

/** Asks a node for a transaction; undefined where it does not know it. */
export type Fetch = (txid: string) => Promise<Uint8Array | undefined>;

export const PARENTS = 'PARENTS';
/** Flags of commands that read transactions with their parents. */
export const sourceFlags = {
  network: choiceFlag(NETWORKS, 'For the forms of addresses and asset ids', { default: 'mainnet' }),
  'max-input': countFlag('Read at most so many bytes', [1], { default: 256_000_000, helpValue: 'BYTES' }),
  prev: textFlag('Parent transactions: a file with one a line (hex or JSON), or a folder of TXID.hex', 'FILE|DIR', {
    helpGroup: PARENTS,
    ...repeated,
  }),
  'prev-fd': countFlag('Parent transactions on this file descriptor, one a line', [0], {
    helpValue: 'N',
    helpGroup: PARENTS,
  }),
  ...nodeFlags,
};
export type SourceValues = Values<typeof sourceFlags> & { batch?: boolean };

/** Reads parents. @throws Refusal `no-input`, `malformed-transaction`, `parent-differs` */
export async function parentSource(flags: SourceValues): Promise<{ shared: Parents; fetch: Fetch | undefined }> {
  const names = flags.prev ?? [];
  const folders = names.filter((name) => statSync(name, { throwIfNoEntry: false })?.isDirectory());
  const fd = flags.prevFd;
  const many = flags.batch || names.length > 0 || fd !== undefined;
  const shared = new Parents((txid) => inFolders(folders, txid), many ? nativeSha256 : undefined);
  for (const name of names)
    if (!folders.includes(name)) await readLines(await openInput(name), shared, name, flags.maxInput);
  if (fd !== undefined) await readLines(openDescriptor(fd), shared, `file descriptor ${fd}`, flags.maxInput);
  return { shared, fetch: await node(flags) };
}

/** Node.js's SHA256. It takes half the time of @noble's, but 13 ms to load: for many ids only. */
let native: typeof import('node:crypto') | undefined;
const nativeSha256: Sha256 = (bytes) => {
  native ??= process.getBuiltinModule('node:crypto');
  // A string and a copy of it take half the time of a buffer that the runtime makes.
  return Buffer.from(native.hash('sha256', bytes, 'binary'), 'latin1');
};

async function readLines(
  from: AsyncIterable<Uint8Array>,
  parents: Parents,
  name: string,
  limit: number,
): Promise<void> {
  try {
    for await (const line of linesOf(from, limit)) {
      if ('refusal' in line) throw line.refusal;
      const text = line.text.trim();
      if (text !== '') addParentLine(parents, /^[{["]/.test(text) ? parseJson(text) : text);
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw unreadable(name, error);
  }
}

function inFolders(folders: readonly string[], txid: string): Uint8Array | undefined {
  for (const folder of folders)
    for (const name of [`${txid}.hex`, txid, `${txid}.txt`]) {
      const file = join(folder, name);
      if (!existsSync(file)) continue;
      const text = readFileSync(file, 'latin1').trim();
      if (!/^(?:[0-9a-fA-F]{2})+$/.test(text))
        throw new Refusal('malformed-transaction', `${file}: pairs of hex digits expected`);
      return hexToBytes(text);
    }
  return undefined;
}

async function node(flags: SourceValues): Promise<Fetch | undefined> {
  const { rpcOf } = await import('../../lib/cli/chain.ts');
  const rpc = await rpcOf(flags);
  if (!rpc) return undefined;
  const { networkOfNode } = await import('../../lib/chain/source.ts');
  const found = networkOfNode((await rpc.blockchainInfo()).chain);
  if (found !== flags.network)
    throw new Refusal('wrong-network', `the node at ${rpc.at} is on ${found}, ${flags.network} expected`, {
      hint: `give --network ${found}, or another node with --chain`,
    });
  return async (txid) => {
    const hex = await rpc.transaction(txid);
    return hex === undefined ? undefined : hexToBytes(hex);
  };
}
