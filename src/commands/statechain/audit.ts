import { overFlag } from '../../lib/cli/contract-flags.ts';
import { ContractCommand, stepsOf } from '../../lib/cli/contract.ts';
import { chainFlags, homeFlags } from '../../lib/cli/flags.ts';
import { EXPERIMENTAL } from './shared.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { auditStatechain } from '../../lib/statechain/audit.ts';

export default class StatechainAudit extends ContractCommand {
  static override summary =
    "The operator's signed public record of a statecoin (experimental): keys, offsets, all that it signed";
  static override description = `For the public: owners' and operator's keys with their offsets, every sighash signed (each once), the state, and the openings that were given up. statechain-verify checks it.

${EXPERIMENTAL}`;
  static override examples = [
    'Publish\nspillway statechain-audit --home operator --contract "$COIN" --tip 1000 > record.json',
    'Check, as anyone\nspillway statechain-audit --home operator --contract "$COIN" --tip 1000 | spillway statechain-verify --tip 1000',
  ];
  static override steps = stepsOf(auditStatechain);
  static override flags = { ...homeFlags, ...chainFlags, ...overFlag };

  async run(): Promise<void> {
    const { flags } = await this.parse(StatechainAudit);
    if (flags.contract === undefined) throw new Refusal('usage', '--contract ID expected');
    await this.open({ table: auditStatechain, steps: StatechainAudit.flags, flags });
  }
}
