/**
 * The transactions of a statecoin, as pure functions of terms and state: each party builds them for
 * itself.
 *
 *   backup    everything to one owner, final at its height; no fee, and an anchor (P2A)
 *   withdraw  everything less a fee to an address, valid at once; ends the coin
 *   child     spends anchor and payout of a backup, and pays for both (TRUC: at most 1,000 vB)
 *
 * All are version 3 (TRUC). A backup without a fee is relayed only together with its child, which
 * must spend the anchor (Bitcoin Core 29 or newer: ephemeral dust).
 */
import { scriptOf } from '../bitcoin/address.ts';
import { feeFor } from '../bitcoin/fee.ts';
import { checkDust } from '../bitcoin/script.ts';
import { taprootSighash } from '../bitcoin/sighash.ts';
import { SEQUENCE_RBF, sortOutputs, sweepVsize, type Output, type Template } from '../bitcoin/transaction.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { spentCoin, type Coin } from './terms.ts';

/** Pay-to-anchor: OP_1 <4e73>, spent by anyone without a witness. */
export const ANCHOR: Output = { sat: 0n, script: '51024e73' };

const spending = (coin: Coin, locktime: number, outputs: readonly Output[]): Template => ({
  version: 3,
  locktime,
  inputs: [{ ...spentCoin(coin), sequence: SEQUENCE_RBF }],
  outputs: sortOutputs(outputs),
});

export const backup = (coin: Coin, to: { address: string; locktime: number }): Template =>
  spending(coin, to.locktime, [
    ANCHOR,
    { sat: coin.terms.amount_sat, script: scriptOf(to.address, coin.terms.network) },
  ]);

/** Returns the hash that an operator signs and a receiver looks for, 32 bytes, hex. */
export const backupSighash = (coin: Coin, to: { address: string; locktime: number }): string =>
  bytesToHex(taprootSighash(backup(coin, to), 0));

/** The places of a backup's outputs: the anchor is the smaller one. */
export const ANCHOR_VOUT = 0;
export const PAYOUT_VOUT = 1;

/** @throws Refusal `below-dust` */
export function withdraw(coin: Coin, address: string, fee: bigint): Template {
  const script = scriptOf(address, coin.terms.network);
  const left = coin.terms.amount_sat - fee;
  checkDust({ sat: left, script }, (least) => `a fee of ${fee} sat leaves ${left} sat, at least ${least} expected`);
  return spending(coin, 0, [{ sat: left, script }]);
}
export const withdrawVsize = (coin: Coin, address: string): number => sweepVsize(scriptOf(address, coin.terms.network));
export const withdrawFee = (coin: Coin, address: string, feerate: number): bigint =>
  feeFor(feerate, withdrawVsize(coin, address));
