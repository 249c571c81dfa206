import { randomBytes } from 'node:crypto';
import { BaseCommand } from '../../lib/cli/base.ts';
import { arg, requiredArg } from '../../lib/cli/flags.ts';
import { readGraph } from './dumps.ts';
import { bitsFlag, capacityFlag } from '../sketch/shared.ts';
import { hexFlag, maxInputFlag } from '../../lib/cli/stateless.ts';
import { print } from '../../lib/cli/output.ts';
import { reconcile } from '../../lib/gossip/reconcile.ts';
import { printJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default class GossipReconcile extends BaseCommand {
  static override summary =
    'What two nodes know that the other does not, found by sketches, and the bytes that it took';
  static override description = `Reads two dumps as gossip graph does, and plays what two peers would do: each sends a sketch of its announcements and updates; where the difference is larger than the sketch, extensions to twice the capacity, up to 64 kB. missing names what the first and the second lack; bytes compares with sending ids, or everything. Exit 3 where the difference is too large for sketches. A salt that both know keeps others from making messages collide.`;
  static override examples = [
    'Two nodes\nspillway gossip reconcile --bits 64 --capacity 32 mine/gossip_store theirs/gossip_store | jq .bytes',
    'What do I lack?\nspillway gossip reconcile --bits 64 --capacity 32 mine.json theirs.json | jq -c ".missing.first[]"',
  ];
  static override args = {
    first: requiredArg({ description: 'A dump' }),
    second: arg({ description: 'Another dump (default: stdin)' }),
  };
  static override flags = {
    bits: bitsFlag,
    capacity: capacityFlag,
    salt: hexFlag({ summary: 'The 16 bytes that both parties share (default: fresh ones, which are printed)' }),
    'max-input': maxInputFlag,
  };
  static override exits = [0, 2, 3, 65, 66, 70] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(GossipReconcile);
    const salt = flags.salt ?? randomBytes(16);
    if (salt.length !== 16) throw new Refusal('usage', `--salt: ${salt.length} bytes found, 16 expected`);
    const limit = flags['max-input'];
    const [first, second] = [await readGraph(args.first, { limit }), await readGraph(args.second, { limit })];
    const made = reconcile(first, second, flags.bits, flags.capacity, salt);
    process.exitCode = made.decoded ? 0 : 3;
    await print(printJson(made));
  }
}
