/** Says once which lnd and which node the scenes run on, or what is missing and that they are skipped. */
import { findNode } from '../node/node.ts';
import { findLnd } from './lnd.ts';

export default function announce(): void {
  const [lnd, node] = [findLnd(), findNode()];
  const line = !lnd
    ? 'no lnd found (LND, PATH): skipped; npm test runs what was recorded from these scenes'
    : node?.kind !== 'bitcoind'
      ? 'no bitcoind found (BITCOIND, PATH): skipped; npm test runs what was recorded from these scenes'
      : `lnd ${lnd.version} (${lnd.path}), bitcoind ${node.version} (${node.path})`;
  process.stdout.write(`test:lnd: ${line}\n`);
}
