import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../lib/cli/base.ts';
import { arg } from '../../lib/cli/flags.ts';
import { networkFlag, proposalFlag, rawOffer } from '../../lib/cli/offer.ts';
import { runRequest } from '../../lib/cli/offer-making.ts';
import { secretFlags } from '../../lib/cli/secret-flags.ts';
import { batchFlag, hexFlag, runStateless, wholeFlag } from '../../lib/cli/stateless.ts';
import { messageIn } from '../../lib/offer/document.ts';

export default class OfferRequest extends BaseCommand {
  static override summary = 'Ask for the invoice of an offer, or offer a refund';
  static override description = `Reads an offer and prints an invoice request that repeats it, signed with the payer's key. Without the key it takes --payer-id, exits with 3, and signing says what is to be signed and by whom: offer sign --signature adds it. --refund reads no offer: it offers to pay an amount to whoever answers. The payer's key should be a new one each time.`;
  static override examples = [
    'Ask for two of them\nspillway offer request --quantity 2 --note thanks --payer-key-file payer.key offer.txt > request.json',
    'A refund of 50 satoshis\nspillway offer request --refund --amount-msat 50000 --description "You paid twice" --payer-key-file payer.key',
  ];
  static override args = { file: arg({ description: 'The offer (default: stdin)' }) };
  static override flags = {
    batch: batchFlag,
    ...secretFlags('payer-key', "The payer's secret key"),
    'payer-id': hexFlag({ summary: "The payer's public key, where the key is elsewhere" }),
    'amount-msat': wholeFlag({ summary: 'What is to be paid, in millisatoshis', helpValue: 'MSAT' }),
    quantity: wholeFlag({ summary: 'How many' }),
    note: Flags.string({ summary: 'A note to the issuer', helpValue: 'TEXT' }),
    name: Flags.string({ summary: 'The name under which the offer was found (BIP353)', helpValue: 'USER@DOMAIN' }),
    network: networkFlag,
    metadata: hexFlag({ summary: 'Bytes that only this request has (default: 16 random ones)' }),
    paths: Flags.string({ summary: 'Paths to the payer, as onion-blind make prints them', helpValue: 'FILE' }),
    counter: wholeFlag({ summary: 'Of an offer that recurs: how many periods were paid before' }),
    start: wholeFlag({ summary: 'Of an offer that recurs from a fixed time: the first period that is paid' }),
    'recurrence-cancel': Flags.boolean({ summary: 'Say that no further period will be paid' }),
    refund: Flags.boolean({ summary: 'Offer a refund; no offer is read', exclusive: ['batch'] }),
    description: Flags.string({ summary: 'Of a refund: what it is for', helpValue: 'TEXT', dependsOn: ['refund'] }),
    'expires-at': wholeFlag({
      summary: 'Of a refund: its end in Unix seconds',
      helpValue: 'UNIX',
      dependsOn: ['refund'],
    }),
    proposal: proposalFlag('replace', 'Ask for another invoice in place of --replaces, which will not be paid'),
    replaces: hexFlag({ summary: 'Payment hash of the unpaid invoice', dependsOn: ['proposal'] }),
  };
  static override exits = [0, 2, 3, 65, 66, 70, 76, 77] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(OfferRequest);
    const make = await runRequest(flags);
    if (flags.refund) return make.refund();
    const input = { file: args.file, batch: flags.batch, raw: rawOffer() };
    await runStateless(input, (document) => make.answer(messageIn(document, ['offer'])));
  }
}
