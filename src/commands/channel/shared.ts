/**
 * Parts that the `channel-*` commands share: the channel and its keys by file, transactions in hex,
 * facts about a commitment.
 */
import * as Flags from '@oclif/core/flags';
import type { Channel } from '../../lib/channel/commitment.ts';
import {
  pointAt,
  readChannel,
  readHtlcs,
  readKeys,
  readStore,
  sideOf,
  type Keys,
  type KnownHtlc,
} from '../../lib/channel/document.ts';
import type { Side } from '../../lib/channel/keys.ts';
import type { Knowledge } from '../../lib/channel/match.ts';
import type { SecretStore } from '../../lib/channel/secrets.ts';
import { Fields } from '../../lib/protocol/document.ts';
import { parseJson, type Json } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { readInput } from '../../lib/cli/input.ts';
import { readSecretJson } from '../../lib/cli/secrets.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { hexFlag } from '../../lib/cli/stateless.ts';
import { note } from '../../lib/engine/log.ts';

const group = 'CHANNEL';
export const channelFlag = Flags.string({
  summary: 'The channel (public): what channel-import prints; in place of a field "channel" of the document',
  helpValue: 'FILE',
  helpGroup: group,
});
export const keysFlag = Flags.string({
  summary: 'Secret keys of one side, as channel-import writes them: a file that nobody else may read',
  helpValue: 'FILE',
  helpGroup: group,
});
export const pointFlag = hexFlag({
  summary: "The per-commitment point of the commitment's holder, where no seed gives it",
  helpGroup: group,
});

/** A JSON document from a file, its unknown fields noted. */
async function documentFrom<T>(json: Json, file: string, read: (from: Fields) => T): Promise<T> {
  const from = new Fields(json, '');
  const made = read(from);
  from.end();
  for (const name of from.unread) note(`${file}: ${name} is not known, and ignored`);
  return made;
}
/** @throws Refusal `usage` where there is none, and as `readChannel` */
export async function channelFrom(file: string | undefined, document?: Fields): Promise<Channel> {
  const inside = document?.object('channel');
  if (inside) return readChannel(inside);
  if (file === undefined)
    throw new Refusal('usage', 'no channel found: --channel FILE, or a field "channel", expected');
  return documentFrom(parseJson(utf8(await readInput(file))), file, readChannel);
}
/** @throws Refusal `secret-exposed`, and as `readKeys` */
export const keysFrom = async (file: string | undefined): Promise<Keys | undefined> =>
  file === undefined ? undefined : documentFrom(await readSecretJson(file), file, readKeys);

/** The store of secrets in a file. @throws Refusal as `readStore` */
export const storeFrom = async (file: string | undefined): Promise<SecretStore | undefined> =>
  file === undefined
    ? undefined
    : documentFrom(parseJson(utf8(await readInput(file))), file, (from) => {
        from.skip('type', 'version', 'newest_index');
        return readStore(from);
      });

/** A transaction in hex, as a document. */
export const rawTransaction = (text: string): Json | undefined =>
  /^(?:[0-9a-fA-F]{2})+$/.test(text) ? { transaction: text.toLowerCase() } : undefined;

/**
 * Returns the facts about a commitment by document, keys and flags.
 * @throws Refusal `malformed-message`, `wrong-key`
 */
export function knowledge(
  channel: Channel,
  document: Fields,
  keys: Keys | undefined,
  point: Uint8Array | undefined,
): Knowledge & { htlcs: readonly KnownHtlc[]; owner: Side | undefined } {
  const owner = keys && sideOf(channel, keys);
  const given = document.bytes('per_commitment_point', 33) ?? point;
  return {
    owner,
    htlcs: readHtlcs(document),
    pointOf: (holder, number) =>
      given ?? (keys?.seed && holder === owner && number !== undefined ? pointAt(keys.seed, number) : undefined),
  };
}
