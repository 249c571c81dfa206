/**
 * Questions to a home's store and its answers, in addition to the runner's `Store`.
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
  /** The record, parsed on first use, since most scans of many records read few. */
  readonly record: Json;
}
/** Record with the value of one of its figures. */
export interface Ordered extends ListedRecord {
  /** Row number in the store. */
  id: number;
  value: bigint;
}
/** Outpoint that the counterparty stated for a contract, with one of the contract's figures. */
export interface StatedSum extends Pick<Ordered, 'id' | 'value' | 'name'> {
  /** Claim of the outpoint (`fundingClaim`). */
  claim: Claim;
}
/** Part of a list that a figure orders. */
export interface Stretch {
  /** Position after which the part begins. */
  after?: Pick<Ordered, 'id' | 'value'> | undefined;
  /** Largest figure in the part. */
  upTo?: bigint;
  most: number;
}
/** Record with something still to be reported. */
export type Pending = Pick<ListedRecord, 'name' | 'rev'>;
export interface StoredAddress extends OwnAddress {
  script: Hex;
}

/** Secrets of the seed that a store needs, loaded only for nonces and addresses. */
export interface StoreSecrets {
  /** Key that encrypts nonces at rest, 32 bytes. */
  storeKey: Uint8Array;
  address(path: WalletPath): Promise<WalletScript>;
}

/** Observer of every commit (`tide.ts`). */
export interface CommitWatch {
  /** Runs before a commit. @throws Refusal where it could not be reported afterwards */
  ready(): void;
  /** Runs after a commit; must not throw, for the commit stands. */
  rise(commits: number): void;
}
