/** Consent: by --amount and --max, by a question on the terminal, never by silence. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { askPassphrase, promptFrom } from '../../src/lib/cli/prompt.ts';
import { freshDir, hasTerminal, onTerminal, ROOT } from './run.ts';

const consent = (amountSat: bigint, growthSat = amountSat) => ({ text: 'pay \u001b[2J?', amountSat, growthSat });

beforeEach(() => void vi.stubEnv('CI', '1'));
afterEach(() => void vi.unstubAllEnvs());

describe('promptFrom', () => {
  it('agrees to the amount of --amount and to no other', async () => {
    const prompt = promptFrom({ amount: 5n });
    await prompt.agree(consent(5n));
    await expect(prompt.agree(consent(6n))).rejects.toMatchObject({ code: 'amount-differs' });
  });
  it('counts what was settled against --max, and a retry by nothing', async () => {
    const prompt = promptFrom({ max: 10n });
    await prompt.agree(consent(8n));
    prompt.settled(consent(8n));
    await prompt.agree(consent(8n, 0n));
    await prompt.agree(consent(2n));
    await expect(prompt.agree(consent(3n))).rejects.toMatchObject({ code: 'over-max' });
  });
  it('does not count what was agreed to and then not settled', async () => {
    const prompt = promptFrom({ max: 10n });
    await prompt.agree(consent(8n));
    await prompt.agree(consent(8n));
  });
  it('takes both bounds together', async () => {
    await expect(promptFrom({ amount: 5n, max: 4n }).agree(consent(5n))).rejects.toMatchObject({ code: 'over-max' });
  });
  it('asks nobody with CI set, and names the flags', async () => {
    await expect(promptFrom({}).agree(consent(5n))).rejects.toMatchObject({
      code: 'not-agreed',
      message: 'nobody there to ask: pay \\u001b[2J?',
      hint: expect.stringMatching(/--amount.*--max/),
    });
  });
});

it('a passphrase is not asked for with CI set', async () => {
  await expect(askPassphrase('x')).rejects.toMatchObject({
    code: 'not-agreed',
    hint: expect.stringMatching(/--passphrase-fd/),
  });
});

describe.skipIf(!hasTerminal)('at a terminal, in the middle of a pipe', () => {
  const probe = join(freshDir(), 'probe.mjs');
  writeFileSync(
    probe,
    `import { promptFrom } from '${ROOT}src/lib/cli/prompt.ts';
     await promptFrom({}).agree({ text: 'pay \\u001b[2J5 sat?', amountSat: 5n, growthSat: 5n }).then(
       () => console.log('agreed'), (error) => console.log(error.code + ' ' + error.message));`,
  );
  it.each([
    ['y', 'agreed'],
    ['n', 'not-agreed the answer was no'],
    ['', 'not-agreed the answer was no'],
  ])('%o is answered with %s', async (answer, result) => {
    const { stdout } = await onTerminal(`echo piped | "${process.execPath}" ${probe} | cat`, [['pay', answer]]);
    expect(stdout).toContain(result);
    expect(stdout).toContain('pay \\u001b[2J5 sat?');
  });
});
