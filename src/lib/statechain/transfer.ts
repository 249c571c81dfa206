/**
 * statechain-transfer: invited (receiver) → offered (sender) → opened (operator) → sent (sender) →
 * received (receiver) → moved (operator) → owned (receiver). The messages: `transfer-messages.ts`;
 * the steps, by who takes them: `send.ts`, `receive.ts`, `move.ts`. Sender and receiver may be one
 * home: then it renews its keys.
 */
import { outpointText } from '../bitcoin/outpoint.ts';
import { scriptOf } from '../bitcoin/address.ts';
import { outcomeNeeds } from '../contract/outcome.ts';
import { table, vouchedKey, type Party, type UnvouchedKey } from '../protocol/action.ts';
import { idClaim, keyClaim } from '../protocol/claims.ts';
import { addressesFor, unnamed } from '../protocol/places.ts';
import { Refusal } from '../protocol/refusal.ts';
import { decline, declineNamed } from './decline.ts';
import { dropOpening, free, freeze, move } from './move.ts';
import { OPERATOR } from './operator.ts';
import { cancelled, isOperators, isOwners, isPending, statecoinKind, statedCoin, type Statecoin } from './records.ts';
import { invite, own, receiveCoin, receiveAgain } from './receive.ts';
import { keep, offer, keepReceipt, send, takeBack } from './send.ts';
import {
  parseTransfer,
  TYPE,
  type TransferInput,
  type TransferMessage,
  type TransferRecords,
} from './transfer-messages.ts';

type Found = Partial<TransferRecords>;

/** Returns the receiver's key in a message; undefined in messages without one. */
const invited = (m: TransferMessage): string | undefined =>
  'invite' in m ? m.invite.pubkey : 'cancelled' in m ? m.cancelled.owner_pubkey : undefined;

function partyOf(m: TransferMessage | null, input: TransferInput, { coin, next }: Found): Party {
  if (!m && input.as) return input.as;
  if (coin?.role === 'operator') return 'operator';
  const receives = next?.role === 'owner';
  const sends = coin?.role === 'owner';
  if (m?.step === 'invited') return receives && !sends ? 'receiver' : 'sender';
  const first = m && ['sent', 'received', 'moved'].includes(m.step) ? 'receiver' : 'sender';
  if (receives && (first === 'receiver' || !sends)) return 'receiver';
  if (sends) return 'sender';
  throw new Refusal('unknown-contract', 'this home takes no part in that transfer', {
    hint: 'start with --as receiver, or answer an invitation with --contract ID',
  });
}

/** Returns the authentication key of the receiver that was invited with this key. */
function authOf(c: Statecoin | undefined, pubkey: string): string | undefined {
  if (isOwners(c)) {
    if ('to' in c && c.to.pubkey === pubkey) return c.to.auth;
    return c.given.find((g) => g.owner_pubkey === pubkey)?.owner_auth || undefined;
  }
  if (!isOperators(c)) return undefined;
  if (c.state === 'frozen' && c.frozen.invite.pubkey === pubkey) return c.frozen.invite.auth;
  return [...c.entries, ...c.cancelled].find((e) => e.owner_pubkey === pubkey)?.owner_auth;
}

/** Returns the key that must have sealed a message; empty if no seal is acceptable. */
function peerOf(m: TransferMessage, { coin, next }: Found, by: Party): string | UnvouchedKey | null {
  const operator = (c: Statecoin | undefined): string =>
    c && 'terms' in c ? c.terms.operator : c?.state === 'invited' ? c.operator : '';
  const owner = isOperators(coin) ? coin.entries.at(-1)!.owner_auth : '';
  switch (m.step) {
    case 'offered':
    case 'cancelled':
      return owner;
    case 'freed':
      return operator(coin);
    case 'opened':
    case 'moved':
      return operator(by === 'receiver' ? next : coin);
    case 'sent':
      // Whom the operator's record names; whoever was invited has no other word for it, and looks whose record it is.
      if (by === 'receiver') return (isPending(next) ? next : m.record).entries.at(-1)!.owner_auth;
      return owner;
    case 'invited':
    case 'received':
    case 'declined':
      return vouchedKey(m.invite.auth, authOf(coin, m.invite.pubkey));
    default:
      return null;
  }
}

/** The coin as the chain should show it. */
const coinOf = (m: { coin: { outpoint: { txid: string; vout: number } } }) => ({
  tip: true as const,
  coins: [outpointText(m.coin.outpoint)],
});
const erased = ({ records: { next } }: { records: Found }): boolean => isPending(next) && next.nonce === null;

/** Table of `statechain-transfer`: from the receiver's invitation to its backup. */
export const transferStatechain = table<TransferMessage, TransferRecords, TransferInput>(
  {
    type: TYPE,
    server: 'operator',
    kinds: { coin: statecoinKind, next: statecoinKind },
    parse: parseTransfer,
    find(m, input) {
      const id = m && 'coin' in m ? m.coin.id : input.contract;
      const key = m && invited(m);
      return { ...(id !== undefined && { coin: idClaim(id) }), ...(key && { next: keyClaim(key) }) };
    },
    roleOf: (c) => (isOwners(c as Statecoin) || isOperators(c as Statecoin) ? 'coin' : 'next'),
    party: ({ message, input, records }) => partyOf(message, input, records),
    peer: ({ message: m, records }, by) => (m ? peerOf(m, records, by) : null),
    sealWith: ({ coin, next }, by) =>
      (by === 'operator' ? OPERATOR : by === 'sender' ? coin?.own : next?.own)?.path ?? null,
    states: ({ coin, next }, by) => statedCoin(by === 'receiver' ? next : coin),
    cancel: ({ message: m, records: { coin, next }, by, ...hand }) => {
      if (by === 'operator' && isOperators(coin)) return dropOpening(coin, m, hand.network);
      if (by === 'sender' && isOwners(coin)) return takeBack(hand, m, coin);
      if (by === 'receiver' && isPending(next)) return decline(hand, m, next);
      if (by === 'receiver' && m && 'opening' in m) return declineNamed(hand, m, next);
      if (by === 'receiver' && next?.state === 'invited') return { writes: { next: cancelled(next) } };
      throw new Refusal('too-late-to-cancel', `nothing to cancel as ${by}`);
    },
  },
  (row) => [
    row({
      name: 'invited',
      after: null,
      by: 'receiver',
      does: 'shows fresh keys and an address, and the operator that it trusts',
      asks: ['as', 'operator'],
      may: ['payout'],
      needs: ({ input }) => ({ payout: unnamed(input.payout) }),
      take: ({ input, facts, ...hand }) => {
        const [address] = addressesFor([input.payout], facts.payout);
        scriptOf(address, hand.network as Parameters<typeof scriptOf>[1]);
        return invite(hand, input.operator, address);
      },
    }),
    row({
      name: 'offered',
      after: 'invited',
      by: 'sender',
      does: 'offers this coin to those keys',
      asks: ['contract'],
      take: ({ message, records }) => offer(message, records),
    }),
    row({
      name: 'opened',
      after: 'offered',
      by: 'operator',
      does: 'freezes the coin and draws a new share for it; its record, signed',
      needs: ({ message }) => coinOf(message),
      take: ({ message, records, facts, ...hand }) => freeze(hand, message, records, facts),
    }),
    row({
      name: 'sent',
      after: 'opened',
      by: 'sender',
      does: 'hands on the backups and its half of the key update; from here a cancel needs the receiver',
      take: ({ message, records, ...hand }) => send(hand, message, records),
    }),
    row({
      name: 'received',
      after: 'sent',
      by: 'receiver',
      does: 'checks everything, answers with its half and the nonce of its own backup',
      may: ['minRemaining', 'minConf', 'maxLock'],
      needs: ({ message }) => coinOf(message),
      take: ({ message, records, input, facts, ...hand }) => receiveCoin(hand, message, records, facts, input),
    }),
    row({
      name: 'moved',
      after: 'received',
      by: 'operator',
      stands: true,
      does: 'replaces its share, counts and signs the new backup, destroys the old share; the receipt',
      needs: ({ message }) => coinOf(message),
      take: ({ message, records, facts, ...hand }) => move(hand, message, records, facts),
    }),
    row({
      name: 'received',
      after: 'moved',
      by: 'receiver',
      does: 'asks for its backup again, with a new nonce',
      when: ['where its nonce was erased', erased],
      agrees: ['unchecked'],
      take: ({ message, records, ...hand }) => receiveAgain(hand, message, records),
    }),
    row({
      name: 'owned',
      after: 'moved',
      by: 'receiver',
      stands: true,
      does: 'looks at the chain again, completes its backup and prints it: now it is paid',
      when: ['with its nonce', (seen) => !erased(seen)],
      needs: ({ message }) => ({
        ...coinOf(message),
        ...outcomeNeeds([{ outpoint: message.coin.outpoint, ways: [] }]),
        known: [message.coin.outpoint.txid],
        ours: [scriptOf(message.invite.address, message.network as never)],
      }),
      agrees: ['unchecked'],
      take: ({ message, records, input, facts, ...hand }) => own(hand, message, records, facts, input),
    }),
    row({
      name: 'paid',
      after: 'moved',
      by: 'sender',
      stands: true,
      does: 'keeps the receipt: it has paid',
      needs: ({ records: { coin } }) => ({
        ours: isOwners(coin) ? [scriptOf(coin.entries.at(-1)!.address, coin.terms.network)] : [],
      }),
      take: ({ message, records, facts }) => keepReceipt(message, records, facts),
    }),
    row({
      name: 'freed',
      after: 'declined',
      by: 'operator',
      ends: true,
      does: 'destroys what it drew for the transfer; the coin is free',
      take: ({ message, records }) => free(message, records),
    }),
    row({
      name: 'freed',
      after: 'cancelled',
      by: 'operator',
      ends: true,
      does: 'destroys what it drew for the transfer; the coin is free',
      take: ({ message, records }) => free(message, records),
    }),
    row({
      name: 'kept',
      after: 'freed',
      by: 'sender',
      ends: true,
      does: 'has the coin again; says whether the cancel is final',
      take: ({ message, records }) => keep(message, records),
    }),
  ],
);
