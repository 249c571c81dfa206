/**
 * A pledge: one coin, signed ALL|ANYONECANPAY for the outputs of a campaign.
 *
 * The signature commits to version, locktime and all outputs, and to the coin with its amount and
 * sequence; in taproot also to its script (BIP143, BIP341). It commits to no other input and not to
 * its own index. So it seals the pledge, and it never expires. Not here: PSBTs of pledges
 * (`psbt.ts`), sums (`sums.ts`).
 */
import { hash160 } from '@scure/btc-signer/utils.js';
import * as v from 'valibot';
import { bytesToHex, equalBytes, hexToBytes } from '../bitcoin/bytes.ts';
import type { Network } from '../bitcoin/network.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { scriptType } from '../bitcoin/script.ts';
import { Sighashes, SIGHASH_ALL_ACP } from '../bitcoin/sighash.ts';
import { SEQUENCE_RBF, type Input, type Spent, type Template } from '../bitcoin/transaction.ts';
import { p2wpkhCode } from '../bitcoin/wallet-inputs.ts';
import type { Hex } from '../protocol/action.ts';
import { FORM_LIMITS, hexOf, inOrder, pubkey, sat } from '../protocol/message.ts';
import { wholeIn } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { signHash, verifies } from '../signing/bip340.ts';
import { verifiesEcdsa } from '../signing/ecdsa.ts';
import { keyPathSecret } from '../signing/keyset.ts';
import { campaignOutputs, PLEDGER, type Campaign } from './campaign.ts';

/** Coin with its signature, and `pubkey` if the script holds only the hash of the key. */
export interface Pledge extends Spent {
  signature: Hex;
  pubkey: Hex | null;
}

const signature = v.pipe(
  v.string(),
  v.regex(/^(?:[0-9a-f]{2}){9,73}$/, 'a signature of 9 to 73 bytes in lowercase hex'),
);
const pledgeEntries = {
  txid: hexOf(32),
  vout: wholeIn(FORM_LIMITS.vout),
  sat,
  script: v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{2}){2,42}$/, 'an output script of a coin in lowercase hex')),
  signature,
  pubkey: v.nullable(pubkey),
};
/** Form of a pledge's document. */
export const pledgeForm = v.strictObject(pledgeEntries);
/** Returns a pledge with its fields in printed order; a store has its own order. */
export const pledgeInForm = (pledge: Pledge): Pledge => inOrder(pledgeEntries, { ...pledge }) as Pledge;

const inputOf = ({ txid, vout, sat: amount, script }: Spent): Input => ({
  txid,
  vout,
  sat: amount,
  script,
  sequence: SEQUENCE_RBF,
});

/** Returns the transaction of a campaign with these coins as its inputs. */
export const pledgeTemplate = (campaign: Campaign, network: Network, coins: readonly Spent[]): Template => ({
  version: 2,
  locktime: 0,
  inputs: coins.map(inputOf),
  outputs: campaignOutputs(campaign, network),
});

/** Checks that a script hides neither a lock nor another key. @throws Refusal `pledge-script` */
export function checkScript({ script, ...coin }: Spent): void {
  const type = scriptType(script);
  if (type !== 'p2tr' && type !== 'p2wpkh')
    throw new Refusal('pledge-script', `the coin ${outpointText(coin)} is ${type}, p2tr or p2wpkh expected`, {
      blame: PLEDGER,
    });
}

/** Signature hashes of a campaign's pledges; its outputs are hashed once for all. */
export class PledgeHashes {
  readonly #sighashes: Sighashes;

  /** Prepares the hashes of a campaign. @throws Refusal as `campaignOutputs` */
  constructor(campaign: Campaign, network: Network) {
    this.#sighashes = new Sighashes(pledgeTemplate(campaign, network, []));
  }

  /** Returns the hash that the key of a taproot or P2WPKH coin signs, 32 bytes. */
  of(coin: Spent): Uint8Array {
    const one = this.#sighashes.withInputs([inputOf(coin)]);
    return scriptType(coin.script) === 'p2tr'
      ? one.v1(0, SIGHASH_ALL_ACP)
      : one.v0(0, p2wpkhCode(coin.script), SIGHASH_ALL_ACP);
  }

  /** Signs a taproot coin by its untweaked key (BIP86, 32 bytes). @param aux 32 random bytes */
  sign(coin: Spent, secret: Uint8Array, aux: Uint8Array): Pledge {
    const made = signHash(this.of(coin), keyPathSecret(secret), aux);
    const { txid, vout, sat: amount, script } = coin;
    return { txid, vout, sat: amount, script, signature: `${made}81`, pubkey: null };
  }

  /** Checks a pledge. @throws Refusal `pledge-script`, `sighash-refused`, `signature-invalid` */
  check(pledge: Pledge): void {
    checkScript(pledge);
    const at = outpointText(pledge);
    const bytes = hexToBytes(pledge.signature);
    const isTaproot = scriptType(pledge.script) === 'p2tr';
    const type = isTaproot && bytes.length === 64 ? 0 : bytes.at(-1);
    if (type !== SIGHASH_ALL_ACP)
      throw new Refusal('sighash-refused', `sighash type ${type} found at ${at}, ALL|ANYONECANPAY (129) expected`, {
        blame: PLEDGER,
      });
    if (isTaproot ? !this.#isSchnorr(pledge, bytes) : !this.#isEcdsa(pledge, bytes))
      throw new Refusal('signature-invalid', `the signature of ${at} is not for this campaign and coin`, {
        blame: PLEDGER,
      });
  }

  #isSchnorr(pledge: Pledge, bytes: Uint8Array): boolean {
    if (bytes.length !== 65 || pledge.pubkey !== null) return false;
    return verifies(bytesToHex(bytes.subarray(0, 64)), this.of(pledge), pledge.script.slice(4));
  }

  #isEcdsa(pledge: Pledge, bytes: Uint8Array): boolean {
    const key = pledge.pubkey === null ? undefined : hexToBytes(pledge.pubkey);
    // Nodes relay no uncompressed key in a witness, but a PSBT may have one.
    if (key?.length !== 33 || !equalBytes(hash160(key), hexToBytes(pledge.script.slice(4)))) return false;
    return verifiesEcdsa(bytes.subarray(0, -1), this.of(pledge), key);
  }
}

/** Returns the witness of a pledge's input. */
export const pledgeWitness = ({ signature: made, pubkey: key }: Pledge): Uint8Array[] =>
  [made, ...(key === null ? [] : [key])].map((part) => hexToBytes(part));
