/**
 * Path of an asset: from a transaction's coloured outputs back to where their units were issued.
 *
 * Not here: colouring (`colour.ts`).
 */
import type { Network } from '../../bitcoin/network.ts';
import type { Parents } from '../trace.ts';
import type { Tx } from '../transaction.ts';
import type { MarkerColours } from './colour.ts';
import { assetId } from './ids.ts';

/** Transaction on the path, and its outputs that lead to the one asked about. */
export interface Stage {
  tx: Tx;
  colours: MarkerColours;
  vouts: ReadonlySet<number>;
}

/** Lists all transactions that units of this one came through, itself first. */
export function assetPath(tx: Tx, coloursOf: (txid: string) => MarkerColours | undefined, parents: Parents): Stage[] {
  const stages = new Map<string, { tx: Tx; colours: MarkerColours; vouts: Set<number> }>();
  const queue: { tx: Tx; vout: number }[] = [];
  const visit = (at: Tx, vout: number): void => {
    const colours = coloursOf(at.txid);
    if (!colours) return;
    const stage = stages.get(at.txid) ?? { tx: at, colours, vouts: new Set<number>() };
    stages.set(at.txid, stage);
    if (stage.vouts.has(vout)) return;
    stage.vouts.add(vout);
    queue.push({ tx: at, vout });
  };
  coloursOf(tx.txid)?.outputs.forEach((units, vout) => units && visit(tx, vout));
  for (let next = queue.pop(); next; next = queue.pop()) {
    for (const { vin } of coloursOf(next.tx.txid)!.outputs[next.vout]?.sources ?? []) {
      const input = next.tx.inputs[vin]!;
      const parent = parents.get(input.txid);
      if (parent) visit(parent, input.vout);
    }
  }
  return [...stages.values()];
}

/** Draws the path as a mermaid flow chart: boxes for transactions, arrows for outputs spent. */
export function mermaid(stages: readonly Stage[], network: Network): string {
  const lines = ['flowchart LR'];
  const names = new Map(stages.map(({ tx }, i) => [tx.txid, `t${i}`]));
  for (const { tx, colours, vouts } of stages) {
    const name = names.get(tx.txid)!;
    lines.push(`  ${name}["${tx.txid.slice(0, 16)}…"]`);
    for (const vout of vouts) {
      const { type, asset, units, sources } = colours.outputs[vout]!;
      const label = `${units} ${assetId(asset, network).slice(0, 8)}…`;
      if (type === 'issuance') lines.push(`  ${name}i${vout}(("issued")) -->|"${label} :${vout}"| ${name}`);
      for (const source of sources) {
        const input = tx.inputs[source.vin]!;
        const from = names.get(input.txid);
        const moved = `${source.units} ${assetId(asset, network).slice(0, 8)}…`;
        if (from) lines.push(`  ${from} -->|"${moved} :${input.vout} to :${vout}"| ${name}`);
      }
    }
  }
  return `${lines.join('\n')}\n`;
}
