import { filter } from '../../lib/cli/filter.ts';
import { arg, countFlag } from '../../lib/cli/flags.ts';
import { runStateless, Unfinished } from '../../lib/cli/stateless.ts';
import { decodeSketchDocument } from '../../lib/sketch/document.ts';
import { SKETCH_LIMITS } from '../../lib/sketch/sketch.ts';

export default filter({
  summary: 'The elements of a sketch, where there are no more than it has room for',
  description: `Prints {elements: […]} in rising order; of more than 53 bits as text. A sketch of too many elements gives {decoded: false} and exit 3: ask for an extension; most_elements says how many it has room for. A random sketch passes for one of few elements with a chance of 2^-BITS at most, which costs a little of the capacity.`,
  examples: [
    'What do two lists not share?\nspillway sketch merge ours.json theirs.json | spillway sketch decode | jq .elements',
    'Does it decode at all?\nspillway sketch decode difference.json || echo "ask for an extension"',
  ],
  args: { file: arg('The sketch (default: stdin)') },
  flags: {
    max: countFlag('Elements at most', [0], { helpValue: 'N' }),
    'false-positive-bits': countFlag(
      'A sketch of no such set passes with a chance of 2^-BITS at most',
      SKETCH_LIMITS.falsePositive,
      { helpValue: 'BITS', default: 16 },
    ),
  },
  exits: [0, 2, 3, 65, 66, 70],
  run: ({ falsePositiveBits, max }, { file }) =>
    runStateless({ file }, (from) => {
      const made = decodeSketchDocument(from, falsePositiveBits, max);
      return made.decoded ? made : new Unfinished(made);
    }),
});
