/**
 * Rider of a contract: whatever goes along with its payments. It has records beside the contract's
 * own, written in the commits of its updates, and one field of their messages. A contract knows
 * nothing of it but this.
 * Not here: the one rider that there is (`ecash/rider.ts`).
 */
import {
  table,
  type Action,
  type Claim,
  type Facts,
  type Hand,
  type Effects,
  type Kind,
  type Queries,
  type Records,
  type Row,
  type RowOf,
  type Step,
} from '../protocol/action.ts';
import type { PaymentAsked, Credit, PayeeCredit, PayerCredit } from './states.ts';
import type { UpdateAt, UpdateForms, UpdateInput, UpdateMessage } from './update-messages.ts';
import type { Terms } from './terms.ts';

/** Records of a rider, by role. */
export type RiderRecords = Readonly<Record<string, object>>;
export type UpdateRecords = { contract: Credit } & RiderRecords;
type Found = Partial<RiderRecords>;
type Claims = Readonly<Record<string, Claim>>;

/** Part of the rider in one step: its field of the message, and its part of the commit. */
export interface Ride extends Pick<Effects<RiderRecords>, 'notes'> {
  says: object | null;
  writes?: Found;
}

/** Parts of a step that a rider may look at. */
interface RiderContext<F extends keyof Facts> {
  records: Found;
  input: UpdateInput;
  facts: Pick<Facts, F>;
}

export interface Rider {
  /** Kinds of its records, by role. */
  kinds: Readonly<Record<string, Kind<any>>>;
  /** Forms of its field in the messages of an update. */
  forms: UpdateForms;
  /** Condition under which a server signs updates for the payer, and its words. */
  unattended: readonly [words: string, holds: (seen: { records: Partial<UpdateRecords> }) => boolean];
  /** Words for help, by row. */
  words: Readonly<Record<'accepted', string>>;
  /** Rows of its own, after the payee has accepted an update. */
  rows(
    row: RowOf<UpdateMessage, UpdateRecords, UpdateInput>,
  ): readonly Row<UpdateMessage, UpdateRecords, UpdateInput>[];
  /** Returns the claims of its records that an update is about. */
  find(m: UpdateMessage | null, c: Credit | undefined, records: Found): Claims;
  /** Returns the claims of its records of a contract that ends. */
  beside(c: Credit | undefined): Claims;
  /** Returns the questions that the answer to a message rests on. */
  needs(m: UpdateMessage | null, c: Credit | undefined, records: Found): Pick<Queries, 'notes' | 'remote'>;
  /** Loads code that the answer to a message needs. */
  loads(m: UpdateMessage, input: UpdateInput): Promise<unknown> | undefined;
  /** Payer: refuses to ask for what the contract does not take. */
  asks(terms: Terms, input: UpdateInput): void;
  /**
   * Payee: what goes with a request.
   * @returns also the name of what is offered, which the request remembers
   */
  offers(
    c: PayeeCredit,
    asked: PaymentAsked | null,
    amount: bigint,
    seen: Pick<RiderContext<'remote' | 'now'>, 'records' | 'facts'>,
  ): Ride & { offered: string | null };
  /** Payer: what goes with its signature. @param grows whether it signs for more than before */
  pays(hand: Hand, c: PayerCredit, m: UpdateAt<'requested'>, seen: RiderContext<'remote'>, grows: boolean): Ride;
  /**
   * Payee: checks what came with the payer's signature.
   * @param offered the name of what was offered
   * @returns a function that gives the payee's share, once the update is finished; `asks` a program
   * first
   */
  accepts(
    hand: Hand,
    c: PayeeCredit,
    offered: string | null,
    m: UpdateAt<'signed'>,
    seen: Pick<RiderContext<'notes' | 'remote'>, 'records' | 'facts'>,
  ): { asks?: { program: string; body: object }; done(answer?: unknown): Ride };
  /** Returns the questions that a payer's proposal to end the contract rests on. */
  owes(c: Credit | undefined, records: Found): Queries['remote'];
  /** Refuses an end while ecash is missing. @throws Refusal `update-in-flight` */
  checkEnds(c: Credit, records: Found, found: Facts['remote']): void;
  /** Returns the hint for who ends a contract. */
  hint(records: Found): { hint?: string };
}

/** Returns a function that makes an action of its rider. */
export const riding =
  <M extends Step, Rs extends Records, I>(
    head: (along: Rider) => Omit<Action<M, Rs, I>, 'rows'>,
    rows: (row: RowOf<M, Rs, I>, along: Rider) => readonly Row<M, Rs, I>[],
  ) =>
  (along: Rider): Action<M, Rs, I> =>
    table(head(along), (row) => rows(row, along));
