import { contractFlags, overFlag } from '../../lib/cli/contract-flags.ts';
import { contractDoor } from '../../lib/cli/contract.ts';
import { countFlag, satFlag, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { lineOrFile } from './mint-flags.ts';
import { contractNamed } from '../../lib/cli/named.ts';
import { withHome } from '../../lib/cli/home.ts';
import { print } from '../../lib/cli/output.ts';
import { creditInvoice } from '../../lib/mint/settle.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import type { Home } from '../../lib/home/home.ts';
import { change } from '../../lib/home/change.ts';
import { creditKind, inState, type Credit } from '../../lib/credit/records.ts';
import { paysOwed } from '../../lib/credit/steps.ts';
import { authOf, isReverse } from '../../lib/credit/terms.ts';
import { signInvoice } from '../../lib/mint/invoice.ts';
import type { Hex } from '../../lib/protocol/action.ts';
import { idClaim } from '../../lib/protocol/claims.ts';

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

interface InvoiceOptions {
  contract: Hex;
  amountSat: bigint;
  /** Seconds for which it can be paid. */
  seconds: number;
  memo?: string | undefined;
}

/**
 * Returns an invoice, on one line.
 * @throws Refusal `wrong-state`, `contract-restored`, `amount-not-growing`, `usage` for a long memo
 */
async function makeInvoice(home: Home, { contract, amountSat, seconds, memo }: InvoiceOptions): Promise<string> {
  const c = await change<{ contract: Credit }, Credit | undefined>(
    home.store,
    { contract: creditKind },
    () => ({ contract: idClaim(contract) }),
    ({ contract: found }) => ({ writes: {}, result: found }),
  );
  const found = inState(c, 'payee', 'accepted', 'open');
  const { terms, own } = found;
  if (!isReverse(terms))
    throw new Refusal('wrong-state', 'a contract found that no mint pays over, a reverse one with --mint expected');
  if (found.restored)
    throw new Refusal(
      'contract-restored',
      'this contract comes from a restored store and takes no more updates: nothing paid over it could be taken',
      { hint: `sell over another contract; ${paysOwed(found.id)}` },
    );
  if (amountSat <= 0n) throw new Refusal('amount-not-growing', 'an invoice of nothing found');
  const id = Buffer.from((await home.random())(16)).toString('hex');
  const expiry = Math.floor(Date.now() / 1000) + seconds;
  const { network, mint_url: mint } = terms;
  const payerAuth = authOf(terms, 'payer');
  const secret = (await home.keys()).auth(own.path);
  return signInvoice({ network, mint: mint!, contract, amountSat, id, payerAuth, expiry, memo }, secret);
}

/** Draws it in half blocks, dark on light, on stderr: stdout has the line alone. */
async function printQr(line: string): Promise<void> {
  const { default: qrcode } = await import('qrcode-generator');
  const code = qrcode(0, 'L');
  code.addData(line, 'Byte');
  code.make();
  await new Promise<void>((done) => process.stderr.write(`${code.createASCII(1, 2)}\n`, () => done()));
}
