/** Which rows of a table a server takes without a person. Not here: a server's bounds and lanes (`serve/`). */
import type { Action, Row } from './action.ts';
import { Refusal } from './refusal.ts';

/** What decides whether a server takes a row. */
export type ServedAction = Pick<Action<any, any, any>, 'type' | 'server'>;
export type ServedRow = Pick<Row<any, any, any>, 'name' | 'by' | 'after' | 'unattended'>;

/** What a server takes: the rows of the party that it plays and those marked for it, and no start. */
export const isServed = ({ server }: ServedAction, row: ServedRow): boolean =>
  server !== undefined && row.after !== null && (row.by === server || row.unattended === true);

/** @throws Refusal `not-served` */
export function permitServed(action: ServedAction, row: ServedRow): void {
  if (isServed(action, row)) return;
  throw new Refusal('not-served', `${action.type}: '${row.name}' (${row.by}) waits for a person`, {
    hint: 'the owner of this home takes the step with the command of that name',
  });
}
