import { door } from '../../lib/cli/door.ts';
import { arg, hexFlag } from '../../lib/cli/flags.ts';
import { readKey } from '../../lib/cli/secrets.ts';
import { nodeKeyFlags, runStateless } from '../../lib/cli/stateless.ts';
import { signWith, withSignature } from '../../lib/offer/build.ts';
import { signerOf } from '../../lib/offer/check.ts';
import { messageIn, offerDocument, offerProblems } from '../../lib/offer/document.ts';
import { refuseFirst } from '../../lib/offer/message.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { rawOffer } from './shared.ts';

export default door({
  summary: 'Sign an invoice request, an invoice or a payer proof, or add a signature made elsewhere',
  description: `Reads a message without a signature, as offer request, offer invoice and offer prove print it with exit 3. The signature is one of BIP340 over signing.message, by signing.key.`,
  examples: [
    'With a key at hand\nspillway offer sign --key-file payer.key request.json',
    'With a key elsewhere\nspillway offer sign --signature "$SIGNATURE" request.json',
  ],
  args: { file: arg('The message (default: stdin)') },
  flags: {
    ...nodeKeyFlags,
    signature: hexFlag('A signature of 64 bytes', { length: 64, exclusive: ['key-file', 'key-fd'] }),
  },
  exits: [0, 2, 65, 66, 70, 75, 76, 77],
  run: async (flags, { file }) => {
    const key = await readKey(flags, 'key');
    const signature = flags.signature && Buffer.from(flags.signature).toString('hex');
    if (!key && signature === undefined)
      throw new Refusal('usage', 'no signature found', { hint: 'give --key-file FILE or --signature HEX' });
    await runStateless({ file, raw: rawOffer() }, (document) => {
      const message = messageIn(document);
      // Nothing is signed that a reader would refuse for anything but the missing signature.
      refuseFirst(offerProblems(message).filter(({ field }) => field !== signerOf(message).field));
      return offerDocument(key ? signWith(message, key) : withSignature(message, signature!));
    });
  },
});
