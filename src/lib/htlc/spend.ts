/**
 * The transaction that claims or refunds: one input, one output, with the locktime, sequence and
 * version that its path asks for. Not here: its signatures (`sign.ts`).
 */
import { feeFor, guardFee } from '../bitcoin/fee.ts';
import { LOCKTIME_THRESHOLD } from '../bitcoin/locktime.ts';
import { checkDust } from '../bitcoin/script.ts';
import { vsizeOfHex, type Spent, type Template } from '../bitcoin/transaction.ts';
import { templateOf, readPsbt } from '../bitcoin/psbt.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { finishedHex } from './finalize.ts';
import type { Moment } from '../contract/moment.ts';
import { isRelative } from './lock.ts';
import { momentOf, signersOf, timingFor } from './paths.ts';
import { elementsOf, type Element, type PathName } from './scripts.ts';
import { build, formOf, type Built, type Htlc } from './terms.ts';

/** One path of one HTLC, with everything that spending by it needs. */
export interface Spend {
  htlc: Htlc;
  path: PathName;
  built: Built;
  elements: readonly Element[];
  /** Paths whose signatures it needs. */
  signers: readonly PathName[];
  template: Template;
  feeSat: bigint;
  /** Virtual size with the largest signatures. */
  vsize: number;
  validFrom: Moment;
}
export interface SpendInput {
  coin: Omit<Spent, 'script'>;
  /** Output script, hex. */
  to: Hex;
  /** Satoshis for a thousand virtual bytes. */
  feerate: number;
  /** Fee that is paid whatever the feerate. */
  fee?: bigint;
  allowFee?: boolean;
}

const LARGEST = { ecdsa: new Uint8Array(72), schnorr: new Uint8Array(64) };

/** @throws Refusal `fee-too-high`, `below-dust` */
export function spend(htlc: Htlc, path: PathName, { coin, to, feerate, fee, allowFee = false }: SpendInput): Spend {
  const built = build(htlc);
  const form = formOf(built, path);
  const elements = elementsOf(form.witness);
  const timing = timingFor(htlc, path, form.script);
  const template = (sat: bigint): Template => ({
    version: 2,
    locktime: timing.locktime,
    inputs: [{ ...coin, script: built.output, sequence: timing.sequence }],
    outputs: [{ sat, script: to }],
  });
  const made = { htlc, path, built, elements, signers: signersOf(elements) };
  const largest = htlc.type === 'p2tr' ? LARGEST.schnorr : LARGEST.ecdsa;
  const sized = finishedHex(
    { ...made, template: template(coin.sat) },
    { claim: largest, refund: largest },
    new Uint8Array(32),
  );
  const vsize = vsizeOfHex(sized);
  const feeSat = fee ?? feeFor(feerate, vsize);
  if (feeSat >= coin.sat)
    throw new Refusal(
      'fee-too-high',
      `a fee of ${feeSat} sat found, less than the ${coin.sat} sat of the coin expected`,
    );
  guardFee(feeSat, coin.sat, allowFee);
  const left = coin.sat - feeSat;
  const output = { sat: left, script: to };
  checkDust(output, (least) => `an output of ${left} sat found, at least ${least} sat expected`);
  return {
    ...made,
    template: template(left),
    feeSat,
    vsize,
    validFrom: momentOf(htlc, path, timing),
  };
}

/**
 * Refuses, by name, faults that other programs make in the lock of a spend: users of refunds run
 * into them.
 * @throws Refusal `final-sequence`, `csv-version`, `locktime-kind`
 */
export function checkTiming({ htlc, template, path }: Spend, psbt: string): void {
  const found = templateOf(readPsbt(psbt));
  const [own, input] = [template.inputs[0]!, found.inputs.find((i) => i.txid === template.inputs[0]!.txid)];
  if (!input || input.vout !== own.vout) return;
  // BIP68: without this bit the sequence is a lock.
  const relative = (own.sequence & 0x80000000) === 0;
  if (relative && found.version < 2)
    throw new Refusal(
      'csv-version',
      `a transaction of version ${found.version} found, 2 expected: a relative lock needs it`,
    );
  if (input.sequence === 0xffffffff && (template.locktime !== 0 || relative))
    throw new Refusal('final-sequence', 'a final sequence (ffffffff) found: the lock would not count');
  const isTime = (n: number): boolean => n >= LOCKTIME_THRESHOLD;
  if (path === 'refund' && !isRelative(htlc.lock) && isTime(found.locktime) !== isTime(template.locktime))
    throw new Refusal(
      'locktime-kind',
      `nLockTime ${found.locktime} found, a ${htlc.lock.kind} from ${template.locktime} on expected`,
    );
}
