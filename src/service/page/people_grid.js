// A grid of any number of tiles, of which those near the window exist. The focus stays on the grid, which says which
// tile is meant, so that nothing is lost when tiles come, go and are read again.

const GRID_PAGE = 60; // tiles that are asked for at once
const GRID_READS = 4; // pages at once; a browser has six connections to one host
const GRID_MARGIN_PX = 400;
const GRID_COLUMN_PX = 150;
const GRID_SELECTED_MOST = 2000; // by one shift: all of them are read before
let gridCount = 0;

// What can be done with the selected tiles: `actions` are {label, letter, help, act}.
function selectionBar(actions, clear) {
  const amount = element("strong", {});
  for (const { letter, help, act } of actions) key(letter, help, act);
  const bar = element(
    "div",
    { class: "people-selection", role: "toolbar", "aria-label": "With those selected", hidden: true },
    amount,
    actions.map(({ label, letter, act }) => actionButton(label, letter, act)),
    element("button", { type: "button", onclick: clear }, "Clear"),
  );
  bar.update = (size) => {
    bar.hidden = size === 0;
    amount.textContent = number(size) + " selected";
  };
  return bar;
}

class Grid {
  // `load(offset, limit)` gives {total, items}, `keyOf(item)` what an item is known by, `tile(item)` what stands in it.
  // `open(item)` is called by Enter and by a click; `actions` are those of selectionBar; `place` is what leave() gave.
  constructor({ label, load, keyOf, tile, open, actions, place }) {
    Object.assign(this, { load, keyOf, tile, open });
    this.bar = selectionBar(actions, () => this.clear());
    this.isSelectable = actions.length > 0;
    this.name = "grid" + ++gridCount;
    this.pages = new Map(); // by number: items
    this.loading = new Map(); // by number: the round that asks for it
    this.round = 0; // of reading again: answers of older ones are dropped
    this.total = 0;
    this.nodes = new Map(); // by key: the tiles that exist
    this.selection = new Map(); // by key: items
    this.place = place || {};
    this.at = this.place.at || 0;
    this.root = element("div", {
      class: "people-grid",
      role: "listbox",
      tabindex: "0",
      "aria-label": label,
      "aria-multiselectable": String(this.isSelectable),
      "aria-busy": "true",
      onkeydown: (event) => this.pressed(event),
      onclick: (event) => this.clicked(event),
    });
    if (!this.isSelectable) this.root.classList.add("people-choice");
    this.problem = problemLine();
    this.over = new AbortController();
    const later = () => this.draw();
    window.addEventListener("scroll", later, { passive: true, signal: this.over.signal });
    window.addEventListener("resize", later, { passive: true, signal: this.over.signal });
    // The grid's own height follows its drawing: only its width says that it must be drawn again.
    this.sizes = new ResizeObserver(() => {
      if (this.root.clientWidth !== this.width) this.draw();
    });
    this.sizes.observe(this.root);
  }

  leave() {
    this.over.abort();
    this.sizes.disconnect();
    return { at: this.at, scroll: window.scrollY };
  }

  // Reads again what is in view; the rest when it comes into view.
  async refresh() {
    this.round += 1;
    const wanted = this.range ? this.pagesOf(this.range) : [Math.floor(this.at / GRID_PAGE)];
    const meant = this.item(this.at);
    const answers = await Promise.all(wanted.map((page) => this.fetch(page)));
    if (answers.some((is_new) => is_new)) {
      for (const page of this.pages.keys()) {
        if (!wanted.includes(page)) this.pages.delete(page);
      }
      if (meant !== undefined) this.follow(this.keyOf(meant));
      this.draw();
    }
    retryPictures();
    if (this.place.scroll !== undefined && this.total > 0) {
      window.scrollTo(0, this.place.scroll);
      this.place = {};
      this.draw();
    }
  }

  pagesOf([first, end]) {
    const pages = [];
    for (let page = Math.floor(first / GRID_PAGE); page * GRID_PAGE < Math.max(end, 1); page += 1) pages.push(page);
    return pages;
  }

  // True when the answer is of this round.
  async fetch(page) {
    const { round } = this;
    this.loading.set(page, round);
    try {
      const { total, items } = await this.load(page * GRID_PAGE, GRID_PAGE);
      if (round !== this.round) return false;
      this.problem.clear();
      this.total = total;
      this.pages.set(page, items);
      this.root.setAttribute("aria-busy", "false");
      return true;
    } catch (error) {
      if (round === this.round) this.problem.show(error, [["Try again", () => this.refresh()]]);
      return false;
    } finally {
      if (this.loading.get(page) === round) this.loading.delete(page);
    }
  }

  // The tile that was meant may stand elsewhere now.
  follow(key) {
    for (const [page, items] of this.pages) {
      const index = items.findIndex((item) => this.keyOf(item) === key);
      if (index >= 0) this.at = page * GRID_PAGE + index;
    }
  }

  item(index) {
    const page = this.pages.get(Math.floor(index / GRID_PAGE));
    return page && page[index % GRID_PAGE];
  }

  columns() {
    return Math.max(1, getComputedStyle(this.root).gridTemplateColumns.split(" ").length);
  }

  rowHeight() {
    const tile = this.root.firstElementChild;
    if (tile && tile.offsetHeight > 0) {
      this.height = tile.offsetHeight + (parseFloat(getComputedStyle(this.root).rowGap) || 0);
    }
    return this.height || GRID_COLUMN_PX * 1.4;
  }

  // Tiles of the rows in view and near it; the others are room above and below.
  draw() {
    if (this.over.signal.aborted) return;
    if (this.total === 0 && document.activeElement === this.root) byId("main").focus({ preventScroll: true });
    this.root.hidden = this.total === 0;
    if (this.total > 0) this.at = Math.min(this.at, this.total - 1);
    this.width = this.root.clientWidth;
    this.drawRange();
    // The first tiles say how high a row is.
    const height = this.height;
    if (this.rowHeight() !== height) this.drawRange();
  }

  drawRange() {
    const columns = this.columns();
    const height = this.rowHeight();
    const { top } = this.root.getBoundingClientRect();
    const rows = Math.ceil(this.total / columns);
    const first = Math.max(0, Math.min(rows, Math.floor((-top - GRID_MARGIN_PX) / height)));
    const end = Math.max(first, Math.min(rows, Math.ceil((window.innerHeight - top + GRID_MARGIN_PX) / height)));
    this.range = [first * columns, Math.min(this.total, end * columns)];
    for (const page of this.pagesOf(this.range)) {
      if (!this.pages.has(page) && this.loading.get(page) !== this.round && page * GRID_PAGE < this.total) {
        this.fetch(page).then((is_new) => is_new && this.draw());
      }
    }
    this.root.style.paddingTop = first * height + "px";
    this.root.style.paddingBottom = Math.max(0, rows - end) * height + "px";
    this.drawTiles();
  }

  drawTiles() {
    const kept = new Map();
    const wanted = [];
    for (let index = this.range[0]; index < this.range[1]; index += 1) {
      const item = this.item(index);
      const key = item === undefined ? "none" + index : this.keyOf(item);
      const node = this.nodes.get(key) || element("div", { role: "option", class: "people-tile" });
      kept.set(key, node);
      wanted.push(node);
      this.fill(node, item, index);
    }
    this.nodes = kept;
    wanted.forEach((node, index) => {
      if (this.root.children[index] !== node) this.root.insertBefore(node, this.root.children[index] || null);
    });
    while (this.root.children.length > wanted.length) this.root.lastChild.remove();
    this.mark();
  }

  fill(node, item, index) {
    node.id = this.name + "-" + index;
    node.index = index;
    node.setAttribute("aria-posinset", index + 1);
    node.setAttribute("aria-setsize", this.total);
    const text = JSON.stringify(item);
    if (node.text === text && node.text !== undefined) return;
    node.text = text;
    if (item === undefined) {
      node.setAttribute("aria-label", "not read yet");
      node.replaceChildren(
        element("span", { class: "people-picture" }),
        element("span", { class: "people-tile-name" }, "\u00a0"),
        element("span", { class: "people-tile-note" }, "\u00a0"),
      );
      return;
    }
    node.removeAttribute("aria-label");
    const old = node.querySelector(".people-picture");
    node.replaceChildren(element("span", { class: "people-check", "aria-hidden": "true" }), ...this.tile(item));
    const picture = node.querySelector(".people-picture");
    if (old && picture && old.path === picture.path) picture.replaceWith(old);
  }

  // Which tile is meant, and which ones are selected.
  mark() {
    for (const node of this.nodes.values()) {
      const item = this.item(node.index);
      node.classList.toggle("people-at", node.index === this.at);
      node.setAttribute("aria-selected", item !== undefined && this.selection.has(this.keyOf(item)) ? "true" : "false");
    }
    const is_there = this.at >= this.range[0] && this.at < this.range[1];
    if (is_there) this.root.setAttribute("aria-activedescendant", this.name + "-" + this.at);
    else this.root.removeAttribute("aria-activedescendant");
  }

  moveTo(index) {
    this.at = Math.max(0, Math.min(index, this.total - 1));
    const row = Math.floor(this.at / this.columns());
    const top = this.root.getBoundingClientRect().top + row * this.rowHeight();
    const bottom = top + this.rowHeight();
    const bar = document.querySelector("header").offsetHeight + 60; // what lies over the window's edges
    if (top < bar) window.scrollBy(0, top - bar);
    else if (bottom > window.innerHeight - bar) window.scrollBy(0, bottom - window.innerHeight + bar);
    this.draw();
  }

  // Selects a tile or lets go of it; with `through`, all from the one before to this one.
  toggle(index, through = false) {
    if (!this.isSelectable) return;
    const item = this.item(index);
    const from = this.toggled;
    this.toggled = index;
    if (through && from !== undefined) {
      this.selectThrough(from, index);
      return;
    }
    if (item === undefined) return;
    if (through || !this.selection.has(this.keyOf(item))) this.selection.set(this.keyOf(item), item);
    else this.selection.delete(this.keyOf(item));
    this.mark();
    this.showBar();
  }

  // Tiles that were never in view are read first.
  async selectThrough(from, index) {
    const all = Math.abs(index - from) + 1;
    const most = Math.min(all, GRID_SELECTED_MOST);
    const first = index >= from ? from : from - most + 1;
    const pages = await this.read([first, first + most]);
    if (this.over.signal.aborted) return;
    let taken = 0;
    for (let one = first; one < first + most; one += 1) {
      const item = pages.get(Math.floor(one / GRID_PAGE))?.[one % GRID_PAGE];
      if (item === undefined) continue;
      this.selection.set(this.keyOf(item), item);
      taken += 1;
    }
    this.mark();
    this.showBar();
    if (taken < all) {
      const why = all > most ? `no more than ${number(most)} are taken at once` : "they could not be read";
      say(`${number(all - taken)} left out: ${why}`, { error: true });
    }
  }

  // The pages of a range, without those that cannot be read. refresh() may drop or replace what is shown meanwhile.
  async read(range) {
    const pages = new Map(this.pages);
    const missing = this.pagesOf(range).filter((page) => !pages.has(page));
    const readOne = async (page) => {
      try {
        pages.set(page, (await this.load(page * GRID_PAGE, GRID_PAGE)).items);
      } catch {
        // selectThrough() says how many were left out.
      }
    };
    for (let next = 0; next < missing.length; next += GRID_READS) {
      await Promise.all(missing.slice(next, next + GRID_READS).map(readOne));
    }
    return pages;
  }

  // What comes or goes above the grid does not move what is looked at.
  showBar() {
    const { top } = this.root.getBoundingClientRect();
    this.bar.update(this.selection.size);
    if (window.scrollY > 0) window.scrollBy(0, this.root.getBoundingClientRect().top - top);
  }

  clear() {
    this.selection.clear();
    if (this.range) this.mark();
    this.showBar();
  }

  pressed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const columns = this.columns();
    const rows = Math.max(1, Math.floor(window.innerHeight / this.rowHeight()) - 1);
    const moves = {
      ArrowRight: this.at + 1,
      ArrowLeft: this.at - 1,
      ArrowDown: this.at + columns,
      ArrowUp: this.at - columns,
      Home: 0,
      End: this.total - 1,
      PageDown: this.at + rows * columns,
      PageUp: this.at - rows * columns,
    };
    const item = this.item(this.at);
    if (event.key in moves) this.moveTo(moves[event.key]);
    else if (event.key === " ") this.toggle(this.at, event.shiftKey);
    else if (event.key === "Enter" && item !== undefined) this.open(item);
    else if (event.key === "Escape" && this.selection.size > 0) this.clear();
    else return;
    event.preventDefault();
  }

  clicked(event) {
    const node = event.target.closest(".people-tile");
    if (!node) return;
    this.at = node.index;
    const item = this.item(node.index);
    const is_selecting = event.target.closest(".people-check") || event.shiftKey || event.ctrlKey || event.metaKey;
    if (is_selecting) this.toggle(node.index, event.shiftKey);
    else if (item !== undefined) this.open(item);
    this.mark();
  }
}
