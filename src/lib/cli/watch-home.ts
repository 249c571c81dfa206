/** The contracts of a home, watched: exits freeze, children are signed, what the chain settled is marked. */
import { closeCredit } from '../credit/close.ts';
import { exitCredit } from '../credit/exit.ts';
import { creditKind, isFunded, rollingOf, settledAs, type Credit, type FundedCredit } from '../credit/records.ts';
import { watchedOf } from '../credit/watched.ts';
import { change } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import { lostOf } from '../home/lost.ts';
import type { Action } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { parseJson } from '../protocol/json.ts';
import type { Ports } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { bumpAlone } from './bump.ts';
import { contractsOf } from './contracts.ts';
import { lapse } from './lapse.ts';
import { play, playAgain } from './play.ts';
import type { Post } from './watch.ts';

function unlessNothing(error: unknown): undefined {
  if (!(error instanceof Refusal) || error.code !== 'nothing-to-print') throw error;
}

/** What a close waits for is told where it is asked for: here it is no fault, and only no offer. */
const NOT_YET = new Set(['update-in-flight', 'owed-unsettled', 'contract-restored', 'home-restored']);
function unlessNotYet(error: unknown): undefined {
  if (!(error instanceof Refusal) || !NOT_YET.has(error.code)) throw error;
}

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
    async withChild(_, { hex, fee }, feeSat) {
      const stuck = { network: home.network, hex, feeSat: fee };
      // The budget has bounded the fee; a tenth of what a small contract pays may be too little to save it.
      const dear = { feerate: 0, least: () => feeSat, allowFee: true };
      const { package: txs, fee_sat } = await bumpAlone(home, stuck, dear);
      return { txs, fee_sat };
    },
    async propose({ id, offers }) {
      // What it has printed may have got lost in a pipe; what showed a nonce that is gone is proposed anew.
      const kept =
        offers === 'again' ? await playAgain(closeCredit, idClaim(id), ports).catch(unlessNothing) : undefined;
      const said = kept ?? (await start(closeCredit, id).catch(unlessNotYet));
      return said && (parseJson(said.text) as object);
    },
    async lapse({ id }) {
      await lapse(home, id);
    },
    async settle({ id }, settled) {
      await change(
        home.store,
        { contract: creditKind },
        () => ({ contract: idClaim(id) }),
        ({ contract }) => {
          const c = contract as FundedCredit;
          return { writes: { contract: settledAs(c, settled) }, result: undefined };
        },
      );
    },
  };
}
