/** The text of an HTTP answer: read as it comes, and no further than its limit, so that no server fills the memory of this program. */
import { allows } from '../protocol/limit.ts';

/** @throws Error where it is longer, and the connection is given up */
export async function textWithin(limit: { readonly most: number }, answer: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of answer.body ?? []) {
    size += part.length;
    if (!allows(limit, size)) throw new Error(`more than ${limit.most} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
