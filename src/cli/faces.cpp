#include <fmt/format.h>
#include <sys/stat.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/table.h"
#include "mien/file.h"
#include "mien/scan.h"

namespace mien::cli {
namespace {

struct FacesOptions {
  SettingsSources sources;
  EngineOptions engine;
  ScanOptions scan;
  std::vector<std::string> images;
  bool json = false;
};

void declare(Arguments& arguments, FacesOptions& options) {
  arguments.positionals({"IMAGE...", 1, SIZE_MAX}, options.images);
  arguments.flag({"--json", "", "print JSON lines, as 'mien scan' writes them"}, options.json);
  add_detail_option(arguments, options.sources);
  arguments.flag({"--rotations", "", "also look for faces in the image turned by 90, 180, 270"},
                 options.scan.analyze.rotations);
  arguments.flag({"--enhance", "", "enlarge and sharpen small images first"}, options.scan.analyze.enhance);
  add_min_face_option(arguments, options.scan.analyze);
  add_model_options(arguments, options.engine, options.sources);
  add_gpu_options(arguments, options.sources);
  arguments.example("mien faces group.jpg", "every face with its place, size and quality");
  arguments.example("mien faces --json a.jpg | jq .faces", "the same for a program");
  arguments.example("curl -L ADDRESS | mien faces -", "an image on standard input");
}

// Calls `take` with one record an image, in the order of the command line.
template <typename Take>
void analyze_all(const Engine& engine, const FacesOptions& options, const Take& take) {
  ScanOptions run = options.scan;
  const auto flush = [&] {
    if (!run.sources.empty()) {
      scan(engine, run, {.on_record = take, .on_progress = nullptr});
    }
    run.sources.clear();
  };
  for (const std::string& image : options.images) {
    struct stat status {};
    if (is_standard_input(image) || ::stat(image.c_str(), &status) == 0) {
      run.sources.push_back(image);
      continue;
    }
    // A scan refuses to start without one of its sources; here the other images still count.
    flush();
    Record record;
    record.source = image;
    record.error =
        is_address(image) ? read_image(image).error() : Error{ErrorCode::not_found, "no such file: " + image};
    take(record, record_to_json(record, EmbeddingFormat::none));
  }
  flush();
}

void add_rows(Table& table, const Record& record) {
  const std::vector<Face>& faces = record.analysis.faces;
  if (faces.empty()) table.add({record.source, "none", "-", "-", "-", "-", "-", "-"});
  for (std::size_t i = 0; i < faces.size(); ++i) {
    const Face& face = faces[i];
    std::string quality = "-";
    std::string recognition = "-";
    std::string pose = "-";
    if (face.recognition_quality) recognition = fmt::format("{:.2f}", *face.recognition_quality);
    if (face.poor_reason) recognition += fmt::format(" {}", poor_reason_name(*face.poor_reason));
    if (face.quality) {
      quality = fmt::format("{:.2f}", face.quality->overall_score);
      const std::optional<PoseAngles>& angles = face.quality->pose_angles;
      if (angles) {
        pose = fmt::format("{:+.0f} {:+.0f} {:+.0f}", angles->yaw, angles->pitch, angles->roll);
      }
    }
    if (face.rotation != 0) pose += fmt::format(" (turned {})", face.rotation);
    table.add({record.source, std::to_string(i + 1), fmt::format("{:.3f}", face.det_score),
               fmt::format("{:.0f},{:.0f}", face.bbox.x1, face.bbox.y1),
               fmt::format("{:.0f}x{:.0f}", face.face_width(), face.face_height()), quality, recognition, pose});
  }
}

}  // namespace

int run_faces(const Call& call) {
  FacesOptions options;
  options.engine.load_embedder = false;
  options.scan.analyze.embed = false;
  options.scan.analyze.phash = true;
  Arguments arguments("mien faces",
                      "Finds the faces of a few images and prints them as a table: number, score "
                      "of the detector (0 to 1), top left corner, size in pixels, quality (0 to 1), "
                      "recognition quality (0 to 1) and pose (yaw, pitch, roll in degrees).");
  declare(arguments, options);
  if (!parse_or_help(call, arguments)) return 0;

  load_engine_settings(call.terminal, options.sources, options.engine);
  options.scan.analyze.detail = options.engine.settings.detail;
  call.terminal.make_out_private();
  const Engine engine(options.engine);
  Table table({shrinking("image", Keep::end), right("face"), right("score"), right("corner"), right("size"),
               right("quality"), right("recognition"), right("pose")});
  std::size_t failed = 0;
  std::size_t listed = 0;
  analyze_all(engine, options, [&](const Record& record, const std::string& json_line) {
    if (options.json) call.terminal.print(json_line + "\n");
    note_warnings(call.terminal, record.source, record.analysis.warnings);
    if (record.error) {
      ++failed;
      call.terminal.note(fmt::format("mien: {}\n", complaint(record.source, *record.error)));
      return;
    }
    ++listed;
    add_rows(table, record);
  });
  if (!options.json && listed > 0) {
    call.terminal.print(
        table.render(call.terminal.table_width()) +
        legend(call.terminal,
               "score: how sure the detector is, 0 to 1; corner: top left, in pixels; size: pixels; "
               "quality: overall, 0 to 1; recognition: how far the face can be recognised, 0 to 1, poor below 0.5; "
               "pose: yaw, pitch and roll in degrees, and with --rotations how the face is turned, clockwise"));
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace mien::cli
