// The engine and its calls.
#include <span>

#include "capi/handles.h"
#include "mien/settings.h"

namespace mien::capi {
namespace {

// 0 stands for the default.
template <typename Target, typename Value>
void set_limit(Target& target, Value value) {
  if (value > 0) target = static_cast<Target>(std::min<std::uint64_t>(static_cast<std::uint64_t>(value), INT64_MAX));
}

Settings read_settings(const mien_engine_options& options) {
  SettingsSources sources;
  if (options.settings == nullptr && options.settings_count > 0) fail("settings is a null pointer");
  for (std::size_t i = 0; i < options.settings_count; ++i) {
    const mien_setting& setting = options.settings[i];
    if (setting.name == nullptr || setting.value == nullptr) {
      fail("setting " + std::to_string(i) + " has no name or no value");
    }
    sources.overrides.push_back({setting.name, setting.value, std::string("mien_engine_options ") + setting.name});
  }
  return load_settings(sources);
}

EngineOptions read_engine_options(const mien_engine_options* given) {
  mien_engine_options options{};
  mien_engine_options_init(&options, sizeof options);
  if (given != nullptr) read_struct(given, options);
  if (options.precision < MIEN_PRECISION_EXACT || options.precision > MIEN_PRECISION_FAST) {
    fail("there is no precision number " + std::to_string(options.precision));
  }
  EngineOptions result;
  result.settings = read_settings(options);
  // Nobody knows how many images a program will hand in. Where no GPU is asked for, equal calls keep equal runtimes.
  result.many_images = result.settings.wants_gpu();
  result.detector = or_empty(options.detector);
  result.embedder = or_empty(options.embedder);
  result.precision = static_cast<Precision>(options.precision);
  result.load_embedder = options.load_embedder != 0;
  if (options.det_threshold >= 0) result.det_threshold = options.det_threshold;
  result.sandbox = options.sandbox != 0;
  set_limit(result.limits.bytes_max, options.image_bytes_max);
  set_limit(result.limits.pixels_max, options.pixels_max);
  set_limit(result.limits.side_max, options.side_max);
  set_limit(result.limits.memory_bytes_max, options.memory_bytes_max);
  set_limit(result.limits.frames_max, options.frames_max);
  if (options.seconds_max > 0) result.limits.seconds_max = options.seconds_max;
  return result;
}

void give(Result<Analysis> analysis, mien_analysis** out) { *out = new mien_analysis{std::move(analysis).take()}; }

// The parts that every call of the engine needs, checked once.
struct Call {
  Workspace own;
  Workspace* workspace;
  AnalyzeOptions options;
};

Call open_call(const mien_engine* engine, const mien_analyze_options* options, mien_workspace* workspace) {
  if (engine == nullptr) fail("the engine is a null pointer");
  return {{}, workspace != nullptr ? &workspace->workspace : nullptr, read_options(options)};
}

Workspace& workspace_of(Call& call) { return call.workspace != nullptr ? *call.workspace : call.own; }

std::vector<Bytes> read_images(const mien_bytes* images, std::size_t count) {
  if (images == nullptr && count > 0) fail("images is a null pointer");
  std::vector<Bytes> result;
  for (std::size_t i = 0; i < count; ++i) {
    if (images[i].data == nullptr && images[i].size > 0) {
      fail("image " + std::to_string(i) + " is a null pointer");
    }
    result.emplace_back(images[i].data, images[i].size);
  }
  return result;
}

void give_each(std::vector<Result<Analysis>>& results, mien_analysis** analyses, mien_error** errors) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    mien_error* error = nullptr;
    mien_error** const wanted = errors != nullptr ? &error : nullptr;
    (void)guard(wanted, [&] { give(std::move(results[i]), &analyses[i]); });
    if (errors != nullptr) errors[i] = error;
  }
}

mien_bool give_threshold(const std::optional<float>& value, float* threshold) {
  if (!value || threshold == nullptr) return 0;
  *threshold = *value;
  return 1;
}

const ModelInfo* embedder_of(const mien_engine* engine) {
  return engine != nullptr ? engine->engine.embedder() : nullptr;
}

}  // namespace

AnalyzeOptions read_options(const mien_analyze_options* given) {
  mien_analyze_options options{};
  mien_analyze_options_init(&options, sizeof options);
  if (given != nullptr) read_struct(given, options);
  if (options.detail < MIEN_DETAIL_AUTO || options.detail > MIEN_DETAIL_FULL) {
    fail("there is no detail number " + std::to_string(options.detail));
  }
  AnalyzeOptions result;
  result.embed = options.embed != 0;
  result.face_quality = options.face_quality != 0;
  result.image_quality = options.image_quality != 0;
  result.phash = options.phash != 0;
  result.enhance = options.enhance != 0;
  result.rotations = options.rotations != 0;
  result.min_quality = options.min_quality;
  result.min_face = options.min_face;
  result.detail = static_cast<Detail>(options.detail);
  if (!(options.det_threshold < 0)) result.det_threshold = options.det_threshold;
  if (options.stop != nullptr) result.stop = options.stop->source.get_token();
  return result;
}

PixelView read_pixels(const mien_pixels* given) {
  if (given == nullptr) fail("the pixels are a null pointer");
  mien_pixels pixels{};
  read_struct(given, pixels);
  PixelView view;
  view.data = pixels.data;
  view.width = pixels.width;
  view.height = pixels.height;
  view.format = static_cast<PixelFormat>(pixels.format);
  view.stride = static_cast<std::ptrdiff_t>(pixels.stride);
  view.chroma = pixels.chroma;
  view.chroma_stride = static_cast<std::ptrdiff_t>(pixels.chroma_stride);
  view.colours = static_cast<YuvColours>(pixels.colours);
  view.orientation = pixels.orientation == 0 ? 1 : pixels.orientation;
  return view;
}

}  // namespace mien::capi

// The functions of mien.h are global; these files hold nothing else below.
using namespace mien;        // NOLINT(google-build-using-namespace)
using namespace mien::capi;  // NOLINT(google-build-using-namespace)

void mien_engine_options_init(mien_engine_options* options, size_t struct_size) {
  mien_engine_options defaults{};
  defaults.precision = MIEN_PRECISION_DEFAULT;
  defaults.load_embedder = 1;
  defaults.det_threshold = -1;
  init_struct(defaults, options, struct_size);
}

mien_status mien_engine_create(const mien_engine_options* options, mien_engine** engine, mien_error** error) {
  return guard(error, [&] {
    if (engine == nullptr) fail("there is no place to put the engine");
    *engine = nullptr;
    *engine = new mien_engine(read_engine_options(options));
  });
}

void mien_engine_free(mien_engine* engine) { delete engine; }

const char* mien_engine_runtime(const mien_engine* engine) { return engine != nullptr ? engine->runtime.c_str() : ""; }

const char* mien_engine_detector(const mien_engine* engine) {
  return engine != nullptr ? engine->engine.detector().name.c_str() : "";
}

const char* mien_engine_embedder(const mien_engine* engine) {
  const ModelInfo* const embedder = embedder_of(engine);
  return embedder != nullptr ? embedder->name.c_str() : "";
}

size_t mien_engine_dimension(const mien_engine* engine) {
  const ModelInfo* const embedder = embedder_of(engine);
  return embedder != nullptr ? static_cast<size_t>(embedder->dimension) : 0;
}

mien_bool mien_engine_threshold_verify(const mien_engine* engine, float* threshold) {
  const ModelInfo* const embedder = embedder_of(engine);
  return embedder != nullptr ? give_threshold(embedder->threshold_verify, threshold) : 0;
}

mien_bool mien_engine_threshold_search(const mien_engine* engine, float* threshold) {
  const ModelInfo* const embedder = embedder_of(engine);
  return embedder != nullptr ? give_threshold(embedder->threshold_search, threshold) : 0;
}

mien_workspace* mien_workspace_create(void) { return create_handle<mien_workspace>(); }

void mien_workspace_free(mien_workspace* workspace) { delete workspace; }

void mien_analyze_options_init(mien_analyze_options* options, size_t struct_size) {
  mien_analyze_options defaults{};
  defaults.embed = 1;
  defaults.face_quality = 1;
  defaults.det_threshold = -1;
  init_struct(defaults, options, struct_size);
}

mien_status mien_analyze(const mien_engine* engine, const uint8_t* data, size_t size,
                         const mien_analyze_options* options, mien_workspace* workspace, mien_analysis** analysis,
                         mien_error** error) {
  return guard(error, [&] {
    if (analysis == nullptr) fail("there is no place to put the analysis");
    *analysis = nullptr;
    if (data == nullptr) fail("the image is a null pointer");
    Call call = open_call(engine, options, workspace);
    give(engine->engine.analyze(Bytes(data, size), call.options, workspace_of(call)), analysis);
  });
}

mien_status mien_analyze_pixels(const mien_engine* engine, const mien_pixels* pixels,
                                const mien_analyze_options* options, mien_workspace* workspace,
                                mien_analysis** analysis, mien_error** error) {
  return guard(error, [&] {
    if (analysis == nullptr) fail("there is no place to put the analysis");
    *analysis = nullptr;
    const PixelView view = read_pixels(pixels);
    Call call = open_call(engine, options, workspace);
    give(engine->engine.analyze_pixels(view, call.options, workspace_of(call)), analysis);
  });
}

mien_status mien_analyze_batch(const mien_engine* engine, const mien_bytes* images, size_t count,
                               const mien_analyze_options* options, mien_workspace* workspace,
                               mien_batch_progress progress, void* context, mien_analysis** analyses,
                               mien_error** errors, mien_error** error) {
  return guard(error, [&] {
    if (analyses == nullptr) fail("there is no place to put the analyses");
    std::fill_n(analyses, count, nullptr);
    if (errors != nullptr) std::fill_n(errors, count, nullptr);
    const std::vector<Bytes> bytes = read_images(images, count);
    Call call = open_call(engine, options, workspace);
    BatchProgress forward;
    if (progress != nullptr) forward = [=](std::size_t done, std::size_t total) { progress(context, done, total); };
    std::vector<Result<Analysis>> results =
        engine->engine.analyze_batch(bytes, call.options, workspace_of(call), forward);
    give_each(results, analyses, errors);
  });
}

void mien_analysis_free(mien_analysis* analysis) { delete analysis; }
