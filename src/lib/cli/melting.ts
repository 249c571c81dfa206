/** The file beside a token that a payment leaves while it is under way (`cashu/melt.ts`). */
import { readFile, unlink } from 'node:fs/promises';
import type { Journal } from '../cashu/melt.ts';
import { unreadable } from '../protocol/refusal.ts';
import { writeFileWhole } from './output.ts';

/** A file that is there and cannot be read is refused: another seed in its place would lose what it leads to. @throws Refusal `no-input` */
export const fileJournal = (path: string): Journal => ({
  read: () =>
    readFile(path, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw unreadable(path, error);
    }),
  write: (text) => writeFileWhole(path, `${text}\n`, 0o600),
  remove: () => unlink(path),
});
