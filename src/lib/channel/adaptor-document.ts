/**
 * `adaptor`: pre-signatures as documents, for one key and for two (MuSig2). The algorithms are in `signing/adaptor.ts`.
 *
 * Of two, the offerer opens with a nonce; the claimer, who knows t, signs last. The offerer then holds the claimer's
 * partial before its own leaves, or it could not extract t.
 */
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import type { Hex } from '../protocol/action.ts';
import { pointIn, type Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import * as adaptor from '../signing/adaptor.ts';
import { xOnlyKey } from '../signing/bip340.ts';
import { publicBytes, secretScalar } from '../signing/curve.ts';
import { keySet } from '../signing/keyset.ts';
import * as musig2 from '../signing/musig2.ts';
import { oneOf } from './document.ts';

export const ADAPTOR_ACTIONS = ['presign', 'verify', 'adapt', 'extract'] as const;

interface Terms {
  message: Uint8Array;
  point: Uint8Array;
  /** Of two keys. */
  pubkeys: readonly Hex[] | undefined;
  together: adaptor.Together | undefined;
  pubkey: Uint8Array | undefined;
  view: object;
}
/** @throws Refusal `malformed-message`, `wrong-key`, `key-rejected` */
function readTerms(from: Fields): Terms {
  from.skip('type', 'version', 'construction');
  const message = from.need('message', from.bytes('message', 32), '32 bytes in hex');
  const point = pointIn(from, 'adaptor_point');
  const pubkeys = from.list('pubkeys', (value, where) => {
    if (typeof value !== 'string' || !/^0[23][0-9a-f]{64}$/.test(value))
      throw new Refusal('malformed-message', `${where}: a compressed public key in hex expected`);
    return value;
  });
  const pubkey = from.bytes('pubkey', 32);
  const base = { message: bytesToHex(message), adaptor_point: bytesToHex(point) };
  if (!pubkeys)
    return { message, point, pubkeys, together: undefined, pubkey, view: { ...base, construction: 'single' } };
  if (pubkeys.length !== 2 || pubkeys[0] === pubkeys[1]) from.refuse('pubkeys', 'two different keys');
  const output = from.has('output') ? oneOf(from, 'output', ['bip86', 'plain'] as const) : 'bip86';
  const together = togetherOf(pubkeys, output);
  return {
    message,
    point,
    pubkeys,
    together,
    pubkey: together.agg.xQ,
    view: { ...base, construction: 'A', pubkeys, output, pubkey: bytesToHex(together.agg.xQ) },
  };
}
function togetherOf(pubkeys: readonly Hex[], output: 'bip86' | 'plain'): adaptor.Together {
  try {
    if (output === 'bip86') return keySet(pubkeys);
    const agg = musig2.keyAgg(pubkeys.map(hexToBytes));
    return { agg, commitment: new TextEncoder().encode(`plain ${pubkeys.join()}`) };
  } catch (error) {
    if (!(error instanceof musig2.InvalidContribution)) throw error;
    throw new Refusal('wrong-key', 'pubkeys: bytes found that are no point of the curve');
  }
}

/** A fresh secret nonce that must be kept until the answer comes, and then erased. */
export interface Drawn {
  document: object;
  secnonce?: Uint8Array;
}
export interface Secrets {
  key?: Uint8Array | undefined;
  adaptor?: Uint8Array | undefined;
  /** 32 random bytes. */
  random: Uint8Array;
  /** The opener's secret nonce (97 bytes), already erased where it was kept. */
  secnonce?: Uint8Array | undefined;
}

/**
 * `presign`: of one key the pre-signature; of two the opener's nonce, then the last signer's answer, then the whole.
 * @throws Refusal `usage`, `wrong-key`, `nonce-missing`, `peer-partial-invalid`, `adaptor-invalid`
 */
export function presignDocument(from: Fields, { key, random, secnonce }: Secrets): Drawn {
  const terms = readTerms(from);
  const nonces = from.object('nonces');
  const [opener, last] = [nonces?.bytes('opener', 66), nonces?.bytes('last', 66)];
  nonces?.end();
  const partial = from.bytes('partial_signature', 32);
  from.end();
  if (!key) throw new Refusal('usage', 'no key found: --key-file or --key-fd expected');
  const { message, point, together, pubkeys, view } = terms;
  const envelope = { type: 'adaptor', version: 1, ...view };
  if (!together) {
    const own = xOnlyKey(key);
    if (terms.pubkey && bytesToHex(terms.pubkey) !== own)
      throw new Refusal('wrong-key', `the key of ${own} found, that of ${bytesToHex(terms.pubkey)} expected`);
    const pre = adaptor.presign(key, message, point, random);
    return { document: { ...envelope, pubkey: own, pre_signature: bytesToHex(pre) } };
  }
  const own = bytesToHex(publicBytes(secretScalar(key)));
  const peer = pubkeys!.findIndex((one) => one !== own);
  if (!pubkeys!.includes(own)) throw new Refusal('wrong-key', `the key of ${own} found, one of pubkeys expected`);
  if (!opener) {
    const nonce = musig2.nonceGen({
      random,
      secret: key,
      pubkey: hexToBytes(own),
      aggregate: together.agg.xQ,
      message,
    });
    return { document: { ...envelope, nonces: { opener: bytesToHex(nonce.pubnonce) } }, secnonce: nonce.secnonce };
  }
  if (!last || !partial) {
    const made = adaptor.signLastPre(key, together, opener, message, point);
    const both = { opener: bytesToHex(opener), last: bytesToHex(made.pubnonce) };
    return { document: { ...envelope, nonces: both, partial_signature: bytesToHex(made.partial) } };
  }
  if (!secnonce) throw new Refusal('usage', 'no secret nonce found: --nonce-file of the run that drew it expected');
  const s = adaptor.sessionPre(together, opener, last, message, point);
  if (!musig2.partialVerify(partial, last, peer, s))
    throw new Refusal('peer-partial-invalid', 'the partial signature of the last signer does not verify');
  const pre = adaptor.combinePre([partial, signOnce(secnonce, key, s)], s, point);
  return { document: { ...envelope, pre_signature: bytesToHex(pre) } };
}
/** @throws Refusal `nonce-consumed` for a nonce of another key */
function signOnce(secnonce: Uint8Array, key: Uint8Array, s: musig2.Session): Uint8Array {
  try {
    return musig2.sign(secnonce, key, s);
  } catch {
    throw new Refusal('nonce-consumed', 'a secret nonce found that was used, or belongs to another key');
  }
}

/** `verify`, `adapt` and `extract`. @throws Refusal `adaptor-invalid`, `scalar-range`, `signature-invalid`, `usage` */
export function adaptorDocument(
  action: 'verify' | 'adapt' | 'extract',
  from: Fields,
  secret: Uint8Array | undefined,
): object {
  const { message, point, pubkey, view } = readTerms(from);
  const pre = from.need('pre_signature', from.bytes('pre_signature', 65), '65 bytes in hex');
  const signature = from.bytes('signature', 64);
  from.skip('nonces', 'partial_signature', 'valid', 'secret');
  from.end();
  const key = from.need('pubkey', pubkey, '32 bytes in hex');
  adaptor.verifyPre(key, message, point, pre);
  const envelope = { type: 'adaptor', version: 1, ...view, pubkey: bytesToHex(key), pre_signature: bytesToHex(pre) };
  if (action === 'verify') return { ...envelope, valid: true };
  if (action === 'adapt') {
    if (!secret) throw new Refusal('usage', 'no adaptor secret found: --adaptor-file or --adaptor-fd expected');
    const finished = adaptor.adapt(pre, secret);
    if (!adaptor.isFinished(finished, message, key))
      throw new Refusal('adaptor-invalid', 'a secret found that is not the one of the adaptor point');
    return { ...envelope, signature: bytesToHex(finished) };
  }
  const finished = from.need('signature', signature, '64 bytes in hex');
  if (!adaptor.isFinished(finished, message, key))
    throw new Refusal('signature-invalid', 'the signature does not verify');
  return { ...envelope, signature: bytesToHex(finished), secret: bytesToHex(adaptor.extract(pre, point, finished)) };
}
