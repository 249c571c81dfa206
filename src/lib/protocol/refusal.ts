/**
 * Refusals: one table of error codes, with exit code and meaning, and the error that carries one.
 * Exit codes: 2 usage · 3 valid but incomplete · 65 malformed input · 66 no such input · 69 passes
 * by itself: try again · 70 bug · 73 cannot write · 75 state moved on · 76 the counterparty's data
 * or signature is wrong · 77 refused by own policy.
 * Not here: how a refusal is printed (`cli/errors.ts`).
 */

export const ERRORS = {
  // 2: the words of the call are off
  usage: [2, 'the command line is not understood'],
  'tip-required': [2, 'this step needs the height of the newest block, and none was given'],
  // 65: malformed input
  malformed: [65, 'the input is not what this command reads'],
  'malformed-json': [65, 'not one JSON document: a syntax error, a repeated key, or a number that is not a whole one'],
  'malformed-message': [65, 'a field of the message is missing, of the wrong form, or not known'],
  'malformed-psbt': [65, 'not a PSBT, or one that breaks BIP174, BIP370 or BIP373'],
  'malformed-transaction': [65, 'not a Bitcoin transaction'],
  'malformed-address': [65, 'not an address of a standard script'],
  'bad-checksum': [65, 'a name whose checksum is wrong: a letter is missing or mistyped'],
  'parent-differs': [65, 'a parent transaction that hashes to another id than the one that it was given as'],
  'malformed-snapshot': [65, 'not a list of holders, as JSON or CSV'],
  'invalid-marker': [65, 'no Open Assets marker, with the reason'],
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
  'onion-size': [65, 'an onion packet of another size than expected'],
  'onion-version': [65, 'an onion packet of another version than 0'],
  'onion-point': [65, 'the ephemeral key of an onion packet is no point of the curve'],
  'onion-legacy': [65, 'a hop payload of length 0: the historic frame of realm 0'],
  'onion-length': [65, 'a hop payload of length 1, or whose length cannot be read'],
  'onion-beyond': [65, 'a hop payload that is longer than its packet'],
  'onion-no-hmac': [65, 'fewer than 32 bytes behind a hop payload, where the next HMAC belongs'],
  'onion-overflow': [65, 'the payloads of the hops do not fit into the packet'],
  'error-size': [65, 'an error onion or attribution data of a size that none has'],
  'malformed-ots': [65, 'not an OpenTimestamps proof, with the reason'],
  'malformed-block': [65, 'not a Bitcoin block, with the reason'],
  'element-range': [65, 'an element of a set that is 0, or wider than the sketch takes'],
  'malformed-gossip': [65, 'a gossip message that cannot be cut into its fields, or a field that none has'],
  'malformed-spv': [65, 'a block, header, transaction or path that a proof cannot be made of'],
  'malformed-dump': [65, 'not a dump of gossip, or one that is damaged'],
  'wrong-content-type': [65, 'a request whose body is not declared as application/json'],
  'wrong-method': [65, 'a request of another method than this path has'],
  'malformed-token': [65, 'not a Cashu token, with the reason'],
  'malformed-keyset': [65, "not a list of a mint's public keys"],
  'preimage-size': [65, 'a preimage of another length than 32 bytes'],
  'locktime-kind': [65, 'a height and a time mixed, or a value that a lock of its kind cannot hold'],
  'unknown-witness': [65, 'a script or witness that is no known form of HTLC'],
  'wrong-network': [65, 'made for another Bitcoin network than this home'],
  'malformed-request': [65, 'not the payment request of a mint quote of the method credit'],
  'malformed-bolt11': [65, 'not a BOLT11 invoice: prefix, amount, letters or checksum are wrong'],
  'malformed-dns': [65, 'not a chain of DNS records, or a name that none has'],
  'malformed-offer': [65, 'not a BOLT12 string, or of another kind than this command reads'],
  'malformed-invoice': [65, "not a merchant's invoice, or longer than one may be"],
  'wrong-unit': [65, 'ecash of another unit than sat, or a payment of another method than credit'],
  'unknown-commitment': [65, 'a transaction that is no commitment of the channel, nor spends one'],
  'malformed-backup': [65, 'a channel backup or a secret of a node that is cut, altered or of an unknown form'],
  'store-damaged': [65, 'the store, the seed or the configuration of the home is damaged or missing'],
  // 66: what was named is not there
  'no-input': [66, 'a file that was named is not there or cannot be read'],
  'no-home': [66, 'no home in that directory'],
  'unknown-contract': [66, 'no contract of this home has that id, or more than one begins so'],
  'unknown-path': [66, 'a request for a path that this server does not have'],
  'nothing-to-print': [66, 'the contract has no such transaction'],
  'no-preimage': [66, 'a transaction that reveals no preimage of that hash'],
  'no-secret': [66, 'a commitment whose revocation secret is not at hand'],
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
  // 75: state moved on
  'answered-otherwise': [75, 'this message was answered before, with other flags'],
  concurrent: [75, 'another run of this home was faster'],
  'not-your-turn': [75, 'the message waits for the other party'],
  'nothing-follows': [75, 'the action is complete: no step follows this one'],
  'not-now': [75, 'this step cannot be taken with these flags'],
  'wrong-state': [75, 'the contract is not in a state that allows this'],
  'same-transaction': [75, 'another open request would be paid by the very same signature'],
  'request-paid': [75, 'what was asked for was paid: under that --request-id, or to fulfil that wish of the payer'],
  'offer-expired': [75, 'an offer that has expired, or an answer to one that nobody had answered in time'],
  'state-moved-on': [75, 'another request was accepted meanwhile'],
  'paid-moved': [75, 'the paid amount has changed since the action began'],
  'update-in-flight': [75, 'an update is signed that the payee has not accepted'],
  'too-late-to-cancel': [75, 'the action is past its point of no return'],
  'already-known': [75, 'this key, coin or contract is in use by another record of this home'],
  'quote-bound': [75, 'the quote of the mint belongs to another contract, or is reserved for one'],
  'quote-used': [75, 'the quote of the mint was paid before: it is never newly bound'],
  'melt-pending': [75, 'the mint has not said yet whether the invoice is paid: the ecash stays with it'],
  'invoice-paid': [75, 'the invoice is paid already'],
  'asked-expired': [75, 'what the payer asked for has lapsed: ask again'],
  'asked-unknown': [75, 'the payer has not asked for this, or has paid it already'],
  'inputs-spent': [75, 'an input of the transaction is spent, or was never there'],
  'coin-reserved': [75, 'the coin is held by a live contract or proposal of this home'],
  'coin-frozen': [75, 'the statecoin is frozen for a transfer'],
  'coin-closed': [75, 'the statecoin was withdrawn: nothing more is signed for it'],
  'count-moved': [75, 'the operator has signed for the statecoin since its record was checked'],
  'stale-record': [75, "the operator's record is of another opening, or too old"],
  // 76: the counterparty
  'bad-seal': [76, "the message is not signed by the counterparty's authentication key, or was altered"],
  'bad-receipt': [76, 'the receipt in the message is not by whom it should be, or not for this'],
  'operator-differs': [76, 'another operator than the pinned one'],
  'bad-record': [76, "the operator's record of a statecoin is not signed by it, or contradicts itself"],
  'keyagg-mismatch': [76, 'keys and offset do not sum to the key of the statecoin'],
  'x-mismatch': [76, "the operator's blinding number is not the one of its point"],
  'm1-mismatch': [76, "the sender's half of a key update does not fit its key"],
  'm2-mismatch': [76, "the receiver's half of a key update leads to another key"],
  'scalar-range': [76, 'a number that is not below the order of the group'],
  'sealed-unreadable': [76, 'a secret field does not open: for another reader, or of another message'],
  'transfer-signature': [76, 'the sender has not signed this transfer'],
  'signature-count': [76, 'the operator has signed more, or less, than the history shows'],
  'sighash-unknown': [76, 'the operator has signed something that the history does not show'],
  'chain-gap': [76, 'a backup of the history is missing'],
  'chain-duplicate': [76, 'a backup, key or sighash occurs twice in the history'],
  'locktime-step': [76, 'a backup whose locktime is not one step below the one before'],
  'not-mine': [76, 'the statecoin, or its transfer, is not for the keys of this home'],
  'digest-differs': [76, 'a proof of other bytes than those that were given'],
  'root-differs': [76, 'a proof that leads to another Merkle root than that of the block'],
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
  'quote-unlocked': [76, 'a quote of a mint without a key (NUT-20), or locked to another one'],
  'quote-unknown': [76, 'the mint does not know the quote'],
  'not-an-invoice': [76, 'a request for ecash, or an invoice over another contract, network or mint'],
  'mint-behind': [76, 'the mint shows less than it had acknowledged: it came back from an older copy'],
  'mint-ahead': [76, 'the mint shows more than was reported: this home came back from an older copy'],
  'mint-refused': [76, 'the mint refuses, with the reason that it gives'],
  'wrong-mint': [76, 'the mint at the URL does not have this home as its payment backend'],
  'wrong-certificate': [76, 'a caller without the certificate of the mint'],
  'unsafe-funding': [
    76,
    'a funding transaction whose id can still change, or that does not pay the contract as agreed',
  ],
  'peer-refused': [76, 'the other side answered with a refusal that does not pass, instead of a message'],
  'signature-invalid': [76, 'a signature does not verify'],
  'keyset-differs': [76, 'a keyset whose id does not follow from its keys'],
  'keyset-unknown': [76, 'ecash of a keyset that was not asked for'],
  'outputs-differ': [76, 'blinded outputs of other amounts than what is paid, or that are no points'],
  'outputs-repeated': [76, 'a blinded output that is there twice, or was signed before'],
  'outputs-unsigned': [76, 'blinded outputs that are not signed by the ecash key of the contract'],
  'promises-differ': [76, 'blind signatures for other outputs than were sent'],
  'dleq-invalid': [76, 'a blind signature that is not by the key of its keyset'],
  'tlv-unknown-even': [76, 'a TLV record of an even type that is not known must not be ignored'],
  'offer-field': [76, 'a field of an offer, request or invoice is missing, must not be there, or is out of range'],
  'field-twice': [76, 'a field of an invoice that must be there once, and is there twice'],
  'dnssec-invalid': [76, 'a chain of DNS records that the keys of the root do not lead to, or with a wrong signature'],
  'dnssec-time': [76, 'a chain of DNS records whose signatures do not hold yet, or no more'],
  'name-unproven': [76, 'a name, domain or node for which a proof shows nothing'],
  'name-ambiguous': [76, 'a name with more than one payment instruction or offer'],
  'feature-unknown': [76, 'a feature that must not be ignored is not known'],
  'invoice-differs': [76, 'an answer that does not repeat what it answers, or is not by whom it should be'],
  'payer-proof': [76, 'a payer proof whose hashes do not fit together'],
  'chain-differs': [76, 'a preimage that is not of the same chain'],
  'onion-hmac': [76, 'the HMAC of an onion packet is wrong: altered, for another key, or for other associated data'],
  'onion-replay': [76, 'an onion packet that was peeled before'],
  'onion-field-missing': [76, 'a hop payload without a field that its position needs'],
  'onion-field-forbidden': [76, 'a hop payload with a field that its position does not have'],
  'path-key-twice': [76, 'a path key beside the packet and another in its payload'],
  'path-key-missing': [76, 'recipient data without a path key to decrypt it'],
  'path-key-unexpected': [76, 'a path key without recipient data'],
  'blinding-failed': [76, 'recipient data that does not decrypt with this key and path key'],
  'blinding-feature': [76, 'recipient data that asks for a feature that is not known'],
  'blinding-constraint': [76, 'a payment outside the constraints of its blinded path'],
  'onion-amount': [76, 'an HTLC of another amount than its onion says'],
  'onion-expiry': [76, 'an HTLC of another expiry than its onion says'],
  'error-unreadable': [76, 'an error onion that none of these hops has made'],
  'duplicate-secret': [76, 'a token that holds one coin twice'],
  'keyset-ambiguous': [76, 'a short keyset id that begins the ids of two keysets'],
  'unit-differs': [76, 'ecash of another unit than its keyset'],
  'amount-unknown': [76, 'ecash of an amount for which its keyset has no key'],
  'gossip-stale': [76, 'gossip that is not newer than what is known, or of a height that cannot be'],
  'gossip-too-often': [76, 'a second message of one block'],
  'merkle-differs': [76, 'a transaction that is not where its proof says, or not in that block'],
  'work-missing': [76, 'a block header whose hash is above its target'],
  'output-differs': [76, 'the output of a channel is another than its announcement says, or is not there'],
  'wrong-preimage': [76, 'a preimage that does not hash to the hash of the HTLC'],
  'final-sequence': [76, 'an input whose sequence is final, so that its lock does not count'],
  'csv-version': [76, 'a relative lock in a transaction of version 1, where it does not count'],
  'secret-mismatch': [76, 'a per-commitment secret that is not of its chain, point or number'],
  'htlc-signatures': [76, 'another number of HTLC signatures than the commitment has HTLC outputs'],
  'adaptor-invalid': [76, 'a pre-signature that does not verify, or is for another point, message or key'],
  // 77: own policy, or not safe here
  'revoked-state': [77, 'an own commitment that was revoked: whoever broadcasts it loses all to the other side'],
  'maybe-revoked': [77, 'the commitment of a backup, which may be revoked, and --accept-penalty-risk was not given'],
  'truc-limit': [77, 'a child of a version 3 transaction that is too large, or mixes versions'],
  'dust-parent': [77, 'a transaction with a dust output that pays a fee: nodes relay none'],
  'htlc-limit': [77, 'more HTLCs than a commitment of this format holds'],
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
  'too-many-openings': [77, 'an owner has opened and given up transfers of a statecoin too often'],
  undeclined: [77, 'a transfer was cancelled after its secret half had left, and the receiver has not declined'],
  'nonce-consumed': [77, 'the secret nonce of this request was used or erased: ask again'],
  'below-dust': [77, 'an output would be below the dust limit'],
  'over-capacity': [77, 'more than the contract can pay'],
  'amount-not-growing': [77, 'the paid amount would not grow'],
  'amount-differs': [77, 'another amount than the one agreed to with --amount'],
  'over-max': [77, 'more than --max allows'],
  'not-agreed': [77, 'nobody agreed: give --amount or --max, or answer the question'],
  'out-of-policy': [77, 'outside the bounds that the offer states'],
  'pledge-script': [77, 'a pledged coin of another script than a taproot key or P2WPKH'],
  'below-minimum': [77, 'a pledge of less than the campaign takes'],
  overfunded: [77, 'pledges that exceed the goal by more than a fee may be'],
  'stamp-too-large': [77, 'a transaction that is too long for a proof of existence'],
  'fee-too-high': [77, 'a fee above a tenth of the inputs, or above what this party agrees to'],
  'fee-too-low': [77, 'a fee below the relay minimum'],
  'not-enough-ecash': [77, 'the token holds less than the invoice and its fees'],
  'not-enough-coins': [77, 'the coins do not cover amount and fee'],
  'route-limit': [77, 'an amount or expiry outside what a channel of the route takes'],
  'not-enough-units': [77, 'the coins hold fewer units of the asset than are to be sent'],
  'units-destroyed': [77, 'coloured units would be destroyed'],
  'plain-address': [77, 'an address that is not in the Open Assets form: its wallet may not know of coloured units'],
  'nobody-to-pay': [77, 'no holder is left to be paid'],
  'no-ecash': [77, 'nobody issues ecash for this contract'],
  'no-keyset': [77, 'the mint has no active keyset'],
  'ecash-awaited': [77, 'ecash that was paid for has not arrived: nothing more is signed until it has'],
  'ecash-restore-first': [77, 'the wallet was restored: it may make secrets again that it has used'],
  'owed-unsettled': [77, 'more is owed over this contract than was signed'],
  frozen: [77, 'the contract takes no more updates: too near to its expiry'],
  expired: [77, 'the contract is past the height up to which this is safe'],
  'funding-unchecked': [77, 'no node says that the counterparty has paid, and --unchecked was not given'],
  'unsafe-expiry': [77, 'expiries so near to each other, or to the tip, that one side could lose both'],
  'amount-unproven': [77, 'a coin whose amount its signature does not cover, and nothing proves'],
  'same-hash': [77, 'a hash that this home has met before, and --same-hash was not given'],
  'swap-open': [77, 'the other HTLC of the same swap is not known to be spent'],
  'preimage-kept': [77, 'the preimage of a live swap, which leaves this home by htlc swap alone'],
  'anyone-can-claim': [77, 'a script that anyone with the preimage can take'],
  'no-key-path': [77, 'an HTLC without a MuSig2 internal key, or without sealing keys, has no cooperative path'],
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
  'quote-amount': [77, 'the quote of the mint is for another amount, or was paid already'],
  'not-mintable': [77, 'nothing new is reported to the mint, or less than is wanted'],
  'period-closed': [77, 'the period of a recurring offer cannot be paid yet, or no more'],
  'invoice-expired': [77, 'the invoice has expired'],
  'too-many-quotes': [77, 'too many melts of one invoice are quoted, and none of them is paid'],
  'invoices-unsettled': [77, 'too many paid invoices wait for the merchant to settle them'],
  'mint-private': [77, 'a mint at an address that not everybody reaches, and that nobody here has named'],
  'insecure-mint': [77, 'a payment backend without TLS works on regtest and loopback only'],
  'from-browser': [77, 'a request with an Origin header: no web page may speak to a home'],
  'wrong-token': [77, 'the figures of a home are told at an address of their own, or to whoever shows their token'],
  'spv-unanchored': [77, 'a proof in a block that the verifier does not know'],
  'sample-too-rare': [77, 'nearly no drawn distribution of wealth can be held by the channels'],
  'too-many-states': [77, 'a network too large to be counted out'],
  'not-served': [77, 'a step that waits for a person: a server does not take it'],
  'home-exists': [73, 'there is a home in that directory already'],
} as const satisfies Record<string, readonly [exit: number, meaning: string]>;

export type ErrorCode = keyof typeof ERRORS;

/**
 * Faults of the home or machine of whoever reports them, which do not pass: nobody else can do
 * anything about them.
 */
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

/** The code under which the refusal of another program goes on: what passes by itself (69) and what has moved on (75) stay so. */
export function passing(code: unknown, exit: unknown): ErrorCode | undefined {
  if (Object.hasOwn(ERRORS, String(code))) {
    const known = code as ErrorCode;
    return ERRORS[known][0] === 69 || ERRORS[known][0] === 75 ? known : undefined;
  }
  // Of a newer program.
  return exit === 69 ? 'busy' : exit === 75 ? 'state-moved-on' : undefined;
}

export interface RefusalDetails {
  /** Advice for the user, one sentence. */
  hint?: string;
  /** The party whose data is wrong. */
  blame?: string;
}

/** A run that stops for a reason in the table: `code`, then in words what was found and what was expected. */
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

/** @param so what such a home does not do */
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
