/** Inputs of the `channel-*` commands: the channel and its keys by file, transactions in hex. */
import { hexFlag, textFlag } from '../../lib/cli/flags.ts';
import type { Channel } from '../../lib/channel/commitment.ts';
import { readChannel, readChannelKeys, readStore, type ChannelKeys } from '../../lib/channel/document.ts';
import type { SecretStore } from '../../lib/channel/secrets.ts';
import { Fields } from '../../lib/protocol/document.ts';
import { parseJson, type Json } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { readInput } from '../../lib/cli/input.ts';
import { readSecretJson } from '../../lib/cli/secrets.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { note } from '../../lib/engine/log.ts';

const group = 'CHANNEL';
export const channelFlag = textFlag(
  'The channel (public): what channel-import prints; in place of a field "channel" of the document',
  'FILE',
  group,
);
export const keysFlag = textFlag(
  'Secret keys of one side, as channel-import writes them: a file that nobody else may read',
  'FILE',
  group,
);
export const pointFlag = hexFlag("The per-commitment point of the commitment's holder, where no seed gives it", group);

/** Reads the document of a file, and notes the fields that are not known. */
function documentFrom<T>(json: Json, file: string, read: (from: Fields) => T): T {
  const from = new Fields(json);
  const made = read(from);
  from.end();
  if (from.unread.length > 0) note(`${file}: not known, and ignored: ${from.unread.slice(0, 100).join(', ')}`);
  return made;
}
const jsonFrom = async (file: string): Promise<Json> => parseJson(utf8(await readInput(file)));

/** Reads the channel of a document, or of a file. @throws Refusal `usage`, and as `readChannel` */
export async function channelFrom(file: string | undefined, document?: Fields): Promise<Channel> {
  const inside = document?.object('channel');
  if (inside) return readChannel(inside);
  if (file === undefined)
    throw new Refusal('usage', 'no channel found: --channel FILE, or a field "channel", expected');
  return documentFrom(await jsonFrom(file), file, readChannel);
}
/** Returns the keys in a file. @throws Refusal `secret-exposed`, and as `readChannelKeys` */
export const keysFrom = async (file: string | undefined): Promise<ChannelKeys | undefined> =>
  file === undefined ? undefined : documentFrom(await readSecretJson(file), file, readChannelKeys);
/** Reads the store of secrets in a file. @throws Refusal as `readStore` */
export const storeFrom = async (file: string | undefined): Promise<SecretStore | undefined> =>
  file === undefined ? undefined : documentFrom(await jsonFrom(file), file, readStore);

/** Returns the document of a transaction in hex. */
export const rawTransaction = (text: string): Json | undefined =>
  /^(?:[0-9a-fA-F]{2})+$/.test(text) ? { transaction: text.toLowerCase() } : undefined;
