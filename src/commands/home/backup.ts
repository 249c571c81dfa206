import { door } from '../../lib/cli/door.ts';
import { homeFlags, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { withHome } from '../../lib/cli/home.ts';
import { print } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';

export default door({
  summary: 'Copy a home while it works: everything of one moment but open nonces',
  description: `Makes a new directory with the records, the settings and the seed as the home holds it, always with a SQLite file, whatever database the home has. Others may work on the home meanwhile. Shares of statecoins are in no copy.
A backup is no home: restore --from makes one of it, on this machine or another, and reconcile --journal brings in what came after. Keep the journal (HOME.journal) on another disk, and copy backup, journal and HOME.refunds off the machine.`,
  examples: [
    'Every night; what the backup covers of the journal may go\nspillway backup --home mint --to "backups/$(date +%F)" | jq -r ".covered[] | @sh" | xargs -r rm',
    'A home in a file moves to PostgreSQL\nspillway backup --home mint --to moved\nspillway restore --from moved --home fleet --store postgres://127.0.0.1/mint',
  ],
  flags: {
    ...homeFlags,
    to: textFlag('Directory of the backup, which must not be there yet', 'DIR', { required: true }),
    'no-seed': switchFlag('Leave the seed out: restoring then needs the words'),
  },
  exits: [0, 2, 65, 66, 69, 70, 73, 77],
  run: (flags) =>
    withHome(flags, async (home) => {
      const { dir, ...made } = await home.backup(flags.to, { seed: !flags.noSeed });
      if (made.seed === 'plain') note('the seed in it is not encrypted: keep the backup as safe as the home');
      if (home.mayLack)
        note(
          'this home was restored, or made of its words, and may lack what its journal knows: no file of that is covered until reconcile --journal, or restore --accept-restore where there is none',
        );
      for (const file of made.unread)
        note(`${file} is of this home's journal, and was never brought in: reconcile --journal reads it`);
      if (made.shares > 0)
        note(`${made.shares} shares of statecoins are in no backup: once restored, their owners can only exit`);
      await print({ type: 'backup', version: 1, network: home.network, id: home.id, to: dir, ...made });
    }),
});
