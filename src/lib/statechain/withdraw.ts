/**
 * statechain-withdraw: requested (owner) → signed (operator, last) → complete (owner). Everything less a fee to an address; it
 * ends the coin: the operator signs nothing else for it afterwards, and no receiver takes it any more.
 */
import { scriptOf } from '../bitcoin/address.ts';
import { checkProposed } from '../bitcoin/fee.ts';
import { txidOfHex, withWitness } from '../bitcoin/transaction.ts';
import { table, type Hex, type NonceId } from '../protocol/action.ts';
import { idClaim, keyClaim } from '../protocol/claims.ts';
import { hexOf, hexText, messageParser, psbt, sat, text, type MessageOf } from '../protocol/message.ts';
import * as v from 'valibot';
import { addressesFor, unnamed } from '../protocol/addresses.ts';
import { Refusal } from '../protocol/refusal.ts';
import { finish, open, psbtOf, sharesIn, signLast } from '../signing/exchange.ts';
import { operatorJob, ownerJob } from './jobs.ts';
import { openCoin } from './move.ts';
import {
  isOperators,
  isOwners,
  statecoinKind,
  type OperatorRecord,
  type OwnerRecord,
  type Statecoin,
  type Withdrawal,
} from './records.ts';
import { coinSchema, viewOf } from './terms.ts';
import { withdraw, withdrawFee, withdrawVsize } from './transactions.ts';
import { checkCoinIs } from './transfer-messages.ts';
import { checkServes, OPERATOR } from './operator.ts';

const numbers = { coin: coinSchema, owner_pubkey: hexOf(33), address: text, fee_sat: sat };
const steps = {
  requested: { ...numbers, psbt: v.strictObject({ withdraw: psbt }) },
  signed: { ...numbers, psbt: v.strictObject({ withdraw: psbt }) },
  complete: { ...numbers, amount_sat: sat, txid: hexOf(32), hex: hexText },
} as const;
export type WithdrawMessage = MessageOf<typeof steps>;
export interface WithdrawInput {
  contract?: Hex;
  to?: string;
  allowFee?: boolean;
}
type Rs = { coin: Statecoin };

export const withdrawStatechain = table<WithdrawMessage, Rs, WithdrawInput>(
  {
    type: 'statechain-withdraw',
    server: 'operator',
    kinds: { coin: statecoinKind },
    parse: messageParser('statechain-withdraw', steps),
    find: (m, input) => ({ coin: idClaim(m?.coin.id ?? input.contract ?? '') }),
    party: ({ records: { coin } }) => {
      if (!coin) throw new Refusal('unknown-contract', 'no such coin in this home');
      return coin.role;
    },
    peer: ({ message, records: { coin } }, by) => {
      if (!message) return null;
      if (by === 'operator') return isOperators(coin) ? coin.entries.at(-1)!.owner_auth : '';
      return isOwners(coin) ? coin.terms.operator : '';
    },
    sealWith: ({ coin }, by) => (by === 'operator' ? OPERATOR : coin!.own).path,
    cancel: ({ records: { coin } }) => {
      if (coin?.state !== 'withdrawing')
        throw new Refusal('too-late-to-cancel', `the coin is '${coin?.state ?? 'unknown'}': no own withdrawal is open`);
      const after = { ...coin, state: 'owned', withdrawal: null } as Statecoin;
      return {
        writes: { coin: after },
        voids: nonceOf(coin),
        hint: 'where the operator has signed already, the coin is closed there: only this withdrawal, asked for again, or the exit is left',
      };
    },
  },
  (row) => [
    row({
      name: 'requested',
      after: null,
      by: 'owner',
      does: 'asks for everything less a fee, to its own or another address',
      asks: ['contract'],
      may: ['to', 'allowFee'],
      needs: ({ input }) => ({ feerate: true, payout: unnamed(input.to) }),
      take: ({ records, input, facts, ...hand }) => {
        const c = holding(records.coin);
        const [address] = addressesFor([input.to], facts.payout);
        scriptOf(address, c.terms.network);
        const feeSat = withdrawFee(c, address, facts.feerate);
        const vsize = withdrawVsize(c, address);
        checkProposed('a withdrawal', { fee: feeSat, vsize, inputs: c.terms.amount_sat }, input.allowFee, undefined);
        const job = jobOf(c, { address, feeSat });
        const { share, opens } = open(hand, job)!;
        const withdrawal: Withdrawal = { address, feeSat, sighash: job.nonceId.sighash };
        const voids = nonceOf(c).filter((n) => n.sighash !== withdrawal.sighash);
        return {
          message: {
            step: 'requested',
            network: c.terms.network,
            ...stated(c, withdrawal),
            psbt: { withdraw: psbtOf(job, { own: share }) },
          },
          writes: { coin: { ...c, state: 'withdrawing', withdrawal } },
          opens,
          voids,
        };
      },
    }),
    row({
      name: 'signed',
      after: 'requested',
      by: 'operator',
      does: 'closes the coin for good, counts and signs last',
      take: ({ message: m, records, ...hand }) => {
        const c = closable(hand, records.coin, m);
        checkCoinIs(c, m.coin, 'owner');
        const last = c.entries.at(-1)!;
        if (m.owner_pubkey !== last.owner_pubkey)
          throw new Refusal('terms-differ', 'a withdrawal by another than the present owner', { blame: 'owner' });
        const template = withdraw(c, m.address, m.fee_sat);
        const job = operatorJob(hand.keys.share(c.share!), last, template);
        const { sighash } = job.nonceId;
        const known = c.signed.some((s) => s.sighash === sighash);
        if (c.state === 'closed' && !known)
          throw new Refusal('coin-closed', 'another withdrawal of this coin was signed before', { blame: 'owner' });
        const { peer } = sharesIn(job, m.psbt.withdraw);
        const part = signLast(hand, job, peer)!;
        return {
          message: { ...m, step: 'signed', psbt: { withdraw: psbtOf(job, { own: part, peer }) } },
          writes: {
            coin: { ...c, state: 'closed', signed: known ? c.signed : [...c.signed, { kind: 'withdraw', sighash }] },
          },
        };
      },
    }),
    row({
      name: 'complete',
      after: 'signed',
      by: 'owner',
      does: 'completes the withdrawal, to be broadcast',
      take: ({ message: m, records, ...hand }) => {
        const c = holding(records.coin);
        const { withdrawal } = c;
        const own = withdrawal && withdrawal.address === m.address && withdrawal.feeSat === m.fee_sat;
        if (!own || m.owner_pubkey !== c.side.pubkey)
          throw new Refusal('state-moved-on', 'this withdrawal is not the one that this home asked for last');
        checkCoinIs(c, m.coin, 'operator');
        const job = jobOf(c, withdrawal);
        const { signature, spends } = finish(hand, job, sharesIn(job, m.psbt.withdraw).peer)!;
        const hex = withWitness(job.template, [[signature]]);
        return {
          message: {
            step: 'complete',
            network: m.network,
            ...stated(c, withdrawal),
            amount_sat: c.terms.amount_sat - withdrawal.feeSat,
            txid: txidOfHex(hex),
            hex,
          },
          writes: { coin: { ...c, state: 'closed', tx: hex } },
          spends,
        };
      },
    }),
  ],
);

type Holding = Extract<OwnerRecord, { state: 'owned' | 'withdrawing' }>;

/** @throws Refusal `coin-frozen`, `wrong-state`, `unknown-contract` */
function holding(c: Statecoin | undefined): Holding {
  if (!isOwners(c)) throw new Refusal('unknown-contract', 'this home is not the owner of such a coin');
  if (c.state === 'offering' || c.state === 'sent')
    throw new Refusal('coin-frozen', 'the coin is offered to a receiver: the operator is frozen for it', {
      hint: 'give the transfer up first: spillway statechain-transfer --contract ID --cancel',
    });
  if (c.state !== 'owned' && c.state !== 'withdrawing')
    throw new Refusal('wrong-state', `the coin is '${c.state}' in this home, 'owned' expected`);
  return c;
}

/** The coin as the operator may close it; one that is closed, to repeat its signature. */
function closable(hand: Parameters<typeof openCoin>[0], c: Statecoin | undefined, m: WithdrawMessage): OperatorRecord {
  if (!isOperators(c) || c.state !== 'closed') return openCoin(hand, c);
  checkServes(hand, c);
  if (m.owner_pubkey !== c.entries.at(-1)!.owner_pubkey) throw new Refusal('coin-closed', 'the coin is closed');
  return c;
}

const jobOf = (c: OwnerRecord, { address, feeSat }: Omit<Withdrawal, 'sighash'>) =>
  ownerJob(c.own, c.entries.at(-1)!, withdraw(c, address, feeSat));
const nonceOf = (c: OwnerRecord): NonceId[] =>
  c.withdrawal ? [{ of: keyClaim(c.side.pubkey), sighash: c.withdrawal.sighash }] : [];
const stated = (c: OwnerRecord, { address, feeSat }: Withdrawal) => ({
  coin: viewOf(c),
  owner_pubkey: c.side.pubkey,
  address,
  fee_sat: feeSat,
});
