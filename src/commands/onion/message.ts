import { door } from '../../lib/cli/door.ts';
import { actionArg, arg, countFlag, wholeFlag } from '../../lib/cli/flags.ts';
import { batchFlag, nodeKeyFlags, runStateless, secretsFlag } from '../../lib/cli/stateless.ts';
import { buildMessageDocument, peelMessageDocument } from '../../lib/onion/message.ts';
import { PACKET_LIMITS } from '../../lib/onion/packet.ts';
import { neededKey } from './shared.ts';

export default door({
  summary: 'Onion messages (type 513): build along a blinded path, peel at a node',
  description: `build reads {path | nodes, message: {invoice_request | invoice | invoice_error | custom}, reply_path?}: path and reply_path as onion-blind make prints them, or nodes, a list of public keys, for a path that is made here. peel reads {onion_message} or what build or peel printed.`,
  examples: [
    'A message over two nodes\nspillway onion-message build < message.json | spillway onion-message peel --key-file alice.key | spillway onion-message peel --key-file bob.key',
    'Through a path that the recipient made\nspillway onion-blind make < hops.json | jq "{path: ., message: {custom: {\\"1\\": \\"68656c6c6f\\"}}}" | spillway onion-message build',
  ],
  args: {
    action: actionArg(['build', 'peel']),
    file: arg('The document (default: stdin)'),
  },
  flags: {
    batch: batchFlag,
    ...nodeKeyFlags,
    size: countFlag(
      'Bytes of hop payloads when building (default 1300 where that is enough, else 32768)',
      [PACKET_LIMITS.size.least, PACKET_LIMITS.message.most],
      { helpValue: 'BYTES' },
    ),
    'known-type': wholeFlag('Accept this even type of record when peeling', { multiple: true }),
    secrets: secretsFlag,
  },
  exits: [0, 2, 65, 66, 70, 75, 76, 77],
  run: async (flags, { action, file }) => {
    const key = action === 'peel' ? await neededKey(flags) : 0n;
    const random = () => crypto.getRandomValues(new Uint8Array(32));
    await runStateless({ file, batch: flags.batch }, (document) =>
      action === 'peel'
        ? peelMessageDocument(document, key, flags.knownType ?? [], flags.secrets)
        : buildMessageDocument(document, { session: random(), path: random() }, flags),
    );
  },
});
