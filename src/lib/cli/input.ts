/**
 * Input of a run: a file, or stdin for `-` and for no name at all, as bytes, with a bound on their
 * number.
 * Not here: what the bytes are (`engine/sniff.ts`), lines of a batch (`lines.ts`).
 */
import type { Readable } from 'node:stream';
import { createReadStream, fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import { MESSAGE_LIMIT } from '../protocol/message.ts';
import { Refusal, unreadable } from '../protocol/refusal.ts';
import { openFile, readAll } from '../engine/files.ts';

/** Most bytes of a transaction in hex: that of a whole block. */
export const TRANSACTION_LIMIT = 8_100_000;

/**
 * Opens a named file, or stdin.
 * @throws Refusal `no-input`; `usage` where a person at a terminal would be waited for
 */
export async function openInput(name: string | undefined): Promise<Readable> {
  if (name === undefined || name === '-') {
    if (process.stdin.isTTY) {
      throw new Refusal('usage', 'a terminal found as input, a FILE or a pipe expected', {
        hint: 'give a file name, or pipe the document in; --help shows both',
      });
    }
    return process.stdin;
  }
  return openFile(name);
}

/**
 * Opens a file descriptor that the caller handed over (`3< file`).
 * @throws Refusal `no-input`
 */
export function openDescriptor(fd: number): Readable {
  if (fd === 0) return process.stdin;
  try {
    const kind = fstatSync(fd);
    // A pipe may be set not to block, which the calls for files do not expect.
    if (kind.isFIFO() || kind.isSocket()) return new Socket({ fd, readable: true, writable: false });
    // What is neither is no input, such as a descriptor that the runtime itself holds; closing that would end it.
    if (!kind.isFile() && !kind.isCharacterDevice()) throw Object.assign(new Error('EBADF'), { code: 'EBADF' });
    return createReadStream('', { fd });
  } catch (error) {
    throw unreadable(`file descriptor ${fd}`, error);
  }
}

/** Reads all of a named file, or of stdin. @throws Refusal `no-input`, `too-large`, `usage` */
export async function readInput(name: string | undefined, limit = MESSAGE_LIMIT): Promise<Uint8Array> {
  return readAll(await openInput(name), limit, name ?? 'stdin');
}
