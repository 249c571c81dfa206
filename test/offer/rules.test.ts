/** What readers and writers of offers, requests and invoices refuse, each rule by one message that breaks it. */
import { describe, expect, it } from 'vitest';
import { createOffer, makeInvoice, makeRequest, signWith, withSignature } from '../../src/lib/offer/build.ts';
import { offerHashToSign } from '../../src/lib/offer/check.ts';
import { offerDocument, offerProblems } from '../../src/lib/offer/document.ts';
import type { OfferValues } from '../../src/lib/offer/fields.ts';
import { makeOfferMessage, type OfferMessage } from '../../src/lib/offer/message.ts';
import { checkMirror } from '../../src/lib/offer/verify.ts';
import { verifyMessage } from '../../src/lib/offer/verify.ts';
import { signHash } from '../../src/lib/signing/bip340.ts';
import { fill } from '../support/onion.ts';
import { AT, document, PAYINFO, pubkey, theInvoice, theOffer, thePath, theRequest } from '../support/offer.ts';
import { codeOf } from '../support/refusal.ts';

const [offer, request, invoice] = [theOffer(), theRequest(), theInvoice()];
const CHAIN = 'f61eee3b63a380a477a063af32b2bbc97c9ff9f01f2c4225e973988108000000';
type Change = { [K in keyof OfferValues]: OfferValues[K] | undefined };

/** The message with other fields, signed again, so that the signature is right. */
function changed(message: OfferMessage, change: Change): OfferMessage {
  const fields = Object.fromEntries(
    Object.entries({ ...message.fields, ...change, signature: undefined }).filter(([, value]) => value !== undefined),
  ) as OfferValues;
  const bare = makeOfferMessage(message.kind, fields);
  const hash = offerHashToSign(bare);
  if (!hash) return bare;
  return makeOfferMessage(message.kind, {
    ...fields,
    signature: signHash(hash, fill(message.kind === 'invoice' ? 0x41 : 0x42)),
  });
}
const problems = (message: OfferMessage) => offerProblems(message).map(({ code, field }) => `${code} ${field}`);

describe('the messages that are changed', () => {
  it('are sound, and so are they signed again', () => {
    for (const message of [offer, request, invoice]) {
      expect(problems(message)).toEqual([]);
      expect(problems(changed(message, {}))).toEqual([]);
    }
  });
});

describe('an offer', () => {
  it('with features as long as can be is read at once', () => {
    const features = `40${'00'.repeat(60_000)}`;
    const begun = process.cpuUsage();
    expect(problems(changed(offer, { offer_features: features }))).toEqual(['feature-unknown offer_features']);
    expect(process.cpuUsage(begun).user).toBeLessThan(500_000);
  });
  it.each<[string, Change]>([
    ['offer-field offer_amount', { offer_amount: 0n }],
    ['offer-field offer_description', { offer_description: undefined }],
    ['offer-field offer_amount', { offer_amount: undefined, offer_currency: 'EUR' }],
    ['offer-field offer_currency', { offer_currency: 'euro' }],
    ['offer-field offer_chains', { offer_chains: [] }],
    ['offer-field offer_issuer_id', { offer_issuer_id: undefined }],
    ['feature-unknown offer_features', { offer_features: '04' }],
    ['offer-field invreq_amount', { invreq_amount: 1n }],
    ['tlv-unknown-even 70', { custom: { 70: '' } }],
    ['offer-field 2000000001', { custom: { 2000000001: '' } }],
  ])('%s', (problem, change) => {
    expect(problems(changed(offer, change))[0]).toBe(problem);
    expect(codeOf(() => createOffer(document({ fields: { ...changed(offer, change).fields } })))).toBe(
      problem.split(' ')[0],
    );
  });
  it('names chains by a network or a hash', () => {
    for (const chain of ['moon', 'constructor', CHAIN.slice(2), 1])
      expect([chain, codeOf(() => theOffer({ offer_chains: [chain] }))]).toEqual([chain, 'malformed-message']);
    expect(codeOf(() => theOffer({ invreq_chain: 'constructor' }))).toBe('malformed-message');
    expect(theOffer({ offer_chains: ['signet', CHAIN] }).fields.offer_chains).toEqual([CHAIN, CHAIN]);
  });
  it('has paths that begin at a point, or at either side of a channel', () => {
    const from = (side: string) => {
      const path = { ...thePath(), first_node_id: `${side}${'00'.repeat(8)}` };
      return theOffer({ offer_paths: [path] }).fields.offer_paths;
    };
    for (const side of ['00', '01']) expect(from(side)).toHaveLength(1);
    expect(codeOf(() => from('02'))).toBe('malformed-message');
  });
  it('may have odd features, odd unknown types, and paths in place of an id', () => {
    for (const change of [
      { offer_features: '08' },
      { custom: { 71: 'ab', 1000000001: '' } },
      { offer_issuer_id: undefined, offer_paths: [thePath()] },
    ])
      expect(problems(changed(offer, change))).toEqual([]);
  });
});

describe('a request', () => {
  it.each<[string, Change]>([
    ['offer-field invreq_metadata', { invreq_metadata: undefined }],
    ['offer-field invreq_payer_id', { invreq_payer_id: undefined }],
    ['feature-unknown invreq_features', { invreq_features: '01' }],
    ['offer-field invreq_chain', { invreq_chain: CHAIN }],
    ['offer-field invreq_quantity', { invreq_quantity: 0n }],
    ['offer-field invreq_quantity', { invreq_quantity: 6n }],
    ['offer-field invreq_quantity', { invreq_quantity: undefined }],
    ['offer-field invreq_quantity', { offer_quantity_max: undefined }],
    ['offer-field invreq_amount', { invreq_amount: 199_999n }],
    ['offer-field invreq_amount', { offer_amount: undefined, invreq_amount: undefined }],
    ['offer-field invreq_bip_353_name', { invreq_bip_353_name: { name: 'a b', domain: 'c' } }],
    ['offer-field invoice_amount', { invoice_amount: 1n }],
    // Without an offer.
    ['offer-field offer_quantity_max', { offer_issuer_id: undefined, invreq_quantity: undefined }],
    ['offer-field offer_chains', { offer_issuer_id: undefined, offer_chains: [CHAIN] }],
    ['offer-field offer_features', { offer_issuer_id: undefined, offer_features: '' }],
    [
      'offer-field invreq_amount',
      {
        offer_issuer_id: undefined,
        offer_quantity_max: undefined,
        invreq_quantity: undefined,
        invreq_amount: undefined,
      },
    ],
  ])('%s', (problem, change) => {
    expect(problems(changed(request, change))[0]).toBe(problem);
  });
  it('is signed by its payer, unless it offers a refund', () => {
    const bare = changed(request, {});
    expect(problems(makeOfferMessage('invoice_request', { ...bare.fields, signature: '11'.repeat(64) }))).toEqual([
      'signature-invalid signature',
    ]);
    const { signature: _, ...unsigned } = request.fields;
    expect(problems(makeOfferMessage('invoice_request', unsigned))).toEqual(['signature-invalid signature']);
    const input = { metadata: fill(7, 16), payerId: pubkey(0x42) };
    const refund = makeRequest(undefined, { ...input, fields: { invreq_amount: 5n, offer_description: 'sorry' } });
    expect(problems(refund)).toEqual([]);
    expect(codeOf(() => makeRequest(undefined, { ...input, fields: { invreq_amount: 5n } }))).toBe('offer-field');
    // Whoever has a key may answer a refund.
    expect(problems(theInvoice(refund))).toEqual([]);
  });
  it('repeats its offer, unknown fields too, byte for byte', () => {
    const odd = theOffer({ custom: { 77: 'aabb', 1999999999: '' } });
    expect(checkMirror(theRequest(odd), odd)).toEqual([]);
    expect(checkMirror(theRequest(odd), offer).map(({ code, field }) => `${code} ${field}`)).toEqual([
      'invoice-differs 77',
      'invoice-differs 1999999999',
    ]);
    expect(codeOf(() => checkMirror(offer, request))).toBe('usage');
  });
  it('takes a chain that is offered', () => {
    const signet = theOffer({ offer_chains: ['signet'] });
    const input = { metadata: fill(7, 16), payerId: pubkey(0x42) };
    const fields = { invreq_quantity: 1n };
    expect(codeOf(() => makeRequest(signet, { ...input, fields }))).toBe('offer-field');
    expect(makeRequest(signet, { ...input, fields: { ...fields, invreq_chain: CHAIN } }).fields.invreq_chain).toBe(
      CHAIN,
    );
  });
});

describe('an invoice', () => {
  const info = { ...PAYINFO, features: '01' };
  it.each<[string, Change]>([
    ['offer-field invoice_amount', { invoice_amount: undefined }],
    ['offer-field invoice_created_at', { invoice_created_at: undefined }],
    ['offer-field invoice_payment_hash', { invoice_payment_hash: undefined }],
    ['offer-field invoice_paths', { invoice_paths: undefined }],
    ['offer-field invoice_blindedpay', { invoice_blindedpay: undefined }],
    ['offer-field invoice_blindedpay', { invoice_blindedpay: [PAYINFO, PAYINFO] }],
    ['feature-unknown invoice_blindedpay', { invoice_blindedpay: [info] }],
    ['feature-unknown invoice_features', { invoice_features: '040000' }],
    ['invoice-differs invoice_amount', { invoice_amount: 200_001n }],
    ['invoice-differs invoice_node_id', { offer_issuer_id: pubkey(0x45) }],
    ['invoice-differs invoice_node_id', { offer_issuer_id: undefined, offer_paths: [thePath()] }],
    ['offer-field invreq_metadata', { invreq_metadata: undefined }],
  ])('%s', (problem, change) => {
    expect(problems(changed(invoice, change))[0]).toBe(problem);
  });
  it('is by the issuer, or by the last hop of a path of the offer', () => {
    const hidden = theOffer({ offer_issuer_id: undefined, offer_paths: [thePath()] });
    // The test key is none of the path.
    expect(codeOf(() => theInvoice(theRequest(hidden)))).toBe('invoice-differs');
    const made = makeInvoice(theRequest(hidden), {
      paymentHash: '11'.repeat(32),
      createdAt: AT,
      fields: { invoice_paths: [thePath()], invoice_blindedpay: [PAYINFO] },
    });
    expect(made.fields.invoice_node_id).toBe(thePath().hops.at(-1)!.blinded_node_id);
    expect(codeOf(() => signWith(made, fill(0x41)))).toBe('wrong-key');
    expect(codeOf(() => theInvoice(request, { nodeId: pubkey(0x45) }))).toBe('invoice-differs');
  });
  it('needs a path whose features are known, and a rule says which bit is not', () => {
    const [problem] = offerProblems(changed(invoice, { invoice_features: '01' }));
    expect(problem).toEqual({ code: 'feature-unknown', field: 'invoice_features', text: 'bit 0 is not known' });
  });
  it('may have one path of several whose features are not known', () => {
    const change = { invoice_paths: [thePath(), thePath()], invoice_blindedpay: [info, PAYINFO] };
    expect(problems(changed(invoice, change))).toEqual([]);
  });
  it('repeats its request, and nothing else of it', () => {
    expect(checkMirror(invoice, request)).toEqual([]);
    const other = changed(invoice, { invreq_payer_note: 'thank you', custom: { 2999999999: '01', 3000000001: '02' } });
    expect(checkMirror(other, request).map(({ field, text }) => `${field} ${text}`)).toEqual([
      'invreq_payer_note another value here',
      '2999999999 added here',
    ]);
    expect(codeOf(() => verifyMessage(other, AT, request))).toBe('invoice-differs');
  });
  it('asks for what the offer asks for, in its currency by a rate', () => {
    const euro = theOffer({ offer_currency: 'EUR', offer_amount: 250 });
    const asked = signWith(
      makeRequest(euro, { metadata: fill(7, 16), payerId: pubkey(0x42), fields: { invreq_quantity: 3n } }),
      fill(0x42),
    );
    expect(codeOf(() => theInvoice(asked))).toBe('usage');
    expect(theInvoice(asked, { rate: 20_000n }).fields.invoice_amount).toBe(15_000_000n);
    expect(offerDocument(asked)).not.toHaveProperty('expected_amount_msat');
  });
  it('is not made for a request that is wrong, or over', () => {
    expect(codeOf(() => theInvoice(changed(request, { invreq_quantity: 6n })))).toBe('offer-field');
    expect(codeOf(() => theInvoice(theRequest(theOffer({ offer_absolute_expiry: Number(AT) - 1 }))))).toBe(
      'offer-expired',
    );
    expect(codeOf(() => verifyMessage(invoice, AT + 7201n))).toBe('invoice-expired');
    verifyMessage(invoice, AT + 7200n, request);
  });
});

describe('a signature', () => {
  const { signature, ...bare } = request.fields;
  const unsigned = makeOfferMessage('invoice_request', bare);
  it('made elsewhere is taken if it is right', () => {
    expect(offerDocument(unsigned)).toMatchObject({
      signing: {
        message: Buffer.from(offerHashToSign(unsigned)!).toString('hex'),
        key: pubkey(0x42),
        field: 'signature',
      },
    });
    expect(withSignature(unsigned, signature!).bytes).toEqual(request.bytes);
    expect(codeOf(() => withSignature(unsigned, '00'.repeat(64)))).toBe('signature-invalid');
  });
  it('is by the key that the message names, and an offer has none', () => {
    expect(codeOf(() => signWith(unsigned, fill(0x43)))).toBe('wrong-key');
    expect(codeOf(() => signWith(unsigned, fill(0)))).toBe('wrong-key');
    expect(codeOf(() => signWith(offer, fill(0x41)))).toBe('not-now');
    expect(codeOf(() => withSignature(offer, signature!))).toBe('not-now');
  });
});
