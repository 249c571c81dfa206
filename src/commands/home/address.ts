import { BaseCommand } from '../../lib/cli/base.ts';
import { homeFlags } from '../../lib/cli/flags.ts';
import { withHome } from '../../lib/cli/home.ts';
import { print } from '../../lib/cli/output.ts';

export default class Address extends BaseCommand {
  static override summary = "A fresh address of the home's own wallet";
  static override description =
    'A BIP86 address that was not given out before, alone on its line. The words of the home restore what it receives.';
  static override examples = [
    'Fund the home from a node\nspillway address --home user | xargs -I A bitcoin-cli -regtest sendtoaddress A 0.1',
    'Show it as a QR code\nspillway address --home user | qrencode -t utf8',
  ];
  static override flags = homeFlags;
  static override exits = [0, 2, 65, 66, 69, 70, 73, 75, 77] as const;

  async run(): Promise<void> {
    const { flags } = await this.parse(Address);
    const { freshAddress } = await import('../../lib/engine/wallet.ts');
    const { address } = await withHome(flags, freshAddress);
    await print(address);
  }
}
