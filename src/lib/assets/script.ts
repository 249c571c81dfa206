/**
 * Scripts as asset protocols read them: opcode by opcode, up to the end of the bytes.
 *
 * Not here: addresses (`bitcoin/address.ts`), types of scripts (`bitcoin/script.ts`).
 */

export interface ScriptOp {
  code: number;
  /** Bytes pushed; undefined for an opcode without bytes of its own. */
  data: Uint8Array | undefined;
}
export interface Script {
  ops: readonly ScriptOp[];
  /** True if the last push is cut off; `ops` is without it. */
  truncated: boolean;
}

export const OP_RETURN = 0x6a;
const OP_16 = 0x60;

/** Reads the opcodes of a script, whatever bytes it has. */
export function readOps(script: Uint8Array, from = 0): Script {
  const ops: ScriptOp[] = [];
  let at = from;
  while (at < script.length) {
    const code = script[at++]!;
    let size = code <= 75 ? code : 0;
    if (code >= 76 && code <= 78) {
      const width = code === 76 ? 1 : code === 77 ? 2 : 4;
      if (at + width > script.length) return { ops, truncated: true };
      for (let i = width - 1; i >= 0; i--) size = size * 256 + script[at + i]!;
      at += width;
    }
    if (at + size > script.length) return { ops, truncated: true };
    ops.push({ code, data: code <= 78 ? script.subarray(at, at + size) : undefined });
    at += size;
  }
  return { ops, truncated: false };
}

/** Tells whether an opcode pushes anything, be it only a small number. */
export const isPush = ({ code }: ScriptOp): boolean => code <= OP_16 && code !== 0x50;

/** Returns the pushes behind an OP_RETURN; undefined for a script that does not begin with it. */
export function opReturnPushes(script: Uint8Array): (Script & { pushes: readonly Uint8Array[] }) | undefined {
  if (script[0] !== OP_RETURN) return undefined;
  const read = readOps(script, 1);
  return { ...read, pushes: read.ops.flatMap(({ data }) => (data ? [data] : [])) };
}

/** Makes the OP_RETURN script that pushes these bytes, in the shortest form. */
export function opReturnScript(data: Uint8Array): Uint8Array {
  const { length } = data;
  const head = length <= 75 ? [length] : length <= 0xff ? [76, length] : [77, length & 0xff, length >> 8];
  return Uint8Array.of(OP_RETURN, ...head, ...data);
}

/** Returns the keys of a bare m-of-n script, whatever their bytes; undefined for another script. */
export function multisigKeys(script: Uint8Array): { required: number; keys: readonly Uint8Array[] } | undefined {
  if (script[script.length - 1] !== 0xae) return undefined;
  const { ops, truncated } = readOps(script);
  const small = (op: ScriptOp | undefined): number => (op && op.code > 0x50 && op.code <= OP_16 ? op.code - 0x50 : 0);
  const keys = ops.slice(1, -2).map(({ data }) => data);
  const [required, total] = [small(ops[0]), small(ops.at(-2))];
  if (truncated || required === 0 || total !== keys.length || !keys.every((key) => key !== undefined && key.length > 0))
    return undefined;
  return { required, keys: keys as Uint8Array[] };
}
