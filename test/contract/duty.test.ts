/** Decisions over duties: by moment, by what the chain shows of the coin, and by what fees may cost. */
import { describe, expect, it } from 'vitest';
import { decideDuty, type CoinSeen, type Duty, type ChainView } from '../../src/lib/contract/duty.ts';
import { duty, ready, rival, rules, seen, spent, unsigned, unspent } from './dutiful.ts';

const due = (coin: CoinSeen, d: Partial<Duty> = {}, s: Partial<ChainView> = {}, r = rules) =>
  decideDuty(duty(d), seen(coin, s), r);
const absent: CoinSeen = { coin: 'absent', depth: 0, spend: null };

describe('a duty', () => {
  it('rests before its moment, and is sent at it', () => {
    expect(due(unspent, {}, { tip: 98 })).toEqual({ do: 'rest' });
    expect(due(unspent, {}, { tip: 99 })).toEqual({ do: 'send', event: 'exit', tx: ready, child: null });
    expect(due(unspent, { from: null }, { tip: 0 })).toMatchObject({ do: 'send' });
    expect(due(unspent, { sent: true }, { tip: 0 })).toMatchObject({ do: 'send', event: 'rebroadcast' });
  });
  it.each([
    [absent, 'unfunded'],
    [{ ...absent, coin: 'unclear' } as const, 'not-found'],
    [{ ...absent, coin: 'spent' } as const, 'spent-otherwise'],
    [spent({ confirmations: 9, txid: null }), 'spent-otherwise'],
    [spent({ confirmations: 9, paysSat: null, lostSat: null }), 'spent-otherwise'],
  ])('ends by nothing that no transaction shows', (coin, event) => {
    expect(due(coin)).toEqual({ do: 'tell', event, short: true });
  });
  it('is settled or lost by a final transaction, not before', () => {
    expect(due(spent({ confirmations: 5 }))).toEqual({ do: 'tell', event: 'confirming' });
    expect(due(spent({ confirmations: 6 }))).toMatchObject({ do: 'end', event: 'settled', txid: 'exit-txid' });
    expect(due(rival({ confirmations: 5 }))).toMatchObject({
      event: 'overtaken',
      short: true,
      more: { short_sat: 50_000n },
    });
    expect(due(rival({ confirmations: 6 }))).toMatchObject({ do: 'end', event: 'lost', lostSat: 50_000n });
  });
  it('gets a child where its feerate is too low, within a tenth of its worth', () => {
    expect(due(unspent, {}, { feerate: 10_000 })).toMatchObject({ do: 'send', child: { feeSat: 2_310n } });
    expect(due(unspent, {}, { feerate: 300_000 })).toMatchObject({ do: 'send', child: { feeSat: 5_000n } });
    expect(due(unspent, {}, { feerate: 300_000, least: 300_000 })).toMatchObject({
      do: 'tell',
      event: 'over-budget',
      short: true,
      more: { needs_sat: 78_000n, deadline_height: 120 },
    });
    expect(due(unspent, { tx: { ...ready, children: [] } }, { feerate: 5_000, least: 5_000 })).toMatchObject({
      event: 'needs-bump',
    });
  });
  it('is helped in the mempool, by its own maker alone', () => {
    expect(due(spent())).toEqual({ do: 'tell', event: 'in-mempool' });
    expect(due(spent(), {}, { feerate: 10_000 })).toMatchObject({ do: 'bump', child: { feeSat: 2_310n } });
    expect(due(spent({ paying: null }), {}, { feerate: 10_000 })).toMatchObject({ event: 'in-mempool' });
    expect(due(spent({ txid: 'withdrawal' }), {}, { feerate: 10_000 })).toMatchObject({ event: 'in-mempool' });
    expect(due(spent(), {}, { feerate: 10_000 }, { ...rules, feeBudgetSat: 0n })).toMatchObject({
      event: 'over-budget',
    });
  });
  it('outbids what takes its money, as soon as it is valid', () => {
    const told = { by: 'former', txid: 'dd', pays_sat: 0n, short_sat: 50_000n };
    expect(due(rival(), {}, { tip: 98 })).toEqual({ do: 'tell', event: 'overtaken', short: true, more: told });
    expect(due(rival())).toMatchObject({ do: 'send', event: 'exit', beaten: told, child: { feeSat: 261n } });
    const dear = { feeSat: 90_000n, vsize: 150 };
    expect(due(rival({ paying: { all: dear, own: dear } }))).toMatchObject({ event: 'over-budget', beaten: told });
  });
});

describe('a transaction that is signed when it is sent', () => {
  const claim = { tx: unsigned, does: 'claim' };
  it('pays the feerate of now, within the budget and above dust', () => {
    expect(due(unspent, claim)).toEqual({ do: 'sign', event: 'claim', tx: unsigned, feeSat: 300n });
    expect(due(unspent, claim, { feerate: 900_000 })).toMatchObject({ do: 'sign', feeSat: 5_000n });
    expect(due(unspent, claim, { feerate: 900_000 }, { ...rules, feeBudgetSat: 60_000n })).toMatchObject({
      feeSat: 49_670n,
    });
    expect(due(unspent, claim, { least: 40_000 })).toMatchObject({ event: 'over-budget', more: { by: 'claim' } });
  });
  it('takes its own place at a higher fee, and that of a rival', () => {
    expect(due(spent({ by: 'claim' }), claim, { feerate: 10_000 })).toMatchObject({
      do: 'sign',
      event: 'bump',
      feeSat: 1_500n,
    });
    expect(due(spent({ by: 'claim' }), claim, { feerate: 2_900 })).toMatchObject({ event: 'in-mempool' });
    expect(due(rival(), claim)).toMatchObject({ do: 'sign', event: 'claim', feeSat: 450n });
  });
});
