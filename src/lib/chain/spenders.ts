/**
 * Spenders of coins in the newest blocks: for coins that are gone and that nothing known spends.
 * The blocks are read from the tip down, as far as a pruned node has them. Each is read once for a
 * coin as long as the process lives. Costly on a full chain: asked last.
 */
import { hexToBytes, bytesToHex } from '../bitcoin/bytes.ts';
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import { parseTransaction } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import { inTurn, KEPT_BLOCKS } from './recent.ts';
import { unlessPruned, type Rpc } from './rpc.ts';

export interface Mined {
  txid: Hex;
  hex: Hex;
  confirmations: number;
}
export type Spenders = (outpoint: Outpoint) => Promise<Mined | undefined>;

/** An outpoint as an input has it. */
export const inputOf = ({ txid, vout }: Outpoint): Hex =>
  bytesToHex(hexToBytes(txid).reverse()) + vout.toString(16).padStart(8, '0').match(/../g)!.reverse().join('');

export function spendersIn(rpc: Rpc): Spenders {
  const read = new Map<string, Set<Hex>>();
  const found = new Map<string, Omit<Mined, 'confirmations'> & { block: Hex }>();

  async function search(outpoint: Outpoint): Promise<void> {
    const at = outpointText(outpoint);
    const before = read.get(at);
    const now = new Set(before);
    let hash: Hex | undefined = (await rpc.blockchainInfo()).bestBlock;
    for (let n = 0; n < KEPT_BLOCKS && hash !== undefined && !before?.has(hash); n++) {
      const hits = await rpc.blockWith(hash, inputOf(outpoint)).catch(unlessPruned);
      const hit = hits?.find(({ hex }) => spends(hex, outpoint));
      if (hit) found.set(at, { ...hit, block: hash });
      if (!hits || hit) break;
      now.add(hash);
      hash = (await rpc.blockDepth(hash)).previous;
    }
    // Stores only completed searches; an aborted one has left older blocks unread.
    read.set(at, now);
  }

  async function find(outpoint: Outpoint): Promise<Mined | undefined> {
    const at = outpointText(outpoint);
    for (let again = true; ; again = false) {
      const hit = found.get(at);
      if (hit) {
        const { block, ...tx } = hit;
        const { depth } = await rpc.blockDepth(block);
        if (depth > 0) return { ...tx, confirmations: depth };
        found.delete(at); // its block was taken back
        read.delete(at);
      }
      if (!again) return undefined;
      await search(outpoint);
    }
  }
  // A block is large: one at a time.
  const turn = inTurn();
  return (outpoint) => turn(() => find(outpoint));
}

export const spends = (hex: Hex, outpoint: Outpoint): boolean =>
  parseTransaction(hex).inputs.some((i) => bytesToHex(i.txid) === outpoint.txid && i.index === outpoint.vout);
