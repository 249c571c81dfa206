/** The same signature by @scure/btc-signer's musig2 as its examples use it: two parties, tap tweak, both partials verified. */
import { keyAggregate, nonceAggregate, nonceGen, Session, sortKeys } from '@scure/btc-signer/musig2.js';
import { pubECDSA, tagSchnorr } from '@scure/btc-signer/utils.js';

const secrets = [new Uint8Array(32).fill(5), new Uint8Array(32).fill(6)];
const pubkeys = sortKeys(secrets.map((s) => pubECDSA(s)));
const ordered = pubkeys.map((p) => secrets.find((s) => Buffer.compare(pubECDSA(s), p) === 0)!);
const message = new Uint8Array(32).fill(7);

/** Both parties' work; the partial of each is checked once, without the signer's own second check. */
export function naiveExchange(): void {
  const x = keyAggregate(pubkeys).aggPublicKey.toBytes(true).slice(1);
  const tweaks = [tagSchnorr('TapTweak', x)];
  const agg = keyAggregate(pubkeys, tweaks, [true]).aggPublicKey.toBytes(true).slice(1);
  const nonces = pubkeys.map((p, i) => nonceGen(p, ordered[i]!, agg, message));
  const publics = nonces.map((n) => n.public);
  const sessions = nonces.map(() => new Session(nonceAggregate(publics), pubkeys, message, tweaks, [true]));
  const partials = sessions.map((s, i) => s.sign(nonces[i]!.secret, ordered[i]!, true));
  partials.forEach((partial, i) => {
    if (!sessions[1 - i]!.partialSigVerify(partial, publics, i)) throw new Error('a partial signature does not verify');
  });
  sessions[0]!.partialSigAgg(partials);
}
