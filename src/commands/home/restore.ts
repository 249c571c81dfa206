import { resolve } from 'node:path';
import { door } from '../../lib/cli/door.ts';
import { countFlag, homeFlags, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { homeOptions, withHome, type HomeValues } from '../../lib/cli/home.ts';
import { printAll } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';
import { readPassphrase, readSecret } from '../../lib/cli/secrets.ts';
import type { Home } from '../../lib/home/home.ts';

export default door({
  summary: 'Make a home of a backup; bring back refunds, and accept a store whose journal is lost',
  description: `With --from makes a home of a backup, with a journal of its own (HOME.journal, or --journal-dir). It only exits until reconcile --journal has brought in what came after the backup.
Without it reads the folder of refunds (--refunds, by default HOME.refunds), takes their addresses into the home so that their coins are found, and prints each refund, one JSON object a line. A refund holds no secret; any node takes it from valid_from_height on.
With --accept-restore a home whose store was restored or copied works again without its journal. What may be lost is said on stderr. An image of the whole machine put back, or a snapshot of all that holds home, refunds and journal, is not noticed, and can give keys away.`,
  examples: [
    "Last night's backup becomes a home on another machine\nspillway restore --from backups/2026-11-20 --home mint && spillway reconcile --home mint --journal mint.journal",
    'Send the refunds that are valid by now\nspillway restore --home user | jq -r --argjson tip "$(bitcoin-cli getblockcount)" "select(.valid_from_height <= \\$tip + 1).hex" | xargs -n 1 bitcoin-cli sendrawtransaction',
    'A home that lost its store: words and refunds make it again\nage -d words.age | spillway init --home again --network regtest --mnemonic-fd 0\nspillway restore --home again --refunds user.refunds | jq .capacity_sat',
  ],
  flags: {
    ...homeFlags,
    from: textFlag(
      'Backup of which the home is made; --store puts its records into an empty PostgreSQL database',
      'DIR',
      { exclusive: ['accept-restore'] },
    ),
    'mnemonic-fd': countFlag(
      'With --from: the words, where the backup was made without the seed, in this file descriptor',
      [0],
      { helpValue: 'N', dependsOn: ['from'] },
    ),
    encrypt: switchFlag('With --mnemonic-fd: encrypt the seed with a passphrase', { dependsOn: ['mnemonic-fd'] }),
    'accept-restore': switchFlag('Go on with a store that was restored or copied'),
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 73, 77],
  run: async (flags) => {
    if (flags.from !== undefined) return restored(flags.from, flags);
    const { restoreRefunds } = await import('./refunds.ts');
    const { refunds, unreadable } = await withHome(flags, async (home) => {
      const found = await restoreRefunds(home);
      if (flags.acceptRestore) await acceptRestore(home);
      else if (home.restored)
        note(
          'this store was restored or copied: reconcile --journal brings in what came after; --accept-restore goes on without',
        );
      return found;
    });
    for (const file of unreadable) note(`${file} is not a refund of this network, or damaged`);
    await printAll(refunds);
    if (unreadable.length > 0) process.exitCode = 3;
  },
});

/** Makes a home of a backup, and returns the document of it. */
async function restored(from: string, flags: HomeValues & { mnemonicFd?: number | undefined; encrypt: boolean }) {
  const { restoreHome } = await import('../../lib/home/backup.ts');
  const options = await homeOptions(flags);
  const { mnemonicFd: fd } = flags;
  const { network, id } = await restoreHome({
    ...options,
    from,
    ...(fd !== undefined && { mnemonic: await readSecret(fd) }),
    ...(flags.encrypt && { passphrase: await readPassphrase(flags, true) }),
  });
  note(`this home only exits until spillway reconcile --home ${options.dir} --journal DIR brings its journal in`);
  note('if the lost home still runs somewhere, stop it: two copies of a home give keys away');
  return { type: 'restore', version: 1, network, home: resolve(options.dir), id, from: resolve(from) };
}

/** Losses of a home that was made of its words. */
const OF_WORDS = ['contracts that no backup has are known by their refunds only'];
/** Losses of a restored or copied store. */
const LOST = [
  'every open nonce, offer and proposal of this home is erased: ask again',
  ...OF_WORDS,
  'a payee may miss payments that were signed after the backup: exit, close or roll over, but no more updates',
  'an operator of statecoins signs nothing more for those of the restored store: their shares are destroyed, their owners exit',
  'if the other copy still runs, stop it: two copies of a home give keys away',
];

async function acceptRestore(home: Home): Promise<void> {
  if (!home.mayLack) return note('this store was neither restored nor copied: nothing to accept');
  (home.restored ? LOST : OF_WORDS).forEach(note);
  await home.acceptRestore();
}
