import { door } from '../../lib/cli/door.ts';
import { homeFlags } from '../../lib/cli/flags.ts';
import { withHome } from '../../lib/cli/home.ts';
import { freshKey } from './home.ts';
import { print } from '../../lib/cli/output.ts';

export default door({
  summary: 'A fresh key of the home for an HTLC, with the hash of a preimage that the home can repeat',
  description: `Nothing secret is printed. htlc create takes the file as --claim-key or --refund-key, htlc claim and htlc refund find key and preimage again with --home. A key is for one HTLC.`,
  examples: [
    'The recipient\'s key and hash, for whoever pays\nspillway htlc key --home bob > bob.json\nspillway htlc create --network regtest --claim-key bob.json --refund-key alice.json --hash "$(jq -r .hash.sha256 bob.json)" --expires 1000 > htlc.json',
    'The public key alone\nspillway htlc key --home bob | jq -r .pubkey',
  ],
  flags: homeFlags,
  exits: [0, 2, 65, 66, 69, 70, 73, 75, 77],
  run: (flags) =>
    withHome(flags, async (home) => {
      const { pubkey, auth, hash } = await freshKey(home);
      await print({ type: 'htlc-key', version: 1, network: home.network, pubkey, auth, hash });
    }),
});
