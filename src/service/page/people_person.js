// One person, or a group that nobody said anything of: its faces, and what can be said of it.

const PERSON_VIEWS = [
  ["all", "All"],
  ["new", "New"],
  ["unsure", "Unsure"],
  ["odd", "Odd ones first"],
];
const FACES_NOTES = {
  all: "The faces most like the others first, odd ones last.",
  new: "Faces that joined by their similarity alone: nobody said that they belong here.",
  unsure: "Faces that are hardly like the others, or cannot be compared with them.",
  odd: "The faces least like the others first.",
  year: "",
};

function faceStateText(face) {
  const state =
    {
      found: "found by similarity",
      named: "named with its group",
      imported: "named in a file",
      confirmed: "confirmed",
    }[face.state] || face.state;
  return face.similarity === null ? state : `${state}, similarity ${face.similarity.toFixed(2)}`;
}

const STATE_BADGES = { found: "new", confirmed: "\u2713", imported: "file" };

function faceTile(face) {
  const file = face.file === null ? "Photo is gone" : shortName(face.file);
  const badge = STATE_BADGES[face.state];
  return [
    element(
      "span",
      { class: "people-frame", title: faceStateText(face) },
      thumbnail(face.id, 160),
      badge && element("span", { class: "people-badge" }, badge),
      face.similarity !== null &&
        element("span", { class: "people-badge people-similarity" }, face.similarity.toFixed(2)),
    ),
    element("span", { class: "people-tile-name" }, element("bdi", {}, file)),
    element("span", { class: "people-tile-note" }, face.taken === null ? "no date" : face.taken.slice(0, 10)),
  ];
}

// Which faces are shown: links, so that each view has an address.
function personLinks(page) {
  const { view, year } = page;
  const links = PERSON_VIEWS.map(([name, label]) =>
    element("a", { "aria-current": view === name && "page", "data-view": name }, label),
  );
  const years = element("select", {
    id: "people-year",
    onchange: () => {
      if (years.value !== "") openHash(personHash(page.who, "year/" + years.value));
    },
  });
  const root = element(
    "nav",
    { class: "people-views", "aria-label": "Faces" },
    links,
    element("label", { for: "people-year" }, "Year ", years),
  );
  root.update = (entry, rows) => {
    for (const link of links) link.setAttribute("href", personHash(page.who, link.dataset.view));
    links[1].textContent = entry.new_faces > 0 ? `New (${number(entry.new_faces)})` : "New";
    years.replaceChildren(
      element("option", { value: "" }, "any"),
      ...rows.map((row) => element("option", { value: row.year }, `${row.year || "not known"} (${number(row.faces)})`)),
    );
    years.value = year;
  };
  return root;
}

class PersonHead {
  constructor(page) {
    const { problem } = page;
    this.cover = element("span", { class: "people-cover" });
    this.title = element("h2", { class: "people-title", tabindex: "-1" }, "Person");
    this.note = element("p", { class: "quiet people-note" }, "\u00a0");
    this.field = new NameField({ label: "Name", button: "Name", take: (name) => namePerson(page, name) });
    const say = (path, described) => () =>
      changePeople(path, [{ who: page.who }], () => this.name + described, { problem });
    const hide = say("hide", " hidden");
    const stranger = say("stranger", " is a stranger");
    const merge = () => openHash(mergeHash(page.who));
    this.stranger = actionButton("Stranger", "", stranger);
    this.hide = actionButton("Hide", "h", hide);
    const buttons = element(
      "div",
      { class: "buttons" },
      actionButton("Same person as\u2026", "m", merge),
      this.hide,
      this.stranger,
      element("button", { type: "button", class: "people-danger", onclick: forget }, "Forget\u2026"),
    );
    this.root = element(
      "div",
      { class: "people-head" },
      this.cover,
      element("div", {}, this.title, this.note, this.field.root, buttons),
    );
    key("n", "name", () => this.field.begin());
    key("m", "the same person as somebody else", merge);
    key("h", "hide", hide);
    async function forget() {
      if (await askForget(page.who, problem)) openHash("#people");
    }
  }

  update(entry) {
    this.entry = entry;
    this.name = nameOf(entry);
    this.title.replaceChildren(
      element("bdi", { title: entry.name ?? "" }, entry.name === null ? "Who is it?" : this.name),
    );
    this.note.textContent =
      `${count(entry.faces, "face")} in ${entryNote(entry)}` +
      (entry.new_faces > 0 ? `, ${number(entry.new_faces)} new` : "") +
      (entry.groups.length > 1 ? `, in ${count(entry.groups.length, "group")}` : "") +
      (entry.is_imported ? "; the name stood in a file" : "");
    this.field.set(entry.name);
    if (!this.field.is_used) this.seen = entry.name;
    this.stranger.hidden = entry.name !== null || entry.is_stranger;
    this.hide.hidden = entry.is_hidden;
    if (this.shownCover !== entry.cover) {
      this.shownCover = entry.cover;
      this.cover.replaceChildren(...(entry.cover === null ? [] : [thumbnail(entry.cover, 160)]));
    }
  }
}

// A person gets a name, and where the name is another person's here the way to make them one.
async function namePerson(page, name) {
  const { head, problem, who } = page;
  const describe = (made) => {
    page.who = made.name ?? name;
    return `${shortName(page.who)}: ${count(made.faces, "face")} named` + leftOut(made);
  };
  const undone = () => {
    page.who = who;
  };
  const done = await changePeople("name", [{ who, name, seen: head.seen }], describe, { problem, undone });
  head.seen = head.entry.name; // where it was another one, that was said
  // Digits alone are a face, whatever was refused of them.
  if (done || !problem.firstChild || /^\d+$/.test(name.trim())) return;
  try {
    const other = (await peopleApi(peoplePath("/person", { who: name, limit: 1 }))).entry;
    if (other.name === null || whoOf(other) === whoOf(head.entry)) return;
    const merged = () => {
      page.who = other.name;
      return "One person now: " + nameOf(other);
    };
    problem.append(
      element(
        "button",
        {
          type: "button",
          onclick: () =>
            changePeople("merge", [{ who: whoOf(other), other: page.who }], merged, { problem, undone }),
        },
        `They are one person: ${nameOf(other)}`,
      ),
    );
  } catch {
    // There is nobody of that name: the reason that was shown is another one.
  }
}

function leftOut(made) {
  return made.left_out > 0
    ? `; ${count(made.left_out, "face")} left out, since the photo shows the person already or ` +
        "they were said to be somebody else"
    : "";
}

const FACES_ASKED_MOST = 3; // for a person whose name is another one by now

// `words` of #people/who/WHO[/VIEW[/YEAR]]. A face that is taken out goes elsewhere, and the page does not go with it:
// who is shown is asked for by name, or by a face that is still here.
class PersonPage {
  constructor(body, [who = "", view = "all", year = ""]) {
    this.who = who;
    this.view = view === "year" || PERSON_VIEWS.some(([name]) => name === view) ? view : "all";
    this.year = this.view === "year" ? year : "";
    this.hash = location.hash;
    this.shown = null; // the entry
    this.problem = problemLine();
    this.head = new PersonHead(this);
    this.links = personLinks(this);
    this.note = element("p", { class: "quiet people-note" }, "\u00a0");
    this.grid = new Grid({
      label: "Faces",
      keyOf: (face) => face.id,
      tile: faceTile,
      load: (offset, limit) => this.load(offset, limit),
      open: (face) => openHash("#people/photo/" + face.image),
      actions: this.actions(),
      place: people.places[this.hash],
    });
    const { bar, problem, root } = this.grid;
    const tools = element("div", { class: "people-views-row" }, this.links);
    body.append(this.head.root, this.problem, tools, this.note, bar, problem, root);
    this.grid.refresh().then(() => takeFocus(root));
  }

  refresh() {
    return this.grid.refresh();
  }

  leave() {
    people.places[this.hash] = this.grid.leave();
  }

  async load(offset, limit) {
    const wanted = { view: this.view, offset, limit };
    if (this.view === "year") wanted.year = this.year;
    const { entry, total, faces, years } = await this.ask(wanted);
    this.showEntry(entry);
    this.head.update(entry);
    this.links.update(entry, years);
    const none = this.view === "all" ? "No face is here any more." : "No such face here.";
    this.note.textContent = total > 0 ? `${count(total, "face")}. ${FACES_NOTES[this.view]}` : none;
    return { total, items: faces };
  }

  get members() {
    return [...this.grid.pages.values()].flat().map((face) => face.id);
  }

  async ask(wanted) {
    const { shown } = this;
    const by = (who) => peopleApi(peoplePath("/person", { who, ...wanted }));
    let answer = null;
    let failure = null;
    try {
      answer = await by(this.who);
    } catch (error) {
      if (error.status !== 404 || shown === null) throw error;
      failure = error;
    }
    if (answer !== null) {
      const { entry } = answer;
      if (shown === null || (shown.person !== null && entry.person === shown.person)) return answer;
      if (shown.person === null) {
        return entry.id === shown.id && entry.faces >= shown.faces ? answer : this.askOthers(answer, by);
      }
    }
    for (const face of this.members.slice(0, FACES_ASKED_MOST)) {
      const other = await by(String(face)).catch(() => null);
      const is_same = other !== null && other.entry.person === shown.person;
      if (!is_same && (other === null || answer !== null)) continue;
      answer = other;
      this.who = String(face);
      if (is_same) break;
    }
    if (answer === null) throw failure;
    return answer;
  }

  // Of a group without a name, the face that it is asked for by may be what others took out: then all the rest is
  // somewhere else than this face.
  async askOthers(answer, by) {
    const faces = this.members.filter((face) => String(face) !== this.who).slice(0, FACES_ASKED_MOST);
    const others = await Promise.all(faces.map((face) => by(String(face)).catch(() => answer)));
    if (others.length === 0 || others.some(({ entry }) => whoOf(entry) === whoOf(answer.entry))) return answer;
    this.who = String(faces[0]);
    return others[0];
  }

  showEntry(entry) {
    const before = this.shown;
    this.shown = entry;
    if (before !== null) {
      const is_same = entry.person !== null && entry.person === before.person;
      const is_named = entry.id === before.id && (entry.person === null || before.person === null);
      if (!is_same && !is_named) this.grid.clear();
    }
    if (entry.name !== null) this.moveTo(entry.name);
    else this.moveTo(/^\d+$/.test(this.who) ? this.who : whoOf(entry));
  }

  moveTo(who) {
    this.who = who;
    const hash = personHash(who, this.view === "year" ? "year/" + this.year : this.view);
    if (location.hash !== this.hash || hash === this.hash) return;
    moveAddress(hash);
    this.hash = hash;
  }

  actions() {
    return [
      { label: "Is this person", letter: "c", help: "those selected are this person", act: () => this.confirm() },
      { label: "Is not", letter: "x", help: "those selected are not this person", act: () => this.isNot() },
      { label: "Split off", letter: "s", help: "split those selected off", act: () => this.split() },
      { label: "Is\u2026", letter: "o", help: "those selected are somebody else, by name", act: () => this.isOther() },
      { label: "Not a face", letter: "f", help: "those selected are no faces", act: () => this.notFaces() },
    ];
  }

  get faces() {
    return [...this.grid.selection.keys()];
  }

  async sayOfFaces(path, bodies, describe) {
    const { faces } = this;
    const other = this.members.find((face) => !faces.includes(face));
    if (this.shown.name === null && faces.includes(Number(this.who)) && other !== undefined) {
      this.moveTo(String(other));
    }
    if (await changePeople(path, bodies, describe, { problem: this.problem })) this.grid.clear();
  }

  hasSelected() {
    if (this.grid.selection.size > 0) return true;
    this.problem.show("Select faces first: the space bar takes the one that is marked");
    return false;
  }

  confirm() {
    if (!this.hasSelected()) return;
    const { name } = this.head.entry;
    if (name === null) {
      this.problem.show("Say who it is first: give the group a name");
      return;
    }
    const bodies = this.faces.map((face) => ({ face, name }));
    this.sayOfFaces("is", bodies, (last, made) => `${count(made, "face")} confirmed: ${shortName(name)}`);
  }

  // Of a group without a name there is nobody that a face could not be: it is split off.
  isNot() {
    if (!this.hasSelected()) return;
    const { name } = this.head.entry;
    if (name === null) {
      this.split();
      return;
    }
    const bodies = this.faces.map((face) => ({ face, name }));
    this.sayOfFaces("not", bodies, (last, made) => `${count(made, "face")} not ${shortName(name)}`);
  }

  split() {
    if (!this.hasSelected()) return;
    const bodies = [{ who: this.who, faces: this.faces }];
    this.sayOfFaces("split", bodies, ({ faces }) => `${count(faces, "face")} split off, as somebody else`);
  }

  isOther() {
    if (!this.hasSelected()) return;
    askName(this.grid.selection.size, (name) => {
      const bodies = this.faces.map((face) => ({ face, name }));
      this.sayOfFaces("is", bodies, (last, made) => `${shortName(name)}: ${count(made, "face")} named`);
    });
  }

  notFaces() {
    if (!this.hasSelected()) return;
    const describe = ({ faces }) => `${count(faces, "face")} that ${faces === 1 ? "is" : "are"} none`;
    this.sayOfFaces("not_a_face", [{ faces: this.faces }], describe);
  }
}
