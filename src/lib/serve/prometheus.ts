/** The Prometheus client, as much of it as a server uses: loaded by `serve --http` alone (`rolldown.config.ts`). */
export { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
