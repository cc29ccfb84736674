#include "report/page.h"

namespace mien::report {

// Colours meet a contrast of 4.5 to 1 in both modes; tests/report/report_test.cpp computes it.
const std::string_view kStyle = R"css(
:root {
  color-scheme: light dark;
  --page: #f6f6f3; --panel: #ffffff; --line: #d3d3cc; --text: #1c1e22; --quiet: #565a61;
  --link: #0b56b3; --hit: #0a6840; --bad: #a12319; --warn-page: #fdf3d8; --warn-text: #553d00;
  --pic: #24262a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #141619; --panel: #1e2125; --line: #3a3e44; --text: #e9eaec; --quiet: #a9aeb6;
    --link: #8fbcff; --hit: #72d8a4; --bad: #ff9f96; --warn-page: #332a12; --warn-text: #f2dda6;
    --pic: #0b0c0e;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif;
}
header, nav, main, footer { max-width: 1400px; margin: 0 auto; padding: 0 1.25rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 1.5rem 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.25rem 0 .5rem; }
h2 .count { color: var(--quiet); font-weight: 400; }
p { margin: .5rem 0; }
a { color: var(--link); }
code { font: .875em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px; }
.quiet { color: var(--quiet); }
.vh {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap;
}
.skip {
  position: absolute; left: 1rem; top: -4rem; background: var(--panel); padding: .5rem 1rem;
  z-index: 2;
}
.skip:focus { top: .5rem; }
.banner {
  background: var(--warn-page); color: var(--warn-text); border-radius: 8px; padding: .6rem 1rem;
  margin: 1rem 0;
}
.command {
  display: block; background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  padding: .6rem 1rem; white-space: pre-wrap;
}
.numbers {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .75rem; margin:
  1rem 0;
}
.numbers div {
  background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: .6rem
  1rem; display: flex; flex-direction: column-reverse;
  justify-content: flex-end;
}
.numbers dt { color: var(--quiet); font-size: .9rem; }
.numbers dd {
  margin: 0; font-size: 1.6rem; line-height: 1.2; font-weight: 600; font-variant-numeric:
  tabular-nums;
}
.numbers .hit dd { color: var(--hit); }
.numbers .bad dd { color: var(--bad); }
nav ul {
  list-style: none; margin: 1rem 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem
  1.25rem;
}
nav a { display: inline-block; padding: .35rem 0; }
.cards {
  list-style: none; margin: .75rem 0 0; padding: 0; display: grid; grid-template-columns:
  repeat(auto-fill, minmax(min(18rem, 100%), 1fr)); gap: 1rem; align-items: start;
}
.card {
  background: var(--panel); border: 1px solid var(--line); border-radius: 8px; overflow: hidden;
  padding-bottom: .7rem; content-visibility: auto; contain-intrinsic-size: auto 410px;
}
.card.match { border: 2px solid var(--hit); }
@media (min-width: 44rem) {
  .card.crowd { grid-column: span 2; }
  .crowd .pic { aspect-ratio: 3 / 2; }
}
.card > :not(.pic) { margin-left: .9rem; margin-right: .9rem; }
.pic { position: relative; aspect-ratio: 1; background: var(--pic); }
.pic img, .pic svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.pic img { object-fit: contain; }
.pic.none {
  background: none; border-bottom: 1px solid var(--line); display: grid; place-items: center;
  aspect-ratio: auto; min-height: 5rem; padding: 0 .9rem; color: var(--quiet);
}
.pic path { fill: none; vector-effect: non-scaling-stroke; }
.pic .under { stroke: #000; stroke-opacity: .65; stroke-width: 4px; }
.pic .other { stroke: #fff; stroke-width: 1.5px; }
.pic .hit { stroke: #ffd52e; stroke-width: 3px; }
.pic text {
  fill: #fff; stroke: #000; stroke-width: .28em; paint-order: stroke; stroke-linejoin: round;
  font-weight: 600;
}
.face {
  float: right; width: 72px; height: 72px; object-fit: cover; border-radius: 6px; margin-top: .7rem;
}
.name {
  display: block; font-size: 1rem; font-weight: 600; line-height: 1.3; margin: .6rem 0 0;
  overflow-wrap: anywhere;
}
.folder {
  display: block; color: var(--quiet); font-size: .85rem; font-weight: 400; line-height: 1.3;
  overflow-wrap: anywhere;
}
.facts { display: flex; flex-wrap: wrap; gap: 0 .9rem; font-size: .9rem; color: var(--quiet); }
.command span { display: inline-block; max-width: 100%; }
b.hit { color: var(--hit); }
.warning {
  font-size: .9rem; color: var(--warn-text); background: var(--warn-page); border-radius: 4px;
  padding: .2rem .5rem; overflow-wrap: anywhere;
}
.pic text.hit { fill: #ffd52e; stroke: #000; stroke-width: .28em; }
details { font-size: .9rem; clear: both; }
summary { color: var(--link); cursor: pointer; padding: .15rem 0; }
details ol { margin: .25rem 0; padding-left: 1.4rem; }
details li { margin: .3rem 0; }
.scroll {
  overflow-x: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
}
table { border-collapse: collapse; width: 100%; font-size: .925rem; }
th, td {
  text-align: left; vertical-align: top; padding: .45rem .9rem; border-bottom: 1px solid
  var(--line); font-weight: 400; overflow-wrap: anywhere;
}
tbody tr:last-child > * { border-bottom: 0; }
thead th { font-weight: 600; white-space: nowrap; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
table .name { margin: 0; font-weight: 500; font-size: inherit; }
td .bad { color: var(--bad); white-space: nowrap; }
td .hit { color: var(--hit); font-weight: 600; white-space: nowrap; }
.tools { display: flex; flex-wrap: wrap; gap: .75rem 1rem; align-items: end; margin: .75rem 0; }
.pages { align-items: center; }
.tools label { display: grid; font-size: .9rem; color: var(--quiet); }
.tools label.wide { flex: 1 1 16rem; max-width: 30rem; }
input, select, button {
  font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--quiet);
  border-radius: 6px; padding: .4rem .7rem; min-height: 2.5rem;
}
button { cursor: pointer; }
button:disabled { color: var(--quiet); border-color: var(--line); cursor: default; }
thead button { border: 0; padding: 0; min-height: 1.75rem; font-weight: 600; background: none; }
thead button::after { content: "\00a0\2195"; color: var(--quiet); }
th[aria-sort=ascending] button::after { content: "\00a0\2191"; color: var(--text); }
th[aria-sort=descending] button::after { content: "\00a0\2193"; color: var(--text); }
footer { margin-top: 2.5rem; padding-bottom: 2rem; color: var(--quiet); font-size: .9rem; }
@media (max-width: 640px) {
  header, nav, main, footer { padding: 0 .9rem; }
  h1 { font-size: 1.4rem; }
  .numbers { grid-template-columns: repeat(auto-fit, minmax(6.5rem, 1fr)); }
  th, td { padding: .4rem .5rem; }
  thead th { font-size: .85rem; }
  tbody th { min-width: 7.75rem; }
  [aria-labelledby=failures] :is(td, thead th):nth-child(3) { display: none; }
  th:not([aria-sort]) button::after { content: none; }
  .wide-only { display: none; }
}
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
@media print {
  :root {
    --page: #fff; --panel: #fff; --line: #999; --text: #000; --quiet: #333; --hit: #064; --bad:
    #800; --warn-page: #fff; --warn-text: #000;
  }
  body { font-size: 10pt; }
  nav, .skip, .tools { display: none; }
  .banner { border: 1px solid #000; }
  .card { break-inside: avoid; content-visibility: visible; }
  .cards { grid-template-columns: repeat(3, 1fr); }
  .card.crowd { grid-column: auto; }
  tr { break-inside: avoid; }
}
)css";

const std::string_view kTable = R"html(
<noscript><p>This table needs JavaScript; matches and failures above do not.</p></noscript>
<div id="browser" hidden>
<div class="tools" role="search" aria-label="Filter the table">
<label class="wide" for="filter">Name or folder contains
<input type="search" id="filter" autocomplete="off" spellcheck="false"></label>
<label for="kind">Result <select id="kind"></select></label>
</div>
<p id="status" role="status" aria-live="polite" class="quiet"></p>
<div class="scroll" role="region" aria-label="Table of all images" tabindex="0">
<table><thead><tr id="heads"></tr></thead><tbody id="rows"></tbody></table>
</div>
<div class="tools pages" role="group" aria-label="Pages of the table">
<button type="button" id="first">First</button>
<button type="button" id="previous">Previous</button>
<span id="page"></span>
<button type="button" id="next">Next</button>
<button type="button" id="last">Last</button>
</div>
</div>
)html";

// A row of #data is [folder, name, width, height, faces, score, quality, similarity, kind, reason]:
// folder is an index into "folders"; kind is 0 match, 1 failed, 2 faces, 3 no face.
const std::string_view kScript = R"js(
(() => {
  'use strict';
  const PAGE_ROWS = 100;
  const KINDS = ['Match', 'Failed', 'Faces', 'No face'];
  const id = (name) => document.getElementById(name);
  const data = JSON.parse(id('data').textContent);
  const rows = data.rows;
  const folder = (row) => data.folders[row[0]];
  const COLUMNS = [
    { title: 'Image', value: (row) => folder(row) + row[1] },
    { title: 'Result', value: (row) => row[8] },
    { title: 'Faces', at: 4, number: true },
    { title: 'Similarity', at: 7, number: true, digits: 2, likeOnly: true },
    { title: 'Best score', at: 5, number: true, digits: 2, wide: true },
    { title: 'Best quality', at: 6, number: true, digits: 2, wide: true },
    { title: 'Pixels', value: (row) => row[2] * row[3], number: true, wide: true },
  ].filter((column) => data.like || !column.likeOnly);
  const valueOf = (column, row) => (column.value ? column.value(row) : row[column.at]);

  let names = null;  // lower case, made when the first letter is typed
  let shown = rows.map((_, index) => index);
  let page = 0;
  let sort = { column: null, down: false };

  const element = (tag, text, classes) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (classes) made.className = classes;
    return made;
  };
  const count = (value) => value.toLocaleString('en-US');
  const classesOf = (column) =>
    [column.number ? 'n' : '', column.wide ? 'wide-only' : ''].join(' ').trim();

  function nameCell(row) {
    const cell = element('th');
    cell.scope = 'row';
    const name = element('span', undefined, 'name');
    name.append(element('bdi', row[1]));
    const place = element('span', undefined, 'folder');
    place.append(element('bdi', folder(row)));
    cell.append(name, place);
    return cell;
  }

  function resultCell(row) {
    const cell = element('td');
    cell.append(element('span', KINDS[row[8]], row[8] === 0 ? 'hit' : row[8] === 1 ? 'bad' : ''));
    if (row[9]) cell.append(element('span', row[9], 'folder'));
    return cell;
  }

  function rowElement(row) {
    const line = element('tr');
    for (const column of COLUMNS) {
      if (column.title === 'Image') { line.append(nameCell(row)); continue; }
      if (column.title === 'Result') { line.append(resultCell(row)); continue; }
      const value = valueOf(column, row);
      let text = '';
      if (column.title === 'Pixels') text = row[2] ? row[2] + ' \u00d7 ' + row[3] : '';
      else if (value !== null) text = column.digits ? value.toFixed(column.digits) : count(value);
      line.append(element('td', text, classesOf(column)));
    }
    return line;
  }

  function showPage() {
    const pages = Math.max(1, Math.ceil(shown.length / PAGE_ROWS));
    page = Math.min(Math.max(page, 0), pages - 1);
    const start = page * PAGE_ROWS;
    id('rows').replaceChildren(
      ...shown.slice(start, start + PAGE_ROWS).map((index) => rowElement(rows[index])));
    id('page').textContent = 'Page ' + count(page + 1) + ' of ' + count(pages);
    for (const name of ['first', 'previous']) id(name).disabled = page === 0;
    for (const name of ['next', 'last']) id(name).disabled = page === pages - 1;
    const end = Math.min(start + PAGE_ROWS, shown.length);
    id('status').textContent = shown.length === 0 ? 'No image fits.' :
      count(shown.length) + ' of ' + count(rows.length) + ' images, showing ' +
      count(start + 1) + ' to ' + count(end);
  }

  function select() {
    const wanted = id('filter').value.toLowerCase();
    const kind = id('kind').value;
    if (wanted && !names) names = rows.map((row) => (folder(row) + row[1]).toLowerCase());
    shown = [];
    for (let index = 0; index < rows.length; ++index) {
      if (kind !== '' && rows[index][8] !== Number(kind)) continue;
      if (!wanted || names[index].includes(wanted)) shown.push(index);
    }
    if (sort.column) {
      const values = rows.map((row) => valueOf(sort.column, row));
      const sign = sort.down ? -1 : 1;
      // What has no value comes last in both directions.
      shown.sort((a, b) => {
        const x = values[a];
        const y = values[b];
        if (x === null || y === null) return (x === null) - (y === null) || a - b;
        return x < y ? -sign : x > y ? sign : a - b;
      });
    }
    page = 0;
    showPage();
  }

  function sortBy(column) {
    const same = sort.column === column;
    // Numbers are most interesting from the top.
    sort = { column, down: same ? !sort.down : Boolean(column.number) };
    [...id('heads').children].forEach((head, index) => {
      head.removeAttribute('aria-sort');
      if (COLUMNS[index] === column) {
        head.setAttribute('aria-sort', sort.down ? 'descending' : 'ascending');
      }
    });
    select();
  }

  for (const column of COLUMNS) {
    const head = element('th', undefined, classesOf(column));
    head.scope = 'col';
    const button = element('button', column.title);
    button.type = 'button';
    button.addEventListener('click', () => sortBy(column));
    head.append(button);
    id('heads').append(head);
  }
  const choose = (text, value) => {
    const option = element('option', text);
    option.value = value;
    id('kind').append(option);
  };
  choose('All', '');
  KINDS.forEach((name, kind) => { if (kind > 0 || data.like) choose(name, String(kind)); });
  let pending = 0;
  id('filter').addEventListener('input', () => {
    clearTimeout(pending);
    pending = setTimeout(select, 150);
  });
  id('kind').addEventListener('change', select);
  const turn = (name, to) => id(name).addEventListener('click', () => { page = to(); showPage(); });
  turn('first', () => 0);
  turn('previous', () => page - 1);
  turn('next', () => page + 1);
  turn('last', () => Infinity);
  id('browser').hidden = false;
  showPage();
})();
)js";

}  // namespace mien::report
