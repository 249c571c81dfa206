/**
 * Rows of a table that a server takes without a person.
 * Not here: a server's bounds and lanes (`serve/`).
 */
import type { Action, Row, StepContext } from './action.ts';
import { Refusal } from './refusal.ts';

/** Parts of an action that decide whether a server takes a row. */
export type ServedAction = Pick<Action<any, any, any>, 'type' | 'server'>;
export type ServedRow = Pick<Row<any, any, any>, 'name' | 'by' | 'after' | 'unattended'>;

/**
 * Returns whether a server takes the row: those of the party that it plays and those marked for it,
 * and no start.
 */
export const isServed = ({ server }: ServedAction, row: ServedRow): boolean =>
  server !== undefined && row.after !== null && (row.by === server || row.unattended !== undefined);

/** @throws Refusal `not-served` */
export function permitServed(action: ServedAction, row: ServedRow, seen: StepContext<any, any, any>): void {
  if (isServed(action, row) && (row.by === action.server || row.unattended![1](seen))) return;
  const where = row.unattended ? `, but ${row.unattended[0]}` : '';
  throw new Refusal('not-served', `${action.type}: '${row.name}' (${row.by}) waits for a person${where}`, {
    hint: 'the owner of this home takes the step with the command of that name',
  });
}
