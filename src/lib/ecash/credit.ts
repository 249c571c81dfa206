/** The actions of a credit contract, with ecash for what is paid. */
import { closeTable } from '../credit/close.ts';
import { exitTable } from '../credit/exit.ts';
import { rolloverTable } from '../credit/rollover.ts';
import { updateTable } from '../credit/update.ts';
import { rider } from './rider.ts';

/** Table of `sign-update`, with ecash as its rider. */
export const signUpdate = updateTable(rider);
/** Table of `rollover`, with ecash as its rider. */
export const rollover = rolloverTable(rider);
/** Table of `close-credit`, with ecash as its rider. */
export const closeCredit = closeTable(rider);
/** Table of `exit-credit`, with ecash as its rider. */
export const exitCredit = exitTable(rider);
