import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../lib/cli/base.ts';
import { arg } from '../../lib/cli/flags.ts';
import { backupFlags, importCln, importLnd } from './backup.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default class ChannelImport extends BaseCommand {
  static override summary = "Channels out of a node's backup: lnd's channel.backup, or Core Lightning's hsm_secret";
  static override description = `Writes for each channel a public file (NAME.channel.json) and a file with its keys (NAME.keys.json, mode 600) into --out, and prints what it found. lnd: FILE is channel.backup or a backup of one channel, with the wallet's root key. Core Lightning: --hsm-secret with --peer and --dbid, and what it does not hold: --outpoint, --format, --opener. LDK and eclair keep a random number of each channel in their database, without which the seed finds no key: they are not served. Words of an lnd seed (aezeed) are not read either: chantools showrootkey makes the root key of them.`;
  static override examples = [
    'lnd\nspillway channel-import --network mainnet --root-key-file root.key --out channels channel.backup | jq ".channels[]"',
    'Core Lightning\nspillway channel-import --network mainnet --hsm-secret hsm_secret --peer "$PEER" --dbid 1 --outpoint "$TXID:0:1000000" --format anchors --opener local --out channels',
  ];
  static override args = { file: arg({ description: 'The backup of lnd (default: stdin)' }) };
  static override flags = {
    ...backupFlags,
    out: Flags.string({
      summary: 'Folder for the files, made where it is not there',
      helpValue: 'DIR',
      required: true,
    }),
    'hsm-secret': Flags.string({
      summary: "Core Lightning's file, which nobody else may read",
      helpValue: 'FILE',
      helpGroup: 'CLN',
    }),
    peer: Flags.string({ summary: "The peer's node id", helpValue: 'PUBKEY', helpGroup: 'CLN' }),
    dbid: Flags.integer({
      summary: "The channel's number in the database: 1 for the first",
      helpValue: 'N',
      min: 0,
      helpGroup: 'CLN',
    }),
    format: Flags.string({ summary: 'Its format', helpValue: 'FORMAT', helpGroup: 'CLN' }),
    opener: Flags.option({ options: ['local', 'remote'] as const })({ summary: 'Who opened it', helpGroup: 'CLN' }),
  };
  static override exits = [0, 2, 3, 65, 66, 70, 73, 77] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(ChannelImport);
    if (flags['hsm-secret'] === undefined) return importLnd(flags, args.file);
    if (args.file !== undefined)
      throw new Refusal('usage', 'a backup of lnd and an hsm_secret found, one of them expected');
    return importCln(flags, flags['hsm-secret']);
  }
}
