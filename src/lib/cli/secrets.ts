/**
 * Secrets that a caller hands over: by file descriptor, by a file that nobody else may read, or typed at the terminal.
 * Never as an argument or variable, which other processes can see.
 */
import { stat } from 'node:fs/promises';
import { Refusal } from '../protocol/refusal.ts';
import { openDescriptor, readAll, readInput } from './input.ts';
import { askPassphrase } from './prompt.ts';
import { utf8 } from './sniff.ts';

const LIMIT = 10_000;

export interface PassphraseValues {
  'passphrase-fd'?: number | undefined;
  'passphrase-file'?: string | undefined;
}

/** The passphrase of a home, read when it is first needed. `setting`: a new one, asked for twice. */
export async function readPassphrase(flags: PassphraseValues, setting = false): Promise<string> {
  const { 'passphrase-fd': fd, 'passphrase-file': file } = flags;
  if (fd !== undefined) return readSecret(fd);
  if (file !== undefined) return readSecretFile(file);
  return askPassphrase(setting ? 'Passphrase for the new home' : 'Passphrase of the home', setting);
}

/** One line of text from a file descriptor. @throws Refusal `no-input`, `too-large`, `malformed` */
export async function readSecret(fd: number): Promise<string> {
  const name = `file descriptor ${fd}`;
  return oneLine(await readAll(openDescriptor(fd), LIMIT, name), name);
}

/** @throws Refusal `secret-exposed` where group or others may read the file */
async function readSecretFile(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  if (found && process.platform !== 'win32' && (found.mode & 0o077) !== 0) {
    const mode = (found.mode & 0o777).toString(8).padStart(3, '0');
    throw new Refusal('secret-exposed', `${file}: mode ${mode} found, 600 expected`, { hint: `chmod 600 ${file}` });
  }
  return oneLine(await readInput(file, LIMIT), file);
}

function oneLine(bytes: Uint8Array, name: string): string {
  const text = utf8(bytes).replace(/\r?\n$/, '');
  if (text === '' || /[\r\n]/.test(text)) throw new Refusal('malformed', `${name}: one line of text expected`);
  return text;
}
