import { BaseCommand } from '../../lib/cli/base.ts';
import { arg } from '../../lib/cli/flags.ts';
import { note } from '../../lib/engine/log.ts';
import { bitsFlag, capacityFlag } from './shared.ts';
import { maxInputFlag, runStateless } from '../../lib/cli/stateless.ts';
import { makeDocument, parseElements, rawElements } from '../../lib/sketch/document.ts';

export default class SketchMake extends BaseCommand {
  static override summary = 'A set of numbers as a small sketch, from which its difference to another set can be read';
  static override description = `Reads elements: {elements: […]}, a JSON list, or words with white space between; each is a number, decimal digits, or 0x and hex. The sketch is PinSketch in the format of minisketch: BITS · CAPACITY bits, whatever the size of the set. An element that comes twice cancels itself.`;
  static override examples = [
    'What do two lists not share?\nspillway sketch make --bits 32 --capacity 8 < ours.txt > ours.json\nspillway sketch make --bits 32 --capacity 8 < theirs.txt | spillway sketch merge ours.json | spillway sketch decode',
    'How many bytes?\nseq 1 100000 | spillway sketch make --bits 32 --capacity 8 | jq -r .sketch | wc -c',
  ];
  static override args = { file: arg({ description: 'The elements (default: stdin)' }) };
  static override flags = { bits: bitsFlag, capacity: capacityFlag, 'max-input': maxInputFlag };
  static override exits = [0, 2, 65, 66, 70] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(SketchMake);
    await runStateless({ file: args.file, raw: rawElements, limit: flags['max-input'] }, (from) => {
      const { elements, cancelled } = parseElements(from);
      if (cancelled > 0) note(`${cancelled} pairs of equal elements cancel each other`);
      return makeDocument(elements, flags.bits, flags.capacity);
    });
  }
}
