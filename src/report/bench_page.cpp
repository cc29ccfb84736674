// The benchmark's result as one HTML page: a chart an operation, drawn here as SVG, and the table of all rows. Nothing
// is fetched and no script runs.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "mien/tools/bench.h"
#include "report/html.h"

namespace mien {
namespace {

using report::html_text;

// Sizes in the charts, in SVG's units, which are pixels on a wide screen.
constexpr int kLabelWidth = 120;
constexpr int kBarsWidth = 300;
constexpr int kValueWidth = 150;
constexpr int kBarHeight = 16;
constexpr int kBarStep = 19;
constexpr int kGroupGap = 9;
constexpr int kChartTop = 4;

const char* const kStyle = R"css(
:root {
  color-scheme: light dark;
  --page: #f6f6f3; --panel: #ffffff; --line: #d3d3cc; --text: #1c1e22; --quiet: #565a61;
  --cpu: #7a8794; --gpu: #0b6e99; --hit: #0a6840; --bad: #a12319; --warn-page: #fdf3d8; --warn-text: #553d00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #141619; --panel: #1e2125; --line: #3a3e44; --text: #e9eaec; --quiet: #a9aeb6;
    --cpu: #8a96a3; --gpu: #4db8e5; --hit: #72d8a4; --bad: #ff9f96; --warn-page: #332a12; --warn-text: #f2dda6;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif;
}
header, main, footer { max-width: 1400px; margin: 0 auto; padding: 0 1.25rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 1.5rem 0 .25rem; }
h2 { font-size: 1.25rem; margin: 2.25rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0 0 .5rem; }
p { margin: .5rem 0; }
.quiet, .legend { color: var(--quiet); }
.banner {
  background: var(--warn-page); color: var(--warn-text); border-radius: 8px; padding: .6rem 1rem; margin: 1rem 0;
}
code { font: .875em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(34rem, 100%), 1fr)); gap: 1rem; }
.chart, .scroll { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; }
.chart { padding: .8rem 1rem; margin: 0; }
.chart svg { display: block; width: 100%; height: auto; }
svg text { font-size: 12px; fill: var(--text); }
svg .quiet { fill: var(--quiet); }
.cpu { fill: var(--cpu); }
.gpu { fill: var(--gpu); }
.back { fill: none; stroke: var(--cpu); stroke-dasharray: 4 3; }
.key { display: inline-block; width: 1.6em; height: .9em; vertical-align: -.1em; margin: 0 .3em 0 1em; }
.key:first-child { margin-left: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td {
  text-align: left; padding: .4rem .5rem; white-space: nowrap; border-bottom: 1px solid var(--line);
  font-weight: 400;
}
tbody tr:last-child > * { border-bottom: 0; }
thead th { font-weight: 600; white-space: nowrap; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.hit { color: var(--hit); font-weight: 600; }
.bad { color: var(--bad); }
footer { margin-top: 2.5rem; padding-bottom: 2rem; color: var(--quiet); font-size: .9rem; }
@media print { .chart, tr { break-inside: avoid; } }
)css";

std::string ms_text(double ms) { return ms >= 100 ? fmt::format("{:.0f}", ms) : fmt::format("{:.3g}", ms); }

// "cpu", "cuda", or what a GPU's row really was.
std::string device_text(const BenchRow& row) {
  if (!row.gpu) return "cpu";
  return row.fell_back() ? row.placement.ran + " (GPU asked)" : row.placement.ran;
}

std::string bar_svg(const BenchRow& row, int y, double longest_ms, const std::string& label) {
  const double width = longest_ms > 0 ? std::max(1.0, row.ms.median / longest_ms * kBarsWidth) : 1;
  const int middle = y + kBarHeight - 4;
  std::string svg;
  if (!label.empty())
    svg += fmt::format("<text x=\"0\" y=\"{}\" class=\"quiet\">{}</text>\n", middle, html_text(label));
  svg += fmt::format(
      "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" rx=\"2\">"
      "<title>{}, batch {}, {}: median {} ms an image</title></rect>\n",
      row.fell_back() ? "back"
      : row.gpu       ? "gpu"
                      : "cpu",
      kLabelWidth, y, width, kBarHeight, html_text(row.size), row.batch, html_text(device_text(row)),
      ms_text(row.ms.median));
  svg += fmt::format("<text x=\"{:.1f}\" y=\"{}\">{} ms{}</text>\n", kLabelWidth + width + 6, middle,
                     ms_text(row.ms.median), row.fell_back() ? " (ran on cpu)" : "");
  return svg;
}

// The rows of one operation: for each size and batch the devices below each other.
std::string chart_html(const std::vector<const BenchRow*>& rows) {
  double longest = 0;
  for (const BenchRow* const row : rows) longest = std::max(longest, row->ms.median);
  std::vector<const BenchRow*> order = rows;
  std::stable_sort(order.begin(), order.end(), [](const BenchRow* a, const BenchRow* b) {
    if (a->width != b->width) return a->width < b->width;
    return a->batch < b->batch;
  });
  std::string bars;
  int y = kChartTop;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const bool first = i == 0 || order[i - 1]->size != order[i]->size || order[i - 1]->batch != order[i]->batch;
    if (first && i > 0) y += kGroupGap;
    bars += bar_svg(*order[i], y, longest, first ? fmt::format("{}, batch {}", order[i]->size, order[i]->batch) : "");
    y += kBarStep;
  }
  return fmt::format(
      "<figure class=\"chart\"><h3>{0}</h3>\n<svg viewBox=\"0 0 {1} {2}\" role=\"img\" aria-label=\"Median "
      "milliseconds an image of {0}\">\n{3}</svg></figure>\n",
      html_text(rows.front()->operation), kLabelWidth + kBarsWidth + kValueWidth, y + kChartTop, bars);
}

std::string charts_html(const std::vector<BenchRow>& rows) {
  std::string result = "<div class=\"charts\">\n";
  for (std::size_t first = 0; first < rows.size();) {
    std::vector<const BenchRow*> same;
    while (first < rows.size() && (same.empty() || rows[first].operation == same.front()->operation)) {
      same.push_back(&rows[first++]);
    }
    result += chart_html(same);
  }
  return result + "</div>\n";
}

std::string gain_cell(const BenchComparison& one) {
  if (!one.compared) return "<td class=\"n quiet\">-</td>";
  if (!one.reason.empty()) return "<td class=\"n quiet\">none: fell back</td>";
  if (one.time_improvement_percent <= -100) {
    return fmt::format("<td class=\"n quiet\">{:.1f}x slower</td>", 1 - one.time_improvement_percent / 100);
  }
  return fmt::format("<td class=\"n {}\">{:+.0f} %</td>", one.use_gpu ? "hit" : "quiet", one.time_improvement_percent);
}

std::string comparisons_html(const std::vector<BenchComparison>& comparisons) {
  std::string result =
      "<div class=\"scroll\"><table><thead><tr><th>operation</th><th>size</th><th class=\"n\">less time on the "
      "GPU</th><th>use</th><th>fastest</th></tr></thead><tbody>\n";
  for (const BenchComparison& one : comparisons) {
    result += fmt::format("<tr><td>{}</td><td>{}</td>{}<td>{}</td><td>{}</td></tr>\n", html_text(one.operation),
                          html_text(one.size), gain_cell(one),
                          !one.compared ? "-"
                          : one.use_gpu ? "the GPU"
                                        : "the CPU",
                          one.best_device.empty() ? "-"
                                                  : fmt::format("{}, batch {}: {} ms", html_text(one.best_device),
                                                                one.best_batch, ms_text(one.best_ms)));
  }
  return result + "</tbody></table></div>\n";
}

std::string rows_html(const std::vector<BenchRow>& rows) {
  std::string result =
      "<div class=\"scroll\"><table><thead><tr><th>operation</th><th>size</th><th class=\"n\">batch</th><th>ran "
      "on</th><th class=\"n\">median ms</th><th class=\"n\">p95</th><th class=\"n\">mean</th><th class=\"n\">&plusmn;"
      "</th><th class=\"n\">images/s</th><th class=\"n\">cpu %</th><th class=\"n\">peak MB</th><th class=\"n\">GPU "
      "MB</th><th class=\"n\">errors</th><th class=\"n\">batches</th></tr></thead><tbody>\n";
  for (const BenchRow& row : rows) {
    result += fmt::format(
        "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"{}\">{}</td><td class=\"n\">{}</td><td "
        "class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{:.1f}</td><td "
        "class=\"n\">{:.0f}</td><td class=\"n\">{:.0f}</td><td class=\"n\">{:.0f}</td><td class=\"n\">{:.0f} %</td><td "
        "class=\"n\">{}</td></tr>\n",
        html_text(row.operation), html_text(row.size), row.batch, row.fell_back() ? "bad" : "",
        html_text(device_text(row)), ms_text(row.ms.median), ms_text(row.ms.p95), ms_text(row.ms.mean),
        ms_text(row.ms.std), row.images_per_second, row.cpu_percent, row.peak_memory_mb, row.gpu_peak_memory_mb,
        row.error_rate * 100, row.iterations);
  }
  return result + "</tbody></table></div>\n";
}

// Returns the notice that every reader must see before the numbers; empty when there is none.
std::string banner_html(const BenchResult& result) {
  if (!result.gpu_reason.empty()) {
    return fmt::format(
        "<p class=\"banner\">No GPU was used: {}. What was asked of the GPU ran on the CPU and counts as "
        "no gain.</p>\n",
        html_text(result.gpu_reason));
  }
  const bool any =
      std::any_of(result.rows.begin(), result.rows.end(), [](const BenchRow& row) { return row.fell_back(); });
  return any ? "<p class=\"banner\">Some of what was asked of the GPU ran on the CPU; it counts as no gain.</p>\n" : "";
}

}  // namespace

std::string bench_to_html(const BenchResult& result, const std::string& command) {
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" "
      "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>mien bench</title><style>{}</style></head>\n"
      "<body><header><h1>mien bench</h1>\n<p class=\"quiet\">{}, {:.0f} s. {} ({} cores); GPU: {}. {}, {}{}{}.</p>\n",
      kStyle, html_text(result.timestamp), result.seconds, html_text(result.cpu), result.cores,
      result.gpu.empty() ? "none" : html_text(result.gpu), html_text(result.runtime), html_text(result.detector),
      result.embedder.empty() ? "" : " and ", html_text(result.embedder));
  if (!command.empty()) page += fmt::format("<p><code>{}</code></p>\n", html_text(command));
  page += banner_html(result) + "</header>\n<main>\n<h2>Time an image</h2>\n";
  page +=
      "<p class=\"legend\"><svg class=\"key\" viewBox=\"0 0 16 9\"><rect class=\"cpu\" width=\"16\" "
      "height=\"9\"/></svg>CPU<svg class=\"key\" viewBox=\"0 0 16 9\"><rect class=\"gpu\" width=\"16\" "
      "height=\"9\"/></svg>GPU<svg class=\"key\" viewBox=\"0 0 16 9\"><rect class=\"back\" x=\".5\" y=\".5\" "
      "width=\"15\" "
      "height=\"8\"/></svg>GPU asked, CPU ran. Median milliseconds of the operation alone; shorter is better; each "
      "chart "
      "has a scale of its own.</p>\n";
  page += charts_html(result.rows);
  page += fmt::format(
      "<h2>CPU against GPU</h2>\n<p class=\"quiet\">Each at its best batch; the GPU is worth it from {:.0f} "
      "% less time on.</p>\n",
      kGainPercentMin);
  page += comparisons_html(result.comparisons) + "<h2>All rows</h2>\n" + rows_html(result.rows);
  page += fmt::format("</main>\n<footer>mien {}. {} photos, composed to each size.</footer></body></html>\n",
                      html_text(result.version), result.photos);
  return page;
}

}  // namespace mien
