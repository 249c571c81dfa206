/**
 * What a user of the npm packages would write: NDJSON in, NDJSON out.
 * `node asset-stream.cjs oa-marker|oa-full|oa-names|cc-payload DIR`, where DIR holds node_modules with the peers. Printed is
 * what a marker says, and of outputs what the package gives; with `oa-names` also the names that we print of each. openassets needs `buffertools`, a native package that no longer builds:
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

/** Colours transactions; an output's fields are what `shower()` makes of it. */
const full = (shower) => () => {
  const { ColoringEngine } = from('openassets');
  const Transaction = from('bitcore/lib/transaction');
  const show = shower();
  return ({ tx, prev }, done) => {
    const engine = new ColoringEngine((txid, cb) => cb(null, { result: prev[txid] }));
    engine.colorTransaction(new Transaction(Buffer.from(tx, 'hex')), (error, outputs) =>
      done(error ? { error: String(error) } : { outputs: outputs.map(show) }),
    );
  };
};
const bare = (o) => ({ asset: o.assetId ? o.assetId.toString('hex') : null, quantity: String(o.assetQuantity ?? 0) });
function naming() {
  const { encode } = from('bitcore/lib/encoding/base58check');
  const name = (versions, hash) => encode(Buffer.concat([Buffer.from(versions), hash]));
  return (o) => {
    const paid = o.script.length === 25 && o.script[0] === 0x76 ? o.script.subarray(3, 23) : null;
    return {
      ...bare(o),
      script: o.script.toString('hex'),
      asset_id: o.assetId ? name([23], o.assetId) : null,
      address: paid && name([0], paid),
      oa_address: paid && name([19, 0], paid),
    };
  };
}

const makers = {
  'oa-marker': () => {
    const MarkerOutput = from('openassets/lib/protocol/MarkerOutput');
    return ({ marker }, done) => {
      const found = MarkerOutput.prototype.deserializePayload(Buffer.from(marker, 'hex'));
      const text = found.metadata.toString('utf8');
      done({
        quantities: found.assetQuantities.map(String),
        metadata_hex: found.metadata.toString('hex'),
        metadata_text: text,
        pointer: text.startsWith('u=') ? { form: 'url', url: text.slice(2) } : null,
      });
    };
  },
  'oa-full': full(() => bare),
  'oa-names': full(naming),
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
