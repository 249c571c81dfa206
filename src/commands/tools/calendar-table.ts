/** Table of `watch --dry-run` on a terminal: a line for each transaction that will be sent. */
import { momentWords, type Moment } from '../../lib/contract/moment.ts';
import { aligned, tableText } from '../../lib/cli/table.ts';
import type { WatchEvent } from '../../lib/engine/watch.ts';

const HEAD = ['contract', 'role', 'does', 'from', 'by', 'fee', 'worth', ''];
/** Columns that hold numbers. */
const RIGHT = new Set([3, 4, 5, 6]);

export function calendarTable(events: readonly WatchEvent[]): string {
  if (events.length === 0) return 'nothing is planned';
  const cells = events.map((e) => [
    e.contract?.slice(0, 8) ?? e.file,
    e.role,
    e['does'] ?? e.event,
    momentWords(e as Moment),
    e['deadline_height'],
    e['fee_sat'] ?? e['short'],
    e['worth_sat'],
    e['why'] ?? e['message'],
  ]);
  return tableText(aligned([HEAD, ...cells], RIGHT));
}
