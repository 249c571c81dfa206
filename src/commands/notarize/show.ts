import { BaseCommand } from '../../lib/cli/base.ts';
import { arg } from '../../lib/cli/flags.ts';
import { readProof } from './shared.ts';
import { print } from '../../lib/cli/output.ts';
import { treeText } from '../../lib/notary/proof.ts';

export default class NotarizeShow extends BaseCommand {
  static override summary = 'A proof in words: operations, and who attests';
  static override description = `Prints the digest, then a line for each operation and each attestation; where a message has several branches each begins with a dash. Of a taproot proof it prints root, output, transaction and block. No header is asked for.`;
  static override examples = [
    'What is in this proof?\nspillway notarize show contract.pdf.ots',
    'Which blocks does it name?\nspillway notarize show contract.pdf.ots | grep "attested by bitcoin"',
  ];
  static override args = { file: arg('The proof, as bytes or in hex (default: stdin)') };
  static override exits = [0, 2, 65, 66, 70, 73] as const;

  async run(): Promise<void> {
    const { args } = await this.parse(NotarizeShow);
    await print(treeText(await readProof(args.file)));
  }
}
