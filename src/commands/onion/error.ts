import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../lib/cli/base.ts';
import { arg } from '../../lib/cli/flags.ts';
import { batchFlag, nodeKeyFlags, runStateless } from '../../lib/cli/stateless.ts';
import { buildErrorDocument, unwrapErrorDocument, wrapErrorDocument } from '../../lib/onion/error-document.ts';
import { keyOf } from './shared.ts';

export default class OnionError extends BaseCommand {
  static override summary = 'Error onions: build at the failing hop, wrap on the way back, unwrap at the origin';
  static override description = `build reads {shared_secret, failure, data?, hold_time?}, wrap {shared_secret, error, attribution_data?, hold_time?}, unwrap {shared_secrets, error, attribution_data?}. Instead of shared_secret, the packet as onion and the key of the node. A hold_time (units of 100 ms) asks for attribution data; with it unwrap tells how long each hop took and who altered the answer. Failures of packets that cannot be read carry sha256_of_onion.`;
  static override examples = [
    'A hop fails, and the origin learns which\nspillway onion-error build < failure.json | spillway onion-error wrap --key-file bob.key | jq -r .error',
    'Who failed, and why?\nspillway onion-error unwrap < answer.json | jq -r "[.hop, .failure] | @tsv"',
  ];
  static override args = {
    action: Args.string({
      description: 'What to do',
      options: ['build', 'wrap', 'unwrap'],
      required: true,
      ignoreStdin: true,
    }),
    file: arg('The document (default: stdin)'),
  };
  static override flags = { batch: batchFlag, ...nodeKeyFlags };
  static override exits = [0, 2, 65, 66, 70, 76, 77] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(OnionError);
    const key = await keyOf(flags);
    await runStateless({ file: args.file, batch: flags.batch }, (document) => {
      if (args.action === 'build') return buildErrorDocument(document, key);
      return args.action === 'wrap' ? wrapErrorDocument(document, key) : unwrapErrorDocument(document);
    });
  }
}
