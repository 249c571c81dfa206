import { ALLOW_FEE, feeFlags, overOnce } from '../../lib/cli/contract-flags.ts';
import { contractDoor, portsOf } from '../../lib/cli/contract.ts';
import { chainFlags, countFlag, feerateFlag, homeFlags, switchFlag } from '../../lib/cli/flags.ts';
import { switchInput } from '../../lib/cli/step-flags.ts';
import { withHome } from '../../lib/cli/home.ts';
import { printAll } from '../../lib/cli/output.ts';
import { exitCredit } from '../../lib/ecash/credit.ts';
import { asksPackage, nowFrom, packageFlags, packageText } from '../../lib/cli/package-flags.ts';
import { creditExit, settlementOf } from '../../lib/credit/ways.ts';
import { parseJson, printJson } from '../../lib/protocol/json.ts';
import type { Document } from '../../lib/protocol/message.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { dueList, type DueLine } from '../../lib/credit/exit.ts';
import { creditKind, isFunded } from '../../lib/credit/records.ts';
import { followed } from '../../lib/credit/standing.ts';
import { seenOf } from '../../lib/engine/status.ts';
import type { Home } from '../../lib/home/home.ts';
import type { FactSource } from '../../lib/protocol/ports.ts';
import { feerateText } from '../../lib/bitcoin/fee.ts';
import { bumpAlone, stuckOf } from '../../lib/engine/bump.ts';

export default contractDoor({
  summary: "The unilateral exit: the payee's latest update, or the payer's refund; needs no key and no counterparty",
  description: `Printing the payee's exit freezes the contract for good. --export prints it for a watchtower without freezing: keep such a copy secret and replace it after each payment, for an older one is worth money to the payer. With --children it also holds children that this home has signed, one for each fee rate, with which a watchtower pays for the exit in a fee spike; whoever has the export can burn what the dearest costs. A package is sent at once by whoever watches it, so --package freezes too, and there is none with --export. A refund is printed from the height of the expiry on; before, the exit code is 3.`,
  examples: [
    'The mint takes what it was paid\nspillway exit-credit --home mint --contract "$ID" --tip 5100 | jq -r .hex | xargs bitcoin-cli sendrawtransaction',
    'For a watchtower: with children for a fee spike\nspillway exit-credit --home mint --contract "$ID" --export --children 10,30,100 > exit.new && mv exit.new tower/exit.json',
    'From cron: whatever is due within a day\nspillway exit-credit --home mint --due | jq -r \'select(.verdict == "due" or .verdict == "late").contract\' \\\n    | while read -r id; do spillway exit-credit --home mint --contract "$id" | spillway broadcast; done',
  ],
  table: exitCredit,
  flags: {
    ...homeFlags,
    ...chainFlags,
    ...overOnce,
    export: switchInput('Print without freezing the contract', { exclusive: ['due'], helpGroup: 'ACTION' }),
    children: feerateFlag(
      'With --export: also sign a child for each of these fee rates (10,30,100), for a watchtower without a key to bump with',
      { multiple: true, delimiter: ',', dependsOn: ['export'], exclusive: ['package', 'quote'], helpGroup: 'FEES' },
    ),
    'allow-fee': switchFlag(...ALLOW_FEE),
    ...packageFlags,
    feerate: feeFlags.feerate,
    due: switchFlag('List contracts whose deadline nears, the nearest first, one JSON object a line', {
      exclusive: ['contract'],
      helpGroup: 'ACTION',
    }),
    within: countFlag('With --due: how many blocks ahead (default 144)', [0, 1_000_000], {
      helpValue: 'BLOCKS',
      dependsOn: ['due'],
      helpGroup: 'ACTION',
    }),
  },
  prepare: (flags) => {
    const { children } = flags;
    if (flags.due)
      return withHome(flags, async (home) => {
        const { source } = await portsOf(home, flags);
        await printAll(await dueContracts(home, source, flags.within ?? 144));
      });
    if (flags.contract === undefined) throw new Refusal('usage', '--contract ID or --due expected');
    if (flags.export && flags.package)
      throw new Refusal('usage', '--package found with --export: whoever watches a package sends it at once', {
        hint: 'for a watchtower of a contract that goes on: --export --children; to leave it: --package alone',
      });
    return {
      // A quote changes nothing.
      flags: flags.quote ? { ...flags, export: true } : flags,
      also: async () => ({ early: asksPackage(flags) || undefined }),
      print: async (home, text, { source }) => {
        if (asksPackage(flags))
          return packageText('credit', creditExit(parseJson(text) as Document), flags, await nowFrom(source), home);
        return children ? withChildren(home, text, children, flags.allowFee) : text;
      },
    };
  },
});

/**
 * Returns the contracts of a home whose deadline is at most so many blocks away.
 * @throws Refusal `usage` where no height is known
 */
async function dueContracts(home: Home, source: FactSource, within: number): Promise<DueLine[]> {
  const listed = await home.store.list(creditKind.name);
  const contracts = listed.map(({ record }) => creditKind.parse(record)).filter(isFunded);
  const { tip, ...facts } = await seenOf(source, contracts.map(followed));
  if (tip === 'not-checked')
    throw new Refusal('usage', 'no height to count from', { hint: 'give --tip HEIGHT or --chain URL' });
  return dueList(contracts, tip, within, facts);
}

/**
 * Returns an export with children that are signed beforehand, the cheapest first: with one a
 * watchtower, which has no key, pays for the exit in a fee spike. Each spends the exit's output of
 * this home to the same address, and replaces any other of them. Whoever has the export can burn
 * what the dearest child pays.
 * @param feerates of parent and child together, satoshis for 1000 vB
 * @throws Refusal `not-final` for a refund without its bytes, and as `bump` does
 */
export async function withChildren(
  home: Home,
  text: string,
  feerates: readonly number[],
  allowFee: boolean,
): Promise<string> {
  const document = parseJson(text) as Record<string, unknown>;
  const stuck = stuckOf(settlementOf(document)!);
  const children = [];
  for (const feerate of [...new Set(feerates)].sort((a, b) => a - b)) {
    const { fee_sat, txid, hex } = await bumpAlone(home, stuck, { feerate, allowFee }).catch((error: unknown) => {
      throw atRate(error, feerate);
    });
    children.push({ feerate: feerateText(feerate), fee_sat, txid, hex });
  }
  return printJson({ ...document, children });
}

/** Names the fee rate in the refusal of a child, which has no other coins to pay from. */
const atRate = (error: unknown, feerate: number): unknown =>
  error instanceof Refusal && (error.code === 'not-enough-coins' || error.code === 'fee-too-high')
    ? new Refusal(error.code, `a child for ${feerateText(feerate)} sat/vB: ${error.message}`, {
        hint: `leave this fee rate out of --children${error.code === 'fee-too-high' ? ', or give --allow-fee' : ''}`,
      })
    : error;
