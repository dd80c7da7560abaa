import { counted } from '../report/numbers.js';
import type { LiveState, SceneState } from '../server/desk/messages.js';
import { Connection } from './connection.js';
import { element, fill } from './element.js';
import { FrameView } from './frame-view.js';
import { PointsView } from './points-view.js';
import { Queue } from './queue.js';
import { SceneChooser } from './scene-chooser.js';
import { Server, tokenOf } from './server.js';
import { StatusLine } from './status-line.js';
import { Summary } from './summary.js';
import { SurfaceDialog } from './surface-dialog.js';
import { spaced } from './units.js';
import { Windows } from './windows.js';

const server = new Server(document.baseURI, tokenOf(location));
const root = document.documentElement;

let state: LiveState | undefined;
let chosen: string | undefined;
let classes: readonly string[] = [];

const title = element('h1', {}, 'viewal live');
const lead = element('p.lead');
const status = new StatusLine(
  () => connection.retry(),
  (token) => {
    server.token = token;
    connection.retry();
  },
);
const summary = new Summary();
const surface = new SurfaceDialog(server);
const frame = new FrameView(server, (share) => root.style.setProperty('--heat-opacity', `${share}`));
const points = new PointsView(server);
const scenes = new SceneChooser(server, (scene) => {
  chosen = scene;
  render();
});
const queue = new Queue(server, surface);
const windows = new Windows(server, () => classes, surface);
const sceneName = element('h2');
const scene = element(
  'section',
  { id: 'scene' },
  sceneName,
  element('div.beside-points', {}, frame.element, points.element),
);
const nothing = element('section', {}, element('p.empty', {}, 'No frame has come yet.'));

const connection = new Connection(server, {
  status(now) {
    status.show(now);
    // Should it fail, the connection has broken again, and says so.
    if (now.kind === 'connected') windows.refresh().catch(() => {});
  },
  state(now) {
    // Of the network's, which may have been another's when the connection broke.
    if (classes.length === 0 || now.model_key !== state?.model_key) void askClasses();
    state = now;
    render();
  },
  window: (picked) => windows.add(picked),
  labels: (labels) => windows.label(labels),
  restarted: () => windows.clear(),
});

fill(
  document.body,
  element('header', {}, element('div.title', {}, title, status.element), lead, summary.element),
  element('main', {}, scenes.element, nothing, scene, windows.element, queue.element),
  surface.element,
);
render();
void connection.run();

async function askClasses(): Promise<void> {
  classes = await server.get<string[]>('classes').catch(() => classes);
  render();
}

function render(): void {
  const shown = sceneToShow();
  nothing.hidden = state === undefined || shown !== undefined;
  for (const part of [scene, queue.element]) part.hidden = shown === undefined;
  for (const part of [summary.element, windows.element]) part.hidden = state === undefined;
  if (state === undefined) return;

  document.title = `${state.recording} · viewal live`;
  title.textContent = state.recording;
  lead.textContent = `Network ${state.model}. ${counted(state.windows, 'window')} of ${spaced(state.window)} so far, ${spaced(state.budget)} each.`;
  summary.show(state);
  scenes.show(state.scenes, shown?.scene ?? '', `${state.model_key} ${state.frames.scored}`);
  if (shown === undefined) return;
  const version = `${state.model_key} ${shown.frames} ${shown.candidates}`;
  const most = Math.log(classes.length);
  sceneName.textContent = shown.scene;
  frame.show(shown, version, most);
  points.show(shown, version, most);
  queue.show(shown, state.model_key, most);
}

/** The chosen scene while there is one of its name; until one is chosen, that which had a frame last as the page came up. */
function sceneToShow(): SceneState | undefined {
  const found = state?.scenes.find(({ scene }) => scene === chosen) ?? state?.scenes[0];
  chosen = found?.scene ?? chosen;
  return found;
}
