import { BaseCommand } from '../../lib/cli/base.ts';
import { arg, countFlag, wholeFlag } from '../../lib/cli/flags.ts';
import { rawOffer } from './shared.ts';
import { runStateless } from '../../lib/cli/stateless.ts';
import { messageIn, offerProblems } from '../../lib/offer/document.ts';
import { refuseFirst } from '../../lib/offer/message.ts';
import { CALENDAR_LIMITS, calendarDocument } from '../../lib/offer/recurrence.ts';

export default class OfferPeriod extends BaseCommand {
  static override summary = 'The calendar of an offer that recurs: when each period begins, ends and can be paid';
  static override description = `Reads an offer, a request or an invoice with the fields of recurrence (a draft of BOLT12, in its own numbering or in that of Core Lightning). An offer without a base time begins with its first invoice: --basetime says when that was.`;
  static override examples = [
    'When did the thirteenth month begin?\nspillway offer period --from 12 --count 1 --basetime 1706659200 offer.txt | jq .periods[0].start',
    'When are the next three payments due?\nspillway offer period --count 3 offer.txt | jq -c ".periods[]"',
  ];
  static override args = { file: arg('The message (default: stdin)') };
  static override flags = {
    count: countFlag('How many periods', CALENDAR_LIMITS.count, { helpValue: 'N', default: 12 }),
    from: wholeFlag('The first of them (default 0)'),
    basetime: wholeFlag('When period 0 began', { helpValue: 'UNIX' }),
  };
  static override exits = [0, 2, 65, 66, 70, 76] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(OfferPeriod);
    await runStateless({ file: args.file, raw: rawOffer() }, (document) => {
      const message = messageIn(document);
      refuseFirst(offerProblems(message).filter(({ code }) => code !== 'signature-invalid'));
      return calendarDocument(message.fields, flags.from ?? 0n, flags.count, flags.basetime);
    });
  }
}
