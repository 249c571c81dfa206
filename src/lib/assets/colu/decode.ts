/**
 * Colu: what a transaction says, as a document.
 *
 * Only hashes of metadata are printed: the servers and torrents that held it are gone.
 */
import type { Network } from '../../bitcoin/network.ts';
import { bytesToHex } from '../../bitcoin/bytes.ts';
import { orMalformed, Malformed } from '../bytes.ts';
import { documentHead, outputDocument, sumByName, type AssetContext, type Decoded } from '../document.ts';
import { opReturnPushes } from '../script.ts';
import { Trace } from '../trace.ts';
import { bytesOfHex, type Tx } from '../transaction.ts';
import { coluColours, hiddenHashes, lockedId, payloadIn, type ColuColours, type ColuHolding } from './colour.ts';
import { readColuPayload, type Metadata, type ColuPayload } from './payload.ts';

const holdingFields = ({ asset, units, divisibility, locked, policy }: ColuHolding) => ({
  asset_id: asset,
  quantity: String(units),
  divisibility,
  locked,
  policy,
});

function payloadFields(payload: ColuPayload): object {
  const { kind, version, opcode, rules, metadata, payments } = payload;
  return {
    kind,
    protocol_version: version,
    opcode: opcode.toString(16).padStart(2, '0'),
    rules,
    metadata,
    ...(payload.kind === 'issuance' && {
      amount: String(payload.amount),
      divisibility: payload.divisibility,
      locked: payload.locked,
      policy: payload.policy,
    }),
    payments: payments.map((payment) => ({ ...payment, amount: String(payment.amount) })),
  };
}

/** Fills in hashes that stand in the last bytes of a multisig output's second and third key. */
function revealed(metadata: Metadata, tx: Tx): { metadata: Metadata; found: boolean } {
  const hidden = hiddenHashes(tx);
  const hashIn = (key: number | undefined, size: number): string | null => {
    const bytes = key === undefined ? undefined : hidden?.keys[key];
    return bytes && bytes.length >= size ? bytesToHex(bytes.subarray(-size)) : null;
  };
  const { torrent, sha256 } = metadata;
  const read: Metadata = {
    torrent: torrent.in === 'multisig' ? { ...torrent, hash: hashIn(torrent.key, 20) } : torrent,
    sha256: sha256?.in === 'multisig' ? { ...sha256, hash: hashIn(sha256.key, 32) } : sha256,
  };
  return { metadata: read, found: read.torrent.hash !== null && (read.sha256 === null || read.sha256.hash !== null) };
}

/** Decoder of Colu transactions that share parents. */
export class Colu {
  readonly #network: Network;
  readonly #trace: Trace<ColuColours>;
  constructor(context: AssetContext) {
    this.#network = context.network;
    this.#trace = new Trace(coluColours, context.parents);
  }

  decode(tx: Tx): Decoded {
    const { vout, payload } = payloadIn(tx);
    const { colours, missing } = this.#trace.once(tx);
    const good = payload === undefined || payload instanceof Malformed ? undefined : payload;
    const meta = good?.metadata ? revealed(good.metadata, tx) : undefined;
    const status = !colours
      ? 'undetermined'
      : colours.outputs.some((held) => held.length > 0)
        ? 'colored'
        : payload instanceof Malformed
          ? 'invalid'
          : 'uncolored';
    const warnings = [
      ...(colours?.overflow ? [`overflow:${colours.overflow}`] : []),
      ...(meta && !meta.found ? ['hidden-metadata-not-found'] : []),
    ];
    return {
      ...documentHead('colu', tx, this.#network, status),
      payload: good ? { vout, ...payloadFields(good), ...(meta && { metadata: meta.metadata }) } : null,
      asset_id: colours?.issued ?? lockedId(tx, good) ?? null,
      outputs: tx.outputs.map((output, i) => ({
        ...outputDocument(output, i, this.#network),
        type: i === vout ? 'payload' : 'output',
        assets: colours ? colours.outputs[i]!.map(holdingFields) : null,
      })),
      burned: sumByName((colours?.burned ?? []).map(({ asset, units }) => [asset, units] as const)).map(
        ([asset, units]) => ({
          asset_id: asset,
          quantity: String(units),
        }),
      ),
      overflow: colours ? colours.overflow !== undefined : null,
      missing,
      warnings,
      ...(payload instanceof Malformed && { reason: payload.reason, found: payload.message }),
    };
  }
}

/** Reads a payload (hex), or the OP_RETURN script that holds it. @throws Refusal `malformed` */
export function coluPayload(hex: string): object {
  const bytes = bytesOfHex(hex, 'malformed');
  const found = orMalformed(() => readColuPayload(opReturnPushes(bytes)?.pushes[0] ?? bytes));
  const head = { type: 'colu-payload', version: 1 };
  return found instanceof Malformed
    ? { ...head, status: 'invalid', reason: found.reason, found: found.message }
    : { ...head, status: 'valid', ...payloadFields(found) };
}
