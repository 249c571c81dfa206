/** Says once which node the suites run on, or that there is none and they are skipped. */
import { findNode, WANTED } from './node.ts';

export default function announce(): void {
  const found = findNode();
  const line = found ? `${found.kind} ${found.version} (${found.path})` : `${WANTED}: skipped`;
  process.stdout.write(`test:node: ${line}\n`);
}
