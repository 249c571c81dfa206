/** Flags of `watch`: what is looked at, how often, and what a fee may be. Not here: what they do (`engine/watch.ts`). */
import { countFlag, satFlag, switchFlag, textFlag } from '../../lib/cli/flags.ts';

const group = 'WATCH';
export const watchFlags = {
  bundle: textFlag(
    'In place of a home: what exit-credit --export or statechain-exit --bundle printed, copies of refunds, or folders of them; read at each look',
    'FILE|DIR',
    { multiple: true, exclusive: ['contract'], helpGroup: group },
  ),
  once: switchFlag('Look once', { exclusive: ['every'], helpGroup: group }),
  every: countFlag('Seconds between two looks (default 30)', [1, 86_400], { helpValue: 'S', helpGroup: group }),
  confirmations: countFlag('From how many on the chain has settled a contract (default 6)', [1, 1_000], {
    helpValue: 'N',
    helpGroup: group,
  }),
  'dry-run': switchFlag('Send nothing: print what would be sent, from when, by when and at which fee', {
    exclusive: ['once', 'every', 'keep', 'no-prune'],
    helpGroup: group,
  }),
  'fee-budget': satFlag(
    'The most that a child may pay, for each contract (default a tenth of what its parent pays this home; with --bundle any child)',
    'FEES',
  ),
};
