/**
 * What the chain makes of small balances: reserves, dust, and the price of leaving a channel factory alone.
 *
 * Sources: BOLT2 and BOLT3, Bitcoin Core's policy, and the trees of SuperScalar (https://delvingbitcoin.org/t/1143) with
 * leaves of two clients and branches of two; sizes in virtual bytes. Not here: what services charge (`service.ts`).
 */

const head = (kind: string, source: string) => ({ type: 'cost', version: 1, kind, source });

/** What each side of a channel cannot spend. @param permille of the capacity; 10 is what BOLT2 suggests */
export function reserveCost(capacity: bigint, permille: bigint, dust: bigint): object {
  const part = (capacity * permille) / 1000n;
  const reserve = part > dust ? part : dust;
  return {
    ...head('reserve', 'BOLT2'),
    capacity_sat: capacity,
    reserve_sat: reserve,
    spendable_sat: capacity > reserve ? capacity - reserve : 0n,
  };
}

/** The least output of each form that nodes relay. */
export const dustCost = (): object => ({
  ...head('dust', 'BOLT3, Bitcoin Core'),
  bolt3_sat: { p2pkh: 546, p2sh: 540, p2wpkh: 294, p2wsh: 330, segwit: 354 },
  core_sat: { p2pkh: 546, p2sh: 540, p2wpkh: 294, p2wsh: 330, p2tr: 330, p2a: 240 },
});

/** Transactions that one client must put on the chain, by the number of clients, and their size without fees' children. */
export const EXIT_PATHS = {
  8: { transactions: 5n, vb: 878n },
  16: { transactions: 6n, vb: 1088n },
  64: { transactions: 9n, vb: 1589n },
  128: { transactions: 11n, vb: 1880n },
  1000: { transactions: 15n, vb: 2591n },
} as const satisfies Record<number, { transactions: bigint; vb: bigint }>;

export interface Exit {
  path: { transactions: bigint; vb: bigint };
  feerateKvb: bigint;
  /** Of a child that pays for each transaction. */
  childVb: bigint;
  commitmentVb: bigint;
  /** How many times its fee a balance must be to be worth leaving with. */
  times: bigint;
  /** For a mass exit: everybody's leaf at once, ancestors shared. */
  users?: bigint | undefined;
  leafVb: bigint;
  blockVb: bigint;
  balance?: bigint | undefined;
}

/** What it costs one client to leave alone, the least balance for which that is worth it, and what a mass exit takes. */
export function exitCost(exit: Exit): object {
  const { path, feerateKvb, childVb, commitmentVb, times, users, leafVb, blockVb, balance } = exit;
  const vb = path.vb + path.transactions * childVb + commitmentVb;
  const price = (size: bigint): bigint => (size * feerateKvb + 999n) / 1000n;
  const fee = price(vb);
  const mass = users === undefined ? undefined : users * leafVb;
  return {
    ...head('exit', 'delvingbitcoin 1143'),
    transactions: path.transactions,
    vb,
    fee_sat: fee,
    least_balance_sat: times * fee,
    ...(balance !== undefined && { balance_sat: balance, worth_it: balance >= times * fee }),
    ...(mass !== undefined && {
      mass_exit: { users, vb: mass, fee_sat: price(mass), blocks: (mass + blockVb - 1n) / blockVb },
    }),
  };
}
