/**
 * Protocols that a transaction could belong to: the answer of each decoder, and why.
 *
 * More than one may read the same transaction. Only colours that lead to an issuance are certain.
 */
import { Colu } from './colu/decode.ts';
import { decodeCounterparty } from './counterparty/decode.ts';
import type { AssetContext, Decoded, Protocol } from './document.ts';
import { Epobc } from './epobc/decode.ts';
import { OpenAssets } from './openassets/decode.ts';
import type { Tx } from './transaction.ts';

type Guess = 'yes' | 'possible' | 'no';
/** Answer of one decoder; its document is there unless the verdict is `no`. */
export interface ProtocolGuess {
  protocol: Protocol;
  verdict: Guess;
  why: string;
  status: Decoded['status'];
  document?: Decoded;
}

function verdictOf(document: Decoded): { verdict: Guess; why: string } {
  const { protocol, status, warnings } = document;
  const carries = document['marker'] ?? document['payload'] ?? document['tag'];
  if (status === 'colored') return { verdict: 'yes', why: 'outputs carry units that lead back to an issuance' };
  if (status === 'message')
    return { verdict: 'yes', why: `a message in ${String(document['encoding'])}; the ledger decides on it` };
  if (status === 'invalid') return { verdict: 'possible', why: 'its tag is there, but what follows breaks the rules' };
  if (status === 'undetermined') return { verdict: 'possible', why: 'its tag is there; parents are needed to tell' };
  if (warnings.includes('possible-epobc'))
    return { verdict: 'possible', why: 'the sequence of input 0 has the bits of a tag, and leads to no genesis' };
  if (carries) return { verdict: 'possible', why: 'its tag is there, and no output carries units' };
  const sign = {
    openassets: 'no OP_RETURN with 4f41',
    colu: 'no OP_RETURN with 4343',
    epobc: 'no tag in the sequence of input 0',
    counterparty: 'no CNTRPRTY in any output',
  };
  return { verdict: 'no', why: sign[protocol] };
}

/** Decoder that asks those of all four protocols. */
export class AnyAsset {
  readonly #context: AssetContext;
  readonly #decoders: readonly ((tx: Tx) => Decoded)[];
  constructor(context: AssetContext, height?: number) {
    const [open, colu, epobc] = [new OpenAssets(context), new Colu(context), new Epobc(context)];
    this.#context = context;
    this.#decoders = [
      (tx) => open.decode(tx),
      (tx) => colu.decode(tx),
      (tx) => epobc.decode(tx),
      (tx) => decodeCounterparty(tx, context.network, height),
    ];
  }

  decode(tx: Tx): { missing: readonly string[]; protocols: readonly ProtocolGuess[]; [field: string]: unknown } {
    const answers = this.#decoders.map((decode) => decode(tx));
    return {
      type: 'decode-assets',
      version: 1,
      network: this.#context.network,
      txid: tx.txid,
      protocols: answers.map((answer) => ({
        protocol: answer.protocol,
        ...verdictOf(answer),
        status: answer.status,
        ...(verdictOf(answer).verdict !== 'no' && { document: answer }),
      })),
      missing: [...new Set(answers.flatMap(({ missing }) => missing))],
      warnings: [],
    };
  }
}
