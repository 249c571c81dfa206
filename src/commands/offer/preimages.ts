import { countFlag, hexFlag } from '../../lib/cli/flags.ts';
import { door } from '../../lib/cli/door.ts';
import { secretFlags, readKey } from '../../lib/cli/secrets.ts';
import { PREIMAGE_CHAIN_LIMITS, chainDocument } from '../../lib/offer/preimages.ts';
import { needProposal, proposalFlag } from './shared.ts';

export default door({
  summary: 'Preimages for the periods of an offer, each of which proves all payments before it',
  description: `A proposal of this project, in no BOLT: it needs --proposal preimages. The preimage of a period is a salted hash of the next one's, so whoever has the salt and one preimage can check all earlier payments with one hash each. Prints secrets: each preimage takes the payment of its period. offer invoice --proposal preimages puts salt and place into an invoice.`,
  examples: [
    'The hash for the first invoice\nspillway offer preimages --proposal preimages --count 2 | jq -r .periods[0].payment_hash',
    'A year of months\nspillway offer preimages --proposal preimages --count 12 > chain.json',
  ],
  flags: {
    proposal: proposalFlag('preimages', 'Make a chain of preimages'),
    count: countFlag('How many preimages', PREIMAGE_CHAIN_LIMITS.count, { helpValue: 'N', required: true }),
    salt: hexFlag('The salt, 32 bytes (default: random)', { length: 32 }),
    ...secretFlags('preimage', 'The preimage of the last period (default: random)'),
  },
  exits: [0, 2, 65, 66, 70, 77],
  run: async (flags) => {
    needProposal(flags.proposal, 'preimages');
    const last = await readKey(flags, 'preimage');
    const random = () => crypto.getRandomValues(new Uint8Array(32));
    return chainDocument(flags.salt ?? random(), last ?? random(), flags.count);
  },
});
