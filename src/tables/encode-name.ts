import { createHash } from 'node:crypto';

/** File systems allow 255 bytes; endings and the marks of temporary files need some. */
const LONGEST = 200;

/**
 * The name of a scene or frame as one of a file or folder, which it cannot leave: letters, digits, `.`, `-` and `_` as
 * they are, the rest percent-encoded, a `.` at the beginning too: those files are hidden. What would be longer than file systems allow is cut, and
 * made unlike any other by a digest after `~`, which no other encoded name has.
 */
export function encodeName(name: string): string {
  const encoded = encodeURIComponent(name).replace(
    /[!'()*~]|^\./g,
    (c) => `%${c.charCodeAt(0).toString(16)}`,
  );
  if (encoded.length <= LONGEST) return encoded;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 32);
  return `${encoded.slice(0, LONGEST - 33)}~${hash}`;
}
