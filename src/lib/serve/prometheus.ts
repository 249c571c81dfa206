/** Parts of the Prometheus client, loaded by `serve --http` alone (`rolldown.config.ts`). */
export { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
