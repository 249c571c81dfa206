/**
 * Completion scripts for bash, zsh and fish, written from the loaded commands, so that they never
 * name what does not exist. They complete commands, flags, and the values of flags that take one of
 * a few; everything else completes files.
 */
import { FAMILIES, type Family } from '../families.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export interface CompletedCommand {
  /** One word, or two under a topic. */
  id: string;
  summary: string;
  flags: readonly { name: string; summary: string; takesValue: boolean; options: readonly string[] }[];
}

export function completionScript(shell: Shell, bin: string, commands: readonly CompletedCommand[]): string {
  return { bash, zsh, fish }[shell](bin, commands);
}

const first = ({ id }: CompletedCommand): string => id.split(' ')[0]!;
/** Families that no command begins with: alone and behind `help`, each shows its page. */
const pages = (commands: readonly CompletedCommand[]): Family[] =>
  FAMILIES.filter(({ name }) => !commands.some((command) => first(command) === name));
/** Words that can stand first: commands, topics and families, each once. */
const heads = (commands: readonly CompletedCommand[]): string[] => [
  ...new Set([...commands.map(first), ...pages(commands).map(({ name }) => name)]),
];
/** The commands under each topic. */
const topics = (commands: readonly CompletedCommand[]): [string, CompletedCommand[]][] => [
  ...Map.groupBy(
    commands.filter(({ id }) => id.includes(' ')),
    first,
  ),
];
const verb = ({ id }: CompletedCommand): string => id.slice(id.indexOf(' ') + 1);

function bash(bin: string, commands: readonly CompletedCommand[]): string {
  const cases = commands.map(({ id, flags }) => `    '${id}') words='${flags.map((f) => `--${f.name}`).join(' ')}' ;;`);
  const verbs = topics(commands).map(([topic, of]) => `    ${topic}) words='${of.map(verb).join(' ')}' ;;`);
  const values = choices(commands).map(([key, options]) => `    ${key}) words='${options}' ;;`);
  return `# ${bin} completion bash > /etc/bash_completion.d/${bin}
_${bin}() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}" words=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${heads(commands).join(' ')} help --help --version' -- "$word"))
    return
  fi
  case "$command" in
${verbs.join('\n')}
  esac
  if [ -n "$words" ]; then
    if [ "$COMP_CWORD" -eq 2 ]; then
      COMPREPLY=($(compgen -W "$words" -- "$word"))
      return
    fi
    command="$command \${COMP_WORDS[2]}" words=
  fi
  case "$command $before" in
${values.join('\n')}
  esac
  [ -z "$words" ] && case "$word" in -*) case "$command" in
${cases.join('\n')}
  esac ;; esac
  [ "$command" = help ] && words='${heads(commands).join(' ')}'
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _${bin} ${bin}
`;
}

/** Returns a pattern of command and flag, and the values, for each flag with a few values. */
const choices = (commands: readonly CompletedCommand[]): [string, string][] =>
  commands.flatMap(({ id, flags }) =>
    flags
      .filter((f) => f.options.length > 0)
      .map((f): [string, string] => [`'${id} --${f.name}'`, f.options.join(' ')]),
  );

function zsh(bin: string, commands: readonly CompletedCommand[]): string {
  const quoted = (text: string): string => text.replaceAll(/[[\]:\\]/g, '\\$&').replaceAll("'", "'\\''");
  const value = (f: CompletedCommand['flags'][number]): string =>
    !f.takesValue ? '' : f.options.length > 0 ? `:value:(${f.options.join(' ')})` : ':value:_files';
  const cases = commands.map(({ id, flags }) => {
    const specs = flags.map((f) => `'--${f.name}[${quoted(f.summary)}]${value(f)}'`);
    return `    '${id}') _arguments ${[...specs, "'*:file:_files'"].join(' ')} ;;`;
  });
  const described = (id: string, summary: string): string => `'${id}:${quoted(summary)}'`;
  const verbs = topics(commands).map(
    ([topic, of]) => `    ${topic})
      local -a verbs=(${of.map((c) => described(verb(c), c.summary)).join(' ')})
      if (( CURRENT == 2 )); then
        _describe verb verbs
        return
      fi
      command="$command $words[2]"
      shift words
      (( CURRENT-- )) ;;`,
  );
  const tops = [
    ...commands.filter(({ id }) => !id.includes(' ')).map(({ id, summary }) => described(id, summary)),
    ...topics(commands).map(([topic, of]) => described(topic, of.map(verb).join(', '))),
    ...pages(commands).map(({ name, summary }) => described(name, summary)),
  ];
  return `#compdef ${bin}
# ${bin} completion zsh > "\${fpath[1]}/_${bin}"
_${bin}() {
  local -a commands=(
${tops.map((top) => `    ${top}`).join('\n')}
    'help:Show the help of a command'
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${verbs.join('\n')}
  esac
  case $command in
    help) _describe command commands ;;
${cases.join('\n')}
  esac
}
compdef _${bin} ${bin}
`;
}

function fish(bin: string, commands: readonly CompletedCommand[]): string {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const seen = (words: string): string =>
    words
      .split(' ')
      .map((w) => `__fish_seen_subcommand_from ${w}`)
      .join('; and ');
  const lines = commands.flatMap((command) => [
    command.id.includes(' ')
      ? `complete -c ${bin} -n '${seen(first(command))}' -f -a ${verb(command)} -d ${quoted(command.summary)}`
      : `complete -c ${bin} -n '__fish_use_subcommand' -f -a ${command.id} -d ${quoted(command.summary)}`,
    ...command.flags.map((f) => {
      const value = !f.takesValue ? '' : f.options.length > 0 ? ` -x -a ${quoted(f.options.join(' '))}` : ' -r';
      return `complete -c ${bin} -n '${seen(command.id)}' -l ${f.name}${value} -d ${quoted(f.summary)}`;
    }),
  ]);
  for (const [topic, of] of topics(commands))
    lines.push(`complete -c ${bin} -n '__fish_use_subcommand' -f -a ${topic} -d ${quoted(of.map(verb).join(', '))}`);
  for (const { name, summary } of pages(commands))
    lines.push(`complete -c ${bin} -n '__fish_use_subcommand' -f -a ${name} -d ${quoted(summary)}`);
  for (const head of heads(commands)) lines.push(`complete -c ${bin} -n '${seen('help')}' -f -a ${head}`);
  const help = `complete -c ${bin} -n '__fish_use_subcommand' -f -a help -d 'Show the help of a command'`;
  return [`# ${bin} completion fish > ~/.config/fish/completions/${bin}.fish`, ...lines, help, ''].join('\n');
}
