/**
 * Signatures of gossip, and the output behind an announcement.
 *
 * Version 1 (BOLT7): ECDSA over the double SHA256 of all bytes after the signatures. Both nodes and
 * both bitcoin keys sign a channel announcement; a node signs its own and its updates.
 *
 * Version 2 (https://github.com/lightning/bolts/pull/1059): one BIP340 signature over the records 0
 * to 159, and 10^9 to 3·10^9. A channel announcement is signed by the MuSig2 aggregate of its four
 * sorted keys. If it names no bitcoin keys, the output's own key replaces them. Not here: whether
 * an output is unspent, which a node knows.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { verifies } from '../signing/bip340.ts';
import { taggedHash } from '../signing/curve.ts';
import { parsedKey, verifiesParsed } from '../signing/ecdsa.ts';
import { applyTweak, keyAgg, keySort } from '../signing/musig2.ts';
import { readStream, writeStream } from '../wire/tlv.ts';
import { gossipProblems, type GossipProblem, detailsOf, type Inflate } from './details.ts';
import { LAYOUTS, type GossipMessage, type GossipValues, readGossip } from './message.ts';
import type { StoreRecord } from './store.ts';

/** Output on the chain at a short channel id. */
export interface ChannelOutput {
  /** Output script, hex. */
  script: string;
  amountSat: bigint;
}

export interface SignatureVerdict {
  /** Result for each signature in order; empty if the keys are not known. */
  signatures: boolean[];
  /** Null if it depends on what is not known. */
  valid: boolean | null;
  /** Names of what could not be checked. */
  checks: Record<string, 'not-checked'>;
  problems: GossipProblem[];
}

/** Returns the hash that the signatures of a message sign. */
export function gossipHash({ type, bytes }: Pick<GossipMessage, 'type' | 'bytes'>): Uint8Array {
  const { kind, signatures, records } = LAYOUTS[type]!;
  if (!records) return sha256(sha256(bytes.subarray(2 + 64 * signatures.length)));
  const signed = readStream(bytes.subarray(2)).filter(
    ({ type: record }) => record < 160n || (record >= 1_000_000_000n && record < 3_000_000_000n),
  );
  return taggedHash(`lightning${kind}signature`, writeStream(signed));
}

/** Returns the funding script of two keys: P2WSH of 2-of-2, keys sorted. */
export function fundingScript(key1: Uint8Array, key2: Uint8Array): Uint8Array {
  const [first, second] = keySort([key1, key2]) as [Uint8Array, Uint8Array];
  const push = Uint8Array.of(33);
  const script = concatBytes(Uint8Array.of(0x52), push, first, push, second, Uint8Array.of(0x52, 0xae));
  return concatBytes(Uint8Array.of(0, 32), sha256(script));
}

const P2TR = /^5120([0-9a-f]{64})$/;
/**
 * Returns the scripts that an announcement may stand on; undefined for any P2TR. Version 2 with a
 * Merkle root: P2TR of the bitcoin keys' aggregate with that root. Without one: also the plain
 * aggregate, the aggregate with an empty tree (BIP86), and P2WSH.
 */
function scriptsOf({ type, values }: GossipMessage): string[] | undefined {
  const { bitcoin_key_1: one, bitcoin_key_2: two, merkle_root_hash: root } = values;
  if (one === undefined || two === undefined) return undefined;
  const keys = [hexToBytes(one), hexToBytes(two)] as const;
  const witness = bytesToHex(fundingScript(...keys));
  if (type === 256) return [witness];
  const aggregate = keyAgg(keySort(keys));
  const over = (tree: Uint8Array): string =>
    `5120${bytesToHex(applyTweak(aggregate, { tweak: taggedHash('TapTweak', aggregate.xQ, tree), xOnly: true }).xQ)}`;
  if (root !== undefined) return [over(hexToBytes(root))];
  return [`5120${bytesToHex(aggregate.xQ)}`, over(new Uint8Array()), witness];
}

/**
 * Returns the sorted keys whose aggregate signs a version 2 announcement. Undefined if a node is
 * missing, or the output's own key is needed and not known.
 */
export function announcementKeys(
  { node_id_1: one, node_id_2: two, bitcoin_key_1: key1, bitcoin_key_2: key2 }: Readonly<GossipValues>,
  script = '',
): Uint8Array[] | undefined {
  const own = P2TR.exec(script)?.[1];
  const bitcoin = key1 !== undefined || key2 !== undefined ? [key1, key2] : [own && `02${own}`];
  const keys: (string | undefined)[] = [one, two, ...bitcoin];
  return keys.includes(undefined) ? undefined : keySort(keys.map((key) => hexToBytes(key!)));
}

/** Number of cached node keys: they recur, those of channels do not. */
const KEPT_KEYS = 20_000;

/** Verifier of a stream of messages; the announcement before an update has its keys. */
export class Verifier {
  readonly #nodes = new Map<string, readonly [string, string]>();
  readonly #capacities = new Map<string, bigint>();
  readonly #keys = new Map<string, NonNullable<ReturnType<typeof parsedKey>>>();
  readonly #outputs: ((scid: string) => ChannelOutput | undefined) | undefined;

  /** @param outputs looks up the output at a short channel id; undefined if nobody can */
  constructor(outputs?: (scid: string) => ChannelOutput | undefined) {
    this.#outputs = outputs;
  }

  /** Adds a channel whose announcement was verified elsewhere. @param node1 its lesser key, hex */
  channel(scid: string, node1: string, node2: string, capacitySat?: bigint): void {
    this.#nodes.set(scid, [node1, node2]);
    if (capacitySat !== undefined) this.#capacities.set(scid, capacitySat);
  }

  /** Returns the verdict on a message with signatures; undefined for any other. */
  verify(message: GossipMessage): SignatureVerdict | undefined {
    const { type, values } = message;
    const { signatures: names, records } = LAYOUTS[type]!;
    if (names.length === 0) return undefined;
    const { short_channel_id: scid } = values;
    const capacity = this.#capacities.get(scid);
    const problems = gossipProblems(message, capacity === undefined ? undefined : capacity * 1000n);
    const announces = type === 256 || type === 267;
    const output = announces ? this.#outputs?.(scid) : undefined;
    const checks: SignatureVerdict['checks'] = {};
    const keys = this.#signers(message, output);
    const hash = keys && gossipHash(message);
    const signatures = (keys ?? []).map((key, i) => {
      const signature = values[names[i]!] ?? '';
      const good = records ? verifies(signature, hash!, key.slice(2)) : this.#verifies(signature, hash!, key, i < 2);
      if (!good) problems.push({ code: 'signature-invalid', field: names[i]!, text: 'does not verify' });
      return good;
    });
    if (!keys) checks['signature'] = 'not-checked';
    if (announces && !this.#outputs) checks['output'] = 'not-checked';
    else if (announces) problems.push(...outputProblems(message, output));
    const valid = problems.length > 0 ? false : keys ? true : null;
    if (announces && valid) this.channel(scid, values['node_id_1'], values['node_id_2'], output?.amountSat);
    return { signatures, valid, checks, problems };
  }

  /** Returns the signers' keys (hex) in the order of the signatures; undefined if not known. */
  #signers({ type, values }: GossipMessage, output: ChannelOutput | undefined): string[] | undefined {
    if (type === 256)
      return [values['node_id_1'], values['node_id_2'], values['bitcoin_key_1'], values['bitcoin_key_2']];
    if (type === 267) {
      const keys = announcementKeys(values, output?.script);
      return keys && [`02${bytesToHex(keyAgg(keys).xQ)}`];
    }
    if (type === 257 || type === 269) return values['node_id'] && [values['node_id']];
    const side = type === 258 ? values['channel_flags'] & 1 : values['second_peer'] ? 1 : 0;
    const nodes = this.#nodes.get(values['short_channel_id']);
    return nodes && [nodes[side]!];
  }

  #verifies(signature: string, hash: Uint8Array, key: string, keep: boolean): boolean {
    const known = this.#keys.get(key);
    const point = known ?? parsedKey(hexToBytes(key));
    if (!known && point && keep) {
      if (this.#keys.size >= KEPT_KEYS) this.#keys.delete(this.#keys.keys().next().value!);
      this.#keys.set(key, point);
    }
    return point !== undefined && verifiesParsed(hexToBytes(signature), hash, point);
  }
}

function outputProblems(message: GossipMessage, output: ChannelOutput | undefined): GossipProblem[] {
  const scripts = scriptsOf(message);
  const { short_channel_id: scid, capacity_sat: stated } = message.values;
  const differs = (field: string, text: string): GossipProblem[] => [{ code: 'output-differs', field, text }];
  if (!output || !(scripts ? scripts.includes(output.script) : P2TR.test(output.script)))
    return differs(
      'short_channel_id',
      `${output ? `script ${output.script}` : 'no output'} found at ${scid}, ${scripts?.join(' or ') ?? 'P2TR'} expected`,
    );
  return stated > output.amountSat
    ? differs('capacity_sat', `${stated} found, the output has ${output.amountSat}`)
    : [];
}

export interface GossipLine extends Partial<SignatureVerdict> {
  type: 'gossip-message';
  version: 1;
  kind: string;
  problems: GossipProblem[];
  [field: string]: unknown;
}

/** Returns the line of a message. @throws Refusal as `readGossip` */
export function gossipLine(
  message: Uint8Array,
  { verifier, inflate, record }: { verifier?: Verifier | undefined; inflate?: Inflate; record?: StoreRecord } = {},
): GossipLine {
  const read = readGossip(message);
  const problems: GossipProblem[] = [];
  const details = detailsOf(read, problems, inflate);
  const verdict = verifier?.verify(read);
  return {
    type: 'gossip-message',
    version: 1,
    kind: read.kind,
    ...read.values,
    ...(verifier && { message: bytesToHex(message) }),
    ...details,
    ...(record?.deleted && { deleted: true }),
    ...(record?.dying && { dying: true }),
    ...verdict,
    problems: [...problems, ...(verdict?.problems ?? gossipProblems(read))],
  };
}
