import { hexFlag, switchFlag, textFlag, wholeFlag, arg } from '../../lib/cli/flags.ts';
import { bytesToHex } from '../../lib/bitcoin/bytes.ts';
import { makeRequest, publicKeyOf, type ChosenFields } from '../../lib/offer/build.ts';
import { parsePersonName } from '../../lib/names/bip353.ts';
import type { OfferValues } from '../../lib/offer/fields.ts';
import type { OfferMessage } from '../../lib/offer/message.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { secretFlags, readKey } from '../../lib/cli/secrets.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import {
  answerOffer,
  chainHashOf,
  networkFlag,
  pathsFile,
  proposalFlag,
  rawOffer,
  signedOr,
  pointOfFlag,
} from './shared.ts';
import { door } from '../../lib/cli/door.ts';
import { messageIn } from '../../lib/offer/document.ts';

export default door({
  summary: 'Ask for the invoice of an offer, or offer a refund',
  description: `Reads an offer and prints an invoice request that repeats it, signed with the payer's key. Without the key it takes --payer-id, exits with 3, and signing says what is to be signed and by whom: offer sign --signature adds it. --refund reads no offer: it offers to pay an amount to whoever answers. The payer's key should be a new one each time.`,
  examples: [
    'Ask for two of them\nspillway offer request --quantity 2 --note thanks --payer-key-file payer.key offer.txt > request.json',
    'A refund of 50 satoshis\nspillway offer request --refund --amount-msat 50000 --description "You paid twice" --payer-key-file payer.key',
  ],
  args: { file: arg('The offer (default: stdin)') },
  flags: {
    batch: batchFlag,
    ...secretFlags('payer-key', "The payer's secret key"),
    'payer-id': hexFlag("The payer's public key, where the key is elsewhere"),
    'amount-msat': wholeFlag('What is to be paid, in millisatoshis', { helpValue: 'MSAT' }),
    quantity: wholeFlag('How many'),
    note: textFlag('A note to the issuer', 'TEXT'),
    name: textFlag('The name under which the offer was found (BIP353)', 'USER@DOMAIN'),
    network: networkFlag,
    metadata: hexFlag('Bytes that only this request has (default: 16 random ones)'),
    paths: textFlag('Paths to the payer, as onion-blind make prints them', 'FILE'),
    counter: wholeFlag('Of an offer that recurs: how many periods were paid before'),
    start: wholeFlag('Of an offer that recurs from a fixed time: the first period that is paid'),
    'recurrence-cancel': switchFlag('Say that no further period will be paid'),
    refund: switchFlag('Offer a refund; no offer is read', { exclusive: ['batch'] }),
    description: textFlag('Of a refund: what it is for', 'TEXT', { dependsOn: ['refund'] }),
    'expires-at': wholeFlag('Of a refund: its end in Unix seconds', { helpValue: 'UNIX', dependsOn: ['refund'] }),
    proposal: proposalFlag('replace', 'Ask for another invoice in place of --replaces, which will not be paid'),
    replaces: hexFlag('Payment hash of the unpaid invoice', { length: 32, dependsOn: ['proposal'] }),
  },
  exits: [0, 2, 3, 65, 66, 70, 76, 77],
  run: async (flags, { file }) => {
    const key = await readKey(flags, 'payerKey');
    const id = flags.payerId && pointOfFlag(flags.payerId, 'payer-id');
    const payerId = key ? publicKeyOf(key) : id;
    if (payerId === undefined)
      throw new Refusal('usage', 'no payer found', { hint: 'give --payer-key-file FILE, or --payer-id POINT' });
    if ((flags.proposal !== undefined) !== (flags.replaces !== undefined))
      throw new Refusal('usage', '--proposal replace and --replaces are given together');
    const fields: ChosenFields = {
      invreq_chain: chainHashOf(flags.network),
      invreq_amount: flags.amountMsat,
      invreq_quantity: flags.quantity,
      invreq_payer_note: flags.note,
      invreq_paths: flags.paths === undefined ? undefined : (await pathsFile(flags.paths)).paths,
      invreq_bip_353_name: flags.name === undefined ? undefined : statedName(flags.name),
      proposal_replaces: flags.replaces ? bytesToHex(flags.replaces) : undefined,
    };
    const { counter, start, recurrenceCancel: cancel } = flags;
    const made = (offer: OfferMessage | undefined, more: ChosenFields = {}): OfferMessage =>
      makeRequest(offer, {
        metadata: flags.metadata ?? crypto.getRandomValues(new Uint8Array(16)),
        payerId,
        fields: { ...fields, ...more },
        recurrence: { counter, start, cancel },
      });
    const refund = { offer_description: flags.description, offer_absolute_expiry: flags.expiresAt };
    if (flags.refund) return answerOffer(made(undefined, refund));
    const input = { file, batch: flags.batch, raw: rawOffer() };
    return runStateless(input, (document) => signedOr(made(messageIn(document, ['offer'])), key));
  },
});

/** Returns a name as a request states it. @throws Refusal `usage` */
function statedName(text: string): OfferValues['invreq_bip_353_name'] {
  const { user, domain } = parsePersonName(text);
  return { name: user, domain };
}
