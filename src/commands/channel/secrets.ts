import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../lib/cli/base.ts';
import { arg } from '../../lib/cli/flags.ts';
import { secretFlags, readKey } from '../../lib/cli/secrets.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import { ACTIONS, secretsDocument } from '../../lib/channel/secrets-document.ts';
import { keysFlag, keysFrom } from './shared.ts';

export default class ChannelSecrets extends BaseCommand {
  static override summary = 'Per-commitment secrets and the keys bound to them: derive, insert, find, check';
  static override description = `derive reads {number} or {index} and, with --seed-file or --keys, prints the secret and its point. insert reads {secrets?, index | number, secret} and prints the store (at most 49 secrets) with it. find reads {secrets, index | number} and prints that secret. check reads {secrets} or {secret, point}. keys reads {format, holder, other, per_commitment_point} with the basepoints of both sides and prints the keys of that commitment. What is printed by derive, insert and find is secret once a channel is in use: never print the secret of a commitment that is not yet revoked.`;
  static override examples = [
    'The published vector\necho \'{"index":281474976710655}\' | spillway channel-secrets derive --seed-file seed.hex | jq -r .secret',
    'Keep what the peer reveals\nspillway channel-secrets insert < revealed.json > store.json',
  ];
  static override args = {
    action: Args.string({ description: 'What to do', options: [...ACTIONS], required: true, ignoreStdin: true }),
    file: arg('The document (default: stdin)'),
  };
  static override flags = {
    batch: batchFlag,
    keys: keysFlag,
    ...secretFlags('seed', 'The seed of the per-commitment secrets'),
  };
  static override exits = [0, 2, 65, 66, 70, 76, 77] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(ChannelSecrets);
    const seed = await readKey({ fd: flags['seed-fd'], file: flags['seed-file'] });
    const keys = await keysFrom(flags.keys);
    const action = ACTIONS.find((name) => name === args.action)!;
    await runStateless({ file: args.file, batch: flags.batch }, (document) =>
      secretsDocument(action, document, seed ?? keys?.seed),
    );
  }
}
