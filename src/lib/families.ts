/**
 * List of families: name, commands, rooms, tables, records and errors of each. Shared code reads
 * families only here. A family's code is loaded on use, so a run evaluates that of one family
 * alone. Not here: which file has a command (`cli.ts`).
 */
import { ASSETS_ERRORS } from './assets/errors.ts';
import { CHANNEL_ERRORS } from './channel/errors.ts';
import { CREDIT_ERRORS } from './credit/errors.ts';
import { ECASH_ERRORS } from './ecash/errors.ts';
import { FLOW_ERRORS } from './flow/errors.ts';
import { GOSSIP_ERRORS } from './gossip/errors.ts';
import { HTLC_ERRORS } from './htlc/errors.ts';
import { MINT_ERRORS } from './mint/errors.ts';
import { NAMES_ERRORS } from './names/errors.ts';
import { NOTARY_ERRORS } from './notary/errors.ts';
import { PLEDGE_ERRORS } from './pledge/errors.ts';
import { OFFER_ERRORS } from './offer/errors.ts';
import { ONION_ERRORS } from './onion/errors.ts';
import { SKETCH_ERRORS } from './sketch/errors.ts';
import { STATECHAIN_ERRORS } from './statechain/errors.ts';
import type { Settlement } from './contract/copy.ts';
import type { WatchedDocument } from './contract/duty.ts';
import type { FamilyGauges } from './contract/gauges.ts';
import type { Watcher } from './contract/watcher.ts';
import type { WayOut } from './contract/quote.ts';
import type { StatusSource } from './contract/status.ts';
import type { Action, Kind } from './protocol/action.ts';
import { CANCELLED_BY } from './protocol/claims.ts';
import type { Document } from './protocol/message.ts';
import { ERRORS, type ErrorRows } from './protocol/refusal.ts';
import type { Description, Fact } from './signing/description.ts';

/** Function that puts a document into words and checks it. */
export type Describer = (document: Document) => Description;
/** Function that returns each party's way out under a message's terms; none without terms. */
export type WaysOut = (message: Document, feerate: number) => readonly WayOut[];
/** Everything that the program knows of a family; its code is loaded on use. */
export interface Family {
  /** Name on the command line. Commands that begin with it belong to the family. */
  name: string;
  /** One clause of at most 60 characters. */
  summary: string;
  /** Commands of this family that do not begin with its name. */
  others?: readonly string[];
  /** Rooms in `lib`, each with the rooms of other families that its protocol builds on. */
  rooms?: Readonly<Record<string, readonly string[]>>;
  /** Tables of its contract actions, by the type of their messages. */
  actions?: Readonly<Record<string, () => Promise<Action<any, any, any>>>>;
  /** Kinds of its records in a home. */
  kinds?: () => Promise<readonly Kind<any>[]>;
  /** Command that cancels a record, by kind, and frees its claims. NAME stands for its name. */
  cancels?: Readonly<Record<string, string>>;
  /** Describes its messages and its other `documents` in words, and checks them. */
  describe?: () => Promise<Describer>;
  /** Types of its documents besides messages of actions. */
  documents?: readonly string[];
  /** Form of its texts that are no documents, and the meaning of one, for `inspect`. */
  texts?: { form: RegExp; describe: () => Promise<(text: string) => { of: string; facts: Fact[] }> };
  /** Returns the transaction in one of its documents, for `broadcast` and `bump`. */
  carries?: () => Promise<(document: Document) => Settlement | undefined>;
  /**
   * Each party's way out under a message's terms, by message type. `feerate`: satoshis per 1000 vB,
   * for transactions that are signed only at the exit.
   */
  waysOut?: Readonly<Record<string, () => Promise<WaysOut>>>;
  /** Error codes of its own, besides the shared ones. */
  errors?: ErrorRows;
  /** Loads the watchers of its records. */
  duties?: () => Promise<readonly Watcher<any>[]>;
  /** Sums of its records, as `serve` shows them to a metrics server. */
  gauges?: () => Promise<FamilyGauges>;
  /** Reads a document for `watch --bundle`. Null: no duty is left; undefined: another family's. */
  bundled?: () => Promise<(document: Document) => WatchedDocument | null | undefined>;
  /** Loads the source of its lines of `status`, by record kind, for kinds that the home has. */
  status?: Readonly<Record<string, () => Promise<StatusSource<any, any>>>>;
}

const AGAIN = '--contract NAME --cancel gives that up; --again prints its last message';
const creditWords = async () => (await import('./credit/describe.ts')).describeCredit;
const creditWaysOut = async () => (await import('./credit/ways.ts')).waysOfCredit;
const statecoinWaysOut = async () => (await import('./statechain/ways.ts')).waysOfStatecoin;

const ALL: readonly Family[] = [
  {
    name: 'credit',
    summary: 'a one-way payment channel with a mint',
    others: ['open-credit', 'sign-update', 'rollover', 'close-credit', 'exit-credit', 'liquidity'],
    rooms: { credit: [] },
    errors: CREDIT_ERRORS,
    actions: {
      'open-credit': async () => (await import('./credit/open.ts')).openCredit,
      'sign-update': async () => (await import('./ecash/credit.ts')).signUpdate,
      rollover: async () => (await import('./ecash/credit.ts')).rollover,
      'close-credit': async () => (await import('./ecash/credit.ts')).closeCredit,
      'exit-credit': async () => (await import('./ecash/credit.ts')).exitCredit,
    },
    kinds: async () => [(await import('./credit/records.ts')).creditKind],
    cancels: { credit: `open-credit ${AGAIN}` },
    describe: creditWords,
    carries: async () => (await import('./credit/ways.ts')).settlementOf,
    waysOut: { 'open-credit': creditWaysOut, rollover: creditWaysOut },
    status: { credit: async () => (await import('./ecash/status.ts')).creditShown },
    duties: async () => [(await import('./credit/watch.ts')).creditWatcher],
    gauges: async () => (await import('./ecash/gauges.ts')).creditGauges,
    bundled: async () => (await import('./credit/bundle.ts')).creditDocument,
  },
  {
    name: 'ecash',
    summary: 'payments over a credit contract as Cashu tokens',
    others: ['credit-invoice'],
    rooms: { ecash: ['credit'], mint: ['credit', 'ecash'] },
    errors: { ...ECASH_ERRORS, ...MINT_ERRORS },
    actions: {
      'ecash-quote': async () => (await import('./mint/bind.ts')).ecashQuote,
      'credit-invoice': async () => (await import('./mint/settle.ts')).creditInvoice,
      'ecash-restore': async () => (await import('./ecash/restore.ts')).ecashRestore,
    },
    kinds: async () => {
      const [{ ledgerKind }, { keysetKind }, { quoteKind }, { tokenKind }, mint] = await Promise.all([
        import('./ecash/ledger.ts'),
        import('./ecash/keyset.ts'),
        import('./ecash/quote.ts'),
        import('./ecash/in-hand.ts'),
        import('./mint/records.ts'),
      ]);
      return [ledgerKind, keysetKind, tokenKind, quoteKind, mint.invoiceKind, mint.meltKind, mint.tabKind];
    },
    describe: creditWords,
    texts: { form: /^cashu[AB]/, describe: async () => (await import('./ecash/token-document.ts')).describeToken },
  },
  {
    name: 'statechain',
    summary: 'coins that change owner without a transaction',
    rooms: { statechain: [] },
    errors: STATECHAIN_ERRORS,
    actions: {
      'statechain-open': async () => (await import('./statechain/open.ts')).openStatechain,
      'statechain-transfer': async () => (await import('./statechain/transfer.ts')).transferStatechain,
      'statechain-withdraw': async () => (await import('./statechain/withdraw.ts')).withdrawStatechain,
      'statechain-exit': async () => (await import('./statechain/exit.ts')).exitStatechain,
      'statechain-audit': async () => (await import('./statechain/audit.ts')).auditStatechain,
    },
    kinds: async () => [(await import('./statechain/records.ts')).statecoinKind],
    cancels: { statecoin: `statechain-open ${AGAIN}` },
    describe: async () => (await import('./statechain/describe.ts')).describeStatechain,
    carries: async () => (await import('./statechain/ways.ts')).statechainSettlement,
    waysOut: { 'statechain-open': statecoinWaysOut, 'statechain-transfer': statecoinWaysOut },
    duties: async () => [(await import('./statechain/watch.ts')).statecoinWatcher],
    bundled: async () => (await import('./statechain/tower.ts')).watchedBundle,
    status: { statecoin: async () => (await import('./statechain/status.ts')).statecoinsShown },
  },
  {
    name: 'htlc',
    summary: 'hashed time locks: swaps, routed payments',
    rooms: { htlc: [] },
    errors: HTLC_ERRORS,
    actions: {
      'htlc-cooperate': async () => (await import('./htlc/cooperate.ts')).htlcCooperate,
      'htlc-swap': async () => (await import('./htlc/swap.ts')).htlcSwap,
    },
    kinds: async () => [
      (await import('./htlc/records.ts')).htlcKeyKind,
      (await import('./htlc/swap-records.ts')).swapKind,
    ],
    cancels: {
      'htlc-key': 'htlc fund --cancel with its HTLC gives that payment up',
      'htlc-swap': `htlc swap ${AGAIN}`,
    },
    describe: async () => (await import('./htlc/describe.ts')).describeHtlc,
    documents: ['htlc'],
    carries: async () => (await import('./htlc/ways.ts')).htlcSettlement,
    waysOut: { 'htlc-swap': async () => (await import('./htlc/ways.ts')).waysOfSwap },
    status: { 'htlc-swap': async () => (await import('./htlc/swap-status.ts')).swapsShown },
    duties: async () => [
      (await import('./htlc/watch.ts')).swapWatcher,
      (await import('./htlc/funded.ts')).fundedWatcher,
    ],
    bundled: async () => (await import('./htlc/tower.ts')).watchedRefund,
  },
  {
    name: 'onion',
    summary: "Lightning's onion packets, errors and blinded paths",
    rooms: { onion: [], sim: ['gossip'] },
    errors: ONION_ERRORS,
  },
  {
    name: 'offer',
    summary: 'Lightning offers, invoices, and names that lead to them',
    others: ['invoice:decode', 'invoice:encode', 'invoice:verify'],
    rooms: { offer: [], names: [] },
    errors: { ...OFFER_ERRORS, ...NAMES_ERRORS },
  },
  {
    name: 'channel',
    summary: 'the exact bytes of Lightning channels',
    others: ['adaptor'],
    rooms: { channel: ['htlc'] },
    errors: CHANNEL_ERRORS,
  },
  {
    name: 'notarize',
    summary: 'proof of existence: OpenTimestamps, checked offline',
    rooms: { notary: [] },
    kinds: async () => [(await import('./notary/records.ts')).stampKind],
    cancels: { 'notary-stamp': 'notarize stamp --cancel --contract NAME gives that up' },
    carries: async () => (await import('./notary/records.ts')).notarySettlement,
    status: { 'notary-stamp': async () => (await import('./notary/records.ts')).stampsShown },
    errors: NOTARY_ERRORS,
  },
  {
    name: 'sketch',
    summary: 'what two lists of ids differ in, from a few bytes',
    rooms: { sketch: [] },
    errors: SKETCH_ERRORS,
  },
  {
    name: 'pledge',
    summary: 'many pay together, or nobody pays: assurance contracts',
    rooms: { pledge: [] },
    actions: { pledge: async () => (await import('./pledge/table.ts')).pledge },
    kinds: async () => {
      const { campaignKind, pledgeKind, seatKind } = await import('./pledge/records.ts');
      return [campaignKind, seatKind, pledgeKind];
    },
    cancels: { pledge: `pledge make ${AGAIN}` },
    describe: async () => (await import('./pledge/describe.ts')).describePledge,
    documents: ['pledge-complete', 'pledge-revoke'],
    carries: async () => (await import('./pledge/describe.ts')).pledgeSettlement,
    waysOut: { pledge: async () => (await import('./pledge/ways.ts')).waysOfCampaign },
    duties: async () => [(await import('./pledge/watch.ts')).pledgeWatcher],
    bundled: async () => (await import('./pledge/copy.ts')).watchedCopy,
    status: {
      campaign: async () => (await import('./pledge/status.ts')).campaignsShown,
      pledge: async () => (await import('./pledge/status.ts')).pledgesShown,
    },
    errors: PLEDGE_ERRORS,
  },
  {
    name: 'gossip',
    summary: 'the network as nodes tell it: read, verify, find routes',
    rooms: { gossip: ['sketch'] },
    errors: GOSSIP_ERRORS,
  },
  { name: 'cost', summary: 'what the last mile of Lightning costs', rooms: { cost: [] } },
  {
    name: 'feasibility',
    summary: 'what a network of payment channels can pay at all',
    rooms: { flow: ['gossip'] },
    errors: FLOW_ERRORS,
  },
  {
    name: 'assets',
    summary: 'coloured coins: Open Assets, Colu, EPOBC, Counterparty',
    others: [
      'decode-openassets',
      'decode-assets',
      'decode-colu',
      'decode-counterparty',
      'decode-epobc',
      'check-assets',
      'issue-openassets',
      'transfer-openassets',
      'dividends',
    ],
    rooms: { assets: [] },
    errors: ASSETS_ERRORS,
  },
  {
    name: 'home',
    summary: "a party's keys, coins, contracts and backups",
    others: ['init', 'address', 'coins', 'status', 'backup', 'restore', 'reconcile', 'prune'],
  },
  {
    name: 'tools',
    summary: 'read, send and watch whatever the others made',
    others: ['inspect', 'broadcast', 'bump', 'watch', 'serve', 'errors', 'completion'],
    describe: async () => (await import('./contract/exit-tower.ts')).describePackage,
    documents: ['exit-package'],
    carries: async () => (await import('./contract/exit-tower.ts')).packageSettlement,
    bundled: async () => (await import('./contract/exit-tower.ts')).watchedPackage,
  },
];

/** All registered families, in the order of the front page. */
export const FAMILIES: Family[] = [];

/** Adds a family and its error codes to the list. */
export function register(family: Family): void {
  FAMILIES.push(family);
  Object.assign(ERRORS, family.errors);
  Object.assign(CANCELLED_BY, family.cancels);
}
ALL.forEach(register);

/** Returns the table of a contract action; undefined for a type that no family has. */
export const tableOf = async (type: unknown): Promise<Action<any, any, any> | undefined> =>
  FAMILIES.flatMap(({ actions = {} }) => (Object.hasOwn(actions, String(type)) ? actions[String(type)]! : []))[0]?.();

/** Returns the loader of a message type's ways out; undefined for a type without terms. */
export const waysOutOf = (type: string): (() => Promise<WaysOut>) | undefined =>
  FAMILIES.flatMap(({ waysOut = {} }) => (Object.hasOwn(waysOut, type) ? waysOut[type]! : []))[0];

/** Returns the watchers of all families. */
export const allWatchers = async (): Promise<Watcher<any>[]> =>
  (await Promise.all(FAMILIES.map(({ duties }) => duties?.() ?? []))).flat();

/** Returns the gauges of all families. */
export const allGauges = (): Promise<FamilyGauges[]> => Promise.all(FAMILIES.flatMap(({ gauges }) => gauges?.() ?? []));

/** Returns the tables of all contract actions. */
export const allTables = (): Promise<Action<any, any, any>[]> =>
  Promise.all(FAMILIES.flatMap(({ actions = {} }) => Object.values(actions).map((load) => load())));

/** Returns every kind of record that a home can hold. */
export const allKinds = async (): Promise<Kind<any>[]> =>
  (await Promise.all(FAMILIES.map(({ kinds }) => kinds?.() ?? []))).flat();

/** Returns the function that describes documents of a type; undefined if no family has it. */
export const describerOf = async (type: string): Promise<Describer | undefined> =>
  FAMILIES.find(
    ({ actions = {}, documents = [] }) => Object.hasOwn(actions, type) || documents.includes(type),
  )?.describe?.();

/** Returns the family of a command id (`htlc:create`, `open-credit`); undefined if none has it. */
export const familyOf = (id: string): Family | undefined =>
  FAMILIES.find(({ others }) => others?.includes(id)) ??
  FAMILIES.find(({ name }) => id.startsWith(`${name}-`) || id.startsWith(`${name}:`));
