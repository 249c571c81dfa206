/**
 * Back-trace: colours of a transaction's outputs where they come from its parents.
 *
 * A protocol states its rule for one transaction as a generator. It yields a question when it needs
 * a parent, or a parent's colours. `Trace` answers with a stack of its own, so that no depth
 * overflows the call stack. Each transaction is coloured once. At a missing parent the walk stands
 * still, and goes on once the parent is there.
 */
import { Refusal } from '../protocol/refusal.ts';
import { readTx, type Sha256, type Tx } from './transaction.ts';

/** Question of a rule about one transaction. */
export type Ask = { of: 'tx'; txid: string } | { of: 'colours'; txid: string };
/** Walk of a rule, which gets a transaction or a parent's colours for each question. */
export type Walk<R> = Generator<Ask, R, any>;
/** Rule of a protocol: the colours of one transaction. */
export type Rule<C> = (tx: Tx) => Walk<C>;

/** Asks for a parent's transaction: `const parent: Tx = yield parentTx(txid)`. */
export const parentTx = (txid: string): Ask => ({ of: 'tx', txid });
/** Asks for a parent's colours: `const colours: Colours = yield parentColours(txid)`. */
export const parentColours = (txid: string): Ask => ({ of: 'colours', txid });

/** Further source of parents, as bytes or already read. */
export type ParentSource = (txid: string) => Uint8Array | Tx | undefined;

/** Transactions by id. Each is read once, and its id is computed from its bytes. */
export class Parents {
  readonly #known = new Map<string, Tx>();
  readonly #more: ParentSource | undefined;
  readonly #hash: Sha256 | undefined;

  constructor(more?: ParentSource, hash?: Sha256) {
    this.#more = more;
    this.#hash = hash;
  }
  /** Returns a layer over these parents, for those of one transaction. */
  layer(): Parents {
    return new Parents((txid) => this.get(txid), this.#hash);
  }
  /** Reads the transaction that is to be decoded. @throws Refusal `malformed-transaction` */
  read(bytes: Uint8Array): Tx {
    return readTx(bytes, this.#hash);
  }
  /** Adds a parent. @throws Refusal `malformed-transaction`; `parent-differs` for another id */
  add(bytes: Uint8Array, named?: string): Tx {
    const tx = this.read(bytes);
    if (named !== undefined && named !== tx.txid)
      throw new Refusal('parent-differs', `a parent given as ${named} found to be transaction ${tx.txid}`);
    this.#known.set(tx.txid, tx);
    return tx;
  }
  /** Tells whether the transaction was supplied as a parent. */
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

/** Colours of transactions under one rule; it keeps what it found, and where it stands. */
export class Trace<C> {
  readonly #rule: Rule<C>;
  readonly #parents: Parents;
  readonly #done = new Map<string, C>();
  readonly #stack: { txid: string; walk: Walk<C>; waits: Ask | undefined }[] = [];

  constructor(rule: Rule<C>, parents: Parents) {
    this.#rule = rule;
    this.#parents = parents;
  }

  /** Traces a transaction, as far as parents are there. A further call goes on. */
  of(tx: Tx): Traced<C> {
    const at = this.#stack[0];
    if (at && at.txid !== tx.txid) this.#stack.length = 0;
    if (this.#stack.length === 0) this.#push(tx);
    return this.#run(tx.txid);
  }

  /** Traces a transaction, and keeps its colours only if it was supplied as a parent. */
  once(tx: Tx): { colours: C | undefined; missing: string[] } {
    const { colours, missing } = this.of(tx);
    this.forget(tx.txid);
    return { colours, missing: missing === undefined ? [] : [missing] };
  }

  /** Drops the colours of a transaction, unless it was supplied as a parent. */
  forget(txid: string): void {
    if (!this.#parents.holds(txid)) this.#done.delete(txid);
  }

  /** Returns the colours of a transaction that was traced. */
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
