#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/json.h"
#include "cli/text.h"

namespace mien::cli {
namespace {

constexpr int kExitSame = 0;
constexpr int kExitDifferent = 1;
constexpr int kExitNoFace = 4;

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
  bool complete() const { return a.largest && b.largest; }
  bool same() const { return complete() && similarity >= threshold; }
};

Photo look_at(const Engine& engine, const std::string& path, const AnalyzeOptions& options) {
  const std::vector<std::uint8_t> bytes = read_image(path).take();
  Analysis analysis = take(engine.analyze(bytes, options), path);
  const Face* const largest = largest_face(analysis);
  std::optional<std::size_t> index;
  if (largest != nullptr) index = static_cast<std::size_t>(largest - analysis.faces.data());
  return {path, std::move(analysis), index};
}

nlohmann::ordered_json photo_json(const Photo& photo) {
  nlohmann::ordered_json result = {{"source", photo.path}, {"faces", photo.face_count()}};
  if (photo.largest) {
    const Box& box = photo.face().bbox;
    result["bbox"] = {box.x1, box.y1, box.x2, box.y2};
    result["det_score"] = photo.face().det_score;
  }
  result["warnings"] = photo.analysis.warnings;
  return result;
}

void print_json(Terminal& terminal, const Comparison& comparison) {
  nlohmann::ordered_json result = {{"same", nullptr}, {"similarity", nullptr}};
  if (comparison.complete()) {
    result["same"] = comparison.same();
    result["similarity"] = comparison.similarity;
  }
  result["threshold"] = comparison.threshold;
  result["threshold_source"] = comparison.threshold_source;
  result["model"] = comparison.model;
  result["a"] = photo_json(comparison.a);
  result["b"] = photo_json(comparison.b);
  terminal.print(json_text(result));
}

void print_text(Terminal& terminal, const Comparison& comparison) {
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
    }
    terminal.print(wrap(text, width, 2) + "\n");
  }
  if (!comparison.complete()) return;
  const bool same = comparison.same();
  terminal.print(terminal.styled(same ? Style::good : Style::bad, same ? "the same person" : "different people") +
                 "\n" +
                 wrap(fmt::format("similarity {:.3f}, threshold {:.3f} ({})", comparison.similarity,
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
  Arguments arguments("mien compare",
                      "Compares the largest face of photo A with that of photo B. Exit code: 0 the "
                      "same person, 1 different people, 4 no face in one of them, 2 for every "
                      "other failure (3: no GPU).");
  arguments.positionals({"A B", 2, 2}, photos);
  arguments.number({"--threshold", "T",
                    "cosine similarity from which on it is the same person; "
                    "otherwise the model's own for a false match rate of "
                    "1e-3"},
                   {-1, 1}, [&](double value) { threshold = static_cast<float>(value); });
  arguments.flag({"--json", "", "print JSON"}, json);
  arguments.flag({"--rotations", "", "also look for faces in the photos turned by 90, 180, 270"}, analyze.rotations);
  add_model_options(arguments, engine_options, sources);
  add_gpu_options(arguments, sources);
  arguments.example("mien compare passport.jpg selfie.jpg", "print the similarity and the verdict");
  arguments.example("mien compare a.jpg b.jpg > /dev/null && echo same", "use it in a script");
  if (!parse_or_help(call, arguments)) return 0;

  load_engine_settings(call.terminal, sources, engine_options);
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
  }
  for (const Photo* photo : {&comparison.a, &comparison.b}) {
    note_warnings(call.terminal, photo->path, photo->analysis.warnings);
  }
  (json ? print_json : print_text)(call.terminal, comparison);
  if (!comparison.complete()) return kExitNoFace;
  return comparison.same() ? kExitSame : kExitDifferent;
}

}  // namespace mien::cli
