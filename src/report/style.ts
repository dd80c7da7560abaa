import { Html } from './html.js';

/**
 * The page's style sheet; light or dark as the reader's system is. Shades at the sides of `.scroll` show that there is
 * more: covers in the colour of the surface move with what is scrolled, and lie over them at either end.
 */
export const STYLE = new Html(`
:root{color-scheme:light dark;--page:#f6f6f4;--surface:#fff;--text:#1d1f23;--dim:#61656d;--line:#dddcd7;--bar:#7d8fa9;--strong:#24548f;--pick:#d6006f;--link:#1d56a3;--shade:#0004;--heat:36 84 143}
@media (prefers-color-scheme:dark){:root{--page:#141619;--surface:#1d2024;--text:#e7e8ea;--dim:#9ba1ab;--line:#353a41;--bar:#7487a3;--strong:#8db8f0;--pick:#ff5aa9;--link:#8db8f0;--shade:#000c;--heat:141 184 240}}
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
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:8px;background:linear-gradient(to right,var(--surface) 12px,transparent) left/40px 100% no-repeat local,linear-gradient(to left,var(--surface) 12px,transparent) right/40px 100% no-repeat local,linear-gradient(to right,var(--shade),transparent) left/14px 100% no-repeat scroll,linear-gradient(to left,var(--shade),transparent) right/14px 100% no-repeat scroll,var(--surface)}
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
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:14px;align-items:start}
.plot{background:var(--surface);border:1px solid var(--line);border-radius:8px;padding:12px}
.plot svg{--plot-background:var(--surface);width:100%;height:auto;font-size:12px;font-family:inherit}
.plot:only-child{grid-column:1/-1;max-width:580px}
.key{color:var(--pick);font-weight:600}
.share{display:grid;grid-template-columns:minmax(60px,1fr) 6ch;gap:10px;align-items:center;min-width:140px}
.share i{display:block;height:10px;background:var(--strong);border-radius:2px}
.share>span{text-align:right}
.compared{margin-bottom:22px}
.compared>p{margin-bottom:6px;overflow-wrap:anywhere;max-width:none}
.compared .legend{margin-top:6px}
.beside{display:grid;grid-template-columns:repeat(4,1fr);gap:12px}
.wrong{font-weight:600;color:var(--pick)}
.snug{width:fit-content;max-width:100%}
.confusion{min-width:0;border-collapse:separate;border-spacing:2px}
.confusion th{border:0;white-space:nowrap}
.confusion thead span{writing-mode:vertical-rl;transform:rotate(180deg)}
.confusion tbody th{vertical-align:middle}
.confusion thead th{padding:4px 0;text-align:center}
.confusion th:first-child{position:sticky;left:0;background:var(--surface);text-align:left;padding:0 8px}
.confusion td,.confusion tbody tr+tr td{border:0}
.confusion td:not(.number){padding:0;min-width:34px;height:28px;text-align:center;vertical-align:middle;border-radius:3px}
.confusion tbody .number{padding:0 8px;vertical-align:middle;color:var(--dim)}
.dense{font-size:11px}
.confusion.dense td:not(.number){min-width:22px;height:20px}
.confusion .right{font-weight:600;box-shadow:inset 0 0 0 1.5px var(--strong)}
.h1{background:rgb(var(--heat)/0.1)}.h2{background:rgb(var(--heat)/0.2)}.h3{background:rgb(var(--heat)/0.3)}.h4{background:rgb(var(--heat)/0.4)}.h5{background:rgb(var(--heat)/0.5)}.h6{background:rgb(var(--heat)/0.6)}.h7{background:rgb(var(--heat)/0.7)}.h8{background:rgb(var(--heat)/0.8)}.h9{background:rgb(var(--heat)/0.9)}.h10{background:rgb(var(--heat)/1.0)}
.h8,.h9,.h10{color:var(--surface)}
@media (prefers-color-scheme:dark){.h6,.h7{color:var(--surface)}}
pre{background:var(--surface);border:1px solid var(--line);border-radius:8px;padding:12px;overflow-x:auto;margin:0 0 14px}
code{font:13px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace}
.options{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,260px),1fr));gap:10px 20px;margin:0}
.options dt{color:var(--dim);font-size:13px}
.options dd{margin:0;overflow-wrap:anywhere}
body>footer{padding-bottom:36px}
@media (max-width:760px){main,body>header,body>footer{padding-left:14px;padding-right:14px}.grid,.grid.four{grid-template-columns:1fr 1fr;gap:10px}.grid>figure:first-child,.legend{grid-column:1/-1}.beside{grid-template-columns:1fr 1fr;gap:10px}.tiles{grid-template-columns:1fr 1fr}}
@media print{details>*{display:block}.card,.frame,.compared{break-inside:avoid}}
`);
