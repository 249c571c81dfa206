import { divide, readSnapshot, REMAINDERS, type Holder } from '../../lib/assets/dividends.ts';
import { readPayee } from '../../lib/assets/openassets/payee.ts';
import { writePsbt } from '../../lib/bitcoin/psbt.ts';
import { toTransaction, txidOf } from '../../lib/bitcoin/transaction.ts';
import { payFlags, payPlain } from './building.ts';
import { door } from '../../lib/cli/door.ts';
import { arg, choiceFlag, repeated, satFlag, textFlag } from '../../lib/cli/flags.ts';
import { readInput } from '../../lib/cli/input.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { printJson } from '../../lib/protocol/json.ts';

const row = ({ address, units, sat }: Holder & { sat: bigint }) => ({ address, units: String(units), amount_sat: sat });

export default door({
  summary: 'Build the unsigned PSBT that pays the holders of a snapshot pro rata, with a report',
  description: `Each holder gets floor(total x units / all units). What rounding leaves goes by --remainder; shares below --min or dust are not paid and stay with the payer. Coins that carry Open Assets, Colu or EPOBC units, or whose parents are not known (--prev, --chain), are not spent. In the report paid_sat and kept_sat add up to the total.`,
  examples: [
    'Pay 0.01 BTC\nspillway dividends holders.csv --total 1000000 --utxo coins.json --prev parents.hex --change "$CHANGE" --psbt | bitcoin-cli -stdin walletprocesspsbt',
    'Who gets what?\nspillway dividends --total 1000000 --utxo coins.json --prev parents.hex --change "$CHANGE" < holders.json | jq -c ".payouts[]"',
  ],
  args: {
    file: arg('The snapshot: JSON or CSV of address and quantity (default: stdin)'),
  },
  flags: {
    ...payFlags,
    total: satFlag('What is divided', { required: true }),
    min: satFlag('Smallest payment'),
    exclude: textFlag('Not this holder, such as the issuer', 'ADDRESS', repeated),
    remainder: choiceFlag(REMAINDERS, 'Who gets what rounding leaves', { default: 'keep' }),
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 77],
  run: async (flags, { file }) => {
    const { network, total, min = 0n, remainder } = flags;
    const holders = readSnapshot(utf8(await readInput(file, flags.maxInput)), network);
    const exclude = (flags.exclude ?? []).map((address) => readPayee(address, network).script);
    const plan = divide(holders, { total, min, exclude, remainder });
    const paid = await payPlain('dividends', flags, plan.payouts);
    if (!paid) return;
    const { made, from } = paid;
    const psbt = writePsbt(toTransaction(made));
    const report = {
      type: 'dividends',
      version: 1,
      network,
      txid: txidOf(made),
      total_sat: total,
      paid_sat: plan.paid,
      kept_sat: plan.kept,
      fee_sat: made.fee,
      remainder,
      min_sat: min,
      units: String(plan.units),
      payouts: plan.payouts.map(row),
      skipped: plan.skipped.map((holder) => ({ ...row(holder), reason: holder.reason })),
      missing: [],
      psbt: { dividends: psbt },
      checks: { feerate: from },
    };
    return flags.psbt ? psbt : printJson(report);
  },
});
