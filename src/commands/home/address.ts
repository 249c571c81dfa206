import { door } from '../../lib/cli/door.ts';
import { homeFlags } from '../../lib/cli/flags.ts';
import { withHome } from '../../lib/cli/home.ts';

export default door({
  summary: "A fresh address of the home's own wallet",
  description:
    'A BIP86 address that was not given out before, alone on its line. The words of the home restore what it receives.',
  examples: [
    'Fund the home from a node\nspillway address --home user | xargs -I A bitcoin-cli -regtest sendtoaddress A 0.1',
    'Show it as a QR code\nspillway address --home user | qrencode -t utf8',
  ],
  flags: homeFlags,
  exits: [0, 2, 65, 66, 69, 70, 73, 75, 77],
  run: async (flags) => {
    const { freshAddress } = await import('../../lib/engine/wallet.ts');
    const { address } = await withHome(flags, freshAddress);
    return address;
  },
});
