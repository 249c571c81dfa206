/**
 * Ports of the one runner: store, chain, prompt, secrets and randomness, and which rows a server
 * takes without a person. The same run works on a laptop, in a server and in a test. Implemented in
 * `home/`, `chain/` and `cli/`.
 */
import type { Gone } from '../bitcoin/outpoint.ts';
import type {
  Claim,
  Consent,
  Copy,
  Facts,
  Hex,
  Effects,
  Keys,
  NonceId,
  Note,
  OpenNonce,
  OwnAddress,
  Queries,
  RecordRow,
  Records,
  ShareFile,
  WalletPath,
  StepContext,
  SpentBy,
  Action,
  Row,
} from './action.ts';
import type { Figures } from './figures.ts';
import type { Json } from './json.ts';
import { Refusal } from './refusal.ts';

/** Record as the store returns it, with its revision. */
export interface Loaded {
  kind: string;
  /** Name that people see (`RecordRow.name`). */
  name: Hex;
  record: unknown;
  /** Revision of the record, raised by every commit; 0 for a new record. */
  rev: number;
}
/** Row name of replies to a cancel. */
export const CANCELLED = 'cancelled';
/** Stored answer to one input: the same input prints the same bytes again. */
export interface Reply {
  /** Digest of the input that it answers. */
  key: Hex;
  text: string;
  exit: 0 | 3;
  hint?: string;
  row: string;
  /** Type of the action. */
  type: string;
  /** True if neither a cancel nor a restore takes it away. */
  stands: boolean;
  /** Digest of the flags that the answer depended on. */
  flags: Hex;
  copies: readonly Copy[];
  /** Names of the notes that its commit made. */
  notes: readonly string[];
}
/** Effects of one step, written in one transaction of the store. */
export interface Commit {
  /** Digest of the input; null if the answer is not stored. */
  key: Hex | null;
  /** The reply; `ends`, as for a cancel, drops the action's earlier replies over the records. */
  reply: Omit<Reply, 'key' | 'notes'> & { ends?: boolean };
  /** Revisions of all records that were read, for compare-and-swap; zero for absent ones. */
  reads: readonly { claim: Claim; rev: number }[];
  /** Records to write; `rev` is the revision that was read, zero for a new record. */
  writes: readonly {
    kind: string;
    claim: Claim | null;
    rev: number;
    record: object;
    row: RecordRow;
    claims: readonly Claim[];
    /** Signature hashes whose nonces stay open for the record. The commit ends all others. */
    nonces: readonly Hex[];
    /** True if the journal needs no line for it: a restored home would drop the difference. */
    passing?: boolean;
    /** Figures of the record that count in sums, by the names that the store has for them. */
    figures: Figures;
  }[];
  opens: readonly OpenNonce[];
  /** Nonces that were opened before and that the reply shows again. */
  shows: readonly (NonceId & { pubnonce: Hex })[];
  spends: readonly NonceId[];
  notes: readonly Note[];
  /** Addresses for the record that the step begins. The race is lost if another run took one. */
  addresses: readonly OwnAddress[];
}

/** Stored nonce, encrypted; only `decrypt` needs the home's seed. */
export interface EncryptedNonce extends NonceId {
  decrypt(): Promise<OpenNonce>;
}

/** Store of a home, as the runner uses it. */
export interface Store {
  /** Returns the stored answer to this input; undefined once a nonce that it shows is gone. */
  reply(key: Hex): Promise<Reply | undefined>;
  /** Returns the last answer of an action over the record behind the claim. */
  last(type: string, claim: Claim): Promise<Reply | undefined>;
  /** Completes the journal with the commit of a reply, in case the run that made it died before. */
  recall(reply: Reply): Promise<void>;
  load(claims: readonly Claim[]): Promise<{ found: ReadonlyMap<Claim, Loaded>; nonces: readonly EncryptedNonce[] }>;
  /**
   * Commits all or nothing. Returns false if a revision, address or the reply key moved on.
   * @throws Refusal `already-known` where a claim belongs to another record, or a note was made
   * before
   * @throws Refusal `nonce-consumed` where a spent nonce is no longer open
   */
  commit(commit: Commit): Promise<boolean>;
  /** Writes commits of other runs that were read here to the journal, before they are printed. */
  flush(): Promise<void>;
  /** Returns the records by prefix of name, oldest first; none for fewer than 8 hex digits. */
  byName(prefix: string): Promise<readonly { kind: string; record: Json }[]>;
  /** Returns the notes under these names. */
  notes(names: readonly string[]): Promise<ReadonlyMap<string, Json>>;
  /** Returns receiving addresses: freed ones first (`RecordRow.frees`), then new ones. */
  payouts(count: number): Promise<readonly OwnAddress[]>;
  ours(scripts: readonly Hex[]): Promise<ReadonlyMap<Hex, WalletPath>>;
}

/** Secrets outside the store, each sealed in a file of its own. */
export interface Shares {
  /** Reads the files of these names; missing files are left out. */
  read(names: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>;
  /**
   * Makes and destroys files under one exclusive lock: new files are synced, then `commit` runs.
   * Where it stands the files of `gone` are destroyed, where it does not the new ones. Files left
   * behind by a crash are destroyed when the home is opened next.
   * @throws Refusal `bug` where the store still claims a file of `gone`, or claims none of `made`:
   * none is destroyed then
   */
  around(
    made: readonly ShareFile[],
    gone: readonly string[],
    commit: () => Promise<boolean>,
    store: Pick<Store, 'load'>,
  ): Promise<boolean>;
}

/** Chain and clock. `checks` shows how each query was answered, or `not-checked`. */
export interface FactSource {
  facts(queries: Partial<Pick<Queries, 'tip' | 'coins' | 'known' | 'feerate' | 'now' | 'remote'>>): Promise<{
    facts: Partial<Facts>;
    checks: Readonly<Record<string, string>>;
  }>;
  /**
   * Returns the known spenders of gone coins, by outpoint; absent without a node.
   * @param blocks transactions that the newest blocks are read for, where there is no index: none,
   * `ways` that are named, or `any`
   */
  spends?(gone: readonly Gone[], blocks?: 'none' | 'ways' | 'any'): Promise<ReadonlyMap<string, SpentBy>>;
  /** Returns the blocks mined since a block that was the tip; absent without a node. */
  mined?(since: Hex | undefined): Promise<Mined>;
}
export interface Mined {
  /** The newest block. */
  best: Hex;
  /** Txids of all blocks since then; undefined if the node does not report them. */
  txids: ReadonlySet<Hex> | undefined;
}

/** Consent of a person to a payment. */
export interface Prompt {
  /** Resolves once the person agrees. @throws Refusal `not-agreed`, `amount-differs`, `over-max` */
  agree(consent: Consent): Promise<void>;
  /** Counts a committed step against --max. */
  settled(consent: Consent): void;
}

/** Everything that a run needs of the world: store, chain, prompt, secrets, randomness. */
export interface Ports {
  network: string;
  /** The store was restored or copied, and its owner has not accepted that yet. */
  restored: boolean;
  /** True if it was ever restored, copied or made of its words (`Hand.mayRepeat`). */
  mayRepeat: boolean;
  store: Store;
  source: FactSource;
  prompt: Prompt;
  /**
   * Refuses rows that this process may not play, before facts are loaded.
   * @throws Refusal `not-served`
   */
  permit(action: ServedAction, row: ServedRow, seen: StepContext<any, any, any>): void;
  shares: Shares;
  keys(nonces: readonly EncryptedNonce[], shares: ReadonlyMap<string, Uint8Array>): Promise<Keys>;
  /** Fresh randomness for one attempt of one step. */
  random(): Promise<(bytes: number) => Uint8Array>;
  /** Runs a program named by the user: one JSON document in, one out. */
  outside(program: string, body: object): Promise<unknown>;
  /** Writes and syncs the copies outside the home. */
  copy(copies: readonly Copy[]): Promise<void>;
  /** A labelled point between two effects, where tests interrupt a run. */
  point(label: string): void;
}
export type { Effects, Records };

/** Parts of an action that decide whether a server takes a row. */
export type ServedAction = Pick<Action<any, any, any>, 'type' | 'server'>;
export type ServedRow = Pick<Row<any, any, any>, 'name' | 'by' | 'after' | 'unattended'>;

/** Returns whether a server takes the row: its party's or one marked for it, and no start. */
export const isServed = ({ server }: ServedAction, row: ServedRow): boolean =>
  server !== undefined && row.after !== null && (row.by === server || row.unattended !== undefined);

/** @throws Refusal `not-served` */
export function permitServed(action: ServedAction, row: ServedRow, seen: StepContext<any, any, any>): void {
  if (isServed(action, row) && (row.by === action.server || row.unattended![1](seen))) return;
  const where = row.unattended ? `, but ${row.unattended[0]}` : '';
  throw new Refusal('not-served', `${action.type}: '${row.name}' (${row.by}) waits for a person${where}`, {
    hint: 'the owner of this home takes the step with the command of that name',
  });
}
