import { door } from '../../lib/cli/door.ts';
import { requiredArg, textFlag } from '../../lib/cli/flags.ts';
import { anchorFlag, atFlag, now, proofFile } from './shared.ts';
import { parsePersonName, resolveName } from '../../lib/names/bip353.ts';

export default door({
  summary: 'The offer behind a name like user@example.org, by a DNSSEC proof that is checked offline',
  description: `Reads a proof in hex: the records of RFC 9102, the value of PSBT_OUT_DNSSEC_PROOF, or the message of bLIP-32. It is checked from the keys of the root down to the name's TXT record (BIP353); nobody is asked. Prints the URI, its offer and address, and from when until when the signatures hold.`,
  examples: [
    'What does this name stand for?\nspillway offer resolve user@example.org --proof proof.hex | jq "{offer, address, valid_until}"',
    'From a name to a request\nspillway offer resolve user@example.org --proof proof.hex | jq -r .offer | spillway offer request --name user@example.org --amount-msat 5000 --payer-key-file payer.key',
  ],
  args: { name: requiredArg('The name, with or without ₿ in front') },
  flags: {
    proof: textFlag('The proof (default: stdin)', 'FILE'),
    at: atFlag,
    anchor: anchorFlag,
  },
  exits: [0, 2, 65, 66, 70, 76],
  run: async ({ proof, anchor, at }, args) => {
    const name = parsePersonName(args.name);
    const { verifyDnsSignature: verify } = await import('./dns-signatures.ts');
    return resolveName(name, await proofFile(proof), { verify, ...anchor }, at ?? now());
  },
});
