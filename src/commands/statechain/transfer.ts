import { contractFlags, keyFlags, overBy } from '../../lib/cli/contract-flags.ts';
import { contractDoor } from '../../lib/cli/contract.ts';
import { countInput, choiceInput, switchInput } from '../../lib/cli/step-flags.ts';
import { EXPERIMENTAL, lockFlag, operatorFlag } from './shared.ts';
import { transferStatechain } from '../../lib/statechain/transfer.ts';

export default contractDoor({
  summary: 'Hand a statecoin to its next owner (experimental): no transaction, the operator changes its share',
  description: `Seven runs of receiver, sender and operator. For the receiver the coin counts as payment at 'owned' with exit 0, which prints its finished backup; "checks.payment" says what is missing where it exits 3: a look at the chain (--chain, or --unchecked), blocks, or what a home does not know that was restored. For the sender the receipt in 'moved' proves it (give it that message: 'paid').
Up to 'opened' sender and operator may give it up with --cancel. After 'sent' a cancel is final only with the receiver's 'declined' (its --cancel of that message): hand it to the operator, and the operator's answer to the sender. A decline is the promise of an honest receiver: with the operator it could still take the coin. A home may send to itself, to renew its keys.

${EXPERIMENTAL}`,
  examples: [
    'All three homes on one machine\nspillway statechain-transfer --home bob --as receiver --operator "$OPERATOR" \\\n    | spillway statechain-transfer --home alice --contract "$COIN" \\\n    | spillway statechain-transfer --home operator --tip 1000 \\\n    | spillway statechain-transfer --home alice \\\n    | spillway statechain-transfer --home bob --tip 1000 \\\n    | spillway statechain-transfer --home operator --tip 1000 > moved.json\nspillway statechain-transfer --home bob --tip 1000 --unchecked < moved.json > owned.json',
    'Given up before the secret half has left\nspillway statechain-transfer --home alice --cancel < opened.json \\\n    | spillway statechain-transfer --home operator | spillway statechain-transfer --home alice',
  ],
  table: transferStatechain,
  file: 'The message (default: stdin)',
  flags: {
    ...contractFlags,
    as: choiceInput(['receiver'], 'Start: invite a sender, with fresh keys'),
    contract: overBy(
      'The coin that answers an invitation, or that --cancel or --again is about: id, or at least its first 8 digits',
    ),
    ...operatorFlag,
    payout: keyFlags.payout,
    ...lockFlag,
    'min-remaining': countInput(
      'As receiver: blocks that the own backup must be away, now and when the coin is owned',
      1_000_000,
    ),
    'min-conf': countInput("As receiver: confirmations of the coin, beyond the operator's terms", 1_000),
    unchecked: switchInput("At 'owned' without a node: you have looked yourself whether the coin is still there"),
  },
  prepare: (flags) => ({
    // --contract answers an invitation; alone, it says what --cancel gives up.
    starts: flags.as !== undefined || Boolean(flags.cancel && flags.contract !== undefined),
  }),
});
