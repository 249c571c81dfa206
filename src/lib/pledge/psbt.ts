/**
 * Pledges as PSBTs, for wallets that sign ALL|ANYONECANPAY. The one input is worth less than the
 * outputs.
 *
 * BIP174 (PSBT_IN_SIGHASH_TYPE 81), BIP370 (TX_MODIFIABLE: inputs may be added, outputs may not be
 * changed). Bitcoin Core adds the whole previous transaction; it is checked and dropped.
 */
import { base64 } from '@scure/base';
import { Transaction } from '@scure/btc-signer/transaction.js';
import { bytesToHex } from '../bitcoin/bytes.ts';
import type { Network } from '../bitcoin/network.ts';
import { hasTransaction, readPsbt, templateOf as readTemplate, writePsbt } from '../bitcoin/psbt.ts';
import { scriptType } from '../bitcoin/script.ts';
import { SIGHASH_ALL_ACP } from '../bitcoin/sighash.ts';
import { difference, KEEP_ALL, toTransaction, type Spent } from '../bitcoin/transaction.ts';
import type { Psbt } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { PLEDGER, type Campaign } from './campaign.ts';
import { checkScript, pledgeTemplate, type Pledge } from './pledge.ts';

/** Bits of TX_MODIFIABLE: inputs may be added, outputs may not. */
const INPUTS_ONLY = 1;

/** Returns a pledge's PSBT of version 0 or 2 (BIP370). @throws Refusal `pledge-script` */
export function pledgePsbt(campaign: Campaign, network: Network, coin: Spent, version: 0 | 2 = 0): Psbt {
  checkScript(coin);
  const tx = toTransaction(pledgeTemplate(campaign, network, [coin]));
  tx.updateInput(0, { sighashType: SIGHASH_ALL_ACP }, true);
  if (version === 0) return writePsbt(tx);
  const second = Transaction.fromPSBT(tx.toPSBT(2), KEEP_ALL);
  (second as unknown as { global: { txModifiable: number } }).global.txModifiable = INPUTS_ONLY;
  return base64.encode(second.toPSBT(2));
}

/**
 * Reads a pledge from the PSBT that a wallet has signed; its signature is not checked here.
 * @throws Refusal `malformed-psbt` (also for a previous transaction of another id or amount),
 * `transaction-differs`, `sighash-refused`, `pledge-script`, `not-signed`
 */
export function pledgeOfPsbt(campaign: Campaign, network: Network, psbt: Psbt): Pledge {
  const tx = readPsbt(psbt);
  const found = readTemplate(tx);
  const [coin] = found.inputs;
  if (tx.inputsLength !== 1 || !coin)
    throw new Refusal('transaction-differs', `${tx.inputsLength} inputs found, 1 expected: each could be taken alone`, {
      blame: PLEDGER,
    });
  const expected = pledgeTemplate(campaign, network, [coin]);
  if (!hasTransaction(tx, expected)) {
    const words = difference(expected, found) ?? 'an encoding of its own found';
    throw new Refusal('transaction-differs', `the PSBT is not one of this campaign: ${words}`, { blame: PLEDGER });
  }
  const input = tx.getInput(0);
  if (![undefined, SIGHASH_ALL_ACP].includes(input.sighashType))
    throw new Refusal('sighash-refused', `sighash type ${input.sighashType} found, ALL|ANYONECANPAY (129) expected`, {
      blame: PLEDGER,
    });
  const { txid, vout, sat, script } = coin;
  checkScript(coin);
  const [signature, pubkey] = stackOf(input, script);
  if (!signature)
    throw new Refusal('not-signed', 'a PSBT without a signature found', {
      hint: 'sign it with sighash type ALL|ANYONECANPAY; Bitcoin Core: walletprocesspsbt PSBT true "ALL|ANYONECANPAY"',
    });
  return {
    txid,
    vout,
    sat,
    script,
    signature: bytesToHex(signature),
    pubkey: pubkey ? bytesToHex(pubkey) : null,
  };
}

function stackOf(input: ReturnType<Transaction['getInput']>, script: string): (Uint8Array | undefined)[] {
  if (input.finalScriptWitness?.length) return [...input.finalScriptWitness];
  if (scriptType(script) === 'p2tr') return [input.tapKeySig];
  const [key, signature] = input.partialSig?.[0] ?? [];
  return [signature, key];
}
