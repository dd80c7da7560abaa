import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { STYLE } from '../report/style.js';
import { workerUrl } from '../worker-url.js';

/** Browsers, as workers, run what is compiled. */
const SOURCES = fileURLToPath(workerUrl(import.meta.url, '../'));

/** Modules of the reports that the page uses too. */
const SHARED = ['report/colour-map.js', 'report/numbers.js', 'report/oklch.js'];

/** Of three.js; its OrbitControls import `three`, which the page's import map leads to the first. */
const THREE = ['three', 'three/addons/controls/OrbitControls.js'];

/**
 * `/`: a page that shows the run, and what it is made of, each file by a route of its own. None of it tells anything of the run, so
 * it comes without a token, which the page then asks for: that keeps a token after `#` out of requests.
 */
export function page(app: FastifyInstance): void {
  const html = readFileSync(join(SOURCES, 'page/index.html'), 'utf8');
  app.register(async (scope) => {
    await scope.register(fastifyStatic, { serve: false });
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, isOpen: true };
    });
    scope.addHook('onSend', async (_, reply) => {
      // A new version of the program is a new version of the page.
      reply.header('cache-control', 'no-cache').header('x-content-type-options', 'nosniff');
    });
    scope.get('/', async (_, reply) =>
      reply
        .type('text/html; charset=utf-8')
        .header('content-security-policy', policyFor(html))
        .header('referrer-policy', 'no-referrer')
        .send(html),
    );
    scope.get('/assets/report/style.css', async (_, reply) => reply.type('text/css').send(STYLE.text));
    for (const [name, path] of assets())
      scope.get(`/assets/${name}`, (_, reply) =>
        reply.sendFile(path.slice(dirname(path).length + 1), dirname(path)),
      );
  });
}

/** Files by their names under `/assets`. */
function assets(): [name: string, path: string][] {
  const own = readdirSync(join(SOURCES, 'page'))
    .filter((file) => /\.(js|css|svg)$/.test(file))
    .map((file) => `page/${file}`);
  const { resolve } = createRequire(import.meta.url);
  const [three, controls] = THREE.map((name) => resolve(name)) as [string, string];
  return [
    ...[...own, ...SHARED].map((name): [string, string] => [name, join(SOURCES, name)]),
    ...['three.module.js', 'three.core.js'].map((name): [string, string] => [
      `three/${name}`,
      join(dirname(three), name),
    ]),
    ['three/OrbitControls.js', controls],
  ];
}

/**
 * What the page may load and run: what this server has, and of scripts in the page itself only its import map, by its digest. That strings
 * become markup or scripts is forbidden altogether (`require-trusted-types-for`): names in the page come from devices.
 */
function policyFor(html: string): string {
  const map = /<script type="importmap">(.*?)<\/script>/s.exec(html)![1]!;
  const digest = createHash('sha256').update(map).digest('base64');
  return [
    "default-src 'none'",
    `script-src 'self' 'sha256-${digest}'`,
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}
