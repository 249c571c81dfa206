/** Transactions for tests of the asset rooms: any inputs and outputs, serialised and read back. */
import { RawOldTx } from '@scure/btc-signer/script.js';
import { writeMarker } from '../../src/lib/assets/openassets/marker.ts';
import { opReturnScript } from '../../src/lib/assets/script.ts';
import { Parents } from '../../src/lib/assets/trace.ts';
import { readTx, type Tx } from '../../src/lib/assets/transaction.ts';
import { hexToBytes } from '../../src/lib/bitcoin/bytes.ts';

export const P2PKH = hexToBytes('76a914010966776006953d5567439e5e39f86a0d273bee88ac');
/** A script of its own for each number, so that each issues an asset of its own. */
export const script = (n: number): Uint8Array => hexToBytes(`76a914${n.toString(16).padStart(40, '0')}88ac`);

export interface In {
  txid: string;
  vout: number;
  sequence?: number;
  scriptSig?: Uint8Array;
}
export interface Out {
  sat: bigint;
  script: Uint8Array;
}
export const txBytes = (inputs: readonly In[], outputs: readonly Out[], version = 1): Uint8Array =>
  RawOldTx.encode({
    version,
    inputs: inputs.map(({ txid, vout, sequence = 0xffffffff, scriptSig = new Uint8Array() }) => ({
      txid: hexToBytes(txid),
      index: vout,
      sequence,
      finalScriptSig: scriptSig,
    })),
    outputs: outputs.map(({ sat, script: bytes }) => ({ amount: sat, script: bytes })),
    lockTime: 0,
  } as never);
export const makeTx = (inputs: readonly In[], outputs: readonly Out[], version = 1): Tx =>
  readTx(txBytes(inputs, outputs, version));

export const empty = new Uint8Array();
export const marker = (quantities: readonly bigint[]): Uint8Array =>
  opReturnScript(writeMarker({ quantities, metadata: empty }));

/**
 * A transaction behind a marker, whose inputs were each issued by a script of their own: `issued[i]` are the units of the
 * outputs that one issuance made, all of which are spent.
 */
export function coloured(
  issued: readonly (readonly bigint[])[],
  { quantities }: { quantities: readonly bigint[] },
  scripts: readonly Uint8Array[],
): { tx: Tx; parents: Parents; bytes: Uint8Array; prev: Uint8Array[] } {
  const parents = new Parents();
  const prev: Uint8Array[] = [];
  const inputs = issued.flatMap((units, i) => {
    const funding = txBytes([{ txid: 'ee'.repeat(32), vout: i }], [{ sat: 10_000n, script: script(i + 1) }]);
    const from = parents.add(funding);
    const issuance = txBytes(
      [{ txid: from.txid, vout: 0 }],
      [...units.map(() => ({ sat: 600n, script: P2PKH })), { sat: 0n, script: marker(units) }],
    );
    prev.push(funding, issuance);
    const { txid } = parents.add(issuance);
    return units.map((_, vout) => ({ txid, vout }));
  });
  const bytes = txBytes(inputs, [
    { sat: 0n, script: marker(quantities) },
    ...scripts.map((bytes_) => ({ sat: 600n, script: bytes_ })),
  ]);
  return { tx: readTx(bytes), parents, bytes, prev };
}

export const readTxOf = (
  inputs: readonly In[],
  outputs: readonly Out[],
  version = 1,
): { tx: Tx; bytes: Uint8Array } => {
  const bytes = txBytes(inputs, outputs, version);
  return { tx: readTx(bytes), bytes };
};
