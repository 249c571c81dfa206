/**
 * A process that works on a home: `work.ts MODE HOME TIMES`, one line of JSON for each thing done.
 * - visit: opens the home, commits, closes, over and over; says what `restored` was
 * - count: raises the paid amount of one record under compare-and-swap; says how often it lost the race
 * - pair: raises two records in one commit, until it is killed; says the amount after each
 * - draft: makes a directory at HOME, and stays within it until it reads a byte
 * - share: commits one record with a share
 * - pause: commits, and stops for a while before its journal and its tides are written
 * - commit: commits until it is killed; says the counter after each commit
 */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from '../../../src/lib/home/directory.ts';
import { writePrivate } from '../../../src/lib/home/files.ts';
import { openHome, type Home } from '../../../src/lib/home/home.ts';
import { Refusal } from '../../../src/lib/protocol/refusal.ts';
import { commitOf, hex, nonceOf, thing, things, write, type Thing } from '../things.ts';

const [mode, dir, times] = [process.argv[2]!, process.argv[3]!, Number(process.argv[4])];
const open = () => openHome({ dir, kinds: async () => [things] });
const say = (value: object) => writeSync(1, JSON.stringify(value) + '\n');

async function visit(): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    const home = await patiently(open);
    const id = `id:${hex(16)}` as const;
    await patiently(() => home.store.commit(commitOf({ key: hex(32), writes: [write(id, 0, thing(id))] })));
    say({ restored: home.restored });
    home.close();
  }
}

/** SQLite hands its lock to no one in turn: of many on a busy machine one may find it taken for ten seconds, and is told to try again. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'store-unavailable') throw error;
    }
}

async function share(): Promise<void> {
  const home = await open();
  const name = 'ab'.repeat(16);
  const record = thing('id:aa', { claims: ['id:aa', `share:${name}`] });
  const commit = () => home.store.commit(commitOf({ writes: [write(null, 0, record)] }));
  say({ stands: await home.shares.around([{ name, secret: new Uint8Array(32) }], [], commit, home.store) });
}

async function pause(): Promise<void> {
  const stop = (label: string): void => {
    if (label !== 'before-journal') return;
    say({ committed: true });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
  };
  const home = await openHome({ dir, kinds: async () => [things], point: stop });
  await home.store.commit(commitOf({ writes: [write(null, 0, thing('id:worker'))] }));
  await once(process.stdin, 'data');
}

async function draft(): Promise<void> {
  await makeDirectory(dir, async (made) => {
    writePrivate(join(made, 'seed'), 'words');
    say({ made });
    await once(process.stdin, 'data');
  });
  process.exit();
}

async function count(): Promise<void> {
  const home = await open();
  let lost = 0;
  for (let done = 0; done < times;) {
    const { record, rev } = (await home.store.load(['id:shared'])).found.get('id:shared')!;
    const { paid } = record as Thing;
    const raised = thing('id:shared', { paid: paid + 1 });
    const won = await home.store.commit(
      commitOf({ reads: [{ claim: 'id:shared', rev }], writes: [write('id:shared', rev, raised)] }),
    );
    if (won) done += 1;
    else lost += 1;
  }
  say({ lost });
  home.close();
}

async function commit(home: Home): Promise<void> {
  await home.store.commit(commitOf({ writes: [write('id:worker', 0, thing('id:worker'))] }));
  for (let paid = 1; ; paid += 1) {
    const { rev } = (await home.store.load(['id:worker'])).found.get('id:worker')!;
    const nonce = nonceOf('id:worker');
    await home.store.commit(
      commitOf({ key: hex(32), writes: [write('id:worker', rev, thing('id:worker', { paid }))], opens: [nonce] }),
    );
    say({ paid, commits: await home.store.commits() });
  }
}

async function pair(home: Home): Promise<void> {
  const claims = ['id:aa', 'id:bb'] as const;
  for (;;) {
    const { found } = await home.store.load(claims);
    const paid = (found.get('id:aa')!.record as Thing).paid + 1;
    const writes = claims.map((claim) =>
      write(claim, found.get(claim)!.rev, { ...(found.get(claim)!.record as Thing), paid }),
    );
    if (await home.store.commit(commitOf({ writes }))) say({ paid });
  }
}

if (mode === 'visit') await visit();
else if (mode === 'count') await count();
else if (mode === 'draft') await draft();
else if (mode === 'share') await share();
else if (mode === 'pause') await pause();
else if (mode === 'pair') await pair(await open());
else await commit(await open());
