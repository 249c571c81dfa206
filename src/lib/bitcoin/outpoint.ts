/** Outpoints: a transaction id in display order and an output index, written `txid:vout`. */
export interface Outpoint {
  txid: string;
  vout: number;
}
/** Spent coin, and the ids of the transactions that may have spent it. */
export interface Gone {
  outpoint: Outpoint;
  ways: readonly string[];
}

/**
 * Returns an outpoint as `txid:vout`.
 * @example
 * ```ts
 * outpointText({ txid: 'ab'.repeat(32), vout: 1 }); // `${'ab'.repeat(32)}:1`
 * ```
 */
export const outpointText = ({ txid, vout }: Outpoint): string => `${txid}:${vout}`;

/**
 * Reads `txid:vout`; undefined for other text.
 * @example
 * ```ts
 * parseOutpoint(`${'ab'.repeat(32)}:1`); // { txid: 'ab'.repeat(32), vout: 1 }
 * ```
 */
export function parseOutpoint(text: string): Outpoint | undefined {
  const found = /^([0-9a-f]{64}):(0|[1-9]\d{0,9})$/.exec(text);
  const vout = Number(found?.[2]);
  return found && vout <= 0xffffffff ? { txid: found[1]!, vout } : undefined;
}
