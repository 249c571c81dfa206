/**
 * Journals of `reconcile`, by name or by folder, and its findings: the end of each record.
 * Not here: how records are merged (`home/reconcile.ts`).
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Home, ReconcileReport } from '../../lib/home/home.ts';
import type { Reconciliation } from '../../lib/home/reconcile.ts';
import { unreadable } from '../../lib/protocol/refusal.ts';
import { withFigures } from '../ecash/issued.ts';

/** Returns these files, and the journals in these folders. @throws Refusal `no-input` */
export function journalsIn(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    try {
      if (!statSync(path).isDirectory()) return [path];
      return readdirSync(path)
        .filter((name) => name.endsWith('.journal'))
        .sort()
        .map((name) => join(path, name))
        .filter((file) => statSync(file).isFile());
    } catch (error) {
      throw unreadable(path, error);
    }
  });
}

/** Reads the journal into the home, and trusts again what rests on the whole of it. */
export async function bringIn(home: Home, ...what: Parameters<Home['reconcile']>): Promise<ReconcileReport> {
  const done = await home.reconcile(...what);
  const { trustKeysets } = await import('../ecash/keysets.ts');
  await trustKeysets(home);
  return done;
}

/** Returns the notes for the owner about the files. */
export const filesToLookAt = ({ gathered, notGiven }: ReconcileReport): string[] => [
  ...gathered.cut.map((file) => `${file} ends within a line: its process died there, or it was cut`),
  ...gathered.others.map(
    (file) => `${file} was written by another home of the same words: make sure that it does not run any more`,
  ),
  ...notGiven.map(
    (file) => `${file} is of this home's journal too, and was not given: no backup covers it until it is`,
  ),
];

/** Returns a document for each changed record, and a summary. */
export function reconcileDocuments(
  network: string,
  files: number,
  { gathered, outcomes: all, notGiven, completed }: ReconcileReport,
): object[] {
  const outcomes = withFigures(all);
  const head = { type: 'reconcile', version: 1, network } as const;
  const count = (outcome: Reconciliation['outcome']) => outcomes.filter((o) => o.outcome === outcome).length;
  const { lines, cut, newest } = gathered;
  return [
    ...outcomes
      .filter(({ outcome }) => outcome !== 'same')
      .map(({ kind, name, outcome, figures }) => ({ ...head, kind, name, outcome, ...figures })),
    {
      ...head,
      files,
      lines,
      cut,
      not_given: notGiven,
      newest: lines === 0 ? null : { commit: newest.commit, at: new Date(newest.at * 1000).toISOString() },
      added: count('added'),
      raised: count('raised'),
      same: count('same'),
      conflicts: count('conflict'),
      ...(completed !== undefined && { completed }),
    },
  ];
}
