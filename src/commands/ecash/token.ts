import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../lib/cli/base.ts';
import { rawToken, readKeysets, refuseTokenAsFile } from './shared.ts';
import { arg } from '../../lib/cli/flags.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import { loadCashu } from '../../lib/ecash/library.ts';
import { decodeDocument, encodeDocument, verifyDocument } from '../../lib/ecash/token-document.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default class EcashToken extends BaseCommand {
  static override summary = 'Cashu tokens: decode to JSON, encode, verify against the public keys of the mint';
  static override description = `A token is money: whoever reads its secrets can spend it. Keep it, and what decode prints without --redact, in files that nobody else may read; it is never taken from the command line.
decode reads cashuA (V3) and cashuB (V4), strictly; a token that is not valid is refused (65), and --explain answers with the reason instead. encode reads what decode printed, {mint, unit, memo?, proofs}, or another token, and writes V4. verify checks unit, amount and DLEQ proof of every coin: exit 3 where keys or proofs are missing, 76 with the first reason against it. It needs no mint, and so cannot tell whether a token is spent.`;
  static override examples = [
    'What is in it, for a log\nspillway ecash-token decode --redact < token.txt | jq .total_sat',
    'Did this mint sign it?\ncurl -s https://mint.example/v1/keys > keys.json && spillway ecash-token verify --keyset keys.json < token.txt | jq -r .status',
  ];
  static override args = {
    action: Args.string({
      description: 'What to do',
      options: ['decode', 'encode', 'verify'],
      required: true,
      ignoreStdin: true,
    }),
    file: arg({ description: 'The token or document (default: stdin)' }),
  };
  static override flags = {
    batch: batchFlag,
    keyset: Flags.string({
      summary: "The mint's public keys, as GET /v1/keys answers; also completes short keyset ids",
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    redact: Flags.boolean({ summary: 'Leave the secrets out of what decode prints' }),
    explain: Flags.boolean({ summary: 'Where decode finds no valid token, print why, as a document' }),
    v3: Flags.boolean({ summary: 'Write cashuA, the older format' }),
  };
  static override exits = [0, 2, 3, 65, 66, 70, 76] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(EcashToken);
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
      if (action === 'decode') return decodeDocument(document, keysets, flags);
      if (action === 'encode') return encodeDocument(document, keysets, flags.v3 ? 'V3' : 'V4');
      const found = verifyDocument(document, keysets);
      complete &&= found.complete;
      return found.document;
    });
    if (!complete) process.exitCode ||= 3;
  }
}
