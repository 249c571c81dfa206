/**
 * Questions to the person at the terminal, and the flags that answer them beforehand.
 * Not here: which steps need consent (`protocol/action.ts`, `Consent`).
 */
import type { Consent } from '../protocol/action.ts';
import type { Prompt } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { visible } from '../engine/log.ts';
import { openTerminal } from './tty.ts';

export interface AgreedAmounts {
  /** Value of --amount, the one amount that is agreed to. */
  amount?: bigint | undefined;
  /** Value of --max: highest growth of all steps of this run together, in satoshis. */
  max?: bigint | undefined;
}

/**
 * Returns the prompt of a run, which consents by --amount to one payment, by --max up to a sum,
 * else asks. If both flags are given, both must hold.
 */
export function promptFrom({ amount, max }: AgreedAmounts): Prompt {
  let grown = 0n;
  return {
    async agree({ text, amountSat, growthSat }: Consent) {
      if (amount !== undefined && amount !== amountSat) {
        throw new Refusal(
          'amount-differs',
          `${amountSat} sat found in the message, ${amount} sat agreed to with --amount`,
        );
      }
      if (amount !== undefined && max === undefined && grown > 0n && growthSat > 0n) {
        throw new Refusal(
          'not-agreed',
          `--amount agrees to one payment of ${amount} sat, and it was made in this run`,
          {
            hint: 'give --max SAT too, as a bound for the run',
          },
        );
      }
      if (max !== undefined && grown + growthSat > max) {
        const before = grown > 0n ? ` after ${grown} sat in this run` : '';
        throw new Refusal(
          'over-max',
          `${growthSat} sat more asked for${before}, at most ${max} sat allowed with --max`,
        );
      }
      if (amount === undefined && max === undefined && !(await confirmed(text))) {
        throw new Refusal('not-agreed', 'the answer was no');
      }
    },
    settled({ growthSat }: Consent) {
      grown += growthSat;
    },
  };
}

/** @throws Refusal `not-agreed` where nobody can be asked */
async function confirmed(text: string): Promise<boolean> {
  const nobody = new Refusal('not-agreed', `nobody there to ask: ${visible(text)}`, {
    hint: 'give --amount SAT for this one amount, or --max SAT as a bound for the run',
  });
  return (await ask({ type: 'confirm', message: visible(text), default: false }, nobody)) === true;
}

/**
 * Asks for a passphrase without showing it; `twice` for one that is set now.
 * @throws Refusal `not-agreed` where nobody can be asked; `usage` where the two differ
 */
export async function askPassphrase(message: string, twice = false): Promise<string> {
  const nobody = new Refusal('not-agreed', 'nobody there to ask for the passphrase', {
    hint: 'give --passphrase-fd N or --passphrase-file FILE',
  });
  const first = await ask({ type: 'password', message }, nobody);
  if (twice && first !== (await ask({ type: 'password', message: 'The same again' }, nobody))) {
    throw new Refusal('usage', 'two passphrases found that differ');
  }
  if (first === '') throw new Refusal('usage', 'an empty passphrase found');
  return String(first);
}

interface Question {
  type: 'confirm' | 'password';
  message: string;
  default?: boolean;
}

/**
 * Asks one question. inquirer slows the start more than all else, so it is loaded only here. It
 * ends the stream that it writes to, so each question opens the terminal anew.
 */
async function ask(question: Question, nobody: Refusal): Promise<unknown> {
  using terminal = openTerminal();
  if (!terminal) throw nobody;
  const { default: inquirer } = await import('inquirer');
  const prompt = inquirer.createPromptModule({ input: terminal.input, output: terminal.output });
  try {
    const questions = [{ ...question, name: 'answer' }] as Parameters<typeof prompt>[0];
    return ((await prompt(questions)) as { answer: unknown }).answer;
  } catch (error) {
    // Ctrl-C and Ctrl-D: the answer is no.
    if (error instanceof Error && error.name === 'ExitPromptError') {
      throw new Refusal('not-agreed', 'the question was broken off');
    }
    throw error;
  }
}
