// Everybody by number of photos; and, of a person who is somebody else here too, the choice who that is.

function statisticsLine(of) {
  const parts = [count(of.in_people, "face") + " of people", count(of.in_groups, "face") + " in groups without a name"];
  if (of.poor > 0) parts.push(count(of.poor, "face") + " too poor to be told from others");
  if (of.not_faces > 0) parts.push(number(of.not_faces) + " that are none");
  return count(of.faces, "face") + ": " + parts.join(", ");
}

function entryNote(entry) {
  const parts = [count(entry.images, "photo")];
  if (entry.is_hidden) parts.push("hidden");
  if (entry.is_stranger) parts.push("stranger");
  return parts.join(", ");
}

function personTile(entry) {
  const name = entry.name === null ? "No name" : shortName(entry.name);
  const picture = entry.cover === null ? element("span", { class: "people-picture" }) : thumbnail(entry.cover, 160);
  const faces = entry.faces === entry.images ? "" : ", " + count(entry.faces, "face");
  return [
    element(
      "span",
      { class: "people-frame" },
      picture,
      entry.new_faces > 0 && element("span", { class: "people-badge" }, number(entry.new_faces) + " new"),
    ),
    element("span", { class: "people-tile-name" + (entry.name === null ? " quiet" : "") }, element("bdi", {}, name)),
    element("span", { class: "people-tile-note" }, entryNote(entry) + faces),
  ];
}

function listTools(read) {
  const order = element(
    "select",
    {
      id: "people-order",
      onchange: () => {
        people.list.order = order.value;
        read();
      },
    },
    element("option", { value: "faces" }, "Number of photos"),
    element("option", { value: "name" }, "Name"),
  );
  order.value = people.list.order;
  const all = element("input", {
    id: "people-all",
    type: "checkbox",
    onchange: () => {
      people.list.all = all.checked;
      read();
    },
  });
  all.checked = people.list.all;
  return element(
    "div",
    { class: "people-tools" },
    element("label", { for: "people-order" }, "Order ", order),
    element("label", { for: "people-all" }, all, " Also hidden people, strangers and single faces"),
  );
}

function nobody() {
  return element(
    "div",
    { class: "people-empty" },
    element("h2", {}, "Nobody here yet"),
    element(
      "p",
      {},
      "Photos come into the store by ",
      element("code", {}, "mien index PHOTOS --store FILE"),
      ". This page shows them as they come.",
    ),
  );
}

// Of those selected the first with a name is who they all are.
function mergeBodies(entries) {
  const first = entries.find((entry) => entry.name !== null) || entries[0];
  return entries
    .filter((entry) => entry !== first)
    .map((entry) => ({ who: whoOf(first), other: whoOf(entry) }));
}

class Everybody {
  // `merged`: whom another one is chosen for, as whoOf says it, else null.
  constructor(body, merged) {
    this.merged = merged;
    this.hash = location.hash;
    const title = merged ? "Who is the same person?" : "Everybody";
    this.title = element("h2", { class: merged ? "people-title" : "covered", tabindex: "-1" }, title);
    this.note = element("p", { class: "quiet people-note" }, "\u00a0");
    this.problem = problemLine();
    this.empty = element("div", {});
    this.grid = new Grid({
      label: merged ? "Choose the one who is the same person" : "People",
      keyOf: (entry) => (entry.person === null ? "g" + entry.id : "p" + entry.person),
      tile: personTile,
      load: (offset, limit) => this.load(offset, limit),
      open: (entry) => (merged ? this.mergeWith(entry) : openHash(personHash(whoOf(entry)))),
      actions: merged ? [] : this.actions(),
      place: people.places[this.hash],
    });
    const { bar, problem, root } = this.grid;
    const tools = merged ? "" : listTools(() => this.grid.refresh());
    body.append(this.title, this.note, tools, bar, this.problem, problem, this.empty, root);
    if (merged) this.showMerged();
    this.grid.refresh().then(() => takeFocus(root));
    this.escaped = (event) => {
      if (merged && event.key === "Escape" && !event.defaultPrevented) openHash(personHash(merged));
    };
    document.addEventListener("keydown", this.escaped);
  }

  refresh() {
    return this.grid.refresh();
  }

  leave() {
    people.places[this.hash] = this.grid.leave();
    document.removeEventListener("keydown", this.escaped);
  }

  async load(offset, limit) {
    const { order, all } = people.list;
    const answer = await peopleApi(peoplePath("", { offset, limit, order, all, min_faces: all ? 1 : 2 }));
    if (!this.merged) this.note.textContent = statisticsLine(answer.statistics);
    this.empty.replaceChildren(...(answer.total === 0 ? [nobody()] : []));
    return { total: answer.total, items: answer.people };
  }

  async showMerged() {
    try {
      const { entry } = await peopleApi(peoplePath("/person", { who: this.merged, limit: 1 }));
      this.title.textContent = `Who is the same person as ${nameOf(entry)}?`;
      this.note.textContent = "Enter takes the one that is marked. Escape goes back.";
    } catch (error) {
      this.problem.show(error);
    }
  }

  async mergeWith(entry) {
    const bodies = [{ who: this.merged, other: whoOf(entry) }];
    const describe = () => "One person now: " + nameOf(entry);
    if (await changePeople("merge", bodies, describe, { problem: this.problem })) openHash(personHash(this.merged));
  }

  actions() {
    return [
      { label: "Merge", letter: "m", help: "those selected are one person", act: () => this.merge() },
      { label: "Hide", letter: "h", help: "hide those selected", act: () => this.hide() },
      { label: "Strangers", letter: "s", help: "those selected are strangers", act: () => this.strangers() },
    ];
  }

  // Says something of each that is selected.
  async sayOfAll(path, bodies, describe) {
    if (bodies.length === 0) this.problem.show("Select somebody first: the space bar takes the one that is marked");
    else if (await changePeople(path, bodies, describe, { problem: this.problem })) this.grid.clear();
  }

  get selected() {
    return [...this.grid.selection.values()];
  }

  merge() {
    if (this.selected.length < 2) {
      this.problem.show("Select two or more with the space bar to merge them");
      return;
    }
    this.sayOfAll("merge", mergeBodies(this.selected), (last, made) => {
      const name = last.name ? ": " + shortName(last.name) : "";
      return `${count(made + 1, "group")} are one person${name}`;
    });
  }

  hide() {
    const bodies = this.selected.map((entry) => ({ who: whoOf(entry) }));
    this.sayOfAll("hide", bodies, (last, made) => count(made, "person", "people") + " hidden");
  }

  strangers() {
    const bodies = this.selected.map((entry) => ({ who: whoOf(entry) }));
    this.sayOfAll("stranger", bodies, (last, made) => count(made, "stranger"));
  }
}
