/** Help of a command by oclif, with steps and exit codes; a short form omits shared flags. */
import type { Command } from '@oclif/core/command';
import { CommandHelp, Help } from '@oclif/core/help';
import { ALL_EXITS, codesOf, EXITS, type ExitCode } from './errors.ts';
import { columns } from './front.ts';

/** Fields that this program adds to a command's entry in the manifest. */
export interface Additions {
  exits?: readonly ExitCode[];
  steps?: readonly string[];
}

/** Groups of flags that many commands share; the short form omits them, and policies and keys. */
export const SHARED = new Set(['HOME', 'CHAIN', 'GLOBAL']);
const LATER = new Set([...SHARED, 'POLICY', 'KEYS']);

const excludes = (a: Command.Flag.Any, b: Command.Flag.Any): boolean =>
  (a.exclusive ?? []).includes(b.name) || (b.exclusive ?? []).includes(a.name);

export function flagUsage(flag: Command.Flag.Any): string {
  if (flag.type === 'boolean') return `--${flag.name}`;
  const value = flag.helpValue ?? flag.options?.join('|') ?? 'VALUE';
  return `--${flag.name} ${value}${flag.multiple ? '...' : ''}`;
}

const argumentNames = (args: Command.Loadable['args']): string[] =>
  Object.values(args).map(({ name, required }) => (required ? name : `[${name}]`).toUpperCase());

/** Returns the usage line: required flags first, shared ones last, exclusive ones together. */
export function usageOf({ id, args, flags }: Pick<Command.Loadable, 'id' | 'args' | 'flags'>): string {
  const shown = Object.values(flags)
    .filter(({ hidden }) => !hidden)
    .map((flag) => ({ flag, late: SHARED.has(flag.helpGroup ?? '') ? 2 : flag.required ? 0 : 1 }))
    .sort((a, b) => a.late - b.late)
    .map(({ flag }) => flag);
  const placed = new Set<string>();
  const words = shown.flatMap((flag) => {
    if (placed.has(flag.name)) return [];
    const choice = shown
      .filter((f) => f !== flag && !placed.has(f.name))
      .reduce((chosen, f) => (chosen.every((other) => excludes(f, other)) ? [...chosen, f] : chosen), [flag]);
    for (const { name } of choice) placed.add(name);
    const text = choice.map(flagUsage).join(' | ');
    return [flag.required ? text : `[${text}]`];
  });
  return [id, ...argumentNames(args), ...words].join(' ');
}

class SpillwayCommandHelp extends CommandHelp {
  protected override sections(): ReturnType<CommandHelp['sections']> {
    const { steps = [], exits = ALL_EXITS } = this.command as Command.Loadable & Additions;
    const own = super.sections();
    const examples = own.findIndex(({ header }) => header === 'EXAMPLES');
    return own.toSpliced(
      examples === -1 ? own.length : examples + 1,
      0,
      { header: 'STEPS', generate: () => steps.map((step, i) => `${i + 1}. ${step}`).join('\n') },
      { header: 'EXIT CODES', generate: () => this.exitCodes(exits) },
    );
  }

  /** Writes usage, own flags, steps, three examples, one line each if it fits; at most 60 lines. */
  short(): string {
    const { id, args, flags, summary = '', steps = [], examples } = this.command as Command.Loadable & Additions;
    const own = Object.values(flags).filter(({ hidden, helpGroup }) => !hidden && !LATER.has(helpGroup ?? ''));
    const required = own.filter((flag) => flag.required).map(flagUsage);
    const words = ['$', this.config.bin, id.replace(':', ' '), ...argumentNames(args), ...required, '[FLAGS]'];
    const parts: [string, string | undefined][] = [
      ['USAGE', `  ${words.join(' ')}`],
      ['FLAGS', columns(own.map((flag) => [flagUsage(flag), flag.summary ?? '']))],
      ['STEPS', steps.map((step, i) => `  ${i + 1}. ${step}`).join('\n')],
      [
        'EXAMPLES',
        this.examples(examples?.slice(0, 3))
          ?.replace(/\n\n(?= )/g, '\n')
          .replace(/\n\n/g, '\n'),
      ],
    ];
    const shown = parts.filter(([, text]) => text).map(([header, text]) => `${header}\n${text}\n`);
    return `${summary}\n\n${shown.join('\n')}\n--help explains it whole, with the flags of homes, chains and policies.`;
  }

  /** Replaces oclif's usage line, which nests dependent flags in unusable ways. */
  protected override defaultUsage(): string {
    return usageOf(this.command);
  }

  /** Leaves out the summary, which is printed first. */
  protected override description(): string | undefined {
    return this.command.description && this.wrap(this.command.description);
  }

  /** Prints the words, then command lines unchanged, to copy. A line after a backslash goes on. */
  protected override examples(examples: Command.Example[] | string | undefined): string | undefined {
    return [examples ?? []]
      .flat()
      .map((example) => {
        const [words, ...lines] =
          typeof example === 'string' ? example.split('\n') : [example.description, example.command];
        const shown = lines.map((line, i) =>
          lines[i - 1]?.endsWith('\\') ? `    ${line.trimStart()}` : `  $ ${line}`,
        );
        return [words, '', ...shown].join('\n');
      })
      .join('\n\n');
  }

  private exitCodes(exits: readonly ExitCode[]): string {
    const rows = exits.map((exit): [string, string] => {
      const codes = codesOf(exit);
      // Longer lists of codes are left to `spillway errors`.
      return [String(exit), EXITS[exit] + (codes.length > 0 && codes.length <= 2 ? ` (${codes.join(', ')})` : '')];
    });
    return this.renderList(rows, { stripAnsi: this.opts.stripAnsi ?? false, indentation: 0 });
  }
}

export class SpillwayHelp extends Help {
  protected override CommandHelpClass = SpillwayCommandHelp;

  /** Prints the short form. */
  showShort(command: Command.Loadable): void {
    this.log(new SpillwayCommandHelp(command, this.config, this.opts).short());
  }
}
