// Commands that make one picture from another: enhance, crop, thumbnail.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <filesystem>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/text.h"
#include "service/views.h"

namespace mien::cli {
namespace {

struct Paths {
  std::vector<std::string> both;  // IN OUT
  bool force = false;
  bool sandbox = false;
  SettingsSources sources;
  const std::string& in() const { return both[0]; }
  const std::string& out() const { return both[1]; }
};

void declare(Arguments& arguments, Paths& paths) {
  arguments.positionals({"IN OUT", 2, 2}, paths.both);
  arguments.flag({"--force", "", "overwrite OUT when it exists"}, paths.force);
}

// A JPEG is what is written. Under the name of something else, other programs would refuse it or be misled; a name
// without an ending, or with one that is no format's, says nothing.
void check_name(const Arguments& arguments, const std::string& path) {
  constexpr std::string_view kNames[] = {".jpg", ".jpeg", ".jpe", ".jfif"};
  constexpr std::size_t kEndingMax = 6;  // with its dot
  std::string ending = std::filesystem::path(path).extension().string();
  const auto is_letter = [](unsigned char c) { return std::isalpha(c) != 0; };
  const auto is_plain = [](unsigned char c) { return std::isalnum(c) != 0; };
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const bool says_format = ending.size() > 1 && ending.size() <= kEndingMax &&
                           std::all_of(ending.begin() + 1, ending.end(), is_plain) &&
                           std::any_of(ending.begin() + 1, ending.end(), is_letter);
  if (!says_format || std::find(std::begin(kNames), std::end(kNames), ending) != std::end(kNames)) return;
  arguments.fail(fmt::format("{} cannot be written: a JPEG is made, and the name says another format", path),
                 "use a name that ends in .jpg, .jpeg, .jpe or .jfif");
}

// Parses the command line; false when help was printed.
bool parse_paths(const Call& call, Arguments& arguments, const Paths& paths) {
  if (!parse_or_help(call, arguments)) return false;
  check_name(arguments, paths.out());
  return true;
}

// Shows the warnings of IN on stderr.
std::function<void(const std::string&)> warnings_to(const Call& call, const Paths& paths) {
  return [&call, &paths](const std::string& warning) { note_warnings(call.terminal, paths.in(), {warning}); };
}

// For an image whose warnings were shown.
InputOptions silent(InputOptions input) {
  input.on_warning = [](const std::string&) {};
  return input;
}

InputOptions open_picture(const Call& call, const Paths& paths) {
  InputOptions input = open_input({}, paths.sandbox, load(call.terminal, paths.sources));
  input.on_warning = warnings_to(call, paths);
  return input;
}

bool is_jpeg(Bytes bytes) { return bytes.size() > 1 && bytes[0] == 0xFF && bytes[1] == 0xD8; }

void write(const Call& call, const Paths& paths, const std::vector<std::uint8_t>& bytes, const std::string& what,
           const InputOptions& input) {
  write_image({.path = paths.out(), .force = paths.force}, bytes);
  call.terminal.note(fmt::format("{}: {}\n", printable(paths.out()), what));
  note_placement(call.terminal, input);
}

// Whole numbers between separators, "150x150"; false when the text is anything else.
template <std::size_t N>
bool read_numbers(std::string_view text, char separator, std::array<int, N>& numbers) {
  for (std::size_t i = 0; i < N; ++i) {
    if (i > 0) {
      if (text.empty() || text.front() != separator) return false;
      text.remove_prefix(1);
    }
    const std::from_chars_result result = std::from_chars(text.data(), text.data() + text.size(), numbers[i]);
    if (result.ec != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(result.ptr - text.data()));
  }
  return text.empty();
}

struct CropOptions {
  Paths paths;
  EngineOptions engine;
  AnalyzeOptions analyze;
  int face = 0;  // from 1 by falling score; 0: the largest
  double margin = 0.2;
  std::optional<Box> box;
};

void declare(Arguments& arguments, CropOptions& options) {
  declare(arguments, options.paths);
  arguments.integer({"--face", "N", "which face, as 'mien faces' counts; otherwise the largest"}, {1, 100'000},
                    options.face);
  arguments.custom({"--box", "X1,Y1,X2,Y2", "cut this out, without looking for faces"}, [&](const std::string& value) {
    std::array<int, 4> at{};
    const bool valid = read_numbers(value, ',', at) && at[0] < at[2] && at[1] < at[3];
    if (!valid) {
      arguments.fail(fmt::format("--box={} is not valid", value), "use four whole numbers, left,top,right,bottom");
    }
    options.box =
        Box{static_cast<float>(at[0]), static_cast<float>(at[1]), static_cast<float>(at[2]), static_cast<float>(at[3])};
  });
  arguments.number({"--margin", "M", "how much more on each side, as a part of the box (0.2)"}, {0, 10},
                   [&](double value) { options.margin = value; });
  add_detail_option(arguments, options.paths.sources);
  arguments.flag({"--rotations", "", "also look for faces in the image turned by 90, 180, 270"},
                 options.analyze.rotations);
  add_model_options(arguments, options.engine, options.paths.sources);
  add_gpu_options(arguments, options.paths.sources);
  arguments.example("mien crop group.jpg face.jpg --face 2", "the second face of 'mien faces'");
}

// Nothing when the image shows no face, or fewer than asked for.
std::optional<Box> find_box(const Call& call, const CropOptions& options, Bytes bytes) {
  const Engine engine(options.engine);
  const Analysis analysis = take(engine.analyze(bytes, options.analyze), options.paths.in());
  note_warnings(call.terminal, options.paths.in(), analysis.warnings);
  const std::vector<Face>& faces = analysis.faces;
  if (options.face > 0) {
    const std::size_t index = static_cast<std::size_t>(options.face) - 1;
    return index < faces.size() ? std::optional<Box>(faces[index].bbox) : std::nullopt;
  }
  const std::optional<std::size_t> largest = service::largest_face(analysis);
  return largest ? std::optional<Box>(faces[*largest].bbox) : std::nullopt;
}

}  // namespace

int run_enhance(const Call& call) {
  Paths paths;
  Arguments arguments("mien enhance",
                      "Enlarges a small image (narrower than 500 or lower than 400 pixels), raises "
                      "contrast and sharpness, and writes a JPEG. A larger JPEG is copied as it is, and a "
                      "larger image of another format becomes a JPEG without other changes.");
  declare(arguments, paths);
  add_sandbox_option(arguments, paths.sandbox);
  add_gpu_options(arguments, paths.sources);
  arguments.example("mien enhance tiny.jpg better.jpg", "write the enhanced image");
  if (!parse_paths(call, arguments, paths)) return 0;
  const InputOptions input = open_picture(call, paths);
  const std::vector<std::uint8_t> bytes = read_image(paths.in()).take();
  const EnhancedImage image = take(enhance_image(bytes, input), paths.in());
  if (image.bytes != bytes) {
    const std::string what = fmt::format("enlarged {} times, contrast and sharpness raised", image.scale);
    write(call, paths, image.bytes, what, input);
  } else if (is_jpeg(bytes)) {
    write(call, paths, bytes, "large enough, copied as it is", input);
  } else {
    constexpr Box kWhole = {0, 0, 1e6F, 1e6F};  // it is clipped
    const Result<std::vector<std::uint8_t>> jpeg = crop_face(bytes, kWhole, 0, silent(input));
    write(call, paths, take(jpeg, paths.in()), "large enough, made a JPEG and nothing else", input);
  }
  return 0;
}

int run_crop(const Call& call) {
  CropOptions options;
  options.engine.load_embedder = false;
  options.analyze.embed = false;
  options.analyze.face_quality = false;
  Arguments arguments("mien crop", "Cuts a face out of an image, with a margin, as a JPEG.");
  declare(arguments, options);
  if (!parse_paths(call, arguments, options.paths)) return 0;
  load_engine_settings(call.terminal, options.paths.sources, options.engine);
  options.analyze.detail = options.engine.settings.detail;
  InputOptions input = open_input(options.engine.limits, options.engine.sandbox, options.engine.settings);
  input.on_warning = warnings_to(call, options.paths);
  const std::vector<std::uint8_t> bytes = read_image(options.paths.in()).take();
  const std::optional<Box> box = options.box ? options.box : find_box(call, options, bytes);
  if (!box) {
    throw Exception(ErrorCode::not_found,
                    fmt::format("there is no {}: {}: look at 'mien faces'",
                                options.face > 0 ? fmt::format("face {}", options.face) : "face", options.paths.in()));
  }
  // To find the face, the image was decoded before, and its warnings were said.
  const InputOptions& again = options.box ? input : silent(input);
  write(call, options.paths, take(crop_face(bytes, *box, options.margin, again), options.paths.in()), "cut out", input);
  return 0;
}

int run_thumbnail(const Call& call) {
  Paths paths;
  std::array<int, 2> size = {150, 150};
  Arguments arguments("mien thumbnail",
                      "Makes a small JPEG of an image: upright, with its aspect ratio, never "
                      "enlarged.");
  declare(arguments, paths);
  add_sandbox_option(arguments, paths.sandbox);
  add_gpu_options(arguments, paths.sources);
  arguments.custom({"--size", "WIDTHxHEIGHT", "fit inside this many pixels (150x150)"}, [&](const std::string& value) {
    constexpr int kSideMax = 10'000;
    const bool valid =
        read_numbers(value, 'x', size) && std::min(size[0], size[1]) >= 1 && std::max(size[0], size[1]) <= kSideMax;
    if (valid) return;
    arguments.fail(fmt::format("--size={} is not valid", value),
                   fmt::format("use two whole numbers from 1 to {}, 150x150", kSideMax));
  });
  arguments.example("mien thumbnail photo.jpg small.jpg --size 320x240", "write small.jpg");
  if (!parse_paths(call, arguments, paths)) return 0;
  const InputOptions input = open_picture(call, paths);
  const std::vector<std::uint8_t> bytes = read_image(paths.in()).take();
  write(call, paths, take(create_thumbnail(bytes, size[0], size[1], input), paths.in()),
        fmt::format("at most {}x{} pixels", size[0], size[1]), input);
  return 0;
}

}  // namespace mien::cli
