/**
 * OpenTimestamps proof files (`.ots`): a digest, and a tree of operations from it to attestations.
 *
 * After the reference library (python-opentimestamps, `core/timestamp.py`, `core/op.py`,
 * `core/notary.py`), whose files come out byte for byte. Not here: what a proof states
 * (`proof.ts`), calendars, which are not asked.
 */
import { ripemd160, sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, concatBytes, equalBytes, hexToBytes, MAX_U64 } from '../bitcoin/bytes.ts';
import { Cursor } from '../bitcoin/cursor.ts';
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

/** Step from a message to the next; `argument` is empty except for append and prepend. */
export interface OtsOp {
  code: Code;
  argument: Uint8Array;
}
export const opWord = ({ code }: OtsOp): (typeof WORDS)[Code] => WORDS[code];
const takesArgument = (code: Code): boolean => code === 0xf0 || code === 0xf1;
const codeOf = (word: (typeof WORDS)[Code]): Code =>
  Number(Object.entries(WORDS).find(([, w]) => w === word)![0]) as Code;
/** Makes an operation from its word and argument. */
export const op = (word: (typeof WORDS)[Code], argument: Uint8Array = new Uint8Array()): OtsOp => ({
  code: codeOf(word),
  argument,
});

/** Known notaries by tag. */
const NOTARIES = {
  '0588960d73d71901': 'bitcoin',
  '06869a0d73d71b45': 'litecoin',
  '83dfe30d2ef90c8e': 'pending',
} as const;
export type Attestation =
  | { by: 'bitcoin' | 'litecoin'; height: bigint; payload: Uint8Array; tag: string }
  | { by: 'pending'; uri: string; payload: Uint8Array; tag: string }
  | { by: 'unknown'; payload: Uint8Array; tag: string };

/** Attestations of one message, and the branches that continue it. */
export interface Timestamp {
  /** Keyed by tag and payload in hex. */
  attestations: Map<string, Attestation>;
  /** Keyed by operation and argument in hex, in file order. */
  branches: Map<string, readonly [OtsOp, Timestamp]>;
}
export const emptyTimestamp = (): Timestamp => ({ attestations: new Map(), branches: new Map() });
export interface OtsFile {
  hash: HashName;
  digest: Uint8Array;
  timestamp: Timestamp;
}

const malformed = (why: string): Refusal => new Refusal('malformed-ots', `the proof: ${why}`);

/** Takes an unsigned number in base 128, lowest seven bits first. */
function takeVaruint(from: Cursor): bigint {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = from.u8();
    value |= BigInt(byte & 0x7f) << shift;
    if (value > MAX_U64 || shift > 63n) throw malformed('a number above 2^64 - 1 found');
    if (byte < 0x80) return value;
  }
}
function takeVarbytes(from: Cursor, limit: { least?: number; most: number }, what: string): Uint8Array {
  const length = takeVaruint(from);
  if (!allows(limit, length)) throw malformed(`${what} of ${length} bytes found`);
  return from.take(Number(length));
}
function checkEnd({ left }: Cursor): void {
  if (left > 0) throw malformed(`${left} bytes found behind its end`);
}

/** Reads a proof file. @throws Refusal `malformed-ots` */
export function readOts(bytes: Uint8Array): OtsFile {
  const from = new Cursor(bytes, 'malformed-ots');
  if (!equalBytes(from.take(MAGIC.length), MAGIC)) throw malformed('another beginning than that of .ots files found');
  const version = takeVaruint(from);
  if (version !== BigInt(VERSION)) throw malformed(`version ${version} found, ${VERSION} expected`);
  const code = from.u8();
  if (!isHash(code)) throw malformed(`a digest of unknown type ${code} found`);
  const hash = HASHES[code];
  const digest = from.take(LENGTHS[hash]);
  const timestamp = readTimestamp(from, digest, 0);
  checkEnd(from);
  return { hash, digest, timestamp };
}
const isHash = (code: number): code is keyof typeof HASHES => Object.hasOwn(HASHES, code);

function readTimestamp(from: Cursor, message: Uint8Array, depth: number): Timestamp {
  if (!allows(OTS_LIMITS.depth, depth)) throw malformed(`more than ${OTS_LIMITS.depth.most} operations in a row found`);
  const made = emptyTimestamp();
  for (;;) {
    const code = from.u8();
    const last = code !== FORK;
    const tag = last ? code : from.u8();
    if (tag === ATTESTATION) addAttestation(made, readAttestation(from));
    else {
      if (!Object.hasOwn(WORDS, tag)) throw malformed(`an unknown operation ${tag} found`);
      const step: OtsOp = {
        code: tag as Code,
        argument: takesArgument(tag as Code)
          ? takeVarbytes(from, OTS_LIMITS.argument, 'an argument')
          : new Uint8Array(),
      };
      addBranch(made, step, readTimestamp(from, apply(step, message), depth + 1));
    }
    if (last) return made;
  }
}

function readAttestation(from: Cursor): Attestation {
  const tag = bytesToHex(from.take(8));
  const payload = takeVarbytes(from, OTS_LIMITS.payload, 'an attestation');
  const by = Object.hasOwn(NOTARIES, tag) ? NOTARIES[tag as keyof typeof NOTARIES] : 'unknown';
  if (by === 'unknown') return { by, payload, tag };
  const inner = new Cursor(payload, 'malformed-ots');
  const found: Attestation =
    by === 'pending'
      ? { by, uri: uriOf(takeVarbytes(inner, OTS_LIMITS.uri, 'the address of a calendar')), payload, tag }
      : { by, height: takeVaruint(inner), payload, tag };
  checkEnd(inner);
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

/** Applies an operation to a message. @throws Refusal `malformed-ots` if the result is too long */
export function apply({ code, argument }: OtsOp, message: Uint8Array): Uint8Array {
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

/** Returns the bytes of a proof file that precede its digest. */
export const headOf = (hash: HashName): Uint8Array =>
  concatBytes(MAGIC, varuint(BigInt(VERSION)), Uint8Array.of(codeOf(hash)));
/** Returns an operation as a proof file has it. */
export const opBytes = ({ code, argument }: OtsOp): Uint8Array =>
  takesArgument(code) ? concatBytes(Uint8Array.of(code), varbytes(argument)) : Uint8Array.of(code);
/** Returns an attestation as a proof file has it. */
export const attestationBytes = ({ tag, payload }: Attestation): Uint8Array =>
  concatBytes(Uint8Array.of(ATTESTATION), hexToBytes(tag), varbytes(payload));

/** Writes a proof file in the order of the reference library. */
export const writeOts = ({ hash, digest, timestamp }: OtsFile): Uint8Array =>
  concatBytes(headOf(hash), digest, ...timestampParts(timestamp));
function* timestampParts({ attestations, branches }: Timestamp): Generator<Uint8Array> {
  const entries = [
    ...[...attestations.values()].sort(byNotary).map((attestation) => [attestationBytes(attestation)]),
    ...[...branches].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, branch]) => branchParts(branch)),
  ];
  for (const [i, parts] of entries.entries()) {
    if (i < entries.length - 1) yield Uint8Array.of(FORK);
    yield* parts;
  }
}
function* branchParts([step, next]: readonly [OtsOp, Timestamp]): Generator<Uint8Array> {
  yield opBytes(step);
  yield* timestampParts(next);
}

/** Orders attestations: tags first, then heights, calendar addresses, other payloads. */
function byNotary(a: Attestation, b: Attestation): number {
  if (a.tag !== b.tag) return a.tag < b.tag ? -1 : 1;
  if ('height' in a && 'height' in b) return a.height < b.height ? -1 : 1;
  if (a.by === 'pending' && b.by === 'pending') return a.uri < b.uri ? -1 : 1;
  return bytesToHex(a.payload) < bytesToHex(b.payload) ? -1 : 1;
}

/** Adds an attestation; duplicates count once. */
export const addAttestation = (to: Timestamp, found: Attestation): void =>
  void to.attestations.set(found.tag + bytesToHex(found.payload), found);
/** Adds a branch; a second one with the same operation is merged into the first. */
export function addBranch(to: Timestamp, step: OtsOp, next: Timestamp): void {
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

/** Messages from the digest to an attestation, each with the operation that made it. */
export type OtsPath = readonly { by: OtsOp | undefined; message: Uint8Array }[];

/** Yields the attestations of a proof, each with the message that it attests. */
export function* attested({ digest, timestamp }: Pick<OtsFile, 'digest' | 'timestamp'>): Generator<{
  message: Uint8Array;
  attestation: Attestation;
  way: OtsPath;
}> {
  yield* walk(timestamp, [{ by: undefined, message: digest }]);
}
function* walk(at: Timestamp, way: OtsPath): ReturnType<typeof attested> {
  const { message } = way.at(-1)!;
  for (const attestation of at.attestations.values()) yield { message, attestation, way };
  for (const [by, next] of at.branches.values()) yield* walk(next, [...way, { by, message: apply(by, message) }]);
}
