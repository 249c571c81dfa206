import { contractFlags, overFlag } from '../../lib/cli/contract-flags.ts';
import { contractDoor } from '../../lib/cli/contract.ts';
import { contractNamed } from '../../lib/cli/named.ts';
import { countInput, textInput } from '../../lib/cli/step-flags.ts';
import { ecashRestore } from '../../lib/ecash/restore.ts';
import { paymentPlaces } from '../../lib/ecash/rider.ts';
import { tokenKind } from '../../lib/ecash/in-hand.ts';
import { keysetClaim, keysetKind } from '../../lib/ecash/keyset.ts';
import { ledgerKind } from '../../lib/ecash/ledger.ts';
import { loadCashu } from '../../lib/ecash/library.ts';
import { listRecords, loadRecord } from '../../lib/home/change.ts';
import type { OutputPlace } from '../../lib/ecash/outputs.ts';
import type { Home } from '../../lib/home/home.ts';
import type { Hex } from '../../lib/protocol/action.ts';

/**
 * Lists ecash of a keyset that a home has paid for over its other contracts and does not hold.
 * @param contract the one that is searched over: it knows what it awaits itself
 */
export async function awaitedElsewhere(home: Home, contract: Hex, keyset: Hex): Promise<OutputPlace[]> {
  const known = (await loadRecord(home.store, keysetKind, keysetClaim('wallet', keyset)))?.record.keyset;
  if (!known) return [];
  await loadCashu();
  const tokens = await listRecords(home.store, tokenKind);
  const held = new Set(tokens.flatMap((t) => (t.keyset === keyset ? t.places.map(({ counter }) => counter) : [])));
  return (await listRecords(home.store, ledgerKind))
    .flatMap((l) => (l.role === 'payer' && l.contract !== contract ? l.awaited : []))
    .flatMap((a) => (a.keyset === keyset ? paymentPlaces(a, known) : []))
    .filter(({ counter }) => !held.has(counter));
}

export default contractDoor({
  summary: 'Get back ecash that was paid for and lost, from what the mint has signed',
  description: `For a payer whose home was restored from a backup, before it pays for ecash again; and for one whose last run never came. The wallet shows the outputs that it may have used, the payee gives back its signatures, the wallet prints the token: it may hold coins that were spent since. What was paid for over another contract of this home and never came is looked for too, so that a new contract with the mint finds what was lost over one that has ended.`,
  examples: [
    'Three runs, and the keyset from the list of those that the wallet knows\nK=$(spillway ecash-keyset --home user --list | jq -r .keyset.id)\nspillway ecash-restore --home user --contract "$ID" --keyset "$K" \\\n    | spillway ecash-restore --home mint \\\n    | spillway ecash-restore --home user | jq -r .token',
  ],
  table: ecashRestore,
  file: 'The message (default: stdin)',
  flags: {
    ...contractFlags,
    ...overFlag,
    keyset: textInput('Start: the keyset whose outputs are looked for', 'ID', 'ECASH'),
    from: countInput(
      'Start: look again from this counter on (default: the first that the wallet has not used)',
      2_000_000_000,
      { min: 0, helpValue: 'COUNTER', helpGroup: 'ECASH' },
    ),
  },
  prepare: (flags) => ({
    also: async (home) => {
      const contract = await contractNamed(home, flags.contract);
      if (contract === undefined || flags.keyset === undefined) return { due: undefined };
      return { due: await awaitedElsewhere(home, contract, flags.keyset) };
    },
  }),
});
