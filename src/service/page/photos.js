// Photos that are dropped: sent a few at a time, shown as they come back. The list in the document is bounded, however
// many photos there are.

const PARALLEL = 4; // requests at once; a browser has six connections for a host, and two are for the rest of the page
const THUMBS_SHOWN = 60;
const THUMB_SIDE = 144;

const photos = { items: [], shown: null, filter: "all", page: 0, active: 0, about: "", nodes: null };
const analyzeOptions = { detail: "auto", rotations: false, enhance: false };

const isOver = (item) => item.state === "done" || item.state === "failed";
const poorFaces = (item) => item.record?.faces.filter((face) => face.poor_reason).length ?? 0;

const photoFilters = {
  all: ["All", () => true],
  faces: ["With faces", (item) => item.record?.faces.length > 0],
  poor: ["With poor faces", (item) => poorFaces(item) > 0],
  none: ["Without a face", (item) => item.record?.faces.length === 0],
  failed: ["Failed", (item) => item.state === "failed"],
};

const shownItems = () => photos.items.filter(photoFilters[photos.filter][1]);

// ---- Sending

function addPhotos(files, event, about) {
  clearNotes(); // of photos before
  const room = Math.max(0, FILES_MOST - photos.items.length);
  if (files.length > room) {
    say(`The first ${number(room)} of ${number(files.length)} files are taken.`, { error: true });
  }
  const added = files.slice(0, room).map((file) => {
    const problem = refusalOf(file);
    return { file, state: problem ? "failed" : "waiting", note: "", error: problem, record: null };
  });
  const shows = added.length > 0 && photos.items.every(isOver);
  photos.items.push(...added);
  photos.about = about ?? "";
  if (shows) showPhoto(added[0]);
  drawGallery();
  if (added.length === 1 && added[0].error) say(`${added[0].file.name}: ${added[0].error}.`, { error: true });
  pump();
}

function pump() {
  while (photos.active < PARALLEL) {
    const item = photos.items.find((one) => one.state === "waiting");
    if (!item) break;
    item.state = "sent";
    ++photos.active;
    analyze(item).finally(() => {
      --photos.active;
      if (photos.items.includes(item)) itemChanged(item);
      pump();
      if (photos.active === 0) sayTheEnd();
    });
  }
}

function analyzePath() {
  // The recognition quality counts the length of the embedding, which is there only where the face was embedded.
  const query = new URLSearchParams({ embeddings: "base64", image_quality: "true", detail: analyzeOptions.detail });
  for (const name of ["rotations", "enhance"]) if (analyzeOptions[name]) query.set(name, "true");
  return `/v1/analyze?${query}`;
}

async function analyze(item) {
  const note = (text) => {
    item.note = text;
    if (text) itemChanged(item);
  };
  item.stop = new AbortController();
  try {
    const record = await sendPatiently(
      analyzePath(),
      [item.file],
      () => ({ body: item.file }),
      note,
      item.stop.signal,
    );
    for (const face of record.faces) delete face.embedding; // nothing here needs it
    item.record = record;
    item.state = "done";
  } catch (failure) {
    item.state = "failed";
    item.error = failure.message;
    if (failure.status === 401) failWaiting(failure.message);
  }
}

// Who gave no key for one photo is not asked again for each of the others.
function failWaiting(message) {
  for (const item of photos.items) {
    if (item.state === "waiting") Object.assign(item, { state: "failed", error: message });
  }
}

function sayTheEnd() {
  if (photos.items.length === 0 || !photos.items.every(isOver)) return;
  const [only] = photos.items;
  if (photos.items.length === 1 && only.error) return say(`${only.file.name}: ${only.error}.`, { error: true });
  const failed = photos.items.filter((item) => item.state === "failed").length;
  const faces = photos.items.reduce((sum, item) => sum + (item.record?.faces.length ?? 0), 0);
  say(
    `${count(photos.items.length, "photo")} done: ${count(faces, "face")}` +
      (failed ? `, ${number(failed)} failed.` : "."),
  );
}

function clearPhotos() {
  for (const item of photos.items) item.stop?.abort();
  photos.items = [];
  photos.page = 0;
  showPhoto(null);
  drawGallery();
}

function sendAgain(item) {
  item.state = "waiting";
  item.error = item.note = "";
  itemChanged(item);
  pump();
}

// ---- The list

let drawPending = false;

function itemChanged(item) {
  if (photos.shown === item) showPhoto(item);
  // Many answers a second are one drawing.
  if (drawPending) return;
  drawPending = true;
  requestAnimationFrame(() => {
    drawPending = false;
    drawGallery();
  });
}

function stateText(item) {
  if (item.state === "failed") return `failed: ${item.error}`;
  if (item.state === "waiting") return "waits";
  if (item.state === "sent") return item.note || "on its way";
  const poor = poorFaces(item);
  return count(item.record.faces.length, "face") + (poor ? `, ${number(poor)} poor` : "");
}

function tagText(item) {
  if (item.state === "failed") return "!";
  return item.state === "done" ? String(item.record.faces.length) : "…";
}

// Thumbnails are decoded one after the other, when they come into sight.
let thumbQueue = Promise.resolve();
const thumbObserver = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    thumbObserver.unobserve(entry.target);
    thumbQueue = thumbQueue.then(() => drawThumb(entry.target));
  }
});

// What stands for a picture that this browser does not show: the ending of its name.
function drawKind(canvas, name) {
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(document.body).color;
  context.font = "600 30px system-ui, sans-serif";
  context.textAlign = "center";
  context.fillText((/\.(\w{1,5})$/.exec(name)?.[1] ?? "?").toUpperCase(), THUMB_SIDE / 2, THUMB_SIDE / 2 + 8);
}

async function drawThumb(canvas) {
  if (!canvas.isConnected) return;
  const { item } = canvas;
  try {
    item.thumb ??= await createImageBitmap(item.file, { resizeWidth: THUMB_SIDE, resizeQuality: "medium" });
    const { width, height } = item.thumb;
    const side = Math.min(width, height);
    canvas
      .getContext("2d")
      .drawImage(item.thumb, (width - side) / 2, (height - side) / 2, side, side, 0, 0, THUMB_SIDE, THUMB_SIDE);
  } catch {
    drawKind(canvas, item.file.name);
  }
}

function thumbOf(item) {
  if (!item.button) {
    const canvas = element("canvas", { width: THUMB_SIDE, height: THUMB_SIDE, "aria-hidden": "true" });
    canvas.item = item;
    item.tag = element("span", { class: "tag", "aria-hidden": "true" });
    item.button = element("button", { type: "button", onclick: () => showPhoto(item) }, canvas, item.tag);
    if (refusalOf(item.file)) drawKind(canvas, item.file.name);
    else thumbObserver.observe(canvas);
  }
  item.tag.textContent = tagText(item);
  item.button.className = `thumb ${item.state}${poorFaces(item) ? " has-poor" : ""}`;
  item.button.setAttribute("aria-label", `${item.file.name}: ${stateText(item)}`);
  item.button.title = `${item.file.name}: ${stateText(item)}`;
  const isShown = photos.shown === item;
  item.button.tabIndex = isShown ? 0 : -1;
  if (isShown) item.button.setAttribute("aria-current", "true");
  else item.button.removeAttribute("aria-current");
  return element("li", {}, item.button);
}

function summaryText() {
  const of = (state) => photos.items.filter((item) => item.state === state).length;
  const faces = photos.items.reduce((sum, item) => sum + (item.record?.faces.length ?? 0), 0);
  const poor = photos.items.reduce((sum, item) => sum + poorFaces(item), 0);
  const parts = [`${number(of("done"))} of ${count(photos.items.length, "photo")} done`];
  if (of("waiting") + of("sent") > 0) parts.push(`${number(of("waiting") + of("sent"))} to come`);
  if (of("failed") > 0) parts.push(`${number(of("failed"))} failed`);
  if (of("done") > 0) parts.push(count(faces, "face") + (poor ? `, ${number(poor)} of them poor` : ""));
  if (photos.about) parts.push(photos.about);
  return parts.join(" · ");
}

function turnPage(by) {
  const last = Math.ceil(shownItems().length / THUMBS_SHOWN) - 1;
  photos.page = Math.max(0, Math.min(last, photos.page + by));
  drawGallery();
}

// The buttons stay where they are, and keep the focus, also where they lead nowhere.
function makePager() {
  const where = element("span", { class: "quiet" });
  const button = (name, sign, by) =>
    element("button", { type: "button", "aria-label": name, onclick: () => turnPage(by) }, sign);
  const [earlier, later] = [button("Earlier", "‹", -1), button("Later", "›", 1)];
  const node = element("span", { class: "buttons", hidden: true }, earlier, where, later);
  // The items of the page that is shown.
  const draw = (list) => {
    const pages = Math.max(1, Math.ceil(list.length / THUMBS_SHOWN));
    photos.page = Math.min(photos.page, pages - 1);
    const first = photos.page * THUMBS_SHOWN;
    const end = Math.min(first + THUMBS_SHOWN, list.length);
    node.hidden = pages === 1;
    where.textContent = `${number(first + 1)}-${number(end)} of ${number(list.length)}`;
    earlier.setAttribute("aria-disabled", String(photos.page === 0));
    later.setAttribute("aria-disabled", String(photos.page === pages - 1));
    return list.slice(first, end);
  };
  return { node, draw };
}

function drawGallery() {
  const nodes = photos.nodes;
  const { items } = photos;
  nodes.gallery.hidden = items.length === 0;
  nodes.drop.classList.toggle("large", items.length === 0);
  const over = items.filter(isOver).length;
  nodes.progress.max = Math.max(1, items.length);
  nodes.progress.value = over;
  nodes.progress.hidden = over === items.length;
  nodes.summary.textContent = summaryText();
  for (const option of nodes.filter.options) {
    const [title, fits] = photoFilters[option.value];
    option.textContent = `${title} (${number(items.filter(fits).length)})`;
  }
  const hadFocus = nodes.strip.contains(document.activeElement) ? document.activeElement : null;
  const list = nodes.pager.draw(shownItems());
  nodes.strip.replaceChildren(...list.map(thumbOf));
  if (list.length > 0 && !list.includes(photos.shown)) list[0].button.tabIndex = 0;
  if (hadFocus?.isConnected) hadFocus.focus();
}

// Shows the photo `by` places further, and turns the page where it lies on another.
function stepPhoto(by, withFocus) {
  const list = shownItems();
  if (list.length === 0) return;
  const at = list.indexOf(photos.shown);
  const next = Math.max(0, Math.min(list.length - 1, at < 0 ? 0 : at + by));
  photos.page = Math.floor(next / THUMBS_SHOWN);
  showPhoto(list[next]);
  drawGallery();
  list[next].button.scrollIntoView({ block: "nearest" });
  if (withFocus) list[next].button.focus();
}

const stripSteps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1, Home: -FILES_MOST, End: FILES_MOST };

function onStripKey(event) {
  const by = stripSteps[event.key];
  if (!by || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  stepPhoto(by, true);
}

function showPhoto(item) {
  photos.shown = item;
  drawPhoto(photos.nodes.one, item);
  for (const one of photos.nodes.strip.querySelectorAll("[aria-current]")) one.removeAttribute("aria-current");
  item?.button?.setAttribute("aria-current", "true");
}

// ---- The view

function photoOptions() {
  const detail = element(
    "select",
    {
      onchange: () => {
        analyzeOptions.detail = detail.value;
      },
    },
    ["auto", "off", "full"].map((name) => element("option", {}, name)),
  );
  const flag = (name, text) =>
    element(
      "label",
      {},
      element("input", {
        type: "checkbox",
        onchange: (event) => {
          analyzeOptions[name] = event.target.checked;
        },
      }),
      " ",
      text,
    );
  return element(
    "details",
    {},
    element("summary", {}, "Options for the next photos"),
    element(
      "div",
      { class: "options" },
      element("label", {}, "Detail ", detail),
      flag("rotations", "turned photos too"),
      flag("enhance", "enlarge and sharpen small photos"),
    ),
  );
}

function buildPhotos(section) {
  const nodes = {
    drop: element(
      "div",
      { class: "drop large" },
      element("h2", {}, "Drop photos here"),
      element("p", { class: "quiet" }, "or paste one, or a folder. They go to this service and are kept nowhere."),
      fileButton("Choose photos", addPhotos, { accept: photoKinds }),
    ),
    summary: element("p", { class: "summary" }),
    progress: element("progress", { "aria-label": "Photos done" }),
    filter: element(
      "select",
      {
        "aria-label": "Which photos",
        onchange: () => {
          photos.filter = nodes.filter.value;
          photos.page = 0;
          drawGallery();
        },
      },
      Object.keys(photoFilters).map((value) => element("option", { value })),
    ),
    pager: makePager(),
    strip: element("ul", { class: "strip", "aria-label": "Photos", onkeydown: onStripKey }),
    one: element("div", { class: "photo-place" }),
  };
  nodes.gallery = element(
    "div",
    { hidden: true },
    element(
      "div",
      { class: "gallery-head" },
      nodes.summary,
      nodes.filter,
      nodes.pager.node,
      element("button", { type: "button", onclick: clearPhotos }, "Clear"),
    ),
    nodes.progress,
    nodes.strip,
    nodes.one,
  );
  photos.nodes = nodes;
  section.append(nodes.drop, photoOptions(), nodes.gallery);
}

view("photos", "Photos", (section) => {
  if (!photos.nodes) buildPhotos(section);
  takeFiles(addPhotos);
  key("n", "next photo", () => stepPhoto(1, false));
  key("p", "photo before", () => stepPhoto(-1, false));
  key("f", "next face of the photo", () => markNextFace());
});
