import { cameraFaults } from './camera-fit.js';
import type { Inspection } from './inspection.js';
import type { Jump } from './pose-jumps.js';

/** Less of the surface than this seen twice is too little for the method. */
const LEAST_SHARED = 0.2;
/** Seconds between the colour and the depth of a frame, and by which that may change over a recording. */
const LONGEST_DELAY = 0.1;
const MOST_DRIFT = 0.03;

/** What a user should know before trusting a recording, in sentences. */
export function warningsOf({
  sampled,
  shared,
  geometry,
  jumps,
  colourDelay,
}: Omit<Inspection, 'warnings'>): string[] {
  const faults = sampled.flatMap((frame) =>
    cameraFaults(frame, frame.intrinsics, frame.source?.depth ?? frame),
  );
  const warnings = [...new Set(faults)].map((fault) => `${fault.charAt(0).toUpperCase()}${fault.slice(1)}.`);
  if (shared < LEAST_SHARED && geometry.verdict !== 'unknown')
    warnings.push(
      `Only ${Math.round(100 * shared)} % of the surface that the sampled frames show is seen by two of them or more: the method compares views of the same surface.`,
    );
  if (jumps.length > 0) {
    const [{ scene, from, to, metres, times }] = jumps as [Jump];
    const others = jumps.length > 1 ? `, and ${jumps.length - 1} more` : '';
    const faster = Number.isFinite(times) ? `, ${Math.round(times)} times its median speed` : '';
    warnings.push(
      `Poses jump: in ${scene}, from frame ${from} to ${to} the camera moves ${metres.toFixed(2)} m${faster}${others}.`,
    );
  }
  if (colourDelay !== undefined) {
    const { least, most, drift } = colourDelay;
    if (Math.max(-least, most) > LONGEST_DELAY)
      warnings.push(
        `Colour and depth were not taken at the same time: colour is ${milliseconds(least)} to ${milliseconds(most)} ms later, expected at most ${milliseconds(LONGEST_DELAY)}.`,
      );
    else if (Math.abs(drift) > MOST_DRIFT)
      warnings.push(
        `The times of colour and depth drift apart, by ${milliseconds(drift)} ms over the recording: expected at most ${milliseconds(MOST_DRIFT)}.`,
      );
  }
  return warnings;
}

const milliseconds = (seconds: number) => Math.round(1000 * seconds);
