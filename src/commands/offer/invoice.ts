import { filter } from '../../lib/cli/filter.ts';
import { arg } from '../../lib/cli/flags.ts';
import { rawOffer } from './shared.ts';
import { invoiceFlags, runInvoice } from './making.ts';
import { runStateless } from '../../lib/cli/stateless.ts';
import { messageIn } from '../../lib/offer/document.ts';

export default filter({
  summary: 'Answer an invoice request with an invoice',
  description: `Reads a request, checks it as offer verify does and against --offer, and prints an invoice that repeats it, signed with the node's key. Without the offer anyone could ask for it at another price; a refund has none. Its amount is the requested one, else what the offer asks for. Without the key it exits with 3, and signing says what is to be signed and by whom. --paths is a file with what onion-blind make printed, one or a list; a path's payinfo may also have htlc_minimum_msat, htlc_maximum_msat and features.`,
  examples: [
    'Answer a request\nspillway offer invoice --offer offer.txt --paths path.json --preimage-file preimage.hex --node-key-file node.key request.json > invoice.json',
    'An offer in another currency: a cent is 20000 millisatoshis now\nspillway offer invoice --offer offer.txt --rate 20000 --paths path.json --payment-hash "$H" --node-key-file node.key request.json',
  ],
  args: { file: arg('The request (default: stdin)') },
  flags: invoiceFlags,
  exits: [0, 2, 3, 65, 66, 70, 75, 76, 77],
  run: async (flags, { file }) => {
    const answer = await runInvoice(flags);
    await runStateless({ file, batch: flags.batch, raw: rawOffer() }, (document) =>
      answer(messageIn(document, ['invoice_request'])),
    );
  },
});
