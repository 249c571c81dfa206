/**
 * A way out of a contract as one document that needs no key and not this program. It holds finished
 * transactions in the order of their sending, the signed child of each that needs one, and what all
 * of it costs.
 *
 *   valid_from, after, txid, vsize   follow from the bytes of the step
 *   spends_from                      coins of its inputs, in order: signed, or of a step before
 *   child                            pays for its step too; `anchor`: output that anyone spends
 *   quote                            sums of these transactions; they bound its other fields
 *   family, contract, by, why        claimed by the maker, not checked
 *
 * Not here: what families put into it, children (`engine/bump.ts`), sending (`exit-tower.ts`).
 */
import * as v from 'valibot';
import { maxSat, minSat } from '../bitcoin/amount.ts';
import { feerateOf } from '../bitcoin/fee.ts';
import { finalHex } from '../bitcoin/wallet-inputs.ts';
import { LOCKTIME_THRESHOLD } from '../bitcoin/locktime.ts';
import { isNetwork, type Network } from '../bitcoin/network.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { CHILD_LIMITS, isAnchor } from '../bitcoin/package.ts';
import { readPsbt } from '../bitcoin/psbt.ts';
import { dustLimit } from '../bitcoin/script.ts';
import { checkSignatures } from '../bitcoin/signed.ts';
import {
  parseBareTransaction,
  sumSat,
  txidOfHex,
  vsizeOfHex,
  type BareTransaction,
  type Output,
  type Spent,
} from '../bitcoin/transaction.ts';
import type { Hex, Psbt } from '../protocol/action.ts';
import { parseJson, printJson, sameJson } from '../protocol/json.ts';
import { allows, wholeIn, type Limits } from '../protocol/limit.ts';
import { FORM_LIMITS, height, hexOf, hexText, parseAs, psbt, sat, text } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Moment } from './moment.ts';
import { blocksOf, childOfSize, feesOf, exitTotals, worthFrom, type Leg, type ExitQuote } from './quote.ts';

/** A finished transaction of a way out, as its family states it. */
export interface ExitStep {
  hex: Hex;
  /** Coins that it spends, in the order of its inputs. */
  spends: readonly Spent[];
  /** Last height at which it confirms in time; null if no other party can spend the coin. */
  by: number | null;
  /** Reason, for people. */
  why: string;
  /** True if the leaving party pays its fee. */
  bears: boolean;
}
/** Finished way out of a contract: fully signed, so that no other party is needed. */
export interface Exit {
  contract: Hex;
  network: Network;
  /** Output script of the leaving party, hex. */
  script: Hex;
  steps: readonly ExitStep[];
}

export const PACKAGE_LIMITS = {
  steps: { unit: 'items', least: 1, most: 100 },
  /** Inputs of all its transactions: each signature covers all inputs beside it. */
  inputs: { unit: 'items', most: 200 },
  /** BIP431: a transaction of version 3. */
  truc: { unit: 'vB', most: 10_000 },
  /** Feerate of a step and its child: the minimum relay feerate of nodes. */
  relayed: { unit: 'sat/kvB', least: 100 },
  /** Blocks until all have confirmed: waits between them take some. */
  blocks: { unit: 'blocks', least: (shortest: number) => shortest },
  /** Smallest balance that pays: fees of children and dust. */
  worthLeast: { unit: 'sat', least: (children: bigint, dust: bigint) => children + dust },
  /** Largest balance that pays: all fees and dust. */
  worthMost: { unit: 'sat', most: (fees: bigint, dust: bigint) => fees + dust },
} satisfies Limits;

const count = wholeIn({ least: 0, most: FORM_LIMITS.height.most });
const moment = v.union([
  v.strictObject({ height }),
  v.strictObject({ median_time: wholeIn({ least: LOCKTIME_THRESHOLD, most: 0x1_0000_0000 }) }),
]);
const wait = v.union([
  v.strictObject({ txid: hexOf(32), blocks: count }),
  v.strictObject({ txid: hexOf(32), seconds: count }),
]);
const coin = v.strictObject({ txid: hexOf(32), vout: wholeIn(FORM_LIMITS.vout), amount_sat: sat, script: hexText });
const child = v.strictObject({ anchor: v.nullable(wholeIn(FORM_LIMITS.vout)), vsize: count, psbt });
const step = v.strictObject({
  hex: hexText,
  txid: hexOf(32),
  vsize: count,
  valid_from: v.nullable(moment),
  after: v.nullable(wait),
  by: v.nullable(height),
  spends_from: v.array(coin),
  child: v.nullable(child),
  why: text,
});
const quote = v.strictObject({
  transactions: count,
  vbytes: count,
  feerate: text,
  fee_sat: sat,
  blocks: v.nullable(count),
  worth_from_sat: sat,
});
const form = v.strictObject({
  type: v.literal('exit-package'),
  version: v.literal(1),
  family: v.pipe(v.string(), v.regex(/^[a-z]{1,20}$/, 'the name of a family')),
  contract: v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'the id of a contract')),
  network: v.pipe(v.string(), v.check(isNetwork, 'the name of a network')),
  steps: v.array(step),
  quote,
});
/** Exit package as its JSON has it, amounts as bigint. */
export type ExitPackage = v.InferOutput<typeof form>;
export type PackageStep = ExitPackage['steps'][number];

/** Checked step of a package, with the facts derived from its bytes. */
export interface ReadStep extends Omit<PackageStep, 'child' | 'spends_from'> {
  spends: readonly Spent[];
  feeSat: bigint;
  outputs: readonly Output[];
  child: {
    hex: Hex;
    txid: Hex;
    vsize: number;
    feeSat: bigint;
    inputs: readonly Spent[];
    outputs: readonly Output[];
  } | null;
}
/** Checked package. */
export interface ReadPackage extends Omit<ExitPackage, 'steps' | 'network'> {
  network: Network;
  steps: readonly ReadStep[];
}

/** Moment of a lock of the whole transaction. */
type ValidFrom = Extract<Moment, { height: number } | { median_time: number } | null>;

/** Returns the first moment at which a transaction is valid. Source: Bitcoin Core, IsFinalTx. */
function validFromOf({ locktime, inputs }: Pick<BareTransaction, 'locktime' | 'inputs'>): ValidFrom {
  if (locktime === 0 || inputs.every(({ sequence }) => sequence === 0xffffffff)) return null;
  return locktime < LOCKTIME_THRESHOLD ? { height: locktime + 1 } : { median_time: locktime + 1 };
}

/** BIP68: the bit that switches it off, the bit of times, the value, and the unit of times. */
const [OFF, TIME, VALUE, UNIT] = [0x80000000, 1 << 22, 0xffff, 512] as const;
/**
 * Returns the parent whose confirmation the transaction's relative lock counts from (BIP68).
 * @throws Refusal `malformed-message` for two of them
 */
function afterOf({ version, inputs }: Pick<BareTransaction, 'version' | 'inputs'>): PackageStep['after'] {
  const locks = version < 2 ? [] : inputs.filter(({ sequence: n }) => n < OFF && (n & VALUE) > 0);
  if (locks.length > 1) throw differs('two inputs that wait', 'one at most');
  return (
    locks.map(({ txid, sequence: n }) =>
      n & TIME ? { txid, seconds: (n & VALUE) * UNIT } : { txid, blocks: n & VALUE },
    )[0] ?? null
  );
}
/** Returns the moment of a wait for a parent's confirmation. */
export const waitOf = (after: PackageStep['after']): Moment =>
  after && ('blocks' in after ? { confirmations: after.blocks } : { seconds: after.seconds });

const differs = (found: string, expected: string): Refusal =>
  new Refusal('transaction-differs', `${found} found, ${expected} expected`);

/** Returns the sizes of a way out, a child where a step needs one. */
export const legsOf = ({ steps, script }: Exit): Leg[] =>
  steps.map(({ hex, spends, bears }) => {
    const found = parseBareTransaction(hex);
    const anchors = found.outputs.filter(isAnchor).map((output) => output.script);
    return {
      vsize: vsizeOfHex(hex),
      feeSat: sumSat(spends) - sumSat(found.outputs),
      childVsize: found.outputs.some((output) => output.script === script) ? childOfSize(script, anchors) : null,
      bears,
      from: [validFromOf(found), waitOf(afterOf(found))],
    };
  });

/**
 * Writes a package, and checks it by `readExitPackage` before it is returned.
 * @param children signed child of each step, null where it pays for itself
 * @throws Refusal as `readExitPackage`
 */
export function exitPackage(
  family: string,
  { contract, network, script, steps }: Exit,
  children: readonly (Psbt | null)[],
  at: { tip: number | 'not-checked'; now?: number },
): ExitPackage {
  const read = steps.map(({ hex, spends, by, why }, i) => {
    const found = parseBareTransaction(hex);
    const signed = children[i] ?? null;
    const anchor = found.outputs.findIndex(isAnchor);
    return {
      hex,
      txid: found.txid,
      vsize: vsizeOfHex(hex),
      valid_from: validFromOf(found),
      after: afterOf(found),
      by,
      spends_from: spends.map(({ txid, vout, sat: amount_sat, script: of }) => ({
        txid,
        vout,
        amount_sat,
        script: of,
      })),
      child:
        signed === null
          ? null
          : { anchor: anchor < 0 ? null : anchor, vsize: vsizeOfHex(finalHex(signed).hex), psbt: signed },
      why,
    };
  });
  const priced = steps.flatMap(({ hex, spends, bears }, i) => {
    const { vsize, child: made } = read[i]!;
    const own = { vsize, feeSat: sumSat(spends) - sumSat(parseBareTransaction(hex).outputs), bears };
    if (!made) return [own];
    const { template } = finalHex(made.psbt);
    return [own, { vsize: made.vsize, feeSat: sumSat(template.inputs) - sumSat(template.outputs), bears: true }];
  });
  const blocks = blocksOf(
    read.map(({ valid_from, after }) => ({ from: [valid_from, waitOf(after)] })),
    at,
  );
  const document = {
    type: 'exit-package',
    version: 1,
    family,
    contract,
    network,
    steps: read,
    quote: { ...exitTotals(priced), blocks, worth_from_sat: worthFrom(priced, script) },
  } as const;
  readExitPackage(parseJson(printJson(document)));
  return document as unknown as ExitPackage;
}

/**
 * Reads a package. Derives again all that follows from its transactions, and checks every
 * signature.
 * @param json parsed
 * @throws Refusal `malformed-message`, `transaction-differs`, `not-signed`, `signature-invalid`,
 * `sighash-refused`, `fee-too-low`, `truc-limit`, `malformed-transaction`, `malformed-psbt`
 */
export function readExitPackage(json: unknown): ReadPackage {
  const found = parseAs(form, json);
  const { steps } = found;
  if (!allows(PACKAGE_LIMITS.steps, steps.length))
    throw new Refusal('malformed-message', `${steps.length} steps found, 1 to ${PACKAGE_LIMITS.steps.most} expected`);
  const known = new Coins(steps.map(({ txid }) => txid));
  const read = steps.map((one, i) => readStep(one, `step ${i + 1}`, known));
  checkQuote(found.quote, read);
  for (const { hex, spends, child: made } of read) {
    checkSignatures(hex, spends);
    if (made) checkSignatures(made.hex, made.inputs);
  }
  return { ...found, network: found.network as Network, steps: read };
}

/** Coins that a package has spent and made so far. */
class Coins {
  readonly #later: Set<Hex>;
  readonly #made = new Map<string, Output>();
  readonly #spent = new Set<string>();
  #inputs = 0;
  constructor(txids: readonly Hex[]) {
    this.#later = new Set(txids);
    if (this.#later.size !== txids.length) throw differs('one transaction twice', 'each once');
  }
  /** Counts the inputs of an unverified transaction. @throws Refusal `malformed-message` */
  count(inputs: number): void {
    this.#inputs += inputs;
    if (!allows(PACKAGE_LIMITS.inputs, this.#inputs))
      throw new Refusal('malformed-message', `more than ${PACKAGE_LIMITS.inputs.most} inputs found`);
  }
  /**
   * Records the coins that a transaction spends and the outputs that it makes.
   * @throws Refusal `transaction-differs` for a coin spent twice, another amount or script, or a
   * parent that comes later
   */
  spend(who: string, spends: readonly Spent[], txid: Hex, outputs: readonly Output[]): void {
    for (const spent of spends) {
      const at = outpointText(spent);
      if (this.#spent.has(at)) throw differs(`${who} that spends ${at} again`, 'each coin once');
      this.#spent.add(at);
      const made = this.#made.get(at);
      if (made ? made.sat !== spent.sat || made.script !== spent.script : this.#later.has(spent.txid))
        throw differs(`${who} that spends ${at}`, made ? `${made.sat} sat there` : 'a step before it to make that');
    }
    this.#later.delete(txid);
    outputs.forEach((output, vout) => this.#made.set(outpointText({ txid, vout }), output));
    if (!this.#made.has(outpointText({ txid, vout: 0 }))) throw differs(`${who} without outputs`, 'one at least');
  }
}

function readStep({ spends_from, child: stated, ...one }: PackageStep, who: string, coins: Coins): ReadStep {
  const found = parseBareTransaction(one.hex);
  coins.count(found.inputs.length);
  if (found.txid !== one.txid) throw differs(`${who} with another txid`, found.txid);
  const spends = spends_from.map(({ amount_sat, ...rest }): Spent => ({ ...rest, sat: amount_sat }));
  if (!sameJson(found.inputs.map(outpointText), spends.map(outpointText)))
    throw differs(`${who} with other coins than its inputs`, 'those of its inputs, in their order');
  const derived = { vsize: vsizeOfHex(one.hex), valid_from: validFromOf(found), after: afterOf(found) };
  for (const [name, value] of Object.entries(derived))
    if (!sameJson(value, one[name as keyof typeof derived]))
      throw differs(`${who} with another ${name}`, 'what its transaction says');
  if (one.by !== null && one.valid_from && 'height' in one.valid_from && one.by < one.valid_from.height)
    throw differs(`${who} to be confirmed by ${one.by}`, `${one.valid_from.height} or later`);
  coins.spend(who, spends, found.txid, found.outputs);
  const feeSat = feeIn(who, spends, found.outputs);
  if (found.version === 3 && !allows(PACKAGE_LIMITS.truc, one.vsize))
    throw new Refusal('truc-limit', `${who} of ${one.vsize} vB found, at most ${PACKAGE_LIMITS.truc.most} expected`);
  const made = stated && readChild(stated, found, who, coins);
  const [fee, vsize] = made ? [feeSat + made.feeSat, one.vsize + made.vsize] : [feeSat, one.vsize];
  if (!allows(PACKAGE_LIMITS.relayed, feerateOf(fee, vsize)))
    throw new Refusal('fee-too-low', `${fee} sat for ${vsize} vB of ${who} found: no node relays that`, {
      hint: made ? 'a child with a higher --feerate pays for it' : 'it needs a child that pays for it',
    });
  return { ...one, spends, feeSat, outputs: found.outputs, child: made };
}

function feeIn(who: string, spends: readonly Spent[], outputs: readonly Output[]): bigint {
  const feeSat = sumSat(spends) - sumSat(outputs);
  if (feeSat < 0n) throw differs(`${who} that spends ${sumSat(spends)} sat`, `${sumSat(outputs)} sat or more`);
  return feeSat;
}

function readChild(
  { anchor, vsize, psbt: carried }: NonNullable<PackageStep['child']>,
  parent: BareTransaction,
  step: string,
  coins: Coins,
): NonNullable<ReadStep['child']> {
  const who = `the child of ${step}`;
  coins.count(readPsbt(carried).inputsLength);
  const { hex, template } = finalHex(carried);
  const at = parent.outputs.findIndex(isAnchor);
  if (anchor !== (at < 0 ? null : at)) throw differs(`${who} at anchor ${anchor}`, at < 0 ? 'none' : String(at));
  const own = template.inputs.filter(({ txid }) => txid === parent.txid).map(({ vout }) => vout);
  if (own.length === 0) throw differs(`${who} that spends nothing of it`, 'an output of its step');
  const isLeft = ({ sat: left, script }: Output, vout: number): boolean =>
    left < dustLimit(script) && !own.includes(vout);
  const dust = parent.outputs.findIndex((output, vout) => isAnchor(output) && isLeft(output, vout));
  if (dust >= 0) throw differs(`${who} that leaves dust at output ${dust}`, 'all dust to be spent');
  if ((template.version === 3) !== (parent.version === 3))
    throw new Refusal('truc-limit', `${who} of version ${template.version} found, ${parent.version} expected`);
  const found = vsizeOfHex(hex);
  if (found !== vsize) throw differs(`${who} of ${vsize} vB`, `${found} vB`);
  if (template.version === 3 && !allows(CHILD_LIMITS.size, found))
    throw new Refusal('truc-limit', `${who} of ${found} vB found, at most ${CHILD_LIMITS.size.most} expected`);
  const txid = txidOfHex(hex);
  coins.spend(who, template.inputs, txid, template.outputs);
  const feeSat = feeIn(who, template.inputs, template.outputs);
  return { hex, txid, vsize, feeSat, inputs: template.inputs, outputs: template.outputs };
}

/** Checks a quote's sums by the transactions, and its other fields by what is possible. */
function checkQuote({ blocks, worth_from_sat: worth, ...sums }: ExitQuote, steps: readonly ReadStep[]): void {
  const children = steps.flatMap(({ child: made }) => made ?? []);
  if (!sameJson(sums, exitTotals([...steps, ...children])))
    throw differs('a quote with other sums', 'those of the transactions');
  const waiting = steps.map(({ after }) => ({ from: [waitOf(after)] }));
  const shortest = blocksOf(waiting, { tip: 'not-checked' })!;
  if (blocks !== null && !allows({ least: PACKAGE_LIMITS.blocks.least(shortest) }, blocks))
    throw differs(`a quote of ${blocks} blocks`, `${shortest} or more`);
  const { outputs } = steps.at(-1)!.child ?? steps.at(-1)!;
  const dust = outputs.map(({ script }) => dustLimit(script));
  const least = PACKAGE_LIMITS.worthLeast.least(feesOf(children), dust.reduce(minSat));
  const most = PACKAGE_LIMITS.worthMost.most(sums.fee_sat, dust.reduce(maxSat));
  if (!allows({ least, most }, worth))
    throw differs(`a quote that pays from ${worth} sat on`, `${least} to ${most} sat`);
}
