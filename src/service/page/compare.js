// Two photos: whether their largest faces are one person's, by which threshold, or why nobody can tell.

const pair = { a: null, b: null, nodes: null, stop: null, options: { anyway: false, threshold: "" } };

const verdicts = {
  same: ["The same person", "good"],
  different: ["Different people", "bad"],
  not_comparable: ["Not comparable", "poor-text"],
  cannot_tell: ["Cannot tell", "poor-text"],
};

function sideText(side) {
  const quality = side.recognition_quality;
  const parts = [side.faces === 1 ? "1 face" : `${number(side.faces)} faces, the largest is compared`];
  if (quality !== null) parts.push(`recognition quality ${number(quality, 2)}`);
  if (side.poor_reason) parts.push(`poor: ${poorText(side.poor_reason)}`);
  return parts.join(", ");
}

function whyVerdict(result) {
  const poor = ["a", "b"]
    .filter((name) => result[name].poor_reason)
    .map((name) => `${name.toUpperCase()} is ${poorText(result[name].poor_reason)}`);
  const reached = result.similarity >= result.threshold ? "reaches" : "does not reach";
  switch (result.verdict) {
    case "not_comparable":
      return (
        `Both faces are poor (${poor.join(", ")}). Poor faces look alike whoever they show, so that their ` +
        "similarity says nothing."
      );
    case "cannot_tell":
      return (
        `One face is poor (${poor.join("")}). The similarity ${reached} the threshold, which may be because of ` +
        "the photo and not because of the person."
      );
    default:
      return (
        `The similarity ${reached} the threshold.` +
        (poor.length > 0 && result.compare_anyway
          ? ` Compared anyway, though ${poor.join(" and ")}: that says little.`
          : "")
      );
  }
}

function rateText(result) {
  if (result.false_match_rate === null)
    return "The threshold is yours; how often strangers reach it was not measured.";
  const among = Number((1 / result.false_match_rate).toPrecision(2));
  return `Of pairs of strangers about one in ${number(among)} reaches it (rate ${result.false_match_rate}).`;
}

// A line from -0.2 to 1 with the threshold and where this pair lies. Places are shares of its width, so that words keep
// their size on a phone.
function similarityScale(similarity, threshold) {
  const [from, to] = [-0.2, 1];
  const x = (value) => `${3 + ((Math.max(from, Math.min(to, value)) - from) / (to - from)) * 94}%`;
  const label =
    `Similarity ${number(similarity, 3)} on a line from ${from} to ${to}, with the threshold at ` +
    number(threshold, 3);
  const words = (value, y, content, kind) =>
    svg("text", { class: kind, x: x(value), y, "text-anchor": "middle" }, content);
  return svg(
    "svg",
    { class: "scale", role: "img", "aria-label": label },
    svg("line", { class: "line", x1: x(from), x2: x(to), y1: 30, y2: 30 }),
    svg("line", { class: "over", x1: x(threshold), x2: x(to), y1: 30, y2: 30 }),
    svg("line", { class: "threshold", x1: x(threshold), x2: x(threshold), y1: 16, y2: 44 }),
    svg("circle", { class: "value", cx: x(similarity), cy: 30, r: 8 }),
    words(similarity, 13, number(similarity, 3), "strong"),
    words(threshold, 58, `threshold ${number(threshold, 3)}`),
    words(from, 58, from),
    words(to, 58, to),
  );
}

function showVerdict(result) {
  const [title, kind] = verdicts[result.verdict] ?? [result.verdict, ""];
  pair.nodes.result.replaceChildren(
    element(
      "div",
      { class: "panel verdict" },
      element("h2", { class: kind }, title),
      element("p", {}, whyVerdict(result)),
      similarityScale(result.similarity, result.threshold),
      element(
        "dl",
        {},
        element("dt", {}, "Similarity"),
        element("dd", {}, number(result.similarity, 4)),
        element("dt", {}, "Threshold"),
        element("dd", {}, `${number(result.threshold, 4)} of ${result.model}. ${rateText(result)}`),
        ["a", "b"].map((name) => [
          element("dt", {}, name.toUpperCase()),
          element(
            "dd",
            {},
            sideText(result[name]),
            result[name].warnings.map((warning) => element("div", { class: "poor-text" }, warning)),
          ),
        ]),
      ),
    ),
  );
}

function showPairNote(text, isError) {
  pair.nodes.result.replaceChildren(
    ...(text
      ? [
          element(
            "div",
            { class: isError ? "panel verdict" : "verdict" },
            element("p", { class: isError ? "bad" : "quiet" }, text),
            isError ? element("button", { type: "button", onclick: compare }, "Try again") : null,
          ),
        ]
      : []),
  );
}

// An error names the photo: it stands at that photo too.
function showPairError(message) {
  const side = /^([ab]): (.*)$/s.exec(message);
  if (side) pair.nodes[side[1]].problem.textContent = side[2];
  showPairNote(side ? `Photo ${side[1].toUpperCase()}: ${side[2]}` : message, true);
}

async function compare() {
  pair.stop?.abort();
  if (!pair.a || !pair.b) return;
  const stop = (pair.stop = new AbortController());
  const query = new URLSearchParams();
  if (pair.options.anyway) query.set("compare_anyway", "true");
  if (pair.options.threshold !== "") query.set("threshold", pair.options.threshold);
  const make = () => {
    const form = new FormData();
    form.append("a", pair.a, "a");
    form.append("b", pair.b, "b");
    return { form };
  };
  showPairNote("Compares ...", false);
  try {
    const note = (text) => {
      if (text) showPairNote(text, false);
    };
    const result = await sendPatiently(`/v1/compare?${query}`, [pair.a, pair.b], make, note, stop.signal);
    if (stop.signal.aborted) return;
    showVerdict(result);
    for (const name of ["a", "b"]) drawSide(name, result[name]);
  } catch (failure) {
    if (failure.name !== "AbortError" && !stop.signal.aborted) showPairError(failure.message);
  }
}

// The photo with the face that is compared, or only its boxes where this browser cannot show it.
async function drawSide(name, side) {
  const nodes = pair.nodes[name];
  nodes.picture?.end();
  nodes.picture = makePicture(side.width, side.height, `Photo ${name.toUpperCase()}: ${pair[name].name}`);
  nodes.place.replaceChildren(nodes.picture.node);
  nodes.picture.faces([side]);
  await nodes.picture.show(pair[name]);
}

function previewSide(name) {
  const nodes = pair.nodes[name];
  const url = URL.createObjectURL(pair[name]);
  const image = element("img", { src: url, alt: `Photo ${name.toUpperCase()}: ${pair[name].name}` });
  nodes.picture?.end();
  nodes.picture = { end: () => release(url) };
  image.onerror = () =>
    nodes.place.replaceChildren(
      element("p", { class: "quiet" }, "This browser cannot show a picture of this format."),
    );
  nodes.place.replaceChildren(element("div", { class: "picture" }, image));
}

function setSide(name, file) {
  const nodes = pair.nodes[name];
  const problem = refusalOf(file);
  nodes.problem.textContent = problem ? `${file.name}: ${problem}.` : "";
  if (problem) return;
  pair[name] = file;
  nodes.name.textContent = file.name;
  previewSide(name);
  if (pair.a && pair.b) compare();
}

// Two files are the two photos; one goes where it was dropped, else to the free side.
function takePair(files, event) {
  const dropped = ["a", "b"].find(
    (name) => event?.target instanceof Node && pair.nodes[name].drop.contains(event.target),
  );
  if (files.length > 2) say("Two photos are compared: the first two were taken.", { error: true });
  if (files.length > 1) {
    setSide("a", files[0]);
    setSide("b", files[1]);
  } else {
    setSide(dropped ?? (pair.a ? "b" : "a"), files[0]);
  }
}

function buildSide(name) {
  const nodes = {
    place: element("div", { class: "pair-place" }),
    name: element("p", { class: "quiet" }),
    problem: element("p", { class: "bad", role: "alert" }),
  };
  nodes.drop = element(
    "div",
    { class: "drop" },
    element("h2", {}, `Photo ${name.toUpperCase()}`),
    nodes.place,
    nodes.name,
    nodes.problem,
    fileButton(`Choose photo ${name.toUpperCase()}`, (files) => setSide(name, files[0]), {
      multiple: false,
      accept: photoKinds,
      main: false,
    }),
  );
  pair.nodes[name] = nodes;
  return nodes.drop;
}

function buildCompare(section) {
  pair.nodes = { result: element("div", { role: "status" }) };
  const anyway = element("input", {
    type: "checkbox",
    onchange: () => {
      pair.options.anyway = anyway.checked;
      compare();
    },
  });
  const threshold = element("input", {
    type: "number",
    min: -1,
    max: 1,
    step: "any",
    id: "pair-threshold",
    onchange: () => {
      pair.options.threshold = threshold.value;
      compare();
    },
  });
  section.append(
    element("div", { class: "pair" }, buildSide("a"), buildSide("b")),
    pair.nodes.result,
    element(
      "details",
      {},
      element("summary", {}, "Options"),
      element(
        "div",
        { class: "options" },
        element("label", {}, "Threshold ", threshold),
        element("label", {}, anyway, " compare poor faces anyway"),
      ),
    ),
  );
}

view("compare", "Compare", (section) => {
  if (!pair.nodes) buildCompare(section);
  takeFiles(takePair);
  key("x", "exchange the two photos", () => {
    if (!pair.a || !pair.b) return;
    const [a, b] = [pair.b, pair.a];
    pair.a = pair.b = null;
    setSide("a", a);
    setSide("b", b);
  });
});
