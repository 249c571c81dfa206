/** Flags of the commands around a running mint, and what they mean: texts that may also be files. */
import * as Flags from '@oclif/core/flags';
import { readInput } from './input.ts';
import { utf8 } from './sniff.ts';

export const mintFlag = (summary: string) => Flags.string({ summary, helpValue: 'URL', helpGroup: 'MINT' });

/** A line given as itself (a JSON object) or as a file that holds it. @throws Refusal `no-input` */
export const lineOrFile = async (text: string): Promise<string> =>
  (text.trimStart().startsWith('{') ? text : utf8(await readInput(text, 20_000))).trim();

/** The quote that a payment request names. @throws Refusal `malformed-request`, `no-input` */
export async function quoteIn(text: string): Promise<string> {
  const { parseRequest } = await import('../ecash/request.ts');
  return parseRequest(await lineOrFile(text)).quote;
}
