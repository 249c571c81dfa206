/**
 * Other implementations: LDK reads the offers, requests and invoices that are made here, field by field, and refuses altered
 * ones; bolt12-cli, where installed, verifies payer proofs.
 */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { offerDocument, offerProblems } from '../../src/lib/offer/document.ts';
import { readOfferMessage, type OfferMessage } from '../../src/lib/offer/message.ts';
import { bytes, hex, peer } from '../support/onion.ts';
import { AT, PREIMAGE, pubkey, theInvoice, theOffer, thePath, theProof, theRequest } from '../support/offer.ts';
import { fixture } from '../support/vectors.ts';

const stringOf = (message: OfferMessage) => (offerDocument(message) as { string: string }).string;
const hexOf = (message: OfferMessage) => hex(message.bytes);

describe('LDK', () => {
  const plain = theOffer();
  const hidden = theOffer({ offer_paths: [thePath()], offer_quantity_max: undefined });
  const offers = [plain, hidden];
  const requests = offers.map((offer) => theRequest(offer));
  // LDK 0.1 takes no invoice whose node id is not the issuer's.
  const invoices = [
    theInvoice(requests[0]!),
    theInvoice(requests[0]!, { expiry: 60n, fields: { invoice_features: '020000' } }),
  ];
  it('reads the offers, and writes the same bytes', () => {
    const said = peer(
      'ldk-offers',
      offers.map((offer) => ({ offer: stringOf(offer) })),
    );
    said.forEach((each, i) =>
      expect(each).toMatchObject({
        ok: true,
        string: stringOf(offers[i]!),
        hex: hexOf(offers[i]!),
        description: 'Month of credit',
        issuer: 'user@example.org',
      }),
    );
    expect(said[0]).toMatchObject({ key: pubkey(0x41), max: '5', paths: 0 });
    expect(said[1]).toMatchObject({ paths: 1 });
  });
  it('reads the requests and invoices, whose signatures it checks', () => {
    const [asked, ...rest] = peer('ldk-offers', [
      ...requests.map((request) => ({ invoice_request: hexOf(request) })),
      ...invoices.map((invoice) => ({ invoice: hexOf(invoice) })),
    ]);
    expect(asked).toMatchObject({
      ok: true,
      hex: hexOf(requests[0]!),
      amount: '200000',
      quantity: '2',
      note: 'thanks',
      key: pubkey(0x42),
    });
    expect(rest[0]).toMatchObject({ ok: true, hex: hexOf(requests[1]!) });
    invoices.forEach((invoice, i) =>
      expect(rest[i + 1]).toMatchObject({
        ok: true,
        hex: hexOf(invoice),
        amount: '200000',
        hash: invoice.fields.invoice_payment_hash,
        created: String(AT),
        expiry: i === 0 ? '7200' : '60',
        key: pubkey(0x41),
        paths: 1,
      }),
    );
  });
  it('refuses, as here, a request and an invoice with any one bit of the signature turned', () => {
    const turned = [requests[0]!, invoices[0]!].flatMap((message) => {
      const whole = message.bytes;
      const at = Buffer.from(whole).indexOf(Buffer.from('f040', 'hex')) + 2;
      return Array.from({ length: 64 }, (_, i) => {
        const altered = Uint8Array.from(whole);
        altered[at + i]! ^= 1 << (i % 8);
        return { kind: message.kind as 'invoice' | 'invoice_request', altered };
      });
    });
    for (const { kind, altered } of turned)
      expect(offerProblems(readOfferMessage(kind, altered)).map(({ code }) => code)).toEqual(['signature-invalid']);
    const said = peer(
      'ldk-offers',
      turned.map(({ kind, altered }) => ({ [kind]: hex(altered) })),
    );
    expect(said.filter(({ ok }) => ok !== false)).toEqual([]);
  });
  it('has made the invoices of the published proofs, which hold here', () => {
    for (const { invoice_hex: made } of fixture('offer/payer-proofs.json').vectors)
      expect(offerProblems(readOfferMessage('invoice', bytes(made))).map(({ code, field }) => [code, field])).toEqual(
        [],
      );
  });
});

/** `cargo install bolt12-cli`: LDK 0.3, which knows payer proofs. */
const hasCli = spawnSync('bolt12', ['--help']).status === 0;
if (!hasCli) console.log('skipped: bolt12-cli (cargo install --locked bolt12-cli@0.1.0)');
describe.skipIf(!hasCli)('bolt12-cli', () => {
  const cli = (...argv: string[]): any => {
    const { stdout } = spawnSync('bolt12', argv, { encoding: 'utf8' });
    return JSON.parse(stdout);
  };
  const [offer, invoice, proof] = [theOffer(), theInvoice(), theProof(PREIMAGE, [170n, 10n, 8n], 'a note')].map(
    stringOf,
  );
  it('reads the offer, the invoice and the proof', () => {
    expect(cli('decode', offer!)).toMatchObject({ type: 'offer', amount: { msat: 100_000 }, quantity_max: 5 });
    expect(cli('decode', invoice!)).toMatchObject({
      amount_msat: 200_000,
      payer_note: 'thanks',
      node_id: pubkey(0x41),
    });
    expect(cli('decode', proof!)).toMatchObject({ type: 'payer_proof', amount_msat: 200_000, proof_note: 'a note' });
  });
  it('verifies the proof, and the payment by its preimage', () => {
    expect(cli('verify', '--offer', offer!, proof!)).toMatchObject({ kind: 'payer_proof', valid: true });
    const paid = ['verify', '--offer', offer!, '--invoice', invoice!, '--preimage'];
    expect(cli(...paid, hex(PREIMAGE))).toMatchObject({ kind: 'payment', valid: true });
    expect(cli(...paid, hex(PREIMAGE).replace('01', '02'))).toMatchObject({ valid: false });
  });
  it('refuses the proof with any letter changed', () => {
    for (let at = 6; at < proof!.length; at += 97) {
      const other = proof![at] === 'q' ? 'p' : 'q';
      const altered = `${proof!.slice(0, at)}${other}${proof!.slice(at + 1)}`;
      expect([at, cli('verify', '--offer', offer!, altered).valid]).toEqual([at, false]);
    }
  });
});
