import { join } from 'node:path';
import { type Dataset, SPLITS } from '../datasets/dataset.js';
import { scenesOf } from '../datasets/prepared-folder.js';
import type { Prepared } from '../stages/prepare-dataset.js';

const WIDTH = 100;
const INDENT = '  ';

/** A data set, for people. */
export function datasetText({ name, title, facts }: Dataset): string {
  const section = (heading: string, sentences: readonly string[]) => [
    `${INDENT}${heading}`,
    ...sentences.flatMap((sentence) => wrapped(sentence, INDENT.repeat(2))),
  ];
  return [
    `${name}: ${title}`,
    ...section('The paper used', facts.paper),
    ...section(`viewal dataset prepare ${name} takes`, facts.prepared),
    ...section('To obtain it', facts.obtain),
    ...section('Disk', facts.disk),
  ].join('\n');
}

/** What a preparation came to, in sentences. */
export function preparedText({ out, seeds, written, leftOut, ...lists }: Prepared): string {
  const all = SPLITS.flatMap((split) => lists[split]);
  const parts = SPLITS.filter((split) => lists[split].length > 0).map((split) => {
    const list = split === 'training' ? '' : ` (${split}.txt)`;
    return `${lists[split].length} of ${count(scenesOf(lists[split]).length, 'scene')} for ${split}${list}`;
  });
  const lines = [
    `${out} holds ${count(all.length, 'frame')}, ${written} of them prepared now: ${parts.join(', ')}.`,
  ];
  if (leftOut > 0) lines.push(`${count(leftOut, 'frame')} could not be used; left-out.txt says why.`);
  const unlabelled = all.filter(({ labelled }) => !labelled).length;
  if (unlabelled === all.length)
    lines.push(
      'No frame has labels, so that there is no seed set: viewal dataset list tells how to get them.',
    );
  else {
    if (unlabelled > 0) lines.push(`${count(unlabelled, 'frame')} came without labels.`);
    lines.push(`The seed set has ${count(seeds.length, 'training image')} (labelled.txt).`);
  }
  if (seeds.length > 0 && lists.test.length > 0)
    lines.push(
      `Next: viewal learn ${out} --out runs/learning --seed-set ${join(out, 'labelled.txt')} --test ${join(out, 'test.txt')}`,
    );
  return lines.join('\n');
}

function count(number: number, unit: string): string {
  return `${number} ${unit}${number === 1 ? '' : 's'}`;
}

function wrapped(sentence: string, indent: string): string[] {
  const lines: string[] = [];
  let line = `${indent}- `;
  let isFirst = true;
  for (const word of sentence.split(' ')) {
    if (!isFirst && line.length + word.length >= WIDTH) {
      lines.push(line.trimEnd());
      line = `${indent}  `;
    }
    line += `${word} `;
    isFirst = false;
  }
  return [...lines, line.trimEnd()];
}
