import { contractFlags, overFlag } from '../../lib/cli/contract-flags.ts';
import { contractDoor } from '../../lib/cli/contract.ts';
import { countFlag, satFlag, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { lineOrFile } from './mint-flags.ts';
import { contractNamed } from '../../lib/cli/named.ts';
import { withHome } from '../../lib/cli/home.ts';
import { makeInvoice, printQr } from './invoice.ts';
import { print } from '../../lib/cli/output.ts';
import { creditInvoice } from '../../lib/mint/settle.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default contractDoor({
  summary: 'An invoice that a customer pays in ecash, over the contract of a merchant with a mint',
  description: `Prints the invoice alone, on one line; nobody is asked. --check asks the mint's home, which answers with a signed list of the paid invoices and what it owes in all; then sign-update brings that into the contract. Where the contract takes no more updates, a rollover or a close that the home proposes pays it. Asked once more after the contract's end, its answer lets prune drop the contract. A customer's receipt, shown with it, reminds a restored home of what it owes.`,
  examples: [
    'Ask for 2100 sat\nspillway credit-invoice --home merchant --contract "$REV" --amount 2100 --qr',
    'Which are paid, and take what is owed\nspillway credit-invoice --home merchant --contract "$REV" --check \\\n    | curl -s --json @- "$HOME_URL" | spillway credit-invoice --home merchant | jq .owed_sat',
  ],
  table: creditInvoice,
  file: 'The message (default: stdin)',
  flags: {
    ...contractFlags,
    ...overFlag,
    amount: satFlag('What the invoice asks for', 'INVOICE'),
    'expires-in': countFlag('Seconds for which it can be paid (default 3600)', [1, 31_536_000], {
      helpValue: 'S',
      helpGroup: 'INVOICE',
    }),
    memo: textFlag('Words for the customer', 'TEXT', 'INVOICE'),
    qr: switchFlag('Draw it as a QR code on stderr too', 'INVOICE'),
    check: switchFlag('Ask which invoices are paid and how much is owed', 'ACTION'),
    invoice: textFlag('With --check: an invoice whose receipt is shown', 'TEXT|FILE', {
      dependsOn: ['receipt'],
      helpGroup: 'ACTION',
    }),
    receipt: textFlag('With --check: the receipt that its customer got', 'HEX', {
      dependsOn: ['invoice'],
      helpGroup: 'ACTION',
    }),
  },
  prepare: async (flags) => {
    const { contract: named, amount, check, expiresIn: seconds = 3600, memo, qr } = flags;
    if (named !== undefined && !check) {
      if (amount === undefined) throw new Refusal('usage', '--amount SAT or --check expected');
      return withHome(flags, async (home) => {
        const contract = (await contractNamed(home, named))!;
        const line = await makeInvoice(home, { contract, amountSat: amount, seconds, memo });
        await print(line);
        if (qr) await printQr(line);
      });
    }
    const { invoice, receipt } = flags;
    const shown = invoice && receipt ? { text: await lineOrFile(invoice), receipt } : undefined;
    return { also: async () => ({ shown }) };
  },
});
