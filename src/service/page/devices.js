// What the service does at the moment, and on which devices: /metrics once a second, /v1/devices every ten, as long as
// this view is shown.

const METRICS_SECONDS = 1;
const DEVICES_SECONDS = 10;
const stageNames = ["decode", "enhance", "detect", "embed", "quality"];

const live = { nodes: null, charts: null, before: null, ago: [], stop: null, devices: null };

const percent = (value) => `${number(value * 100)} %`;
const megabytes = (value) => bytes(value * 2 ** 20);

function makeCharts() {
  return {
    images: liveChart("Images a second", (value) => number(value, 1)),
    faces: liveChart("Faces a second", (value) => number(value, 1)),
    queue: liveChart("Images that wait", (value) => number(value)),
    bytes: liveChart("Bodies held", bytes),
    cpu: liveChart("CPU cores at work", (value) => number(value, 2)),
    memory: liveChart("Memory of the service", bytes),
  };
}

function pushCharts(before, now) {
  const { families } = now;
  live.charts.images.push(rateOf(before, now, "mien_images_total"));
  live.charts.faces.push(rateOf(before, now, "mien_faces_total"));
  live.charts.queue.push(sumOf(families, "mien_queue_images"));
  live.charts.bytes.push(sumOf(families, "mien_queue_bytes"));
  live.charts.cpu.push(rateOf(before, now, "process_cpu_seconds_total"));
  live.charts.memory.push(sumOf(families, "process_resident_memory_bytes"));
}

// ---- Panels

function countsPanel({ families }) {
  const rows = samples(families, "mien_images_total").map(({ labels, value }) => [labels.result, number(value)]);
  rows.push(["faces in them", number(sumOf(families, "mien_faces_total"))]);
  const refused = samples(families, "mien_refused_total").map(({ labels, value }) => [
    `refused: ${labels.reason.replaceAll("_", " ")}`,
    number(value),
  ]);
  return element(
    "div",
    { class: "panel" },
    element("h2", {}, "Since the start"),
    tableOf("Images since the start", [["what came of them"], ["images", "n"]], [...rows, ...refused]),
    element(
      "p",
      { class: "quiet small" },
      `${number(sumOf(families, "mien_queue_images"))} of at most ` +
        `${number(sumOf(families, "mien_queue_images_max"))} images wait.`,
    ),
  );
}

const ms = (value) => `${number(value, 1)} ms`;

// Of the last minute, or of all images so far where it had none.
function stagesPanel(minuteAgo, now) {
  const isRecent = minuteAgo !== null && meanOf(minuteAgo, now, "mien_stage_duration_seconds") !== null;
  const before = isRecent ? minuteAgo : null;
  const times = stageNames
    .map((stage, i) => [stage, meanOf(before, now, "mien_stage_duration_seconds", { stage }), `part-${i}`])
    .filter(([, seconds]) => seconds !== null)
    .map(([stage, seconds, kind]) => [stage, seconds * 1000, kind]);
  const whole = times.reduce((sum, [, value]) => sum + value, 0);
  const waited = meanOf(before, now, "mien_queue_duration_seconds");
  const batch = meanOf(before, now, "mien_batch_images");
  const parts = [`${ms(whole)} of work an image`];
  if (waited !== null) parts.push(`waited ${ms(waited * 1000)}`);
  if (batch !== null) parts.push(`${number(batch, 1)} images a run of a model`);
  return element(
    "div",
    { class: "panel" },
    element("h2", {}, `An image's time, ${isRecent ? "last minute" : "since the start"}`),
    whole === 0
      ? element("p", { class: "quiet" }, "No image yet.")
      : [
          stackedBar(times, whole, ms, "Time of an image in each stage"),
          element("p", { class: "quiet small" }, parts.join(" · ")),
        ],
  );
}

function placementPanel({ families }) {
  const open = new Set(
    samples(families, "mien_breaker_open")
      .filter(({ value }) => value > 0)
      .map(({ labels }) => labels.operation),
  );
  const rows = samples(families, "mien_operation_images_total").map(({ labels, value }) => [
    labels.operation.replaceAll("_", " "),
    labels.requested,
    labels.ran,
    number(value),
  ]);
  const fallbacks = samples(families, "mien_fallback_images_total").map(({ labels, value }) => [
    labels.operation.replaceAll("_", " "),
    labels.reason.replaceAll("_", " "),
    number(value),
  ]);
  return element(
    "div",
    { class: "panel" },
    element("h2", {}, "Where operations ran"),
    rows.length > 0
      ? tableOf("Where operations ran", [["operation"], ["asked"], ["ran on"], ["images", "n"]], rows)
      : element("p", { class: "quiet" }, "No image yet."),
    element("h3", {}, "Fallbacks"),
    fallbacks.length > 0
      ? tableOf("Fallbacks", [["operation"], ["why the CPU did it"], ["images", "n"]], fallbacks)
      : element("p", { class: "quiet" }, "None: everything ran where it was asked to."),
    open.size > 0
      ? element(
          "p",
          { class: "notice" },
          `The GPU failed and is left alone for a while: ${[...open]
            .join(", ")
            .replaceAll("_", " ")}. The CPU does it meanwhile.`,
        )
      : null,
  );
}

function devicePart(device, families) {
  const held = samples(families, "mien_device_memory_bytes").filter(
    ({ labels }) => labels.device === (device.id === 0 ? device.name : `${device.name} ${device.id}`),
  );
  const of = (kind) => held.find(({ labels }) => labels.kind === kind)?.value ?? 0;
  // Of the CPU's memory the service has what its process has.
  const own = device.backend === "cpu" ? sumOf(families, "process_resident_memory_bytes") : of("held");
  const mine = own / 2 ** 20 || device.memory_held_mb;
  const others = Math.max(0, device.memory_used_mb - mine);
  const facts = [
    device.driver && `driver ${device.driver}`,
    device.cores > 0 && count(device.cores, "core"),
    device.unified_memory && "memory shared with the CPU",
    device.software && "software, no GPU",
    of("ceiling") > 0 && `mien takes at most ${bytes(of("ceiling"))}`,
    device.features,
  ].filter(Boolean);
  return [
    element(
      "p",
      { class: "device-name" },
      element("strong", {}, device.name),
      element("span", { class: "quiet" }, `device ${device.id}`),
    ),
    device.memory_total_mb > 0
      ? stackedBar(
          [
            ["mien", mine, "part-0"],
            ["others", others, "part-1"],
            ["free", device.memory_free_mb, "rest"],
          ],
          device.memory_total_mb,
          megabytes,
          `Memory of ${device.name}`,
        )
      : null,
    facts.length > 0 ? element("p", { class: "quiet small" }, facts.join(" · ")) : null,
  ];
}

function backendPart(backend, families) {
  return [
    element(
      "p",
      { class: "device-name" },
      element("strong", {}, backend.name),
      element("span", { class: "state on" }, backend.status),
    ),
    backend.devices.map((device) => devicePart(device, families)),
  ];
}

function devicesPanel({ families }) {
  const { backends, requested } = live.devices;
  const asked = Object.entries(requested).map(([operation, mode]) => `${operation.replaceAll("_", " ")} ${mode}`);
  const without = backends.filter((backend) => backend.devices.length === 0);
  return element(
    "div",
    { class: "panel" },
    element("h2", {}, "Devices"),
    backends.filter((backend) => backend.devices.length > 0).map((backend) => backendPart(backend, families)),
    element("h3", {}, "Without a device"),
    element(
      "dl",
      { class: "small" },
      without.map(({ name, status }) => [element("dt", {}, name), element("dd", {}, status)]),
    ),
    element("h3", {}, "Asked for"),
    element("p", { class: "small" }, asked.join(" · ")),
  );
}

function modelsPanel({ families }) {
  const build = samples(families, "mien_build_info")[0]?.labels;
  return element(
    "div",
    { class: "panel" },
    element("h2", {}, "Models"),
    tableOf(
      "Models",
      [["role"], ["name"], ["sha256"]],
      samples(families, "mien_model_info").map(({ labels }) => [
        labels.role,
        labels.name,
        element("code", {}, labels.sha256.slice(0, 16)),
      ]),
    ),
    build
      ? element(
          "p",
          { class: "quiet small" },
          `mien ${build.version}, commit ${build.commit.slice(0, 12)}. Up since ` +
            new Date(sumOf(families, "process_start_time_seconds") * 1000).toLocaleString() +
            ".",
        )
      : null,
  );
}

function replacePanel(name, node) {
  const place = live.nodes[name];
  // Whoever reads or scrolls there is not disturbed.
  if (place.contains(document.activeElement) || place.textContent === node.textContent) return;
  place.replaceChildren(node);
}

// ---- Reading

async function readMetrics(signal) {
  const now = { families: parseMetrics(await apiText("/metrics", { signal })), time: performance.now() };
  if (
    live.before &&
    sumOf(now.families, "process_start_time_seconds") !== sumOf(live.before.families, "process_start_time_seconds")
  ) {
    live.ago = []; // it was started again: what came before does not count
    live.before = null;
  }
  pushCharts(live.before, now);
  live.ago = live.ago.filter(({ time }) => now.time - time < 60_000);
  const minuteAgo = live.ago[0] ?? null;
  live.ago.push(now);
  live.before = now;
  replacePanel("stages", stagesPanel(minuteAgo, now));
  replacePanel("counts", countsPanel(now));
  replacePanel("placement", placementPanel(now));
  replacePanel("models", modelsPanel(now));
  if (live.devices) replacePanel("devices", devicesPanel(now));
}

async function watchDevices(stop) {
  let devicesRead = -Infinity;
  while (!stop.signal.aborted) {
    try {
      if (performance.now() - devicesRead >= DEVICES_SECONDS * 1000) {
        live.devices = await api("/v1/devices", { signal: stop.signal });
        devicesRead = performance.now();
      }
      await readMetrics(stop.signal);
      live.nodes.problem.hidden = true;
    } catch (failure) {
      if (failure.name === "AbortError") return;
      live.nodes.problem.hidden = false;
      live.nodes.why.textContent = failure.message + ".";
      if (failure.status === 401) return; // who gave no key is not asked every second
      await back();
    }
    await wait(METRICS_SECONDS);
    while (document.hidden && !stop.signal.aborted) await wait(METRICS_SECONDS);
  }
}

function buildDevices(section) {
  const place = () => element("div", { class: "panel-place" });
  live.nodes = {
    stages: place(),
    counts: place(),
    placement: place(),
    devices: place(),
    models: place(),
    why: element("span", {}),
  };
  live.nodes.problem = element(
    "p",
    { class: "notice bad-notice", role: "alert", hidden: true },
    live.nodes.why,
    " ",
    element("button", { type: "button", onclick: restartWatch }, "Try again"),
  );
  live.charts = makeCharts();
  section.append(
    live.nodes.problem,
    element(
      "div",
      { class: "live-grid" },
      Object.values(live.charts).map((chart) => chart.node),
    ),
    element(
      "div",
      { class: "device-grid" },
      live.nodes.devices,
      live.nodes.placement,
      live.nodes.stages,
      live.nodes.counts,
      live.nodes.models,
    ),
  );
}

function restartWatch() {
  live.stop?.abort();
  live.stop = new AbortController();
  live.before = null;
  watchDevices(live.stop);
}

view("devices", "Devices", (section) => {
  if (!live.nodes) buildDevices(section);
  restartWatch();
  return () => live.stop.abort();
});
