import { door } from '../../lib/cli/door.ts';
import { arg, textFlag } from '../../lib/cli/flags.ts';
import { secretFlags, readKey } from '../../lib/cli/secrets.ts';
import { penaltyDocument } from '../../lib/channel/spend.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { storeFrom } from './shared.ts';
import { channelSpendFlags, runChannelSpend } from './spend.ts';

export default door({
  summary: 'Take everything of a revoked commitment of the other side, and of its HTLC transactions',
  description: `Reads a transaction in hex, or {transaction, channel?, number?, htlcs?, spent?}. The secret of the commitment comes from --secret-file, or from --secrets, the store that channel-secrets insert prints. An HTLC output is found by the htlcs of that commitment alone, as its holder has them; without them its second stage is punished when it is there. Confirm it before the delay of the cheater's to_local ends.`,
  examples: [
    'An old commitment was broadcast\nspillway channel-penalty --channel channel.json --keys keys.json --secrets store.json --to "$ADDRESS" --feerate 20 < revoked.hex | jq -r ".transactions[].hex"',
    'Its HTLC transaction too\necho "{\\"transaction\\":\\"$HEX\\",\\"number\\":41}" | spillway channel-penalty --channel channel.json --keys keys.json --secrets store.json --to "$ADDRESS"',
  ],
  args: { file: arg('The transaction (default: stdin)') },
  flags: {
    ...channelSpendFlags,
    secrets: textFlag('The store of revealed secrets', 'FILE', 'CHANNEL'),
    ...secretFlags('secret', 'The per-commitment secret', 'CHANNEL'),
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 76, 77],
  run: async (flags, { file }) => {
    const secret = await readKey(flags, 'secret');
    const store = secret ? undefined : await storeFrom(flags.secrets);
    const by = secret ? { secret } : store && { store };
    if (!by) throw new Refusal('usage', 'no secret found: --secrets, --secret-file or --secret-fd expected');
    await runChannelSpend(flags, file, (channel, document, keys, paying) =>
      penaltyDocument(channel, document, keys, by, paying),
    );
  },
});
