#include "cli/scan_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/engine_options.h"
#include "cli/text.h"

namespace mien::cli {
namespace {

constexpr int kNameWidthMax = 48;
constexpr int kRestWidth = 44;  // what a line says beside the name, when there is room
constexpr int kBarWidthMax = 30;
constexpr int kBarWidthMin = 8;

struct Finding {
  std::string text;
  Style style = Style::plain;
};

// The number says what it is of: whoever looked for somebody reads a similarity, anybody else the detector's score.
std::string figure(const Record& record) {
  const std::string_view best = record.analysis.faces.size() > 1 ? "best " : "";
  if (!record.like) return fmt::format("{}detection score {:.2f}", best, record.analysis.faces.front().det_score);
  // Of poor faces that match nobody nothing is said.
  const bool is_told = std::any_of(record.analysis.faces.begin(), record.analysis.faces.end(),
                                   [](const Face& face) { return !face.poor_reason; });
  const std::string_view verdict = !record.matches.empty() ? "match" : is_told ? "no match" : "cannot tell";
  const std::optional<float> similarity =
      record.matches.empty() ? record.best_similarity : record.matches.front().similarity;
  if (!similarity) return fmt::format("{}, similarity not known", verdict);
  return fmt::format("{} {:.3f} ({}similarity)", verdict, *similarity, best);
}

Finding finding(const Record& record) {
  if (record.error) return {"error: " + record.error->message, Style::bad};
  const std::vector<Face>& faces = record.analysis.faces;
  std::string text = "no face";
  if (!faces.empty()) {
    text = pad(counted(static_cast<long long>(faces.size()), "face"), 9, Align::left) + " " + figure(record);
  }
  const Style style = !record.matches.empty() ? Style::good : faces.empty() ? Style::faint : Style::plain;
  for (const std::string& warning : record.analysis.warnings) text += "  warning: " + warning;
  return {text, style};
}

std::string duration_text(double seconds) {
  const long long whole = std::llround(seconds);
  if (whole >= 3600) {
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  }
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::string bar_text(double part, int width) {
  const int filled = std::clamp(static_cast<int>(std::lround(part * width)), 0, width);
  return "[" + std::string(static_cast<std::size_t>(filled), '#') +
         std::string(static_cast<std::size_t>(width - filled), '-') + "] ";
}

// "12 images, 45 faces, 3 images match, 1 failed, in 2.3 s (5.2 images/s)"
std::string totals_line(const ScanSummary& summary, const ScanOptions& options) {
  std::string line = counted(summary.images, "image") + ", " + counted(summary.faces, "face");
  if (!options.like_path.empty()) {
    line += ", " + counted(summary.matched_images, "image matches", "images match");
  }
  line += fmt::format(", {} failed", summary.failed);
  if (summary.resumed > 0) line += fmt::format(", {} kept from before", summary.resumed);
  if (summary.gone > 0) line += fmt::format(" ({} of photos that are gone)", summary.gone);
  if (summary.changed > 0) line += fmt::format(", {} changed since", summary.changed);
  if (summary.pruned > 0) line += fmt::format(", {} dropped of photos that are gone", summary.pruned);
  if (summary.duplicates > 0) {
    line += fmt::format(", {} with the same content as another", summary.duplicates);
  }
  const double rate = summary.seconds > 0 ? static_cast<double>(summary.analyzed) / summary.seconds : 0;
  return line + fmt::format(", in {:.1f} s ({:.1f} images/s)", summary.seconds, rate);
}

std::string threshold_line(const ScanSummary& summary, const SummaryContext& context) {
  const ModelInfo* const embedder = context.engine.embedder();
  std::string source = "--threshold";
  if (!context.options.threshold && embedder != nullptr) {
    const std::string rate =
        embedder->rate_search ? fmt::format(", false match rate {:g}", *embedder->rate_search) : std::string();
    source = fmt::format("{} for searching{}: {}", embedder->name, rate, embedder->threshold_source);
  }
  std::string line = fmt::format("looked for: {}; similarity threshold {:.3f} ({})", context.options.like_path,
                                 *summary.threshold, source);
  const double expected = summary.expected_false_matches;
  if (expected > 0) {
    line += fmt::format("; expect about {:.2g} false matches among {}", expected, counted(summary.faces, "face"));
  }
  if (context.options.compare_anyway) line += "; --compare-anyway: poor faces too";
  return line;
}

std::string model_text(const ModelInfo& model) {
  return fmt::format("{}, licence {}", model.name, model.licence.empty() ? "not known" : model.licence);
}

}  // namespace

std::string record_line(const Terminal& terminal, const Record& record) {
  const int width = terminal.width();
  const int name_width = std::clamp(width - kRestWidth, width / 2 - 4, kNameWidthMax);
  const std::string name =
      fit(printable(record.source), {.width = name_width, .keep = Keep::end, .mark = terminal.cut_mark()});
  const Finding found = finding(record);
  const std::string rest = fit(printable(found.text), {.width = width - name_width - 2, .mark = terminal.cut_mark()});
  return pad(name, name_width, Align::left) + "  " + terminal.styled(found.style, rest);
}

std::string progress_line(const ScanProgress& progress, int width) {
  std::string line = fmt::format("{}/{}{} images", progress.done, progress.found, progress.listing_finished ? "" : "+");
  const bool rate_known = progress.images_per_second > 0;
  if (rate_known) line += fmt::format("  {:.1f} images/s", progress.images_per_second);
  const std::int64_t left = progress.found - progress.done;
  if (rate_known && progress.listing_finished) {
    const double seconds = static_cast<double>(left) / progress.images_per_second;
    line += fmt::format("  {} left", duration_text(seconds));
  }
  // The bar takes what the numbers leave; its brackets and spaces are four columns.
  const int bar_width = std::min(kBarWidthMax, width - display_width(line) - 4);
  if (bar_width < kBarWidthMin || progress.found == 0) return line;
  const double part = static_cast<double>(progress.done) / static_cast<double>(progress.found);
  return bar_text(part, bar_width) + line;
}

std::string left_out_line(const ScanSummary& summary) {
  std::string line;
  bool has_library_folders = false;
  for (const LeftOut& one : summary.left_out) {
    line += (line.empty() ? "left out: " : ", ") + counted(one.count, one.one, one.kind);
    has_library_folders = has_library_folders || one.kind.starts_with("folders that ");
  }
  return has_library_folders ? line + " (--no-skip reads such folders)" : line;
}

std::string models_line(const Engine& engine) {
  std::string models = "models: " + model_text(engine.detector());
  if (engine.embedder() != nullptr) models += "; " + model_text(*engine.embedder());
  return models;
}

std::string summary_text(const ScanSummary& summary, const SummaryContext& context, int width) {
  std::string result;
  const auto add = [&](const std::string& line) { result += wrap(printable(line), width, 2) + "\n"; };
  add(totals_line(summary, context.options));
  if (!summary.left_out.empty()) add(left_out_line(summary));
  for (const Failure& failure : context.failures) {
    add("failed: " + complaint(failure.source, failure.error));
  }
  const std::size_t shown = context.failures.size();
  if (static_cast<std::size_t>(summary.failed) > shown) {
    const std::size_t more = static_cast<std::size_t>(summary.failed) - shown;
    add(context.options.out_path.empty()
            ? fmt::format("failed: {} more", more)
            : fmt::format("failed: {} more, see \"error\" in {}", more, context.options.out_path));
  }
  if (summary.threshold) add(threshold_line(summary, context));
  for (const std::string& line : summary.placement_counts) add("ran: " + line);
  if (!summary.gpu_choice.empty()) add(summary.gpu_choice);
  for (const std::string& note : summary.notes) add("note: " + note);
  if (!context.options.out_path.empty()) add("records: " + context.options.out_path);
  if (!context.options.report_path.empty()) add("report: " + context.options.report_path);
  if (!context.options.crops_dir.empty()) add("crops: " + context.options.crops_dir);
  add(models_line(context.engine));
  if (!summary.idle_gpu.empty()) add(summary.idle_gpu + " idle: use --gpu");
  return result;
}

}  // namespace mien::cli
