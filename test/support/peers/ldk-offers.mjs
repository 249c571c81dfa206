/**
 * Reads offers, requests, invoices and proofs of names with LDK (lightningdevkit, WASM), a line of JSON for a line of JSON; a
 * process of its own, because what LDK leaves behind keeps a process alive. {offer}, {invoice_request}, {invoice} in hex,
 * {bolt11} as text, {name, proof, at} for BIP353; {ok: true, …} or {ok: false} out.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(import.meta.url);
const dir = require.resolve('lightningdevkit/package.json').replace(/package\.json$/, '');
const raw = await import(`${dir}bindings.mjs`);
await raw.initializeWasmFromUint8Array(readFileSync(`${dir}liblightningjs.wasm`));
const ldk = await import(`${dir}index.mjs`);

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const bytes = (text) => Uint8Array.from(Buffer.from(text, 'hex'));
const some = (option) => (option instanceof ldk.Option_u64Z_Some ? String(option.some) : undefined);
const entropy = ldk.EntropySource.new_impl({ get_secure_random_bytes: () => new Uint8Array(32).fill(3) });

function answer(job) {
  if (job.offer) {
    const read = ldk.Offer.constructor_from_str(job.offer);
    if (!read.is_ok()) return { ok: false };
    const offer = read.res;
    const quantity = offer.supported_quantity();
    return {
      ok: true,
      string: offer.to_str(),
      hex: hex(offer.write()),
      description: offer.description()?.get_a(),
      issuer: offer.issuer()?.get_a(),
      key: offer.issuer_signing_pubkey().length ? hex(offer.issuer_signing_pubkey()) : undefined,
      max: quantity instanceof ldk.Quantity_Bounded ? String(quantity.bounded) : undefined,
      paths: offer.paths().length,
    };
  }
  if (job.invoice_request) {
    const read = ldk.InvoiceRequest.constructor_read(bytes(job.invoice_request));
    if (!read.is_ok()) return { ok: false };
    const request = read.res;
    return {
      ok: true,
      hex: hex(request.write()),
      amount: some(request.amount_msats()),
      quantity: some(request.quantity()),
      note: request.payer_note()?.get_a(),
      key: hex(request.payer_signing_pubkey()),
    };
  }
  if (job.invoice) {
    const read = ldk.Bolt12Invoice.constructor_read(bytes(job.invoice));
    if (!read.is_ok()) return { ok: false };
    const invoice = read.res;
    return {
      ok: true,
      hex: hex(invoice.write()),
      amount: String(invoice.amount_msats()),
      hash: hex(invoice.payment_hash()),
      created: String(invoice.created_at()),
      expiry: String(invoice.relative_expiry()),
      key: hex(invoice.signing_pubkey()),
      paths: invoice.payment_paths().length,
      signable: hex(invoice.signable_hash()),
    };
  }
  if (job.bolt11) {
    const read = ldk.Bolt11Invoice.constructor_from_str(job.bolt11);
    if (!read.is_ok()) return { ok: false };
    const invoice = read.res;
    return {
      ok: true,
      string: invoice.to_str(),
      amount: some(invoice.amount_milli_satoshis()) ?? null,
      hash: hex(invoice.payment_hash()),
      secret: hex(invoice.payment_secret()),
      timestamp: String(invoice.duration_since_epoch()),
      expiry: String(invoice.expiry_time()),
      delta: String(invoice.min_final_cltv_expiry_delta()),
      payee: hex(
        invoice.payee_pub_key().some((byte) => byte) ? invoice.payee_pub_key() : invoice.recover_payee_pub_key(),
      ),
      fallbacks: invoice.fallback_addresses(),
      routes: invoice.private_routes().length,
    };
  }
  const [user, domain] = job.name.split('@');
  const name = ldk.HumanReadableName.constructor_from_encoded(job.name);
  if (!name.is_ok()) return { ok: false };
  const resolver = ldk.OMNameResolver.constructor_new(job.at, 1);
  const asked = resolver.resolve_name(new Uint8Array(32).fill(1), name.res, entropy);
  if (!asked.is_ok()) return { ok: false };
  const dns = Buffer.from(`${user}.user._bitcoin-payment.${domain}.`, 'latin1');
  const proof = bytes(job.proof);
  const wire = Buffer.concat([Buffer.of(dns.length), dns, Buffer.of(proof.length >> 8, proof.length & 255), proof]);
  const message = ldk.DNSResolverMessage.constructor_read(Uint8Array.from(wire), 65538n);
  if (!message.is_ok()) return { ok: false };
  const found = resolver.handle_dnssec_proof_for_uri(message.res.dnssec_proof, asked.res.get_b());
  const is = found instanceof ldk.Option_C2Tuple_CVec_C2Tuple_HumanReadableNameThirtyTwoBytesZZStrZZ_Some;
  return is ? { ok: true, uri: found.some.get_b() } : { ok: false };
}

for await (const line of createInterface({ input: process.stdin })) {
  let said;
  try {
    said = answer(JSON.parse(line));
  } catch (error) {
    said = { crash: String(error) };
  }
  await new Promise((done) => process.stdout.write(`${JSON.stringify(said)}\n`, done));
}
process.exit(0);
