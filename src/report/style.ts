import { Html } from './html.js';

/** The page's style sheet; light or dark as the reader's system is. */
export const STYLE = new Html(`
:root{color-scheme:light dark;--page:#f6f6f4;--surface:#fff;--text:#1d1f23;--dim:#61656d;--line:#dddcd7;--bar:#7d8fa9;--strong:#24548f;--pick:#d6006f;--link:#1d56a3}
@media (prefers-color-scheme:dark){:root{--page:#141619;--surface:#1d2024;--text:#e7e8ea;--dim:#9ba1ab;--line:#353a41;--bar:#7487a3;--strong:#8db8f0;--pick:#ff5aa9;--link:#8db8f0}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
main,body>header,body>footer{max-width:1180px;margin:0 auto;padding:0 20px}
body>header{padding-top:28px}
h1{font-size:26px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:20px;margin:0 0 8px}
h3{font-size:15px;margin:20px 0 8px;overflow-wrap:anywhere}
p{margin:0 0 12px;max-width:75ch}
a{color:var(--link)}
section{margin:36px 0}
.lead{color:var(--dim);margin-bottom:18px}
.note,figcaption,small,footer{color:var(--dim);font-size:13px}
.note{margin:8px 0}
.empty{color:var(--dim);font-style:italic}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:10px;margin:0;padding:0}
.tiles div{background:var(--surface);border:1px solid var(--line);border-radius:8px;padding:10px 14px}
.tiles dt{color:var(--dim);font-size:13px}
.tiles dd{margin:0;font-size:22px;line-height:1.3;font-variant-numeric:tabular-nums}
.tiles small{display:block;font-size:12px}
nav{margin:16px 0 0;display:flex;flex-wrap:wrap;gap:4px 18px}
.library{position:absolute;width:0;height:0}
.picture{display:block;width:100%;height:auto;border-radius:4px;overflow:hidden;background:var(--line)}
.flat{image-rendering:pixelated}
.casing,.outline{fill:none;stroke-linejoin:round;vector-effect:non-scaling-stroke}
.casing{stroke:#fff;stroke-width:4px}
.outline{stroke:#e0007a;stroke-width:2px}
.rank-label{fill:#fff;stroke:#3a0020;stroke-width:3px;paint-order:stroke;font-weight:700;text-anchor:middle;dominant-baseline:central;vector-effect:non-scaling-stroke}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:14px;margin-bottom:18px}
.card{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:12px;display:flex;flex-direction:column;gap:10px;min-width:0}
.card:target,.frame:target{outline:2px solid var(--pick)}
.card header{display:flex;gap:10px;align-items:center}
.card .where{font-size:13px;line-height:1.35;overflow-wrap:anywhere;min-width:0}
.rank{flex:none;min-width:34px;height:34px;padding:0 8px;border-radius:17px;background:var(--pick);color:var(--surface);font-weight:700;display:grid;place-items:center}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:6px}
.card dl{display:grid;grid-template-columns:repeat(3,auto);justify-content:space-between;gap:8px;margin:0}
.card dt{color:var(--dim);font-size:12px}
.card dd{margin:0;font-weight:600;font-variant-numeric:tabular-nums}
.card p{margin:0;font-size:13px;overflow-wrap:anywhere}
details summary{cursor:pointer;color:var(--link);margin-bottom:8px}
.scroll{overflow-x:auto;background:var(--surface);border:1px solid var(--line);border-radius:8px}
table{border-collapse:collapse;font-size:13px;min-width:100%}
th,td{padding:5px 12px;text-align:left;vertical-align:top}
th{color:var(--dim);font-weight:500;vertical-align:bottom;border-bottom:1px solid var(--line)}
tbody tr+tr td{border-top:1px solid var(--line)}
td{font-variant-numeric:tabular-nums;white-space:nowrap}
.prose{white-space:normal;min-width:26ch;overflow-wrap:anywhere}
.number{text-align:right}
.frame{margin-bottom:26px}
.grid{display:grid;grid-template-columns:repeat(3,1fr);gap:12px}
.grid.four{grid-template-columns:repeat(4,1fr)}
.four .legend{grid-column:1/-1}
.frame .grid>*{min-width:0}
figure{margin:0;min-width:0}
figcaption{margin-top:4px}
.bar-title{display:block}
.bar{display:flex;gap:8px;align-items:center;font-variant-numeric:tabular-nums;white-space:nowrap}
.bar i{flex:1;height:10px;border-radius:2px;min-width:20px}
.legend{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:3px 14px;align-content:flex-start;font-size:13px}
.legend i{display:inline-block;width:12px;height:12px;border-radius:2px;margin-right:6px;vertical-align:-1px}
.legend li{overflow-wrap:anywhere}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr));gap:14px;align-items:start}
.plot{background:var(--surface);border:1px solid var(--line);border-radius:8px;padding:12px}
.plot svg{--plot-background:var(--surface);width:100%;height:auto;font-size:12px;font-family:inherit}
.key{color:var(--pick);font-weight:600}
.share{display:grid;grid-template-columns:minmax(60px,1fr) 6ch;gap:10px;align-items:center;min-width:140px}
.share i{display:block;height:10px;background:var(--strong);border-radius:2px}
.share>span{text-align:right}
pre{background:var(--surface);border:1px solid var(--line);border-radius:8px;padding:12px;overflow-x:auto;margin:0 0 14px}
code{font:13px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace}
.options{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,260px),1fr));gap:10px 20px;margin:0}
.options dt{color:var(--dim);font-size:13px}
.options dd{margin:0;overflow-wrap:anywhere}
body>footer{padding-bottom:36px}
@media (max-width:760px){main,body>header,body>footer{padding-left:14px;padding-right:14px}.grid,.grid.four{grid-template-columns:1fr 1fr;gap:10px}.grid>figure:first-child,.legend{grid-column:1/-1}.tiles{grid-template-columns:1fr 1fr}}
@media print{details>*{display:block}.card,.frame{break-inside:avoid}}
`);
