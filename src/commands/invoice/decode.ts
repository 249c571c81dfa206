import { filter } from '../../lib/cli/filter.ts';
import { arg } from '../../lib/cli/flags.ts';
import { rawOffer } from '../offer/shared.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import { bolt11Document, invoiceIn } from '../../lib/offer/bolt11-document.ts';

export default filter({
  summary: 'Show a BOLT11 invoice field by field, and list what is wrong with it',
  description: `Reads an invoice (lnbc1…). Fields stand in their order, each as often as it is there, since libraries differ in which of two they take. A field that is not known, or whose value would be written in other letters, has letters too, and invoice encode takes these. The payee is the key of field n, else the one that the signature gives.`,
  examples: [
    'Who is to be paid, and how much?\nspillway invoice decode invoice.txt | jq "{payee, amount_msat, problems}"',
    'Which of these have two payment hashes?\nspillway invoice decode --batch < invoices.txt | jq -c "select(.problems[].code == \\"field-twice\\") | .string"',
  ],
  args: { file: arg('The invoice (default: stdin)') },
  flags: { batch: batchFlag },
  run: (flags, { file }) =>
    runStateless({ file, batch: flags.batch, raw: rawOffer() }, (document) => {
      const { invoice, string } = invoiceIn(document);
      return bolt11Document(invoice, string);
    }),
});
