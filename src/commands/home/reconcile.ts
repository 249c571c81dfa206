import { contractFlag } from '../../lib/cli/contract-flags.ts';
import { homeFlags, satFlag, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { contractNamed } from '../../lib/cli/named.ts';
import { door } from '../../lib/cli/door.ts';
import { withHome } from '../../lib/cli/home.ts';
import { print, printAll } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default door({
  summary: 'Bring what the journal knows into a home that was restored from a backup',
  description: `Each file of the journal is read whole, and refused where a line was altered or is of another home. Of all versions of a record the largest payment with its exit transaction, the largest sums issued and owed, and every output and invoice are kept; contracts that the backup does not know come back, but none that prune had dropped. Once more changes nothing. Then the home works again, but contracts of the lost store take no more updates: exit, close or roll over.
With --complete the operator says that the last commit in the journal was the last of the lost home: then updates of these contracts go on too, at the operator's risk. Refused where the refunds folder, or another file of the journal, knows of more.
Whether the end of a journal is missing cannot be seen. So all that was paid counts as issued until the operator confirms each contract: with --confirm, or with ecash-quote --confirm where a running mint issues.`,
  examples: [
    'A home that was made of last night\'s backup learns what came after it\nspillway restore --from backups/2026-11-20 --home mint\nspillway reconcile --home mint --journal mint.journal | jq -c "select(.kind == \\"credit\\")"',
    'The mint\'s own books say that 4,200 sat of a contract became ecash\nspillway reconcile --home mint --confirm --contract "$ID" --issued 4200',
    'Its owner knows that nothing came after the end of the journal: contracts take updates again\nspillway reconcile --home mint --journal mint.journal --complete',
  ],
  flags: {
    ...homeFlags,
    journal: textFlag('Journal of the lost home, or the folder that holds it; may be several', 'FILE', {
      multiple: true,
      exclusive: ['confirm'],
    }),
    complete: switchFlag('Say that nothing came after the end of the journal: contracts take updates again', {
      dependsOn: ['journal'],
    }),
    confirm: switchFlag('Say that the figures of a contract are known', { dependsOn: ['contract'] }),
    ...contractFlag,
    issued: satFlag('With --confirm: what of the payments became ecash or was reported (default: all)', {
      dependsOn: ['confirm'],
    }),
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 73, 75, 77],
  run: async (flags) => {
    const { bringIn, filesToLookAt, journalsIn, reconcileDocuments } = await import('./reconciling.ts');
    if (!flags.confirm && !flags.journal) throw new Refusal('usage', '--journal FILE or --confirm expected');
    await withHome(flags, async (home) => {
      const contract = (await contractNamed(home, flags.contract))!;
      if (flags.confirm)
        return print(await (await import('../ecash/issued.ts')).confirmIssued(home, contract, flags.issued));
      const files = journalsIn(flags.journal!);
      if (files.length === 0) throw new Refusal('no-input', `no journal found in ${flags.journal!.join(', ')}`);
      await home.keys(); // addresses need them: asked for before anything is brought in, for its outcome is told once
      const done = await bringIn(home, files, { complete: flags.complete });
      for (const file of filesToLookAt(done)) note(file);
      await printAll(reconcileDocuments(home.network, files.length, done));
      const { commit, at } = done.gathered.newest;
      if (flags.complete)
        note(
          `contracts of the lost store take updates again: what came after commit ${commit} (${new Date(at * 1000).toISOString()}), if anything did, is paid or issued twice at your risk`,
        );
      else if (done.outcomes.some(({ kind }) => kind === 'credit'))
        note('contracts of the lost store take no more updates: exit, close or roll over');
      if (done.outcomes.some(({ outcome }) => outcome === 'conflict')) {
        note('in a conflict the store keeps its own record: look at these by hand');
        process.exitCode = 3;
      }
    });
  },
});
