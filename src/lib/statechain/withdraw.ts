/**
 * statechain-withdraw: requested (owner) → signed (operator, last) → complete (owner). Everything
 * less a fee to an address; it ends the coin: the operator signs nothing else for it afterwards,
 * and no receiver takes it any more.
 */
import { scriptOf } from '../bitcoin/address.ts';
import { checkProposed } from '../bitcoin/fee.ts';
import { txidOf, txidOfHex } from '../bitcoin/transaction.ts';
import { finishedSpend, jointSteps, openSpend, signSpend } from '../contract/joint-spend.ts';
import { table, type Facts, type Hex } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { hexOf, messageParser, sat, statesSame, text, type MessageOf } from '../protocol/message.ts';
import { addressesFor, unnamed } from '../protocol/places.ts';
import { Refusal } from '../protocol/refusal.ts';
import { finishIn } from '../signing/exchange.ts';
import { operatorJob, ownerJob } from './jobs.ts';
import { openCoin } from './move.ts';
import {
  isOperators,
  isOwners,
  statecoinKind,
  statedCoin,
  type OperatorRecord,
  type OwnerRecord,
  type Statecoin,
  type Withdrawal,
} from './records.ts';
import { coinSchema, confirmBefore, viewOf } from './terms.ts';
import { withdraw, withdrawFee, withdrawVsize } from './transactions.ts';
import { checkServes, OPERATOR } from './operator.ts';

const { complete, ...signing } = jointSteps('requested', 'withdraw', {
  coin: coinSchema,
  owner_pubkey: hexOf(33),
  address: text,
  fee_sat: sat,
});
const steps = { ...signing, complete: { ...complete, amount_sat: sat } };
/** Messages of `statechain-withdraw`, by step. */
export type WithdrawMessage = MessageOf<typeof steps>;
export interface WithdrawInput {
  contract?: Hex;
  to?: string;
  /** Fee in satoshis in place of a feerate, which names an earlier withdrawal. */
  fee?: bigint;
  allowFee?: boolean;
}
type Rs = { coin: Statecoin };

/** Table of `statechain-withdraw`: owner and operator spend the coin together. */
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
    states: ({ coin }) => statedCoin(coin),
    again: ({ records: { coin } }) => (isOwners(coin) && coin.state === 'closed' ? finishedBefore(coin) : undefined),
    cancel: ({ message: m, records: { coin } }) => {
      if (coin?.state !== 'withdrawing')
        throw new Refusal('too-late-to-cancel', `the coin is '${coin?.state ?? 'unknown'}': no own withdrawal is open`);
      if (m && !isOf(coin, coin.withdrawals.at(-1)!, m))
        throw new Refusal('state-moved-on', 'the message is of another withdrawal than the one under way');
      return {
        writes: { coin: { ...coin, state: 'owned' } },
        hint: `where the operator has signed already, the coin is closed there: only that withdrawal, asked for again (${flagsOf(coin.withdrawals.at(-1)!)}), or the exit is left`,
      };
    },
  },
  (row) => [
    row({
      name: 'requested',
      after: null,
      by: 'owner',
      does: 'asks for everything less a fee, to its own or another address; while it waits, for the same again',
      asks: ['contract'],
      may: ['to', 'fee', 'allowFee'],
      needs: ({ records: { coin }, input }) => ({
        tip: true,
        feerate: true,
        payout: coin?.state === 'withdrawing' ? 0 : unnamed(input.to),
      }),
      take: ({ records, input, facts, ...hand }) => {
        const c = holding(records.coin);
        const { address, feeSat } = c.state === 'withdrawing' ? underWay(c, input) : wished(c, input, facts);
        scriptOf(address, c.terms.network);
        const vsize = withdrawVsize(c, address);
        checkProposed('a withdrawal', { fee: feeSat, vsize, inputs: c.terms.amount_sat }, input.allowFee, undefined);
        const job = jobOf(c, { address, feeSat });
        const withdrawal: Withdrawal = { address, feeSat, sighash: job.nonceId.sighash };
        const before = c.withdrawals.filter((asked) => asked.sighash !== withdrawal.sighash);
        return openSpend(hand, job, 'withdraw', 'requested', statedOf(c, withdrawal), () => ({
          writes: { coin: { ...c, state: 'withdrawing', withdrawals: [...before, withdrawal] } },
          ...outrun(c, facts.tip),
        }));
      },
    }),
    row({
      name: 'signed',
      after: 'requested',
      by: 'operator',
      stands: true,
      does: 'closes the coin for good, counts and signs last',
      take: ({ message: m, records, ...hand }) => {
        const c = closable(hand, records.coin);
        const last = c.entries.at(-1)!;
        if (m.owner_pubkey !== last.owner_pubkey)
          throw new Refusal('terms-differ', 'a withdrawal by another than the present owner', { blame: 'owner' });
        const template = withdraw(c, m.address, m.fee_sat);
        const job = operatorJob(hand.keys.share(c.share!), last, template);
        const { sighash } = job.nonceId;
        const known = c.signed.some((s) => s.sighash === sighash);
        if (c.state === 'closed' && !known)
          throw new Refusal('coin-closed', 'another withdrawal of this coin was signed before', {
            ...(c.closing && { hint: `ask for that one again: ${flagsOf(c.closing)}` }),
            blame: 'owner',
          });
        return signSpend(hand, job, 'withdraw', 'signed', m, {
          writes: {
            coin: {
              ...c,
              state: 'closed',
              signed: known ? c.signed : [...c.signed, { kind: 'withdraw', sighash }],
              closing: { address: m.address, feeSat: m.fee_sat },
            },
          },
        });
      },
    }),
    row({
      name: 'complete',
      after: 'signed',
      by: 'owner',
      stands: true,
      does: 'completes the withdrawal, to be broadcast',
      needs: () => ({ tip: true }),
      take: ({ message: m, records, facts, ...hand }) => {
        const c = holding(records.coin);
        const withdrawal = c.withdrawals.find((asked) => isOf(c, asked, m));
        if (!withdrawal)
          throw new Refusal('state-moved-on', 'this home has asked for no such withdrawal', {
            hint: `where it was restored: ask for the same again, ${flagsOf({ address: m.address, feeSat: m.fee_sat })}`,
          });
        const { hex, spends } = finishIn(hand, jobOf(c, withdrawal), m.psbt.withdraw);
        return {
          message: finished(c, withdrawal, hex),
          writes: { coin: { ...c, state: 'closed', tx: hex } },
          spends,
          ...outrun(c, facts.tip),
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
    throw new Refusal('wrong-state', `the coin is '${c.state}' in this home, 'owned' expected`, {
      hint: 'spillway status says what the coin waits for; statechain-exit leaves alone',
    });
  return c;
}

/** Returns the coin that the operator may close, or a closed one whose signature it repeats. */
function closable(hand: Parameters<typeof openCoin>[0], c: Statecoin | undefined): OperatorRecord {
  if (!isOperators(c) || c.state !== 'closed' || c.settled) return openCoin(hand, c);
  checkServes(hand, c);
  return c;
}

/** Returns the fields by which the messages name a withdrawal. */
const namesOf = ({ side }: OwnerRecord, { address, feeSat }: Withdrawal) => ({
  owner_pubkey: side.pubkey,
  address,
  fee_sat: feeSat,
});
const statedOf = (c: OwnerRecord, withdrawal: Withdrawal) => ({ coin: viewOf(c), ...namesOf(c, withdrawal) });
const isOf = (c: OwnerRecord, withdrawal: Withdrawal, m: WithdrawMessage): boolean =>
  statesSame(namesOf(c, withdrawal), m);
const jobOf = (c: OwnerRecord, { address, feeSat }: Omit<Withdrawal, 'sighash'>) =>
  ownerJob(c.own, c.entries.at(-1)!, withdraw(c, address, feeSat));
/** Returns the flags that repeat a withdrawal. */
const flagsOf = ({ address, feeSat }: Omit<Withdrawal, 'sighash'>): string => `--to ${address} --fee ${feeSat}`;

/**
 * Returns the withdrawal under way, if the flags name it or leave it open.
 * @throws Refusal `wrong-state` for another address or fee
 */
function underWay(c: Holding, { to, fee }: WithdrawInput): Withdrawal {
  const asked = c.withdrawals.at(-1)!;
  if ((to ?? asked.address) !== asked.address || (fee ?? asked.feeSat) !== asked.feeSat)
    throw new Refusal('wrong-state', `a withdrawal to ${asked.address} for ${asked.feeSat} sat is under way`, {
      hint: 'give it up first: spillway statechain-withdraw --contract ID --cancel',
    });
  return asked;
}
function wished(
  c: Holding,
  { to, fee }: WithdrawInput,
  { payout, feerate }: Pick<Facts, 'payout' | 'feerate'>,
): Omit<Withdrawal, 'sighash'> {
  const [address] = addressesFor([to], payout);
  return { address, feeSat: fee ?? withdrawFee(c, address, feerate) };
}

/** Returns a warning if the previous owner's backup is already valid. */
function outrun(c: OwnerRecord, tip: Facts['tip']): { hint?: string } {
  const before = confirmBefore(c.terms, c.entries.length - 1);
  if (tip === 'not-checked' || before === null || tip < before) return {};
  return {
    hint: `since height ${before} the backup of the owner before is final: whichever confirms first wins, so pay a fee that is mined at once`,
  };
}
const finished = (c: OwnerRecord, withdrawal: Withdrawal, hex: Hex) =>
  finishedSpend(
    c.terms.network,
    { ...statedOf(c, withdrawal), amount_sat: c.terms.amount_sat - withdrawal.feeSat },
    hex,
  );
/** Returns the last message of the withdrawal that this home has completed. */
function finishedBefore(c: OwnerRecord): WithdrawMessage | undefined {
  const { tx } = c as { tx?: Hex };
  if (tx === undefined) return undefined;
  const withdrawal = c.withdrawals.find(
    ({ address, feeSat }) => txidOf(withdraw(c, address, feeSat)) === txidOfHex(tx),
  );
  return withdrawal && finished(c, withdrawal, tx);
}
