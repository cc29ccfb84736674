#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/json.h"
#include "cli/text.h"
#include "service/views.h"

namespace mien::cli {
namespace {

constexpr int kExitSame = 0;
constexpr int kExitDifferent = 1;
constexpr int kExitUndecided = 4;

struct Photo {
  std::string path;
  Analysis analysis;
  std::optional<std::size_t> largest;  // of its faces
  std::size_t face_count() const { return analysis.faces.size(); }
  const Face& face() const { return analysis.faces[*largest]; }
};

struct Comparison {
  Photo a;
  Photo b;
  float similarity = 0;
  float threshold = 0;
  std::string threshold_source;
  std::string model;
  bool anyway = false;  // --compare-anyway
  std::optional<Verdict> verdict;
  bool complete() const { return a.largest && b.largest; }
};

// What is printed for a verdict, and the exit code that says it.
struct VerdictRow {
  Verdict verdict;
  Style style;
  std::string_view text;
  int exit_code;
};
constexpr VerdictRow kVerdicts[] = {
    {Verdict::same, Style::good, "the same person", kExitSame},
    {Verdict::different, Style::bad, "different people", kExitDifferent},
    {Verdict::not_comparable, Style::plain, "not comparable: both faces are too poor to be told from other poor faces",
     kExitUndecided},
    {Verdict::cannot_tell, Style::plain, "cannot tell: one face is too poor to be called another's", kExitUndecided},
};

const VerdictRow& row_of(Verdict verdict) {
  return *std::find_if(std::begin(kVerdicts), std::end(kVerdicts),
                       [&](const VerdictRow& row) { return row.verdict == verdict; });
}

Photo look_at(const Engine& engine, const std::string& path, const AnalyzeOptions& options) {
  const std::vector<std::uint8_t> bytes = read_image(path).take();
  Analysis analysis = take(engine.analyze(bytes, options), path);
  const std::optional<std::size_t> largest = service::largest_face(analysis);
  return {path, std::move(analysis), largest};
}

nlohmann::ordered_json photo_json(const Photo& photo) {
  nlohmann::ordered_json result = {{"source", photo.path}};
  result.update(service::compared_view(photo.analysis, photo.largest));
  return result;
}

void print_verdict_json(Terminal& terminal, const Comparison& comparison) {
  nlohmann::ordered_json result = service::verdict_view(comparison.verdict, comparison.similarity);
  result["compare_anyway"] = comparison.anyway;
  result["threshold"] = comparison.threshold;
  result["threshold_source"] = comparison.threshold_source;
  result["model"] = comparison.model;
  result["a"] = photo_json(comparison.a);
  result["b"] = photo_json(comparison.b);
  terminal.print(json_text(result));
}

void print_verdict_text(Terminal& terminal, const Comparison& comparison) {
  const int width = terminal.out_is_terminal() ? terminal.width() : 1000;
  for (const Photo* photo : {&comparison.a, &comparison.b}) {
    std::string text = printable(photo->path) + ": ";
    if (!photo->largest) {
      text += "no face found";
    } else {
      text += photo->face_count() == 1 ? "1 face" : fmt::format("{} faces, the largest is used", photo->face_count());
      const Face& face = photo->face();
      text += fmt::format(" ({:.0f}x{:.0f} pixels at {:.0f},{:.0f})", face.face_width(), face.face_height(),
                          face.bbox.x1, face.bbox.y1);
      if (face.poor_reason) {
        text += fmt::format(", recognition quality {:.2f}: {}", *face.recognition_quality,
                            poor_reason_name(*face.poor_reason));
      }
    }
    terminal.print(wrap(text, width, 2) + "\n");
  }
  if (!comparison.complete()) return;
  const VerdictRow& row = row_of(*comparison.verdict);
  terminal.print(terminal.styled(row.style, std::string(row.text)) + "\n");
  if (comparison.anyway) {
    terminal.print(wrap("compared anyway, whatever the faces are like: of poor faces that says little", width, 2) +
                   "\n");
  }
  terminal.print(wrap(fmt::format("similarity {:.3f}, threshold {:.3f} ({})", comparison.similarity,
                                  comparison.threshold, printable(comparison.threshold_source)),
                      width, 2) +
                 "\n");
}

}  // namespace

int run_compare(const Call& call) {
  SettingsSources sources;
  EngineOptions engine_options;
  AnalyzeOptions analyze;
  analyze.face_quality = false;
  std::vector<std::string> photos;
  std::optional<float> threshold;
  bool json = false;
  bool anyway = false;
  Arguments arguments("mien compare",
                      "Compares the largest face of photo A with that of photo B. Exit code: 0 the "
                      "same person, 1 different people, 4 no face in one of them, not comparable or "
                      "cannot tell, because faces are too poor, 2 for every other failure (3: no "
                      "GPU).");
  arguments.positionals({"A B", 2, 2}, photos);
  arguments.number({"--threshold", "T",
                    "cosine similarity from which on it is the same person; "
                    "otherwise the model's own for a false match rate of "
                    "1e-3"},
                   {-1, 1}, [&](double value) { threshold = static_cast<float>(value); });
  arguments.flag({"--compare-anyway", "", "let the threshold alone decide, however poor the faces are"}, anyway);
  arguments.flag({"--json", "", "print JSON"}, json);
  add_detail_option(arguments, sources);
  arguments.flag({"--rotations", "", "also look for faces in the photos turned by 90, 180, 270"}, analyze.rotations);
  add_model_options(arguments, engine_options, sources);
  add_gpu_options(arguments, sources);
  arguments.example("mien compare passport.jpg selfie.jpg", "print the similarity and the verdict");
  arguments.example("mien compare a.jpg b.jpg > /dev/null && echo same", "use it in a script");
  if (!parse_or_help(call, arguments)) return 0;

  load_engine_settings(call.terminal, sources, engine_options);
  analyze.detail = engine_options.settings.detail;
  const Engine engine(engine_options);
  const ModelInfo& model = *engine.embedder();
  if (!threshold && !model.threshold_verify) {
    arguments.fail(fmt::format("no threshold is known for the model {}", model.name), "add --threshold T");
  }
  Comparison comparison;
  comparison.model = model.name;
  comparison.threshold = threshold ? *threshold : *model.threshold_verify;
  comparison.threshold_source = threshold           ? "--threshold"
                                : model.rate_verify ? fmt::format("{} at a false match rate of {:g}: {}", model.name,
                                                                  *model.rate_verify, model.threshold_source)
                                                    : fmt::format("{}: {}", model.name, model.threshold_source);
  comparison.a = look_at(engine, photos[0], analyze);
  comparison.b = look_at(engine, photos[1], analyze);
  if (comparison.complete()) {
    comparison.similarity =
        compare_faces(comparison.a.analysis, *comparison.a.largest, comparison.b.analysis, *comparison.b.largest)
            .take();
    comparison.anyway = anyway;
    comparison.verdict = judge_pair(comparison.a.face(), comparison.b.face(), comparison.similarity,
                                    comparison.threshold, comparison.anyway);
  }
  for (const Photo* photo : {&comparison.a, &comparison.b}) {
    note_warnings(call.terminal, photo->path, photo->analysis.warnings);
  }
  (json ? print_verdict_json : print_verdict_text)(call.terminal, comparison);
  return comparison.verdict ? row_of(*comparison.verdict).exit_code : kExitUndecided;
}

}  // namespace mien::cli
