/** An opening's proposal by a payer of one's own making, who follows no rule but those of form. */
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { musigPsbt } from '../../src/lib/bitcoin/psbt.ts';
import { contractId, keysOf, viewOf, type Contract, type Terms } from '../../src/lib/credit/terms.ts';
import { refund } from '../../src/lib/credit/transactions.ts';
import { printJson } from '../../src/lib/protocol/json.ts';
import { seal } from '../../src/lib/signing/seal.ts';
import { xOnlyKey } from '../../src/lib/signing/bip340.ts';
import { nonceGen } from '../../src/lib/signing/musig2.ts';
import type { Message } from '../support/party.ts';
import { key, secret, termsWith } from './things.ts';

/** What a payer of one's own making proposes in answer to an offer: well-formed, sealed, with a true nonce. */
export function proposal(
  offered: Message,
  change: Partial<Terms> = {},
  at = { txid: 'ab'.repeat(32), vout: 0 },
  k = 40,
  random = secret(3),
): Message {
  const { pubkey, auth, address } = offered['offer'] as { pubkey: string; auth: string; address: string };
  const own = { payer_pubkey: key(k), payer_auth: xOnlyKey(secret(k + 100)) };
  const terms = termsWith({ payee_pubkey: pubkey, payee_auth: auth, payee_address: address, ...own, ...change });
  const contract: Contract = { id: contractId(terms), terms, outpoint: at };
  const set = keysOf(terms);
  const { pubnonce } = nonceGen({ random, pubkey: new Uint8Array(33).fill(2) });
  const psbt = musigPsbt(refund(contract), 0, set, { [terms.payer_pubkey]: { pubnonce: bytesToHex(pubnonce) } });
  const message = {
    type: 'open-credit',
    version: 1,
    step: 'proposed',
    network: 'regtest',
    contract: viewOf(contract),
    psbt: { refund: psbt },
  };
  return JSON.parse(printJson(seal(message, secret(k + 100)))) as Message;
}
