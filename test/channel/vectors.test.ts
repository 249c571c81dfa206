/** Every published commitment and HTLC transaction, built from keys and compared byte for byte, signatures among them. */
import { afterAll, describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { Sighashes } from '../../src/lib/bitcoin/sighash.ts';
import {
  parseBareTransaction,
  txidOf,
  unsignedHex,
  withWitness,
  type Template,
} from '../../src/lib/bitcoin/transaction.ts';
import { commitmentDocument } from '../../src/lib/channel/build.ts';
import { buildCommitment } from '../../src/lib/channel/commitment.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { fundingLock, lockOf, channelWitness } from '../../src/lib/channel/scripts.ts';
import { signWay } from '../../src/lib/channel/sign.ts';
import { readChannelKeys, readState } from '../../src/lib/channel/document.ts';
import { FundingSpend } from '../../src/lib/channel/funding.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { sign } from '../../src/lib/signing/musig2.ts';
import { CASES, channelOf, keysOf, spentBy, type Case } from '../support/channel.ts';
import { fixture } from '../support/vectors.ts';
import { judge } from '../support/kernel.ts';

const kernel = await judge();
afterAll(() => kernel?.close());

/** The holder's partial signature by the published secret nonce. */
function withPartials(one: Case): object {
  if (!one.nonces) return {};
  const channel = channelOf(one.channel);
  const { template } = buildCommitment(channel, readState(new Fields(one.state as never), channel.format));
  const bytes = { local: hexToBytes(one.nonces.local), remote: hexToBytes(one.nonces.remote) };
  const partial = (side: 'local' | 'remote') =>
    bytesToHex(
      sign(
        hexToBytes(one.secret_nonces![side]),
        readChannelKeys(new Fields(keysOf(one.channel, side) as never)).secrets.funding!,
        new FundingSpend(channel, template).session(bytes),
      ),
    );
  expect(partial('remote')).toBe(one.partial_signatures!.remote);
  return { nonces: one.nonces, partial_signatures: { local: partial('local'), remote: partial('remote') } };
}
const built = (one: Case, side: 'local' | 'remote', more: object = {}): any =>
  commitmentDocument(
    channelOf(one.channel),
    new Fields({
      ...one.state,
      ...(one.signature !== undefined && { signature: one.signature }),
      htlc_signatures: one.htlc_signatures,
      ...more,
    } as never),
    readChannelKeys(new Fields(keysOf(one.channel, side) as never)),
  );

describe.each(CASES.map((one) => [`${one.source}: ${one.name}`, one] as const))('%s', (_, one) => {
  const made = built(one, 'local', withPartials(one));
  it('the commitment is the published one, finished', () => expect(made.hex).toBe(one.commitment));
  it('so are its HTLC transactions', () => {
    const found = made.htlc_transactions.map((t: { hex: string; unsigned: string }) => t.hex ?? t.unsigned);
    if (one.channel !== 'taproot') return expect(found).toEqual(one.htlc_transactions);
    // Nonces of BIP340 are drawn otherwise there: all but the own signature is the same.
    for (const [i, hex] of found.entries()) expect(withoutOwn(hex)).toBe(withoutOwn(one.htlc_transactions[i]!));
  });
  it('the other side signs as published', () => {
    const theirs = built(one, 'remote', {});
    if (one.channel === 'taproot') return;
    expect(theirs.signature).toBe(one.signature);
    expect(theirs.htlc_signatures).toEqual(one.htlc_signatures);
  });
  it.skipIf(!kernel)('consensus takes what is finished', async () => {
    expect(await kernel!.scripts(made.hex, spentBy(one, made.hex))).toBe(true);
    for (const { hex } of made.htlc_transactions)
      if (hex) expect(await kernel!.scripts(hex, spentBy(one, hex))).toBe(true);
  });
});

/** Hex of an HTLC transaction without the holder's signature, the second of its witness. */
function withoutOwn(hex: string): string {
  const at = hex.indexOf('834') + 3;
  return `${hex.slice(0, at)}${hex.slice(at + 129)}`;
}

describe('outputs of taproot channels', () => {
  const scripts = fixture('channel/taproot-scripts.json');
  const { keys } = buildCommitment(
    channelOf('taproot'),
    readState(new Fields(CASES.find((c) => c.channel === 'taproot')!.state as never), 'taproot'),
  );
  // The published script of a received HTLC has the keys of the other side's commitment.
  const turned = { ...keys, holderHtlc: keys.otherHtlc!, otherHtlc: keys.holderHtlc! };
  const htlc = (direction: 'offered' | 'received') =>
    lockOf('taproot', `htlc-${direction}`, direction === 'offered' ? keys : turned, {
      htlc: { direction, amountMsat: 1n, expiry: 500, paymentHash: sha256(new Uint8Array(32)) },
    });
  const delayed = (output: 'to_local' | 'second stage') => lockOf('taproot', output, keys, { delay: 144 });
  it.each([
    ['to_local', delayed('to_local'), ['settle', 'revocation']],
    ['to_remote', lockOf('taproot', 'to_remote', keys, {}), ['settle']],
    ['local_anchor', lockOf('taproot', 'local_anchor', keys, {}), ['sweep']],
    ['remote_anchor', lockOf('taproot', 'remote_anchor', keys, {}), ['sweep']],
    ['offered_htlc_local_commit', htlc('offered'), ['timeout', 'success']],
    ['accepted_htlc_local_commit', htlc('received'), ['success', 'timeout']],
    ['second_level_htlc_success', delayed('second stage'), ['success']],
  ] as const)('%s', (name, lock, leaves) => {
    const found = lock.ways.flatMap(({ leaf }) => (leaf ? [bytesToHex(leaf.code)] : []));
    const expected = scripts[name];
    expect(found).toEqual(leaves.map((leaf) => expected.scripts[leaf]));
    expect([lock.script, lock.internalKey]).toEqual([expected.pkscript, expected.internal_key.slice(2)]);
    expect(bytesToHex(lock.merkleRoot!)).toBe(expected.tapscript_root);
  });
  it('the funding', () => expect(channelOf('taproot').funding.script).toBe(scripts.funding.pkscript));
});

it('the funding output of Appendix B', () => {
  const { funding } = channelOf('static');
  expect(funding.script).toBe('0020c015c4a6be010e21657068fc2e6a9d02b27ebe4d490a25846f7237f104d1a3cd');
});

describe('the funding of two sides, Appendix G', () => {
  const published = fixture('channel/dual-funding.json');
  const bySerial = <T extends { serial_id: number }>(list: T[]): T[] =>
    [...list].sort((a, b) => a.serial_id - b.serial_id);
  const [holderFunding, otherFunding] = published.funding_pubkeys.map(hexToBytes);
  const funding = fundingLock('anchors', { holderFunding, otherFunding });
  const [opener, accepter] = published.inputs;
  const { outputs: coins, txid } = parseBareTransaction(published.parent);
  const inputs = bySerial<any>([opener, accepter]).map(({ vout, sequence }) => ({
    txid,
    vout,
    sequence,
    ...coins[vout]!,
  }));
  const template: Template = {
    version: 2,
    locktime: published.locktime,
    inputs,
    outputs: bySerial<any>(published.outputs).map(({ sats, script }) => ({ sat: BigInt(sats), script })),
  };
  it('pays to the 2-of-2 of both funding keys, whichever comes first', () => {
    expect(bytesToHex(funding.code!)).toBe(published.funding_script);
    expect(fundingLock('anchors', { holderFunding: otherFunding, otherFunding: holderFunding }).script).toBe(
      funding.script,
    );
    expect(published.outputs[1].script).toBe(funding.script);
  });
  it('is the published transaction, signed as published, and consensus takes it', async () => {
    expect([txid, unsignedHex(template), txidOf(template)]).toEqual([opener.txid, published.unsigned, published.txid]);
    const otherPayment = hexToBytes(accepter.pubkey);
    const lock = lockOf('zero-fee', 'to_remote', { otherPayment }, {});
    expect(lock.script).toBe(coins[accepter.vout]!.script);
    const [way] = lock.ways;
    const sig = signWay(new Sighashes(template), 0, lock, way!, hexToBytes(accepter.secret));
    const witness = channelWitness(lock, way!, { sig, key: otherPayment });
    const signed = withWitness(template, [witness, opener.witness.map(hexToBytes)]);
    expect(signed).toBe(published.signed);
    expect(parseBareTransaction(signed).stacks[0]).toEqual(witness);
    if (kernel) expect(await kernel.scripts(signed, inputs)).toBe(true);
  });
});
