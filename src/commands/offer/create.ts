import { door } from '../../lib/cli/door.ts';
import { arg } from '../../lib/cli/flags.ts';
import { secretFlags, readKey } from '../../lib/cli/secrets.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import { createOffer, publicKeyOf } from '../../lib/offer/build.ts';
import { offerDocument } from '../../lib/offer/document.ts';

export default door({
  summary: 'Make a BOLT12 offer of its fields',
  description: `Reads fields as offer decode shows them: offer_description, offer_amount (millisatoshis, or units of offer_currency), offer_issuer, offer_issuer_id or offer_paths (as onion-blind make prints them), offer_quantity_max, offer_absolute_expiry, offer_chains, offer_metadata, offer_features, offer_recurrence_optional {unit, period} and the other fields of recurrence (cln_… for the numbers of Core Lightning), custom by type. What BOLT12 forbids is refused.`,
  examples: [
    'An offer of a node whose key is at hand\necho \'{"offer_description": "Tea", "offer_amount": 100000}\' | spillway offer create --issuer-key-file node.key | jq -r .string',
    'A month of something, again and again\necho \'{"offer_description": "Milk", "offer_amount": 5000000, "offer_recurrence_optional": {"unit": "months", "period": 1}}\' | spillway offer create --issuer-key-file node.key',
  ],
  args: { file: arg('The fields (default: stdin)') },
  flags: {
    batch: batchFlag,
    ...secretFlags('issuer-key', "The issuer's secret key, whose public key becomes offer_issuer_id"),
  },
  exits: [0, 2, 65, 66, 70, 76, 77],
  run: async (flags, { file }) => {
    const key = await readKey(flags, 'issuerKey');
    const id = key && publicKeyOf(key);
    await runStateless({ file, batch: flags.batch }, (document) => offerDocument(createOffer(document, id)));
  },
});
