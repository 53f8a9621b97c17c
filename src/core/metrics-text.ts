/**
 * Lines of one metric in Prometheus' text format (exposition format 0.0.4); each ends with a line end. `labels` is
 * `{name="value",…}` or empty.
 */
export function metricText(
  name: string,
  type: 'gauge' | 'counter' | 'summary',
  help: string,
  samples: readonly (readonly [labels: string, value: number])[],
): string {
  const lines = [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(([labels, value]) => `${name}${labels} ${value}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** The value of a label, as the format wants it. */
export function labelValue(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
