/**
 * Parts that the documents of all four decoders share: the head, the outputs, the words for what
 * was found. Quantities are decimal strings, satoshis whole numbers, scripts and hashes hex, txids
 * in display order.
 */
import { addressOf } from '../bitcoin/address-text.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { NETWORKS, type Network } from '../bitcoin/network.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import type { Parents } from './trace.ts';
import type { Tx, TxOutput } from './transaction.ts';

export type Protocol = 'openassets' | 'colu' | 'epobc' | 'counterparty';

/**
 * `colored`: outputs carry units · `message`: a Counterparty message, whose validity the ledger decides · `uncolored`: nothing of
 * this protocol · `invalid`: meant, but against the rules · `undetermined`: parents are needed that are not there.
 */
export type Status = 'colored' | 'message' | 'uncolored' | 'invalid' | 'undetermined';

export interface Decoded {
  type: string;
  version: 1;
  protocol: Protocol;
  network: Network;
  txid: string;
  status: Status;
  /** Txids to be supplied, so that the answer can be given. */
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

/** Number of names kept for each network and kind. */
export const KEPT_LIMITS = {
  names: { unit: 'items', most: 4_000 },
  script: { unit: 'characters', most: 199 },
} satisfies Limits;

/** Names come again and again in a stream, and each costs two hashes and a long division: kept, up to a bound. */
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

/** The address of a script (hex), null where it has none. */
export const addressIn = memoized((script, network) =>
  script.startsWith('6a') ? null : (addressOf(script, network) ?? null),
);

/** Whole numbers are written as such, those that are too large for a double as bigint. */
export const whole = (sat: bigint): number | bigint => (sat <= SAFE ? Number(sat) : sat);
const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** An output as every decoder shows it. */
export function outputDocument({ sat, script }: TxOutput, vout: number, network: Network) {
  const hex = bytesToHex(script);
  return { vout, amount_sat: whole(sat), script: hex, address: addressIn(hex, network) };
}

/** Sums by name, in the order of the first of each; what came to nothing is left out. */
export function sumByName(parts: Iterable<readonly [name: string, amount: bigint]>): [string, bigint][] {
  const found = new Map<string, bigint>();
  for (const [name, amount] of parts) found.set(name, (found.get(name) ?? 0n) + amount);
  return [...found].filter(([, amount]) => amount > 0n);
}
