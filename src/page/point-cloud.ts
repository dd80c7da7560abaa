import {
  BufferAttribute,
  BufferGeometry,
  InterleavedBuffer,
  InterleavedBufferAttribute,
  LinearSRGBColorSpace,
  PerspectiveCamera,
  Points,
  PointsMaterial,
  Scene,
  WebGLRenderer,
} from 'three';
import { OrbitControls } from 'three/addons/controls/OrbitControls.js';
import { HEAT } from '../report/colour-map.js';
import { type Box, boundsOf, firstCamera, STRIDE, upOf, type Vector } from './camera.js';

/** Metres across a point: half as much again as a voxel of 2 cm, so that surfaces look closed. */
const POINT = 0.03;

/** Colour of a point without an entropy. */
const UNKNOWN = [128, 128, 128];

/** Points in space, which the reader turns, moves and comes near to. Draws only when something changed. */
export class PointCloud {
  readonly canvas: HTMLCanvasElement;
  readonly #renderer: WebGLRenderer;
  readonly #scene = new Scene();
  readonly #camera = new PerspectiveCamera(50, 1, 0.05, 1000);
  readonly #geometry = new BufferGeometry();
  readonly #controls: OrbitControls;
  #box: Box | undefined;
  #isStale = true;

  /** @throws Error where there is no WebGL */
  constructor() {
    this.#renderer = new WebGLRenderer({ antialias: true, alpha: true });
    // Colours are the legend's as they are.
    this.#renderer.outputColorSpace = LinearSRGBColorSpace;
    this.canvas = this.#renderer.domElement;
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute(
      'aria-label',
      'Points of the scene, coloured by view entropy; arrow keys move the view',
    );
    const points = new Points(this.#geometry, new PointsMaterial({ size: POINT, vertexColors: true }));
    points.frustumCulled = false;
    this.#scene.add(points);
    this.#controls = this.#newControls();
    new ResizeObserver(() => this.#resize()).observe(this.canvas);
    this.#renderer.setAnimationLoop(() => this.#draw());
  }

  /**
   * @param points x, y, z in metres and entropy in nats, a point each; kept
   * @param most nats that the last colour stands for
   */
  show(points: Float32Array, most: number): void {
    const count = points.length / STRIDE;
    const colours = new Uint8Array(3 * count);
    for (let i = 0; i < count; i++) {
      const entropy = points[STRIDE * i + 3]!;
      if (Number.isNaN(entropy)) {
        colours.set(UNKNOWN, 3 * i);
        continue;
      }
      const colour = 3 * Math.round(255 * Math.min(Math.max(entropy / most, 0), 1));
      for (let c = 0; c < 3; c++) colours[3 * i + c] = HEAT[colour + c]!;
    }
    // Frees what the last points took on the GPU.
    this.#geometry.dispose();
    const buffer = new InterleavedBuffer(points, STRIDE);
    this.#geometry.setAttribute('position', new InterleavedBufferAttribute(buffer, 3, 0));
    this.#geometry.setAttribute('color', new BufferAttribute(colours, 3, true));
    this.#geometry.setDrawRange(0, count);
    this.#box = boundsOf(points);
    this.#isStale = true;
  }

  /** Looks at the whole. @param up guessed from the points if not given */
  lookAtAll(up?: Vector): void {
    if (this.#box === undefined) return;
    this.#resize();
    const way = up ?? upOf(this.#box);
    this.#camera.up.set(...way);
    this.#camera.position.set(...firstCamera(this.#box, way, this.#camera.fov, this.#camera.aspect));
    this.#controls.target.set(...this.#box.centre);
    this.#controls.update();
    this.#isStale = true;
  }

  #newControls(): OrbitControls {
    const controls = new OrbitControls(this.#camera, this.canvas);
    controls.enableDamping = true;
    controls.listenToKeyEvents(this.canvas);
    // Fingers that move up and down, and a wheel before the view is clicked, scroll the page.
    this.canvas.style.touchAction = 'pan-y';
    controls.enableZoom = false;
    this.canvas.addEventListener('focus', () => {
      controls.enableZoom = true;
    });
    this.canvas.addEventListener('blur', () => {
      controls.enableZoom = false;
    });
    return controls;
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (width === 0 || height === 0) return;
    this.#renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.#renderer.setSize(width, height, false);
    this.#camera.aspect = width / height;
    this.#camera.updateProjectionMatrix();
    this.#isStale = true;
  }

  #draw(): void {
    // True while the view is moved, and for as long as it then takes to come to rest.
    if (this.#controls.update()) this.#isStale = true;
    if (!this.#isStale) return;
    this.#isStale = false;
    this.#renderer.render(this.#scene, this.#camera);
  }
}
