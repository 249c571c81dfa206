/**
 * Builders of asset transactions: their flags, coins, fee rate, and the document that is printed.
 * Not here: the transactions (`assets/openassets/build.ts`).
 */
import { plainCoins, sortCoins } from '../../lib/assets/check.ts';
import type { Building, BuildRequest, BuiltTransaction, Grant } from '../../lib/assets/openassets/build.ts';
import { assetId } from '../../lib/assets/openassets/ids.ts';
import { readPayee } from '../../lib/assets/openassets/payee.ts';
import { addressIn } from '../../lib/assets/document.ts';
import { scriptOf } from '../../lib/bitcoin/address.ts';
import { payFrom } from '../../lib/bitcoin/coins.ts';
import type { Network } from '../../lib/bitcoin/network.ts';
import type { Output } from '../../lib/bitcoin/transaction.ts';
import { printJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { chainOf } from '../../lib/cli/chain.ts';
import { coinsFrom } from '../../lib/cli/contract-flags.ts';
import { fetching } from './decoding.ts';
import { feerateFlag, inGroup, repeated, switchFlag, textFlag, type Values } from '../../lib/cli/flags.ts';
import { print } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';
import { parentSource, sourceFlags } from './parents.ts';

const group = 'TRANSACTION';
const spendFlags = inGroup(group, {
  utxo: textFlag("Coins to take from, in the shape of Bitcoin Core's listunspent", 'FILE', { required: true }),
  change: textFlag('Address for the change', 'ADDRESS', { required: true }),
  feerate: feerateFlag("Fee rate (default: the node's estimate, else 2 sat/vB)"),
  'allow-fee': switchFlag('Pay a fee above a tenth of the inputs'),
  psbt: switchFlag('Print only the PSBT, for another wallet'),
});
export const payFlags = { ...sourceFlags, ...spendFlags };
export const buildFlags = {
  ...payFlags,
  to: textFlag('Give so many units to an Open Assets address', 'ADDRESS=UNITS', { ...repeated, required: true }),
  metadata: textFlag('Metadata of the marker, such as u=https://…', 'TEXT'),
  'allow-plain-address': switchFlag('Send units to addresses that are not in the Open Assets form'),
  burn: switchFlag('Allow units to be destroyed'),
};

type BuildValues = Values<typeof buildFlags>;

/** Reads `ADDRESS=UNITS`. @throws Refusal `usage`, `plain-address`, or as addresses do */
function grantsOf(to: readonly string[], network: Network, plain: boolean): Grant[] {
  return to.map((text) => {
    const [, address, units] = /^([^=]+)=([1-9]\d{0,18})$/.exec(text) ?? [];
    if (address === undefined || BigInt(units!) >= 2n ** 63n)
      throw new Refusal('usage', `--to ${JSON.stringify(text.slice(0, 80))} found, ADDRESS=UNITS expected`);
    const { script, oa } = readPayee(address, network);
    if (!oa && !plain)
      throw new Refusal('plain-address', `${address} found, an Open Assets address expected`, {
        hint: '--allow-plain-address if the receiver knows; segwit has no other form',
      });
    return { script, units: BigInt(units!) };
  });
}

/** Returns the fee rate, and where it comes from. */
async function rateOf(flags: Values<typeof payFlags>): Promise<{ feerate: number; from: string }> {
  if (flags.feerate !== undefined) return { feerate: flags.feerate, from: 'flag' };
  const { factSource } = await import('../../lib/chain/source.ts');
  const chain = await chainOf(flags);
  const { facts, checks } = await factSource({ network: flags.network, ...chain }).facts({ feerate: true });
  return { feerate: facts.feerate!, from: checks['feerate']! };
}

/** Coins, and what is known about them, for a transaction to be built. */
type Means = Pick<BuildRequest, 'coins' | 'parents' | 'network' | 'feerate'> & { allowFee: boolean };
/** Builds once all parents are there; where some are missing, prints their ids: exit 3. */
async function builtFrom<T extends object>(
  type: string,
  flags: Values<typeof payFlags>,
  make: (means: Means) => T | { missing: readonly string[] },
): Promise<{ made: T; from: string } | undefined> {
  const { network, allowFee = false } = flags;
  const coins = await coinsFrom(flags.utxo);
  const { shared: parents, fetch } = await parentSource(flags);
  const { feerate, from } = await rateOf(flags);
  const look = () => {
    const made = make({ coins, parents, network, feerate, allowFee });
    return { made, missing: 'missing' in made ? (made.missing as readonly string[]) : [] };
  };
  const { made, missing } = await fetching(parents, look, fetch);
  if (!('missing' in made)) return { made, from };
  note('parents are missing: supply them with --prev or --chain, so that no coloured coin is spent unseen');
  await print({ type, version: 1, network, missing });
  process.exitCode = 3;
  return undefined;
}

/**
 * Pays these outputs from coins that carry no units under any protocol. Undefined where parents
 * are missing.
 * @throws Refusal as `payFrom` and `sortCoins` do
 */
export const payPlain = (type: string, flags: Values<typeof payFlags>, outputs: readonly Output[]) =>
  builtFrom<ReturnType<typeof payFrom>>(type, flags, ({ coins, parents, ...how }) => {
    const { plain, missing } = plainCoins(sortCoins(coins, { network: how.network, parents }));
    try {
      return payFrom({ ...how, coins: plain, outputs, change: flags.change, version: 2 });
    } catch (error) {
      if (missing.length === 0 || !(error instanceof Refusal) || error.code !== 'not-enough-coins') throw error;
      return { missing };
    }
  });

/** Builds an Open Assets transaction, and prints. */
export async function build(
  type: string,
  flags: BuildValues,
  make: (request: BuildRequest) => Building,
): Promise<void> {
  const { network, burn = false } = flags;
  const grants = grantsOf(flags.to, network, flags.allowPlainAddress ?? false);
  const metadata = Buffer.from(flags.metadata ?? '');
  const found = await builtFrom<BuiltTransaction>(type, flags, (means) =>
    make({ ...means, change: scriptOf(flags.change, network), burn, grants, metadata }),
  );
  if (!found) return;
  const { made, from } = found;
  await print(flags.psbt ? made.psbt : printJson(documentOf(type, made, network, from)));
}

const documentOf = (type: string, built: BuiltTransaction, network: Network, feerate: string): object => ({
  type,
  version: 1,
  network,
  txid: built.txid,
  asset_id: assetId(built.asset, network),
  fee_sat: built.fee,
  inputs: built.inputs.map(({ txid, vout, sat }) => ({ txid, vout, amount_sat: sat })),
  outputs: built.outputs.map(({ script, sat }, vout) => ({
    vout,
    amount_sat: sat,
    script,
    address: addressIn(script, network),
  })),
  destroyed: built.destroyed,
  missing: [],
  psbt: { [type.split('-')[0]!]: built.psbt },
  checks: { feerate },
});
