import { feeFlags, fundingFlags, overOnce } from '../../lib/cli/contract-flags.ts';
import { contractDoor } from '../../lib/cli/contract.ts';
import { chainFlags, homeFlags, switchFlag } from '../../lib/cli/flags.ts';
import { documentIn } from '../../lib/engine/documents.ts';
import { readInput } from '../../lib/cli/input.ts';
import { asksPackage, nowFrom, packageFlags, packageText } from '../../lib/cli/package-flags.ts';
import { EXPERIMENTAL } from './shared.ts';
import { exitStatechain, parseBundle } from '../../lib/statechain/exit.ts';
import { statechainExit } from '../../lib/statechain/ways.ts';
import { parseJson } from '../../lib/protocol/json.ts';
import type { Document } from '../../lib/protocol/message.ts';
import { note } from '../../lib/engine/log.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

const PACKAGE_WARNING = 'whoever has the package can send it: do not pass the coin on while anybody has it';

export default contractDoor({
  summary: "Leave with a statecoin's backup at its height, without the operator (experimental)",
  description: `Prints backup and child as a package, which broadcast sends (Bitcoin Core 29 or newer). Before the height it prints no transaction and exits 3. It must be in a block before the height at which the owner before can use its own backup; run it again with a higher --feerate where it does not confirm.
--bundle with --contract prints the finished backup whatever the height, without secrets: for a watchtower, which pays for it from its anchor (spillway bump --utxo), and to be kept. --bundle without --contract reads one, or an 'owned' or 'ready' document, where the home has lost its record: it pays an address that the seed restores.

${EXPERIMENTAL}`,
  examples: [
    'Leave\nspillway statechain-exit --home bob --contract "$COIN" --feerate 10 | spillway broadcast',
    'Keep a bundle, and leave with it\nspillway statechain-exit --home bob --contract "$COIN" --bundle > bundle.json\nspillway statechain-exit --home bob --bundle bundle.json --feerate 10 | spillway broadcast',
  ],
  table: exitStatechain,
  file: 'With --bundle: the bundle (default: stdin)',
  flags: {
    ...homeFlags,
    ...chainFlags,
    ...overOnce,
    bundle: switchFlag('Print the bundle of --contract, or leave with one', 'ACTION'),
    utxo: fundingFlags.utxo,
    ...feeFlags,
    ...packageFlags,
  },
  prepare: async (flags, file) => {
    if (flags.contract === undefined && !flags.bundle) throw new Refusal('usage', '--contract ID or --bundle expected');
    if (file !== undefined && flags.contract !== undefined)
      throw new Refusal('usage', '--contract and a file found, one of them expected');
    const from = flags.contract === undefined ? documentIn(await readInput(file)) : undefined;
    if (from && !('document' in from)) throw new Refusal('malformed', 'a PSBT or transaction found, a bundle expected');
    return {
      file: undefined,
      starts: true,
      also: async () => ({
        bundle: (flags.bundle || asksPackage(flags)) && !from ? (true as const) : undefined,
        from: from && parseBundle(from.document),
        leaves: asksPackage(flags) && !from ? (true as const) : undefined,
      }),
      print: async (home, text, { source }) => {
        if (!asksPackage(flags)) return text;
        if (flags.package) note(PACKAGE_WARNING);
        const exit = statechainExit(from?.document ?? (parseJson(text) as Document));
        return packageText('statechain', exit, flags, await nowFrom(source), home);
      },
    };
  },
});
