/**
 * Contract actions: a table whose rows say whose turn it is and hold the pure function that takes
 * the step. A family exports one table an action. The one runner serves them all. It reads a
 * message, finds the row, gathers the facts that the row needs and calls `take`. Then it asks for
 * consent, commits once, and prints. Nothing here does I/O.
 * Not here: how messages are signed (`seal.ts`), stored (`home/`) or printed (`cli/`).
 */
import type { Json } from './json.ts';
import type { Gone } from '../bitcoin/outpoint.ts';
import type { Claim, Hex, Kind, RecordRow } from './kind.ts';
import { Refusal } from './refusal.ts';

export type { Claim, HeldRecord, Hex, Kind, RecordRow } from './kind.ts';

/** A role in a contract: payer, payee, operator, owner … */
export type Party = string;
/** A PSBT in base64. */
export type Psbt = string;
export type Psbts = Readonly<Record<string, Psbt>>;

/** The records of an action by role: { contract }, { contract, next }. */
export type Records = Readonly<Record<string, object>>;

/** A place in the home's own wallet (BIP86): chain 0 receives, chain 1 takes change. */
export interface WalletPath {
  chain: 0 | 1;
  index: number;
}
export interface OwnAddress extends WalletPath {
  address: string;
}
export interface Coin {
  sat: bigint;
  script: Hex;
  confirmations: number;
  /** Made by the first transaction of a block: nobody can spend it before it has matured. */
  coinbase?: boolean;
}

/** Questions of a row to chain, wallet and clock before `take`. */
export interface Queries {
  tip: true;
  /** Outpoints (`txid:vout`): is each unspent, also by the mempool? */
  coins: readonly string[];
  /** Coins whose spender is looked for, blocks searched too, where they are gone. Asked besides `coins`. */
  spends: readonly Gone[];
  /** Outpoints: does another live record of this home hold one? */
  reserved: readonly string[];
  /** Txids: has the node seen each, in a block or its mempool? */
  known: readonly Hex[];
  /** Asks for the bodies of all records of this name. */
  named: Hex;
  feerate: true;
  now: true;
  /**
   * Number of addresses of the home that nothing else pays to; they count as used only once the
   * step is committed.
   */
  payout: number;
  /** Scripts: does each belong to the home's wallet? */
  ours: readonly Hex[];
  /** Names of notes (`Kept.notes`): was each noted before, and with what value? */
  notes: readonly string[];
  /** Names that services outside are asked about. */
  remote: readonly Remote[];
}
/** The spender of a coin. */
export interface SpentBy {
  /** null: the node does not say. */
  txid: Hex | null;
  /** null: it is one of those that were named. */
  hex: Hex | null;
  /** 0: in the mempool. */
  confirmations: number;
}
/** A name, and the URL of the service that is asked about it. */
export interface Remote {
  at: string;
  id: string;
}
export interface Facts {
  tip: number | 'not-checked';
  coins: ReadonlyMap<string, Coin | 'missing'> | 'not-checked';
  /** Maps each outpoint to its spender, as far as known. */
  spends: ReadonlyMap<string, SpentBy>;
  /** Maps each reserved outpoint to the record that holds it. */
  reserved: ReadonlyMap<string, Pick<RecordRow, 'name'> & { kind: string }>;
  /**
   * Maps each txid to whether the node has seen it; without those of which it cannot tell (no index
   * of transactions).
   */
  known: ReadonlyMap<Hex, boolean> | 'not-checked';
  /** Satoshis for a thousand virtual bytes. */
  feerate: number;
  /** Unix time, seconds. */
  now: number;
  payout: readonly OwnAddress[];
  ours: ReadonlyMap<Hex, WalletPath>;
  notes: ReadonlyMap<string, Json>;
  /** Kinds and bodies of records, oldest first. */
  named: readonly { kind: string; record: Json }[];
  /** Maps each id to what the service says of it, 'unknown' for one that it does not know; none where nobody asked. */
  remote: ReadonlyMap<string, object | 'unknown'>;
}

/** Place of an open nonce: one for each (record, sighash). Opening another voids the older one. */
export interface NonceId {
  of: Claim;
  sighash: Hex;
}
export interface OpenNonce extends NonceId {
  pubnonce: Hex;
  /** The 97-byte secret nonce of BIP327. */
  secret: Uint8Array;
}
/** Four times 31 random bits: where a contract's keys lie in the home's tree. */
export type Path = readonly [number, number, number, number];

/** A secret that no seed gives back, kept in a file of its own while a record claims `share:NAME`. */
export interface ShareFile {
  /** 32 lowercase hex digits, drawn at random. */
  name: string;
  secret: Uint8Array;
}

/** Secrets by the path that each record holds; `nonce` and `share` know those of the loaded records. */
export interface Keys {
  contract(path: Path): Uint8Array;
  auth(path: Path): Uint8Array;
  /** Returns the secret of one purpose of a family, 2 or more; with an index, one of many. */
  secret(path: Path, purpose: number, index?: number): Uint8Array;
  /** Returns the home's seed, 64 bytes, for secrets that other wallets of these words derive too. */
  seed(): Uint8Array;
  wallet(path: WalletPath): Uint8Array;
  nonce(id: NonceId): OpenNonce | undefined;
  /** @throws Refusal `share-missing` */
  share(name: string): Uint8Array;
}

export interface Seen<In, Rs extends Records, I> {
  message: In;
  records: Partial<Rs>;
  input: I;
  by: Party;
  /** The name of a start (--request-id). */
  requestId?: string | undefined;
}
/** Keys, names and randomness that every step may use besides its message, whatever its table. */
export interface Hand {
  keys: Keys;
  /** PSBTs that came back from another wallet (--merge). */
  merged: readonly Psbt[];
  random: (bytes: number) => Uint8Array;
  network: string;
  /** The store was restored or copied, and its owner has not accepted that yet. */
  restored: boolean;
  /**
   * True for a home that was ever restored, copied or made of its words. A counter or choice that
   * it calls new may have been used by the lost one, in later records too.
   */
  mayRepeat: boolean;
}
export interface Given<In, Rs extends Records, I, K extends keyof I, Q extends keyof Facts>
  extends Seen<In, Rs, I & Required<Pick<I, K>>>, Hand {
  facts: Pick<Facts, Q>;
}

/** Asked after `take`, before the commit: nobody is asked about what would be refused. */
export interface Consent {
  text: string;
  /** Amount that --amount must equal. */
  amountSat: bigint;
  /** Amount that counts against --max; a retry grows by nothing. */
  growthSat: bigint;
}
/** A public document kept outside the home too, synced before anything is printed (`--refunds`). */
export interface Copy {
  name: string;
  body: object;
}
/** An event that may happen once in the life of a home, and its value. */
export interface Note {
  name: string;
  body: object;
  /** True if the note may be pruned with old replies, because nobody can repeat its request any more. */
  lapses?: true;
}
/** Committed in one transaction. `spends` end in a finished signature. */
export interface Kept<Rs extends Records> {
  writes: Partial<Rs>;
  opens?: readonly OpenNonce[];
  /** Nonces that were opened before and that are printed again. */
  shows?: readonly (NonceId & { pubnonce: Hex })[];
  spends?: readonly NonceId[];
  /** New shares, each claimed by a record that is written; on disk before the commit. */
  shares?: readonly ShareFile[];
  copies?: readonly Copy[];
  /** Written once and never changed: a name that was noted before refuses the step (`already-known`). */
  notes?: readonly Note[];
  consent?: Consent;
  /** PSBTs that come back with --merge and are not in the message. */
  signed?: Psbts;
  /** Checks of this step, printed beside those of the facts. */
  checks?: Readonly<Record<string, string>>;
  /** True for a reply that may differ when asked again: it is not kept as the answer to this input. */
  passing?: true;
  /** Records that an earlier run made of the same input, by claim: in the journal before they are shown again. */
  rests?: readonly Claim[];
}
/**
 * `message`: exit 0, or 3 where the next run is this party's own. `waits`: PSBTs for another wallet, exit 3; the same
 * command on the same input with --merge goes on from what was kept.
 */
export type TakeResult<Out, Rs extends Records> = Done<Out, Rs> | Asking<Out, Rs>;
export type Done<Out, Rs extends Records> = Kept<Rs> &
  ({ message: Out; exit?: 3; hint?: string } | { waits: Psbts; hint: string });
/** Every check has passed; a program outside (`Ports.outside`) is asked, and the step goes on with its answer. */
export interface Asking<Out, Rs extends Records> {
  asks: { program: string; body: object };
  answered(answer: unknown): Done<Out, Rs>;
}

export interface Step {
  readonly step: string;
}
type At<M extends Step, S> = S extends null ? null : Extract<M, { step: S }>;
export type When<In, Rs extends Records, I> = readonly [words: string, holds: (seen: Seen<In, Rs, I>) => boolean];

/** `asks` are required, `may` optional, `agrees` only agree (a retry may change them); any other flag is a usage error. */
interface Flags<I, K extends keyof I> {
  asks?: readonly K[];
  may?: readonly (keyof I)[];
  agrees?: readonly (keyof I)[];
}
export interface Row<M extends Step, Rs extends Records, I> extends Flags<I, keyof I> {
  name: M['step'];
  /** Step that the reply names until the chain has confirmed that. */
  meanwhile?: M['step'];
  after: M['step'] | null;
  by: Party;
  /** Action of this run, in words that follow "the payer". */
  does: string;
  /**
   * Condition under which a server takes the row although it is of another party than the server
   * plays: `take` bounds its cost.
   */
  unattended?: When<M | null, Rs, I>;
  when?: When<M | null, Rs, I>;
  needs?(seen: Seen<M | null, Rs, I>): Partial<Queries>;
  /** Loads code that this step needs and most runs do not. */
  loads?(seen: Seen<M | null, Rs, I>): Promise<unknown> | undefined;
  /**
   * True for a reply that is a secret of this home and a function of message and record: worked out
   * again, never stored.
   */
  secret?: true;
  /** True for a reply that stands for good: neither a cancel nor a restore takes it away. */
  stands?: true;
  /** The step gives the action up, as a cancel does: what was answered over the records that it writes is said no more. */
  ends?: true;
  take(given: Given<M | null, Rs, I, never, keyof Facts>): TakeResult<M, Rs>;
}
/** `take` gets exactly the message, flags and facts that its row names, and must return the message that it is named after. */
export type RowOf<M extends Step, Rs extends Records, I> = <
  const A extends M['step'] | null,
  const N extends M['step'],
  const K extends keyof I = never,
  const Q extends keyof Facts = never,
  const W extends M['step'] = never,
>(
  row: Flags<I, K> & {
    name: N;
    meanwhile?: W;
    after: A;
    by: Party;
    does: string;
    unattended?: When<At<M, NoInfer<A>>, Rs, I>;
    when?: When<At<M, NoInfer<A>>, Rs, I>;
    needs?: (seen: Seen<At<M, NoInfer<A>>, Rs, I>) => Pick<Queries, Q>;
    loads?: (seen: Seen<At<M, NoInfer<A>>, Rs, I>) => Promise<unknown> | undefined;
    secret?: true;
    stands?: true;
    ends?: true;
    take(given: Given<At<M, NoInfer<A>>, Rs, I, NoInfer<K>, NoInfer<Q>>): TakeResult<At<M, NoInfer<N | W>>, Rs>;
  },
) => Row<M, Rs, I>;

/** A key that the message alone names: what it seals may begin an action or go on with it, and gives no record up. */
export interface Stated {
  readonly stated: Hex;
}
/** A key that the message states: more than that where the record has the same. */
export const vouched = (stated: Hex, known: Hex | undefined): Hex | Stated => (stated === known ? stated : { stated });

/** Everything known before a message is believed. */
export type First<M extends Step, Rs extends Records, I> = Omit<Seen<M | null, Rs, I>, 'by'>;

export interface Action<M extends Step, Rs extends Records, I> {
  /** The name of the subcommand. */
  type: string;
  kinds: { [K in keyof Rs]: Kind<Rs[K]> };
  parse(json: unknown): M;
  /** Returns how a message is opened that is encrypted to this home; undefined for a plain one. */
  opens?(message: M, records: Partial<Rs>): ((keys: Keys) => M) | undefined;
  /**
   * Returns the claims of the records, by role. Asked again with the records found until it names
   * nothing new.
   */
  find(message: M | null, input: I, records: Partial<Rs>): { [K in keyof Rs]?: Claim };
  /** Returns the party that this home plays. */
  party(first: First<M, Rs, I>): Party;
  /**
   * The authentication key (32 bytes, x-only) that must have sealed the message; null where there is none to check, `Stated`
   * where nothing but the message says whose it is.
   */
  peer(first: First<M, Rs, I>, by: Party): Hex | Stated | null;
  /** Returns this home's view of the fields that a message states of records which both sides know. */
  states?(records: Partial<Rs>, by: Party): object | undefined;
  /**
   * Returns the path of the authentication key that seals the reply; null leaves it unsealed, as a
   * document for no counterparty.
   */
  sealWith(records: Partial<Rs>, by: Party): Path | null;
  /** No row needs a secret: an encrypted home is not asked for its passphrase. */
  keyless?: true;
  /** The party that a server plays: it takes the rows of this party, without a person, and no start. None: not served. */
  server?: Party;
  /** The role of a record that a person has named (--contract with --cancel or --again): by default the first of its kind. */
  roleOf?(record: unknown): keyof Rs & string;
  /**
   * --cancel, from a message of either party or a record that is named; refuses past the point of no return. It acts on what
   * the state of this home names, never on what the message names. `message`: where the other must hear of it.
   */
  cancel?(given: Given<M | null, Rs, I, never, never>): Kept<Rs> & { message?: M; hint?: string };
  /**
   * The finished document that the records stand for in their present state, made of them alone: for --again where no reply
   * is kept, as in a restored home. undefined: none is finished.
   */
  again?(seen: Pick<Seen<null, Rs, I>, 'records' | 'by'> & { network: string }): M | undefined;
  rows: readonly Row<M, Rs, I>[];
}
export const table = <M extends Step, Rs extends Records, I>(
  head: Omit<Action<M, Rs, I>, 'rows'>,
  rows: (row: RowOf<M, Rs, I>) => readonly Row<M, Rs, I>[],
): Action<M, Rs, I> => ({ ...head, rows: rows((row) => row as unknown as Row<M, Rs, I>) });

/** Returns the name of a row in help, drawings and refusals. */
export const rowWords = (row: { by: Party; name: string; when?: readonly [string, unknown] }): string =>
  `${row.by}: ${row.name}${row.when ? ` (${row.when[0]})` : ''}`;

/** The rows that may answer a step: who acts next. */
export const following = <R extends { after: string | null }>(rows: readonly R[], step: string | null): R[] =>
  rows.filter((row) => row.after === step);

/**
 * The row that answers what was seen: by step, then party, then `when`.
 * @throws Refusal `not-your-turn`, `not-now` or `nothing-follows`, in words printed from the rows that did not fit
 */
export function turn<M extends Step, Rs extends Records, I>(
  action: Action<M, Rs, I>,
  seen: Seen<M | null, Rs, I>,
): Row<M, Rs, I> {
  const step = seen.message?.step ?? null;
  const next = following(action.rows, step);
  const mine = next.filter((row) => row.by === seen.by);
  const fits = (r: Row<M, Rs, I>) => !r.when || r.when[1](seen);
  const row = mine.find(fits);
  if (row) return row;
  const at = step === null ? `starting ${action.type}` : `${action.type} at '${step}'`;
  if (next.length === 0) throw new Refusal('nothing-follows', `${at} is complete; no run follows`);
  const theirs = next.filter((r) => r.by !== seen.by && fits(r));
  const words = (theirs.length > 0 ? theirs : next).map(rowWords).join(' or ');
  if (theirs.length === 0)
    throw new Refusal('not-now', step === null ? `${at}: expected ${words}` : `${at}: nothing follows but ${words}`);
  throw new Refusal(
    'not-your-turn',
    `${at} waits for the ${[...new Set(theirs.map((r) => r.by))].join(' or the ')}; this home is the ${seen.by}`,
    {
      hint: `next is ${words}`,
    },
  );
}
