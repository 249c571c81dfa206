/**
 * Steps of an owner whose node is gone: its root key and backup, a transaction on the chain, and the command that is run.
 * `test/lnd` plays them against nodes and records them; `npm test` runs what was recorded.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import ChannelBump from '../../src/commands/channel/bump.ts';
import ChannelExit from '../../src/commands/channel/exit.ts';
import ChannelImport from '../../src/commands/channel/import.ts';
import ChannelInspect from '../../src/commands/channel/inspect.ts';
import ChannelPenalty from '../../src/commands/channel/penalty.ts';
import ChannelSweep from '../../src/commands/channel/sweep.ts';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { parseTransaction, txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { command, type Made } from './command.ts';
import type { Prevout } from './kernel.ts';

/** What the owner has. */
export interface Owner {
  /** BIP32 text. */
  root_key: string;
  /** Hex, as lnd wrote it. */
  backup: string;
}
/** A channel of an owner. */
export interface Channel extends Owner {
  outpoint: string;
}
export interface Step extends Channel {
  name: string;
  command: 'sweep' | 'penalty' | 'exit' | 'bump';
  /** The document that is read; of `exit` none. */
  input?: object;
  /** The per-commitment secret, of `penalty`. */
  secret?: string;
  /** Of `bump`: what Bitcoin Core lists, and the PSBT that the wallet has signed. */
  coins?: object[];
  signed?: string;
  /** Finished transactions whose outputs are spent. */
  spends: string[];
  /** The ways out that are taken, in the order of the inputs; one list a transaction. */
  ways: string[][];
}
/** A transaction of a node, and what `channel-inspect` says that it is. */
export interface Inspected {
  name: string;
  hex: string;
  kind: string;
  formats: string[];
  holder: string | null;
  number: number | null;
  /** The channel that is given; without it the bytes alone show the kind. */
  outpoint?: string;
}
/** A backup, and what its node said of the channels in it. */
export interface BackedUp extends Owner {
  name: string;
  /** As `channel-import` prints them, without the names of files. */
  channels: object[];
}
export interface Recording {
  /** By the outpoints of their channels. */
  owners: Record<string, Owner>;
  steps: Omit<Step, keyof Owner>[];
  inspected: Inspected[];
  backups: BackedUp[];
}

/** One transaction that a step makes. */
export interface Spend {
  hex: string;
  ways: string[];
  valid_from: { height?: number; confirmations?: number };
}
export const PAY_TO = 'bcrt1pg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zqapvxeu';

const put = (dir: string, name: string, bytes: string | Uint8Array): string => {
  const path = join(dir, name);
  writeFileSync(path, bytes);
  chmodSync(path, 0o600);
  return path;
};
async function ran(Command: Made, argv: readonly string[], exit = 0): Promise<any> {
  const ended = await command(Command, argv);
  expect([ended.message, ended.exit]).toEqual(['', exit]);
  return JSON.parse(ended.stdout);
}

/** Has `channel-import` write the files of a channel, and gives the flags that name them. */
async function imported(dir: string, { root_key, backup, outpoint }: Channel): Promise<string[]> {
  const key = put(dir, 'root.key', root_key);
  const file = put(dir, 'channel.backup', hexToBytes(backup));
  const argv = ['--network', 'regtest', '--root-key-file', key, '--outpoint', outpoint];
  const { channels } = await ran(ChannelImport, [...argv, '--out', join(dir, 'channels'), file]);
  return ['--channel', channels[0].channel_file, '--keys', channels[0].keys_file];
}

/** Runs a step; of `bump` without `signed` the PSBT that a wallet signs. */
export async function runStep(step: Step): Promise<{ spends: Spend[]; psbt?: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'spillway-lnd-'));
  try {
    const files = await imported(dir, step);
    const input = step.input ? [put(dir, 'input.json', JSON.stringify(step.input))] : [];
    const paying = ['--feerate', step.command === 'bump' ? '30' : '5', '--allow-fee'];
    switch (step.command) {
      case 'exit': {
        const key = ['--network', 'regtest', '--root-key-file', join(dir, 'root.key'), '--outpoint', step.outpoint];
        const argv = [...key, '--backup', join(dir, 'channel.backup'), '--accept-penalty-risk'];
        return { spends: [{ hex: (await ran(ChannelExit, argv)).hex, ways: ['funding'], valid_from: {} }] };
      }
      case 'bump': {
        const coins = ['--utxo', put(dir, 'coins.json', JSON.stringify(step.coins)), '--change', PAY_TO];
        const merge = step.signed === undefined ? [] : ['--merge', put(dir, 'signed', step.signed)];
        const argv = [...files, ...coins, ...paying, ...merge, ...input];
        const made = await ran(ChannelBump, argv, step.signed === undefined ? 3 : 0);
        if (!made.package) return { spends: [], psbt: made.psbt };
        return { spends: [{ hex: made.package[1], ways: ['anchor', 'coin'], valid_from: {} }] };
      }
      default: {
        const secret = step.secret === undefined ? [] : ['--secret-file', put(dir, 'secret', step.secret)];
        const Command = step.command === 'sweep' ? ChannelSweep : ChannelPenalty;
        const made = await ran(Command, [...files, ...secret, '--to', PAY_TO, ...paying, ...input]);
        const spends = made.transactions.map(({ hex, valid_from, outputs }: any) => ({
          hex,
          valid_from,
          ways: outputs.map((o: any) => o.way),
        }));
        return { spends };
      }
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** What `channel-inspect` says of a transaction, with the channel where its owner is given. */
export async function inspected(hex: string, channel?: Channel): Promise<any> {
  const dir = mkdtempSync(join(tmpdir(), 'spillway-lnd-'));
  try {
    const files = channel ? await imported(dir, channel) : [];
    return await ran(ChannelInspect, [...files, put(dir, 'tx', hex)]);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** What `channel-import` prints of a backup, in the order of outpoints and without the names of files. */
export async function importedAll({ root_key, backup }: Owner): Promise<object[]> {
  const dir = mkdtempSync(join(tmpdir(), 'spillway-lnd-'));
  try {
    const argv = ['--network', 'regtest', '--root-key-file', put(dir, 'root.key', root_key), '--out', join(dir, 'out')];
    const { channels } = await ran(ChannelImport, [...argv, put(dir, 'channel.backup', hexToBytes(backup))]);
    return channels
      .map(({ channel_file: _, keys_file: __, ...rest }: any) => rest)
      .toSorted((a: any, b: any) => (a.outpoint < b.outpoint ? -1 : 1));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** What the inputs of a transaction spend, found among finished transactions. */
export function prevoutsOf(hex: string, spent: readonly string[]): Prevout[] {
  const byId = new Map(spent.map((tx) => [txidOfHex(tx), parseTransaction(tx)]));
  return parseTransaction(hex).inputs.map((input) => {
    const output = byId.get(bytesToHex(input.txid))!.outputs[input.index]!;
    return { sat: output.amount, script: bytesToHex(output.script) };
  });
}
export const readRecording = (path: string): Recording => JSON.parse(readFileSync(path, 'utf8'));
