/**
 * Children for stuck transactions, out of the home's own output and other coins; and packages, with
 * a child for each step that pays too little.
 * Not here: sizes and fees (`bitcoin/package.ts`), the package (`contract/exit-package.ts`).
 */
import { scriptOf } from '../bitcoin/address.ts';
import { checkSpendable, outpointsOf } from '../bitcoin/coin-checks.ts';
import { feerateOf, feerateText, MIN_FEERATE, feeFor } from '../bitcoin/fee.ts';
import { addedInputs, childOf, isAnchor } from '../bitcoin/package.ts';
import { parseTransaction, sumSat, txidOfHex, vsizeOfHex, type Spent } from '../bitcoin/transaction.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { fundingHex, fundingPsbt, isSigned, signFunding, withAnchors } from '../bitcoin/funding.ts';
import type { Settlement } from '../contract/copy.ts';
import type { Facts, Hex, Psbt } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { childrenOf, replacementFee } from '../bitcoin/replacement.ts';
import type { Rpc } from '../chain/rpc.ts';
import { exitPackage, legsOf, type Exit, type ExitPackage } from '../contract/exit-package.ts';
import type { ExitConditions } from '../contract/quote.ts';
import type { Home } from '../home/home.ts';
import { reservedIn } from './stage.ts';
import { homeHand } from './wallet.ts';

export interface BumpOptions {
  coins: readonly Spent[];
  /** Facts of the chain about them. */
  seen?: Facts['coins'];
  merged: readonly string[];
  /** Satoshis for a thousand virtual bytes, of both together. */
  feerate: number;
  /** Returns the least fee of a child, in satoshis, by its virtual size. */
  least?: (vsize: number) => bigint;
  payTo: string | undefined;
  allowFee: boolean;
}

/** Transaction that needs a fee bump, with the fee that it pays itself. */
export interface Stuck {
  network: string;
  hex: Hex;
  feeSat: bigint;
}

/** @throws Refusal `malformed-message` if the document states less than the transaction pays out */
export function stuckOf({ network, hex, spends }: Settlement): Stuck {
  const feeSat = sumSat(spends) - sumSat(parseTransaction(hex).outputs.map((o) => ({ sat: o.amount })));
  if (feeSat < 0n)
    throw new Refusal('malformed-message', 'the document states smaller inputs than the transaction has outputs');
  return { network, hex, feeSat };
}

/**
 * @throws Refusal `nothing-to-bump`, `not-enough-coins`, `fee-too-high`
 * @throws Refusal as `checkSpendable` and `signFunding` do
 */
export async function bump(home: Home, stuck: Stuck, options: BumpOptions) {
  const { network } = home;
  const raw = parseTransaction(stuck.hex);
  const txid = txidOfHex(stuck.hex);
  const outputs = raw.outputs.map((o, vout): Spent => ({ txid, vout, sat: o.amount, script: bytesToHex(o.script) }));
  const fee = stuck.feeSat;
  const vsize = vsizeOfHex(stuck.hex);
  const scripts = [...outputs, ...options.coins].map((o) => o.script);
  const ours = await home.store.ours(scripts);
  const own = outputs.filter((o) => ours.has(o.script)).sort((a, b) => (a.sat > b.sat ? -1 : 1))[0];
  const anchor = outputs.find(isAnchor);
  if (!own && !anchor)
    throw new Refusal('nothing-to-bump', 'no output of the transaction pays an address of this home', {
      hint: 'bump it in the wallet that it pays',
    });
  if (!own && options.payTo === undefined)
    throw new Refusal(
      'usage',
      'only the anchor can be spent here: --change ADDRESS expected, for what is left of --utxo',
    );
  const payTo = options.payTo === undefined ? own!.script : scriptOf(options.payTo, network);
  const version = raw.version === 3 ? 3 : 2;
  const spent = [anchor, own].filter((output) => output !== undefined);
  const { coins, feerate, allowFee, least } = options;
  const child = childOf({ version, vsize, fee }, spent, coins, payTo, feerate, allowFee, least);
  const added = addedInputs(child, spent);
  const reserved = await reservedIn(home.store, outpointsOf(added));
  checkSpendable({ coins: options.seen ?? 'not-checked', reserved }, added);
  const signed = signFunding(await homeHand(home, options.merged), withAnchors(child), ours);
  const psbt = fundingPsbt(signed);
  const complete = isSigned(signed);
  const hex = complete ? fundingHex(signed) : undefined;
  return {
    complete,
    psbt,
    document: {
      ...(hex !== undefined && { package: [stuck.hex, hex], txids: [txid, txidOfHex(hex)] }),
      fee_sat: child.fee,
      package_fee_sat: fee + child.fee,
      ...(hex !== undefined && { feerate: feerateText(feerateOf(fee + child.fee, vsize + vsizeOfHex(hex))) }),
      psbt: { child: psbt },
    },
  };
}

/** Fee rules of a child: the feerate of the package, and the least fee for the child's size. */
type Dear = Pick<BumpOptions, 'feerate' | 'least' | 'allowFee'>;

/**
 * Makes the child that spends only the anchor and an output of this home, so no other wallet signs.
 * @returns both transactions, and the child's fee, PSBT and txid
 * @throws Refusal as `bump` does
 */
export async function bumpAlone(
  home: Home,
  stuck: Stuck,
  dear: Dear,
): Promise<{ package: string[]; fee_sat: bigint; txid: Hex; hex: Hex; psbt: Psbt }> {
  const { document, psbt } = await bump(home, stuck, { coins: [], merged: [], payTo: undefined, ...dear });
  const [, hex] = document.package ?? [];
  if (hex === undefined) throw new Refusal('bug', 'a child without other coins is not signed');
  return { package: document.package!, fee_sat: document.fee_sat, txid: txidOfHex(hex), hex, psbt };
}

/** Returns the least fee of a child, which must pay for replacing one in the mempool (BIP431). */
export async function leastChild(rpc: Rpc, hex: Hex): Promise<{ least?: (vsize: number) => bigint }> {
  const paying = await rpc.mempoolFee(txidOfHex(hex));
  const evicted = paying && childrenOf(paying, paying.own);
  if (!evicted) return {};
  const { relay = 0 } = await rpc.mempoolRates();
  return { least: (vsize) => replacementFee(evicted, vsize, Math.max(MIN_FEERATE, relay)) };
}

/**
 * Returns a finished way out as a package.
 * @param family word of the family on the command line
 * @param home signs children; undefined: each step pays for itself
 * @throws Refusal as `exitPackage` and `bump`
 */
export async function packaged(
  family: string,
  exit: Exit,
  at: ExitConditions,
  home: Home | undefined,
  allowFee: boolean,
): Promise<ExitPackage> {
  const { network, script, steps } = exit;
  const ours = home && (await home.store.ours([script])).has(script);
  const children: (Psbt | null)[] = [];
  for (const [i, { vsize, feeSat, childVsize }] of legsOf(exit).entries()) {
    const needed = ours && childVsize !== null && feeSat < feeFor(at.feerate, vsize);
    const stuck = { network, hex: steps[i]!.hex, feeSat };
    children.push(needed ? (await bumpAlone(home, stuck, { feerate: at.feerate, allowFee })).psbt : null);
  }
  return exitPackage(family, exit, children, at);
}
