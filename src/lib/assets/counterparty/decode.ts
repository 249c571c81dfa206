/**
 * Counterparty: the message in a transaction, as a document.
 *
 * Only the whole ledger knows whether the sender had what it sends, so `validity` is always
 * `not-evaluated`. From block 902000 on a message is CBOR, before that packed. Without `--height`
 * both are tried: CBOR counts if its items are those of the type, else both readings are given.
 */
import type { Network } from '../../bitcoin/network.ts';
import { allows, type Limits } from '../../protocol/limit.ts';
import { bytesToHex } from '../../bitcoin/bytes.ts';
import { orMalformed, PayloadCursor, Malformed } from '../bytes.ts';
import { addressIn, documentHead, outputDocument, type Decoded } from '../document.ts';
import type { Tx } from '../transaction.ts';
import { carriedBy, type CarriedMessage } from './carrier.ts';
import { cborList, metadataList, cborJson, readCbor } from './cbor.ts';
import { textOrHex, type MessageFields } from './names.ts';
import { readPacked } from './legacy.ts';

const TYPES: Readonly<Record<number, string>> = {
  0: 'send',
  2: 'enhanced_send',
  3: 'mpma_send',
  4: 'sweep',
  10: 'order',
  11: 'btcpay',
  12: 'dispenser',
  13: 'dispense',
  20: 'issuance',
  21: 'subasset_issuance',
  22: 'issuance',
  23: 'subasset_issuance',
  30: 'broadcast',
  40: 'bet',
  50: 'dividend',
  60: 'burn',
  70: 'cancel',
  80: 'rps',
  81: 'rps_resolve',
  90: 'fairminter',
  91: 'fairmint',
  100: 'utxo',
  101: 'attach',
  102: 'detach',
  110: 'destroy',
};

/** Heights from which a message may have a form. */
export const MESSAGE_FORM_LIMITS = {
  /** Types other than 0 in one byte. */
  shortId: { unit: 'height', least: 489_956 },
  cbor: { unit: 'height', least: 902_000 },
} satisfies Limits;

export interface CounterpartyMessage {
  type_id: number;
  message_type: string;
  format: 'packed' | 'cbor' | 'unknown';
  fields: MessageFields | null;
  /** Reason for the lack of fields. */
  reason?: string;
  data_hex: string;
  /** Other readings, where nothing decides between them. */
  alternatives?: { format: string; fields: unknown }[];
}

/** Reads a message behind its prefix, whatever its bytes. @param height decides between forms */
export function readCounterpartyMessage(bytes: Uint8Array, network: Network, height?: number): CounterpartyMessage {
  const { type, body } = typeAndBody(bytes, height);
  const common = { type_id: type, message_type: TYPES[type] ?? 'unknown', data_hex: bytesToHex(body) };
  const list = height === undefined || allows(MESSAGE_FORM_LIMITS.cbor, height) ? cborList(body) : undefined;
  const cbor = list && orMalformed(() => readCbor(type, list, network));
  if (cbor && !(cbor instanceof Malformed)) return { ...common, format: 'cbor', fields: printable(cbor) };
  const packed = orMalformed(() => readPacked(type, body, network));
  const other = list && orMalformed(() => cborJson(list));
  const alternatives =
    other && !(other instanceof Malformed) ? { alternatives: [{ format: 'cbor', fields: other }] } : {};
  if (packed && !(packed instanceof Malformed))
    return { ...common, format: 'packed', fields: printable(packed), ...alternatives };
  const reason = packed?.reason ?? (TYPES[type] ? 'type-not-read' : 'unknown-type');
  return { ...common, format: 'unknown', fields: null, reason, ...alternatives };
}

function typeAndBody(bytes: Uint8Array, height = Infinity): { type: number; body: Uint8Array } {
  const first = bytes[0] ?? 0;
  if (first > 0 && allows(MESSAGE_FORM_LIMITS.shortId, height)) return { type: first, body: bytes.subarray(1) };
  const head = orMalformed(() => new PayloadCursor(bytes).num(4, 'type'));
  return head instanceof Malformed ? { type: first, body: bytes.subarray(1) } : { type: head, body: bytes.subarray(4) };
}

/** Shows bigints as decimal strings, at any depth. */
function printable(fields: MessageFields): MessageFields {
  const print = (value: unknown): unknown =>
    typeof value === 'bigint'
      ? String(value)
      : Array.isArray(value)
        ? value.map(print)
        : typeof value === 'object' && value !== null
          ? printable(value as MessageFields)
          : value;
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, print(value)]));
}

/** Reads an inscription's message: a list of type and fields, whose text is the content. */
function inscribed({ message, inscription }: CarriedMessage, network: Network): CounterpartyMessage {
  const list = metadataList(message);
  const [type, ...values] = list ?? [];
  if (typeof type !== 'number')
    return {
      type_id: -1,
      message_type: 'unknown',
      format: 'unknown',
      fields: null,
      reason: 'bad-metadata',
      data_hex: bytesToHex(message),
    };
  const { mime, content } = inscription!;
  const read =
    orMalformed(() => readCbor(type, values, network)) ??
    orMalformed(() => readCbor(type, [...values, mime, content], network));
  const common = { type_id: type, message_type: TYPES[type] ?? 'unknown', data_hex: bytesToHex(message) };
  if (read && !(read instanceof Malformed)) return { ...common, format: 'cbor', fields: printable(read) };
  const values_ = orMalformed(() => cborJson(values));
  return {
    ...common,
    format: 'unknown',
    fields: null,
    reason: 'unknown-form',
    alternatives: values_ instanceof Malformed ? [] : [{ format: 'cbor', fields: values_ }],
  };
}

/** Decodes the Counterparty message in a transaction. */
export function decodeCounterparty(tx: Tx, network: Network, height?: number): Decoded {
  const carried = carriedBy(tx);
  const message =
    carried &&
    (carried.inscription ? inscribed(carried, network) : readCounterpartyMessage(carried.message, network, height));
  const destinations = (carried?.destinations ?? []).map((vout) =>
    addressIn(bytesToHex(tx.outputs[vout]!.script), network),
  );
  const status = !carried
    ? 'uncolored'
    : message!.fields || message!.reason === 'type-not-read'
      ? 'message'
      : 'invalid';
  const warnings = [
    ...(message?.alternatives?.length ? ['more-than-one-reading'] : []),
    ...(carried && !carried.obfuscated && carried.encoding === 'opreturn' ? ['not-obfuscated'] : []),
    ...(message?.type_id === 0 && destinations.length > 1 ? ['more-than-one-destination'] : []),
  ];
  return {
    ...documentHead('counterparty', tx, network, status),
    encoding: carried?.encoding ?? null,
    data_vouts: carried?.vouts ?? [],
    destinations,
    message: message ?? null,
    ...(carried?.inscription && {
      inscription: { mime_type: carried.inscription.mime, content: textOrHex(carried.inscription.content) },
    }),
    validity: 'not-evaluated',
    outputs: tx.outputs.map((output, vout) => ({
      ...outputDocument(output, vout, network),
      type: carried?.vouts.includes(vout) ? 'data' : 'output',
    })),
    missing: [],
    warnings,
  };
}
