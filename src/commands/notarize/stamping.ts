/**
 * Stamps: documents are hashed and hidden under one root, to which a paid transaction commits.
 * Not here: the tree (`notary/tree.ts`), the lines of a plan (`plan.ts`).
 */
import { basename } from 'node:path';
import { createHash } from 'node:crypto';
import { bytesToHex } from '../../lib/bitcoin/bytes.ts';
import { outpointsOf } from '../../lib/bitcoin/coin-checks.ts';
import type { Funding } from '../../lib/bitcoin/funding.ts';
import { NETWORKS } from '../../lib/bitcoin/network.ts';
import { checkDust } from '../../lib/bitcoin/script.ts';
import type { Spent } from '../../lib/bitcoin/transaction.ts';
import { change } from '../../lib/home/change.ts';
import type { Home } from '../../lib/home/home.ts';
import { stampKind, type Stamp } from '../../lib/notary/records.ts';
import { internalSecret, keyPath } from '../../lib/notary/taproot.ts';
import { checkFits, commitment, Leaves, rootOver } from '../../lib/notary/tree.ts';
import { idClaim } from '../../lib/protocol/claims.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { xOnlyKey } from '../../lib/signing/bip340.ts';
import { note } from '../../lib/engine/log.ts';
import {
  chainFlags,
  choiceFlag,
  homeFlags,
  inGroup,
  satFlag,
  switchFlag,
  textFlag,
  type Values,
} from '../../lib/cli/flags.ts';
import { coinsFrom, contractFlag, feeFlags } from '../../lib/cli/contract-flags.ts';
import { contractNamed } from '../../lib/cli/named.ts';
import { print } from '../../lib/cli/output.ts';
import { checkUnsent, paymentFields } from '../../lib/cli/payment.ts';
import { factsFor } from '../../lib/cli/chain.ts';
import { withOwnHome } from '../../lib/cli/home.ts';
import { readObjects, printPlan, planScript, type Plan } from './plan.ts';
import { digestOf } from './shared.ts';

/** Secret of a home from which the nonces of one plan follow. */
const NONCES = 2;
/** Default value of a taproot commitment, in satoshis. */
const DEFAULT_AMOUNT = 10_000n;

export const stampFlags = {
  network: choiceFlag(NETWORKS, "The network of the transaction (default: the home's, else mainnet)"),
  ...inGroup('FUNDING', {
    commit: choiceFlag(['op-return', 'taproot'], 'How the transaction commits to the root', { default: 'op-return' }),
    amount: satFlag('What the output of a taproot commitment holds (default 10000)'),
    utxo: textFlag("Coins to pay from, in the shape of Bitcoin Core's listunspent", 'FILE'),
    change: textFlag("Address for the change (default: a fresh one of the home's)", 'ADDRESS', { dependsOn: ['utxo'] }),
    cancel: switchFlag('Free the coins of a payment that was never sent', { dependsOn: ['home', 'contract'] }),
  }),
  contract: {
    ...contractFlag.contract,
    summary: 'Root of the plan, or its beginning: for --cancel',
    dependsOn: ['cancel'],
    helpGroup: 'FUNDING',
  },
  feerate: feeFlags.feerate,
  'allow-fee': switchFlag('Allow a fee above a tenth of the coins', 'FEES'),
  ...homeFlags,
  ...chainFlags,
};
type StampValues = Values<typeof stampFlags>;

/** Prints a plan: a line with the root, then a line a document. */
export const stamp = (files: readonly string[], flags: StampValues): Promise<void> =>
  withOwnHome(flags, flags.network, (home) =>
    home && flags.cancel ? giveUp(home, flags) : stampFor(home, files, flags),
  );

async function stampFor(home: Home | undefined, files: readonly string[], flags: StampValues): Promise<void> {
  const isTaproot = flags.commit === 'taproot';
  if (!isTaproot && flags.amount !== undefined)
    throw new Refusal('usage', '--amount found; it is for the output of --commit taproot');
  if (isTaproot && !home)
    throw new Refusal('usage', 'no home found: --commit taproot binds a coin to the root, which a home spends again', {
      hint: 'give --home DIR',
    });
  const { leaves, request } = await documents(files, flags.commit);
  const keys = (await home?.keys())?.keysWith([]);
  leaves.hide(
    keys ? keys.secret(keyPath('spillway/notary-nonces', request), NONCES) : crypto.getRandomValues(new Uint8Array(32)),
  );
  const root = rootOver(leaves);
  const taproot = isTaproot
    ? { internalKey: xOnlyKey(internalSecret(keys!, root)), leaf: commitment(root).script }
    : null;
  const network = home?.network ?? flags.network ?? 'mainnet';
  const plan: Plan = { network, time: Math.floor(Date.now() / 1000), taproot, root, leaves };
  const coins = flags.utxo === undefined ? undefined : await coinsFrom(flags.utxo);
  let checks: object = {};
  const make = async (): Promise<Funding> => {
    const { facts, checks: named } = await factsFor(flags, network, outpointsOf(coins!));
    const { payCoins } = await import('../../lib/engine/wallet.ts');
    const output = { sat: isTaproot ? (flags.amount ?? DEFAULT_AMOUNT) : 0n, script: planScript(plan) };
    if (isTaproot) checkDust(output, (least) => `${output.sat} sat found, at least ${least} sat expected`);
    const how = { coins: coins!, outputs: [output], change: flags.change, feerate: facts.feerate, network };
    const { funding, checked } = await payCoins(home, { ...how, allowFee: flags.allowFee }, facts.coins);
    if (!isTaproot) checkFits(funding.template);
    checks = { checks: { ...named, coins: checked } };
    return funding;
  };
  if (home) {
    const kept = await stampOnce(home, plan, coins, make);
    if (kept && flags.amount !== undefined) checkAmount(kept, flags.amount);
    if (kept) return printPlan({ ...plan, time: kept.time }, { ...paymentFields(kept.funding), ...checks });
    if (isTaproot)
      throw new Refusal('usage', 'no coins to pay from', { hint: 'give --utxo FILE, as spillway coins prints it' });
  }
  return printPlan(plan, coins ? { ...paymentFields(await make()), ...checks } : {});
}

/** Hashes documents, or reads digests; `request` follows from them. @throws Refusal `malformed` */
async function documents(files: readonly string[], commit: string): Promise<{ leaves: Leaves; request: Uint8Array }> {
  const leaves = new Leaves();
  const hashing = createHash('sha256').update(`${commit}\0`);
  const add = (digest: Uint8Array, name: string | undefined): void => {
    hashing.update(digest);
    leaves.add({ digest }, name);
  };
  for (const file of files) add(await digestOf(file, 'sha256'), basename(file));
  if (files.length === 0)
    for await (const from of readObjects(undefined))
      add(from.need('digest', from.bytes('digest', 32)), from.text('name'));
  if (leaves.length === 0) throw new Refusal('malformed', 'no document and no digest found, one at least expected');
  return { leaves, request: hashing.digest() };
}

/**
 * Returns the payment of a plan: made once, its coins reserved, and the same from then on.
 * @returns undefined where there is none, and no coins to pay from
 * @throws Refusal `answered-otherwise` where it is paid from other coins
 */
const stampOnce = (
  home: Home,
  plan: Plan,
  coins: readonly Spent[] | undefined,
  make: () => Promise<Funding>,
): Promise<Stamp | undefined> => {
  const root = bytesToHex(plan.root);
  return change<{ stamp: Stamp }, Stamp | undefined>(
    home.store,
    { stamp: stampKind },
    () => ({ stamp: idClaim(root) }),
    async ({ stamp: known }) => {
      if (known && known.coins.length > 0) {
        const given = coins && outpointsOf(coins);
        if (given && !known.coins.every((coin) => given.includes(coin)))
          throw new Refusal('answered-otherwise', `this home pays for these documents with ${known.coins.join(', ')}`, {
            hint: 'without --utxo the same plan is printed again; --cancel frees those coins where it was never sent',
          });
        return { writes: {}, result: known };
      }
      if (!coins) return { writes: {}, result: undefined };
      const { network, time, taproot } = plan;
      const funding = await make();
      const common = {
        network,
        root,
        time: known?.time ?? time,
        script: planScript(plan),
        taproot,
        payout: null,
        spends: [],
        changes: known ? known.changes + 1 : 0,
      };
      const made = { ...common, funding, coins: outpointsOf(funding.template.inputs) };
      return { writes: { stamp: made }, result: made };
    },
  );
};

/** Checks the amount of a payment that was made before. @throws Refusal `answered-otherwise` */
function checkAmount({ funding, script }: Stamp, amount: bigint): void {
  const { sat } = funding.template.outputs.find((output) => output.script === script)!;
  if (sat !== amount)
    throw new Refusal('answered-otherwise', `this home pays ${sat} sat to the root of these documents`, {
      hint: '--cancel first, where it was never sent',
    });
}

/** Frees the coins of a payment (--cancel). @throws Refusal `unknown-contract`, `wrong-state` */
async function giveUp(home: Home, flags: StampValues): Promise<void> {
  const root = (await contractNamed(home, flags.contract!))!;
  const hint = 'the same documents give its plan again; notarize spend spends the coin of a taproot commitment';
  const coins = await change<{ stamp: Stamp }, readonly string[]>(
    home.store,
    { stamp: stampKind },
    () => ({ stamp: idClaim(root) }),
    async ({ stamp }) => {
      if (!stamp) throw new Refusal('unknown-contract', `this home keeps no payment for the root ${root}`);
      await checkUnsent(stamp.funding.template, (at) => factsFor(flags, home.network, at), hint);
      const given = stamp.coins.length === 0 ? stamp : { ...stamp, coins: [], changes: stamp.changes + 1 };
      return { writes: { stamp: given }, result: outpointsOf(stamp.funding.template.inputs) };
    },
  );
  note('spend one of its coins elsewhere, or whoever has the plan can still send it');
  await print({ type: 'notarize-stamp', version: 1, network: home.network, root, step: 'cancelled', coins });
}
