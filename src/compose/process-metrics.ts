import { metricText } from '../core/metrics-text.ts';

/** The memory of this process, by the names that dashboards know. */
export function processText(): string {
  const { rss, heapUsed } = process.memoryUsage();
  return (
    metricText('process_resident_memory_bytes', 'gauge', 'Resident memory of this process.', [['', rss]]) +
    metricText('nodejs_heap_size_used_bytes', 'gauge', 'Used heap of this process.', [['', heapUsed]])
  );
}
