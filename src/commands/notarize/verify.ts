import { NETWORKS } from '../../lib/bitcoin/network.ts';
import { filter } from '../../lib/cli/filter.ts';
import { arg, choiceFlag, hexFlag, nodeFlags, textFlag } from '../../lib/cli/flags.ts';
import { verifyProof } from './shared.ts';

export default filter({
  summary: 'Verify a proof, .ots or taproot: these bytes existed before block H',
  description: `Compares the proof with its document (the file of its name without .ots or .proof.json, --document or --digest; without any of them it speaks of bytes that nobody has seen: exit 3) and with the header of the block that it names: of a node (--chain), in a chain of headers that is checked by itself (--headers, links, work, retargets and median times; of mainnet from the first block to one of 2024 or later, or from a block that you know: the first blocks of another chain cost little work), or a single one (--header, whose place in the chain nobody has checked: exit 3). A block's time may be two hours ahead and is later than the median of the eleven blocks before. A proof does not say who made the bytes, since when they exist, or that there is no other version. Where the block has fewer than six confirmations (in --headers: headers from it to the last), or only calendars attest, exit 3: no calendar is asked.`,
  examples: [
    'By a node of your own\nspillway notarize verify contract.pdf.ots --chain http://127.0.0.1:8332 --chain-cookie ~/.bitcoin/.cookie | jq -r .statement',
    'Without a network: headers from the first block on, 80 bytes each\nspillway notarize verify contract.pdf.ots --headers headers.bin | jq -r .statement',
  ],
  args: { file: arg('The proof, as bytes or in hex (default: stdin)') },
  flags: {
    ...nodeFlags,
    document: textFlag('The file that the proof is about', 'FILE'),
    digest: hexFlag('Its digest, in place of the file', { exclusive: ['document'] }),
    header: hexFlag('The header of the block', { exclusive: ['headers'] }),
    headers: textFlag('A file of headers, one after another, as bytes or in hex', 'FILE'),
    from: textFlag('Height and hash of the first of them, which you know (default: the first block)', 'HEIGHT:HASH', {
      dependsOn: ['headers'],
    }),
    network: choiceFlag(NETWORKS, 'The network of the block; of headers mainnet or regtest', { default: 'mainnet' }),
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 73, 76],
  run: async (flags, { file }) => {
    const [document, exit] = await verifyProof(file, flags);
    process.exitCode = exit;
    return document;
  },
});
