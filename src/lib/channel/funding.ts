/**
 * Spends of the funding output, which both sides sign: commitments and closes.
 *
 * ECDSA: two signatures over BOLT3's 2-of-2. Taproot: MuSig2 (BIP327), in which only the last
 * signer makes a partial signature (DeterministicSign). So no secret nonce is ever kept or read.
 * Not here: documents of commitments (`build.ts`).
 */
import { bytesToHex, concatBytes, equalBytes } from '../bitcoin/bytes.ts';
import { SIGHASH_ALL, Sighashes } from '../bitcoin/sighash.ts';
import { withWitness, type Template } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import type { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { taggedHash } from '../signing/curve.ts';
import { signEcdsa, verifiesEcdsa } from '../signing/ecdsa.ts';
import { keySet, type KeySet } from '../signing/keyset.ts';
import * as musig2 from '../signing/musig2.ts';
import type { Channel } from './commitment.ts';
import { FORMAT } from './format.ts';
import { commitmentKeys, hexMap, known, otherSide, SIDES, type ChannelSide } from './keys.ts';
import { fundingLock, channelWitness, type ChannelLock } from './scripts.ts';
import { checkChannelWitness, wayHash } from './sign.ts';

/** Values of both sides, as far as they are known. */
export type BySide = Partial<Record<ChannelSide, Uint8Array>>;
/** Signatures in a document: the other side's (DER), or for taproot nonces and partials. */
export interface Given {
  signature?: Uint8Array | undefined;
  nonces: BySide;
  partials: BySide;
}
/** Reads an object `{local, remote}` of byte strings. @throws Refusal `malformed-message` */
export function readBySide(from: Fields | undefined, name: string, length: number): BySide {
  const both = from?.object(name);
  const made = known(SIDES, (side) => both?.bytes(side, length));
  both?.end();
  return made;
}
/** Shows signatures as documents have them. */
export const givenView = ({ signature, nonces, partials }: Given): object => ({
  ...(signature && { signature: bytesToHex(signature) }),
  ...(Object.keys(partials).length > 0 && { nonces: hexMap(nonces), partial_signatures: hexMap(partials) }),
});

type ChannelSides = Pick<Channel, 'format' | 'local' | 'remote'>;
const keysOf = (channel: ChannelSides) => commitmentKeys(channel, 'local', undefined);
/** Returns the funding output. @throws Refusal `malformed-message` where a key is not known */
export const fundingOf = (channel: ChannelSides): ChannelLock => fundingLock(channel.format, keysOf(channel));

/** One spend of the funding output. */
export class FundingSpend {
  readonly template: Template;
  readonly #channel: Channel;
  readonly #lock: ChannelLock;
  readonly #hashes: Sighashes;
  readonly #merkleRoot: Uint8Array | undefined;

  /**
   * @param merkleRoot what the funding key of a channel with assets commits to beside its keys
   * @throws Refusal `malformed-message` where a funding key is not known
   */
  constructor(channel: Channel, template: Template, merkleRoot?: Uint8Array) {
    this.#channel = channel;
    this.template = template;
    this.#lock = fundingOf(channel);
    this.#hashes = new Sighashes(template);
    this.#merkleRoot = merkleRoot;
  }
  get #isTaproot(): boolean {
    return FORMAT[this.#channel.format].taproot;
  }
  #hash(): Uint8Array {
    return wayHash(this.#hashes, 0, this.#lock, this.#lock.ways[0]!);
  }
  #key(side: ChannelSide): Uint8Array {
    return this.#channel[side].points.funding!;
  }
  #keySet(): KeySet {
    const keys = musig2.keySort([this.#key('local'), this.#key('remote')]).map((key) => bytesToHex(key));
    return keySet(keys, this.#merkleRoot ? { merkleRoot: this.#merkleRoot } : {});
  }
  /** Returns the output script that is spent. */
  get script(): Hex {
    return this.#merkleRoot ? this.#keySet().script : this.#lock.script;
  }

  /** Verifies a finished witness. @throws Refusal `signature-invalid`, `sighash-refused` */
  checkWitness(stack: readonly Uint8Array[]): void {
    const subject = {
      hashes: this.#hashes,
      keys: keysOf(this.#channel),
      holder: 'local',
      peerType: SIGHASH_ALL,
    } as const;
    checkChannelWitness(subject, 0, this.#lock, stack);
  }
  /**
   * Verifies the signature of `signer`, or every partial signature; false if none is given.
   * @throws Refusal `signature-invalid`, `peer-partial-invalid`, `nonce-missing`,
   * `peer-nonce-invalid`
   */
  check({ signature, nonces, partials }: Given, signer: ChannelSide): boolean {
    if (!this.#isTaproot) {
      if (signature && !verifiesEcdsa(signature, this.#hash(), this.#key(signer)))
        throw new Refusal('signature-invalid', `the signature of the ${signer} funding key does not verify`, {
          blame: signer,
        });
      return signature !== undefined;
    }
    const found = Object.entries(partials) as [ChannelSide, Uint8Array][];
    for (const [side, partial] of found) {
      const session = this.session(nonces);
      const index = session.key.pubkeys.findIndex((one) => equalBytes(one, this.#key(side)));
      if (!musig2.partialVerify(partial, nonces[side]!, index, session))
        throw new Refusal('peer-partial-invalid', `the partial signature of the ${side} side does not verify`, {
          blame: side,
        });
    }
    return found.length > 0;
  }
  /** Returns the session of both nonces. @throws Refusal `nonce-missing`, `peer-nonce-invalid` */
  session({ local, remote }: BySide): musig2.Session {
    if (!local || !remote) throw new Refusal('nonce-missing', 'the public nonces of both sides expected');
    for (const nonce of [local, remote]) checkNonce(nonce);
    return musig2.session(this.#keySet().agg, musig2.nonceAgg([local, remote]), this.#hash());
  }

  /**
   * Signs for one side: DER, or for taproot as the last signer, once the other side's nonce is
   * there.
   * @throws Refusal `peer-nonce-invalid`
   */
  sign(signer: ChannelSide, secret: Uint8Array, nonces: BySide): Given {
    if (!this.#isTaproot) return { signature: signEcdsa(this.#hash(), secret, false), nonces: {}, partials: {} };
    const first = nonces[otherSide(signer)];
    if (!first) return { nonces: {}, partials: {} };
    checkNonce(first);
    const { agg, commitment } = this.#keySet();
    const rand = taggedHash('spillway/det-sign', commitment);
    const { pubnonce, partial } = musig2.deterministicSign(secret, first, agg, this.#hash(), rand);
    const made = { nonces: { [otherSide(signer)]: first, [signer]: pubnonce }, partials: { [signer]: partial } };
    this.check(made, signer);
    return made;
  }
  /**
   * Returns the finished transaction, hex; undefined while a signature is missing. Partial
   * signatures are verified first.
   * @param own signatures of `signer`; undefined without keys
   * @param theirs the other side's signatures, verified; partial signatures of both
   * @throws Refusal `peer-partial-invalid`, `nonce-missing`, `peer-nonce-invalid`
   */
  finish(signer: ChannelSide | undefined, own: Given | undefined, theirs: Given): Hex | undefined {
    if (this.#isTaproot) {
      const partials = { ...own?.partials, ...theirs.partials };
      if (!partials.local || !partials.remote) return undefined;
      const nonces = { ...own?.nonces, ...theirs.nonces };
      this.check({ nonces, partials }, 'local');
      const both = [partials.local, partials.remote];
      return withWitness(this.template, [[musig2.partialAgg(both, this.session(nonces))]]);
    }
    if (!signer || !own?.signature || !theirs.signature) return undefined;
    const way = this.#lock.ways[0]!;
    const both = [own.signature, theirs.signature].map((der) => concatBytes(der, Uint8Array.of(SIGHASH_ALL)));
    const [sig, peerSig] = (way.key === 'holderFunding') === (signer === 'local') ? both : both.reverse();
    return withWitness(this.template, [channelWitness(this.#lock, way, { sig, 'peer-sig': peerSig })]);
  }
}
/** Refuses bytes that are no public nonce. @throws Refusal `peer-nonce-invalid` */
function checkNonce(nonce: Uint8Array): void {
  if (!musig2.parseNonce(nonce))
    throw new Refusal('peer-nonce-invalid', 'a public nonce found that is no pair of points');
}
