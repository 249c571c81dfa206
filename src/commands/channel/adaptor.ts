import { rm } from 'node:fs/promises';
import { door } from '../../lib/cli/door.ts';
import { actionArg, arg, textFlag } from '../../lib/cli/flags.ts';
import { createFile } from '../../lib/cli/output.ts';
import { secretFlags, readHex, readKey } from '../../lib/cli/secrets.ts';
import { runStateless } from '../../lib/cli/stateless.ts';
import { ADAPTOR_ACTIONS, adaptorDocument, presignDocument } from '../../lib/channel/adaptor-document.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default door({
  summary: 'Adaptor signatures: presign, verify, adapt, extract, for one key and for two (MuSig2)',
  description: `presign reads {message, adaptor_point} and signs with --key-file. With pubkeys (two) it is one document handed round three times: the offerer draws a nonce into --nonce-out, the claimer signs last, the offerer completes with --nonce-file, which is erased before anything is printed. With construction ecdsa (one key) it is ECDSA, as Discreet Log Contracts have it, and the signature is printed as DER too. adapt makes the signature with the secret of --adaptor-file; extract reads {…, signature} and prints that secret. The construction is named in each document: A adds the point to the first nonce before BIP327 hashes it, and does not work with programs that add it later.`,
  examples: [
    'A payment for a secret\nspillway adaptor presign --key-file alice.key < terms.json | spillway adaptor adapt --adaptor-file t.hex | jq -r .signature',
    'What the signature on the chain shows\nspillway adaptor extract < both.json | jq -r .secret',
  ],
  args: {
    action: actionArg(ADAPTOR_ACTIONS),
    file: arg('The document (default: stdin)'),
  },
  flags: {
    ...secretFlags('key', 'presign: the secret key'),
    ...secretFlags('adaptor', 'adapt: the secret of the adaptor point'),
    'nonce-out': textFlag('presign of two, first run: a new file for the secret nonce', 'FILE'),
    'nonce-file': textFlag('presign of two, last run: that file; it is erased, whatever comes of it', 'FILE', {
      exclusive: ['nonce-out'],
    }),
  },
  exits: [0, 2, 65, 66, 70, 73, 76, 77],
  run: async (flags, { action, file }) => {
    const key = await readKey(flags, 'key');
    const adaptor = await readKey(flags, 'adaptor');
    const { nonceOut: out, nonceFile: kept } = flags;
    await runStateless({ file }, async (document) => {
      if (action !== 'presign') return adaptorDocument(action, document, adaptor);
      const secnonce = await readHex({ nonceFile: kept }, 'nonce');
      if (kept !== undefined) await rm(kept);
      const random = crypto.getRandomValues(new Uint8Array(32));
      const made = presignDocument(document, { key, random, secnonce });
      if (made.secnonce) {
        if (out === undefined) throw new Refusal('usage', 'no file for the secret nonce found: --nonce-out expected');
        await createFile(out, `${Buffer.from(made.secnonce).toString('hex')}\n`);
      }
      return made.document;
    });
  },
});
