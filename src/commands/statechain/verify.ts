import { arg, chainFlags } from '../../lib/cli/flags.ts';
import { factSource } from '../../lib/chain/source.ts';
import { outpointText } from '../../lib/bitcoin/outpoint.ts';
import { door } from '../../lib/cli/door.ts';
import { chainOf } from '../../lib/cli/chain.ts';
import { documentIn } from '../../lib/engine/documents.ts';
import { readInput } from '../../lib/cli/input.ts';
import { countInput } from '../../lib/cli/step-flags.ts';
import { print } from '../../lib/cli/output.ts';
import { EXPERIMENTAL, operatorFlag, operatorFrom } from './shared.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { readHistory, verify } from '../../lib/statechain/verify.ts';

export default door({
  summary: "Anyone's check of a statecoin's history (experimental): all findings, not only the first",
  description: `Reads a 'sent', 'moved' or 'owned' message, or an audit. Needs no home. Prints "valid" and every finding; a history that is not valid is an answer too. Exit 3: nothing was found, but something could not be checked (no --operator, no backups in the document, no height, no node); "checks" names it.

${EXPERIMENTAL}`,
  examples: [
    'What am I about to receive?\nspillway statechain-verify --operator "$OPERATOR" --tip 1000 < sent.json | jq -c "{valid, findings}"',
    'A guard for scripts\nspillway statechain-verify --operator "$OPERATOR" < owned.json | jq -e .valid > /dev/null || echo refused',
  ],
  args: { file: arg('The document (default: stdin)') },
  flags: {
    ...chainFlags,
    ...operatorFlag,
    'min-remaining': countInput('Blocks that the last backup must be away (default 1)', 1_000_000),
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 76],
  run: async (flags, { file }) => {
    const operator = flags.operator === undefined ? undefined : operatorFrom(flags.operator);
    const read = documentIn(await readInput(file));
    if (!('document' in read)) throw new Refusal('malformed', 'a PSBT or transaction found, a document expected');
    const history = readHistory(read.document);
    const source = factSource({ network: history.network, ...(await chainOf(flags)) });
    const { facts } = await source.facts({ tip: true, coins: [outpointText(history.coin.outpoint)] });
    const { tip = 'not-checked', coins = 'not-checked' } = facts;
    const found = verify(history, operator, { tip, coins }, flags.minRemaining ?? 1);
    await print(found);
    if (found.valid && Object.values(found.checks).some((how) => how.startsWith('not-'))) process.exitCode = 3;
  },
});
