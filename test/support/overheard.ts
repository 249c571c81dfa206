/**
 * All that the homes of statecoins have said, and what must not be in it: shares, x, E, the halves of a key update and the
 * keys of the seed, at no time; an offset before its move is kept; a half before its home remembers the opening.
 */
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import type { Path } from '../../src/lib/protocol/action.ts';
import { firstMessage, secondMessage, type UpdatePair } from '../../src/lib/signing/key-update.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { isOwners, statecoinKind, type OperatorRecord, type Statecoin } from '../../src/lib/statechain/records.ts';
import type { Message, Ran, TestParty } from './party.ts';
import type { Cast } from './statechain.ts';

const recordsOf = async ({ home }: TestParty): Promise<Statecoin[]> =>
  (await home.store.list('statecoin')).map(({ record }) => statecoinKind.parse(record));

/** A transfer that was under way: its pairs, and the x that blinds the halves. */
interface Seen {
  pair: UpdatePair;
  next: UpdatePair;
  x: Uint8Array;
}

export class Overheard {
  readonly #said: string[] = [];
  /** By the names of their files. */
  readonly #shares = new Map<string, Uint8Array>();
  readonly #openings: Seen[] = [];
  /** By coin: how many owners it had at the last look, and how much was said by then. */
  readonly #looked = new Map<string, { owners: number; said: number }>();

  /** @throws where a secret half or an offset is out, and the record does not say so yet */
  async hear(party: TestParty, { message: m, text, hint = '' }: Ran): Promise<void> {
    const psbts = Object.values((m['psbt'] ?? {}) as Record<string, string>);
    const within = psbts.map((psbt) => Buffer.from(psbt, 'base64').toString('hex'));
    this.#said.push([text, hint, ...within].join('\n'));
    const known = await this.#isKnown(party, m);
    if (!known) throw new Error(`'${m['step']}' was printed before its opening was kept`);
  }
  async #isKnown(party: TestParty, m: Message): Promise<boolean> {
    const half = m['step'] === 'sent' || (m['step'] === 'received' && m['m2'] !== null);
    if (!half && m['step'] !== 'moved') return true;
    const { operator_pubkey: key } = m['opening'] as { operator_pubkey: string };
    const has = (entries: readonly { operator_pubkey: string }[]) => entries.some((e) => e.operator_pubkey === key);
    return (await recordsOf(party)).some((c) => {
      if (m['step'] === 'sent') return isOwners(c) && has(c.given.filter(({ sent }) => sent));
      const answers = 'opening' in c && c.opening?.operator_pubkey === key;
      return answers || ('entries' in c && has(c.entries));
    });
  }

  /** What the operator holds now is never to be said; what it has moved was not said before. */
  async look({ home }: TestParty, record: OperatorRecord): Promise<void> {
    const frozen = record.state === 'frozen' ? record.frozen : undefined;
    const names = [record.share!, ...(frozen ? [frozen.share] : [])].filter((name) => !this.#shares.has(name));
    for (const [name, share] of names.length > 0 ? await home.shares.read(names) : []) {
      this.#shares.set(name, share);
      const last = record.entries.at(-1)!;
      if (frozen?.share === name)
        this.#openings.push({
          pair: [last.operator_pubkey, last.owner_pubkey],
          next: [frozen.opening.operator_pubkey, frozen.invite.pubkey],
          x: share.slice(32, 64),
        });
    }
    const { owners, said } = this.#looked.get(record.id) ?? { owners: record.entries.length, said: 0 };
    for (const { offset } of record.entries.slice(owners))
      if (this.#said.slice(0, said).some((text) => text.includes(offset)))
        throw new Error('an offset was said before the coin had moved');
    this.#looked.set(record.id, { owners: record.entries.length, said: this.#said.length });
  }

  /** Is any of it in anything that was said? */
  async end({ all }: Cast): Promise<void> {
    const secrets = new Map<string, string>();
    const add = (name: string, secret: Uint8Array) => secrets.set(bytesToHex(secret), name);
    for (const share of this.#shares.values())
      for (let at = 0; at < share.length; at += 32) add('share, x or E', share.slice(at, at + 32));
    const owners = new Map<string, Uint8Array>();
    for (const party of all) {
      const keys = await party.home.keys();
      for (const { own } of await recordsOf(party)) {
        const contract = keys.contract(own.path as Path);
        owners.set(bytesToHex(publicKey(contract)), contract);
        add('key', contract);
        add('authentication key', keys.auth(own.path as Path));
      }
    }
    for (const { pair, next, x } of this.#openings) {
      const [from, to] = [owners.get(pair[1]), owners.get(next[1])];
      if (!from) continue;
      const m1 = firstMessage(pair, from, x);
      add('m1', m1);
      if (to) add('m2', secondMessage(m1, next, to));
    }
    for (const text of this.#said)
      for (const [secret, name] of secrets) if (text.includes(secret)) throw new Error(`a ${name} was said: ${text}`);
  }
}
