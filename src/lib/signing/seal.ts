/**
 * Seals of messages: a BIP340 signature by a key that signs nothing but messages of one contract.
 * It covers taggedHash("spillway/message", canonical JSON of the message without `checks` and
 * `auth`).
 * Not here: whose key a message needs (each family's table).
 */
import { canonicalJson } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { signHash, verifies } from './bip340.ts';
import { taggedTextHash } from './curve.ts';

/** Returns the hash that a seal signs: of the message without `checks` and `auth`. */
export function messageHash(message: object): Uint8Array {
  const { auth: _, checks: __, ...rest } = message as Record<string, unknown>;
  return taggedTextHash('spillway/message', canonicalJson(rest));
}

/** Signs a message; the result ends with `auth`. */
export function seal<M extends object>(message: M, secret: Uint8Array): M & { auth: string } {
  return { ...message, auth: signHash(messageHash(message), secret) };
}

/** Returns whether `auth` is the signature of `pubkey` (32 bytes, hex) over the message. */
export function isSealedBy(message: object, pubkey: string): boolean {
  const { auth } = message as { auth?: unknown };
  return typeof auth === 'string' && /^[0-9a-f]{128}$/.test(auth) && verifies(auth, messageHash(message), pubkey);
}

/** Checks a seal by `pubkey` (32 bytes, hex). @throws Refusal `bad-seal` */
export function checkSeal(message: object, pubkey: string, from: string): void {
  if (!isSealedBy(message, pubkey))
    throw new Refusal(
      'bad-seal',
      `the message is not sealed by the ${from}: it was altered, or somebody else made it`,
      {
        blame: from,
      },
    );
}
