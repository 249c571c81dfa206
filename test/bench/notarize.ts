/**
 * A million digests stamped, their tree with all proofs, and proofs printed, against the bare hashes of their tree, in CPU
 * time; a proof of a gigabyte against the bare hash of it; and the memory that each took.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { sha256 } from '@noble/hashes/sha2.js';
import { merkleRoot, transactionIn } from '../../src/lib/bitcoin/block.ts';
import { bytesToHex, concatBytes, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { writeOts } from '../../src/lib/notary/ots.ts';
import { Leaves, makeTree, proofWriter, treeRoot } from '../../src/lib/notary/tree.ts';
import { proofWith } from '../support/notary.ts';
import { resident } from './batch.ts';
import { cpuFor, cpuOf, firstThreadOf, report } from './measure.ts';

const AT_ONCE = 1_000;
const GIGABYTE = 2 ** 30;

interface Taken {
  /** Seconds of CPU. */
  seconds: number;
  /** The most megabytes that were seen. */
  most: number;
}

/** Runs a command to its end. @param into takes what it prints @throws where it ends with another code */
async function taken(
  argv: readonly string[],
  {
    code = 0,
    cpu = firstThreadOf,
    feed,
    into,
  }: {
    code?: number;
    cpu?: (pid: number) => number;
    feed?: (stdin: Writable) => Promise<void>;
    into?: (stdout: Readable) => void;
  },
): Promise<Taken> {
  const child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  let [most, seconds] = [0, 0];
  const look = (): void => {
    if (child.exitCode !== null) return;
    most = Math.max(most, resident(child.pid!));
    seconds = cpu(child.pid!);
  };
  const timer = setInterval(look, 20);
  child.stdout.on('data', look);
  into?.(child.stdout);
  await feed?.(child.stdin);
  child.stdin.end();
  const [ended] = (await once(child, 'close')) as [number];
  clearInterval(timer);
  if (ended !== code) throw new Error(`${argv.slice(1).join(' ')} ended with ${ended}`);
  return { seconds, most };
}

/** Writes lines with digests. */
async function feedDigests(stdin: Writable, digests: number): Promise<void> {
  const some = Array.from({ length: AT_ONCE }, (_, i) => createHash('sha256').update(String(i)).digest('hex'));
  const lines = some.map((digest) => `{"digest":"${digest}"}\n`).join('');
  for (let done = 0; done < digests; done += AT_ONCE) if (!stdin.write(lines)) await once(stdin, 'drain');
}

/** Seconds of CPU for a hash of each leaf and each node. */
function bare(digests: number): Promise<number> {
  const pair = new Uint8Array(64);
  return cpuFor(() => {
    for (let i = 0; i < 2 * digests; i++) pair.set(sha256(pair));
  });
}

/** Seconds of CPU for the tree over so many digests, and the proof of each. */
function treeAndProofs(digests: number): Promise<number> {
  const leaves = new Leaves();
  for (let i = 0; i < digests; i++) leaves.add({ digest: createHash('sha256').update(String(i)).digest() }, undefined);
  return cpuFor(() => {
    const tree = makeTree(leaves);
    const proof = proofWriter(tree, { height: 1, root: HEAD, bytes: treeRoot(tree), txid: '', branch: [] });
    for (let i = 0; i < digests; i++) proof(i);
  });
}
const HEAD = new Uint8Array(32);

/** A block of one transaction that has the commitment, in hex. */
function blockOf(root: string): string {
  const tx = `0200000001${'00'.repeat(36)}00ffffffff010000000000000000226a20${root}00000000`;
  const { txid } = transactionIn(hexToBytes(tx), 'malformed-block');
  return bytesToHex(concatBytes(new Uint8Array(36), merkleRoot([txid]), new Uint8Array(12), Uint8Array.of(1))) + tx;
}

export async function benchNotarize(run: string, digests = 1_000_000): Promise<boolean[]> {
  const few = digests / 10;
  const dir = mkdtempSync(join(tmpdir(), 'spillway-bench-'));
  try {
    const [plan, block, big, proof] = ['plan', 'block', 'big', 'big.ots'].map((name) => join(dir, name)) as [
      string,
      string,
      string,
      string,
    ];
    let head = '';
    const stamped = await taken([run, 'notarize', 'stamp'], { feed: (stdin) => feedDigests(stdin, digests) });
    await taken([run, 'notarize', 'stamp'], {
      feed: (stdin) => feedDigests(stdin, few),
      into(stdout) {
        stdout.once('data', (bytes: Buffer) => void (head = bytes.toString().split('\n')[0]!));
        stdout.pipe(createWriteStream(plan));
      },
    });
    writeFileSync(block, blockOf((JSON.parse(head) as { root: string }).root));
    const proved = await taken([run, 'notarize', 'prove', plan, '--block', block, '--height', '1'], {});
    const hashes = await bare(digests);
    const trees = await treeAndProofs(digests);

    writeFileSync(big, '');
    truncateSync(big, GIGABYTE);
    const hash = async (): Promise<Uint8Array> => {
      const hashing = createHash('sha256');
      for await (const part of createReadStream(big)) hashing.update(part as Buffer);
      return hashing.digest();
    };
    // The system makes the bytes of an empty file at the first look.
    const digest = await hash();
    const once = await cpuFor(hash);
    writeFileSync(proof, writeOts({ ...proofWith([]), digest }));
    // Without a header nothing is proved: the run ends with 3, once it has hashed the document.
    const verified = await taken([run, 'notarize', 'verify', proof, '--network', 'regtest'], { code: 3, cpu: cpuOf });
    const times = '× the bare hashes of their tree';
    return [
      report({ what: `${digests} digests stamped`, ratio: stamped.seconds / hashes, limit: 3, unit: times }),
      report({ what: `memory of ${digests} digests stamped`, ratio: stamped.most, limit: 300, unit: 'MB' }),
      report({ what: `tree and proofs of ${digests} digests`, ratio: trees / hashes, limit: 3, unit: times }),
      report({
        what: `${few} proofs printed`,
        ratio: (proved.seconds / hashes) * (digests / few),
        limit: 8,
        unit: times,
      }),
      report({ what: `memory of ${few} proofs`, ratio: proved.most, limit: 250, unit: 'MB' }),
      report({ what: 'a gigabyte verified', ratio: verified.seconds / once, limit: 1.5, unit: '× its bare hash' }),
      report({ what: 'memory of a gigabyte verified', ratio: verified.most, limit: 200, unit: 'MB' }),
    ];
  } finally {
    rmSync(dir, { recursive: true });
  }
}
