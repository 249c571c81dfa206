/** An operator that lies: it keeps every share that it was to destroy, forks its record at will and signs any statement. */
import { parseJson, printJson, withSats } from '../../src/lib/protocol/json.ts';
import { realRandom } from '../../src/lib/home/random.ts';
import { seal } from '../../src/lib/signing/seal.ts';
import { freeze, free, move } from '../../src/lib/statechain/move.ts';
import { freed, type OperatorRecord, type Statecoin } from '../../src/lib/statechain/records.ts';
import { signStatement } from '../../src/lib/statechain/statements.ts';
import { parseTransfer, type At } from '../../src/lib/statechain/transfer-messages.ts';
import type { Message, TestParty } from './party.ts';
import { coinOf } from './statechain.ts';

type Frozen = Extract<OperatorRecord, { state: 'frozen' }>;

export class EvilOperator {
  readonly party: TestParty;
  record: OperatorRecord;
  readonly shares: Map<string, Uint8Array>;

  constructor(party: TestParty, record: OperatorRecord, shares: ReadonlyMap<string, Uint8Array>) {
    this.party = party;
    this.record = record;
    this.shares = new Map(shares);
  }

  /** Takes the record of the home as it is now, with every share file that it names. */
  static async of(party: TestParty, id: string): Promise<EvilOperator> {
    const record = (await coinOf(party, id)) as OperatorRecord;
    const names = [record.share, 'frozen' in record ? record.frozen.share : null].filter((name) => name !== null);
    return new EvilOperator(party, record, await party.home.shares.read(names));
  }

  async key(): Promise<Uint8Array> {
    return (await this.party.home.keys()).auth([0, 0, 0, 0]);
  }
  async #hand() {
    const keys = (await this.party.home.keys()).keysWith([], this.shares);
    return { keys, merged: [], random: realRandom, network: 'regtest', restored: false };
  }
  /** The message under the operator's seal. */
  async say(message: object): Promise<Message> {
    const { checks: _, auth: __, ...rest } = message as Message;
    const plain = JSON.parse(printJson({ type: 'statechain-transfer', version: 1, network: 'regtest', ...rest }));
    return seal(plain, await this.key()) as Message;
  }
  #keep(out: { writes: { coin?: Statecoin }; shares?: readonly { name: string; secret: Uint8Array }[] }): void {
    this.record = (out.writes.coin as OperatorRecord | undefined) ?? this.record;
    for (const { name, secret } of out.shares ?? []) this.shares.set(name, secret);
  }
  async #answer(take: typeof freeze | typeof move | typeof free, m: Message, tip: number): Promise<Message> {
    const said = parseTransfer(parseJson(JSON.stringify(m)));
    const records = { coin: this.record as Statecoin };
    const facts = { tip, coins: 'not-checked' as const };
    const out =
      take === free
        ? free(said as At<'declined'>, records)
        : (take as (...given: unknown[]) => ReturnType<typeof free>)(await this.#hand(), said, records, facts);
    if (!('message' in out)) throw new Error('the operator asks for something');
    this.#keep(out);
    return this.say(out.message);
  }
  freeze = (m: Message, tip = 1000): Promise<Message> => this.#answer(freeze, m, tip);
  move = (m: Message, tip = 1000): Promise<Message> => this.#answer(move, m, tip);
  free = (m: Message, tip = 1000): Promise<Message> => this.#answer(free, m, tip);

  /** Its record without the opening that is under way: it only pretends to have destroyed that. */
  forget(): void {
    if (this.record.state === 'frozen') this.record = freed(this.record as Frozen);
  }
  async statement(kind: 'record' | 'receipt', statement: object): Promise<Message> {
    const plain = JSON.parse(printJson(statement)) as Message;
    return { ...plain, signature: signStatement(kind, plain, await this.key()) };
  }
  /** Another operator with the same past. */
  fork(): EvilOperator {
    return new EvilOperator(this.party, withSats(parseJson(printJson(this.record))) as OperatorRecord, this.shares);
  }
}
