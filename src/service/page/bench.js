// The chart of a file of `mien bench` (docs/bench.schema.json). The file stays in this browser.

const bench = { nodes: null };
const BENCH_BYTES_MOST = 20 * 2 ** 20;
const benchSizes = ["small", "medium", "large"];

const msText = (ms) => (ms >= 100 ? number(ms) : Number(ms.toPrecision(3)).toString());

class BenchProblem extends Error {}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

// One row, or several below batch_N.
function rowsOf(value, where) {
  if (!isObject(value)) throw new BenchProblem(`${where} is no object`);
  const rows = "median_time_ms" in value ? [value] : Object.values(value);
  for (const row of rows) {
    if (!isObject(row) || !Number.isFinite(row.median_time_ms) || !Number.isFinite(row.batch_size)) {
      throw new BenchProblem(`${where} has no median_time_ms and batch_size`);
    }
  }
  return rows;
}

// [{operation, rows: [{size, batch, gpu, row}]}] by size, batch and device.
function readBench(content) {
  if (!isObject(content)) throw new BenchProblem("it is no JSON object");
  if (!isObject(content.benchmark_results)) throw new BenchProblem("it has no benchmark_results");
  return Object.entries(content.benchmark_results).map(([operation, sizes]) => {
    if (!isObject(sizes)) throw new BenchProblem(`benchmark_results.${operation} is no object`);
    const rows = Object.entries(sizes).flatMap(([size, devices]) =>
      Object.entries(devices ?? {}).flatMap(([device, value]) =>
        rowsOf(value, `benchmark_results.${operation}.${size}.${device}`).map((row) => ({
          size,
          batch: row.batch_size,
          gpu: device === "gpu_true",
          row,
        })),
      ),
    );
    rows.sort(
      (a, b) => benchSizes.indexOf(a.size) - benchSizes.indexOf(b.size) || a.batch - b.batch || a.gpu - b.gpu,
    );
    return { operation, rows };
  });
}

function barOf(one, longest) {
  const kind = !one.gpu ? "cpu" : one.row.fell_back ? "fell" : "gpu";
  const width = longest > 0 ? Math.max(0.5, (one.row.median_time_ms / longest) * 100) : 0.5;
  return svg(
    "svg",
    { class: "bench-bar", "aria-hidden": "true" },
    svg("rect", { class: kind, width: `${width}%`, height: "100%", rx: 2 }),
  );
}

function deviceText(one) {
  const ran = one.row.placement?.ran ?? (one.gpu ? "gpu" : "cpu");
  return one.row.fell_back ? `${ran} (GPU asked)` : ran;
}

function benchChart({ operation, rows }) {
  const longest = Math.max(...rows.map((one) => one.row.median_time_ms));
  let before = "";
  const cells = rows.flatMap((one) => {
    const title = `${one.size}, batch ${one.batch}`;
    const isFirst = title !== before;
    before = title;
    return [
      element("span", { class: isFirst ? "quiet first" : "covered-cell" }, isFirst ? title : ""),
      element("span", { class: isFirst ? "first" : null }, barOf(one, longest)),
      element(
        "span",
        { class: isFirst ? "n first" : "n" },
        `${msText(one.row.median_time_ms)} ms `,
        element("span", { class: "quiet" }, deviceText(one)),
      ),
    ];
  });
  return element(
    "div",
    { class: "panel" },
    element("h2", {}, operation.replaceAll("_", " ")),
    element("div", { class: "bench-chart" }, cells),
  );
}

function gainText(gain) {
  if (!gain) return "-";
  if (gain.no_gain_because) return `none: ${gain.no_gain_because}`;
  const improvement = gain.time_improvement_percent;
  return improvement <= -100
    ? `${number(1 - improvement / 100, 1)}x slower`
    : `${improvement > 0 ? "+" : ""}${number(improvement)} %`;
}

function gainsTable(analysis) {
  const rows = [];
  for (const [operation, sizes] of Object.entries(analysis?.optimal_configurations ?? {})) {
    for (const [size, best] of Object.entries(sizes)) {
      const advice = analysis.recommendations?.[operation]?.[size];
      rows.push([
        operation.replaceAll("_", " "),
        size,
        gainText(analysis.performance_gains?.[operation]?.[size]),
        advice === "enable_gpu" ? "the GPU" : advice === "use_cpu" ? "the CPU" : "-",
        `${best.device}, batch ${best.batch_size}: ${msText(best.median_time_ms)} ms`,
      ]);
    }
  }
  return rows.length === 0
    ? null
    : element(
        "div",
        { class: "panel" },
        element("h2", {}, "CPU against GPU"),
        tableOf(
          "CPU against GPU",
          [["operation"], ["size"], ["less time on the GPU", "n"], ["use"], ["fastest"]],
          rows,
        ),
      );
}

function rowsTable(operations) {
  const rows = operations.flatMap(({ operation, rows: some }) =>
    some.map((one) => [
      operation.replaceAll("_", " "),
      one.size,
      number(one.batch),
      deviceText(one),
      msText(one.row.median_time_ms),
      msText(one.row.p95_time_ms ?? NaN),
      number(one.row.mean_throughput, 1),
      number(one.row.peak_memory_mb),
      number(one.row.peak_gpu_memory_mb),
      percent(one.row.error_rate ?? 0),
    ]),
  );
  return element(
    "details",
    { class: "panel" },
    element("summary", {}, `All rows (${rows.length})`),
    tableOf(
      "All rows",
      [
        ["operation"],
        ["size"],
        ["batch", "n"],
        ["ran on"],
        ["median ms", "n"],
        ["p95", "n"],
        ["images/s", "n"],
        ["peak MB", "n"],
        ["GPU MB", "n"],
        ["errors", "n"],
      ],
      rows,
    ),
  );
}

function legendOf() {
  return element(
    "p",
    { class: "legend small" },
    swatch("cpu", "CPU"),
    swatch("gpu", "GPU"),
    swatch("fell", "GPU asked, CPU ran"),
    element("span", {}, "Median milliseconds an image; shorter is better; each chart has a scale of its own."),
  );
}

function showBench(name, content, operations) {
  const system = content.system_info ?? {};
  const facts = [
    content.timestamp,
    system.cpu && `${system.cpu} (${system.cpu_cores} cores)`,
    `GPU: ${system.gpu ?? "none"}`,
    system.runtime,
    system.mien && `mien ${system.mien}`,
  ]
    .filter(Boolean)
    .join(" · ");
  const anyFell = operations.some(({ rows }) => rows.some((one) => one.row.fell_back));
  const notice = system.gpu_unavailable_because
    ? `No GPU was used: ${system.gpu_unavailable_because}. What was asked of the ` +
      "GPU ran on the CPU and counts as no gain."
    : anyFell
      ? "Some of what was asked of the GPU ran on the CPU; it counts as no gain."
      : "";
  bench.nodes.result.replaceChildren(
    element("h2", {}, name),
    element("p", { class: "quiet" }, facts),
    ...(notice ? [element("p", { class: "notice" }, notice)] : []),
    legendOf(),
    element("div", { class: "bench-grid" }, operations.filter(({ rows }) => rows.length > 0).map(benchChart)),
    ...[gainsTable(content.analysis), rowsTable(operations)].filter(Boolean),
  );
  bench.nodes.drop.classList.remove("large");
  say(`${name}: ${count(operations.length, "operation")}.`);
}

// Whatever of the file is not as it should be, it is the file that is wrong.
function showContent(name, content) {
  try {
    showBench(name, content, readBench(content));
  } catch (failure) {
    if (failure instanceof BenchProblem) throw failure;
    throw new BenchProblem(`a part of it has another form than it should (${failure.message})`);
  }
}

async function takeBench(files) {
  const [file] = files;
  try {
    if (file.size > BENCH_BYTES_MOST)
      throw new BenchProblem(`it has ${bytes(file.size)}, and such a file has a few hundred KB`);
    let content;
    try {
      content = JSON.parse(await file.text());
    } catch (failure) {
      throw new BenchProblem(failure instanceof SyntaxError ? "it is no JSON" : "it can no longer be read");
    }
    showContent(file.name, content);
    bench.nodes.problem.textContent = "";
  } catch (failure) {
    if (!(failure instanceof BenchProblem)) throw failure;
    bench.nodes.problem.textContent =
      `${file.name} is not what mien bench writes: ${failure.message}. Drop its JSON file, ` +
      "gpu_benchmark_results.json unless --output named another.";
  }
}

function buildBench(section) {
  bench.nodes = { result: element("div", {}), problem: element("p", { class: "bad", role: "alert" }) };
  bench.nodes.drop = element(
    "div",
    { class: "drop large" },
    element("h2", {}, "Drop the file of mien bench here"),
    element("p", { class: "quiet" }, "gpu_benchmark_results.json. It stays in this browser."),
    bench.nodes.problem,
    fileButton("Choose the file", takeBench, { multiple: false, accept: ".json,application/json" }),
  );
  section.append(bench.nodes.drop, bench.nodes.result);
}

view("bench", "Bench", (section) => {
  if (!bench.nodes) buildBench(section);
  takeFiles(takeBench);
});
