import { createHash } from 'node:crypto';

/**
 * Hex digest of any JSON-able parts, 16 characters. Stored tables carry the digest of what they were computed
 * from, so that a rerun knows what is current and what is stale.
 */
export function digest(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}
