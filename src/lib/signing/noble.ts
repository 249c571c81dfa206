/**
 * secp256k1 by @noble/curves and @noble/secp256k1: for processes without WebAssembly, and to test
 * the other back end. @noble/secp256k1 multiplies the base point, several times faster, so that
 * only one table of its multiples is made. JavaScript's bigint does not promise constant time.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToNumberBE } from '@noble/curves/utils.js';
import { Point as BasePoint } from '@noble/secp256k1';
import type { Affine, Backend } from './backend.ts';

const { Point, Signature } = secp256k1;
type NoblePoint = InstanceType<typeof Point>;

const read = (point: Affine): NoblePoint =>
  Point.fromAffine({ x: bytesToNumberBE(point.subarray(0, 32)), y: bytesToNumberBE(point.subarray(32)) });
const written = (point: NoblePoint): Affine => point.toBytes(false).subarray(1);
const attempt = <T>(work: () => T): T | undefined => {
  try {
    return work();
  } catch {
    return undefined;
  }
};
const PLAIN = { prehash: false } as const;

export const noble: Backend = {
  name: 'noble',
  parse: (bytes) => attempt(() => written(Point.fromBytes(bytes))),
  timesG: (scalar) => BasePoint.BASE.multiply(scalar).toBytes(false).subarray(1),
  linear(point, a, b) {
    const product = a === 1n ? read(point) : read(point).multiplyUnsafe(a);
    const sum = b === 0n ? product : product.add(read(noble.timesG(b)));
    return sum.is0() ? undefined : written(sum);
  },
  timesSecret: (point, scalar) => written(read(point).multiply(scalar)),
  signEcdsa(hash, secret, extra) {
    const made = secp256k1.sign(hash, secret, {
      ...PLAIN,
      format: 'recovered',
      ...(extra && { extraEntropy: extra }),
    });
    return { compact: made.subarray(1), recovery: made[0]! };
  },
  verifyEcdsa: (compact, hash, key) => secp256k1.verify(compact, hash, read(key).toBytes(true), PLAIN),
  recoverEcdsa: ({ compact, recovery }, hash) =>
    attempt(() => written(Signature.fromBytes(compact).addRecoveryBit(recovery).recoverPublicKey(hash))),
};
