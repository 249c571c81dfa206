/**
 * Costs of small balances on the chain: reserves, dust, and the price of leaving a channel factory
 * alone.
 *
 * Sources: BOLT2 and BOLT3, Bitcoin Core's policy, and the trees of SuperScalar
 * (https://delvingbitcoin.org/t/1143) with leaves of two clients and branches of two; sizes in
 * vbytes. Not here: charges of services (`service.ts`).
 */
import { Refusal } from '../protocol/refusal.ts';

/** Returns the fields that every answer begins with. */
export const costHead = (kind: string, source: string) => ({ type: 'cost', version: 1, kind, source });

/** Capacity in satoshis, reserved part in thousandths, and smallest reserve in satoshis. */
export interface Reserve {
  capacity: bigint;
  permille?: bigint | undefined;
  dust?: bigint | undefined;
}
/** Returns the amount that each side of a channel cannot spend; BOLT2 suggests 1 percent. */
export function reserveCost({ capacity, permille = 10n, dust = 354n }: Reserve): object {
  const part = (capacity * permille) / 1000n;
  const reserve = part > dust ? part : dust;
  return {
    ...costHead('reserve', 'BOLT2'),
    capacity_sat: capacity,
    reserve_sat: reserve,
    spendable_sat: capacity > reserve ? capacity - reserve : 0n,
  };
}

/** Returns the smallest output of each form that nodes relay. */
export const dustCost = (): object => ({
  ...costHead('dust', 'BOLT3, Bitcoin Core'),
  bolt3_sat: { p2pkh: 546, p2sh: 540, p2wpkh: 294, p2wsh: 330, segwit: 354 },
  core_sat: { p2pkh: 546, p2sh: 540, p2wpkh: 294, p2wsh: 330, p2tr: 330, p2a: 240 },
});

/** Transactions of one client and their size without fee children, by the number of clients. */
const BRANCHES = {
  8: [5n, 878n],
  16: [6n, 1088n],
  64: [9n, 1589n],
  128: [11n, 1880n],
  1000: [15n, 2591n],
} as const;
/** Numbers of clients for which the size of a SuperScalar tree is known. */
export const EXIT_CLIENTS = ['8', '16', '64', '128', '1000'] as const;

/** Branch, by the clients of its tree, or by its transactions and their size in vbytes. */
export interface FactoryExit {
  clients?: (typeof EXIT_CLIENTS)[number] | undefined;
  transactions?: bigint | undefined;
  exitVb?: bigint | undefined;
  /** Satoshis per 1,000 vbytes. */
  feerate: number;
  /** Size of the child that pays for each transaction. */
  childVb?: bigint | undefined;
  commitmentVb?: bigint | undefined;
  /** Multiple of the fee that makes a balance worth leaving with. */
  times?: bigint | undefined;
  balance?: bigint | undefined;
  /** Users of a mass exit: each has a leaf of its own and shares ancestors. */
  users?: bigint | undefined;
  leafVb?: bigint | undefined;
  blockVb?: bigint | undefined;
}

/**
 * Returns the cost of leaving alone, the smallest balance that is worth it, and what a mass exit
 * takes.
 * @throws Refusal `usage` if no branch is named, or blocks have no size
 */
export function exitCost(exit: FactoryExit): object {
  const { clients, feerate, childVb = 152n, commitmentVb = 154n, times = 3n, balance, users } = exit;
  const { leafVb = 43n, blockVb = 1_000_000n } = exit;
  const [transactions, exitVb] = clients === undefined ? [exit.transactions, exit.exitVb] : BRANCHES[clients];
  if (transactions === undefined || exitVb === undefined)
    throw new Refusal('usage', 'no branch found: give --clients, or --exit-vb and --transactions');
  if (blockVb === 0n) throw new Refusal('usage', '--block-vb: 0 found, more expected');
  const vb = exitVb + transactions * childVb + commitmentVb;
  const price = (size: bigint): bigint => (size * BigInt(feerate) + 999n) / 1000n;
  const least = times * price(vb);
  const mass = users === undefined ? undefined : users * leafVb;
  return {
    ...costHead('exit', 'delvingbitcoin 1143'),
    transactions,
    vb,
    fee_sat: price(vb),
    least_balance_sat: least,
    ...(balance !== undefined && { balance_sat: balance, worth_it: balance >= least }),
    ...(mass !== undefined && {
      mass_exit: { users, vb: mass, fee_sat: price(mass), blocks: (mass + blockVb - 1n) / blockVb },
    }),
  };
}
