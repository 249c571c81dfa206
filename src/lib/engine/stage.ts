/**
 * Pieces of a run: the records that it loads, this home's party in it, the seal and envelope of its
 * message, and the one commit.
 * Not here: the order of a run (`play.ts`), the row of a cancel (`cancel.ts`).
 */
import { createHash } from 'node:crypto';
import type {
  Action,
  Claim,
  Hand,
  Effects,
  Keys,
  Party,
  Records,
  StepContext,
  Step,
  Facts,
} from '../protocol/action.ts';
import { loadRecords, NO_REPLY, writesOf, type LoadedRecords } from '../home/change.ts';
import { canonicalJson } from '../protocol/json.ts';
import { checkSame } from '../protocol/message.ts';
import type { Commit, Ports, Reply, Store } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { seal } from '../signing/seal.ts';
import { coinClaim } from '../protocol/claims.ts';

/** One input of one run. */
export interface RunInput<I> {
  /** The message as it was parsed, null for a start. */
  json: unknown;
  input: I;
  /** A server's own input for all runs. Rows take the fields they name; no digest covers them. */
  standing?: Partial<I>;
  /** PSBTs that came back from another wallet, base64. */
  merged: readonly string[];
  /** Further values that affect the answer, such as the fee rate; part of the flags' digest. */
  context?: object;
  requestId?: string | undefined;
  cancel?: boolean;
  /** Claim of the record that --contract names, for a cancel. */
  over?: Claim | undefined;
}
export interface PrintedReply {
  text: string;
  exit: 0 | 3;
  hint?: string | undefined;
}

/** Reply in the form that its commit stores. */
export type StepReply = Commit['reply'];
export const stepReply = (type: string, row: string, text: string, more: Partial<StepReply> = {}): StepReply => ({
  ...NO_REPLY,
  type,
  row,
  text,
  ...more,
});
export const printed = ({ text, exit, hint }: Pick<StepReply, 'text' | 'exit' | 'hint'>): PrintedReply => ({
  text,
  exit,
  hint,
});

/** Returns the SHA256 of a value's canonical JSON, as hex. */
export const digest = (value: unknown): string => createHash('sha256').update(canonicalJson(value)).digest('hex');

const noKey = (): never => {
  throw new Refusal('bug', 'a step without keys asks for one');
};
const NO_KEYS: Keys = {
  contract: noKey,
  auth: noKey,
  secret: noKey,
  seed: noKey,
  wallet: noKey,
  nonce: noKey,
  share: noKey,
};

/** Loads the records of one attempt. */
export const load = <M extends Step, Rs extends Records, I>(
  action: Action<M, Rs, I>,
  message: M | null,
  { input, over }: Pick<RunInput<I>, 'input' | 'over'>,
  ports: Ports,
): Promise<LoadedRecords<Rs>> =>
  loadRecords<Rs>(
    ports.store,
    action.kinds,
    (found) => action.find(message, input, found),
    over && { claim: over, roleOf: action.roleOf },
  );

/** Returns the run's state with this home's party, and its hand: keys, names, randomness. */
export async function contextAndHand<M extends Step, Rs extends Records, I>(
  action: Action<M, Rs, I>,
  message: M | null,
  { input, merged, requestId }: Pick<RunInput<I>, 'input' | 'merged' | 'requestId'>,
  { records, nonces }: LoadedRecords<Rs>,
  ports: Ports,
): Promise<{ seen: StepContext<M | null, Rs, I>; hand: Hand }> {
  const shares = await ports.shares.read(sharesOf(claimsOfRecords(action, records)));
  const unread = { message, records, input, requestId };
  const hand = {
    keys: action.keyless ? NO_KEYS : await ports.keys(nonces, shares),
    merged,
    random: await ports.random(),
    network: ports.network,
    restored: ports.restored,
    mayRepeat: ports.mayRepeat,
  };
  return { seen: { ...unread, by: action.party(unread) }, hand };
}

/** Checks shared fields of a message against the records. @throws Refusal `terms-differ` */
export function checkSharedFields<M extends Step, Rs extends Records, I>(
  action: Action<M, Rs, I>,
  message: M,
  records: Partial<Rs>,
  by: Party,
): void {
  const known = Object.entries(action.states?.(records, by) ?? {}).filter(([name]) => name in message);
  const authors = action.rows.filter((row) => row.name === message.step).map((row) => row.by);
  const from = authors.find((author) => author !== by) ?? by;
  checkSame(Object.fromEntries(known), message, from);
}

export function sealed<M extends Step, Rs extends Records, I>(
  action: Action<M, Rs, I>,
  message: object,
  records: Partial<Rs>,
  by: Party,
  keys: Keys,
): object {
  const path = action.sealWith(records, by);
  return path ? seal(message, keys.auth(path)) : message;
}

/** Returns the names of the share files among claims. */
const sharesOf = (claims: readonly Claim[]): string[] =>
  claims.filter((claim) => claim.startsWith('share:')).map((claim) => claim.slice('share:'.length));

export const claimsOfRecords = <M extends Step, Rs extends Records, I>(
  action: Action<M, Rs, I>,
  records: Partial<Rs>,
): Claim[] => Object.entries(records).flatMap(([role, record]) => action.kinds[role]!.claims(record as never));

/** Returns the message after its envelope, in a fixed order, without an earlier seal and checks. */
export function withEnvelope(type: string, message: Step): object {
  const {
    step,
    network,
    checks: _,
    auth: __,
    type: ___,
    version: ____,
    ...rest
  } = message as Step & Record<string, unknown>;
  return { type, version: 1, step, network, ...rest };
}
/** Prints a stored reply. Completes copies and journal first: its run may have died before that. */
export async function printAgain(reply: Reply, ports: Ports): Promise<PrintedReply> {
  await ports.copy(reply.copies);
  await ports.store.recall(reply);
  return printed(reply);
}

export async function commit<M extends Step, Rs extends Records, I extends object>(
  action: Action<M, Rs, I>,
  kept: Effects<Rs>,
  key: string | null,
  reply: StepReply,
  loaded: LoadedRecords<Rs>,
  addresses: Commit['addresses'],
  ports: Ports,
): Promise<boolean> {
  const writes = writesOf(action.kinds, loaded, kept.writes);
  const take = async (): Promise<boolean> => {
    ports.point('before-commit');
    const done = await ports.store.commit({
      key,
      reply,
      reads: loaded.reads.map(({ claim, rev }) => ({ claim, rev })),
      writes,
      opens: kept.opens ?? [],
      shows: kept.shows ?? [],
      spends: kept.spends ?? [],
      notes: kept.notes ?? [],
      addresses,
    });
    if (done) ports.point('after-commit');
    return done;
  };
  // A share is destroyed only where the commit takes its claim away: a record that is returned as it was keeps its own.
  const { records } = loaded;
  const written = new Set(Object.keys(kept.writes).map((role) => canonicalJson(records[role] ?? null)));
  // Compares bodies, because one record may have two roles.
  const left = Object.entries(records).filter(([, record]) => !written.has(canonicalJson(record)));
  const claimed = new Set(
    sharesOf(claimsOfRecords(action, { ...Object.fromEntries(left), ...kept.writes } as Partial<Rs>)),
  );
  const gone = sharesOf(claimsOfRecords(action, records)).filter((name) => !claimed.has(name));
  const made = kept.shares ?? [];
  return made.length + gone.length === 0 ? take() : ports.shares.around(made, gone, take, ports.store);
}

/** Returns which outpoints other records have reserved. @param own claims of the step's records */
export async function reservedIn(
  store: Pick<Store, 'load'>,
  outpoints: readonly string[],
  own: readonly Claim[] = [],
): Promise<Facts['reserved']> {
  const asked = outpoints.filter((outpoint) => !own.includes(coinClaim(outpoint)));
  const { found } = await store.load(asked.map(coinClaim));
  return new Map(
    asked.flatMap((outpoint) => {
      const holder = found.get(coinClaim(outpoint));
      return holder ? [[outpoint, { kind: holder.kind, name: holder.name }] as const] : [];
    }),
  );
}
