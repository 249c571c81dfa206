/** One message a block: what is kept, what is stale, what comes too often. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import RateCommand from '../../src/commands/gossip/rate.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { GossipRate } from '../../src/lib/gossip/rate.ts';
import { node2 as node, update2 as update } from '../support/gossip.ts';
import { command } from '../support/command.ts';

const TIP = 801_000;

describe('a stream of updates', () => {
  it('is kept once a block, each direction and node for itself', () => {
    const rate = new GossipRate(TIP);
    const judge = (message: Uint8Array) => rate.judge(message)!;
    expect(judge(update(800_500))).toMatchObject({ kept: true });
    expect(judge(update(800_500))).toMatchObject({ kept: false, code: 'gossip-too-often' });
    expect(judge(update(800_499))).toMatchObject({ kept: false, code: 'gossip-stale' });
    expect(judge(update(800_500, true))).toMatchObject({ kept: true });
    expect(judge(update(800_504))).toMatchObject({ kept: true, saved: 3 });
    expect(judge(node(800_400))).toMatchObject({ kept: true });
    expect(judge(update(799_999))).toMatchObject({ code: 'gossip-stale' });
  });
  it('is judged line by line', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'rate-')), 'messages');
    writeFileSync(file, [update(800_500), update(800_500), node(900_000)].map((m) => `${bytesToHex(m)}\n`).join(''));
    const { stdout } = await command(RateCommand, ['--tip', String(TIP), file]);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).code),
    ).toEqual([undefined, 'gossip-too-often', 'gossip-stale']);
  });
});
