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

/**
 * A PSBT that keeps its transaction and carries what the other carries, under its own keys where there are as many.
 * @param only the row of that number alone, where there is more than one: the nonce of one key, and the other's stays
 */
function carrying(psbt: string, other: string, field: (typeof CARRIED)[number], only?: number): string | undefined {
  const [here, there] = [readPsbt(psbt), readPsbt(other)];
  for (let i = 0; i < Math.min(here.inputsLength, there.inputsLength); i++) {
    const [mine, theirs] = [here.getInput(i) as Fields, there.getInput(i) as Fields].map((f) => f[field]);
    if (theirs === undefined) continue;
    const paired = isRows(mine) && isRows(theirs) && mine.length === theirs.length;
    if (only !== undefined && !(paired && mine.length > 1)) continue;
    const value = !paired
      ? theirs
      : mine.map(([key, own], n) => [key, only === undefined || only === n ? theirs[n]![1] : own]);
    here.updateInput(i, { [field]: undefined } as never, true);
    here.updateInput(i, { [field]: value } as never, true);
  }
  const made = writePsbt(here);
  return made === writePsbt(readPsbt(psbt)) ? undefined : made;
}

/**
 * @param message what the reader should get
 * @param other a message of the same type and step
 * @param reseal seals as the sender of `message` would
 * @param wanted which pieces, by their words: sealing is what they cost
 */
export function* crossings(
  message: Message,
  other: Message,
  reseal: (m: Message) => Message,
  wanted: (what: string) => boolean = () => true,
): Generator<Crossed> {
  for (const { what, message: made } of pieces(message, other))
    if (wanted(what)) yield { what, message: made === other ? other : reseal(made) };
}

/** Not sealed yet, but for the other itself. */
function* pieces(message: Message, other: Message): Generator<Crossed> {
  const [here, there] = [message, other].map((m) => copy(m)) as [Message, Message];
  const paths = [...differing(here, there)];
  if (paths.length === 0) return;
  yield { what: 'the other', message: other };
  const all = paths.filter(({ length }) => length === 1).reduce((m, path) => put(m, path, at(there, path)), here);
  yield { what: 'the other, sealed anew', message: all };
  for (const path of paths) {
    const name = path.join('.');
    yield { what: `${name} of the other`, message: put(here, path, at(there, path)) };
    if (paths.length > 1 && at(all, path.slice(0, -1)) !== undefined)
      yield { what: `all of the other but ${name}`, message: put(all, path, at(here, path)) };
  }
  for (const [name, psbt] of Object.entries((here['psbt'] ?? {}) as Record<string, string>)) {
    const from = (there['psbt'] as Record<string, string> | undefined)?.[name];
    if (from === undefined || from === psbt) continue;
    const said = (psbts: object, base: Message) => ({ ...base, psbt: { ...base['psbt'], ...psbts } });
    for (const field of CARRIED)
      for (const only of [undefined, 0, 1]) {
        const what = only === undefined ? field : `${field} ${only}`;
        const made = carrying(psbt, from, field, only);
        if (made) yield { what: `${name}: ${what} of the other`, message: said({ [name]: made }, here) };
        const back = carrying(from, psbt, field, only);
        if (back) yield { what: `${name}: all of the other but ${what}`, message: said({ [name]: back }, all) };
      }
  }
}
