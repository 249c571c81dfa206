import * as Args from '@oclif/core/args';
import { NETWORKS } from '../../lib/bitcoin/network.ts';
import { filter } from '../../lib/cli/filter.ts';
import { contractFlag, feeFlags } from '../../lib/cli/contract-flags.ts';
import { chainFlags, choiceFlag, homeFlags, satFlag, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { stamp } from './stamping.ts';

export default filter({
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
  flags: {
    network: choiceFlag(NETWORKS, "The network of the transaction (default: the home's, else mainnet)"),
    commit: choiceFlag(['op-return', 'taproot'], 'How the transaction commits to the root', {
      default: 'op-return',
      helpGroup: 'FUNDING',
    }),
    amount: satFlag('What the output of a taproot commitment holds (default 10000)', 'FUNDING'),
    utxo: textFlag("Coins to pay from, in the shape of Bitcoin Core's listunspent", 'FILE', 'FUNDING'),
    change: textFlag("Address for the change (default: a fresh one of the home's)", 'ADDRESS', {
      dependsOn: ['utxo'],
      helpGroup: 'FUNDING',
    }),
    cancel: switchFlag('Free the coins of a payment that was never sent', {
      dependsOn: ['home', 'contract'],
      helpGroup: 'FUNDING',
    }),
    contract: {
      ...contractFlag.contract,
      summary: 'Root of the plan, or its beginning: for --cancel',
      dependsOn: ['cancel'],
      helpGroup: 'FUNDING',
    },
    feerate: feeFlags.feerate,
    'allow-fee': switchFlag('Allow a fee above a tenth of the coins', 'FEES'),
    ...homeFlags,
    ...chainFlags,
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 73, 75, 77],
  run: (flags, _, { argv }) => stamp(argv as string[], flags),
});
