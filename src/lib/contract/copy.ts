/**
 * Copies of finished transactions that a home stores in its refunds folder. A copy names the coins
 * that it spends, so it can be sent and fee-bumped after the home is lost. Not here: other fields
 * of a family's copies.
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { finalHex } from '../bitcoin/wallet-inputs.ts';
import { parseTransaction, type Spent } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';

/** Finished transaction, with what it spends and what is sent with it. */
export interface FinishedTx {
  hex: Hex;
  /** Coins that it spends, as far as known; amounts that a document states, not proven. */
  spends: readonly Spent[];
  /** Transactions that are sent together, parents first; absent: this one alone. */
  package?: readonly Hex[];
}
/** Finished transaction that a printed document carries: it can be sent, and paid for. */
export interface Settlement extends FinishedTx {
  network: string;
  /** Transactions that are sent after it, each once it is valid. */
  later?: readonly FinishedTx[];
}

/** Returns the funding that another wallet has signed. @throws Refusal `not-signed` */
export function fundingIn(network: string, psbt: string): Settlement {
  const { hex, template } = finalHex(psbt);
  return { network, hex, spends: template.inputs };
}

/**
 * Returns the transaction in a copy of a refund; undefined for a document of another type.
 * @param document parsed
 * @throws Refusal `malformed-transaction`
 */
export function copySettlement(document: Readonly<Record<string, any>>): Settlement | undefined {
  const { type, network, hex, script, capacity_sat } = document;
  if (type !== 'refund-copy') return undefined;
  const [input] = parseTransaction(hex).inputs;
  return {
    network,
    hex,
    spends: [{ txid: bytesToHex(input!.txid), vout: input!.index, sat: BigInt(capacity_sat), script }],
  };
}
