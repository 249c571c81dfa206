/** The contracts of a home, watched: exits freeze, children are signed, what the chain settled is marked. */
import { closeCredit } from '../credit/close.ts';
import { exitCredit } from '../credit/exit.ts';
import { creditKind, isFunded, rollingOf, settledAs, type Credit, type FundedCredit } from '../credit/records.ts';
import type { Contract } from '../credit/terms.ts';
import { listedOf, watchedOf } from '../credit/watched.ts';
import { change, loadRecords } from '../home/change.ts';
import type { Home } from '../home/home.ts';
import { lostOf } from '../home/lost.ts';
import type { Action } from '../protocol/action.ts';
import { idClaim, keyClaim } from '../protocol/claims.ts';
import { parseJson } from '../protocol/json.ts';
import type { Ports } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { bumpAlone } from './bump.ts';
import { contractsReader } from './contracts.ts';
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

/** A contract, and the one that it rolls into. */
interface Rolling {
  contract: FundedCredit;
  next: Contract | undefined;
}
const asNext = (c: Credit | undefined): Contract | undefined => (c && 'outpoint' in c ? c : undefined);

/** Of one contract, by its claims: how many others there are does not matter. */
async function read({ store }: Home, id: string): Promise<Rolling[]> {
  const { records } = await loadRecords<{ contract: Credit; next: Credit }>(
    store,
    { contract: creditKind, next: creditKind },
    ({ contract }) => {
      const key = rollingOf(contract)?.nextKey;
      return { contract: idClaim(id), next: key === undefined ? undefined : keyClaim(key) };
    },
  );
  const { contract, next } = records;
  return contract && isFunded(contract) ? [{ contract, next: asNext(next) }] : [];
}
function nextOfEach(all: readonly Credit[]): Rolling[] {
  const byKey = new Map(all.flatMap((c) => ('terms' in c ? [[c.terms.payee_pubkey, c] as const] : [])));
  return all.filter(isFunded).map((contract) => {
    const key = rollingOf(contract)?.nextKey;
    return { contract, next: key === undefined ? undefined : asNext(byKey.get(key)) };
  });
}

/** @param only the contract that is watched; undefined: all */
export function homePost(home: Home, ports: Ports, only: string | undefined): Post {
  const { store } = home;
  const all = contractsReader(home);
  const start = (table: Action<any, any, any>, contract: string) =>
    play(table, { json: null, input: { contract }, merged: [] }, ports);
  return {
    network: home.network,
    async list() {
      // Looked at each time: another process reconciles.
      const restored = (await lostOf(store)) === 'pending';
      const found = only === undefined ? nextOfEach((await all()).map(({ record }) => record)) : await read(home, only);
      const live = found.filter(({ contract }) => !contract.settled);
      return { listed: live.map(({ contract, next }) => listedOf(contract, next, restored)), bad: [] };
    },
    async freeze({ id }) {
      await start(exitCredit, id);
      const [frozen] = await read(home, id);
      const own = frozen && watchedOf(frozen.contract, frozen.next).own;
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
