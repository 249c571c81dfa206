import * as Args from '@oclif/core/args';
import { door } from '../../lib/cli/door.ts';
import { stamp, stampFlags } from './stamping.ts';

export default door({
  summary: 'Put documents under one root that a transaction commits to: a plan, a line each',
  description: `Hashes files, or takes lines {digest, name} with SHA256 digests from stdin, up to a million. Prints a line {root, script, …} and then a line a document with the nonce that hides it from its neighbours. Keep this plan until notarize prove has made proofs of it: without its nonces there are none. The transaction is an output OP_RETURN with the root: any wallet can make it, or --utxo and --change print its PSBT.
With --home the home's coins are signed, and reserved until they are spent; change goes to a fresh address. The payment is stored before the plan is printed, and the same documents give the same plan again, also without --utxo. The first line is what broadcast sends. --cancel --contract ROOT frees the coins of a payment that was never sent; one that a node (--chain) shows is refused.
--commit taproot pays --amount to a key of the home that is bound to the root: no OP_RETURN, and nobody sees it. Its coin is spent again with notarize spend, by the home's record or by a plan or proof and the seed. Whoever loses all of these loses the coin.`,
  examples: [
    'Any wallet pays\nspillway notarize stamp contract.pdf photo.jpg > plan.ndjson\nbitcoin-cli -named send outputs="[{\\"data\\":\\"$(head -n 1 plan.ndjson | jq -r .root)\\"}]"',
    'A PSBT for a wallet that signs elsewhere\nspillway notarize stamp contract.pdf --utxo coins.json --change "$ADDRESS" | tee plan.ndjson | head -n 1 | jq -r .psbt | bitcoin-cli -stdin walletprocesspsbt',
    'The home pays\nspillway coins --home alice > coins.json\nspillway notarize stamp contract.pdf --home alice --utxo coins.json > plan.ndjson\nhead -n 1 plan.ndjson | spillway broadcast',
  ],
  strict: false,
  args: {
    files: Args.string({ description: 'Documents (default: lines {digest, name} on stdin)', ignoreStdin: true }),
  },
  flags: stampFlags,
  exits: [0, 2, 3, 65, 66, 69, 70, 73, 75, 77],
  run: (flags, _, { argv }) => stamp(argv as string[], flags),
});
