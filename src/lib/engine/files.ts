/** Files as a bounded number of bytes. Not here: stdin and descriptors (`cli/input.ts`). */
import type { Readable } from 'node:stream';
import { open } from 'node:fs/promises';
import { Refusal, unreadable } from '../protocol/refusal.ts';

/** Opens a named file. @throws Refusal `no-input` */
export async function openFile(name: string): Promise<Readable> {
  try {
    const file = await open(name);
    if ((await file.stat()).isDirectory()) {
      await file.close();
      throw Object.assign(new Error('EISDIR'), { code: 'EISDIR' });
    }
    return file.createReadStream();
  } catch (error) {
    throw unreadable(name, error);
  }
}

/** Reads a stream to its end. @throws Refusal `no-input`, `too-large` */
export async function readAll(from: Readable, limit: number, name: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of from as AsyncIterable<Uint8Array>) {
      size += part.length;
      if (size > limit)
        throw new Refusal('too-large', `more than ${limit} bytes found in ${name === '-' ? 'stdin' : name}`);
      parts.push(part);
    }
  } catch (error) {
    throw error instanceof Refusal ? error : unreadable(name, error);
  } finally {
    from.destroy(); // or a producer that goes on would keep this process alive
  }
  return Buffer.concat(parts);
}
