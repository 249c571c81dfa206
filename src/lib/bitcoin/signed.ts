/**
 * Signatures of a finished transaction, each checked against the keys in its script or witness.
 *
 * Scripts are not run: what else they ask for (a preimage, a lock) is not checked. BIP143, BIP341,
 * BIP342, the older hash for P2SH. Not here: PSBTs of wallets (`wallet-inputs.ts`).
 */
import { tapLeafHash } from '@scure/btc-signer/payment.js';
import { Script } from '@scure/btc-signer/script.js';
import { hash160, sha256, taprootTweakPubkey } from '@scure/btc-signer/utils.js';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { verifies } from '../signing/bip340.ts';
import { taggedHash } from '../signing/curve.ts';
import { verifiesEcdsa } from '../signing/ecdsa.ts';
import { bytesToHex, hexToBytes } from './bytes.ts';
import { scriptType } from './script.ts';
import { parseBareTransaction, parseTransaction, toTransaction, type Spent, type Template } from './transaction.ts';
import { checkWitness } from './wallet-inputs.ts';

/**
 * Checks every input of a finished transaction.
 * @param spends coins that it spends, in the order of its inputs
 * @throws Refusal `not-signed`, `signature-invalid`, `sighash-refused`, `malformed-transaction`
 */
export function checkSignatures(hex: string, spends: readonly Spent[]): void {
  const { stacks, ...bare } = parseBareTransaction(hex);
  const raw = parseTransaction(hex);
  const template: Template = { ...bare, inputs: bare.inputs.map((input, i) => ({ ...input, ...spends[i]! })) };
  const tx = toTransaction(template);
  for (const [i, { script }] of template.inputs.entries())
    checkInput({ template, tx, index: i }, script, stacks[i] ?? [], pushesOf(raw.inputs[i]!.finalScriptSig));
}

/** Input of the transaction, with what its check needs. */
interface SignedInput {
  template: Template;
  tx: ReturnType<typeof toTransaction>;
  index: number;
}

export const SIGNED_LIMITS = {
  /** Number of keys, and of signatures, in a script: each is tried with each (OP_CHECKMULTISIG). */
  tried: { unit: 'items', most: 20 },
} satisfies Limits;

type Stack = readonly Uint8Array[];
const invalid = (index: number, why: string): Refusal =>
  new Refusal('signature-invalid', `the signature of input ${index} does not verify: ${why}`);

function checkInput(at: SignedInput, script: string, stack: Stack, pushes: Stack): void {
  const { template, tx, index } = at;
  const type = scriptType(script);
  if (type === 'p2a') {
    if (stack.length + pushes.length > 0) throw invalid(index, 'an anchor with a witness found');
    return;
  }
  if (stack.length + pushes.length === 0) throw new Refusal('not-signed', `input ${index} is not signed`);
  if (type !== 'p2sh' && pushes.length > 0) throw invalid(index, `a ${type} output with a scriptSig found`);
  if (type === 'p2sh') return checkP2sh(at, script, stack, pushes);
  if (type === 'p2wsh') return checkP2wsh(at, script, stack);
  if (type === 'p2tr' && stack.length > 1) return checkLeaf(at, script, stack);
  if (type === 'p2tr' || type === 'p2wpkh') return checkWitness(template, index, stack, tx);
  throw invalid(index, `a ${type} output found, which this program does not spend`);
}

function checkP2sh(at: SignedInput, script: string, stack: Stack, pushes: Stack): void {
  const { tx, index } = at;
  const redeem = pushes.at(-1);
  if (!redeem || `a914${bytesToHex(hash160(redeem))}87` !== script)
    throw invalid(index, 'another script than the output has');
  const program = bytesToHex(redeem);
  if (scriptType(program) === 'p2wsh' && pushes.length === 1) return checkP2wsh(at, program, stack);
  if (stack.length > 0) throw invalid(index, 'a p2sh output with a witness found');
  checkEcdsa(index, pushes.slice(0, -1), redeem, (type) => tx['preimageLegacy'](index, redeem, type));
}

function checkP2wsh({ template, tx, index }: SignedInput, program: string, stack: Stack): void {
  const script = stack.at(-1);
  if (!script || `0020${bytesToHex(sha256(script))}` !== program)
    throw invalid(index, 'another script than the output has');
  const { sat } = template.inputs[index]!;
  checkEcdsa(index, stack.slice(0, -1), script, (type) => tx.preimageWitnessV0(index, script, type, sat));
}

/** Verifies every signature in a witness, at least one, by the keys in its script and stack. */
function checkEcdsa(index: number, elements: Stack, script: Uint8Array, hashOf: (type: number) => Uint8Array): void {
  const keys = [...pushesOf(script), ...elements].filter(isKey);
  const signatures = elements.filter(isDer);
  checkTries(index, signatures, keys);
  for (const signature of signatures) {
    const hash = hashOf(signature.at(-1)!);
    if (!keys.some((key) => verifiesEcdsa(signature.subarray(0, -1), hash, key)))
      throw invalid(index, 'no key of its script has made it');
  }
}
function checkTries(index: number, signatures: Stack, keys: Stack): void {
  if (signatures.length === 0) throw new Refusal('not-signed', `input ${index} is not signed`);
  for (const [what, { length }] of Object.entries({ signatures, keys }))
    if (!allows(SIGNED_LIMITS.tried, length))
      throw invalid(index, `${length} ${what} found, at most ${SIGNED_LIMITS.tried.most} expected`);
}
const isKey = (bytes: Uint8Array): boolean => bytes.length === 33 && (bytes[0] === 2 || bytes[0] === 3);
const isDer = (bytes: Uint8Array): boolean =>
  bytes.length >= 9 && bytes.length <= 73 && bytes[0] === 0x30 && bytes[1] === bytes.length - 3;

function checkLeaf({ template, tx, index }: SignedInput, script: string, stack: Stack): void {
  const control = stack.at(-1)!;
  const leaf = stack.at(-2)!;
  const version = control[0]! & 0xfe;
  if (control.length < 33 || control.length % 32 !== 1 || control.length > 33 + 32 * 128)
    throw invalid(index, 'a witness without a control block found');
  let root: Uint8Array = tapLeafHash(leaf, version);
  for (let at = 33; at < control.length; at += 32)
    root = taggedHash('TapBranch', ...[root, control.subarray(at, at + 32)].sort(Buffer.compare));
  if (outputOf(control.subarray(1, 33), root, control[0]! & 1) !== script)
    throw invalid(index, 'another script than the output has');
  const keys = pushesOf(leaf).filter(({ length }) => length === 32);
  const signatures = stack.slice(0, -2).filter(({ length }) => length === 64 || length === 65);
  checkTries(index, signatures, keys);
  const scripts = template.inputs.map((input) => hexToBytes(input.script));
  const amounts = template.inputs.map(({ sat }) => sat);
  for (const signature of signatures) {
    const type = signature[64] ?? 0;
    const hash = tx.preimageWitnessV1(index, scripts, type, amounts, -1, leaf, version);
    if (!keys.some((key) => verifies(bytesToHex(signature.subarray(0, 64)), hash, bytesToHex(key))))
      throw invalid(index, 'no key of its script has made it');
  }
}

/** Returns the output script of an internal key and a root; undefined for bytes that are no key. */
function outputOf(internal: Uint8Array, root: Uint8Array, parity: number): string | undefined {
  try {
    const [key, found] = taprootTweakPubkey(internal, root);
    return found === parity ? `5120${bytesToHex(key)}` : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the data that a script pushes; none for bytes that are no script. */
function pushesOf(script: Uint8Array | undefined): Uint8Array[] {
  if (!script || script.length === 0) return [];
  try {
    return Script.decode(script).filter((one) => one instanceof Uint8Array);
  } catch {
    return [];
  }
}
