/** Backups and secrets of nodes, read by `channel-import` and `channel-exit`; files of channels. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { choiceFlag, countFlag, hexFlag, inGroup, textFlag, type Values } from '../../lib/cli/flags.ts';
import { parseSat } from '../../lib/bitcoin/amount.ts';
import { NETWORKS } from '../../lib/bitcoin/network.ts';
import { outpointText, parseOutpoint } from '../../lib/bitcoin/outpoint.ts';
import type { Channel } from '../../lib/channel/commitment.ts';
import { channelView, keysView, pointsOf, type ChannelKeys } from '../../lib/channel/document.ts';
import { FORMATS } from '../../lib/channel/format.ts';
import { backedNumber, lndRoot, readLndBackup, type Backed } from '../../lib/channel/lnd.ts';
import { clnKeys, eclairKeys, hsmSecret } from '../../lib/channel/seeds.ts';
import { printJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { parsePoint } from '../../lib/signing/curve.ts';
import { readInput } from '../../lib/cli/input.ts';
import { secretFlags, readSecretFile, readSecret, readGuarded } from '../../lib/cli/secrets.ts';
import { createFile, print } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';

const group = 'BACKUP';
export const backupFlags = {
  network: choiceFlag(NETWORKS, 'Network of the node', { required: true, helpGroup: group }),
  ...secretFlags('root-key', "Root key of lnd's wallet", group, 'xprv… or tprv…'),
  outpoint: textFlag(
    'Only this channel; of Core Lightning and eclair with its capacity, as TXID:VOUT:SAT',
    'TXID:VOUT',
    group,
  ),
};
const seed = 'CORE LIGHTNING AND ECLAIR';
export const importFlags = {
  ...backupFlags,
  out: textFlag('Folder for the files, made where it is not there', 'DIR', { required: true }),
  ...inGroup(seed, {
    'hsm-secret': textFlag("Core Lightning's hsm_secret, which nobody else may read", 'FILE'),
    peer: hexFlag("Core Lightning: the peer's node id"),
    dbid: countFlag("Core Lightning: the channel's number in the database, 1 for the first", [0], { helpValue: 'N' }),
    'eclair-seed': textFlag("eclair's channel_seed.dat, which nobody else may read", 'FILE', {
      exclusive: ['hsm-secret'],
    }),
    'funding-pubkey': hexFlag(
      'eclair: your funding public key, one of the two in the witness of what spent the first funding',
    ),
    format: choiceFlag(FORMATS, 'Its format'),
    opener: choiceFlag(['local', 'remote'], 'Who opened it'),
  }),
};
type ImportValues = Values<typeof importFlags>;
/** Most bytes of a backup: 100,000 channels. */
const BACKUP_LIMIT = 64_000_000;

/** Reads the channels of a backup, or one by outpoint. @throws Refusal as `readLndBackup` */
export async function backedBy(
  flags: Values<typeof backupFlags>,
  file: string | undefined,
): Promise<readonly [Backed, ...Backed[]]> {
  const { rootKeyFile: key, rootKeyFd: fd } = flags;
  const text = fd !== undefined ? await readSecret(fd) : key !== undefined ? await readSecretFile(key) : undefined;
  if (text === undefined) throw new Refusal('usage', 'no root key found: --root-key-file or --root-key-fd expected');
  const all = readLndBackup(await readInput(file, BACKUP_LIMIT), lndRoot(text, flags.network));
  const [first, ...more] = all.filter(({ outpoint }) => outpoint === (flags.outpoint ?? outpoint));
  if (!first) throw new Refusal('no-input', `the backup holds no channel${flags.outpoint ? ` ${flags.outpoint}` : ''}`);
  return [first, ...more];
}

/** Writes both files of a channel, which must not be there yet. @throws Refusal `cannot-write` */
async function writeChannel(dir: string, channel: Channel, keys: ChannelKeys): Promise<object> {
  await mkdir(dir, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new Refusal('cannot-write', `${dir}: ${(error as NodeJS.ErrnoException).code}`);
  });
  const name = join(dir, outpointText(channel.funding).replace(':', '-'));
  const files = { channel_file: `${name}.channel.json`, keys_file: `${name}.keys.json` };
  await createFile(files.keys_file, `${printJson(keysView(keys))}\n`);
  await createFile(files.channel_file, `${printJson(channelView(channel))}\n`, 0o644);
  return files;
}
const printFound = (network: string, channels: readonly object[]): Promise<void> =>
  print({ type: 'channel-import', version: 1, network, channels });

/** Imports the channels of an lnd backup. @throws Refusal `cannot-write`, and as `backedBy` */
export async function importLnd(flags: ImportValues, file: string | undefined): Promise<void> {
  const channels = [];
  for (const one of await backedBy(flags, file)) {
    const served = one.notServed === undefined;
    if (!served) note(`${one.outpoint}: ${one.notServed} is not swept; channel-exit can sign its commitment`);
    channels.push({
      outpoint: one.outpoint,
      peer: one.peer,
      short_channel_id: one.shortChannelId,
      capacity_sat: one.channel.funding.sat,
      format: served ? one.channel.format : one.notServed,
      opener: one.channel.opener,
      commitment_number: backedNumber(one) ?? null,
      ...(served && (await writeChannel(flags.out, one.channel, one.keys))),
    });
  }
  await printFound(flags.network, channels);
}

/** Returns the public key of a flag. @throws Refusal `wrong-key` */
function pointFrom(name: string, bytes: Uint8Array): Uint8Array {
  if (!parsePoint(bytes)) throw new Refusal('wrong-key', `--${name}: a compressed public key in hex expected`);
  return bytes;
}
/**
 * Imports a channel by the secret of its node.
 * @throws Refusal `usage`, `malformed-backup`, `secret-exposed`, `wrong-key`
 */
export async function importSeed(flags: ImportValues): Promise<void> {
  const { outpoint = '', opener, format, network, hsmSecret: hsm, eclairSeed: eclair } = flags;
  const { peer, dbid, fundingPubkey: funding } = flags;
  const at = outpoint.lastIndexOf(':');
  const [found, sat] = [parseOutpoint(outpoint.slice(0, at)), parseSat(outpoint.slice(at + 1))];
  const isWhole = hsm === undefined ? funding !== undefined : peer !== undefined && dbid !== undefined;
  if (!isWhole || !found || sat === undefined || !format || !opener)
    throw new Refusal(
      'usage',
      `${hsm === undefined ? '--funding-pubkey' : '--peer, --dbid'}, --opener, --outpoint TXID:VOUT:SAT and --format expected`,
    );
  const keys =
    hsm === undefined
      ? eclairKeys(await readGuarded(eclair!), network, pointFrom('funding-pubkey', funding!))
      : clnKeys(hsmSecret(await readGuarded(hsm)), pointFrom('peer', peer!), BigInt(dbid!));
  const points = { ...pointsOf(keys.secrets), ...(funding && { funding }) };
  const channel: Channel = {
    network,
    format,
    funding: { ...found, sat, script: '' },
    opener,
    local: { points, delay: undefined },
    remote: { points: {}, delay: undefined },
  };
  const files = await writeChannel(flags.out, channel, keys);
  note("the peer's points are not in a node's secret: to_remote is swept with what is there, add the others for more");
  await printFound(network, [{ outpoint: outpointText(found), capacity_sat: sat, format, opener, ...files }]);
}
