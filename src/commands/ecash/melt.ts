import { switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { filter } from '../../lib/cli/filter.ts';
import { stopAt } from '../../lib/cli/contract.ts';
import { readInput } from '../../lib/cli/input.ts';
import { lineOrFile } from './mint-flags.ts';
import { alone, changeFile, fileJournal, meltDocument, refuseSameFile, restOf } from './melting.ts';
import { print } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';
import type { GivenUp, Melted } from '../../lib/cashu/melt.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default filter({
  summary: "Pay a merchant's invoice in ecash, at the mint that issued it",
  description: `Needs no home. The token is swapped to the exact sum, the rest goes to --change-out before the invoice is paid, and the receipt is printed: the signature of the home that the invoice names, which owes it to the merchant. Change that the mint has not signed by its own keys is refused before anything is paid. A run that was cut off, or could not print, leaves TOKENFILE.melting; the same command goes on from there. Of two runs at once with one token, or one file of change, the second is refused. Where the mint says that it is paid and shows no receipt of that home, the document says null and the exit is 3.
An invoice that expired, was paid by another or is refused for good is given up: --give-up writes all that the mint does not show as spent to --change-out, whatever keyset it is of. Coins that the mint still holds for the payment are counted (pending_sat), exit 3, and the same command asks for them again. A --change-out file that holds anything is refused; --append adds a line to it.`,
  examples: [
    'A token pays an invoice\nspillway ecash-melt --mint https://mint.example.com --token-file token.txt --invoice "$INVOICE" --change-out rest.txt | jq -r .receipt',
    'A token of exactly the sum, and the invoice in a file\nspillway ecash-melt --mint https://mint.example.com --token-file token.txt --invoice invoice.txt | jq -r .amount_sat',
    'The invoice has expired: have the ecash back\nspillway ecash-melt --mint https://mint.example.com --token-file token.txt --give-up --change-out back.txt | jq .change_sat',
  ],
  flags: {
    mint: textFlag('The mint that issued the token', 'URL', { required: true, helpGroup: 'MINT' }),
    'token-file': textFlag('The token', 'FILE', { required: true, helpGroup: 'MINT' }),
    invoice: textFlag("The merchant's line, or a file that holds it", 'TEXT|FILE', 'MINT'),
    'change-out': textFlag('Where change goes, a token a line; a file that nobody else may read', 'FILE', 'MINT'),
    append: switchFlag('Add to what --change-out holds already', { dependsOn: ['change-out'], helpGroup: 'MINT' }),
    'give-up': switchFlag('Pay no more: write what is unspent of the token, and of what came of it, to --change-out', {
      dependsOn: ['change-out'],
      exclusive: ['invoice'],
      helpGroup: 'MINT',
    }),
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 73, 75, 76, 77],
  run: async (flags) => {
    const { tokenFile, changeOut, giveUp: givesUp, append, invoice } = flags;
    if (!givesUp && invoice === undefined) throw new Refusal('usage', '--invoice or --give-up expected');
    const noteFile = `${tokenFile}.melting`;
    if (changeOut !== undefined) await refuseSameFile(changeOut, tokenFile, noteFile);
    const [{ giveUpMelt, meltEcash }, { mintUrlOf }] = await Promise.all([
      import('../../lib/cashu/melt.ts'),
      import('../../lib/cashu/quotes.ts'),
    ]);
    const at = {
      mint: mintUrlOf(flags.mint),
      token: utf8(await readInput(tokenFile)).trim(),
      journal: fileJournal(noteFile),
      print: (done: Melted | GivenUp) => print(meltDocument(done)),
    };
    const change = changeOut === undefined ? undefined : changeFile(changeOut, append);
    const line = invoice === undefined ? undefined : await lineOrFile(invoice);
    const done = await alone([noteFile, ...(changeOut === undefined ? [] : [changeOut])], () =>
      line === undefined
        ? giveUpMelt({ ...at, change: change! })
        : meltEcash({ ...at, change, invoice: line, point: stopAt }),
    );
    const rests = restOf(done);
    if (rests === undefined) return;
    note(rests);
    process.exitCode = 3;
  },
});
