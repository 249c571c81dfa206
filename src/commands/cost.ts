/** Commands of `cost`: what the last mile costs. Not here: the sums (`cost/`). */
import { door } from '../lib/cli/door.ts';
import { choiceFlag, feerateFlag, hexFlag, repeated, switchFlag, wholeFlag } from '../lib/cli/flags.ts';
import { dustCost, EXIT_CLIENTS, exitCost, reserveCost } from '../lib/cost/chain.ts';
import { adsCost, channelCost, jitCost, phoenixdCost } from '../lib/cost/service.ts';

export const ads = door({
  summary: 'What a liquidity ad charges (bolts#1153): mining, service, and what the seller signs',
  description: `Mining is the fee rate times the weight of the funding transaction that the buyer pays for; the service fee is a share of the smaller of what was asked for and what is contributed, and a base; for a new channel the creation fee too. rate is the ad in bytes; with --script, signing_hash is what the seller signs.`,
  examples: [
    'Mining and service\nspillway cost ads --feerate-kw 5000 --weight 1100 --basis 75 --requested 750000 --contributed 700000',
    'The whole price\nspillway cost ads --feerate-kw 2500 --weight 600 --basis 50 --base 300 --requested 1000000 --contributed 1000000 | jq .total_fee_sat',
  ],
  flags: {
    'feerate-kw': wholeFlag('Satoshis for 1000 weight units', { required: true }),
    weight: wholeFlag('Weight that the buyer pays for', { required: true }),
    basis: wholeFlag('Share in hundredths of a percent', { required: true }),
    base: wholeFlag('Base fee in satoshis (default 0)'),
    creation: wholeFlag('Fee for a new channel, in satoshis (default 0)'),
    new: switchFlag('The channel is new'),
    requested: wholeFlag('Satoshis that are asked for', { required: true }),
    contributed: wholeFlag('Satoshis that the seller adds', { required: true }),
    'min-amount': wholeFlag('Least amount of the ad (default 0)'),
    'max-amount': wholeFlag('Largest amount of the ad (default 4294967295)'),
    script: hexFlag('Script of the funding output'),
  },
  exits: [0, 2, 65, 70],
  run: adsCost,
});

export const channel = door({
  summary: 'Whether the sums of a channel order agree (bLIP-51)',
  description: `An order of LSPS1 is paid once: its fee, and the balance that the client gets back in the channel. Where they do not add up, problems says so; one example of bLIP-51 itself does not.`,
  examples: [
    'An order that adds up\nspillway cost channel --fee 8888 --balance 2000000 --total 2008888',
    'An example that does not add up\nspillway cost channel --fee 8888 --balance 2000000 --total 200888 | jq -c .problems',
  ],
  flags: {
    fee: wholeFlag('fee_total_sat', { required: true }),
    balance: wholeFlag('client_balance_sat', { required: true }),
    total: wholeFlag('order_total_sat', { required: true }),
  },
  run: channelCost,
});

export const dust = door({
  summary: 'The least outputs that nodes relay, of each form',
  description: `BOLT3's table, by which channels trim their outputs, and Bitcoin Core's own at its default of 3 sat/vB; they differ for taproot, where BOLT3 takes the general figure of an unknown segwit script.`,
  examples: [
    'What do channels trim?\nspillway cost dust | jq .bolt3_sat',
    'What is the least taproot output?\nspillway cost dust | jq .core_sat.p2tr',
  ],
  run: dustCost,
});

export const exit = door({
  summary: 'What it costs to leave a channel factory alone, and the balance from which that is worth it',
  description: `Leaving puts the branch of the tree on the chain, a child for each transaction that pays for it, and the commitment. A balance is worth leaving with from three times that fee on (--times). --clients takes the branch of a SuperScalar tree; --exit-vb and --transactions any other. --users says what a mass exit takes at least: every leaf once, ancestors shared.`,
  examples: [
    "For 8, 128 and 1000 clients at 10 sat/vB\nfor n in 8 128 1000; do spillway cost exit --clients $n --feerate 10 | jq -c '[.vb, .least_balance_sat]'; done",
    "A hundred million users with one satoshi each\nspillway cost exit --clients 1000 --feerate 1 --users 100000000 --balance 1 | jq -c '.worth_it, .mass_exit'",
  ],
  flags: {
    clients: choiceFlag(EXIT_CLIENTS, 'Clients of a SuperScalar tree with leaves and branches of two', {
      exclusive: ['exit-vb'],
    }),
    'exit-vb': wholeFlag('Virtual bytes of the branch', { dependsOn: ['transactions'] }),
    transactions: wholeFlag('Transactions of the branch', { dependsOn: ['exit-vb'] }),
    feerate: feerateFlag('Fee rate of the chain', { required: true }),
    'child-vb': wholeFlag('Size of a child that pays the fee (default 152)'),
    'commitment-vb': wholeFlag('Size of the commitment (default 154)'),
    times: wholeFlag('A balance is worth it from so many times the fee on (default 3)'),
    balance: wholeFlag('Is this balance worth it?'),
    users: wholeFlag('All leave at once: so many'),
    'leaf-vb': wholeFlag('Size of a leaf in a mass exit (default 43)'),
    'block-vb': wholeFlag('Size of a block (default 1000000)'),
  },
  run: exitCost,
});

export const jit = door({
  summary: 'What a just-in-time channel costs (bLIP-52), and whether the payment can bear it',
  description: `The fee is the larger of --min-fee-msat and the share of the payment, rounded up. A payment that does not cover its fee is answered with payable: false and error 202, one that overflows 64 bits with 203, as LSPS2 numbers them.`,
  examples: [
    "The example of bLIP-52, which must be refused\nspillway cost jit --payment-msat 42000 --min-fee-msat 546000 --ppm 1200 | jq -c '{fee_msat, payable, error}'",
    'How much arrives?\nspillway cost jit --payment-msat 100000000 --min-fee-msat 546000 --ppm 1200 | jq .received_msat',
  ],
  flags: {
    'payment-msat': wholeFlag('What is paid', { required: true }),
    'min-fee-msat': wholeFlag('The least fee', { required: true }),
    ppm: wholeFlag('The share of the payment, in millionths', { required: true }),
    'min-payment-msat': wholeFlag('The least payment that is served'),
    'max-payment-msat': wholeFlag('The largest payment that is served'),
  },
  run: jitCost,
});

export const phoenixd = door({
  summary: 'What receiving with phoenixd costs, payment by payment, from the first satoshi',
  description: `Each --receive is a payment, in order. One that finds no room buys liquidity: 1 percent of it and of the auto-liquidity, 1,000 sat for the first channel, and mining. One that cannot pay that becomes fee credit, which goes into the next purchase and is never given back. Every constant is a flag.`,
  examples: [
    "The first big payment\nspillway cost phoenixd --receive 2000000 --feerate 5 | jq -c '.payments[0]'",
    "Many small ones: when does the channel open?\nspillway cost phoenixd --receive 10000 --receive 10000 --receive 10000 --feerate 5 | jq -c '.payments[]'",
  ],
  flags: {
    receive: wholeFlag('A payment in satoshis', { ...repeated, required: true }),
    feerate: feerateFlag('Fee rate of the chain', { required: true }),
    'auto-liquidity': wholeFlag('Satoshis that are bought at once (default 2000000)'),
    basis: wholeFlag('Service fee in hundredths of a percent (default 100)'),
    'new-channel': wholeFlag('Satoshis for the first channel (default 1000)'),
    vb: wholeFlag('Virtual bytes that are paid for (default 271)'),
  },
  run: phoenixdCost,
});

export const reserve = door({
  summary: 'What of a channel cannot be spent: the reserve',
  description: `BOLT2 suggests one percent of the capacity for each side, and never less than the dust limit. --permille 0 is what channels without a reserve have.`,
  examples: [
    'A channel of a million\nspillway cost reserve --capacity 1000000',
    'A small channel\nspillway cost reserve --capacity 20000 | jq .spendable_sat',
  ],
  flags: {
    capacity: wholeFlag('Satoshis of the channel', { required: true }),
    permille: wholeFlag('The reserve in thousandths (default 10)'),
    dust: wholeFlag('The least reserve (default 354)'),
  },
  run: reserveCost,
});
