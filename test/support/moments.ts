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

/** The places where both have something, and not the same: parents before children. */
function* differing(here: unknown, there: unknown, path: Step[] = []): Generator<Step[]> {
  if (!isTree(here) || !isTree(there)) return;
  for (const key of new Set([...Object.keys(here), ...Object.keys(there)])) {
    if (path.length === 0 && ENVELOPE.has(key)) continue;
    if (same(here[key] ?? null, there[key] ?? null)) continue;
    yield [...path, key];
    yield* differing(here[key], there[key], [...path, key]);
  }
}
const at = (root: unknown, path: readonly Step[]): unknown =>
  path.reduce<unknown>((value, key) => (isTree(value) ? value[key] : undefined), root);
/** The message with the other's value there; taken out where the other has none. */
function put(message: Message, path: readonly Step[], value: unknown): Message {
  const made = copy(message);
  const owner = at(made, path.slice(0, -1)) as Record<Step, unknown>;
  if (value === undefined) delete owner[path.at(-1)!];
  else owner[path.at(-1)!] = copy(value);
  return made;
}

/** A PSBT that keeps its transaction and carries what the other carries, under its own keys where there are as many. */
function carrying(psbt: string, other: string, field: (typeof CARRIED)[number]): string | undefined {
  const [here, there] = [readPsbt(psbt), readPsbt(other)];
  for (let i = 0; i < Math.min(here.inputsLength, there.inputsLength); i++) {
    const [mine, theirs] = [here.getInput(i) as Fields, there.getInput(i) as Fields].map((f) => f[field]);
    if (theirs === undefined) continue;
    const rows = mine as [object, Uint8Array][] | undefined;
    const others = theirs as [object, Uint8Array][];
    const value =
      !Array.isArray(rows) || rows.length !== others.length ? theirs : rows.map(([key], n) => [key, others[n]![1]]);
    here.updateInput(i, { [field]: undefined } as never, true);
    here.updateInput(i, { [field]: value } as never, true);
  }
  const made = writePsbt(here);
  return made === psbt ? undefined : made;
}

/**
 * @param message what the reader should get
 * @param other a message of the same type and step
 * @param reseal seals as the sender of `message` would
 */
export function* crossings(message: Message, other: Message, reseal: (m: Message) => Message): Generator<Crossed> {
  const [here, there] = [message, other].map((m) => copy(m)) as [Message, Message];
  const paths = [...differing(here, there)];
  if (paths.length === 0) return;
  yield { what: 'the other', message: other };
  const all = paths.filter(({ length }) => length === 1).reduce((m, path) => put(m, path, at(there, path)), here);
  yield { what: 'the other, sealed anew', message: reseal(all) };
  for (const path of paths) {
    const name = path.join('.');
    yield { what: `${name} of the other`, message: reseal(put(here, path, at(there, path))) };
    if (paths.length > 1 && at(all, path.slice(0, -1)) !== undefined)
      yield { what: `all of the other but ${name}`, message: reseal(put(all, path, at(here, path))) };
  }
  for (const [name, psbt] of Object.entries((here['psbt'] ?? {}) as Record<string, string>)) {
    const from = (there['psbt'] as Record<string, string> | undefined)?.[name];
    if (from === undefined || from === psbt) continue;
    for (const field of CARRIED) {
      const made = carrying(psbt, from, field);
      if (made)
        yield {
          what: `${name}: ${field} of the other`,
          message: reseal({ ...here, psbt: { ...here['psbt'], [name]: made } }),
        };
      const back = carrying(from, psbt, field);
      if (back)
        yield {
          what: `${name}: all of the other but ${field}`,
          message: reseal({ ...all, psbt: { ...all['psbt'], [name]: back } }),
        };
    }
  }
}
