import { expect, test } from 'vitest';
import { staysInside } from '../src/files.js';

test('paths that leave a folder are told from those that stay', () => {
  for (const path of ['a.bin', 'weights/a.bin', '..weights/a.bin', 'a..b/c', './a', 'shard 1:2.bin'])
    expect(staysInside(path), path).toBe(true);
  for (const path of ['../a', 'a/../../b', '..', 'a/..', '/etc/x', '\\x', 'a\\..\\..\\b', 'C:\\x', 'c:x'])
    expect(staysInside(path), path).toBe(false);
});
