// Small charts of SVG. A chart's words are in its label, so that it needs no eyes.

const CHART_SAMPLES = 120;

// A line that moves: {node, push(value)}. `format(value)` writes a value.
function liveChart(title, format, most = 0) {
  const [width, height] = [240, 48];
  const values = [];
  const now = element("span", { class: "live-value" }, "-");
  const area = svg("path", { class: "live-area" });
  const line = svg("path", { class: "live-line", "vector-effect": "non-scaling-stroke" });
  const picture = svg(
    "svg",
    {
      class: "live-chart",
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": title,
    },
    area,
    line,
  );
  const top = element("span", { class: "quiet small" });
  const push = (value) => {
    values.push(value);
    if (values.length > CHART_SAMPLES) values.shift();
    const highest = Math.max(most, ...values, 1e-9);
    const points = values.map((one, i) => {
      const x = width - ((values.length - 1 - i) * width) / (CHART_SAMPLES - 1);
      return `${x.toFixed(1)} ${(height - 2 - (one / highest) * (height - 6)).toFixed(1)}`;
    });
    const first = (width - ((values.length - 1) * width) / (CHART_SAMPLES - 1)).toFixed(1);
    line.setAttribute("d", "M" + points.join("L"));
    area.setAttribute("d", `M${first} ${height}L${points.join("L")}L${width} ${height}Z`);
    now.textContent = format(value);
    top.textContent = `max ${format(Math.max(...values))}`;
    picture.setAttribute(
      "aria-label",
      `${title}: ${format(value)} now, at most ${format(Math.max(...values))} in the ` +
        `last ${number(values.length)} readings`,
    );
  };
  return {
    push,
    node: element(
      "div",
      { class: "panel live" },
      element("h2", {}, title),
      element("p", { class: "live-numbers" }, now, top),
      picture,
    ),
  };
}

// A word of a legend, behind a square in the colour of its class.
function swatch(kind, title) {
  return element(
    "span",
    {},
    svg(
      "svg",
      { class: "swatch", viewBox: "0 0 10 10", "aria-hidden": "true" },
      svg("rect", { class: kind, width: 10, height: 10, rx: 2 }),
    ),
    title,
  );
}

// Parts of a whole beside each other: [[title, value, class]], and the words below.
function stackedBar(parts, whole, format, label) {
  let x = 0;
  const shares = parts
    .filter(([, value]) => value > 0)
    .map(([title, value, kind]) => {
      const width = whole > 0 ? (value / whole) * 100 : 0;
      const rect = svg(
        "rect",
        { class: kind, x: `${x}%`, width: `${Math.min(width, 100 - x)}%`, height: "100%" },
        svg("title", {}, `${title}: ${format(value)}`),
      );
      x = Math.min(100, x + width);
      return rect;
    });
  return element(
    "div",
    {},
    svg(
      "svg",
      {
        class: "stacked",
        role: "img",
        "aria-label": `${label}: ` + parts.map(([title, value]) => `${title} ${format(value)}`).join(", "),
      },
      svg("rect", { class: "rest", width: "100%", height: "100%" }),
      shares,
    ),
    element(
      "p",
      { class: "legend small" },
      parts.map(([title, value, kind]) => swatch(kind, `${title} ${format(value)}`)),
    ),
  );
}

const tableOf = (label, heads, rows) =>
  element(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": label },
    element(
      "table",
      {},
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          heads.map(([title, kind]) => element("th", { scope: "col", class: kind }, title)),
        ),
      ),
      element(
        "tbody",
        {},
        rows.map((cells) =>
          element(
            "tr",
            {},
            cells.map((cell, i) =>
              element(i === 0 ? "th" : "td", i === 0 ? { scope: "row" } : { class: heads[i][1] }, cell),
            ),
          ),
        ),
      ),
    ),
  );
