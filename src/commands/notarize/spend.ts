import { door } from '../../lib/cli/door.ts';
import { contractFlag, feeFlags } from '../../lib/cli/contract-flags.ts';
import { arg, chainFlags, homeFlags, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { scriptOf } from '../../lib/bitcoin/address.ts';
import { checkCoins } from '../../lib/bitcoin/coin-checks.ts';
import { bytesToHex, hexToBytes } from '../../lib/bitcoin/bytes.ts';
import { outpointText } from '../../lib/bitcoin/outpoint.ts';
import { readPsbt, templateOf } from '../../lib/bitcoin/psbt.ts';
import { outputsOf, txidOf, txidOfHex, unsignedHex, type Spent } from '../../lib/bitcoin/transaction.ts';
import { change, loadRecord } from '../../lib/home/change.ts';
import type { Home } from '../../lib/home/home.ts';
import { homeHand, freshAddress } from '../../lib/engine/wallet.ts';
import { stampKind, type Stamp } from '../../lib/notary/records.ts';
import { committedScript, internalSecret, readTaprootProof, spendCommitted } from '../../lib/notary/taproot.ts';
import type { Fields } from '../../lib/protocol/document.ts';
import { idClaim } from '../../lib/protocol/claims.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { xOnlyKey } from '../../lib/signing/bip340.ts';
import { withHome } from '../../lib/cli/home.ts';
import { contractNamed } from '../../lib/cli/named.ts';
import { readDocument } from '../../lib/cli/stateless.ts';
import { factsFor } from '../../lib/cli/chain.ts';

export default door({
  summary: 'Spend the coin of a taproot commitment again',
  description: `Prints the transaction that pays the coin to --to, or to a fresh address of the home, for broadcast. The coin is named by --contract ROOT from the home's record, or by the first line of its plan or by a proof on stdin: with one of these a home made of the seed alone spends it too. The proofs stay what they are.`,
  examples: [
    'By the home\'s record\nspillway notarize spend --home alice --contract "$ROOT" | spillway broadcast',
    'By a proof, after a loss of the home\nspillway notarize spend --home alice contract.pdf.proof.json | spillway broadcast',
  ],
  args: { file: arg("A plan's first line, or a proof (default: stdin)") },
  flags: {
    contract: { ...contractFlag.contract, summary: 'Root of the plan, or its beginning, as status lists it' },
    to: textFlag("Address to be paid to (default: a fresh one of the home's)", 'ADDRESS'),
    feerate: feeFlags.feerate,
    'allow-fee': switchFlag('Allow a fee above a tenth of the coin', 'FEES'),
    ...homeFlags,
    ...chainFlags,
  },
  exits: [0, 2, 65, 66, 69, 70, 73, 75, 76, 77],
  run: (flags, { file }) =>
    withHome(flags, async (home) => {
      const { root, hex } =
        flags.contract === undefined ? await committedIn(file, home) : await committedBy(home, flags.contract);
      const { keys, random } = await homeHand(home);
      const secret = internalSecret(keys, root);
      const script = committedScript(xOnlyKey(secret), root);
      const outputs = outputsOf(hex);
      const vout = outputs.findIndex((output) => output.script === script);
      if (vout < 0)
        throw new Refusal(
          'unknown-contract',
          'no output of that transaction is bound to the root by a key of this home',
        );
      const coin: Spent = { txid: txidOfHex(hex), vout, sat: outputs[vout]!.sat, script };
      const { facts, checks } = await factsFor(flags, home.network, [outpointText(coin)]);
      const seen = checkCoins(facts.coins, [coin]);
      const how = { coin, root, feerate: facts.feerate, allowFee: flags.allowFee };
      const made = await change<{ stamp: Stamp }, ReturnType<typeof spendCommitted>>(
        home.store,
        { stamp: stampKind },
        () => ({ stamp: idClaim(bytesToHex(root)) }),
        async ({ stamp }) => {
          const payout = stamp?.payout ?? (flags.to === undefined ? (await freshAddress(home)).address : null);
          const result = spendCommitted(
            { ...how, to: scriptOf(flags.to ?? payout!, home.network) },
            secret,
            random(32),
          );
          const spends = [...new Set([...(stamp?.spends ?? []), txidOf(result.template)])];
          return { writes: stamp ? { stamp: { ...stamp, payout, spends } } : {}, result };
        },
      );
      return {
        type: 'notarize-spend',
        version: 1,
        network: home.network,
        root: bytesToHex(root),
        coin: outpointText(coin),
        sat: coin.sat,
        script,
        txid: txidOf(made.template),
        hex: made.hex,
        fee_sat: made.feeSat,
        checks: { ...checks, coins: seen },
      };
    }),
});

interface Committed {
  root: Uint8Array;
  /** Transaction with the commitment; its witnesses do not matter. */
  hex: string;
}

/** Reads a plan's first line, or a proof. @throws Refusal `unknown-type`, `wrong-network` */
async function committedIn(file: string | undefined, { network }: Home): Promise<Committed> {
  const from = await readDocument(file);
  const type = from.text('type');
  if (type !== 'notarize-stamp' && type !== 'notarize-proof')
    throw new Refusal('unknown-type', 'the first line of a plan, or a proof of a taproot commitment expected');
  if (from.text('network') !== network)
    throw new Refusal('wrong-network', `a document of ${from.text('network')} found, one of ${network} expected`);
  if (type === 'notarize-stamp') return planned(from);
  const { root, transaction } = readTaprootProof(from);
  return { root, hex: bytesToHex(transaction) };
}
/** Takes the transaction out of the PSBT: another wallet may have signed it. */
const planned = (from: Fields): Committed => ({
  root: from.need('root', from.bytes('root', 32)),
  hex: unsignedHex(templateOf(readPsbt(from.need('psbt', from.text('psbt'), 'the PSBT of a payment')))),
});

async function committedBy(home: Home, prefix: string): Promise<Committed> {
  const root = (await contractNamed(home, prefix))!;
  const kept = await loadRecord(home.store, stampKind, idClaim(root));
  if (!kept) throw new Refusal('unknown-contract', `this home keeps no payment for the root ${root}`);
  return { root: hexToBytes(root), hex: unsignedHex(kept.record.funding.template) };
}
