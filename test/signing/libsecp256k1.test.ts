/** The back ends of the curve: each answer of libsecp256k1 is noble's, nothing secret stays behind, and a faulty one is refused. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { negated } from '../../src/lib/signing/affine.ts';
import type { Affine, Backend } from '../../src/lib/signing/backend.ts';
import { backend, concatBytes, N, toBytes, toNumber } from '../../src/lib/signing/curve.ts';
import { libsecp256k1 } from '../../src/lib/signing/libsecp256k1.ts';
import { noble } from '../../src/lib/signing/noble.ts';
import { wasmCode } from '../../src/lib/signing/wasm-code.ts';
import { bytes32, CURVE } from '../support/random.ts';
import { codeOf } from '../support/refusal.ts';

const wasm = libsecp256k1(wasmCode())!;
const P = 2n ** 256n - 2n ** 32n - 977n;
const EDGES = [1n, 2n, 3n, N - 1n, N - 2n, N >> 1n, (N >> 1n) + 1n, 1n << 128n, 1n << 255n];
const secret = fc.oneof(fc.constantFrom(...EDGES), fc.bigInt({ min: 1n, max: N - 1n }));
const residue = fc.oneof(fc.constant(0n), secret);
const point = secret.map(noble.timesG);
const hash = fc.oneof(bytes32, fc.constantFrom(toBytes(0n), toBytes(N - 1n), toBytes(N), toBytes(2n ** 256n - 1n)));

/** Both do the same, or both throw. */
function alike<T>(work: (by: Backend) => T): T | 'throws' {
  const [ours, theirs] = [wasm, noble].map((by) => {
    try {
      return work(by);
    } catch {
      return 'throws' as const;
    }
  });
  expect(ours).toEqual(theirs);
  return ours!;
}

describe('libsecp256k1 does what noble does', () => {
  it('is what computes here', () => {
    expect([backend().name, wasm.name, noble.name]).toEqual(['libsecp256k1', 'libsecp256k1', 'noble']);
  });

  it('with scalars and the base point', () => {
    for (const edge of EDGES) alike((by) => by.timesG(edge));
    fc.assert(
      fc.property(secret, (k) => {
        alike((by) => by.timesG(k));
      }),
      CURVE,
    );
  });

  it('with products and sums, also where they come to the point at infinity', () => {
    const cases: [Affine, bigint, bigint][] = [];
    const G = noble.timesG(1n);
    for (const a of EDGES) for (const b of [0n, 1n, N - 1n, N - a]) cases.push([G, a, b]);
    cases.push([negated(G), 1n, 1n], [noble.timesG(7n), N - 1n, 7n]);
    const infinite = cases.filter(([p, a, b]) => alike((by) => by.linear(p, a, b)) === undefined);
    expect(infinite.length).toBeGreaterThanOrEqual(EDGES.length);
    fc.assert(
      fc.property(point, secret, residue, (p, a, b) => {
        alike((by) => by.linear(p, a, b));
      }),
      CURVE,
    );
  });

  it('with secret scalars, split anew each time', () => {
    const G = noble.timesG(1n);
    for (const edge of EDGES) alike((by) => by.timesSecret(G, edge));
    fc.assert(
      fc.property(point, secret, (p, k) => {
        alike((by) => by.timesSecret(p, k));
      }),
      { numRuns: 15 },
    );
  });

  it('with bytes that are a point, and with those that are none', () => {
    const x = (n: bigint): Uint8Array => toBytes(n);
    const G = noble.timesG(1n);
    const y = G.subarray(32);
    const made: Uint8Array[] = [new Uint8Array(0), new Uint8Array(33), new Uint8Array(65), new Uint8Array(1)];
    for (const first of [0, 1, 2, 3, 4, 5, 6, 7, 255])
      for (const rest of [x(0n), x(1n), x(5n), x(P - 1n), x(P), x(P + 1n), x(2n ** 256n - 1n), G.subarray(0, 32), G])
        made.push(concatBytes(Uint8Array.of(first), rest));
    made.push(concatBytes(Uint8Array.of(4), G.subarray(0, 32), x(P - toNumber(y))));
    made.push(concatBytes(Uint8Array.of(4), G.subarray(0, 32), x(toNumber(y) ^ 1n)));
    made.push(concatBytes(Uint8Array.of(2), G.subarray(0, 31)), concatBytes(Uint8Array.of(2), G.subarray(0, 33)));
    const points = made.filter((bytes) => alike((by) => by.parse(bytes)) !== undefined);
    expect(points.length).toBeGreaterThan(4);
    expect(points.length).toBeLessThan(made.length / 2);
    fc.assert(
      fc.property(fc.constantFrom(2, 3), bytes32, (first, rest) => {
        alike((by) => by.parse(concatBytes(Uint8Array.of(first), rest)));
      }),
      CURVE,
    );
  });

  it('with ECDSA: it signs the same bytes, and finds the key again', () => {
    fc.assert(
      fc.property(secret.map(toBytes), hash, fc.option(bytes32, { nil: undefined }), (key, message, extra) => {
        const made = wasm.signEcdsa(message, key, extra);
        expect(made).toEqual(noble.signEcdsa(message, key, extra));
        const publicKey = noble.timesG(toNumber(key));
        expect(wasm.verifyEcdsa(made.compact, message, publicKey)).toBe(true);
        expect(alike((by) => by.recoverEcdsa(made, message))).toEqual(publicKey);
        alike((by) => by.recoverEcdsa({ ...made, recovery: made.recovery ^ 1 }, message));
        alike((by) => by.recoverEcdsa({ ...made, recovery: made.recovery | 2 }, message));
      }),
      { numRuns: 15 },
    );
  });

  it('with ECDSA that is wrong: another key or hash, high s, numbers out of range', () => {
    const [key, message] = [toBytes(7n), toBytes(9n)];
    const { compact } = noble.signEcdsa(message, key);
    const [r, s] = [compact.subarray(0, 32), compact.subarray(32)];
    const publicKey = noble.timesG(7n);
    const tried: [Uint8Array, Uint8Array, Affine][] = [
      [compact, message, noble.timesG(8n)],
      [compact, message, negated(publicKey)],
      [compact, toBytes(10n), publicKey],
      [concatBytes(r, toBytes(N - toNumber(s))), message, publicKey],
      [concatBytes(s, r), message, publicKey],
      ...[0n, N, 2n ** 256n - 1n].flatMap((n): [Uint8Array, Uint8Array, Affine][] => [
        [concatBytes(toBytes(n), s), message, publicKey],
        [concatBytes(r, toBytes(n)), message, publicKey],
      ]),
    ];
    for (const [signature, signed, by] of tried) expect(wasm.verifyEcdsa(signature, signed, by)).toBe(false);
    for (const n of [0n, N])
      alike((by) => by.recoverEcdsa({ compact: concatBytes(r, toBytes(n)), recovery: 0 }, message));
  });
});

type Memory = { buffer: ArrayBuffer };
/** What Node.js has under this name; its types have not. */
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: Record<'Table' | 'Module' | 'Instance', unknown> & { Memory: new (pages: object) => Memory };
};
const { Memory, Table, Module, Instance } = WebAssembly;
const all = { Memory, Table, Module, Instance };

/** A back end of its own, and the memory that its code works in. */
function opened(): { by: Backend; heap: Uint8Array } {
  const memories: Memory[] = [];
  class Seen extends Memory {
    constructor(pages: object) {
      super(pages);
      memories.push(this);
    }
  }
  vi.stubGlobal('WebAssembly', { ...all, Memory: Seen });
  const by = libsecp256k1(wasmCode())!;
  vi.unstubAllGlobals();
  return { by, heap: new Uint8Array(memories[0]!.buffer) };
}

describe('what it leaves behind', () => {
  /** 8 bytes at a time, in either order: as they came, and as limbs in the machine's. */
  const traces = (heap: Uint8Array, bytes: Uint8Array): number => {
    const memory = Buffer.from(heap.buffer);
    const parts = [0, 8, 16, 24].map((at) => bytes.slice(at, at + 8));
    return parts.flatMap((part) => [part, part.toReversed()]).filter((part) => memory.includes(Buffer.from(part)))
      .length;
  };

  it('is no secret: neither key nor half of one, nor the shared point', () => {
    const { by, heap } = opened();
    const key = Buffer.from('c0ffee0123456789deadbeef0badcafe1122334455667788fedcba9876543210', 'hex');
    // After each alone: the next one would write over what the one before has left.
    by.timesG(toNumber(key));
    expect(traces(heap, key)).toBe(0);
    const signed = by.signEcdsa(toBytes(5n), key);
    expect(traces(heap, key)).toBe(0);
    const shared = by.timesSecret(noble.timesG(3n), toNumber(key));
    expect([key, shared.subarray(0, 32), shared.subarray(32)].map((part) => traces(heap, part))).toEqual([0, 0, 0]);
    // The search does find what lies there.
    heap.set(key, heap.length - 32);
    expect(traces(heap, key)).toBe(4);
    expect(by.verifyEcdsa(signed.compact, toBytes(5n), by.timesG(toNumber(key)))).toBe(true);
  });

  it('and on the stack it has not gone further than what is erased', () => {
    const [STACK, USED, SIZE] = [68_752, 16_384, 5_242_880];
    const { by, heap } = opened();
    by.timesG(2n);
    by.linear(noble.timesG(3n), 2n, 2n);
    heap.fill(0, STACK, STACK + SIZE);
    by.signEcdsa(toBytes(5n), toBytes(6n));
    by.timesSecret(noble.timesG(3n), N - 5n);
    expect(heap.subarray(STACK, STACK + SIZE).every((byte) => byte === 0)).toBe(true);
    by.linear(noble.timesG(3n), N - 5n, 0n);
    expect(heap.subarray(STACK, STACK + USED).some((byte) => byte !== 0)).toBe(true);
    expect(heap.subarray(STACK + USED, STACK + SIZE).every((byte) => byte === 0)).toBe(true);
  });
});

describe('where it cannot be', () => {
  it('there is none without WebAssembly, or without memory for it', () => {
    vi.stubGlobal('WebAssembly', undefined);
    expect(libsecp256k1(wasmCode())).toBeUndefined();
    class Full {
      constructor() {
        throw new RangeError('WebAssembly.Memory(): could not allocate memory');
      }
    }
    vi.stubGlobal('WebAssembly', { ...all, Memory: Full });
    expect(libsecp256k1(wasmCode())).toBeUndefined();
    vi.unstubAllGlobals();
  });

  /** With bits of its code or tables turned over. */
  const damaged = (...at: readonly number[]): Backend => {
    const code = Uint8Array.from(wasmCode());
    for (const i of at) code[i]! ^= 1;
    return libsecp256k1(code)!;
  };
  const G = noble.timesG(1n);
  it.each([
    [
      'products of the base point',
      [27_500],
      [(by: Backend) => by.timesG(5n), (by: Backend) => by.signEcdsa(toBytes(1n), toBytes(2n))],
    ],
    [
      'its table',
      Array.from({ length: 2000 }, (_, i) => wasmCode().length - 40_000 + i),
      [(by: Backend) => by.timesG(5n)],
    ],
    [
      'other products',
      [23_000],
      [
        (by: Backend) => by.linear(G, 2n, 3n),
        (by: Backend) => by.timesSecret(G, 2n),
        (by: Backend) => by.verifyEcdsa(concatBytes(toBytes(1n), toBytes(1n)), toBytes(1n), G),
        (by: Backend) => by.recoverEcdsa({ compact: concatBytes(toBytes(1n), toBytes(1n)), recovery: 0 }, toBytes(1n)),
      ],
    ],
    ['what it does when it gives up', [60_500], [(by: Backend) => by.linear(G, 2n, 3n)]],
  ])('one that is wrong in %s is refused, each time, and nothing takes its place', (_, at, works) => {
    const by = damaged(...at);
    for (const work of [...works, ...works]) expect(codeOf(() => work(by))).toBe('curve-faulty');
  });
  it('so is code that is none', () => {
    expect(codeOf(() => damaged(10))).toBe('curve-faulty');
  });
});
