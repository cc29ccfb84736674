// The questions of the store, one after another: the two faces side by side, one key for each answer.

const QUESTIONS_AT_ONCE = 50;
const QUESTIONS_MOST = 500; // that the service gives
const EVIDENCE_FACES = 6;

function questionKey(question) {
  return [question.kind, question.face.id, question.other_face.id].join("/");
}

function questionText(question) {
  if (question.kind === "member") return `Is this ${nameOf(question.person)}?`;
  const names = [question.person, question.other]
    .filter((entry) => entry.name !== null)
    .map((entry) => shortName(entry.name));
  if (names.length === 1) return `Is this ${names[0]}, too?`;
  return names.length === 2 ? `Are ${names[0]} and ${names[1]} one person?` : "Are these one person?";
}

// One side: the face that is most like one of the other side, where it is from, and others of the same person.
function evidence(entry, face, is_alone) {
  const strip = element("div", { class: "people-strip" });
  const who = is_alone ? "This face" : entry.name === null ? "No name yet" : nameOf(entry);
  const side = element(
    "figure",
    { class: "people-side" },
    element(
      "a",
      { class: "people-side-face", href: "#people/photo/" + face.image, "aria-label": "The photo of this face" },
      thumbnail(face.id, 320),
    ),
    element(
      "figcaption",
      {},
      element("strong", {}, element("bdi", {}, who)),
      is_alone
        ? null
        : element(
            "a",
            { class: "quiet", href: personHash(whoOf(entry)) },
            `${count(entry.faces, "face")} in ${count(entry.images, "photo")}`,
          ),
      element(
        "span",
        { class: "quiet" },
        element("bdi", {}, face.file === null ? "the photo is gone" : shortName(face.file)),
      ),
      element("span", { class: "quiet" }, timeOf(face.taken)),
    ),
    strip,
  );
  if (!is_alone && entry.faces > 1) fillStrip(strip, entry, face);
  return side;
}

async function fillStrip(strip, entry, face) {
  try {
    const { faces } = await peopleApi(peoplePath("/person", { who: whoOf(entry), limit: EVIDENCE_FACES + 1 }));
    const others = faces.filter((one) => one.id !== face.id).slice(0, EVIDENCE_FACES);
    strip.append(...others.map((one) => thumbnail(one.id, 72)));
  } catch {
    // The question can be answered without.
  }
}

class Questions {
  constructor(body) {
    this.queue = [];
    this.later = new Set();
    this.sent = new Set(); // answered, and not yet read again
    this.answered = 0;
    this.newest = newestOnly();
    this.progress = element("p", { class: "quiet people-note" }, "\u00a0");
    this.title = element("h2", { class: "people-title", tabindex: "-1", "aria-live": "polite" }, "Questions");
    this.numbers = element("p", { class: "quiet people-note" }, "\u00a0");
    this.sides = element("div", { class: "people-sides" });
    this.problem = problemLine();
    this.fault = problemLine(); // of reading
    this.buttons = element(
      "div",
      { class: "people-answers" },
      actionButton("Yes", "y", () => this.answer(true), "main-button"),
      actionButton("No", "n", () => this.answer(false), "main-button"),
      actionButton("Later", "l", () => this.putOff()),
      actionButton("Undo", "z", undoPeople),
    );
    this.end = element("div", { class: "people-empty", hidden: true });
    const { title, progress, fault, problem, buttons, sides, numbers, end } = this;
    body.append(title, progress, fault, problem, buttons, sides, numbers, end);
    this.refresh().then(() => takeFocus(this.title));
    key("y", "yes", () => this.answer(true));
    key("n", "no", () => this.answer(false));
    key("l", "later", () => this.putOff());
    key("z", "undo the last answer", undoPeople);
  }

  get current() {
    return this.queue[0];
  }

  // The question that is shown stays as long as it is one; those that other answers settled are gone.
  async refresh() {
    let answer;
    try {
      const wanted = Math.min(QUESTIONS_AT_ONCE + this.later.size, QUESTIONS_MOST);
      answer = await this.newest(peopleApi(peoplePath("/questions", { count: wanted })));
    } catch (error) {
      this.fault.show(error, [["Try again", () => this.refresh()]]);
      return;
    }
    if (answer === null) return;
    this.fault.clear();
    const first = this.first || (this.current && questionKey(this.current));
    this.first = null;
    this.queue = answer.questions.filter((one) => {
      const its = questionKey(one);
      return !this.later.has(its) && !this.sent.has(its);
    });
    const at = this.queue.findIndex((one) => questionKey(one) === first);
    if (at > 0) this.queue.unshift(...this.queue.splice(at, 1));
    this.show();
    retryPictures();
  }

  show() {
    const question = this.current;
    this.end.hidden = question !== undefined;
    for (const part of [this.sides, this.numbers, this.buttons]) part.hidden = question === undefined;
    const rest = this.queue.length >= QUESTIONS_AT_ONCE ? `${QUESTIONS_AT_ONCE} or more` : number(this.queue.length);
    this.progress.textContent = [
      `${number(this.answered)} answered`,
      `${rest} left`,
      this.later.size > 0 && `${number(this.later.size)} put off`,
    ]
      .filter(Boolean)
      .join(", ");
    if (question === undefined) this.showEnd();
    else this.showQuestion(question);
  }

  showQuestion(question) {
    const text = JSON.stringify(question);
    if (this.text === text) return;
    this.text = text;
    this.title.textContent = questionText(question);
    this.numbers.textContent =
      `Similarity of these two faces ${question.face_similarity.toFixed(2)}, ` +
      `of all pairs ${question.similarity.toFixed(2)} in the mean. ` +
      (question.kind === "member" ? "The face was named with its group, and is not like the others." : "");
    this.sides.replaceChildren(
      evidence(question.person, question.face, false),
      evidence(question.other, question.other_face, question.kind === "member"),
    );
  }

  showEnd() {
    const text = "nothing but " + this.later.size;
    if (this.text === text) return;
    this.text = text;
    const had = this.buttons.contains(document.activeElement);
    const is_full = this.later.size >= QUESTIONS_MOST;
    const none = this.later.size > 0 ? "Nothing else to ask" : "Nothing to ask";
    this.title.textContent = is_full ? "So many are put off that no others are asked" : none;
    const again = element(
      "button",
      {
        type: "button",
        class: "main-button",
        onclick: () => {
          this.later.clear();
          this.refresh();
        },
      },
      `Ask those put off again (${number(this.later.size)})`,
    );
    this.end.replaceChildren(
      element("p", {}, "New questions come when photos are indexed or people are named."),
      element(
        "div",
        { class: "buttons" },
        this.later.size > 0 ? again : "",
        element("a", { class: "button", href: "#people" }, "Everybody"),
        element("a", { class: "button", href: "#people/history" }, "What was said"),
      ),
    );
    if (had) this.title.focus();
  }

  next() {
    this.queue.shift();
    this.show();
  }

  putOff() {
    if (!this.current) return;
    this.later.add(questionKey(this.current));
    this.problem.clear();
    this.next();
    if (this.queue.length === 0) this.refresh();
  }

  async answer(yes) {
    const question = this.current;
    if (question === undefined) return;
    const its = questionKey(question);
    const body = {
      kind: question.kind,
      face: question.face.id,
      other_face: question.other_face.id,
      person: question.person.id,
      other: question.other.id,
      yes,
    };
    const undone = () => {
      this.answered -= 1;
      this.first = its;
    };
    // The next one is there at once; answers are sent one after another.
    this.answered += 1;
    this.sent.add(its);
    this.next();
    const done = await changePeople("answer", [body], () => `${yes ? "Yes" : "No"}: ${questionText(question)}`, {
      problem: this.problem,
      undone,
      waits: true,
    });
    this.sent.delete(its);
    if (done) return;
    this.answered -= 1;
    this.first = its; // whether it is a question still is what the store says now
    await this.refresh();
  }
}
