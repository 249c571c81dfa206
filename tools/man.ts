/**
 * Man pages of the package, written from the manifest when it is built: `spillway(1)`, one a command in section 1, and one a
 * family and a topic of help in section 7. They say what `--help` says, in the parts that man pages have.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Command } from '@oclif/core/command';
import { ALL_EXITS, EXITS, type ExitCode } from '../src/lib/cli/errors.ts';
import { ABOUT, START, TOPICS } from '../src/lib/cli/front.ts';
import { flagUsage, SHARED, usageOf, type Additions } from '../src/lib/cli/help.ts';
import { FAMILIES, familyOf, type Family } from '../src/lib/families.ts';

type Documented = Command.Loadable & Additions;
const ROOT = new URL('../', import.meta.url);
const read = (file: string): any => JSON.parse(readFileSync(new URL(file, ROOT), 'utf8'));
const { version } = read('package.json') as { version: string };
const manifest = read('oclif.manifest.json') as { commands: Record<string, Documented> };
// Each start reads it: without white space it is shorter by a third.
writeFileSync(new URL('oclif.manifest.json', ROOT), JSON.stringify(manifest));
const commands = Object.values(manifest.commands);

/** Escapes text, so that no word of it is a request or an escape of roff. */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^(?=[.'])/gm, '\\&');
const section = (title: string, body: string): string =>
  body === '' ? '' : `.SH "${roff(title)}"\n${body.replace(/^\.PP\n/, '')}\n`;
const paragraphs = (text: string): string =>
  text
    .split(/\n+/)
    .map((line) => `.PP\n${roff(line)}`)
    .join('\n');
/** Lines as they are. */
const literal = (text: string): string => `.PP\n.nf\n${roff(text)}\n.fi`;
const item = (term: string, text: string): string => `.TP\n.B ${roff(term)}\n${roff(text)}`;

/** Returns the name of a page: `spillway-htlc-create` for `htlc:create`. */
const pageOf = (name: string): string => `spillway-${name.replace(':', '-')}`;
const reference = (page: string, part: 1 | 7): string => `.BR ${roff(page)} (${part})`;

function write(name: string, part: 1 | 7, summary: string, sections: readonly string[]): void {
  const title = `.TH "${roff(name.toUpperCase())}" ${part} "" "spillway ${version}" "Spillway"`;
  const head = section('NAME', `${roff(name)} \\- ${roff(summary)}`);
  writeFileSync(new URL(`man/man${part}/${name}.${part}`, ROOT), `${title}\n${head}${sections.join('')}`);
}

function options({ args, flags }: Documented): string {
  const shown = Object.values(flags).filter(({ hidden }) => !hidden);
  const about = (flag: Command.Flag.Any): string => {
    const env = 'env' in flag && flag.env !== undefined ? ` Its variable is ${flag.env}.` : '';
    return `${flag.summary ?? ''}${flag.required ? ' (required)' : ''}.${env}`;
  };
  const late = ({ helpGroup = '' }: Command.Flag.Any): number => Number(SHARED.has(helpGroup));
  const groups = Map.groupBy(
    shown.toSorted((a, b) => late(a) - late(b)),
    ({ helpGroup = '' }) => helpGroup,
  );
  return [
    ...Object.values(args).map(({ name, description = '' }) => item(name.toUpperCase(), description)),
    ...[...groups].map(([group, own]) =>
      [group && `.SS "${roff(group)}"`, ...own.map((flag) => item(flagUsage(flag), about(flag)))]
        .filter(Boolean)
        .join('\n'),
    ),
  ].join('\n');
}

function examples({ examples: all }: Documented): string {
  return [all ?? []]
    .flat()
    .map((example) => {
      const [words = '', ...lines] = String(example).split('\n');
      return `${paragraphs(words)}\n.RS 4\n${literal(lines.join('\n'))}\n.RE`;
    })
    .join('\n');
}

const exitStatus = (exits: readonly ExitCode[]): string =>
  exits.map((exit) => item(String(exit), EXITS[exit])).join('\n');
const listed = (own: readonly Documented[]): string =>
  own.map(({ id, summary = '' }) => `.TP\n${reference(pageOf(id), 1)}\n${roff(summary)}`).join('\n');
const ofFamily = (family: Family): Documented[] => commands.filter(({ id }) => familyOf(id) === family);

rmSync(new URL('man', ROOT), { recursive: true, force: true });
for (const part of [1, 7]) mkdirSync(new URL(`man/man${part}`, ROOT), { recursive: true });

for (const command of commands) {
  const { id, summary = '', description, steps = [], exits = ALL_EXITS } = command;
  const usage = usageOf({ ...command, id: id.replace(':', ' ') });
  write(pageOf(id), 1, summary, [
    section('SYNOPSIS', `.B spillway\n${roff(usage)}`),
    section('DESCRIPTION', description ? paragraphs(description) : ''),
    section('STEPS', steps.map((step, i) => `.IP ${i + 1}. 4\n${roff(step)}`).join('\n')),
    section('OPTIONS', options(command)),
    section('EXIT STATUS', exitStatus(exits)),
    section('EXAMPLES', examples(command)),
    section(
      'SEE ALSO',
      `${reference('spillway', 1)} ,\n${reference(pageOf(familyOf(id)!.name), 7)} ,\n${reference('spillway-exit-codes', 7)}`,
    ),
  ]);
}
for (const family of FAMILIES)
  write(pageOf(family.name), 7, family.summary, [
    section('COMMANDS', listed(ofFamily(family))),
    section('SEE ALSO', reference('spillway', 1)),
  ]);
for (const [name, { title, text }] of Object.entries(TOPICS))
  write(pageOf(name), 7, title, [
    section('DESCRIPTION', literal(text())),
    section('SEE ALSO', reference('spillway', 1)),
  ]);
write('spillway', 1, 'off-chain Bitcoin contracts as Unix filters', [
  section('SYNOPSIS', `.B spillway\n${roff('COMMAND [ARGUMENTS] [FLAGS]')}`),
  section('DESCRIPTION', `${paragraphs(`spillway ${ABOUT.replaceAll('\n', ' ')}`)}\n${literal(START)}`),
  ...FAMILIES.map((family) =>
    section(family.name.toUpperCase(), `${paragraphs(family.summary)}\n${listed(ofFamily(family))}`),
  ),
  section('EXIT STATUS', exitStatus(ALL_EXITS)),
  section('ENVIRONMENT', literal(TOPICS['environment']!.text())),
  section(
    'FILES',
    `${paragraphs('npm links this page. The others lie beside it:')}\n${literal('  export MANPATH="$(npm root -g)/spillway/man:"')}`,
  ),
  section(
    'SEE ALSO',
    Object.keys(TOPICS)
      .map((name) => reference(pageOf(name), 7))
      .join(' ,\n'),
  ),
]);
