import { element, fill } from './element.js';
import { paths, type Server } from './server.js';

/** A frame with its heat map over it. The heat map is as opaque as the CSS variable `--heat-opacity` says. */
export class FramePicture {
  readonly element = element('div.layers');
  #shown = '';

  constructor(private readonly server: Server) {}

  /**
   * Shows a frame once it is loaded; until then stays as it is, so that nothing flickers.
   * @param version another where the heat map may have changed
   * @returns whether there is anything to see
   */
  async show(scene: string, frame: string, version: string): Promise<boolean> {
    const path = paths.frame(scene, frame);
    const key = `${path} ${version}`;
    if (key === this.#shown) return true;
    const heat = this.server.address(`${path}/entropy.png`);
    heat.searchParams.set('version', version);
    const [colour, map] = await Promise.all([
      load(this.server.address(`${path}/colour.jpg`), `Frame ${frame} of ${scene}`),
      load(heat, ''),
    ]);
    if (colour === undefined) return false;
    map?.classList.add('heat');
    fill(this.element, colour, map);
    this.#shown = map === undefined ? '' : key;
    return true;
  }

  clear(): void {
    this.#shown = '';
    fill(this.element);
  }
}

/** @returns undefined where there is none */
async function load(address: URL, alt: string): Promise<HTMLImageElement | undefined> {
  const image = element('img', { src: address.href, alt });
  return image.decode().then(
    () => image,
    () => undefined,
  );
}
