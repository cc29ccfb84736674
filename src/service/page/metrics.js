// The page of /metrics, as Prometheus reads it: the one source of every number of the view "Devices".

const sampleLine = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+\d+)?$/;
const labelPart = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const unescapeLabel = (text) => text.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));

// name -> [{labels, value}]
function parseMetrics(page) {
  const families = new Map();
  for (const line of page.split("\n")) {
    const found = line.startsWith("#") ? null : sampleLine.exec(line);
    if (!found) continue;
    const labels = {};
    for (const [, name, value] of (found[2] ?? "").matchAll(labelPart)) labels[name] = unescapeLabel(value);
    if (!families.has(found[1])) families.set(found[1], []);
    families.get(found[1]).push({ labels, value: Number(found[3].replace("Inf", "Infinity")) });
  }
  return families;
}

const samples = (families, name) => families.get(name) ?? [];
const fits = (sample, labels) => Object.entries(labels).every(([name, value]) => sample.labels[name] === value);
const sumOf = (families, name, labels = {}) =>
  samples(families, name)
    .filter((one) => fits(one, labels))
    .reduce((sum, one) => sum + one.value, 0);

// How much a counter grew between two pages, a second. A service that was started again counts from 0.
function rateOf(before, now, name, labels = {}) {
  if (!before || now.time <= before.time) return 0;
  const grown = sumOf(now.families, name, labels) - sumOf(before.families, name, labels);
  return Math.max(0, grown) / ((now.time - before.time) / 1000);
}

// The mean of what a histogram or summary took between two pages; null where there was nothing.
function meanOf(before, now, name, labels = {}) {
  const grown = (suffix) =>
    sumOf(now.families, name + suffix, labels) - (before ? sumOf(before.families, name + suffix, labels) : 0);
  const number = grown("_count");
  return number > 0 ? grown("_sum") / number : null;
}
