/** Scripts, witnesses and transactions in any form, for `htlc secret` and `htlc identify`. */
import { readPsbt } from '../../lib/bitcoin/psbt.ts';
import { bytesToHex, hexToBytes } from '../../lib/bitcoin/bytes.ts';
import {
  identifyScript,
  identifyTransaction,
  identifyWitness,
  pushesOf,
  type Identified,
} from '../../lib/htlc/identify.ts';
import { secretIn, shownBy, type InputData } from '../../lib/htlc/secret.ts';
import { PATHS } from '../../lib/htlc/scripts.ts';
import { build } from '../../lib/htlc/terms.ts';
import type { Fields } from '../../lib/protocol/document.ts';
import type { Json } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { hashFlag } from './creating.ts';
import { htlcIn } from './shared.ts';
import { TRANSACTION_LIMIT } from '../../lib/cli/input.ts';
import { runStateless } from '../../lib/cli/stateless.ts';

/** First bytes of a transaction, its version from 1 to 3; no known script begins so. */
const TRANSACTION = /^0[123]000000/;

/** Reads an HTLC without JSON around it, known by its first bytes. */
function rawHtlc(text: string): Json | undefined {
  const folded = text.replace(/\s+/g, '');
  if (folded.startsWith('cHNidP')) return { psbt: folded };
  if (!/^(?:[0-9a-f]{2})+$/i.test(folded)) return undefined;
  if (/^70736274ff/i.test(folded)) return { psbt: Buffer.from(folded, 'hex').toString('base64') };
  return TRANSACTION.test(folded) ? { tx: folded.toLowerCase() } : { script: folded.toLowerCase() };
}

/** Returns the inputs of a PSBT. @throws Refusal `malformed-psbt` */
function inputsOf(psbt: string) {
  const tx = readPsbt(psbt, { longest: TRANSACTION_LIMIT });
  return Array.from({ length: tx.inputsLength }, (_, i) => tx.getInput(i));
}
/** Returns what each input of a PSBT shows: final, or with a preimage in its own field. */
const shownIn = (psbt: string): InputData[] =>
  inputsOf(psbt).map(({ finalScriptWitness = [], finalScriptSig = new Uint8Array(), ...input }) => {
    const fields = [input.sha256, input.hash160, input.hash256, input.ripemd160].flatMap((rows) =>
      (rows ?? []).map(([, preimage]) => preimage),
    );
    return [...finalScriptWitness, ...pushesOf(finalScriptSig), ...fields];
  });

const witnessIn = (from: Fields): Uint8Array[] | undefined =>
  from.list('witness', (item, where) => {
    if (typeof item !== 'string' || !/^(?:[0-9a-fA-F]{2})*$/.test(item))
      throw new Refusal('malformed-message', `${where}: hex expected`);
    return hexToBytes(item);
  });

export async function runSecret(flags: { hash: string; batch?: boolean }, file: string | undefined): Promise<void> {
  const hash = hashFlag(flags.hash);
  const asked = hash.sha256 ?? hash.hash160;
  await runStateless({ file, batch: flags.batch ?? false, raw: rawHtlc, limit: TRANSACTION_LIMIT }, (document) => {
    const psbt = document.text('psbt');
    const tx = document.bytes('tx');
    const witness = witnessIn(document);
    const shown = psbt !== undefined ? shownIn(psbt) : tx ? shownBy(bytesToHex(tx)) : witness && [witness];
    if (!shown) document.refuse('tx', 'a transaction, a PSBT or a witness');
    document.end();
    return { type: 'htlc-secret', version: 1, ...secretIn(shown!, asked) };
  });
}

export async function runIdentify(flags: { batch?: boolean }, file: string | undefined): Promise<void> {
  await runStateless({ file, batch: flags.batch ?? false, raw: rawHtlc, limit: TRANSACTION_LIMIT }, (document) => {
    const head = { type: 'htlc-identify', version: 1 };
    if (document.text('type') === 'htlc') return { ...head, ...identifyDocument(document) };
    const [script, psbt, tx, witness] = [
      document.bytes('script'),
      document.text('psbt'),
      document.bytes('tx'),
      witnessIn(document),
    ];
    document.end();
    if (script) return { ...head, ...identifyScript(script) };
    if (witness) return { ...head, ...identifyWitness(witness) };
    if (tx) return { ...head, inputs: identifyTransaction(bytesToHex(tx)) };
    if (psbt === undefined) document.refuse('script', 'a script, a witness, a transaction or a PSBT');
    return { ...head, inputs: identifyPsbt(psbt!) };
  });
}

/** Identifies an own document, which also states both leaves, and the lock of BOLT3. */
function identifyDocument(document: Fields): object {
  const htlc = htlcIn(document);
  const built = build(htlc);
  if (built.type !== 'p2tr')
    return { ...identifyScript(built.script, built.type), variant: htlc.variant, locktime: htlc.lock };
  return {
    variant: htlc.variant,
    script_type: built.type,
    internal_key: built.tree.internalKey,
    key_path: htlc.internal ? 'both together' : 'nobody',
    leaves: PATHS.map((path) => identifyScript(built.leaves[path], 'p2tr')),
  };
}

function identifyPsbt(text: string): (Identified & { input: number })[] {
  const inputs = inputsOf(text);
  const known = inputs.flatMap(({ finalScriptWitness, witnessScript, redeemScript, tapLeafScript }, input) => {
    const [script, leaf] = [witnessScript ?? redeemScript, tapLeafScript?.[0]?.[1]];
    try {
      if (finalScriptWitness?.length) return [{ input, ...identifyWitness(finalScriptWitness) }];
      if (script) return [{ input, ...identifyScript(script, 'p2wsh') }];
      return leaf ? [{ input, ...identifyScript(leaf.subarray(0, -1), 'p2tr') }] : [];
    } catch (error) {
      if (error instanceof Refusal && error.code === 'unknown-witness') return [];
      throw error;
    }
  });
  if (known.length === 0)
    throw new Refusal('unknown-witness', `a PSBT with ${inputs.length} inputs found, one that spends an HTLC expected`);
  return known;
}
