/**
 * A finished way out as a package: a home signs the child of each step that pays less than the feerate.
 * Not here: the document (`contract/exit-package.ts`), what each family puts into it.
 */
import { feeFor } from '../bitcoin/fee.ts';
import { exitPackage, legsOf, type Exit, type ExitPackage } from '../contract/exit-package.ts';
import type { ExitConditions } from '../contract/quote.ts';
import type { Home } from '../home/home.ts';
import type { Psbt } from '../protocol/action.ts';
import { bumpAlone } from './bump.ts';

/**
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
