/**
 * A counterparty that answers with what it would have said under other terms, or has said at another moment: whole, and in
 * pieces that are sealed anew (`moments.ts`). What became of each lie: a code, or what the victim would have kept.
 */
import { expect } from 'vitest';
import type { Action } from '../../src/lib/protocol/action.ts';
import { canonicalJson } from '../../src/lib/protocol/json.ts';
import { ERRORS, type ErrorCode } from '../../src/lib/protocol/refusal.ts';
import type { Commit } from '../../src/lib/protocol/ports.ts';
import { tried, type Tried } from '../support/attack.ts';
import type { Pair } from '../support/credit.ts';
import { crossings } from '../support/moments.ts';
import type { Message, RunOptions } from '../support/party.ts';
import { reseal, sealSecret } from './alter.ts';
import type { Who } from './scenes.ts';

/** A message to cross with the true one: in all its pieces, or as a whole and field by field. */
export interface Other {
  name: string;
  message: Message;
  whole?: true;
}
export interface Told {
  /** `type/step` of the message, `:opener` where both parties may begin. */
  at: string;
  /** Whose words they are, and which piece. */
  what: string;
  /**
   * The code that refused it; `again`: what was printed before, and nothing is kept; `as the truth`: it keeps and says just
   * what the true message would; `taken`: anything else.
   */
  ended: string;
}

export const stepOf = (m: Message): string => `${m['type']}/${m['step']}${m['opener'] ? `:${m['opener']}` : ''}`;
/** A piece of more than one field of a field: those of a PSBT are below its name. */
export const isNested = (what: string): boolean => /\.\S* of the other$|but \S*\.|: /.test(what);
/** Single fields of terms: the id tells; `attacks.test.ts` has each. */
const isOfTerms = (what: string): boolean => /contract\.(?!outpoint)\w/.test(what);

/** What a commit keeps, and what it says. */
const keeps = ({ writes, notes, opens, spends, reply }: Commit): string =>
  canonicalJson({
    writes,
    notes,
    opens: opens.map(({ of, sighash, pubnonce }) => [of, sighash, pubnonce]),
    spends: spends.map(({ of, sighash }) => [of, sighash]),
    text: reply.text,
  });

export class Liar {
  readonly told: Told[] = [];
  readonly #said = new Set<string>();
  /** Steps that were attacked in all pieces; afterwards field by field. */
  readonly #attacked = new Set<string>();
  readonly #pieced: Set<string>;

  /** @param pieced the smaller pieces that were told in a step of any scene: each once, whatever moment it is of */
  constructor(pieced = new Set<string>()) {
    this.#pieced = pieced;
  }

  /** Tells every lie in the place of a message; then the victim reads the true one. */
  async plays(
    both: Pair,
    who: Who,
    table: Action<any, any, any>,
    options: RunOptions,
    others: readonly Other[],
  ): Promise<Message> {
    const victim = both[who];
    if (options.on !== undefined && others.length > 0) {
      const before = canonicalJson(await victim.state());
      await this.#tell(both, who, table, options, others);
      expect(canonicalJson(await victim.state()), `${stepOf(options.on as Message)}: the victim’s home`).toBe(before);
    }
    const ran = await victim.run(table, options);
    this.#said.add(ran.text);
    return ran.message;
  }

  async #tell(
    both: Pair,
    who: Who,
    table: Action<any, any, any>,
    options: RunOptions,
    others: readonly Other[],
  ): Promise<void> {
    const [victim, attacker] = [both[who], both[who === 'payer' ? 'payee' : 'payer']];
    const on = options.on as Message;
    // A party reads one of its own messages again only where it has to act next itself.
    const secret =
      on['auth'] === undefined ? undefined : await sealSecret(attacker, on).catch(() => sealSecret(victim, on));
    const seals = (m: Message): Message => (secret ? reseal(m, secret) : m);
    const truth = await tried(victim, table, options);
    const seen = new Set([canonicalJson(on)]);
    const known = this.#attacked.has(stepOf(on));
    this.#attacked.add(stepOf(on));
    for (const { name, message, whole } of others) {
      const wanted = (what: string) => {
        if (isOfTerms(what)) return false;
        return !isNested(what) || !(whole || known || this.#pieced.has(`${stepOf(on)} ${what}`));
      };
      for (const lie of crossings(on, message, seals, wanted)) {
        const key = canonicalJson(lie.message);
        if (seen.has(key)) continue;
        seen.add(key);
        if (isNested(lie.what)) this.#pieced.add(`${stepOf(on)} ${lie.what}`);
        const ran = await tried(victim, table, { ...options, on: lie.message });
        const ended = this.#ended(ran, truth);
        this.told.push({ at: stepOf(on), what: `${name}: ${lie.what}`, ended });
      }
    }
  }

  #ended({ code, commit, text }: Tried, truth: Tried): string {
    if (code !== undefined) return code;
    if (commit === undefined) return this.#said.has(text!) ? 'again' : text === truth.text ? 'as the truth' : 'taken';
    return truth.commit && keeps(commit) === keeps(truth.commit) ? 'as the truth' : 'taken';
  }
}

/** What is taken, and why nobody loses by it: the piece, the step, the reason. */
export const HARMLESS: readonly (readonly [RegExp, RegExp, why: string])[] = [
  [/./, /^(open-credit|rollover)\/offered$/, 'an offer is the payee’s to make, of whatever keys and address it holds'],
  [
    /^(capacity|coin|expiry|issuer|next \w+|fee|same contract): (the other|all of the other but contract)$/,
    /^(open-credit|rollover)\/proposed$/,
    'within the policy of the offer, terms, coins and fee are the payer’s to propose',
  ],
  [
    /: (refund|close|update): (musig2PubNonce of the other|all of the other but musig2PubNonce)$/,
    /\/(proposed|requested)(:\w+)?$/,
    'the opener’s nonce is the opener’s choice: one that it has spent or lost completes nothing of its own',
  ],
  [
    /: refund: musig2PubNonce [01] of the other$/,
    /\/accepted$/,
    'the payer’s own nonce, which it knows of its store: the partial is checked against that one',
  ],
  [
    /: rollover: musig2PubNonce of the other$/,
    /^rollover\/accepted$/,
    'the payee opens the rollover there, and the nonce is its choice',
  ],
  [
    /^(amount|paid before|rounds before|same contract): (the other|all of the other but asked)$/,
    /^sign-update\/requested$/,
    'what a person agrees to pay, or less than was signed: signed again, nothing grows',
  ],
  [
    /: ecash of the other$/,
    /^sign-update\/requested$/,
    'which keyset signs is the payee’s choice; who pays for ecash reads all of it, and who does not nothing',
  ],
  [
    /: (asked of the other|all of the other but contract|the other)$/,
    /^sign-update\/asked$/,
    'what is asked is the payer’s choice',
  ],
  [
    /: (asked of the other|all of the other but asked)$/,
    /^sign-update\/accepted$/,
    'the payee’s word for what was asked changes nothing that is paid',
  ],
  [/: /, /^ecash-restore\/asked$/, 'whatever outputs it shows, it gets what was signed of them'],
  [
    /: (the other|(id|found|found\.\d) of the other|all of the other but (id|outputs))$/,
    /^ecash-restore\/answered$/,
    'a payee that keeps ecash back, or signs for another amount: the token is what it is worth, and the payment stays awaited',
  ],
  [
    /: id of the other$/,
    /^(ecash-quote|credit-invoice)\//,
    'it makes each request a message of its own; what rests on the answer is the word of who is asked',
  ],
  [
    /: all of the other but contract$/,
    /^ecash-quote\//,
    'which quote it is the mint says, and whose key may mint from it',
  ],
  [
    /: (all of the other but contract|(paid|owed)_sat of the other)$/,
    /^credit-invoice\//,
    'the home’s word, which it has to sign for by sign-update',
  ],
  [
    /^(fee|paid before): the other$/,
    /^close-credit\/proposed/,
    'fee within the bounds of both, and a payee that closes for less than it was paid: the opener’s choice',
  ],
];
export const isHarmless = ({ at, what }: Told): boolean => HARMLESS.some(([w, a]) => w.test(what) && a.test(at));

/** What was neither refused by a documented code that an attack may end in, nor is harmless. */
export const wrong = (told: readonly Told[]): string[] =>
  told
    .filter((t) => {
      if (t.ended === 'again' || t.ended === 'as the truth') return false;
      if (t.ended === 'taken') return !isHarmless(t);
      return t.ended === 'bug' || ![65, 66, 75, 76, 77].includes(ERRORS[t.ended as ErrorCode]?.[0] ?? 0);
    })
    .map(({ at, what, ended }) => `${at} | ${what} | ${ended}`);
