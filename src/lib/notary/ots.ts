/**
 * OpenTimestamps proof files (`.ots`): a digest, and a tree of operations that lead from it to attestations.
 *
 * The format is that of the reference library (python-opentimestamps, `core/timestamp.py`, `core/op.py`, `core/notary.py`);
 * what it writes comes out byte for byte. Not here: what a proof says (`proof.ts`), calendars, which are not asked.
 */
import { ripemd160, sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, concatBytes, equalBytes, hexToBytes, MAX_U64 } from '../bitcoin/bytes.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';

export const OTS_LIMITS = {
  /** Payload of an attestation. */
  payload: { unit: 'bytes', most: 8192 },
  /** Address of a calendar. */
  uri: { unit: 'characters', most: 1000 },
  /** Argument of an operation. */
  argument: { unit: 'bytes', least: 1, most: 4096 },
  /** Result of an operation. */
  result: { unit: 'bytes', most: 4096 },
  /** Operations in a row. */
  depth: { unit: 'levels', most: 255 },
} satisfies Limits;

const MAGIC = hexToBytes('004f70656e54696d657374616d7073000050726f6f6600bf89e2e884e89294');
const VERSION = 1;
const FORK = 0xff;
const ATTESTATION = 0x00;

/** Hash functions by their byte in the format. */
const HASHES = { 0x02: 'sha1', 0x03: 'ripemd160', 0x08: 'sha256', 0x67: 'keccak256' } as const;
export type HashName = (typeof HASHES)[keyof typeof HASHES];
export const DIGEST: Readonly<Record<HashName, (bytes: Uint8Array) => Uint8Array>> = {
  sha1,
  ripemd160,
  sha256,
  keccak256: keccak_256,
};
const LENGTHS: Readonly<Record<HashName, number>> = { sha1: 20, ripemd160: 20, sha256: 32, keccak256: 32 };
const WORDS = { ...HASHES, 0xf0: 'append', 0xf1: 'prepend', 0xf2: 'reverse', 0xf3: 'hexlify' } as const;
type Code = keyof typeof WORDS;

/** One step from a message to the next. `argument` is empty but for append and prepend. */
export interface Op {
  code: Code;
  argument: Uint8Array;
}
export const opWord = ({ code }: Op): (typeof WORDS)[Code] => WORDS[code];
const takesArgument = (code: Code): boolean => code === 0xf0 || code === 0xf1;
const codeOf = (word: (typeof WORDS)[Code]): Code =>
  Number(Object.entries(WORDS).find(([, w]) => w === word)![0]) as Code;
/** Makes an operation of its word and argument. */
export const op = (word: (typeof WORDS)[Code], argument: Uint8Array = new Uint8Array()): Op => ({
  code: codeOf(word),
  argument,
});

/** Names of the known notaries by tag. */
const NOTARIES = {
  '0588960d73d71901': 'bitcoin',
  '06869a0d73d71b45': 'litecoin',
  '83dfe30d2ef90c8e': 'pending',
} as const;
export type Attestation =
  | { by: 'bitcoin' | 'litecoin'; height: bigint; payload: Uint8Array; tag: string }
  | { by: 'pending'; uri: string; payload: Uint8Array; tag: string }
  | { by: 'unknown'; payload: Uint8Array; tag: string };

/** Attestations of one message, and the branches that lead on from it. */
export interface Timestamp {
  /** Keyed by tag and payload in hex. */
  attestations: Map<string, Attestation>;
  /** Keyed by operation and argument in hex, whose order is that of the file. */
  branches: Map<string, readonly [Op, Timestamp]>;
}
export const emptyTimestamp = (): Timestamp => ({ attestations: new Map(), branches: new Map() });
export interface OtsFile {
  hash: HashName;
  digest: Uint8Array;
  timestamp: Timestamp;
}

const malformed = (why: string): Refusal => new Refusal('malformed-ots', `the proof: ${why}`);

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at)
      throw malformed(`ends at byte ${this.#bytes.length}, ${length} more expected at byte ${this.#at}`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
  byte(): number {
    return this.take(1)[0]!;
  }
  /** An unsigned number, seven bits a byte, the lowest first. */
  varuint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (value > MAX_U64 || shift > 63n) throw malformed('a number above 2^64 - 1 found');
      if (byte < 0x80) return value;
    }
  }
  varbytes(limit: { least?: number; most: number }, what: string): Uint8Array {
    const length = this.varuint();
    if (!allows(limit, length)) throw malformed(`${what} of ${length} bytes found`);
    return this.take(Number(length));
  }
  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw malformed(`${left} bytes found behind its end`);
  }
}

/** Reads a proof file. @throws Refusal `malformed-ots` */
export function readOts(bytes: Uint8Array): OtsFile {
  const from = new Reader(bytes);
  if (!equalBytes(from.take(MAGIC.length), MAGIC)) throw malformed('another beginning than that of .ots files found');
  const version = from.varuint();
  if (version !== BigInt(VERSION)) throw malformed(`version ${version} found, ${VERSION} expected`);
  const code = from.byte();
  if (!isHash(code)) throw malformed(`a digest of unknown type ${code} found`);
  const hash = HASHES[code];
  const digest = from.take(LENGTHS[hash]);
  const timestamp = readTimestamp(from, digest, 0);
  from.end();
  return { hash, digest, timestamp };
}
const isHash = (code: number): code is keyof typeof HASHES => Object.hasOwn(HASHES, code);

function readTimestamp(from: Reader, message: Uint8Array, depth: number): Timestamp {
  if (!allows(OTS_LIMITS.depth, depth)) throw malformed(`more than ${OTS_LIMITS.depth.most} operations in a row found`);
  const made = emptyTimestamp();
  for (;;) {
    const code = from.byte();
    const last = code !== FORK;
    const tag = last ? code : from.byte();
    if (tag === ATTESTATION) addAttestation(made, readAttestation(from));
    else {
      if (!Object.hasOwn(WORDS, tag)) throw malformed(`an unknown operation ${tag} found`);
      const step: Op = {
        code: tag as Code,
        argument: takesArgument(tag as Code) ? from.varbytes(OTS_LIMITS.argument, 'an argument') : new Uint8Array(),
      };
      addBranch(made, step, readTimestamp(from, apply(step, message), depth + 1));
    }
    if (last) return made;
  }
}

function readAttestation(from: Reader): Attestation {
  const tag = bytesToHex(from.take(8));
  const payload = from.varbytes(OTS_LIMITS.payload, 'an attestation');
  const by = Object.hasOwn(NOTARIES, tag) ? NOTARIES[tag as keyof typeof NOTARIES] : 'unknown';
  if (by === 'unknown') return { by, payload, tag };
  const inner = new Reader(payload);
  const found: Attestation =
    by === 'pending'
      ? { by, uri: uriOf(inner.varbytes(OTS_LIMITS.uri, 'the address of a calendar')), payload, tag }
      : { by, height: inner.varuint(), payload, tag };
  inner.end();
  return found;
}
function uriOf(bytes: Uint8Array): string {
  const uri = String.fromCharCode(...bytes);
  if (!/^[A-Za-z0-9\-._/:]*$/.test(uri))
    throw malformed('the address of a calendar with a character of no address found');
  return uri;
}

/** Makes the attestation of a Bitcoin block at a height. */
export function bitcoinAttestation(height: bigint): Attestation {
  return { by: 'bitcoin', height, payload: varuint(height), tag: '0588960d73d71901' };
}

/** Returns what an operation makes of a message. @throws Refusal `malformed-ots` for a result above the limit */
export function apply({ code, argument }: Op, message: Uint8Array): Uint8Array {
  const made =
    code === 0xf0
      ? concatBytes(message, argument)
      : code === 0xf1
        ? concatBytes(argument, message)
        : code === 0xf2
          ? message.toReversed()
          : code === 0xf3
            ? Uint8Array.from(bytesToHex(message), (char) => char.charCodeAt(0))
            : DIGEST[HASHES[code]](message);
  if (!allows(OTS_LIMITS.result, made.length))
    throw malformed(`an operation with a result of ${made.length} bytes found`);
  return made;
}

const varuint = (value: bigint): Uint8Array => {
  const bytes: number[] = [];
  for (let left = value; ; left >>= 7n) {
    if (left < 0x80n) return Uint8Array.from([...bytes, Number(left)]);
    bytes.push(Number(left & 0x7fn) | 0x80);
  }
};
const varbytes = (bytes: Uint8Array): Uint8Array => concatBytes(varuint(BigInt(bytes.length)), bytes);

/** Writes a proof file in the order of the reference library. */
export function writeOts({ hash, digest, timestamp }: OtsFile): Uint8Array {
  const parts = [MAGIC, varuint(BigInt(VERSION)), Uint8Array.of(codeOf(hash)), digest];
  writeTimestamp(timestamp, parts);
  return concatBytes(...parts);
}
function writeTimestamp({ attestations, branches }: Timestamp, parts: Uint8Array[]): void {
  const entries = [
    ...[...attestations.values()].sort(byNotary).map((attestation) => () => writeAttestation(attestation, parts)),
    ...[...branches]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([, branch]) =>
          () =>
            writeBranch(branch, parts),
      ),
  ];
  entries.forEach((write, i) => {
    if (i < entries.length - 1) parts.push(Uint8Array.of(FORK));
    write();
  });
}
const writeAttestation = ({ tag, payload }: Attestation, parts: Uint8Array[]): void =>
  void parts.push(Uint8Array.of(ATTESTATION), hexToBytes(tag), varbytes(payload));
function writeBranch([{ code, argument }, next]: readonly [Op, Timestamp], parts: Uint8Array[]): void {
  parts.push(Uint8Array.of(code), ...(takesArgument(code) ? [varbytes(argument)] : []));
  writeTimestamp(next, parts);
}

/** Tags first, then heights by number, calendars by address, others by payload. */
function byNotary(a: Attestation, b: Attestation): number {
  if (a.tag !== b.tag) return a.tag < b.tag ? -1 : 1;
  if ('height' in a && 'height' in b) return a.height < b.height ? -1 : 1;
  if (a.by === 'pending' && b.by === 'pending') return a.uri < b.uri ? -1 : 1;
  return bytesToHex(a.payload) < bytesToHex(b.payload) ? -1 : 1;
}

/** Adds an attestation; the same one twice counts once. */
export const addAttestation = (to: Timestamp, found: Attestation): void =>
  void to.attestations.set(found.tag + bytesToHex(found.payload), found);
/** Adds a branch; a second one by the same operation is merged into the first. */
export function addBranch(to: Timestamp, step: Op, next: Timestamp): void {
  const key = bytesToHex(Uint8Array.of(step.code)) + bytesToHex(step.argument);
  const there = to.branches.get(key);
  if (there) mergeInto(there[1], next);
  else to.branches.set(key, [step, next]);
}
function mergeInto(to: Timestamp, from: Timestamp): void {
  for (const attestation of from.attestations.values()) addAttestation(to, attestation);
  for (const [step, next] of from.branches.values()) addBranch(to, step, next);
}

/** Merges two proofs of one digest. @throws Refusal `digest-differs` */
export function mergeOts(first: OtsFile, second: OtsFile): OtsFile {
  if (first.hash !== second.hash || !equalBytes(first.digest, second.digest))
    throw new Refusal(
      'digest-differs',
      `a proof of ${second.hash} ${bytesToHex(second.digest)} found, of ${first.hash} ${bytesToHex(first.digest)} expected`,
    );
  const timestamp = emptyTimestamp();
  for (const { timestamp: from } of [first, second]) mergeInto(timestamp, from);
  return { ...first, timestamp };
}

/** Messages on the way to an attestation, the digest first, each with the operation that made it. */
export type Way = readonly { by: Op | undefined; message: Uint8Array }[];

/** Yields the attestations of a proof, each with the message that it attests to. */
export function* attested({ digest, timestamp }: Pick<OtsFile, 'digest' | 'timestamp'>): Generator<{
  message: Uint8Array;
  attestation: Attestation;
  way: Way;
}> {
  yield* walk(timestamp, [{ by: undefined, message: digest }]);
}
function* walk(at: Timestamp, way: Way): ReturnType<typeof attested> {
  const { message } = way.at(-1)!;
  for (const attestation of at.attestations.values()) yield { message, attestation, way };
  for (const [by, next] of at.branches.values()) yield* walk(next, [...way, { by, message: apply(by, message) }]);
}
