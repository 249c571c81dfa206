/**
 * The transaction that a printed document carries, whichever step printed it: what `broadcast` sends, `bump` pays for
 * and `inspect` explains.
 */
import { finalHex } from '../bitcoin/finalize.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import type { Settlement } from '../contract/copy.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { keysOf, type ContractView, type Terms } from './terms.ts';

const spentBy = (c: ContractView, network: string): Spent => ({
  ...c.outpoint,
  sat: BigInt(c.capacity_sat),
  script: keysOf({ ...c, network } as unknown as Terms).script,
});

/** @param document a parsed `ready`, `complete`, `exit` or `refund`; undefined for any other */
export function settlementOf(document: Readonly<Record<string, any>>): Settlement | undefined {
  const { type, network, step } = document;
  if (type === 'open-credit' && step === 'ready') {
    const { hex, template } = finalHex(document['psbt'].funding);
    return { network, hex, spends: template.inputs };
  }
  if (!['exit-credit', 'close-credit', 'rollover'].includes(type)) return undefined;
  if (typeof document['hex'] !== 'string')
    throw new Refusal(
      step === 'refund' ? 'not-final' : 'not-signed',
      `a ${type} at '${step}' found, which holds no finished transaction yet`,
    );
  const topUps = ((document['top_ups'] ?? []) as { txid: Hex; vout: number; amount_sat: number; script: Hex }[]).map(
    ({ amount_sat, ...c }) => ({ ...c, sat: BigInt(amount_sat) }),
  );
  return { network, hex: document['hex'], spends: [spentBy(document['contract'], network), ...topUps] };
}
