// Medians and percentiles, and rounds that measure a floor and a figure beside each other.

export function median(values) {
  return percentile(values, 50);
}

export function percentile(values, percent) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = Math.min(sorted.length - 1, Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1));
  return sorted[at];
}

/**
 * Measures floor and figure in turn, `rounds` times after one to warm up, and gives the medians of both and of the
 * ratio figure / floor of each round: whatever else the machine does meets both.
 */
export async function beside(rounds, floor, figure) {
  await floor();
  await figure();
  const seen = [];
  for (let round = 0; round < rounds; round += 1) {
    const before = await floor();
    const value = await figure();
    const after = await floor();
    const mean = (before + after) / 2;
    seen.push({ floor: mean, value, ratio: value / mean });
  }
  return {
    floor: median(seen.map((one) => one.floor)),
    value: median(seen.map((one) => one.value)),
    ratio: median(seen.map((one) => one.ratio)),
    spread: [Math.min(...seen.map((one) => one.ratio)), Math.max(...seen.map((one) => one.ratio))],
  };
}
