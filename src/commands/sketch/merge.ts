import { filter } from '../../lib/cli/filter.ts';
import { arg, requiredArg } from '../../lib/cli/flags.ts';
import { readDocument, runStateless } from '../../lib/cli/stateless.ts';
import { mergeDocuments } from '../../lib/sketch/document.ts';

export default filter({
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
