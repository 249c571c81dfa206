/**
 * An HTLC that a home has paid with `htlc fund`, as `watch` sees it: its refund, from its lock on,
 * unless it is claimed. A claim is what it was paid for, and is left alone at any height. A
 * restored home that may have paid is told to read its journal: its record knows the key of an
 * HTLC, and not where that lies. Not here: swaps (`watch.ts`).
 */
import { scriptOf } from '../bitcoin/address.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { outputsOf, sumSat, txidOf } from '../bitcoin/transaction.ts';
import { decideDuty, type Due, type Duty, type ChainView, type Watched } from '../contract/duty.ts';
import type { About, Watcher } from '../contract/watcher.ts';
import type { Rules } from '../contract/fees.ts';
import { validFrom } from './lock.ts';
import { htlcKeyKind, mayLackPayment, paymentOf, type HtlcKey } from './records.ts';
import { spentBy } from './swap-outcome.ts';
import { readHtlc } from './view.ts';
import { RESTORED, unknownTo, unsigned } from './watch.ts';

function watchedFunded(key: HtlcKey, { restored }: Pick<About<HtlcKey>, 'restored'>): Watched | undefined {
  if (restored && mayLackPayment(key)) return unknownTo(key.pubkey, 'funder', 0n);
  const { pubkey, own, payout } = key;
  const funded = paymentOf(key);
  if (!funded || funded.over || payout === null) return undefined;
  const { amountSat: sat, funding } = funded;
  const { locktime: lock, output_script: output, hash } = funded.htlc;
  const from = validFrom(lock);
  const vout = funding.template.outputs.findIndex((o) => o.script === output && o.sat === sat);
  const outpoint = { txid: txidOf(funding.template), vout };
  // Keys are summed for its script: worked out once something is due, not for each record at rest.
  const made = (): Duty => {
    const htlc = readHtlc(funded.htlc);
    const script = scriptOf(payout, htlc.network);
    return {
      id: `${pubkey} refund ${outpointText(outpoint)}`,
      does: 'refund',
      why: 'its lock has ended, and nobody has claimed it',
      outpoint,
      tx: unsigned({ htlc, coin: { ...outpoint, sat }, path: 'refund', key: own, script }),
      from,
      by: null,
      worthSat: sat,
    };
  };
  let refund: Duty | undefined;
  const work = (): Duty => (refund ??= made());
  return {
    id: pubkey,
    role: 'funder',
    worthSat: sat,
    restsUntil: 'height' in from ? lock.value : -Infinity,
    coins: [
      {
        outpoint,
        ways: new Map(),
        judge(hex) {
          const by = spentBy(hex, outpoint, hash.hash160);
          return { by, paysSat: by === 'refund' ? sumSat(outputsOf(hex)) : 0n, lostSat: 0n };
        },
      },
    ],
    get duties() {
      return [work()];
    },
    decide: (seen, rules) => [decide(work(), seen, rules, restored)],
  };
}

function decide(refund: Duty, seen: ChainView, rules: Rules, restored: boolean): Due {
  const { coin, spend } = seen.coins.get(outpointText(refund.outpoint))!;
  // Whoever has its PSBT may send it yet. After a backup it may have been given up, and the HTLC paid otherwise.
  if (coin === 'absent') return restored ? RESTORED : { do: 'tell', event: 'unfunded' };
  if (spend?.confirmations === 0 && spend.by !== 'refund') return { do: 'tell', event: 'in-mempool' };
  return decideDuty(refund, seen, rules);
}

export const fundedWatcher: Watcher<HtlcKey> = {
  kind: htlcKeyKind,
  order: { refunds: 'height', unknown: 'never' },
  watched: watchedFunded,
  ended(key) {
    const funded = paymentOf(key);
    return funded ? { ...key, funded: { ...funded, over: true } } : key;
  },
};
