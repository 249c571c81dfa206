/**
 * What a counterparty can make of true bytes: the pieces of a message of another moment, or of one that it would have sent
 * under other terms, in the place of this one's, sealed anew. Each piece verifies; only the record tells that it does not belong.
 */
import { readPsbt, writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import { canonicalJson } from '../../src/lib/protocol/json.ts';
import type { Message } from './party.ts';

export interface Crossed {
  what: string;
  message: Message;
}
type Step = string | number;
type Fields = Record<string, unknown>;

/** What the runner reads before any record, and what is sealed anew. */
const ENVELOPE = new Set(['version', 'network', 'type', 'step', 'auth', 'checks']);
/** What an input of a PSBT carries beside its transaction. */
const CARRIED = ['musig2PubNonce', 'musig2PartialSig', 'tapKeySig', 'partialSig'] as const;

const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
const isTree = (value: unknown): value is Record<Step, unknown> => typeof value === 'object' && value !== null;
const same = (a: unknown, b: unknown): boolean => canonicalJson(a as never) === canonicalJson(b as never);

/** Of a long list, or a table of keys, the first and the last entry stand for all. */
const LONG = 4;
function keysIn(here: Record<Step, unknown>, there: Record<Step, unknown>): string[] {
  const keys = [...new Set([...Object.keys(here), ...Object.keys(there)])];
  const isList = Array.isArray(here) || keys.every((key) => /^\d+$/.test(key));
  return isList && keys.length > LONG ? [keys[0]!, keys.at(-1)!] : keys;
}
/** The places where the two have not the same, or only one has something: parents before children. */
function* differing(here: unknown, there: unknown, path: Step[] = []): Generator<Step[]> {
  if (!isTree(here) || !isTree(there)) return;
  for (const key of keysIn(here, there)) {
    if (path.length === 0 && ENVELOPE.has(key)) continue;
    if (same(here[key] ?? null, there[key] ?? null)) continue;
    yield [...path, key];
    yield* differing(here[key], there[key], [...path, key]);
  }
}
const at = (root: unknown, path: readonly Step[]): unknown =>
  path.reduce<unknown>((value, key) => (isTree(value) ? value[key] : undefined), root);
/** The message with the other's value there; taken out where the other has none, and a list has no holes then. */
function put(message: Message, path: readonly Step[], value: unknown): Message {
  const made = copy(message);
  const owner = at(made, path.slice(0, -1)) as Record<Step, unknown>;
  const key = path.at(-1)!;
  if (Array.isArray(owner)) owner.splice(Number(key), 1, ...(value === undefined ? [] : [copy(value)]));
  else if (value === undefined) delete owner[key];
  else owner[key] = copy(value);
  return made;
}

type Row = [key: object, value: Uint8Array];
const isRows = (value: unknown): value is Row[] => Array.isArray(value);

const parsed = new Map<string, ReturnType<typeof readPsbt>>();
/** To be looked at alone; a PSBT that is read checks all its keys, which costs more than all else here. */
function looked(psbt: string): ReturnType<typeof readPsbt> {
  const known = parsed.get(psbt) ?? readPsbt(psbt);
  if (parsed.size > 200) parsed.clear();
  parsed.set(psbt, known);
  return known;
}
const text = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (inner instanceof Uint8Array ? [...inner] : inner)) ?? '';

/**
 * A PSBT that keeps its transaction and carries what the other carries, under its own keys where there are as many.
 * @param only the row of that number alone, where there is more than one: the nonce of one key, and the other's stays
 * @returns undefined where it carries the same already
 */
function carrying(psbt: string, other: string, field: (typeof CARRIED)[number], only?: number): string | undefined {
  const [here, there] = [looked(psbt), looked(other)];
  const changes = new Map<number, unknown>();
  for (let i = 0; i < Math.min(here.inputsLength, there.inputsLength); i++) {
    const [mine, theirs] = [here.getInput(i) as Fields, there.getInput(i) as Fields].map((f) => f[field]);
    if (theirs === undefined) continue;
    const paired = isRows(mine) && isRows(theirs) && mine.length === theirs.length;
    if (only !== undefined && !(paired && mine.length > 1)) continue;
    const value = !paired
      ? theirs
      : mine.map(([key, own], n) => [key, only === undefined || only === n ? theirs[n]![1] : own]);
    if (text(value) !== text(mine)) changes.set(i, value);
  }
  if (changes.size === 0) return undefined;
  const made = readPsbt(psbt);
  for (const [i, value] of changes) {
    made.updateInput(i, { [field]: undefined } as never, true);
    made.updateInput(i, { [field]: value } as never, true);
  }
  return writePsbt(made);
}

/**
 * @param message what the reader should get
 * @param other a message of the same type and step
 * @param reseal seals as the sender of `message` would
 * @param wanted which pieces, by their words: making and sealing is what they cost
 */
export function* crossings(
  message: Message,
  other: Message,
  reseal: (m: Message) => Message,
  wanted: (what: string) => boolean = () => true,
): Generator<Crossed> {
  for (const [what, make] of pieces(message, other)) {
    const made = wanted(what) ? make() : undefined;
    if (made) yield { what, message: made === other ? other : reseal(made) };
  }
}

/** Not made yet, and not sealed, but for the other itself. */
function* pieces(message: Message, other: Message): Generator<[what: string, make: () => Message | undefined]> {
  const [here, there] = [message, other].map((m) => copy(m)) as [Message, Message];
  const paths = [...differing(here, there)];
  if (paths.length === 0) return;
  yield ['the other', () => other];
  const all = paths.filter(({ length }) => length === 1).reduce((m, path) => put(m, path, at(there, path)), here);
  yield ['the other, sealed anew', () => all];
  for (const path of paths) {
    const name = path.join('.');
    yield [`${name} of the other`, () => put(here, path, at(there, path))];
    if (paths.length > 1 && at(all, path.slice(0, -1)) !== undefined)
      yield [`all of the other but ${name}`, () => put(all, path, at(here, path))];
  }
  for (const [name, psbt] of Object.entries((here['psbt'] ?? {}) as Record<string, string>)) {
    const from = (there['psbt'] as Record<string, string> | undefined)?.[name];
    if (from === undefined || from === psbt) continue;
    const said = (made: string | undefined, base: Message) =>
      made === undefined ? undefined : { ...base, psbt: { ...base['psbt'], [name]: made } };
    for (const field of CARRIED)
      for (const only of [undefined, 0, 1]) {
        const what = only === undefined ? field : `${field} ${only}`;
        yield [`${name}: ${what} of the other`, () => said(carrying(psbt, from, field, only), here)];
        yield [`${name}: all of the other but ${what}`, () => said(carrying(from, psbt, field, only), all)];
      }
  }
}
