import { NETWORKS } from '../../lib/bitcoin/network.ts';
import { BaseCommand } from '../../lib/cli/base.ts';
import { arg, choiceFlag, switchFlag } from '../../lib/cli/flags.ts';
import { inspect, inText, readInspectable, type Inspection } from './inspection.ts';
import { print } from '../../lib/cli/output.ts';
import { printJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import type { Check } from '../../lib/signing/description.ts';

export default class Inspect extends BaseCommand {
  static override summary =
    'Any message, PSBT or transaction in words: parties, amounts, fees, locktimes, who acts next';
  static override description = `Needs no home. Rebuilds the transactions of a message from its terms and says whether its PSBTs hold them, and whose seal it carries. Whether the terms are those that a home agreed to, only that home knows. Reads whatever else this program prints too: documents, coins, addresses, tokens.

Where a check fails, nothing is printed and the exit code is that of the check (76 for an altered message); --force prints all the same.`;
  static override examples = [
    'What am I about to sign?\nspillway sign-update --home mint --contract "$ID" --amount 2100 | tee requested.json | spillway inspect',
    'Draw the action\nspillway inspect --format mermaid < proposed.json > open.mmd',
  ];
  static override args = { file: arg('The document (default: stdin)') };
  static override flags = {
    format: choiceFlag(['text', 'json', 'mermaid'], 'How to say it', { default: 'text' }),
    network: choiceFlag(NETWORKS, 'For the addresses of a PSBT or transaction, which do not say it'),
    force: switchFlag('Print also what a check has found to be wrong'),
  };
  static override exits = [0, 2, 65, 66, 70, 76, 77] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(Inspect);
    const found = await inspect(await readInspectable(args.file), flags.network);
    const failed = found.checks.find(([, , code]) => code !== undefined);
    const wrong = failed && refusal(failed);
    if (wrong && !flags.force) throw wrong;
    await this.show(found, flags.format);
    if (wrong) process.exitCode = wrong.exit;
  }

  private async show(found: Inspection, format: 'text' | 'json' | 'mermaid'): Promise<void> {
    const pairs = (rows: readonly Check[]) => rows.map(([label, text, error]) => ({ label, text, error }));
    if (format === 'text') return print(inText(found));
    if (format === 'json')
      return print(
        printJson({
          type: 'inspection',
          version: 1,
          of: found.of,
          facts: pairs(found.facts),
          checks: pairs(found.checks),
          next: found.next,
        }),
      );
    if (!found.mermaid) throw new Refusal('usage', 'only a contract message can be drawn');
    await print(found.mermaid);
  }
}

const refusal = ([label, text, code]: Check): Refusal =>
  new Refusal(code!, `${label}: ${text.replace(/^no: /, '')}`, {
    blame: 'sender',
    hint: 'inspect --force shows the document all the same',
  });
