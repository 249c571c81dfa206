/**
 * The store that a home needs besides the runner's `Store`; one suite of tests for every database.
 * Not here: the logic (`sql-store.ts`), the databases (`sqlite.ts`, `postgres.ts`).
 */
import type { Claim, Hex, Kind, OwnAddress, WalletPath } from '../protocol/action.ts';
import type { Json } from '../protocol/json.ts';
import type { Store } from '../protocol/ports.ts';
import type { WalletScript } from './keys.ts';

export interface Listed {
  kind: string;
  name: Hex;
  state: string;
  rev: number;
  /** Parsed when it is asked for: most looks at many find few that have changed. */
  readonly record: Json;
}
/** A record by one of its figures. */
export interface Ordered extends Listed {
  /** A number of the store's own. */
  id: number;
  value: bigint;
}
/** Amount that the other side has stated to fund a contract, by one of the contract's figures. */
export interface Stated extends Pick<Ordered, 'id' | 'value' | 'name'> {
  /** A `fundingClaim`. */
  claim: Claim;
}
/** A part of a list in the order of a figure. */
export interface Stretch {
  /** The last one that is not wanted. */
  after?: Pick<Ordered, 'id' | 'value'> | undefined;
  /** The largest figure that is wanted. */
  upTo?: bigint;
  most: number;
}
/** A record on which something waits, by its name. */
export type Pending = Pick<Listed, 'name' | 'rev'>;
export interface StoredAddress extends OwnAddress {
  script: Hex;
}

export interface HomeStore extends Store {
  /** All records, or those of a kind, or of a kind in one state, oldest first. */
  list(kind?: string, state?: string): Promise<readonly Listed[]>;
  /** Quotes on which something waits, by the commit that wrote each last: those of commits above this one. */
  pending(kind: string, above: number): Promise<readonly Pending[]>;
  /** The records of this issuer of which not all that was paid is issued or reported. */
  unissued(issuer: string): Promise<readonly Listed[]>;
  /** The records whose name begins so; none for a prefix of fewer than 8 hex digits. */
  byName(prefix: string): Promise<readonly Listed[]>;
  /** The records that hold a claim which begins so, each with that; none for a prefix of fewer than 8 hex digits. */
  byClaim(prefix: Claim): Promise<readonly (Listed & { claim: Claim })[]>;
  /** The records of a kind that have this figure, the smallest first. */
  inOrder(kind: Pick<Kind<any>, 'name'>, figure: string, stretch: Stretch): Promise<readonly Ordered[]>;
  /** The same of those that claim an outpoint which the other side has stated, without their bodies. */
  stated(kind: Pick<Kind<any>, 'name'>, figure: string, stretch: Stretch): Promise<readonly Stated[]>;
  /** The next `count` receiving addresses that nobody was ever given. */
  fresh(count: number): Promise<readonly OwnAddress[]>;
  /** The last place of each chain that was ever in use. */
  lastUsed(): Promise<readonly WalletPath[]>;
  /** The addresses in use, by chain and index, also those that are given again. */
  addresses(): Promise<readonly StoredAddress[]>;
  /** Marks places as used, and to be given to nobody; those that are already so stay as they are. */
  addAddresses(paths: readonly WalletPath[]): Promise<void>;
  meta(key: string): Promise<string | undefined>;
  setMeta(key: string, value: string): Promise<void>;
  /**
   * Returns those of these claims that a record holds, once no commit that names one is under way.
   * @throws Refusal `store-unavailable`
   */
  claimed(claims: readonly Claim[]): Promise<ReadonlySet<Claim>>;
  /** Returns the number of commits that this store has seen. */
  commits(): Promise<number>;
  /** The next commit has a number above this one. */
  atLeast(number: number): Promise<void>;
  close(): void;
}

/** Secrets of the seed that a store needs; asked for only when a nonce or an address is at hand. */
export interface StoreSecrets {
  /** Encrypts nonces at rest, 32 bytes. */
  storeKey: Uint8Array;
  address(path: WalletPath): Promise<WalletScript>;
}

/** Told of every commit, see `identity.ts`. */
export interface CommitWatch {
  /**
   * Runs before a commit.
   * @throws Refusal where it could not be told of it afterwards
   */
  ready(): void;
  /** Runs after a commit; must not throw, for the commit stands. */
  rise(commits: number): void;
}
