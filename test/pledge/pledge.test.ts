/** A pledge and its signature: what it signs for, and every refusal of one that is altered or of another form. */
import { p2wsh, p2ms, p2pkh } from '@scure/btc-signer/payment.js';
import { Transaction } from '@scure/btc-signer/transaction.js';
import { base64 } from '@scure/base';
import { hash160, pubECDSA } from '@scure/btc-signer/utils.js';
import { describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { readPsbt, writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import { KEEP_ALL, SEQUENCE_RBF, toTransaction, txidOf, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { campaignForm, checkCampaign, checkOpen, campaignOutputs } from '../../src/lib/pledge/campaign.ts';
import { pledgeForm, PledgeHashes, pledgeTemplate, type Pledge } from '../../src/lib/pledge/pledge.ts';
import { pledgeOfPsbt, pledgePsbt } from '../../src/lib/pledge/psbt.ts';
import { parseAs } from '../../src/lib/protocol/message.ts';
import { signEcdsa } from '../../src/lib/signing/ecdsa.ts';
import { ADDRESSES } from '../credit/things.ts';
import { codeOf, refusal } from '../support/refusal.ts';
import { coinOf, signAll, walletKey } from '../support/wallet.ts';
import { bitcoinjsPledge } from './bitcoinjs.ts';
import { ACP, campaign, coin, NETWORK, ownPledge, pledged } from './things.ts';

const bridge = campaign();
const hashes = new PledgeHashes(bridge, NETWORK);
const flipped = (hex: string, at: number): string =>
  hex.slice(0, 2 * at) +
  (parseInt(hex.slice(2 * at, 2 * at + 2), 16) ^ 1).toString(16).padStart(2, '0') +
  hex.slice(2 * at + 2);

describe('a signature', () => {
  it.each(['p2tr', 'p2wpkh'] as const)('of a %s coin by another wallet is taken', (type) => {
    hashes.check(pledged(bridge, 3, 400_000n, type));
  });
  it.each(['p2tr', 'p2wpkh'] as const)(
    'of a %s coin by bitcoinjs, finalised or not, is taken, and for another campaign refused',
    (type) => {
      const { key, coin: spent } = coin(3, 400_000n, type);
      const outputs = campaignOutputs(bridge, NETWORK);
      for (const final of [false, true]) {
        const made = pledgeOfPsbt(bridge, NETWORK, bitcoinjsPledge(outputs, spent, key, final));
        hashes.check(made);
        // ECDSA is deterministic there and here; Schnorr takes other randomness.
        if (type === 'p2wpkh') expect(made.pubkey).toBe(pledged(bridge, 3, 400_000n, type).pubkey);
      }
      const more = [{ ...outputs[0]!, sat: 2_000_000n }];
      expect(codeOf(() => pledgeOfPsbt(bridge, NETWORK, bitcoinjsPledge(more, spent, key)))).toBe(
        'transaction-differs',
      );
    },
  );
  it('of this project is what @scure makes, byte for byte', () => {
    expect(ownPledge(bridge, 3, 400_000n)).toEqual(pledged(bridge, 3, 400_000n));
  });

  it('by an uncompressed key, which nodes do not relay, or by no key at all, is refused', () => {
    const { key, coin: spent } = coin(3, 400_000n, 'p2wpkh');
    const outside = (pubkey: Uint8Array): Pledge => {
      const one = { ...spent, script: `0014${bytesToHex(hash160(pubkey))}` };
      const signature = `${bytesToHex(signEcdsa(hashes.of(one), key.secret))}81`;
      return { ...one, signature, pubkey: bytesToHex(pubkey) };
    };
    hashes.check(outside(pubECDSA(key.secret)));
    for (const odd of [pubECDSA(key.secret, false), hexToBytes(`02${'ff'.repeat(32)}`)])
      expect(codeOf(() => hashes.check(outside(odd)))).toBe('signature-invalid');
  });

  it.each(['p2tr', 'p2wpkh'] as const)('of a %s coin with any byte altered is refused', (type) => {
    const good = pledged(bridge, 4, 400_000n, type);
    for (let at = 0; at < good.signature.length / 2; at++)
      expect(codeOf(() => hashes.check({ ...good, signature: flipped(good.signature, at) }))).toMatch(
        /^(signature-invalid|sighash-refused)$/,
      );
  });

  it.each(['p2tr', 'p2wpkh'] as const)('of a %s coin is for that coin alone', (type) => {
    const good = pledged(bridge, 4, 400_000n, type);
    const other = coin(5, 1n, type).key.script;
    const altered: Partial<Pledge>[] = [{ txid: 'ab'.repeat(32) }, { vout: 7 }, { sat: 400_001n }, { script: other }];
    for (const change of altered) expect(codeOf(() => hashes.check({ ...good, ...change }))).toBe('signature-invalid');
  });
  it('of P2WPKH is by the key that the script asks for', () => {
    const good = pledged(bridge, 4, 400_000n, 'p2wpkh');
    for (const pubkey of [null, bytesToHex(pubECDSA(walletKey('p2wpkh', 6).secret))])
      expect(codeOf(() => hashes.check({ ...good, pubkey }))).toBe('signature-invalid');
  });

  it('is for these outputs, in their order, and not for more or others', () => {
    const two = [
      { address: ADDRESSES.p2tr, sat: 400_000n },
      { address: ADDRESSES.p2wpkh, sat: 600_000n },
    ];
    const good = pledged(campaign({ outputs: two }), 4, 400_000n);
    const others = [two.toReversed(), two.slice(0, 1), two.map((one) => ({ ...one, sat: one.sat + 1n }))];
    for (const outputs of others)
      expect(codeOf(() => new PledgeHashes(campaign({ outputs }), NETWORK).check(good))).toBe('signature-invalid');
    // Title and minimum are no part of the transaction: a campaign with the same outputs takes it.
    new PledgeHashes(campaign({ outputs: two, title: 'another' }), NETWORK).check(good);
  });

  it.each([0, 1, 2, 3, 0x82, 0x83])('of sighash type %i is refused', (type) => {
    const { key, coin: spent } = coin(7, 400_000n);
    const single = { ...bridge };
    const tx = signAll(pledgeTemplate(single, NETWORK, [spent]), [key], type);
    const [signature] = [tx.getInput(0).tapKeySig!];
    const made: Pledge = { ...spent, signature: bytesToHex(signature), pubkey: null };
    expect(codeOf(() => hashes.check(made))).toBe('sighash-refused');
  });
  it('that says ALL|ANYONECANPAY and signs something else is refused', () => {
    const { key, coin: spent } = coin(7, 400_000n);
    const signed = (change: Partial<Template>): Pledge => {
      const tx = signAll({ ...pledgeTemplate(bridge, NETWORK, [spent]), ...change }, [key], ACP);
      return { ...spent, signature: bytesToHex(tx.getInput(0).tapKeySig!), pubkey: null };
    };
    hashes.check(signed({}));
    for (const change of [{ version: 3 as const }, { locktime: 1 }, { inputs: [{ ...spent, sequence: 0 }] }])
      expect(codeOf(() => hashes.check(signed(change)))).toBe('signature-invalid');
  });
});

it('any other script than a taproot key or P2WPKH is refused', () => {
  const key = pubECDSA(walletKey('p2wpkh', 8).secret);
  for (const { script } of [p2wsh(p2ms(1, [key])), p2pkh(key)])
    expect(codeOf(() => hashes.check({ ...ownPledge(bridge, 1, 9n), script: bytesToHex(script) }))).toBe(
      'pledge-script',
    );
  // A witness of a taproot script path is longer than a key's.
  const { coin: spent } = coin(8, 400_000n);
  const tx = toTransaction(pledgeTemplate(bridge, NETWORK, [spent]));
  tx.updateInput(0, { finalScriptWitness: [Uint8Array.of(1), Uint8Array.of(0x51), new Uint8Array(33)] }, true);
  expect(codeOf(() => hashes.check(pledgeOfPsbt(bridge, NETWORK, writePsbt(tx))))).toMatch(/sighash-refused|signature/);
});

describe('a PSBT', () => {
  it.each([0, 2] as const)('of version %i goes out, is signed by another wallet, and comes back', (version) => {
    for (const type of ['p2tr', 'p2wpkh'] as const) {
      const { key, coin: spent } = coin(11, 400_000n, type);
      const out = pledgePsbt(bridge, NETWORK, spent, version);
      const tx = Transaction.fromPSBT(base64.decode(out), KEEP_ALL);
      if (type === 'p2tr')
        tx.updateInput(0, { tapInternalKey: tx.getInput(0).tapInternalKey ?? xOnly(key.secret) }, true);
      tx.signIdx(key.secret, 0, [ACP], new Uint8Array(32));
      const back = pledgeOfPsbt(bridge, NETWORK, base64.encode(tx.toPSBT(version)));
      expect(back).toEqual(pledged(bridge, 11, 400_000n, type));
      const stack = [back.signature, ...(back.pubkey === null ? [] : [back.pubkey])].map((part) => hexToBytes(part));
      tx.updateInput(0, { finalScriptWitness: stack }, true);
      expect(pledgeOfPsbt(bridge, NETWORK, base64.encode(tx.toPSBT(version)))).toEqual(back);
    }
  });
  it('of version 2 lets inputs be added and outputs not be changed', () => {
    const bytes = base64.decode(pledgePsbt(bridge, NETWORK, coin(11, 400_000n).coin, 2));
    // Key 06 (TX_MODIFIABLE) with the value 01; PSBT_IN_SIGHASH_TYPE (03) with 81.
    expect(bytesToHex(bytes)).toContain('01060101');
    expect(bytesToHex(bytes)).toContain('01030481000000');
  });

  it('with the whole previous transaction is checked, and that is dropped', () => {
    const { key } = coin(12, 0n);
    const before: Template = {
      version: 2,
      locktime: 0,
      inputs: [{ ...coin(1, 900_000n).coin, sequence: SEQUENCE_RBF }],
      outputs: [
        { sat: 400_000n, script: key.script },
        ...Array.from({ length: 1000 }, () => ({ sat: 330n, script: key.script })),
      ],
    };
    const spent = { txid: txidOf(before), vout: 0, sat: 400_000n, script: key.script };
    const tx = signAll(pledgeTemplate(bridge, NETWORK, [spent]), [key], ACP);
    const nonWitnessUtxo = toTransaction(before).unsignedTx;
    const psbt = (change: object = {}) => {
      tx.updateInput(0, { nonWitnessUtxo, ...change }, true);
      return writePsbt(tx);
    };
    const text = psbt();
    expect(text.length).toBeGreaterThan(50_000);
    const made = pledgeOfPsbt(bridge, NETWORK, text);
    hashes.check(made);
    expect(JSON.stringify(made, (_, v) => (typeof v === 'bigint' ? Number(v) : v)).length).toBeLessThan(500);
    // Another amount than that of the previous transaction, or a previous transaction of another id.
    const lie = Buffer.from(base64.decode(text));
    const amount = Buffer.alloc(8);
    amount.writeBigUInt64LE(400_000n);
    const at = lie.lastIndexOf(amount);
    lie[at]! ^= 1;
    expect(codeOf(() => pledgeOfPsbt(bridge, NETWORK, base64.encode(new Uint8Array(lie))))).toBe('malformed-psbt');
    const first = Buffer.from(base64.decode(text));
    first[first.indexOf(amount)]! ^= 1;
    expect(codeOf(() => pledgeOfPsbt(bridge, NETWORK, base64.encode(new Uint8Array(first))))).toBe('malformed-psbt');
  });

  it('of another transaction, of two inputs, with another type or unsigned is refused', () => {
    const { key, coin: spent } = coin(13, 400_000n);
    const other = campaign({ outputs: [{ address: ADDRESSES.p2wpkh, sat: 1_000_000n }] });
    const read = (psbt: string) => refusal(() => pledgeOfPsbt(bridge, NETWORK, psbt));
    expect(read(pledgePsbt(other, NETWORK, spent))).toMatchObject({ code: 'transaction-differs', blame: 'pledger' });
    const two = toTransaction(pledgeTemplate(bridge, NETWORK, [spent, coin(14, 1n).coin]));
    expect(read(writePsbt(two)).code).toBe('transaction-differs');
    const typed = readPsbt(pledgePsbt(bridge, NETWORK, spent));
    typed.updateInput(0, { sighashType: 1 }, true);
    expect(read(writePsbt(typed)).code).toBe('sighash-refused');
    expect(read(pledgePsbt(bridge, NETWORK, spent)).code).toBe('not-signed');
    const late = signAll({ ...pledgeTemplate(bridge, NETWORK, [spent]), locktime: 9 }, [key], ACP);
    expect(read(writePsbt(late)).code).toBe('transaction-differs');
    expect(codeOf(() => pledgePsbt(bridge, NETWORK, coinOf({ ...key, script: '51' }, 1, 1n)))).toBe('pledge-script');
  });
});

it('a pledge is read strictly', () => {
  const { sat, ...made } = ownPledge(bridge, 1, 400_000n);
  expect(parseAs(pledgeForm, { ...made, sat: Number(sat) })).toEqual({ ...made, sat });
  const changes = [{ more: 1 }, { sat: -1 }, { vout: 2 ** 32 }, { txid: 'AB'.repeat(32) }, { pubkey: '04' }];
  for (const change of [...changes, { signature: '' }, { signature: 'ab'.repeat(74) }, { script: 'ab'.repeat(43) }])
    expect(codeOf(() => parseAs(pledgeForm, { ...made, sat: Number(sat), ...change }))).toBe('malformed-message');
});

describe('a campaign', () => {
  it('has the id of its terms: whoever alters one has made another', () => {
    expect(checkCampaign(bridge, NETWORK)).toEqual(bridge);
    const changes = [{ feerate: 2000 }, { min_sat: 1n }, { until: 9 }, { title: '' }, { auth: 'ab'.repeat(32) }];
    for (const change of [...changes, { outputs: [{ address: ADDRESSES.p2tr, sat: 1_000_001n }] }])
      expect(codeOf(() => checkCampaign({ ...bridge, ...change }, NETWORK))).toBe('terms-differ');
    expect(codeOf(() => checkCampaign(bridge, 'signet'))).toMatch(/terms-differ|wrong-network/);
  });
  it('is read strictly', () => {
    const json = { ...bridge, outputs: [{ ...bridge.outputs[0], sat: 1_000_000 }], min_sat: 667 };
    expect(parseAs(campaignForm, json)).toEqual(bridge);
    for (const change of [{ more: 1 }, { outputs: [] }, { feerate: 0 }, { until: -1 }, { title: 'x'.repeat(201) }])
      expect(codeOf(() => parseAs(campaignForm, { ...json, ...change }))).toBe('malformed-message');
  });
  it('ends at its height, for programs that keep to it', () => {
    checkOpen({ until: 100 }, 99);
    checkOpen({ until: null }, 1_000_000);
    checkOpen({ until: 100 }, 'not-checked');
    expect(codeOf(() => checkOpen({ until: 100 }, 100))).toBe('expired');
  });
  it('pays no dust', () => {
    expect(codeOf(() => campaign({ outputs: [{ address: ADDRESSES.p2tr, sat: 329n }] }))).toBe('below-dust');
  });
});

function xOnly(secret: Uint8Array): Uint8Array {
  return pubECDSA(secret).subarray(1);
}
