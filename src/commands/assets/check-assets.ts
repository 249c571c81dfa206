import { fates } from '../../lib/assets/check.ts';
import { fetching, readSubject } from './decoding.ts';
import { door } from '../../lib/cli/door.ts';
import { arg } from '../../lib/cli/flags.ts';
import { print } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';
import { parentSource, sourceFlags } from './parents.ts';
import { printJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default door({
  summary: 'Before signing: which coloured units a PSBT would move, and refuse where it would destroy any',
  description: `Looks at Open Assets, Colu and EPOBC units in the inputs and where they go. Exit 0: none are destroyed; 3: parents are missing; 77: units would be destroyed, named in the error.`,
  examples: [
    'A guard in front of a signer\nspillway check-assets --chain http://127.0.0.1:8332 < payment.psbt > /dev/null && bitcoin-cli -stdin walletprocesspsbt < payment.psbt',
    'What moves?\nspillway check-assets --prev parents.hex < payment.psbt | jq -c ".moved[] | [.asset, .quantity]"',
  ],
  args: { file: arg('The PSBT or transaction (default: stdin)') },
  flags: sourceFlags,
  exits: [0, 2, 3, 65, 66, 69, 70, 77],
  run: async (flags, { file }) => {
    const { network } = flags;
    const { shared, fetch } = await parentSource(flags);
    const subject = await readSubject(flags, file, shared);
    const look = () => {
      const found = fates(subject.tx, { network, parents: subject.parents });
      return { missing: [] as string[], fates: [], ...found };
    };
    const { missing, fates: all } = await fetching(subject.parents, look, fetch);
    const lost = all.filter(({ destroyed }) => destroyed > 0n);
    if (lost.length > 0)
      throw new Refusal(
        'units-destroyed',
        `${lost.map((f) => `${f.destroyed} units of ${f.asset} (${f.protocol}, input ${f.vins.join(' ')})`).join('; ')} would be destroyed`,
      );
    const moved = all.map((f) => ({
      protocol: f.protocol,
      asset: f.asset,
      quantity: String(f.kept),
      vins: f.vins,
      vouts: f.vouts,
    }));
    for (const { asset, quantity } of moved) note(`moves ${quantity} units of ${asset}`);
    const status = missing.length > 0 ? 'undetermined' : moved.length > 0 ? 'moves' : 'plain';
    await print(
      printJson({ type: 'check-assets', version: 1, network, txid: subject.tx.txid, status, moved, missing }),
    );
    process.exitCode = missing.length > 0 ? 3 : 0;
  },
});
