import type { FileLayout } from './file-recording.js';
import type { Folder } from './input-files.js';
import type { Recording } from './recording.js';
import type { FrameTopics } from './ros/topics.js';

/** What a user may say of a recording. */
export interface LayoutOptions {
  /** Where it has topics: those that frames are made of. Others are chosen. */
  readonly topics?: Partial<FrameTopics>;
}

/** One way of keeping a recording on disk. */
export interface Layout {
  /** As given to `--format`. */
  readonly name: string;
  /** What a folder must hold to be of this layout, for messages. */
  readonly needs: string;
  /** Whether a folder with these entries is meant to be of this layout. */
  matches(root: Folder): boolean;
  /** For layouts that keep whole recordings in files: how their names end, such as `.sens`. */
  readonly endings?: readonly string[];
  /**
   * Opens such a file.
   * @param path absolute
   * @throws UserError where it cannot be read, or no frame is usable
   */
  openFile?(path: string, options: LayoutOptions): Promise<Recording>;
  /** Whether it has topics to choose from. */
  readonly hasTopics?: true;
  /**
   * @param path absolute
   * @throws UserError where it cannot be listed, its shared settings are no good, or no frame is usable
   */
  open(path: string, root: Folder, options: LayoutOptions): Promise<Recording>;
  /**
   * Lists a recording that is being written, for layouts with a file a part. Lists of frames are passed over: they may
   * name frames that are still to come.
   * @param root its entries, as `list` gives them
   * @param list the entries of its folders that are to be counted with
   * @throws UserError where it cannot be listed, or its shared settings are no good
   */
  listGrowing?(path: string, root: Folder, list: (path: string) => Promise<Folder>): Promise<FileLayout>;
}
