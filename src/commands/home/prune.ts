import { portsOf } from '../../lib/cli/contract.ts';
import { chainFlags, homeFlags, switchFlag } from '../../lib/cli/flags.ts';
import { door } from '../../lib/cli/door.ts';
import { withHome } from '../../lib/cli/home.ts';
import { keepFlag } from '../../lib/cli/keep-flags.ts';
import { KEEP_DAYS, pruneHome } from '../../lib/engine/keep.ts';
import { print } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';
import { progress } from '../../lib/cli/progress.ts';
import { slices } from '../../lib/engine/slices.ts';

export default door({
  summary: 'Drop what nothing more can come of: old replies, lapsed wishes, contracts long settled',
  description: `What was said for a step that a later one has followed, and contracts of which nothing is held, owed or asked for again: offers and proposals that came to nothing after a day, what was settled after --keep days, where the node shows its coin spent by a transaction with as many blocks upon it as these days have. How old something is a home knows by its own clock and by the chain's height, and from the first run on: so serve and watch prune by themselves a few times a day (--keep, --no-prune); else run it every night. What holds money stays, whatever its age; so do a customer's own contracts, and all sums. What belongs to a contract of a running mint (quotes, invoices, melts) goes with it, once the mint has acknowledged all. A customer whose contract the mint has dropped finds its ecash over a new one (ecash-restore --contract NEW --keyset ID).
Others may work on the home meanwhile. The file of the store gets no smaller: what is free in it is used again. The journal is not touched: what a backup covers of it may go.`,
  examples: [
    'Every night, after the backup\nspillway prune --home mint --chain http://127.0.0.1:8332 | jq "{replies, records}"',
    'What would go, if half a year were kept\nspillway prune --home mint --chain http://127.0.0.1:8332 --keep 182 --dry-run | jq .records',
  ],
  flags: {
    ...homeFlags,
    ...chainFlags,
    keep: keepFlag(`For how long what has ended is kept (default ${KEEP_DAYS})`),
    'dry-run': switchFlag('Only count what would go'),
  },
  exits: [0, 2, 65, 66, 69, 70, 73, 77],
  run: async (flags) => {
    const { keep: keepDays = KEEP_DAYS, dryRun: dry } = flags;
    await withHome(flags, async (home) => {
      const { source } = await portsOf(home, flags);
      const line = progress('pruning');
      const others = slices();
      const pause = async (gone: number): Promise<void> => {
        line.say(`pruning: ${gone} gone`);
        await others();
      };
      const { tip, ...pruned } = await pruneHome(home, { source, keepDays, dry, pause }).finally(() => line.stop());
      if (pruned.unseen > 0)
        note(
          `${pruned.unseen} records are old enough, and the node does not show their coins spent so deep, or a mint has not acknowledged all`,
        );
      const said = { type: 'prune', version: 1, network: home.network, tip, keep_days: keepDays, dry_run: dry };
      await print({ ...said, ...pruned });
    });
  },
});
