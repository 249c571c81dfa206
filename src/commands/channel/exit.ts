import { switchFlag, textFlag, wholeFlag } from '../../lib/cli/flags.ts';
import { door } from '../../lib/cli/door.ts';
import { backedBy, backupFlags } from './backup.ts';
import { signBacked } from '../../lib/channel/lnd.ts';
import { note } from '../../lib/engine/log.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default door({
  summary: 'Sign the commitment in an lnd backup: the last resort, which loses everything where it was revoked',
  description: `A channel.backup of lnd 0.18 and later holds the commitment that was newest when it was written. Any payment since then has revoked it, and the peer takes the whole channel if it is broadcast. First ask the peer to close (connecting to it from a restored node does), and wait for days: to_remote is then yours by channel-sweep, without any risk. Where the peer is gone for good, its watchtower may not be.`,
  examples: [
    'Is it older than what the peer says?\nspillway channel-exit --backup channel.backup --network mainnet --root-key-file root.key --newest 1203 --accept-penalty-risk > exit.json',
    'Nothing else is left\nspillway channel-exit --backup channel.backup --network mainnet --root-key-file root.key --outpoint "$TXID:$VOUT" --accept-penalty-risk | jq -r .hex',
  ],
  flags: {
    ...backupFlags,
    backup: textFlag("lnd's channel.backup", 'FILE', { required: true, helpGroup: 'BACKUP' }),
    newest: wholeFlag('The highest own commitment number that is known: an older commitment is refused'),
    'accept-penalty-risk': switchFlag(
      'Sign it although nobody knows whether it was revoked, which gives the peer everything',
    ),
  },
  exits: [0, 2, 65, 66, 70, 76, 77],
  run: async (flags) => {
    const { network, newest } = flags;
    const [one, ...more] = await backedBy(flags, flags.backup);
    if (more.length > 0)
      throw new Refusal('usage', `${more.length + 1} channels found: --outpoint of one of them expected`, {
        hint: 'channel-import lists them',
      });
    if (!flags.acceptPenaltyRisk)
      throw new Refusal(
        'maybe-revoked',
        'nobody knows whether the commitment of this backup was revoked by a later payment',
        { hint: 'ask the peer to close, and sweep to_remote; only if it is gone for good: --accept-penalty-risk' },
      );
    const signed = signBacked(one, newest);
    note(`if commitment ${signed.number} is not the newest, the peer takes the whole channel within its delay`);
    const checks = { revoked: newest === undefined ? 'not-checked' : `not below ${newest}` };
    return { type: 'channel-exit', version: 1, network, outpoint: one.outpoint, ...signed, checks };
  },
});
