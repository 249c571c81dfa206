/** Secrets from files: one line of text, and nothing else. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readHex, readPassphrase } from '../../src/lib/cli/secrets.ts';
import { freshDir } from './run.ts';

const file = join(freshDir(), 'secret');
const given = (text: string): void => writeFileSync(file, text, { mode: 0o600 });

it.each([
  ['a word', 'a word'],
  ['a word\n', 'a word'],
  ['a word\r\n', 'a word'],
  ['', 'malformed'],
  ['\n', 'malformed'],
  ['a\nword', 'malformed'],
  ['a\rword', 'malformed'],
  ['a word\n\n', 'malformed'],
])('a passphrase in %j', async (text, end) => {
  given(text);
  expect(await readPassphrase({ passphraseFile: file }).catch(({ code }: { code: string }) => code)).toBe(end);
});

it.each([
  ['Ab', 1],
  ['ab cd', 'malformed'],
  ['abc', 'malformed'],
  ['xy', 'malformed'],
])('bytes in %j', async (text, end) => {
  given(text);
  const read = readHex({ secretFile: file }, 'secret').then((bytes) => bytes!.length);
  expect(await read.catch(({ code }: { code: string }) => code)).toBe(end);
});
