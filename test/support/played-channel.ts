/** A channel of known keys in each format, its commitments with HTLCs both ways, and what both sides have signed of them. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { commitmentDocument } from '../../src/lib/channel/build.ts';
import type { Channel } from '../../src/lib/channel/commitment.ts';
import { channelView, keysView, pointAt, readChannel, type ChannelKeys } from '../../src/lib/channel/document.ts';
import type { FormatName } from '../../src/lib/channel/format.ts';
import { BASES, otherSide, type Base, type ChannelSide } from '../../src/lib/channel/keys.ts';
import { secretIndex, secretAt } from '../../src/lib/channel/secrets.ts';
import { FundingSpend } from '../../src/lib/channel/funding.ts';
import { parseBareTransaction } from '../../src/lib/bitcoin/transaction.ts';
import { readPsbt, templateOf, writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import { signKeyPath } from '../../src/lib/bitcoin/wallet-inputs.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { keyPathScript } from '../../src/lib/signing/keyset.ts';
import { nonceGen, publicKey, sign } from '../../src/lib/signing/musig2.ts';

const bytes = (...parts: (string | number)[]): Uint8Array => sha256(new TextEncoder().encode(parts.join(' ')));
export const keysFor = (format: FormatName, side: ChannelSide): ChannelKeys => ({
  secrets: Object.fromEntries(BASES.map((base) => [base, bytes('channel', format, side, base)])) as Record<
    Base,
    Uint8Array
  >,
  seed: bytes('channel', format, side, 'seed'),
});
const pointsFor = (format: FormatName, side: ChannelSide, delay: number): object => {
  const { local } = channelView({
    local: {
      points: Object.fromEntries(BASES.map((b) => [b, publicKey(keysFor(format, side).secrets[b]!)])),
      delay,
    },
    remote: { points: {}, delay: undefined },
    funding: { txid: '', vout: 0, sat: 0n, script: '' },
  } as unknown as Channel);
  return local;
};
export const channelFor = (format: FormatName, txid = 'ab'.repeat(32), vout = 0, amount_sat = 1_000_000): object => ({
  network: 'regtest',
  format,
  funding: { txid, vout, amount_sat },
  opener: 'local',
  local: pointsFor(format, 'local', 6),
  remote: pointsFor(format, 'remote', 5),
});
export const preimageOf = (n: number): Uint8Array => bytes('preimage', n);
/** HTLCs as the holder has them. */
export const htlcsFor = (expiry = 500) => [
  htlc('offered', 50_000_000, 1, expiry),
  htlc('received', 60_000_000, 2, expiry + 10),
  htlc('offered', 70_000_000, 3, expiry + 20),
  htlc('received', 10_000, 4, expiry),
];
const htlc = (direction: 'offered' | 'received', amount_msat: number, n: number, expiry: number) => ({
  id: n,
  direction,
  amount_msat,
  payment_hash: bytesToHex(sha256(preimageOf(n))),
  expiry,
});
export const point = (format: FormatName, side: ChannelSide, number: number): string =>
  bytesToHex(pointAt(keysFor(format, side).seed!, BigInt(number)));
export const secret = (format: FormatName, side: ChannelSide, number: number): Uint8Array =>
  secretAt(keysFor(format, side).seed!, secretIndex(BigInt(number)));

export interface Played {
  hex: string;
  txid: string;
  htlcs: { kind: string; vout: number; hex: string; id: number }[];
  /** Of the other side, in the order of outputs. */
  htlc_signatures: string[];
  outputs: { vout: number; amount_sat: bigint; role: string; script: string }[];
  number: number;
  holder: ChannelSide;
}
export const stateFor = (
  format: FormatName,
  holder: ChannelSide,
  number: number,
  htlcs: readonly { amount_msat: number }[],
) => ({
  holder,
  number,
  per_commitment_point: point(format, holder, number),
  to_local_msat: 500_000_000,
  to_remote_msat: 500_000_000 - htlcs.reduce((sum, h) => sum + h.amount_msat, 0),
  ...(format !== 'zero-fee' && { feerate_per_kw: 500 }),
  dust_limit_sat: 354,
  htlcs,
});
/** A finished commitment of one side with its finished HTLC transactions, whose preimages are all known. */
export function played(
  document: object,
  format: FormatName,
  holder: ChannelSide,
  number: number,
  list = htlcsFor(),
): Played {
  const channel = readChannel(new Fields(document as never));
  const htlcs = list.map((h) => ({ ...h, preimage: bytesToHex(preimageOf(h.id)) }));
  const state = stateFor(format, holder, number, htlcs);
  const build = (more: object, side: ChannelSide): any =>
    commitmentDocument(channel, new Fields({ ...state, ...more } as never), keysFor(format, side));
  const other = otherSide(holder);
  const nonce = format === 'taproot' ? nonceFor(channel, holder, number) : undefined;
  const theirs = build(nonce ? { nonces: { [holder]: bytesToHex(nonce.pubnonce) } } : {}, other);
  const { signature, htlc_signatures, nonces, partial_signatures } = theirs;
  const given = { ...(signature && { signature }), htlc_signatures };
  const own = nonce && {
    nonces,
    partial_signatures: { ...partial_signatures, [holder]: partialOf(channel, theirs.unsigned, holder, nonce, nonces) },
  };
  const made = build({ ...given, ...own }, holder);
  return {
    hex: made.hex,
    txid: made.txid,
    number,
    holder,
    htlc_signatures,
    outputs: made.outputs,
    htlcs: made.htlc_transactions.map((t: any) => ({ kind: t.kind, vout: t.vout, hex: t.hex, id: Number(t.id) })),
  };
}
interface Nonce {
  secnonce: Uint8Array;
  pubnonce: Uint8Array;
}
/** The holder's nonce, as its node would draw one. */
const nonceFor = ({ format }: Channel, holder: ChannelSide, number: number): Nonce => {
  const key = keysFor(format, holder).secrets.funding!;
  return nonceGen({ random: bytes('nonce', holder, number), secret: key, pubkey: publicKey(key) });
};
function partialOf(
  channel: Channel,
  unsigned: string,
  holder: ChannelSide,
  nonce: Nonce,
  nonces: Record<ChannelSide, string>,
): string {
  const bare = parseBareTransaction(unsigned);
  const template = { ...bare, inputs: [{ ...channel.funding, sequence: bare.inputs[0]!.sequence }] };
  const session = new FundingSpend(channel, template).session({
    local: hexToBytes(nonces.local),
    remote: hexToBytes(nonces.remote),
  });
  return bytesToHex(sign(nonce.secnonce, keysFor(channel.format, holder).secrets.funding!, session));
}
export const keysDocument = (format: FormatName, side: ChannelSide): object => keysView(keysFor(format, side));

/** A PSBT whose coins a wallet has signed: those that its key owns alone. */
export function signedByWallet(psbt: string, wallet: Uint8Array): string {
  const tx = readPsbt(psbt);
  const template = templateOf(tx);
  template.inputs.forEach((input, i) => {
    if (input.script !== keyPathScript(wallet)) return;
    tx.updateInput(i, { finalScriptWitness: [...signKeyPath(template, i, wallet, new Uint8Array(32))] }, true);
  });
  return writePsbt(tx);
}
