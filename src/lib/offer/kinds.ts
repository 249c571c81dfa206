/**
 * Values of BOLT12 fields: how each is written in bytes and in JSON.
 *
 * BOLT12, TLV Fields. Paths are in the shape of `onion-blind`; `invoice_blindedpay` is a list of payinfo objects. Not here:
 * which field has which value (`fields.ts`), recurrence (`recurrence-fields.ts`).
 */
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import type { Network } from '../bitcoin/network.ts';
import type { Fields } from '../protocol/document.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { readUint, writeUint } from '../wire/bigsize.ts';
import { hexBytes, type Kind } from '../wire/fields.ts';
import { parsePath, pathView, type PathJson } from '../wire/path-document.ts';
import { readPaths, writePath } from '../wire/path.ts';

/** Hashes of the first blocks, in the order of their bytes. */
export const CHAIN_HASHES: Readonly<Record<Network, string>> = {
  mainnet: '6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000',
  testnet: '43497fd7f826957108f4a30fd9cec3aeba79972084e90ead01ea330900000000',
  testnet4: '43f08bdab050e35b567c864b91f47f50ae725ae2de53bcfbbaf284da00000000',
  signet: 'f61eee3b63a380a477a063af32b2bbc97c9ff9f01f2c4225e973988108000000',
  regtest: '06226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f',
};

export const VALUE_LIMITS = {
  fee_base_msat: { unit: 'msat', most: 0xffff_ffffn },
  fee_proportional_millionths: { unit: 'number', most: 0xffff_ffffn },
  cltv_expiry_delta: { unit: 'blocks', most: 0xffffn },
  htlc_minimum_msat: { unit: 'msat', most: (1n << 64n) - 1n },
  htlc_maximum_msat: { unit: 'msat', most: (1n << 64n) - 1n },
  /** The features of a path, and a fallback's program. */
  bytes: { unit: 'bytes', most: 0xffff },
  /** Either half of a name. */
  name: { unit: 'bytes', most: 255 },
  version: { unit: 'number', most: 255n },
} satisfies Limits;

const refuse = (text: string): never => {
  throw new Refusal('tlv-value', text);
};
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text in UTF-8. */
export const utf8Text: Kind<string> = {
  write: (value) => new TextEncoder().encode(value),
  read: (bytes) => {
    try {
      return decoder.decode(bytes);
    } catch {
      return refuse('bytes found that are no UTF-8');
    }
  },
  parse: (from, name) => {
    const text = from.need(name, from.text(name), 'text');
    return text.isWellFormed() ? text : from.refuse(name, 'text without half a surrogate pair');
  },
};

/** Cuts a value into pieces, each of which `take` reads; no piece is left over. */
function cut<T>(bytes: Uint8Array, one: (take: (length: number) => Uint8Array) => T): T[] {
  const made: T[] = [];
  for (let at = 0; at < bytes.length;)
    made.push(
      one((length) => {
        if (at + length > bytes.length) refuse(`${bytes.length - at} bytes found, ${length} expected`);
        return bytes.slice(at, (at += length));
      }),
    );
  return made;
}

/** Chain hashes in hex. JSON may name networks. */
export const chains: Kind<string[]> = {
  write: (value) => concatBytes(...value.map(hexToBytes)),
  read: (bytes) => cut(bytes, (take) => bytesToHex(take(32))),
  parse: (from, name) =>
    from.need(
      name,
      from.list(name, (item) => {
        const hash = CHAIN_HASHES[item as Network] ?? item;
        if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash))
          from.refuse(name, 'a list of networks or chain hashes');
        return hash as string;
      }),
    ),
};
/** One chain hash. */
export const chain: Kind<string> = {
  ...hexBytes(32),
  parse: (from, name) => CHAIN_HASHES[from.json(name) as Network] ?? hexBytes(32).parse(from, name),
};

/** Blinded paths, at least one. */
export const paths: Kind<PathJson[]> = {
  write: (value) => concatBytes(...value.map((path) => writePath(pathView.back(path)))),
  read: (bytes) => readPaths(bytes).map(pathView.of),
  parse: (from, name) => {
    const made = from.objects(name, (path) => {
      const read = pathView.of(parsePath(path));
      path.skip('type', 'version', 'path', 'payinfo');
      return read;
    });
    return made?.length ? made : from.refuse(name, 'a list of blinded paths');
  },
};

export interface PayinfoJson {
  fee_base_msat: bigint;
  fee_proportional_millionths: bigint;
  cltv_expiry_delta: bigint;
  htlc_minimum_msat: bigint;
  htlc_maximum_msat: bigint;
  features: string;
}
const PAYINFO = [
  ['fee_base_msat', 4],
  ['fee_proportional_millionths', 4],
  ['cltv_expiry_delta', 2],
  ['htlc_minimum_msat', 8],
  ['htlc_maximum_msat', 8],
] as const;
const withLength = (hex: string, size: number): Uint8Array => {
  const bytes = hexToBytes(hex);
  return concatBytes(writeUint(BigInt(bytes.length), size), bytes);
};

/** Reads the payinfo of one path. @param missing what stands for figures that it lacks. @throws Refusal `malformed-message` */
export function parsePayinfo(from: Fields, missing: Partial<PayinfoJson> = {}): PayinfoJson {
  const figures = PAYINFO.map(([name]) => {
    const most = VALUE_LIMITS[name].most;
    return [name, from.need(name, from.whole(name, most) ?? missing[name], `a whole number up to ${most}`)];
  });
  const features = from.bytes('features') ?? new Uint8Array();
  if (!allows(VALUE_LIMITS.bytes, features.length)) from.refuse('features', `at most ${VALUE_LIMITS.bytes.most} bytes`);
  return { ...Object.fromEntries(figures), features: bytesToHex(features) } as PayinfoJson;
}
export const payinfos: Kind<PayinfoJson[]> = {
  write: (value) =>
    concatBytes(
      ...value.flatMap((info) => [
        ...PAYINFO.map(([name, size]) => writeUint(info[name], size)),
        withLength(info.features, 2),
      ]),
    ),
  read: (bytes) =>
    cut(bytes, (take) => {
      const figures = PAYINFO.map(([name, size]) => [name, readUint(take(size))]);
      return { ...Object.fromEntries(figures), features: bytesToHex(take(Number(readUint(take(2))))) } as PayinfoJson;
    }),
  parse: (from, name) => from.need(name, from.objects(name, parsePayinfo), 'a list of payinfo objects'),
};

export interface FallbackJson {
  version: bigint;
  program: string;
}
/** Witness programs. */
export const fallbacks: Kind<FallbackJson[]> = {
  write: (value) =>
    concatBytes(...value.flatMap(({ version, program }) => [writeUint(version, 1), withLength(program, 2)])),
  read: (bytes) =>
    cut(bytes, (take) => ({ version: readUint(take(1)), program: bytesToHex(take(Number(readUint(take(2))))) })),
  parse: (from, name) =>
    from.need(
      name,
      from.objects(name, (each) => {
        const version = each.need('version', each.whole('version', VALUE_LIMITS.version.most));
        const program = each.need('program', each.bytes('program'));
        if (!allows(VALUE_LIMITS.bytes, program.length))
          each.refuse('program', `at most ${VALUE_LIMITS.bytes.most} bytes`);
        return { version, program: bytesToHex(program) };
      }),
      'a list of witness programs',
    ),
};

export interface NameJson {
  name: string;
  domain: string;
}
/** A BIP353 name. Its bytes are shown as text, whatever they are. */
export const bip353Name: Kind<NameJson> = {
  write: ({ name, domain }) =>
    concatBytes(
      ...[name, domain].flatMap((half) => [
        writeUint(BigInt(half.length), 1),
        Uint8Array.from(half, (c) => c.charCodeAt(0)),
      ]),
    ),
  read: (bytes) => {
    const halves = cut(bytes, (take) => String.fromCharCode(...take(take(1)[0]!)));
    if (halves.length !== 2) refuse(`${halves.length} texts with a length found, a name and a domain expected`);
    return { name: halves[0]!, domain: halves[1]! };
  },
  parse: (from, name) => {
    const inner = from.need(name, from.object(name), 'an object with name and domain');
    const half = (part: string) => {
      const text = inner.need(part, inner.text(part), 'text');
      return /^[\u0000-\u00ff]*$/.test(text) && allows(VALUE_LIMITS.name, text.length)
        ? text
        : inner.refuse(part, `at most ${VALUE_LIMITS.name.most} bytes of text`);
    };
    const made = { name: half('name'), domain: half('domain') };
    inner.end();
    return made;
  },
};
