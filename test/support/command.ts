/** A command in this process: the words of a command line in, what it prints and how it ends out. No child, no built program. */
import type { Config } from '@oclif/core/config';
import { expect } from 'vitest';
import { commandFailure } from '../../src/lib/cli/errors.ts';
import type { ErrorCode } from '../../src/lib/protocol/refusal.ts';
import { ERRORS } from '../../src/lib/protocol/refusal.ts';
import type { TestParty } from './party.ts';

export type Made = new (argv: string[], config: Config) => { run(): Promise<unknown> };
export interface Ended {
  code: ErrorCode | undefined;
  message: string;
  /** What to do about it, where the error says so. */
  hint: string | undefined;
  /** 0 where it was not refused and says nothing else. */
  exit: number;
  stdout: string;
  stderr: string;
  /** How often something was written to stdout. */
  writes: number;
}

const CONFIG = { bin: 'spillway', runHook: async () => ({ successes: [], failures: [] }) } as unknown as Config;

/** @param full whether stdout takes nothing, as /dev/full */
export async function command(Command: Made, argv: readonly string[], full = false): Promise<Ended> {
  const said = { stdout: '', stderr: '', writes: 0 };
  // One command may run within another one: each puts back what it has found.
  const restores = (['stdout', 'stderr'] as const).map((name) => {
    const { write } = process[name];
    process[name].write = (text: Uint8Array | string, done?: unknown) => {
      const taken = name === 'stderr' || !full;
      if (taken) said[name] += String(text);
      if (name === 'stdout') said.writes += 1;
      (done as ((error?: Error) => void) | undefined)?.(taken ? undefined : new Error('ENOSPC: no space left'));
      return true;
    };
    return () => void (process[name].write = write);
  });
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    await new Command([...argv], CONFIG).run();
    return { code: undefined, message: '', hint: undefined, exit: Number(process.exitCode), ...said };
  } catch (error) {
    const { code, exit, message, hint } = commandFailure(error);
    return { code, exit, message, hint, ...said };
  } finally {
    process.exitCode = before;
    restores.forEach((restore) => restore());
  }
}

/** It is refused with this code, prints nothing, and the homes are as they were. */
export async function refusedCommand(
  Command: Made,
  argv: readonly string[],
  code: ErrorCode,
  ...homes: readonly TestParty[]
): Promise<Ended> {
  const states = () => Promise.all(homes.map((party) => party.state()));
  const before = await states();
  const ended = await command(Command, argv);
  expect(ended).toMatchObject({ code, exit: ERRORS[code][0], stdout: '' });
  expect(await states()).toEqual(before);
  return ended;
}
