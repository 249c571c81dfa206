/**
 * Bitcoin Core's consensus code as a judge (`test/kernel/judge.py`). It is found at SPILLWAY_KERNEL_PYTHON, a python
 * with py-bitcoinkernel, or where `test/kernel/install.sh` puts it; where it is missing, one line says so.
 */
import { execFileSync, spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const here = join(import.meta.dirname, '../kernel');
const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
const installed = join(process.env['SPILLWAY_KERNEL_DIR'] ?? join(cache, 'spillway-kernel'), 'bin/python');

/** What an input spends. */
export interface Prevout {
  sat: bigint;
  /** Hex. */
  script: string;
}
export interface MinedCoin {
  txid: string;
  vout: number;
  sat: bigint;
}
export interface RegtestChain {
  height(): number;
  /** Blocks whose coinbase pays to the script. */
  mine(blocks: number, to?: string): Promise<MinedCoin[]>;
  /** A block at the next height that holds these transactions (hex): is it valid? It is part of the chain then. */
  block(...txs: string[]): Promise<boolean>;
}
export interface Judge {
  /** Do all inputs of the transaction (hex) satisfy the scripts that they spend? */
  scripts(tx: string, prevouts: readonly Prevout[]): Promise<boolean>;
  /** A new regtest chain; the one before it ends. */
  chain(): Promise<RegtestChain>;
  close(): void;
}

function python(): string | undefined {
  const named = process.env['SPILLWAY_KERNEL_PYTHON'];
  const path = named ?? installed;
  try {
    execFileSync(path, ['-c', 'import pbk'], { stdio: 'ignore' });
    return path;
  } catch {
    return undefined;
  }
}

/** A running judge; undefined, and one line that says so, where there is none. */
export async function judge(): Promise<Judge | undefined> {
  const path = python();
  if (!path) {
    console.log('skipped: judged by no consensus kernel (test/kernel/install.sh, or SPILLWAY_KERNEL_PYTHON)');
    return undefined;
  }
  const child = spawn(path, ['-u', join(here, 'judge.py')], { stdio: ['pipe', 'pipe', 'ignore'] });
  const waiting: { resolve(answer: any): void; reject(error: Error): void }[] = [];
  let ended = false;
  createInterface(child.stdout).on('line', (line) => {
    const answer = JSON.parse(line) as { error?: string };
    const next = waiting.shift()!;
    if (answer.error === undefined) next.resolve(answer);
    else next.reject(new Error(answer.error));
  });
  child.on('close', () => {
    ended = true;
    for (const { reject } of waiting.splice(0)) reject(new Error('the judge ended'));
  });
  const ask = (question: object): Promise<any> =>
    new Promise((resolve, reject) => {
      if (ended) return reject(new Error('the judge ended'));
      waiting.push({ resolve, reject });
      child.stdin.write(JSON.stringify(question, (_, v) => (typeof v === 'bigint' ? Number(v) : v)) + '\n');
    });
  return {
    scripts: async (tx, prevouts) => (await ask({ tx, prevouts })).valid as boolean,
    chain: async () => {
      let { height } = await ask({ chain: 'new' });
      return {
        height: () => height as number,
        mine: async (blocks, to = '51') => {
          const answer = await ask({ mine: blocks, to });
          height = answer.height;
          return answer.coins.map((c: MinedCoin) => ({ txid: c.txid, vout: c.vout, sat: BigInt(c.sat) }));
        },
        block: async (...txs) => {
          const answer = await ask({ block: txs });
          height = answer.height;
          return answer.valid;
        },
      };
    },
    close: () => child.stdin.end(),
  };
}
