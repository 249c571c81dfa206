import { BaseCommand } from '../../lib/cli/base.ts';
import { arg, switchFlag } from '../../lib/cli/flags.ts';
import { kindFlag, rawOffer } from './shared.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import { messageIn, offerDocument } from '../../lib/offer/document.ts';

export default class OfferDecode extends BaseCommand {
  static override summary =
    'Show a BOLT12 offer, invoice request, invoice or payer proof, and list what is wrong with it';
  static override description = `Reads a string (lno1…, lnr1…, lni1…, lnp1…), hex with --kind, or a document of these commands. Prints string, ids, every field under its name in BOLT12 (unknown ones in custom, by type), who signed it, and problems. A message with problems is shown all the same; only what cannot be cut into records is refused.`;
  static override examples = [
    'What does this offer ask for?\nspillway offer decode offer.txt | jq .fields',
    'Which of these are sound?\nspillway offer decode --batch < offers.txt | jq -c "[.offer_id, .problems]"',
  ];
  static override args = { file: arg('The message (default: stdin)') };
  static override flags = {
    batch: batchFlag,
    kind: kindFlag,
    records: switchFlag('Also print each record as type, length and hex'),
  };
  static override exits = [0, 2, 65, 66, 70] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(OfferDecode);
    await runStateless({ file: args.file, batch: flags.batch, raw: rawOffer(flags.kind) }, (document) =>
      offerDocument(messageIn(document), flags),
    );
  }
}
