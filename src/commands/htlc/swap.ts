import { contractFlags, feeFlags, fundingFlags, overFlag } from '../../lib/cli/contract-flags.ts';
import { contractDoor } from '../../lib/cli/contract.ts';
import { countInput, choiceInput, satInput, textInput, switchInput } from '../../lib/cli/step-flags.ts';
import { htlcSwap } from '../../lib/htlc/swap.ts';

export default contractDoor({
  summary: 'Swap coins with somebody by two HTLCs on one hash, in six messages handed round',
  description: `The initiator knows the preimage, pays first and claims first; the responder claims with what that shows. Each run checks the order of expiries, the height, and on the chain that the other side has paid. Whoever stops is refunded at the expiry of its own HTLC: its document is in the messages (.htlcs).`,
  examples: [
    'Agreed on one machine\nspillway htlc swap --home alice --as initiator --give 100000 --want 98000 --expires +288 \\\n    | spillway htlc swap --home bob --want 100000 --amount 98000 --expires +144 \\\n    | spillway htlc swap --home alice --utxo coins.json > funded.json',
    'Taken back where the other side has stopped\njq .htlcs.first funded.json | spillway htlc refund --home alice --utxo "$TXID:0:100000" | spillway broadcast',
    'Given up before anything was funded\nspillway htlc swap --home alice --cancel < accepted.json',
  ],
  table: htlcSwap,
  file: 'The message (default: stdin)',
  flags: {
    ...contractFlags,
    ...overFlag,
    as: choiceInput(['initiator'], 'Start: offer a swap, with a fresh preimage'),
    give: satInput('Start: what this home locks'),
    want: satInput('What the other side is to lock; the responder says the least'),
    margin: countInput(
      'Blocks between one deadline and the next: those offered, or the fewest accepted (default 36)',
      10_000,
    ),
    'min-conf': countInput(
      "Confirmations of the other's coin that this home waits for (default 3, on regtest 1)",
      10_000,
    ),
    amount: satInput('Agree to lock this amount'),
    max: satInput('Agree to lock at most so much in this run'),
    unchecked: switchInput(
      'Go on although no node says that the other side has paid: loses everything where it has not',
    ),
    'same-hash': switchInput('Responder: the hash is in another HTLC of this home, and that is meant'),
    ...fundingFlags,
    to: textInput("Address that a claim pays to (default: a fresh one of the home's)", 'ADDRESS', 'KEYS'),
    ...feeFlags,
  },
});
