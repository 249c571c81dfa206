#!/usr/bin/env node
/** Runs the sources as they are, by Node's type stripping: `npm run dev -- COMMAND`. No bundle, no manifest, slower. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { settings } from '@oclif/core/settings';
import { run } from '../src/cli.ts';

settings.enableAutoTranspile = false;
const root = fileURLToPath(new URL('..', import.meta.url));
const pjson = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
pjson.oclif.commands.target = './src/cli.ts';
// What the bundler's `require` is in the sources.
globalThis.require = createRequire(new URL('../src/cli.ts', import.meta.url));
run(process.argv.slice(2), root, { ignoreManifest: true, pjson });
