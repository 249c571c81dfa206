/**
 * Rebuilds commitments with LDK (lightningdevkit, WASM), a line of JSON for a line of JSON; a process of its own, because
 * what LDK leaves behind keeps a process alive. {channel, state, unsigned, txid, keys, outputs} in, {same, htlcs: HTLC
 * transactions, justice: transaction that punishes to_local} out; `repeat` verifications give the mean time of one.
 * {channel, punisher: secrets, secret, transaction, inputs: [{amount_sat, htlc?}, …]} in, {signatures} out.
 * {secrets: [[index, secret], …]} in, {store: count of secrets it holds again} out.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(import.meta.url);
const dir = require.resolve('lightningdevkit/package.json').replace(/package\.json$/, '');
const raw = await import(`${dir}bindings.mjs`);
await raw.initializeWasmFromUint8Array(readFileSync(`${dir}liblightningjs.wasm`));
const ldk = await import(`${dir}index.mjs`);

const bytes = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'));
const big = (n, size) =>
  BigInt(n)
    .toString(16)
    .padStart(2 * size, '0');
const size = (n) => (n < 253 ? big(n, 1) : `fd${big(n, 2)}`);
const tlv = (...records) => {
  const stream = records.map(([type, value]) => size(type) + size(value.length / 2) + value).join('');
  return size(stream.length / 2) + stream;
};

// Node 22 knows the time of the whole process alone.
const cpu = process.threadCpuUsage ?? process.cpuUsage;
/** Milliseconds of this thread's CPU since `start`. */
function since(start) {
  const { user, system } = cpu(start);
  return (user + system) / 1_000;
}
function partyOf({
  funding_pubkey,
  revocation_basepoint,
  payment_basepoint,
  delayed_payment_basepoint,
  htlc_basepoint,
}) {
  return ldk.ChannelPublicKeys.constructor_new(
    bytes(funding_pubkey),
    ldk.RevocationBasepoint.constructor_new(bytes(revocation_basepoint)),
    bytes(payment_basepoint),
    ldk.DelayedPaymentBasepoint.constructor_new(bytes(delayed_payment_basepoint)),
    ldk.HtlcBasepoint.constructor_new(bytes(htlc_basepoint)),
  );
}
function featuresOf(format) {
  const features = ldk.ChannelTypeFeatures.constructor_empty();
  features.set_static_remote_key_required();
  if (format === 'anchors') features.set_anchors_zero_fee_htlc_tx_required();
  return features;
}
const reversed = (hex) => Buffer.from(hex, 'hex').reverse().toString('hex');
const hex = (array) => Buffer.from(array).toString('hex');
const htlcOf = ({ direction, amount_msat, expiry, payment_hash }, vout) =>
  ldk.HTLCOutputInCommitment.constructor_new(
    direction === 'offered',
    BigInt(amount_msat),
    expiry,
    bytes(payment_hash),
    ldk.Option_u32Z.constructor_some(vout),
  );
/** Parameters of a channel, seen by its local side. */
const parametersOf = ({ format, funding, local, remote, opener }) =>
  ldk.ChannelTransactionParameters.constructor_new(
    partyOf(local),
    remote.to_self_delay,
    opener === 'local',
    ldk.CounterpartyChannelTransactionParameters.constructor_new(partyOf(remote), local.to_self_delay),
    ldk.OutPoint.constructor_new(bytes(reversed(funding.txid)), funding.vout),
    featuresOf(format),
  );

/** The commitment is its local side's. */
function verified({ channel, state, unsigned, txid, keys, outputs, repeat = 1 }) {
  const { format, local, remote } = channel;
  const wire = (role) => outputs.findLast((o) => o.role === role)?.amount_sat ?? 0;
  const withHtlc = outputs.filter((o) => o.role === 'htlc').map(({ vout, htlc }) => htlcOf(htlc, vout));
  const serialised = tlv(
    [0, big(2n ** 48n - 1n - BigInt(state.number), 8)],
    [1, big(local.to_self_delay, 2)],
    [2, big(wire('to_local'), 8)],
    [4, big(wire('to_remote'), 8)],
    [6, big(state.feerate_per_kw, 4)],
    [
      8,
      tlv(
        [0, state.per_commitment_point],
        [2, keys.revocation],
        [4, keys.holder_htlc],
        [6, keys.other_htlc],
        [8, keys.delayed],
      ),
    ],
    [10, tlv([0, unsigned], [2, reversed(txid)])],
    [12, withHtlc.map((htlc) => hex(htlc.write())).join('')],
    [15, format === 'anchors' ? '401000' : '1000'],
  );
  const read = ldk.CommitmentTransaction.constructor_read(bytes(serialised));
  if (!(read instanceof ldk.Result_CommitmentTransactionDecodeErrorZ_OK)) return { same: false, unreadable: true };
  const parameters = parametersOf(channel);
  const [own, other] = [partyOf(local), partyOf(remote)];
  const broadcastable = parameters.as_holder_broadcastable();
  const verify = () => read.res.verify(broadcastable, own, other);
  const result = verify();
  const start = cpu();
  for (let i = 0; i < repeat; i++) verify();
  const milliseconds = since(start) / repeat;
  const justice = read.res.trust().build_to_local_justice_tx(1_000n, bytes(`0014${'11'.repeat(20)}`));
  return {
    same: result instanceof ldk.Result_TrustedCommitmentTransactionNoneZ_OK,
    milliseconds,
    justice: justice instanceof ldk.Result_TransactionNoneZ_OK ? hex(justice.res) : null,
    htlcs: withHtlc.map((htlc) =>
      hex(
        ldk.UtilMethods.constructor_build_htlc_transaction(
          bytes(reversed(txid)),
          state.feerate_per_kw,
          local.to_self_delay,
          htlc,
          featuresOf(format),
          ldk.DelayedPaymentKey.constructor_new(bytes(keys.delayed)),
          ldk.RevocationKey.constructor_new(bytes(keys.revocation)),
        ),
      ),
    ),
  };
}
/** The local side punishes the other one's commitment. */
function punished({ channel, punisher, secret, transaction, inputs }) {
  const { funding, revocation, payment, delayed, htlc } = punisher;
  const own = [funding, revocation, payment, delayed, htlc].map(bytes);
  const [seed, id, random] = [1, 2, 3].map((n) => new Uint8Array(32).fill(n));
  const signer = ldk.InMemorySigner.constructor_new(...own, seed, BigInt(channel.funding.amount_sat), id, random);
  signer.as_ChannelSigner().provide_channel_parameters(parametersOf(channel));
  const ecdsa = signer.as_EcdsaChannelSigner();
  const signatures = inputs.map(({ amount_sat, htlc: spent, vout }, i) => {
    const given = [bytes(transaction), i, BigInt(amount_sat), bytes(secret)];
    const made = spent
      ? ecdsa.sign_justice_revoked_htlc(...given, htlcOf(spent, vout))
      : ecdsa.sign_justice_revoked_output(...given);
    return hex(made.res);
  });
  return { signatures };
}
function stored({ secrets }) {
  const store = ldk.CounterpartyCommitmentSecrets.constructor_new();
  const start = cpu();
  for (const [index, secret] of secrets)
    if (!store.provide_secret(BigInt(index), bytes(secret)).is_ok()) return { refused: index };
  const milliseconds = since(start);
  const again = secrets.filter(
    ([index, secret]) => Buffer.from(store.get_secret(BigInt(index))).toString('hex') === secret,
  );
  return { store: again.length, milliseconds };
}

for await (const line of createInterface({ input: process.stdin })) {
  let said;
  try {
    const job = JSON.parse(line);
    said = job.secrets ? stored(job) : job.punisher ? punished(job) : verified(job);
  } catch (error) {
    said = { crash: String(error) };
  }
  await new Promise((done) => process.stdout.write(`${JSON.stringify(said)}\n`, done));
}
process.exit(0);
