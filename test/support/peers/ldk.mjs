/**
 * Peels packets with LDK (lightningdevkit, WASM), a line of JSON for a line of JSON; a process of its own, because what
 * LDK leaves behind keeps a process alive. {key, onion, payment_hash, amount_msat, cltv_expiry, height?, path_key?} in;
 * {ok, next?, amount?, expiry?, scid?, total?} or {code} out. `{repeat: N}` beside them times N rounds.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { createHash, createHmac } from 'node:crypto';
import { secp256k1 } from '@noble/curves/secp256k1.js';

const require = createRequire(import.meta.url);
const dir = require.resolve('lightningdevkit/package.json').replace(/package\.json$/, '');
const raw = await import(`${dir}bindings.mjs`);
await raw.initializeWasmFromUint8Array(readFileSync(`${dir}liblightningjs.wasm`));
const ldk = await import(`${dir}index.mjs`);

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const bytes = (text) => Uint8Array.from(Buffer.from(text, 'hex'));
const big = (n, size) =>
  BigInt(n)
    .toString(16)
    .padStart(2 * size, '0');
const P = secp256k1.Point;

/** A signer of any key. The binding hands over only a byte of the tweak, which is computed here again. */
function signerOf(key, pathKey) {
  const secret = BigInt(`0x${key}`);
  const ecdh = (point, scalar) =>
    createHash('sha256').update(P.fromBytes(point).multiply(scalar).toBytes(true)).digest();
  return ldk.NodeSigner.new_impl({
    ecdh(_recipient, point, tweak) {
      let scalar = secret;
      if (tweak instanceof ldk.Option_BigEndianScalarZ_Some && pathKey) {
        const shared = ecdh(bytes(pathKey), secret);
        const factor = createHmac('sha256', 'blinded_node_id').update(shared).digest('hex');
        scalar = (secret * BigInt(`0x${factor}`)) % P.Fn.ORDER;
      }
      return ldk.Result_ThirtyTwoBytesNoneZ.constructor_ok(Uint8Array.from(ecdh(point, scalar)));
    },
    get_node_id: () => ldk.Result_PublicKeyNoneZ.constructor_ok(P.BASE.multiply(secret).toBytes(true)),
    get_inbound_payment_key: () => new Uint8Array(32),
    sign_bolt12_invoice: () => ldk.Result_SchnorrSignatureNoneZ.constructor_err(),
    sign_gossip_message: () => ldk.Result_ECDSASignatureNoneZ.constructor_err(),
    sign_invoice: () => ldk.Result_RecoverableSignatureNoneZ.constructor_err(),
  });
}
const logger = ldk.Logger.new_impl({ log() {} });
/** A key of LDK's own, whose ECDH is LDK's own too: for measuring. */
const own = ldk.KeysManager.constructor_new(new Uint8Array(32).fill(7), 1n, 1).as_NodeSigner();

function htlcOf({ onion, payment_hash, amount_msat, cltv_expiry, path_key }) {
  const tlv = path_key ? `0021${path_key}` : '';
  const read = ldk.UpdateAddHTLC.constructor_read(
    bytes('00'.repeat(32) + big(0, 8) + big(amount_msat, 8) + payment_hash + big(cltv_expiry, 4) + onion + tlv),
  );
  return read instanceof ldk.Result_UpdateAddHTLCDecodeErrorZ_OK ? read.res : undefined;
}
const peel = (htlc, signer, height = 700000) =>
  ldk.UtilMethods.constructor_peel_payment_onion(htlc, signer, logger, height, false);

function answer(job) {
  if (job.node_id) {
    const id = own.get_node_id(ldk.Recipient.LDKRecipient_Node);
    return { node_id: hex(id.res) };
  }
  const htlc = htlcOf(job);
  if (!htlc) return { code: 'unreadable' };
  const signer = job.key ? signerOf(job.key, job.path_key) : own;
  if (job.repeat) {
    const start = performance.now();
    for (let i = 0; i < job.repeat; i++) peel(htlc, signer);
    return { milliseconds: (performance.now() - start) / job.repeat, ok: peel(htlc, signer).is_ok() };
  }
  const found = peel(htlc, signer, job.height);
  if (!found.is_ok()) return { code: (found.err.get_err_code() & 0xffff).toString(16).padStart(4, '0') };
  const info = found.res;
  const routing = info.get_routing();
  const base = { ok: true, amount: String(info.get_outgoing_amt_msat()), expiry: info.get_outgoing_cltv_value() };
  if (routing instanceof ldk.PendingHTLCRouting_Forward)
    return { ...base, scid: String(routing.short_channel_id), next: hex(routing.onion_packet.write()) };
  if (routing instanceof ldk.PendingHTLCRouting_Receive)
    return { ...base, final: true, total: String(routing.payment_data.get_total_msat()) };
  return { ...base, final: true };
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
