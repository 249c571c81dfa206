/**
 * The `adaptor` command: pre-signatures as documents, by one key (Schnorr or ECDSA) or two
 * (MuSig2).
 *
 * Algorithms: `signing/adaptor.ts`, `signing/ecdsa-adaptor.ts`. With two keys the offerer opens
 * with a nonce; the claimer, who knows the secret t, signs last. So the offerer has the claimer's
 * partial signature before its own leaves; without it t could not be extracted.
 */
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import type { Hex } from '../protocol/action.ts';
import { pointIn, type Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import * as schnorr from '../signing/adaptor.ts';
import * as ecdsa from '../signing/ecdsa-adaptor.ts';
import { publicBytes, secretScalar } from '../signing/curve.ts';
import { derOf } from '../signing/ecdsa.ts';
import { keySet } from '../signing/keyset.ts';
import * as musig2 from '../signing/musig2.ts';
import { choiceIn } from './document.ts';

export const ADAPTOR_ACTIONS = ['presign', 'verify', 'adapt', 'extract'] as const;
const CONSTRUCTIONS = ['single', 'ecdsa', 'A'] as const;

interface AdaptorTerms {
  message: Uint8Array;
  point: Uint8Array;
  /** Module of the construction, and the length of its pre-signatures. */
  kind: typeof schnorr | typeof ecdsa;
  preBytes: 65 | 162;
  /** Key that signs: x-only for Schnorr, compressed for ECDSA. */
  pubkey: Uint8Array | undefined;
  /** Two keys that sign together. */
  two: { pubkeys: readonly Hex[]; together: schnorr.Together } | undefined;
  view: object;
}
/** Reads message, adaptor point and keys. @throws Refusal `malformed-message`, `wrong-key` */
function readTerms(from: Fields): AdaptorTerms {
  from.skip('type', 'version');
  const message = from.need('message', from.bytes('message', 32), '32 bytes in hex');
  const point = pointIn(from, 'adaptor_point');
  const pubkeys = from.list('pubkeys', (value, where) => {
    if (typeof value !== 'string' || !/^0[23][0-9a-f]{64}$/.test(value))
      throw new Refusal('malformed-message', `${where}: a compressed public key in hex expected`);
    return value;
  });
  const said = from.has('construction') ? choiceIn(from, 'construction', CONSTRUCTIONS) : undefined;
  const construction = said ?? (pubkeys ? 'A' : 'single');
  if ((construction === 'A') !== (pubkeys !== undefined)) from.refuse('pubkeys', 'two keys, of construction A alone');
  const view = { message: bytesToHex(message), adaptor_point: bytesToHex(point), construction };
  if (construction === 'ecdsa') {
    const pubkey = from.has('pubkey') ? pointIn(from, 'pubkey') : undefined;
    return { message, point, kind: ecdsa, preBytes: 162, pubkey, two: undefined, view };
  }
  const base = { message, point, kind: schnorr, preBytes: 65 as const };
  const pubkey = from.bytes('pubkey', 32);
  if (!pubkeys) return { ...base, pubkey, two: undefined, view };
  if (pubkeys.length !== 2 || pubkeys[0] === pubkeys[1]) from.refuse('pubkeys', 'two different keys');
  const output = from.has('output') ? choiceIn(from, 'output', ['bip86', 'plain'] as const) : 'bip86';
  const together = togetherOf(pubkeys, output);
  return { ...base, pubkey: together.agg.xQ, two: { pubkeys, together }, view: { ...view, pubkeys, output } };
}
/** Aggregates two keys. @throws Refusal `wrong-key` */
function togetherOf(pubkeys: readonly Hex[], output: 'bip86' | 'plain'): schnorr.Together {
  try {
    if (output === 'bip86') return keySet(pubkeys);
    const agg = musig2.keyAgg(pubkeys.map(hexToBytes));
    return { agg, commitment: new TextEncoder().encode(`plain ${pubkeys.join()}`) };
  } catch (error) {
    if (!(error instanceof musig2.InvalidContribution)) throw error;
    throw new Refusal('wrong-key', 'pubkeys: bytes found that are no point of the curve');
  }
}
const envelopeOf = ({ view, pubkey }: AdaptorTerms): object => ({
  type: 'adaptor',
  version: 1,
  ...view,
  ...(pubkey && { pubkey: bytesToHex(pubkey) }),
});

/** Document, and the secret nonce to keep until the answer comes, if one was drawn. */
export interface Drawn {
  document: object;
  secnonce?: Uint8Array;
}
export interface Secrets {
  key?: Uint8Array | undefined;
  /** 32 random bytes. */
  random: Uint8Array;
  /** Secret nonce of the opener (97 bytes), already erased where it was kept. */
  secnonce?: Uint8Array | undefined;
}

/**
 * Makes a pre-signature. With two keys it is made in three runs: the opener's nonce, the last
 * signer's answer, the whole.
 * @throws Refusal `usage`, `wrong-key`, `nonce-consumed`, `peer-partial-invalid`, `adaptor-invalid`
 */
export function presignDocument(from: Fields, { key, random, secnonce }: Secrets): Drawn {
  const terms = readTerms(from);
  const nonces = from.object('nonces');
  const [opener, last] = [nonces?.bytes('opener', 66), nonces?.bytes('last', 66)];
  nonces?.end();
  const partial = from.bytes('partial_signature', 32);
  from.end();
  if (!key) throw new Refusal('usage', 'no key found: --key-file or --key-fd expected');
  const { message, point, two, kind, pubkey } = terms;
  const own = publicBytes(secretScalar(key));
  if (!two) {
    const signs = kind === ecdsa ? own : own.subarray(1);
    if (pubkey && bytesToHex(pubkey) !== bytesToHex(signs))
      throw new Refusal('wrong-key', `the key of ${bytesToHex(signs)} found, that of ${bytesToHex(pubkey)} expected`);
    const pre_signature = bytesToHex(kind.presign(key, message, point, random));
    return { document: { ...envelopeOf({ ...terms, pubkey: signs }), pre_signature } };
  }
  const { pubkeys, together } = two;
  const envelope = envelopeOf(terms);
  if (!pubkeys.includes(bytesToHex(own)))
    throw new Refusal('wrong-key', `the key of ${bytesToHex(own)} found, one of pubkeys expected`);
  if (!opener) {
    const aggregate = together.agg.xQ;
    const nonce = musig2.nonceGen({ random, secret: key, pubkey: own, aggregate, message });
    return { document: { ...envelope, nonces: { opener: bytesToHex(nonce.pubnonce) } }, secnonce: nonce.secnonce };
  }
  if (!last || !partial) {
    const made = schnorr.signLastPre(key, together, opener, message, point);
    const both = { opener: bytesToHex(opener), last: bytesToHex(made.pubnonce) };
    return { document: { ...envelope, nonces: both, partial_signature: bytesToHex(made.partial) } };
  }
  if (!secnonce) throw new Refusal('usage', 'no secret nonce found: --nonce-file of the run that drew it expected');
  const session = schnorr.sessionPre(together, opener, last, message, point);
  const peer = pubkeys.findIndex((one) => one !== bytesToHex(own));
  if (!musig2.partialVerify(partial, last, peer, session))
    throw new Refusal('peer-partial-invalid', 'the partial signature of the last signer does not verify');
  const pre = schnorr.combinePre([partial, signOnce(secnonce, key, session)], session, point);
  return { document: { ...envelope, pre_signature: bytesToHex(pre) } };
}
/** Signs, and erases the secret nonce. @throws Refusal `nonce-consumed` for another key's nonce */
function signOnce(secnonce: Uint8Array, key: Uint8Array, session: musig2.Session): Uint8Array {
  try {
    return musig2.sign(secnonce, key, session);
  } catch {
    throw new Refusal('nonce-consumed', 'a secret nonce found that was used, or belongs to another key');
  }
}

/**
 * Does `verify`, `adapt` or `extract` on the document of a pre-signature.
 * @throws Refusal `adaptor-invalid`, `scalar-range`, `signature-invalid`, `usage`
 */
export function adaptorDocument(
  action: 'verify' | 'adapt' | 'extract',
  from: Fields,
  secret: Uint8Array | undefined,
): object {
  const terms = readTerms(from);
  const { message, point, kind, preBytes } = terms;
  const pre = from.need('pre_signature', from.bytes('pre_signature', preBytes), `${preBytes} bytes in hex`);
  const given = from.bytes('signature', 64);
  from.skip('nonces', 'partial_signature', 'valid', 'secret', 'signature_der');
  from.end();
  const key = from.need('pubkey', terms.pubkey, 'a public key in hex');
  kind.verifyPre(key, message, point, pre);
  const envelope = { ...envelopeOf(terms), pre_signature: bytesToHex(pre) };
  if (action === 'verify') return { ...envelope, valid: true };
  const view = (signature: Uint8Array): object => ({
    signature: bytesToHex(signature),
    ...(kind === ecdsa && { signature_der: bytesToHex(derOf(signature)) }),
  });
  if (action === 'adapt') {
    if (!secret) throw new Refusal('usage', 'no adaptor secret found: --adaptor-file or --adaptor-fd expected');
    const finished = kind.adapt(pre, secret);
    if (!kind.isFinished(finished, message, key))
      throw new Refusal('adaptor-invalid', 'a secret found that is not the one of the adaptor point');
    return { ...envelope, ...view(finished) };
  }
  const finished = from.need('signature', given, '64 bytes in hex');
  if (!kind.isFinished(finished, message, key)) throw new Refusal('signature-invalid', 'the signature does not verify');
  return { ...envelope, ...view(finished), secret: bytesToHex(kind.extract(pre, point, finished)) };
}
