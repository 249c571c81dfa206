/**
 * Counterparty messages as packed structures (big-endian): all until block 902000, and some since.
 *
 * Source: counterparty-core messages/*. Not here: bit-packed sends (`mpma.ts`), CBOR (`cbor.ts`).
 */
import type { Network } from '../../bitcoin/network.ts';
import { bytesToHex, utf8Of } from '../../bitcoin/bytes.ts';
import { PayloadCursor, Malformed } from '../bytes.ts';
import {
  described,
  memoOf,
  SWEEP_BINARY_MEMO,
  textOrHex,
  assetName,
  shortAddress,
  subassetName,
  type MessageFields,
} from './names.ts';
import { readMpma } from './mpma.ts';

type PackedReader = (cursor: PayloadCursor, network: Network) => MessageFields;

const asset = (c: PayloadCursor): string => assetName(c.be(8, 'asset'));
const quantity = (c: PayloadCursor, what = 'quantity'): bigint => c.be(8, what);
const yes = (c: PayloadCursor, what: string): boolean => {
  const byte = c.u8(what);
  if (byte > 1) throw new Malformed('bad-flag', `${what}: ${byte} found, 0 or 1 expected`);
  return byte === 1;
};
/** Reads an IEEE 754 number, and shows its shortest decimal. */
const float = (c: PayloadCursor, size: 4 | 8, what: string): string => {
  const bytes = c.take(size, what);
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  return String(size === 4 ? view.getFloat32(0) : view.getFloat64(0));
};
/** Reads text with `count` fields between bars. */
const barred = (c: PayloadCursor, count: number): string[] => {
  const parts = (utf8Of(c.rest()) ?? '').split('|');
  if (parts.length !== count) throw new Malformed('bad-fields', `${parts.length} fields found, ${count} expected`);
  return parts;
};
const numberIn = (text: string): bigint => {
  if (!/^\d{1,20}$/.test(text)) throw new Malformed('bad-fields', 'no whole number found');
  return BigInt(text);
};

const oldIssuance: PackedReader = (c) => {
  const fields = { asset: asset(c), quantity: quantity(c), divisible: yes(c, 'divisible') };
  // The earliest issuances end here.
  if (c.left === 0) return { ...fields, callable: false, description: '' };
  return {
    ...fields,
    callable: yes(c, 'callable'),
    call_date: c.num(4, 'call date'),
    call_price: float(c, 4, 'call price'),
    description: described(c.rest()),
  };
};
const issuance: PackedReader = (c) => ({
  asset: asset(c),
  quantity: quantity(c),
  divisible: yes(c, 'divisible'),
  lock: yes(c, 'lock'),
  reset: yes(c, 'reset'),
  description: described(c.rest()),
});
const subasset =
  (flags: readonly string[]): PackedReader =>
  (c) => {
    const head = { asset: asset(c), quantity: quantity(c) };
    const said = Object.fromEntries(flags.map((flag) => [flag, yes(c, flag)]));
    const size = c.u8('length of the subasset');
    return {
      ...head,
      ...said,
      asset_longname: subassetName(c.take(size, 'subasset')),
      description: textOrHex(c.rest()),
    };
  };

function broadcastText(bytes: Uint8Array): string | { hex: string } {
  const cursor = new PayloadCursor(bytes);
  const size = bytes.length > 0 ? cursor.compactSize('length of the text') : 0;
  return size === cursor.left ? textOrHex(cursor.rest()) : described(bytes);
}

const READERS: Readonly<Record<number, PackedReader>> = {
  0: (c) => ({ asset: asset(c), quantity: quantity(c) }),
  2: (c, network) => ({
    asset: asset(c),
    quantity: quantity(c),
    ...shortAddress(c.take(21, 'address'), network),
    memo: memoOf(c.rest()),
  }),
  3: (c, network) => readMpma(c.rest(), network),
  4: (c, network) => {
    const to = shortAddress(c.take(21, 'address'), network);
    const flags = c.u8('flags');
    return {
      destination: to.address,
      script: to.script,
      flags,
      memo: memoOf(c.rest(), (flags & SWEEP_BINARY_MEMO) === 0),
    };
  },
  10: (c) => ({
    give_asset: asset(c),
    give_quantity: quantity(c),
    get_asset: asset(c),
    get_quantity: quantity(c),
    expiration: c.num(2, 'expiration'),
    fee_required: quantity(c, 'fee required'),
  }),
  11: (c) => ({ tx0_hash: bytesToHex(c.take(32, 'hash')), tx1_hash: bytesToHex(c.take(32, 'hash')) }),
  12: (c) => ({
    asset: asset(c),
    give_quantity: quantity(c),
    escrow_quantity: quantity(c),
    satoshi_rate: quantity(c),
    status: c.u8('status'),
    rest_hex: bytesToHex(c.rest()),
  }),
  20: oldIssuance,
  21: subasset(['divisible']),
  22: issuance,
  23: subasset(['divisible', 'lock', 'reset']),
  30: (c) => ({
    timestamp: c.num(4, 'timestamp'),
    value: float(c, 8, 'value'),
    fee_fraction_int: c.num(4, 'fee fraction'),
    text: broadcastText(c.rest()),
  }),
  50: (c) => ({
    quantity_per_unit: quantity(c),
    asset: asset(c),
    dividend_asset: c.left > 0 ? asset(c) : 'XCP',
  }),
  70: (c) => ({ offer_hash: bytesToHex(c.take(32, 'hash')) }),
  91: (c) => {
    const [name, amount] = barred(c, 2);
    return { asset: name, quantity: numberIn(amount!) };
  },
  100: (c) => {
    const [source, destination, name, amount] = barred(c, 4);
    return { source, destination, asset: name, quantity: numberIn(amount!) };
  },
  101: (c) => {
    const [name, amount, vout] = barred(c, 3);
    return { asset: name, quantity: numberIn(amount!), destination_vout: vout === '' ? null : Number(numberIn(vout!)) };
  },
  102: (c) => ({ destination: textOrHex(c.rest()) }),
  110: (c) => ({ asset: asset(c), quantity: quantity(c), tag: memoOf(c.rest(), true) }),
};

/** Types whose body ends with their fields. */
const EXACT: ReadonlySet<number> = new Set([0, 10, 11, 50, 70]);

/** Reads the fields of a body; undefined for a type that is not read here. @throws Malformed */
export function readPacked(type: number, body: Uint8Array, network: Network): MessageFields | undefined {
  const read = READERS[type];
  if (!read) return undefined;
  const cursor = new PayloadCursor(body);
  const fields = read(cursor, network);
  if (EXACT.has(type)) cursor.end();
  return fields;
}
