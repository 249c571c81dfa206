/** Offers, requests and invoices for tests: keys of one repeated byte, files for what commands read, and the commands in process. */
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOffer, makeInvoice, makeRequest, publicKeyOf, signWith } from '../../src/lib/offer/build.ts';
import type { OfferMessage } from '../../src/lib/offer/message.ts';
import { makePayerProof } from '../../src/lib/offer/proof.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { parseJson, printJson } from '../../src/lib/protocol/json.ts';
import { blindPath } from '../../src/lib/onion/blinding.ts';
import { bytes, fill, hex } from './onion.ts';
import { command, type Ended, type Made } from './command.ts';

const dir = mkdtempSync(join(tmpdir(), 'offer-'));
let count = 0;
/** A file that nobody else may read. */
export function file(content: string | object): string {
  const path = join(dir, String(count++));
  writeFileSync(path, typeof content === 'string' ? content : printJson(content));
  chmodSync(path, 0o600);
  return path;
}
/** A file with a secret of 32 equal bytes. */
export const secretFile = (byte: number): string => file(hex(fill(byte)));
export const pubkey = (byte: number): string => publicKeyOf(fill(byte));

export type Run = Ended & { json: any };
/** Runs a command on a text or document. */
export async function run(Command: Made, argv: readonly string[], input?: string | object): Promise<Run> {
  const ended = await command(Command, input === undefined ? argv : [...argv, file(input)]);
  return { ...ended, json: ended.stdout === '' ? undefined : JSON.parse(ended.stdout.split('\n')[0]!) };
}

/** Fields of a document, as a command reads them. */
export const document = (value: object): Fields => new Fields(parseJson(printJson(value)));

/** The offer of the published figures: key 41…, 100,000 msat, up to five. */
export const OFFER = {
  offer_amount: 100_000,
  offer_description: 'Month of credit',
  offer_issuer: 'user@example.org',
  offer_quantity_max: 5,
};
export const theOffer = (more: object = {}): OfferMessage =>
  createOffer(document({ ...OFFER, ...more }), 'offer_issuer_id' in more ? undefined : pubkey(0x41));
/** Its request: key 42…, metadata 07…, two of them. */
export const theRequest = (offer = theOffer()): OfferMessage =>
  signWith(
    makeRequest(offer, {
      metadata: fill(7, 16),
      payerId: pubkey(0x42),
      fields: {
        invreq_amount: 200_000n,
        ...(offer.fields.offer_quantity_max !== undefined && { invreq_quantity: 2n }),
        invreq_payer_note: 'thanks',
      },
    }),
    fill(0x42),
  );
/** A path of two hops, whose keys are 43… and 44…. */
export const thePath = () =>
  blindPath(
    [
      { nodeId: bytes(pubkey(0x43)), data: bytes('0100') },
      { nodeId: bytes(pubkey(0x44)), data: bytes('0100') },
    ],
    fill(9),
  ).path;
export const PAYINFO = {
  fee_base_msat: 1n,
  fee_proportional_millionths: 2n,
  cltv_expiry_delta: 3n,
  htlc_minimum_msat: 4n,
  htlc_maximum_msat: 5_000_000n,
  features: '',
};
export const PREIMAGE = fill(1);
/** When everything of these tests happens. */
export const AT = 1_764_000_000n;
export const theInvoice = (
  request = theRequest(),
  more: Partial<Parameters<typeof makeInvoice>[1]> = {},
): OfferMessage =>
  signWith(
    makeInvoice(request, {
      paymentHash: '72cd6e8422c407fb6d098690f1130b7ded7ec2f7f5e1d30bd9d521f015363793',
      createdAt: AT,
      nodeId: pubkey(0x41),
      ...more,
      fields: { invoice_paths: [thePath()], invoice_blindedpay: [PAYINFO], ...more.fields },
    }),
    fill(0x41),
  );
/** A proof of the payment of an invoice, that shows its amount. */
export const theProof = (preimage: Uint8Array, include: readonly bigint[] = [170n], note?: string): OfferMessage =>
  signWith(makePayerProof((paid ??= theInvoice()), include, preimage, note), fill(0x42));
let paid: OfferMessage | undefined;
