/** The command `channel-secrets`: the shachain (`secrets.ts`) and commitment keys (`keys.ts`). */
import { bytesToHex, equalBytes } from '../bitcoin/bytes.ts';
import { pointIn, type Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { parseScalar, publicBytes } from '../signing/curve.ts';
import { choiceIn, readPoints, readStore } from './document.ts';
import { FORMATS } from './format.ts';
import { commitmentKeys, hexMap } from './keys.ts';
import { FIRST_INDEX, findSecret, secretIndex, insertSecret, secretAt, storeView } from './secrets.ts';

export const ACTIONS = ['derive', 'insert', 'find', 'check', 'keys'] as const;

/** Reads an index, given as such or as the number of a commitment. */
function indexIn(from: Fields): bigint {
  const [index, number] = [from.whole('index', FIRST_INDEX), from.whole('number', FIRST_INDEX)];
  if (index !== undefined && number !== undefined && index !== secretIndex(number))
    from.refuse('number', 'the number of that index');
  return from.need('index', index ?? (number === undefined ? undefined : secretIndex(number)), 'an index, or a number');
}
/** Returns the point of a secret, 33 bytes. @throws Refusal `wrong-key` */
function pointOfSecret(secret: Uint8Array): Uint8Array {
  const scalar = parseScalar(secret);
  if (scalar === undefined) throw new Refusal('wrong-key', 'a number found that is no secret key');
  return publicBytes(scalar);
}
const secretView = (index: bigint, secret: Uint8Array) => ({
  index,
  number: secretIndex(index),
  secret: bytesToHex(secret),
  point: bytesToHex(pointOfSecret(secret)),
});

/**
 * Returns what `channel-secrets` prints.
 * @throws Refusal `usage` without a seed, `secret-mismatch`, `no-secret`, `malformed-message`,
 * `wrong-key`
 */
export function secretsDocument(action: (typeof ACTIONS)[number], from: Fields, seed: Uint8Array | undefined): object {
  const envelope = { type: 'channel-secrets', version: 1 };
  const done = <T>(value: T): T => {
    from.skip('type', 'version', 'newest_index');
    from.end();
    return value;
  };
  const given = (): Uint8Array => from.need('secret', from.bytes('secret', 32), '32 bytes in hex');
  switch (action) {
    case 'derive': {
      if (!seed) throw new Refusal('usage', 'no seed found: --seed-file or --keys expected');
      const index = done(indexIn(from));
      return { ...envelope, ...secretView(index, secretAt(seed, index)) };
    }
    case 'insert': {
      const [store, revealed] = [readStore(from), { index: indexIn(from), secret: given() }];
      if (from.has('point')) checkPoint(revealed.secret, pointIn(from, 'point'));
      const secrets = storeView(insertSecret(store, revealed));
      return done({ ...envelope, newest_index: revealed.index, secrets });
    }
    case 'find': {
      const [store, index] = done([readStore(from), indexIn(from)] as const);
      const found = findSecret(store, index);
      if (!found) throw new Refusal('no-secret', `the store does not hold the secret of index ${index}`);
      return { ...envelope, ...secretView(index, found) };
    }
    case 'check': {
      if (from.has('secret')) checkPoint(given(), pointIn(from, 'point'));
      const store = readStore(from);
      return done({ ...envelope, valid: true, secrets: store.filter((kept) => kept).length });
    }
    case 'keys': {
      const format = choiceIn(from, 'format', FORMATS);
      const side = (name: string) => readPoints(from.need(name, from.object(name), 'an object'));
      const sides = { format, local: { points: side('holder') }, remote: { points: side('other') } };
      const keys = commitmentKeys(sides, 'local', pointIn(from, 'per_commitment_point'));
      const view = hexMap(keys, (name) => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`));
      return done({ ...envelope, keys: view });
    }
  }
}
/** Refuses a secret of another point. @throws Refusal `secret-mismatch` */
function checkPoint(secret: Uint8Array, point: Uint8Array): void {
  if (!equalBytes(pointOfSecret(secret), point))
    throw new Refusal('secret-mismatch', 'a secret found that is not of the per-commitment point');
}
