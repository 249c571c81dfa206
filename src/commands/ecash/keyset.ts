import { door } from '../../lib/cli/door.ts';
import { homeFlags, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { withHome } from '../../lib/cli/home.ts';
import { readInput } from '../../lib/cli/input.ts';
import { MESSAGE_LIMIT } from '../../lib/protocol/message.ts';
import { note } from '../../lib/engine/log.ts';
import { printAll } from '../../lib/cli/output.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { parseJson } from '../../lib/protocol/json.ts';

export default door({
  summary: 'Make, list and retire the keysets under which this home issues ecash',
  description: `Without flags makes a new keyset from the home's seed, with an id of version 2, and issues under it from now on. A retired keyset still signs what it was offered for. Only public keys are printed.`,
  examples: [
    'A mint gets its first keyset\nspillway ecash-keyset --home mint | jq -r .keyset.id',
    'The keys of a signer outside (a JSON object with id, unit and keys)\nspillway ecash-keyset --home mint --signer-keys keyset.json',
    'After a restore without its journal: which keysets rest, and issuing under one again\nspillway ecash-keyset --home mint --list | jq -r "select(.active | not).keyset.id"\nspillway ecash-keyset --home mint --activate "$KEYSET"',
  ],
  flags: {
    ...homeFlags,
    list: switchFlag('Print all keysets, one JSON object a line', { exclusive: ['retire', 'activate', 'signer-keys'] }),
    retire: textFlag('Issue no more under this keyset', 'ID', { exclusive: ['activate', 'signer-keys'] }),
    activate: textFlag('Issue under this keyset again: after a restore without its journal none is active', 'ID', {
      exclusive: ['signer-keys'],
    }),
    'signer-keys': textFlag('Public keys of the program that --signer names: issue under them', 'FILE'),
  },
  exits: [0, 2, 65, 66, 69, 70, 75, 76, 77],
  run: async (flags) => {
    const { activateKeyset, addKeyset, keysetDocument, keysetsOf, retireKeyset } = await import('./keysets.ts');
    const file = flags.signerKeys;
    const outside = file === undefined ? undefined : parseJson(utf8(await readInput(file, MESSAGE_LIMIT)));
    const shown = await withHome(flags, async (home) => {
      if (flags.list) return keysetsOf(home);
      if (flags.retire !== undefined) return [await retireKeyset(home, flags.retire)];
      if (flags.activate !== undefined) return [await activateKeyset(home, flags.activate)];
      return [await addKeyset(home, outside)];
    });
    if (shown.length === 0) return note('no keysets');
    await printAll(shown.map(keysetDocument));
  },
});
