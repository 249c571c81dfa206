/** Which messages a cancel gave up: by what is gone of the records of its home. */
import { isOpening, payeePubkey, rollingOf, type Credit } from '../../../src/lib/credit/records.ts';
import type { Message } from '../../support/party.ts';
import type { Sent } from './world.ts';

/** The payee's key of the contract that the message would make. */
export const payeeKeyOf = (m: Message): string | undefined =>
  m['offer']?.pubkey ?? m['next_contract']?.payee_pubkey ?? m['contract']?.payee_pubkey;

const ownKey = (c: Credit): string => ('own' in c ? c.own.path.join() : '');

export function voidedBy(before: readonly Credit[], after: readonly Credit[]): (one: Sent) => boolean {
  const openings = new Set<string>();
  const requests = new Set<string>();
  const closes = new Set<string>();
  for (const c of before) {
    const now = after.find((a) => ownKey(a) === ownKey(c));
    const key = payeePubkey(c);
    if (isOpening(c) && now?.state === 'cancelled' && key) openings.add(key);
    const rolling = rollingOf(c);
    if (rolling && !(now && rollingOf(now))) openings.add(rolling.nextKey);
    if (!('id' in c)) continue;
    if ('live' in c)
      for (const { sighash, paidSat } of c.live)
        if (!(now && 'live' in now && now.live.some((l) => l.sighash === sighash))) requests.add(`${c.id} ${paidSat}`);
    if ('closing' in c && c.closing && !(now && 'closing' in now && now.closing)) closes.add(c.id);
  }
  return ({ type, message: m }) => {
    if (type === 'sign-update')
      return m['step'] === 'requested' && requests.has(`${m['contract'].id} ${m['paid_sat']}`);
    if (type === 'close-credit') return m['step'] === 'proposed' && closes.has(m['contract'].id);
    if (type === 'rollover' && m['step'] === 'asked') return false;
    return (type === 'rollover' || type === 'open-credit') && openings.has(payeeKeyOf(m) ?? '');
  };
}
