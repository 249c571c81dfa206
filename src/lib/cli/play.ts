/**
 * Plays one row of any table: the only place where a contract command touches store, chain, terminal and randomness.
 *
 *   same input answered before? print that reply ─ load the records ─ authenticate ─ whose turn ─ flags of the row ─ facts
 *   ─ take (pure) ─ consent ─ commit once ─ copies outside the home ─ print
 *
 * A lost race starts again at the top. Nothing is printed that was not stored.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  turn,
  type Action,
  type Claim,
  type Facts,
  type Given,
  type Keys,
  type Kept,
  type Party,
  type Records,
  type Row,
  type Seen,
  type Step,
} from '../protocol/action.ts';
import { loadRecords, writesOf, type LoadedRecords } from '../home/change.ts';
import { canonicalJson, printJson } from '../protocol/json.ts';
import type { Commit, Ports, Reply } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { checkSeal, seal } from '../signing/seal.ts';

/** One input of one run. */
export interface Line<I> {
  /** The message as it was parsed, null for a start. */
  json: unknown;
  input: I;
  /** What rows may take besides, each what it names: the standing orders of a server, which no digest covers. */
  standing?: Partial<I>;
  /** PSBTs that came back from another wallet, base64. */
  merged: readonly string[];
  /** What else the answer depends on and no row takes, such as the feerate: digested with the flags. */
  context?: object;
  requestId?: string | undefined;
  cancel?: boolean;
}
export interface Printed {
  text: string;
  exit: 0 | 3;
  hint?: string | undefined;
}

const ATTEMPTS = 8;

export async function play<M extends Step, Rs extends Records, I extends object>(
  action: Action<M, Rs, I>,
  line: Line<I>,
  ports: Ports,
): Promise<Printed> {
  const message = line.json === null ? null : action.parse(line.json);
  checkNetwork(message, ports.network);
  const key = inputKey(action.type, line);
  const agreed = new Set<string>();
  for (let attempt = 1; ; attempt++) {
    const again = key && !line.cancel ? await ports.store.reply(key) : undefined;
    if (again) return repeat(action, again, message, line, ports);
    const done = await once(action, message, line, ports, key, agreed, attempt).catch(async (error: unknown) => {
      // Refused, perhaps because another run has taken the very same input meanwhile: then its reply is the answer.
      const taken = error instanceof Refusal && key && !line.cancel ? await ports.store.reply(key) : undefined;
      if (taken) return repeat(action, taken, message, line, ports);
      // A faster run may have destroyed a share between our two looks.
      if (error instanceof Refusal && error.code === 'share-missing' && attempt < 3) return undefined;
      throw error;
    });
    if (done) return done;
    if (attempt === ATTEMPTS)
      throw new Refusal('concurrent', `other runs of this home were faster ${ATTEMPTS} times`, {
        hint: 'run it again',
      });
    await sleep(Math.random() * 20 * attempt);
  }
}

function checkNetwork(message: Step | null, network: string): void {
  const found = (message as { network?: string } | null)?.network;
  if (message && found !== network)
    throw new Refusal('wrong-network', `a message for ${String(found)} found, this home is for ${network}`);
}

/** What makes two inputs the same: the message without `checks`, and the PSBTs that came back. */
function inputKey<I>(type: string, line: Line<I>): string | null {
  if (line.json === null && line.requestId === undefined) return null;
  const { checks: _, ...message } = (line.json ?? { start: line.requestId }) as Record<string, unknown>;
  return digest([type, message, [...line.merged].sort()]);
}
const digest = (value: unknown): string => createHash('sha256').update(canonicalJson(value)).digest('hex');

/** The flags that an answer depends on: all but those that only agree. */
function flagDigest<M extends Step, Rs extends Records, I extends object>(
  action: Action<M, Rs, I>,
  row: string,
  { input, context = {} }: Line<I>,
): string {
  const only = new Set(action.rows.filter((r) => r.name === row).flatMap((r) => (r.agrees ?? []).map(String)));
  return digest(
    Object.fromEntries(
      Object.entries({ ...input, ...context }).filter(([name, value]) => value !== undefined && !only.has(name)),
    ),
  );
}

async function repeat<M extends Step, Rs extends Records, I extends object>(
  action: Action<M, Rs, I>,
  reply: Reply,
  message: M | null,
  line: Line<I>,
  ports: Ports,
): Promise<Printed> {
  if (reply.flags !== flagDigest(action, reply.row, line))
    throw new Refusal('answered-otherwise', 'this input was answered before, with other flags', {
      hint: 'run it with the same flags, or --cancel the action first',
    });
  // The run that made it may have died before it had kept anything outside the store: what it says is read again, and kept.
  await ports.copy(reply.copies);
  const { records } = await loadRecords<Rs>(ports.store, action.kinds, (found) =>
    action.find(message, line.input, found),
  );
  await ports.store.notes(notesOf(action, reply, { message, records, input: line.input }));
  await ports.store.flush();
  return { text: reply.text, exit: reply.exit, hint: reply.hint };
}

/** The notes that an answer rests on, found as its step found them; none where the records have moved on too far for that. */
function notesOf<M extends Step, Rs extends Records, I extends object>(
  action: Action<M, Rs, I>,
  reply: Reply,
  seen: Omit<Seen<M | null, Rs, I>, 'by'>,
): readonly string[] {
  const row = action.rows.find(({ name, after }) => name === reply.row && after === (seen.message?.step ?? null));
  try {
    return row?.needs?.({ ...seen, by: action.party(seen) }).notes ?? [];
  } catch (error) {
    if (error instanceof Refusal) return [];
    throw error;
  }
}

const noKey = (): never => {
  throw new Refusal('bug', 'a step without keys asks for one');
};
const NO_KEYS: Keys = {
  contract: noKey,
  auth: noKey,
  ecash: noKey,
  mint: noKey,
  cashu: noKey,
  wallet: noKey,
  nonce: noKey,
  share: noKey,
};

/** One attempt; undefined where another run was faster. */
async function once<M extends Step, Rs extends Records, I extends object>(
  action: Action<M, Rs, I>,
  message: M | null,
  line: Line<I>,
  ports: Ports,
  key: string | null,
  agreed: Set<string>,
  attempt: number,
): Promise<Printed | undefined> {
  const loaded = await loadRecords<Rs>(ports.store, action.kinds, (found) => action.find(message, line.input, found));
  const { records, nonces } = loaded;
  const shares = await ports.shares.read(sharesOf(claimsOf(action, records)));
  const unread = { message, records, input: line.input };
  const by = action.party(unread);
  const peer = action.peer(unread, by);
  const seen: Seen<M | null, Rs, I> = { ...unread, by };
  const hand = {
    keys: action.keyless ? NO_KEYS : await ports.keys(nonces, shares),
    merged: line.merged,
    random: await ports.random(),
    network: ports.network,
    restored: ports.restored,
    requestId: line.requestId,
  };

  if (line.cancel) {
    // Cancelling undoes only what is this home's own: an own message, or the other's, names it equally well.
    if (!action.cancel) throw new Refusal('usage', `${action.type} cannot be cancelled`);
    const kept = action.cancel({ ...seen, ...hand, facts: {} } as Given<M | null, Rs, I, never, never>);
    const said = kept.message
      ? sealed(action, withEnvelope(action.type, kept.message), { ...records, ...kept.writes }, by, hand.keys)
      : { type: action.type, version: 1, step: 'cancelled', network: ports.network };
    const reply: Reply = { text: printJson(said), exit: 0, row: 'cancelled', flags: '', copies: [] };
    const done = await commit(action, kept, null, reply, loaded, [], ports);
    return done ? { text: reply.text, exit: 0, hint: kept.hint } : undefined;
  }

  const row = turn(action, seen);
  ports.permit(action, row);
  if (peer !== null) checkSeal(line.json as object, peer, 'counterparty');
  const given = { ...seen, input: { ...taken(row, line.standing), ...line.input } };
  checkFlags(row, given.input);
  const { facts, checks } = await factsFor(row, given, ports);
  await row.loads?.(given);
  const first = row.take({ ...given, ...hand, facts } as Parameters<typeof row.take>[0]);
  const out = 'asks' in first ? first.answered(await ports.outside(first.asks.program, first.asks.body)) : first;
  if (line.merged.length > 0) await checkMerged(line.merged, message, out);
  if (out.consent && !agreed.has(digest(out.consent))) {
    // A question is asked once a run: if a lost race changed it, somebody else has to decide again.
    if (attempt > 1 && agreed.size > 0)
      throw new Refusal('concurrent', 'another run changed what there is to agree to', { hint: 'run it again' });
    await ports.prompt.agree(out.consent);
    agreed.add(digest(out.consent));
  }
  const said =
    'message' in out
      ? withEnvelope(action.type, out.message)
      : waiting(action.type, row.name, ports.network, out.waits);
  const signed = 'message' in out ? sealed(action, said, { ...records, ...out.writes }, by, hand.keys) : said;
  const text = printJson({ ...signed, checks: { ...checks, ...out.checks } });
  const reply: Reply = {
    text,
    exit: 'waits' in out ? 3 : (out.exit ?? 0),
    ...(out.hint !== undefined && { hint: stillWaits(line, out) + out.hint }),
    row: row.name,
    flags: flagDigest(action, row.name, line),
    copies: out.copies ?? [],
  };
  // A secret that is worked out once more, with nothing new to keep, writes nothing.
  const again = row.secret && [...writesOf(action.kinds, loaded, out.writes), ...(out.notes ?? [])].length === 0;
  const replyKey = row.secret ? null : key;
  if (again) await ports.store.flush();
  else if (!(await commit(action, out, replyKey, reply, loaded, facts.payout ?? [], ports))) return undefined;
  if (out.consent) ports.prompt.settled(out.consent);
  await ports.copy(reply.copies);
  ports.point('before-print');
  return { text, exit: reply.exit, hint: reply.hint };
}

function sealed<M extends Step, Rs extends Records, I>(
  action: Action<M, Rs, I>,
  said: object,
  records: Partial<Rs>,
  by: Party,
  keys: Keys,
): object {
  const path = action.sealWith(records, by);
  return path ? seal(said, keys.auth(path)) : said;
}

/** The names of the shares that a record claims. */
const sharesOf = (claims: readonly Claim[]): string[] =>
  claims.filter((claim) => claim.startsWith('share:')).map((claim) => claim.slice('share:'.length));

const claimsOf = <M extends Step, Rs extends Records, I>(action: Action<M, Rs, I>, records: Partial<Rs>): Claim[] =>
  Object.entries(records).flatMap(([role, record]) => action.kinds[role]!.claims(record as never));

const takes = <I>(row: Row<any, any, I>): Set<keyof I> =>
  new Set([...(row.asks ?? []), ...(row.may ?? []), ...(row.agrees ?? [])]);

/** Of the standing orders, those that the row takes. */
function taken<I extends object>(row: Row<any, any, I>, standing: Partial<I> = {}): Partial<I> {
  const names = takes(row);
  return Object.fromEntries(Object.entries(standing).filter(([name]) => names.has(name as keyof I))) as Partial<I>;
}

function checkFlags<M extends Step, Rs extends Records, I extends object>(row: Row<M, Rs, I>, input: I): void {
  const known = takes(row);
  const given = (Object.keys(input) as (keyof I)[]).filter((name) => input[name] !== undefined);
  const flag = (name: keyof I) => `--${String(name).replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
  const odd = given.filter((name) => !known.has(name));
  if (odd.length > 0)
    throw new Refusal('usage', `${odd.map(flag).join(', ')} found, which '${row.name}' (${row.by}) does not take`);
  const missing = (row.asks ?? []).filter((name) => input[name] === undefined);
  if (missing.length > 0) throw new Refusal('usage', `'${row.name}' (${row.by}) needs ${missing.map(flag).join(', ')}`);
}

async function factsFor<M extends Step, Rs extends Records, I extends object>(
  row: Row<M, Rs, I>,
  seen: Seen<M | null, Rs, I>,
  ports: Ports,
) {
  const { payout, ours, notes, ...queries } = row.needs?.(seen) ?? {};
  const { facts, checks } = await ports.source.facts(queries);
  const own: Partial<Facts> = {
    ...(payout !== undefined && { payout: await ports.store.fresh(payout) }),
    ...(ours && { ours: await ports.store.ours(ours) }),
    ...(notes && { notes: await ports.store.notes(notes) }),
  };
  // How coins were judged is the step's to say.
  const { coins: _, ...rest } = checks as Record<string, string>;
  return { facts: { ...facts, ...own }, checks: rest };
}

/** Two waits in a row: what came back was not enough. */
const stillWaits = <I>(line: Line<I>, out: object): string =>
  'waits' in out && line.merged.length > 0 ? 'what came back with --merge is not all that is needed; now ' : '';

/** A PSBT that came back must be one of this step's transactions. @throws Refusal `transaction-differs` */
async function checkMerged(merged: readonly string[], message: Step | null, out: object): Promise<void> {
  const { readPsbt } = await import('../bitcoin/psbt.ts');
  const unsigned = (psbt: string) => Buffer.from(readPsbt(psbt).unsignedTx).toString('hex');
  const { waits, message: said } = out as { waits?: object; message?: { psbt?: object } };
  const known = [waits, said?.psbt, (message as { psbt?: object } | null)?.psbt].flatMap(
    (psbts) => Object.values(psbts ?? {}) as string[],
  );
  const expected = new Set(known.map(unsigned));
  if (merged.some((psbt) => !expected.has(unsigned(psbt))))
    throw new Refusal('transaction-differs', 'the PSBT given with --merge is none of the transactions of this step', {
      hint: 'sign the PSBT that this command printed, and nothing else',
    });
}

/** The envelope in front, in a fixed order; what an older run sealed or checked is left behind. */
function withEnvelope(type: string, message: Step): object {
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
const waiting = (type: string, row: string, network: string, psbt: object): object => ({
  type,
  version: 1,
  step: 'waiting',
  for: row,
  network,
  psbt,
});

async function commit<M extends Step, Rs extends Records, I extends object>(
  action: Action<M, Rs, I>,
  kept: Kept<Rs>,
  key: string | null,
  reply: Reply,
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
      spends: kept.spends ?? [],
      voids: kept.voids ?? [],
      notes: kept.notes ?? [],
      addresses,
    });
    if (done) ports.point('after-commit');
    return done;
  };
  const claimed = new Set(writes.flatMap(({ claims }) => sharesOf(claims)));
  const written = Object.fromEntries(
    Object.keys(kept.writes).flatMap((role) => (loaded.records[role] ? [[role, loaded.records[role]]] : [])),
  ) as Partial<Rs>;
  const gone = sharesOf(claimsOf(action, written)).filter((name) => !claimed.has(name));
  const made = kept.shares ?? [];
  return made.length + gone.length === 0 ? take() : ports.shares.around(made, gone, take);
}
