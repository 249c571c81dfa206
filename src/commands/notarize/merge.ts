import { BaseCommand } from '../../lib/cli/base.ts';
import { requiredArg } from '../../lib/cli/flags.ts';
import { readOtsFile } from './shared.ts';
import { print } from '../../lib/cli/output.ts';
import { mergeOts, writeOts } from '../../lib/notary/ots.ts';

export default class NotarizeMerge extends BaseCommand {
  static override summary = 'Two OpenTimestamps proofs of one digest as one';
  static override description = `Prints the .ots file that has the attestations of both, each once, in the order of the reference client. Takes in what another client has upgraded since.`;
  static override examples = [
    'A proof that two clients have upgraded\nspillway notarize merge ours.ots theirs.ots > contract.pdf.ots',
    'Put a proof into the order of the reference client\nspillway notarize merge odd.ots odd.ots | spillway notarize show',
  ];
  static override args = {
    first: requiredArg('A proof'),
    second: requiredArg('Another proof of the same digest; - for stdin'),
  };
  static override exits = [0, 2, 65, 66, 70, 73, 76] as const;

  async run(): Promise<void> {
    const { args } = await this.parse(NotarizeMerge);
    await print(writeOts(mergeOts(await readOtsFile(args.first), await readOtsFile(args.second))));
  }
}
