import { door } from '../../lib/cli/door.ts';
import { createFlags, runCreate } from './creating.ts';

export default door({
  summary: 'Make a hashed time lock: script or leaves, address, and what each path needs',
  description: `Prints the document that every other htlc command reads. Without --hash a fresh preimage is drawn: into the file of --secret-out, or kept by the home. With --home a key that is not given is the home's.`,
  examples: [
    'A payment that can be taken back from block 900000 on\nspillway htlc create --network mainnet --claim-key "$BOB" --refund-key "$ALICE" --hash "$H" --expires 900000 > htlc.json',
    'Taproot, with a cooperative spend; the preimage in a new file\nspillway htlc create --network signet --claim-key bob.json --refund-key alice.json --secret-out r.hex --expires relative:144 --internal-key musig | jq -r .address',
  ],
  flags: createFlags,
  exits: [0, 2, 65, 66, 69, 70, 73, 75, 76, 77],
  run: runCreate,
});
