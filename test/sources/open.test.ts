import { chmod, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import { FORMATS, type Format } from '../../src/sources/formats.js';
import { openRecording } from '../../src/sources/open.js';
import { poseAt, writeRecording } from './builders.js';

async function messageOf(opening: Promise<unknown>): Promise<string> {
  const error: unknown = await opening.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  const { message } = error as UserError;
  // One sentence, one line.
  expect(message).toMatch(/^\S[^\n]*\.$/);
  return message;
}

describe('opening what is no recording', () => {
  it('says that the path is missing', async () => {
    const path = join(await writeRecording({ a: '' }), 'nowhere');
    expect(await messageOf(openRecording(path))).toBe(`There is no recording at ${path}: expected a folder.`);
  });

  it('says that the path is a file', async () => {
    const path = join(await writeRecording({ a: '' }), 'a');
    expect(await messageOf(openRecording(path))).toContain(
      `${path} is a file: expected the folder of a recording`,
    );
  });

  it('says that the folder is empty', async () => {
    const path = await writeRecording({});
    expect(await messageOf(openRecording(path))).toBe(
      `${path} is empty: expected the folder of a recording.`,
    );
  });

  it('says that links lead in a circle', async () => {
    const path = await writeRecording({});
    await symlink(join(path, 'loop'), join(path, 'loop'));
    expect(await messageOf(openRecording(join(path, 'loop')))).toContain('cannot be read (ELOOP)');
  });

  it.skipIf(process.getuid?.() === 0)(
    'says that the folder may not be read (not testable as root)',
    async () => {
      const path = await writeRecording({ a: '' });
      await chmod(path, 0);
      expect(await messageOf(openRecording(path))).toContain('permission');
      await chmod(path, 0o700);
    },
  );

  it('says which layouts it knows and what each needs', async () => {
    const message = await messageOf(openRecording(await writeRecording({ 'photos/holiday.jpg': '' })));
    expect(message).toContain('is not in any known layout: expected recording.json and a folder per scene');
    expect(message).toContain('color/, depth/, pose/ and info/ with one file a frame (viewal)');
    expect(message).toContain('frame-000000.pose.txt, here or in seq-01/ (7scenes)');
  });

  it('says what the layout asked for needs', async () => {
    const path = await writeRecording({ 'recording.json': '{}' });
    const message = await messageOf(openRecording(path, { format: '7scenes' }));
    expect(message).toContain('is not in the 7scenes layout: expected files frame-000000.color.png');
    expect(message).not.toContain('viewal)');
  });

  it('says which formats there are', async () => {
    const path = await writeRecording({ a: '' });
    expect(await messageOf(openRecording(path, { format: 'kitti' as Format }))).toBe(
      `There is no format "kitti": expected one of ${FORMATS.join(', ')}.`,
    );
  });

  it('says that no frame is usable, and why', async () => {
    const path = await writeRecording({ 'frame-000000.pose.txt': poseAt(0, 0, 0) });
    expect(await messageOf(openRecording(path))).toBe(
      `${path} has no usable frame among the 1 found: frame-000000.color.png: missing (.jpg would do).`,
    );
    const bare = await writeRecording({ 'recording.json': '{}', 'kitchen/notes.txt': '' });
    expect(await messageOf(openRecording(bare))).toBe(`${bare} holds no frames: expected at least one.`);
  });
});
