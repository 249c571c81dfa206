/** What a person answers to a question: yes and no, Ctrl-C, passphrases. The terminal and what draws on it are stood in for. */
import { afterEach, expect, it, vi } from 'vitest';
import { askPassphrase, promptFrom } from '../../src/lib/cli/prompt.ts';

const typed: unknown[] = [];
const ended = vi.fn();
vi.mock('../../src/lib/cli/tty.ts', () => ({ openTerminal: () => ({ [Symbol.dispose]: ended }) }));
vi.mock('inquirer', () => ({
  default: {
    createPromptModule: () => async () => {
      const answer = typed.shift();
      if (answer instanceof Error) throw answer;
      return { answer };
    },
  },
}));
afterEach(() => {
  expect(typed).toEqual([]);
  expect(ended).toHaveBeenCalled();
  ended.mockClear();
});
const broken = Object.assign(new Error('User force closed the prompt'), { name: 'ExitPromptError' });
const agree = () => promptFrom({}).agree({ text: 'pay 5 sat?', amountSat: 5n, growthSat: 5n });

it.each([
  [true, undefined],
  [false, 'not-agreed'],
  [undefined, 'not-agreed'],
  [broken, 'not-agreed'],
])('a payment, answered with %s: %s', async (answer, code) => {
  typed.push(answer);
  expect(await agree().catch((error: { code?: string }) => error.code)).toBe(code);
});

it('what breaks in the terminal itself is no answer', async () => {
  const fault = new Error('the terminal is gone');
  typed.push(fault);
  await expect(agree()).rejects.toBe(fault);
});

it.each([
  [['a word'], false, 'a word'],
  [['a word', 'a word'], true, 'a word'],
  [['a word', 'another'], true, 'usage'],
  [[''], false, 'usage'],
  [['', ''], true, 'usage'],
  [[broken], false, 'not-agreed'],
])('a passphrase, typed as %j (twice: %s): %s', async (words, twice, end) => {
  typed.push(...words);
  expect(await askPassphrase('Passphrase', twice).catch((error: { code?: string }) => error.code)).toBe(end);
});
