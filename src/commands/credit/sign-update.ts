import { programFlags, uncheckedFlag } from './shared.ts';
import { contractFlags, overFlag } from '../../lib/cli/contract-flags.ts';
import { contractDoor } from '../../lib/cli/contract.ts';
import { textFlag } from '../../lib/cli/flags.ts';
import { askFlags, notifyingOf, quoteIn, remoteOf } from '../ecash/mint-flags.ts';
import { satInput, step, switchInput } from '../../lib/cli/step-flags.ts';
import { signUpdate } from '../../lib/ecash/credit.ts';

export default contractDoor({
  summary: 'Pay over an open credit contract, one signed update at a time',
  description: `The payee asks, the payer signs, the payee accepts. The payer may ask first, and agrees by that. Each start of the payee is a new request with a nonce of its own, which takes the place of one for the same amount; a till names its orders (--request-id), prints them again by that name, and is never paid twice under one. With --ecash the payment comes back as ecash: the payer's last run prints the token, which is money. The payer agrees by --amount (exactly this much, once a run), by --max (no more than this over the whole run), or by answering the question on its terminal. The finished update stays in the payee's home: exit-credit prints it.`,
  examples: [
    'One payment of 2100 sat\nspillway sign-update --home mint --contract "$ID" --amount 2100 \\\n    | spillway sign-update --home user --amount 2100 \\\n    | spillway sign-update --home mint | jq .paid_sat',
    'The payer asks, and gets ecash for what it pays\nspillway sign-update --home user --contract "$ID" --amount 2100 \\\n    | spillway sign-update --home mint \\\n    | spillway sign-update --home user --ecash \\\n    | spillway sign-update --home mint \\\n    | spillway sign-update --home user | jq -r .token > token.txt',
    'A file of requests, at most 50000 sat in all\nspillway sign-update --home user --batch --max 50000 < requested.ndjson \\\n    | spillway sign-update --home mint --batch > accepted.ndjson',
    'The request was lost: print it once more, or withdraw all that are open\nspillway sign-update --home mint --contract "$ID" --again > requested.json\nspillway sign-update --home mint --contract "$ID" --cancel',
  ],
  table: signUpdate,
  file: 'The message (default: stdin)',
  flags: {
    ...contractFlags,
    ...askFlags,
    ...overFlag,
    amount: satInput('At a start the amount to be paid; on a request the one amount that the payer agrees to'),
    max: satInput('Payer: agree to every amount up to this sum over the run'),
    ecash: switchInput('Payer: have this payment come back as ecash', 'ECASH'),
    request: step(
      textFlag(
        'Payer: pay this quote of a running mint (its payment request, or a file that holds it)',
        'TEXT|FILE',
        'ECASH',
      ),
      quoteIn,
      'quote',
    ),
    'max-inflight': satInput('Payer: how much may be paid whose ecash has not arrived (default: one update)', 'ECASH'),
    ...programFlags,
    ...uncheckedFlag,
  },
  prepare: (flags) => ({ remote: remoteOf(flags), after: notifyingOf(flags) }),
});
