/**
 * Owners of lnd channels whose node is gone, against real nodes on a regtest bitcoind: the peer closes, the own node had
 * closed, an old commitment is punished, the commitment of a backup goes out. Root key and backup are all that is left.
 * With SPILLWAY_RECORD=FILE what was played is written into that file, for `npm test`.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { pointAt } from '../../src/lib/channel/document.ts';
import { secretIndex, secretAt } from '../../src/lib/channel/secrets.ts';
import { findNode, TestNode } from '../node/node.ts';
import type { Owner } from '../support/lnd-steps.ts';
import { codeOf } from '../support/refusal.ts';
import { findLnd, Lnd, until, type LndFormat } from './lnd.ts';
import { backedOf, Scene } from './scene.ts';

const found = findNode();
const runs = found?.kind === 'bitcoind' && findLnd() !== undefined;
const FORMATS: readonly LndFormat[] = ['anchors', 'taproot', 'static', 'legacy'];
/** Formats of anchors, where own outputs on the peer's commitment wait for a block. */
const isAnchored = (format: LndFormat): boolean => format === 'anchors' || format === 'taproot';

describe.skipIf(!runs)('owners of lnd channels', () => {
  let node: TestNode;
  let scene: Scene;
  let nodes: Lnd[] = [];
  beforeAll(async () => {
    node = await TestNode.start(found!);
    scene = new Scene(node);
  });
  afterEach(async () => {
    await Promise.all(nodes.map((lnd) => lnd.down()));
    nodes = [];
  });
  afterAll(async () => {
    await node?.stop();
    const file = process.env['SPILLWAY_RECORD'];
    if (file && scene) scene.write(file);
  });

  /** Nodes with a channel between them, half of which is each one's. */
  async function pair(name: string, format: LndFormat) {
    nodes = await Promise.all(['own', 'peer'].map((who) => Lnd.start(node, `${name}-${format}-${who}`, 5_000_000n)));
    const [own, peer] = nodes as [Lnd, Lnd];
    return { own, peer, outpoint: await own.open(peer, format) };
  }
  const ownerOf = async (lnd: Lnd, outpoint?: string): Promise<Owner> => ({
    root_key: lnd.rootKey,
    backup: bytesToHex(await lnd.exported(outpoint)),
  });
  /** HTLCs pending both ways, and one too small for an output; as the own node has them. */
  async function pending(own: Lnd, peer: Lnd, outpoint: string) {
    const [to, from, dust] = [
      await peer.hold('to', 50_000),
      await own.hold('from', 60_000),
      await peer.hold('dust', 200),
    ];
    await own.pay(to.request, outpoint);
    await peer.pay(from.request, outpoint);
    await own.pay(dust.request, outpoint);
    const { pending_htlcs } = await own.channel(outpoint);
    const htlcs = pending_htlcs.map((h: any) => ({
      direction: h.incoming ? 'received' : 'offered',
      amount_msat: Number(h.amount) * 1000,
      payment_hash: Buffer.from(h.hash_lock, 'base64').toString('hex'),
      expiry: h.expiration_height,
    }));
    return { to, from, htlcs, expiry: htlcs[0].expiry as number };
  }
  /** A payment over the channel, settled on both sides. */
  async function paidBy(own: Lnd, peer: Lnd, outpoint: string): Promise<void> {
    const { request, preimage } = await peer.hold('paid', 30_000);
    await own.pay(request, outpoint);
    await peer.settle(preimage);
    for (const side of [own, peer])
      await until('the HTLC is settled', async () => (await side.channel(outpoint)).pending_htlcs.length === 0);
  }
  const turned = (htlcs: any[]) =>
    htlcs.map((h) => ({ ...h, direction: h.direction === 'offered' ? 'received' : 'offered' }));
  const outputOf = async (txid: string, sat: number): Promise<string> => {
    const { outputs } = await node.tx(txid);
    return `${txid}:${outputs.findIndex((o) => o.sat === BigInt(sat))}`;
  };

  it.each(FORMATS)('%s: the peer has closed with HTLCs pending both ways', async (format) => {
    const { own, peer, outpoint } = await pair('peer-closed', format);
    const [owner, theirs] = [await ownerOf(own, outpoint), await ownerOf(peer, outpoint)];
    const { from, htlcs } = await pending(own, peer, outpoint);
    await own.lose();
    const coin = await node.ownCoin(200_000n);
    const transaction = await scene.hex(await peer.close(outpoint, true));
    const plan = { ...owner, command: 'sweep', outpoint } as const;
    const child = { ...plan, name: `${format}: a child of the peer's commitment`, input: { transaction } };
    if (isAnchored(format)) await scene.bump({ ...child, command: 'bump' }, coin, false);
    else await node.mine();
    const number = await scene.commitment(`${format}: the peer's commitment`, transaction, owner, outpoint, 'remote');
    const bare = { ...plan, name: `${format}: to_remote, without the point of the commitment`, input: { transaction } };
    if (format !== 'legacy') await scene.play(bare, [['payment']], true);
    const seed = backedOf(theirs, outpoint).keys.seed!;
    const paid = bytesToHex(from.paymentHash);
    const known = turned(htlcs).map((h) => ({
      ...h,
      ...(h.payment_hash === paid && { preimage: bytesToHex(from.preimage) }),
    }));
    const input = { transaction, per_commitment_point: bytesToHex(pointAt(seed, number)), htlcs: known };
    const name = `${format}: to_remote, an HTLC by its preimage, another after its timeout`;
    await scene.play({ ...plan, name, input }, [['timeout'], ['preimage', 'payment']]);
  });

  it.each(FORMATS)('%s: a restored node makes the peer close', async (format) => {
    const { own, peer, outpoint } = await pair('restored', format);
    await paidBy(own, peer, outpoint);
    const backup = await own.exported();
    const [owner, theirs] = [await ownerOf(own), await ownerOf(peer, outpoint)];
    await own.lose();
    await own.restore(backup);
    const [txid, vout] = outpoint.split(':');
    const closing = await until('the peer closes', async () => {
      const [{ spendingtxid }] = await node.rpc('gettxspendingprevout', [{ txid, vout: Number(vout) }]);
      return spendingtxid as string | undefined;
    });
    await own.lose();
    const transaction = await scene.hex(closing);
    await node.mine();
    const number = await scene.commitment(
      `${format}: what a restored node is closed with`,
      transaction,
      owner,
      outpoint,
      'remote',
    );
    const point = bytesToHex(pointAt(backedOf(theirs, outpoint).keys.seed!, number));
    const input = { transaction, ...(format === 'legacy' && { per_commitment_point: point }) };
    const name = `${format}: to_remote, after a restored node was closed`;
    await scene.play({ ...owner, outpoint, name, command: 'sweep', input }, [['payment']]);
  });

  it.each(FORMATS)('%s: the own node had closed, and sent its HTLC transactions', async (format) => {
    const { own, peer, outpoint } = await pair('own-closed', format);
    const owner = await ownerOf(own, outpoint);
    const more = await peer.hold('more', 40_000);
    await own.pay(more.request, outpoint);
    const { from, expiry } = await pending(own, peer, outpoint);
    await peer.down();
    const txid = await own.close(outpoint, true);
    const transaction = await scene.hex(txid);
    await node.mine();
    await own.settle(from.preimage);
    const success = await scene.spender(await outputOf(txid, 60_000));
    await scene.names(`${format}: HTLC-success`, success, 'htlc-success');
    const timeout = await scene.spender(await outputOf(txid, 50_000), expiry);
    await scene.names(`${format}: HTLC-timeout`, timeout, 'htlc-timeout');
    await own.lose();
    const number = await scene.commitment(`${format}: an own commitment`, transaction, owner, outpoint, 'local');
    const plan = { ...owner, command: 'sweep', outpoint } as const;
    await scene.play({ ...plan, name: `${format}: to_local`, input: { transaction } }, [['delayed']]);
    // Where HTLC transactions pay no fee, lnd sends those of one expiry as one.
    const both = isAnchored(format) ? 2 : 1;
    for (const [what, hex, count] of [
      ['HTLC-success', success, 1],
      ['HTLC-timeout', timeout, both],
    ] as const)
      await scene.play(
        { ...plan, name: `${format}: what ${what} pays`, input: { transaction: hex, number: Number(number) } },
        [Array(count).fill('delayed')],
      );
  });

  it.each(FORMATS)('%s: an old commitment, and its HTLC transactions, are punished', async (format) => {
    const { own: cheater, peer: own, outpoint } = await pair('breach', format);
    const [owner, theirs] = [await ownerOf(own, outpoint), await ownerOf(cheater, outpoint)];
    const { to, from, htlcs, expiry } = await pending(cheater, own, outpoint);
    await cheater.down();
    const putBack = cheater.copied();
    await cheater.up();
    await cheater.connect(own);
    await until('the channel is active again', async () => (await cheater.channel(outpoint))?.active);
    await own.settle(to.preimage);
    await cheater.settle(from.preimage);
    await until('the HTLCs are settled', async () => {
      const { pending_htlcs } = await own.channel(outpoint);
      return pending_htlcs.length === 1;
    });
    await cheater.down();
    await own.lose();
    putBack();
    await cheater.up(true);
    const txid = await cheater.close(outpoint, true);
    const transaction = await scene.hex(txid);
    await node.mine();
    const number = await scene.commitment(`${format}: a revoked commitment`, transaction, owner, outpoint, 'remote');
    const secret = bytesToHex(secretAt(backedOf(theirs, outpoint).keys.seed!, secretIndex(number)));
    const plan = { ...owner, command: 'penalty', outpoint, secret } as const;
    await scene.play(
      { ...plan, name: `${format}: all of a revoked commitment`, input: { transaction, htlcs } },
      isAnchored(format)
        ? [['penalty', 'penalty', 'penalty'], ['payment']]
        : [['penalty', 'penalty', 'payment', 'penalty']],
      true,
    );
    await cheater.settle(from.preimage);
    const success = await scene.spender(await outputOf(txid, 60_000));
    const timeout = await scene.spender(await outputOf(txid, 50_000), expiry);
    await cheater.down();
    for (const [what, hex] of [
      ['HTLC-success', success],
      ['HTLC-timeout', timeout],
    ] as const)
      await scene.play(
        {
          ...plan,
          name: `${format}: what ${what} of a revoked commitment pays`,
          input: { transaction: hex, number: Number(number) },
        },
        [['penalty']],
      );
    const rest = { ...plan, name: `${format}: to_local and to_remote of a revoked commitment`, input: { transaction } };
    await scene.play(rest, isAnchored(format) ? [['payment'], ['penalty']] : [['payment', 'penalty']]);
  });

  it.each(FORMATS)('%s: the commitment of a backup goes out; stuck, it is paid for by its anchor', async (format) => {
    const { own, peer, outpoint } = await pair('exit', format);
    await paidBy(own, peer, outpoint);
    const owner = await ownerOf(own, outpoint);
    await own.lose();
    await peer.down();
    const plan = { ...owner, outpoint } as const;
    const exit = { ...plan, name: `${format}: the commitment in a backup`, command: 'exit' } as const;
    const [transaction] = (await scene.play(exit, [['funding']], isAnchored(format))) as [string];
    const child = { ...plan, name: `${format}: a child of the commitment in a backup`, input: { transaction } };
    if (isAnchored(format)) await scene.bump({ ...child, command: 'bump' }, await node.ownCoin(200_000n), true);
    await scene.commitment(`${format}: the commitment in a backup, signed`, transaction, owner, outpoint, 'local');
    const name = `${format}: to_local of the commitment in a backup`;
    await scene.play({ ...plan, name, command: 'sweep', input: { transaction } }, [['delayed']]);
  });

  it.each(FORMATS)('%s: the commitment of an old backup is punished by the peer, all of it', async (format) => {
    const { own, peer, outpoint } = await pair('old-backup', format);
    const owner = await ownerOf(own, outpoint);
    await paidBy(own, peer, outpoint);
    await own.lose();
    const exit = {
      ...owner,
      outpoint,
      name: `${format}: a revoked commitment in an old backup`,
      command: 'exit',
    } as const;
    const [hex] = await scene.play(exit, [['funding']]);
    const txid = txidOfHex(hex!);
    const { outputs } = await node.tx(txid);
    const toLocal = outputs.findIndex(({ sat }) => sat > 490_000n && sat < 500_000n);
    await scene.names(`${format}: justice`, await scene.spender(`${txid}:${toLocal}`), 'penalty');
  });

  it('backups of all channels, of one, and as a file say what the node says', async () => {
    const delay = (blocks: number) => [`--bitcoin.defaultremotedelay=${blocks}`];
    nodes = await Promise.all(
      ['own', 'left', 'right'].map((who, i) => Lnd.start(node, `backups-${who}`, 5_000_000n, delay(150 + i))),
    );
    const [own, left, right] = nodes as [Lnd, Lnd, Lnd];
    const outpoints = {
      anchors: await own.open(left, 'anchors'),
      taproot: await right.open(own, 'taproot'),
      static: await own.open(right, 'static'),
      staging: await own.open(right, 'staging'),
    };
    await paidBy(own, left, outpoints.anchors);
    const said = await Promise.all(
      Object.entries(outpoints).map(async ([format, outpoint]) => {
        const told = await own.channel(outpoint);
        const { channel } = backedOf(await ownerOf(own, outpoint), outpoint);
        const delays = [told.local_constraints.csv_delay, told.remote_constraints.csv_delay];
        expect([channel.local.delay, channel.remote.delay]).toEqual(delays);
        return {
          outpoint,
          peer: told.remote_pubkey,
          capacity_sat: Number(told.capacity),
          format: format === 'staging' ? 'a staging taproot channel' : format,
          opener: told.initiator ? 'local' : 'remote',
        };
      }),
    );
    await scene.backup('of all channels', await ownerOf(own), said);
    for (const one of said)
      await scene.backup(`of one channel, ${one.format}`, await ownerOf(own, one.outpoint), [one]);
    const other = { ...(await ownerOf(left)), root_key: own.rootKey };
    expect(codeOf(() => backedOf(other, outpoints.anchors))).toBe('wrong-seed');
    const owner = await ownerOf(own);
    await own.down();
    const file = { root_key: own.rootKey, backup: bytesToHex(own.backupFile()) };
    await scene.backup('as the file of a node that has ended', file, said);
    await own.up();
    for (const peer of [left, right]) await own.connect(peer);
    for (const format of ['anchors', 'taproot', 'static'] as const) {
      const outpoint = outpoints[format];
      await until(`${format} is active again`, async () => (await own.channel(outpoint)).active);
      const close = await scene.hex(await own.close(outpoint, false));
      const channel = { ...owner, outpoint };
      const { signatures } = await scene.names(`${format}: a cooperative close`, close, 'close', channel);
      expect(signatures).toBe('valid');
    }
  });
});
