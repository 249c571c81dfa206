/** `completion`: scripts for each shell. */
import { describe, expect, it } from 'vitest';
import { completionScript, SHELLS } from '../../src/lib/cli/completion.ts';
import { bash, spillway } from '../cli/run.ts';

describe('completion', () => {
  it.each(SHELLS)('writes a script for %s that names commands and flags, hidden ones not', async (shell) => {
    const { code, stdout, stderr } = await spillway(['completion', shell]);
    expect([code, stderr]).toEqual([0, '']);
    for (const word of ['init', 'errors', 'mnemonic-out', 'testnet4']) expect(stdout).toContain(word);
    expect(stdout).not.toContain('insecure-seed');
  });

  const complete = async (...words: string[]): Promise<string[]> => {
    const line = `source <(spillway completion bash); COMP_WORDS=(${words.map((w) => `'${w}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _spillway; echo "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = await bash(line);
    expect(stderr).toBe('');
    return stdout.trim().split(' ').filter(Boolean);
  };
  it.each([
    [['spillway', 'ini'], ['init']],
    [
      ['spillway', 'init', '--mnem'],
      ['--mnemonic-fd', '--mnemonic-out'],
    ],
    [
      ['spillway', 'init', '--network', 'test'],
      ['testnet', 'testnet4'],
    ],
    [['spillway', 'help', 'err'], ['errors']],
    [['spillway', 'init', 'fil'], []],
  ])('bash completes %j to %j', async (words, found) => expect((await complete(...words)).toSorted()).toEqual(found));

  it.each([[['completion']], [['completion', 'csh']], [['completion', 'bash', 'zsh']]])(
    '%j is a usage error',
    async (argv) => {
      expect(await spillway(argv)).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringMatching(/^error\[usage\]/),
      });
    },
  );
});

it('summaries are quoted for each shell', () => {
  const flag = { name: 'x', summary: `it's [a] $(b): \\`, takesValue: true, options: [] };
  const of = (shell: (typeof SHELLS)[number]) =>
    completionScript(shell, 'p', [{ id: 'c', summary: "it's", flags: [flag] }]);
  expect(of('zsh')).toContain(`'--x[it'\\''s \\[a\\] $(b)\\: \\\\]:value:_files'`);
  expect(of('fish')).toContain(`-d 'it\\'s [a] $(b): \\\\'`);
});
