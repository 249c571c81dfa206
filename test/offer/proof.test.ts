/** Payer proofs: the published ones, byte for byte where the writer is free, and each part altered. */
import { describe, expect, it } from 'vitest';
import { makeRequest, signWith } from '../../src/lib/offer/build.ts';
import { messageIn, offerDocument, offerProblems } from '../../src/lib/offer/document.ts';
import { readOfferMessage } from '../../src/lib/offer/message.ts';
import { makePayerProof } from '../../src/lib/offer/proof.ts';
import { writeStream } from '../../src/lib/wire/tlv.ts';
import { bytes, fill } from '../support/onion.ts';
import { verifyMessage } from '../../src/lib/offer/verify.ts';
import { AT, document, PREIMAGE, pubkey, theInvoice, theOffer, theProof } from '../support/offer.ts';
import { codeOf } from '../support/refusal.ts';
import { fixture } from '../support/vectors.ts';

const published = fixture('offer/payer-proofs.json');
const codes = (message: Parameters<typeof offerProblems>[0]) => offerProblems(message).map(({ code }) => code);

describe('a published proof', () => {
  it.each<any>(published.vectors)('$name verifies, and is written so', (vector) => {
    const proof = messageIn(document({ string: vector.bech32 }));
    expect(codes(proof)).toEqual([]);
    const invoice = readOfferMessage('invoice', bytes(vector.invoice_hex));
    const made = makePayerProof(
      invoice,
      vector.included.map(BigInt),
      bytes(published.preimage),
      vector.note ?? undefined,
    );
    const { string } = offerDocument(signWith(made, bytes(published.payer_secret))) as { string: string };
    // The last one has an empty list of omitted records, which readers take and this writer leaves out.
    expect(string === vector.bech32).toBe(vector.byte_exact);
    expect(codes(messageIn(document({ string })))).toEqual([]);
  });
});

describe('a proof', () => {
  const proof = theProof(PREIMAGE, [170n, 10n], 'for the court');
  it('holds for every choice of fields', () => {
    const types = theInvoice()
      .records.map(({ type }) => type)
      .filter((type) => type !== 0n);
    for (let choice = 0; choice < 2 ** types.length; choice += 371)
      expect(
        codes(
          theProof(
            PREIMAGE,
            types.filter((_, i) => (choice >> i) & 1),
          ),
        ),
      ).toEqual([]);
  });
  it('is refused with any record dropped, flipped or in another place', () => {
    const { records } = proof;
    for (const { type, value } of records) {
      const dropped = readOfferMessage('payer_proof', writeStream(records.filter((record) => record.type !== type)));
      expect([type, codes(dropped).length > 0]).toEqual([type, true]);
      for (const at of [0, value.length - 1]) {
        const altered = Uint8Array.from(value);
        altered[at]! ^= 1;
        const changed = records.map((record) => (record.type === type ? { type, value: altered } : record));
        expect([type, codes(readOfferMessage('payer_proof', writeStream(changed))).length > 0]).toEqual([type, true]);
      }
    }
  });
  it('of a payment holds after the offer and its period are over', () => {
    const offer = theOffer({
      offer_absolute_expiry: Number(AT) + 1,
      offer_recurrence_compulsory: { unit: 'seconds', period: 100 },
      offer_recurrence_base: { proportional: false, basetime: Number(AT) },
    });
    const request = makeRequest(offer, {
      metadata: fill(7, 16),
      payerId: pubkey(0x42),
      fields: { invreq_quantity: 1n },
      recurrence: { counter: 0n, start: 0n },
    });
    const invoice = theInvoice(signWith(request, fill(0x42)));
    const shown = makePayerProof(invoice, [14n, 24n, 26n, 92n, 93n, 177n], PREIMAGE);
    expect(verifyMessage(signWith(shown, fill(0x42)), AT + 1_000_000n).problems).toEqual([]);
  });
  const altered = (type: bigint, value: Uint8Array) =>
    codes(
      readOfferMessage(
        'payer_proof',
        writeStream([...proof.records.filter((record) => record.type !== type), { type, value }]),
      ),
    )[0];
  it('says what is wrong with hashes and markers', () => {
    const of = (type: bigint) => proof.records.find((record) => record.type === type)!.value;
    expect(altered(1001n, fill(2))).toBe('wrong-preimage');
    // One leaf hash too few, one missing hash too many, half a hash.
    expect(altered(1004n, of(1004n).slice(32))).toBe('payer-proof');
    expect(altered(1003n, Uint8Array.from([...of(1003n), ...fill(0)]))).toBe('payer-proof');
    expect(altered(1003n, of(1003n).slice(1))).toBe('payer-proof');
    // A marker twice, a marker of zero, one that is shown, one that skips a number.
    const [first, ...rest] = of(1002n);
    expect(altered(1002n, Uint8Array.of(first!, first!, ...rest))).toBe('payer-proof');
    expect(altered(1002n, Uint8Array.of(0, ...rest))).toBe('payer-proof');
    expect(altered(1002n, Uint8Array.of(88, ...rest))).toBe('payer-proof');
    expect(altered(1002n, Uint8Array.of(first! + 1, ...rest))).toBe('payer-proof');
    expect(altered(0n, fill(1))).toBe('payer-proof');
  });
  it('is about an invoice of the offer that it is held against', () => {
    verifyMessage(proof, 0n, theOffer());
    const other = theOffer({ offer_issuer_id: pubkey(0x45) });
    expect(codeOf(() => verifyMessage(proof, 0n, other))).toBe('invoice-differs');
    expect(codeOf(() => verifyMessage(proof, 0n, theOffer({ offer_description: 'Tea' })))).toBe('invoice-differs');
  });
  it('is not made with another preimage, of what is not there, or by another payer', () => {
    expect(codeOf(() => theProof(fill(2)))).toBe('wrong-preimage');
    expect(codeOf(() => theProof(PREIMAGE, [172n]))).toBe('malformed-message');
    expect(codeOf(() => theProof(PREIMAGE, [0n]))).toBe('malformed-message');
    expect(codeOf(() => signWith(makePayerProof(theInvoice(), [], PREIMAGE), fill(0x43)))).toBe('wrong-key');
  });
});
