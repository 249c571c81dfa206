import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../lib/cli/base.ts';
import { arg } from '../../lib/cli/flags.ts';
import { bitsFlag, capacityFlag } from './shared.ts';
import { maxInputFlag, runStateless } from '../../lib/cli/stateless.ts';
import { makeDocument, parseElements, rawElements } from '../../lib/sketch/document.ts';
import { SKETCH_LIMITS } from '../../lib/sketch/sketch.ts';

export default class SketchExtend extends BaseCommand {
  static override summary = 'What a sketch lacks to a larger capacity, so that nothing is sent twice';
  static override description = `Reads the elements as sketch make does, and prints the sums of a sketch from number FROM on. sketch merge appends them to the sketch of capacity FROM.`;
  static override examples = [
    'The sketch did not decode: twice its capacity\nspillway sketch extend --bits 32 --from 8 --capacity 16 < ours.txt > more.json\nspillway sketch merge ours.json more.json > larger.json',
    'Only the second half\nseq 1 20 | spillway sketch extend --bits 16 --from 10 --capacity 20 | jq -r .sketch',
  ];
  static override args = { file: arg({ description: 'The elements (default: stdin)' }) };
  static override flags = {
    bits: bitsFlag,
    from: Flags.integer({
      summary: 'Capacity of the sketch that is extended',
      helpValue: 'FROM',
      required: true,
      min: SKETCH_LIMITS.capacity.least,
      max: SKETCH_LIMITS.capacity.most,
    }),
    capacity: capacityFlag,
    'max-input': maxInputFlag,
  };
  static override exits = [0, 2, 65, 66, 70] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(SketchExtend);
    await runStateless({ file: args.file, raw: rawElements, limit: flags['max-input'] }, (from) =>
      makeDocument(parseElements(from).elements, flags.bits, flags.capacity, flags.from),
    );
  }
}
