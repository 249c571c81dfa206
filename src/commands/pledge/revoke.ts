import type { Exit } from '../../lib/contract/exit-package.ts';
import { pledgeExit } from '../../lib/pledge/ways.ts';
import { outpointText } from '../../lib/bitcoin/outpoint.ts';
import { change } from '../../lib/home/change.ts';
import type { Home } from '../../lib/home/home.ts';
import { revocationCopy } from '../../lib/pledge/copy.ts';
import { ownClaim, pledgeKind, type OwnPledge } from '../../lib/pledge/records.ts';
import type { FactSource } from '../../lib/protocol/ports.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { door } from '../../lib/cli/door.ts';
import { portsOf } from '../../lib/cli/contract.ts';
import { chainFlags, homeFlags, textFlag } from '../../lib/cli/flags.ts';
import { withHome } from '../../lib/cli/home.ts';
import { print } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';
import { nowFrom, packageFlags, packageText } from '../../lib/cli/package-flags.ts';
import { feeFlags } from '../../lib/cli/contract-flags.ts';
import { pledgeNamed } from './shared.ts';

export default door({
  summary: 'Take a pledge back: the finished transaction that spends its coin to this home',
  description: `Prints the transaction that was made with the pledge, for spillway broadcast. A pledge has no other end: until a block has this transaction, whoever has the pledge can complete with it. Against a transaction that completes the campaign, whichever a block takes first stands; the higher fee rate replaces the other in the mempool, and spillway bump raises it. The pledge is not printed again.`,
  examples: [
    'Taken back and sent\nspillway pledge revoke --home alice --contract "$CAMPAIGN" | spillway broadcast',
    'The home is lost: its copy lies beside it\nspillway broadcast < "alice.refunds/pledge-$TXID-0.json"',
  ],
  flags: {
    ...homeFlags,
    ...chainFlags,
    contract: textFlag('Id of the campaign, or at least its first 8 digits', 'ID', {
      required: true,
      helpGroup: 'ACTION',
    }),
    coin: textFlag('The pledged coin, where several of this home are pledged to it', 'TXID:VOUT', 'ACTION'),
    ...packageFlags,
    ...feeFlags,
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 73, 75, 77],
  run: (flags) =>
    withHome(flags, async (home) => {
      const { source } = await portsOf(home, flags);
      if (flags.quote) {
        const way = await wayBack(home, flags.contract, flags.coin);
        return print(await packageText('pledge', way, flags, await nowFrom(source), home));
      }
      const { document, exit, isThere } = await revoke(home, flags.contract, flags.coin, source);
      await print(flags.package ? await packageText('pledge', exit, flags, await nowFrom(source), home) : document);
      if (isThere) return;
      note('the coin is not among the unspent ones: it may have paid the campaign, or be taken back already');
      process.exitCode = 3;
    }),
});

/** Returns the finished way back of a pledge, which stays unchanged. @throws Refusal as `revoke` */
async function wayBack(home: Home, prefix: string, coin: string | undefined): Promise<Exit> {
  const own = await pledgeNamed(home, prefix, coin);
  checkShown(own);
  return pledgeExit(own);
}

function checkShown({ state }: OwnPledge): void {
  if (state === 'split' || state === 'cancelled')
    throw new Refusal('wrong-state', 'nobody was shown this pledge: its coin is not split off', {
      hint: 'spillway pledge make --contract ID --cancel gives it up',
    });
}

/**
 * Takes a pledge back: from then on it is not printed again.
 * @returns its finished transaction, and whether a node shows the coin, or none was asked
 * @throws Refusal `wrong-state` for a pledge that nobody was shown, and as `contractNamed`
 */
export async function revoke(
  home: Home,
  prefix: string,
  coin: string | undefined,
  source: FactSource,
): Promise<{ document: object; exit: Exit; isThere: boolean }> {
  const named = await pledgeNamed(home, prefix, coin);
  const own = await change<{ own: OwnPledge }, OwnPledge>(
    home.store,
    { own: pledgeKind },
    () => ({ own: ownClaim(named) }),
    ({ own: record = named }) => {
      checkShown(record);
      const taken: OwnPledge = record.state === 'spent' ? record : { ...record, state: 'revoked' };
      return { writes: { own: taken }, result: taken };
    },
  );
  await home.copy([revocationCopy(own)]);
  const { pledge, revocation, campaign, network } = own;
  const at = outpointText(pledge);
  const { facts } = await source.facts({ coins: [at] });
  const coins = facts.coins ?? 'not-checked';
  const isThere = coins === 'not-checked' || coins.get(at) !== 'missing';
  const document = {
    type: 'pledge-revoke',
    version: 1,
    network,
    campaign: campaign.id,
    coin: at,
    sat: pledge.sat,
    script: pledge.script,
    txid: revocation.txid,
    hex: revocation.hex,
    fee_sat: revocation.feeSat,
    checks: { coin: coins === 'not-checked' ? 'not-checked' : isThere ? 'unspent' : 'missing' },
  };
  return { document, exit: pledgeExit(own), isThere };
}
