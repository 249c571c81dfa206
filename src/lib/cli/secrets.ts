/**
 * Secrets of a caller, and their flags: a file descriptor, a file that nobody else may read, or the
 * terminal. Arguments and variables give none, for other processes can see them.
 */
import { stat } from 'node:fs/promises';
import type { OptionFlag } from '@oclif/core/interfaces';
import { parseJson, type Json } from '../protocol/json.ts';
import type { Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readAll } from '../engine/files.ts';
import { utf8 } from '../engine/sniff.ts';
import { countFlag, textFlag } from './flags.ts';
import { openDescriptor, readInput } from './input.ts';
import { askPassphrase } from './prompt.ts';

export const SECRET_FILE_LIMITS = { secret: { unit: 'bytes', most: 10_000 } } satisfies Limits;
const LIMIT = SECRET_FILE_LIMITS.secret.most;

/** Values of the flags of a secret. */
type SecretValues<N extends string> = { readonly [K in `${N}Fd`]?: number | undefined } & {
  readonly [K in `${N}File`]?: string | undefined;
};

/** Reads the secret of a flag. @throws Refusal as `readSecret` and `readSecretFile` */
async function secretFrom<N extends string>(
  flags: SecretValues<N>,
  name: N,
): Promise<{ text: string; from: string } | undefined> {
  const { [`${name}Fd`]: fd, [`${name}File`]: file } = flags as Readonly<Record<string, number | string | undefined>>;
  if (typeof fd === 'number') return { text: await readSecret(fd), from: `file descriptor ${fd}` };
  return typeof file === 'string' ? { text: await readSecretFile(file), from: file } : undefined;
}

/** Reads the passphrase of a home. `setting`: a new one, asked for twice. */
export async function readPassphrase(flags: SecretValues<'passphrase'>, setting = false): Promise<string> {
  const found = await secretFrom(flags, 'passphrase');
  return found?.text ?? askPassphrase(setting ? 'Passphrase for the new home' : 'Passphrase of the home', setting);
}

/** One line of text from a file descriptor. @throws Refusal `no-input`, `too-large`, `malformed` */
export async function readSecret(fd: number): Promise<string> {
  const name = `file descriptor ${fd}`;
  return oneLine(await readAll(openDescriptor(fd), LIMIT, name), name);
}

/** Reads one line of text from a file. @throws Refusal as `readGuarded`, `malformed` */
export async function readSecretFile(file: string): Promise<string> {
  return oneLine(await readGuarded(file), file);
}

/** Reads a file of its owner alone. @throws Refusal `secret-exposed`, `no-input`, `too-large` */
export async function readGuarded(file: string): Promise<Uint8Array> {
  const found = await stat(file).catch(() => undefined);
  if (found && process.platform !== 'win32' && (found.mode & 0o077) !== 0) {
    const mode = (found.mode & 0o777).toString(8).padStart(3, '0');
    throw new Refusal('secret-exposed', `${file}: mode ${mode} found, 600 expected`, { hint: `chmod 600 ${file}` });
  }
  return readInput(file, LIMIT);
}

/**
 * A secret of 32 bytes in hex, by the flags of this name. Its text is never repeated.
 * @throws Refusal `wrong-key`, `secret-exposed`, `no-input`, `malformed`
 */
export async function readKey<N extends string>(flags: SecretValues<N>, name: N): Promise<Uint8Array | undefined> {
  const found = await secretFrom(flags, name);
  return found && keyBytes(found.text, found.from);
}

/** A secret in hex, of any length, from there too. @throws Refusal `malformed`, and as `readKey` */
export async function readHex<N extends string>(flags: SecretValues<N>, name: N): Promise<Uint8Array | undefined> {
  const found = await secretFrom(flags, name);
  if (!found) return undefined;
  const text = found.text.trim();
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(text)) throw new Refusal('malformed', `${found.from}: bytes in hex expected`);
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

/** Reads several from a file: a JSON list, or a line each. @throws Refusal as `readKey` */
export async function readKeyList(file: string): Promise<Uint8Array[]> {
  const text = utf8(await readGuarded(file)).trim();
  const json = text.startsWith('[') ? parseJson(text) : text.split(/\r?\n/);
  return (json as unknown[]).map((line, i) => keyBytes(String(line), `${file}: key ${i}`));
}

/** Reads a JSON document with secrets. @throws Refusal as `readGuarded`, `malformed-json` */
export async function readSecretJson(file: string): Promise<Json> {
  return parseJson(utf8(await readGuarded(file)));
}

function keyBytes(text: string, name: string): Uint8Array {
  if (!/^[0-9a-fA-F]{64}$/.test(text.trim())) throw new Refusal('wrong-key', `${name}: 32 bytes in hex expected`);
  return Uint8Array.from(Buffer.from(text.trim(), 'hex'));
}

function oneLine(bytes: Uint8Array, name: string): string {
  const text = utf8(bytes).replace(/\r?\n$/, '');
  if (text === '' || /[\r\n]/.test(text)) throw new Refusal('malformed', `${name}: one line of text expected`);
  return text;
}

/** Flags of a secret that no home holds. */
type Pair<N extends string> = Record<`${N}-file`, OptionFlag<string | undefined>> &
  Record<`${N}-fd`, OptionFlag<number | undefined>>;

/**
 * Returns `--NAME-file` and `--NAME-fd`.
 * @param what the secret in words, the beginning of a sentence
 * @param form text of the file
 */
export function secretFlags<N extends string>(
  name: N,
  what: string,
  helpGroup?: string,
  form = '32 bytes in hex',
): Pair<N> {
  const group = helpGroup === undefined ? {} : { helpGroup };
  return {
    [`${name}-file`]: textFlag(`${what}: a file with ${form}, which nobody else may read`, 'FILE', group),
    [`${name}-fd`]: countFlag('The same, from this file descriptor', [0], {
      helpValue: 'N',
      exclusive: [`${name}-file`],
      ...group,
    }),
  } as Pair<N>;
}
