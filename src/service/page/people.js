// What the views of people share. The store is the only truth: after a change by anybody they read it again.

const PEOPLE_POLL_MS = 1000;
const PEOPLE_NAME_SHOWN_MAX = 120; // in sentences and labels; whole names stand where there is room

const people = {
  revision: null, // of what is shown
  store: null, // the one that the ids here are of, as far as the service tells: a part of each revision
  refresh: null, // the view that is shown reads again
  restart: null, // the view that is shown begins anew
  changing: null, // the promise of the change that is on its way
  done: [], // changes by this page that can be undone, the oldest first: {operations, text, undone}
  places: {}, // by hash: where one was in a grid
  list: { order: "faces", all: false },
};

// Control characters and marks that turn the direction of writing are shown as what they are: no letters.
function visibleText(text) {
  return String(text).replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

function shortName(text) {
  const all = visibleText(text);
  return all.length <= PEOPLE_NAME_SHOWN_MAX ? all : all.slice(0, PEOPLE_NAME_SHOWN_MAX - 1) + "\u2026";
}

function nameOf(entry) {
  return entry.name === null ? "group " + entry.id : shortName(entry.name);
}

// "2019-07-04 12:30"
function timeOf(taken) {
  return taken === null ? "date not known" : taken.slice(0, 16).replace("T", " ");
}

function peoplePath(path, parameters = {}) {
  return "/v1/people" + path + (Object.keys(parameters).length ? "?" + new URLSearchParams(parameters) : "");
}

// What a person or a group is asked for by: any of its faces, or the name of whom no face is known.
function whoOf(entry) {
  return entry.id === null ? entry.name : String(entry.id);
}

function personHash(who, view = "") {
  return "#people/who/" + encodeURIComponent(who) + (view && view !== "all" ? "/" + view : "");
}

function mergeHash(who) {
  return "#people/merge/" + encodeURIComponent(who);
}

function openHash(hash) {
  location.hash = hash;
}

function explainFailure(error) {
  const message = shortName(error.message || String(error));
  return message.charAt(0).toUpperCase() + message.slice(1);
}

// One line where the person looks, read aloud; empty when all is well. `actions` are pairs of a label and a function.
function problemLine() {
  const line = element("div", { class: "people-problem", role: "alert" });
  line.show = (error, actions = []) => {
    line.replaceChildren(
      element("p", {}, typeof error === "string" ? error : explainFailure(error)),
      ...actions.map(([label, act]) => element("button", { type: "button", onclick: act }, label)),
    );
  };
  line.clear = () => line.replaceChildren();
  return line;
}

async function peopleApi(path, options) {
  const answer = await api(path, options);
  if (answer.revision !== undefined) seeStore(answer.revision);
  return answer;
}

// The ids of one store mean others in the next one: nothing that has them outlives it.
function seeStore(revision) {
  const [store] = revision.split("-");
  const is_other = people.store !== null && people.store !== store;
  people.store = store;
  if (!is_other) return;
  people.done = [];
  dropPictures();
  for (const dialog of document.querySelectorAll(".people-dialog[open]")) dialog.close();
  people.restart?.();
  people.places = {};
  const text = "Another store is shown now, or the same one opened again: nothing is selected or can be undone here. ";
  say(text + "The history has all that was said.");
}

// A change of the store that its ids are of: where another one is open by now, it is refused.
function postPeople(path, body, store) {
  return peopleApi(peoplePath("/" + path), { method: "POST", json: { ...body, store } });
}

async function refreshPeople() {
  if (people.refresh) await people.refresh();
}

// One change after another: `work` must not fail.
async function inTurn(work) {
  while (people.changing) await people.changing;
  people.changing = work();
  try {
    return await people.changing;
  } finally {
    people.changing = null;
  }
}

// The answers of several questions may come in another order than they were asked: null is given for older ones.
function newestOnly() {
  let round = 0;
  return async (answer) => {
    const mine = ++round;
    const value = await answer;
    return mine === round ? value : null;
  };
}

// Sends changes of one kind, says in one line what they did, with a way back, and reads again what is shown. Null where
// one was refused: `problem` says why then. Those before it stand, and can be undone.
async function changePeople(path, bodies, describe, { problem, undone, waits = false } = {}) {
  if (people.changing && !waits) return null; // pressed twice
  problem?.clear();
  const { store } = people;
  const operations = [];
  let last = null;
  const failure = await inTurn(async () => {
    try {
      for (const body of bodies) {
        last = await postPeople(path, body, store);
        if (last.operation !== null) operations.push(last.operation);
      }
      return null;
    } catch (error) {
      return error;
    }
  });
  const text = last === null ? "" : describe(last, operations.length);
  if (operations.length > 0) people.done.push({ operations, text, undone });
  if (failure) sayFailure(failure, problem);
  else say(operations.length === 0 ? "It was so already" : text, people.done.length ? { undo: undoPeople } : {});
  await refreshPeople();
  return failure ? null : last;
}

function sayFailure(error, problem) {
  const lost = "The connection ended in the middle of the change. What is shown now is what holds. ";
  const text = (error.status === 0 ? lost : "") + explainFailure(error);
  if (problem) problem.show(text);
  say(text, people.done.length ? { error: true, undo: undoPeople } : { error: true });
}

// Takes the newest change of this page back; those that others made are in the history.
async function undoPeople() {
  const { store } = people;
  let last = null;
  const failure = await inTurn(async () => {
    last = people.done[people.done.length - 1] ?? null;
    if (last === null) return null;
    try {
      while (last.operations.length > 0) {
        const operation = last.operations[last.operations.length - 1];
        await postPeople("undo", { operation }, store);
        last.operations.pop();
      }
      people.done.pop();
      return null;
    } catch (error) {
      // What a busy store or a lost connection kept from happening can be tried again; what is refused cannot.
      if (error.status >= 400 && error.status < 500) people.done.pop();
      return error;
    }
  });
  if (last === null) {
    say("Nothing that was said on this page is left to undo: the history has all that was said");
    return;
  }
  const options = people.done.length ? { undo: undoPeople } : {};
  if (failure) say("Not undone. " + explainFailure(failure), { ...options, error: true });
  else say("Undone: " + last.text, options);
  if (!failure && last.undone) last.undone();
  await refreshPeople();
}

function showWatchFailure(banner, error) {
  if (error.status === 0) return; // the frame says it
  if (error.status === 401) {
    banner.show(error, [["Give a key", refreshPeople]]);
    return;
  }
  const text = explainFailure(error) + " What is below may be old. It is tried again by itself.";
  if (banner.textContent !== text) banner.show(text);
}

// Asks every second, while the page can be seen, whether anybody changed the store. It never asks for a key: what a
// view reads does, and who gave none is not asked again and again.
function watchPeople(banner) {
  let timer = null;
  let is_over = false;
  let is_looking = false;
  let refused = null; // the key that was not enough
  async function look() {
    timer = null;
    is_looking = true;
    try {
      if (apiKey !== refused) {
        const { revision } = await peopleApi(peoplePath("/revision"), { asks: false });
        if (is_over) return;
        refused = null;
        const is_back = banner.firstChild !== null;
        banner.clear();
        if (revision !== people.revision || is_back) {
          people.revision = revision;
          await refreshPeople();
        }
      }
    } catch (error) {
      if (error.status === 401) refused = apiKey;
      if (!is_over) showWatchFailure(banner, error);
    }
    is_looking = false;
    if (!is_over && !document.hidden) timer = setTimeout(look, PEOPLE_POLL_MS);
  }
  function wake() {
    if (!document.hidden && timer === null && !is_looking && !is_over) look();
  }
  document.addEventListener("visibilitychange", wake);
  timer = setTimeout(look, PEOPLE_POLL_MS);
  return () => {
    is_over = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", wake);
  };
}

// A button that says its key.
function actionButton(label, letter, act, more = "") {
  const properties = { type: "button", class: more || null, onclick: act, "aria-keyshortcuts": letter || null };
  return element("button", properties, label, letter && element("kbd", {}, letter));
}

// The focus goes where a view begins, unless it is somewhere already.
function takeFocus(node) {
  const at = document.activeElement;
  if (at === document.body || at.id === "main") node.focus({ preventScroll: true });
}

function peopleLinks(what) {
  const links = [
    ["", "Everybody"],
    ["questions", "Questions"],
    ["history", "History"],
  ];
  const here = what === "questions" || what === "history" ? what : "";
  return element(
    "nav",
    { class: "people-nav", "aria-label": "People" },
    links.map(([name, label]) =>
      element("a", { href: "#people" + (name && "/" + name), "aria-current": name === here && "page" }, label),
    ),
  );
}

// Each view fills `body` and gives {refresh, leave}.
const PEOPLE_VIEWS = {
  "": (body) => new Everybody(body, null),
  merge: (body, words) => new Everybody(body, words[0] ?? null),
  who: (body, words) => new PersonPage(body, words),
  photo: (body, words) => new PeoplePhoto(body, words[0] ?? ""),
  questions: (body) => new Questions(body),
  history: showHistory,
};

function showPeople(section, argument) {
  const words = (argument || "").split("/").map(decoded);
  const what = Object.hasOwn(PEOPLE_VIEWS, words[0]) ? words[0] : "";
  const banner = problemLine();
  const body = element("div", { class: "people-body" });
  section.replaceChildren(peopleLinks(what), banner, body);
  let shown = PEOPLE_VIEWS[what](body, words.slice(1));
  people.refresh = () => shown.refresh();
  people.restart = () => {
    if (words.length > 1) {
      openHash("#people"); // the address has an id
      return;
    }
    shown.leave?.();
    people.places = {};
    body.replaceChildren();
    shown = PEOPLE_VIEWS[what](body, []);
  };
  const stop = watchPeople(banner);
  return () => {
    people.refresh = null;
    people.restart = null;
    shown.leave?.();
    stop();
  };
}

async function startPeople() {
  const table = await description();
  if (table.paths && table.paths["/v1/people"]) view("people", "People", showPeople);
}

startPeople().catch(() => {}); // a service without people has the rest of the page
