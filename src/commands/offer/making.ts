/** Requests, invoices and proofs by flags: files are read once, time and randomness for each. */
import { hexFlag, switchFlag, textFlag, wholeFlag, type Values } from '../../lib/cli/flags.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '../../lib/bitcoin/bytes.ts';
import { makeInvoice, makeRequest, publicKeyOf, signWith, type ChosenFields } from '../../lib/offer/build.ts';
import { parsePersonName } from '../../lib/names/bip353.ts';
import { answersOffer } from '../../lib/offer/check.ts';
import type { OfferValues } from '../../lib/offer/fields.ts';
import { refuseFirst, type OfferMessage, type OfferProblem } from '../../lib/offer/message.ts';
import { checkMirror } from '../../lib/offer/verify.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { needPoint } from '../../lib/signing/curve.ts';
import { secretFlags, readKey } from '../../lib/cli/secrets.ts';
import { batchFlag } from '../../lib/cli/stateless.ts';
import { print } from '../../lib/cli/output.ts';
import {
  answerOffer,
  chainHashOf,
  fallbacksOf,
  messageFile,
  networkFlag,
  now,
  pathsFile,
  proposalFlag,
} from './shared.ts';

/** Returns the public key of a flag. @throws Refusal `wrong-key` */
const pointOfFlag = (bytes: Uint8Array, name: string): string => {
  needPoint(bytes, `--${name}`);
  return bytesToHex(bytes);
};

/** Returns a name as a request states it. @throws Refusal `usage` */
function statedName(text: string): OfferValues['invreq_bip_353_name'] {
  const { user, domain } = parsePersonName(text);
  return { name: user, domain };
}

export const requestFlags = {
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
};

/** Prepares requests. @throws Refusal `usage` without a payer, and as `readKey` */
export async function runRequest(flags: Values<typeof requestFlags>) {
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
  const made = (offer: OfferMessage | undefined, more: ChosenFields = {}): OfferMessage => {
    const metadata = flags.metadata ?? crypto.getRandomValues(new Uint8Array(16));
    const { counter, start, recurrenceCancel: cancel } = flags;
    return makeRequest(offer, {
      metadata,
      payerId,
      fields: { ...fields, ...more },
      recurrence: { counter, start, cancel },
    });
  };
  return {
    answer(offer: OfferMessage): object {
      return signedOr(made(offer), key);
    },
    async refund(): Promise<void> {
      const more = { offer_description: flags.description, offer_absolute_expiry: flags.expiresAt };
      await print(answerOffer(made(undefined, more)));
    },
  };
}

export const invoiceFlags = {
  batch: batchFlag,
  paths: textFlag('Blinded paths to the node', 'FILE', { required: true }),
  offer: textFlag('The offer that is answered, or one of several', 'FILE', { multiple: true }),
  'payment-hash': hexFlag('The payment hash', { length: 32 }),
  ...secretFlags('preimage', 'The preimage'),
  ...secretFlags('node-key', 'The secret key of the issuer, or of the final hop of a path of the offer'),
  'node-id': hexFlag('Its public key, where the key is elsewhere'),
  'created-at': wholeFlag('When it is made, in Unix seconds (default: now)', { helpValue: 'UNIX' }),
  expiry: wholeFlag('Seconds for which it can be paid (default 7200)', { helpValue: 'SECONDS' }),
  mpp: switchFlag('Allow that it is paid in parts'),
  fallback: textFlag('An address to pay to instead', 'ADDRESS', { multiple: true }),
  network: networkFlag,
  rate: wholeFlag("Millisatoshis for a unit of the offer's currency", { helpValue: 'MSAT' }),
  basetime: wholeFlag('When period 0 of a recurring offer began', { helpValue: 'UNIX' }),
  proposal: proposalFlag('preimages', 'Say to which chain of preimages the hash belongs'),
  salt: hexFlag('Of the chain, 32 bytes', { length: 32, dependsOn: ['proposal'] }),
  index: wholeFlag('Of this preimage in the chain', { dependsOn: ['proposal'] }),
};

/**
 * Returns the differences from the nearest offer: a request may state another amount.
 * @throws Refusal `usage` without an offer
 */
function mirrorOfAny(request: OfferMessage, offers: readonly OfferMessage[]): OfferProblem[] {
  const found = offers.map((offer) => checkMirror(request, offer)).sort((a, b) => a.length - b.length);
  if (found[0]) return found[0];
  throw new Refusal('usage', 'a request for an offer found, and not the offer', { hint: 'give --offer FILE' });
}

/** Prepares invoices. @throws Refusal `usage` without one of hash and preimage, as `pathsFile` */
export async function runInvoice(flags: Values<typeof invoiceFlags>): Promise<(request: OfferMessage) => object> {
  const key = await readKey(flags, 'nodeKey');
  const preimage = await readKey(flags, 'preimage');
  const hash = preimage ? sha256(preimage) : flags.paymentHash;
  if (!hash || (preimage && flags.paymentHash))
    throw new Refusal('usage', 'one of --preimage-file and --payment-hash expected');
  const chain = [flags.proposal, flags.salt, flags.index];
  if (chain.some((each) => each !== undefined) && chain.includes(undefined))
    throw new Refusal('usage', '--proposal preimages, --salt and --index are given together');
  const { paths, payinfos } = await pathsFile(flags.paths);
  const offers = await Promise.all((flags.offer ?? []).map(messageFile));
  const given = flags.nodeId && pointOfFlag(flags.nodeId, 'node-id');
  return (request) => {
    if (answersOffer(request.fields)) refuseFirst(mirrorOfAny(request, offers));
    const made = makeInvoice(request, {
      paymentHash: bytesToHex(hash),
      createdAt: flags.createdAt ?? now(),
      expiry: flags.expiry,
      rate: flags.rate,
      basetime: flags.basetime,
      nodeId: given ?? (key && publicKeyOf(key)),
      fields: {
        invoice_paths: paths,
        invoice_blindedpay: payinfos,
        invoice_fallbacks: fallbacksOf(flags.fallback, flags.network),
        invoice_features: flags.mpp ? '020000' : undefined,
        proposal_preimage_chain: flags.salt ? { salt: bytesToHex(flags.salt), index: flags.index! } : undefined,
      },
    });
    return signedOr(made, key);
  };
}

/** Signs a message where the key is given; otherwise it is printed without signature, exit 3. */
export const signedOr = (message: OfferMessage, key: Uint8Array | undefined): object =>
  answerOffer(key ? signWith(message, key) : message);
