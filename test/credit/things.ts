/** Terms without homes, for pure tests. */
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { contractId, defaultPolicy, type Contract, type Terms } from '../../src/lib/credit/terms.ts';
import { xOnlyKey } from '../../src/lib/signing/bip340.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';

export const ADDRESSES = {
  p2tr: 'bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6',
  p2tr2: 'bcrt1pccz8l9zpa47k6vz9gphftsrumpw80rjt3nhnefat4symjhrsnmjsgkm3r6',
  p2wpkh: 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080',
  p2wsh: 'bcrt1qzyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygs2ns5wu',
  p2pkh: 'mfWxJ45yp2SFn7UciZyNpvDKrzbhyfKrY8',
};
export const secret = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
export const key = (byte: number): string => bytesToHex(publicKey(secret(byte)));

/** Terms as the default policy gives them; `keys` picks other keys. */
export const termsWith = (change: Partial<Terms> = {}, keys = 1): Terms => {
  const { exit_feerate, min_conf, freeze_blocks, margin_blocks } = defaultPolicy('regtest');
  return {
    network: 'regtest',
    payer_pubkey: key(keys),
    payee_pubkey: key(keys + 1),
    payer_auth: xOnlyKey(secret(keys + 100)),
    payee_auth: xOnlyKey(secret(keys + 101)),
    payer_address: ADDRESSES.p2wpkh,
    payee_address: ADDRESSES.p2tr,
    capacity_sat: 1_200_000n,
    expiry: 5_320,
    exit_feerate,
    min_conf,
    freeze_blocks,
    margin_blocks,
    ecash: 'none',
    ecash_pubkey: null,
    mint_url: null,
    ...change,
  };
};
export const contractWith = (change: Partial<Terms> = {}, keys = 1): Contract => {
  const terms = termsWith(change, keys);
  return { id: contractId(terms), terms, outpoint: { txid: 'aa'.repeat(32), vout: 1 } };
};
