/**
 * Lies that verify, told to a party in runs that keep nothing: all crossings of the message that it should get with others of
 * the same type and step, sealed by whoever should be speaking. How each ended, and whether it came to just what the truth
 * comes to.
 */
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Action } from '../../src/lib/protocol/action.ts';
import { canonicalJson } from '../../src/lib/protocol/json.ts';
import { ERRORS, type ErrorCode } from '../../src/lib/protocol/refusal.ts';
import {
  bytesToHex,
  concatBytes,
  evenSecret,
  hasEvenY,
  hexToBytes,
  mod,
  taggedHash,
  timesG,
  toBytes,
  toNumber,
  xBytes,
} from '../../src/lib/signing/curve.ts';
import { messageHash } from '../../src/lib/signing/seal.ts';
import { withoutCommit } from './attack.ts';
import { crossings } from './moments.ts';
import type { Message, RunOptions, TestParty } from './party.ts';

/** A signature as BIP340 makes it without auxiliary randomness; unlike the program, a liar does not verify what it has signed. */
export function signedBy(secret: Uint8Array, key: string, hash: Uint8Array): string {
  const d = toNumber(evenSecret(secret));
  const aux = taggedHash('BIP0340/aux', new Uint8Array(32));
  const masked = toBytes(d).map((byte, i) => byte ^ aux[i]!);
  const nonce = mod(toNumber(taggedHash('BIP0340/nonce', masked, hexToBytes(key), hash)));
  const R = timesG(nonce);
  const k = hasEvenY(R) ? nonce : mod(-nonce);
  const e = toNumber(taggedHash('BIP0340/challenge', xBytes(R), hexToBytes(key), hash));
  return bytesToHex(concatBytes(xBytes(R), toBytes(mod(k + mod(e) * d))));
}
/** The message under the seal of this key, 32 bytes, hex. */
export function sealedBy(secret: Uint8Array, key: string, m: Message): Message {
  const { auth: _, checks: __, ...rest } = m;
  return { ...rest, auth: signedBy(secret, key, messageHash(rest)) };
}

type Table = Action<any, any, any>;
/** Seals a message, and signs again what else its speaker can. */
export type Reseal = (m: Message) => Message;

interface Answer {
  code?: string;
  /** What would be kept, and said. */
  kept?: string;
  said?: string;
  step?: string;
}
export interface Lie {
  at: string;
  what: string;
  /** undefined: not refused. */
  code: string | undefined;
  /** It would keep and say what the true message does, or keep nothing and say again what was said before. */
  same: boolean;
}
export type Allowed = readonly (readonly [what: RegExp, at: RegExp, why: string])[];

const unsealed = ({ auth: _, checks: __, ...rest }: Message): string => canonicalJson(rest);

/** What a run comes to, and nothing of it is kept. */
async function answerOf(party: TestParty, table: Table, options: RunOptions): Promise<Answer> {
  const dry = withoutCommit(party);
  const { ports } = dry;
  let kept: string | undefined;
  dry.ports = (given) => {
    const made = ports(given);
    const commit: typeof made.store.commit = async ({ writes, spends }) => {
      if (writes.length + spends.length > 0) kept = canonicalJson([writes, spends]);
      return true;
    };
    return { ...made, copy: async () => {}, store: { ...made.store, commit } };
  };
  try {
    const { message } = await dry.run(table, options);
    return { ...(kept !== undefined && { kept }), said: unsealed(message), step: message['step'] };
  } catch (error) {
    const { code } = error as { code?: string };
    // The flags are for the row that the truth would come to.
    if (code === 'usage' && Object.keys(options.input ?? {}).length > 0)
      return answerOf(party, table, { ...options, input: {} });
    return { code: code ?? `crash: ${String(error)}` };
  }
}

const filesOf = (party: TestParty): string[] => {
  try {
    return readdirSync(`${party.dir}.shares`).sort();
  } catch {
    return [];
  }
};

/** A piece of a field: of an object, or of a PSBT. */
const PIECE = / \w+\.\w|^\w+\.\w|: /;

export class Lies {
  readonly ended: Lie[] = [];
  /** The pieces of fields that were told where the truth comes to some step: each once, whatever moment it is of. */
  readonly #pieced = new Set<string>();
  /** All that the parties have printed. */
  readonly #said = new Set<string>();

  heard(message: Message): void {
    this.#said.add(unsealed(message));
  }
  wasSaid = (message: Message): boolean => this.#said.has(unsealed(message));

  /**
   * All crossings of what a party should read with each of the others, sealed in each of the ways.
   * @param ways by what is said of them; the first is for all, the others for what replaces a whole field
   */
  async tell(
    party: TestParty,
    table: Table,
    options: RunOptions & { on: Message },
    others: readonly Message[],
    ways: Readonly<Record<string, Reseal>>,
    at: string,
  ): Promise<void> {
    const { on } = options;
    const told = new Set([unsealed(on)]);
    const isNew = (m: Message, key = unsealed(m)): boolean => told.size !== told.add(key).size;
    const lies: [string, Message][] = [];
    const truth = await answerOf(party, table, options);
    const piece = (what: string): string => `${at} → ${truth.step} ${what}`;
    const wanted = (what: string): boolean => !PIECE.test(what) || !this.#pieced.has(piece(what));
    const like = others.filter((m) => m['type'] === on['type'] && m['step'] === on['step']);
    for (const other of like)
      for (const { what, message } of crossings(on, other, (m) => m, wanted)) {
        if (what === 'the other') {
          if (isNew(message, `${unsealed(message)} as it was`)) lies.push([what, message]);
          continue;
        }
        // Without a leaf of a list or of a list's entry it says what the whole other does.
        if (/^all of the other but \w+\.\w+\.\w/.test(what)) continue;
        const key = unsealed(message);
        for (const [way, reseal] of Object.entries(ways)) {
          const first = way === Object.keys(ways)[0];
          if ((!first && / \w+\.\w|^\w+\.\w/.test(what)) || !isNew(message, `${key} ${way}`)) continue;
          const made = reseal(message);
          if (!isNew(made)) continue;
          if (PIECE.test(what)) this.#pieced.add(piece(what));
          lies.push([`${what}${way && `, ${way}`}`, made]);
        }
      }
    await this.give(party, table, options, lies, at, truth);
  }

  /** Each of these messages in the place of the one that the party should read, if there is such a one. */
  async give(
    party: TestParty,
    table: Table,
    options: RunOptions & { on: Message },
    lies: readonly (readonly [what: string, message: Message])[],
    at: string,
    truth: Answer = {},
  ): Promise<void> {
    if (lies.length === 0) return;
    const before = canonicalJson(await party.state());
    const files = filesOf(party);
    for (const [what, message] of lies) {
      const { code, kept, said = '' } = await answerOf(party, table, { ...options, on: message });
      const same = kept === undefined ? this.#said.has(said) : kept === truth.kept && said === truth.said;
      this.ended.push({ at, what, code, same: code === undefined && same });
    }
    expect(canonicalJson(await party.state()), `${at}: the home`).toBe(before);
    expect(filesOf(party), `${at}: the shares`).toEqual(files);
  }

  /** What was taken, comes to something else than the truth, and is allowed by no line. */
  taken(allowed: Allowed): string[] {
    const odd = this.ended.filter((e) => e.code === undefined && !e.same && !fits(e, allowed));
    return [...new Set(odd.map(({ at, what }) => `${at} ${what}`))];
  }
  /** What ended as a fault of the program, or as no lie should. */
  faults(): string[] {
    const exits = [65, 66, 75, 76, 77];
    const bad = this.ended.filter(
      ({ code }) => code !== undefined && (code === 'bug' || !exits.includes(ERRORS[code as ErrorCode]?.[0])),
    );
    return [...new Set(bad.map(({ at, what, code }) => `${at} ${what}: ${code}`))];
  }
  /** Lines that nothing needs. */
  unused(allowed: Allowed): string[] {
    const odd = this.ended.filter((e) => e.code === undefined && !e.same);
    return allowed.filter((row) => !odd.some((e) => fits(e, [row]))).map(([, , why]) => why);
  }
}
const fits = ({ at, what }: Lie, allowed: Allowed): boolean => allowed.some(([w, a]) => w.test(what) && a.test(at));

/** The tests that every collection of lies passes, once all are told. */
export function judged(lies: Lies, allowed: Allowed): void {
  it('each is refused by name, or comes to what the truth comes to', () => {
    expect(lies.taken(allowed)).toEqual([]);
  });
  it('none ends as a fault of the program, or as a slip of the user', () => {
    expect(lies.faults()).toEqual([]);
  });
  it('what may be said is said with reason', () => {
    expect(lies.unused(allowed)).toEqual([]);
  });
}
