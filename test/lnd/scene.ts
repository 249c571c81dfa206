/** A step of an owner against a node: what it makes is refused while it is early, mined when it is not, and recorded. */
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import type { ChannelSide } from '../../src/lib/channel/keys.ts';
import { lndRoot, readLndBackup, type Backed } from '../../src/lib/channel/lnd.ts';
import type { Coin, TestNode } from '../node/node.ts';
import {
  importedAll,
  inspected,
  readRecording,
  runStep,
  type Channel,
  type Owner,
  type Recording,
  type Spend,
  type Step,
} from '../support/lnd-steps.ts';
import { until } from './lnd.ts';

/** A step before it is played: what it spends is asked of the node. */
export type Planned = Channel &
  Pick<Step, 'name' | 'command' | 'secret'> & { input?: { transaction: string; [more: string]: unknown } };

/** The channel and keys in a backup. */
export const backedOf = ({ root_key, backup }: Owner, outpoint: string): Backed =>
  readLndBackup(Buffer.from(backup, 'hex'), lndRoot(root_key, 'regtest')).find((b) => b.outpoint === outpoint)!;

export class Scene {
  readonly recording: Recording = { owners: {}, steps: [], inspected: [], backups: [] };
  readonly #node: TestNode;
  constructor(node: TestNode) {
    this.#node = node;
  }

  /** Writes what was played into a file, in place of what was recorded there under the same names. */
  write(file: string): void {
    const before = existsSync(file) ? readRecording(file) : this.recording;
    const merged = <T extends { name: string }>(old: readonly T[], played: readonly T[]): T[] => [
      ...new Map([...old, ...played].map((one) => [one.name, one])).values(),
    ];
    const recording: Recording = {
      owners: { ...before.owners, ...this.recording.owners },
      steps: merged(before.steps, this.recording.steps),
      inspected: merged(before.inspected, this.recording.inspected),
      backups: merged(before.backups, this.recording.backups),
    };
    writeFileSync(file, `${JSON.stringify(recording, null, 2)}\n`);
  }

  /** Keeps the owner of a channel apart. */
  #owned<T extends Channel>({ root_key, backup, ...rest }: T): Omit<T, keyof Owner> {
    this.recording.owners[rest.outpoint] = { root_key, backup };
    return rest;
  }

  /** A transaction in hex. */
  hex(txid: string): Promise<string> {
    return this.#node.rpc('getrawtransaction', txid);
  }
  /** Mines blocks from a height on until one holds a transaction that spends an output: a node acts when a block comes. */
  async spender(outpoint: string, height = 0): Promise<string> {
    await this.#node.mineTo(height);
    const [txid, vout] = outpoint.split(':');
    return until(`somebody spends ${outpoint}`, async () => {
      await sleep(400);
      const [block] = await this.#node.mine();
      const { tx } = await this.#node.rpc('getblock', block, 2);
      return tx.find((t: any) => t.vin.some((v: any) => v.txid === txid && v.vout === Number(vout)))?.hex;
    });
  }
  async reason(hex: string): Promise<string> {
    const [{ allowed, 'reject-reason': why }] = await this.#node.rpc('testmempoolaccept', [hex], 0);
    return allowed ? 'allowed' : why;
  }

  /** What a node has sent: `channel-inspect` must say that it is of this kind. */
  async names(name: string, hex: string, kind: string, channel?: Channel): Promise<any> {
    const found = await inspected(hex, channel);
    expect([name, found.kind]).toEqual([name, kind]);
    const { formats, holder, number } = found;
    this.recording.inspected.push({ name, hex, kind, formats, holder, number, ...(channel && this.#owned(channel)) });
    return found;
  }

  async #waitFor(hex: string, { confirmations = 1, height = 0 }: Spend['valid_from']): Promise<void> {
    const spent = await this.#spent(hex);
    const heights = await Promise.all(
      spent.map(async (txid) => {
        const { blockhash } = await this.#node.rpc('getrawtransaction', txid, 1);
        return (await this.#node.rpc('getblockheader', blockhash)).height as number;
      }),
    );
    const first = Math.max(height, Math.max(...heights) + confirmations);
    if (first - 2 >= (await this.#node.height())) {
      await this.#node.mineTo(first - 2);
      expect(await this.reason(hex)).toMatch(/^non-(?:BIP68-)?final$/);
    }
    await this.#node.mineTo(first - 1);
  }
  async #spent(hex: string): Promise<string[]> {
    const { vin } = await this.#node.rpc('decoderawtransaction', hex);
    return [...new Set<string>(vin.map((v: any) => v.txid))];
  }

  /**
   * Runs a step, and sends what it makes when that is valid, one block before which it is refused.
   * @param ways that must be taken, one list a transaction @param only whether the node is asked, and nothing is sent
   */
  async play(planned: Planned, ways: string[][], only = false): Promise<string[]> {
    const { spends } = await runStep(planned as Step);
    expect(spends.map((s) => s.ways)).toEqual(ways);
    const spentIds = new Set((await Promise.all(spends.map(({ hex }) => this.#spent(hex)))).flat());
    const step: Step = { ...planned, spends: await Promise.all([...spentIds].map((txid) => this.hex(txid))), ways };
    this.recording.steps.push(this.#owned(step));
    const height = ({ valid_from }: Spend): number => valid_from.height ?? 0;
    for (const { hex, valid_from } of spends.toSorted((a, b) => height(a) - height(b))) {
      if (!only) await this.#waitFor(hex, valid_from);
      expect([planned.name, await this.reason(hex)]).toEqual([planned.name, 'allowed']);
      if (only) continue;
      await this.#node.rpc('sendrawtransaction', hex, 0);
      await this.#node.mine();
      expect(await this.#node.isMined(txidOfHex(hex))).toBe(true);
    }
    return spends.map(({ hex }) => hex);
  }

  /** A commitment, of this side as `channel-inspect` says by the channel in a backup; gives its number. */
  async commitment(name: string, hex: string, owner: Owner, outpoint: string, holder: ChannelSide): Promise<bigint> {
    expect((await inspected(hex)).kind).toBe('commitment');
    const channel = { ...owner, outpoint };
    const found = await this.names(name, hex, 'commitment', channel);
    // Only keys of its point say whose a legacy commitment is.
    const known = found.formats[0] === 'legacy' && holder === 'remote' ? null : holder;
    expect([name, found.holder, found.signatures]).toEqual([name, known, 'valid']);
    return BigInt(found.number);
  }

  /** Makes a child for a commitment that is in no block; sends both, on a node that refuses the parent alone where it is stuck. */
  async bump(planned: Planned, coin: Coin, stuck: boolean): Promise<void> {
    const parent = planned.input!.transaction;
    const spends = [parent, await this.hex(coin.txid)];
    const step: Step = { ...planned, command: 'bump', coins: [coin], spends, ways: [['anchor', 'coin']] };
    const { psbt } = await runStep(step);
    const signed = { ...step, signed: this.#node.sign(psbt!).psbt };
    const [child] = (await runStep(signed)).spends;
    if (stuck) {
      await this.#node.restarted('-minrelaytxfee=0.0002');
      expect(await this.reason(parent)).toMatch(/min relay fee|mempool min fee/);
    }
    try {
      const { package_msg } = await this.#node.rpc('submitpackage', [parent, child!.hex]);
      expect([planned.name, package_msg]).toEqual([planned.name, 'success']);
    } finally {
      if (stuck) await this.#node.restarted();
    }
    await this.#node.mine();
    expect(await this.#node.isMined(txidOfHex(child!.hex))).toBe(true);
    this.recording.steps.push(this.#owned(signed));
  }

  /** A backup of these channels: `channel-import` must print what their node says. */
  async backup(name: string, owner: Owner, said: readonly { outpoint: string }[]): Promise<void> {
    const channels = await importedAll(owner);
    expect(channels).toEqual(
      said.toSorted((a, b) => (a.outpoint < b.outpoint ? -1 : 1)).map((one) => expect.objectContaining(one)),
    );
    this.recording.backups.push({ name, ...owner, channels });
  }
}
