/**
 * Another wallet that holds a contract key (`--own-key`): it adds its nonce to a PSBT, and then its partial signature. And
 * the answers of a counterparty that signs one nonce more than once.
 */
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { putMusig, readPsbt, shareOf, templateOf, writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import { taprootSighash } from '../../src/lib/bitcoin/sighash.ts';
import { sortedKeySet } from '../../src/lib/signing/keyset.ts';
import { deterministicSign, nonceAgg, nonceGen, publicKey, session, sign } from '../../src/lib/signing/musig2.ts';
import { psbtOf, sharesIn, type Job } from '../../src/lib/signing/exchange.ts';
import type { Message, TestParty } from '../support/party.ts';
import { sealedAs } from './helpers.ts';

export class OtherWallet {
  readonly #secret: Uint8Array;
  readonly #nonces = new Map<string, Uint8Array>();
  readonly pubkey: string;

  constructor(byte: number) {
    this.#secret = new Uint8Array(32).fill(byte);
    this.pubkey = bytesToHex(publicKey(this.#secret));
  }

  /** Round 1: the PSBT with this wallet's nonce. */
  addNonce(psbt: string, peer: string): string {
    const tx = readPsbt(psbt);
    const template = templateOf(tx);
    const set = sortedKeySet([this.pubkey, peer]);
    const index = template.inputs.findIndex((i) => i.script === set.script);
    const message = taprootSighash(template, index);
    const made = nonceGen({
      random: crypto.getRandomValues(new Uint8Array(32)),
      secret: this.#secret,
      pubkey: hexToBytes(this.pubkey),
      aggregate: set.agg.xQ,
      message,
    });
    this.#nonces.set(bytesToHex(message), made.secnonce);
    const shares = { [peer]: shareOf(tx, index, set, peer), [this.pubkey]: { pubnonce: bytesToHex(made.pubnonce) } };
    return writePsbt(putMusig(tx, index, set, shares));
  }

  /** Round 2: the PSBT with this wallet's partial signature; the nonce is gone then. */
  addPartial(psbt: string, peer: string): string {
    const tx = readPsbt(psbt);
    const template = templateOf(tx);
    const set = sortedKeySet([this.pubkey, peer]);
    const index = template.inputs.findIndex((i) => i.script === set.script);
    const message = taprootSighash(template, index);
    const own = shareOf(tx, index, set, this.pubkey);
    const theirs = shareOf(tx, index, set, peer);
    const s = session(set.agg, nonceAgg([hexToBytes(own.pubnonce!), hexToBytes(theirs.pubnonce!)]), message);
    const partial = bytesToHex(sign(this.#nonces.get(bytesToHex(message))!, this.#secret, s));
    return writePsbt(putMusig(tx, index, set, { [peer]: theirs, [this.pubkey]: { ...own, partial } }));
  }
}

/** The signer's other valid answers to the same nonce, or a wrong one: what only a dishonest party sends. */
export async function answers(signer: TestParty, message: Message, name: string, job: Job) {
  const keys = await signer.home.keys();
  const { peer } = sharesIn(job, message['psbt'][name] as string);
  const make = async (n: number, spoil = false): Promise<Message> => {
    const secret = keys.contract(job.own.path);
    const hash = hexToBytes(job.nonceId.sighash);
    const made = deterministicSign(secret, hexToBytes(peer.pubnonce!), job.set.agg, hash, new Uint8Array(32).fill(n));
    if (spoil) made.partial[5]! ^= 1;
    const own = { pubnonce: bytesToHex(made.pubnonce), partial: bytesToHex(made.partial) };
    return sealedAs(signer, message, { psbt: { ...message['psbt'], [name]: psbtOf(job, { own, peer }) } });
  };
  return { wrong: await make(1, true), first: await make(2), second: await make(3) };
}
