// What people are asked: names, which are completed, and whether somebody is to be forgotten.

const NAMES_SHOWN = 8;
const NAMES_WAIT_MS = 120;
let nameFieldCount = 0;

// A field for a name that completes the names of the store. `take(name)` is called by Enter and by the button.
class NameField {
  constructor({ label, button, take, is_label_shown = true }) {
    const id = "name" + ++nameFieldCount;
    this.take = take;
    this.active = -1;
    this.names = [];
    this.asked = 0;
    this.list = element("ul", {
      id: id + "-list",
      role: "listbox",
      class: "people-names",
      "aria-label": "Names",
      hidden: true,
    });
    this.input = element("input", {
      id,
      type: "text",
      role: "combobox",
      autocomplete: "off",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": this.list.id,
      oninput: () => this.typed(),
      onkeydown: (event) => this.pressed(event),
      onblur: () => this.close(),
    });
    this.input.spellcheck = false;
    const form = { class: "people-name-field", onsubmit: (event) => this.submitted(event) };
    this.root = element(
      "form",
      form,
      element("label", { for: id, class: is_label_shown ? "people-label" : "covered" }, label),
      element(
        "span",
        { class: "people-name-row" },
        this.input,
        this.list,
        element("button", { type: "submit" }, button),
      ),
    );
  }

  get is_used() {
    return document.activeElement === this.input && this.input.value !== (this.given || "");
  }

  // What is typed next is another name.
  begin() {
    this.input.focus();
    this.input.select();
  }

  // The name that holds now, unless another one is being typed.
  set(name) {
    if (this.is_used && this.input.value !== (name || "")) return;
    this.given = name || "";
    this.input.value = this.given;
  }

  submitted(event) {
    event.preventDefault();
    const name = this.active >= 0 ? this.names[this.active] : this.input.value;
    this.close();
    this.choose(name);
  }

  choose(name) {
    this.input.value = name;
    if (name.trim() !== "") this.take(name);
  }

  async typed() {
    const asked = ++this.asked;
    const prefix = this.input.value.trim();
    if (prefix === "" || prefix.length > PEOPLE_NAME_SHOWN_MAX) return this.close();
    await new Promise((resolve) => setTimeout(resolve, NAMES_WAIT_MS));
    if (asked !== this.asked) return undefined;
    try {
      const { names } = await peopleApi(peoplePath("/names", { prefix, limit: NAMES_SHOWN }));
      if (asked === this.asked && document.activeElement === this.input) this.show(names);
    } catch {
      this.close(); // names can be typed without
    }
    return undefined;
  }

  show(names) {
    this.names = names;
    this.active = -1;
    this.list.replaceChildren(
      ...names.map((name, index) =>
        element(
          "li",
          {
            id: this.list.id + "-" + index,
            role: "option",
            "aria-selected": "false",
            onmousedown: (event) => event.preventDefault(), // the field keeps the focus
            onclick: () => {
              this.close();
              this.choose(name);
            },
          },
          element("bdi", {}, shortName(name)),
        ),
      ),
    );
    this.list.hidden = names.length === 0;
    this.input.setAttribute("aria-expanded", String(names.length > 0));
    this.input.removeAttribute("aria-activedescendant");
  }

  close() {
    this.asked += 1;
    this.show([]);
  }

  move(step) {
    // One place more than there are names: what was typed.
    const places = this.names.length + 1;
    this.active = ((this.active + 1 + step + places) % places) - 1;
    [...this.list.children].forEach((node, index) => {
      node.setAttribute("aria-selected", String(index === this.active));
      if (index === this.active) node.scrollIntoView({ block: "nearest" });
    });
    if (this.active >= 0) this.input.setAttribute("aria-activedescendant", this.list.id + "-" + this.active);
    else this.input.removeAttribute("aria-activedescendant");
  }

  pressed(event) {
    const is_open = !this.list.hidden;
    if (is_open && event.key === "ArrowDown") this.move(1);
    else if (is_open && event.key === "ArrowUp") this.move(-1);
    else if (is_open && event.key === "Escape") this.close();
    else if (event.key === "Escape" && this.input.value !== (this.given || "")) this.input.value = this.given || "";
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

// A dialog over the page; it is gone when it is closed, and the focus is where it was.
function openDialog(title, ...children) {
  const id = "dialog" + ++nameFieldCount;
  const before = document.activeElement;
  const dialog = element(
    "dialog",
    { class: "people-dialog", "aria-labelledby": id },
    element("h2", { id }, title),
    ...children,
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before && before.isConnected) before.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

// Asks for a name of `faces` faces, which are those selected.
function askName(faces, take) {
  const field = new NameField({
    label: "Who " + (faces === 1 ? "is it" : "are they") + "?",
    button: "Say so",
    take: (name) => {
      dialog.close();
      take(name);
    },
  });
  const dialog = openDialog(
    "Name " + count(faces, "face"),
    field.root,
    element(
      "div",
      { class: "buttons" },
      element("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
    ),
  );
  field.input.focus();
}

function goingRow(amount, what) {
  return element("li", {}, element("strong", {}, number(amount)), " " + what);
}

// Shows what goes when somebody is forgotten, and forgets when that is confirmed. Resolves to true when it was done.
async function askForget(who, problem) {
  let going;
  const { store } = people;
  try {
    going = await peopleApi(peoplePath("/forget", { who }));
  } catch (error) {
    problem.show(error);
    return false;
  }
  return new Promise((resolve) => {
    let is_done = false;
    const note = problemLine();
    const list = element("ul", { class: "people-going" });
    const title = "Forget " + (going.name === null ? "this group" : shortName(going.name)) + "?";
    const cancel = element("button", { type: "button", onclick: () => dialog.close() }, "Keep");
    const forget = element("button", { type: "button", class: "people-danger", onclick: confirmed }, "Forget for good");
    const dialog = openDialog(
      title,
      element("p", {}, "This cannot be undone. What goes:"),
      list,
      element(
        "p",
        { class: "quiet" },
        "Photos stay as they are. What stays here is a note where the faces are, without name or embedding, so that " +
          "they are not embedded again. Backups and exports lie elsewhere: remove them yourself.",
      ),
      note,
      element("div", { class: "buttons" }, cancel, forget),
    );
    showGoing(list, going);
    cancel.focus();
    dialog.addEventListener("close", () => resolve(is_done));

    async function confirmed() {
      forget.disabled = true;
      note.clear();
      try {
        const gone = await postPeople("forget", { who, token: going.token }, store);
        is_done = true;
        people.done = []; // what was said of the person is gone, and so is the way back
        dropPictures();
        dialog.close();
        say(
          "Forgotten: " +
            count(gone.faces, "face") +
            ", " +
            count(gone.embeddings, "embedding") +
            ", " +
            count(gone.statements, "statement"),
        );
      } catch (error) {
        await forgetRefused(error);
      }
      forget.disabled = false;
    }

    async function forgetRefused(error) {
      note.show(error);
      if (error.status !== 409) return;
      try {
        going = await peopleApi(peoplePath("/forget", { who }));
        showGoing(list, going);
        cancel.focus();
      } catch (failure) {
        note.show(failure);
      }
    }
  });
}

function showGoing(list, going) {
  const name = element("li", {}, "the name ", element("strong", {}, element("bdi", {}, shortName(going.name ?? ""))));
  list.replaceChildren(
    ...(going.name === null ? [] : [name]),
    goingRow(going.statements, going.statements === 1 ? "statement" : "statements"),
    goingRow(
      going.faces,
      (going.faces === 1 ? "face" : "faces") +
        " in " +
        count(going.images, "photo") +
        ", as far as they are known here",
    ),
    goingRow(going.embeddings, going.embeddings === 1 ? "embedding" : "embeddings"),
  );
}
