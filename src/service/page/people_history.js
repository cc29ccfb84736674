// What was said, the newest first: each can be taken back, whoever said it.

const HISTORY_PAGE = 100;

const SAID = {
  name: "named",
  rename: "renamed",
  is: "a face is",
  not_person: "not this person",
  merge: "merged",
  split: "split off",
  hide: "hidden",
  stranger: "stranger",
  not_a_face: "not a face",
  page: "an album page",
  import: "imported",
  forget: "forgotten",
};

function operationText(operation) {
  const who = operation.name !== null ? operation.name : operation.text;
  const text = operation.text && operation.text !== who ? `${who} (${operation.text})` : who;
  return [SAID[operation.kind] || operation.kind, visibleText(text || "")].filter(Boolean).join(": ");
}

function historyRow(problem) {
  const text = element("span", { class: "people-said" });
  const time = element("span", { class: "quiet" });
  const undo = element("button", { type: "button" }, "Undo");
  const state = element("span", { class: "quiet" });
  const row = element("li", {}, element("span", {}, text, time), undo, state);
  row.update = (operation) => {
    text.replaceChildren(element("bdi", { title: operationText(operation) }, shortName(operationText(operation))));
    time.textContent = `number ${operation.id}, ${operation.time.slice(0, 16).replace("T", " ")} UTC`;
    row.classList.toggle("people-undone", operation.is_undone);
    undo.hidden = operation.is_undone || operation.kind === "forget";
    state.textContent = operation.is_undone ? "undone" : operation.kind === "forget" ? "for good" : "";
    undo.setAttribute("aria-label", `Undo number ${operation.id}: ${shortName(operationText(operation))}`);
    undo.onclick = () => undoOperation(operation, problem);
  };
  return row;
}

async function undoOperation(operation, problem) {
  if (people.changing) return;
  problem.clear();
  const { store } = people;
  await inTurn(async () => {
    try {
      await postPeople("undo", { operation: operation.id }, store);
      for (const one of people.done) one.operations = one.operations.filter((id) => id !== operation.id);
      people.done = people.done.filter((one) => one.operations.length > 0);
      say("Undone: " + shortName(operationText(operation)), people.done.length ? { undo: undoPeople } : {});
    } catch (error) {
      sayFailure(error, problem);
    }
  });
  await refreshPeople();
}

async function readHistory(page) {
  const wanted = { limit: HISTORY_PAGE };
  if (page > 0) wanted.offset = page * HISTORY_PAGE;
  return (await peopleApi(peoplePath("/history", wanted))).operations;
}

function showHistory(body) {
  let pages = 1;
  const newest = newestOnly();
  const rows = new Map();
  const problem = problemLine();
  const fault = problemLine(); // of reading
  const title = element("h2", { class: "people-title", tabindex: "-1" }, "What was said");
  const note = element("p", { class: "quiet people-note" }, "The newest first. What is undone holds no more.");
  const list = element("ol", { class: "people-history" });
  const more = element(
    "button",
    {
      type: "button",
      hidden: true,
      onclick: () => {
        pages += 1;
        refresh();
      },
    },
    "Older ones",
  );
  body.append(title, note, fault, problem, list, element("div", { class: "buttons" }, more));

  async function refresh() {
    let answers;
    try {
      answers = await newest(Promise.all(Array.from({ length: pages }, (_, page) => readHistory(page))));
    } catch (error) {
      fault.show(error, [["Try again", refresh]]);
      return;
    }
    if (answers === null) return;
    fault.clear();
    // What is said meanwhile moves the last of a page to the next one.
    const operations = [...new Map(answers.flat().map((operation) => [operation.id, operation])).values()];
    const wanted = operations.map((operation) => {
      const row = rows.get(operation.id) || historyRow(problem);
      rows.set(operation.id, row);
      row.update(operation);
      return row;
    });
    const focused = document.activeElement;
    if (wanted.length !== list.children.length || wanted.some((row, index) => list.children[index] !== row)) {
      list.replaceChildren(...wanted);
    }
    if (list.contains(focused) && document.activeElement !== focused) focused.focus();
    takeFocus(title);
    note.textContent =
      operations.length > 0 ? "The newest first. What is undone holds no more." : "Nothing was said yet.";
    more.hidden = answers[answers.length - 1].length < HISTORY_PAGE;
  }
  refresh();
  return { refresh };
}
