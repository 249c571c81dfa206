import { filter } from '../../lib/cli/filter.ts';
import { arg, switchFlag, wholeFlag } from '../../lib/cli/flags.ts';
import { atFlag, now, rawOffer } from '../offer/shared.ts';
import { secretFlags, readKey } from '../../lib/cli/secrets.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import { bolt11Document, invoiceIn, verifyBolt11 } from '../../lib/offer/bolt11-document.ts';

export default filter({
  summary: 'Refuse a BOLT11 invoice that breaks a rule, that libraries read differently, or that is over',
  description: `Checks fields, features, signature and time. A second payment hash, secret, description, key, expiry, delta or list of features is refused (field-twice): two libraries would pay different invoices. --lenient passes over fields of a wrong length, as the example in BOLT11 does against its own text.`,
  examples: [
    'Is it the invoice that we agreed on?\nspillway invoice verify --amount-msat 2000000 invoice.txt | jq -r .payee',
    'Was it paid?\nspillway invoice verify --preimage-file preimage.hex --at 1496314658 invoice.txt',
  ],
  args: { file: arg('The invoice (default: stdin)') },
  flags: {
    batch: batchFlag,
    at: atFlag,
    'amount-msat': wholeFlag('The amount that was agreed on', { helpValue: 'MSAT' }),
    ...secretFlags('preimage', 'A preimage that pays the invoice'),
    lenient: switchFlag('Pass over fields of a wrong length'),
  },
  exits: [0, 2, 65, 66, 70, 76, 77],
  run: async (flags, { file }) => {
    const preimage = await readKey(flags, 'preimage');
    await runStateless({ file, batch: flags.batch, raw: rawOffer() }, (document) => {
      const { invoice, string } = invoiceIn(document);
      const { lenient, amountMsat } = flags;
      verifyBolt11(invoice, { at: flags.at ?? now(), amountMsat, preimage, lenient });
      return bolt11Document(invoice, string, lenient);
    });
  },
});
