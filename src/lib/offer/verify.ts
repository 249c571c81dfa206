/** Verifying a BOLT12 message: all of its rules, its signatures, time, and what it answers. */
import { checkTime } from './check.ts';
import { problemsOf } from './document.ts';
import { refuseFirst, type OfferMessage } from './message.ts';
import { checkMirror } from './mirror.ts';
import { checkPeriod } from './recurrence.ts';

/**
 * @param at Unix seconds
 * @param answered the offer that a request answers, or the request that an invoice answers
 * @throws Refusal with the code of the first problem
 */
export function verifyMessage(message: OfferMessage, at: bigint, answered?: OfferMessage): void {
  refuseFirst(problemsOf(message));
  if (answered) refuseFirst(checkMirror(message, answered));
  refuseFirst([...checkTime(message, at), ...checkPeriod(message.kind, message.fields, at)]);
}
