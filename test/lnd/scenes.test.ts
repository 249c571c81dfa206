/**
 * Owners of lnd channels whose node is gone, against real nodes on a regtest bitcoind: the peer closes, the own node had
 * closed, an old commitment is punished, the commitment of a backup goes out. Root key and backup are all that is left.
 * With SPILLWAY_RECORD=FILE what was played is written for `npm test`.
 */
import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { pointAt } from '../../src/lib/channel/document.ts';
import { indexOf, secretAt } from '../../src/lib/channel/secrets.ts';
import { findNode, TestNode } from '../node/node.ts';
import type { Owner } from '../support/lnd-steps.ts';
import { codeOf } from '../support/refusal.ts';
import { findLnd, Lnd, until, type LndFormat } from './lnd.ts';
import { backedOf, Scene } from './scene.ts';

const found = findNode();
const runs = found?.kind === 'bitcoind' && findLnd() !== undefined;
const FORMATS: readonly LndFormat[] = ['anchors', 'taproot'];

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
    if (file && scene) writeFileSync(file, `${JSON.stringify(scene.recording, null, 2)}\n`);
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
    const stuck = `${format}: a child of the peer's commitment`;
    await scene.bump({ ...plan, name: stuck, input: { transaction } }, coin, false);
    const number = await scene.commitment(`${format}: the peer's commitment`, transaction, owner, outpoint, 'remote');
    await scene.play(
      { ...plan, name: `${format}: to_remote, without the point of the commitment`, input: { transaction } },
      [['payment']],
      true,
    );
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

  it.each(FORMATS)('%s: the own node had closed, and sent its HTLC transactions', async (format) => {
    const { own, peer, outpoint } = await pair('own-closed', format);
    const owner = await ownerOf(own, outpoint);
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
    const ways = [['delayed']];
    await scene.play({ ...plan, name: `${format}: to_local`, input: { transaction } }, ways);
    for (const [what, hex] of [
      ['HTLC-success', success],
      ['HTLC-timeout', timeout],
    ] as const)
      await scene.play(
        { ...plan, name: `${format}: what ${what} pays`, input: { transaction: hex, number: Number(number) } },
        ways,
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
    const secret = bytesToHex(secretAt(backedOf(theirs, outpoint).keys.seed!, indexOf(number)));
    const plan = { ...owner, command: 'penalty', outpoint, secret } as const;
    await scene.play(
      { ...plan, name: `${format}: all of a revoked commitment`, input: { transaction, htlcs } },
      [['penalty', 'penalty', 'penalty'], ['payment']],
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
    await scene.play(rest, [['payment'], ['penalty']]);
  });

  it.each(FORMATS)(
    '%s: the commitment of a backup goes out, is stuck, and is paid for by its anchor',
    async (format) => {
      const { own, peer, outpoint } = await pair('exit', format);
      await paidBy(own, peer, outpoint);
      const owner = await ownerOf(own, outpoint);
      await own.lose();
      await peer.down();
      const plan = { ...owner, outpoint } as const;
      const [hex] = await scene.play(
        { ...plan, name: `${format}: the commitment in a backup`, command: 'exit' },
        [['funding']],
        true,
      );
      const child = `${format}: a child of the commitment in a backup`;
      await scene.bump(
        { ...plan, name: child, command: 'bump', input: { transaction: hex! } },
        await node.ownCoin(200_000n),
        true,
      );
      await scene.commitment(`${format}: the commitment in a backup, signed`, hex!, owner, outpoint, 'local');
      const name = `${format}: to_local of the commitment in a backup`;
      await scene.play({ ...plan, name, command: 'sweep', input: { transaction: hex! } }, [['delayed']]);
    },
  );

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

  it('backups of two channels, of one, and as a file say what the node says; another root key opens none', async () => {
    const delay = (blocks: number) => [`--bitcoin.defaultremotedelay=${blocks}`];
    nodes = await Promise.all(
      ['own', 'left', 'right'].map((who, i) => Lnd.start(node, `backups-${who}`, 5_000_000n, delay(150 + i))),
    );
    const [own, left, right] = nodes as [Lnd, Lnd, Lnd];
    const outpoints = [await own.open(left, 'anchors'), await right.open(own, 'taproot')];
    await paidBy(own, left, outpoints[0]!);
    const said = await Promise.all(
      outpoints.map(async (outpoint, i) => {
        const told = await own.channel(outpoint);
        const { channel } = backedOf(await ownerOf(own, outpoint), outpoint);
        const delays = [told.local_constraints.csv_delay, told.remote_constraints.csv_delay];
        expect([channel.local.delay, channel.remote.delay]).toEqual(delays);
        return {
          outpoint,
          peer: told.remote_pubkey,
          capacity_sat: Number(told.capacity),
          format: FORMATS[i],
          opener: told.initiator ? 'local' : 'remote',
        };
      }),
    );
    await scene.backup('two channels', await ownerOf(own), said);
    for (const [i, outpoint] of outpoints.entries())
      await scene.backup(`one channel, ${FORMATS[i]}`, await ownerOf(own, outpoint), [said[i]!]);
    await own.down();
    await scene.backup(
      'the file of a node that has ended',
      { root_key: own.rootKey, backup: bytesToHex(own.backupFile()) },
      said,
    );
    const other = { ...(await ownerOf(left)), root_key: own.rootKey };
    expect(codeOf(() => backedOf(other, outpoints[0]!))).toBe('wrong-seed');
  });
});
