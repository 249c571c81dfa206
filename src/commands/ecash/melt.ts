import { inGroup, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { door } from '../../lib/cli/door.ts';
import { stopAt } from '../../lib/cli/contract.ts';
import { readInput } from '../../lib/cli/input.ts';
import { lineOrFile } from './mint-flags.ts';
import { print, writeFileWhole } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';
import type { GivenUp, Melted, ChangeFile, MeltJournal } from '../../lib/cashu/melt.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { Refusal, unreadable } from '../../lib/protocol/refusal.ts';
import { readFile, rm, stat } from 'node:fs/promises';
import { holdBriefly } from '../../lib/home/hold.ts';

export default door({
  summary: "Pay a merchant's invoice in ecash, at the mint that issued it",
  description: `Needs no home. The token is swapped to the exact sum, the rest goes to --change-out before the invoice is paid, and the receipt is printed: the signature of the home that the invoice names, which owes it to the merchant. Change that the mint has not signed by its own keys is refused before anything is paid. A run that was cut off, or could not print, leaves TOKENFILE.melting; the same command goes on from there. Of two runs at once with one token, or one file of change, the second is refused. Where the mint says that it is paid and shows no receipt of that home, the document says null and the exit is 3.
An invoice that expired, was paid by another or is refused for good is given up: --give-up writes all that the mint does not show as spent to --change-out, whatever keyset it is of. Coins that the mint still holds for the payment are counted (pending_sat), exit 3, and the same command asks for them again. A --change-out file that holds anything is refused; --append adds a line to it.`,
  examples: [
    'A token pays an invoice\nspillway ecash-melt --mint https://mint.example.com --token-file token.txt --invoice "$INVOICE" --change-out rest.txt | jq -r .receipt',
    'A token of exactly the sum, and the invoice in a file\nspillway ecash-melt --mint https://mint.example.com --token-file token.txt --invoice invoice.txt | jq -r .amount_sat',
    'The invoice has expired: have the ecash back\nspillway ecash-melt --mint https://mint.example.com --token-file token.txt --give-up --change-out back.txt | jq .change_sat',
  ],
  flags: inGroup('MINT', {
    mint: textFlag('The mint that issued the token', 'URL', { required: true }),
    'token-file': textFlag('The token', 'FILE', { required: true }),
    invoice: textFlag("The merchant's line, or a file that holds it", 'TEXT|FILE'),
    'change-out': textFlag('Where change goes, a token a line; a file that nobody else may read', 'FILE'),
    append: switchFlag('Add to what --change-out holds already', { dependsOn: ['change-out'] }),
    'give-up': switchFlag('Pay no more: write what is unspent of the token, and of what came of it, to --change-out', {
      dependsOn: ['change-out'],
      exclusive: ['invoice'],
    }),
  }),
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
    const done = await holdingFiles([noteFile, ...(changeOut === undefined ? [] : [changeOut])], () =>
      line === undefined
        ? giveUpMelt({ ...at, change: change! })
        : meltEcash({ ...at, change, invoice: line, point: stopAt }),
    );
    const rests = wordsOfRest(done);
    if (rests === undefined) return;
    note(rests);
    process.exitCode = 3;
  },
});

const PRIVATE = 0o600;

/** Reads a file; undefined where there is none. @throws Refusal `no-input` */
const textOf = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unreadable(path, error);
  });

/**
 * Does the work while no other run is at one of these files.
 * @throws Refusal `concurrent`, `cannot-write`
 */
async function holdingFiles<T>(paths: readonly string[], work: () => Promise<T>): Promise<T> {
  const held: (() => void)[] = [];
  try {
    for (const path of paths) {
      const free = await holdBriefly(`${path}.lock`);
      if (!free)
        throw new Refusal('concurrent', `another run is at ${path}`, {
          hint: 'once it has ended, run the same command again: it goes on from there',
        });
      held.push(free);
    }
    return await work();
  } finally {
    held.forEach((free) => free());
  }
}

/** Stores the note of a payment in a file. @throws Refusal `no-input` where it cannot be read */
export const fileJournal = (path: string): MeltJournal => ({
  read: () => textOf(path),
  write: (text) => writeFileWhole(path, `${text}\n`, PRIVATE),
  remove: () => rm(path, { force: true }),
});

/** Stores change in a file, a token a line. @param append true if other tokens in it may stay */
export function changeFile(path: string, append: boolean): ChangeFile {
  const others = async (isOwn: (line: string) => boolean): Promise<string[]> => {
    const lines = ((await textOf(path)) ?? '').split('\n').filter((line) => line.trim() !== '' && !isOwn(line));
    if (lines.length > 0 && !append)
      throw new Refusal(
        'cannot-write',
        `${path}: there is a file of that name already, and what it holds may be money`,
        {
          hint: 'name another file, or add a line to this one with --append',
        },
      );
    return lines;
  };
  return {
    check: async (isOwn) => void (await others(isOwn)),
    keep: async (token, isOwn) =>
      writeFileWhole(path, [...(await others(isOwn)), token].map((line) => `${line}\n`).join(''), PRIVATE),
  };
}

/** Refuses change in the place of the token or its note. @throws Refusal `usage` */
async function refuseSameFile(change: string, ...others: readonly string[]): Promise<void> {
  const place = async (path: string): Promise<string | undefined> => {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    return found && `${found.dev}:${found.ino}`;
  };
  const own = await place(change);
  for (const other of others)
    if (change === other || (own !== undefined && own === (await place(other))))
      throw new Refusal('usage', `--change-out ${change} found, a file apart from the token and its note expected`);
}

/** Returns the document that reports what a run has done. */
const meltDocument = (done: Melted | GivenUp): object => ({
  type: 'ecash-melt',
  version: 1,
  ...('quote' in done
    ? { quote: done.quote, amount_sat: done.amountSat, change_sat: done.changeSat, receipt: done.receipt }
    : { given_up: true, change_sat: done.changeSat, pending_sat: done.pendingSat }),
});

/** Returns the rest that is still to be had, in words; undefined where there is none. */
function wordsOfRest(done: Melted | GivenUp): string | undefined {
  if ('pendingSat' in done)
    return done.pendingSat > 0n ? 'the mint still holds coins of the payment: run it again later' : undefined;
  if (done.receipt !== null) return undefined;
  return 'the mint says that the invoice is paid, and shows no receipt of its home: run it again with the same files';
}
