/**
 * Channels on Bitcoin Core: commitments of every format go out in packages, what is theirs is swept by both sides, and
 * revoked ones are punished at both stages; locks by height and by blocks are refused one block early and mined on time.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressOf } from '../../src/lib/bitcoin/address.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { txidOfHex, vsizeOfHex, withWitness, type Spent, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { signKeyPath } from '../../src/lib/bitcoin/wallet-inputs.ts';
import { bumpChild, type AnchorOwner } from '../../src/lib/channel/bump.ts';
import type { Channel } from '../../src/lib/channel/commitment.ts';
import { readChannel } from '../../src/lib/channel/document.ts';
import { FORMATS, type FormatName } from '../../src/lib/channel/format.ts';
import type { ChannelSide } from '../../src/lib/channel/keys.ts';
import { penaltyDocument, sweepDocument } from '../../src/lib/channel/spend.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { keyPathScript } from '../../src/lib/signing/keyset.ts';
import {
  channelFor,
  htlcsFor,
  keysFor,
  played,
  point,
  preimageOf,
  secret,
  signedByWallet,
  type Played,
} from '../support/played-channel.ts';
import { findNode, TestNode } from './node.ts';

const found = findNode();
const WALLET = new Uint8Array(32).fill(9);
const PAYING = { to: keyPathScript(WALLET), feerate: 3_000, allowFee: true };
const read = (document: object): Channel => readChannel(new Fields(document as never));

describe.skipIf(found?.kind !== 'bitcoind')('channels on a node', () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.start(found!);
  });
  afterAll(() => node?.stop());

  /** A funded channel. */
  const funded = async (format: FormatName): Promise<object> => {
    const { txid, vout } = await node.fund(addressOf(read(channelFor(format)).funding.script, 'regtest')!, 1_000_000n);
    return channelFor(format, txid, vout);
  };
  const coin = async (sat = 200_000n): Promise<Spent> => {
    const { txid, vout } = await node.fund(addressOf(keyPathScript(WALLET), 'regtest')!, sat);
    return { txid, vout, sat, script: keyPathScript(WALLET) };
  };
  const reason = async (hex: string): Promise<string> => {
    const [result] = await node.rpc('testmempoolaccept', [hex]);
    return result.allowed ? 'allowed' : result['reject-reason'];
  };
  const confirm = async (txs: readonly { hex: string; txid: string }[]): Promise<void> => {
    for (const { hex } of txs) await node.rpc('sendrawtransaction', hex, 0);
    await node.mine();
    for (const { txid } of txs) expect(await node.isMined(txid)).toBe(true);
  };
  const finished = (template: Template, anchor: readonly Uint8Array[]): string =>
    withWitness(
      template,
      template.inputs.map((_, i) => (i === 0 ? anchor : signKeyPath(template, i, WALLET, new Uint8Array(32)))),
    );
  const childFor = async (hex: string, owner: AnchorOwner | undefined, feerate = 10_000, coins?: Spent[]) => {
    const wanted = { coins: coins ?? [await coin()], payTo: PAYING.to, feerate, allowFee: true, least: () => 0n };
    const { template, anchor } = bumpChild(hex, undefined, owner, wanted);
    return finished(template, anchor);
  };
  const submit = async (...hexes: string[]): Promise<string> => (await node.rpc('submitpackage', hexes)).package_msg;
  /** Sends a commitment, with a child where it does not go alone, and mines it. */
  const closed = async (document: object, made: Played, format: FormatName): Promise<void> => {
    if (format !== 'zero-fee') return confirm([made]);
    expect(await submit(made.hex, await childFor(made.hex, undefined))).toBe('success');
    await node.mine();
    expect(await node.isMined(made.txid)).toBe(true);
    expect(read(document).format).toBe(format);
  };
  const sweep = (document: object, format: FormatName, owner: ChannelSide, of: object, more?: Uint8Array): any =>
    sweepDocument(read(document), new Fields(of as never), keysFor(format, owner), more, PAYING).document;

  it.each(FORMATS)('%s: both sides take what is theirs, on time and not before', async (format) => {
    const document = await funded(format);
    const expiry = (await node.height()) + 12;
    const htlcs = htlcsFor(expiry).map((h) => ({ ...h, expiry }));
    const made = played(document, format, 'local', 41, htlcs);
    await closed(document, made, format);
    const known = htlcs.map((h) => ({ ...h, preimage: bytesToHex(preimageOf(h.id)) }));
    const theirs = sweep(document, format, 'remote', {
      transaction: made.hex,
      per_commitment_point: point(format, 'local', 41),
      htlcs: [known[0], { ...htlcs[1] }, htlcs[2], htlcs[3]],
    });
    const [now, late] = [false, true].map((is) =>
      theirs.transactions.filter((t: any) => (t.valid_from.height !== undefined) === is),
    );
    await confirm(now);
    // to_local: one block early, then on time.
    const [own] = sweep(document, format, 'local', { transaction: made.hex, htlcs }).transactions;
    await node.mine(3);
    expect(await reason(own.hex)).toBe('non-BIP68-final');
    await node.mine();
    expect(await reason(own.hex)).toBe('allowed');
    await confirm([own]);
    // HTLCs: the peer's timeout and the own HTLC-timeout by height; the own HTLC-success was valid all along.
    const timeout = made.htlcs.find((h) => h.id === 3)!;
    await node.mineTo(expiry - 1);
    for (const { hex } of [...late, timeout]) expect(await reason(hex)).toBe('non-final');
    await node.mine();
    expect(late[0].valid_from.height).toBe(expiry + 1);
    await confirm(late);
    // The other side has the first HTLC by its preimage.
    const { vout } = made.htlcs.find((h) => h.id === 1)!;
    const stage = await secondStage(document, format, made, known, 'second-timeout', [vout]);
    await confirm([stage]);
    const [second] = sweep(document, format, 'local', { transaction: stage.hex, number: 41 }).transactions;
    await node.mine(4);
    expect(await reason(second.hex)).toBe('non-BIP68-final');
    await node.mine();
    await confirm([second]);
  });

  /** The HTLC transaction that the holder sweeps, paid for by a wallet's coin where it pays no fee. */
  async function secondStage(
    document: object,
    format: FormatName,
    made: Played,
    htlcs: object[],
    way: string,
    spent: number[] = [],
  ) {
    const coins = [await coin(), await coin()];
    const of = {
      transaction: made.hex,
      htlcs,
      htlc_signatures: made.htlc_signatures,
      spent,
      ...(format !== 'zero-fee' && { feerate_per_kw: 500 }),
    };
    const run = (merged: string[]): any[] =>
      (
        sweepDocument(read(document), new Fields(of as never), keysFor(format, made.holder), undefined, {
          ...PAYING,
          coins,
          merged,
        }).document as any
      ).transactions.filter((t: any) => t.outputs[0].way === way);
    const merged = run([]).flatMap((t) => (t.psbt ? [signedByWallet(t.psbt, WALLET)] : []));
    return run(merged)[0];
  }

  it.each(FORMATS)('%s: a revoked commitment is punished, and its HTLC transaction too', async (format) => {
    const document = await funded(format);
    const htlcs = htlcsFor((await node.height()) + 100);
    const made = played(document, format, 'remote', 7, htlcs);
    await closed(document, made, format);
    const by = { secret: secret(format, 'remote', 7) };
    const punish = (of: object): any =>
      (penaltyDocument(read(document), new Fields(of as never), keysFor(format, 'local'), by, PAYING).document as any)
        .transactions;
    // The cheater is quick with one of its HTLCs; the rest goes by the commitment.
    const known = htlcs.map((h) => ({ ...h, preimage: bytesToHex(preimageOf(h.id)) }));
    const stage = await secondStage(document, format, made, known, 'second-success');
    await confirm([stage]);
    await confirm(punish({ transaction: stage.hex, number: 7 }));
    const { vout } = made.htlcs.find((h) => h.kind === 'htlc-success')!;
    await confirm(punish({ transaction: made.hex, htlcs, spent: [vout] }));
  });

  it.each(['anchors', 'taproot', 'zero-fee'] as const)(
    '%s: a commitment and its child are taken as a package',
    async (format) => {
      const document = await funded(format);
      const made = played(document, format, 'local', 3, []);
      const owner = { channel: read(document), keys: keysFor(format, 'local'), point: undefined };
      // Each mined before the first goes out.
      const [first, cheap, dear] = [await coin(), await coin(), await coin()].map((c) => [c]);
      expect(await submit(made.hex, await childFor(made.hex, owner, 10_000, first))).toBe('success');
      // A dearer child takes its place; one that pays no more does not. Of zero-fee it may be the other side's.
      expect(await submit(made.hex, await childFor(made.hex, owner, 10_010, cheap))).not.toBe('success');
      const child = await childFor(made.hex, format === 'zero-fee' ? undefined : owner, 60_000, dear);
      expect(await submit(made.hex, child)).toBe('success');
      expect(await node.rpc('getrawmempool')).toEqual(expect.arrayContaining([made.txid, txidOfHex(child)]));
      await node.mine();
      expect(await node.isMined(made.txid)).toBe(true);
    },
  );

  it.each([0n, 1n, 239n, 240n])('a parent without a fee whose anchor holds %i sat goes with its child', async (sat) => {
    const from = await coin();
    const template: Template = {
      version: 3,
      locktime: 0,
      inputs: [{ ...from, sequence: 0xfffffffd }],
      outputs: [
        { sat, script: '51024e73' },
        { sat: from.sat - sat, script: PAYING.to },
      ],
    };
    const parent = withWitness(template, [signKeyPath(template, 0, WALLET, new Uint8Array(32))]);
    expect(await reason(parent)).not.toBe('allowed');
    expect(await submit(parent, await childFor(parent, undefined))).toBe('success');
    await node.mine();
  });

  it('a child of version 3 of more than 1,000 vB is what the node refuses too', async () => {
    const from = await coin();
    const template: Template = {
      version: 3,
      locktime: 0,
      inputs: [{ ...from, sequence: 0xfffffffd }],
      outputs: [
        { sat: 0n, script: '51024e73' },
        { sat: from.sat, script: PAYING.to },
      ],
    };
    const parent = withWitness(template, [signKeyPath(template, 0, WALLET, new Uint8Array(32))]);
    const child = (bytes: number): string => {
      const parentId = { txid: txidOfHex(parent), vout: 0, sat: 0n, script: '51024e73', sequence: 0xfffffffd };
      const spend: Spent = { txid: parentId.txid, vout: 1, sat: from.sat, script: PAYING.to };
      const made: Template = {
        version: 3,
        locktime: 0,
        inputs: [parentId, { ...spend, sequence: 0xfffffffd }],
        outputs: [
          { sat: from.sat - 20_000n, script: PAYING.to },
          { sat: 0n, script: `6a4d${le16(bytes)}${'00'.repeat(bytes)}` },
        ],
      };
      return finished(made, []);
    };
    const bytes = 1000 - vsizeOfHex(child(300)) + 300;
    expect([vsizeOfHex(child(bytes)), vsizeOfHex(child(bytes + 1))]).toEqual([1000, 1001]);
    expect(await submit(parent, child(bytes + 1))).not.toBe('success');
    expect(await submit(parent, child(bytes))).toBe('success');
  });
});
const le16 = (n: number): string => Buffer.of(n & 255, n >> 8).toString('hex');
