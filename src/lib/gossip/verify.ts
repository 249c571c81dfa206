/**
 * Signatures of gossip of version 1, and the output that an announcement stands on: BOLT7.
 *
 * An announcement is signed by both nodes and both bitcoin keys, an update by the node of its direction, a node
 * announcement by the node: ECDSA over the double SHA256 of all bytes behind the signatures.
 * Not here: whether an output is unspent, which a node says.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes } from '../bitcoin/bytes.ts';
import { parsedKey, verifiesParsed } from '../signing/ecdsa.ts';
import { scidText } from '../wire/fields.ts';
import { problemsOf, type Problem } from './details.ts';
import { LAYOUTS, type Message } from './message.ts';

/** What stands on the chain at a short channel id. */
export interface ChannelOutput {
  /** Hex. */
  script: string;
  amountSat: bigint;
}

export interface Verdict {
  /** One for each signature of the message, in its order. */
  signatures: boolean[];
  /** Null where something that it rests on is not known. */
  valid: boolean | null;
  /** What could not be checked. */
  checks: Record<string, 'not-checked'>;
  problems: Problem[];
}

/** The hash that the signatures of a message are over. */
export function signedHash({ type, bytes }: Pick<Message, 'type' | 'bytes'>): Uint8Array {
  return sha256(sha256(bytes.subarray(2 + 64 * LAYOUTS[type]!.signatures.length)));
}

/** The script of a channel of two keys: P2WSH of 2-of-2 with the keys in rising order. */
export function fundingScript(key1: Uint8Array, key2: Uint8Array): Uint8Array {
  const [first, second] = bytesToHex(key1) < bytesToHex(key2) ? [key1, key2] : [key2, key1];
  const push = Uint8Array.of(33);
  const script = concatBytes(Uint8Array.of(0x52), push, first, push, second, Uint8Array.of(0x52, 0xae));
  return concatBytes(Uint8Array.of(0, 32), sha256(script));
}

/** How many parsed keys are kept: those of a channel's keys are met once, those of nodes again and again. */
const KEPT_KEYS = 20_000;

/** Verifies a stream of messages; an update is checked by the announcement before it. */
export class Verifier {
  readonly #nodes = new Map<string, readonly [Uint8Array, Uint8Array]>();
  readonly #capacities = new Map<string, bigint>();
  readonly #keys = new Map<string, ReturnType<typeof parsedKey>>();
  readonly #outputs: ((scid: string) => ChannelOutput | undefined) | undefined;

  /** @param outputs what the chain has at a short channel id; undefined where nobody looks */
  constructor(outputs?: (scid: string) => ChannelOutput | undefined) {
    this.#outputs = outputs;
  }

  /** Takes note of a channel whose announcement was checked elsewhere. */
  channel(scid: string, node1: Uint8Array, node2: Uint8Array, capacitySat?: bigint): void {
    this.#nodes.set(scid, [node1, node2]);
    if (capacitySat !== undefined) this.#capacities.set(scid, capacitySat);
  }

  nodesOf(scid: string): readonly [Uint8Array, Uint8Array] | undefined {
    return this.#nodes.get(scid);
  }
  /** The output at a short channel id: null where the chain has none, undefined where nobody looks. */
  outputOf(scid: string): ChannelOutput | null | undefined {
    return this.#outputs ? (this.#outputs(scid) ?? null) : undefined;
  }

  #key(bytes: Uint8Array): ReturnType<typeof parsedKey> {
    const name = bytesToHex(bytes);
    let key = this.#keys.get(name);
    if (!key && (key = parsedKey(bytes))) {
      if (this.#keys.size >= KEPT_KEYS) this.#keys.delete(this.#keys.keys().next().value!);
      this.#keys.set(name, key);
    }
    return key;
  }
  #signed(message: Message, hash: Uint8Array, signature: string, key: Uint8Array): boolean {
    const point = this.#key(key);
    return point !== undefined && verifiesParsed(message.parts[signature]!, hash, point);
  }

  /** The verdict over a message that carries signatures; undefined for any other. */
  verify(message: Message): Verdict | undefined {
    const { type, parts } = message;
    const names = LAYOUTS[type]!.signatures;
    if (names.length === 0) return undefined;
    const scid = parts['short_channel_id'] && scidText(parts['short_channel_id']);
    const problems = problemsOf(message, capacityMsat(scid === undefined ? undefined : this.#capacities.get(scid)));
    const checks: Verdict['checks'] = {};
    const keys = this.#keysOf(message, scid);
    if (!keys) return { signatures: [], valid: null, checks: { signature: 'not-checked' }, problems };
    const hash = signedHash(message);
    const signatures = names.map((name, i) => this.#signed(message, hash, name, keys[i]!));
    signatures.forEach((good, i) => {
      if (!good) problems.push({ code: 'signature-invalid', field: names[i]!, text: 'does not verify' });
    });
    if (type === 256) this.#checkOutput(parts, scid!, checks, problems);
    const valid = problems.length === 0;
    if (type === 256 && valid) this.#nodes.set(scid!, [parts['node_id_1']!.slice(), parts['node_id_2']!.slice()]);
    return { signatures, valid, checks, problems };
  }

  #keysOf({ type, parts }: Message, scid: string | undefined): (Uint8Array | undefined)[] | undefined {
    if (type === 256) return ['node_id_1', 'node_id_2', 'bitcoin_key_1', 'bitcoin_key_2'].map((name) => parts[name]);
    if (type === 257) return [parts['node_id']];
    const nodes = this.#nodes.get(scid!);
    return nodes && [nodes[parts['channel_flags']![0]! & 1]];
  }

  #checkOutput(parts: Message['parts'], scid: string, checks: Verdict['checks'], problems: Problem[]): void {
    if (!this.#outputs) {
      checks['output'] = 'not-checked';
      return;
    }
    const output = this.#outputs(scid);
    const script = bytesToHex(fundingScript(parts['bitcoin_key_1']!, parts['bitcoin_key_2']!));
    if (output?.script !== script)
      problems.push({
        code: 'output-differs',
        field: 'bitcoin_key_1',
        text: `${output ? `script ${output.script}` : 'no output'} found at ${scid}, ${script} expected`,
      });
    else this.#capacities.set(scid, output.amountSat);
  }
}

const capacityMsat = (sat: bigint | undefined): bigint | undefined => (sat === undefined ? undefined : sat * 1000n);
