/** Run of `channel-sweep` and `channel-penalty`: flags, fees, and exit 3 while a key is missing. */
import { scriptOf } from '../../lib/bitcoin/address.ts';
import type { Channel } from '../../lib/channel/commitment.ts';
import type { ChannelKeys } from '../../lib/channel/document.ts';
import type { Payout, Recovered } from '../../lib/channel/spend.ts';
import type { Fields } from '../../lib/protocol/document.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { channelFlag, channelFrom, keysFlag, keysFrom, rawTransaction } from './shared.ts';
import { feeFlags } from '../../lib/cli/contract-flags.ts';
import { chainFlags, textFlag, type Values } from '../../lib/cli/flags.ts';
import { factsFor } from '../../lib/cli/chain.ts';
import { TRANSACTION_LIMIT } from '../../lib/cli/input.ts';
import { note } from '../../lib/engine/log.ts';
import { runStateless, Unfinished } from '../../lib/cli/stateless.ts';

export const channelSpendFlags = {
  channel: channelFlag,
  keys: keysFlag,
  to: textFlag('Address to be paid to', 'ADDRESS', { required: true, helpGroup: 'SPEND' }),
  ...feeFlags,
  ...chainFlags,
};

/**
 * Reads a transaction, spends it and prints the result; exit 3 while a signature is missing.
 * @throws Refusal `usage`, and as `spend`
 */
export async function runChannelSpend(
  flags: Values<typeof channelSpendFlags>,
  file: string | undefined,
  spend: (channel: Channel, document: Fields, keys: ChannelKeys, paying: Payout) => Recovered,
): Promise<void> {
  const keys = await keysFrom(flags.keys);
  if (!keys) throw new Refusal('usage', 'no keys found: --keys FILE expected');
  await runStateless({ file, raw: rawTransaction, limit: TRANSACTION_LIMIT }, async (document) => {
    const channel = await channelFrom(flags.channel, document);
    const to = scriptOf(flags.to, channel.network);
    const { facts, checks } = await factsFor(flags, channel.network);
    const paying = { to, feerate: facts.feerate, allowFee: flags.allowFee ?? false };
    const made = spend(channel, document, keys, paying);
    if (made.complete) return { ...made.document, checks };
    note('a signature is missing: the PSBT waits for it');
    return new Unfinished({ ...made.document, checks });
  });
}
