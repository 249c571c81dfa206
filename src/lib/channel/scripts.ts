/**
 * The outputs of commitment and HTLC transactions: script or leaves, and each way in which one is spent.
 *
 * BOLT3, Commitment Transaction Outputs; the extension BOLT of simple taproot channels. Texts of scripts are read and
 * written by `htlc/scripts.ts`, which also holds BOLT3's HTLC scripts. Not here: amounts and order (`commitment.ts`).
 */
import { taprootTweakPubkey, hash160 } from '@scure/btc-signer/utils.js';
import { ripemd160 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { leafHash } from '../bitcoin/sighash.ts';
import { SEQUENCE_RBF } from '../bitcoin/transaction.ts';
import { wholeForm, writeScript, type Holes } from '../htlc/scripts.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { taggedHash } from '../signing/curve.ts';
import { keySort } from '../signing/musig2.ts';
import { sortedKeySet } from '../signing/keyset.ts';
import { FORMAT, type FormatName } from './format.ts';
import type { CommitmentKeys, KeyName } from './keys.ts';

/** The point without a known discrete logarithm of simple taproot channels, x-only. */
const CHANNEL_NUMS = 'dca094751109d0bd055d03565874e8276dd53e926b44e3bd1bb6bf4bc130a279';
export const P2A = '51024e73';

/** An HTLC, seen by the holder of the commitment. */
export interface Htlc {
  direction: 'offered' | 'received';
  amountMsat: bigint;
  /** SHA256 of the preimage, 32 bytes. */
  paymentHash: Uint8Array;
  /** Height. */
  expiry: number;
  id?: bigint | undefined;
}

export type WayName =
  | 'delayed'
  | 'payment'
  | 'penalty'
  | 'preimage'
  | 'timeout'
  | 'second-success'
  | 'second-timeout'
  | 'anchor'
  | 'anyone';

/** One way in which an output is spent. */
export interface Way {
  name: WayName;
  /** Whose signature it needs; null: nobody's. */
  key: KeyName | null;
  /** The second signature, of an HTLC's second stage. */
  peer?: KeyName;
  /** The witness without script and control block: `sig`, `peer-sig`, `preimage`, `key`, `0` or `1` in the order of the stack. */
  witness: string;
  /** The leaf that is shown, with its control block; the witness script is `Lock.code`. */
  leaf?: { code: Uint8Array; control: Uint8Array };
  sequence: number;
  locktime: number;
}
/** An output and its ways. */
export interface Lock {
  /** Output script. */
  script: Hex;
  kind: 'p2wsh' | 'p2wpkh' | 'p2tr' | 'p2a';
  /** What is signed in version 0: the witness script, or the P2PKH script of a P2WPKH output. */
  code?: Uint8Array;
  /** x-only, of P2TR. */
  internalKey?: Hex;
  merkleRoot?: Uint8Array;
  ways: readonly Way[];
}

/** @throws Refusal `malformed-message` naming the key that is not known */
export function need(keys: CommitmentKeys, name: KeyName): Uint8Array {
  const key = keys[name];
  if (!key)
    throw new Refusal('malformed-message', `the key ${name} of the commitment is not known`, {
      hint: 'it follows from a basepoint and the per-commitment point: give both',
    });
  return key;
}

const AT_ONCE = { sequence: SEQUENCE_RBF, locktime: 0 };
/** After one confirmation where the format asks for it. */
const next = (format: FormatName) => ({ sequence: FORMAT[format].oneBlock ? 1 : SEQUENCE_RBF, locktime: 0 });
const x = (key: Uint8Array): Uint8Array => key.subarray(1);
const blocks = (value: number): Holes => ({ lock: { kind: 'blocks', value } });
const height = (value: number): Holes => ({ lock: { kind: 'height', value } });

const p2wsh = (text: string, holes: Holes, ways: readonly Way[]): Lock => {
  const code = writeScript(text, holes);
  return { script: `0020${bytesToHex(sha256(code))}`, kind: 'p2wsh', code, ways };
};

type LeafWay = Omit<Way, 'leaf'> & { text?: string; holes?: Holes };
const branch = (a: Uint8Array, b: Uint8Array): Uint8Array =>
  taggedHash('TapBranch', ...[a, b].sort((p, q) => Buffer.compare(p, q)));

/** A taproot output of one or two leaves; a way without text is by the key path. */
function p2tr(internalKey: Hex, ways: readonly LeafWay[]): Lock {
  const codes = ways.map(({ text, holes }) => (text === undefined ? undefined : writeScript(text, holes ?? {})));
  const hashes = codes.flatMap((code) => (code ? [leafHash(code)] : []));
  const merkleRoot = hashes.length === 1 ? hashes[0]! : branch(hashes[0]!, hashes[1]!);
  const [output, parity] = taprootTweakPubkey(hexToBytes(internalKey), merkleRoot);
  let leaf = 0;
  return {
    script: `5120${bytesToHex(output)}`,
    kind: 'p2tr',
    internalKey,
    merkleRoot,
    ways: ways.map(({ text: _, holes: __, ...way }, i): Way => {
      const code = codes[i];
      if (!code) return way;
      const sibling = hashes.length === 1 ? [] : [hashes[1 - leaf++]!];
      return {
        ...way,
        leaf: { code, control: concatBytes(Uint8Array.of(0xc0 | parity), hexToBytes(internalKey), ...sibling) },
      };
    }),
  };
}

/** The texts of scripts, as `readScript` reads them too. */
export const TEXTS = {
  toLocal: 'IF <claim> ELSE <lock> DROP <refund> ENDIF CHECKSIG',
  toRemote: '<claim> CHECKSIGVERIFY 1 CHECKSEQUENCEVERIFY',
  anchor: '<claim> CHECKSIG IFDUP NOTIF 16 CHECKSEQUENCEVERIFY ENDIF',
  funding: '2 <claim> <refund> 2 CHECKMULTISIG',
  delayedLeaf: '<refund-x> CHECKSIGVERIFY <lock>',
  revokeLeaf: '<refund-x> DROP <claim-x> CHECKSIG',
  remoteLeaf: '<claim-x> CHECKSIGVERIFY 1 CHECKSEQUENCEVERIFY',
  anchorLeaf: '16 CHECKSEQUENCEVERIFY',
  offeredTimeout: '<refund-x> CHECKSIGVERIFY <claim-x> CHECKSIG',
  offeredSuccess: 'SIZE 32 EQUALVERIFY HASH160 <hash> EQUALVERIFY <claim-x> CHECKSIGVERIFY 1 CHECKSEQUENCEVERIFY',
  receivedTimeout: '<refund-x> CHECKSIGVERIFY 1 CHECKSEQUENCEVERIFY VERIFY <lock>',
  receivedSuccess: 'SIZE 32 EQUALVERIFY HASH160 <hash> EQUALVERIFY <claim-x> CHECKSIGVERIFY <refund-x> CHECKSIG',
} as const;

/** The funding output of two keys. @throws InvalidContribution for keys that are no points */
export function fundingLock(format: FormatName, a: Uint8Array, b: Uint8Array): { script: Hex; code?: Uint8Array } {
  if (FORMAT[format].taproot) return { script: sortedKeySet([bytesToHex(a), bytesToHex(b)]).script };
  const [claim, refund] = keySort([a, b]) as [Uint8Array, Uint8Array];
  const { script, code } = p2wsh(TEXTS.funding, { claim, refund }, []);
  return { script, code: code! };
}

/** to_local, and what an HTLC transaction pays: the holder's after `delay` blocks, the other side's where it was revoked. */
export function delayedLock(format: FormatName, keys: CommitmentKeys, delay: number, stage: 1 | 2 = 1): Lock {
  const [revocation, delayed] = [need(keys, 'revocation'), need(keys, 'delayed')];
  const settle = { name: 'delayed', key: 'delayed', sequence: delay, locktime: 0 } as const;
  const punish = { name: 'penalty', key: 'revocation', ...AT_ONCE } as const;
  if (!FORMAT[format].taproot)
    return p2wsh(TEXTS.toLocal, { claim: revocation, refund: delayed, ...blocks(delay) }, [
      { ...settle, witness: 'sig 0' },
      { ...punish, witness: 'sig 1' },
    ]);
  const holes = { 'claim-x': x(revocation), 'refund-x': x(delayed) };
  const after = { ...settle, witness: 'sig', text: TEXTS.delayedLeaf, holes: { ...holes, ...blocks(delay) } };
  return stage === 1
    ? p2tr(CHANNEL_NUMS, [after, { ...punish, witness: 'sig', text: TEXTS.revokeLeaf, holes }])
    : p2tr(bytesToHex(x(revocation)), [after, { ...punish, witness: 'sig' }]);
}

/** to_remote: the other side's, at once or after a block. */
export function remoteLock(format: FormatName, keys: CommitmentKeys): Lock {
  const claim = need(keys, 'otherPayment');
  const way = { name: 'payment', key: 'otherPayment', ...next(format) } as const;
  if (FORMAT[format].taproot)
    return p2tr(CHANNEL_NUMS, [{ ...way, witness: 'sig', text: TEXTS.remoteLeaf, holes: { 'claim-x': x(claim) } }]);
  if (FORMAT[format].oneBlock) return p2wsh(TEXTS.toRemote, { claim }, [{ ...way, witness: 'sig' }]);
  const hash = bytesToHex(hash160(claim));
  return {
    script: `0014${hash}`,
    kind: 'p2wpkh',
    code: hexToBytes(`76a914${hash}88ac`),
    ways: [{ ...way, witness: 'sig key' }],
  };
}

/** An anchor of one side's key, 330 sat: its own at once, anyone's after 16 blocks. */
export function anchorLock(format: FormatName, keys: CommitmentKeys, owner: 'holder' | 'other'): Lock {
  const anyone = { name: 'anyone', key: null, sequence: 16, locktime: 0 } as const;
  const own = { name: 'anchor', sequence: SEQUENCE_RBF, locktime: 0, witness: 'sig' } as const;
  if (FORMAT[format].taproot) {
    const key = owner === 'holder' ? 'delayed' : 'otherPayment';
    return p2tr(bytesToHex(x(need(keys, key))), [
      { ...own, key },
      { ...anyone, witness: '', text: TEXTS.anchorLeaf },
    ]);
  }
  const key = owner === 'holder' ? 'holderFunding' : 'otherFunding';
  return p2wsh(TEXTS.anchor, { claim: need(keys, key) }, [
    { ...own, key },
    { ...anyone, witness: '0' },
  ]);
}
export const p2aLock: Lock = {
  script: P2A,
  kind: 'p2a',
  ways: [{ name: 'anyone', key: null, witness: '', sequence: SEQUENCE_RBF, locktime: 0 }],
};

/** The output of an HTLC. @throws Refusal `malformed-message` for keys that are not known */
export function htlcLock(format: FormatName, keys: CommitmentKeys, htlc: Htlc): Lock {
  const [own, other] = [need(keys, 'holderHtlc'), need(keys, 'otherHtlc')];
  const revocation = need(keys, 'revocation');
  const { second, taproot, oneBlock } = FORMAT[format];
  const offered = htlc.direction === 'offered';
  const stage = { key: 'holderHtlc', peer: 'otherHtlc', sequence: second.sequence } as const;
  const timeout = { ...stage, name: 'second-timeout', locktime: htlc.expiry } as const;
  const success = { ...stage, name: 'second-success', locktime: 0 } as const;
  const preimage = { name: 'preimage', key: 'otherHtlc', ...next(format) } as const;
  const expired = {
    name: 'timeout',
    key: 'otherHtlc',
    sequence: oneBlock ? 1 : SEQUENCE_RBF,
    locktime: htlc.expiry,
  } as const;
  const punish = { name: 'penalty', key: 'revocation', ...AT_ONCE } as const;
  const hash = ripemd160(htlc.paymentHash);
  if (taproot) {
    const keysOf = offered ? { 'claim-x': x(other), 'refund-x': x(own) } : { 'claim-x': x(own), 'refund-x': x(other) };
    const holes = { ...keysOf, hash, ...height(htlc.expiry) };
    const internal = bytesToHex(x(revocation));
    const penalty = { ...punish, witness: 'sig' };
    return offered
      ? p2tr(internal, [
          { ...timeout, witness: 'peer-sig sig', text: TEXTS.offeredTimeout, holes },
          { ...preimage, witness: 'sig preimage', text: TEXTS.offeredSuccess, holes },
          penalty,
        ])
      : p2tr(internal, [
          { ...success, witness: 'peer-sig sig preimage', text: TEXTS.receivedSuccess, holes },
          { ...expired, witness: 'sig', text: TEXTS.receivedTimeout, holes },
          penalty,
        ]);
  }
  const code = wholeWriter(format, keys, htlc.direction)(hash, htlc.expiry);
  const penalty = { ...punish, witness: 'sig key' };
  const ways: readonly Way[] = offered
    ? [{ ...timeout, witness: '0 peer-sig sig 0' }, { ...preimage, witness: 'sig preimage' }, penalty]
    : [{ ...success, witness: '0 peer-sig sig preimage' }, { ...expired, witness: 'sig 0' }, penalty];
  return { script: `0020${bytesToHex(sha256(code))}`, kind: 'p2wsh', code, ways };
}

type Writer = (hash: Uint8Array, expiry: number) => Uint8Array;
const writers = new WeakMap<CommitmentKeys, Map<string, Writer>>();
/** BOLT3's HTLC scripts of one commitment: they differ in hash and expiry alone, and the rest is written once. */
function wholeWriter(format: FormatName, keys: CommitmentKeys, direction: Htlc['direction']): Writer {
  const known = writers.get(keys) ?? new Map<string, Writer>();
  writers.set(keys, known);
  const made = known.get(direction);
  if (made) return made;
  const [own, other] = [need(keys, 'holderHtlc'), need(keys, 'otherHtlc')];
  const offered = direction === 'offered';
  const holes = {
    'revocation-hash': hash160(need(keys, 'revocation')),
    ...(offered ? { claim: other, refund: own } : { claim: own, refund: other }),
  };
  const { script } = wholeForm(offered ? 'bolt3-offered' : 'bolt3-received', FORMAT[format].oneBlock)!;
  const [front, rest] = script.split(' <hash> ') as [string, string];
  const [middle, end] = offered ? [rest] : (rest.split(' <lock> ') as [string, string]);
  const parts = [front, middle, end].map((text) => (text === undefined ? new Uint8Array() : writeScript(text, holes)));
  const writer: Writer = (hash, expiry) =>
    concatBytes(
      parts[0]!,
      writeScript('<hash>', { hash }),
      parts[1]!,
      ...(offered ? [] : [writeScript('<lock>', height(expiry)), parts[2]!]),
    );
  known.set(direction, writer);
  return writer;
}
