/**
 * Parts of what a home's store is asked for and answers, beside the runner's `Store`.
 * Not here: the store (`sql-store.ts`), the databases (`sqlite.ts`, `postgres.ts`).
 */
import type { Claim, Hex, OwnAddress, WalletPath } from '../protocol/action.ts';
import type { Json } from '../protocol/json.ts';
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
