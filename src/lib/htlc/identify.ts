/**
 * Any script or witness: which form of HTLC it is, every constraint in it, who can spend it when,
 * and, of a witness, which way was taken. The other direction of `scripts.ts`: the same texts.
 *
 * A leaf alone says one path; the other lies behind its hash. Not here: scripts of other contracts
 * (`unknown-witness`).
 */
import { OP, scriptPushLen } from '@scure/btc-signer/script.js';
import { hash160 } from '@scure/btc-signer/utils.js';
import { bytesToHex, equalBytes } from '../bitcoin/bytes.ts';
import { parseTransaction } from '../bitcoin/transaction.ts';
import type { Moment } from '../contract/moment.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { lockWords, validFrom, type Lock } from './lock.ts';
import {
  elementsOf,
  isBolt3,
  leafForm,
  PATHS,
  readScript,
  scriptWords,
  VARIANTS,
  waitsForBlock,
  wholeForm,
  type Element,
  type Holes,
  type PathName,
  type HtlcType,
  type Variant,
} from './scripts.ts';
import { LEAF_VERSION, NUMS } from './taproot.ts';

/** Path with its signers and first moment. A hashed key is named by its hash. */
export interface IdentifiedPath {
  by: string;
  needs: readonly string[];
  from: Moment;
  when: string;
}
/** HTLC found in an input, with the path that spends it. */
export interface Identified {
  variant: Variant;
  /** Other variants with the same bytes. */
  same_as?: readonly Variant[];
  script_type: HtlcType | null;
  /** Set for one leaf of two, where only this path is known. */
  leaf?: PathName;
  hash160: Hex | null;
  preimage_size: 32 | 'any' | null;
  claim_pubkey: Hex | null;
  refund_pubkey: Hex | null;
  refund_pubkey_hash?: Hex;
  revocation_pubkey_hash?: Hex;
  anchors?: boolean;
  locktime: Lock | null;
  internal_key?: Hex;
  /** Answer whether the internal key can spend. */
  key_path?: 'nobody' | 'possible';
  ways: Partial<Record<PathName | 'penalty', IdentifiedPath>>;
  script: Hex;
  words: string;
  /** Path of the witness; null if it matches no path of the script. */
  path?: PathName | 'penalty' | null;
  preimage?: Hex;
}

interface Match {
  variant: Variant;
  anchors: boolean;
  leaf?: PathName;
  text: string;
  holes: Holes;
  /** Witness of each path that the script holds. */
  witness: Partial<Record<PathName, string>>;
}

function matches(script: Uint8Array, leaf: boolean): Match[] {
  const tried = VARIANTS.flatMap((variant): Omit<Match, 'holes'>[] => {
    if (leaf) {
      const form = leafForm(variant);
      return form
        ? PATHS.map((path) => ({
            variant,
            anchors: false,
            leaf: path,
            text: form[path].script,
            witness: { [path]: form[path].witness },
          }))
        : [];
    }
    return [false, true].flatMap((anchors) => {
      const form = wholeForm(variant, anchors);
      return form ? [{ variant, anchors, text: form.script, witness: { claim: form.claim, refund: form.refund } }] : [];
    });
  });
  return tried.flatMap((match) => {
    const holes = readScript(match.text, script);
    return holes ? [{ ...match, holes }] : [];
  });
}

const unknown = (what: string): Refusal =>
  new Refusal('unknown-witness', `${what} found, a known form of HTLC expected: ${VARIANTS.join(', ')}`);

/** @throws Refusal `unknown-witness` */
export function identifyScript(script: Uint8Array, type: HtlcType | null = null): Identified {
  return describe(script, found(script, type), type);
}

function found(script: Uint8Array, type: HtlcType | null): Match[] {
  const all = [
    ...(type === 'p2tr' ? [] : matches(script, false)),
    ...(type === null || type === 'p2tr' ? matches(script, true) : []),
  ];
  if (all.length === 0) throw unknown(`a script of ${script.length} bytes`);
  return all;
}

const hexOf = (bytes: Uint8Array | undefined): Hex | null => (bytes ? bytesToHex(bytes) : null);

function describe(script: Uint8Array, all: readonly Match[], type: HtlcType | null): Identified {
  const { variant, anchors, leaf, text, holes, witness } = all[0]!;
  const others = [...new Set(all.map((m) => m.variant))].filter((v) => v !== variant);
  return {
    variant,
    ...(others.length > 0 && { same_as: others }),
    script_type: type ?? (leaf ? 'p2tr' : null),
    ...(leaf && { leaf }),
    hash160: hexOf(holes.hash),
    preimage_size: !holes.hash ? null : text.includes('SIZE 32') ? 32 : 'any',
    claim_pubkey: hexOf(holes.claim ?? holes['claim-x']),
    refund_pubkey: hexOf(holes.refund ?? holes['refund-x']),
    ...(holes['refund-hash'] && { refund_pubkey_hash: bytesToHex(holes['refund-hash']) }),
    ...(holes['revocation-hash'] && { revocation_pubkey_hash: bytesToHex(holes['revocation-hash']) }),
    ...(isBolt3(variant) && { anchors }),
    locktime: holes.lock ?? null,
    ways: waysOf(all[0]!, witness),
    script: bytesToHex(script),
    words: scriptWords(script),
  };
}

function waysOf({ variant, holes, text, anchors }: Match, witness: Match['witness']): Identified['ways'] {
  const key = (who: PathName): string =>
    hexOf(holes[who] ?? holes[`${who}-x`]) ??
    (holes['refund-hash'] ? `the key of HASH160 ${bytesToHex(holes['refund-hash'])}` : '');
  const way = (path: PathName, elements: readonly Element[]): IdentifiedPath => {
    const signers = PATHS.filter((who) => elements.includes(`${who}-sig`));
    const block = waitsForBlock(text) && (path === 'claim' || anchors);
    const from = path === 'refund' && holes.lock ? validFrom(holes.lock) : block ? { confirmations: 1 } : null;
    return {
      by: signers.length === 0 ? 'anyone' : signers.map(key).join(' and '),
      needs: [
        ...(elements.includes('preimage') ? [`the preimage of ${hexOf(holes.hash)}`] : []),
        ...signers.map((who) => `a signature of ${key(who)}`),
      ],
      from,
      when:
        path === 'refund' && holes.lock
          ? lockWords(holes.lock)
          : path === 'refund' && variant === 'bolt3-offered'
            ? 'from the nLockTime on that both have signed'
            : block
              ? 'once the coin has a confirmation'
              : 'at once',
    };
  };
  const ways: Identified['ways'] = {};
  for (const path of PATHS) if (witness[path] !== undefined) ways[path] = way(path, elementsOf(witness[path]));
  if (holes['revocation-hash']) {
    const by = `the key of HASH160 ${bytesToHex(holes['revocation-hash'])}`;
    const from = anchors ? { confirmations: 1 } : null;
    ways.penalty = {
      by,
      needs: [`a signature of ${by}`],
      from,
      when: anchors ? 'once the coin has a confirmation' : 'at once',
    };
  }
  return ways;
}

/** Returns a witness without its annex (BIP341). */
export const withoutAnnex = (witness: readonly Uint8Array[]): readonly Uint8Array[] =>
  witness.length > 1 && witness.at(-1)![0] === 0x50 ? witness.slice(0, -1) : witness;

/** A witness stack, script and control block included. @throws Refusal `unknown-witness` */
export function identifyWitness(witness: readonly Uint8Array[], type: HtlcType = 'p2wsh'): Identified {
  const stack = withoutAnnex(witness);
  const last = stack.at(-1);
  if (!last) throw unknown('an empty witness');
  const control = last.length % 32 === 1 && last.length >= 33 && (last[0]! & 0xfe) === LEAF_VERSION;
  if (!control) return withPath(stack.slice(0, -1), last, type);
  const script = stack.at(-2);
  if (!script) throw unknown('a control block without a script');
  const key = bytesToHex(last.subarray(1, 33));
  return {
    ...withPath(stack.slice(0, -2), script, 'p2tr'),
    internal_key: key,
    key_path: key === NUMS ? 'nobody' : 'possible',
  };
}

function withPath(stack: readonly Uint8Array[], script: Uint8Array, type: HtlcType): Identified {
  const all = found(script, type);
  const { holes, witness } = all[0]!;
  const at = (path: PathName): number => elementsOf(witness[path]!).indexOf('preimage');
  const path = PATHS.find((p) => witness[p] !== undefined && fits(elementsOf(witness[p]), stack, holes));
  const penalty =
    stack.length === 2 && holes['revocation-hash'] && equalBytes(hash160(stack[1]!), holes['revocation-hash']);
  return {
    ...describe(script, all, type),
    path: path ?? (penalty ? 'penalty' : null),
    ...(path === 'claim' && { preimage: bytesToHex(stack[at(path)]!) }),
  };
}

/** Returns whether a stack has the elements of a path. Does not verify signatures. */
function fits(elements: readonly Element[], stack: readonly Uint8Array[], holes: Holes): boolean {
  return (
    elements.length === stack.length &&
    elements.every((element, i) => {
      const part = stack[i]!;
      if (element === '0') return part.length === 0;
      if (element === '1') return part.some((byte) => byte !== 0);
      if (element === 'preimage') return equalBytes(hash160(part), holes.hash!);
      if (element === 'refund-key') return equalBytes(hash160(part), holes['refund-hash']!);
      return part.length > 0;
    })
  );
}

/** Returns the pushes of a scriptSig and skips other opcodes; a truncated push ends it. */
export function pushesOf(scriptSig: Uint8Array): Uint8Array[] {
  const pushes: Uint8Array[] = [];
  for (let at = 0; at < scriptSig.length;) {
    const opcode = scriptSig[at++]!;
    const length = scriptPushLen(opcode, (bytes) => {
      at += bytes;
      return scriptSig.subarray(at - bytes, at).reduceRight((sum, byte) => sum * 256 + byte, 0);
    });
    if (length !== undefined) {
      if (at + length > scriptSig.length) break;
      pushes.push(scriptSig.subarray(at, at + length));
      at += length;
    } else if (opcode === OP.OP_0) pushes.push(new Uint8Array());
    else if (opcode === OP['1NEGATE']) pushes.push(Uint8Array.of(0x81));
    else if (OP.OP_1 <= opcode && opcode <= OP.OP_16) pushes.push(Uint8Array.of(opcode - OP.OP_1 + 1));
  }
  return pushes;
}

/** Returns the inputs that spend an HTLC. @throws Refusal `unknown-witness` without any */
export function identifyTransaction(hex: Hex): (Identified & { input: number })[] {
  const { inputs, witnesses } = parseTransaction(hex);
  const all = inputs.flatMap(({ finalScriptSig }, input) => {
    const stack = witnesses?.[input] ?? [];
    const pushes = pushesOf(finalScriptSig ?? new Uint8Array());
    try {
      if (stack.length > 0) return [{ input, ...identifyWitness(stack, pushes.length > 0 ? 'p2sh-p2wsh' : 'p2wsh') }];
      return pushes.length > 0 ? [{ input, ...withPath(pushes.slice(0, -1), pushes.at(-1)!, 'p2sh') }] : [];
    } catch (error) {
      if (error instanceof Refusal && error.code === 'unknown-witness') return [];
      throw error;
    }
  });
  if (all.length === 0) throw unknown(`a transaction with ${inputs.length} inputs`);
  return all;
}
