import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../lib/cli/base.ts';
import { stopAt } from '../lib/cli/contract.ts';
import { readInput } from '../lib/cli/input.ts';
import { lineOrFile } from '../lib/cli/mint-flags.ts';
import { fileJournal } from '../lib/cli/melting.ts';
import { note, print, writeFileWhole } from '../lib/cli/output.ts';
import { utf8 } from '../lib/cli/sniff.ts';
import { printJson } from '../lib/protocol/json.ts';

const file = (summary: string) => ({ summary, helpValue: 'FILE', helpGroup: 'MINT' });

export default class EcashMelt extends BaseCommand {
  static override summary = "Pay a merchant's invoice in ecash, at the mint that issued it";
  static override description = `Needs no home. The token is swapped to the exact sum, the rest goes to --change-out before the invoice is paid, and the receipt is printed: the signature of the mint's home that it owes the invoice to the merchant. A run that was cut off leaves TOKENFILE.melting; the same command goes on from there. Where the mint says that it is paid and shows no receipt, the document says null and the exit is 3.`;
  static override examples = [
    'A token pays an invoice\nspillway ecash-melt --mint https://mint.example.com --token-file token.txt --invoice "$INVOICE" --change-out rest.txt | jq -r .receipt',
    'A token of exactly the sum, and the invoice in a file\nspillway ecash-melt --mint https://mint.example.com --token-file token.txt --invoice invoice.txt | jq -r .amount_sat',
  ];
  static override flags = {
    mint: Flags.string({
      summary: 'The mint that issued the token',
      helpValue: 'URL',
      required: true,
      helpGroup: 'MINT',
    }),
    'token-file': Flags.string({ ...file('The token'), required: true }),
    invoice: Flags.string({
      summary: "The merchant's line, or a file that holds it",
      helpValue: 'TEXT|FILE',
      required: true,
      helpGroup: 'MINT',
    }),
    'change-out': Flags.string(file('Where change goes, as a token; a file that nobody else may read')),
  };
  static override exits = [0, 2, 3, 65, 66, 69, 70, 73, 75, 76, 77] as const;

  async run(): Promise<void> {
    const { flags } = await this.parse(EcashMelt);
    const [{ meltEcash }, { mintUrl }] = await Promise.all([
      import('../lib/cashu/melt.ts'),
      import('../lib/cashu/quotes.ts'),
    ]);
    const { 'token-file': tokenFile, 'change-out': changeOut } = flags;
    const { quote, amountSat, receipt, changeSat } = await meltEcash({
      mint: mintUrl(flags.mint),
      token: utf8(await readInput(tokenFile)).trim(),
      invoice: await lineOrFile(flags.invoice),
      journal: fileJournal(`${tokenFile}.melting`),
      keepChange: changeOut === undefined ? undefined : (token) => writeFileWhole(changeOut, `${token}\n`, 0o600),
      point: stopAt,
    });
    await print(
      printJson({ type: 'ecash-melt', version: 1, quote, amount_sat: amountSat, change_sat: changeSat, receipt }),
    );
    if (receipt !== null) return;
    note('the mint says that the invoice is paid, and shows no receipt of its home: run it again with the same files');
    process.exitCode = 3;
  }
}
