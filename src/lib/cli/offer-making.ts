/** From flags to requests, invoices and proofs: keys and files are read once, randomness and time are drawn for each. */
import { bytesToHex } from '../bitcoin/bytes.ts';
import type { Network } from '../bitcoin/network.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { makeInvoice, makeRequest, publicKeyOf, signWith, type Chosen } from '../offer/build.ts';
import { parsePersonName } from '../names/bip353.ts';
import type { NameJson } from '../offer/kinds.ts';
import type { OfferMessage } from '../offer/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { printJson } from '../protocol/json.ts';
import { parsePoint } from '../signing/curve.ts';
import { answerOffer, chainOf, fallbacksOf, now, pathsFile } from './offer.ts';
import { print } from './output.ts';
import { readKey } from './secrets.ts';

type Given<T> = T | undefined;
/** A public key in a flag. @throws Refusal `wrong-key` */
const pointFlag = (bytes: Uint8Array, name: string): string => {
  if (!parsePoint(bytes)) throw new Refusal('wrong-key', `--${name}: bytes found that are no point of the curve`);
  return bytesToHex(bytes);
};

/** A name as a request states it. @throws Refusal `usage` */
function statedName(text: string): NameJson {
  const { user, domain } = parsePersonName(text);
  return { name: user, domain };
}

export interface RequestFlags {
  'payer-key-file'?: Given<string>;
  'payer-key-fd'?: Given<number>;
  'payer-id'?: Given<Uint8Array>;
  'amount-msat'?: Given<bigint>;
  quantity?: Given<bigint>;
  note?: Given<string>;
  name?: Given<string>;
  network?: Given<Network>;
  metadata?: Given<Uint8Array>;
  paths?: Given<string>;
  counter?: Given<bigint>;
  start?: Given<bigint>;
  'recurrence-cancel'?: boolean;
  description?: Given<string>;
  'expires-at'?: Given<bigint>;
  proposal?: Given<string>;
  replaces?: Given<Uint8Array>;
}

/** @throws Refusal `usage` without a payer, and as `readKey` */
export async function runRequest(flags: RequestFlags) {
  const key = await readKey({ fd: flags['payer-key-fd'], file: flags['payer-key-file'] });
  const id = flags['payer-id'] && pointFlag(flags['payer-id'], 'payer-id');
  const payerId = key ? publicKeyOf(key) : id;
  if (payerId === undefined)
    throw new Refusal('usage', 'no payer found', { hint: 'give --payer-key-file FILE, or --payer-id POINT' });
  if ((flags.proposal !== undefined) !== (flags.replaces !== undefined))
    throw new Refusal('usage', '--proposal replace and --replaces are given together');
  if (flags.replaces && flags.replaces.length !== 32) throw new Refusal('usage', '--replaces: 32 bytes expected');
  const fields: Chosen = {
    invreq_chain: chainOf(flags.network),
    invreq_amount: flags['amount-msat'],
    invreq_quantity: flags.quantity,
    invreq_payer_note: flags.note,
    invreq_paths: flags.paths === undefined ? undefined : (await pathsFile(flags.paths)).paths,
    invreq_bip_353_name: flags.name === undefined ? undefined : statedName(flags.name),
    proposal_replaces: flags.replaces ? bytesToHex(flags.replaces) : undefined,
  };
  const made = (offer: OfferMessage | undefined, more: Chosen = {}): OfferMessage => {
    const metadata = flags.metadata ?? crypto.getRandomValues(new Uint8Array(16));
    const { counter, start, 'recurrence-cancel': cancel = false } = flags;
    return makeRequest(offer, {
      metadata,
      payerId,
      fields: { ...fields, ...more },
      recurrence: { counter, start, cancel },
    });
  };
  return {
    answer(offer: OfferMessage): object {
      const request = made(offer);
      return answerOffer(key ? signWith(request, key) : request);
    },
    async refund(): Promise<void> {
      const more = { offer_description: flags.description, offer_absolute_expiry: flags['expires-at'] };
      await print(printJson(answerOffer(made(undefined, more))));
    },
  };
}

export interface InvoiceFlags {
  paths: string;
  'payment-hash'?: Given<Uint8Array>;
  'preimage-file'?: Given<string>;
  'preimage-fd'?: Given<number>;
  'created-at'?: Given<bigint>;
  expiry?: Given<bigint>;
  mpp: boolean;
  fallback?: Given<string[]>;
  network?: Given<Network>;
  'node-key-file'?: Given<string>;
  'node-key-fd'?: Given<number>;
  'node-id'?: Given<Uint8Array>;
  rate?: Given<bigint>;
  basetime?: Given<bigint>;
  proposal?: Given<string>;
  salt?: Given<Uint8Array>;
  index?: Given<bigint>;
}

/** @throws Refusal `usage` without exactly one of hash and preimage, and as `readKey`, `pathsFile` */
export async function runInvoice(flags: InvoiceFlags): Promise<(request: OfferMessage) => object> {
  const key = await readKey({ fd: flags['node-key-fd'], file: flags['node-key-file'] });
  const preimage = await readKey({ fd: flags['preimage-fd'], file: flags['preimage-file'] });
  const hash = preimage ? sha256(preimage) : flags['payment-hash'];
  if (hash?.length !== 32 || (preimage && flags['payment-hash']))
    throw new Refusal('usage', 'one of --preimage-file and --payment-hash (32 bytes) expected');
  const chain = [flags.proposal, flags.salt, flags.index];
  if (chain.some((each) => each !== undefined) && (chain.includes(undefined) || flags.salt!.length !== 32))
    throw new Refusal('usage', '--proposal preimages, --salt (32 bytes) and --index are given together');
  const { paths, payinfos } = await pathsFile(flags.paths);
  const given = flags['node-id'] && pointFlag(flags['node-id'], 'node-id');
  return (request) => {
    const made = makeInvoice(request, {
      paymentHash: bytesToHex(hash),
      createdAt: flags['created-at'] ?? now(),
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
    return answerOffer(key ? signWith(made, key) : made);
  };
}

/** The message signed, where the key is at hand; else as it waits for its signature. */
export const signedOr = (message: OfferMessage, key: Uint8Array | undefined): object =>
  answerOffer(key ? signWith(message, key) : message);
