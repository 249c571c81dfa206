/**
 * A package of a way out as other commands take it: in words for `inspect`, as transactions for
 * `broadcast` and `bump`, and as duties for `watch --bundle`, which needs no key. A step is due
 * once it is valid and those before it have confirmed.
 * Not here: the rules of the document (`exit-package.ts`).
 */
import { maxSat } from '../bitcoin/amount.ts';
import { feerateOf } from '../bitcoin/fee.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Document } from '../protocol/message.ts';
import { attempt, type Description, type Fact } from '../signing/description.ts';
import type { Settlement } from './copy.ts';
import { decideDuty, type Due, type Duty, type ChainView, type Watched, type WatchedDocument } from './duty.ts';
import { readExitPackage, waitOf, type ReadPackage, type ReadStep } from './exit-package.ts';
import { readyTxOf, type ReadyTx, type Rules } from './fees.ts';
import { exitQuoteWords } from './quote.ts';

const isPackage = ({ type }: Document): boolean => type === 'exit-package';

/** Returns a package's steps; undefined for other documents. @throws as `readExitPackage` */
export function packageSettlement(document: Document): Settlement | undefined {
  if (!isPackage(document)) return undefined;
  const { network, steps } = readExitPackage(document);
  const [first, ...later] = steps.map(({ hex, spends, child }) => ({
    hex,
    spends,
    package: child ? [hex, child.hex] : [hex],
  }));
  return { network, ...first!, later };
}

/** Returns a package in words. */
export function describePackage(document: Document): Description {
  const facts: Fact[] = [];
  if (!isPackage(document)) return { facts, checks: [] };
  const check = attempt('package', () => {
    const { steps, quote } = readExitPackage(document);
    for (const [i, step] of steps.entries()) facts.push(...stepFacts(`step ${i + 1}`, step));
    facts.push(['leaving alone', exitQuoteWords(quote)]);
    return 'all that follows from its transactions holds, and they are signed';
  });
  return { facts, checks: [check] };
}

function stepFacts(label: string, { txid, vsize, feeSat, by, why, child, spends, outputs, ...at }: ReadStep): Fact[] {
  return [
    [label, why],
    [`${label} is`, `${txid}, ${vsize} vB, fee ${feeSat} sat`],
    [`${label} spends`, spends.map((spent) => `${spent.sat} sat at ${outpointText(spent)}`).join(', ')],
    [`${label} pays`, outputs.map(({ sat, script }) => `${sat} sat to ${script}`).join(', ')],
    ...(child ? [[`${label}, child`, `${child.txid}, ${child.vsize} vB, fee ${child.feeSat} sat`] satisfies Fact] : []),
    [`${label} when`, [...momentWords(at), by === null ? 'no deadline' : `by block ${by}`].join(', ')],
  ];
}

function momentWords({ valid_from: from, after }: Pick<ReadStep, 'valid_from' | 'after'>): string[] {
  const words: string[] = [];
  if (from) words.push('height' in from ? `from block ${from.height} on` : `from median time ${from.median_time} on`);
  if (after) words.push(`${'blocks' in after ? `${after.blocks} blocks` : `${after.seconds} s`} after ${after.txid}`);
  return words.length > 0 ? words : ['at once'];
}

/** Returns the view of a package; undefined for others. @throws as `readExitPackage` */
export function watchedPackage(document: Document): WatchedDocument | undefined {
  if (!isPackage(document)) return undefined;
  const read = readExitPackage(document);
  const { network, contract, steps } = read;
  const duties = steps.map((step) => dutyOf(read, step));
  const first = steps[0]!.valid_from;
  const watched: Watched = {
    id: contract,
    role: 'leaver',
    restsUntil: first && 'height' in first ? first.height - 1 : -Infinity,
    worthSat: duties.map(({ worthSat }) => worthSat).reduce(maxSat),
    coins: duties.map(({ outpoint, tx }) => ({
      outpoint,
      ways: new Map([[(tx as ReadyTx).txid, { by: 'exit', paysSat: (tx as ReadyTx).paysSat, lostSat: 0n }]]),
    })),
    duties,
    decide: (seen, rules) => [decide(duties, seen, rules)],
  };
  return { network, watched };
}

function dutyOf({ contract, steps }: ReadPackage, step: ReadStep): Duty {
  const { hex, txid, vsize, feeSat, spends, outputs, child, by, why, after, valid_from } = step;
  // The child's output belongs to the leaving party. Without a child, the step's largest output is assumed to.
  const [pays] = child?.outputs ?? [...outputs].sort((a, b) => (a.sat < b.sat ? 1 : -1));
  const ready = readyTxOf(
    'exit',
    hex,
    spends.reduce((sum, { sat }) => sum + sat, 0n),
    pays!.script,
    [],
  );
  const feerate = child && feerateOf(feeSat + child.feeSat, vsize + child.vsize);
  return {
    // A newer package takes the place of an older one that spends the same coin, pays the same and is valid as soon.
    id: `${contract} exit ${steps.length === 1 ? JSON.stringify([spends[0]!.script, pays!.script, valid_from]) : txid}`,
    does: 'exit',
    why,
    // Its wait is counted from there.
    outpoint: spends.find((spent) => spent.txid === after?.txid) ?? spends[0]!,
    tx: child
      ? {
          ...ready,
          spareSat: child.feeSat,
          childVsize: child.vsize,
          children: [{ hex: child.hex, fee: child.feeSat, feerate: feerate! }],
        }
      : ready,
    from: after === null ? valid_from : waitOf(after),
    by,
    worthSat: ready.paysSat,
  };
}

/**
 * Decides the first step that is not in a block; if all are, the last. A node without an index may
 * not know a step whose outputs are all spent. A later step that spends one of them then proves it.
 */
function decide(duties: readonly Duty[], seen: ChainView, rules: Rules): Due {
  const isDone = ({ outpoint, tx }: Duty): boolean => {
    const { txid } = tx as ReadyTx;
    const { coin, spend } = seen.coins.get(outpointText(outpoint))!;
    if (spend !== null) return spend.confirmations > 0 && spend.txid === txid;
    return coin !== 'unspent' && duties.some((later) => later.outpoint.txid === txid && isThere(later));
  };
  const isThere = (duty: Duty): boolean => {
    const { coin, spend } = seen.coins.get(outpointText(duty.outpoint))!;
    return coin === 'unspent' || spend !== null || isDone(duty);
  };
  return decideDuty(duties.find((duty) => !isDone(duty)) ?? duties.at(-1)!, seen, rules);
}
