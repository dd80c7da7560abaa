import { type Html, html } from './html.js';

/** What a page begins with, up to its body: nothing is run, and nothing is loaded from anywhere. */
export function pageHead(title: string, style: Html): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${style}</style>
</head>`;
}
