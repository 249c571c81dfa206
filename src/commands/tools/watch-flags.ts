/** Flags of `watch`: what is looked at, how often, and what a fee may be. Not here: what they do (`engine/watch.ts`). */
import * as Flags from '@oclif/core/flags';
import { satFlag } from '../../lib/cli/flags.ts';

const group = 'WATCH';
export const watchFlags = {
  bundle: Flags.string({
    summary:
      'In place of a home: what exit-credit --export or statechain-exit --bundle printed, copies of refunds, or folders of them; read at each look',
    helpValue: 'FILE|DIR',
    multiple: true,
    exclusive: ['contract'],
    helpGroup: group,
  }),
  once: Flags.boolean({ summary: 'Look once', exclusive: ['every'], helpGroup: group }),
  every: Flags.integer({
    summary: 'Seconds between two looks (default 30)',
    helpValue: 'S',
    min: 1,
    max: 86_400,
    helpGroup: group,
  }),
  confirmations: Flags.integer({
    summary: 'From how many on the chain has settled a contract (default 6)',
    helpValue: 'N',
    min: 1,
    max: 1_000,
    helpGroup: group,
  }),
  'dry-run': Flags.boolean({
    summary: 'Send nothing: print what would be sent, from when, by when and at which fee',
    exclusive: ['once', 'every', 'keep', 'no-prune'],
    helpGroup: group,
  }),
  'fee-budget': satFlag({
    summary:
      'The most that a child may pay, for each contract (default a tenth of what its parent pays this home; with --bundle any child)',
    helpGroup: 'FEES',
  }),
};
