/**
 * Parts of a look over records that every watcher needs: those that cannot be read are told, those at rest are left, the
 * others are opened one by one, and whatever was done is told.
 * Not here: what is due and how it is done (`watch.ts`, `duties.ts`), sending (`sending.ts`).
 */
import type { Outpoint } from '../bitcoin/outpoint.ts';
import type { Rpc } from '../chain/rpc.ts';
import type { Hex } from '../protocol/action.ts';
import type { Refusal } from '../protocol/refusal.ts';
import { eachOf, type Results, type Said, type Sending } from './sending.ts';
import { slices } from './slices.ts';

/** A contract whose record cannot be read. */
export interface Unread {
  id: Hex;
  why: Refusal;
}
/** Listener of a look. */
export interface Teller {
  said(about: { id: Hex; role: string }, said: Said): Promise<void>;
  refused(about: { id: Hex; role?: string }, error: unknown): Promise<void>;
}
/** Act for one record, and the transaction that threatens it meanwhile. */
export interface Acted<W> {
  w: W;
  beaten?: object | undefined;
  done: Said | Sending | { failed: unknown };
}

/** Number of transactions that are made ready before they are sent, in one request. */
export const SENT_AT_ONCE = 25;

/** Returns the records of a piece; those that cannot be read are told. */
export async function readable<T extends object>(piece: readonly (T | Unread)[], { refused }: Teller): Promise<T[]> {
  const read: T[] = [];
  for (const one of piece)
    if ('why' in one) await refused(one, one.why);
    else read.push(one);
  return read;
}

/** Returns those of which more is to be known than that their coins are unspent. */
export async function astir<T extends { restsUntil: number }>(
  rpc: Rpc,
  tip: number,
  records: readonly T[],
  outpointsOf: (record: T) => readonly Outpoint[],
): Promise<T[]> {
  const unspent = await eachOf(records, async (record) => {
    const coins = await Promise.all(outpointsOf(record).map((outpoint) => rpc.txOut(outpoint)));
    return coins.every((coin) => coin !== undefined);
  });
  const rests = ({ restsUntil }: T, found: (typeof unspent)[number]): boolean =>
    tip < restsUntil && found.status === 'fulfilled' && found.value;
  return records.filter((one, i) => !rests(one, unspent[i]!));
}

/** Opens records one by one, until it is stopped; one that cannot be opened is told. */
export async function openedOf<T extends { id: Hex; role: string }, R>(
  records: readonly T[],
  open: (record: T) => Promise<R | undefined>,
  { refused }: Teller,
  stopped: () => boolean,
): Promise<R[]> {
  const all: R[] = [];
  const pause = slices();
  for (const one of records) {
    if (stopped()) break;
    try {
      const opened = await open(one);
      if (opened) all.push(opened);
    } catch (error) {
      await refused(one, error);
    }
    await pause();
  }
  return all;
}

/** Tells all of them, also where the node goes away in between: whatever was done is done. */
export async function tellAll<W extends { id: Hex; role: string }>(
  acted: readonly Acted<W>[],
  done: Results<Said>,
  { said, refused }: Teller,
): Promise<void> {
  let away: { error: unknown } | undefined;
  for (const [i, { w, beaten }] of acted.entries()) {
    if (beaten) await said(w, { event: 'overtaken', more: beaten, short: true });
    const result = done[i]!;
    if (result.status === 'fulfilled') await said(w, result.value);
    else if (!away) await refused(w, result.reason).catch((error: unknown) => (away = { error }));
  }
  if (away) throw away.error;
}
