import { door } from '../../lib/cli/door.ts';
import { actionArg, arg, repeated, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import { loadCashu } from '../../lib/ecash/library.ts';
import { decodeToken, encodeToken, tokenFindings } from '../../lib/ecash/token-document.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { readMintKeys, type MintKeys } from '../../lib/ecash/mint-keys.ts';
import { parseJson, type Json } from '../../lib/protocol/json.ts';
import { readInput } from '../../lib/cli/input.ts';
import { utf8 } from '../../lib/engine/sniff.ts';

/** Takes any text that is no JSON for a token; its reader reports what is wrong with it. */
const rawToken = (text: string): Json | undefined =>
  text === '' || /^[{[]/.test(text) ? undefined : { token: text.replace(/\s+/g, '') };

/** Refuses a token on the command line, which others can see. @throws Refusal `usage` */
function refuseTokenAsFile(file: string | undefined): void {
  if (file !== undefined && /^(?:(?:web\+)?cashu:|cashu[AB]|6372617742)/i.test(file))
    throw new Refusal(
      'usage',
      'a token found on the command line, where others can read it; a FILE or a pipe expected',
    );
}

/** Reads the keysets of all files. @throws Refusal `no-input`, and as `readMintKeys` */
async function readKeysets(files: readonly string[] = []): Promise<MintKeys[]> {
  const read = await Promise.all(files.map(async (file) => readMintKeys(parseJson(utf8(await readInput(file))))));
  return read.flat();
}

export default door({
  summary: 'Cashu tokens: decode to JSON, encode, verify against the public keys of the mint',
  description: `A token is money: whoever reads its secrets can spend it. Keep it, and what decode prints without --redact, in files that nobody else may read; it is never taken from the command line.
decode reads cashuA (V3) and cashuB (V4), strictly; a token that is not valid is refused (65), and --explain answers with the reason instead. encode reads what decode printed, {mint, unit, memo?, proofs}, or another token, and writes V4. verify checks unit, amount and DLEQ proof of every coin: exit 3 where keys or proofs are missing, 76 with the first reason against it. It needs no mint, and so cannot tell whether a token is spent.`,
  examples: [
    'What is in it, for a log\nspillway ecash-token decode --redact < token.txt | jq .total_sat',
    'Did this mint sign it?\ncurl -s https://mint.example/v1/keys > keys.json && spillway ecash-token verify --keyset keys.json < token.txt | jq -r .status',
  ],
  args: {
    action: actionArg(['decode', 'encode', 'verify']),
    file: arg('The token or document (default: stdin)'),
  },
  flags: {
    batch: batchFlag,
    keyset: textFlag(
      "The mint's public keys, as GET /v1/keys answers; also completes short keyset ids",
      'FILE',
      repeated,
    ),
    redact: switchFlag('Leave the secrets out of what decode prints'),
    explain: switchFlag('Where decode finds no valid token, print why, as a document'),
    v3: switchFlag('Write cashuA, the older format'),
  },
  exits: [0, 2, 3, 65, 66, 70, 76],
  run: async (flags, args) => {
    const { action, file } = args;
    refuseTokenAsFile(file);
    for (const name of ['redact', 'explain'] as const)
      if (flags[name] && action !== 'decode')
        throw new Refusal('usage', `--${name} found with ${action}, decode expected`);
    if (flags.v3 && action !== 'encode') throw new Refusal('usage', `--v3 found with ${action}, encode expected`);
    if (action !== 'decode' || flags.redact || flags.keyset) await loadCashu();
    const keysets = await readKeysets(flags.keyset);
    let complete = true;
    await runStateless({ file, batch: flags.batch, raw: rawToken }, (document) => {
      if (action === 'decode') return decodeToken(document, keysets, flags);
      if (action === 'encode') return encodeToken(document, keysets, flags.v3 ? 'V3' : 'V4');
      const found = tokenFindings(document, keysets);
      complete &&= found.complete;
      return found.document;
    });
    if (!complete) process.exitCode ||= 3;
  },
});
