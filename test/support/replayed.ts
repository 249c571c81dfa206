/**
 * What was ever said, given to everybody once more: after it was pruned, or to a home that was put back. Each is refused or
 * answered as before, and changes nothing; whatever else happens is said as `anew`.
 */
import { tableOf } from '../../src/lib/families.ts';
import { canonicalJson } from '../../src/lib/protocol/json.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import type { Message, RunOptions, TestParty } from './party.ts';

interface Said {
  message: Message;
  text: string;
}
interface Answered {
  party: TestParty;
  options: RunOptions;
}

export class Story {
  readonly #said: Said[] = [];
  readonly #answered: Answered[] = [];

  /** Hears all that these parties say from now on. */
  constructor(parties: readonly TestParty[]) {
    for (const party of parties) {
      const run = party.run.bind(party);
      party.run = async (table, options = {}) => {
        const ran = await run(table, options);
        this.#said.push(ran);
        if (options.on !== undefined && !options.cancel) this.#answered.push({ party, options });
        return ran;
      };
    }
  }

  get messages(): readonly Message[] {
    return this.#said.map(({ message }) => message);
  }

  /**
   * Each message once more to this party, with what it was answered with where this party has answered it.
   * @returns by step what became of it: the code of a refusal; `as before`; `again`, where the same bytes were worked out and
   * kept once more; or `anew`
   */
  async again(party: TestParty): Promise<Record<string, string>> {
    const said = [...this.#said];
    const texts = new Set(said.map(({ text }) => text));
    const outcomes: Record<string, Set<string>> = {};
    for (const { message } of said) {
      const table = (await tableOf(message['type']))!;
      const given = this.#answered.find(
        (a) => a.party === party && canonicalJson(a.options.on as never) === canonicalJson(message as never),
      );
      const before = canonicalJson((await party.state()) as never);
      const outcome = await this.#outcome(party, table, { ...given?.options, on: message }, texts);
      const same = canonicalJson((await party.state()) as never) === before;
      const step = `${String(message['type'])} ${String(message['step'])}`;
      const changed = outcome === 'as before' ? 'again' : `anew: ${outcome}`;
      (outcomes[step] ??= new Set()).add(same ? outcome : changed);
    }
    return Object.fromEntries(Object.entries(outcomes).map(([step, all]) => [step, [...all].sort().join(', ')]));
  }

  async #outcome(
    party: TestParty,
    table: Parameters<TestParty['run']>[0],
    options: RunOptions,
    texts: ReadonlySet<string>,
  ): Promise<string> {
    try {
      const { text } = await party.constructor.prototype.run.call(party, table, options);
      return texts.has(text) ? 'as before' : 'anew';
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return error.code;
    }
  }
}

/** What came of any of them. */
export const outcomesOf = (again: Record<string, string>): string[] =>
  [...new Set(Object.values(again).flatMap((said) => said.split(', ')))].sort();
