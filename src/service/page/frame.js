// What all views stand on: elements without markup, the tabs, the service's calls, keys, and what is said to people.
// Text of the service and of files becomes text nodes, never markup: there is no other way in this page.

const byId = (id) => document.getElementById(id);

// ---- Elements

// What is no attribute, or says another thing than its attribute.
const states = ["value", "checked", "disabled", "hidden", "multiple", "selected", "open", "textContent"];

function setProperty(node, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (states.includes(name) && name in node) node[name] = value;
  else node.setAttribute(name, value === true ? "" : value);
}

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) setProperty(node, name, value);
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// An element of HTML. Children that are no nodes become text; null, undefined and false are left out.
const element = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);

// The same of SVG.
const svg = (tag, properties, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);

// ---- Numbers as people read them

const formats = new Map();
function number(value, digits = 0) {
  if (!formats.has(digits)) {
    // "negative" writes no sign before what is rounded to nothing.
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: "negative" };
    formats.set(digits, new Intl.NumberFormat("en", options));
  }
  return Number.isFinite(value) ? formats.get(digits).format(value) : "-";
}

const count = (value, one, many = one + "s") => `${number(value)} ${value === 1 ? one : many}`;

function bytes(value) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; ++unit) value /= 1024;
  return `${number(value, unit === 0 || value >= 100 ? 0 : 1)} ${units[unit]}`;
}

// ---- What is said

const NOTE_SECONDS = 8; // that a line stays which asks for nothing
let undoLast = null;
let noteTimer = 0;

function clearNotes() {
  clearTimeout(noteTimer);
  byId("said").replaceChildren();
  byId("failed").replaceChildren();
  undoLast = null;
}

// One line at the foot of the page, which a screen reader reads out. It stays where something went wrong or can be
// undone.
function say(text, { error = false, undo = null } = {}) {
  clearNotes();
  const runUndo = () => {
    clearNotes();
    undo();
  };
  const parts = [element("span", {}, text)];
  if (undo) {
    undoLast = runUndo;
    parts.push(element("button", { type: "button", onclick: runUndo }, "Undo", element("kbd", {}, "z")));
  }
  parts.push(
    element("button", { type: "button", class: "quiet-button", "aria-label": "Close", onclick: clearNotes }, "×"),
  );
  byId(error ? "failed" : "said").append(...parts);
  if (!error && !undo) noteTimer = setTimeout(clearNotes, NOTE_SECONDS * 1000);
}

// ---- The service's calls

class Failure extends Error {
  constructor(status, code, message, retryAfter = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

let apiKey = "";
let asking = null; // the promise of the one dialog that is open

// Resolves to true when a key was given.
function askKey(problem) {
  if (asking) return asking;
  const dialog = byId("key-dialog");
  const field = byId("key-field");
  byId("key-problem").textContent = problem;
  asking = new Promise((resolve) => {
    const end = (given) => {
      if (given) apiKey = field.value.trim();
      field.value = "";
      dialog.onclose = null;
      dialog.close();
      asking = null;
      resolve(given);
    };
    dialog.querySelector("form").onsubmit = (event) => {
      event.preventDefault();
      if (field.value.trim()) end(true);
    };
    byId("key-cancel").onclick = () => end(false);
    dialog.onclose = () => end(false);
  });
  dialog.showModal();
  return asking;
}

async function failureOf(response) {
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    // The body is no JSON: something between this page and the service answered.
  }
  const message = error.message ?? `the answer was ${response.status} ${response.statusText}`;
  return new Failure(response.status, error.code ?? "", message, Number(response.headers.get("Retry-After") ?? 0));
}

async function send(path, { method = "GET", json, form, body = null, signal } = {}) {
  const headers = {};
  if (apiKey) headers.Authorization = `Bearer ${apiKey}`;
  if (json !== undefined) headers["Content-Type"] = "application/json";
  const content = json !== undefined ? JSON.stringify(json) : (form ?? body);
  try {
    const response = await fetch(path, { method, headers, body: content, signal, cache: "no-store" });
    setGone(false);
    return response;
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    setGone(true);
    throw new Failure(0, "unreachable", `the service does not answer at ${location.host}`);
  }
}

// The response, after asking for a key where one is needed, unless `asks` is false.
async function request(path, options = {}) {
  for (;;) {
    const used = apiKey;
    const response = await send(path, options);
    if (response.ok) return response;
    const failure = await failureOf(response);
    if (response.status !== 401 || options.asks === false) throw failure;
    if (apiKey === used && !(await askKey(used ? failure.message : ""))) throw failure;
  }
}

const api = async (path, options) => (await request(path, options)).json();
const apiText = async (path, options) => (await request(path, options)).text();
const blob = async (path, options) => URL.createObjectURL(await (await request(path, options)).blob());
const release = (url) => URL.revokeObjectURL(url);
const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

// What the service has: its own description, asked for once.
let described = null;
function description() {
  described ??= api("/openapi.json").catch((failure) => {
    described = null;
    throw failure;
  });
  return described;
}

// ---- A service that is gone

let isGone = false;
let whenBack = [];

function setGone(gone) {
  if (gone === isGone) return;
  isGone = gone;
  const notice = byId("gone");
  notice.hidden = !gone;
  if (gone) {
    notice.textContent =
      `The service does not answer at ${location.host} since ${new Date().toLocaleTimeString()}. ` +
      "This page asks again every 2 seconds; what waits here goes on when it is back.";
    watchReturn();
  } else {
    for (const resolve of whenBack.splice(0)) resolve();
  }
}

async function watchReturn() {
  while (isGone) {
    await wait(2);
    try {
      const response = await fetch("/readyz", { cache: "no-store" });
      if (response.ok) setGone(false);
    } catch {
      // Still gone.
    }
  }
}

// Resolves at once, or when a service that is gone answers again.
const back = () => (isGone ? new Promise((resolve) => whenBack.push(resolve)) : Promise.resolve());

// ---- Keys

let viewKeys = new Map();

// `action` runs when the key is pressed while the current view is shown; never while somebody types in a field.
const key = (letter, help, action) => viewKeys.set(letter, { help, action });

const keyNames = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };

function showKeys() {
  const rows = [...viewKeys].map(([letter, { help }]) => [keyNames[letter] ?? letter, help]);
  rows.push(["z", "undo what was said last"], ["?", "these keys"]);
  byId("keys-list").replaceChildren(
    ...rows.flatMap(([letter, help]) => [element("dt", {}, element("kbd", {}, letter)), element("dd", {}, help)]),
  );
  byId("keys-dialog").showModal();
}

const fieldTypes = ["checkbox", "radio", "button", "submit", "file"];
function isField(node) {
  if (node.tagName === "INPUT") return !fieldTypes.includes(node.type);
  return node.isContentEditable || ["TEXTAREA", "SELECT"].includes(node.tagName);
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  if (isField(event.target) || document.querySelector("dialog[open]")) return;
  const isLetter = event.key.length === 1;
  if (isLetter && !byId("keys-on").checked) return;
  const row = viewKeys.get(event.key);
  if (row) row.action(event);
  else if (event.key === "z" && undoLast) undoLast();
  else if (event.key === "?") showKeys();
  else return;
  event.preventDefault();
}

// ---- Views

const views = new Map();
let current = null; // {name, argument, leave}

// Part of an address as it is meant; what is no percent-encoding stands for itself.
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// The name of a view and, as it stands in the address, what of it is shown: a "/" within a part is encoded there.
function readAddress() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  return { name: decoded(name), argument: rest.join("/") };
}

// What is shown has another address from now on, and stays as it is.
function moveAddress(hash) {
  history.replaceState(history.state, "", hash);
  current.argument = readAddress().argument;
}

// A tab "#name". `show(section, argument)` runs when it is opened, and again for another "#name/argument", which is
// given as it is encoded; what it returns runs when the view is left. The section keeps what is in it.
function view(name, title, show) {
  const link = element("a", { href: "#" + name }, title);
  const section = element("section", { id: "view-" + name, "aria-label": title, hidden: true });
  byId("tabs").append(link);
  byId("main").append(section);
  views.set(name, { name, title, show, link, section });
  if (current) route();
}

function route(moveFocus = false) {
  const { name, argument } = readAddress();
  const next = views.get(name) ?? views.values().next().value;
  if (current?.view === next && current.argument === argument) return;
  current?.leave?.();
  viewKeys = new Map();
  filesTaker = null;
  for (const one of views.values()) {
    one.section.hidden = one !== next;
    if (one === next) one.link.setAttribute("aria-current", "page");
    else one.link.removeAttribute("aria-current");
  }
  const isOther = current?.view !== next;
  current = { view: next, argument };
  document.title = `${next.title} - mien`;
  const leave = next.show(next.section, argument);
  if (typeof leave === "function") current.leave = leave;
  if (isOther && moveFocus) {
    byId("main").focus({ preventScroll: true });
    scrollTo(0, 0);
  }
}

function start() {
  byId("keys-button").hidden = false;
  byId("keys-button").onclick = showKeys;
  byId("keys-close").onclick = () => byId("keys-dialog").close();
  addEventListener("keydown", onKey);
  addEventListener("hashchange", () => {
    if (location.hash !== "#main") route(true);
  });
  route();
}

// Behind all files of the script, which register their views.
queueMicrotask(start);
