/** The transaction that a printed document of a statecoin carries: what `broadcast` sends, and `bump` pays for. */
import { finalHex } from '../bitcoin/finalize.ts';
import type { Settlement } from '../contract/copy.ts';
import { Refusal } from '../protocol/refusal.ts';
import { scriptOfCoin, type CoinView, type Terms } from './terms.ts';

/** Returns the transaction in a document of this family; undefined if it has none. @param document parsed */
export function statechainSettlement(document: Readonly<Record<string, any>>): Settlement | undefined {
  const { type, network, step } = document;
  if (type === 'statechain-open' && step === 'ready') {
    const { hex, template } = finalHex(document['psbt'].funding);
    return { network, hex, spends: template.inputs };
  }
  const carries =
    ['statechain-exit', 'statechain-withdraw'].includes(type) || (type === 'statechain-transfer' && step === 'owned');
  if (!carries) return undefined;
  if (typeof document['hex'] !== 'string')
    throw new Refusal(
      type === 'statechain-exit' ? 'not-final' : 'not-signed',
      `a ${type} at '${step}' found, which holds no finished transaction yet`,
    );
  const view = document['coin'] as CoinView;
  const coin = {
    ...view.outpoint,
    sat: BigInt(view.amount_sat),
    script: scriptOfCoin({ ...view, network } as unknown as Terms),
  };
  const { package: both } = document;
  return { network, hex: document['hex'], spends: [coin], ...(Array.isArray(both) && { package: both.map(String) }) };
}
