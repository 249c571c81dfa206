import { filter } from '../../lib/cli/filter.ts';
import { arg } from '../../lib/cli/flags.ts';
import { note } from '../../lib/engine/log.ts';
import { bitsFlag, capacityFlag } from './shared.ts';
import { maxInputFlag, runStateless } from '../../lib/cli/stateless.ts';
import { makeDocument, parseElements, rawElements } from '../../lib/sketch/document.ts';

export default filter({
  summary: 'A set of numbers as a small sketch, from which its difference to another set can be read',
  description: `Reads elements: {elements: […]}, a JSON list, or words with white space between; each is a number, decimal digits, or 0x and hex. The sketch is PinSketch in the format of minisketch: BITS · CAPACITY bits, whatever the size of the set. An element that comes twice cancels itself.`,
  examples: [
    'What do two lists not share?\nspillway sketch make --bits 32 --capacity 8 < ours.txt > ours.json\nspillway sketch make --bits 32 --capacity 8 < theirs.txt | spillway sketch merge ours.json | spillway sketch decode',
    'How many bytes?\nseq 1 100000 | spillway sketch make --bits 32 --capacity 8 | jq -r .sketch | wc -c',
  ],
  args: { file: arg('The elements (default: stdin)') },
  flags: { bits: bitsFlag, capacity: capacityFlag, 'max-input': maxInputFlag },
  run: ({ maxInput: limit, bits, capacity }, { file }) =>
    runStateless({ file, raw: rawElements, limit }, (from) => {
      const { elements, cancelled } = parseElements(from);
      if (cancelled > 0) note(`${cancelled} pairs of equal elements cancel each other`);
      return makeDocument(elements, bits, capacity);
    }),
});
