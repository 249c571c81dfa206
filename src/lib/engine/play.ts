/**
 * Runner of every table: the only place where a contract command touches store, chain, terminal and
 * randomness.
 *
 *   same input answered before? print that reply ─ load the records ─ authenticate ─ whose turn
 *   ─ flags of the row ─ facts ─ take (pure) ─ consent ─ commit once ─ copies outside ─ print
 *
 * A cancel is a row too. A lost race starts again at the top, and nothing is printed that was not
 * stored.
 * Not here: the pieces of a run (`stage.ts`), who may cancel (`cancel.ts`).
 */
import {
  turn,
  type Action,
  type Claim,
  type Facts,
  type Records,
  type Row,
  type StepContext,
  type Step,
} from '../protocol/action.ts';
import { writesOf, type LoadedRecords, retryRace } from '../home/change.ts';
import { outpointText, type Gone } from '../bitcoin/outpoint.ts';
import { printJson } from '../protocol/json.ts';
import { CANCELLED, type FactSource, type Ports, type Reply } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { checkSeal } from '../signing/seal.ts';
import {
  reservedIn,
  stepReply,
  checkSharedFields,
  claimsOfRecords,
  commit,
  digest,
  contextAndHand,
  load,
  printed,
  printAgain,
  sealed,
  withEnvelope,
  type RunInput,
  type PrintedReply,
} from './stage.ts';
import { cancelKey, cancelRow, checkMayCancel } from './cancel.ts';

export type { RunInput, PrintedReply };

export async function play<M extends Step, Rs extends Records, I extends object>(
  action: Action<M, Rs, I>,
  given: RunInput<I>,
  ports: Ports,
): Promise<PrintedReply> {
  // A cancel ignores merged PSBTs.
  const line = given.cancel ? { ...given, merged: [] } : given;
  const read = line.json === null ? null : action.parse(line.json);
  checkNetwork(read, ports.network);
  const message = read && (await opened(action, read, line, ports));
  if (line.cancel) checkMayCancel(action, ports);
  const key = line.cancel ? cancelKey(action.type, line) : inputKey(action.type, line);
  const agreed = new Set<string>();
  const answeredBefore = async (): Promise<PrintedReply | undefined> => {
    const reply = key === null ? undefined : await ports.store.reply(key);
    return reply && repeat(action, reply, line, ports);
  };
  return retryRace(async (attempt) => {
    const answered = await answeredBefore();
    if (answered) return answered;
    try {
      return await playOnce(action, message, line, ports, key, agreed);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // Another run may have taken the same input meanwhile; its reply is then printed.
      const taken = await answeredBefore();
      if (taken) return taken;
      // A faster run may have destroyed a share between our two looks.
      if (error.code === 'share-missing' && attempt < 3) return undefined;
      throw error;
    }
  });
}

function checkNetwork(message: Step | null, network: string): void {
  const found = (message as { network?: string } | null)?.network;
  if (message && found !== network)
    throw new Refusal('wrong-network', `a message for ${String(found)} found, this home is for ${network}`);
}

/** Decrypts a message for this home, so that its records are found by the contents too. */
async function opened<M extends Step, Rs extends Records, I extends object>(
  action: Action<M, Rs, I>,
  message: M,
  line: RunInput<I>,
  ports: Ports,
): Promise<M> {
  if (!action.opens) return message;
  const { records } = await load(action, message, line, ports);
  const open = action.opens(message, records);
  return open ? open(await ports.keys([], new Map())) : message;
}

/** Digests an input: message without `checks`, and returned PSBTs. Equal inputs, equal digests. */
function inputKey<I>(type: string, line: RunInput<I>): string | null {
  if (line.json === null && line.requestId === undefined) return null;
  const { checks: _, ...message } = (line.json ?? { start: line.requestId }) as Record<string, unknown>;
  return digest([type, message, [...line.merged].sort()]);
}
/** Returns the digest of the flags that a reply depends on: all but the consents. */
function flagDigest<M extends Step, Rs extends Records, I extends object>(
  action: Action<M, Rs, I>,
  row: string,
  { input, context = {} }: RunInput<I>,
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
  line: RunInput<I>,
  ports: Ports,
): Promise<PrintedReply> {
  if (!line.cancel && reply.flags !== flagDigest(action, reply.row, line))
    throw new Refusal('answered-otherwise', 'this input was answered before, with other flags', {
      hint: 'run it with the same flags, or --cancel the action first',
    });
  return printAgain(reply, ports);
}

/**
 * Prints a record's finished document again (--again), or this action's last reply over it.
 * @throws Refusal `nothing-to-print`
 */
export async function playAgain(action: Action<any, any, any>, over: Claim, ports: Ports): Promise<PrintedReply> {
  const reply = await ports.store.last(action.type, over);
  const step = reply && (JSON.parse(reply.text) as Step).step;
  const made = action.again && (await finished(action, over, step, ports));
  if (made) return made;
  if (!reply)
    throw new Refusal('nothing-to-print', `no message of ${action.type} over this record can be printed again`, {
      hint: 'what showed a nonce that is gone, or was cancelled, is started anew',
    });
  return printAgain(reply, ports);
}

/** Prints the records' finished document, sealed anew; undefined if none, or a reply is stored. */
async function finished(
  action: Action<any, any, any>,
  over: Claim,
  kept: string | undefined,
  ports: Ports,
): Promise<PrintedReply | undefined> {
  const { network } = ports;
  if ((await ports.store.load([over])).found.size === 0) return undefined;
  const { records } = await load(action, null, { input: {}, over }, ports);
  const by = action.party({ message: null, records, input: {} });
  const message = action.again!({ records, by, network });
  if (!message || message.step === kept) return undefined;
  const keys = await ports.keys([], new Map());
  await ports.store.flush();
  return printed({ text: printJson(sealed(action, withEnvelope(action.type, message), records, by, keys)), exit: 0 });
}

/** Plays one attempt; undefined if another run won. @param agreed consents of earlier attempts */
async function playOnce<M extends Step, Rs extends Records, I extends object>(
  action: Action<M, Rs, I>,
  message: M | null,
  line: RunInput<I>,
  ports: Ports,
  key: string | null,
  agreed: Set<string>,
): Promise<PrintedReply | undefined> {
  const loaded = await load(action, message, line, ports);
  const { seen, hand } = await contextAndHand(action, message, line, loaded, ports);
  const { records, by } = seen;
  const row = line.cancel ? cancelRow(action, seen, line, hand) : turnOf(action, seen, line, ports);
  const given = { ...seen, input: { ...taken(row, line.standing), ...line.input } };
  checkFlags(row, given.input);
  const { facts, checks } = await factsFor(row, given, holdings(action, loaded), ports);
  await row.loads?.(given);
  const first = row.take({ ...given, ...hand, facts } as Parameters<typeof row.take>[0]);
  const out = 'asks' in first ? first.answered(await ports.outside(first.asks.program, first.asks.body)) : first;
  if (line.merged.length > 0) await checkMerged(line.merged, message, out);
  if (out.consent && !agreed.has(digest(out.consent))) {
    // Each run asks one question. If a lost race has changed it, a new run must ask.
    if (agreed.size > 0)
      throw new Refusal('concurrent', 'another run changed what there is to agree to', { hint: 'run it again' });
    await ports.prompt.agree(out.consent);
    agreed.add(digest(out.consent));
  }
  const unsealed =
    'waits' in out
      ? waiting(action.type, row.name, ports.network, out.waits)
      : withEnvelope(action.type, out.message ?? { step: CANCELLED, network: ports.network });
  const isMessage = 'message' in out && out.message !== undefined;
  const signed = isMessage ? sealed(action, unsealed, { ...records, ...out.writes }, by, hand.keys) : unsealed;
  const text = printJson(line.cancel ? signed : { ...signed, checks: { ...checks, ...out.checks } });
  const reply = stepReply(action.type, row.name, text, {
    exit: 'waits' in out ? 3 : (out.exit ?? 0),
    ...(out.hint !== undefined && { hint: stillWaits(line, out) + out.hint }),
    stands: row.stands ?? false,
    ends: row.ends ?? false,
    ...(!line.cancel && { flags: flagDigest(action, row.name, line) }),
    copies: out.copies ?? [],
  });
  const unkept = row.secret || out.passing;
  // A step whose reply is not stored needs no commit without a changed record or a new note.
  const again = unkept && [...writesOf(action.kinds, loaded, out.writes), ...(out.notes ?? [])].length === 0;
  // A start without --request-id is new each time, but its reply is stored for --again.
  const replyKey = unkept ? null : (key ?? (await startKey(action.type, text, ports)));
  if (again) {
    await ports.store.load(out.rests ?? []);
    await ports.store.flush();
  } else if (!(await commit(action, out, replyKey, reply, loaded, facts.payout ?? [], ports))) return undefined;
  if (out.consent) ports.prompt.settled(out.consent);
  await ports.copy(reply.copies);
  ports.point('before-print');
  return printed(reply);
}

/** Returns the row whose turn it is, once the message's seal and shared fields are checked. */
function turnOf<M extends Step, Rs extends Records, I extends object>(
  action: Action<M, Rs, I>,
  seen: StepContext<M | null, Rs, I>,
  line: RunInput<I>,
  ports: Ports,
): Row<M, Rs, I> {
  const peer = action.peer(seen, seen.by);
  const row = turn(action, seen);
  ports.permit(action, row, seen);
  if (peer !== null) checkSeal(line.json as object, typeof peer === 'string' ? peer : peer.stated, 'counterparty');
  if (seen.message) checkSharedFields(action, seen.message, seen.records, seen.by);
  return row;
}

/** Returns the reply key of a start, for --again; null if the same reply is stored already. */
async function startKey(type: string, text: string, ports: Ports): Promise<string | null> {
  const key = digest([type, text]);
  return (await ports.store.reply(key)) ? null : key;
}

const takes = <I>(row: Row<any, any, I>): Set<keyof I> =>
  new Set([...(row.asks ?? []), ...(row.may ?? []), ...(row.agrees ?? [])]);

/** Returns the standing orders that the row takes. */
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

/** Returns the claims of a step's records and of those they hold; their coins are free to spend. */
const holdings = <M extends Step, Rs extends Records, I extends object>(
  action: Action<M, Rs, I>,
  { records, held }: LoadedRecords<Rs>,
): Claim[] => [...claimsOfRecords(action, records), ...held.flatMap(({ kind, record }) => [...kind.claims(record)])];

async function factsFor<M extends Step, Rs extends Records, I extends object>(
  row: Row<M, Rs, I>,
  seen: StepContext<M | null, Rs, I>,
  holds: readonly Claim[],
  ports: Ports,
) {
  const { payout, ours, reserved, notes, named, spends, ...queries } = row.needs?.(seen) ?? {};
  const { facts, checks } = await ports.source.facts(queries);
  const own: Partial<Facts> = {
    ...(payout !== undefined && { payout: await ports.store.payouts(payout) }),
    ...(ours && { ours: await ports.store.ours(ours) }),
    ...(reserved && { reserved: await reservedIn(ports.store, reserved, holds) }),
    ...(notes && { notes: await ports.store.notes(notes) }),
    ...(named !== undefined && { named: await ports.store.byName(named) }),
    ...(spends && { spends: await spendsOf(spends, facts.coins, ports.source) }),
  };
  // How coins were judged is the step's to say.
  const { coins: _, ...rest } = checks as Record<string, string>;
  return { facts: { ...facts, ...own }, checks: rest };
}

/** Looks up the spenders of missing coins. Unspent and unchecked coins are left out. */
async function spendsOf(
  all: readonly Gone[],
  coins: Facts['coins'] = 'not-checked',
  source: FactSource,
): Promise<Facts['spends']> {
  const gone = all.filter(({ outpoint }) => coins !== 'not-checked' && coins.get(outpointText(outpoint)) === 'missing');
  return (gone.length > 0 && (await source.spends?.(gone, 'any'))) || new Map();
}

/** Returns the words for a second wait in a row: the PSBTs that came back were not enough. */
const stillWaits = <I>(line: RunInput<I>, out: object): string =>
  'waits' in out && line.merged.length > 0 ? 'what came back with --merge is not all that is needed; now ' : '';

/** Checks that --merge has PSBTs of this step only. @throws Refusal `transaction-differs` */
async function checkMerged(merged: readonly string[], message: Step | null, out: object): Promise<void> {
  const { readPsbt } = await import('../bitcoin/psbt.ts');
  const unsigned = (psbt: string) => Buffer.from(readPsbt(psbt).unsignedTx).toString('hex');
  const { waits, signed, message: said } = out as { waits?: object; signed?: object; message?: { psbt?: object } };
  const known = [waits, signed, said?.psbt, (message as { psbt?: object } | null)?.psbt].flatMap(
    (psbts) => Object.values(psbts ?? {}) as string[],
  );
  const expected = new Set(known.map(unsigned));
  if (merged.some((psbt) => !expected.has(unsigned(psbt))))
    throw new Refusal('transaction-differs', 'the PSBT given with --merge is none of the transactions of this step', {
      hint: 'sign the PSBT that this command printed, and nothing else',
    });
}

const waiting = (type: string, row: string, network: string, psbt: object): object => ({
  type,
  version: 1,
  step: 'waiting',
  for: row,
  network,
  psbt,
});
