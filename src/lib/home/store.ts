/**
 * Parts of what a home's store is asked for and answers, beside the runner's `Store`.
 * Not here: the store (`sql-store.ts`), the databases (`sqlite.ts`, `postgres.ts`).
 */
import type { Claim, Hex, OwnAddress, WalletPath } from '../protocol/action.ts';
import type { Json } from '../protocol/json.ts';
import type { WalletScript } from './keys.ts';

export interface ListedRecord {
  kind: string;
  name: Hex;
  state: string;
  rev: number;
  /** The record, parsed on first use, since most looks at many records read few. */
  readonly record: Json;
}
/** A record by one of its figures. */
export interface Ordered extends ListedRecord {
  /** Row number in the store. */
  id: number;
  value: bigint;
}
/** Amount that the other side has stated to fund a contract, by one of the contract's figures. */
export interface StatedSum extends Pick<Ordered, 'id' | 'value' | 'name'> {
  /** A `fundingClaim`. */
  claim: Claim;
}
/** A part of a list in the order of a figure. */
export interface Stretch {
  /** Position after which the part begins. */
  after?: Pick<Ordered, 'id' | 'value'> | undefined;
  /** Largest figure in the part. */
  upTo?: bigint;
  most: number;
}
/** A record on which something waits, by its name. */
export type Pending = Pick<ListedRecord, 'name' | 'rev'>;
export interface StoredAddress extends OwnAddress {
  script: Hex;
}

/** Secrets of the seed that a store needs, loaded only for nonces and addresses. */
export interface StoreSecrets {
  /** Encrypts nonces at rest, 32 bytes. */
  storeKey: Uint8Array;
  address(path: WalletPath): Promise<WalletScript>;
}

/** Observer of every commit (`identity.ts`). */
export interface CommitWatch {
  /**
   * Runs before a commit.
   * @throws Refusal where it could not be told of it afterwards
   */
  ready(): void;
  /** Runs after a commit; must not throw, for the commit stands. */
  rise(commits: number): void;
}
