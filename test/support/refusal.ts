/** What a run was stopped by. */
import { Refusal } from '../../src/lib/protocol/refusal.ts';

/** The refusal that `work` ends in. @throws where it ends in none */
export function refusal(work: () => unknown): Refusal {
  try {
    work();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('no refusal');
}
/** Its code. */
export const codeOf = (work: () => unknown): string => refusal(work).code;
