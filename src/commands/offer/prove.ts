import { door } from '../../lib/cli/door.ts';
import { arg, textFlag } from '../../lib/cli/flags.ts';
import { secretFlags, readKey } from '../../lib/cli/secrets.ts';
import { runStateless } from '../../lib/cli/stateless.ts';
import { messageIn, offerProblems } from '../../lib/offer/document.ts';
import { typesNamed } from '../../lib/offer/fields.ts';
import { refuseFirst } from '../../lib/offer/message.ts';
import { makePayerProof } from '../../lib/offer/proof.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { rawOffer, signedOr } from './shared.ts';

export default door({
  summary: 'Prove that you asked for an invoice and paid it, and show only what you choose of it',
  description: `Reads a paid invoice. The proof (lnp1…) has the preimage, the payer's id, the payment hash, the node's id and signature, and the fields named by --include; of the others only hashes. Whoever holds it can check both signatures with offer verify. A field shown cannot be hidden again; type 0 is never shown.`,
  examples: [
    'That it was paid, and nothing else\nspillway offer prove --preimage-file preimage.hex --payer-key-file payer.key invoice.json | jq -r .string',
    'Prove the amount and what it was for\nspillway offer prove --include amount,description --preimage-file preimage.hex --payer-key-file payer.key invoice.json | jq -r .string',
  ],
  args: { file: arg('The invoice (default: stdin)') },
  flags: {
    include: textFlag('Fields to show, by name or type', 'NAMES', { default: '' }),
    ...secretFlags('preimage', 'The preimage'),
    ...secretFlags('payer-key', "The payer's secret key"),
    note: textFlag('What the proof is for: signed with it', 'TEXT'),
  },
  exits: [0, 2, 3, 65, 66, 70, 76, 77],
  run: async (flags, { file }) => {
    const key = await readKey(flags, 'payerKey');
    const preimage = await readKey(flags, 'preimage');
    if (!preimage) throw new Refusal('usage', 'no preimage found', { hint: 'give --preimage-file FILE' });
    await runStateless({ file, raw: rawOffer() }, (document) => {
      const invoice = messageIn(document, ['invoice']);
      refuseFirst(offerProblems(invoice));
      const names = flags.include.split(',').filter((name) => name !== '');
      const types = names.flatMap((name) => typesNamed(name, invoice.records));
      return signedOr(makePayerProof(invoice, types, preimage, flags.note), key);
    });
  },
});
