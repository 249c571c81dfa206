/**
 * Every credit action in a world that can be had twice: the same homes with the same keys, and other sums, coins, fees,
 * policies, issuers or payments before. What the one world says in a step, a counterparty of the other may say as a lie
 * that fits in itself.
 */
import { closeCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { ecashRestore } from '../../src/lib/ecash/restore.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import type { OpenInput } from '../../src/lib/credit/open-messages.ts';
import type { PayerCredit } from '../../src/lib/credit/records.ts';
import { defaultPolicy, type Policy } from '../../src/lib/credit/terms.ts';
import { addKeyset, keysetsOf } from '../../src/commands/ecash/keysets.ts';
import { ecashQuote } from '../../src/lib/mint/bind.ts';
import { creditInvoice } from '../../src/lib/mint/settle.ts';
import type { Spent } from '../../src/lib/bitcoin/transaction.ts';
import { HOME_MINT, lostMessages, ecashMessages, opened, ownCoin, payMessages, type Pair } from '../support/credit.ts';
import type { TestParty } from '../support/party.ts';
import { fundingFor, type Stage } from './scenes.ts';

/** What may be otherwise in a twin world. */
export interface Turn {
  capacity: bigint;
  blocks: number;
  /** Which coin funds the contract. */
  coin: number;
  /** What the payer pays before, and what now. */
  before: readonly bigint[];
  amount: bigint;
  feerate: number;
  /** The coin that a rollover adds, and the capacity of the next contract. */
  topUp: number;
  more: bigint;
  moreBlocks: number;
  policy: Partial<Policy>;
  offer: Pick<OpenInput, 'ecash' | 'mint'>;
  keysets: number;
  quote: string;
}
export const TRUE: Turn = {
  capacity: 1_200_000n,
  blocks: 4_320,
  coin: 1,
  before: [40_960n],
  amount: 2_112n,
  feerate: 2_000,
  topUp: 1,
  more: 1_500_000n,
  moreBlocks: 4_320,
  policy: {},
  offer: {},
  keysets: 1,
  quote: 'a-quote',
};
type Scene = (both: Pair, stage: Stage, turn: Turn) => Promise<void>;

export const MINT = 'https://mint.example.com';
/** A coin of the party's own wallet, the same one in every world. */
async function coin(party: TestParty, sat: bigint, n: number): Promise<Spent> {
  return { ...(await ownCoin(party, sat)), txid: `c0${n.toString(16).padStart(62, '0')}` };
}
const fees = (both: Pair, { feerate }: Turn): void => {
  both.payee.chain.feerate = both.payer.chain.feerate = feerate;
};
/** An open contract with what was paid before, as ecash where its payee issues it. */
async function begin(both: Pair, turn: Turn, offer: Turn['offer'] = {}): Promise<string> {
  const { capacity, blocks, coin: n, before, keysets } = turn;
  if (offer.ecash === 'home') for (let i = 0; i < keysets; i++) await addKeyset(both.payee.home, undefined);
  const utxo = [await coin(both.payer, capacity + 100_000n, n)];
  const id = await opened(both, { offer: { ...offer, ...turn.offer }, amount: capacity, blocks, utxo });
  for (const amount of before) await (offer.ecash === 'home' ? ecashMessages : payMessages)(both, id, amount);
  fees(both, turn);
  return id;
}
const policyOf = (turn: Turn): Policy => ({ ...defaultPolicy('regtest'), ...turn.policy });

const opening = (turn: Turn) => ({ as: 'payee', policy: policyOf(turn), ...turn.offer });
const closing =
  (opener: 'payer' | 'payee'): Scene =>
  async (both, stage, turn) => {
    const other = opener === 'payer' ? 'payee' : 'payer';
    const contract = await begin(both, turn);
    const proposed = await stage(opener, closeCredit, { input: { contract } });
    const signed = await stage(other, closeCredit, { on: proposed });
    await stage(opener, closeCredit, { on: signed });
  };

export const SCENES: Record<string, Scene> = {
  'an opening funded by own coins': async (both, stage, turn) => {
    const { capacity: amount, blocks } = turn;
    fees(both, turn);
    const utxo = [await coin(both.payer, 1_500_000n, turn.coin)];
    const offered = await stage('payee', openCredit, { input: opening(turn) });
    const proposed = await stage('payer', openCredit, { on: offered, input: { utxo, amount, expires: { blocks } } });
    const accepted = await stage('payee', openCredit, { on: proposed });
    await stage('payer', openCredit, { on: accepted });
  },
  'an opening funded by another wallet': async (both, stage, turn) => {
    const { capacity: amount, blocks } = turn;
    const from = await coin(both.payer, 1_506_000n, turn.coin);
    const offered = await stage('payee', openCredit, { input: opening(turn) });
    const addressed = await stage('payer', openCredit, { on: offered, input: { amount, expires: { blocks } } });
    const funding = fundingFor(addressed, from, 1_500_000n - amount);
    const proposed = await stage('payer', openCredit, { on: addressed, input: { funding } });
    const accepted = await stage('payee', openCredit, { on: proposed });
    await stage('payer', openCredit, { on: accepted });
  },
  'a payment that the payee asks for': async (both, stage, turn) => {
    const contract = await begin(both, turn);
    const requested = await stage('payee', signUpdate, { input: { contract, amount: turn.amount } });
    const signed = await stage('payer', signUpdate, { on: requested, max: 5_000_000n });
    await stage('payee', signUpdate, { on: signed });
  },
  'a payment that becomes ecash': async (both, stage, turn) => {
    const contract = await begin(both, turn, HOME_MINT);
    const asked = await stage('payer', signUpdate, { input: { contract, amount: turn.amount } });
    const requested = await stage('payee', signUpdate, { on: asked });
    const signed = await stage('payer', signUpdate, { on: requested, input: { ecash: true }, max: 5_000_000n });
    const accepted = await stage('payee', signUpdate, { on: signed });
    await stage('payer', signUpdate, { on: accepted });
  },
  'ecash that was lost': async (both, stage, turn) => {
    const contract = await begin(both, turn, HOME_MINT);
    await lostMessages(both, contract, turn.amount);
    const { keyset } = (await keysetsOf(both.payee.home)).at(-1)!;
    const asked = await stage('payer', ecashRestore, { input: { contract, keyset: keyset.id } });
    const answered = await stage('payee', ecashRestore, { on: asked });
    await stage('payer', ecashRestore, { on: answered });
  },
  'a payment of a quote': async (both, stage, turn) => {
    const contract = await begin(both, { ...turn, before: [] }, { ecash: 'cdk', mint: MINT });
    const { terms } = (await both.payer.record(contract)) as PayerCredit;
    const known = { amountSat: turn.amount, pubkey: terms.ecash_pubkey, paidSat: 0n, issuedSat: 0n, expiry: null };
    for (const party of [both.payee, both.payer]) party.askMint = async ({ id }) => ({ id, ...known });
    const quote = turn.quote === '' ? {} : { quote: turn.quote };
    const asked = await stage('payer', signUpdate, { input: { contract, amount: turn.amount, ...quote } });
    const requested = await stage('payee', signUpdate, { on: asked });
    const signed = await stage('payer', signUpdate, { on: requested, max: 5_000_000n });
    await stage('payee', signUpdate, { on: signed });
  },
  'a quote of a running mint': async (both, stage, turn) => {
    const contract = await begin(both, { ...turn, before: [] }, { ecash: 'cdk', mint: MINT });
    const { terms } = (await both.payer.record(contract)) as PayerCredit;
    const known = { amountSat: null, pubkey: terms.ecash_pubkey, paidSat: 0n, issuedSat: 0n, expiry: null };
    for (const party of [both.payee, both.payer]) party.askMint = async ({ id }) => ({ id, ...known });
    const made = await stage('payer', ecashQuote, { input: { contract, quote: turn.quote } });
    const bound = await stage('payee', ecashQuote, { on: made });
    await stage('payer', ecashQuote, { on: bound });
  },
  'a merchant asks what is owed': async (both, stage, turn) => {
    const contract = await begin(both, turn, { mint: MINT });
    const queried = await stage('payee', creditInvoice, { input: { contract } });
    const stated = await stage('payer', creditInvoice, { on: queried });
    await stage('payee', creditInvoice, { on: stated });
  },
  'a rollover that the payer asks for, with a new coin': async (both, stage, turn) => {
    const contract = await begin(both, turn);
    const utxo = [await coin(both.payer, turn.more, 0x100 + turn.topUp)];
    const input = { utxo, amount: turn.more, expires: { blocks: turn.moreBlocks } };
    const asked = await stage('payer', rollover, { input: { contract } });
    const offered = await stage('payee', rollover, { on: asked, input: { policy: policyOf(turn) } });
    const proposed = await stage('payer', rollover, { on: offered, input });
    const accepted = await stage('payee', rollover, { on: proposed });
    const signed = await stage('payer', rollover, { on: accepted });
    await stage('payee', rollover, { on: signed });
  },
  'a close that the payer opens': closing('payer'),
  'a close that the payee opens': closing('payee'),
};

const CAPACITY = { capacity: 1_100_000n };
const COIN = { coin: 2 };
const PAID = { before: [36_864n] };
const ROUNDS = { before: [36_864n, 4_096n] };
const AMOUNT = { amount: 2_080n };
const POLICY = { policy: { max_blocks: 5_000, margin_blocks: 150, freeze_blocks: 300 } };
const CONTRACT = { ...CAPACITY, ...COIN, blocks: 4_000 };
const FEE = { feerate: 3_000 };

/** Which twins each scene has: the first differs in all that it can, and is crossed piece by piece. */
export const TWINS: Record<string, readonly (readonly [string, Partial<Turn>])[]> = {
  'an opening funded by own coins': [
    ['all', { ...CONTRACT, ...POLICY, ...FEE, offer: { mint: MINT } }],
    ['capacity', CAPACITY],
    ['coin', COIN],
    ['expiry', { blocks: 4_000 }],
    ['issuer', { offer: HOME_MINT }],
  ],
  'an opening funded by another wallet': [
    ['all', { ...CONTRACT, ...POLICY }],
    ['coin', COIN],
  ],
  'a payment that the payee asks for': [
    ['all', { ...CONTRACT, ...PAID, ...AMOUNT }],
    ['amount', AMOUNT],
    ['paid before', PAID],
    ['rounds before', ROUNDS],
  ],
  'a payment that becomes ecash': [
    ['all', { ...CONTRACT, ...PAID, ...AMOUNT, keysets: 2 }],
    ['amount', AMOUNT],
    ['keyset', { keysets: 2 }],
  ],
  'ecash that was lost': [['all', { ...CONTRACT, ...PAID, amount: 2_048n }]],
  'a payment of a quote': [
    ['all', { ...CONTRACT, ...AMOUNT, quote: 'another' }],
    ['quote', { quote: 'another' }],
    ['no quote', { quote: '' }],
  ],
  'a quote of a running mint': [['all', { ...CONTRACT, quote: 'another' }]],
  'a merchant asks what is owed': [['all', { ...CONTRACT, ...PAID }]],
  'a rollover that the payer asks for, with a new coin': [
    ['all', { ...CONTRACT, ...PAID, ...POLICY, ...FEE, topUp: 2, more: 1_600_000n, moreBlocks: 4_100 }],
    ['paid before', PAID],
    ['next capacity', { more: 1_600_000n }],
  ],
  'a close that the payer opens': [
    ['all', { ...CONTRACT, ...PAID, ...FEE }],
    ['paid before', PAID],
    ['fee', FEE],
  ],
  'a close that the payee opens': [
    ['all', { ...CONTRACT, ...PAID, ...FEE }],
    ['paid before', PAID],
    ['fee', FEE],
  ],
};
