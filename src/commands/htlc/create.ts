import { BaseCommand } from '../../lib/cli/base.ts';
import { chainFlags, homeFlags, switchFlag } from '../../lib/cli/flags.ts';
import { createFlags, runCreate } from './creating.ts';

export default class HtlcCreate extends BaseCommand {
  static override summary = 'Make a hashed time lock: script or leaves, address, and what each path needs';
  static override description = `Prints the document that every other htlc command reads. Without --hash a fresh preimage is drawn: into the file of --secret-out, or kept by the home. With --home a key that is not given is the home's.`;
  static override examples = [
    'A payment that can be taken back from block 900000 on\nspillway htlc create --network mainnet --claim-key "$BOB" --refund-key "$ALICE" --hash "$H" --expires 900000 > htlc.json',
    'Taproot, with a cooperative spend; the preimage in a new file\nspillway htlc create --network signet --claim-key bob.json --refund-key alice.json --secret-out r.hex --expires relative:144 --internal-key musig | jq -r .address',
  ];
  static override flags = {
    ...createFlags,
    ...homeFlags,
    ...chainFlags,
    'accept-anyone-can-claim': switchFlag(
      'Variant book: make a script that whoever sees the preimage can take',
      'SCRIPT',
    ),
  };
  static override exits = [0, 2, 65, 66, 69, 70, 73, 75, 76, 77] as const;

  async run(): Promise<void> {
    const { flags } = await this.parse(HtlcCreate);
    await runCreate(flags, this.argv);
  }
}
