/** Commands of `invoice`: Lightning invoices (BOLT11). */
import { door } from '../lib/cli/door.ts';
import { arg, switchFlag, wholeFlag } from '../lib/cli/flags.ts';
import { readKey, secretFlags } from '../lib/cli/secrets.ts';
import { batchFlag, nodeKeyFlags, runStateless } from '../lib/cli/stateless.ts';
import { bolt11Document, encodeBolt11, invoiceIn, verifyBolt11 } from '../lib/offer/bolt11-document.ts';
import { Refusal } from '../lib/protocol/refusal.ts';
import { atFlag, now, rawOffer } from './offer/shared.ts';

export const decode = door({
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

export const encode = door({
  summary: 'Write and sign a BOLT11 invoice',
  description: `Reads what invoice decode prints, or {network, amount_msat?, timestamp?, fields: [{tag: "p", payment_hash}, {tag: "s", payment_secret}, {tag: "d", description}, …]}: h description_hash, m payment_metadata, n node_id, x expiry, c min_final_cltv_expiry_delta, f fallback {address}, r route [{pubkey, short_channel_id, fee_base_msat, fee_proportional_millionths, cltv_expiry_delta}], 9 features [bits]; other tags with letters. What invoice verify would refuse is not written.`,
  examples: [
    'An invoice without an amount\necho \'{"fields": [{"tag": "p", "payment_hash": "…"}, {"tag": "s", "payment_secret": "…"}, {"tag": "d", "description": "Tea"}]}\' | spillway invoice encode --key-file node.key | jq -r .string',
    'The same invoice, signed again\nspillway invoice decode invoice.txt | spillway invoice encode --key-file node.key | jq -r .string',
  ],
  args: { file: arg('The fields (default: stdin)') },
  flags: { batch: batchFlag, ...nodeKeyFlags },
  exits: [0, 2, 65, 66, 70, 76, 77],
  run: async (flags, { file }) => {
    const key = await readKey(flags, 'key');
    if (!key) throw new Refusal('usage', 'no key to sign with', { hint: 'give --key-file FILE or --key-fd N' });
    await runStateless({ file, batch: flags.batch }, (document) => encodeBolt11(document, key, now()));
  },
});

export const verify = door({
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
