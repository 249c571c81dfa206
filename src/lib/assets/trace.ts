/**
 * The back-trace: colours of a transaction's outputs in a protocol whose colours come from parents.
 * A protocol writes its rule for one transaction as a generator. It asks for a parent (`tx`) or for
 * a parent's colours (`colours`) when, and only when, it needs them. Here the asking becomes a walk
 * with a stack of its own. Each transaction is coloured once, a chain of any depth overflows
 * nothing, and memory is linear in what was asked for. Where a parent is missing the walk stands
 * still; given the parent, it goes on from there.
 */
import { Refusal } from '../protocol/refusal.ts';
import { readTx, type Sha256, type Tx } from './transaction.ts';

/** Question of a rule about one transaction. */
export type Ask = { of: 'tx'; txid: string } | { of: 'colours'; txid: string };
/** A walk that is given a `Tx` or a parent's colours, as it asked. */
export type Walk<R> = Generator<Ask, R, any>;
/** The colours of a transaction, as its protocol says them. */
export type Rule<C> = (tx: Tx) => Walk<C>;

/** Asks for a parent's transaction: `const parent: Tx = yield parentTx(txid)`. */
export const parentTx = (txid: string): Ask => ({ of: 'tx', txid });
/** Asks for a parent's colours: `const colours: Colours = yield parentColours(txid)`. */
export const parentColours = (txid: string): Ask => ({ of: 'colours', txid });

/** Another place where a parent may be, as bytes or read already. */
export type More = (txid: string) => Uint8Array | Tx | undefined;

/** Transactions by id, each read once; the id of each is computed, never believed. */
export class Parents {
  readonly #known = new Map<string, Tx>();
  /** Further source of parents, such as a folder. */
  readonly #more: More | undefined;
  readonly #hash: Sha256 | undefined;

  constructor(more?: More, hash?: Sha256) {
    this.#more = more;
    this.#hash = hash;
  }
  /** Others in front of these, for one transaction. */
  over(): Parents {
    return new Parents((txid) => this.get(txid), this.#hash);
  }
  /** Reads the transaction to be decoded. @throws Refusal `malformed-transaction` */
  read(bytes: Uint8Array): Tx {
    return readTx(bytes, this.#hash);
  }
  /** @throws Refusal `malformed-transaction`; `parent-differs` where it hashes to another id than the one it was given as */
  add(bytes: Uint8Array, named?: string): Tx {
    const tx = this.read(bytes);
    if (named !== undefined && named !== tx.txid)
      throw new Refusal('parent-differs', `a parent given as ${named} found to be transaction ${tx.txid}`);
    this.#known.set(tx.txid, tx);
    return tx;
  }
  /** Returns whether the transaction was supplied as a parent. */
  holds(txid: string): boolean {
    return this.#known.has(txid);
  }
  get(txid: string): Tx | undefined {
    const known = this.#known.get(txid);
    if (known) return known;
    const more = this.#more?.(txid);
    return more instanceof Uint8Array ? this.add(more, txid) : more;
  }
}

export type Traced<C> = { colours: C; missing?: never } | { colours?: never; missing: string };

/** The colours of transactions under one rule. Keeps what it found, and where it stood. */
export class Trace<C> {
  readonly #rule: Rule<C>;
  readonly #parents: Parents;
  readonly #done = new Map<string, C>();
  readonly #stack: { txid: string; walk: Walk<C>; waits: Ask | undefined }[] = [];

  constructor(rule: Rule<C>, parents: Parents) {
    this.#rule = rule;
    this.#parents = parents;
  }

  /** The colours of a transaction, or the id of the first parent that is needed and not there. Call again to go on. */
  of(tx: Tx): Traced<C> {
    const at = this.#stack[0];
    if (at && at.txid !== tx.txid) this.#stack.length = 0;
    if (this.#stack.length === 0) this.#push(tx);
    return this.#run(tx.txid);
  }

  /** Returns the colours of a transaction, and keeps them only if it was supplied as a parent. */
  once(tx: Tx): { colours: C | undefined; missing: string[] } {
    const { colours, missing } = this.of(tx);
    this.forget(tx.txid);
    return { colours, missing: missing === undefined ? [] : [missing] };
  }

  /** Drops the colours of a transaction, unless it was supplied as a parent. */
  forget(txid: string): void {
    if (!this.#parents.holds(txid)) this.#done.delete(txid);
  }

  /** Returns the colours of a transaction, if it was traced. */
  known(txid: string): C | undefined {
    return this.#done.get(txid);
  }

  #push(tx: Tx): void {
    this.#stack.push({ txid: tx.txid, walk: this.#rule(tx), waits: undefined });
  }

  #run(root: string): Traced<C> {
    const known = this.#done.get(root);
    if (known !== undefined) {
      this.#stack.length = 0;
      return { colours: known };
    }
    let answer: unknown;
    for (;;) {
      const top = this.#stack.at(-1)!;
      if (top.waits) {
        const found = this.#answer(top.waits);
        if (found === 'missing') return { missing: top.waits.txid };
        if (found === 'later') continue;
        answer = found.value;
        top.waits = undefined;
      }
      const step = top.walk.next(answer as never);
      answer = undefined;
      if (!step.done) {
        top.waits = step.value;
        continue;
      }
      this.#done.set(top.txid, step.value);
      this.#stack.pop();
      if (this.#stack.length === 0) return { colours: step.value };
    }
  }

  #answer(ask: Ask): 'missing' | 'later' | { value: unknown } {
    const done = ask.of === 'colours' ? this.#done.get(ask.txid) : undefined;
    if (done !== undefined) return { value: done };
    const tx = this.#parents.get(ask.txid);
    if (!tx) return 'missing';
    if (ask.of === 'tx') return { value: tx };
    this.#push(tx);
    return 'later';
  }
}
