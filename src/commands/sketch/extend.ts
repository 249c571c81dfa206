import { filter } from '../../lib/cli/filter.ts';
import { arg, countFlag } from '../../lib/cli/flags.ts';
import { bitsFlag, capacityFlag } from './shared.ts';
import { maxInputFlag, runStateless } from '../../lib/cli/stateless.ts';
import { makeDocument, parseElements, rawElements } from '../../lib/sketch/document.ts';
import { SKETCH_LIMITS } from '../../lib/sketch/sketch.ts';

export default filter({
  summary: 'What a sketch lacks to a larger capacity, so that nothing is sent twice',
  description: `Reads the elements as sketch make does, and prints the sums of a sketch from number FROM on. sketch merge appends them to the sketch of capacity FROM.`,
  examples: [
    'The sketch did not decode: twice its capacity\nspillway sketch extend --bits 32 --from 8 --capacity 16 < ours.txt > more.json\nspillway sketch merge ours.json more.json > larger.json',
    'Only the second half\nseq 1 20 | spillway sketch extend --bits 16 --from 10 --capacity 20 | jq -r .sketch',
  ],
  args: { file: arg('The elements (default: stdin)') },
  flags: {
    bits: bitsFlag,
    from: countFlag('Capacity of the sketch that is extended', SKETCH_LIMITS.capacity, {
      helpValue: 'FROM',
      required: true,
    }),
    capacity: capacityFlag,
    'max-input': maxInputFlag,
  },
  run: ({ maxInput: limit, bits, capacity, from: start }, { file }) =>
    runStateless({ file, raw: rawElements, limit }, (from) =>
      makeDocument(parseElements(from).elements, bits, capacity, start),
    ),
});
