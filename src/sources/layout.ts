import type { Folder } from './input-files.js';
import type { Recording } from './recording.js';

/** One way of keeping a recording on disk. */
export interface Layout {
  /** As given to `--format`. */
  readonly name: string;
  /** What a folder must hold to be of this layout, for messages. */
  readonly needs: string;
  /** Whether a folder with these entries is meant to be of this layout. */
  matches(root: Folder): boolean;
  /**
   * @param path absolute
   * @throws UserError where it cannot be listed, its shared settings are no good, or no frame is usable
   */
  open(path: string, root: Folder): Promise<Recording>;
}
