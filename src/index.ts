/**
 * The library: what other programs build on. Pure functions and tables; nothing here reads a file,
 * a clock or the network, and randomness is an argument.
 *
 * What does this message say, which transaction do both sign, and who acts next?
 *
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { creditTransactions, following, isNetwork, parseJson, readContract } from 'spillway';
 * import { rowWords, signUpdate, txidOf } from 'spillway';
 *
 * const message = signUpdate.parse(parseJson(readFileSync(0, 'utf8'))); // refuses unknown fields
 * if (!isNetwork(message.network)) throw new Error(`${message.network} is no Bitcoin network`);
 * const contract = readContract(message.contract, message.network, 'payee'); // id and address too
 * if ('paid_sat' in message)
 *   console.log(message.paid_sat, txidOf(creditTransactions.update(contract, message.paid_sat)));
 * console.log(following(signUpdate.rows, message.step).map(rowWords).join(' or '));
 * ```
 *
 *     spillway sign-update --home mint --contract "$ID" --amount 2100 | node what.ts
 *
 * An action is a table (`openCredit`, `signUpdate`, …): each row states whose turn it is and has
 * the pure function `take` that takes the step. A program that stores contracts itself implements
 * `Ports` and commits what `take` returns, all of it at once, before it shows the message.
 */

// ── the protocol: tables, rows, whose turn; messages, seals, refusals ─────────────────────────────────────────────────
export * from './lib/protocol/action.ts';
export * from './lib/protocol/json.ts';
export * from './lib/protocol/refusal.ts';
export { envelope, messageParser, parseAs, type MessageOf } from './lib/protocol/message.ts';
export { taggedHash } from './lib/signing/curve.ts';
export { checkSeal, messageHash, seal } from './lib/signing/seal.ts';
export type {
  Commit,
  FactSource,
  Loaded,
  Ports,
  Prompt,
  Reply,
  EncryptedNonce,
  Shares,
  Store,
} from './lib/protocol/ports.ts';

// ── families: the one list, and what is found by the type of a message ────────────────────────────────────────────────
export { ASSETS_ERRORS } from './lib/assets/errors.ts';
export { CHANNEL_ERRORS } from './lib/channel/errors.ts';
export { CREDIT_ERRORS } from './lib/credit/errors.ts';
export { ECASH_ERRORS } from './lib/ecash/errors.ts';
export { FLOW_ERRORS } from './lib/flow/errors.ts';
export { GOSSIP_ERRORS } from './lib/gossip/errors.ts';
export { HTLC_ERRORS } from './lib/htlc/errors.ts';
export { MINT_ERRORS } from './lib/mint/errors.ts';
export { NAMES_ERRORS } from './lib/names/errors.ts';
export { NOTARY_ERRORS } from './lib/notary/errors.ts';
export { OFFER_ERRORS } from './lib/offer/errors.ts';
export { ONION_ERRORS } from './lib/onion/errors.ts';
export { PLEDGE_ERRORS } from './lib/pledge/errors.ts';
export { SKETCH_ERRORS } from './lib/sketch/errors.ts';
export { STATECHAIN_ERRORS } from './lib/statechain/errors.ts';
export { allTables, describerOf, FAMILIES, register, tableOf, type Describer, type Family } from './lib/families.ts';

// ── bitcoin: amounts, addresses, transactions, PSBTs, fees ────────────────────────────────────────────────────────────
export { addressOf, scriptOf } from './lib/bitcoin/address.ts';
export { btcFromSat, parseSat, satFromBtc } from './lib/bitcoin/amount.ts';
export { parseCoins, payFrom, type ListedCoin, type PaymentPlan } from './lib/bitcoin/coins.ts';
export { withChecksum } from './lib/bitcoin/descriptor.ts';
export { feeFor, feerateOf, feerateText, parseFeerate } from './lib/bitcoin/fee.ts';
export { finalHex } from './lib/bitcoin/wallet-inputs.ts';
export { expiryHeight, parseExpiry, type Expiry } from './lib/bitcoin/locktime.ts';
export { isNetwork, NETWORKS, type Network } from './lib/bitcoin/network.ts';
export { outpointText, parseOutpoint, type Outpoint } from './lib/bitcoin/outpoint.ts';
export { childOf, type Parent } from './lib/bitcoin/package.ts';
export { musigPsbt, readPsbt, readSame, shareOf, templateOf, writePsbt, type MusigShare } from './lib/bitcoin/psbt.ts';
export { routingFee } from './lib/wire/fees.ts';
export { dustLimit, scriptType, type ScriptType } from './lib/bitcoin/script.ts';
export { taprootSighash } from './lib/bitcoin/sighash.ts';
export {
  feeOf,
  parseTransaction,
  toTransaction,
  txidOf,
  txidOfHex,
  vsizeOfHex,
  withWitness,
  type Input,
  type Output,
  type Spent,
  type Template,
} from './lib/bitcoin/transaction.ts';

// ── signing: MuSig2 (BIP327), and the exchange in which one side opens and the other signs last ───────────────────────
export * as exchange from './lib/signing/exchange.ts';
export * as musig2 from './lib/signing/musig2.ts';
export { keySet, sortedKeySet, type KeySet } from './lib/signing/keyset.ts';

// ── credit contracts: their actions, terms and transactions ───────────────────────────────────────────────────────────
export type { Rules } from './lib/contract/fees.ts';
export type { CloseInput, CloseMessage } from './lib/credit/close.ts';
export { verdictOf, type ExitDocument } from './lib/credit/exit.ts';
export type { Verdict } from './lib/contract/status.ts';
export {
  crowded,
  exitable,
  liquidity,
  massExit,
  spread,
  type Liquidity,
  type MassExit,
} from './lib/credit/liquidity.ts';
export { openCredit } from './lib/credit/open.ts';
export type { OpenInput, OpenMessage } from './lib/credit/open-messages.ts';
export { readBundled, type Bundled } from './lib/credit/bundle.ts';
export { creditKind, type Credit } from './lib/credit/records.ts';
export { closeCredit, exitCredit, rollover, signUpdate } from './lib/ecash/credit.ts';
export { ledgerKind, type Ledger } from './lib/ecash/ledger.ts';
export type { UpdateInput, UpdateMessage } from './lib/credit/update-messages.ts';
export type { Settlement } from './lib/contract/copy.ts';
export { readExitPackage, type ExitPackage, type ReadPackage } from './lib/contract/exit-package.ts';
export { exitQuoteOf, type ExitQuote, type WayOut } from './lib/contract/quote.ts';
export { settlementOf } from './lib/credit/ways.ts';
export { statusOf, type CreditStatusLine } from './lib/credit/status.ts';
export { standingOf, type ExitFacts, type Standing } from './lib/credit/standing.ts';
export type { ChainView, Due } from './lib/contract/duty.ts';
export { decide } from './lib/credit/watch.ts';
export { watchedOf, type WatchedCredit } from './lib/credit/watched.ts';
export {
  checkPolicy,
  contractAddress,
  contractDescriptor,
  contractId,
  defaultPolicy,
  keysOf,
  readContract,
  viewOf,
  type Contract,
  type ContractView,
  type Offer,
  type Policy,
  type Role,
  type Terms,
} from './lib/credit/terms.ts';
export type { Side } from './lib/signing/side.ts';
/** `update`, `refund`, `rollover`, `close`: each transaction as a function of terms and amounts. */
export * as creditTransactions from './lib/credit/transactions.ts';

// ── statecoins (experimental): their actions, the check of a history, the key update ─────────────────────────────────
export { auditStatechain, type AuditDocument } from './lib/statechain/audit.ts';
export { exitStatechain, parseBundle, type ExitDocument as StatechainExit } from './lib/statechain/exit.ts';
export { checkHistory, type HistoryFault, type History } from './lib/statechain/history.ts';
export { openStatechain } from './lib/statechain/open.ts';
export { statecoinKind, type Statecoin } from './lib/statechain/records.ts';
export type { PublicRecord, Receipt } from './lib/statechain/statements.ts';
export { statechainStatus, type StatechainStatus } from './lib/statechain/status.ts';
export { coinKey, firstMessage, nextOffset, secondMessage, type UpdatePair } from './lib/signing/key-update.ts';
export { transferStatechain } from './lib/statechain/transfer.ts';
export type { TransferMessage } from './lib/statechain/transfer-messages.ts';
export { readHistory, verify as verifyHistory, type Verification } from './lib/statechain/verify.ts';
export { withdrawStatechain } from './lib/statechain/withdraw.ts';
/** `backup`, `withdraw`: each transaction as a function of terms and state. */
export * as statechainTransactions from './lib/statechain/transactions.ts';

// ── Lightning channels: commitments and HTLC transactions as BOLT3 has them, the shachain, documents ──────────────────
export {
  buildCommitment,
  secondStages,
  type Channel as LightningChannel,
  type Commitment,
  type CommitmentState,
} from './lib/channel/commitment.ts';
export { channelView, keysView, readChannel, type ChannelKeys } from './lib/channel/document.ts';
export { inspectTransaction } from './lib/channel/inspect.ts';
export { commitmentKeys, deriveKey, deriveSecret, revocationKey, revocationSecret } from './lib/channel/keys.ts';
export { matchTransaction } from './lib/channel/match.ts';
export { channelWitness, lockOf, type ChannelLock, type ChannelWay } from './lib/channel/scripts.ts';
export { findSecret, insertSecret, secretAt, type SecretStore } from './lib/channel/secrets.ts';
export { signWay } from './lib/channel/sign.ts';

// ── Lightning's wire: BigSize, TLV streams and their named fields, blinded paths ─────────────────────────────────────
export { readBigSize, writeBigSize } from './lib/wire/bigsize.ts';
export type { Relay } from './lib/wire/fees.ts';
export { readFields, writeFields } from './lib/wire/fields.ts';
export { readPath, writePath, type BlindedPath } from './lib/wire/path.ts';
export { readStream, writeStream } from './lib/wire/tlv.ts';

// ── onions: Sphinx packets, error onions, blinded paths, onion messages, routes ──────────────────────────────────────
export { answerTo, explain, type PacketAnswer } from './lib/onion/answer.ts';
export { aggregate, relayed, type PacketHtlc } from './lib/onion/blinded-payment.ts';
export { blindingFor, blindPath, unblind } from './lib/onion/blinding.ts';
export { buildError, unwrapError, unwrapSuccess, wrapError, type ErrorOnion } from './lib/onion/error.ts';
export { FAILURES, readFailure, writeFailure } from './lib/onion/failure.ts';
export { buildOnionMessage, peelOnionMessage, readOnionMessage, writeOnionMessage } from './lib/onion/message.ts';
export { buildPacket, cutLayer, openPacket, type Hop } from './lib/onion/packet.ts';
export { PAYLOAD, withLength, type HopPayload } from './lib/onion/payload.ts';
export { peel, type Packet, type Peeled, type Refused } from './lib/onion/peel.ts';
export { route, type RoutePayment, type RouteHop } from './lib/onion/route.ts';

// ── offers: BOLT12 offers, requests, invoices, payer proofs, periods ──────────────────────────────────────────────────
export {
  createOffer,
  makeInvoice,
  makeRequest,
  signWith as signOffer,
  withSignature as withOfferSignature,
  type InvoiceInput,
  type RequestInput,
} from './lib/offer/build.ts';
export { checkOfferTime, expectedMsat, offerHashToSign } from './lib/offer/check.ts';
export { idsOf as offerIds, messageIn as offerIn, offerDocument, offerProblems } from './lib/offer/document.ts';
export { FIELDS as OFFER_FIELDS, type OfferValues } from './lib/offer/fields.ts';
export { offerRoot } from './lib/offer/merkle.ts';
export { readOfferMessage as readOffer, type OfferMessage, type OfferProblem } from './lib/offer/message.ts';
export { preimageChain } from './lib/offer/preimages.ts';
export { makePayerProof } from './lib/offer/proof.ts';
export { recurrenceOf, periodStart, periodWindow } from './lib/offer/recurrence.ts';
export { readString as readOfferString, writeString as writeOfferString } from './lib/offer/string.ts';
export { verifyMessage as verifyOffer } from './lib/offer/verify.ts';

// ── Lightning invoices of BOLT11 ──────────────────────────────────────────────────────────────────────────────────────
export { readBolt11, writeBolt11, type Bolt11 } from './lib/offer/bolt11.ts';
export { checkBolt11, payeeOf, bolt11Document, encodeBolt11, verifyBolt11 } from './lib/offer/bolt11-document.ts';

// ── names: DNSSEC proofs checked offline, BIP353; signatures are verified by a function that is handed in ─────────────
export { checkBinding, makeBinding } from './lib/names/bind.ts';
export { openProof, parsePersonName, resolveName } from './lib/names/bip353.ts';
export { verifyDnssec, type DnssecProof, type DnssecTrust } from './lib/names/dnssec.ts';
export type { DnsKey, VerifySignature } from './lib/names/records.ts';

// ── ecash: Cashu tokens, read strictly, written, verified against a mint's public keys (first: `await loadCashu()`) ────────────────────────────────
export { loadCashu } from './lib/ecash/library.ts';
export { keysetById, readMintKeys, type MintKeys } from './lib/ecash/mint-keys.ts';
export {
  readToken,
  tokenTotal,
  writeToken,
  type Dleq,
  type Proof,
  type Token,
  type TokenFormat,
} from './lib/ecash/token.ts';
export { secretPoint, verifyToken, type TokenFinding } from './lib/ecash/token-document.ts';

// ── a running mint behind a home: payment requests, quotes and their events, merchants' invoices and melts ────────────
export { parseRequest, printRequest, type CreditRequest } from './lib/ecash/request.ts';
export { acknowledge, creditQuote, cutEvent, newQuote, type PaymentEvent, type Quote } from './lib/ecash/quote.ts';
export { checkInvoice, isInvoiceReceipt, parseInvoice, signInvoice, type Invoice } from './lib/mint/invoice.ts';
export { checkMelt, payMelt, quoteMelt, type MeltResult } from './lib/mint/melt.ts';
export { creditInvoice } from './lib/mint/settle.ts';
export { ecashQuote } from './lib/mint/bind.ts';

// ── hashed time locks: scripts, spends, recognition, routes, cooperative spends, swaps ───────────────────────────────
export { htlcCooperate, type CooperateInput, type CooperateMessage } from './lib/htlc/cooperate.ts';
export { createHtlc, type CreateInput, type PartyKey } from './lib/htlc/create.ts';
export { identifyScript, identifyTransaction, identifyWitness, type Identified } from './lib/htlc/identify.ts';
export { parseLock, type Lock } from './lib/htlc/lock.ts';
export type { Moment } from './lib/contract/moment.ts';
export { planRoute, type RouteChannel, type RoutePlan } from './lib/htlc/route.ts';
export { readScript, SCRIPT_TYPES, VARIANTS, wholeForm, writeScript } from './lib/htlc/scripts.ts';
export { secretIn, shownBy, type Secret } from './lib/htlc/secret.ts';
export { carrier, finishSpend, merged, signatureBy, type Finished, type Known } from './lib/htlc/sign.ts';
export { spend, type Spend } from './lib/htlc/spend.ts';
export { htlcSwap } from './lib/htlc/swap.ts';
export type { SwapInput, SwapMessage } from './lib/htlc/swap-messages.ts';
export { checkPreimage, hashFrom, hashOf, type Htlc as HashedTimeLock } from './lib/htlc/terms.ts';
export { documentOf as htlcDocument, readHtlc, viewOf as htlcView, type HtlcView } from './lib/htlc/view.ts';

// ── coloured coins: four protocols read from transactions and their parents, Open Assets also written ─────────────────
export { fates, type Fate } from './lib/assets/check.ts';
export { Colu } from './lib/assets/colu/decode.ts';
export { decodeCounterparty, readCounterpartyMessage } from './lib/assets/counterparty/decode.ts';
export { divide, readSnapshot } from './lib/assets/dividends.ts';
export { Epobc } from './lib/assets/epobc/decode.ts';
export { AnyAsset } from './lib/assets/guess.ts';
export { buildIssue, buildTransfer } from './lib/assets/openassets/build.ts';
export { decodeMarker, OpenAssets } from './lib/assets/openassets/decode.ts';
export { Parents } from './lib/assets/trace.ts';
export { readTx, txFromHex, type Tx } from './lib/assets/transaction.ts';

// ── assurance contracts: pledges for a campaign ───────────────────────────────────────────────────────────────────────
export { campaignForm, campaignOf, checkCampaign, type Campaign } from './lib/pledge/campaign.ts';
export { completeCampaign, pledgeRevocation } from './lib/pledge/complete.ts';
export { Gate as CampaignGate, Gathering as PledgeGathering } from './lib/pledge/gather.ts';
export { pledgeForm, PledgeHashes, type Pledge } from './lib/pledge/pledge.ts';
export { pledgeOfPsbt, pledgePsbt } from './lib/pledge/psbt.ts';
export { choosePledges, CampaignGoal, pledgeWorth } from './lib/pledge/sums.ts';
export { pledge, type PledgeMessage } from './lib/pledge/table.ts';

// ── sketches of sets (PinSketch) ─────────────────────────────────────────────────────────────────────────────────────
export {
  capacityOf,
  decodeSketch,
  makeSketch,
  mergeSketches,
  readSketch,
  sketchBytes,
  type Sketch,
} from './lib/sketch/sketch.ts';

// ── gossip: messages, signatures, dumps, graphs, routes ──────────────────────────────────────────────────────────────
export { graphOf, sniffDump, type Dump } from './lib/gossip/dump.ts';
export { type GossipChannel, type GossipPolicy, type Graph as GossipGraph } from './lib/gossip/graph.ts';
export { gossipLine, fundingScript, Verifier } from './lib/gossip/verify.ts';
export { readGossip, writeGossip } from './lib/gossip/message.ts';
export { pathDocument } from './lib/gossip/path.ts';
export { itemsOf, reconcileGossip } from './lib/gossip/reconcile.ts';
export { makeSpvProof, verifySpvProof, type SpvProof } from './lib/gossip/spv.ts';
export { StoreReader } from './lib/gossip/store.ts';

// ── what a network can pay: flows, certificates, counts, samples ─────────────────────────────────────────────────────
export { Draws } from './lib/protocol/draws.ts';
export { countPayments, feasibleStates } from './lib/flow/count.ts';
export { NetworkBalances } from './lib/flow/liquidity.ts';
export { flowNetwork } from './lib/flow/max-flow.ts';
export { networkOfGraph, parseNetwork, type ChannelNetwork, type Wealth } from './lib/flow/network.ts';
export { drawSamples, wilson } from './lib/flow/sample.ts';
export { decideWealth, type Certificate } from './lib/flow/wealth.ts';

// ── what the last mile costs ─────────────────────────────────────────────────────────────────────────────────────────
export { dustCost, exitCost, reserveCost } from './lib/cost/chain.ts';
export { adsCost, channelCost, jitCost, phoenixdCost, phoenixdRate } from './lib/cost/service.ts';

// ── onion messages under load ────────────────────────────────────────────────────────────────────────────────────────
export { drawTopology, topologyOf } from './lib/gossip/topology.ts';
export { simulate, type Attack, type SimOutcome, type SimRules } from './lib/sim/back-pressure.ts';
