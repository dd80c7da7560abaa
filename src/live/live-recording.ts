import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { BadFrameError, UserError } from '../errors.js';
import { isLeftover, syncFolder, writeFileAtomically } from '../files.js';
import { type Frame, frameName, type Size } from '../frame.js';
import type { FrameId } from '../sources/file-recording.js';
import {
  LIVE_SETTINGS,
  listStored,
  liveLabels,
  readLiveClasses,
  readStored,
  readStoredHead,
  storedEntry,
  storedFile,
} from '../sources/live-layout.js';
import type { BadEntry, FrameEntry, Recording } from '../sources/recording.js';
import type { LabelTable } from '../sources/working-frame.js';
import type { CapturedFrame } from './captured-frame.js';
import { encodeFrames } from './frame-message.js';

export interface LiveRecordingOptions {
  /** What labels stand for; where none are given, those that the recording has. */
  readonly classes?: readonly string[];
  /** Scenes that are taken at most. */
  readonly scenes?: number;
  /** Bytes on disk that are taken at most. */
  readonly bytes?: number;
  /** Told of each frame that is there already, in order. */
  readonly onStored?: (frame: { readonly scene: string; readonly cameraToWorld: Float64Array }) => void;
  /** Stores a file so that it outlasts a power failure, whole or not at all. */
  readonly write?: (path: string, bytes: Uint8Array) => Promise<void>;
}

/** 50 GB are some 100 000 frames of 640×480. */
export const LIVE_RECORDING_DEFAULTS = { scenes: 256, bytes: 50e9 } as const;

/**
 * A recording that grows: every frame that is added is a file, and is here again when the folder is opened anew. One
 * process at a time may open it. Holds an entry and the name of its file a frame, and no images.
 */
export class LiveRecording implements Recording {
  readonly format = 'live';
  /** Those of earlier runs by scene and frame, then the others in order of arrival. */
  readonly frames: FrameEntry[] = [];
  readonly #byFile = new Map<string, FrameEntry>();
  /** Frames on their way to disk, by file. */
  readonly #adding = new Map<string, Promise<FrameEntry>>();
  readonly #scenes = new Set<string>();
  readonly #mostScenes: number;
  readonly #mostBytes: number;
  readonly #write: (path: string, bytes: Uint8Array) => Promise<void>;
  readonly #labels: LabelTable;
  #bytes = 0;

  private constructor(
    readonly path: string,
    readonly classes: readonly string[],
    readonly bad: readonly BadEntry[],
    options: LiveRecordingOptions,
  ) {
    this.#mostScenes = options.scenes ?? LIVE_RECORDING_DEFAULTS.scenes;
    this.#mostBytes = options.bytes ?? LIVE_RECORDING_DEFAULTS.bytes;
    this.#write = options.write ?? writeDurably;
    this.#labels = liveLabels(classes);
  }

  /**
   * Opens a live recording, made where it is absent; what a killed run left half written is removed.
   * @throws UserError where the folder holds something else, or its labels stand for other classes
   */
  static async open(path: string, options: LiveRecordingOptions = {}): Promise<LiveRecording> {
    const folder = resolve(path);
    const classes = await openSettings(folder, options.classes ?? []);
    const { stored, bad } = await listStored(folder);
    const recording = new LiveRecording(folder, classes, bad, options);
    for (const { entry, cameraToWorld, bytes } of stored) {
      recording.#include(entry, bytes);
      options.onStored?.({ scene: entry.scene, cameraToWorld });
    }
    return recording;
  }

  /** Scenes there are. */
  get scenes(): number {
    return this.#scenes.size;
  }

  /** Bytes of the frames on disk. */
  get bytes(): number {
    return this.#bytes;
  }

  has(frame: FrameId): boolean {
    return this.#byFile.has(storedFile(frame));
  }

  /**
   * Stores a frame; when this resolves, it outlasts a power failure. A frame that is there already stays as it is,
   * whatever else comes under its name.
   * @param frame read, not kept
   * @throws BadFrameError where the recording may not take it; UserError and others where it cannot be written
   */
  async add(frame: CapturedFrame): Promise<FrameEntry | 'repeated'> {
    const file = storedFile(frame);
    for (let adding = this.#adding.get(file); adding !== undefined; adding = this.#adding.get(file))
      await adding.catch(() => {}); // its own caller is told
    if (this.#byFile.has(file)) return 'repeated';
    const adding = this.#store(frame, file);
    this.#adding.set(file, adding);
    try {
      return await adding;
    } finally {
      this.#adding.delete(file);
    }
  }

  async #store(frame: CapturedFrame, file: string): Promise<FrameEntry> {
    const { scene, id } = frame;
    const isNewScene = !this.#scenes.has(scene);
    const refuse = (reason: string) => new BadFrameError(frameName(frame), reason);
    if (isNewScene && this.#scenes.size >= this.#mostScenes)
      throw refuse(`a new scene, but there are ${this.#scenes.size} already, the most that are taken`);
    if (frame.label !== undefined && this.classes.length === 0)
      throw refuse('has labels, but the recording has no class names for them');
    const content = encodeFrames([frame]);
    if (this.#bytes + content.length > this.#mostBytes)
      throw refuse(
        `the recording would grow beyond ${this.#mostBytes} bytes on disk, the most that is taken`,
      );
    // Taken before anything is awaited, so that frames written at once keep the limits together.
    this.#scenes.add(scene);
    this.#bytes += content.length;
    try {
      const path = join(this.path, file);
      await this.#write(path, content);
      if (isNewScene) await syncFolder(this.path);
    } catch (error) {
      this.#bytes -= content.length;
      if (isNewScene && !this.frames.some((entry) => entry.scene === scene)) this.#scenes.delete(scene);
      throw error;
    }
    const entry = await storedEntry(this.path, { scene, id, labelled: frame.label !== undefined });
    this.#include(entry, 0);
    return entry;
  }

  #include(entry: FrameEntry, bytes: number): void {
    this.frames.push(entry);
    this.#byFile.set(storedFile(entry), entry);
    this.#scenes.add(entry.scene);
    this.#bytes += bytes;
  }

  read(entry: FrameEntry, size: Size): Promise<Frame> {
    return readStored(this.path, entry, this.#labels, size);
  }

  async readPose(entry: FrameEntry): Promise<Float64Array> {
    return (await readStoredHead(this.path, entry)).cameraToWorld;
  }

  async readTime(entry: FrameEntry): Promise<number> {
    return (await readStoredHead(this.path, entry)).timestamp;
  }

  superpixelFile(): undefined {
    return undefined;
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  await writeFileAtomically(path, bytes);
  await syncFolder(dirname(path));
}

/** @returns the recording's class names */
async function openSettings(folder: string, classes: readonly string[]): Promise<readonly string[]> {
  const entries = await readdir(await made(folder), { recursive: true });
  for (const entry of entries.filter(isLeftover)) await rm(join(folder, entry), { force: true });
  if (entries.includes(LIVE_SETTINGS)) {
    const stored = await readLiveClasses(folder);
    if (classes.length === 0 || JSON.stringify(classes) === JSON.stringify(stored)) return stored;
    if (stored.length > 0)
      throw new UserError(
        `Labels of ${folder} are of other classes (${stored.join(', ')}): expected ${classes.join(', ')}.`,
      );
  } else if (!entries.every(isLeftover)) {
    throw new UserError(`Expected ${folder} to be empty or a live recording (with a ${LIVE_SETTINGS}).`);
  }
  await writeFileAtomically(join(folder, LIVE_SETTINGS), `${JSON.stringify({ classes }, undefined, 2)}\n`);
  return classes;
}

async function made(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true });
    return folder;
  } catch (error) {
    throw new UserError(`Could not make the folder ${folder}: ${(error as Error).message}.`);
  }
}
