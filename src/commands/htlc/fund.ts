import { door } from '../../lib/cli/door.ts';
import { coinsFrom, feeFlags, fundingFlags } from '../../lib/cli/contract-flags.ts';
import { arg, chainFlags, homeFlags, satFlag, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { checkDust } from '../../lib/bitcoin/script.ts';
import { build } from '../../lib/htlc/terms.ts';
import { outpointsOf } from '../../lib/bitcoin/coin-checks.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import type { Funding } from '../../lib/bitcoin/funding.ts';
import type { Home } from '../../lib/home/home.ts';
import { note } from '../../lib/engine/log.ts';
import { runStateless } from '../../lib/cli/stateless.ts';
import { htlcIn } from './shared.ts';
import { checkUnsent, paymentFields } from '../../lib/cli/payment.ts';
import { factsFor } from '../../lib/cli/chain.ts';
import { withOwnHome } from '../../lib/cli/home.ts';
import { freeFunding, fundOnce } from './home.ts';

export default door({
  summary: 'Pay an HTLC: a PSBT to its address from the coins that are given',
  description: `Reads the document of htlc create. Signs the coins that are the home's; others are signed by the wallet that owns them. Where the refund key is the home's, the coins are reserved, and the same command prints the same transaction again. utxo is what htlc claim and htlc refund want to know: keep it, with the document, before the transaction is sent.`,
  examples: [
    'From a Bitcoin Core wallet\nbitcoin-cli listunspent > coins.json\nspillway htlc fund --amount 100000 --utxo coins.json --change "$CHANGE" htlc.json | jq -r .psbt | xargs bitcoin-cli walletprocesspsbt',
    "From the home's own coins\nspillway coins --home alice > coins.json\nspillway htlc fund --home alice --amount 100000 --utxo coins.json htlc.json | tee funded.json | spillway broadcast",
  ],
  args: { file: arg('The HTLC (default: stdin)') },
  flags: {
    amount: satFlag('What the HTLC holds', { required: true, helpGroup: 'FUNDING' }),
    utxo: textFlag("Coins to take from, in the shape of Bitcoin Core's listunspent", 'FILE', {
      required: true,
      helpGroup: 'FUNDING',
    }),
    change: fundingFlags.change,
    cancel: switchFlag('Free the coins of a payment that was never sent, as far as a node shows', {
      dependsOn: ['home'],
      helpGroup: 'FUNDING',
    }),
    ...feeFlags,
    ...homeFlags,
    ...chainFlags,
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 75, 76, 77],
  run: async (flags, { file }) => {
    const coins = await coinsFrom(flags.utxo);
    await runStateless({ file }, async (document) => {
      const htlc = htlcIn(document);
      const { network } = htlc;
      const { output } = build(htlc);
      const { amount: sat } = flags;
      checkDust({ sat, script: output }, (least) => `${sat} sat found, at least ${least} sat expected`);
      return withOwnHome(flags, network, async (home) => {
        const factsOf = (at: readonly string[]) => factsFor(flags, network, at);
        if (flags.cancel) return cancelled(home, htlc.refund, network, factsOf);
        const { facts, checks } = await factsOf(outpointsOf(coins));
        let seen = 'own';
        const make = async (): Promise<Funding> => {
          const { feerate } = facts;
          const how = { coins, outputs: [{ sat, script: output }], change: flags.change, feerate, network };
          const { payCoins } = await import('../../lib/engine/wallet.ts');
          const made = await payCoins(home, { ...how, allowFee: flags.allowFee ?? false }, facts.coins);
          seen = made.checked;
          return made.funding;
        };
        const kept =
          home && (await fundOnce(home, htlc, { sat, script: output }, outpointsOf(coins), make, () => freshIn(home)));
        const funding = kept ?? (await make());
        const { fee_sat, ...paid } = paymentFields(funding);
        const vout = funding.template.outputs.findIndex((o) => o.script === output && o.sat === sat);
        const utxo = `${paid.txid}:${vout}:${sat}`;
        return { type: 'htlc-fund', version: 1, network, ...paid, utxo, fee_sat, checks: { ...checks, coins: seen } };
      });
    });
  },
});

/** Frees the coins of a payment (--cancel), unless a node shows one of its outputs. */
async function cancelled(
  home: Home | undefined,
  pubkey: string,
  network: string,
  factsOf: (at: readonly string[]) => ReturnType<typeof factsFor>,
): Promise<object> {
  if (!home) throw new Refusal('usage', '--cancel found without a home: nothing is reserved');
  const hint = 'spillway htlc refund, or watch, takes it back once its lock has ended';
  const coins = await freeFunding(home, pubkey, (paid) => checkUnsent(paid, factsOf, hint));
  note('spend one of its coins elsewhere, or whoever has the PSBT can still send it');
  return { type: 'htlc-fund', version: 1, network, step: 'cancelled', coins };
}

async function freshIn(home: Home): Promise<string> {
  const { freshAddress } = await import('../../lib/engine/wallet.ts');
  return (await freshAddress(home)).address;
}
