/** Outpoints: a transaction id in display order and an output index, written `txid:vout`. */
export interface Outpoint {
  txid: string;
  vout: number;
}
/** A coin that is gone, and the txids of what is known to spend it. */
export interface Gone {
  outpoint: Outpoint;
  ways: readonly string[];
}

export const outpointText = ({ txid, vout }: Outpoint): string => `${txid}:${vout}`;

export function parseOutpoint(text: string): Outpoint | undefined {
  const found = /^([0-9a-f]{64}):(0|[1-9]\d{0,9})$/.exec(text);
  const vout = Number(found?.[2]);
  return found && vout <= 0xffffffff ? { txid: found[1]!, vout } : undefined;
}
