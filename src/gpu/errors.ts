import { UserError } from '../errors.js';

/**
 * Why the GPU cannot be used, or be used further; a caller that has another backend goes on with it.
 * - `missing`: no driver or no adapter
 * - `lost`: the device went away, or its driver gave up
 * - `memory`: what was asked for does not fit in its memory or past its limits
 */
export class GpuError extends UserError {
  constructor(
    readonly kind: 'missing' | 'lost' | 'memory',
    message: string,
  ) {
    super(message);
  }
}
