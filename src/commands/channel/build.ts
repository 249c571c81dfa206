import { door } from '../../lib/cli/door.ts';
import { channelFlag, channelFrom, keysFlag, keysFrom } from './shared.ts';
import { arg, switchFlag } from '../../lib/cli/flags.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';

export default door({
  summary: 'Build a commitment of a Lightning channel and its HTLC transactions, byte for byte as BOLT3 has them',
  description: `Reads {holder, number, per_commitment_point, to_local_msat, to_remote_msat, feerate_per_kw, dust_limit_sat, htlcs: [{direction, amount_msat, payment_hash, expiry, preimage?}]}; offered and received are the holder's. With --keys of the other side it prints what commitment_signed carries; with those of the holder, and signature and htlc_signatures of the other side in the document, the finished transactions. A taproot commitment takes nonces and partial_signatures by side; with the holder's nonce the other side signs last. --close reads {closer, fee_sat, locktime, local_sat, remote_sat, local_address, remote_address, signatures?} and prints each variant of a mutual close.`,
  examples: [
    'What a node would sign\nspillway channel-build --channel channel.json --keys remote.json < state.json | jq ".signature, .htlc_signatures"',
    'A mutual close, as BOLT2 has it\nspillway channel-build --close --channel channel.json < close.json | jq -r ".variants[].unsigned"',
  ],
  args: { file: arg('What the commitment says (default: stdin)') },
  flags: {
    batch: batchFlag,
    channel: channelFlag,
    keys: keysFlag,
    close: switchFlag('Build mutual closing transactions'),
  },
  exits: [0, 2, 65, 66, 70, 76, 77],
  run: async (flags, { file }) => {
    const [{ commitmentDocument }, { closeDocument }] = await Promise.all([
      import('../../lib/channel/build.ts'),
      import('../../lib/channel/close.ts'),
    ]);
    const keys = await keysFrom(flags.keys);
    await runStateless({ file, batch: flags.batch }, async (document) => {
      const channel = await channelFrom(flags.channel, document);
      return (flags.close ? closeDocument : commitmentDocument)(channel, document, keys);
    });
  },
});
