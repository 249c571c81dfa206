/**
 * Output of a run: one document on stdout, files that are whole or not there.
 * Not here: errors (`errors.ts`).
 */
import { unlink } from 'node:fs/promises';
import { replacePrivate, syncParent, writePrivate } from '../home/files.ts';
import { printJson } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';

/**
 * Writes one document: an object as JSON, text with a newline, bytes as they are.
 * Resolves once the system has taken all of it, so that nothing is lost at exit.
 */
export function print(data: string | object): Promise<void> {
  const document = typeof data === 'object' && !(data instanceof Uint8Array) ? printJson(data) : data;
  const whole = typeof document === 'string' && !document.endsWith('\n') ? `${document}\n` : document;
  return new Promise((done, fail) => process.stdout.write(whole, (error) => (error ? fail(error) : done())));
}

/** Prints documents, a line each; nothing where there is none. */
export async function printAll(documents: readonly object[]): Promise<void> {
  if (documents.length > 0) await print(documents.map((document) => printJson(document)).join('\n'));
}

/** Prints a document as one line like `printJson`, by the engine unless it holds a bigint. */
export function fastJson(document: object): string {
  try {
    return JSON.stringify(document);
  } catch {
    return printJson(document);
  }
}

/**
 * Writes a file in one step: a reader sees the old content or the new, also after a crash.
 * @throws Refusal `cannot-write`
 */
export async function writeFileWhole(path: string, data: string | Uint8Array, mode = 0o644): Promise<void> {
  try {
    replacePrivate(path, data, mode);
    syncParent(path);
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

/**
 * Writes a new file, and never replaces one.
 * @throws Refusal `cannot-write`, also where there is a file of that name
 */
export async function createFile(path: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  try {
    writePrivate(path, data, mode);
    syncParent(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') await unlink(path).catch(() => {});
    throw cannotWrite(path, error);
  }
}

function cannotWrite(path: string, error: unknown): Refusal {
  const code = (error as NodeJS.ErrnoException).code;
  const why = code === 'EEXIST' ? 'there is a file of that name already' : (code ?? String(error));
  return new Refusal('cannot-write', `${path}: ${why}`);
}
