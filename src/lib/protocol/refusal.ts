/**
 * Refusals: one table of error codes, with exit code and meaning, and the error that carries one.
 * Exit codes: 2 usage · 3 valid but incomplete · 65 malformed input · 66 no such input · 69 passes
 * by itself: try again · 70 bug · 73 cannot write · 75 state moved on · 76 the counterparty's data
 * or signature is wrong · 77 refused by own policy.
 * Not here: how a refusal is printed (`cli/errors.ts`).
 */

/** Exit code and meaning of an error code. */
export type ErrorRow = readonly [exit: number, meaning: string];
/** Rows of error codes by code. */
export type ErrorRows = Readonly<Record<string, ErrorRow>>;

const SHARED_ERRORS = {
  // 2: wrong flags or arguments
  usage: [2, 'the command line is not understood'],
  'tip-required': [2, 'this step needs the height of the newest block, and none was given'],
  // 65: malformed input
  malformed: [65, 'the input is not what this command reads'],
  'malformed-json': [65, 'not one JSON document: a syntax error, a repeated key, or a number that is not a whole one'],
  'malformed-message': [65, 'a field of the message is missing, of the wrong form, or not known'],
  'malformed-psbt': [65, 'not a PSBT, or one that breaks BIP174, BIP370 or BIP373'],
  'malformed-transaction': [65, 'not a Bitcoin transaction'],
  'malformed-address': [65, 'not an address of a standard script'],
  'parent-differs': [65, 'a parent transaction that hashes to another id than the one that it was given as'],
  'journal-altered': [65, 'a line or the header of a journal was altered, or a line before it is missing'],
  'malformed-coins': [65, 'not a list of coins in the shape of listunspent'],
  'too-large': [65, 'the input is larger than this command reads'],
  'unknown-type': [65, 'a message of another kind'],
  'unknown-version': [65, 'a message of a newer or older protocol version'],
  'unknown-step': [65, 'a message of this kind has no such step'],
  'wrong-key': [65, 'not a secret key or public key of secp256k1'],
  'bigsize-not-canonical': [65, 'a BigSize number written in more bytes than it needs'],
  'tlv-truncated': [65, 'a TLV stream that ends inside a record'],
  'tlv-order': [65, 'TLV records whose types do not grow'],
  'tlv-duplicate': [65, 'a TLV record that occurs twice'],
  'tlv-value': [65, 'the value of a TLV record is not of the form that its type has'],
  'wrong-content-type': [65, 'a request whose body is not declared as application/json'],
  'wrong-method': [65, 'a request of another method than this path has'],
  'wrong-network': [65, 'made for another Bitcoin network than this home'],
  'wrong-unit': [65, 'ecash of another unit than sat, or a payment of another method than credit'],
  'store-damaged': [65, 'the store, the seed or the configuration of the home is damaged or missing'],
  // 66: the named thing is missing
  'no-input': [66, 'a file that was named is not there or cannot be read'],
  'no-home': [66, 'no home in that directory'],
  'unknown-contract': [66, 'no contract of this home has that id, or more than one begins so'],
  'unknown-path': [66, 'a request for a path that this server does not have'],
  'nothing-to-print': [66, 'the contract has no such transaction'],
  'share-missing': [66, "the file with the operator's share of a statecoin is not there"],
  // 69: passes by itself, try again
  'chain-unavailable': [69, 'the node does not answer, or answers with an error'],
  'chain-stale': [69, 'the node is behind: its newest block is too old'],
  'funding-missing': [69, 'the coin of the contract is not on the chain yet, or spent'],
  'funding-unconfirmed': [69, 'the coin of the contract has too few confirmations'],
  'coin-missing': [69, 'an input is not on the chain, or spent'],
  'store-unavailable': [69, 'the store of the home does not answer, or is locked: try again'],
  'outside-failed': [69, 'a program that was named with --signer or --notify has failed'],
  'mint-unavailable': [69, 'the mint does not answer, or not as mints do'],
  'cannot-listen': [69, 'the address to listen at is in use, or not of this machine'],
  busy: [69, 'the server has as much to do as it takes: try again'],
  stopping: [69, 'the server is stopping: try again'],
  'too-slow': [69, 'the request did not arrive in time'],
  'worker-lost': [69, 'a worker process of the server ended over this: try again'],
  // 70
  bug: [70, 'a fault of this program'],
  'curve-faulty': [70, 'signatures come out wrong in this process, so it makes and checks none'],
  // 73
  'cannot-write': [73, 'a file or directory cannot be made, opened or written'],
  'home-exists': [73, 'there is a home in that directory already'],
  // 75: state moved on
  'answered-otherwise': [75, 'this message was answered before, with other flags'],
  concurrent: [75, 'another run of this home was faster'],
  'not-your-turn': [75, 'the message waits for the other party'],
  'nothing-follows': [75, 'the action is complete: no step follows this one'],
  'not-now': [75, 'this step cannot be taken with these flags'],
  'wrong-state': [75, 'the contract is not in a state that allows this'],
  'offer-expired': [75, 'an offer that has expired, or an answer to one that nobody had answered in time'],
  'state-moved-on': [75, 'another request was accepted meanwhile'],
  'too-late-to-cancel': [75, 'the action is past its point of no return'],
  'already-known': [75, 'this key, coin or contract is in use by another record of this home'],
  'melt-pending': [75, 'the mint has not said yet whether the invoice is paid: the ecash stays with it'],
  'inputs-spent': [75, 'an input of the transaction is spent, or was never there'],
  'coin-reserved': [75, 'the coin is held by a live contract or proposal of this home'],
  // 76: the counterparty
  'bad-seal': [76, "the message is not signed by the counterparty's authentication key, or was altered"],
  'bad-receipt': [76, 'the receipt in the message is not by whom it should be, or not for this'],
  'scalar-range': [76, 'a number that is not below the order of the group'],
  'header-invalid': [76, 'a block header without its work, or that does not follow the one before'],
  'terms-differ': [76, 'the message states other terms than the recorded ones'],
  'transaction-differs': [76, 'the transaction in the PSBT is not the one that the terms give'],
  'nonce-missing': [76, 'the PSBT holds no public nonce of the counterparty'],
  'peer-nonce-invalid': [76, "the counterparty's public nonce is no pair of points"],
  'peer-partial-missing': [76, 'the PSBT holds no partial signature of the counterparty'],
  'peer-partial-invalid': [76, "the counterparty's partial signature does not verify"],
  'key-rejected': [76, 'a key of the counterparty is no point, equals another key, or belongs to this home'],
  'key-bound': [76, 'this payee key is bound to another payer key, outpoint or refund'],
  'sighash-refused': [76, 'a signature with a sighash type other than ALL or DEFAULT'],
  'mint-refused': [76, 'the mint refuses, with the reason that it gives'],
  'wrong-mint': [76, 'the mint at the URL does not have this home as its payment backend'],
  'wrong-certificate': [76, 'a caller without the certificate of the mint'],
  'unsafe-funding': [
    76,
    'a funding transaction whose id can still change, or that does not pay the contract as agreed',
  ],
  'peer-refused': [76, 'the other side answered with a refusal that does not pass, instead of a message'],
  'signature-invalid': [76, 'a signature does not verify'],
  'tlv-unknown-even': [76, 'a TLV record of an even type that is not known must not be ignored'],
  'wrong-preimage': [76, 'a preimage that does not hash to the hash of the HTLC'],
  'adaptor-invalid': [76, 'a pre-signature that does not verify, or is for another point, message or key'],
  // 77: own policy, or not safe here
  'truc-limit': [77, 'a child of a version 3 transaction that is too large, or mixes versions'],
  'store-foreign': [77, "the store is another home's or cluster's, a standby, or does not let this home in"],
  'network-disk': [77, 'the store is on a file system of the network, where locks do not hold'],
  'store-unsafe': [
    77,
    'SQLite cannot keep the store safe here: it would not sync, lock or erase as it must, or the file has other names',
  ],
  'commit-unsynced': [77, 'PostgreSQL answers a commit before it is on disk'],
  'store-pooled': [77, 'a connection pooler (PgBouncer) answers in place of PostgreSQL'],
  'store-newer': [77, 'the store or the home was written by a newer version of this program'],
  'node-too-old': [77, 'this Node.js is too old'],
  'nonce-consumed': [77, 'the secret nonce of this request was used or erased: ask again'],
  'below-dust': [77, 'an output would be below the dust limit'],
  'over-capacity': [77, 'more than the contract can pay'],
  'amount-differs': [77, 'another amount than the one agreed to with --amount'],
  'over-max': [77, 'more than --max allows'],
  'not-agreed': [77, 'nobody agreed: give --amount or --max, or answer the question'],
  'out-of-policy': [77, 'outside the bounds that the offer states'],
  'fee-too-high': [77, 'a fee above a tenth of the inputs, or above what this party agrees to'],
  'fee-too-low': [77, 'a fee below the relay minimum'],
  'not-enough-ecash': [77, 'the token holds less than the invoice and its fees'],
  'not-enough-coins': [77, 'the coins do not cover amount and fee'],
  'route-limit': [77, 'an amount or expiry outside what a channel of the route takes'],
  frozen: [77, 'the contract takes no more updates: too near to its expiry'],
  expired: [77, 'the contract is past the height up to which this is safe'],
  'funding-unchecked': [77, 'no node says that the counterparty has paid, and --unchecked was not given'],
  'not-final': [77, 'the transaction is not valid yet at this height'],
  'not-signed': [77, 'the transaction is not fully signed yet'],
  'node-refused': [77, 'the node refuses the transaction by its policy'],
  'nothing-to-bump': [77, 'no output of the transaction belongs to this home'],
  'wrong-seed': [77, 'words or a seed of another home than this one'],
  'journal-incomplete': [77, 'what the journal holds is not all that this home has committed'],
  'journal-foreign': [77, 'a journal of another home than this one'],
  'nothing-to-reconcile': [77, 'the home was neither restored nor copied: a journal tells it nothing'],
  'home-restored': [77, 'the store of this home was restored or copied: exits only, until the owner accepts that'],
  'contract-restored': [77, 'the contract comes from a restored store: exit, close and rollover only'],
  'insecure-home': [77, 'a home with an insecure seed works on regtest only'],
  'secret-exposed': [77, 'a file with secrets can be read by others'],
  'wrong-passphrase': [77, 'the passphrase does not open this home'],
  'not-mintable': [77, 'nothing new is reported to the mint, or less than is wanted'],
  'invoice-expired': [77, 'the invoice has expired'],
  'mint-private': [77, 'a mint at an address that not everybody reaches, and that nobody here has named'],
  'insecure-mint': [77, 'a payment backend without TLS works on regtest and loopback only'],
  'from-browser': [77, 'a request with an Origin header: no web page may speak to a home'],
  'wrong-token': [77, 'the figures of a home are told at an address of their own, or to whoever shows their token'],
  'not-served': [77, 'a step that waits for a person: a server does not take it'],
} as const satisfies ErrorRows;

/** Codes of families: the `errors.ts` of each room adds its own. */
export interface FamilyErrors {}
/** Error code in kebab case. */
export type ErrorCode = keyof typeof SHARED_ERRORS | keyof FamilyErrors;

/** All error rows. Loading `families.ts` adds those of the families. */
export const ERRORS = { ...SHARED_ERRORS } as Record<ErrorCode, ErrorRow>;

/** Lasting faults of the reporter's own home or machine, which no counterparty can mend. */
export const HOME_FAULTS: readonly ErrorCode[] = [
  'store-damaged',
  'share-missing',
  'store-foreign',
  'network-disk',
  'store-unsafe',
  'commit-unsynced',
  'store-pooled',
  'store-newer',
  'node-too-old',
];

/**
 * Returns the code that passes on another program's refusal. Temporary faults (69) and stale input
 * (75) keep their meaning; undefined for all others.
 */
export function passing(code: unknown, exit: unknown): ErrorCode | undefined {
  if (Object.hasOwn(ERRORS, String(code))) {
    const known = code as ErrorCode;
    return ERRORS[known][0] === 69 || ERRORS[known][0] === 75 ? known : undefined;
  }
  // A newer program's code.
  return exit === 69 ? 'busy' : exit === 75 ? 'state-moved-on' : undefined;
}

/** Details of a refusal, in addition to its code and message. */
export interface RefusalDetails {
  /** Advice for the user, one sentence. */
  hint?: string;
  /** Party that sent the wrong data. */
  blame?: string;
}

/** Error with a code of the table, and a message of the value found and the value expected. */
export class Refusal extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly blame: string | undefined;

  constructor(code: ErrorCode, text: string, details: RefusalDetails = {}) {
    super(text);
    this.name = 'Refusal';
    this.code = code;
    this.hint = details.hint;
    this.blame = details.blame;
  }

  get exit(): number {
    return ERRORS[this.code][0];
  }
}

/** A refusal in the words of the table. */
export const generic = (code: ErrorCode): Refusal => new Refusal(code, ERRORS[code][1]);

/** @param so reason why a restored home refuses the step */
export const homeRestored = (so: string): Refusal =>
  new Refusal('home-restored', `the store of this home was restored from a backup or copied; ${so}`, {
    hint: 'spillway reconcile --journal brings in what came after; restore --accept-restore goes on without',
  });

/** Returns the refusal of a file that cannot be read, from the error of the system. */
export function unreadable(name: string, error: unknown): Refusal {
  const { code, message = String(error) } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return new Refusal('no-input', `there is no ${name}`);
  if (code === 'EISDIR') return new Refusal('no-input', `${name} is a directory, a file expected`);
  return new Refusal('no-input', `${name} cannot be read: ${message}`);
}
