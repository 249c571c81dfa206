/** The limits of amounts, fees, heights, coins and children. */
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { Script } from '@scure/btc-signer/script.js';
import { describe } from 'vitest';
import { bytesToHex, concatBytes } from '../../src/lib/bitcoin/bytes.ts';
import { checkSignatures, SIGNED_LIMITS } from '../../src/lib/bitcoin/signed.ts';
import { toTransaction, withWitness, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { AMOUNT_LIMITS, btcFromSat, parseSat, satFromBtc } from '../../src/lib/bitcoin/amount.ts';
import { checkCoin, checkCoins, COIN_LIMITS } from '../../src/lib/bitcoin/coin-checks.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import {
  boundFeerate,
  checkProposed,
  FEE_LIMITS,
  feeFor,
  feerateText,
  guardFee,
  parseFeerate,
} from '../../src/lib/bitcoin/fee.ts';
import { EXPIRY_LIMITS, parseExpiry } from '../../src/lib/bitcoin/locktime.ts';
import { CHILD_LIMITS, childOf, childVsize } from '../../src/lib/bitcoin/package.ts';
import { readPsbt } from '../../src/lib/bitcoin/psbt.ts';
import { checkDust, DUST_LIMITS } from '../../src/lib/bitcoin/script.ts';
import { FORM_LIMITS } from '../../src/lib/protocol/message.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { limits } from '../support/limits.ts';

const sats = [
  { takes: (n: bigint) => parseSat(String(n)) !== undefined, below: 'not taken', above: 'not taken' },
  {
    takes: (n: bigint) => satFromBtc(n < 0n ? '-0.00000001' : btcFromSat(n)),
    below: 'malformed',
    above: 'malformed',
  },
] as const;

describe('amounts', () => limits(AMOUNT_LIMITS, { sat: sats }));

describe('outputs', () => {
  const scripts = [
    `5120${'00'.repeat(32)}`,
    `0014${'00'.repeat(20)}`,
    `76a914${'00'.repeat(20)}88ac`,
    '51024e73',
    '6a',
  ];
  limits(DUST_LIMITS, {
    output: scripts.map((script) => ({
      takes: (sat: bigint) => checkDust({ sat, script }, (least) => `at least ${least} expected`),
      figures: [script],
      below: 'below-dust' as const,
    })),
  });
});

describe('fees', () => {
  const vsize = 154;
  limits(FEE_LIMITS, {
    asked: { takes: (n: number) => parseFeerate(feerateText(n)) !== undefined, below: 'not taken', above: 'not taken' },
    paid: {
      takes: (n: bigint) => boundFeerate(n, vsize),
      figures: [vsize],
      below: 'fee-too-low',
      above: 'fee-too-high',
    },
    // Of 1,009 sat a tenth is 100.9: there are no parts of a satoshi.
    share: [1_000n, 1_009n].map((inputs) => ({
      takes: (n: bigint) => guardFee(n, inputs),
      figures: [inputs],
      above: 'fee-too-high' as const,
    })),
    proposed: {
      takes: (n: number) =>
        checkProposed(
          'a spend',
          { fee: feeFor(n, 1_000), vsize: 1_000, inputs: 10_000_000n },
          false,
          FEE_LIMITS.proposed.most,
        ),
      above: 'fee-too-high',
    },
  });
});

describe('expiries', () => {
  const read = (sign: string) => ({
    takes: (n: number) => parseExpiry(`${sign}${n}`) !== undefined,
    below: 'not taken' as const,
    above: 'not taken' as const,
  });
  limits(EXPIRY_LIMITS, { height: read(''), blocks: read('+') });
});

describe('coins', () => {
  const coin = { txid: 'ab'.repeat(32), vout: 0, sat: 5_000n, script: `5120${'00'.repeat(32)}` };
  const found = (confirmations: number, coinbase: boolean) =>
    new Map([[outpointText(coin), { sat: coin.sat, script: coin.script, confirmations, coinbase }]]);
  const agreed = (minConf: number) => ({
    takes: (n: number) => checkCoin(found(n, false), coin, { minConf, blame: 'payer' }),
    figures: [minConf],
    below: 'funding-unconfirmed' as const,
  });
  limits(COIN_LIMITS, {
    reward: [
      { takes: (n: number) => checkCoins(found(n, true), [coin]), below: 'coin-missing' },
      {
        takes: (n: number) => checkCoin(found(n, true), coin, { minConf: 1, blame: 'payer' }),
        below: 'funding-unconfirmed',
      },
    ],
    agreed: [agreed(1), agreed(3)],
    own: { takes: (n: number) => checkCoins(found(n, false), [coin]), below: 'coin-missing' },
  });
});

describe('children', () => {
  const payTo = `5120${'11'.repeat(32)}`;
  /** Anchors, keys and p2wpkh coins that come to so many virtual bytes. */
  const sized = (vsize: number) => {
    for (let p2tr = 0; p2tr < 17; p2tr++)
      for (let p2a = 0; p2a < 24; p2a++)
        for (let p2wpkh = 0; p2wpkh < 15; p2wpkh++) {
          const scripts = [
            ...Array<string>(p2tr).fill(`5120${'22'.repeat(32)}`),
            ...Array<string>(p2a).fill('51024e73'),
            ...Array<string>(p2wpkh).fill(`0014${'33'.repeat(20)}`),
          ];
          if (scripts.length > 0 && childVsize(scripts, payTo) === vsize) return scripts;
        }
    throw new Error(`nothing comes to ${vsize} vB`);
  };
  limits(CHILD_LIMITS, {
    size: {
      takes: (n: number) => {
        const own = sized(n).map((script, vout) => ({ txid: 'cd'.repeat(32), vout, sat: 100_000n, script }));
        return childOf({ version: 3, vsize: 150, fee: 0n }, own, [], payTo, 1_000, false);
      },
      above: 'truc-limit',
    },
  });
});

describe('PSBTs', () => {
  // Its limit is that of the field which carries it; what is no PSBT behind it is another matter.
  const { psbt } = FORM_LIMITS;
  limits(
    { psbt },
    {
      psbt: {
        takes: (n: number) => {
          try {
            readPsbt('A'.repeat(n));
          } catch (error) {
            if ((error as Refusal).code !== 'malformed-psbt') throw error;
          }
        },
        above: 'too-large',
      },
    },
  );
});

describe('signatures of a script', () => {
  const secret = new Uint8Array(32).fill(7);
  const key = secp256k1.getPublicKey(secret);
  /** A spend of a script of so many keys, the one that signs at the end, with its signature so many times. */
  const spent = (keys: number, signatures: number): void => {
    const others = Array.from({ length: keys - 1 }, () => secp256k1.getPublicKey(secp256k1.utils.randomSecretKey()));
    const script = Script.encode([...others, key, 'CHECKSIG']);
    const coin = { txid: 'ab'.repeat(32), vout: 0, sat: 1_000n, script: `0020${bytesToHex(sha256(script))}` };
    const template: Template = {
      version: 2,
      locktime: 0,
      inputs: [{ ...coin, sequence: 0 }],
      outputs: [{ sat: 500n, script: '51024e73' }],
    };
    const hash = toTransaction(template).preimageWitnessV0(0, script, 1, coin.sat);
    const signature = concatBytes(secp256k1.sign(hash, secret, { prehash: false, format: 'der' }), Uint8Array.of(1));
    const stack = [...Array.from({ length: signatures }, () => signature), script];
    checkSignatures(withWitness(template, [stack]), template.inputs);
  };
  limits(SIGNED_LIMITS, {
    tried: [
      { takes: (keys: number) => spent(keys, 1), above: 'signature-invalid' },
      { takes: (signatures: number) => spent(1, signatures), above: 'signature-invalid' },
    ],
  });
});
