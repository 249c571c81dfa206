/**
 * The signatures of a claim or refund: made with a key, taken from a PSBT that another wallet
 * signed, each verified before it counts. The preimage travels in the field that BIP174 has for it
 * (PSBT_IN_HASH160).
 *
 * BIP143 (P2WSH), BIP341 and BIP342 (leaves), the older hash for P2SH. Sighash ALL, or taproot's
 * default.
 */
import { tapLeafHash } from '@scure/btc-signer/payment.js';
import { TaprootControlBlock } from '@scure/btc-signer/psbt.js';
import type { Transaction } from '@scure/btc-signer/transaction.js';
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { readSame, writePsbt } from '../bitcoin/psbt.ts';
import { toTransaction, txidOfHex } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { signHash, verifies } from '../signing/bip340.ts';
import { parseScalar } from '../signing/curve.ts';
import { signEcdsa, verifiesEcdsa } from '../signing/ecdsa.ts';
import { publicKey } from '../signing/musig2.ts';
import { finalsOf, finishedHex, putFinals, type Signatures } from './finalize.ts';
import { LEAF_VERSION } from './taproot.ts';
import type { PathName } from './scripts.ts';
import { checkTiming, type Spend } from './spend.ts';
import { checkPreimage, witnessProgram } from './terms.ts';

const ALL = 1;

/** Returns the hash that is signed, 32 bytes. */
function sighashOf({ built, path, template }: Spend): Uint8Array {
  const tx = toTransaction(template);
  const { sat, script } = template.inputs[0]!;
  if (built.type === 'p2tr')
    return tx.preimageWitnessV1(0, [hexToBytes(script)], 0, [sat], -1, built.leaves[path], LEAF_VERSION);
  return built.type === 'p2sh'
    ? tx['preimageLegacy'](0, built.script, ALL)
    : tx.preimageWitnessV0(0, built.script, ALL, sat);
}

const keyOf = ({ htlc }: Spend, who: PathName): Hex => (who === 'claim' ? htlc.claim! : htlc.refund);

/** Returns the path that this key signs for. @throws Refusal `wrong-key` */
export function ownerOf(spend: Spend, secret: Uint8Array): PathName {
  if (parseScalar(secret) === undefined) throw new Refusal('wrong-key', 'a number found that is no secret key');
  const pubkey = bytesToHex(publicKey(secret));
  // A leaf holds no parity.
  const same = (key: Hex): boolean => (spend.built.type === 'p2tr' ? key.slice(2) === pubkey.slice(2) : key === pubkey);
  const who = spend.signers.find((w) => same(keyOf(spend, w)));
  if (!who)
    throw new Refusal(
      'wrong-key',
      spend.signers.length === 0
        ? `the ${spend.path} needs no signature`
        : `the key of ${pubkey} found, one of ${spend.signers.map((w) => keyOf(spend, w)).join(' or ')} expected`,
    );
  return who;
}

/** Signs a path, and returns the signature as its witness element. `finishSpend` verifies it. */
export function signatureBy(spend: Spend, secret: Uint8Array): Uint8Array {
  const hash = sighashOf(spend);
  if (spend.built.type === 'p2tr') return hexToBytes(signHash(hash, secret));
  return concatBytes(signEcdsa(hash, secret), Uint8Array.of(ALL));
}

/** @throws Refusal `sighash-refused`, `signature-invalid` */
export function checkSignature(spend: Spend, who: PathName, signature: Uint8Array): void {
  const hash = sighashOf(spend);
  const key = keyOf(spend, who);
  if (spend.built.type === 'p2tr') {
    if (signature.length !== 64)
      throw new Refusal(
        'sighash-refused',
        `a signature of ${signature.length} bytes found, 64 (the default sighash) expected`,
      );
    if (verifies(bytesToHex(signature), hash, key.slice(2))) return;
  } else {
    if (signature.at(-1) !== ALL)
      throw new Refusal('sighash-refused', `sighash type ${signature.at(-1)} found, ALL expected`);
    if (verifiesEcdsa(signature.subarray(0, -1), hash, hexToBytes(key))) return;
  }
  throw new Refusal('signature-invalid', `the signature of ${who}_pubkey does not verify`);
}

/** Signatures and preimage of a spend, as far as known. */
export interface Known {
  signatures: Signatures;
  preimage?: Uint8Array | undefined;
}

/** Returns the PSBT for another signer. `previous`: the whole transaction of the coin. */
export function carrier(spend: Spend, { signatures, preimage }: Known, previous?: Uint8Array): string {
  const { built, path, htlc, template } = spend;
  const tx = toTransaction(template);
  const have = spend.signers.filter((who) => signatures[who]);
  const scripts =
    built.type === 'p2tr'
      ? {
          tapInternalKey: hexToBytes(built.tree.internalKey),
          tapMerkleRoot: built.tree.merkleRoot,
          tapLeafScript: [
            [
              TaprootControlBlock.decode(built.tree.control[path]),
              concatBytes(built.leaves[path], Uint8Array.of(LEAF_VERSION)),
            ] as const,
          ].map(([control, leaf]): [typeof control, Uint8Array] => [control, leaf]),
          ...(have.length > 0 && {
            tapScriptSig: have.map((who): [{ pubKey: Uint8Array; leafHash: Uint8Array }, Uint8Array] => [
              { pubKey: hexToBytes(keyOf(spend, who).slice(2)), leafHash: tapLeafHash(built.leaves[path]) },
              signatures[who]!,
            ]),
          }),
        }
      : {
          ...(built.type === 'p2sh' && { redeemScript: built.script }),
          ...(built.type === 'p2sh-p2wsh' && { redeemScript: witnessProgram(built.script) }),
          ...(built.type !== 'p2sh' && { witnessScript: built.script }),
          sighashType: ALL,
          ...(have.length > 0 && {
            partialSig: have.map((who): [Uint8Array, Uint8Array] => [hexToBytes(keyOf(spend, who)), signatures[who]!]),
          }),
        };
  tx.updateInput(
    0,
    {
      ...scripts,
      ...(previous && { nonWitnessUtxo: previous }),
      ...(path === 'claim' && preimage && { hash160: [[hexToBytes(htlc.hash.hash160), preimage]] }),
    },
    true,
  );
  return writePsbt(tx);
}

/**
 * Returns the verified signatures and the preimage of merged PSBTs.
 * @throws Refusal `transaction-differs`, or by name what is wrong with their lock;
 * `signature-invalid`, `wrong-preimage`
 */
export function merged(spend: Spend, psbts: readonly string[]): Known {
  const known: { signatures: Signatures; preimage?: Uint8Array } = { signatures: {} };
  for (const psbt of psbts) {
    checkTiming(spend, psbt);
    const input = readSame(spend.template, psbt, 'wallet').getInput(0);
    for (const who of spend.signers) {
      const signature = signatureIn(spend, who, input);
      if (!signature) continue;
      checkSignature(spend, who, signature);
      known.signatures[who] = signature;
    }
    const preimage = input.hash160?.find(([hash]) => bytesToHex(hash) === spend.htlc.hash.hash160)?.[1];
    if (spend.path === 'claim' && preimage) known.preimage = checkPreimage(preimage, spend.htlc.hash);
  }
  return known;
}

function signatureIn(spend: Spend, who: PathName, input: ReturnType<Transaction['getInput']>): Uint8Array | undefined {
  const key = keyOf(spend, who);
  const place = input.finalScriptWitness?.[spend.elements.indexOf(`${who}-sig`)];
  if (place) return place;
  if (spend.built.type !== 'p2tr') return input.partialSig?.find(([k]) => bytesToHex(k) === key)?.[1];
  const leaf = bytesToHex(tapLeafHash(spend.built.leaves[spend.path]));
  return input.tapScriptSig?.find(
    ([k]) => bytesToHex(k.pubKey) === key.slice(2) && bytesToHex(k.leafHash) === leaf,
  )?.[1];
}

/** Finished spend of an HTLC. */
export interface Finished {
  psbt: string;
  hex: Hex;
  txid: Hex;
}

/** Returns the parts that are still needed; empty: it can be finished. */
export const missing = (spend: Spend, { signatures, preimage }: Known): string[] => [
  ...(spend.elements.includes('preimage') && !preimage ? [`the preimage of ${spend.htlc.hash.hash160}`] : []),
  ...spend.signers.filter((who) => !signatures[who]).map((who) => `a signature of ${keyOf(spend, who)}`),
];

/**
 * Returns the finished transaction. Verifies everything again, so that nodes accept what is
 * printed.
 * @throws Refusal `wrong-preimage`, `preimage-size`, `signature-invalid`, `sighash-refused`
 */
export function finishSpend(spend: Spend, known: Known, previous?: Uint8Array): Finished {
  if (spend.elements.includes('preimage')) checkPreimage(known.preimage!, spend.htlc.hash);
  for (const who of spend.signers) checkSignature(spend, who, known.signatures[who]!);
  const hex = finishedHex(spend, known.signatures, known.preimage);
  const tx = toTransaction(spend.template);
  if (previous) tx.updateInput(0, { nonWitnessUtxo: previous }, true);
  const psbt = writePsbt(putFinals(tx, finalsOf(spend, known.signatures, known.preimage)));
  return { psbt, hex, txid: txidOfHex(hex) };
}
