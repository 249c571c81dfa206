import { filter } from '../../lib/cli/filter.ts';
import { dustCost } from '../../lib/cost/chain.ts';

export default filter({
  summary: 'The least outputs that nodes relay, of each form',
  description: `BOLT3's table, by which channels trim their outputs, and Bitcoin Core's own at its default of 3 sat/vB; they differ for taproot, where BOLT3 takes the general figure of an unknown segwit script.`,
  examples: [
    'What do channels trim?\nspillway cost dust | jq .bolt3_sat',
    'What is the least taproot output?\nspillway cost dust | jq .core_sat.p2tr',
  ],
  run: dustCost,
});
