/**
 * Parts that the onion commands share: keys as scalars, packets in hex or base64, and the words
 * about a refused packet.
 */
import { explain } from '../../lib/onion/answer.ts';
import { needScalar } from '../../lib/signing/curve.ts';
import type { RefusedPacket } from '../../lib/onion/peel.ts';
import type { Json } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { note } from '../../lib/engine/log.ts';
import type { Values } from '../../lib/cli/flags.ts';
import { readKey, readKeyList } from '../../lib/cli/secrets.ts';
import type { nodeKeyFlags } from '../../lib/cli/stateless.ts';

type KeyValues = Partial<Values<typeof nodeKeyFlags>>;

/** Returns the scalar of a key flag, if any. @throws Refusal `wrong-key`, `secret-exposed` */
export async function keyOf(flags: KeyValues): Promise<bigint | undefined> {
  const bytes = await readKey(flags, 'key');
  return bytes && needScalar(bytes, 'the key');
}

/** Returns the scalar of a key flag. @throws Refusal `usage` where no key is given */
export async function neededKey(flags: KeyValues): Promise<bigint> {
  const key = await keyOf(flags);
  if (key === undefined)
    throw new Refusal('usage', 'no key to decrypt with', { hint: 'give --key-file FILE or --key-fd N' });
  return key;
}

/** Returns one key, or those of a path. @throws Refusal as `neededKey` */
export async function peelKeys(flags: KeyValues & { all?: string | undefined }): Promise<bigint[]> {
  if (flags.all === undefined) return [await neededKey(flags)];
  return (await readKeyList(flags.all)).map((bytes, i) => needScalar(bytes, `key ${i}`));
}

/** Reads a packet without JSON, known by its first bytes: version 0, then a compressed key. */
export function rawPacket(text: string): Json | undefined {
  const folded = text.replace(/\s+/g, '');
  if (/^[0-9a-f]{2}0[0-9a-f]{65}[0-9a-f]*$/i.test(folded)) return { onion: folded };
  if (/^AA[I-P][A-Za-z0-9+/]+=*$/.test(folded)) return { onion: Buffer.from(folded, 'base64').toString('hex') };
  return undefined;
}

/** Prints the reason in words and throws it, unless the node's answer was requested. */
export function throwRefused(
  { refusal, hop }: RefusedPacket,
  flags: { failure?: boolean; explain?: boolean; all?: string | undefined },
): void {
  const words = flags.explain ? explain(refusal.code) : undefined;
  if (words !== undefined) note(words);
  const text = flags.all === undefined ? refusal.message : `hop ${hop}: ${refusal.message}`;
  if (!flags.failure) throw new Refusal(refusal.code, text, refusal.hint === undefined ? {} : { hint: refusal.hint });
  note(`refused [${refusal.code}]: ${text}`);
}
