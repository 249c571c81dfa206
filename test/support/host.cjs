/**
 * The built program, loaded once, which runs one command line after the other and reports how each ended. A command line
 * finds the arguments, environment, folder and streams that a process of its own would have. Started by `host.ts`.
 */
const { Readable } = require('node:stream');
const { join } = require('node:path');

const root = join(__dirname, '../..');
const { emitWarning } = process;
process.emitWarning = (warning, ...rest) => {
  if (!String(warning).startsWith('SQLite is an experimental feature')) emitWarning.call(process, warning, ...rest);
};
require('node:module').enableCompileCache(process.argv[2]);
const { run } = require('../../dist/cli.cjs');

let last = Promise.resolve();
process.on('message', (asked) => (last = last.then(() => runOne(asked))));
process.on('disconnect', () => process.exit());

async function runOne({ argv, env, cwd, stdin }) {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
  const input = Readable.from(stdin.length === 0 ? [] : [Buffer.from(stdin)], { objectMode: false });
  Object.defineProperty(process, 'stdin', { value: input, configurable: true });
  const outputs = [process.stdout, process.stderr].map(captured);
  process.exitCode = undefined;
  await run(argv, `${root}/`);
  const code = Number(process.exitCode ?? 0);
  process.exitCode = undefined;
  const [stdout, stderr] = outputs.map((end) => end());
  process.send({ code, stdout, stderr });
}

/** Keeps what is written to a stream from it; the function returned ends that and returns the text. */
function captured(stream) {
  const { write } = stream;
  const parts = [];
  stream.write = (part, encoding, done) => {
    parts.push(Buffer.from(part));
    const then = typeof encoding === 'function' ? encoding : done;
    if (then) process.nextTick(then);
    return true;
  };
  return () => {
    stream.write = write;
    stream.removeAllListeners('error');
    return Buffer.concat(parts).toString();
  };
}
