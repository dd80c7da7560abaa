import { UserError } from '../errors.js';
import { ceal } from './ceal.js';
import { confidence } from './confidence.js';
import { coreSet } from './core-set.js';
import { entropy } from './entropy.js';
import { margin } from './margin.js';
import { mcDropoutEntropy } from './mc-dropout-entropy.js';
import { mostRepresentative } from './most-representative.js';
import { randomImages } from './random.js';
import { randomSuperpixels, randomSuperpixelsCarrying } from './random-superpixels.js';
import { regionalMcDropoutEntropy } from './regional-mc-dropout-entropy.js';
import type { Strategy } from './strategy.js';
import {
  viewal,
  viewalCarrying,
  viewalWithoutDivergence,
  viewalWithoutDropout,
  viewEntropyOfImages,
} from './viewal.js';
import { viewalAgreeing } from './viewal-agree.js';
import { viewalBalanced } from './viewal-balance.js';
import { viewalSampled, viewalSampledCarrying } from './viewal-sample.js';

/** All that `--strategy` knows, in the order of reports. */
export const STRATEGIES: readonly Strategy[] = [
  // The paper's comparisons (§4.2), and random superpixels as a control.
  randomImages,
  randomSuperpixels,
  margin,
  confidence,
  entropy,
  mcDropoutEntropy,
  regionalMcDropoutEntropy,
  coreSet,
  mostRepresentative,
  ceal,
  // ViewAL, its ablations (§4.4) and what goes beyond the paper.
  viewEntropyOfImages,
  viewalWithoutDropout,
  viewalWithoutDivergence,
  viewal,
  viewalCarrying,
  viewalBalanced,
  viewalAgreeing,
  viewalSampled,
  viewalSampledCarrying,
  randomSuperpixelsCarrying,
];

/** @throws UserError that lists the names there are */
export function findStrategy(name: string): Strategy {
  const strategy = STRATEGIES.find((one) => one.name === name);
  if (strategy === undefined)
    throw new UserError(
      `Option strategy: expected one of ${STRATEGIES.map((one) => one.name).join(', ')}; got "${name}".`,
    );
  return strategy;
}
