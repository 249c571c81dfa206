/**
 * The one list of families: what each is called, what it does, and which commands are its own.
 * Front page, help and completion read it; the README names each.
 */

export interface Family {
  /** Word on the command line: commands that begin with it belong to it. */
  name: string;
  /** One clause of at most 60 characters. */
  summary: string;
  /** Commands of this family that do not begin with its name. */
  others?: readonly string[];
}

export const FAMILIES: readonly Family[] = [
  {
    name: 'credit',
    summary: 'a one-way payment channel with a mint',
    others: ['open-credit', 'sign-update', 'rollover', 'close-credit', 'exit-credit', 'liquidity'],
  },
  {
    name: 'ecash',
    summary: 'payments over a credit contract as Cashu tokens',
    others: ['credit-invoice'],
  },
  { name: 'statechain', summary: 'coins that change owner without a transaction' },
  { name: 'htlc', summary: 'hashed time locks: swaps, routed payments' },
  { name: 'onion', summary: "Lightning's onion packets, errors and blinded paths" },
  {
    name: 'offer',
    summary: 'Lightning offers, invoices, and names that lead to them',
    others: ['invoice:decode', 'invoice:encode', 'invoice:verify'],
  },
  { name: 'channel', summary: 'the exact bytes of Lightning channels', others: ['adaptor'] },
  { name: 'notarize', summary: 'proof of existence: OpenTimestamps, checked offline' },
  { name: 'sketch', summary: 'what two lists of ids differ in, from a few bytes' },
  { name: 'gossip', summary: 'the network as nodes tell it: read, verify, find routes' },
  { name: 'cost', summary: 'what the last mile of Lightning costs' },
  { name: 'feasibility', summary: 'what a network of payment channels can pay at all' },
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
  },
];

/** Returns the family of a command id (`htlc:create`, `open-credit`); undefined where no family has it. */
export const familyOf = (id: string): Family | undefined =>
  FAMILIES.find(({ others }) => others?.includes(id)) ??
  FAMILIES.find(({ name }) => id.startsWith(`${name}-`) || id.startsWith(`${name}:`));
