/**
 * Parts that the ecash commands share: tokens as bare text, keysets from files.
 */
import { readMintKeys, type MintKeys } from '../../lib/ecash/mint-keys.ts';
import { parseJson, type Json } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { readInput } from '../../lib/cli/input.ts';
import { utf8 } from '../../lib/engine/sniff.ts';

/** Whatever is no JSON is taken for a token; what is wrong with it, its reader says. */
export const rawToken = (text: string): Json | undefined =>
  text === '' || /^[{[]/.test(text) ? undefined : { token: text.replace(/\s+/g, '') };

/** Command lines can be seen by others, and error messages would repeat it. @throws Refusal `usage` */
export function refuseTokenAsFile(file: string | undefined): void {
  if (file !== undefined && /^(?:(?:web\+)?cashu:|cashu[AB]|6372617742)/i.test(file))
    throw new Refusal(
      'usage',
      'a token found on the command line, where others can read it; a FILE or a pipe expected',
    );
}

/** The keysets of all files. @throws Refusal `no-input`, `too-large`, and as `readMintKeys` does */
export async function readKeysets(files: readonly string[] = []): Promise<MintKeys[]> {
  const read = await Promise.all(files.map(async (file) => readMintKeys(parseJson(utf8(await readInput(file))))));
  return read.flat();
}
