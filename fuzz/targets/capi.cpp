// Calls of the C interface with structs, pixels and files of anybody. The first byte says which call.
//
// Structs lie in memory of their struct_size and not a byte more, and pixels in what their fields promise, so that a
// sanitizer sees a read beyond.
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <memory>

#include "../input_reader.h"
#include "../scratch_file.h"
#include "mien/mien.h"
#include "support/tiny_models.h"

namespace mien::fuzz {
namespace {

constexpr int kStatusMax = MIEN_INTERNAL;
constexpr std::size_t kPixelBytesMax = std::size_t{1} << 20;

// A detector of fixed size, which finds a dozen faces at most, and an embedder.
struct Models {
  ScratchFile detector_file;
  ScratchFile embedder_file;
  std::string detector = detector_file.put(test::make_tiny_scrfd({.side = 64, .fixed_reshape = true}));
  std::string embedder = embedder_file.put(test::make_tiny_embedder({}));
};

const Models& models() {
  static const Models models;
  return models;
}

mien_engine* make_engine() {
  mien_engine_options options;
  mien_engine_options_init(&options, sizeof options);
  options.detector = models().detector.c_str();
  options.embedder = models().embedder.c_str();
  options.det_threshold = 0.999F;  // a face in few images: each costs a warp under a sanitizer
  options.pixels_max = 100'000;
  options.memory_bytes_max = std::uint64_t{64} << 20;
  options.frames_max = 100;
  options.seconds_max = 1;
  mien_engine* engine = nullptr;
  mien_error* error = nullptr;
  if (mien_engine_create(&options, &engine, &error) != MIEN_OK) {
    std::fprintf(stderr, "%s\n", mien_error_message(error));
    require(false, "an engine can be made");
  }
  return engine;
}

const mien_engine* shared_engine() {
  struct Free {
    void operator()(mien_engine* engine) const { mien_engine_free(engine); }
  };
  static const std::unique_ptr<mien_engine, Free> engine(make_engine());
  return engine.get();
}

// Every outcome is a status that is known, with an error that says something when and only when it failed.
void check(mien_status status, mien_error* error) {
  require(status >= MIEN_OK && status <= kStatusMax, "a status is one of those");
  if (status == MIEN_INTERNAL) std::fprintf(stderr, "%s\n", mien_error_message(error));
  require(status != MIEN_INTERNAL, "no input makes an internal error");
  require((status == MIEN_OK) == (error == nullptr), "an error comes with a status that says so");
  if (error == nullptr) return;
  require(mien_error_code(error) == status, "both say the same");
  const std::string_view message = mien_error_message(error);
  require(!message.empty() && message.find('\n') == std::string_view::npos, "a message is one line");
  mien_error_free(error);
}

// A struct of as many bytes as it says, and no more. Bytes beyond what is known here are mostly zero, as in programs.
template <typename Struct>
class Given {
 public:
  Given(InputReader& reader, const Struct& filled) {
    constexpr std::array<std::size_t, 8> kSizes = {sizeof(Struct),      sizeof(Struct),      sizeof(Struct),
                                                   sizeof(Struct),      sizeof(std::size_t), sizeof(Struct) / 2 / 8 * 8,
                                                   sizeof(Struct) + 16, sizeof(Struct) + 16};
    const int choice = reader.take_below(static_cast<int>(kSizes.size()));
    const std::size_t size = kSizes[static_cast<std::size_t>(choice)];
    memory_.reset(new std::uint8_t[size]());
    std::memcpy(memory_.get(), &filled, std::min(size, sizeof(Struct)));
    if (choice == 7) memory_[size - 1] = reader.take<std::uint8_t>();
    get()->struct_size = size;
  }
  Struct* get() { return reinterpret_cast<Struct*>(memory_.get()); }
  // Returns the whole struct as the library sees it: fields that the memory has no room for are zero.
  Struct seen() {
    Struct whole{};
    std::memcpy(&whole, memory_.get(), std::min(get()->struct_size, sizeof whole));
    return whole;
  }
  // Changes what it has room for.
  void set(const Struct& whole) { std::memcpy(memory_.get(), &whole, std::min(get()->struct_size, sizeof whole)); }

 private:
  std::unique_ptr<std::uint8_t[]> memory_;
};

mien_analyze_options take_options(InputReader& reader) {
  mien_analyze_options options;
  mien_analyze_options_init(&options, sizeof options);
  options.embed = reader.take_below(3);
  options.face_quality = reader.take_below(2);
  options.image_quality = reader.take_below(2);
  options.phash = reader.take_below(2);
  options.enhance = reader.take_below(8) == 0 ? 1 : 0;
  options.rotations = reader.take_below(4) == 0 ? 1 : 0;
  options.detail = reader.take_below(4) == 0 ? MIEN_DETAIL_OFF : MIEN_DETAIL_AUTO;
  options.min_quality = reader.take_flag() ? reader.take<double>() : 0;
  return options;
}

std::int64_t take_stride(InputReader& reader) {
  switch (reader.take_below(4)) {
    case 0: return 0;
    case 1: return reader.take<std::int64_t>();
    default: return reader.take<std::uint16_t>();
  }
}

std::unique_ptr<std::uint8_t[]> copy_of(Input seed, std::size_t size) {
  std::unique_ptr<std::uint8_t[]> memory(new std::uint8_t[size]);
  for (std::size_t i = 0; i < size; ++i) memory[i] = seed.empty() ? 128 : seed[i % seed.size()];
  return memory;
}

// Bytes from the first to behind the last of `rows` rows; 0 when that is more than a test can have.
std::size_t span_of(double stride, double row_bytes, double rows) {
  if (row_bytes < 1 || rows < 1) return 1;
  const double span = (rows - 1) * (stride == 0 ? row_bytes : std::max(stride, 0.0)) + row_bytes;
  return span < static_cast<double>(kPixelBytesMax) ? static_cast<std::size_t>(span) : 0;
}

// Strides with which rows lie beyond all memory, which must be refused before a pixel is read.
bool is_beyond_memory(const mien_pixels& pixels) {
  const double rows = std::max(pixels.height, 1);
  constexpr double kReach = 9.3e18;
  return static_cast<double>(pixels.stride) * rows > kReach ||
         static_cast<double>(pixels.chroma_stride) * rows > kReach;
}

mien_pixels take_geometry(InputReader& reader) {
  mien_pixels fields{};
  const bool is_small = reader.take_below(8) != 0;
  fields.width = is_small ? reader.take<std::uint8_t>() : reader.take<std::int32_t>();
  fields.height = is_small ? reader.take<std::uint8_t>() : reader.take<std::int32_t>();
  fields.format = reader.take_below(7);  // one more than there are
  fields.colours = reader.take_below(5);
  fields.stride = take_stride(reader);
  fields.chroma_stride = take_stride(reader);
  fields.orientation = reader.take_below(10);
  return fields;
}

// Pixels, and exactly the memory that their fields promise.
class Pixels {
 public:
  explicit Pixels(InputReader& reader) : given_(reader, take_geometry(reader)) {
    mien_pixels fields = given_.seen();
    const bool is_nv12 = fields.format == MIEN_PIXELS_NV12;
    const bool own_plane = is_nv12 && reader.take_flag() && fields.struct_size > offsetof(mien_pixels, chroma_stride);
    const Input seed = reader.take_part();
    const std::size_t chroma_size = is_nv12 ? chroma_bytes(fields) : 1;
    const std::size_t size = plane_bytes(fields, is_nv12 && !own_plane);
    can_be_had_ = chroma_size != 0 && size != 0;
    if (!can_be_had_) return;
    memory_ = copy_of(seed, own_plane || !is_nv12 ? size : size + chroma_size);
    if (own_plane) chroma_ = copy_of(seed, chroma_size);
    fields.data = reader.take_below(16) == 0 ? nullptr : memory_.get();
    fields.chroma = chroma_.get();
    given_.set(fields);
  }
  // False when the fields promise more memory than a test can have: a program that says so has it.
  bool can_be_had() const { return can_be_had_; }
  const mien_pixels* get() { return given_.get(); }

 private:
  // Returns the bytes of the first plane; up to where the next one would begin when something lies behind it.
  static std::size_t plane_bytes(const mien_pixels& fields, bool to_next_row) {
    constexpr int kBytes[] = {3, 3, 1, 4, 4, 1, 1};
    if (is_beyond_memory(fields)) return 1;
    const double row_bytes = static_cast<double>(fields.width) * kBytes[fields.format];
    if (!to_next_row) return span_of(static_cast<double>(fields.stride), row_bytes, fields.height);
    return span_of(0, fields.stride == 0 ? row_bytes : static_cast<double>(fields.stride), fields.height);
  }
  static std::size_t chroma_bytes(const mien_pixels& fields) {
    if (is_beyond_memory(fields)) return 1;
    const std::int64_t stride = fields.chroma_stride == 0 ? fields.stride : fields.chroma_stride;
    return span_of(static_cast<double>(stride), fields.width, fields.height / 2);
  }

  Given<mien_pixels> given_;
  std::unique_ptr<std::uint8_t[]> memory_;
  std::unique_ptr<std::uint8_t[]> chroma_;
  bool can_be_had_ = false;
};

void read_all(const mien_analysis* analysis) {
  require(mien_analysis_width(analysis) > 0 && mien_analysis_height(analysis) > 0, "an analysis is of pixels");
  require(mien_analysis_format(analysis)[0] != '\0', "the format has a name");
  for (std::size_t i = 0; i <= mien_analysis_face_count(analysis); ++i) {
    mien_face face{};
    face.struct_size = sizeof face;
    const bool is_there = i < mien_analysis_face_count(analysis);
    require((mien_analysis_face(analysis, i, &face) != 0) == is_there, "faces are as many as counted");
    if (!is_there) break;
    require(std::isfinite(face.bbox.x1 + face.bbox.y1 + face.bbox.x2 + face.bbox.y2), "boxes are numbers");
    require(face.det_score >= 0 && face.det_score <= 1, "a score is from 0 to 1");
    require((face.embedding != nullptr) == (face.dimension != 0), "an embedding has a dimension");
    for (std::size_t k = 0; k < face.dimension; ++k) require(std::isfinite(face.embedding[k]), "of numbers");
    mien_quality quality{};
    quality.struct_size = sizeof quality;
    if (mien_analysis_face_quality(analysis, i, &quality) != 0) {
      require(quality.overall_score >= 0 && quality.overall_score <= 1, "quality is from 0 to 1");
    }
    float similarity = 0;
    mien_error* error = nullptr;
    const mien_status status = mien_compare_faces(analysis, i, analysis, 0, &similarity, &error);
    check(status, error);
  }
  for (std::size_t i = 0; mien_analysis_warning(analysis, i) != nullptr; ++i) {
    require(i < mien_analysis_warning_count(analysis), "warnings are as many as counted");
  }
}

void finish(mien_status status, mien_error* error, mien_analysis* analysis) {
  check(status, error);
  require((status == MIEN_OK) == (analysis != nullptr), "an analysis comes when all went well");
  if (analysis != nullptr) read_all(analysis);
  mien_analysis_free(analysis);
}

// A call that makes a JPEG.
template <typename Call>
void make_jpeg(Call call) {
  mien_buffer* jpeg = nullptr;
  mien_error* error = nullptr;
  const mien_status status = call(&jpeg, &error);
  check(status, error);
  require((status == MIEN_OK) == (mien_buffer_size(jpeg) > 0), "a JPEG comes when all went well");
  mien_buffer_free(jpeg);
}

// --- the calls ---------------------------------------------------------------------------------------------------

void analyze(InputReader& reader) {
  Given<mien_analyze_options> options(reader, take_options(reader));
  const Input image = reader.take_rest();
  mien_analysis* analysis = nullptr;
  mien_error* error = nullptr;
  const mien_status status =
      mien_analyze(shared_engine(), image.data(), image.size(), options.get(), nullptr, &analysis, &error);
  finish(status, error, analysis);
}

void analyze_pixels(InputReader& reader) {
  Given<mien_analyze_options> options(reader, take_options(reader));
  Pixels pixels(reader);
  if (!pixels.can_be_had()) return;
  mien_analysis* analysis = nullptr;
  mien_error* error = nullptr;
  const mien_status status =
      mien_analyze_pixels(shared_engine(), pixels.get(), options.get(), nullptr, &analysis, &error);
  finish(status, error, analysis);
}

void analyze_batch(InputReader& reader) {
  Given<mien_analyze_options> options(reader, take_options(reader));
  constexpr std::size_t kImages = 3;
  std::array<mien_bytes, kImages> images{};
  for (mien_bytes& image : images) {
    const std::size_t size = reader.take<std::uint16_t>() % 2048;
    const Input bytes = &image == &images.back() ? reader.take_rest() : reader.take_bytes(size);
    image = {bytes.data(), bytes.size()};
  }
  std::array<mien_analysis*, kImages> analyses{};
  std::array<mien_error*, kImages> errors{};
  mien_error* error = nullptr;
  const mien_status status = mien_analyze_batch(shared_engine(), images.data(), kImages, options.get(), nullptr,
                                                nullptr, nullptr, analyses.data(), errors.data(), &error);
  check(status, error);
  for (std::size_t i = 0; i < kImages; ++i) {
    if (status == MIEN_OK) require((analyses[i] == nullptr) != (errors[i] == nullptr), "one of the two is set");
    if (errors[i] != nullptr) check(mien_error_code(errors[i]), errors[i]);
    if (analyses[i] != nullptr) read_all(analyses[i]);
    mien_analysis_free(analyses[i]);
  }
}

mien_quality empty_quality() {
  mien_quality quality{};
  quality.struct_size = sizeof quality;
  return quality;
}

void assess(InputReader& reader) {
  Given<mien_quality> quality(reader, empty_quality());
  const Input image = reader.take_rest();
  std::int32_t width = 0;
  mien_error* error = nullptr;
  const mien_status status = mien_assess_quality(image.data(), image.size(), quality.get(), &width, nullptr, &error);
  check(status, error);
}

void assess_pixels(InputReader& reader) {
  Given<mien_quality> quality(reader, empty_quality());
  const mien_box box = reader.take<mien_box>();
  const bool has_box = reader.take_flag();
  Pixels pixels(reader);
  if (!pixels.can_be_had()) return;
  mien_error* error = nullptr;
  const mien_status status = mien_assess_pixels(pixels.get(), has_box ? &box : nullptr, quality.get(), &error);
  check(status, error);
}

void enhance(InputReader& reader) {
  const Input image = reader.take_rest();
  double scale = 0;
  make_jpeg([&](mien_buffer** jpeg, mien_error** error) {
    return mien_enhance(image.data(), image.size(), jpeg, &scale, error);
  });
}

void crop(InputReader& reader) {
  const mien_box box = reader.take<mien_box>();
  const double margin = reader.take_flag() ? reader.take<double>() : 0.2;
  const Input image = reader.take_rest();
  make_jpeg([&](mien_buffer** jpeg, mien_error** error) {
    return mien_crop(image.data(), image.size(), box, margin, jpeg, error);
  });
}

void thumbnail(InputReader& reader) {
  const bool is_small = reader.take_below(8) != 0;
  const std::int32_t width = is_small ? reader.take<std::uint8_t>() : reader.take<std::int32_t>();
  const std::int32_t height = is_small ? reader.take<std::uint8_t>() : reader.take<std::int32_t>();
  const Input image = reader.take_rest();
  make_jpeg([&](mien_buffer** jpeg, mien_error** error) {
    return mien_thumbnail(image.data(), image.size(), width, height, jpeg, error);
  });
}

void hash(InputReader& reader) {
  const Input image = reader.take_rest();
  char text[17] = "";
  mien_error* error = nullptr;
  const mien_status status = mien_phash(image.data(), image.size(), text, &error);
  require(std::strlen(text) == (status == MIEN_OK ? 16 : 0), "a hash has 16 digits");
  check(status, error);
}

void create_engine(InputReader& reader) {
  const std::string name = reader.take_text();
  const std::string value = reader.take_text();
  const std::array<mien_setting, 2> settings = {mien_setting{name.c_str(), value.c_str()},
                                                mien_setting{"MIEN_MODEL_DIR", "/nonexistent"}};
  const std::string detector = reader.take_flag() ? models().detector : reader.take_text();
  mien_engine_options options;
  mien_engine_options_init(&options, sizeof options);
  options.detector = detector.c_str();
  options.load_embedder = 0;
  options.precision = reader.take_below(5) - 1;
  options.det_threshold = reader.take<float>();
  options.settings = settings.data();
  options.settings_count = reader.take_below(3);
  Given<mien_engine_options> given(reader, options);
  mien_engine* engine = nullptr;
  mien_error* error = nullptr;
  const mien_status status = mien_engine_create(given.get(), &engine, &error);
  require((status == MIEN_OK) == (engine != nullptr), "an engine comes when all went well");
  check(status, error);
  mien_engine_free(engine);
}

void scan(InputReader& reader) {
  static ScratchFile source;
  static ScratchFile out;
  mien_analyze_options analyze = take_options(reader);
  mien_scan_options options;
  mien_scan_options_init(&options, sizeof options);
  const Input earlier = reader.take_part();
  options.resume = reader.take_flag() ? 1 : 0;
  options.force = reader.take_flag() ? 1 : 0;
  options.embeddings = reader.take_below(4);
  options.threshold = reader.take<float>();
  options.threads = reader.take_below(4) - 1;
  const std::string image = source.put(reader.take_rest());
  const std::string records = out.put(earlier);
  const char* const sources[] = {image.c_str(), image.c_str()};
  options.sources = sources;
  options.sources_count = std::size(sources);
  options.out_path = records.c_str();
  options.analyze = &analyze;
  mien_scan_summary summary{};
  summary.struct_size = sizeof summary;
  mien_error* error = nullptr;
  const mien_status status = mien_scan(shared_engine(), &options, &summary, &error);
  if (status == MIEN_OK) require(summary.failed <= summary.images, "parts are no more than the whole");
  check(status, error);
}

constexpr void (*kCalls[])(InputReader&) = {
    analyze, analyze_pixels, analyze_batch, assess, assess_pixels, enhance, crop, thumbnail, hash, create_engine, scan};

}  // namespace
}  // namespace mien::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mien::fuzz;
  InputReader reader({data, size});
  kCalls[reader.take_below(static_cast<int>(std::size(kCalls)))](reader);
  return 0;
}
