/** Seconds as they are read: `85 ms`, `0.32 s`, `14 s`. */
export function duration(seconds: number): string {
  if (seconds < 0.0995) return `${Math.round(1000 * seconds)} ms`;
  return `${seconds < 9.95 ? seconds.toPrecision(2) : Math.round(seconds)} s`;
}

/** An option such as `10superpixels` with its number set off; `scene` is one scene. */
export function spaced(option: string): string {
  if (option === 'scene') return 'one scene';
  return option.replace(/^([\d.]+)(?=[a-z])/, '$1 ');
}
