/**
 * What a user of the npm packages would write: NDJSON in, NDJSON out. `node asset-stream.cjs oa-marker|oa-full|cc-payload DIR`,
 * where DIR holds node_modules with the peers. openassets needs `buffertools`, a native package that no longer builds:
 * it only adds methods that are not used here, so it is stood in for.
 */
const Module = require('node:module');
const { createInterface } = require('node:readline');
const load = Module._load;
Module._load = function (name, ...rest) {
  return name === 'buffertools' ? { extend() {} } : load.call(this, name, ...rest);
};
const [, , kind, dir] = process.argv;
const from = Module.createRequire(`${dir}/`);

const makers = {
  'oa-marker': () => {
    const MarkerOutput = from('openassets/lib/protocol/MarkerOutput');
    return ({ marker }, done) => {
      const found = MarkerOutput.prototype.deserializePayload(Buffer.from(marker, 'hex'));
      done({ quantities: found.assetQuantities.map(String), metadata_hex: found.metadata.toString('hex') });
    };
  },
  'oa-full': () => {
    const { ColoringEngine } = from('openassets');
    const Transaction = from('bitcore/lib/transaction');
    return ({ tx, prev }, done) => {
      const engine = new ColoringEngine((txid, cb) => cb(null, { result: prev[txid] }));
      engine.colorTransaction(new Transaction(Buffer.from(tx, 'hex')), (error, outputs) =>
        done(
          error
            ? { error: String(error) }
            : {
                outputs: outputs.map((o) => ({
                  asset: o.assetId ? o.assetId.toString('hex') : null,
                  quantity: String(o.assetQuantity ?? 0),
                })),
              },
        ),
      );
    };
  },
  'cc-payload': () => {
    const { fromHex } = from('cc-transaction');
    return ({ payload }, done) => done(fromHex(payload).toJson());
  },
};
const work = makers[kind]();
let held = '';
createInterface({ input: process.stdin })
  .on('line', (line) => {
    try {
      work(JSON.parse(line), (answer) => (held += `${JSON.stringify(answer)}\n`));
    } catch (error) {
      held += `${JSON.stringify({ error: String(error.message) })}\n`;
    }
    if (held.length > 65536) {
      process.stdout.write(held);
      held = '';
    }
  })
  .on('close', () => process.stdout.write(held));
