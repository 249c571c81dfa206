/** The files of a melt: the note beside the token of a payment under way, and the one that takes the change (`cashu/melt.ts`). */
import { readFile, rm, stat } from 'node:fs/promises';
import type { ChangeFile, GivenUp, MeltJournal, Melted } from '../../lib/cashu/melt.ts';
import { Refusal, unreadable } from '../../lib/protocol/refusal.ts';
import { holdBriefly } from '../../lib/home/hold.ts';
import { writeFileWhole } from '../../lib/cli/output.ts';

const PRIVATE = 0o600;

/** @returns undefined where there is no such file @throws Refusal `no-input` */
const textOf = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unreadable(path, error);
  });

/**
 * Does the work while no other run is at one of these files: each stays as the run before has left it.
 * @throws Refusal `concurrent`, `cannot-write`
 */
export async function alone<T>(paths: readonly string[], work: () => Promise<T>): Promise<T> {
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

/** The note of a payment in a file. @throws Refusal `no-input` where it cannot be read: what it leads to would be lost */
export const fileJournal = (path: string): MeltJournal => ({
  read: () => textOf(path),
  write: (text) => writeFileWhole(path, `${text}\n`, PRIVATE),
  remove: () => rm(path, { force: true }),
});

/**
 * A file that takes change, a token a line.
 * @param append whether tokens of other payments may be in it, and stay
 */
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

/** @throws Refusal `usage` where the change would take the place of the token, or of the note beside it */
export async function refuseSameFile(change: string, ...others: readonly string[]): Promise<void> {
  const place = async (path: string): Promise<string | undefined> => {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    return found && `${found.dev}:${found.ino}`;
  };
  const own = await place(change);
  for (const other of others)
    if (change === other || (own !== undefined && own === (await place(other))))
      throw new Refusal('usage', `--change-out ${change} found, a file apart from the token and its note expected`);
}

/** The document that says what a run has done. */
export const meltDocument = (done: Melted | GivenUp): object => ({
  type: 'ecash-melt',
  version: 1,
  ...('quote' in done
    ? { quote: done.quote, amount_sat: done.amountSat, change_sat: done.changeSat, receipt: done.receipt }
    : { given_up: true, change_sat: done.changeSat, pending_sat: done.pendingSat }),
});

/** Returns the rest that is still to be had, in words; undefined where there is none. */
export function restOf(done: Melted | GivenUp): string | undefined {
  if ('pendingSat' in done)
    return done.pendingSat > 0n ? 'the mint still holds coins of the payment: run it again later' : undefined;
  if (done.receipt !== null) return undefined;
  return 'the mint says that the invoice is paid, and shows no receipt of its home: run it again with the same files';
}
