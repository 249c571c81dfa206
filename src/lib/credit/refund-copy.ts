/**
 * The final refund outside the home: without it and the payer's key a funded contract would be lost with the home's
 * store. It holds no secret, and pays an address that the seed restores.
 */
import { txidOf } from '../bitcoin/transaction.ts';
import type { Copy, Facts, Hex } from '../protocol/action.ts';
import { keysOf, payoutScript, type Contract } from './terms.ts';
import { refund } from './transactions.ts';

export interface RefundCopy {
  type: 'refund-copy';
  version: 1;
  network: string;
  contract: Hex;
  capacity_sat: bigint;
  expiry: number;
  /** Output script of the contract's coin, hex; its key has signed the refund. */
  script: Hex;
  /** The first block that can hold the refund. */
  valid_from_height: number;
  txid: Hex;
  hex: Hex;
  address: string;
  /** Place of the address (m/86'/coin'/0'/chain/index); null for one of another wallet. */
  path: { chain: 0 | 1; index: number } | null;
}

export function refundCopy(contract: Contract, hex: Hex, ours: Facts['ours']): Copy {
  const { terms } = contract;
  const body: RefundCopy = {
    type: 'refund-copy',
    version: 1,
    network: terms.network,
    contract: contract.id,
    capacity_sat: terms.capacity_sat,
    expiry: terms.expiry,
    script: keysOf(terms).script,
    valid_from_height: terms.expiry + 1,
    txid: txidOf(refund(contract)),
    hex,
    address: terms.payer_address,
    path: ours.get(payoutScript(terms, 'payer')) ?? null,
  };
  return { name: contract.id, body };
}
