import { door } from '../../lib/cli/door.ts';
import { actionArg, arg } from '../../lib/cli/flags.ts';
import { secretFlags, readKey } from '../../lib/cli/secrets.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import { ACTIONS, secretsDocument } from '../../lib/channel/secrets-document.ts';
import { keysFlag, keysFrom } from './shared.ts';

export default door({
  summary: 'Per-commitment secrets and the keys bound to them: derive, insert, find, check',
  description: `derive reads {number} or {index} and, with --seed-file or --keys, prints the secret and its point. insert reads {secrets?, index | number, secret} and prints the store (at most 49 secrets) with it. find reads {secrets, index | number} and prints that secret. check reads {secrets} or {secret, point}. keys reads {format, holder, other, per_commitment_point} with the basepoints of both sides and prints the keys of that commitment. What is printed by derive, insert and find is secret once a channel is in use: never print the secret of a commitment that is not yet revoked.`,
  examples: [
    'The published vector\necho \'{"index":281474976710655}\' | spillway channel-secrets derive --seed-file seed.hex | jq -r .secret',
    'Keep what the peer reveals\nspillway channel-secrets insert < revealed.json > store.json',
  ],
  args: {
    action: actionArg(ACTIONS),
    file: arg('The document (default: stdin)'),
  },
  flags: {
    batch: batchFlag,
    keys: keysFlag,
    ...secretFlags('seed', 'The seed of the per-commitment secrets'),
  },
  exits: [0, 2, 65, 66, 70, 76, 77],
  run: async (flags, { action, file }) => {
    const seed = await readKey(flags, 'seed');
    const keys = await keysFrom(flags.keys);
    await runStateless({ file, batch: flags.batch }, (document) =>
      secretsDocument(action, document, seed ?? keys?.seed),
    );
  },
});
