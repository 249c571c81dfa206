import { filter } from '../../lib/cli/filter.ts';
import { arg } from '../../lib/cli/flags.ts';
import { rawOffer } from './shared.ts';
import { requestFlags, runRequest } from './making.ts';
import { runStateless } from '../../lib/cli/stateless.ts';
import { messageIn } from '../../lib/offer/document.ts';

export default filter({
  summary: 'Ask for the invoice of an offer, or offer a refund',
  description: `Reads an offer and prints an invoice request that repeats it, signed with the payer's key. Without the key it takes --payer-id, exits with 3, and signing says what is to be signed and by whom: offer sign --signature adds it. --refund reads no offer: it offers to pay an amount to whoever answers. The payer's key should be a new one each time.`,
  examples: [
    'Ask for two of them\nspillway offer request --quantity 2 --note thanks --payer-key-file payer.key offer.txt > request.json',
    'A refund of 50 satoshis\nspillway offer request --refund --amount-msat 50000 --description "You paid twice" --payer-key-file payer.key',
  ],
  args: { file: arg('The offer (default: stdin)') },
  flags: requestFlags,
  exits: [0, 2, 3, 65, 66, 70, 76, 77],
  run: async (flags, { file }) => {
    const make = await runRequest(flags);
    if (flags.refund) return make.refund();
    const input = { file, batch: flags.batch, raw: rawOffer() };
    await runStateless(input, (document) => make.answer(messageIn(document, ['offer'])));
  },
});
