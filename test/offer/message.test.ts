/** BOLT12 messages: strings, trees, fields and rules, by the published vectors and by figures of another writer. */
import { describe, expect, it } from 'vitest';
import { checkFields } from '../../src/lib/offer/check.ts';
import { messageIn, offerDocument, offerProblems } from '../../src/lib/offer/document.ts';
import { branch, leafHash, offerRoot, leafNonces } from '../../src/lib/offer/merkle.ts';
import { readOfferMessage } from '../../src/lib/offer/message.ts';
import { OFFER_KINDS, readString, writeString } from '../../src/lib/offer/string.ts';
import { readStream } from '../../src/lib/wire/tlv.ts';
import { bytes, hex } from '../support/onion.ts';
import { codeOf } from '../support/refusal.ts';
import { fixture, vectors } from '../support/vectors.ts';
import { document, PREIMAGE, theInvoice, theOffer, theRequest } from '../support/offer.ts';
import { theProof } from '../support/offer.ts';

const published = fixture('offer/bolt12.json');
const read = (string: string) => messageIn(document({ string }));

describe('a string', () => {
  it.each<{ comment: string; valid: boolean; string: string }>(published.strings)('$comment', ({ valid, string }) => {
    if (valid) expect(read(string).kind).toBe('offer');
    else expect(codeOf(() => read(string))).toBe('malformed-offer');
  });
  it('is of one kind, which its prefix says', () => {
    const { bytes: records } = theOffer();
    for (const kind of OFFER_KINDS) expect(readString(writeString(kind, records))).toEqual({ kind, bytes: records });
    expect(codeOf(() => readString('lnx1pqps7sjq'))).toBe('malformed-offer');
    expect(codeOf(() => readString('lno1pqpb'))).toBe('malformed-offer');
    expect(
      codeOf(() => messageIn(document({ string: theOffer() && writeString('offer', records) }), ['invoice'])),
    ).toBe('malformed-offer');
  });
});

describe('a tree', () => {
  it.each<any>(published.trees)('$comment', ({ leaves, branches, merkle, ...rest }) => {
    const records = readStream(bytes(rest.records));
    const nonce = leafNonces(records[0]!);
    records.forEach((record, i) => {
      const [leaf, made, both] = Object.values(leaves[i]) as string[];
      expect(hex(leafHash(record))).toBe(leaf);
      expect(hex(nonce(record.type))).toBe(made);
      expect(hex(branch(leafHash(record), nonce(record.type)))).toBe(both);
    });
    expect(branches.length).toBe(records.length - 1);
    expect(hex(offerRoot(records)!)).toBe(merkle);
  });
});

describe('an offer', () => {
  it.each<any>(published.offers)('$description', ({ valid, bolt12, fields }) => {
    let problems: string[];
    try {
      const message = read(bolt12);
      problems = offerProblems(message).map(({ code }) => code);
      for (const { type, length, hex: value } of fields ?? [])
        expect(message.records.map((r) => [Number(r.type), r.value.length, hex(r.value)])).toContainEqual([
          type,
          length,
          value,
        ]);
    } catch (error) {
      problems = [(error as { code: string }).code];
    }
    expect(problems.length === 0, problems.join()).toBe(valid);
  });
});

it('the vectors are all that the bulk has', () => {
  const bulk = vectors('bolt12/offers-test.json');
  if (bulk) expect(published.offers.map(({ bolt12 }: any) => bolt12)).toEqual(bulk.map(({ bolt12 }: any) => bolt12));
});

describe('the messages of another writer', () => {
  const offer = theOffer();
  const request = theRequest(offer);
  it('have the same bytes, ids and signature', () => {
    expect(offerDocument(offer)).toMatchObject({
      kind: 'offer',
      string:
        'lno1pqpsrp4qpg856mmww35zqmmxyp3hyetyd96pyyr4wdjhysr90psk6urvv5hx7un8zsqs293pqthvwfzadd7jejes8q9lhc4rvjxd022zv5l44g6qah82ru5rdpnpj',
      offer_id: expect.stringMatching(/^e586e010.*13a9$/),
      problems: [],
    });
    expect(offerDocument(request)).toMatchObject({
      merkle_root: expect.stringMatching(/^2eb72e9a.*4f99$/),
      fields: { signature: expect.stringMatching(/^1267de76.*10cf$/) },
      expected_amount_msat: 200_000n,
      problems: [],
    });
  });
  it('come back the same from string, hex and document', () => {
    for (const message of [offer, request, theInvoice(request), theProof(PREIMAGE)]) {
      const made = offerDocument(message) as { string: string; hex: string; kind: string };
      for (const from of [{ string: made.string }, { hex: made.hex, kind: made.kind }, made])
        expect(offerDocument(messageIn(document(from)))).toEqual(made);
    }
  });
  it('show what is wrong, and refuse only what cannot be cut', () => {
    // A description that is no UTF-8, an unknown even type, a type of requests.
    const wrong = readOfferMessage('offer', bytes('0a01ff4e00520101'));
    expect(checkFields(wrong).map(({ code, field }) => [code, field])).toEqual([
      ['tlv-value', 'offer_description'],
      ['tlv-unknown-even', '78'],
      ['offer-field', 'invreq_amount'],
      ['offer-field', 'offer_issuer_id'],
    ]);
    expect(wrong.fields.custom).toEqual({ 10: 'ff', 78: '' });
    expect(codeOf(() => readOfferMessage('offer', bytes('0a05ff')))).toBe('tlv-truncated');
    expect(codeOf(() => messageIn(document({})))).toBe('malformed-message');
    expect(codeOf(() => messageIn(document({ hex: '00' })))).toBe('malformed-message');
  });
});
