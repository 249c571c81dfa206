/**
 * A random history of a statecoin between an operator and three owners: messages are delivered, given again, said in other
 * words, given to the wrong home and cancelled; homes die at labelled points, also while a cancel runs beside a step, and come
 * back from backups. Whoever has said a message may lie: a crossing with one of another moment, or of a coin beside this one,
 * under its own seal. The homes themselves are honest, so what they promise holds. Every choice follows from the seed. After each step the rules of the coin are looked at in all homes.
 */
import { existsSync, readdirSync } from 'node:fs';
import { schnorr } from '@noble/curves/secp256k1.js';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import type { Action } from '../../src/lib/protocol/action.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { messageHash } from '../../src/lib/signing/seal.ts';
import { exitStatechain } from '../../src/lib/statechain/exit.ts';
import { isOwners, statecoinKind, type OperatorRecord, type Statecoin } from '../../src/lib/statechain/records.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { reseal, sealSecret } from '../credit/alter.ts';
import { unkept } from './attack.ts';
import { crossings, type Crossed } from './moments.ts';
import { Overheard } from './overheard.ts';
import type { Message, Ran, RunOptions, TestParty } from './party.ts';
import { cast, opened, operatorKey, type Cast } from './statechain.ts';

const OWNERS = ['alice', 'bob', 'carol'] as const;
type Owner = (typeof OWNERS)[number];
const LABELS = [
  'share-synced',
  'before-commit',
  'in-commit',
  'before-journal',
  'before-tide',
  'after-commit',
  'share-destroyed',
  'before-print',
] as const;
class Died extends Error {}

/** Numbers from 0 up to 1, the same for the same seed. */
function numbersFrom(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The message under another signature of the same key: other bytes, and nothing else. */
export async function inOtherWords(all: Cast, m: Message): Promise<Message | undefined> {
  for (const party of all.all) {
    const secret = await sealSecret(party, m).catch(() => undefined);
    if (!secret) continue;
    const { auth: _, ...rest } = m;
    return { ...rest, auth: bytesToHex(schnorr.sign(messageHash(rest), secret, new Uint8Array(32).fill(7))) };
  }
  return undefined;
}
export class CoinWorld {
  readonly all: Cast;
  readonly id: string;
  readonly trace: string[] = [];
  #number: () => number;
  /** A coin of the same homes that is played side by side. */
  #beside: CoinWorld | undefined;
  /** All that was printed, and what of it nobody has read yet. */
  readonly #said: Message[] = [];
  #unread: Message[] = [];
  readonly #backups = new Map<Owner, string>();
  /** What was promised with exit 0: who owns which place of the coin, which openings have ended, which were paid. */
  readonly #owned = new Map<number, string>();
  readonly #ended = new Set<string>();
  readonly #paid = new Set<string>();
  /** The record with which the present owner was seen to leave. */
  #left = '';
  readonly #overheard: Overheard;

  private constructor(all: Cast, id: string, number: () => number, overheard = new Overheard()) {
    this.all = all;
    this.id = id;
    this.#number = number;
    this.#overheard = overheard;
  }
  static async make(seed: number): Promise<CoinWorld> {
    const all = await cast((seed * 4) % 240);
    const world = new CoinWorld(all, await opened(all), numbersFrom(seed));
    for (const name of OWNERS) world.#backups.set(name, await all[name].backUp());
    return world;
  }

  /** Two coins of the same owner and operator. */
  static async pair(seed: number): Promise<[CoinWorld, CoinWorld]> {
    const all = await cast((seed * 4) % 240);
    const overheard = new Overheard();
    const [one, other] = [
      new CoinWorld(all, await opened(all), numbersFrom(seed), overheard),
      new CoinWorld(all, await opened(all), numbersFrom(seed + 1), overheard),
    ];
    for (const name of OWNERS) {
      const backup = await all[name].backUp();
      for (const world of [one, other]) world.#backups.set(name, backup);
    }
    [one.#beside, other.#beside] = [other, one];
    // Each is met at another moment of its first transfer.
    for (const world of [one, other]) for (let n = Math.floor(world.#number() * 8); n > 0; n--) await world.#goOn();
    return [one, other];
  }
  #other(what: (world: CoinWorld) => void): void {
    if (this.#beside) what(this.#beside);
  }
  #toldBeside = (): Message[] => (this.#beside ? this.#beside.#said : []);
  /** From here on every choice follows from that seed. */
  seeded(seed: number): this {
    this.#number = numbersFrom(seed);
    return this;
  }

  #pick = <T>(from: readonly T[]): T => from[Math.floor(this.#number() * from.length)]!;
  #chance = (share: number): boolean => this.#number() < share;

  async records(party: TestParty): Promise<Statecoin[]> {
    return (await party.home.store.list('statecoin')).map(({ record }) => statecoinKind.parse(record));
  }
  async operator(): Promise<OperatorRecord> {
    return (await this.records(this.all.operator)).find((c) => 'id' in c && c.id === this.id) as OperatorRecord;
  }
  /** Who has the key of an owner. */
  async #holderOf(pubkey: string): Promise<[Owner, Statecoin] | undefined> {
    for (const name of OWNERS)
      for (const c of await this.records(this.all[name])) if ('side' in c && c.side.pubkey === pubkey) return [name, c];
    return undefined;
  }
  async #present(): Promise<[Owner, Statecoin]> {
    const { owner_pubkey } = (await this.operator()).entries.at(-1)!;
    const found = await this.#holderOf(owner_pubkey);
    if (!found) throw new Error('nobody has the key of the present owner');
    return found;
  }

  /** Who reads a message. */
  async #reader(m: Message): Promise<TestParty> {
    const { operator } = this.all;
    if (['offered', 'received', 'declined', 'cancelled', 'requested'].includes(m['step'])) return operator;
    // Whoever sent the coin reads `moved` too.
    const { entries } = await this.operator();
    const from = m['step'] === 'moved' && this.#chance(0.3) ? entries.at(-2)?.owner_pubkey : undefined;
    const named = ['sent', 'moved'].includes(m['step']) ? m['invite'].pubkey : entries.at(-1)!.owner_pubkey;
    const [name] = (await this.#holderOf(from ?? named)) ?? (await this.#present());
    return this.all[name];
  }

  async #run(party: TestParty, table: Action<any, any, any>, options: RunOptions): Promise<void> {
    const name = this.#nameOf(party);
    const on = options.on as Message | undefined;
    const what = `${name} ${options.cancel ? 'cancels' : 'reads'} ${on?.['step'] ?? options.over ?? 'a start'}`;
    try {
      const ran = await party.run(table, options);
      this.trace.push(`${what}: ${ran.message['step']}${ran.exit === 3 ? ' (3)' : ''}`);
      await this.#overheard.hear(party, ran);
      this.#hear(name, ran);
    } catch (error) {
      if (error instanceof Died) this.trace.push(`${what}: dies`);
      else if (error instanceof Refusal && error.code !== 'bug') this.trace.push(`${what}: ${error.code}`);
      else throw error;
    }
  }
  #nameOf = (party: TestParty): string =>
    party === this.all.operator ? 'operator' : OWNERS.find((name) => this.all[name] === party)!;

  #hear(name: string, ran: Ran): void {
    const { message: m, exit } = ran;
    if (['owned', 'paid', 'kept', 'complete'].includes(m['step'])) {
      if (m['coin'].id !== this.id) return this.#other((world) => world.#hear(name, ran));
      if (m['step'] === 'owned' && exit === 0) {
        const before = this.#owned.get(m['owners']);
        if (before !== undefined && before !== name)
          throw new Error(`${before} and ${name} both own place ${m['owners']}`);
        this.#owned.set(m['owners'], name);
      }
      if (m['step'] === 'paid') this.#paid.add(m['opening'].operator_pubkey);
      if (m['step'] === 'kept' && m['final']) this.#ended.add(m['cancelled'].operator_pubkey);
      return;
    }
    if (!m['auth']) return;
    const { id = this.id } = (m['coin'] ?? {}) as { id?: string };
    if (id !== this.id) return this.#other((world) => world.#hear(name, ran));
    this.#said.push(m);
    this.#unread.push(m);
  }

  /** The table and flags with which a message is read. */
  #line(m: Message): [Action<any, any, any>, object] {
    if (m['type'] === withdrawStatechain.type) return [withdrawStatechain, {}];
    const input = m['step'] === 'invited' ? { contract: this.id } : m['step'] === 'moved' ? { unchecked: true } : {};
    return [transferStatechain, input];
  }
  async #give(m: Message, party: TestParty, more: Partial<RunOptions> = {}): Promise<void> {
    const [table, input] = this.#line(m);
    const sends = m['step'] === 'moved' && more.cancel !== true && !(await this.#takes(party, m));
    await this.#run(party, table, { on: m, ...(!more.cancel && !sends && { input }), ...more });
  }
  async #takes(party: TestParty, m: Message): Promise<boolean> {
    return (await this.#holderOf(m['invite'].pubkey))?.[0] === this.#nameOf(party);
  }

  async #begin(): Promise<void> {
    const to = this.all[this.#pick(OWNERS)];
    const input = { as: 'receiver', operator: await operatorKey(this.all.operator) };
    await this.#run(to, transferStatechain, { input });
  }
  async #goOn(): Promise<void> {
    const m = this.#unread.pop();
    if (m) return this.#give(m, await this.#reader(m));
    const [name, c] = await this.#present();
    const frozen = (await this.operator()).state === 'frozen';
    if (!frozen && c.state === 'offering')
      return this.#run(this.all[name], transferStatechain, { cancel: true, over: `id:${this.id}` });
    const last = this.#said.findLast(({ step }) => step === 'sent' || step === 'opened');
    if (!frozen || !last) return this.#begin();
    // Nobody answers: it is given up by one of the three.
    const by = last['step'] === 'sent' && this.#chance(0.5) ? await this.#reader(last) : this.all[name];
    await this.#give(last, this.#chance(0.2) ? this.all.operator : by, { cancel: true });
  }
  async #die(): Promise<void> {
    const m = this.#unread.at(-1);
    if (!m) return this.#begin();
    const party = await this.#reader(m);
    const at = this.#pick(LABELS);
    party.point = (label) => {
      if (label === at) throw new Died(label);
    };
    try {
      await this.#give(m, party);
    } finally {
      party.point = undefined;
    }
    await party.reopen();
  }
  /** A crossing of a message with one of another moment or coin, under the seal of whoever has said it. */
  async #lie(): Promise<void> {
    const m = this.#pick(this.#said);
    const others = [...this.#said, ...this.#toldBeside()].filter((o) => o !== m && o['type'] === m['type']);
    const like = others.filter((o) => o['step'] === m['step']);
    if (others.length === 0) return;
    const crossed =
      like.length > 0 && this.#chance(0.8)
        ? [...crossings(m, this.#pick(like), (made) => made)]
        : [...this.#mixed(m, this.#pick(others))];
    if (crossed.length === 0) return;
    const { what, message } = this.#pick(crossed);
    const to = await this.#reader(m);
    const cancel = this.#chance(0.3);
    for (const party of this.all.all) {
      const secret = await sealSecret(party, m).catch(() => undefined);
      if (!secret) continue;
      this.trace.push(`${this.#nameOf(party)} says ${m['step']} with ${what}`);
      return this.#give(reseal(message, secret), this.#chance(0.8) ? to : this.#pick(this.all.all), { cancel });
    }
  }
  /** A message with what it shares with one of another step. */
  *#mixed(m: Message, from: Message): Generator<Crossed> {
    const differ = Object.keys(m).filter(
      (k) =>
        k in from &&
        !['type', 'version', 'step', 'network', 'auth'].includes(k) &&
        JSON.stringify(m[k]) !== JSON.stringify(from[k]),
    );
    for (const k of differ) yield { what: `${k} of ${from['step']}`, message: { ...m, [k]: from[k] } };
    if (differ.length > 1)
      yield {
        what: `all that it shares with ${from['step']}`,
        message: { ...m, ...Object.fromEntries(differ.map((k) => [k, from[k]])) },
      };
  }
  /** A step and a cancel at once, and one of them dies. */
  async #both(): Promise<void> {
    const m = this.#unread.at(-1);
    if (!m) return this.#begin();
    const party = await this.#reader(m);
    const at = this.#pick(LABELS);
    const point = (label: string) => {
      if (label === at) throw new Died(label);
    };
    const dies = this.#chance(0.5);
    this.trace.push(`${dies ? 'the step' : 'the cancel'} dies at ${at}, beside the other`);
    await Promise.all([
      this.#give(m, party, dies ? { point } : {}),
      this.#give(m, party, { cancel: true, ...(!dies && { point }) }),
    ]);
    await party.reopen();
  }
  async #restore(): Promise<void> {
    const name = this.#pick(OWNERS);
    const party = this.all[name];
    const old = this.#chance(0.5);
    await party.lose(old ? this.#backups.get(name)! : await party.backUp());
    if (old && existsSync(party.home.journalDir)) await party.home.reconcile(party.journal());
    await party.home.acceptRestore();
    this.trace.push(`${name} is restored${old ? ' from its first backup and its journal' : ''}`);
  }

  /** One step, by chance. */
  async step(): Promise<void> {
    const at = this.#number();
    const m = this.#said.length > 0 ? this.#pick(this.#said) : undefined;
    if (at < 0.54 || !m) await this.#goOn();
    else if (at < 0.59) await this.#lie();
    else if (at < 0.62) await this.#both();
    else if (at < 0.7) await this.#give(m, await this.#reader(m));
    else if (at < 0.77) {
      const other = await inOtherWords(this.all, m);
      if (other) await this.#give(other, await this.#reader(m));
    } else if (at < 0.81) await this.#give(m, this.#pick(this.all.all));
    else if (at < 0.87) await this.#give(m, await this.#reader(m), { cancel: true });
    else if (at < 0.89)
      await this.#run(this.#pick(this.all.all), transferStatechain, { cancel: true, over: `id:${this.id}` });
    else if (at < 0.95) await this.#die();
    else if (at < 0.98) await this.#restore();
    else await this.#run(this.all[(await this.#present())[0]], withdrawStatechain, { input: { contract: this.id } });
    await this.look();
  }

  /** What holds after every step. */
  async look(): Promise<void> {
    const { operator } = this.all;
    const record = await this.operator();
    const rules: [string, boolean][] = [];
    const files = readdirSync(`${operator.dir}.shares`).filter((name) => name.endsWith('.share'));
    const claims = (await this.records(operator)).flatMap((c) =>
      statecoinKind.claims(c).filter((claim) => claim.startsWith('share:')),
    );
    const named = claims.map((claim) => claim.slice(6));
    rules.push([
      'share files are the claims',
      String(files.map((name) => name.slice(-38, -6)).sort()) === String(named.sort()),
    ]);
    const share = (await operator.home.shares.read([record.share!])).get(record.share!);
    const last = record.entries.at(-1)!;
    rules.push([
      'the operator has the share of the present pair',
      share !== undefined && bytesToHex(publicKey(share)) === last.operator_pubkey,
    ]);
    const backups = record.signed.filter(({ kind }) => kind === 'backup');
    rules.push(['one backup an owner was signed', backups.length === record.entries.length]);
    rules.push(['one withdrawal at most was signed', record.signed.length - backups.length <= 1]);
    const keys = new Set(record.entries.map((e) => e.operator_pubkey));
    rules.push(['no ended opening was completed', [...this.#ended].every((key) => !keys.has(key))]);
    rules.push(['what was paid has moved', [...this.#paid].every((key) => keys.has(key))]);
    const held = await Promise.all(OWNERS.map(async (name) => [name, await this.records(this.all[name])] as const));
    const own = held.flatMap(([, all]) =>
      all.filter((c) => isOwners(c) && c.id === this.id && !c.superseded && c.state !== 'gone'),
    );
    const later = own.filter((c) => isOwners(c) && c.entries.length > record.entries.length);
    rules.push(['nobody holds a backup that comes before the present owner’s', later.length === 0]);
    const broken = rules.filter(([, holds]) => !holds).map(([name]) => name);
    if (broken.length > 0) throw new Error(broken.join('; '));
    await this.#overheard.look(operator, record);
    await this.#canLeave();
  }

  /** Whoever owns the coin and has completed its backup leaves with it at its height. */
  async #canLeave(): Promise<void> {
    const [name, c] = await this.#present();
    const now = JSON.stringify(c, (_, value) => (typeof value === 'bigint' ? String(value) : value));
    if (!isOwners(c) || now === this.#left) return;
    this.#left = now;
    const party = this.all[name];
    const { tip } = party.chain;
    party.chain.tip = c.entries.at(-1)!.locktime;
    const left = await unkept(party).run(exitStatechain, { input: { contract: this.id } });
    party.chain.tip = tip;
    if (!left.message['package'] || left.message['owners'] !== c.entries.length)
      throw new Error(`${name} cannot leave: ${left.message['verdict']}`);
  }

  /** Played to the end: the present owner gets its backup, and then the coin, whatever is under way. */
  async end(): Promise<void> {
    const { operator } = this.all;
    for (let n = 0; n < 4 && !isOwners((await this.#present())[1]); n++) {
      const [name] = await this.#present();
      const { operator_pubkey } = (await this.operator()).entries.at(-1)!;
      const last = (step: string): Message | undefined =>
        this.#said.findLast((m) => m['step'] === step && m['opening']?.operator_pubkey === operator_pubkey);
      // The newest answer first; where its nonce is gone, `sent` is read again.
      await this.#give(last(n === 1 || n === 3 ? 'sent' : 'received')!, n === 1 || n === 3 ? this.all[name] : operator);
      if (n === 1 || n === 3) await this.#give(last('received')!, operator);
      await this.#give(last('moved')!, this.all[name]);
      if (!isOwners((await this.#present())[1])) {
        await this.#give(last('received')!, operator);
        await this.#give(last('moved')!, this.all[name]);
      }
    }
    await this.look();
    await this.#overheard.end(this.all);
    const [name, c] = await this.#present();
    if (!isOwners(c)) throw new Error(`${name} does not get its backup: '${c.state}'`);
    if ((await this.operator()).state === 'frozen')
      await this.#run(operator, transferStatechain, { cancel: true, over: `id:${this.id}` });
    if ((await this.operator()).state !== 'open') return;
    const party = this.all[name];
    if (c.state === 'offering' || c.state === 'sent')
      await this.#run(party, transferStatechain, { cancel: true, over: `id:${this.id}` });
    const requested = await party.run(withdrawStatechain, { input: { contract: this.id } });
    const signed = await operator.run(withdrawStatechain, { on: requested.message });
    await party.run(withdrawStatechain, { on: signed.message });
  }
}
