/**
 * Outputs of commitment and HTLC transactions: script or leaves, and each way in which one is
 * spent.
 *
 * BOLT3, Commitment Transaction Outputs; the extension BOLT of simple taproot channels. One table
 * writes outputs and recognises what spends them. Scripts are read and written by
 * `htlc/scripts.ts`, which also has BOLT3's HTLC scripts. Not here: amounts and order
 * (`commitment.ts`).
 */
import { hash160 } from '@scure/btc-signer/utils.js';
import { bytesToHex, compareBytes, equalBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { ripemd160Of, sha256Of } from '../bitcoin/hash.ts';
import { SEQUENCE_RBF } from '../bitcoin/transaction.ts';
import { readScript, scriptsAlike, stackOf, wholeForm, writeScript, type Hashed, type Holes } from '../htlc/scripts.ts';
import { scriptTree } from '../htlc/taproot.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { sortedKeySet } from '../signing/keyset.ts';
import { FORMAT, type FormatName } from './format.ts';
import type { CommitmentKeys, KeyName } from './keys.ts';

/** Point of simple taproot channels whose discrete logarithm nobody knows, x-only. */
const CHANNEL_NUMS = 'dca094751109d0bd055d03565874e8276dd53e926b44e3bd1bb6bf4bc130a279';
export const P2A = '51024e73';

/** HTLC as the commitment's holder sees it. */
export interface CommitmentHtlc {
  direction: 'offered' | 'received';
  amountMsat: bigint;
  /** SHA256 of the preimage, 32 bytes. */
  paymentHash: Uint8Array;
  /** Height of the timeout. */
  expiry: number;
  id?: bigint | undefined;
}

/** Moment of a way: at once, after the delay, 1 or 16 blocks, or by the HTLC transaction. */
type After = 'once' | 'delay' | 'block' | 'sixteen' | 'stage';
/** Ways by name: the moment, the key that signs, and the peer's key in an HTLC's second stage. */
const WAYS = {
  both: ['once'],
  delayed: ['delay', 'delayed'],
  payment: ['block', 'otherPayment'],
  penalty: ['once', 'revocation'],
  preimage: ['block', 'otherHtlc'],
  timeout: ['block', 'otherHtlc'],
  'second-success': ['stage', 'holderHtlc', 'otherHtlc'],
  'second-timeout': ['stage', 'holderHtlc', 'otherHtlc'],
  anchor: ['once'],
  anyone: ['sixteen'],
} as const satisfies Record<string, readonly [After, key?: KeyName, peer?: KeyName]>;
export type WayName = keyof typeof WAYS;
/** Elements of a witness before script and control block. */
export type Word = '0' | '1' | 'sig' | 'peer-sig' | 'preimage' | 'key';
/** One way in which an output is spent. */
export interface ChannelWay {
  name: WayName;
  /** Key whose signature it needs; null for none. */
  key: KeyName | null;
  /** Key of the second signature. */
  peer?: KeyName | undefined;
  words: readonly Word[];
  /** Leaf and control block of a taproot script path; `ChannelLock.code` has the witness script. */
  leaf?: { code: Uint8Array; control: Uint8Array };
  sequence: number;
  locktime: number;
}
/** Output and its ways. */
export interface ChannelLock {
  /** Output script. */
  script: Hex;
  kind: 'p2wsh' | 'p2wpkh' | 'p2tr' | 'p2a';
  /** Script that version 0 signs: the witness script, or for P2WPKH the P2PKH script. */
  code?: Uint8Array;
  /** Internal key of P2TR, x-only. */
  internalKey?: Hex;
  merkleRoot?: Uint8Array;
  ways: readonly ChannelWay[];
}

/** Form of an output in both kinds of channels: as a witness script, and as a tree. */
interface Form {
  /** Keys that the texts name claim and refund. The tree of an anchor has none. */
  keys: readonly KeyName[];
  /** Internal key of the tree; without it the NUMS point. */
  internal?: KeyName;
  /** Texts of the witness script: the usual one, and that of formats that wait for a block. */
  texts: readonly string[];
  /** Witness of each way under the script and in the tree, and its leaf (none: the key path). */
  ways: { readonly [K in WayName]?: readonly [witness: string, inTree: string, leaf?: string] };
}
const bolt3 = (variant: 'bolt3-offered' | 'bolt3-received') =>
  [false, true].map((anchors) => wholeForm(variant, anchors)!.script);
const TO_LOCAL = {
  keys: ['revocation', 'delayed'],
  texts: ['IF <claim> ELSE <lock> DROP <refund> ENDIF CHECKSIG'],
} as const;
const DELAYED = ['sig 0', 'sig', '<refund-x> CHECKSIGVERIFY <lock>'] as const;
const HASHED = 'SIZE 32 EQUALVERIFY HASH160 <hash> EQUALVERIFY <claim-x> CHECKSIGVERIFY';
const ANCHOR = {
  texts: ['<claim> CHECKSIG IFDUP NOTIF 16 CHECKSEQUENCEVERIFY ENDIF'],
  ways: { anchor: ['sig', 'sig'], anyone: ['0', '', '16 CHECKSEQUENCEVERIFY'] },
} as const;
const FORMS = {
  to_local: {
    ...TO_LOCAL,
    ways: { delayed: DELAYED, penalty: ['sig 1', 'sig', '<refund-x> DROP <claim-x> CHECKSIG'] },
  },
  to_remote: {
    keys: ['otherPayment'],
    texts: ['<claim> CHECKSIGVERIFY 1 CHECKSEQUENCEVERIFY'],
    ways: { payment: ['sig', 'sig', '<claim-x> CHECKSIGVERIFY 1 CHECKSEQUENCEVERIFY'] },
  },
  local_anchor: { ...ANCHOR, keys: ['holderFunding'], internal: 'delayed' },
  remote_anchor: { ...ANCHOR, keys: ['otherFunding'], internal: 'otherPayment' },
  'htlc-offered': {
    keys: ['otherHtlc', 'holderHtlc'],
    internal: 'revocation',
    texts: bolt3('bolt3-offered'),
    ways: {
      'second-timeout': ['0 peer-sig sig 0', 'peer-sig sig', '<refund-x> CHECKSIGVERIFY <claim-x> CHECKSIG'],
      preimage: ['sig preimage', 'sig preimage', `${HASHED} 1 CHECKSEQUENCEVERIFY`],
      penalty: ['sig key', 'sig'],
    },
  },
  'htlc-received': {
    keys: ['holderHtlc', 'otherHtlc'],
    internal: 'revocation',
    texts: bolt3('bolt3-received'),
    ways: {
      'second-success': ['0 peer-sig sig preimage', 'peer-sig sig preimage', `${HASHED} <refund-x> CHECKSIG`],
      timeout: ['sig 0', 'sig', '<refund-x> CHECKSIGVERIFY 1 CHECKSEQUENCEVERIFY VERIFY <lock>'],
      penalty: ['sig key', 'sig'],
    },
  },
  'second stage': { ...TO_LOCAL, internal: 'revocation', ways: { delayed: DELAYED, penalty: ['sig 1', 'sig'] } },
} as const satisfies Record<string, Form>;
export type OutputName = keyof typeof FORMS;

/** Way of a form, parsed. */
interface WayShape {
  name: WayName;
  moment: After;
  key: KeyName | null;
  peer: KeyName | undefined;
  words: readonly Word[];
  /** Text of the leaf. */
  leaf: string | undefined;
}
const wordsOf = (witness: string): Word[] => (witness === '' ? [] : (witness.split(' ') as Word[]));
const shapesOf = ({ keys, internal, ways }: Form, taproot: boolean): readonly WayShape[] =>
  (Object.entries(ways) as [WayName, [string, string, string?]][]).map(([name, [witness, inTree, leaf]]) => {
    const [moment, first, peer]: readonly [After, KeyName?, KeyName?] = WAYS[name];
    const key = first ?? (name === 'anchor' ? (taproot ? internal! : keys[0]!) : null);
    const words = wordsOf(taproot ? inTree : witness);
    return { name, moment, key, peer, words, leaf: taproot ? leaf : undefined };
  });
/** Ways of each output, under its script and in its tree. */
const SHAPES = new Map(
  (Object.entries(FORMS) as [OutputName, Form][]).map(([output, form]) => [
    output,
    { script: shapesOf(form, false), tree: shapesOf(form, true) },
  ]),
);
const FUNDING = '2 <claim> <refund> 2 CHECKMULTISIG';

/** Returns a key. @throws Refusal `malformed-message` naming one that is not known */
export function need(keys: CommitmentKeys, name: KeyName): Uint8Array {
  const key = keys[name];
  if (!key)
    throw new Refusal('malformed-message', `the key ${name} of the commitment is not known`, {
      hint: 'it follows from a basepoint and the per-commitment point: give both',
    });
  return key;
}
const x = (key: Uint8Array): Uint8Array => key.subarray(1);
const p2wsh = ({ code, hash }: Hashed, ways: readonly ChannelWay[]): ChannelLock => ({
  script: `0020${bytesToHex(hash)}`,
  kind: 'p2wsh',
  code,
  ways,
});

/** Returns the funding output of both funding keys. @throws Refusal `malformed-message` */
export function fundingLock(format: FormatName, keys: CommitmentKeys): ChannelLock {
  const names: KeyName[] = ['holderFunding', 'otherFunding'];
  const way = { name: 'both', sequence: SEQUENCE_RBF, locktime: 0 } as const;
  if (FORMAT[format].taproot) {
    const { script } = sortedKeySet(names.map((name) => bytesToHex(need(keys, name))));
    return { script, kind: 'p2tr', ways: [{ ...way, key: null, words: ['sig'] }] };
  }
  const [key, peer] = names.sort((a, b) => compareBytes(need(keys, a), need(keys, b))) as [KeyName, KeyName];
  const code = writeScript(FUNDING, { claim: keys[key]!, refund: keys[peer]! });
  return p2wsh({ code, hash: sha256Of(code) }, [{ ...way, key, peer, words: ['0', 'sig', 'peer-sig'] }]);
}

/** Details of an output: the blocks that its holder waits, if known, and the HTLC. */
export interface Details {
  delay?: number | undefined;
  htlc?: CommitmentHtlc;
}
export const p2aLock: ChannelLock = {
  script: P2A,
  kind: 'p2a',
  ways: [{ name: 'anyone', key: null, words: [], sequence: SEQUENCE_RBF, locktime: 0 }],
};

/**
 * Returns a function that makes the outputs of one kind in a commitment. What they share is made
 * once.
 * @param delay blocks that its holder waits, if known
 * @throws Refusal `malformed-message` for a key or delay that is not known
 */
export function lockMaker(
  format: FormatName,
  output: OutputName,
  keys: CommitmentKeys,
  delay?: number,
): (htlc?: CommitmentHtlc) => ChannelLock {
  const { taproot, oneBlock, second } = FORMAT[format];
  const form: Form = FORMS[output];
  if (form.ways.delayed && delay === undefined)
    throw new Refusal('malformed-message', "to_self_delay of the commitment's holder expected");
  const once = SEQUENCE_RBF;
  const after = { once, delay: delay!, block: oneBlock ? 1 : once, sixteen: 16, stage: second.sequence };
  const shapes = SHAPES.get(output)![taproot ? 'tree' : 'script'];
  const alike = shapes.map(({ name, moment, key, peer, words }): ChannelWay => ({
    name,
    key,
    peer,
    words,
    sequence: after[moment],
    locktime: 0,
  }));
  const waysOf = (htlc?: CommitmentHtlc): ChannelWay[] =>
    alike.map((way) => (htlc && way.name.endsWith('timeout') ? { ...way, locktime: htlc.expiry } : way));
  const shared: Holes = form.ways.delayed ? { lock: { kind: 'blocks', value: delay! } } : {};
  const names = taproot && form.ways.anchor ? [] : form.keys;
  names.forEach((name, i) => {
    const hole = i === 0 ? 'claim' : 'refund';
    if (taproot) shared[`${hole}-x`] = x(need(keys, name));
    else shared[hole] = need(keys, name);
  });
  const holesOf = (htlc?: CommitmentHtlc): Holes =>
    htlc ? { hash: ripemd160Of(htlc.paymentHash), lock: { kind: 'height', value: htlc.expiry } } : shared;
  if (taproot) {
    const internalKey = form.internal ? bytesToHex(x(need(keys, form.internal))) : CHANNEL_NUMS;
    return (htlc) => {
      const holes = { ...shared, ...holesOf(htlc) };
      const codes = shapes.map(({ leaf }) => (leaf ? writeScript(leaf, holes) : undefined));
      const leaves = codes.filter((code) => code !== undefined);
      const { control, ...tree } = scriptTree(internalKey, leaves);
      const ways = waysOf(htlc).map((way, i) => {
        const code = codes[i];
        return code ? { ...way, leaf: { code, control: control[leaves.indexOf(code)]! } } : way;
      });
      return { kind: 'p2tr', ...tree, ways };
    };
  }
  if (output === 'to_remote' && !oneBlock) {
    const program = bytesToHex(hash160(shared.claim!));
    const code = hexToBytes(`76a914${program}88ac`);
    return () => ({ script: `0014${program}`, kind: 'p2wpkh', code, ways: [{ ...alike[0]!, words: ['sig', 'key'] }] });
  }
  if (output.startsWith('htlc')) shared['revocation-hash'] = hash160(need(keys, 'revocation'));
  const { lock: _, ...first } = shared;
  const write = scriptsAlike(form.texts[oneBlock ? 1 : 0] ?? form.texts[0]!, first);
  return (htlc) => p2wsh(write(holesOf(htlc)), waysOf(htlc));
}
/**
 * Returns an output of a commitment or HTLC transaction.
 * @throws Refusal `malformed-message` for a key or delay that is not known
 */
export const lockOf = (
  format: FormatName,
  output: OutputName,
  keys: CommitmentKeys,
  { delay, htlc }: Details,
): ChannelLock => lockMaker(format, output, keys, delay)(htlc);

/** Returns whether a witness element may stand for that word. */
function fits(word: Word, part: Uint8Array, taproot: boolean): boolean {
  if (word === '0') return part.length === 0;
  if (word === '1') return part.length === 1 && part[0] === 1;
  if (word === 'preimage') return part.length === 32;
  if (word === 'key') return part.length === 33;
  return taproot ? part.length === 64 || part.length === 65 : part.length >= 9 && part.length <= 73;
}
const takes = (words: readonly Word[], elements: readonly Uint8Array[], taproot: boolean): boolean =>
  words.length === elements.length && words.every((word, i) => fits(word, elements[i]!, taproot));

/** Returns the way that a witness takes, and its elements by word; undefined if it takes none. */
export function wayTaken(
  lock: ChannelLock,
  stack: readonly Uint8Array[],
): { way: ChannelWay; parts: { readonly [K in Word]?: Uint8Array } } | undefined {
  for (const way of lock.ways) {
    const shown = shownScripts(lock, way);
    const elements = stack.slice(0, stack.length - shown.length);
    const isShown = shown.every((script, i) => equalBytes(script, stack[elements.length + i] ?? new Uint8Array()));
    if (isShown && takes(way.words, elements, lock.kind === 'p2tr'))
      return { way, parts: Object.fromEntries(way.words.map((word, i) => [word, elements[i]!])) };
  }
  return undefined;
}
const shownScripts = (lock: ChannelLock, way: ChannelWay): Uint8Array[] => {
  if (way.leaf) return [way.leaf.code, way.leaf.control];
  return lock.kind === 'p2wsh' ? [lock.code!] : [];
};
/** Returns the witness of a way, script and control block included. */
export const channelWitness = (
  lock: ChannelLock,
  way: ChannelWay,
  given: { readonly [K in Word]?: Uint8Array | undefined },
): Uint8Array[] => [...stackOf(way.words, given), ...shownScripts(lock, way)];

/** Spend that a witness shows by itself: output, way, and the values in its script. */
export interface Recognised {
  spends: Exclude<OutputName, `${string}_anchor`> | 'anchor' | 'funding';
  way: WayName;
  holes: Holes;
}
const spendsOf = (kind: 'script' | 'tree') =>
  [...SHAPES].flatMap(([output, shapes]) =>
    shapes[kind].map(({ name, words, leaf }) => ({
      spends: output.replace(/^.*_anchor$/, 'anchor') as Recognised['spends'],
      way: name,
      words,
      texts: kind === 'script' ? FORMS[output].texts : leaf === undefined ? [] : [leaf],
    })),
  );
const FUNDING_SPEND = { spends: 'funding', way: 'both', words: wordsOf('0 sig peer-sig'), texts: [FUNDING] } as const;
const KNOWN_SCRIPTS = [FUNDING_SPEND, ...spendsOf('script')];
const KNOWN_LEAVES = spendsOf('tree');

/** Returns what a witness spends; undefined if its script is none of a channel. */
export function recognise(stack: readonly Uint8Array[]): Recognised | undefined {
  const last = stack.at(-1);
  if (!last) return undefined;
  const isLeaf = stack.length > 1 && (last[0]! & 0xfe) === 0xc0 && last.length >= 33 && last.length % 32 === 1;
  const elements = stack.slice(0, isLeaf ? -2 : -1);
  for (const { spends, way, words, texts } of isLeaf ? KNOWN_LEAVES : KNOWN_SCRIPTS) {
    if (!takes(words, elements, isLeaf)) continue;
    for (const text of texts) {
      const holes = readScript(text, isLeaf ? stack.at(-2)! : last);
      if (holes) return { spends, way, holes };
    }
  }
  return undefined;
}
