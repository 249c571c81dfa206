/** A pledger whose wallet is bitcoinjs-lib: it builds the PSBT of a campaign by itself, signs it and computes its own hashes. */
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToNumberBE } from '@noble/curves/utils.js';
import { initEccLib, networks, Psbt } from 'bitcoinjs-lib';
import { hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import type { Output, Spent } from '../../src/lib/bitcoin/transaction.ts';
import type { WalletKey } from '../support/wallet.ts';
import { ACP } from './things.ts';

const liftX = (x: Uint8Array) => schnorr.utils.lift_x(bytesToNumberBE(x));
initEccLib({
  isXOnlyPoint(x) {
    try {
      return x.length === 32 && liftX(x) !== undefined;
    } catch {
      return false;
    }
  },
  xOnlyPointAddTweak(x, tweak) {
    const sum = liftX(x).add(secp256k1.Point.BASE.multiply(bytesToNumberBE(tweak)));
    if (sum.is0()) return null;
    const bytes = sum.toBytes(true);
    return { parity: bytes[0] === 3 ? 1 : 0, xOnlyPubkey: bytes.slice(1) };
  },
});

/** Key of a BIP86 output. */
function outputSecret(secret: Uint8Array): Uint8Array {
  const { n } = secp256k1.Point.CURVE();
  const d = bytesToNumberBE(secret);
  const even = secp256k1.getPublicKey(secret)[0] === 2 ? d : n - d;
  const tweak = bytesToNumberBE(schnorr.utils.taggedHash('TapTweak', schnorr.getPublicKey(secret)));
  return hexToBytes(((even + tweak) % n).toString(16).padStart(64, '0'));
}

/** The PSBT (base64) of one coin for these outputs, signed ALL|ANYONECANPAY; finalised where that is asked for. */
export function bitcoinjsPledge(outputs: readonly Output[], coin: Spent, key: WalletKey, final = false): string {
  const psbt = new Psbt({ network: networks.regtest });
  psbt.setVersion(2);
  psbt.addInput({
    hash: coin.txid,
    index: coin.vout,
    sequence: 0xfffffffd,
    witnessUtxo: { script: hexToBytes(coin.script), value: coin.sat },
    sighashType: ACP,
    ...(key.type === 'p2tr' && { tapInternalKey: schnorr.getPublicKey(key.secret) }),
  });
  for (const { script, sat } of outputs) psbt.addOutput({ script: hexToBytes(script), value: sat });
  const secret = key.type === 'p2tr' ? outputSecret(key.secret) : key.secret;
  psbt.signInput(
    0,
    {
      publicKey: secp256k1.getPublicKey(secret),
      sign: (hash) => secp256k1.sign(hash, secret, { prehash: false }),
      signSchnorr: (hash) => schnorr.sign(hash, secret),
    },
    [ACP],
  );
  if (final) psbt.finalizeAllInputs();
  return psbt.toBase64();
}
