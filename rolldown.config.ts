/**
 * Two bundles: dist/cli.cjs, the program in one file that evaluates only what a run needs, and dist/index.js, the
 * library, whose dependencies stay outside. Figures and reasons: CommonJS in one file with the compile cache starts
 * fastest (a manifest spares evaluating the commands; `bin/run.js` turns the cache on).
 */
import { defineConfig, type Plugin } from 'rolldown';

const LAZY = '\0lazy:';

/**
 * A bundler lifts every `import … from 'node:x'` to the top of the file, so that each run would pay for node:sqlite or
 * node:net. Behind a CommonJS module of its own a built-in is loaded where it is first needed.
 */
const lazyBuiltins: Plugin = {
  name: 'lazy-builtins',
  resolveId(id, importer) {
    if (!id.startsWith('node:')) return null;
    if (importer?.startsWith(LAZY)) return { id, external: true };
    return `${LAZY}${id}`;
  },
  load(id) {
    return id.startsWith(LAZY) ? `module.exports = require(${JSON.stringify(id.slice(LAZY.length))});` : null;
  },
};

export default defineConfig([
  {
    input: 'src/cli.ts',
    platform: 'node',
    plugins: [lazyBuiltins],
    transform: { target: 'node22.18' },
    output: { file: 'dist/cli.cjs', format: 'cjs', codeSplitting: false },
  },
  {
    input: 'src/index.ts',
    platform: 'node',
    external: /^[^./]/,
    transform: { target: 'node22.18' },
    output: { file: 'dist/index.js', format: 'esm', codeSplitting: false },
  },
]);
