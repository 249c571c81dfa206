/** Flags of the statechain commands, and the words about their risks that stand in each help. */
import { countFlag, satFlag, textFlag, camelName, type Values } from '../../lib/cli/flags.ts';
import { countInput, step } from '../../lib/cli/step-flags.ts';
import type { Network } from '../../lib/bitcoin/network.ts';
import type { Policy } from '../../lib/statechain/terms.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

/** Stands in the help of every command of the family. */
export const EXPERIMENTAL = `Experimental: no published analysis covers this use of the BIP327 tweak.
What the operator and a previous owner can do together: spend the coin at once, whoever owns it, if both kept the keys of that owner's time. So can the operator and a receiver to whom the coin was sent, at any time from then on, also after a decline: that is the promise of an honest receiver, and only a withdrawal or an exit ends what the two could do. Deletion is an assumption; no receipt proves it. The operator alone can refuse to sign, so that the owner waits for its backup; a previous owner alone can use its own backup once that is valid, so the present owner must be confirmed before.
An image of a whole machine put back, of the operator or of a receiver, is not noticed and breaks the scheme. The operator's shares lie in HOME.shares beside its home: no backup may hold them, and a home that was restored or copied only states what it knows.`;

const bound = (summary: string) => countFlag(summary, [1, 1_000_000], { helpValue: 'N', helpGroup: 'POLICY' });
/** Flags of the operator's policy, one for each bound. */
export const statechainPolicyFlags = {
  'min-amount': satFlag('Smallest coin (default 10000)', 'POLICY'),
  'max-amount': satFlag('Largest coin (default 100000000)', 'POLICY'),
  'initial-lock': bound('Blocks until the first backup is valid (default 10000)'),
  step: bound('Blocks by which each backup is valid before the one of the owner before (default 100)'),
  margin: bound('Blocks before its backup at which a transfer under way ends (default 144)'),
  'min-remaining': bound('Blocks before its backup at which a transfer may still begin (default 288)'),
  'min-conf': bound('Confirmations of the funding before the first transfer (default 3, on regtest 1)'),
};
/** Returns the policy: at a start with defaults, later only where a flag was given. */
export async function statechainPolicy(
  values: Values<typeof statechainPolicyFlags>,
  starts: boolean,
  network: Network,
): Promise<Policy | undefined> {
  const { checkPolicy, defaultPolicy } = await import('../../lib/statechain/terms.ts');
  const given = Object.keys(statechainPolicyFlags).some(
    (name) => values[camelName(name) as keyof typeof values] !== undefined,
  );
  if (!starts && !given) return undefined;
  const standard = defaultPolicy(network);
  return checkPolicy(
    {
      min_amount_sat: values.minAmount ?? standard.min_amount_sat,
      max_amount_sat: values.maxAmount ?? standard.max_amount_sat,
      initial_blocks: values.initialLock ?? standard.initial_blocks,
      step_blocks: values.step ?? standard.step_blocks,
      margin_blocks: values.margin ?? standard.margin_blocks,
      min_remaining_blocks: values.minRemaining ?? standard.min_remaining_blocks,
      min_conf: values.minConf ?? standard.min_conf,
    },
    network,
  );
}

/** Longest wait of an owner or receiver for its own backup. */
export const lockFlag = {
  'max-lock': countInput('Blocks that the own backup may be away at most (default 52560, about a year)', 1_000_000),
};
export const operatorFlag = {
  operator: step(
    textFlag(
      "The operator's own key (32 bytes, hex), as its site or its audit says it: the one that is trusted",
      'KEY',
      'ACTION',
    ),
    operatorFrom,
  ),
};
/** Reads an operator's key. @throws Refusal `usage` */
export function operatorFrom(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new Refusal('usage', '--operator: a public key of 32 bytes in lowercase hex expected');
  return text;
}
