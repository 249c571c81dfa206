/**
 * secp256k1 by libsecp256k1, compiled to WebAssembly for @bitauth/libauth. Only its code is used:
 * the package's own loader is asynchronous, and not made for products of secrets.
 *
 * k · G and ECDSA signatures run in constant time, as far as WebAssembly does. k · P does not, so a
 * secret k is split at random. Secrets are erased from the memory of the code. Each part is tried
 * on known values before its first use; a process in which one fails computes nothing.
 */
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js';
import { concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { randomBytes } from 'node:crypto';
import { equalBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { pairSums } from './affine.ts';
import { N, type Affine, type Backend, type RecoverableSignature } from './backend.ts';

/** Memory layout that the code was linked for: pages, end of constants, a stack that grows up. */
const PAGES = 256;
const PAGE = 65_536;
const HEAP_POINTER = 68_736;
const STACK = 68_752;
const STACK_SIZE = 5_242_880;
/** Most of the stack that signing and a product use; a test checks it. */
const USED_STACK = 16_384;

/** Flags of contexts: parsing only, products of the base point, products of other points. */
const CONTEXT = { none: 1, signing: 513, verifying: 257 } as const;
const UNCOMPRESSED = 2;

type WasmCall = (...args: readonly number[]) => number;

/** Types of the WebAssembly calls in use. Undefined if Node.js runs with --jitless. */
declare const WebAssembly: {
  Memory: new (pages: { initial: number; maximum: number }) => { buffer: ArrayBuffer };
  Table: new (of: { element: 'anyfunc'; initial: number; maximum: number }) => object;
  Module: new (code: Uint8Array) => object;
  Instance: new (module: object, imports: { env: object }) => { exports: Record<string, WasmCall> };
};

/** Returns the back end; undefined without WebAssembly or memory. @throws Refusal `curve-faulty` */
export function libsecp256k1(code: Uint8Array): Backend | undefined {
  if (typeof WebAssembly === 'undefined') return undefined;
  try {
    return new WasmLibrary(code);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw faulty(error);
  }
}

/** Sizes of argument and result buffers, in order. A point takes 64 bytes in the library's form. */
const ROOM = { scalar: 32, hash: 32, extra: 32, point: 64, length: 4, recovery: 4, bytes: 65, signature: 65 } as const;
const ROOM_SIZE = Object.values(ROOM).reduce((sum, size) => sum + size, 0);

const faulty = (error: unknown): Refusal =>
  new Refusal('curve-faulty', `secp256k1 does not compute what it must: ${(error as Error).message}`, {
    hint: 'install this program and Node.js anew; if that does not help, the fault is in this machine',
  });

class WasmLibrary implements Backend {
  readonly name = 'libsecp256k1';
  readonly #heap: Uint8Array;
  readonly #calls: Record<string, WasmCall>;
  readonly #contexts = new Map<keyof typeof CONTEXT, number>();
  readonly #at: Readonly<Record<keyof typeof ROOM, number>>;

  constructor(code: Uint8Array) {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
    this.#heap = new Uint8Array(memory.buffer);
    new DataView(memory.buffer).setUint32(HEAP_POINTER, STACK + STACK_SIZE, true);
    this.#calls = callsOf(code, memory, this.#heap);
    this.#at = placed((size) => this.#calls['_malloc']!(size));
  }

  parse(bytes: Uint8Array): Affine | undefined {
    // The library also takes the hybrid form, which begins with 6 or 7.
    const long = bytes.length === 65 && bytes[0] === 4;
    const short = bytes.length === 33 && (bytes[0] === 2 || bytes[0] === 3);
    return (long || short) && this.#parses(bytes) ? this.#point() : undefined;
  }

  timesG(scalar: bigint): Affine {
    this.#ready('signing');
    return this.#secretly(() => {
      this.#put('scalar', scalar);
      this.#must(this.#call('ec_pubkey_create', 'signing', this.#at.point, this.#at.scalar));
      return this.#point();
    });
  }

  linear(point: Affine, a: bigint, b: bigint): Affine | undefined {
    this.#ready('verifying');
    this.#load(point);
    if (a !== 1n) {
      this.#put('scalar', a);
      this.#must(this.#call('ec_pubkey_tweak_mul', 'verifying', this.#at.point, this.#at.scalar));
    }
    if (b === 0n) return this.#point();
    this.#put('scalar', b);
    // The call fails only for a sum at infinity.
    const finite = this.#call('ec_pubkey_tweak_add', 'verifying', this.#at.point, this.#at.scalar) === 1;
    return finite ? this.#point() : undefined;
  }

  timesSecret(point: Affine, scalar: bigint): Affine {
    this.#ready('verifying');
    return this.#secretly(() => {
      const halves = split(scalar);
      const [first, second] = halves.map((half) => this.linear(point, half, 0n));
      return pairSums([[first, second]])[0]!;
    });
  }

  signEcdsa(hash: Uint8Array, secret: Uint8Array, extra?: Uint8Array): RecoverableSignature {
    this.#ready('signing');
    return this.#secretly(() => {
      const at = this.#at;
      this.#heap.set(secret, at.scalar);
      // RFC 6979 reduces the hash below the order; this version of the library does not.
      this.#put('hash', bytesToNumberBE(hash) % N);
      if (extra) this.#heap.set(extra, at.extra);
      const more = extra ? at.extra : 0;
      this.#must(this.#call('ecdsa_sign_recoverable', 'signing', at.signature, at.hash, at.scalar, 0, more));
      this.#call('ecdsa_recoverable_signature_serialize_compact', 'none', at.bytes, at.recovery, at.signature);
      return { compact: this.#read('bytes', 64), recovery: this.#heap[at.recovery]! };
    });
  }

  verifyEcdsa(compact: Uint8Array, hash: Uint8Array, key: Affine): boolean {
    this.#ready('verifying');
    const at = this.#at;
    this.#heap.set(compact, at.bytes);
    if (this.#call('ecdsa_signature_parse_compact', 'none', at.signature, at.bytes) !== 1) return false;
    this.#load(key);
    this.#heap.set(hash, at.hash);
    return this.#call('ecdsa_verify', 'verifying', at.signature, at.hash, at.point) === 1;
  }

  recoverEcdsa({ compact, recovery }: RecoverableSignature, hash: Uint8Array): Affine | undefined {
    this.#ready('verifying');
    const at = this.#at;
    this.#heap.set(compact, at.bytes);
    this.#heap.set(hash, at.hash);
    const parsed = this.#call('ecdsa_recoverable_signature_parse_compact', 'none', at.signature, at.bytes, recovery);
    const found = parsed === 1 && this.#call('ecdsa_recover', 'verifying', at.point, at.signature, at.hash) === 1;
    return found ? this.#point() : undefined;
  }

  /** Makes and tries the tables for a kind of work at first use. @throws Refusal `curve-faulty` */
  #ready(kind: 'signing' | 'verifying'): void {
    if (this.#contexts.has(kind)) return;
    try {
      this.#context(kind);
      if (kind === 'signing') {
        // Randomises the starting point of its products.
        this.#heap.set(randomBytes(32), this.#at.scalar);
        this.#must(this.#call('context_randomize', kind, this.#at.scalar));
      }
      if (!trial(kind, this)) throw new Error('another result than in the figures');
    } catch (error) {
      this.#contexts.delete(kind);
      throw faulty(error);
    }
  }

  #context(kind: keyof typeof CONTEXT): number {
    const known = this.#contexts.get(kind);
    if (known !== undefined) return known;
    const made = this.#calls['_secp256k1_context_create']!(CONTEXT[kind]);
    this.#contexts.set(kind, made);
    return made;
  }

  #call(name: string, context: keyof typeof CONTEXT, ...args: readonly number[]): number {
    return this.#calls[`_secp256k1_${name}`]!(this.#context(context), ...args);
  }

  #put(where: 'scalar' | 'hash', n: bigint): void {
    this.#heap.set(numberToBytesBE(n, 32), this.#at[where]);
  }

  #read(where: keyof typeof ROOM, length: number): Uint8Array {
    return this.#heap.slice(this.#at[where], this.#at[where] + length);
  }

  #parses(bytes: Uint8Array): boolean {
    this.#heap.set(bytes, this.#at.bytes);
    return this.#call('ec_pubkey_parse', 'none', this.#at.point, this.#at.bytes, bytes.length) === 1;
  }

  #load(point: Affine): void {
    this.#must(Number(this.#parses(concatBytes(Uint8Array.of(4), point))));
  }

  #point(): Affine {
    this.#heap.set([65, 0, 0, 0], this.#at.length);
    this.#call('ec_pubkey_serialize', 'none', this.#at.bytes, this.#at.length, this.#at.point, UNCOMPRESSED);
    return this.#read('bytes', 65).subarray(1);
  }

  #must(done: number): void {
    if (done !== 1) throw new Refusal('bug', 'a point or scalar that is none');
  }

  /** Runs work on secrets, then erases the argument buffers and the stack. */
  #secretly<T>(work: () => T): T {
    try {
      return work();
    } finally {
      const from = this.#at.scalar;
      this.#heap.fill(0, from, from + ROOM_SIZE);
      this.#heap.fill(0, STACK, STACK + USED_STACK);
    }
  }
}

function placed(malloc: (size: number) => number): Record<keyof typeof ROOM, number> {
  let next = malloc(ROOM_SIZE);
  const places = Object.entries(ROOM).map(([name, size]) => {
    const at = next;
    next += size;
    return [name, at];
  });
  return Object.fromEntries(places) as Record<keyof typeof ROOM, number>;
}

/** Splits a scalar into a random non-zero scalar and the non-zero rest. */
function split(scalar: bigint): readonly [bigint, bigint] {
  const first = (bytesToNumberBE(randomBytes(40)) % (N - 1n)) + 1n;
  const second = (scalar - first + N) % N;
  return second === 0n ? split(scalar) : [first, second];
}

/** Instantiates the code, which imports only memory and abort, and returns its functions. */
function callsOf(code: Uint8Array, memory: object, heap: Uint8Array): Record<string, WasmCall> {
  const giveUp = (): never => {
    throw new Refusal('bug', 'libsecp256k1 gave up');
  };
  const env = {
    memory,
    table: new WebAssembly.Table({ element: 'anyfunc', initial: 6, maximum: 6 }),
    tableBase: 0,
    DYNAMICTOP_PTR: HEAP_POINTER,
    STACKTOP: STACK,
    abort: giveUp,
    _abort: giveUp,
    enlargeMemory: giveUp,
    abortOnCannotGrowMemory: giveUp,
    getTotalMemory: () => PAGES * PAGE,
    ___setErrNo: giveUp,
    _emscripten_memcpy_big(to: number, from: number, length: number): number {
      heap.copyWithin(to, from, from + length);
      return to;
    },
  };
  return new WebAssembly.Instance(new WebAssembly.Module(code), { env }).exports;
}

/** Known values by @noble/curves: A = a · G, sum = a · A + b · G, signature of `hash` by a. */
const FIGURES = {
  a: 'a601d7016fb519034fcc0bc24f58e5dbd4d0371308f2309a14cd56a73f8fc58d',
  b: 'b7df5ab5429b38e3480a4d7cc0fa6a0c896d0a0326f2f1bbb658b068d60409a4',
  hash: '6b77f7c820daa3b1e1d4ba01e196dda189629a1869e857d7070de60f1a25333f',
  A:
    'd5e371cd6d85ae62ebe06d0da9d2b7d1112b9741e4e895da549db6a4e3df8f3c' +
    'f61788405d59167b8261cb903097af2af6120806cfbdd73d2d7d273efb0dceaf',
  sum:
    '949e9a10e93db2951258712359a3ac05d8ba9806b7be86991cb6174c75bfcf3b' +
    '18dfa817a85db6b4a8a659fe6bbd2daa35562e41cf551bd7ea661fb008e8103e',
  signature:
    '0038fb32a8bf411f08fe7c9d7aa774dc87fa6d2fef1f3629d8e029a80d3b5bdd' +
    '6554546354034a91da7440c946d12b35c34b5b6f6ae0fdbd72e72455653aff6a',
} as const;

/** Returns whether the back end computes the known values. */
function trial(kind: 'signing' | 'verifying', by: Backend): boolean {
  const of = (name: keyof typeof FIGURES): Uint8Array => hexToBytes(FIGURES[name]);
  const number = (name: 'a' | 'b'): bigint => bytesToNumberBE(of(name));
  const is = (found: Uint8Array | undefined, name: keyof typeof FIGURES): boolean =>
    found !== undefined && equalBytes(found, of(name));
  if (kind === 'signing')
    return is(by.timesG(number('a')), 'A') && is(by.signEcdsa(of('hash'), of('a')).compact, 'signature');
  return (
    is(by.parse(concatBytes(Uint8Array.of(3), of('A').subarray(0, 32))), 'A') &&
    is(by.linear(of('A'), number('a'), number('b')), 'sum') &&
    by.verifyEcdsa(of('signature'), of('hash'), of('A')) &&
    !by.verifyEcdsa(of('signature'), of('b'), of('A'))
  );
}
