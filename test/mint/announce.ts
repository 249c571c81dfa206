/** Says once which mint the suite runs on, or that there is none and it is skipped. */
import { findCdkCli, findMintd } from './mintd.ts';

export default function announce(): void {
  const mintd = findMintd();
  const cli = findCdkCli() ? ', with cdk-cli' : ', without cdk-cli';
  const line = mintd ? mintd + cli : 'no cdk-mintd on PATH or in CDK_MINTD: skipped';
  process.stdout.write(`test:mint: ${line}\n`);
}
