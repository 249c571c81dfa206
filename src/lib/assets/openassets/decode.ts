/**
 * Open Assets: the meaning of a transaction, a marker or a script, as a document.
 *
 * Where implementations disagree, the specification holds and a warning names the point.
 * `multi-push`: the reference wants one push. `earlier-marker-rejected`: NBitcoin and the npm
 * package give up at the first bad marker. `second-marker-colored`: openassets-ruby leaves out
 * every OP_RETURN. `over-2^53`: the npm package rounds. Not here: reading input, exit codes
 * (`cli/`).
 */
import type { Network } from '../../bitcoin/network.ts';
import { bytesToHex, utf8Of } from '../../bitcoin/bytes.ts';
import { Malformed } from '../bytes.ts';
import { documentHead, outputDocument, sumByName, type AssetContext, type Decoded, type Status } from '../document.ts';
import { OP_RETURN } from '../script.ts';
import { Trace, type Parents } from '../trace.ts';
import type { Tx } from '../transaction.ts';
import { candidates, markerColours, type MarkerColours } from './colour.ts';
import { assetId, oaAddressOf } from './ids.ts';
import { explainMarker, markerIn, readMarker, type FoundMarker, type Marker } from './marker.ts';
import { checkDefinition, embeddedPointer, readPointer, type Pointer } from './pointer.ts';

export interface Options {
  /** Asks for parents of all inputs, so that all destroyed units are known. */
  allInputs?: boolean;
  /** Adds a byte table of the marker. */
  explain?: boolean;
  /** Definition file that pointers are compared with. */
  definition?: Uint8Array | undefined;
}

/** Decoder of Open Assets transactions that share parents. */
export class OpenAssets {
  readonly #context: AssetContext;
  readonly #trace: Trace<MarkerColours>;
  constructor(context: AssetContext) {
    this.#context = context;
    this.#trace = new Trace(markerColours, context.parents);
  }

  decode(tx: Tx, options: Options = {}): Decoded {
    const { network } = this.#context;
    const traced = this.#trace.of(tx);
    const inputs = traced.colours && this.#destroyed(tx, traced.colours);
    const needed = inputs ? inputs.unchecked.map(({ missing }) => missing) : [traced.missing!];
    const missing = !inputs || options.allInputs ? [...new Set(needed)] : [];
    const colours = missing.length > 0 ? undefined : traced.colours;
    const { marker, rejected } = colours ?? candidates(tx);
    const status: Status = !colours
      ? 'undetermined'
      : colours.outputs.some((units) => units)
        ? 'colored'
        : rejected.some(({ tagged }) => tagged) && !marker
          ? 'invalid'
          : 'uncolored';
    const typeOf = (vout: number): string => {
      if (vout === marker?.vout) return 'marker';
      if (!colours) return 'undetermined';
      return !marker ? 'uncolored' : vout < marker.vout ? 'issuance' : 'transfer';
    };
    const definitions = colours ? this.#definitions(tx, options) : [];
    // A stream would fill memory: only parents are kept.
    this.#trace.forget(tx.txid);
    return {
      ...documentHead('openassets', tx, network, status),
      marker: marker ? markerFields({ vout: marker.vout }, marker.marker) : null,
      outputs: tx.outputs.map((output, vout) => {
        const units = colours?.outputs[vout];
        const shown = outputDocument(output, vout, network);
        return {
          ...shown,
          type: typeOf(vout),
          asset_id: units ? assetId(units.asset, network) : null,
          asset_hash160: units?.asset ?? null,
          quantity: colours ? String(units?.units ?? 0n) : null,
          oa_address: oaAddressOf(shown.script, network),
          sources: (units?.sources ?? []).map((source) => ({ vin: source.vin, units: String(source.units) })),
        };
      }),
      destroyed: (colours ? inputs!.destroyed : []).map(([asset, units]) => ({
        asset_id: assetId(asset, network),
        asset_hash160: asset,
        quantity: String(units),
      })),
      unchecked_inputs: colours ? inputs!.unchecked.map(({ vin }) => vin) : tx.inputs.map((_, vin) => vin),
      definitions,
      missing,
      warnings: colours ? warningsOf(tx, colours) : [],
      rejected_markers: rejected.map(({ vout, reason, text }) => ({ vout, reason, found: text })),
      ...(options.explain && colours && { explain: explained(tx, colours) }),
    };
  }

  /** Draws the path of the units as a mermaid chart; undefined for an untraced transaction. */
  graph(tx: Tx): string | undefined {
    return this.#trace.of(tx).missing !== undefined ? undefined : mermaid(this.#path(tx), this.#context.network);
  }

  #path(tx: Tx): Stage[] {
    const known = (txid: string): MarkerColours | undefined => this.#trace.known(txid);
    return assetPath(tx, known, this.#context.parents);
  }

  /** Finds units that inputs bring and no output takes, and inputs whose parents are missing. */
  #destroyed(tx: Tx, { outputs }: MarkerColours) {
    const unchecked: { vin: number; missing: string }[] = [];
    const left: [string, bigint][] = [];
    const taken = new Map<number, bigint>();
    for (const { vin, units } of outputs.flatMap((o) => o?.sources ?? []))
      taken.set(vin, (taken.get(vin) ?? 0n) + units);
    tx.inputs.forEach(({ txid, vout }, vin) => {
      const traced = this.#parent(txid);
      if ('missing' in traced) return void unchecked.push({ vin, missing: traced.missing });
      const units = traced.colours?.outputs[vout];
      if (units) left.push([units.asset, units.units - (taken.get(vin) ?? 0n)]);
    });
    return { destroyed: sumByName(left), unchecked };
  }

  #parent(txid: string): { colours: MarkerColours | undefined } | { missing: string } {
    if (txid === '00'.repeat(32)) return { colours: undefined };
    const known = this.#trace.known(txid);
    if (known) return { colours: known };
    const tx = this.#context.parents.get(txid);
    return tx ? this.#trace.of(tx) : { missing: txid };
  }

  /** Lists the pointers at each issuance that the units come from, this transaction's own first. */
  #definitions(tx: Tx, { definition }: Options): object[] {
    const { network } = this.#context;
    const found = new Map<string, object>();
    for (const stage of this.#path(tx)) {
      const issued = [...stage.vouts]
        .map((vout) => stage.colours.outputs[vout]!)
        .find(({ type }) => type === 'issuance');
      if (!issued) continue;
      const embedded = embeddedPointer(stage.tx);
      const pointer: Pointer | undefined = embedded?.pointer ?? readPointer(stage.colours.marker!.marker.metadata);
      if (!pointer && !definition) continue;
      const hash = embedded?.definedHash ?? issued.asset;
      const key = [issued.asset, ...Object.values(pointer ?? {})].join();
      if (found.has(key)) continue;
      found.set(key, {
        asset_id: assetId(issued.asset, network),
        txid: stage.tx.txid,
        from: embedded ? 'p2sh' : pointer ? 'marker' : null,
        pointer: pointer ?? null,
        ...(embedded && { defined_asset_id: assetId(hash, network) }),
        ...(definition && { definition: checkDefinition(definition, pointer, [assetId(hash, network)]) }),
      });
    }
    return [...found.values()];
  }
}

function markerFields<T extends object>(first: T, { quantities, metadata }: Marker) {
  return {
    ...first,
    quantities: quantities.map(String),
    metadata_hex: bytesToHex(metadata),
    metadata_text: metadata.length > 0 ? (utf8Of(metadata) ?? null) : null,
    pointer: (metadata.length > 0 && readPointer(metadata)) || null,
  };
}

const BIG = 2n ** 53n;

function warningsOf(tx: Tx, { marker, rejected, outputs }: MarkerColours): string[] {
  if (!marker) return [];
  const found: string[] = [];
  if (marker.marker.multiPush) found.push('multi-push');
  if (rejected.some(({ vout, tagged }) => tagged && vout < marker.vout)) found.push('earlier-marker-rejected');
  if (outputs.some((units, vout) => units && tx.outputs[vout]!.script[0] === OP_RETURN))
    found.push('second-marker-colored');
  if (marker.marker.quantities.some((units) => units > BIG)) found.push('over-2^53');
  return found;
}

/** Makes the byte table of the marker, or of one that was rejected. */
function explained(tx: Tx, { marker, rejected }: MarkerColours): object {
  const vout = marker?.vout ?? rejected.find(({ tagged }) => tagged)?.vout;
  if (vout === undefined) return [];
  const payload = marker?.marker.payload ?? tx.outputs[vout]!.script.subarray(2);
  return explainMarker(payload).pieces;
}

const markerDocument = (marker: Marker, warnings: readonly string[]) => ({
  ...markerFields({ type: 'openassets-marker', version: 1 }, marker),
  warnings,
});

/** Decodes a marker by itself, from its payload. @throws Malformed */
export const decodeMarker = (payload: Uint8Array): object => markerDocument(readMarker(payload), []);

/** Decodes the marker in an output script. @throws Malformed */
export function decodeMarkerScript(script: Uint8Array): object {
  const found: FoundMarker | Malformed | undefined = markerIn(script);
  if (found === undefined) throw new Malformed('no-op-return', 'a script found that does not begin with OP_RETURN');
  if (found instanceof Malformed) throw found;
  return markerDocument(found, found.multiPush ? ['multi-push'] : []);
}

/** Returns the names of an asset in each of their forms. */
export const assetNames = (hash: string, network: Network): object => ({
  type: 'openassets-asset',
  version: 1,
  network,
  asset_id: assetId(hash, network),
  asset_hash160: hash,
});

/** Transaction on the path, and its outputs that lead to the one asked about. */
interface Stage {
  tx: Tx;
  colours: MarkerColours;
  vouts: ReadonlySet<number>;
}

/** Lists all transactions that units of this one came through, itself first. */
function assetPath(tx: Tx, coloursOf: (txid: string) => MarkerColours | undefined, parents: Parents): Stage[] {
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
function mermaid(stages: readonly Stage[], network: Network): string {
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
