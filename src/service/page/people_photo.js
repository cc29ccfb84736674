// A photo with its faces, each named by typing.

const PHOTO_PIXELS = 1280;
const NAMES_ON_PHOTO_MAX = 6; // of more faces, only the name of the one that is meant

function photoBox(face, image) {
  const [x1, y1, x2, y2] = face.bbox;
  const label = element("span", { class: "people-box-name" });
  const box = element("span", { class: "people-box", "aria-hidden": "true" }, label);
  box.style.left = (100 * x1) / image.width + "%";
  box.style.top = (100 * y1) / image.height + "%";
  box.style.width = (100 * (x2 - x1)) / image.width + "%";
  box.style.height = (100 * (y2 - y1)) / image.height + "%";
  box.update = (one) => {
    label.replaceChildren(
      String(one.number + 1),
      one.name === null ? "" : element("bdi", {}, " " + shortName(one.name)),
    );
    box.classList.toggle("people-named", one.name !== null);
  };
  return box;
}

// A face of the photo in the list beside it.
class PhotoFace {
  constructor(face, image, problem) {
    this.problem = problem;
    this.field = new NameField({
      label: `Face ${face.number + 1}: name`,
      button: "Name",
      take: (name) => this.name(name),
    });
    this.note = element("p", { class: "quiet people-note" });
    const button = (label, act) => element("button", { type: "button", onclick: act }, label);
    this.only = button("Only this face", () => this.field.input.value.trim() && this.is(this.field.input.value));
    this.not = button("Not", () => this.isNot());
    this.none = button("Not a face", () =>
      changePeople("not_a_face", [{ faces: [this.face.id] }], () => `Face ${this.face.number + 1} is none`, {
        problem,
      }),
    );
    this.person = element("a", { class: "button" }, "");
    this.box = photoBox(face, image);
    this.box.onclick = () => this.field.input.focus();
    this.root = element(
      "li",
      { class: "people-photo-face" },
      thumbnail(face.id, 96),
      element(
        "div",
        {},
        this.field.root,
        this.note,
        element("div", { class: "buttons" }, this.only, this.not, this.none, this.person),
      ),
    );
    const mark = (is_on) => this.box.classList.toggle("people-on", is_on);
    this.root.addEventListener("focusin", () => mark(true));
    this.root.addEventListener("focusout", () => mark(false));
    this.root.addEventListener("pointerenter", () => mark(true));
    this.root.addEventListener("pointerleave", () => mark(this.root.contains(document.activeElement)));
  }

  update(face) {
    this.face = face;
    this.field.set(face.name);
    if (!this.field.is_used) this.seen = face.name; // another name is what the store has then, not what was seen
    const states = [face.poor_reason && "too poor to be told from others", face.name !== null && faceStateText(face)];
    this.note.textContent =
      states.filter(Boolean).join("; ") ||
      (face.group === null ? "alone: like no other face" : "in a group without a name");
    this.box.update(face);
    this.only.hidden = face.name !== null || face.group === null;
    this.not.hidden = face.name === null;
    this.not.textContent = face.name === null ? "" : "Not " + shortName(face.name);
    this.person.hidden = face.group === null && face.person === null;
    this.person.textContent = face.name === null ? "The group" : "All of " + shortName(face.name);
    this.person.setAttribute("href", personHash(face.group ?? face.id));
  }

  // The whole group gets a name that has none; a face of somebody is this person, the others stay.
  name(name) {
    if (this.face.person !== null || this.face.group === null) return this.is(name);
    return changePeople(
      "name",
      [{ who: String(this.face.group), name, seen: this.seen ?? null }],
      (made) => `${shortName(made.name ?? name)}: ${count(made.faces, "face")} named` + leftOut(made),
      { problem: this.problem },
    ).then(() => {
      this.seen = this.face.name; // where it was another one, that was said
    });
  }

  isNot() {
    const { id, name, number: place } = this.face;
    const describe = () => `Face ${place + 1} is not ${shortName(name)}`;
    return changePeople("not", [{ face: id, name }], describe, { problem: this.problem });
  }

  is(name) {
    return changePeople(
      "is",
      [{ face: this.face.id, name }],
      (made) => `Face ${this.face.number + 1} is ${shortName(made.name ?? name)}`,
      { problem: this.problem },
    );
  }
}

class PeoplePhoto {
  constructor(body, image) {
    this.image = image;
    this.faces = new Map(); // by id
    this.newest = newestOnly();
    this.problem = problemLine();
    this.fault = problemLine(); // of reading
    this.title = element("h2", { class: "people-title", tabindex: "-1" }, "Photo");
    this.note = element("p", { class: "quiet people-note" }, "\u00a0");
    this.frame = element("div", { class: "people-photo-frame" });
    this.list = element("ol", { class: "people-photo-faces", "aria-label": "Faces" });
    const back = element("a", { href: "#people", onclick: goBack }, "\u2190 Back");
    const page = actionButton("An album page", "", () => this.isPage());
    body.append(
      element("div", { class: "people-back" }, back),
      this.title,
      this.note,
      this.fault,
      this.problem,
      element("div", { class: "people-photo" }, this.frame, element("div", {}, this.list, page)),
    );
    this.url = null;
    this.loading = null; // the promise of the picture, while none is shown
    this.refresh();
  }

  leave() {
    this.is_left = true;
    if (this.url) release(this.url);
  }

  isPage() {
    const said = () => "An album page: one person may be on it twice";
    changePeople("page", [{ image: Number(this.image) }], said, { problem: this.problem });
  }

  async refresh() {
    let answer;
    try {
      answer = await this.newest(peopleApi(peoplePath("/photo", { image: this.image })));
    } catch (error) {
      this.fault.show(error, [["Try again", () => this.refresh()]]);
      return;
    }
    if (answer === null) return;
    this.fault.clear();
    this.showFacts(answer.image, answer.faces.length);
    this.showFaces(answer.image, answer.faces);
    if (this.url === null) {
      this.loading ??= this.showPicture(answer.image);
      await this.loading;
    }
    retryPictures();
    takeFocus(this.title);
  }

  showFacts(image, faces) {
    const name = image.file === null ? "A photo that is gone" : visibleText(image.file);
    this.title.replaceChildren(element("bdi", {}, name));
    const size = `${number(image.width)} x ${number(image.height)} pixels`;
    this.note.textContent = [timeOf(image.taken), size, count(faces, "face")].join(", ");
  }

  // What is typed and what has the focus stays where the face is there still.
  showFaces(image, there) {
    this.frame.classList.toggle("people-crowd", there.length > NAMES_ON_PHOTO_MAX);
    for (const face of there) {
      if (!this.faces.has(face.id)) {
        const made = new PhotoFace(face, image, this.problem);
        this.faces.set(face.id, made);
        this.list.append(made.root);
        this.frame.append(made.box);
      }
      this.faces.get(face.id).update(face);
    }
    const ids = new Set(there.map((face) => face.id));
    for (const [id, one] of this.faces) {
      if (ids.has(id)) continue;
      if (one.root.contains(document.activeElement)) this.title.focus({ preventScroll: true });
      one.root.remove();
      one.box.remove();
      this.faces.delete(id);
    }
  }

  async showPicture(image) {
    this.frame.style.aspectRatio = `${image.width} / ${image.height}`;
    let shown;
    try {
      const url = await blob(peoplePath("/picture", { image: this.image, size: PHOTO_PIXELS }));
      if (this.is_left) {
        release(url);
        return;
      }
      this.url = url;
      shown = element("img", { src: url, alt: "" });
    } catch (error) {
      shown = element("p", { class: "people-no-picture" }, whyNoPicture(error));
    } finally {
      this.loading = null; // what could not be shown is asked for again
    }
    this.frame.querySelector(".people-no-picture")?.remove();
    this.frame.prepend(shown);
  }
}

function goBack(event) {
  if (history.length < 2) return;
  event.preventDefault();
  history.back();
}
