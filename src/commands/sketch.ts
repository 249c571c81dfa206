/** Commands of `sketch`, and their flags. Not here: what they mean (`sketch/sketch.ts`). */
import { door } from '../lib/cli/door.ts';
import { arg, countFlag, requiredArg } from '../lib/cli/flags.ts';
import { maxInputFlag, readDocument, runStateless, Unfinished } from '../lib/cli/stateless.ts';
import { note } from '../lib/engine/log.ts';
import {
  decodeSketchDocument,
  makeDocument,
  mergeDocuments,
  parseElements,
  rawElements,
} from '../lib/sketch/document.ts';
import { FIELD_LIMITS } from '../lib/sketch/field.ts';
import { SKETCH_LIMITS } from '../lib/sketch/sketch.ts';

export const bitsFlag = countFlag('Bits of an element: elements are 1 to 2^BITS - 1', FIELD_LIMITS.bits, {
  helpValue: 'BITS',
  required: true,
});
export const capacityFlag = countFlag(
  'Sums in a sketch, which decodes to nearly as many elements',
  SKETCH_LIMITS.capacity,
  { helpValue: 'N', required: true },
);

export const decode = door({
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

export const extend = door({
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

export const make = door({
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

export const merge = door({
  summary: 'The sketch of the difference of two sets, or a sketch and its extension in one',
  description: `Two sketches of one number of bits give the sketch of their symmetric difference, of the smaller capacity. A sketch of capacity C and an extension from C on give the larger sketch.`,
  examples: [
    'What do they not share?\nspillway sketch merge ours.json theirs.json | spillway sketch decode | jq .elements',
    'A sketch that was too small, and what it lacked\nspillway sketch merge ours.json extension.json > larger.json',
  ],
  args: {
    first: requiredArg('A sketch'),
    second: arg('Another sketch, or the extension of the first (default: stdin)'),
  },
  run: async (_, { first, second: file }) => {
    const one = await readDocument(first);
    await runStateless({ file }, (other) => mergeDocuments(one, other));
  },
});
