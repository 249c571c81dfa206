/**
 * What the parties of a statecoin can sign again when they lie together: statements, sealed halves and seals, with every secret
 * that their homes have had. So a lie is refused for what it says, and not because a signature over it is missing.
 */
import { canonicalJson } from '../../src/lib/protocol/json.ts';
import type { Path } from '../../src/lib/protocol/action.ts';
import { isSealedBy } from '../../src/lib/signing/seal.ts';
import { bytesToHex, evenSecret, taggedTextHash } from '../../src/lib/signing/curve.ts';
import { evenKey } from '../../src/lib/signing/sealed-field.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { xOnlyKey } from '../../src/lib/signing/bip340.ts';
import { statecoinKind } from '../../src/lib/statechain/records.ts';
import { openIn, sealIn } from '../../src/lib/statechain/transfer-messages.ts';
import { sealedBy, signedBy } from '../support/lies.ts';
import type { Message } from '../support/party.ts';
import type { Cast } from '../support/statechain.ts';

type Kind = 'record' | 'receipt' | 'transfer' | 'declined';

export class Liars {
  /** By public key: authentication secrets, and the one-time secrets of openings. */
  readonly #auth = new Map<string, Uint8Array>();
  readonly #oneTime = new Map<string, Uint8Array>();
  /** By ciphertext: what was sealed. */
  readonly #plain = new Map<string, Uint8Array>();
  #operator = '';

  /** Takes in what the homes have now, and what a message seals. */
  async learn(all: Cast, m?: Message): Promise<void> {
    for (const party of all.all) {
      const keys = await party.home.keys();
      for (const { record } of await party.home.store.list('statecoin')) {
        const c = statecoinKind.parse(record);
        const secret = keys.auth(c.own.path as Path);
        this.#auth.set(xOnlyKey(secret), secret);
        if (c.role === 'operator') this.#operator = xOnlyKey(secret);
        if (c.state !== 'frozen') continue;
        const share = (await party.home.shares.read([c.frozen.share])).get(c.frozen.share)!;
        this.#oneTime.set(c.frozen.opening.one_time_pubkey, share.slice(64));
      }
    }
    if (m) this.#read(m);
  }
  #read(m: Message): void {
    const read = (field: 'x' | 'm1' | 'm2', key: string, sealed: string, reader: Uint8Array | undefined) => {
      if (reader && !this.#plain.has(sealed))
        this.#plain.set(sealed, openIn(field, m, { key, sealed }, reader, 'liar'));
    };
    if (m['step'] === 'opened')
      read('x', m['opening'].one_time_pubkey, m['x'], this.#even(m['record'].entries.at(-1).owner_auth));
    if (m['step'] === 'sent') read('m1', m['m1'].key, m['m1'].sealed, this.#even(m['invite'].auth));
    if (m['step'] === 'received' && m['m2'])
      read('m2', m['m2'].key, m['m2'].sealed, this.#oneTime.get(m['opening'].one_time_pubkey));
  }
  #even(auth: string): Uint8Array | undefined {
    const secret = this.#auth.get(auth);
    return secret && evenSecret(secret);
  }

  /** Whoever has sealed it. */
  sealer(m: Message): string {
    return [...this.#auth.keys()].find((key) => isSealedBy(m, key))!;
  }
  /** The message under the seal of this key. */
  sealed(m: Message, key: string): Message {
    return sealedBy(this.#auth.get(key)!, key, m);
  }
  #sign(kind: Kind, statement: object, by: string): string | undefined {
    const hash = taggedTextHash(`spillway/statechain/${kind}`, canonicalJson(statement));
    const secret = this.#auth.get(by);
    return secret && signedBy(secret, by, hash);
  }

  /** The message with everything signed and sealed again that fits to what it says now. @param key seals it */
  mended(m: Message, key: string): Message {
    const { auth: _, checks: __, ...made } = structuredClone(m);
    const sign = (kind: Kind, statement: object, by: string) => this.#sign(kind, statement, by);
    for (const kind of ['record', 'receipt'] as const) {
      if (!made[kind]) continue;
      const { signature: __, ...statement } = made[kind];
      made[kind] = { ...statement, signature: sign(kind, statement, this.#operator) };
    }
    const { coin, invite, opening, record } = made;
    const last = record?.entries?.at(-1);
    if (made['step'] === 'sent' && last) {
      const says = { coin, owners: record.entries.length, invite, operator_pubkey: opening.operator_pubkey };
      made['transfer_signature'] = sign('transfer', says, last.owner_auth) ?? made['transfer_signature'];
    }
    if (made['step'] === 'declined') {
      const says = { coin: coin.id, owner_pubkey: invite.pubkey, operator_pubkey: opening.operator_pubkey };
      made['declined'] = sign('declined', says, invite.auth) ?? made['declined'];
    }
    if (made['step'] === 'freed' && made['cancelled'].declined) {
      const { owner_pubkey, operator_pubkey, owner_auth } = made['cancelled'];
      const says = { coin: coin.id, owner_pubkey, operator_pubkey };
      made['cancelled'].declined = sign('declined', says, owner_auth) ?? made['cancelled'].declined;
    }
    this.#close(made);
    const speaker: unknown =
      made['step'] === 'sent'
        ? last?.owner_auth
        : ['invited', 'received', 'declined'].includes(made['step'])
          ? invite.auth
          : undefined;
    return this.sealed(made, this.#auth.has(speaker as string) ? (speaker as string) : key);
  }
  /** The halves, sealed in the message as it is now. */
  #close(m: Message): void {
    const again = (field: 'm1' | 'm2', to: string) => {
      const plain = this.#plain.get(m[field].sealed);
      if (!plain) return;
      const { [field]: _, ...rest } = m;
      const oneTime = new Uint8Array(32).fill(77);
      m[field] = { key: bytesToHex(publicKey(oneTime)), sealed: sealIn(field, rest, plain, oneTime, to) };
    };
    const { opening, invite, record } = m;
    if (m['step'] === 'sent') again('m1', evenKey(invite.auth));
    if (m['step'] === 'received' && m['m2']) again('m2', opening.one_time_pubkey);
    const [plain, oneTime] = [this.#plain.get(m['x']), this.#oneTime.get(opening?.one_time_pubkey)];
    const sender = record?.entries?.at(-1)?.owner_auth;
    if (m['step'] !== 'opened' || !plain || !oneTime || !sender) return;
    const { x: _, ...rest } = m;
    m['x'] = sealIn('x', rest, plain, oneTime, evenKey(sender));
  }
}
