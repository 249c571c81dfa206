import { BaseCommand } from '../../lib/cli/base.ts';
import { arg } from '../../lib/cli/flags.ts';
import { now } from '../offer/shared.ts';
import { readKey } from '../../lib/cli/secrets.ts';
import { batchFlag, nodeKeyFlags, runStateless } from '../../lib/cli/stateless.ts';
import { encodeBolt11 } from '../../lib/offer/bolt11-document.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default class InvoiceEncode extends BaseCommand {
  static override summary = 'Write and sign a BOLT11 invoice';
  static override description = `Reads what invoice decode prints, or {network, amount_msat?, timestamp?, fields: [{tag: "p", payment_hash}, {tag: "s", payment_secret}, {tag: "d", description}, …]}: h description_hash, m payment_metadata, n node_id, x expiry, c min_final_cltv_expiry_delta, f fallback {address}, r route [{pubkey, short_channel_id, fee_base_msat, fee_proportional_millionths, cltv_expiry_delta}], 9 features [bits]; other tags with letters. What invoice verify would refuse is not written.`;
  static override examples = [
    'An invoice without an amount\necho \'{"fields": [{"tag": "p", "payment_hash": "…"}, {"tag": "s", "payment_secret": "…"}, {"tag": "d", "description": "Tea"}]}\' | spillway invoice encode --key-file node.key | jq -r .string',
    'The same invoice, signed again\nspillway invoice decode invoice.txt | spillway invoice encode --key-file node.key | jq -r .string',
  ];
  static override args = { file: arg('The fields (default: stdin)') };
  static override flags = { batch: batchFlag, ...nodeKeyFlags };
  static override exits = [0, 2, 65, 66, 70, 76, 77] as const;

  async run(): Promise<void> {
    const { flags, args } = await this.parse(InvoiceEncode);
    const key = await readKey({ fd: flags['key-fd'], file: flags['key-file'] });
    if (!key) throw new Refusal('usage', 'no key to sign with', { hint: 'give --key-file FILE or --key-fd N' });
    await runStateless({ file: args.file, batch: flags.batch }, (document) => encodeBolt11(document, key, now()));
  }
}
