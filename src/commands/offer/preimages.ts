import { countFlag, hexFlag } from '../../lib/cli/flags.ts';
import { BaseCommand } from '../../lib/cli/base.ts';
import { print } from '../../lib/cli/output.ts';
import { secretFlags, readKey } from '../../lib/cli/secrets.ts';
import { PREIMAGE_CHAIN_LIMITS, chainDocument } from '../../lib/offer/preimages.ts';
import { needProposal, proposalFlag } from './shared.ts';

export default class OfferPreimages extends BaseCommand {
  static override summary = 'Preimages for the periods of an offer, each of which proves all payments before it';
  static override description = `A proposal of this project, in no BOLT: it needs --proposal preimages. The preimage of a period is a salted hash of the next one's, so whoever has the salt and one preimage can check all earlier payments with one hash each. Prints secrets: each preimage takes the payment of its period. offer invoice --proposal preimages puts salt and place into an invoice.`;
  static override examples = [
    'The hash for the first invoice\nspillway offer preimages --proposal preimages --count 2 | jq -r .periods[0].payment_hash',
    'A year of months\nspillway offer preimages --proposal preimages --count 12 > chain.json',
  ];
  static override flags = {
    proposal: proposalFlag('preimages', 'Make a chain of preimages'),
    count: countFlag('How many preimages', PREIMAGE_CHAIN_LIMITS.count, { helpValue: 'N', required: true }),
    salt: hexFlag('The salt, 32 bytes (default: random)', { length: 32 }),
    ...secretFlags('preimage', 'The preimage of the last period (default: random)'),
  };
  static override exits = [0, 2, 65, 66, 70, 77] as const;

  async run(): Promise<void> {
    const { flags } = await this.parse(OfferPreimages);
    needProposal(flags.proposal, 'preimages');
    const last = await readKey({ fd: flags['preimage-fd'], file: flags['preimage-file'] });
    const random = () => crypto.getRandomValues(new Uint8Array(32));
    await print(chainDocument(flags.salt ?? random(), last ?? random(), flags.count));
  }
}
