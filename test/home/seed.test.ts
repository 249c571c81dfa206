/** Words (BIP39) and the file that holds them, plain or encrypted. */
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mnemonicToSeedSync } from '@scure/bip39';
import { describe, expect, it } from 'vitest';
import { realRandom } from '../../src/lib/home/random.ts';
import { checkMnemonic, makeMnemonic, readSeed, seedOf, writeSeed } from '../../src/lib/home/seed.ts';
import { tempDir } from './fixture.ts';

const WORDS = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about';

describe('words', () => {
  it('are 24, from the randomness given, and pass their own check', async () => {
    const made = await makeMnemonic(realRandom);
    expect(made.split(' ')).toHaveLength(24);
    expect(await checkMnemonic(made)).toBe(made);
    expect(await makeMnemonic((bytes) => new Uint8Array(bytes))).toMatch(/^(abandon ){23}art$/);
  });

  it('give the seed of BIP39', async () => {
    const made = await makeMnemonic(realRandom);
    expect(seedOf(made)).toEqual(mnemonicToSeedSync(made));
    expect(Buffer.from(seedOf(WORDS)).toString('hex')).toMatch(
      /^5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1/,
    );
  });

  it('are taken in any spacing and case', async () => {
    expect(await checkMnemonic(`\n ${WORDS.replaceAll(' ', ' \t\n').toUpperCase()} \r\n`)).toBe(WORDS);
  });

  it.each([
    [WORDS.replace('about', 'abandon'), '12 words whose checksum'],
    [WORDS.replace('about', 'abuot'), 'word 12 is not'],
    [WORDS.replace('abandon', 'abuot'), 'word 1 is not'],
    ['abandon', '1 words'],
    ['', '0 words'],
  ])('are refused: %s', async (text, message) => {
    const found = await checkMnemonic(text).catch((error: Error) => error);
    expect(found).toMatchObject({ code: 'malformed', message: expect.stringContaining(message) });
    expect(String((found as Error).message)).not.toMatch(/abandon|abuot/);
  });
});

describe('the seed file', () => {
  it('is for its owner only', async () => {
    const path = join(tempDir(), 'seed');
    await writeSeed(path, WORDS);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ mnemonic: WORDS });
    expect(await readSeed(path)).toEqual(seedOf(WORDS));
    chmodSync(path, 0o640);
    await expect(readSeed(path)).rejects.toMatchObject({
      code: 'secret-exposed',
      exit: 77,
      hint: expect.stringContaining('chmod'),
    });
  });

  it('is an age file under a passphrase', async () => {
    const path = join(tempDir(), 'seed');
    await writeSeed(path, WORDS, 'pass');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toMatch(
      /^-----BEGIN AGE ENCRYPTED FILE-----\n[^]+\n-----END AGE ENCRYPTED FILE-----\n$/,
    );
    expect(await readSeed(path, async () => 'pass')).toEqual(seedOf(WORDS));
    await expect(readSeed(path, async () => 'word')).rejects.toMatchObject({ code: 'wrong-passphrase' });
    await expect(readSeed(path)).rejects.toMatchObject({
      code: 'wrong-passphrase',
      hint: expect.stringContaining('--passphrase-fd'),
    });
  });

  it.each(['{"mnemonic": 5}', '{"mnemonic": "zebra', 'null', '', '-----BEGIN AGE ENCRYPTED FILE-----\nzebra'])(
    'damaged: %s',
    async (text) => {
      const path = join(tempDir(), 'seed');
      writeFileSync(path, text, { mode: 0o600 });
      const found = await readSeed(path, async () => 'pass').catch((error: Error) => error);
      expect(found).toMatchObject({ code: 'store-damaged' });
      expect(JSON.stringify([found, (found as Error).message])).not.toContain('zebra');
    },
  );

  it('missing', async () => {
    await expect(readSeed(join(tempDir(), 'seed'))).rejects.toMatchObject({ code: 'store-damaged' });
  });
});
