// One photo with all that is known of it: where its faces are, how good they are or why not, and where it was
// computed.

let photoShown = null; // {item, record, picture, mark}

// A bar from 0 to 1, with a line where a value becomes too low.
function meter(value, low, floor) {
  const width = Math.max(0, Math.min(1, value)) * 100;
  return svg(
    "svg",
    { class: "meter", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "back", width: 100, height: 6, rx: 2 }),
    svg("rect", { class: low ? "value low" : "value", width, height: 6, rx: 2 }),
    floor === undefined
      ? null
      : svg("path", { class: "floor", d: `M${floor * 100} 0V6`, "vector-effect": "non-scaling-stroke" }),
  );
}

const measure = (title, value, low, floor) => [
  element("span", { class: "quiet" }, title),
  meter(value ?? 0, low, floor),
  element("span", { class: "n" }, value === null || value === undefined ? "-" : number(value, 2)),
];

// The number that speaks for the reason.
function evidenceOf(face) {
  const quality = face.quality;
  if (face.poor_reason === "too_small") return `${number(face.face_size[0])} x ${number(face.face_size[1])} pixels`;
  if (!quality) return "";
  if (face.poor_reason === "too_blurred")
    return `blur score ${number(quality.blur_score)}, sharpness ${number(quality.sharpness, 1)}`;
  if (face.poor_reason === "too_dark") return `brightness ${number(quality.brightness)} of 255`;
  return face.poor_reason === "low_contrast" ? `contrast ${number(quality.contrast, 1)}` : "";
}

function whyPoor(face) {
  const evidence = evidenceOf(face);
  return (
    `Poor: ${poorText(face.poor_reason)}` +
    (evidence ? ` (${evidence})` : "") +
    ". It cannot be told from other poor faces."
  );
}

function poseText(quality) {
  const pose = quality?.pose_angles;
  return pose ? `turned ${number(pose.yaw)}°, nods ${number(pose.pitch)}°, tilts ${number(pose.roll)}°` : "";
}

function numbersOf(face) {
  const quality = face.quality;
  const parts = [`score ${number(face.det_score, 2)}`];
  if (quality) {
    parts.push(
      `blur ${number(quality.blur_score)}`,
      `brightness ${number(quality.brightness)}`,
      `contrast ${number(quality.contrast)}`,
      `sharpness ${number(quality.sharpness)}`,
    );
  }
  if (poseText(quality)) parts.push(poseText(quality));
  if (face.rotation) parts.push(`found in the photo turned by ${face.rotation}°`);
  return parts.join(" · ");
}

function faceRow(face, at, picked) {
  const [x1, y1] = face.bbox;
  const place = element("span", { class: "no-face-canvas" });
  const button = element(
    "button",
    { type: "button", class: "face-row", "aria-pressed": "false", onclick: () => picked(at) },
    place,
    element(
      "span",
      {},
      element(
        "span",
        { class: "face-title" },
        element("strong", {}, `Face ${at + 1}`),
        element(
          "span",
          { class: "quiet" },
          `${number(face.face_size[0])} x ${number(face.face_size[1])} pixels at ${number(x1)}, ${number(y1)}`,
        ),
      ),
      element(
        "span",
        { class: "measures" },
        measure("Quality", face.quality?.overall_score ?? null, false),
        measure("Recognition", face.recognition_quality, Boolean(face.poor_reason), 0.5),
      ),
      face.poor_reason ? element("span", { class: "poor-text" }, whyPoor(face)) : null,
      element("span", { class: "quiet small" }, numbersOf(face)),
    ),
  );
  return { node: element("li", {}, button), button, place };
}

function placementTable(placement) {
  const rows = Object.entries(placement).map(([operation, where]) => [
    operation.replaceAll("_", " "),
    where.requested === "cpu" || where.ran === where.requested
      ? where.ran
      : `${where.ran} (${where.requested} asked)`,
    where.runtime,
    [where.device, where.reason ? element("div", { class: "poor-text" }, where.reason) : null],
  ]);
  return tableOf("Where it ran", [["operation"], ["ran on"], ["by"], ["device"]], rows);
}

function timesText(timings) {
  return (
    Object.entries(timings)
      .filter(([name, ms]) => name !== "total" && ms > 0)
      .map(([name, ms]) => `${name} ${number(ms, 1)}`)
      .join(" · ") + ` · total ${number(timings.total, 1)} ms`
  );
}

function recordDetails(record) {
  const details = element("details", {}, element("summary", {}, "The record, as mien scan writes it"));
  details.addEventListener("toggle", () => {
    if (!details.open || details.querySelector("pre")) return;
    const content = JSON.stringify(record, null, 1);
    details.append(
      element("pre", { tabindex: 0 }, content),
      copyButton(() => content, "Copy the record"),
    );
  });
  return details;
}

function factsOf(item, record) {
  const parts = [
    record.format?.toUpperCase(),
    `${number(record.width)} x ${number(record.height)} pixels`,
    bytes(item.file.size),
    record.taken ? `taken ${record.taken.replace("T", " ")}` : null,
  ];
  return parts.filter(Boolean).join(" · ");
}

function qualityText(quality) {
  return (
    `The whole photo: overall ${number(quality.overall_score, 2)}, blur ${number(quality.blur_score)}, brightness ` +
    `${number(quality.brightness)}, contrast ${number(quality.contrast)}, sharpness ${number(quality.sharpness)}.`
  );
}

function markFace(at) {
  if (!photoShown?.rows.length) return;
  photoShown.at = photoShown.at === at ? -1 : at;
  photoShown.picture.mark(photoShown.at);
  photoShown.rows.forEach((row, i) => row.button.setAttribute("aria-pressed", String(i === photoShown.at)));
  if (photoShown.at >= 0) photoShown.rows[photoShown.at].node.scrollIntoView({ block: "nearest" });
}

function markNextFace() {
  if (photoShown?.rows.length) markFace((photoShown.at + 1) % photoShown.rows.length);
}

function photoHead(item, record) {
  return element(
    "div",
    { class: "photo-head" },
    element("h2", {}, item.file.name),
    element("p", { class: "facts" }, factsOf(item, record)),
    record.warnings.map((warning) => element("p", { class: "notice" }, warning)),
  );
}

function facesPanel(rows) {
  if (rows.length === 0) {
    const hint = "No face was found. With the options above smaller ones (detail full) or turned ones may be.";
    return element("div", { class: "panel" }, element("p", {}, hint));
  }
  return element(
    "div",
    { class: "panel faces-panel" },
    element(
      "ol",
      { class: "faces", "aria-label": "Faces" },
      rows.map((row) => row.node),
    ),
  );
}

function workPanel(record) {
  return element(
    "div",
    { class: "panel work" },
    element("h2", {}, "Where it ran"),
    placementTable(record.placement),
    element("p", { class: "quiet small" }, timesText(record.timings_ms)),
    record.quality ? element("p", { class: "quiet small" }, qualityText(record.quality)) : null,
    recordDetails(record),
  );
}

async function showRecord(place, item, record) {
  const rows = record.faces.map((face, at) => faceRow(face, at, markFace));
  const alternative = `${item.file.name}, ${count(record.faces.length, "face")}`;
  const picture = makePicture(record.width, record.height, alternative, markFace);
  photoShown = { item, record, picture, rows, at: -1 };
  const left = element("div", { class: "one-left" }, picture.node, workPanel(record));
  place.replaceChildren(photoHead(item, record), element("div", { class: "one" }, left, facesPanel(rows)));
  picture.faces(record.faces);
  const image = await picture.show(item.file);
  if (!image) return;
  rows.forEach((row, at) => row.place.replaceWith(faceCanvas(image, record.faces[at], 104)));
}

// Shows `item` in `place`, or nothing. What is shown already stays as it is.
function drawPhoto(place, item) {
  if (item?.record && photoShown?.item === item && photoShown.record === item.record) return;
  photoShown?.picture?.end();
  photoShown = null;
  if (!item) {
    place.replaceChildren();
  } else if (item.record) {
    showRecord(place, item, item.record);
  } else if (item.state === "failed") {
    place.replaceChildren(
      element(
        "div",
        { class: "panel" },
        element("h2", {}, item.file.name),
        element("p", { class: "bad" }, item.error),
        refusalOf(item.file)
          ? null
          : element("button", { type: "button", onclick: () => sendAgain(item) }, "Try again"),
      ),
    );
  } else {
    place.replaceChildren(
      element(
        "div",
        { class: "panel" },
        element("h2", {}, item.file.name),
        element(
          "p",
          { class: "quiet" },
          item.note || (item.state === "waiting" ? "waits for those before it" : "on its way"),
        ),
      ),
    );
  }
}
