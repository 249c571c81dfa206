import * as Flags from '@oclif/core/flags';
import { NETWORKS } from '../lib/bitcoin/network.ts';
import { BaseCommand } from '../lib/cli/base.ts';
import { readDocument } from '../lib/cli/documents.ts';
import { arg } from '../lib/cli/flags.ts';
import { inspect, inText } from '../lib/cli/inspect.ts';
import { print } from '../lib/cli/output.ts';
import { printJson } from '../lib/protocol/json.ts';
import { Refusal } from '../lib/protocol/refusal.ts';

export default class Inspect extends BaseCommand {
  static override summary =
    'Any message, PSBT or transaction in words: parties, amounts, fees, locktimes, who acts next';
  static override description = `Needs no home. Rebuilds the transactions of a message from its terms and says whether its PSBTs hold them, and whose seal it carries. Whether the terms are those that a home agreed to, only that home knows.`;
  static override examples = [
    'What am I about to sign?\nspillway sign-update --home mint --contract "$ID" --amount 2100 | tee requested.json | spillway inspect',
    'Draw the action\nspillway inspect --format mermaid < proposed.json > open.mmd',
  ];
  static override args = { file: arg({ description: 'The document (default: stdin)' }) };
  static override flags = {
    format: Flags.option({ options: ['text', 'json', 'mermaid'] as const, default: 'text' as const })({
      summary: 'How to say it',
    }),
    network: Flags.option({ options: NETWORKS })({
      summary: 'For the addresses of a PSBT or transaction, which do not say it',
    }),
  };
  static override exits = [0, 2, 65, 66, 70] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(Inspect);
    const found = await inspect(await readDocument(args.file), flags.network);
    const pairs = (rows: readonly (readonly [string, string])[]) => rows.map(([label, text]) => ({ label, text }));
    if (flags.format === 'text') return print(inText(found));
    if (flags.format === 'json')
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
