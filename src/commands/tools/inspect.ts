import { NETWORKS } from '../../lib/bitcoin/network.ts';
import { door } from '../../lib/cli/door.ts';
import { arg, choiceFlag, switchFlag } from '../../lib/cli/flags.ts';
import { inspect, inText, readInspectable, type Inspection } from './inspection.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import type { Check } from '../../lib/signing/description.ts';

export default door({
  summary: 'Any message, PSBT or transaction in words: parties, amounts, fees, locktimes, who acts next',
  description: `Needs no home. Rebuilds the transactions of a message from its terms and says whether its PSBTs hold them, and whose seal it carries. Whether the terms are those that a home agreed to, only that home knows. Reads whatever else this program prints too: documents, coins, addresses, tokens.

Where a check fails, nothing is printed and the exit code is that of the check (76 for an altered message); --force prints all the same.`,
  examples: [
    'What am I about to sign?\nspillway sign-update --home mint --contract "$ID" --amount 2100 | tee requested.json | spillway inspect',
    'Draw the action\nspillway inspect --format mermaid < proposed.json > open.mmd',
  ],
  args: { file: arg('The document (default: stdin)') },
  flags: {
    format: choiceFlag(['text', 'json', 'mermaid'], 'How to say it', { default: 'text' }),
    network: choiceFlag(NETWORKS, 'For the addresses of a PSBT or transaction, which do not say it'),
    force: switchFlag('Print also what a check has found to be wrong'),
  },
  exits: [0, 2, 65, 66, 70, 76, 77],
  run: async (flags, { file }) => {
    const found = await inspect(await readInspectable(file), flags.network);
    const failed = found.checks.find(([, , code]) => code !== undefined);
    const wrong = failed && refusal(failed);
    if (wrong && !flags.force) throw wrong;
    const document = shown(found, flags.format);
    if (wrong) process.exitCode = wrong.exit;
    return document;
  },
});

/** Returns an inspection in one of its forms. @throws Refusal `usage` */
function shown(found: Inspection, format: 'text' | 'json' | 'mermaid'): object | string {
  const pairs = (rows: readonly Check[]) => rows.map(([label, text, error]) => ({ label, text, error }));
  if (format === 'text') return inText(found);
  if (format === 'json')
    return {
      type: 'inspection',
      version: 1,
      of: found.of,
      facts: pairs(found.facts),
      checks: pairs(found.checks),
      next: found.next,
    };
  if (!found.mermaid) throw new Refusal('usage', 'only a contract message can be drawn');
  return found.mermaid;
}

const refusal = ([label, text, code]: Check): Refusal =>
  new Refusal(code!, `${label}: ${text.replace(/^no: /, '')}`, {
    blame: 'sender',
    hint: 'inspect --force shows the document all the same',
  });
