import { overOnce } from '../../lib/cli/contract-flags.ts';
import { contractDoor } from '../../lib/cli/contract.ts';
import { chainFlags, homeFlags } from '../../lib/cli/flags.ts';
import { EXPERIMENTAL } from './shared.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { auditStatechain } from '../../lib/statechain/audit.ts';

export default contractDoor({
  summary: "The operator's signed public record of a statecoin (experimental): keys, offsets, all that it signed",
  description: `For the public: owners' and operator's keys with their offsets, every sighash signed (each once), the state, and the openings that were given up. statechain-verify checks it.

${EXPERIMENTAL}`,
  examples: [
    'Publish\nspillway statechain-audit --home operator --contract "$COIN" --tip 1000 > record.json',
    'Check, as anyone\nspillway statechain-audit --home operator --contract "$COIN" --tip 1000 | spillway statechain-verify --tip 1000',
  ],
  table: auditStatechain,
  flags: { ...homeFlags, ...chainFlags, ...overOnce },
  prepare: ({ contract }) => {
    if (contract === undefined) throw new Refusal('usage', '--contract ID expected');
    return {};
  },
});
