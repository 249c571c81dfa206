/** The contracts of a home, watched: exits freeze, children are signed, what the chain settled is marked. */
import { contractInput } from '../credit/transactions.ts';
import { closeCredit } from '../credit/close.ts';
import { exitCredit } from '../credit/exit.ts';
import { creditKind, isFunded, rollingOf, settledAs, type Credit, type FundedCredit } from '../credit/records.ts';
import { openNonces } from '../credit/steps.ts';
import { watchedOf } from '../credit/watched.ts';
import { change } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import { lostOf } from '../home/lost.ts';
import type { Action } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { parseJson } from '../protocol/json.ts';
import type { Ports } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { bump } from './bump.ts';
import { contractsOf } from './contracts.ts';
import { play } from './play.ts';
import type { Post } from './watch.ts';

/** @param only the contract that is watched; undefined: all */
export function homePost(home: Home, ports: Ports, only: string | undefined): Post {
  const records = async (): Promise<Credit[]> => (await contractsOf(home)).map(({ record }) => record);
  const funded = async (id: string): Promise<FundedCredit> =>
    (await records()).find((c): c is FundedCredit => isFunded(c) && c.id === id)!;
  const watched = (c: FundedCredit, all: readonly Credit[], restored = false) => {
    const key = rollingOf(c)?.nextKey;
    const next = key === undefined ? undefined : all.find((n) => 'terms' in n && n.terms.payee_pubkey === key);
    return watchedOf(c, next && 'outpoint' in next ? next : undefined, restored);
  };
  const start = (table: Action<any, any, any>, contract: string) =>
    play(table, { json: null, input: { contract }, merged: [] }, ports);
  return {
    network: home.network,
    async list() {
      // Looked at each time: another process reconciles.
      const restored = (await lostOf(home.store)) === 'pending';
      const all = await records();
      const live = all.filter(isFunded).filter((c) => !c.settled && (only === undefined || c.id === only));
      return { watched: live.map((c) => watched(c, all, restored)), bad: [] };
    },
    async freeze({ id }) {
      await start(exitCredit, id);
      const { own } = watched(await funded(id), await records());
      if (!own) throw new Refusal('bug', `contract ${id} has no exit after it was printed`);
      return own;
    },
    async withChild({ id }, tx, feerate) {
      const record = await funded(id);
      const topUps = tx.by === 'rollover' ? (rollingOf(record)?.topUps ?? []) : [];
      const spends = [contractInput(record, 0), ...topUps];
      const stuck = { network: home.network, hex: tx.hex, spends };
      // The budget has bounded the feerate; a tenth of what a small contract pays may be too little to save it.
      const options = { coins: [], merged: [], feerate, payTo: undefined, allowFee: true };
      const { document } = await bump(home, stuck, options);
      if (!document.package) throw new Refusal('not-signed', 'the child spends what this home has no key for');
      return { txs: document.package, fee_sat: document.fee_sat };
    },
    async propose({ id }) {
      return parseJson((await start(closeCredit, id)).text) as object;
    },
    async settle({ id }, settled) {
      await change(
        home.store,
        { contract: creditKind },
        () => ({ contract: idClaim(id) }),
        ({ contract }) => {
          const c = contract as FundedCredit;
          return { writes: { contract: settledAs(c, settled) }, result: undefined, voids: openNonces(c) };
        },
      );
    },
  };
}
