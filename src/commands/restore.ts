import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../lib/cli/base.ts';
import { homeFlags } from '../lib/cli/flags.ts';
import { withHome } from '../lib/cli/home.ts';
import { note, print } from '../lib/cli/output.ts';
import { printJson } from '../lib/protocol/json.ts';

/** What the owner of a restored or copied store must know before going on. */
const LOST = [
  'every open nonce, offer and proposal of this home is erased: ask again',
  'contracts made after the backup are known by their refunds only',
  'a payee may miss payments that were signed after the backup: exit, close or roll over, but no more updates',
  'an operator of statecoins signs nothing more for those of the restored store: their shares are destroyed, their owners exit',
  'if the other copy still runs, stop it: two copies of a home give keys away',
];

export default class Restore extends BaseCommand {
  static override summary = 'Bring back refunds that were kept outside the home, and accept a restored store';
  static override description = `Reads the folder of refunds (--refunds, by default HOME.refunds), takes their addresses into the home so that their coins are found, and prints each refund, one JSON object a line. A refund holds no secret; any node takes it from valid_from_height on.
With --accept-restore a home whose store was restored from a backup, or copied, works again. What may be lost is said on stderr. An image of the whole machine put back is not noticed, and can give keys away.`;
  static override examples = [
    'Send the refunds that are valid by now\nspillway restore --home user | jq -r --argjson tip "$(bitcoin-cli getblockcount)" "select(.valid_from_height <= \\$tip + 1).hex" | xargs -n 1 bitcoin-cli sendrawtransaction',
    'A home that lost its store: words and refunds make it again\nage -d words.age | spillway init --home again --network regtest --mnemonic-fd 0\nspillway restore --home again --refunds user.refunds | jq .capacity_sat',
  ];
  static override flags = {
    ...homeFlags,
    'accept-restore': Flags.boolean({ summary: 'Go on with a store that was restored or copied' }),
  };
  static override exits = [0, 2, 3, 66, 69, 70, 73, 77] as const;

  async run(): Promise<void> {
    const { flags } = await this.parse(Restore);
    const { restoreRefunds } = await import('../lib/cli/refunds.ts');
    const { refunds, unreadable } = await withHome(flags, async (home) => {
      const found = await restoreRefunds(home);
      if (flags['accept-restore'] && home.restored) {
        LOST.forEach(note);
        await home.acceptRestore();
      } else if (home.restored) {
        note('this store was restored or copied: --accept-restore says what may be lost, and goes on');
      } else if (flags['accept-restore']) {
        note('this store was neither restored nor copied: nothing to accept');
      }
      return found;
    });
    for (const file of unreadable) note(`${file} is not a refund of this network, or damaged`);
    if (refunds.length > 0) await print(refunds.map((refund) => printJson(refund)).join('\n'));
    if (unreadable.length > 0) process.exitCode = 3;
  }
}
