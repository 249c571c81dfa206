/**
 * Contract actions: a table whose rows say whose turn it is and hold the pure function that takes
 * the step. A family exports one table an action. The one runner serves them all. It reads a
 * message, finds the row, gathers the facts that the row needs and calls `take`. Then it asks for
 * consent, commits once, and prints. Nothing here does I/O.
 * Not here: how messages are signed (`signing/seal.ts`), stored (`home/`) or printed (`cli/`).
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
/** PSBTs of a message by role, base64. */
export type Psbts = Readonly<Record<string, Psbt>>;

/** Records that an action works on, by role: `{ contract }`, `{ contract, next }`. */
export type Records = Readonly<Record<string, object>>;

/** A place in the home's own wallet (BIP86): chain 0 receives, chain 1 takes change. */
export interface WalletPath {
  chain: 0 | 1;
  index: number;
}
/** Address of the home's own wallet, and its place there. */
export interface OwnAddress extends WalletPath {
  address: string;
}
/** Unspent output as a node shows it. */
export interface Utxo {
  sat: bigint;
  script: Hex;
  confirmations: number;
  /** True for the reward of a block, which nobody can spend for 100 blocks. */
  coinbase?: boolean;
}

/** Questions of a row to chain, wallet and clock before `take`. */
export interface Queries {
  tip: true;
  /** Outpoints (`txid:vout`) to look up among the unspent outputs of chain and mempool. */
  coins: readonly string[];
  /** Coins whose spender is searched, in blocks too, if `coins` has them as missing. */
  spends: readonly Gone[];
  /** Outpoints to look up among the live records of this home, which may have reserved them. */
  reserved: readonly string[];
  /** Txids to look up at the node, in blocks and its mempool. */
  known: readonly Hex[];
  /** Name of the records to load. */
  named: Hex;
  feerate: true;
  now: true;
  /** Number of the home's fresh addresses that the step may pay to; its commit uses them up. */
  payout: number;
  /** Output scripts to look up in the home's wallet. */
  ours: readonly Hex[];
  /** Names of earlier notes (`Effects.notes`) to look up, with their values. */
  notes: readonly string[];
  /** Quotes to look up at outside services, such as mints. */
  remote: readonly Remote[];
}
/** The spender of a coin. */
export interface SpentBy {
  /** Null if the node does not report it. */
  txid: Hex | null;
  /** The transaction, hex; null if the query named it by its txid. */
  hex: Hex | null;
  /** Zero in the mempool. */
  confirmations: number;
}
/** Id of an entry at a service outside, and the URL of that service. */
export interface Remote {
  at: string;
  id: string;
}
/** Answers to the queries of a row. */
export interface Facts {
  tip: number | 'not-checked';
  coins: ReadonlyMap<string, Utxo | 'missing'> | 'not-checked';
  /** Maps each outpoint to its spender, as far as known. */
  spends: ReadonlyMap<string, SpentBy>;
  /** Maps each reserved outpoint to the record that holds it. */
  reserved: ReadonlyMap<string, Pick<RecordRow, 'name'> & { kind: string }>;
  /** Maps each txid to whether the node saw it; absent if a node without index cannot tell. */
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
  /** Maps each id to its service's answer, `unknown` for an id that the service does not have. */
  remote: ReadonlyMap<string, object | 'unknown'>;
}

/** Key of an open nonce: a record and a signature hash. A second nonce there voids the first. */
export interface NonceId {
  of: Claim;
  sighash: Hex;
}
/** Nonce of an exchange that this party has opened and not finished. */
export interface OpenNonce extends NonceId {
  pubnonce: Hex;
  /** The 97-byte secret nonce of BIP327. */
  secret: Uint8Array;
}
/** Derivation path of a contract's keys in the home's tree: four levels of 31 random bits. */
export type Path = readonly [number, number, number, number];

/** A secret that no seed restores, in a file of its own while a record claims `share:NAME`. */
export interface ShareFile {
  /** 32 lowercase hex digits, drawn at random. */
  name: string;
  secret: Uint8Array;
}

/** Secrets, derived by each record's path; `nonce` and `share` give those of the loaded records. */
export interface Keys {
  contract(path: Path): Uint8Array;
  auth(path: Path): Uint8Array;
  /** Returns the secret of one purpose of a family, 2 or more; with an index, one of many. */
  secret(path: Path, purpose: number, index?: number): Uint8Array;
  /** Returns the home's seed, 64 bytes, for secrets that other wallets of these words derive. */
  seed(): Uint8Array;
  wallet(path: WalletPath): Uint8Array;
  nonce(id: NonceId): OpenNonce | undefined;
  /** @throws Refusal `share-missing` */
  share(name: string): Uint8Array;
}

/** State of a run before its facts and keys are loaded: message, records, input and party. */
export interface StepContext<In, Rs extends Records, I> {
  message: In;
  records: Partial<Rs>;
  input: I;
  by: Party;
  /** The name of a start (--request-id). */
  requestId?: string | undefined;
}
/** Keys, names and randomness for every step, whatever its table. */
export interface Hand {
  keys: Keys;
  /** PSBTs that came back from another wallet (--merge). */
  merged: readonly Psbt[];
  random: (bytes: number) => Uint8Array;
  network: string;
  /** The store was restored or copied, and its owner has not accepted that yet. */
  restored: boolean;
  /** True once restored, copied or remade: a new counter or choice may repeat a lost record's. */
  mayRepeat: boolean;
}
/** Arguments of `take`: the run's state, its keys, and the facts that its row needs. */
export interface TakeArgs<In, Rs extends Records, I, K extends keyof I, Q extends keyof Facts>
  extends StepContext<In, Rs, I & Required<Pick<I, K>>>, Hand {
  facts: Pick<Facts, Q>;
}

/** Question that a person answers between `take` and the commit, once all checks have passed. */
export interface Consent {
  text: string;
  /** Amount that --amount must equal. */
  amountSat: bigint;
  /** Amount that counts against --max; 0 for a retry. */
  growthSat: bigint;
}
/** Public document, like a refund, also stored outside the home before printing (`--refunds`). */
export interface Copy {
  name: string;
  body: object;
}
/** Event that may happen once in the life of a home, with its value. */
export interface Note {
  name: string;
  body: object;
  /** True if the note may be pruned with old replies: nobody can repeat its request any more. */
  lapses?: true;
}
/** Effects of a step, committed in one transaction. */
export interface Effects<Rs extends Records> {
  writes: Partial<Rs>;
  /** New nonces, stored encrypted until they are spent. */
  opens?: readonly OpenNonce[];
  /** Nonces of earlier steps whose public half is printed again. */
  shows?: readonly (NonceId & { pubnonce: Hex })[];
  /** Nonces that a finished signature has used up: erased by the commit. */
  spends?: readonly NonceId[];
  /** New share files, each claimed by a written record. They are on disk before the commit. */
  shares?: readonly ShareFile[];
  copies?: readonly Copy[];
  /** New notes. A name that exists already refuses the step (`already-known`). */
  notes?: readonly Note[];
  consent?: Consent;
  /** PSBTs, in addition to the message's, that another wallet may give back with --merge. */
  signed?: Psbts;
  /** Checks of this step, printed with those of the facts. */
  checks?: Readonly<Record<string, string>>;
  /** True if the same input may get another answer later: the reply is not stored. */
  passing?: true;
  /** Claims that an earlier run wrote for this input; the journal gets them before printing. */
  rests?: readonly Claim[];
}
/**
 * Result of `take`. `message` exits 0, or 3 if the next run is this party's own. `waits` prints
 * PSBTs for another wallet and exits 3; the same command with --merge goes on.
 */
export type TakeResult<Out, Rs extends Records> = Done<Out, Rs> | ProgramRequest<Out, Rs>;
/** Result of a step that needs nobody else: a message, or PSBTs that wait for another wallet. */
export type Done<Out, Rs extends Records> = Effects<Rs> &
  ({ message: Out; exit?: 3; hint?: string } | { waits: Psbts; hint: string });
/** Request to an outside program (`Ports.outside`), after all checks; `answered` ends the step. */
export interface ProgramRequest<Out, Rs extends Records> {
  asks: { program: string; body: object };
  answered(answer: unknown): Done<Out, Rs>;
}

/** Message by its step. */
export interface Step {
  readonly step: string;
}
type Msg<M extends Step, S> = S extends null ? null : Extract<M, { step: S }>;
/** Condition under which a row takes a step, with its words for people. */
export type When<In, Rs extends Records, I> = readonly [
  words: string,
  holds: (seen: StepContext<In, Rs, I>) => boolean,
];

/** `asks` are required, `may` optional; `agrees` consent and may change in a retry; no others. */
interface Flags<I, K extends keyof I> {
  asks?: readonly K[];
  may?: readonly (keyof I)[];
  agrees?: readonly (keyof I)[];
}
/** Step of an action: whose turn it is, what it needs, and the pure function that takes it. */
export interface Row<M extends Step, Rs extends Records, I> extends Flags<I, keyof I> {
  name: M['step'];
  /** Step that the reply names instead, until the chain has confirmed the row's own. */
  meanwhile?: M['step'];
  after: M['step'] | null;
  by: Party;
  /** Description of the step for help; it follows the party's name, as in "the payer …". */
  does: string;
  /** Condition for a server to take a row of a party not its own. `take` bounds the cost. */
  unattended?: When<M | null, Rs, I>;
  when?: When<M | null, Rs, I>;
  needs?(seen: StepContext<M | null, Rs, I>): Partial<Queries>;
  /** Loads code that this step needs and most runs do not. */
  loads?(seen: StepContext<M | null, Rs, I>): Promise<unknown> | undefined;
  /** True for a reply with a secret: never stored, but made again from message and record. */
  secret?: true;
  /** True for a reply that no cancel and no restore removes. */
  stands?: true;
  /** True for a step that ends the action, like a cancel: deletes replies over its records. */
  ends?: true;
  take(given: TakeArgs<M | null, Rs, I, never, keyof Facts>): TakeResult<M, Rs>;
}
/** Typed constructor of a row. `take` gets what the row names, and returns the row's message. */
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
    unattended?: When<Msg<M, NoInfer<A>>, Rs, I>;
    when?: When<Msg<M, NoInfer<A>>, Rs, I>;
    needs?: (seen: StepContext<Msg<M, NoInfer<A>>, Rs, I>) => Pick<Queries, Q>;
    loads?: (seen: StepContext<Msg<M, NoInfer<A>>, Rs, I>) => Promise<unknown> | undefined;
    secret?: true;
    stands?: true;
    ends?: true;
    take(given: TakeArgs<Msg<M, NoInfer<A>>, Rs, I, NoInfer<K>, NoInfer<Q>>): TakeResult<Msg<M, NoInfer<N | W>>, Rs>;
  },
) => Row<M, Rs, I>;

/** Key vouched for by its message only: may begin or continue an action, but gives up no record. */
export interface UnvouchedKey {
  readonly stated: Hex;
}
/** Returns the key of a message: as known if the record has the same one, else as stated. */
export const vouchedKey = (stated: Hex, known: Hex | undefined): Hex | UnvouchedKey =>
  stated === known ? stated : { stated };

/** State of a run before its party is known and the seal of its message is checked. */
export type UnsealedContext<M extends Step, Rs extends Records, I> = Omit<StepContext<M | null, Rs, I>, 'by'>;

/** Contract action as a table: its messages, records and rows. */
export interface Action<M extends Step, Rs extends Records, I> {
  /** Name of the command, and `type` of its messages. */
  type: string;
  kinds: { [K in keyof Rs]: Kind<Rs[K]> };
  parse(json: unknown): M;
  /** Returns the function that decrypts a message to this home; undefined for a plain message. */
  opens?(message: M, records: Partial<Rs>): ((keys: Keys) => M) | undefined;
  /** Returns the claims to load, by role. Called with the found records until none is new. */
  find(message: M | null, input: I, records: Partial<Rs>): { [K in keyof Rs]?: Claim };
  /** Returns the party that this home plays. */
  party(first: UnsealedContext<M, Rs, I>): Party;
  /**
   * Returns the authentication key (32 bytes, x-only) that must have sealed the message. Null if
   * there is none to check; `UnvouchedKey` if only the message names it.
   */
  peer(first: UnsealedContext<M, Rs, I>, by: Party): Hex | UnvouchedKey | null;
  /** Returns this home's values of the fields that a message states of shared records. */
  states?(records: Partial<Rs>, by: Party): object | undefined;
  /** Returns the path of the key that seals the reply; null without a counterparty: unsealed. */
  sealWith(records: Partial<Rs>, by: Party): Path | null;
  /** True if no row needs a secret: an encrypted home then needs no passphrase. */
  keyless?: true;
  /** Party that a server plays unattended, never starting. Absent: the action is not served. */
  server?: Party;
  /** Returns the role that --contract names for --cancel or --again. Default: its kind's first. */
  roleOf?(record: unknown): keyof Rs & string;
  /**
   * Cancels the action (--cancel), by a message of either party or a record named by --contract.
   * Refuses past the point of no return. Uses no facts of the chain, and changes records of this
   * home alone. Returns a `message` if the counterparty must learn of it.
   */
  cancel?(given: TakeArgs<M | null, Rs, I, never, never>): Effects<Rs> & { message?: M; hint?: string };
  /** Returns the records' finished document, if any: for --again without a stored reply. */
  again?(seen: Pick<StepContext<null, Rs, I>, 'records' | 'by'> & { network: string }): M | undefined;
  rows: readonly Row<M, Rs, I>[];
}
/** Returns an action whose rows are checked against its messages and records by the compiler. */
export const table = <M extends Step, Rs extends Records, I>(
  head: Omit<Action<M, Rs, I>, 'rows'>,
  rows: (row: RowOf<M, Rs, I>) => readonly Row<M, Rs, I>[],
): Action<M, Rs, I> => ({ ...head, rows: rows((row) => row as unknown as Row<M, Rs, I>) });

/** Returns the name of a row in help, drawings and refusals. */
export const rowWords = (row: { by: Party; name: string; when?: readonly [string, unknown] }): string =>
  `${row.by}: ${row.name}${row.when ? ` (${row.when[0]})` : ''}`;

/** Returns the rows that may follow a step: who acts next. */
export const following = <R extends { after: string | null }>(rows: readonly R[], step: string | null): R[] =>
  rows.filter((row) => row.after === step);

/**
 * Returns the row whose turn it is: by step, then party, then `when`.
 * @throws Refusal `not-your-turn`, `not-now` or `nothing-follows`, naming the rows that would fit
 */
export function turn<M extends Step, Rs extends Records, I>(
  action: Action<M, Rs, I>,
  seen: StepContext<M | null, Rs, I>,
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
