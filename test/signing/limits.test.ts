/** The limits of numbers in signatures: what each algorithm of BIP327 takes as a secret, a nonce, a tweak and a partial signature. */
import { describe } from 'vitest';
import { concatBytes, parseResidue, parseScalar, SCALAR_LIMITS, toBytes } from '../../src/lib/signing/curve.ts';
import {
  applyTweak,
  keyAgg,
  nonceAgg,
  nonceGen,
  partialAgg,
  publicKey,
  session,
  sign,
} from '../../src/lib/signing/musig2.ts';
import { limits } from '../support/limits.ts';

const secrets = [toBytes(7n), toBytes(8n)];
const keys = secrets.map(publicKey);
const agg = keyAgg(keys);
const nonces = keys.map((pubkey) => nonceGen({ random: toBytes(9n), pubkey }).pubnonce);
const of = session(agg, nonceAgg(nonces), toBytes(1n));
/** These algorithms throw errors that are no refusals. */
const works = (run: () => unknown): boolean => {
  try {
    run();
    return true;
  } catch {
    return false;
  }
};

describe('numbers', () => {
  const out = { below: 'not taken', above: 'not taken' } as const;
  limits(SCALAR_LIMITS, {
    secret: [
      { takes: (n: bigint) => parseScalar(toBytes(n)) !== undefined, ...out },
      { takes: (n: bigint) => works(() => publicKey(toBytes(n))), ...out },
      {
        takes: (n: bigint) => works(() => sign(concatBytes(toBytes(n), toBytes(1n), keys[0]!), secrets[0]!, of)),
        ...out,
      },
      {
        takes: (n: bigint) => works(() => sign(concatBytes(toBytes(1n), toBytes(n), keys[0]!), secrets[0]!, of)),
        ...out,
      },
    ],
    // Below zero there are no bytes.
    residue: [
      { takes: (n: bigint) => n >= 0n && parseResidue(toBytes(n)) !== undefined, ...out },
      {
        takes: (n: bigint) => n >= 0n && works(() => applyTweak(agg, { tweak: toBytes(n), xOnly: false })),
        ...out,
      },
      { takes: (n: bigint) => n >= 0n && works(() => partialAgg([toBytes(n), toBytes(1n)], of)), ...out },
    ],
  });
});
