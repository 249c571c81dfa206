/** Flags for a way out as a package, or its price alone, in place of the family's document. */
import { switchFlag, type Values } from './flags.ts';
import { legsOf, type Exit } from '../contract/exit-package.ts';
import { exitQuoteDocument, type ExitConditions, type WayOut } from '../contract/quote.ts';
import { packaged } from '../engine/bump.ts';
import type { Home } from '../home/home.ts';
import { printJson } from '../protocol/json.ts';
import type { FactSource } from '../protocol/ports.ts';

const helpGroup = 'ACTION';
export const packageFlags = {
  package: switchFlag('Print the way out as a package, which anybody can send without key and program', helpGroup),
  quote: switchFlag('Print what leaving costs now, and change nothing', { exclusive: ['package'], helpGroup }),
};
type PackageValues = Partial<Values<typeof packageFlags>> & { allowFee?: boolean };

/** Returns whether --package or --quote is set. */
export const asksPackage = (flags: PackageValues): boolean => flags.package === true || flags.quote === true;

/** Returns the feerate, height and time for a quote or package. */
export async function nowFrom(source: FactSource): Promise<ExitConditions> {
  const { tip = 'not-checked', feerate, now } = (await source.facts({ tip: true, feerate: true, now: true })).facts;
  return { tip, feerate: feerate!, now: now! };
}

export const quoteText = (
  family: string,
  of: Pick<Exit, 'contract' | 'network'>,
  way: Omit<WayOut, 'who'>,
  at: ExitConditions,
) => printJson(exitQuoteDocument(family, of, way, at));

/** Returns the text of the package, or of the quote. @throws Refusal as `packaged` */
export async function packageText(
  family: string,
  exit: Exit,
  flags: PackageValues,
  at: ExitConditions,
  home: Home | undefined,
): Promise<string> {
  if (flags.quote) return quoteText(family, exit, { legs: legsOf(exit), script: exit.script }, at);
  return printJson(await packaged(family, exit, at, home, flags.allowFee ?? false));
}
