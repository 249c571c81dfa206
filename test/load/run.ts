/**
 * npm run load -- [--customers N] [--strangers N] [--seconds N] [--jobs N] [--scene NAME]: honest customers of a mint over
 * HTTP, first among themselves, then once a scene with strangers beside them. Prints accepted payments a second, how long
 * answers take, refusals, memory and disk, as they are and as ratios to the calm. Exit 1 where a customer was refused, or
 * the mint has taken another sum than its customers have paid. Customers, chain and strangers live in this one process.
 */
import { parseArgs } from 'node:util';
import { lineOf, Market } from './market.ts';
import { comeIn, SCENES, type Scene } from './strangers.ts';

const { values } = parseArgs({
  options: {
    customers: { type: 'string', default: '20' },
    strangers: { type: 'string', default: '12' },
    seconds: { type: 'string', default: '60' },
    jobs: { type: 'string', default: '1' },
    scene: { type: 'string', multiple: true, default: Object.keys(SCENES) },
  },
});
const unknown = values.scene.filter((name) => !(name in SCENES));
if (unknown.length > 0) throw new Error(`${unknown.join(', ')} found, ${Object.keys(SCENES).join(', ')} expected`);

const [seconds, strangers] = [Number(values.seconds), Number(values.strangers)];
const market = await Market.open(Number(values.customers), ['--jobs', values.jobs]);
try {
  await market.pay(Math.min(5, seconds));
  const calm = await market.pay(seconds);
  console.log(lineOf('calm', calm));
  let refused = calm.refused.size;
  for (const scene of values.scene as Scene[]) {
    const crowd = comeIn(() => market.server, scene, strangers);
    const measured = await market.pay(seconds);
    const { answers } = await crowd.end();
    console.log(lineOf(scene, measured, calm));
    console.log(
      `  strangers were answered: ${[...answers].map(([answer, times]) => `${answer} ${times}×`).join(', ')}`,
    );
    refused += measured.refused.size;
  }
  console.log(`${await market.check()} sat paid, as the mint has it`);
  process.exitCode = refused === 0 ? 0 : 1;
} finally {
  await market.close();
}
