/** `channel-import` and `channel-exit`: backups of nodes read, files written, the commitment of a backup signed. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { parseSat } from '../../lib/bitcoin/amount.ts';
import { hexToBytes } from '../../lib/bitcoin/bytes.ts';
import { NETWORKS, type Network } from '../../lib/bitcoin/network.ts';
import { outpointText, parseOutpoint } from '../../lib/bitcoin/outpoint.ts';
import { clnKeys, hsmSecret } from '../../lib/channel/cln.ts';
import type { Channel } from '../../lib/channel/commitment.ts';
import { channelView, keysView, type Keys } from '../../lib/channel/document.ts';
import { backedNumber, signBacked } from '../../lib/channel/exit.ts';
import { FORMATS } from '../../lib/channel/format.ts';
import { BASES, type Basepoints } from '../../lib/channel/keys.ts';
import { lndRoot, readLndBackup, type Backed } from '../../lib/channel/lnd.ts';
import { printJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { parsePoint, publicBytes, secretScalar } from '../../lib/signing/curve.ts';
import { readInput } from '../../lib/cli/input.ts';
import { createFile, print } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';
import { readSecretFile, readSecret, readGuarded } from '../../lib/cli/secrets.ts';

const group = 'BACKUP';
export const backupFlags = {
  network: Flags.option({ options: NETWORKS })({ summary: 'Network of the node', required: true, helpGroup: group }),
  'root-key-file': Flags.string({
    summary: "lnd: the wallet's root key (xprv…, tprv…), in a file that nobody else may read",
    helpValue: 'FILE',
    helpGroup: group,
  }),
  'root-key-fd': Flags.integer({
    summary: 'The same, from this file descriptor',
    helpValue: 'N',
    min: 0,
    exclusive: ['root-key-file'],
    helpGroup: group,
  }),
  outpoint: Flags.string({
    summary: 'Only this channel; of Core Lightning with its capacity, as TXID:VOUT:SAT',
    helpValue: 'TXID:VOUT',
    helpGroup: group,
  }),
};
interface Values {
  network: Network;
  'root-key-file'?: string | undefined;
  'root-key-fd'?: number | undefined;
  outpoint?: string | undefined;
}
/** A backup of 100,000 channels. */
const BACKUP_LIMIT = 64_000_000;

/** The channels of a backup, or the one that is named. @throws Refusal `usage`, and as `readLndBackup` */
async function backed(flags: Values, file: string | undefined): Promise<Backed[]> {
  const { 'root-key-file': key, 'root-key-fd': fd } = flags;
  const text = fd !== undefined ? await readSecret(fd) : key !== undefined ? await readSecretFile(key) : undefined;
  if (text === undefined) throw new Refusal('usage', 'no root key found: --root-key-file or --root-key-fd expected');
  const all = readLndBackup(await readInput(file, BACKUP_LIMIT), lndRoot(text, flags.network));
  const some = flags.outpoint === undefined ? all : all.filter(({ outpoint }) => outpoint === flags.outpoint);
  if (some.length === 0)
    throw new Refusal('no-input', `the backup holds no channel${flags.outpoint ? ` ${flags.outpoint}` : ''}`);
  return some;
}

/** Writes both files of a channel, which must not be there yet. @throws Refusal `cannot-write` */
async function writeChannel(dir: string, channel: Channel, keys: Keys): Promise<object> {
  await mkdir(dir, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new Refusal('cannot-write', `${dir}: ${(error as NodeJS.ErrnoException).code}`);
  });
  const name = join(dir, outpointText(channel.funding).replace(':', '-'));
  const files = { channel_file: `${name}.channel.json`, keys_file: `${name}.keys.json` };
  await createFile(files.keys_file, `${printJson(keysView(keys))}\n`);
  await createFile(files.channel_file, `${printJson(channelView(channel))}\n`, 0o644);
  return files;
}

export async function importLnd(flags: Values & { out: string }, file: string | undefined): Promise<void> {
  const channels = [];
  for (const one of await backed(flags, file)) {
    const served = one.notServed === undefined;
    if (!served) note(`${one.outpoint}: ${one.notServed} is not swept; channel-exit can sign its commitment`);
    const number = backedNumber(one);
    channels.push({
      outpoint: one.outpoint,
      peer: one.peer,
      short_channel_id: one.shortChannelId,
      capacity_sat: one.channel.funding.sat,
      format: served ? one.channel.format : one.notServed,
      opener: one.channel.opener,
      commitment_number: number ?? null,
      ...(served && (await writeChannel(flags.out, one.channel, one.keys))),
    });
  }
  await print(printJson({ type: 'channel-import', version: 1, network: flags.network, channels }));
}

interface ClnValues extends Values {
  out: string;
  peer?: string | undefined;
  dbid?: number | undefined;
  format?: string | undefined;
  opener?: 'local' | 'remote' | undefined;
}
/** @throws Refusal `usage`, `malformed-backup`, `secret-exposed`, `wrong-key` */
export async function importCln(flags: ClnValues, file: string): Promise<void> {
  const { peer, dbid, outpoint = '', opener } = flags;
  const at = outpoint.lastIndexOf(':');
  const [found, sat] = [parseOutpoint(outpoint.slice(0, at)), parseSat(outpoint.slice(at + 1))];
  const format = FORMATS.find((name) => name === flags.format);
  if (peer === undefined || dbid === undefined || !found || sat === undefined || !format || opener === undefined)
    throw new Refusal(
      'usage',
      `--peer, --dbid, --opener, --outpoint TXID:VOUT:SAT and --format expected; formats: ${FORMATS.join(', ')}`,
    );
  const node = /^0[23][0-9a-f]{64}$/.test(peer) ? hexToBytes(peer) : undefined;
  if (!node || !parsePoint(node))
    throw new Refusal('wrong-key', '--peer: a node id expected, 33 bytes in lowercase hex');
  const keys = clnKeys(hsmSecret(await readGuarded(file)), node, BigInt(dbid));
  const points = Object.fromEntries(
    BASES.flatMap((base) => (keys.secrets[base] ? [[base, publicBytes(secretScalar(keys.secrets[base]))]] : [])),
  ) as Basepoints;
  const channel: Channel = {
    network: flags.network,
    format,
    funding: { ...found, sat, script: '' },
    opener,
    local: { points, delay: undefined },
    remote: { points: {}, delay: undefined },
  };
  const files = await writeChannel(flags.out, channel, keys);
  const row = { outpoint: outpointText(found), peer, capacity_sat: sat, format, opener, ...files };
  note("the peer's points are not in an hsm_secret: to_remote is swept with what is there, add the others for more");
  await print(printJson({ type: 'channel-import', version: 1, network: flags.network, channels: [row] }));
}

interface ExitValues extends Values {
  backup: string;
  newest?: bigint | undefined;
  'accept-penalty-risk'?: boolean;
}
/** @throws Refusal `maybe-revoked`, `usage` where more channels than one are there, and as `signBacked` */
export async function exitBacked(flags: ExitValues): Promise<void> {
  const [one, ...more] = await backed(flags, flags.backup);
  if (more.length > 0)
    throw new Refusal('usage', `${more.length + 1} channels found: --outpoint of one of them expected`, {
      hint: 'channel-import lists them',
    });
  if (!flags['accept-penalty-risk'])
    throw new Refusal(
      'maybe-revoked',
      'nobody knows whether the commitment of this backup was revoked by a later payment',
      {
        hint: 'ask the peer to close, and sweep to_remote; only if it is gone for good: --accept-penalty-risk',
      },
    );
  const { hex, txid, number } = signBacked(one!, flags.newest);
  note(`if commitment ${number} is not the newest, the peer takes the whole channel within its delay`);
  await print(
    printJson({
      type: 'channel-exit',
      version: 1,
      network: flags.network,
      outpoint: one!.outpoint,
      number,
      txid,
      hex,
      checks: { revoked: flags.newest === undefined ? 'not-checked' : `not below ${flags.newest}` },
    }),
  );
}
