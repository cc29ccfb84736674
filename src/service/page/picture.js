// A photo with its faces drawn over it. The SVG's units are the pixels of the upright image, so that a box stands there
// with the very numbers of the record.

const poorTexts = {
  too_small: "too small",
  too_blurred: "too blurred",
  too_dark: "too dark",
  low_contrast: "low contrast",
};
const poorText = (code) => poorTexts[code] ?? code;

const EMPTY_SIDE_MOST = 1000; // pixels of a canvas that stands for a picture: its shape counts, not its size

function emptyPicture(width, height) {
  const scale = Math.min(1, EMPTY_SIDE_MOST / Math.max(width, height));
  const canvas = element("canvas", { class: "empty-picture" });
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  return canvas;
}

// `units`: pixels of the photo for one of the screen.
function boxOf(face, number, units) {
  const [x1, y1, x2, y2] = face.bbox;
  const place = { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
  // In a group of many both are small, or they would hide the faces.
  const size = Math.max(9 * units, Math.min(14 * units, place.width * 0.6));
  const radius = Math.min(2.2 * units, place.width * 0.035);
  const isAbove = y1 > size * 1.3;
  const label = svg(
    "text",
    { x: x1 + (isAbove ? 0 : size * 0.3), y: isAbove ? y1 - size * 0.3 : y1 + size, "font-size": size },
    number + 1,
  );
  const points = (face.landmarks ?? []).map(([x, y]) => svg("circle", { cx: x, cy: y, r: radius }));
  return svg(
    "g",
    { class: face.poor_reason ? "face poor" : "face", "data-face": number },
    svg("rect", { class: "under", ...place }),
    svg("rect", { class: "box", ...place }),
    points,
    label,
  );
}

// {node, show(file), faces(list), mark(number)}; `picked(number)` runs when a box is clicked.
function makePicture(width, height, alternative, picked) {
  const overlay = svg("svg", {
    class: "boxes",
    viewBox: `0 0 ${width} ${height}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  const node = element("div", { class: "picture" }, emptyPicture(width, height), overlay);
  const why = element("p", { class: "quiet picture-note", hidden: true });
  const frame = element("div", { class: "picture-frame" }, node, why);
  let list = [];
  let marked = -1;
  let url = "";

  const draw = () => {
    // Text and points keep their size on the screen, whatever the photo's.
    const units = width / (node.clientWidth || width);
    overlay.replaceChildren(...list.map((face, i) => boxOf(face, i, units)));
    mark(marked);
  };
  const mark = (number) => {
    marked = number;
    for (const group of overlay.children) group.classList.toggle("marked", Number(group.dataset.face) === number);
  };
  overlay.addEventListener("click", (event) => {
    const group = event.target.closest("[data-face]");
    if (group && picked) picked(Number(group.dataset.face));
  });
  const observer = new ResizeObserver(draw);
  observer.observe(node);

  const fail = (text) => {
    why.textContent = text;
    why.hidden = false;
    node.firstChild.replaceWith(emptyPicture(width, height));
    return null;
  };
  // Resolves to the image element, or null where this browser cannot show the file as the record describes it.
  const show = async (file) => {
    const image = element("img", { alt: alternative });
    url = URL.createObjectURL(file);
    image.src = url;
    try {
      await image.decode();
    } catch {
      return fail("This browser cannot show a picture of this format. The boxes lie on an empty one of its size.");
    }
    if (image.naturalWidth !== width || image.naturalHeight !== height) {
      return fail(
        `This browser shows the picture as ${image.naturalWidth} x ${image.naturalHeight} pixels, and ` +
          `upright it has ${width} x ${height}. The boxes lie on an empty one of that size.`,
      );
    }
    node.firstChild.replaceWith(image);
    draw();
    return image;
  };
  const end = () => {
    observer.disconnect();
    if (url) release(url);
  };
  return {
    node: frame,
    show,
    mark,
    end,
    faces: (faces) => {
      list = faces;
      draw();
    },
  };
}

// A face cut out of a picture that is shown, as a canvas of `side` pixels.
function faceCanvas(image, face, side) {
  const canvas = element("canvas", { width: side, height: side, class: "face-canvas", "aria-hidden": "true" });
  const [x1, y1, x2, y2] = face.bbox;
  const size = Math.max(x2 - x1, y2 - y1) * 1.3;
  canvas.getContext("2d").drawImage(image, (x1 + x2 - size) / 2, (y1 + y2 - size) / 2, size, size, 0, 0, side, side);
  return canvas;
}
