import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../lib/cli/base.ts';
import { arg } from '../../lib/cli/flags.ts';
import { runStateless } from '../../lib/cli/stateless.ts';
import { decodeDocument } from '../../lib/sketch/document.ts';
import { SKETCH_LIMITS } from '../../lib/sketch/sketch.ts';

export default class SketchDecode extends BaseCommand {
  static override summary = 'The elements of a sketch, where there are no more than it has room for';
  static override description = `Prints {elements: […]} in rising order; of more than 53 bits as text. A sketch of too many elements gives {decoded: false} and exit 3: ask for an extension. A random sketch passes for one of few elements with a chance of 2^-BITS at most, which costs a little of the capacity.`;
  static override examples = [
    'What do two lists not share?\nspillway sketch merge ours.json theirs.json | spillway sketch decode | jq .elements',
    'Does it decode at all?\nspillway sketch decode difference.json || echo "ask for an extension"',
  ];
  static override args = { file: arg({ description: 'The sketch (default: stdin)' }) };
  static override flags = {
    max: Flags.integer({ summary: 'Elements at most', helpValue: 'N', min: 0 }),
    'false-positive-bits': Flags.integer({
      summary: 'A sketch of no such set passes with a chance of 2^-BITS at most',
      helpValue: 'BITS',
      min: SKETCH_LIMITS.falsePositive.least,
      max: SKETCH_LIMITS.falsePositive.most,
      default: 16,
    }),
  };
  static override exits = [0, 2, 3, 65, 66, 70] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(SketchDecode);
    await runStateless({ file: args.file }, (from) => {
      const made = decodeDocument(from, flags['false-positive-bits'], flags.max);
      process.exitCode = made.decoded ? 0 : 3;
      return made;
    });
  }
}
