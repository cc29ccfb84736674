// What a person does on the service's page. Each returns what a test looks at.
import { readFile } from 'node:fs/promises';
import path from 'node:path';

// ---- Ways in

// Drops files and folders of the disk as a file manager does: [path, ...].
export async function drop(page, context, paths, selector = '#main') {
  const box = await page.locator(selector).first().boundingBox();
  const session = await context.newCDPSession(page);
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  const at = { x: box.x + box.width / 2, y: box.y + Math.min(box.height / 2, 60), data };
  for (const type of ['dragEnter', 'dragOver', 'drop']) await session.send('Input.dispatchDragEvent', { type, ...at });
}

// Drops a file of any name, which no disk would hold: [{name, path, type}].
async function dropNamed(page, files) {
  const given = [];
  for (const file of files) {
    const content = file.path ? (await readFile(file.path)).toString('base64') : '';
    given.push({ name: file.name, type: file.type ?? 'image/jpeg', content, text: file.text });
  }
  await page.evaluate((list) => {
    const transfer = new DataTransfer();
    for (const { name, type, content, text } of list) {
      const bytes = text === undefined ? Uint8Array.from(atob(content), (c) => c.charCodeAt(0)) : text;
      transfer.items.add(new File([bytes], name, { type }));
    }
    document.querySelector('#main').dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true }));
  }, given);
}

const choose = (page, files, selector = '#view-photos input[type=file]') => page.setInputFiles(selector, files);
const said = (page) => page.locator('#said span, #failed span').first().textContent();

async function waitUntilDone(page, many) {
  await page.waitForFunction((number) => {
    const summary = document.querySelector('.summary')?.textContent ?? '';
    return summary.includes(`of ${number} photo`) && !summary.includes('to come');
  }, many);
}

// ---- What is seen

// Boxes in the photo's pixels by their attributes, and by where they lie on the screen.
const boxesOf = (page) => page.evaluate(() => {
  const shown = document.querySelector('#view-photos .picture img, #view-photos .picture canvas');
  const place = shown.getBoundingClientRect();
  const [, , width, height] = document.querySelector('.boxes').getAttribute('viewBox').split(' ').map(Number);
  return {
    kind: shown.tagName,
    natural: [shown.naturalWidth ?? shown.width, shown.naturalHeight ?? shown.height],
    shape: [width, height],
    note: document.querySelector('.picture-note:not([hidden])')?.textContent ?? '',
    boxes: [...document.querySelectorAll('.boxes .box')].map((box) =>
      ['x', 'y', 'width', 'height'].map((name) => Number(box.getAttribute(name)))),
    onScreen: [...document.querySelectorAll('.boxes .box')].map((box) => {
      // A stroke lies half outside of what it surrounds.
      const { x, y, width: w, height: h } = box.getBoundingClientRect();
      return [(x - place.x) / place.width * width, (y - place.y) / place.height * height, w / place.width * width,
        h / place.height * height];
    }),
    points: document.querySelectorAll('.boxes circle').length,
    poor: document.querySelectorAll('.boxes .poor').length,
    rows: [...document.querySelectorAll('.faces > li')].map((row) => row.textContent),
    placement: [...document.querySelectorAll('#view-photos tbody tr')].map((row) => row.textContent),
    scale: place.width / width,
  };
});

// The picture as the browser shows it, reduced: rows of gray levels.
const pixelsOf = (page, side = 32) => page.evaluate((number) => {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = number;
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(document.querySelector('#view-photos .picture img'), 0, 0, number, number);
  const { data } = context.getImageData(0, 0, number, number);
  const gray = [];
  for (let i = 0; i < data.length; i += 4) gray.push(Math.round(0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2]));
  return gray;
}, side);

async function axeOf(page, axe) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(' | ')}`);
}

const widthOf = (page) => page.evaluate(() => document.documentElement.scrollWidth);

// ---- Photos

export async function photos(page, { files }, context) {
  const result = [];
  for (const file of files) {
    await drop(page, context, [file]);
    await waitUntilDone(page, 1);
    await page.waitForSelector('.picture img, .picture-note:not([hidden])');
    await page.waitForFunction(() => document.querySelector('.picture img')?.complete ?? true);
    const boxes = await boxesOf(page);
    if (boxes.kind === 'IMG') boxes.pixels = await pixelsOf(page);
    result.push(boxes);
    await page.getByRole('button', { name: 'Clear' }).click();
  }
  return result;
}

// A picture of the clipboard has no file of the disk behind it.
export async function paste(page, { file }) {
  const content = (await readFile(file)).toString('base64');
  await page.evaluate((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], 'image.jpg', { type: 'image/jpeg' }));
    document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true }));
  }, content);
  await waitUntilDone(page, 1);
  return page.locator('.summary').textContent();
}

// Many at once: how much of the document and how many requests there ever were.
export async function manyPhotos(page, { files }, context) {
  let open = 0;
  let openMost = 0;
  const count = (by) => (request) => {
    if (!request.url().includes('/v1/analyze')) return;
    open += by;
    openMost = Math.max(openMost, open);
  };
  page.on('request', count(1));
  page.on('requestfinished', count(-1));
  page.on('requestfailed', count(-1));
  await choose(page, files);
  await page.waitForSelector('.face-row, .photo-place .panel');
  const early = await page.locator('.summary').textContent();
  await waitUntilDone(page, files.length);
  const thumbs = () => page.locator('.thumb').count();
  const before = await thumbs();
  await page.getByRole('button', { name: 'Later' }).click();
  return { openMost, early, thumbs: [before, await thumbs()], summary: await page.locator('.summary').textContent(),
    nodes: await page.evaluate(() => document.querySelectorAll('*').length), said: await said(page) };
}

export async function badFiles(page, { files }, context) {
  const result = {};
  for (const file of files) {
    await drop(page, context, [file]);
    const name = path.basename(file);
    await page.waitForFunction(() => !document.querySelector('.gallery-head')?.offsetParent ||
      !document.querySelector('.summary').textContent.includes('to come'));
    await page.waitForSelector('#failed span, #said span, .photo-place .bad');
    result[name] = {
      said: await page.locator('#said span, #failed span').allTextContents(),
      shown: await page.locator('.summary, .photo-place').allTextContents(),
    };
    const clear = page.getByRole('button', { name: 'Clear' });
    if (await clear.isVisible()) await clear.click();
    const close = page.locator('#notes').getByRole('button', { name: 'Close' });
    if (await close.count()) await close.first().click();
  }
  return result;
}

// A service that has no room, and one that is gone for a while.
export async function patience(page, { file }) {
  const result = {};
  let refusals = 2;
  await page.route('**/v1/analyze*', (route) => (refusals-- > 0 ? route.fulfill({ status: 503, headers: { 'Retry-After': '1' },
    json: { error: { code: 'unavailable', message: 'no room' } } }) : route.continue()));
  await choose(page, [file]);
  await page.getByText('the service is busy: again in 1 s').first().waitFor();
  await waitUntilDone(page, 1);
  result.afterRefusals = await page.locator('.summary').textContent();
  await page.getByRole('button', { name: 'Clear' }).click();

  await page.unroute('**/v1/analyze*');
  const break_ = (route) => route.abort('connectionrefused');
  await page.route('**/*', break_);
  await choose(page, [file]);
  await page.locator('#gone').waitFor();
  result.gone = await page.locator('#gone').textContent();
  result.meanwhile = await page.locator('.photo-place').textContent();
  await page.unroute('**/*', break_);
  await waitUntilDone(page, 1);
  await page.locator('#gone').waitFor({ state: 'hidden' });
  result.afterReturn = await page.locator('.summary').textContent();
  return result;
}

// The file goes while the page waits for its turn.
export async function goneFile(page, { file, moved }) {
  const { rename } = await import('node:fs/promises');
  await page.route('**/v1/analyze*', (route) => route.fulfill({ status: 503, headers: { 'Retry-After': '2' },
    json: { error: { code: 'unavailable', message: 'no room' } } }));
  await choose(page, [file]);
  await page.getByText('the service is busy').first().waitFor();
  await rename(file, moved);
  await page.locator('.photo-place .bad').waitFor();
  return page.locator('.photo-place .bad').textContent();
}

// ---- Compare

export async function compare(page, { a, b }) {
  await page.getByRole('link', { name: 'Compare' }).click();
  await choose(page, [a], '#view-compare input[type=file] >> nth=0');
  await choose(page, [b], '#view-compare input[type=file] >> nth=1');
  await page.locator('.verdict').getByRole('heading').or(page.locator('.verdict .bad')).first().waitFor();
  await page.waitForFunction(() => document.querySelectorAll('.pair .boxes .box').length === 2 ||
    document.querySelector('.verdict .bad'));
  return {
    verdict: await page.locator('.verdict').textContent(),
    problems: await page.locator('.pair .bad').allTextContents(),
    boxes: await page.locator('.pair .boxes .box').evaluateAll((boxes) => boxes.map((box) =>
      ['x', 'y', 'width', 'height'].map((name) => Number(box.getAttribute(name))))),
  };
}

// ---- By keyboard alone

async function tabTo(page, what) {
  for (let presses = 0; presses < 60; ++presses) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(what)) return presses + 1;
  }
  throw new Error(`no way by Tab to ${what}`);
}

async function chooseByKey(page, files) {
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.keyboard.press('Space')]);
  await chooser.setFiles(files);
}

export async function keyboard(page, { a, b }) {
  // From the first: a busy browser takes a while until it hands its choosers over.
  page.on('filechooser', () => {});
  const result = {};
  const onInput = (view, at) => `document.activeElement === document.querySelectorAll("#view-${view} input[type=file]")[${at}]`;
  await tabTo(page, onInput('photos', 0));
  await chooseByKey(page, [a, b]);
  await waitUntilDone(page, 2);
  await page.waitForSelector('.boxes .box');
  const shown = () => page.locator('.photo-place h2').first().textContent();
  result.first = await shown();
  await page.keyboard.press('n');
  result.next = await shown();
  await page.keyboard.press('p');
  await page.keyboard.press('f');
  result.marked = await page.locator('.boxes .marked').count();
  result.pressed = await page.locator('.face-row[aria-pressed=true]').count();
  await tabTo(page, 'document.activeElement.classList.contains("thumb")');
  await page.keyboard.press('ArrowRight');
  result.byArrow = await shown();
  result.focused = await page.evaluate(() => document.activeElement.getAttribute('aria-label'));
  await page.keyboard.press('?');
  result.keys = await page.locator('#keys-list').textContent();
  await page.keyboard.press('Escape');
  await page.evaluate(() => { document.activeElement.blur(); scrollTo(0, 0); });
  await tabTo(page, 'document.activeElement.hash === "#compare"');
  await page.keyboard.press('Enter');
  await tabTo(page, onInput('compare', 0));
  await chooseByKey(page, [a]);
  await tabTo(page, onInput('compare', 1));
  await chooseByKey(page, [b]);
  await page.locator('.verdict h2').waitFor();
  result.verdict = await page.locator('.verdict h2').textContent();
  return result;
}

// ---- Devices

async function readCounts(page) {
  return page.evaluate(() => Object.fromEntries([...document.querySelectorAll('[aria-label="Images since the start"] tr')]
    .map((row) => [row.cells[0].textContent, Number((row.cells[1]?.textContent ?? '').replaceAll(',', ''))])));
}

export async function devices(page, { url, file, times }) {
  await page.goto(`${url}/#devices`);
  await page.locator('[aria-label="Images since the start"]').waitFor();
  const before = await readCounts(page);
  const photo = await readFile(file);
  for (let i = 0; i < times; ++i) await fetch(`${url}/v1/analyze`, { method: 'POST', body: photo });
  await page.waitForFunction(([began, number]) => [...document.querySelectorAll('[aria-label="Images since the start"] tr')]
    .some((row) => row.cells[0].textContent === 'ok' && Number(row.cells[1].textContent) === began + number),
  [before.ok ?? 0, times]);
  const rate = await page.waitForFunction(() => /max (?!0\.0)/.exec(document.querySelector('.live').textContent)?.input);
  return { before, after: await readCounts(page), rate: await rate.jsonValue(),
    charts: await page.locator('.live').allTextContents(),
    labels: await page.locator('.live-chart').evaluateAll((charts) => charts.map((chart) => chart.getAttribute('aria-label'))),
    text: await page.locator('#view-devices').textContent() };
}

// What the view makes of a service with a GPU, which is told to it here.
export async function gpu(page, { url, metrics, devices }) {
  await page.route('**/metrics', (route) => route.fulfill({ contentType: 'text/plain', body: metrics }));
  await page.route('**/v1/devices', (route) => route.fulfill({ json: devices }));
  await page.goto(`${url}/#devices`);
  await page.locator('[aria-label="Fallbacks"]').waitFor();
  return { text: await page.locator('#view-devices').innerText(),
    memory: await page.locator('.stacked[aria-label^="Memory of"]').evaluateAll((bars) => bars.map((bar) =>
      [bar.getAttribute('aria-label'), ...[...bar.querySelectorAll('rect:not([class=rest])')].map((part) =>
        Math.round(parseFloat(part.getAttribute('width'))))])) };
}

// ---- Calls, and a benchmark's file

export async function calls(page) {
  await page.goto(`${page.url().split('#')[0]}#calls`);
  await page.locator('.calls article').first().waitFor();
  return page.locator('.calls article').evaluateAll((panels) => panels.map((panel) =>
    [panel.querySelector('h2').textContent, panel.querySelector('pre').textContent]));
}

// Which view is shown by the address, typed into a new page.
export async function viewsAt(page, { url, hashes }) {
  const shown = [];
  for (const hash of hashes) {
    await page.goto('about:blank');
    await page.goto(`${url}/${hash}`);
    await page.locator('main section:not([hidden])').first().waitFor({ timeout: 5000 });
    shown.push(await page.locator('main section:not([hidden])').getAttribute('id'));
  }
  return shown;
}

export async function bench(page, { files }, context) {
  await page.goto(`${page.url().split('#')[0]}#bench`);
  await page.locator('#view-bench').waitFor();
  const result = [];
  for (const file of files) {
    await drop(page, context, [file]);
    await page.waitForFunction(() => document.querySelector('#view-bench .bad').textContent ||
      document.querySelector('#view-bench .bench-chart'));
    result.push({ problem: await page.locator('#view-bench .bad').textContent(),
      text: await page.locator('#view-bench').textContent(),
      bars: await page.locator('.bench-chart rect').evaluateAll((bars) => bars.map((bar) =>
        [bar.getAttribute('class'), parseFloat(bar.getAttribute('width'))])) });
  }
  return result;
}

// ---- Keys, markup, no script

export async function asksForKey(page, { file, key }) {
  const result = {};
  await choose(page, [file]);
  await page.locator('#key-dialog[open]').waitFor();
  await page.keyboard.type('a'.repeat(64));
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('#key-problem').textContent);
  result.problem = await page.locator('#key-problem').textContent();
  await page.keyboard.type(key);
  await page.keyboard.press('Enter');
  await waitUntilDone(page, 1);
  result.summary = await page.locator('.summary').textContent();
  result.kept = await page.evaluate(() => [JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie,
    location.href, document.documentElement.outerHTML, document.querySelector('#key-field').value].join('\n'));
  await page.reload();
  await choose(page, [file]);
  await page.locator('#key-dialog[open]').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('.photo-place .bad').waitFor();
  result.cancelled = await page.locator('.photo-place .bad').textContent();
  return result;
}

export async function markup(page, { named, bench: content }) {
  await dropNamed(page, named);
  await waitUntilDone(page, named.length);
  await page.waitForSelector('.boxes, .photo-place .bad');
  const texts = [];
  for (const _ of named) {
    texts.push(await page.locator('.photo-place').textContent());
    await page.keyboard.press('n');
  }
  await page.getByRole('link', { name: 'Bench' }).click();
  await page.locator('#view-bench').waitFor();
  await dropNamed(page, [{ name: named[0].name, type: 'application/json', text: content }]);
  await page.waitForSelector('#view-bench .bench-chart');
  texts.push(await page.locator('#view-bench').textContent());
  await page.waitForTimeout(300);
  return { texts, foreign: await page.locator('main script, main iframe, main img[src=x], main a[href^=javascript]').count(),
    ran: await page.evaluate(() => window.ran ?? null) };
}

// An inline script that found its way into the page would not run.
export async function policy(page) {
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.ran = true';
    document.body.append(script);
    document.body.setAttribute('style', 'color: red');
    const image = new Image();
    image.src = 'http://127.0.0.1:9/x.png';
    document.body.append(image);
  });
  await page.waitForTimeout(300);
  return { ran: await page.evaluate(() => window.ran ?? null), violations: await page.evaluate(() => window.violations) };
}

export const withoutScript = async (page) => ({ text: await page.locator('body').innerText(),
  links: await page.locator('noscript a, .notice a').evaluateAll((links) => links.map((link) => link.getAttribute('href'))) });

// ---- Barriers

// Every view as it is when it is used: what axe finds, and how wide the document is.
export async function barriers(page, { axe, a, b, benchFile, shots, theme, width }) {
  const result = {};
  const shot = async (name, fullPage = false) => {
    result[name] = { axe: await axeOf(page, axe), wide: await widthOf(page) };
    if (shots) await page.screenshot({ path: `${shots}/${name}-${theme}-${width}.png`, fullPage });
  };
  await shot('empty');
  await choose(page, [a, b].flat());
  await waitUntilDone(page, [a, b].flat().length);
  await page.waitForSelector('.picture img');
  await page.waitForTimeout(500);
  await page.keyboard.press('f');
  await shot('photos', true);
  await page.getByRole('link', { name: 'Compare' }).click();
  await choose(page, [[a].flat()[0]], '#view-compare input[type=file] >> nth=0');
  await choose(page, [[b].flat()[0]], '#view-compare input[type=file] >> nth=1');
  await page.locator('.verdict h2').waitFor();
  await page.waitForFunction(() => document.querySelectorAll('.pair .picture img').length === 2);
  await shot('compare', true);
  await page.getByRole('link', { name: 'Devices' }).click();
  await page.locator('[aria-label="Images since the start"]').waitFor();
  await page.waitForTimeout(2500);
  await shot('devices', true);
  await page.getByRole('link', { name: 'Calls' }).click();
  await page.locator('.calls article').first().waitFor();
  await shot('calls');
  await page.getByRole('link', { name: 'Bench' }).click();
  await choose(page, [benchFile], '#view-bench input[type=file]');
  await page.waitForSelector('.bench-chart');
  await shot('bench', true);
  await page.keyboard.press('?');
  await shot('keys');
  return result;
}
