/**
 * Prometheus' text format 0.0.4, read strictly by its specification
 * (https://prometheus.io/docs/instrumenting/exposition_formats/): what a scraper would take or refuse, and more; and the
 * naming rules that its linter checks. Throws where the text breaks one of them.
 */

export interface Sample {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
}
export interface Family {
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  samples: Sample[];
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
const NUMBER = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]Inf|Nan|NaN)$/;

export function parseExposition(text: string): Map<string, Family> {
  const must = (ok: unknown, what: string): void => {
    if (!ok) throw new Error(`exposition: ${what}`);
  };
  must(text.endsWith('\n'), 'the last line has no end');
  const families = new Map<string, Family>();
  let help: [string, string] | undefined;
  let current: { name: string; family: Family } | undefined;
  const seen = new Set<string>();
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      must(!families.has(name), `${name} comes twice`);
      help = [name, rest];
    } else if (keyword === 'TYPE') {
      must(help?.[0] === name, `no help for ${name}`);
      must(['counter', 'gauge', 'histogram'].includes(rest), `type ${rest}`);
      must((rest === 'counter') === name.endsWith('_total'), `${name} is a ${rest}`);
      current = { name, family: { type: rest as Family['type'], help: help![1], samples: [] } };
      families.set(name, current.family);
    } else {
      const sample = sampleOf(line, must);
      if (!current) throw new Error(`exposition: ${line} before its type`);
      const { type, samples } = current.family;
      const suffix = sample.name.slice(current.name.length);
      const suffixes = type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
      must(sample.name === current.name + suffix && suffixes.includes(suffix), `${line} under ${current.name}`);
      must('le' in sample.labels === (suffix === '_bucket'), `${line}: le`);
      must(type === 'gauge' || sample.value >= 0, `${line}: negative`);
      const series = seriesOf(sample);
      must(!seen.has(series), `${series} comes twice`);
      seen.add(series);
      samples.push(sample);
    }
  }
  for (const [name, family] of families) if (family.type === 'histogram') checkBuckets(name, family.samples, must);
  return families;
}

function sampleOf(line: string, must: (ok: unknown, what: string) => void): Sample {
  const [, name = '', inside = '', value = ''] = LINE.exec(line) ?? [];
  must(name !== '' && NUMBER.test(value), `${line} is no sample`);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < inside.length) {
    const [, label, text] = LABEL.exec(inside) ?? [];
    must(label !== undefined && !(label in labels), `${line}: labels`);
    labels[label!] = text!.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
  }
  return { name, labels, value: Number(value.replace('Inf', 'Infinity').replace('Nan', 'NaN')) };
}

/** A name with its labels in an order. */
export const seriesOf = ({ name, labels }: Pick<Sample, 'name' | 'labels'>): string =>
  `${name}{${Object.entries(labels)
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
    .sort()
    .join(',')}}`;

/** Buckets grow and end with +Inf, which is the count. */
function checkBuckets(name: string, samples: readonly Sample[], must: (ok: unknown, what: string) => void): void {
  const groups = Map.groupBy(samples, ({ labels: { le: _, ...labels } }) => seriesOf({ name, labels }));
  for (const [series, group] of groups) {
    const buckets = group.filter((s) => s.name.endsWith('_bucket'));
    const bounds = buckets.map(({ labels }) => (labels['le'] === '+Inf' ? Infinity : Number(labels['le'])));
    const growing = (values: number[]) => values.every((value, i) => i === 0 || value >= values[i - 1]!);
    must(growing(bounds) && growing(buckets.map(({ value }) => value)), `${series}: buckets`);
    const count = group.find((s) => s.name.endsWith('_count'))?.value;
    must(bounds.at(-1) === Infinity && buckets.at(-1)!.value === count, `${series}: +Inf and count`);
    must(group.filter((s) => s.name.endsWith('_sum')).length === 1, `${series}: sum`);
  }
}

/** The values of a scrape by series, as people write them: `name{label="value"}` with labels in any order. */
export class Scraped {
  readonly families: Map<string, Family>;
  readonly #values: ReadonlyMap<string, number>;

  constructor(text: string) {
    this.families = parseExposition(text);
    const samples = [...this.families.values()].flatMap((family) => family.samples);
    this.#values = new Map(samples.map((sample) => [seriesOf(sample), sample.value]));
  }
  /** undefined where there is no such series. */
  get(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    return this.#values.get(seriesOf({ name, labels }));
  }
  /** How many series there are under names that begin so. */
  count(prefix: string): number {
    return [...this.#values.keys()].filter((series) => series.startsWith(prefix)).length;
  }
}
