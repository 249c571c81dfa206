/**
 * Coins that can fund a transaction, in the shape of `listunspent`, and the choice among them.
 *
 * Selection and change are @scure/btc-signer's (`selectUTXO`).
 */
import { selectUTXO } from '@scure/btc-signer/utxo.js';
import { hexToBytes } from './bytes.ts';
import { DecimalText, type Json } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { addressOf, scriptOf as changeScript } from './address.ts';
import { btcFromSat, satFromBtc } from './amount.ts';
import { guardFee } from './fee.ts';
import { prefixes, type Network } from './network.ts';
import { outpointText, parseOutpoint } from './outpoint.ts';
import { checkSizes } from './coin-checks.ts';
import { scriptType } from './script.ts';
import {
  KEEP_ALL,
  SEQUENCE_RBF,
  sortInputs,
  sortOutputs,
  type Input,
  type Output,
  type Spent,
  type Template,
} from './transaction.ts';

/** Entry of `listunspent`, with the fields that are read. */
export interface ListedCoin {
  txid: string;
  vout: number;
  address?: string | undefined;
  /** Amount in BTC, as text with eight decimals. */
  amount: DecimalText;
  scriptPubKey: string;
  confirmations: number;
}

export const listedCoin = (coin: Spent, confirmations: number, network: Network): ListedCoin => ({
  txid: coin.txid,
  vout: coin.vout,
  address: addressOf(coin.script, network),
  amount: new DecimalText(btcFromSat(coin.sat)),
  scriptPubKey: coin.script,
  confirmations,
});

/** Reads `listunspent`, parsed by `parseJson`. @throws Refusal `malformed-coins` */
export function parseCoins(json: Json): Spent[] {
  if (!Array.isArray(json)) throw new Refusal('malformed-coins', 'a list of coins, as listunspent prints it, expected');
  const seen = new Set<string>();
  return json.map((entry: Json, i) => {
    const refuse = (what: string): never => {
      throw new Refusal('malformed-coins', `coin ${i}: ${what} expected`);
    };
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) refuse('an object');
    const { txid, vout, amount, scriptPubKey } = entry as Record<string, Json>;
    const outpoint = parseOutpoint(`${String(txid)}:${String(vout)}`) ?? refuse('txid and vout');
    if (typeof scriptPubKey !== 'string' || !/^(?:[0-9a-f]{2}){1,10000}$/.test(scriptPubKey))
      refuse('scriptPubKey in hex');
    const text =
      amount instanceof DecimalText
        ? amount.text
        : typeof amount === 'number' && amount >= 0
          ? String(amount)
          : refuse('amount in BTC');
    if (seen.has(outpointText(outpoint))) refuse('another outpoint than one before');
    seen.add(outpointText(outpoint));
    return { ...outpoint, sat: satFromBtc(text), script: scriptPubKey as string };
  });
}

/** Plan of a payment: outputs, coins, change, feerate. */
export interface PaymentPlan {
  /** Coins that are spent in any case. */
  required?: readonly Spent[];
  coins: readonly Spent[];
  outputs: readonly Output[];
  change: string;
  feerate: number;
  version: 2 | 3;
  network: Network;
  allowFee?: boolean;
}

/**
 * Makes the transaction of a payment, in the order of BIP69. A change at or below dust goes to the
 * fee. The feerate is rounded up to whole sat/vB.
 * @throws Refusal `unsafe-funding` for coins that are not native segwit, `not-enough-coins`,
 *   `fee-too-high`
 */
export function payFrom(payment: PaymentPlan): Template & { fee: bigint; changeSat: bigint } {
  const { required = [], coins, outputs, change, feerate, version, network } = payment;
  const script = changeScript(change, network);
  checkSizes([...required, ...coins]);
  const update = (c: Spent) => ({
    txid: c.txid,
    index: c.vout,
    sequence: SEQUENCE_RBF,
    witnessUtxo: { amount: c.sat, script: hexToBytes(c.script) },
    // Placeholder key: a key-path spend has the same size for every internal key.
    ...(scriptType(c.script) === 'p2tr' && { tapInternalKey: hexToBytes(c.script.slice(4)) }),
  });
  const result = selectUTXO(
    coins.map(update),
    outputs.map((o) => ({ script: hexToBytes(o.script), amount: o.sat })),
    'default',
    {
      ...KEEP_ALL,
      changeAddress: change,
      feePerByte: BigInt(Math.ceil(feerate / 1000)),
      network: prefixes(network),
      requiredInputs: required.map(update),
      // dust is stated as a size there, priced at 3 sat/vB: 110 vB are the 330 sat of a taproot output
      dust: 110n,
      createTx: false,
    },
  );
  if (!result) {
    const have = [...required, ...coins].reduce((sum, c) => sum + c.sat, 0n);
    const want = outputs.reduce((sum, o) => sum + o.sat, 0n);
    throw new Refusal('not-enough-coins', `coins of ${have} sat found, ${want} sat and the fee expected`);
  }
  const byOutpoint = new Map([...required, ...coins].map((c) => [outpointText(c), c]));
  const inputs: Input[] = result.inputs.map((i) => {
    const coin = byOutpoint.get(outpointText({ txid: Buffer.from(i.txid!).toString('hex'), vout: i.index! }))!;
    return { ...coin, sequence: SEQUENCE_RBF };
  });
  const total = inputs.reduce((sum, i) => sum + i.sat, 0n);
  const spent = outputs.reduce((sum, o) => sum + o.sat, 0n);
  const changeSat = result.change ? total - spent - (result.fee ?? 0n) : 0n;
  guardFee(total - spent - changeSat, total, payment.allowFee);
  const all = result.change ? [...outputs, { sat: changeSat, script }] : [...outputs];
  return {
    version,
    locktime: 0,
    inputs: sortInputs(inputs),
    outputs: sortOutputs(all),
    fee: total - spent - changeSat,
    changeSat,
  };
}
