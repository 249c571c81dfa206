/**
 * Two-party MuSig2 signing in three calls. The party that will hold the finished transaction opens
 * with a random nonce and never sends its own partial signature. The other party signs last, with
 * BIP327 DeterministicSign, and stores no nonce. `open` draws the nonce of one (sighash, key list,
 * tweaks), `signLast` answers it, `finish` completes: one round trip. A wrong answer leaves the
 * nonce untouched; the first valid one consumes it. Where a party's key lives in another wallet,
 * its part is taken from a returned PSBT (`--merge`); until then the calls return undefined.
 * Not here: sessions of more than two parties.
 */
import {
  hasTransaction,
  musigPsbt,
  readPsbt,
  readSame,
  shareOf,
  type MusigKey,
  type MusigShare,
} from '../bitcoin/psbt.ts';
import { taprootSighash } from '../bitcoin/sighash.ts';
import { withWitness, type Template } from '../bitcoin/transaction.ts';
import type { Hand, Hex, NonceId, OpenNonce, Party, Path } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { verifies } from './bip340.ts';
import { bytesToHex, hexToBytes, taggedHash, taggedTextHash } from './curve.ts';
import type { KeySet } from './keyset.ts';
import {
  deterministicSign,
  nonceAgg,
  nonceGen,
  parseNonce,
  partialAgg,
  partialVerify,
  session,
  sign,
  verifyAggregate,
  type Session,
} from './musig2.ts';

/** Place of a party's key: in the home, under a path, or in another wallet. */
export interface Own {
  path: Path;
  /** The signing key is in another wallet; the authentication key never is. */
  outside: boolean;
}

/**
 * Record of an opener whose key is in another wallet: its nonce, and the answer that the wallet was
 * asked to complete.
 */
export interface Outside {
  pubnonce: Hex | null;
  answer?: Hex;
}

/** One input to be signed by a key set of two. */
export interface Job {
  own: Own;
  /** Keys of this party and the other, 33 bytes, hex. */
  pubkey: Hex;
  peer: Hex;
  /** Party that holds the other key, named in refusals. */
  peerIs: Party;
  set: KeySet;
  template: Template;
  index: number;
  nonceId: NonceId;
  /** The signing key where it does not come from the home's seed. */
  secret?: Uint8Array;
}
/** A job whose key list is not known yet, but its output key, as in a key update. */
export type OpeningJob = Omit<Job, 'set' | 'secret'> & { set: MusigKey & Pick<KeySet, 'script'> };

/** A job from its parts; the nonce belongs to the record `of` and this sighash. */
export function jobFor<J extends Omit<OpeningJob, 'nonceId' | 'index'>>(
  parts: J & { of: NonceId['of'] },
): Omit<J & { of: NonceId['of'] }, 'of'> & Pick<Job, 'nonceId' | 'index'> {
  const { of, ...rest } = parts;
  const index = rest.template.inputs.findIndex((i) => i.script === rest.set.script);
  return { ...rest, index, nonceId: { of, sighash: bytesToHex(taprootSighash(rest.template, index)) } };
}

/** Nonce and partial signature of one participant. */
export interface FullShare {
  pubnonce: string;
  partial: string;
}

/** Returns the job's PSBT with these shares: nonces and partial signatures, by their party. */
export const psbtOf = (
  j: OpeningJob,
  shares: { own?: MusigShare | undefined; peer?: MusigShare | undefined },
): string =>
  musigPsbt(j.template, j.index, j.set, {
    ...(shares.own && { [j.pubkey]: shares.own }),
    ...(shares.peer && { [j.peer]: shares.peer }),
  });

/**
 * Returns both parties' shares in a message's PSBT, which must hold exactly the job's transaction.
 * Of the own share only the nonce is read.
 */
export function sharesIn(j: Job, psbt: string): { own: MusigShare; peer: MusigShare } {
  const tx = readSame(j.template, psbt, j.peerIs);
  const { pubnonce } = shareOf(tx, j.index, j.set, j.pubkey);
  return { own: { pubnonce }, peer: shareOf(tx, j.index, j.set, j.peer) };
}

/**
 * Returns whether a message's PSBT shows the nonce that this party has open for the job, which may
 * have been opened before.
 * @param outside the record's part about a nonce that lies in another wallet
 */
export function isOpenedBy(hand: Pick<Hand, 'keys'>, job: Job, psbt: string, outside?: Outside): boolean {
  const open = job.own.outside ? outside?.pubnonce : hand.keys.nonce(job.nonceId)?.pubnonce;
  return open != null && sharesIn(job, psbt).own.pubnonce === open;
}

export interface OpenedNonce {
  share: MusigShare;
  opens: readonly OpenNonce[];
}

/** The opener's first move. Undefined: another wallet has to add its nonce first. */
export function open(hand: Hand, job: Job): OpenedNonce | undefined {
  if (job.own.outside) {
    const share = mergedShare(hand, job);
    return share?.pubnonce ? { share: { pubnonce: share.pubnonce }, opens: [] } : undefined;
  }
  return drawNonce(hand, job);
}

/** Draws a fresh nonce for a key of the home. `bound`: further text that the nonce commits to. */
export function drawNonce(hand: Hand, job: OpeningJob, bound = ''): OpenedNonce {
  const { secnonce, pubnonce } = nonceGen({
    random: hand.random(32),
    secret: hand.keys.contract(job.own.path),
    pubkey: hexToBytes(job.pubkey),
    aggregate: hexToBytes(job.set.outputKey.slice(2)),
    message: hexToBytes(job.nonceId.sighash),
    extra: new TextEncoder().encode(job.nonceId.of + bound),
  });
  const share = { pubnonce: bytesToHex(pubnonce) };
  return { share, opens: [{ ...job.nonceId, pubnonce: share.pubnonce, secret: secnonce }] };
}

/**
 * The last signer's answer to the opener's nonce. Undefined: another wallet has to sign first.
 * @throws Refusal `nonce-missing`, `peer-nonce-invalid`
 */
export function signLast(hand: Hand, job: Job, peer: MusigShare): FullShare | undefined {
  const peerNonce = readNonce(job, peer);
  if (job.own.outside) {
    const share = mergedShare(hand, job);
    if (!share?.pubnonce || !share.partial) return undefined;
    const own = { pubnonce: share.pubnonce, partial: share.partial };
    checkMerged(job, own, sessionOf(job, own.pubnonce, bytesToHex(peerNonce)));
    return own;
  }
  // BIP327's own deterministic nonce does not commit to the key list; this `rand` does, and to the tweaks.
  const rand = taggedHash('spillway/det-sign', job.set.commitment);
  const made = deterministicSign(
    job.secret ?? hand.keys.contract(job.own.path),
    peerNonce,
    job.set.agg,
    hexToBytes(job.nonceId.sighash),
    rand,
  );
  const index = job.set.participants.indexOf(job.pubkey);
  // A fault in this machine must not let a wrong partial out: one could be turned into the key.
  if (!partialVerify(made.partial, made.pubnonce, index, made.session))
    throw new Refusal('bug', 'an own partial signature does not verify');
  return { pubnonce: bytesToHex(made.pubnonce), partial: bytesToHex(made.partial) };
}

/**
 * Returns the hash by which a record knows the one answer (a PSBT) that has finished its signature.
 * 32 bytes, hex.
 */
export const answerOf = (psbt: string): Hex => bytesToHex(taggedTextHash('spillway/answer', psbt));

/**
 * Refuses a second answer to a finished signature.
 * @param known `answerOf` the first
 * @throws Refusal `nonce-consumed`
 */
export function checkAnswer(known: Hex, psbt: string, what: 'refund' | 'backup', from: Party): void {
  if (known !== answerOf(psbt))
    throw new Refusal('nonce-consumed', `another answer than the one that completed this ${what}; its nonce is used`, {
      blame: from,
    });
}

export interface FinishedSignature {
  /** 64 bytes: the whole witness of the input. */
  signature: Uint8Array;
  spends: readonly NonceId[];
}
/** Hashes an answer for another wallet to complete (`Outside`). A nonce's second one is refused. */
export const answerIn = (peer: MusigShare): Hex => answerOf(`${peer.pubnonce}${peer.partial}`);

/** Returns the opener's record (`Outside`) if its key is in another wallet, else no field. */
export const outsideOf = (job: OpeningJob, own: MusigShare, peer?: MusigShare): { outside?: Outside } =>
  job.own.outside ? { outside: { pubnonce: own.pubnonce ?? null, ...(peer && { answer: answerIn(peer) }) } } : {};

/**
 * Completes as the opener. The peer's partial is verified with its own nonce, then the aggregate by
 * BIP340; the former also before another wallet is asked to sign. Undefined: it has to sign first.
 * @param outside what the record stores of a nonce that lies in another wallet
 * @throws Refusal `nonce-consumed`, `peer-partial-missing`, `peer-nonce-invalid`,
 * `peer-partial-invalid`
 */
export function finish(hand: Hand, job: Job, peer: MusigShare, outside?: Outside): FinishedSignature | undefined {
  const peerNonce = bytesToHex(readNonce(job, peer));
  if (!peer.partial)
    throw new Refusal('peer-partial-missing', `no partial signature of the ${job.peerIs} found`, { blame: job.peerIs });
  const theirs = { pubnonce: peerNonce, partial: peer.partial };
  if (job.own.outside) {
    if (outside?.answer !== undefined && outside.answer !== answerIn(theirs))
      throw new Refusal('nonce-consumed', 'another answer than the one that the other wallet was asked to complete', {
        blame: job.peerIs,
      });
    // A new opening drops the wallet's earlier request, whose nonce is void.
    if (!outside?.pubnonce)
      throw new Refusal('nonce-consumed', 'an answer found, and the other wallet has put no nonce in yet', {
        hint: 'start the action again, and give the PSBT with its nonce back with --merge FILE',
      });
    const s = sessionOf(job, outside.pubnonce, peerNonce);
    checkPeer(job, theirs, s);
    const whole = mergedSignature(hand, job);
    if (whole) return { signature: whole, spends: [] };
    const share = mergedShare(hand, job);
    if (!share?.partial) return undefined;
    // A partial signature with another nonce than the record's does not verify.
    const own = { pubnonce: outside.pubnonce, partial: share.partial };
    checkMerged(job, own, s);
    return { signature: aggregate(own, theirs, s), spends: [] };
  }
  const nonce = hand.keys.nonce(job.nonceId);
  if (!nonce)
    throw new Refusal(
      'nonce-consumed',
      'the secret nonce of this request is not there any more: it was used, cancelled or erased',
      {
        hint: 'start the action again',
      },
    );
  const s = sessionOf(job, nonce.pubnonce, peerNonce);
  checkPeer(job, theirs, s);
  const partial = bytesToHex(sign(nonce.secret, hand.keys.contract(job.own.path), s));
  return { signature: aggregate({ pubnonce: nonce.pubnonce, partial }, theirs, s), spends: [job.nonceId] };
}

function readNonce(job: Job, peer: MusigShare): Uint8Array {
  if (!peer.pubnonce)
    throw new Refusal('nonce-missing', `no public nonce of the ${job.peerIs} found in the PSBT`, { blame: job.peerIs });
  const bytes = hexToBytes(peer.pubnonce);
  if (!parseNonce(bytes))
    throw new Refusal('peer-nonce-invalid', `the public nonce of the ${job.peerIs} is no pair of points`, {
      blame: job.peerIs,
    });
  return bytes;
}

const sessionOf = (job: Job, ...nonces: readonly [string, string]): Session =>
  session(job.set.agg, nonceAgg(nonces.map(hexToBytes)), hexToBytes(job.nonceId.sighash));

const partIsValid = (job: Job, part: FullShare, pubkey: Hex, s: Session): boolean =>
  partialVerify(hexToBytes(part.partial), hexToBytes(part.pubnonce), job.set.participants.indexOf(pubkey), s);

function checkPeer(job: Job, theirs: FullShare, s: Session): void {
  if (!partIsValid(job, theirs, job.peer, s))
    throw new Refusal(
      'peer-partial-invalid',
      `the partial signature of the ${job.peerIs} does not verify under its key and nonce`,
      { blame: job.peerIs },
    );
}

function checkMerged(job: Job, own: FullShare, s: Session): void {
  if (!partIsValid(job, own, job.pubkey, s))
    throw new Refusal('signature-invalid', 'the partial signature that came back with --merge does not verify');
}

function aggregate(own: FullShare, theirs: FullShare, s: Session): Uint8Array {
  const signature = partialAgg([hexToBytes(own.partial), hexToBytes(theirs.partial)], s);
  if (!verifyAggregate(signature, s))
    throw new Refusal('bug', 'the finished signature does not verify, though both partials do');
  return signature;
}

/** Returns the merged PSBTs of this transaction. The runner refuses those of no step. */
function mergedHere(hand: Hand, job: Job): ReturnType<typeof readPsbt>[] {
  return hand.merged.map((text) => readPsbt(text)).filter((tx) => hasTransaction(tx, job.template));
}

/** Returns this party's share in the PSBTs that came back: the fullest one. */
function mergedShare(hand: Hand, job: Job): MusigShare | undefined {
  const shares = mergedHere(hand, job)
    .map((tx) => shareOf(tx, job.index, job.set, job.pubkey))
    .filter((share) => share.pubnonce !== undefined);
  return shares.find((share) => share.partial !== undefined) ?? shares[0];
}

/**
 * Returns the final signature if the other wallet has aggregated both partials itself, as Bitcoin
 * Core does by default.
 * @throws Refusal `signature-invalid`
 */
function mergedSignature(hand: Hand, job: Job): Uint8Array | undefined {
  for (const tx of mergedHere(hand, job)) {
    const { finalScriptWitness: stack, tapKeySig } = tx.getInput(job.index);
    const signature = stack?.[0] ?? tapKeySig;
    if (!signature) continue;
    const sole = (!stack || stack.length === 1) && signature.length === 64;
    if (!sole || !verifies(bytesToHex(signature), hexToBytes(job.nonceId.sighash), job.set.script.slice(4)))
      throw new Refusal('signature-invalid', 'the signature that came back with --merge does not verify');
    return signature;
  }
  return undefined;
}

/** Signs last in the opener's PSBT, by a key of this home. @returns the PSBT with both shares */
export function signLastIn(hand: Hand, job: Job, psbt: string): string {
  const { peer } = sharesIn(job, psbt);
  return psbtOf(job, { own: signLast(hand, job, peer)!, peer });
}

/** Finished transaction of one input, with the nonce that it used up. */
interface CompletedSpend {
  hex: Hex;
  spends: FinishedSignature['spends'];
}
/** Request to the wallet that has to sign first: the PSBT for it, and what the record stores. */
interface UnsignedRequest {
  psbt: string;
  outside: Outside;
}

/** Completes a transaction of one input. @param outside as for `finish` */
export function completeIn(hand: Hand, job: Job, psbt: string, outside?: Outside): CompletedSpend | UnsignedRequest {
  const { own, peer } = sharesIn(job, psbt);
  const done = finish(hand, job, peer, outside);
  return done
    ? { hex: withWitness(job.template, [[done.signature]]), spends: done.spends }
    : { psbt: psbtOf(job, { own, peer }), outside: outsideOf(job, own, peer).outside! };
}

/** Completes a transaction of one input by a key of this home. */
export const finishIn = (hand: Hand, job: Job, psbt: string): CompletedSpend =>
  completeIn(hand, job, psbt) as CompletedSpend;
