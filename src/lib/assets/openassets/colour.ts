/**
 * Order-based colouring of Open Assets, as a rule for one transaction.
 *
 * Spec: specification.mediawiki, "Colouring". Outputs before the marker are issued by the script
 * that input 0 spends; those behind it take units from the inputs in order, of one asset each. A
 * marker that asks for more units than there are is none, and the next one is tried, as in the
 * reference. Only parents that decide are asked for. Not here: documents (`decode.ts`), the walk
 * over parents (`trace.ts`).
 */
import { bytesToHex } from '../../bitcoin/bytes.ts';
import { Malformed } from '../bytes.ts';
import { parentColours, parentTx, type Rule, type Walk } from '../trace.ts';
import { isCoinbase, type Tx } from '../transaction.ts';
import { assetHash } from './ids.ts';
import { markerIn, type FoundMarker } from './marker.ts';

/** Units of one asset (its hash, in hex) in an output. */
export interface MarkerUnits {
  asset: string;
  units: bigint;
}
export interface Source {
  vin: number;
  units: bigint;
}
export interface Coloured extends MarkerUnits {
  type: 'issuance' | 'transfer';
  /** Inputs that the units come from; none for an issuance. */
  sources: readonly Source[];
}
export interface Rejected {
  vout: number;
  /** True if the output has the tag, and so was meant as a marker. */
  tagged: boolean;
  reason: string;
  text: string;
}
export interface Candidate {
  vout: number;
  marker: FoundMarker;
}
export interface MarkerColours {
  /** Marker that holds. */
  marker: Candidate | undefined;
  rejected: readonly Rejected[];
  /** Units of each output; undefined where it carries none. */
  outputs: readonly (Coloured | undefined)[];
  /** Number of inputs, from the first, that were asked for units. */
  looked: number;
}

/** Finds the outputs that could be markers, and those that are none. */
export function candidates(tx: Tx): { marker: Candidate | undefined; markers: Candidate[]; rejected: Rejected[] } {
  const markers: Candidate[] = [];
  const rejected: Rejected[] = [];
  const barred = isCoinbase(tx) || tx.inputs.length === 0;
  tx.outputs.forEach(({ script }, vout) => {
    const found = markerIn(script);
    if (found === undefined) return;
    if (found instanceof Malformed)
      rejected.push({
        vout,
        tagged: found.reason !== 'no-tag' && hasTag(script),
        reason: found.reason,
        text: found.message,
      });
    else if (barred)
      rejected.push({ vout, tagged: true, reason: 'coinbase', text: 'a coinbase or a transaction without inputs' });
    else if (found.quantities.length > tx.outputs.length - 1)
      rejected.push({
        vout,
        tagged: true,
        reason: 'too-many-quantities',
        text: `${found.quantities.length} quantities found for ${tx.outputs.length - 1} outputs`,
      });
    else markers.push({ vout, marker: found });
  });
  return { marker: markers[0], markers, rejected };
}
const hasTag = (script: Uint8Array): boolean => bytesToHex(script.subarray(0, 12)).includes('4f41');

export const markerColours: Rule<MarkerColours> = function* (tx) {
  const { markers, rejected } = candidates(tx);
  const bare = { marker: undefined, outputs: tx.outputs.map(() => undefined), looked: 0 };
  if (markers.length === 0) return { ...bare, rejected };
  const spent: (MarkerUnits | undefined)[] = [];
  for (const candidate of markers) {
    const outputs = yield* assign(tx, candidate, spent);
    if (!(outputs instanceof Malformed)) return { marker: candidate, rejected, outputs, looked: spent.length };
    rejected.push({ vout: candidate.vout, tagged: true, reason: outputs.reason, text: outputs.message });
  }
  return { ...bare, rejected, looked: spent.length };
};

/**
 * Assigns units to outputs by a marker, or returns the reason why it is none.
 * @param spent units that inputs are known to bring, kept for the next marker
 */
function* assign(
  tx: Tx,
  { vout: at, marker: { quantities } }: Candidate,
  spent: (MarkerUnits | undefined)[],
): Walk<(Coloured | undefined)[] | Malformed> {
  const outputs: (Coloured | undefined)[] = tx.outputs.map(() => undefined);
  let issued: string | undefined;
  for (let vout = 0; vout < at; vout++) {
    const units = quantities[vout] ?? 0n;
    if (units === 0n) continue;
    issued ??= yield* issuer(tx);
    outputs[vout] = { type: 'issuance', asset: issued, units, sources: [] };
  }
  let vin = 0;
  let left = 0n;
  for (let vout = at + 1; vout < tx.outputs.length; vout++) {
    let wanted = quantities[vout - 1] ?? 0n;
    if (wanted === 0n) continue;
    let asset: string | undefined;
    const [units, sources] = [wanted, [] as Source[]];
    while (wanted > 0n) {
      if (left === 0n) {
        if (vin === tx.inputs.length)
          return new Malformed('not-enough-units', `output ${vout}: ${wanted} of ${units} units found in no input`);
        if (vin === spent.length) {
          const parent: MarkerColours = yield parentColours(tx.inputs[vin]!.txid);
          spent.push(parent.outputs[tx.inputs[vin]!.vout]);
        }
        left = spent[vin]?.units ?? 0n;
        vin += 1;
        continue;
      }
      const from = spent[vin - 1]!;
      asset ??= from.asset;
      if (asset !== from.asset)
        return new Malformed('mixed-assets', `output ${vout}: units of two assets found, of one expected`);
      const taken = left < wanted ? left : wanted;
      sources.push({ vin: vin - 1, units: taken });
      left -= taken;
      wanted -= taken;
    }
    outputs[vout] = { type: 'transfer', asset: asset!, units, sources };
  }
  return outputs;
}

/** Returns the asset that input 0 may issue; without such an output, that of the empty script. */
function* issuer(tx: Tx): Walk<string> {
  const { txid, vout } = tx.inputs[0]!;
  const parent: Tx = yield parentTx(txid);
  return assetHash(parent.outputs[vout]?.script ?? new Uint8Array());
}
