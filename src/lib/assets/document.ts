/**
 * Parts that the documents of all four decoders share: head, outputs, words for what was found.
 *
 * Quantities are decimal strings, satoshis whole numbers, scripts and hashes hex, txids in display
 * order.
 */
import { addressOf } from '../bitcoin/address-text.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { NETWORKS, type Network } from '../bitcoin/network.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { safeNumber } from '../wire/bigsize.ts';
import type { Parents } from './trace.ts';
import type { Tx, TxOutput } from './transaction.ts';

export type Protocol = 'openassets' | 'colu' | 'epobc' | 'counterparty';

/**
 * Answer of a decoder. `colored`: outputs carry units. `message`: a Counterparty message, of whose
 * validity the ledger decides. `uncolored`: nothing of this protocol. `invalid`: its tag, but
 * against its rules. `undetermined`: parents are missing.
 */
export type Status = 'colored' | 'message' | 'uncolored' | 'invalid' | 'undetermined';

export interface Decoded {
  type: string;
  version: 1;
  protocol: Protocol;
  network: Network;
  txid: string;
  status: Status;
  /** Ids of parents that must be supplied for an answer. */
  missing: readonly string[];
  warnings: readonly string[];
  [field: string]: unknown;
}

export interface AssetContext {
  network: Network;
  parents: Parents;
}

export const documentHead = (protocol: Protocol, tx: Tx, network: Network, status: Status) =>
  ({ type: `decode-${protocol}`, version: 1, protocol, network, txid: tx.txid, status }) as const;

/** Bounds of the names that `memoized` keeps. */
export const KEPT_LIMITS = {
  names: { unit: 'items', most: 4_000 },
  script: { unit: 'characters', most: 199 },
} satisfies Limits;

/** Keeps names, up to a bound: streams repeat them, and each costs two hashes. */
export function memoized<R>(make: (text: string, network: Network) => R): (text: string, network: Network) => R {
  const found = new Map(NETWORKS.map((network) => [network, new Map<string, R>()]));
  return (text, network) => {
    const names = found.get(network)!;
    const known = names.get(text);
    if (known !== undefined) return known;
    const made = make(text, network);
    if (!allows(KEPT_LIMITS.script, text.length)) return made;
    if (!allows(KEPT_LIMITS.names, names.size + 1)) names.clear();
    names.set(text, made);
    return made;
  };
}

/** Returns the address of a script (hex); null if it has none. */
export const addressIn = memoized((script, network) =>
  script.startsWith('6a') ? null : (addressOf(script, network) ?? null),
);

/** Shows an output, as in every decoder's document. */
export function outputDocument({ sat, script }: TxOutput, vout: number, network: Network) {
  const hex = bytesToHex(script);
  return { vout, amount_sat: safeNumber(sat), script: hex, address: addressIn(hex, network) };
}

/** Sums up amounts by name, in the order of the first of each, without those that are 0. */
export function sumByName(parts: Iterable<readonly [name: string, amount: bigint]>): [string, bigint][] {
  const found = new Map<string, bigint>();
  for (const [name, amount] of parts) found.set(name, (found.get(name) ?? 0n) + amount);
  return [...found].filter(([, amount]) => amount > 0n);
}
