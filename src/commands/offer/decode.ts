import { door } from '../../lib/cli/door.ts';
import { arg, switchFlag } from '../../lib/cli/flags.ts';
import { kindFlag, rawOffer } from './shared.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import { messageIn, offerDocument } from '../../lib/offer/document.ts';

export default door({
  summary: 'Show a BOLT12 offer, invoice request, invoice or payer proof, and list what is wrong with it',
  description: `Reads a string (lno1…, lnr1…, lni1…, lnp1…), hex with --kind, or a document of these commands. Prints string, ids, every field under its name in BOLT12 (unknown ones in custom, by type), who signed it, and problems. A message with problems is shown all the same; only what cannot be cut into records is refused.`,
  examples: [
    'What does this offer ask for?\nspillway offer decode offer.txt | jq .fields',
    'Which of these are sound?\nspillway offer decode --batch < offers.txt | jq -c "[.offer_id, .problems]"',
  ],
  args: { file: arg('The message (default: stdin)') },
  flags: {
    batch: batchFlag,
    kind: kindFlag,
    records: switchFlag('Also print each record as type, length and hex'),
  },
  run: (flags, { file }) =>
    runStateless({ file, batch: flags.batch, raw: rawOffer(flags.kind) }, (document) =>
      offerDocument(messageIn(document), flags),
    ),
});
