import { door } from '../../lib/cli/door.ts';
import { arg } from '../../lib/cli/flags.ts';
import { readProof } from './shared.ts';
import { treeText } from '../../lib/notary/proof.ts';

export default door({
  summary: 'A proof in words: operations, and who attests',
  description: `Prints the digest, then a line for each operation and each attestation; where a message has several branches each begins with a dash. Of a taproot proof it prints root, output, transaction and block. No header is asked for.`,
  examples: [
    'What is in this proof?\nspillway notarize show contract.pdf.ots',
    'Which blocks does it name?\nspillway notarize show contract.pdf.ots | grep "attested by bitcoin"',
  ],
  args: { file: arg('The proof, as bytes or in hex (default: stdin)') },
  exits: [0, 2, 65, 66, 70, 73],
  run: async (_, { file }) => treeText(await readProof(file)),
});
