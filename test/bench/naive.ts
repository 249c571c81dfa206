/** The same signature by the bare steps of BIP327 on the curve that the program uses: two parties, tap tweak, both partials verified. */
import { taggedHash } from '../../src/lib/signing/curve.ts';
import * as musig2 from '../../src/lib/signing/musig2.ts';

export const SECRETS = [new Uint8Array(32).fill(5), new Uint8Array(32).fill(6)] as const;
export const PUBKEYS = SECRETS.map(musig2.publicKey);
export const MESSAGE = new Uint8Array(32).fill(7);

/** The key of both, with the tweak of a taproot output. */
export function tweakedKey(): musig2.KeyAgg {
  const plain = musig2.keyAgg(PUBKEYS);
  return musig2.applyTweak(plain, { tweak: taggedHash('TapTweak', plain.xQ), xOnly: true });
}

/** Both parties' work; the partial of each is checked once, by the other. */
export function naiveExchange(): void {
  const keys = SECRETS.map(tweakedKey);
  const nonces = SECRETS.map((secret, i) =>
    musig2.nonceGen({ random: MESSAGE, secret, pubkey: PUBKEYS[i]!, aggregate: keys[i]!.xQ, message: MESSAGE }),
  );
  const publics = nonces.map(({ pubnonce }) => pubnonce);
  const sessions = keys.map((key) => musig2.session(key, musig2.nonceAgg(publics), MESSAGE));
  const partials = sessions.map((s, i) => musig2.sign(nonces[i]!.secnonce, SECRETS[i]!, s));
  partials.forEach((partial, i) => {
    if (!musig2.partialVerify(partial, publics[i]!, i, sessions[1 - i]!))
      throw new Error('a partial signature does not verify');
  });
  musig2.partialAgg(partials, sessions[0]!);
}
