/**
 * The known forms of HTLC scripts, each as the text that its specification has, with holes. The
 * same text writes a script and recognises one, and beside it stands the witness of each path.
 *
 *   standard         named recipient, 32-byte preimage
 *   book             the textbook's: whoever has the preimage can take the coin
 *   boltz            reverse swaps of boltz-core; `boltz-submarine`: without a check of the size
 *   loop             Lightning Loop: V2 (P2WSH), V3 (P2TR)
 *   bolt3-offered    BOLT3, Offered and Received HTLC Outputs, with `1 CSV` for anchors
 *
 * Not here: addresses (`terms.ts`), trees (`taproot.ts`), signatures (`sign.ts`).
 */
import { OP, Script, ScriptNum } from '@scure/btc-signer/script.js';
import { bytesToHex, concatBytes } from '../bitcoin/bytes.ts';
import { sha256After } from '../bitcoin/hash.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { lockFrom, lockNumber, lockOpcode, type Lock, type LockKind } from './lock.ts';

/** Forms of HTLC scripts in use. */
export const VARIANTS = [
  'standard',
  'book',
  'boltz',
  'boltz-submarine',
  'loop',
  'bolt3-offered',
  'bolt3-received',
] as const;
export type Variant = (typeof VARIANTS)[number];
/** Output types that an HTLC may have. */
export const SCRIPT_TYPES = ['p2tr', 'p2wsh', 'p2sh-p2wsh', 'p2sh'] as const;
export type HtlcType = (typeof SCRIPT_TYPES)[number];
export const PATHS = ['claim', 'refund'] as const;
export type PathName = (typeof PATHS)[number];

/** Holes of a script: keys of 33 bytes, or 32 with `-x`; hashes of 20. */
export type HoleName = 'hash' | 'claim' | 'refund' | 'claim-x' | 'refund-x' | 'refund-hash' | 'revocation-hash';
export type Holes = { [K in HoleName]?: Uint8Array } & { lock?: Lock };
const SIZES: Record<HoleName, number> = {
  hash: 20,
  claim: 33,
  refund: 33,
  'claim-x': 32,
  'refund-x': 32,
  'refund-hash': 20,
  'revocation-hash': 20,
};

/** A script and the witness of each of its paths, without the script itself. */
export interface WholeForm {
  script: string;
  claim: string;
  refund: string;
}
/** A leaf a path. */
export interface LeafForm {
  claim: { script: string; witness: string };
  refund: { script: string; witness: string };
}

const offered = (anchors: string): WholeForm => ({
  script: `DUP HASH160 <revocation-hash> EQUAL IF CHECKSIG ELSE <claim> SWAP SIZE 32 EQUAL NOTIF DROP 2 SWAP <refund> 2 CHECKMULTISIG ELSE HASH160 <hash> EQUALVERIFY CHECKSIG ENDIF ${anchors}ENDIF`,
  claim: '<claim-sig> <preimage>',
  refund: '0 <claim-sig> <refund-sig> 0',
});
const received = (anchors: string): WholeForm => ({
  script: `DUP HASH160 <revocation-hash> EQUAL IF CHECKSIG ELSE <refund> SWAP SIZE 32 EQUAL IF HASH160 <hash> EQUALVERIFY 2 SWAP <claim> 2 CHECKMULTISIG ELSE DROP <lock> DROP CHECKSIG ENDIF ${anchors}ENDIF`,
  claim: '0 <refund-sig> <claim-sig> <preimage>',
  refund: '<refund-sig> 0',
});
const ANCHORS = '1 CHECKSEQUENCEVERIFY DROP ';

/** One script for both paths. */
const WHOLE: Record<Variant, WholeForm> = {
  standard: {
    script:
      'IF SIZE 32 EQUALVERIFY HASH160 <hash> EQUALVERIFY <claim> CHECKSIG ELSE <lock> DROP <refund> CHECKSIG ENDIF',
    claim: '<claim-sig> <preimage> 1',
    refund: '<refund-sig> 0',
  },
  book: {
    script: 'IF HASH160 <hash> EQUALVERIFY ELSE <lock> DROP <refund> CHECKSIG ENDIF',
    claim: '1 <preimage> 1',
    refund: '<refund-sig> 0',
  },
  boltz: {
    script: 'SIZE 32 EQUAL IF HASH160 <hash> EQUALVERIFY <claim> ELSE DROP <lock> DROP <refund> ENDIF CHECKSIG',
    claim: '<claim-sig> <preimage>',
    refund: '<refund-sig> 0',
  },
  'boltz-submarine': {
    script: 'HASH160 <hash> EQUAL IF <claim> ELSE <lock> DROP <refund> ENDIF CHECKSIG',
    claim: '<claim-sig> <preimage>',
    refund: '<refund-sig> 0',
  },
  loop: {
    script:
      '<claim> CHECKSIG NOTIF DUP HASH160 <refund-hash> EQUALVERIFY CHECKSIGVERIFY <lock> ELSE SIZE 32 EQUALVERIFY HASH160 <hash> EQUALVERIFY 1 CHECKSEQUENCEVERIFY ENDIF',
    claim: '<preimage> <claim-sig>',
    refund: '<refund-sig> <refund-key> 0',
  },
  'bolt3-offered': offered(''),
  'bolt3-received': received(''),
};
const WITH_ANCHORS: Partial<Record<Variant, WholeForm>> = {
  'bolt3-offered': offered(ANCHORS),
  'bolt3-received': received(ANCHORS),
};

const REFUND_LEAF = { script: '<refund-x> CHECKSIGVERIFY <lock>', witness: '<refund-sig>' };
const CLAIM_LEAF = {
  script: 'SIZE 32 EQUALVERIFY HASH160 <hash> EQUALVERIFY <claim-x> CHECKSIG',
  witness: '<claim-sig> <preimage>',
};
/** A leaf a path; boltz-core's reverse swaps have the standard leaves. */
const LEAVES: Partial<Record<Variant, LeafForm>> = {
  standard: { claim: CLAIM_LEAF, refund: REFUND_LEAF },
  boltz: { claim: CLAIM_LEAF, refund: REFUND_LEAF },
  'boltz-submarine': {
    claim: { script: 'HASH160 <hash> EQUALVERIFY <claim-x> CHECKSIG', witness: '<claim-sig> <preimage>' },
    refund: REFUND_LEAF,
  },
  loop: {
    claim: {
      script: '<claim-x> CHECKSIGVERIFY SIZE 32 EQUALVERIFY HASH160 <hash> EQUALVERIFY 1 CHECKSEQUENCEVERIFY',
      witness: '<preimage> <claim-sig>',
    },
    refund: REFUND_LEAF,
  },
};

/** Returns script and witness of a variant; undefined if there are none. */
export const wholeForm = (variant: Variant, anchors: boolean): WholeForm | undefined =>
  anchors ? WITH_ANCHORS[variant] : WHOLE[variant];
export const leafForm = (variant: Variant): LeafForm | undefined => LEAVES[variant];
export const isBolt3 = (variant: Variant): boolean => variant.startsWith('bolt3-');

/** Output types of a variant. Those of BOLT3 and Loop are P2WSH, beside Loop's leaves. */
export const typesOf = (variant: Variant): readonly HtlcType[] =>
  isBolt3(variant)
    ? ['p2wsh']
    : variant === 'loop'
      ? ['p2wsh', 'p2tr']
      : SCRIPT_TYPES.filter((type) => type !== 'p2tr' || LEAVES[variant] !== undefined);
/** The kinds of locks that a variant is made with. */
export const locksOf = (variant: Variant): readonly LockKind[] =>
  variant === 'standard' || variant === 'book' ? ['height', 'time', 'blocks', 'seconds'] : ['height'];

/** Returns whether the claim waits for a block (`1 CHECKSEQUENCEVERIFY`). */
export const waitsForBlock = (script: string): boolean => script.includes('1 CHECKSEQUENCEVERIFY');

const words = (text: string): string[] => text.split(' ');
const encode = (items: readonly (string | number)[]): Uint8Array =>
  Script.encode(items as Parameters<typeof Script.encode>[0]);
/** Returns the push of a positive number, the shortest. */
function pushOf(n: number): Uint8Array {
  if (n <= 16) return Uint8Array.of(0x50 + n);
  const bytes: number[] = [];
  for (let rest = n; rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256);
  if (bytes.at(-1)! > 127) bytes.push(0);
  return Uint8Array.of(bytes.length, ...bytes);
}
const writeLock = (lock: Lock): Uint8Array =>
  concatBytes(pushOf(lockNumber(lock)), Uint8Array.of(OP[lockOpcode(lock) as keyof typeof OP]));

/** Bytes that always stand there, or the name of a hole. */
type ScriptPart = Uint8Array | HoleName | 'lock';
/** Returns the same parts with all bytes that stand side by side in one. */
const joined = (parts: readonly ScriptPart[]): ScriptPart[] =>
  parts.reduce<ScriptPart[]>((all, part) => {
    const last = all.at(-1);
    return last instanceof Uint8Array && part instanceof Uint8Array
      ? [...all.slice(0, -1), concatBytes(last, part)]
      : [...all, part];
  }, []);
const known = new Map<string, readonly ScriptPart[]>();
/** Returns the parts of a script template, cached; push lengths precede their holes. */
function partsOf(text: string): readonly ScriptPart[] {
  let parts = known.get(text);
  if (!parts) {
    const pieces = text.split(/ ?(<[a-z0-9-]+>) ?/).flatMap((piece): ScriptPart[] => {
      if (piece === '') return [];
      if (piece === '<lock>') return ['lock'];
      if (piece.startsWith('<'))
        return [Uint8Array.of(SIZES[piece.slice(1, -1) as HoleName]), piece.slice(1, -1) as HoleName];
      return [encode(words(piece).map((word) => (/^\d+$/.test(word) ? Number(word) : word)))];
    });
    parts = joined(pieces);
    known.set(text, parts);
  }
  return parts;
}

const fill = (parts: readonly ScriptPart[], holes: Holes): Uint8Array =>
  concatBytes(
    ...parts.map((part) => {
      if (typeof part !== 'string') return part;
      return part === 'lock' ? writeLock(holes.lock!) : holes[part]!;
    }),
  );
/** Returns the script of a text with its holes filled. */
export const writeScript = (text: string, holes: Holes): Uint8Array => fill(partsOf(text), holes);

/** A script and its SHA256. */
export interface Hashed {
  code: Uint8Array;
  hash: Uint8Array;
}
/** Returns a function that fills the other holes. The common beginning is hashed once. */
export function scriptsAlike(text: string, shared: Omit<Holes, 'lock'>): (rest: Holes) => Hashed {
  const parts = joined(
    partsOf(text).map((part) => (typeof part === 'string' && part !== 'lock' && shared[part]) || part),
  );
  const [first] = parts as [Uint8Array, ...ScriptPart[]];
  const hashBehind = sha256After(first);
  return (rest) => {
    const code = fill(parts, rest);
    return { code, hash: hashBehind(code.subarray(first.length)) };
  };
}

const startsAt = (script: Uint8Array, at: number, bytes: Uint8Array): boolean =>
  bytes.every((byte, i) => byte === script[at + i]);
/** Returns the lock at `at`; undefined for a number that is not written the shortest way. */
function lockAt(script: Uint8Array, at: number): Lock | undefined {
  const first = script[at]!;
  const size = first > 75 ? 0 : first;
  const n = size === 0 ? first - 0x50 : numberOf(script.subarray(at + 1, at + 1 + size));
  const lock = lockFrom(script[at + 1 + size] === OP.CHECKSEQUENCEVERIFY ? CSV : CLTV, n);
  return lock && startsAt(script, at, writeLock(lock)) ? lock : undefined;
}
const [CLTV, CSV] = ['CHECKLOCKTIMEVERIFY', 'CHECKSEQUENCEVERIFY'];

/** Returns the bytes in the holes of a script; undefined if the template does not match. */
export function readScript(text: string, script: Uint8Array): Holes | undefined {
  const holes: Holes = {};
  let at = 0;
  for (const part of partsOf(text)) {
    if (typeof part !== 'string') {
      if (!startsAt(script, at, part)) return undefined;
      at += part.length;
    } else if (part === 'lock') {
      const lock = lockAt(script, at);
      if (!lock) return undefined;
      holes.lock = lock;
      at += writeLock(lock).length;
    } else {
      holes[part] = script.subarray(at, at + SIZES[part]);
      at += SIZES[part];
    }
  }
  return at === script.length ? holes : undefined;
}

export const SCRIPT_LIMITS = {
  /** Longest script that is read; no known one is longer. */
  script: { unit: 'bytes', most: 520 },
} satisfies Limits;

function decoded(script: Uint8Array): readonly (string | number | Uint8Array)[] | undefined {
  if (!allows(SCRIPT_LIMITS.script, script.length)) return undefined;
  try {
    return Script.decode(script) as (keyof typeof OP | number | Uint8Array)[];
  } catch {
    return undefined;
  }
}

function numberOf(bytes: Uint8Array): number {
  try {
    return Number(ScriptNum(5).decode(bytes));
  } catch {
    return NaN;
  }
}

/** Returns a script as text; empty if it is longer than any known script. */
export const scriptWords = (script: Uint8Array): string =>
  (decoded(script) ?? []).map((item) => (item instanceof Uint8Array ? bytesToHex(item) : String(item))).join(' ');

/** Element of a path's witness. */
export type Element = 'claim-sig' | 'refund-sig' | 'preimage' | 'refund-key' | '0' | '1';
export const elementsOf = (witness: string): Element[] =>
  words(witness).map((word) => word.replace(/[<>]/g, '') as Element);

/** Returns the stack of a witness: `0` and `1` as they are, for any other element its value. */
export const stackOf = <E extends string>(
  elements: readonly E[],
  values: { readonly [K in Exclude<E, '0' | '1'>]?: Uint8Array | undefined },
): Uint8Array[] =>
  elements.map((element) => {
    if (element === '0') return new Uint8Array();
    return element === '1' ? Uint8Array.of(1) : values[element as Exclude<E, '0' | '1'>]!;
  });
