import { door } from '../../lib/cli/door.ts';
import { arg, countFlag, wholeFlag } from '../../lib/cli/flags.ts';
import { rawOffer } from './shared.ts';
import { runStateless } from '../../lib/cli/stateless.ts';
import { messageIn, offerProblems } from '../../lib/offer/document.ts';
import { refuseFirst } from '../../lib/offer/message.ts';
import { CALENDAR_LIMITS, calendarDocument } from '../../lib/offer/recurrence.ts';

export default door({
  summary: 'The calendar of an offer that recurs: when each period begins, ends and can be paid',
  description: `Reads an offer, a request or an invoice with the fields of recurrence (a draft of BOLT12, in its own numbering or in that of Core Lightning). An offer without a base time begins with its first invoice: --basetime says when that was.`,
  examples: [
    'When did the thirteenth month begin?\nspillway offer period --from 12 --count 1 --basetime 1706659200 offer.txt | jq .periods[0].start',
    'When are the next three payments due?\nspillway offer period --count 3 offer.txt | jq -c ".periods[]"',
  ],
  args: { file: arg('The message (default: stdin)') },
  flags: {
    count: countFlag('How many periods', CALENDAR_LIMITS.count, { helpValue: 'N', default: 12 }),
    from: wholeFlag('The first of them (default 0)'),
    basetime: wholeFlag('When period 0 began', { helpValue: 'UNIX' }),
  },
  exits: [0, 2, 65, 66, 70, 76],
  run: ({ from, count, basetime }, { file }) =>
    runStateless({ file, raw: rawOffer() }, (document) => {
      const message = messageIn(document);
      refuseFirst(offerProblems(message).filter(({ code }) => code !== 'signature-invalid'));
      return calendarDocument(message.fields, from ?? 0n, count, basetime);
    }),
});
