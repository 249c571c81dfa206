/** The examples in the help of commands: each line is one that the shell and the command would take. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../cli/run.ts';

interface Flag {
  type: 'boolean' | 'option';
  char?: string;
  required?: boolean;
  options?: string[];
  exclusive?: string[];
  dependsOn?: string[];
}
interface Command {
  examples: string[];
  flags: Record<string, Flag>;
  args: Record<string, object>;
  /** False for a command that takes any number of arguments. */
  strict?: boolean;
}
const { commands } = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8')) as {
  commands: Record<string, Command>;
};
/** The lines of an example, below its title. */
const linesOf = (example: string): string => example.slice(example.indexOf('\n') + 1);

/** Words of each call of the program, as far as the next pipe, redirection or end. */
const callsIn = (text: string): string[][] =>
  text
    .replaceAll('\\\n', ' ')
    .split(/(?<![\w/.-])spillway (?=[a-z])/)
    .slice(1)
    .map(
      (call) =>
        (call.match(
          /'[^']*'|"\$\(.*?\)"(?=\s|$)|"(?:\\.|\$\([^)]*\)|[^"\\])*"|\$\([^)]*\)|[|;&<>()\n]|[^\s|;&<>()]+/g,
        ) ?? []) as string[],
    )
    .map((words) => {
      const end = words.findIndex((word) => /^[|;&<>)\n]$/.test(word));
      return end < 0 ? words : words.slice(0, end);
    });

/** What is wrong with a call, in words; nothing for a good one. */
function faultsOf([first = '', second = '', ...rest]: string[]): string[] {
  const two = commands[`${first}:${second}`];
  const command = two ?? commands[first];
  if (!command) return first === 'help' ? [] : [`no command ${first}`];
  const words = two ? rest : [second, ...rest].filter((word) => word !== '');
  const faults: string[] = [];
  const given = new Map<string, string | undefined>();
  let args = 0;
  for (let i = 0; i < words.length; i++) {
    const [, name, attached] = /^--([a-z][a-z0-9-]*)(?:=(.*))?$/.exec(words[i]!) ?? [];
    if (name === undefined) {
      args += 1;
      continue;
    }
    const flag = command.flags[name];
    if (!flag && name !== 'help') faults.push(`--${name} is no flag`);
    const value = flag?.type === 'option' ? (attached ?? words[(i += 1)]) : undefined;
    if (flag?.type === 'option' && value === undefined) faults.push(`--${name} has no value`);
    if (flag?.options && !flag.options.includes(value!) && !value!.includes('$'))
      faults.push(`--${name} ${value} is none`);
    given.set(name, value);
  }
  for (const [name, { required, exclusive = [], dependsOn = [] }] of Object.entries(command.flags)) {
    if (required && !given.has(name)) faults.push(`--${name} is missing`);
    if (!given.has(name)) continue;
    faults.push(...exclusive.filter((other) => given.has(other)).map((other) => `--${name} and --${other}`));
    faults.push(...dependsOn.filter((other) => !given.has(other)).map((other) => `--${name} without --${other}`));
  }
  if (command.strict !== false && args > Object.keys(command.args).length) faults.push(`${args} arguments`);
  return faults;
}

describe('an example', () => {
  const examples = Object.entries(commands).flatMap(([id, command]) =>
    command.examples.map((example) => [id.replace(':', ' '), linesOf(example)] as const),
  );
  it('calls the program, of whichever command it is', () => {
    expect(examples.length).toBeGreaterThan(200);
    expect(examples.filter(([, text]) => callsIn(text).length === 0)).toEqual([]);
  });
  it('calls commands that there are, by flags that they have, take together and need', () => {
    const faults = examples.flatMap(([id, text]) =>
      callsIn(text).flatMap((call) => faultsOf(call).map((fault) => `${id}: ${fault}: spillway ${call.join(' ')}`)),
    );
    expect(faults).toEqual([]);
  });
  it('is read by the shell', () => {
    for (const [id, text] of examples)
      expect(
        () => execFileSync('bash', ['-n'], { input: text, stdio: ['pipe', 'pipe', 'pipe'] }),
        `${id}\n${text}`,
      ).not.toThrow();
  });
  it.each([
    [['open-credit', '--frob'], ['--frob is no flag']],
    [['frob'], ['no command frob']],
    [['ecash-keyset', '--list', '--retire', 'x'], ['--list and --retire']],
    [['htlc', 'create', '--home', 'x'], ['--expires is missing']],
  ])('%j would be found wrong', (call, faults) => expect(faultsOf(call)).toEqual(expect.arrayContaining(faults)));
});
