/** Flags of the commands around a running mint, and what they mean: mints that were named, texts that may also be files. */
import { repeated, textFlag } from './flags.ts';
import { readInput } from './input.ts';
import { utf8 } from '../engine/sniff.ts';

/** Flags of commands that ask the mint of a contract. */
export const askFlags = {
  'private-mint': textFlag(
    'A mint that may be asked although its address is private or local; may be given often',
    'URL',
    {
      env: 'SPILLWAY_PRIVATE_MINT',
      ...repeated,
      helpGroup: 'MINT',
      parse: async (text: string) => (await import('../cashu/quotes.ts')).mintUrl(text),
    },
  ),
};

/** The values of `askFlags`, and --mint of commands that have it: what it names is named too. */
export interface AskValues {
  /** Private mints; the variable gives one, not a list. */
  'private-mint'?: string[] | string | undefined;
  mint?: string | undefined;
}

/**
 * Returns the test whether the user of this command named the mint.
 * @throws Refusal `usage` where --mint is none
 */
export async function namedMints(flags: AskValues): Promise<(mint: string) => boolean> {
  const { mintUrl } = await import('../cashu/quotes.ts');
  const named = new Set([flags['private-mint'] ?? [], flags.mint === undefined ? [] : mintUrl(flags.mint)].flat());
  return (mint) => named.has(mint);
}

export const mintFlag = (summary: string) => textFlag(summary, 'URL', 'MINT');

/** A line given as itself (a JSON object) or as a file that holds it. @throws Refusal `no-input` */
export const lineOrFile = async (text: string): Promise<string> =>
  (text.trimStart().startsWith('{') ? text : utf8(await readInput(text, 20_000))).trim();

/** The quote that a payment request names. @throws Refusal `malformed-request`, `no-input` */
export async function quoteIn(text: string): Promise<string> {
  const { parseRequest } = await import('../ecash/request.ts');
  return parseRequest(await lineOrFile(text)).quote;
}
