import { door } from '../../lib/cli/door.ts';
import { requiredArg } from '../../lib/cli/flags.ts';
import { completionScript, SHELLS } from '../../lib/cli/completion.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default door({
  summary: 'Write the completion script of a shell',
  description: 'It completes the commands and flags of this version: write it anew after an update.',
  examples: [
    'For this bash session\nsource <(spillway completion bash)',
    'For every fish session\nspillway completion fish > ~/.config/fish/completions/spillway.fish',
  ],
  args: { shell: requiredArg(SHELLS.join(', ')) },
  exits: [0, 2],
  run: (_, args, { config }) => {
    const shell = SHELLS.find((name) => name === args.shell);
    if (!shell) throw new Refusal('usage', `${JSON.stringify(args.shell)} found, ${SHELLS.join(', ')} expected`);
    const commands = config.commands.map(({ id, summary = '', flags }) => ({
      id: id.replace(':', ' '),
      summary,
      flags: Object.values(flags)
        .filter(({ hidden }) => !hidden)
        .map((flag) => ({
          name: flag.name,
          summary: flag.summary ?? '',
          takesValue: flag.type === 'option',
          options: flag.type === 'option' ? (flag.options ?? []) : [],
        })),
    }));
    return completionScript(shell, config.bin, commands);
  },
});
