import { door } from '../../lib/cli/door.ts';
import { arg, textFlag, wholeFlag } from '../../lib/cli/flags.ts';
import { secretFlags, readKey } from '../../lib/cli/secrets.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import { messageIn, offerDocument } from '../../lib/offer/document.ts';
import { checkInvoicePreimage } from '../../lib/offer/preimages.ts';
import { verifyMessage } from '../../lib/offer/verify.ts';
import { atFlag, checkNetwork, kindFlag, messageFile, networkFlag, now, rawOffer } from './shared.ts';

export default door({
  summary: 'Refuse a BOLT12 message that breaks a rule, is not signed, or is over',
  description: `Checks every rule for readers, signatures, and time. --against checks that a request repeats its offer, or an invoice its request, byte for byte, and that a proof is about an invoice of the offer. Whatever does not hold ends the run with its error code; offer decode lists all of it.`,
  examples: [
    'Is this the invoice that I asked for?\nspillway offer verify --against request.json invoice.json | jq -r .fields.invoice_amount',
    'Was it paid?\nspillway offer verify --preimage-file preimage.hex --at 1767225600 invoice.json',
  ],
  args: { file: arg('The message (default: stdin)') },
  flags: {
    batch: batchFlag,
    kind: kindFlag,
    against: textFlag('The offer or the request that it answers', 'FILE'),
    at: atFlag,
    network: networkFlag,
    ...secretFlags('preimage', 'A preimage that pays the invoice'),
    'preimage-index': wholeFlag('Its place in the chain of preimages (a proposal of this project)'),
  },
  exits: [0, 2, 65, 66, 70, 75, 76, 77],
  run: async (flags, { file }) => {
    const answered = flags.against === undefined ? undefined : await messageFile(flags.against);
    const preimage = await readKey(flags, 'preimage');
    await runStateless({ file, batch: flags.batch, raw: rawOffer(flags.kind) }, (document) => {
      const message = messageIn(document);
      const verdict = verifyMessage(message, flags.at ?? now(), answered);
      if (flags.network) checkNetwork(message, flags.network);
      if (preimage) checkInvoicePreimage(message.fields, preimage, flags.preimageIndex);
      return offerDocument(message, {}, verdict);
    });
  },
});
