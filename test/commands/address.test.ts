/** `address`: fresh addresses of a home, also for runs at the same time. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { freshDir, spillway } from '../cli/run.ts';

const WORDS = `${'abandon '.repeat(11)}about`;
const home = join(freshDir(), 'home');
const address = (...flags: string[]) => spillway(['address', ...flags]);

describe('address', () => {
  beforeAll(async () => {
    await spillway(['init', '--home', home, '--network', 'mainnet', '--mnemonic-fd', '3'], { fd3: WORDS });
  });

  it('begins with the first address of BIP86, alone on its line', async () => {
    // BIP86, test vectors: m/86'/0'/0'/0/0
    const first = 'bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr\n';
    expect(await address('--home', home)).toEqual({ code: 0, stdout: first, stderr: '' });
  });
  it('goes on with the next, also where the home comes from the environment', async () => {
    const second = 'bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh\n';
    expect(await spillway(['address'], { env: { SPILLWAY_HOME: home } })).toMatchObject({ code: 0, stdout: second });
  });
  it('gives parallel runs different ones', async () => {
    const runs = await Promise.all(Array.from({ length: 4 }, () => address('--home', home)));
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(new Set(runs.map(({ stdout }) => stdout)).size).toBe(4);
  });
  it('there is none without a home', async () => {
    const ran = await address('--home', join(freshDir(), 'none'));
    expect(ran).toMatchObject({ code: 66, stdout: '', stderr: expect.stringMatching(/^error\[no-home\]/) });
  });
});
