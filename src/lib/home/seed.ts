/**
 * The seed file of a home: `{"mnemonic": "…"}`, 0600, plain or encrypted by passphrase (age,
 * armored).
 *
 * Spec: BIP39 (English, empty BIP39 passphrase), age-encryption.org/v1 with scrypt. `age -d seed`
 * opens the file without Spillway. The word list only makes and checks words: reading derives the
 * seed from the text, so a run that signs never loads it. Not here: the keys that grow from the
 * seed (`keys.ts`).
 */
import { pbkdf2Sync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseJson, printJson } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { refuseExposed, unlessMissing, writePrivate } from './files.ts';
import type { Random } from './random.ts';

export const ARMOR = '-----BEGIN AGE ENCRYPTED FILE-----';

/** Draws 24 new words. */
export async function makeMnemonic(random: Random): Promise<string> {
  const { entropyToMnemonic, wordlist } = await words();
  return entropyToMnemonic(random(32), wordlist);
}

/**
 * Returns the words in stored form: lower case, separated by one space.
 * @throws Refusal `malformed`, which names the place of a word but never the word
 */
export async function checkMnemonic(text: string): Promise<string> {
  const { validateMnemonic, wordlist } = await words();
  const found = text.normalize('NFKD').toLowerCase().split(/\s+/).filter(Boolean);
  const strange = found.findIndex((word) => !wordlist.includes(word));
  if (strange >= 0) throw new Refusal('malformed', `word ${strange + 1} is not in the English list of BIP39`);
  const mnemonic = found.join(' ');
  if (!validateMnemonic(mnemonic, wordlist))
    throw new Refusal(
      'malformed',
      `${found.length} words whose checksum does not fit found, 12, 15, 18, 21 or 24 words of BIP39 expected`,
    );
  return mnemonic;
}

async function words() {
  const [bip39, english] = await Promise.all([import('@scure/bip39'), import('@scure/bip39/wordlists/english.js')]);
  return { ...bip39, wordlist: english.wordlist };
}

/** Returns the BIP39 seed of the words, 64 bytes, without loading the word list. */
export const seedOf = (mnemonic: string): Uint8Array =>
  new Uint8Array(pbkdf2Sync(mnemonic.normalize('NFKD'), 'mnemonic', 2048, 64, 'sha512'));

/** Writes and syncs a new seed file; with a passphrase, encrypted (a second or two of scrypt). */
export async function writeSeed(path: string, mnemonic: string, passphrase?: string): Promise<void> {
  const plain = printJson({ mnemonic }) + '\n';
  writePrivate(path, passphrase === undefined ? plain : await encrypt(plain, passphrase));
}

/**
 * Reads the BIP39 seed, 64 bytes.
 * @param passphrase asked only where the file is encrypted
 * @throws Refusal `secret-exposed`, `wrong-passphrase`; `store-damaged` for a file without a seed
 */
export async function readSeed(path: string, passphrase?: () => Promise<string>): Promise<Uint8Array> {
  const text = readPrivate(path);
  return seedOf(mnemonicIn(text.startsWith(ARMOR) ? await decrypt(path, text, passphrase) : text, path));
}

function readPrivate(path: string): string {
  const text = unlessMissing(() => {
    refuseExposed(path);
    return readFileSync(path, 'utf8');
  });
  if (text === undefined) throw damaged(path, 'no file found');
  return text;
}

function mnemonicIn(text: string, path: string): string {
  let found: unknown;
  try {
    found = (parseJson(text) as { mnemonic?: unknown } | null)?.mnemonic;
  } catch {
    // The text of that error quotes the file, which holds the words.
  }
  if (typeof found !== 'string') throw damaged(path, 'neither {"mnemonic": …} nor an age file found');
  return found;
}

async function encrypt(text: string, passphrase: string): Promise<string> {
  const { armor, Encrypter } = await import('age-encryption');
  const to = new Encrypter();
  to.setPassphrase(passphrase);
  return armor.encode(await to.encrypt(text)).trimEnd() + '\n';
}

async function decrypt(path: string, text: string, passphrase?: () => Promise<string>): Promise<string> {
  if (!passphrase)
    throw new Refusal('wrong-passphrase', `${path} is encrypted and no passphrase was given`, {
      hint: 'give it with --passphrase-fd or --passphrase-file',
    });
  const given = await passphrase();
  const { armor, Decrypter } = await import('age-encryption');
  const by = new Decrypter();
  by.addPassphrase(given);
  let file: Uint8Array;
  try {
    file = armor.decode(text);
  } catch {
    throw damaged(path, 'a broken age file found');
  }
  try {
    return await by.decrypt(file, 'text');
  } catch {
    throw new Refusal('wrong-passphrase', `the passphrase does not open ${path}`);
  }
}

const damaged = (path: string, found: string): Refusal =>
  new Refusal('store-damaged', `${path}: ${found}, the seed of this home expected`, {
    hint: 'bring the file back from a backup, or make a home from the words with spillway init',
  });
