import { filter } from '../../lib/cli/filter.ts';
import { amountFlag, readNetwork, wealthFlag, wealthOf } from './shared.ts';
import { arg, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { maxInputFlag } from '../../lib/cli/stateless.ts';
import { liquidityDocument, payDocument } from '../../lib/flow/document.ts';
import { memberPair } from '../../lib/flow/network.ts';

export default filter({
  summary: 'Can this payment be made at all: by any balance of the channels, or as they are balanced now?',
  description: `Reads a network as feasibility wealth does. By wealth, the answer holds whatever routes, splits and rebalancing are used. With --liquidity each channel states liquidity_sat by member, and the answer is a smallest cut: the most that can be paid over all routes together, and where it is too little, the set that cannot send more.`,
  examples: [
    'Whatever the routes\nspillway feasibility pay --payer a --payee c --amount 6 < network.json',
    'As things are\nspillway feasibility pay --payer a --payee c --amount 6 --liquidity < balances.json | jq .most_sat',
  ],
  args: { file: arg('The network (default: stdin)') },
  flags: {
    payer: textFlag('Who pays', 'MEMBER', { required: true }),
    payee: textFlag('Who is paid', 'MEMBER', { required: true }),
    amount: amountFlag('Satoshis', { required: true }),
    wealth: wealthFlag,
    liquidity: switchFlag('Take the channels as they are balanced', { exclusive: ['wealth'] }),
    'max-input': maxInputFlag,
  },
  run: async ({ maxInput, payer, payee, amount, wealth, liquidity }, { file }) => {
    const read = await readNetwork(file, maxInput);
    const payment = { ...memberPair(read.network, payer, payee), amount };
    return liquidity
      ? liquidityDocument(read.network, payment)
      : payDocument(read.network, await wealthOf(read, wealth), payment);
  },
});
