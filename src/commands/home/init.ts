import { unlink } from 'node:fs/promises';
import { resolve } from 'node:path';
import { NETWORKS } from '../../lib/bitcoin/network.ts';
import { door } from '../../lib/cli/door.ts';
import { choiceFlag, countFlag, homeFlags, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { homeOptions } from '../../lib/cli/home.ts';
import { createFile, writeFileWhole } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';
import { readPassphrase, readSecret } from '../../lib/cli/secrets.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default door({
  summary: "Make a party's home: a seed and a store",
  description: `The words restore the plain coins of the home and nothing else. Contracts need what spillway backup makes, and the journal since (HOME.journal, best on another disk); refunds are kept in HOME.refunds. Copy all three off the machine.
Never run two copies of a home, and never put back an image of a machine, or a snapshot of a dataset with home, refunds and journal, with an older one: a secret nonce used twice gives a contract's key away.`,
  examples: [
    'A home on regtest, and an address to fund it\nspillway init --home user --network regtest | jq -r .id\nspillway address --home user | xargs bitcoin-cli -regtest -generate 101',
    'The same home again from its words, on another machine\nage -d words.age | spillway init --home user --network signet --mnemonic-fd 0',
  ],
  flags: {
    ...homeFlags,
    network: choiceFlag(NETWORKS, 'The Bitcoin network of the home', { required: true }),
    'mnemonic-out': textFlag('Write the words to this new file (mode 0600) instead of showing them', 'FILE', {
      exclusive: ['mnemonic-fd'],
    }),
    'mnemonic-fd': countFlag('Restore from the words in this file descriptor', [0], { helpValue: 'N' }),
    encrypt: switchFlag('Encrypt the seed with a passphrase'),
  },
  exits: [0, 2, 65, 66, 69, 70, 73, 77],
  run: async (flags) => {
    const { network, encrypt, mnemonicOut: out, mnemonicFd: fd } = flags;
    if (!encrypt && (flags.passphraseFd !== undefined || flags.passphraseFile !== undefined)) {
      throw new Refusal('usage', 'a passphrase found without --encrypt');
    }
    const { initHome } = await import('../../lib/home/home.ts');
    const options = {
      ...(await homeOptions(flags)),
      network,
      ...(fd !== undefined && { mnemonic: await readSecret(fd) }),
      ...(encrypt && { passphrase: await readPassphrase(flags, true) }),
    };
    // The file's name is taken first: no home without its words, and no words in place of another file's.
    if (out !== undefined) await createFile(out, '');
    const { id, mnemonic } = await initHome(options).catch(async (error: unknown) => {
      if (out !== undefined) await unlink(out);
      throw error;
    });
    const home = resolve(options.dir);
    if (out !== undefined) await writeFileWhole(out, `${mnemonic}\n`, 0o600);
    else if (fd === undefined) showOnce(mnemonic, home);
    note('the words restore the plain coins of this home; contracts need its backup and its journal');
    return { type: 'init', version: 1, network, home, id };
  },
});

/** Prints the words to a terminal, if there is one, and never into a file or a log. */
function showOnce(mnemonic: string, home: string): void {
  if (process.stderr.isTTY && !process.env['CI']) {
    process.stderr.write(`\n${mnemonic}\n\nWrite these words down: they are not shown again.\n\n`);
  } else {
    note(
      `the words are not shown without a terminal: the seed file in ${home} is the only copy (--mnemonic-out writes another)`,
    );
  }
}
