/** `htlc fund`: a transaction that pays an HTLC, its coins signed where they are the home's. */
import { payFrom } from '../bitcoin/coins.ts';
import { checkDust } from '../bitcoin/script.ts';
import { txidOf } from '../bitcoin/transaction.ts';
import { build } from '../htlc/terms.ts';
import { checkSpendable, outpointsOf } from '../bitcoin/coin-checks.ts';
import { Refusal } from '../protocol/refusal.ts';
import { fundingHex, fundingPsbt, inputScripts, isSigned, signFunding, type Funding } from '../bitcoin/funding.ts';
import type { Home } from '../home/home.ts';
import { reservedIn } from '../home/reserved.ts';
import type { ChainValues } from './chain.ts';
import { coinsFrom } from './contract-flags.ts';
import type { HomeValues } from './home.ts';
import { factsFor, htlcIn, withOwnHome } from './htlc.ts';
import { note } from './output.ts';
import { runStateless } from './stateless.ts';

interface FundValues extends ChainValues, HomeValues {
  amount: bigint;
  utxo: string;
  change?: string | undefined;
  feerate?: number | undefined;
  'allow-fee'?: boolean;
}

export async function runFund(flags: FundValues, file: string | undefined, argv: readonly string[]): Promise<void> {
  const coins = (await coinsFrom(flags.utxo))!;
  await runStateless({ file }, async (document) => {
    const htlc = htlcIn(document);
    const { network } = htlc;
    const { output } = build(htlc);
    const { amount: sat } = flags;
    checkDust({ sat, script: output }, (least) => `${sat} sat found, at least ${least} sat expected`);
    return withOwnHome(flags, network, async (home) => {
      const { facts, checks } = await factsFor(flags, network, argv, outpointsOf(coins));
      const template = payFrom({
        coins,
        outputs: [{ sat: flags.amount, script: output }],
        change: await changeOf(flags.change, home),
        feerate: facts.feerate,
        version: 2,
        network,
        allowFee: flags['allow-fee'] ?? false,
      });
      const reserved = home ? await reservedIn(home.store, outpointsOf(template.inputs)) : new Map();
      const seen = checkSpendable({ coins: facts.coins, reserved }, template.inputs);
      const funding = await signedBy(home, { template, witnesses: {} });
      const txid = txidOf(template);
      const vout = template.outputs.findIndex((o) => o.script === output && o.sat === flags.amount);
      if (!isSigned(funding)) {
        note('sign the PSBT in the wallet that owns its coins');
        process.exitCode = 3;
      }
      return {
        type: 'htlc-fund',
        version: 1,
        network,
        psbt: fundingPsbt(funding),
        hex: isSigned(funding) ? fundingHex(funding) : null,
        txid,
        utxo: `${txid}:${vout}:${flags.amount}`,
        fee_sat: template.fee,
        checks: { ...checks, coins: seen },
      };
    });
  });
}

async function changeOf(change: string | undefined, home: Home | undefined): Promise<string> {
  if (change !== undefined) return change;
  if (!home) throw new Refusal('usage', 'no address for the change', { hint: 'give --change ADDRESS, or --home DIR' });
  const { freshAddress } = await import('./wallet.ts');
  return (await freshAddress(home)).address;
}

/** What the home's keys can sign. */
async function signedBy(home: Home | undefined, funding: Funding): Promise<Funding> {
  if (!home) return funding;
  const hand = {
    keys: (await home.keys()).keysWith([]),
    merged: [],
    random: await home.random(),
    network: home.network,
    restored: home.restored,
    mayRepeat: home.mayRepeat,
  };
  return signFunding(hand, funding, await home.store.ours(inputScripts(funding)));
}
