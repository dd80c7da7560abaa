/**
 * Colours in OKLab's polar form, a space where equal distances look equally far apart: B. Ottosson, "A perceptual
 * colour space for image processing", 2020, whose matrices these are.
 */
export interface Oklch {
  /** Lightness, 0 black to 1 white. */
  readonly l: number;
  /** Chroma, 0 grey to some 0.3. */
  readonly c: number;
  /** Hue, degrees: 30 red, 110 yellow, 145 green, 260 blue. */
  readonly h: number;
}

/** To linear-light sRGB; outside [0, 1] where a screen cannot show the colour. */
export function toLinearRgb({ l, c, h }: Oklch): [number, number, number] {
  const a = c * Math.cos((h * Math.PI) / 180);
  const b = c * Math.sin((h * Math.PI) / 180);
  const long = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short,
  ];
}

/** To sRGB bytes, clipped. */
export function toRgb(colour: Oklch): [number, number, number] {
  return toLinearRgb(colour).map((linear) => {
    const value = Math.min(Math.max(linear, 0), 1);
    const encoded = value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055;
    return Math.round(255 * encoded);
  }) as [number, number, number];
}

/** The most chroma, up to `most`, at which a screen shows this lightness and hue unclipped. */
export function chromaInGamut(l: number, h: number, most: number): number {
  const fits = (c: number) => toLinearRgb({ l, c, h }).every((value) => value >= 0 && value <= 1);
  if (fits(most)) return most;
  let [low, high] = [0, most];
  for (let i = 0; i < 20; i++) {
    const middle = (low + high) / 2;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}
