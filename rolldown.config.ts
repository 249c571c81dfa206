/**
 * Five bundles: dist/cli.cjs, the program; dist/grpc.cjs, which `serve --cdk` alone loads, and dist/prometheus.cjs, for
 * `serve --http`; dist/pg.cjs, PostgreSQL's client, for runs with `--store`; and dist/index.js, the library, whose
 * dependencies stay outside.
 *
 * The program is a file for each command, and parts that they share, for a start reads and checks the whole of each file that
 * it loads: two large ones, what most commands use of libraries and what homes use of `src/lib`, and small ones. Of these a run
 * evaluates only what it needs. CommonJS with the compile cache (`bin/run.js`) and a manifest starts fastest; what the plugins
 * below spare was measured with `errors`, in times of `node -e 0`.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'rolldown';
import { FAMILIES } from './src/lib/families.ts';

const LAZY = '\0lazy:';
const PG = './pg.cjs';

/**
 * What stays outside: built-ins, PostgreSQL's client, and the Cashu library, an eighth of the bundle that every start
 * would read for the few runs that need it. That one brings a curve of its own, so bytes and hex are handed over, never points.
 */
const OUTSIDE = /^node:|^@cashu\/cashu-ts$|^pg$/;

/**
 * A bundler lifts every `import … from 'node:x'` to the top of the file, so that each run would pay for node:sqlite or
 * node:net. Behind a CommonJS module of its own what stays outside is loaded where it is first needed.
 */
const lazyOutside: Plugin = {
  name: 'lazy-outside',
  resolveId(id, importer) {
    if (!OUTSIDE.test(id)) return null;
    if (importer?.startsWith(LAZY)) return { id: id === 'pg' ? PG : id, external: true };
    return `${LAZY}${id}`;
  },
  load(id) {
    return id.startsWith(LAZY) ? `module.exports = require(${JSON.stringify(id.slice(LAZY.length))});` : null;
  },
};

const DOOR = /\.\/(commands\/.+)\.ts$/;
/** Files of commands, by the name of what is made of each. */
const DOORS = Object.fromEntries(
  [
    ...readFileSync(new URL('src/cli.ts', import.meta.url), 'utf8').matchAll(/require\('\.\/(commands\/.+)\.ts'\)/g),
  ].map(([, file]) => [nameOf(file!), `src/${file}.ts`]),
);
function nameOf(door: string): string {
  return door.replaceAll('/', '-').replace('commands-', 'command-');
}

/** `cli.ts` loads the file of the command that runs. */
const besideDoors: Plugin = {
  name: 'beside-doors',
  resolveId(id, importer) {
    const [, door] = (importer?.endsWith('/src/cli.ts') && DOOR.exec(id)) || [];
    return door === undefined ? null : { id: `./${nameOf(door)}.cjs`, external: true };
  },
};

/**
 * Rooms of families without records in homes: no server and no watcher needs them. All other rooms are one file, so that a
 * process that lives long does not read code of a package that has replaced its own.
 */
const APART = FAMILIES.filter(({ kinds }) => kinds === undefined).flatMap(({ rooms = {} }) => Object.keys(rooms));
const PARTS = [
  { name: 'libraries', test: /\/node_modules\//, minShareCount: 40 },
  { name: 'homes', test: new RegExp(`/src/lib/(?!(?:${APART.join('|')})/(?!errors\\.ts))`) },
];

/**
 * gRPC and the Prometheus client lie beside the program: a quarter of the bundle for single listeners, and packages that
 * would run scripts when installed.
 */
const besideProgram: Plugin = {
  name: 'beside-program',
  resolveId(id) {
    const [, name] = /\/(grpc|prometheus)\.ts$/.exec(id) ?? [];
    return name === undefined ? null : { id: `./${name}.cjs`, external: true };
  },
};

/** The code of libsecp256k1 lies beside the program too, as it is: no text to be read by every run, and decoded by those that need it. */
const WASM = 'secp256k1.wasm';
const besideAsBytes: Plugin = {
  name: 'beside-as-bytes',
  load: (id) =>
    id.endsWith('/signing/wasm-code.ts')
      ? {
          code: `import { readFileSync } from 'node:fs'; export const wasmCode = () => readFileSync(\`\${__dirname}/${WASM}\`);`,
          moduleType: 'js',
        }
      : null,
  generateBundle() {
    const from = import.meta.resolve(`@bitauth/libauth/build/lib/bin/secp256k1/${WASM}`);
    const source = readFileSync(new URL(from));
    this.emitFile({ type: 'asset', fileName: WASM, source });
  },
};

const EDITOR = '@inquirer/external-editor';

/** inquirer's prompt that starts an editor, which nobody asks with, brings a fifth of the bundle (character sets). */
const noEditor: Plugin = {
  name: 'no-editor',
  resolveId: (id) => (id === EDITOR ? `\0${EDITOR}` : null),
  load: (id) => (id === `\0${EDITOR}` ? "export const editAsync = () => { throw new Error('no editor'); };" : null),
};

/** oclif sorts its commands by `localeCompare`, whose first call loads the tables of a language: 0.25 of `node -e 0`. */
const plainSort: Plugin = {
  name: 'plain-sort',
  transform(code, id) {
    if (!id.endsWith('/@oclif/core/lib/config/plugin.js')) return null;
    return replaced(code, 'a.id.localeCompare(b.id)', '(a.id < b.id ? -1 : 1)', 'plain-sort');
  },
};

/**
 * oclif and its libraries ask for the user's shell and folder, of which nothing here makes use; a user without an entry in the
 * system, as in a container, has neither.
 */
const ASK_FOR_USER: Readonly<Record<string, readonly (readonly [asks: string, instead: string])[]>> = {
  '/@oclif/core/lib/util/os.js': [
    ['(0, node_os_1.userInfo)().shell?.split(node_path_1.default.sep)?.pop()', "'unknown'"],
    ['(0, node_os_1.homedir)()', "''"],
  ],
  '/clean-stack/index.js': [["typeof os.homedir === 'undefined' ? '' : os.homedir()", "''"]],
  '/lilconfig/src/index.js': [['stopDir: os.homedir()', "stopDir: ''"]],
};
const noUser: Plugin = {
  name: 'no-user',
  transform(code, id) {
    const [, asks] = Object.entries(ASK_FOR_USER).find(([file]) => id.endsWith(file)) ?? [];
    return asks ? asks.reduce((text, [from, to]) => replaced(text, from, to, 'no-user'), code) : null;
  },
};

/**
 * @scure/btc-signer takes a square root in bigint for each public key of a PSBT, to see that it is a point. The curve of
 * `signing/` sees that many times faster, and keeps the newest; what it does not take, the library judges as before.
 */
const KEY_CHECKS = [
  ['Point.fromBytes(pub);', 'parsePoint(pub) || Point.fromBytes(pub);'],
  [
    'schnorr.utils.lift_x(bytesToNumberBE(pub));',
    'parsePoint(Uint8Array.of(2, ...pub)) || schnorr.utils.lift_x(bytesToNumberBE(pub));',
  ],
] as const;
const fastKeys: Plugin = {
  name: 'fast-keys',
  transform(code, id) {
    if (!id.endsWith('/@scure/btc-signer/utils.js')) return null;
    const curve = fileURLToPath(new URL('src/lib/signing/curve.ts', import.meta.url));
    const checked = KEY_CHECKS.reduce((text, [from, to]) => replaced(text, from, to, 'fast-keys'), code);
    return `import { parsePoint } from ${JSON.stringify(curve)};\n${checked}`;
  },
};

/**
 * What evaluates a module is made as a function that puts another in its own place. As a value it is compiled with its file,
 * so it lies in the compile cache, and no start compiles it anew. Nothing calls one before all files are read.
 *
 * What a file gives to others it gives by getters, each a function that a start compiles and every use calls. What is made
 * once, before the end of the file, is given as it is.
 */
const MAKES_ITSELF = /^function (init_[\w$]+)\(\) \{\n\treturn \(\1 = ([^]*?)\)\(\);\n\}$/gm;
const MADE_ONCE = /^(?:(?:async )?function\*? |var (?=[\w$]+ = ))([\w$]+)/gm;
const GETTER =
  /^Object\.defineProperty\(exports, "([\w$]+)", \{\n\tenumerable: true,\n\tget: function\(\) \{\n\t\treturn ([\w$]+);\n\t\}\n\}\);$/gm;
const compiledOnce: Plugin = {
  name: 'compiled-once',
  generateBundle(_, files) {
    const chunks = Object.values(files).filter((file) => file.type === 'chunk');
    if (!chunks.some(({ code }) => code.search(MAKES_ITSELF) >= 0)) throw new Error('compiled-once: drop this plugin');
    for (const chunk of chunks) {
      const code = chunk.code.replace(MAKES_ITSELF, 'var $1 = $2;');
      const made = new Set(Array.from(code.matchAll(MADE_ONCE), ([, name]) => name));
      chunk.code = code.replace(GETTER, (all, name, of) => (made.has(of) ? `exports.${name} = ${of};` : all));
    }
  },
};

/**
 * Node keeps a text with one character beyond ASCII in two bytes each, and every start reads the whole of it: 0.1 of
 * `node -e 0` for the two large files.
 */
const asciiAlone: Plugin = {
  name: 'ascii-alone',
  generateBundle(_, files) {
    for (const file of Object.values(files))
      if (file.type === 'chunk')
        file.code = file.code.replace(/[^\0-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  },
};

function replaced(code: string, from: string, to: string, plugin: string): string {
  if (!code.includes(from)) throw new Error(`${plugin}: ${from} found no more; drop this plugin, or ask otherwise`);
  return code.replace(from, to);
}

const transform = { target: 'node22.18' };

export default defineConfig([
  {
    input: { cli: 'src/cli.ts', ...DOORS },
    platform: 'node',
    plugins: [
      besideDoors,
      besideProgram,
      besideAsBytes,
      lazyOutside,
      noEditor,
      plainSort,
      noUser,
      fastKeys,
      compiledOnce,
      asciiAlone,
    ],
    transform,
    output: {
      dir: 'dist',
      format: 'cjs',
      exports: 'named',
      entryFileNames: '[name].cjs',
      chunkFileNames: 'part-[name].cjs',
      strictExecutionOrder: true,
      codeSplitting: { groups: PARTS },
      comments: { legal: true, jsdoc: false, annotation: false },
    },
  },
  ...['cdk/grpc', 'serve/prometheus'].map((file) => ({
    input: `src/lib/${file}.ts`,
    platform: 'node' as const,
    transform,
    output: {
      file: `dist/${file.split('/')[1]}.cjs`,
      format: 'cjs' as const,
      codeSplitting: false,
      comments: { legal: true, jsdoc: false, annotation: false },
    },
  })),
  {
    input: 'node_modules/pg/lib/index.js',
    platform: 'node',
    // What pg tries to load in other surroundings.
    external: /^(pg-native|pg-cloudflare|cloudflare:.*)$/,
    transform,
    output: {
      file: 'dist/pg.cjs',
      format: 'cjs',
      codeSplitting: false,
      comments: { legal: true, jsdoc: false, annotation: false },
    },
  },
  {
    input: 'src/index.ts',
    platform: 'node',
    external: /^[^./]/,
    transform,
    output: { file: 'dist/index.js', format: 'esm', codeSplitting: false },
  },
]);
