/** The commands of offers, from the fields of an offer to the proof that it was paid, and what each refuses. */
import { describe, expect, it } from 'vitest';
import OfferCreate from '../../src/commands/offer/create.ts';
import OfferDecode from '../../src/commands/offer/decode.ts';
import OfferInvoice from '../../src/commands/offer/invoice.ts';
import OfferPeriod from '../../src/commands/offer/period.ts';
import OfferPreimages from '../../src/commands/offer/preimages.ts';
import OfferProve from '../../src/commands/offer/prove.ts';
import OfferRequest from '../../src/commands/offer/request.ts';
import OfferSign from '../../src/commands/offer/sign.ts';
import OfferVerify from '../../src/commands/offer/verify.ts';
import { signHash } from '../../src/lib/signing/bip340.ts';
import { offerDocument } from '../../src/lib/offer/document.ts';
import { makeOfferMessage } from '../../src/lib/offer/message.ts';
import { bytes, fill, hex } from '../support/onion.ts';
import { file, OFFER, pubkey, run, secretFile, thePath, theRequest } from '../support/offer.ts';

const [node, payer, preimage] = [secretFile(0x41), secretFile(0x42), secretFile(1)];
const paths = file(thePath());
const at = ['--created-at', '1764000000'];

describe('an offer on the shell', async () => {
  const offer = await run(OfferCreate, ['--issuer-key-file', node], OFFER);
  const ask = ['--amount-msat', '200000', '--quantity', '2', '--note', 'thanks', '--metadata', '07'.repeat(16)];
  const request = await run(OfferRequest, [...ask, '--payer-key-file', payer], offer.json.string);
  const answer = ['--offer', file(offer.json.string), '--paths', paths, '--preimage-file', preimage, ...at];
  const invoice = await run(OfferInvoice, [...answer, '--node-key-file', node], request.json);
  it('goes from fields to a paid invoice', async () => {
    expect(offer).toMatchObject({ exit: 0, json: { type: 'offer', version: 1, kind: 'offer', problems: [] } });
    expect(request).toMatchObject({ exit: 0, json: { kind: 'invoice_request', signed_by: pubkey(0x42) } });
    expect(invoice).toMatchObject({ exit: 0, json: { kind: 'invoice', signed_by: pubkey(0x41), problems: [] } });
    const verify = ['--against', file(request.json), '--at', '1764000001', '--preimage-file', preimage];
    expect(await run(OfferVerify, verify, invoice.json.string)).toMatchObject({ exit: 0, json: invoice.json });
    expect(await run(OfferVerify, [...verify, '--network', 'signet'], invoice.json)).toMatchObject({
      code: 'wrong-network',
      stdout: '',
    });
    expect(await run(OfferVerify, ['--at', '1764007201'], invoice.json)).toMatchObject({ code: 'invoice-expired' });
    expect(await run(OfferVerify, ['--at', '1764000001', '--preimage-file', payer], invoice.json)).toMatchObject({
      code: 'wrong-preimage',
    });
  });
  it('is not made of names that no offer has, at any depth: 65 for one of many too', async () => {
    for (const wrong of [{ offer_descripton: 'Tea' }, { fields: { ...OFFER, amount: 5 } }]) {
      const refused = await run(OfferCreate, ['--issuer-key-file', node], { ...OFFER, ...wrong });
      expect(refused).toMatchObject({ code: 'malformed-message', exit: 65, stdout: '' });
      expect(refused.hint).toContain('offer create --help');
    }
    const lines = `${JSON.stringify({ ...OFFER, offer_issuerr: 'me' })}\n${JSON.stringify(OFFER)}\n`;
    const many = await run(OfferCreate, ['--issuer-key-file', node, '--batch'], lines);
    expect(many.stdout.split('\n').map((line) => line.slice(0, 15))).toEqual([
      '{"error":{"code',
      '{"type":"offer"',
      '',
    ]);
  });
  it('waits with exit 3 for a signature that is made elsewhere', async () => {
    const waits = await run(OfferRequest, [...ask, '--payer-id', pubkey(0x42)], offer.json);
    expect(waits).toMatchObject({ exit: 3, json: { signing: { key: pubkey(0x42), field: 'signature' } } });
    const signature = signHash(bytes(waits.json.signing.message), fill(0x42));
    expect((await run(OfferSign, ['--signature', signature], waits.json)).json).toEqual(request.json);
    expect((await run(OfferSign, ['--key-file', payer], waits.json.string)).json).toEqual(request.json);
    expect(await run(OfferSign, ['--key-file', node], waits.json)).toMatchObject({ code: 'wrong-key' });
    expect(await run(OfferSign, [], waits.json)).toMatchObject({ code: 'usage' });
    expect(await run(OfferInvoice, answer, request.json)).toMatchObject({
      exit: 3,
      json: { signing: { key: pubkey(0x41) } },
    });
    const lines = `${JSON.stringify(offer.json)}\n${offer.json.string}\nlno1x\n`;
    const many = await run(OfferRequest, [...ask, '--payer-id', pubkey(0x42), '--batch'], lines);
    expect(many.exit).toBe(3);
    expect(many.stdout.split('\n').map((line) => line.slice(0, 16))).toEqual([
      '{"type":"offer",',
      '{"type":"offer",',
      '{"error":{"code"',
      '',
    ]);
  });
  it('is proved to be paid, with the fields that are chosen', async () => {
    const prove = ['--include', 'amount,10', '--preimage-file', preimage, '--note', 'for the tax office'];
    const proof = await run(OfferProve, [...prove, '--payer-key-file', payer], invoice.json);
    expect(Object.keys(proof.json.fields)).toEqual(
      expect.arrayContaining(['offer_amount', 'invreq_amount', 'invoice_amount', 'offer_description', 'proof_note']),
    );
    expect(proof.json.fields).not.toHaveProperty('invreq_payer_note');
    expect(await run(OfferVerify, [], proof.json.string)).toMatchObject({ exit: 0, json: { problems: [] } });
    const waits = await run(OfferProve, prove, invoice.json);
    expect(waits).toMatchObject({ exit: 3, json: { signing: { field: 'proof_signature' } } });
    expect((await run(OfferSign, ['--key-file', payer], waits.json)).json).toEqual(proof.json);
    expect(await run(OfferProve, ['--include', 'nothing', '--preimage-file', preimage], invoice.json)).toMatchObject({
      code: 'malformed-message',
    });
    expect(await run(OfferProve, [], invoice.json)).toMatchObject({ code: 'usage' });
  });
  it('is shown with what is wrong, and refused by that', async () => {
    const wrong = { hex: offer.json.hex.replace('080301', '080300'), kind: 'offer' };
    expect(wrong.hex).not.toBe(offer.json.hex);
    expect(await run(OfferDecode, [], wrong)).toMatchObject({
      exit: 0,
      json: { problems: [{ code: 'tlv-value', field: 'offer_amount' }] },
    });
    expect(await run(OfferVerify, ['--kind', 'offer'], wrong.hex)).toMatchObject({ code: 'tlv-value', stdout: '' });
    expect((await run(OfferDecode, ['--records'], offer.json.string)).json.records[0]).toEqual({
      type: 8,
      length: 3,
      hex: '0186a0',
    });
    expect(await run(OfferDecode, [], 'lno1')).toMatchObject({ exit: 0, json: { kind: 'offer' } });
    expect(await run(OfferDecode, [], 'hello')).toMatchObject({ code: 'malformed-offer' });
  });
  it('is asked for by name, over paths, for another chain, in place of another invoice', async () => {
    const signet = await run(OfferCreate, ['--issuer-key-file', node], {
      ...OFFER,
      offer_chains: ['signet', 'regtest'],
    });
    const more = ['--name', '₿user@example.org', '--network', 'signet', '--paths', paths];
    const replaces = ['--proposal', 'replace', '--replaces', '11'.repeat(32)];
    const asked = await run(OfferRequest, [...ask, '--payer-key-file', payer, ...more, ...replaces], signet.json);
    expect(asked.json).toMatchObject({
      fields: {
        invreq_bip_353_name: { name: 'user', domain: 'example.org' },
        invreq_paths: [thePath()],
        proposal_replaces: '11'.repeat(32),
      },
      proposals: ['replace'],
    });
    const options = [
      '--node-key-file',
      node,
      '--mpp',
      '--fallback',
      'tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c',
    ];
    const made = await run(
      OfferInvoice,
      [...answer, '--offer', file(signet.json), ...options, '--network', 'signet'],
      asked.json,
    );
    expect(made.json).toMatchObject({
      proposals: ['replace'],
      fields: { invoice_features: '020000', invoice_fallbacks: [{ version: 1 }] },
    });
    for (const argv of [replaces.slice(0, 2), ['--name', 'nobody'], ['--payer-id', hex(fill(9, 33))]])
      expect(
        await run(
          OfferRequest,
          [...ask, ...argv, ...(argv[0] === '--payer-id' ? [] : ['--payer-key-file', payer])],
          offer.json,
        ),
      ).toMatchObject({
        code: argv[0] === '--payer-id' ? 'wrong-key' : 'usage',
      });
    expect(await run(OfferRequest, ask, offer.json)).toMatchObject({ code: 'usage' });
  });
  it('is answered only where it is the own one, and signed only where it holds', async () => {
    const cheaper = await run(OfferCreate, ['--issuer-key-file', node], { ...OFFER, offer_amount: 1 });
    const cheap = ['--quantity', '2', '--payer-key-file', payer];
    const asked = await run(OfferRequest, cheap, cheaper.json);
    expect(await run(OfferInvoice, [...answer, '--node-key-file', node], asked.json)).toMatchObject({
      code: 'invoice-differs',
      message: expect.stringContaining('offer_amount'),
      stdout: '',
    });
    const bare = [...answer.slice(2), '--node-key-file', node];
    expect(await run(OfferInvoice, bare, request.json)).toMatchObject({ code: 'usage' });
    // Somebody who builds a request of his own asks for it to be signed.
    const { signature: _, ...fields } = theRequest().fields;
    const wrong = offerDocument(makeOfferMessage('invoice_request', { ...fields, invreq_amount: 5n }));
    expect(await run(OfferSign, ['--key-file', payer], wrong)).toMatchObject({ code: 'offer-field', stdout: '' });
  });
  it('may be a refund, which anyone answers', async () => {
    const refund = await run(OfferRequest, [
      '--refund',
      '--amount-msat',
      '5000',
      '--description',
      'You paid twice',
      '--payer-key-file',
      payer,
    ]);
    expect(refund).toMatchObject({ exit: 0, json: { kind: 'invoice_request', problems: [] } });
    expect(refund.json).not.toHaveProperty('offer_id');
    expect(await run(OfferInvoice, [...answer, '--node-key-file', secretFile(0x50)], refund.json)).toMatchObject({
      exit: 0,
      json: { fields: { invoice_amount: 5000, invoice_node_id: pubkey(0x50) } },
    });
    expect(await run(OfferInvoice, answer, refund.json)).toMatchObject({ code: 'usage' });
    expect(await run(OfferInvoice, ['--paths', paths], refund.json)).toMatchObject({ code: 'usage' });
  });
  it('takes hex of the right length in its flags', async () => {
    const wrong = (length: number) => ({ code: 'usage', message: expect.stringContaining(`1 bytes found, ${length}`) });
    expect(await run(OfferSign, ['--signature', '00'], request.json)).toMatchObject(wrong(64));
    expect(await run(OfferPreimages, ['--proposal', 'preimages', '--count', '1', '--salt', '00'])).toMatchObject(
      wrong(32),
    );
    for (const flag of ['--payment-hash', '--salt'])
      expect(await run(OfferInvoice, ['--paths', paths, '--proposal', 'preimages', flag, '00'])).toMatchObject(
        wrong(32),
      );
    const replaces = ['--proposal', 'replace', '--replaces', '00', '--payer-key-file', payer];
    expect(await run(OfferRequest, replaces, offer.json.string)).toMatchObject(wrong(32));
  });
  it('is read from a link, and hex and older invoices are told apart', async () => {
    const { json } = await run(OfferCreate, ['--issuer-key-file', node], OFFER);
    expect(await run(OfferDecode, [], ` lightning:${json.string}`)).toMatchObject({ json: { string: json.string } });
    expect((await run(OfferDecode, [], json.hex)).hint).toContain('--kind');
    expect((await run(OfferDecode, [], 'lnbc1qqqq')).hint).toContain('spillway invoice decode');
  });
  it('recurs, with a chain of preimages', async () => {
    const monthly = await run(OfferCreate, ['--issuer-key-file', node], {
      offer_amount: 1,
      offer_description: 'Milk',
      offer_recurrence_optional: { unit: 'months', period: 1 },
    });
    const calendar = await run(OfferPeriod, ['--count', '2', '--basetime', '1706659200'], monthly.json.string);
    expect(calendar.json.periods.map(({ start }: { start: number }) => start)).toEqual([1706659200, 1709164800]);
    expect(await run(OfferPeriod, [], monthly.json)).toMatchObject({ code: 'usage' });
    const chain = await run(OfferPreimages, ['--proposal', 'preimages', '--count', '3', '--salt', '02'.repeat(32)]);
    expect(await run(OfferPreimages, ['--count', '3'])).toMatchObject({ code: 'usage' });
    const asked = await run(OfferRequest, ['--counter', '0', '--payer-key-file', payer], monthly.json);
    const place = ['--proposal', 'preimages', '--salt', '02'.repeat(32), '--index', '0'];
    const hash = [
      '--offer',
      file(monthly.json),
      '--paths',
      paths,
      '--payment-hash',
      chain.json.periods[0].payment_hash,
      ...at,
      '--node-key-file',
      node,
    ];
    const paid = await run(OfferInvoice, [...hash, ...place], asked.json);
    expect(paid.json).toMatchObject({ proposals: ['preimages'], problems: [] });
    const later = [
      '--preimage-file',
      file(chain.json.periods[2].preimage),
      '--preimage-index',
      '2',
      '--at',
      '1764000000',
    ];
    expect(await run(OfferVerify, later, paid.json)).toMatchObject({ exit: 0 });
    later[3] = '1';
    expect(await run(OfferVerify, later, paid.json)).toMatchObject({ code: 'chain-differs' });
    expect(await run(OfferInvoice, [...hash, ...place.slice(0, 2)], asked.json)).toMatchObject({ code: 'usage' });
  });
});
