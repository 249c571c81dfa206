import { contractFlags, overFlag } from '../../lib/cli/contract-flags.ts';
import { contractDoor } from '../../lib/cli/contract.ts';
import { repeated, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { askFlags, lineOrFile, mintFlag, namedMints, remoteOf } from './mint-flags.ts';
import { contractNamed } from '../../lib/cli/named.ts';
import { withHome } from '../../lib/cli/home.ts';
import { print } from '../../lib/cli/output.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { ecashQuote } from '../../lib/mint/bind.ts';

export default contractDoor({
  summary: 'Tie a quote of a running mint to a contract: from then on payments become its ecash',
  description: `For contracts whose ecash comes from a running mint (open-credit --ecash cdk --mint URL). The payer makes a quote at the mint that only its own key can mint from; the payee asks the mint what it is, and binds it. Run again, it finds the quote that is bound already. ecash-mint then makes the tokens.
Over a contract that a restored home pays, --confirm lists the invoices that were quoted before the loss and may have been paid since: what their customers have sent stays locked. Paid ones a receipt shows (credit-invoice --check --receipt); --unpaid says that one was not, by the mint's own books or the merchant's word: its ecash goes back, and the operator bears it if that was wrong. reconcile --complete needs neither.`,
  examples: [
    'Once for each contract\nspillway ecash-quote --home user --mint https://mint.example.com --contract "$ID" \\\n    | curl -s --json @- "$HOME_URL" | spillway ecash-quote --home user',
    'The operator, after home or mint came back from an older copy\nspillway ecash-quote --home mint --contract "$ID" --confirm | jq .waiting_sat',
    'Invoices of a merchant of which nobody knows whether they were paid, and one that was not\nspillway ecash-quote --home mint --contract "$ID" --confirm | jq -c \'.doubted[]\'\nspillway ecash-quote --home mint --contract "$ID" --confirm --unpaid 00ff00ff00ff00ff00ff00ff00ff00ff | jq .owed_sat',
  ],
  table: ecashQuote,
  file: 'The message (default: stdin)',
  flags: {
    ...contractFlags,
    ...overFlag,
    ...askFlags,
    mint: mintFlag("Start: the mint; must be the contract's"),
    renew: switchFlag('Start: make another quote than the one that is known, because it was given up', 'MINT'),
    confirm: switchFlag('Operator, after a restore: take the figures of the mint as they are, and go on', 'MINT'),
    quote: textFlag(
      'With --confirm: a quote of the contract that the restored home has lost; may be given often',
      'ID',
      { ...repeated, dependsOn: ['confirm'], helpGroup: 'MINT' },
    ),
    unpaid: textFlag(
      'With --confirm: an invoice over a contract that this home pays, which it had not paid: by its id, or the line; may be given often',
      'ID|TEXT|FILE',
      { ...repeated, dependsOn: ['confirm'], helpGroup: 'MINT' },
    ),
  },
  prepare: async (flags) => {
    if (flags.confirm) {
      const { confirmDebt, confirmFigures } = await import('../../lib/cashu/confirm.ts');
      const isId = (text: string): boolean => /^[0-9a-f]{32}$/.test(text);
      const unpaid = await Promise.all((flags.unpaid ?? []).map((one) => (isId(one) ? one : lineOrFile(one))));
      return withHome(flags, async (home) => {
        const contract = (await contractNamed(home, flags.contract)) ?? '';
        const debt = await confirmDebt(home, contract, unpaid);
        if (!debt && unpaid.length > 0)
          throw new Refusal('wrong-state', '--unpaid found, and a contract over which this home pays no merchant');
        const { quote: quotes = [] } = flags;
        await print(debt ?? (await confirmFigures(home, contract, quotes, await namedMints(flags))));
      });
    }
    return {
      remote: remoteOf(flags),
      also: async (home) => {
        const contract = await contractNamed(home, flags.contract);
        if (contract === undefined) return { quote: undefined };
        const { quoteFor } = await import('../../lib/cashu/quotes.ts');
        return { quote: await quoteFor(home.store, contract, await namedMints(flags), flags) };
      },
    };
  },
});
