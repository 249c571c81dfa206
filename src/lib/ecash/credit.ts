/** The actions of a credit contract, with ecash for what is paid. */
import { closeTable } from '../credit/close.ts';
import { exitTable } from '../credit/exit.ts';
import { rolloverTable } from '../credit/rollover.ts';
import { updateTable } from '../credit/update.ts';
import { rider } from './rider.ts';

export const signUpdate = updateTable(rider);
export const rollover = rolloverTable(rider);
export const closeCredit = closeTable(rider);
export const exitCredit = exitTable(rider);
