/**
 * What lies inside the fields of gossip messages: addresses of nodes, lists of short channel ids, records behind the fields;
 * and what is wrong with them. BOLT7. Not here: signatures (`verify.ts`).
 */
import { base32 } from '@scure/base';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readUint } from '../wire/bigsize.ts';
import { scidText } from '../wire/fields.ts';
import { readStream } from '../wire/tlv.ts';
import { aliasText, type Message } from './message.ts';
import { Reader } from './reader.ts';

/** Something that BOLT7 does not allow, in a message that could be cut into its fields. */
export interface Problem {
  code: 'malformed-gossip' | 'signature-invalid' | 'output-differs';
  field: string;
  text: string;
}

/** Inflates a zlib stream up to a length; throws for other bytes. */
export type Inflate = (bytes: Uint8Array, most: number) => Uint8Array;

const ADDRESS_SIZES: Readonly<Record<number, number>> = { 1: 6, 2: 18, 3: 12, 4: 37 };

/** Address descriptors as text; what comes behind one of an unknown type is left as hex. */
export function addressesOf(bytes: Uint8Array): { type: number; address: string }[] {
  const from = new Reader(bytes, 'malformed-gossip');
  const found: { type: number; address: string }[] = [];
  while (from.left > 0) {
    const type = from.u8();
    const size = type === 5 ? from.u8() + 2 : ADDRESS_SIZES[type];
    found.push({
      type,
      address: size === undefined ? bytesToHex(from.take(from.left)) : addressText(type, from.take(size)),
    });
  }
  return found;
}

function addressText(type: number, bytes: Uint8Array): string {
  const host = bytes.subarray(0, -2);
  const port = readUint(bytes.subarray(-2));
  if (type === 1) return `${host.join('.')}:${port}`;
  if (type === 2)
    return `[${(bytesToHex(host).match(/.{4}/g) ?? []).map((group) => group.replace(/^0{1,3}/, '')).join(':')}]:${port}`;
  if (type === 5) return `${new TextDecoder('latin1').decode(host).replace(/[^\x21-\x7e]/g, '?')}:${port}`;
  return `${base32.encode(host).toLowerCase().replaceAll('=', '')}.onion:${port}`;
}

/** Bytes of a list once it is inflated: 64 kB of zlib may become a thousand times as much. */
const MOST_INFLATED = 524_288;

/**
 * Short channel ids, or flags and timestamps that belong to them: one byte of encoding, 0 as they are, 1 zlib.
 * @throws Refusal `malformed-gossip`
 */
function decodeList(bytes: Uint8Array, inflate: Inflate | undefined): Uint8Array {
  const [encoding] = bytes;
  if (encoding === undefined) return bytes;
  if (encoding === 0) return bytes.subarray(1);
  if (encoding !== 1) throw new Refusal('malformed-gossip', `encoding ${encoding} found, 0 or 1 expected`);
  if (!inflate) throw new Refusal('malformed-gossip', 'a zlib list found, which is not read here');
  try {
    return inflate(bytes.subarray(1), MOST_INFLATED);
  } catch {
    throw new Refusal('malformed-gossip', 'a broken zlib stream found');
  }
}

const groups = (bytes: Uint8Array, size: number): Uint8Array[] => {
  if (bytes.length % size !== 0)
    throw new Refusal('malformed-gossip', `${bytes.length} bytes found, a multiple of ${size} expected`);
  return Array.from({ length: bytes.length / size }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
};

/** Records behind the fields of queries: name, what reads them. */
const RECORDS: Readonly<Record<number, Readonly<Record<string, (bytes: Uint8Array, inflate?: Inflate) => unknown>>>> = {
  261: {
    1: (bytes, inflate) => ({ query_flags: [...new Reader(decodeList(bytes, inflate), 'malformed-gossip').bytes] }),
  },
  263: { 1: (bytes) => ({ query_option: new Reader(bytes, 'malformed-gossip').bigSize() }) },
  264: {
    1: (bytes, inflate) => ({
      timestamps: groups(decodeList(bytes, inflate), 8).map((pair) =>
        [0, 4].map((at) => Number(readUint(pair.subarray(at, at + 4)))),
      ),
    }),
    3: (bytes) => ({
      checksums: groups(bytes, 8).map((pair) => [0, 4].map((at) => Number(readUint(pair.subarray(at, at + 4))))),
    }),
  },
};

/** Fields that are read further: addresses, lists of channels, records. What does not read is a problem. */
export function detailsOf(message: Message, problems: Problem[], inflate?: Inflate): Record<string, unknown> {
  const details: Record<string, unknown> = {};
  const attempt = (field: string, work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      problems.push({ code: 'malformed-gossip', field, text: error.message });
    }
  };
  const { addresses, encoded_short_ids: ids } = message.parts;
  if (addresses) attempt('addresses', () => (details['addresses'] = addressesOf(addresses)));
  if (ids)
    attempt(
      'encoded_short_ids',
      () => (details['short_channel_ids'] = groups(decodeList(ids, inflate), 8).map(scidText)),
    );
  const known = RECORDS[message.type];
  if (message.extra.length === 0) return details;
  details['extra'] = bytesToHex(message.extra);
  if (known)
    attempt('extra', () => {
      for (const { type, value } of readStream(message.extra))
        Object.assign(details, known[String(type)]?.(value, inflate));
    });
  return details;
}

/** What BOLT7 forbids of the fields of a message. @param capacityMsat where it is known */
export function problemsOf({ type, parts }: Message, capacityMsat?: bigint): Problem[] {
  const problems: Problem[] = [];
  const problem = (field: string, text: string): unknown => problems.push({ code: 'malformed-gossip', field, text });
  if (type === 256) {
    const [one, two] = [bytesToHex(parts['node_id_1']!), bytesToHex(parts['node_id_2']!)];
    if (one >= two) problem('node_id_2', 'not above node_id_1');
  }
  if (type === 257 && aliasText(parts['alias']!) === undefined) problem('alias', 'not a text in UTF-8');
  if (type === 258) {
    if ((parts['message_flags']![0]! & 1) === 0 || !parts['htlc_maximum_msat'])
      problem('message_flags', 'bit 0 is not set, or htlc_maximum_msat is missing');
    else {
      const [least, most] = [readUint(parts['htlc_minimum_msat']!), readUint(parts['htlc_maximum_msat'])];
      if (most < least) problem('htlc_maximum_msat', `${most} found, at least htlc_minimum_msat ${least} expected`);
      if (most === 0n) problem('htlc_maximum_msat', '0 found');
      if (capacityMsat !== undefined && most > capacityMsat)
        problem('htlc_maximum_msat', `${most} found, at most the capacity ${capacityMsat} expected`);
    }
  }
  return problems;
}
