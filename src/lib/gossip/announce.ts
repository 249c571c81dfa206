/**
 * Version 2 messages made from a document: signed here or elsewhere, or waiting for a signature.
 * Not here: which keys sign what (`verify.ts`).
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { signHash, xOnlyKey } from '../signing/bip340.ts';
import { evenSecret, mod, secretScalar, toBytes } from '../signing/curve.ts';
import { keyAgg, keyAggCoefficients, publicKey } from '../signing/musig2.ts';
import { gossipProblems } from './details.ts';
import { gossipLine, type GossipLine, announcementKeys, gossipHash } from './verify.ts';
import { LAYOUTS, readGossip, writeGossip, type GossipMessage } from './message.ts';

export interface Announced extends GossipLine {
  /** Bytes, hex; unsigned if `signing` says what must be signed. */
  message: string;
  signing?: { message: string; key?: string };
}

/**
 * Makes the message of a document with the names that `gossip decode` prints.
 * @param given secrets of all signers, or a signature of 64 bytes in hex
 * @throws Refusal `malformed-message`, `malformed-gossip`, `wrong-key`; of records as `readGossip`
 */
export function announceDocument(
  from: Fields,
  given: { secrets?: readonly Uint8Array[]; signature?: string | undefined },
): Announced {
  const kind = from.text('kind');
  const type =
    [267, 269, 271].find((each) => LAYOUTS[each]!.kind === kind) ??
    from.refuse('kind', 'channel_announcement_2, channel_update_2 or node_announcement_2');
  from.skip('type', 'version', 'kind', 'problems', 'signatures', 'valid', 'checks', 'message', 'signing');
  const bare = readGossip(writeGossip(type, from));
  const [problem] = gossipProblems(bare);
  if (problem) throw new Refusal(problem.code, `${problem.field}: ${problem.text}`);
  const signature = given.signature ?? (given.secrets && signMessage(bare, given.secrets));
  const { custom, ...values } = bare.values;
  const made =
    signature === undefined ? bare : readGossip(writeGossip(type, new Fields({ ...values, custom, signature })));
  return {
    ...gossipLine(made.bytes),
    message: bytesToHex(made.bytes),
    ...(made.values['signature'] === undefined && { signing: signingOf(bare) }),
  };
}

/** Returns what somebody else must sign: the hash, and the x-only key if known. */
function signingOf({ type, values, bytes }: GossipMessage): { message: string; key?: string } {
  const keys = type === 267 ? announcementKeys(values) : undefined;
  const key = type === 269 ? values['node_id'].slice(2) : keys && bytesToHex(keyAgg(keys).xQ);
  return { message: bytesToHex(gossipHash({ type, bytes })), ...(key !== undefined && { key }) };
}

/**
 * Signs with the secrets of all keys. An update or node announcement needs one. A channel
 * announcement needs those of both nodes and both bitcoin keys, or of the output's own key.
 * @throws Refusal `wrong-key` for secrets of other keys
 */
function signMessage(message: GossipMessage, secrets: readonly Uint8Array[]): string {
  const { type, values } = message;
  const hash = gossipHash(message);
  if (type !== 267) {
    const [secret] = secrets;
    const named = type === 269 ? values['node_id'] : undefined;
    if (secrets.length !== 1 || (named && xOnlyKey(secret!) !== named.slice(2)))
      throw new Refusal('wrong-key', `${secrets.length} keys found, the one of the node expected`);
    return signHash(hash, secret!);
  }
  const found = secrets.map((secret) => bytesToHex(publicKey(secret)));
  // Without bitcoin keys, the one key that is no node's is the output's own, with even y.
  const own = found.find((key) => key !== values['node_id_1'] && key !== values['node_id_2']);
  const keys = announcementKeys(values, `5120${own?.slice(2)}`) ?? [];
  const ordered = keys.map((key) => {
    const from = keys.length === 3 ? 2 : 0;
    return secrets[found.findIndex((each) => each.slice(from) === bytesToHex(key).slice(from))];
  });
  if (ordered.includes(undefined) || secrets.length !== keys.length || keys.length === 0)
    throw new Refusal('wrong-key', `${secrets.length} keys found, those of the ${keys.length} that sign expected`);
  return signHash(hash, aggregateSecret(ordered as Uint8Array[], keys));
}

/** Returns the secret behind a MuSig2 aggregate, from all secrets. */
function aggregateSecret(secrets: readonly Uint8Array[], keys: readonly Uint8Array[]): Uint8Array {
  const coefficients = keyAggCoefficients(keys);
  const scalars = secrets.map((secret, i) => {
    const own = bytesToHex(publicKey(secret)) === bytesToHex(keys[i]!) ? secret : evenSecret(secret);
    return mod(secretScalar(own) * coefficients[i]!);
  });
  return toBytes(mod(scalars.reduce((sum, scalar) => sum + scalar, 0n)));
}
