/**
 * Offers and names: verifying invoices as lines of a batch against a bare loop of the signature and the hashes that they
 * need, and resolving a name against its calls of node:crypto. Of a batch a line more counts, so that the start does not.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { verifyDnsSignature } from '../../src/commands/offer/dns-signatures.ts';
import { openProof, parsePersonName, resolveName } from '../../src/lib/names/bip353.ts';
import type { VerifySignature } from '../../src/lib/names/records.ts';
import { offerHashToSign } from '../../src/lib/offer/check.ts';
import { isOfferField, isRequestField } from '../../src/lib/offer/fields.ts';
import { writeString } from '../../src/lib/offer/string.ts';
import { verifies } from '../../src/lib/signing/bip340.ts';
import { bytes } from '../support/onion.ts';
import { AT, theInvoice } from '../support/offer.ts';
import { fixture } from '../support/vectors.ts';
import { interleaved, report, runToEnd } from './measure.ts';

const MORE = 600;
const RESOLVED = 100;

/** Runs both; false where a limit was not held. */
export async function benchOffers(run: string, rounds: number): Promise<boolean[]> {
  const invoice = theInvoice();
  const line = `${writeString('invoice', invoice.bytes)}\n`;
  // Three roots: of the invoice, its request and its offer. A leaf has three hashes, and each but the first a branch.
  const leaves = [() => true, isRequestField, isOfferField].map(
    (chosen) => invoice.records.filter(({ type }) => type !== 240n && chosen(type)).length,
  );
  const hashes = leaves.reduce((sum, count) => sum + 4 * count - 1, 0);
  const block = new Uint8Array(128);
  const [hash, key] = [offerHashToSign(invoice)!, invoice.fields.invoice_node_id!.slice(2)];
  const bare = () => {
    for (let i = 0; i < hashes; i++) sha256(block);
    if (!verifies(invoice.fields.signature!, hash, key)) throw new Error('the signature is wrong');
  };
  const batch = (times: number) =>
    void runToEnd(process.execPath, [run, 'offer', 'verify', '--batch', '--at', String(AT)], {
      input: line.repeat(times),
    });

  const proof = openProof(bytes(fixture('names/proofs.json').proofs[2]));
  const name = parsePersonName(proof.name!);
  const calls: Parameters<VerifySignature>[] = [];
  const noted: VerifySignature = (...call) => {
    calls.push(call);
    return verifyDnsSignature(...call);
  };
  resolveName(name, proof, { verify: noted }, 1_754_600_000n);
  const needed = [...calls];
  const resolve = () => void resolveName(name, proof, { verify: verifyDnsSignature }, 1_754_600_000n);
  const alone = () => needed.forEach((call) => verifyDnsSignature(...call));
  const repeated = (times: number, work: () => void) => () => {
    for (let i = 0; i < times; i++) work();
  };
  const times = await interleaved(
    [
      { name: 'few', run: () => batch(30) },
      { name: 'many', run: () => batch(30 + MORE) },
      { name: 'bare', run: repeated(MORE, bare) },
      { name: 'resolve', run: repeated(RESOLVED, resolve) },
      { name: 'crypto', run: repeated(RESOLVED, alone) },
    ],
    rounds,
  );
  const ours = (times.get('many')! - times.get('few')!) / MORE;
  console.log(
    `      ${(1000 / ours).toFixed(0)} invoices of BOLT12 verified a second; a name resolved in ${(times.get('resolve')! / RESOLVED).toFixed(1)} ms`,
  );
  return [
    report({
      what: 'offer verify --batch',
      ratio: ours / (times.get('bare')! / MORE),
      limit: 2,
      unit: '× a bare loop of its BIP340 and hashes',
    }),
    report({
      what: 'resolving a name',
      ratio: times.get('resolve')! / times.get('crypto')!,
      limit: 2,
      unit: '× its node:crypto calls',
    }),
  ];
}
