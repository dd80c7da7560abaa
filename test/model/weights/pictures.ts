import sharp from 'sharp';

/** Width and height of a picture, in pixels: what MobileNetV2 was trained at. */
export const PICTURE_SIZE = 224;

/** A drawn picture of one thing, and the name and number of its ImageNet class (of 1000, from 0). */
export interface Picture {
  readonly name: string;
  readonly imagenetClass: number;
  readonly drawing: string;
}

const C = PICTURE_SIZE / 2;
const point = (angle: number, radius: number, aside = 0) =>
  `${C + radius * Math.cos(angle) - aside * Math.sin(angle)},${C + radius * Math.sin(angle) + aside * Math.cos(angle)}`;
const turns = (n: number) => Array.from({ length: n }, (_, k) => (2 * Math.PI * k) / n - Math.PI / 2);
const sky = '<rect width="224" height="224" fill="#8fc1ee"/>';

function lamp(y: number, colour: string): string {
  return `<circle cx="112" cy="${y}" r="24" fill="${colour}"/>`;
}

/** One black pentagon in the middle, five at the rim, and the seams between. */
function soccerBall(): string {
  const pentagon = turns(5).map((a) => point(a, 30));
  const seams = turns(5).map((a) => {
    const rim = [point(a, 62), point(a, 72, 18), point(a, 83, 16), point(a, 83, -16), point(a, 72, -18)];
    const next = a + (2 * Math.PI) / 5;
    const seam = [point(a, 72, 18), point((a + next) / 2, 62), point(next, 72, -18)];
    return `<polyline points="${point(a, 30)} ${point(a, 62)}"/><polyline points="${seam.join(' ')}"/><polygon points="${rim.join(' ')}" fill="#111"/>`;
  });
  return `<rect width="224" height="224" fill="#4c9a3a"/><circle cx="112" cy="112" r="84" fill="#f2f2f2"/>
    <g fill="none" stroke="#111" stroke-width="3"><polygon points="${pentagon.join(' ')}" fill="#111"/>${seams.join('')}</g>`;
}

function crossword(): string {
  const squares = Array.from({ length: 225 }, (_, i) => {
    const [x, y] = [i % 15, Math.floor(i / 15)];
    const isBlack = (x * 7 + y * 13 + x * y * 3) % 5 === 0;
    return `<rect x="${7 + x * 14}" y="${7 + y * 14}" width="14" height="14" fill="${isBlack ? '#111' : '#fff'}"/>`;
  });
  return `<rect width="224" height="224" fill="#fff"/><g stroke="#444">${squares.join('')}</g>`;
}

function daisy(): string {
  const petals = Array.from(
    { length: 20 },
    (_, k) => `<ellipse cx="112" cy="58" rx="11" ry="44" transform="rotate(${k * 18} 112 112)"/>`,
  );
  return `<rect width="224" height="224" fill="#3d7a2a"/><g fill="#fff" stroke="#ddd">${petals.join('')}</g>
    <circle cx="112" cy="112" r="28" fill="#f5c518"/>`;
}

export const PICTURES: readonly Picture[] = [
  {
    name: 'umbrella',
    imagenetClass: 879,
    drawing: `<rect width="224" height="224" fill="#dfeaf2"/>
      <path d="M20,120 A92,92 0 0 1 204,120 Q181,100 158,120 Q135,100 112,120 Q89,100 66,120 Q43,100 20,120Z" fill="#c2185b"/>
      <path d="M66,120 Q80,60 112,28 Q144,60 158,120" fill="none" stroke="#880e4f" stroke-width="3"/>
      <path d="M112,20 V190 q0,20 -16,20 q-14,0 -14,-16" fill="none" stroke="#333" stroke-width="6"/>`,
  },
  { name: 'soccer ball', imagenetClass: 805, drawing: soccerBall() },
  { name: 'crossword puzzle', imagenetClass: 918, drawing: crossword() },
  {
    name: 'traffic light',
    imagenetClass: 920,
    drawing: `${sky}<rect x="100" y="170" width="24" height="60" fill="#444"/>
      <rect x="76" y="18" width="72" height="170" rx="14" fill="#1f1f1f"/>
      ${lamp(50, '#ff2a1a')}${lamp(103, '#ffc400')}${lamp(156, '#18c040')}`,
  },
  { name: 'daisy', imagenetClass: 985, drawing: daisy() },
];

/** Normalised colours, H×W×3. */
export async function paint({ drawing }: Picture): Promise<Float32Array> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${PICTURE_SIZE}" height="${PICTURE_SIZE}">${drawing}</svg>`;
  const bytes = await sharp(Buffer.from(svg)).removeAlpha().raw().toBuffer();
  return Float32Array.from(bytes, (byte) => byte / 127.5 - 1);
}
