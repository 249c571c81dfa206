/**
 * Carriers of a Counterparty message: OP_RETURN, keys of bare multisig, or a public key hash.
 *
 * In blocks 585538 to 902000 also redeem scripts of P2SH inputs; from 902000 on also the tapscript
 * that input 0 reveals. Messages are hidden by RC4, with the txid of input 0 (display order) as
 * key, anew for each output; in 2014 they were in clear too. Source: counterparty-core gettxinfo,
 * p2sh encoding, taproot reveals. Not here: what a message says (`decode.ts`).
 */
import { hexToBytes } from '../../bitcoin/bytes.ts';
import { ascii, startsWith } from '../bytes.ts';
import { multisigKeys, readOps, type ScriptOp } from '../script.ts';
import type { Tx } from '../transaction.ts';

export type Encoding = 'opreturn' | 'multisig' | 'pubkeyhash' | 'p2sh' | 'taproot';
export interface CarriedMessage {
  encoding: Encoding;
  /** True if RC4 hides the message; the first in multisig were in clear. */
  obfuscated: boolean;
  /** Outputs that hold data. */
  vouts: readonly number[];
  /** Bytes behind the prefix. */
  message: Uint8Array;
  /** Media type and content of an inscription, whose metadata is the message. */
  inscription?: { mime: string; content: Uint8Array };
  /** Outputs before the first with data: they pay whom a message without an address means. */
  destinations: readonly number[];
}

const PREFIX = ascii('CNTRPRTY');
const ORD = ascii('ord');
const P2SH = ascii('P2SH');

interface Chunk {
  encoding: 'opreturn' | 'multisig' | 'pubkeyhash';
  obfuscated: boolean;
  data: Uint8Array;
}

/** Concatenates parts. A script has more of them than one call takes arguments. */
const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

const withoutPrefix = (bytes: Uint8Array): Uint8Array | undefined =>
  startsWith(bytes, PREFIX) ? bytes.subarray(PREFIX.length) : undefined;

/** Reads prefix and data behind a length byte. */
function counted(bytes: Uint8Array): Uint8Array | undefined {
  const size = bytes[0] ?? 0;
  return size < bytes.length ? withoutPrefix(bytes.subarray(1, 1 + size)) : undefined;
}

function chunkIn(script: Uint8Array, key: Uint8Array): Chunk | undefined {
  if (script[0] === 0x6a) {
    const { ops, truncated } = readOps(script, 1);
    const pushed = ops[0]?.data;
    if (truncated || ops.length !== 1 || !pushed) return undefined;
    const hidden = withoutPrefix(rc4(key, pushed));
    const data = hidden ?? withoutPrefix(pushed);
    return data && { encoding: 'opreturn', obfuscated: hidden !== undefined, data };
  }
  const multisig = multisigKeys(script);
  if (multisig && (multisig.keys.length === 2 || multisig.keys.length === 3)) {
    const inner = multisig.keys.slice(0, -1).map((pubkey) => pubkey.subarray(1, -1));
    const data = counted(rc4(key, joined(inner)));
    return data && { encoding: 'multisig', obfuscated: true, data };
  }
  const hash = script.length === 25 && script[0] === 0x76 && script[24] === 0xac ? script.subarray(3, 23) : undefined;
  const found = hash && counted(rc4(key, hash));
  return found && { encoding: 'pubkeyhash', obfuscated: true, data: found };
}

/** Finds the message in a transaction; undefined if it has none. */
export function carriedBy(tx: Tx): CarriedMessage | undefined {
  const first = tx.inputs[0];
  if (!first) return undefined;
  const key = hexToBytes(first.txid);
  const chunks: Chunk[] = [];
  const vouts: number[] = [];
  const destinations: number[] = [];
  for (const [vout, { script }] of tx.outputs.entries()) {
    const chunk = chunkIn(script, key);
    if (chunk) {
      chunks.push(chunk);
      vouts.push(vout);
    } else if (chunks.length > 0 && script[0] !== 0x6a && !multisigKeys(script)) break;
    else if (chunks.length === 0 && script[0] !== 0x6a) destinations.push(vout);
  }
  const [chunk] = chunks;
  if (!chunk) return firstForm(tx);
  const { encoding, obfuscated } = chunk;
  const message = joined(chunks.map(({ data }) => data));
  const plain = encoding === 'opreturn' && !obfuscated && message.length === 0;
  const revealed = plain ? taproot(tx) : undefined;
  if (revealed) return { encoding: 'taproot', obfuscated: false, vouts, destinations, ...revealed };
  if (message.length === P2SH.length && startsWith(message, P2SH))
    return { encoding: 'p2sh', obfuscated, vouts, destinations, message: inRedeemScripts(tx) };
  return { encoding, obfuscated, vouts, destinations, message };
}

/**
 * Reads the form of 2014, in clear: the second key of each 1-of-2 is a length byte and data. The
 * prefix stands once, before all data.
 */
function firstForm(tx: Tx): CarriedMessage | undefined {
  const found = tx.outputs.flatMap(({ script }, vout) => {
    const { required, keys = [] } = multisigKeys(script) ?? {};
    const [size = 0, ...data] = (required === 1 && keys.length === 2 && keys[1]) || [];
    return size > 0 && size <= data.length ? [{ vout, data: Uint8Array.from(data.slice(0, size)) }] : [];
  });
  const message = withoutPrefix(joined(found.map(({ data }) => data)));
  if (!message) return undefined;
  const destinations = tx.outputs.flatMap(({ script }, vout) =>
    vout < found[0]!.vout && script[0] !== 0x6a ? [vout] : [],
  );
  return { encoding: 'multisig', obfuscated: false, vouts: found.map(({ vout }) => vout), destinations, message };
}

/** Reads data behind the prefix from pushes of inputs, before or in their redeem scripts. */
function inRedeemScripts(tx: Tx): Uint8Array {
  const parts = tx.inputs.flatMap(({ scriptSig }) => {
    const pushes = readOps(scriptSig).ops.flatMap(({ data }) => (data ? [data] : []));
    const redeem = pushes.at(-1) ?? new Uint8Array();
    const inner = readOps(redeem).ops.flatMap(({ data }) => (data ? [data] : []));
    const found = [...pushes.slice(0, -1), ...inner].map(withoutPrefix).find((data) => data !== undefined);
    return found ? [found] : [];
  });
  return joined(parts);
}

const small = ({ code, data }: ScriptOp): Uint8Array | undefined =>
  data ?? (code > 0x50 && code <= 0x60 ? Uint8Array.of(code - 0x50) : undefined);

/** Reads the envelope `OP_FALSE OP_IF … OP_ENDIF <key> OP_CHECKSIG` in the tapscript of input 0. */
function taproot(tx: Tx): Pick<CarriedMessage, 'message' | 'inscription'> | undefined {
  const stack = tx.witnesses[0];
  if (stack?.length !== 3) return undefined;
  const { ops } = readOps(stack[1]!);
  const end = ops.findIndex(({ code }) => code === 0x68);
  if (ops[0]?.code !== 0 || ops[1]?.code !== 0x63 || end === -1) return undefined;
  const pushes = ops.slice(2, end).flatMap((op) => {
    const data = small(op);
    return data ? [data] : [];
  });
  if (pushes[0] && pushes[0].length === ORD.length && startsWith(pushes[0], ORD)) return inscription(pushes.slice(1));
  const message = joined(pushes);
  return { message: withoutPrefix(message) ?? message };
}

/** Reads an `ord` envelope: media type (tag 1), message (tag 5), content after an empty push. */
function inscription(pushes: readonly Uint8Array[]): Pick<CarriedMessage, 'message' | 'inscription'> {
  const tags = new Map<number, Uint8Array[]>();
  let at = 0;
  for (; at + 1 < pushes.length && pushes[at]!.length > 0; at += 2) {
    const tag = pushes[at]![0]!;
    const known = tags.get(tag);
    if (known) known.push(pushes[at + 1]!);
    else tags.set(tag, [pushes[at + 1]!]);
  }
  const text = (tag: number): string => new TextDecoder().decode(joined(tags.get(tag) ?? []));
  return {
    message: joined(tags.get(5) ?? []),
    inscription: { mime: text(1), content: joined(pushes.slice(at + 1)) },
  };
}

/**
 * Encrypts or decrypts by RC4. Its key is public here, so nothing is secret. It is written by hand,
 * because its one package needs a library with known holes.
 */
export function rc4(key: Uint8Array, data: Uint8Array): Uint8Array {
  const state = Uint8Array.from({ length: 256 }, (_, i) => i);
  const swap = (a: number, b: number): void => {
    [state[a], state[b]] = [state[b]!, state[a]!];
  };
  for (let i = 0, j = 0; i < 256; i++) {
    j = (j + state[i]! + key[i % key.length]!) & 0xff;
    swap(i, j);
  }
  let [i, j] = [0, 0];
  return data.map((byte) => {
    i = (i + 1) & 0xff;
    j = (j + state[i]!) & 0xff;
    swap(i, j);
    return byte ^ state[(state[i]! + state[j]!) & 0xff]!;
  });
}
