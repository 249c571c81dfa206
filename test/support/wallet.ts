/** A wallet outside the project: @scure/btc-signer signs with plain keys. */
import { p2tr, p2wpkh } from '@scure/btc-signer/payment.js';
import type { Transaction } from '@scure/btc-signer/transaction.js';
import { pubECDSA, pubSchnorr } from '@scure/btc-signer/utils.js';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { toTransaction, type Spent, type Template } from '../../src/lib/bitcoin/transaction.ts';

export interface WalletKey {
  type: 'p2tr' | 'p2wpkh';
  secret: Uint8Array;
  /** Hex. */
  script: string;
}
/** The `n`-th key of a kind; its output is BIP86's, or P2WPKH. */
export function walletKey(type: WalletKey['type'], n: number): WalletKey {
  const secret = new Uint8Array(32).fill(n % 250 || 1);
  secret[31] = n & 0xff || 1;
  const { script } = type === 'p2tr' ? p2tr(pubSchnorr(secret)) : p2wpkh(pubECDSA(secret));
  return { type, secret, script: bytesToHex(script) };
}

export const coinOf = ({ script }: WalletKey, n: number, sat: bigint): Spent => ({
  txid: n.toString(16).padStart(64, '0'),
  vout: n,
  sat,
  script,
});

/** A PSBT of the template, each input whose key is there signed. */
export function signAll(template: Template, keys: readonly WalletKey[], sighash?: number): Transaction {
  const tx = toTransaction(template);
  template.inputs.forEach(({ script }, i) => {
    const key = keys.find((k) => k.script === script);
    if (!key) return;
    if (key.type === 'p2tr') tx.updateInput(i, { tapInternalKey: pubSchnorr(key.secret) }, true);
    if (sighash !== undefined) tx.updateInput(i, { sighashType: sighash }, true);
    tx.signIdx(key.secret, i, sighash === undefined ? undefined : [sighash], new Uint8Array(32));
  });
  return tx;
}
