// What a person does on the page of people, by keyboard alone. Each returns what a test looks at; browser.mjs runs it.
import { rename, rm } from 'node:fs/promises';

const waitSaid = (page, text) => page.locator('#said, #failed').filter({ hasText: text }).first().waitFor();
const press = async (page, ...keys) => {
  for (const key of keys) await page.keyboard.press(key);
};
const title = (page) => page.locator('#view-people h2.people-title').innerText();
const tiles = (page) => page.locator(".people-tile:not([aria-label='not read yet'])");
const waitTiles = (page, count) =>
  page.waitForFunction((wanted) => document.querySelectorAll('.people-tile').length === wanted, count);
const waitTile = (page, text) => page.locator(`.people-tile`).filter({ hasText: text }).first().waitFor();

// From now on the page notes when it asked whether anything had changed.
const noteLooks = (page) =>
  page.evaluate(() => {
    const { fetch } = window;
    window.looks = [];
    window.fetch = (url, ...others) => {
      if (String(url).includes('/v1/people/revision')) window.looks.push(Date.now());
      return fetch(url, ...others);
    };
  });

// Goes on by Tab until what has the focus is called so.
async function tabTo(page, name, key = 'Tab') {
  for (let i = 0; i < 120; i += 1) {
    await page.keyboard.press(key);
    const found = await page.evaluate(() => {
      const node = document.activeElement;
      if (node === document.body) return '';
      return (node.getAttribute('aria-label') ?? '') + ' ' + (node.labels?.[0]?.innerText ?? '') + ' ' + node.innerText;
    });
    if (found.includes(name)) return;
  }
  throw new Error(`no Tab leads to ${name}`);
}

// Goes to a tile of the grid that has the focus.
async function goToTile(page, text) {
  await page.keyboard.press('Home');
  for (let i = 0; i < 500; i += 1) {
    const at = page.locator('.people-at');
    if ((await at.innerText()).replace(/\s+/g, ' ').includes(text)) return;
    await page.keyboard.press('ArrowRight');
  }
  throw new Error(`no tile ${text}`);
}

async function everybody(page) {
  await page.evaluate(() => (location.hash = '#people'));
  await page.locator('.people-grid[aria-busy=false]:focus').waitFor();
}

// Names, corrects, merges, splits, forgets; each is undone once where it can be.
export async function keyboard(page) {
  await page.locator('.people-grid:focus').waitFor();
  await goToTile(page, 'No name 6 photos');
  await press(page, 'Enter');
  await page.locator('.people-grid:focus').waitFor();
  await press(page, 'n');
  await page.keyboard.type('Ana');
  await press(page, 'Enter');
  await waitSaid(page, 'Ana: 6 faces named');
  await press(page, 'Control+a');
  await page.keyboard.type('Anna');
  await press(page, 'Enter');
  await waitSaid(page, 'Anna:');
  await page.locator('h2.people-title').filter({ hasText: 'Anna' }).waitFor();
  // One of the faces is somebody else: not Anna, then undone, then split off.
  await tabTo(page, 'Faces');
  await page.locator('.people-grid:focus').waitFor();
  await press(page, 'End', ' ', 'x');
  await waitSaid(page, '1 face not Anna');
  await waitTiles(page, 5);
  await press(page, 'z');
  await waitSaid(page, 'Undone: 1 face not Anna');
  await waitTiles(page, 6);
  await press(page, 'End', ' ', 's');
  await waitSaid(page, '1 face split off');
  await waitTiles(page, 5);
  // Two groups are one person.
  await everybody(page);
  const before = await tiles(page).count();
  await goToTile(page, 'No name 4 photos');
  await press(page, ' ');
  await press(page, 'Home');
  await goToTile(page, 'No name 5 photos');
  await press(page, ' ', 'm');
  await waitSaid(page, '2 groups are one person');
  await waitTiles(page, before - 1);
  // The person of another group is forgotten.
  await goToTile(page, 'Ben');
  await press(page, 'Enter');
  await page.locator('h2.people-title').filter({ hasText: 'Ben' }).waitFor();
  await tabTo(page, 'Forget\u2026');
  await press(page, 'Enter');
  await page.locator('dialog[open]').filter({ hasText: 'Forget Ben?' }).waitFor();
  const going = await page.locator('dialog[open] li').allInnerTexts();
  await tabTo(page, 'Forget for good');
  await press(page, 'Enter');
  await waitSaid(page, 'Forgotten:');
  await everybody(page);
  const left = await tiles(page).allInnerTexts();
  return { going, left };
}

// Two are one person, by choosing the second one; the person is hidden, and the history takes that back.
export async function choices(page) {
  await page.locator('.people-grid:focus').waitFor();
  await goToTile(page, 'No name 4 photos');
  await press(page, 'Enter');
  await page.locator('h2.people-title').filter({ hasText: 'Who is it?' }).waitFor();
  await press(page, 'm');
  await page.locator('h2.people-title').filter({ hasText: 'Who is the same person as' }).waitFor();
  await page.locator('.people-choice:focus').waitFor();
  await goToTile(page, 'Ben');
  await press(page, 'Enter');
  await waitSaid(page, 'One person now: Ben');
  await page.locator('h2.people-title').filter({ hasText: 'Ben' }).waitFor();
  await waitTiles(page, 7);
  await press(page, 'h');
  await waitSaid(page, 'Ben hidden');
  await tabTo(page, 'History', 'Shift+Tab');
  await press(page, 'Enter');
  await page.locator('.people-history li').nth(2).waitFor();
  await tabTo(page, 'hidden');
  await press(page, 'Enter');
  await waitSaid(page, 'Undone: hidden');
  await page.locator('.people-undone').waitFor();
  return { said: await page.locator('.people-said').allInnerTexts() };
}

// Answers questions and takes answers back, with one key each.
export async function questions(page, config) {
  const asked = [];
  const next = async (key) => {
    const sides = page.locator('.people-sides');
    await sides.locator('.people-side').nth(1).waitFor();
    const before = await sides.innerText();
    asked.push(await title(page));
    await press(page, key);
    await page.waitForFunction(
      (text) =>
        document.querySelector('.people-sides').innerText !== text || document.querySelector('.people-sides').hidden,
      before,
    );
  };
  const began = Date.now();
  for (let i = 0; i < config.answers; i += 1) {
    await next(i % 3 === 2 ? 'n' : 'y');
    await waitSaid(page, i % 3 === 2 ? 'No:' : 'Yes:');
  }
  const answer_ms = (Date.now() - began) / config.answers;
  await page.waitForFunction(async (count) => {
    const { operations } = await (await fetch('/v1/people/history?limit=500')).json();
    return operations.filter((one) => !one.is_undone).length >= count;
  }, config.answers);
  for (let i = 0; i < config.undone; i += 1) {
    await press(page, 'z');
    await page.waitForFunction(async (count) => {
      const { operations } = await (await fetch('/v1/people/history?limit=500')).json();
      return operations.filter((one) => one.is_undone).length === count;
    }, i + 1);
    await waitSaid(page, 'Undone:');
  }
  // The last answer that is taken back is shown as soon as the questions are read again.
  const notes = page.locator('.people-note');
  await notes.filter({ hasText: `${config.answers - config.undone} answered` }).first().waitFor();
  const progress = await notes.first().innerText();
  return { asked, answer_ms, progress };
}

// All questions are put off: there is a way on.
export async function deadEnd(page) {
  await page.locator('.people-side').nth(1).waitFor();
  for (let i = 0; i < 500 && (await page.locator('.people-answers').isVisible()); i += 1) {
    await press(page, 'l');
    await page.waitForTimeout(50);
  }
  await page.locator('.people-empty').waitFor();
  await tabTo(page, 'Ask those put off again');
  await press(page, 'Enter');
  await page.locator('.people-side').nth(1).waitFor();
  return { title: await title(page) };
}

// What one tab says is in the other, which keeps what is selected and typed.
export async function tabs(page, config, context) {
  const first = page;
  const open = async (hash) => {
    const other = await context.newPage();
    await other.goto(`${config.url}/${hash}`);
    return other;
  };
  const second = await open('#people');
  for (const one of [first, second]) await one.locator('.people-grid[aria-busy=false]').waitFor();
  await second.bringToFront();
  await second.locator('.people-grid').focus();
  await press(second, 'End', ' ');
  const group = config.group;
  await noteLooks(second);
  await first.evaluate(
    async ([who, name]) => {
      await fetch('/v1/people/name', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ who, name }),
      });
    },
    [String(group), 'Zoe'],
  );
  await second.evaluate(() => (window.looks = []));
  const shown = await second.waitForFunction(() => {
    const isShown = [...document.querySelectorAll('.people-tile')].some((tile) => tile.innerText.includes('Zoe'));
    return isShown && { looks: window.looks.length };
  });
  const { looks } = await shown.jsonValue();
  const selected = await second.locator('.people-tile[aria-selected=true]').count();
  const focused = await second.locator('.people-grid:focus').count();
  // The first one names the same group as it saw it: it is told what holds.
  const third = await open(`#people/who/${group}`);
  await third.locator('.people-grid:focus').waitFor();
  await press(third, 'n');
  await third.keyboard.type('Y');
  const renamed = await second.evaluate(
    async ([who, name]) =>
      (
        await fetch('/v1/people/name', {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ who, name }),
        })
      ).status,
    [String(group), 'Zora'],
  );
  await third.locator('h2.people-title').filter({ hasText: 'Zora' }).waitFor();
  const typed = await third.locator('input[role=combobox]').inputValue();
  await press(third, 'Enter');
  await third.locator('.people-problem').filter({ hasText: 'Zora' }).waitFor();
  return {
    looks,
    selected,
    focused,
    renamed,
    typed,
    problem: await third.locator('.people-problem:not(:empty)').first().innerText(),
  };
}

// A photo with its faces: one is named by typing, with a name that is completed.
export async function photo(page, config) {
  await page.locator('.people-photo-face').first().waitFor();
  await page.locator('.people-photo-frame img').waitFor();
  await tabTo(page, 'Face 1: name');
  await page.keyboard.type(config.prefix);
  await page.locator('.people-names li').first().waitFor();
  await press(page, 'ArrowDown', 'Enter');
  await waitSaid(page, config.name);
  const boxes = await page.locator('.people-box').evaluateAll((nodes) =>
    nodes.map((node) => {
      const frame = node.parentElement.getBoundingClientRect();
      const at = node.getBoundingClientRect();
      return [at.left - frame.left, at.top - frame.top, at.right - frame.left, at.bottom - frame.top].map(
        (side, index) => side / (index % 2 ? frame.height : frame.width),
      );
    }),
  );
  return { boxes, value: await page.locator('input[role=combobox]').first().inputValue() };
}

// Each view is gone through while names and files are made of markup.
export async function markup(page, config) {
  const seen = {};
  await tiles(page).first().waitFor();
  seen.everybody = await page.locator('#view-people').innerText();
  for (const hash of config.hashes) {
    await page.evaluate((to) => (location.hash = to), hash);
    await page.waitForTimeout(700);
    seen[hash] = await page.locator('#view-people').innerText();
  }
  // A name of 64 KiB is refused where it was typed, and shown as text.
  await page.evaluate((to) => (location.hash = to), config.hashes[0]);
  await page.locator('.people-grid:focus').waitFor();
  await press(page, 'n');
  await page.evaluate(() => (document.activeElement.value = '<b>x</b>'.repeat(8192)));
  await press(page, 'Enter');
  await page.locator('.people-problem p').first().waitFor();
  seen.long = await page.locator('.people-problem p').first().innerText();
  const nodes = await page.locator('#view-people img[src=x], #view-people script, #view-people b').count();
  return { seen, nodes };
}

// A change whose answer is lost on the way: what holds is shown, and that it is not known whether it was done.
export async function dropped(page, config, context) {
  await context.route('**/v1/people/name', async (route) => {
    await route.fetch();
    await route.abort();
  });
  await page.locator('.people-grid:focus').waitFor();
  await press(page, 'n');
  await page.keyboard.type('Anna');
  await press(page, 'Enter');
  await waitSaid(page, 'The connection ended');
  await page.locator('h2.people-title').filter({ hasText: 'Anna' }).waitFor();
  return { problem: await page.locator('.people-problem:not(:empty)').first().innerText() };
}

// A change that is refused: why is said beside the field.
export async function refused(page) {
  await page.locator('.people-grid:focus').waitFor();
  await press(page, 'n');
  await page.keyboard.type('Anna');
  await press(page, 'Enter');
  await page.locator('.people-problem p').first().waitFor();
  return { problem: await page.locator('.people-problem:not(:empty)').first().innerText() };
}

// A store that is gone is said, and is shown when it is back.
export async function gone(page) {
  const problem = page.locator('.people-problem:not(:empty)');
  await problem.first().waitFor();
  const text = await problem.first().innerText();
  await tiles(page).first().waitFor();
  await page.waitForFunction(() => !document.querySelector('.people-problem:not(:empty)'));
  return { problem: text, tiles: await tiles(page).count() };
}

// What the tiles of a person and the place of a photo say where there is no picture.
export async function missing(page, config) {
  const none = page.locator('.people-no-picture');
  await page.waitForFunction(() => document.querySelectorAll('.people-tile .people-no-picture').length >= 2);
  const tiles = await page.locator('.people-tile .people-no-picture').allInnerTexts();
  const photos = [];
  for (const image of config.images) {
    await page.evaluate((to) => (location.hash = to), `#people/photo/${image}`);
    await page.locator('.people-photo-frame .people-no-picture').waitFor();
    photos.push(await none.first().innerText());
  }
  return { tiles, photos };
}

// When the page had looked, by the clock of this computer, until it showed so many tiles.
export async function another(page, config) {
  await noteLooks(page);
  const shown = await page.waitForFunction(
    (count) => document.querySelectorAll('.people-tile').length === count && { looks: window.looks },
    config.tiles,
  );
  return shown.jsonValue();
}

// The key that the service asks for: without it nothing is shown, and nobody is asked again and again.
export async function withKey(page, config) {
  await page.locator('#key-dialog[open]').waitFor();
  await press(page, 'Escape');
  await page.locator('.people-problem').filter({ hasText: 'key' }).first().waitFor();
  await page.waitForTimeout(2500);
  const again = await page.locator('#key-dialog[open]').count();
  const shown = await page.locator('.people-tile').count();
  await tabTo(page, 'Give a key');
  await press(page, 'Enter');
  await page.locator('#key-dialog[open]').waitFor();
  await page.keyboard.type(config.key);
  await press(page, 'Enter');
  await page.locator('.people-tile img').first().waitFor();
  return { again, shown, kept: await page.evaluate(() => localStorage.length + sessionStorage.length) };
}

// What axe finds in each view, and views that are wider than the window.
export async function barriers(page, config) {
  const found = [];
  await tiles(page).first().waitFor();
  await page.evaluate(config.axe);
  for (const hash of config.hashes) {
    await page.evaluate((to) => (location.hash = to), hash);
    await page.waitForTimeout(600);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    for (const one of violations) found.push([hash, one.id, one.nodes.map((node) => node.html)[0]]);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (over > 0) found.push([hash, 'wider than the window by', over]);
  }
  return { found };
}

// Milliseconds from a click until what was asked for is on the screen, and until each thumbnail in view is.
export async function times(page, config) {
  const seen = {};
  const pictures = () =>
    [...document.querySelectorAll('#view-people .people-picture')].every((frame) => {
      const { top, bottom, width } = frame.getBoundingClientRect();
      return width === 0 || bottom < 0 || top > innerHeight || frame.querySelector('img')?.complete;
    });
  for (const [hash, selector, ...keys] of config.views) {
    await page.evaluate(() => (location.hash = '#people/history'));
    await page.locator('.people-history').waitFor({ state: 'attached' });
    const began = Date.now();
    await page.evaluate((to) => (location.hash = to), hash);
    await page.waitForSelector(selector);
    await press(page, ...keys);
    await page.waitForSelector(selector);
    const shown = Date.now() - began;
    await page.waitForFunction(pictures);
    seen[[hash, ...keys].join(' ')] = [shown, Date.now() - began];
  }
  return { times: seen };
}

// Through many tiles by the keyboard: how many exist, and how many pictures are kept.
export async function scrolled(page, config) {
  await page.locator('.people-grid:focus').waitFor();
  await page.evaluate(() => {
    window.kept = new Set();
    const { createObjectURL, revokeObjectURL } = URL;
    URL.createObjectURL = (content) => {
      const url = createObjectURL.call(URL, content);
      window.kept.add(url);
      return url;
    };
    URL.revokeObjectURL = (url) => {
      window.kept.delete(url);
      revokeObjectURL.call(URL, url);
    };
  });
  let tilesMost = 0;
  for (let i = 0; i < config.pages; i += 1) {
    await press(page, 'PageDown');
    await page.waitForTimeout(250);
    tilesMost = Math.max(tilesMost, await page.locator('.people-tile').count());
  }
  return { tiles: tilesMost, kept: await page.evaluate(() => window.kept.size) };
}

// Of the group and of the person whose page is shown, the face that its address names is taken out: the page stays.
export async function takenOut(page, config) {
  const seen = {};
  for (const [name, { hash, at, letter, said, left }] of Object.entries(config.views)) {
    await page.evaluate((to) => (location.hash = to), hash);
    await page.locator('.people-grid[aria-busy=false]:focus').waitFor();
    await press(page, 'Home', ...Array(at).fill('ArrowRight'), ' ', letter);
    await waitSaid(page, said);
    await waitTiles(page, left);
    seen[name] = {
      title: await title(page),
      hash: decodeURIComponent(new URL(page.url()).hash),
      links: await page.locator('.people-views a').first().getAttribute('href'),
      selected: await page.locator('.people-tile[aria-selected=true]').count(),
    };
  }
  await press(page, 'h');
  await waitSaid(page, 'hidden');
  await page.reload();
  await waitTiles(page, Object.values(config.views).at(-1).left);
  return { ...seen, again: await title(page) };
}

// Somebody else takes out the face that the address of a group names.
export async function takenByOthers(page, config) {
  await page.locator('.people-grid[aria-busy=false]:focus').waitFor();
  const status = await page.evaluate(
    async (body) =>
      (
        await fetch('/v1/people/split', {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify(body),
        })
      ).status,
    config.split,
  );
  await waitTiles(page, config.left);
  return { status, title: await title(page) };
}

// A person of whom no face is known has a page, which gives another name and hides.
export async function faceless(page, config) {
  await page.locator('#people-all').check();
  await waitTile(page, config.name);
  await page.locator('.people-grid').focus();
  await goToTile(page, config.name);
  await press(page, 'Enter');
  await page.locator('h2.people-title').filter({ hasText: config.name }).waitFor();
  await press(page, 'n');
  await page.keyboard.type(config.other);
  await press(page, 'Enter');
  await page.locator('h2.people-title').filter({ hasText: config.other }).waitFor();
  await page.reload();
  await page.locator('h2.people-title').filter({ hasText: config.other }).waitFor();
  await press(page, 'h');
  await waitSaid(page, config.other + ' hidden');
  const problem = await page.locator('.people-problem').allInnerTexts();
  return { problem: problem.join('') };
}

// What lies beside a store is of that store.
async function replaceStore(next, store) {
  for (const side of ['-wal', '-shm']) await rm(store + side, { force: true });
  await rename(next, store);
}

// Another store takes the place of the one that is shown: no id of the first is said of the second.
export async function replaced(page, config) {
  await page.locator('.people-grid[aria-busy=false]:focus').waitFor();
  await press(page, 'n');
  await page.keyboard.type('Anna');
  await press(page, 'Enter');
  await waitSaid(page, 'Anna: 6 faces named');
  await page.locator('.people-grid').focus();
  await press(page, 'Home', ' ', 'o');
  await page.locator('dialog[open] input').waitFor();
  await replaceStore(config.next, config.store);
  await waitSaid(page, 'Another store is shown now');
  await page.locator('.people-grid[aria-label=People][aria-busy=false]').waitFor();
  const open = await page.locator('dialog[open]').count();
  // The next one comes between two looks of the page: what is said of those selected is refused.
  const revision = await (await fetch(`${config.url}/v1/people/revision`)).json();
  await page.route('**/v1/people/revision', (route) => route.fulfill({ json: revision }));
  await press(page, ' ');
  await replaceStore(config.last, config.store);
  const refused = page.waitForResponse('**/v1/people/hide');
  await press(page, 'h');
  const status = (await refused).status();
  await page.waitForFunction(() => document.querySelectorAll('.people-tile[aria-selected=true]').length === 0);
  await page.unroute('**/v1/people/revision');
  await press(page, 'z');
  await page.waitForTimeout(500);
  return { open, status, hash: new URL(page.url()).hash };
}

// The answers are slow, and the page is hidden and seen again meanwhile: one look at a time, one picture at a time.
export async function slowly(page, config, context) {
  let looks = 0;
  let pictures = 0;
  let most = 0;
  await context.route('**/v1/people/revision', async (route) => {
    looks += 1;
    most = Math.max(most, looks);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    looks -= 1;
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { revision: `${(await answer.json()).revision}${Date.now()}` } });
  });
  await context.route('**/v1/people/picture?*', async (route) => {
    pictures += 1;
    await new Promise((resolve) => setTimeout(resolve, 6000));
    await route.continue();
  });
  await page.evaluate((to) => (location.hash = to), config.photo);
  for (let i = 0; i < 10; i += 1) {
    await page.waitForTimeout(300);
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  }
  await page.locator('.people-photo-frame img').first().waitFor();
  return { most, pictures, shown: await page.locator('.people-photo-frame > img').count() };
}

// From the first face to the last one by shift, of which most were never in view, while somebody else changes the store
// all the time, so that what is in view is read again and again.
export async function selectedThrough(page) {
  const context = page.context();
  await page.locator('.people-grid[aria-busy=false]:focus').waitFor();
  let looks = 0;
  await context.route('**/v1/people/revision', async (route) => {
    const answer = await route.fetch();
    looks += 1;
    await route.fulfill({ response: answer, json: { revision: `${(await answer.json()).revision}${looks}` } });
  });
  await context.route(/people\/person\?.*offset=/, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 400));
    await route.continue();
  });
  await page.evaluate(() => setInterval(() => document.dispatchEvent(new Event('visibilitychange')), 100));
  await press(page, 'Home', ' ', 'End', 'Shift+ ');
  await page.locator('.people-selection').filter({ hasText: /[0-9]{3} selected/ }).waitFor();
  return { bar: await page.locator('.people-selection strong').innerText() };
}

// More was said than one answer of the history has.
export async function longHistory(page, config) {
  const rows = page.locator('.people-history li');
  await rows.first().waitFor();
  const counts = [await rows.count()];
  for (let i = 0; i < config.more; i += 1) {
    await tabTo(page, 'Older ones');
    await press(page, 'Enter');
    await page.waitForFunction((count) => document.querySelectorAll('.people-history li').length > count, counts[i]);
    counts.push(await rows.count());
  }
  const problem = await page.locator('.people-problem').allInnerTexts();
  return { counts, last: await rows.last().innerText(), problem: problem.join('') };
}
