/** Loaded into each Node.js process of a runbook by `recorded.ts`: keeps the command line and the stdout of runs of the program. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [, program = '', ...argv] = process.argv;
if (/\bbin\/run\.js$/.test(program)) {
  const parts = [];
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (part, ...rest) => {
    parts.push(Buffer.from(part));
    return write(part, ...rest);
  };
  const file = join(process.env.RECORD_STDOUT_IN, `${process.pid}-${Date.now()}.json`);
  process.on('exit', () => writeFileSync(file, JSON.stringify({ argv, stdout: Buffer.concat(parts).toString() })));
}
