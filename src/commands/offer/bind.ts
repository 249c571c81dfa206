import { door } from '../../lib/cli/door.ts';
import { actionArg, arg, textFlag, wholeFlag } from '../../lib/cli/flags.ts';
import { print } from '../../lib/cli/output.ts';
import { readKey } from '../../lib/cli/secrets.ts';
import { nodeKeyFlags, runStateless } from '../../lib/cli/stateless.ts';
import { bindingDocument, checkBinding, makeBinding, parseBinding } from '../../lib/names/bind.ts';
import { publicKeyOf } from '../../lib/offer/build.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { anchorFlag, atFlag, needProposal, now, proofFile, proposalFlag } from './shared.ts';

export default door({
  summary: 'Bind a node and a domain to each other, or check that they are',
  description: `A proposal of this project, in no BIP or BOLT: it needs --proposal bind. make signs with the node's key that it belongs to a domain, and prints the TXT record that the domain needs. verify reads that word and a DNSSEC proof of the record: only both together bind.`,
  examples: [
    'Say that a node belongs to a domain\nspillway offer bind make --proposal bind --domain example.org --expires-at 1893456000 --key-file node.key > word.json',
    'Check it\nspillway offer bind verify --proposal bind --proof proof.hex word.json',
  ],
  args: {
    action: actionArg(['make', 'verify']),
    file: arg("The node's word (default: stdin)"),
  },
  flags: {
    proposal: proposalFlag('bind', 'Bind a node to a domain'),
    ...nodeKeyFlags,
    domain: textFlag('The domain', 'DOMAIN'),
    'expires-at': wholeFlag("Until when the node's word holds", { helpValue: 'UNIX' }),
    proof: textFlag('The proof of the record, in hex', 'FILE'),
    at: atFlag,
    anchor: anchorFlag,
  },
  exits: [0, 2, 65, 66, 70, 75, 76, 77],
  run: async (flags, { action, file }) => {
    needProposal(flags.proposal, 'bind');
    const { domain, expiresAt, proof } = flags;
    if (action === 'make') {
      const key = await readKey(flags, 'key');
      if (!key || domain === undefined || expiresAt === undefined)
        throw new Refusal('usage', '--domain, --expires-at and --key-file expected');
      publicKeyOf(key);
      return print(bindingDocument(makeBinding(domain, expiresAt, key)));
    }
    if (proof === undefined) throw new Refusal('usage', 'no proof found', { hint: 'give --proof FILE' });
    const given = await proofFile(proof);
    const { verifyDnsSignature: verify } = await import('./dns-signatures.ts');
    await runStateless({ file }, (document) =>
      checkBinding(parseBinding(document), given, { verify, ...flags.anchor }, flags.at ?? now()),
    );
  },
});
