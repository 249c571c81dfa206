import { hexFlag, switchFlag, textFlag, wholeFlag, arg } from '../../lib/cli/flags.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '../../lib/bitcoin/bytes.ts';
import { makeInvoice, publicKeyOf } from '../../lib/offer/build.ts';
import { answersOffer } from '../../lib/offer/check.ts';
import { refuseFirst, type OfferMessage, type OfferProblem } from '../../lib/offer/message.ts';
import { checkMirror } from '../../lib/offer/verify.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { secretFlags, readKey } from '../../lib/cli/secrets.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import {
  fallbacksOf,
  messageFile,
  networkFlag,
  now,
  pathsFile,
  proposalFlag,
  rawOffer,
  signedOr,
  pointOfFlag,
} from './shared.ts';
import { door } from '../../lib/cli/door.ts';
import { messageIn } from '../../lib/offer/document.ts';

export default door({
  summary: 'Answer an invoice request with an invoice',
  description: `Reads a request, checks it as offer verify does and against --offer, and prints an invoice that repeats it, signed with the node's key. Without the offer anyone could ask for it at another price; a refund has none. Its amount is the requested one, else what the offer asks for. Without the key it exits with 3, and signing says what is to be signed and by whom. --paths is a file with what onion-blind make printed, one or a list; a path's payinfo may also have htlc_minimum_msat, htlc_maximum_msat and features.`,
  examples: [
    'Answer a request\nspillway offer invoice --offer offer.txt --paths path.json --preimage-file preimage.hex --node-key-file node.key request.json > invoice.json',
    'An offer in another currency: a cent is 20000 millisatoshis now\nspillway offer invoice --offer offer.txt --rate 20000 --paths path.json --payment-hash "$H" --node-key-file node.key request.json',
  ],
  args: { file: arg('The request (default: stdin)') },
  flags: {
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
  },
  exits: [0, 2, 3, 65, 66, 70, 75, 76, 77],
  run: async (flags, { file }) => {
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
    await runStateless({ file, batch: flags.batch, raw: rawOffer() }, (document) => {
      const request = messageIn(document, ['invoice_request']);
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
    });
  },
});

/**
 * Returns the differences from the nearest offer: a request may state another amount.
 * @throws Refusal `usage` without an offer
 */
function mirrorOfAny(request: OfferMessage, offers: readonly OfferMessage[]): OfferProblem[] {
  const found = offers.map((offer) => checkMirror(request, offer)).sort((a, b) => a.length - b.length);
  if (found[0]) return found[0];
  throw new Refusal('usage', 'a request for an offer found, and not the offer', { hint: 'give --offer FILE' });
}
