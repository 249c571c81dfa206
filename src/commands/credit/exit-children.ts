/**
 * An export with children that are signed beforehand, so that a watchtower, which has no key, can pay for the exit in a fee
 * spike. Each spends the exit's output of this home to the same address, and replaces any other of them.
 *
 * Whoever has the export can burn what the dearest child pays, and no more. Not here: choosing one (`credit/watch.ts`).
 */
import { feerateText } from '../../lib/bitcoin/fee.ts';
import { settlementOf } from '../../lib/credit/ways.ts';
import type { Home } from '../../lib/home/home.ts';
import { parseJson, printJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { bumpAlone, stuckOf } from '../../lib/engine/bump.ts';

/**
 * @param text a printed export @param feerates of parent and child together, satoshis for 1000 vB
 * @returns the export with `children`, the cheapest first
 * @throws Refusal `not-final` for a refund without its bytes, and as `bump` does
 */
export async function withChildren(
  home: Home,
  text: string,
  feerates: readonly number[],
  allowFee: boolean,
): Promise<string> {
  const document = parseJson(text) as Record<string, unknown>;
  const stuck = stuckOf(settlementOf(document)!);
  const children = [];
  for (const feerate of [...new Set(feerates)].sort((a, b) => a - b)) {
    const { fee_sat, txid, hex } = await bumpAlone(home, stuck, { feerate, allowFee }).catch((error: unknown) => {
      throw atRate(error, feerate);
    });
    children.push({ feerate: feerateText(feerate), fee_sat, txid, hex });
  }
  return printJson({ ...document, children });
}

/** A child has no other coins: what one fee rate takes too much of is said with that rate. */
const atRate = (error: unknown, feerate: number): unknown =>
  error instanceof Refusal && (error.code === 'not-enough-coins' || error.code === 'fee-too-high')
    ? new Refusal(error.code, `a child for ${feerateText(feerate)} sat/vB: ${error.message}`, {
        hint: `leave this fee rate out of --children${error.code === 'fee-too-high' ? ', or give --allow-fee' : ''}`,
      })
    : error;
