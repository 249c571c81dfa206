import { BaseCommand } from '../../lib/cli/base.ts';
import { arg, requiredArg } from '../../lib/cli/flags.ts';
import { readDocument, runStateless } from '../../lib/cli/stateless.ts';
import { mergeDocuments } from '../../lib/sketch/document.ts';

export default class SketchMerge extends BaseCommand {
  static override summary = 'The sketch of the difference of two sets, or a sketch and its extension in one';
  static override description = `Two sketches of one number of bits give the sketch of their symmetric difference, of the smaller capacity. A sketch of capacity C and an extension from C on give the larger sketch.`;
  static override examples = [
    'What do they not share?\nspillway sketch merge ours.json theirs.json | spillway sketch decode | jq .elements',
    'A sketch that was too small, and what it lacked\nspillway sketch merge ours.json extension.json > larger.json',
  ];
  static override args = {
    first: requiredArg({ description: 'A sketch' }),
    second: arg({ description: 'Another sketch, or the extension of the first (default: stdin)' }),
  };
  static override exits = [0, 2, 65, 66, 70] as const;

  async run(): Promise<void> {
    const { args } = await this.parse(SketchMerge);
    const first = await readDocument(args.first);
    await runStateless({ file: args.second }, (second) => mergeDocuments(first, second));
  }
}
