import { BaseCommand } from '../../lib/cli/base.ts';
import { requiredArg } from '../../lib/cli/flags.ts';
import { completionScript, SHELLS } from '../../lib/cli/completion.ts';
import { print } from '../../lib/cli/output.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default class Completion extends BaseCommand {
  static override summary = 'Write the completion script of a shell';
  static override description = 'It completes the commands and flags of this version: write it anew after an update.';
  static override examples = [
    'For this bash session\nsource <(spillway completion bash)',
    'For every fish session\nspillway completion fish > ~/.config/fish/completions/spillway.fish',
  ];
  static override args = { shell: requiredArg(SHELLS.join(', ')) };
  static override exits = [0, 2] as const;

  async run(): Promise<void> {
    const { args } = await this.parse(Completion);
    const shell = SHELLS.find((name) => name === args.shell);
    if (!shell) throw new Refusal('usage', `${JSON.stringify(args.shell)} found, ${SHELLS.join(', ')} expected`);
    const commands = this.config.commands.map(({ id, summary = '', flags }) => ({
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
    await print(completionScript(shell, this.config.bin, commands));
  }
}
