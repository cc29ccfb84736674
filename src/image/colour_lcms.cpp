// Little CMS reads the profiles and converts pixels by tables, which are made once a profile and kept. Where a profile
// is a matrix and curves (cameras, phones, screens), the tables of colour_matrix.h are six times as fast.
#include <fmt/format.h>
#include <lcms2.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <list>
#include <mutex>
#include <optional>
#include <utility>

#include "base/dynamic_library.h"
#include "image/codecs_built.h"
#include "image/colour.h"
#include "image/colour_matrix.h"
#include "image/icc.h"

namespace mien {
namespace {

// The intent that Pillow takes when it is not told otherwise. For matrix profiles it means relative colorimetric.
constexpr cmsUInt32Number kIntent = INTENT_PERCEPTUAL;
// A transform is used by several threads at once: without the cache of the last pixel it is only read.
constexpr cmsUInt32Number kFlags = cmsFLAGS_NOCACHE;

// Levels by which a profile may move colours and still be sRGB.
constexpr int kSrgbLevelsMax = 2;
// Area of the primaries' triangle against sRGB's. Display P3 has 1.36, Adobe RGB 1.35, old screens up to 1.05.
constexpr double kWideArea = 1.1;
// Elements of one pipeline in a profile. Real ones have three; each costs time for every point of a table.
constexpr std::uint32_t kElementsMax = 20;
constexpr std::size_t kTransformsKept = 8;

struct Lcms {
  DynamicLibrary library{kLCMS2Soname, "liblcms2-2"};
  decltype(&cmsCreateContext) create_context = library["cmsCreateContext"];
  decltype(&cmsDeleteContext) delete_context = library["cmsDeleteContext"];
  decltype(&cmsGetContextUserData) context_user_data = library["cmsGetContextUserData"];
  decltype(&cmsSetLogErrorHandlerTHR) set_log_handler = library["cmsSetLogErrorHandlerTHR"];
  decltype(&cmsOpenProfileFromMemTHR) open_profile = library["cmsOpenProfileFromMemTHR"];
  decltype(&cmsCloseProfile) close_profile = library["cmsCloseProfile"];
  // Declared with the number that it returns: a hostile profile holds values that the enumeration has not.
  cmsUInt32Number (*colour_space)(cmsHPROFILE) = library["cmsGetColorSpace"];
  decltype(&cmsReadRawTag) read_raw_tag = library["cmsReadRawTag"];
  decltype(&cmsReadTag) read_tag = library["cmsReadTag"];
  decltype(&cmsIsMatrixShaper) is_matrix_shaper = library["cmsIsMatrixShaper"];
  decltype(&cmsIsCLUT) is_clut = library["cmsIsCLUT"];
  decltype(&cmsEvalToneCurveFloat) evaluate_curve = library["cmsEvalToneCurveFloat"];
  decltype(&cmsCreate_sRGBProfileTHR) create_srgb = library["cmsCreate_sRGBProfileTHR"];
  decltype(&cmsCreateXYZProfileTHR) create_xyz = library["cmsCreateXYZProfileTHR"];
  decltype(&cmsCreateRGBProfileTHR) create_rgb = library["cmsCreateRGBProfileTHR"];
  decltype(&cmsBuildParametricToneCurve) build_curve = library["cmsBuildParametricToneCurve"];
  decltype(&cmsFreeToneCurve) free_curve = library["cmsFreeToneCurve"];
  decltype(&cmsMLUalloc) mlu_alloc = library["cmsMLUalloc"];
  decltype(&cmsMLUsetASCII) mlu_set = library["cmsMLUsetASCII"];
  decltype(&cmsMLUfree) mlu_free = library["cmsMLUfree"];
  decltype(&cmsWriteTag) write_tag = library["cmsWriteTag"];
  decltype(&cmsSaveProfileToMem) save_profile = library["cmsSaveProfileToMem"];
  decltype(&cmsCreateTransformTHR) create_transform = library["cmsCreateTransformTHR"];
  decltype(&cmsDeleteTransform) delete_transform = library["cmsDeleteTransform"];
  decltype(&cmsDoTransform) do_transform = library["cmsDoTransform"];
};

// A context of Little CMS keeps what it says about a profile, and what it makes.
class Context {
 public:
  explicit Context(const Lcms& lcms) : lcms_(lcms), handle_(lcms.create_context(nullptr, this)) {
    if (handle_ != nullptr) lcms.set_log_handler(handle_, on_message);
  }
  ~Context() {
    for (const cmsHTRANSFORM transform : transforms_) lcms_.delete_transform(transform);
    for (const cmsHPROFILE profile : profiles_) lcms_.close_profile(profile);
    if (handle_ != nullptr) lcms_.delete_context(handle_);
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  cmsContext handle() const { return handle_; }
  const Lcms& lcms() const { return lcms_; }
  const std::string& message() const { return message_; }  // the first one

  // Both take null for what could not be made, and give it back.
  cmsHPROFILE keep(cmsHPROFILE profile) {
    if (profile != nullptr) profiles_.push_back(profile);
    return profile;
  }
  cmsHTRANSFORM transform(cmsHPROFILE from, cmsUInt32Number from_type, cmsHPROFILE to, cmsUInt32Number to_type,
                          cmsUInt32Number intent) {
    const cmsHTRANSFORM made = lcms_.create_transform(handle_, from, from_type, to, to_type, intent, kFlags);
    if (made != nullptr) transforms_.push_back(made);
    return made;
  }

 private:
  static void on_message(cmsContext handle, cmsUInt32Number, const char* text) {
    const Result<Lcms>& lcms = opened_once<Lcms>();
    Context* context = lcms ? static_cast<Context*>(lcms->context_user_data(handle)) : nullptr;
    if (context != nullptr && context->message_.empty()) context->message_ = text;
  }

  const Lcms& lcms_;
  cmsContext handle_;
  std::string message_;
  std::vector<cmsHPROFILE> profiles_;
  std::vector<cmsHTRANSFORM> transforms_;
};

}  // namespace

class ColourTransform {
 public:
  explicit ColourTransform(const Lcms& lcms) : context(lcms) {}

  Context context;
  cmsHTRANSFORM handle = nullptr;       // from RGB or inks to sRGB, both of eight bits
  std::vector<std::uint8_t> of_gray;    // else: the three channels of each gray
  std::optional<MatrixColours> matrix;  // where it gives what `handle` gives, but for a level
};

namespace {

// All that is known about a profile.
struct Known {
  std::vector<std::uint8_t> profile;
  ColourModel model = ColourModel::rgb;
  std::shared_ptr<const ColourTransform> transform;  // null: problem says why, or it is sRGB already
  bool wide = false;                                 // its colours are wider than sRGB's
  std::string problem;
};

// Shared by the cache and by those that use the profile at the moment.
using SharedKnown = std::shared_ptr<const Known>;

std::optional<std::string> find_overlong_pipeline(const Context& context, cmsHPROFILE profile) {
  constexpr cmsTagSignature kPipelines[] = {cmsSigDToB0Tag, cmsSigDToB1Tag, cmsSigDToB2Tag, cmsSigDToB3Tag};
  constexpr cmsUInt32Number kCountAt = 12;
  for (const cmsTagSignature signature : kPipelines) {
    std::uint8_t start[kCountAt + 4] = {};
    const cmsUInt32Number got = context.lcms().read_raw_tag(profile, signature, start, sizeof start);
    if (got < sizeof start) continue;
    const std::uint32_t count = static_cast<std::uint32_t>(start[kCountAt]) << 24 | start[kCountAt + 1] << 16 |
                                start[kCountAt + 2] << 8 | start[kCountAt + 3];
    if (count > kElementsMax) return fmt::format("a pipeline of {} elements in it is too long", count);
  }
  return std::nullopt;
}

// The colours of a cube of this step, and all grays.
std::vector<std::uint8_t> sample_colours(int step) {
  std::vector<std::uint8_t> colours;
  for (int r = 0; r <= 255; r += step) {
    for (int g = 0; g <= 255; g += step) {
      for (int b = 0; b <= 255; b += step) {
        for (const int value : {r, g, b}) colours.push_back(static_cast<std::uint8_t>(value));
      }
    }
  }
  for (int gray = 0; gray <= 255; ++gray) colours.insert(colours.end(), 3, static_cast<std::uint8_t>(gray));
  return colours;
}

int largest_difference(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
  int largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

// The most that a colour of a coarse cube or any gray moves.
int effect_on_rgb(const ColourTransform& transform) {
  if (!transform.of_gray.empty()) {
    int effect = 0;
    for (std::size_t i = 0; i < transform.of_gray.size(); ++i) {
      effect = std::max(effect, std::abs(static_cast<int>(i / 3) - transform.of_gray[i]));
    }
    return effect;
  }
  const std::vector<std::uint8_t> from = sample_colours(51);
  std::vector<std::uint8_t> to(from.size());
  convert_pixels(transform, from.data(), to.data(), static_cast<int>(from.size() / 3));
  return largest_difference(from, to);
}

using Matrix = std::array<std::array<double, 3>, 3>;

// The primaries of a profile as columns, in CIE XYZ of D50; nothing where they are not there or lie in a plane.
std::optional<Matrix> primaries_of(const Lcms& lcms, cmsHPROFILE profile) {
  constexpr cmsTagSignature kTags[] = {cmsSigRedColorantTag, cmsSigGreenColorantTag, cmsSigBlueColorantTag};
  Matrix matrix{};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto* const colour = static_cast<const cmsCIEXYZ*>(lcms.read_tag(profile, kTags[i]));
    if (colour == nullptr) return std::nullopt;
    matrix[0][i] = colour->X;
    matrix[1][i] = colour->Y;
    matrix[2][i] = colour->Z;
  }
  return matrix;
}

// By the rule of Cramer. The matrix is sRGB's, whose determinant is far from 0.
Matrix inverse(const Matrix& m) {
  Matrix cofactors{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      const std::size_t a = (j + 1) % 3, b = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
      cofactors[i][j] = m[a][c] * m[b][d] - m[a][d] * m[b][c];
    }
  }
  const double determinant = m[0][0] * cofactors[0][0] + m[0][1] * cofactors[1][0] + m[0][2] * cofactors[2][0];
  for (std::array<double, 3>& row : cofactors) {
    for (double& value : row) value /= determinant;
  }
  return cofactors;
}

std::optional<MatrixProfile> read_matrix_profile(const Lcms& lcms, cmsHPROFILE profile, cmsHPROFILE srgb) {
  if (!lcms.is_matrix_shaper(profile) || lcms.is_clut(profile, kIntent, LCMS_USED_AS_INPUT)) return std::nullopt;
  const std::optional<Matrix> from = primaries_of(lcms, profile);
  const std::optional<Matrix> to = primaries_of(lcms, srgb);
  if (!from || !to) return std::nullopt;
  constexpr cmsTagSignature kCurves[] = {cmsSigRedTRCTag, cmsSigGreenTRCTag, cmsSigBlueTRCTag};
  MatrixProfile result{};
  const Matrix to_srgb = inverse(*to);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto* const curve = static_cast<const cmsToneCurve*>(lcms.read_tag(profile, kCurves[i]));
    if (curve == nullptr) return std::nullopt;
    for (std::size_t value = 0; value < 256; ++value) {
      const double light = lcms.evaluate_curve(curve, static_cast<float>(value) / 255);
      result.light[i][value] = std::isfinite(light) ? std::clamp(light, 0.0, 1.0) : 0.0;
    }
    for (std::size_t j = 0; j < 3; ++j) {
      for (std::size_t k = 0; k < 3; ++k) result.matrix[i][j] += to_srgb[i][k] * (*from)[k][j];
    }
  }
  return result;
}

// The tables of a profile that is a matrix and curves, where they give what Little CMS gives, but for a level: whatever
// else a profile says stays its business.
std::optional<MatrixColours> find_matrix(const ColourTransform& transform, cmsHPROFILE profile, cmsHPROFILE srgb) {
  const Lcms& lcms = transform.context.lcms();
  const std::optional<MatrixProfile> stated = read_matrix_profile(lcms, profile, srgb);
  std::optional<MatrixColours> matrix = stated ? MatrixColours::make(*stated) : std::nullopt;
  if (!matrix) return std::nullopt;
  const std::vector<std::uint8_t> from = sample_colours(15);
  std::vector<std::uint8_t> expected(from.size());
  std::vector<std::uint8_t> got(from.size());
  lcms.do_transform(transform.handle, from.data(), expected.data(), static_cast<cmsUInt32Number>(from.size() / 3));
  matrix->convert(from.data(), got.data(), from.size() / 3);
  return largest_difference(expected, got) <= 1 ? matrix : std::nullopt;
}

// The area that the primaries span in the chromaticity diagram; 0 when it cannot be told.
double gamut_area(Context& context, cmsHPROFILE profile) {
  const cmsHPROFILE xyz = context.keep(context.lcms().create_xyz(context.handle()));
  if (xyz == nullptr) return 0;
  const cmsHTRANSFORM transform =
      context.transform(profile, TYPE_RGB_8, xyz, TYPE_XYZ_DBL, INTENT_RELATIVE_COLORIMETRIC);
  if (transform == nullptr) return 0;
  constexpr std::uint8_t kPrimaries[] = {255, 0, 0, 0, 255, 0, 0, 0, 255};
  cmsCIEXYZ at[3] = {};
  context.lcms().do_transform(transform, kPrimaries, at, 3);
  double x[3];
  double y[3];
  for (int i = 0; i < 3; ++i) {
    const double sum = at[i].X + at[i].Y + at[i].Z;
    if (!(sum > 0)) return 0;
    x[i] = at[i].X / sum;
    y[i] = at[i].Y / sum;
  }
  return std::abs((x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])) / 2;
}

std::string or_unreadable(const Context& context) {
  return context.message().empty() ? "it is broken" : "it is broken: " + context.message();
}

void learn_gray(ColourTransform& transform, cmsHPROFILE profile, cmsHPROFILE srgb, Known& known) {
  constexpr int kGrays = 256;
  Context& context = transform.context;
  const cmsHTRANSFORM handle = context.transform(profile, TYPE_GRAY_8, srgb, TYPE_RGB_8, kIntent);
  if (handle == nullptr) {
    known.problem = or_unreadable(context);
    return;
  }
  std::uint8_t grays[kGrays];
  for (int i = 0; i < kGrays; ++i) grays[i] = static_cast<std::uint8_t>(i);
  transform.of_gray.resize(std::size_t{3} * kGrays);
  context.lcms().do_transform(handle, grays, transform.of_gray.data(), kGrays);
}

void learn_colours(ColourTransform& transform, cmsHPROFILE profile, cmsHPROFILE srgb, Known& known) {
  Context& context = transform.context;
  const bool rgb = known.model == ColourModel::rgb;
  transform.handle = context.transform(profile, rgb ? TYPE_RGB_8 : TYPE_CMYK_8_REV, srgb, TYPE_RGB_8, kIntent);
  if (transform.handle == nullptr) {
    known.problem = or_unreadable(context);
    return;
  }
  if (rgb) transform.matrix = find_matrix(transform, profile, srgb);
  if (rgb) known.wide = gamut_area(context, profile) > kWideArea * gamut_area(context, srgb);
}

const char* space_title(cmsUInt32Number space) {
  switch (space) {
    case cmsSigRgbData: return "RGB";
    case cmsSigGrayData: return "gray";
    case cmsSigCmykData: return "CMYK";
    case cmsSigLabData: return "Lab";
    case cmsSigXYZData: return "XYZ";
    default: return "another colour space";
  }
}

// Does everything that takes time, once for each profile.
Known learn(const Lcms& lcms, Bytes profile_bytes, ColourModel model) {
  Known known{{profile_bytes.begin(), profile_bytes.end()}, model, nullptr, false, {}};
  const auto transform = std::make_shared<ColourTransform>(lcms);
  Context& context = transform->context;
  const cmsHPROFILE profile = context.keep(
      lcms.open_profile(context.handle(), profile_bytes.data(), static_cast<cmsUInt32Number>(profile_bytes.size())));
  const cmsHPROFILE srgb = context.keep(lcms.create_srgb(context.handle()));
  if (profile == nullptr || srgb == nullptr) {
    known.problem = or_unreadable(context);
    return known;
  }
  if (std::optional<std::string> overlong = find_overlong_pipeline(context, profile)) {
    known.problem = *overlong;
    return known;
  }
  const cmsUInt32Number space = lcms.colour_space(profile);
  const bool rgb = model == ColourModel::rgb;
  if (rgb && space == cmsSigGrayData) {
    learn_gray(*transform, profile, srgb, known);
  } else if (space == (rgb ? cmsSigRgbData : cmsSigCmykData)) {
    learn_colours(*transform, profile, srgb, known);
  } else {
    known.problem = fmt::format("it is for {}, the pixels are {}", space_title(space), rgb ? "RGB" : "CMYK");
  }
  if (!known.problem.empty()) return known;
  if (!rgb || effect_on_rgb(*transform) > kSrgbLevelsMax) known.transform = transform;
  return known;
}

// The profiles that were used last. Photos of a folder come from a few cameras.
class KnownProfiles {
 public:
  SharedKnown find_or_learn(const Lcms& lcms, Bytes profile, ColourModel model) {
    {
      const std::lock_guard lock(mutex_);
      for (auto it = kept_.begin(); it != kept_.end(); ++it) {
        const std::vector<std::uint8_t>& kept = (*it)->profile;
        if ((*it)->model != model || !std::equal(profile.begin(), profile.end(), kept.begin(), kept.end())) continue;
        kept_.splice(kept_.begin(), kept_, it);
        return kept_.front();
      }
    }
    // Two threads may learn the same one at the same time; that is only time.
    const auto known = std::make_shared<const Known>(learn(lcms, profile, model));
    const std::lock_guard lock(mutex_);
    kept_.push_front(known);
    if (kept_.size() > kTransformsKept) kept_.pop_back();
    return known;
  }

 private:
  std::mutex mutex_;  // guards kept_
  std::list<SharedKnown> kept_;
};

}  // namespace

ColourPlan plan_colours(Bytes profile, ColourModel model, bool convert) {
  if (profile.size() > kIccBytesMax) {
    return {nullptr, colours_not_applied(profile, fmt::format("it has more than {} bytes", kIccBytesMax))};
  }
  const Result<Lcms>& lcms = opened_once<Lcms>();
  if (!lcms) {
    if (icc_name(profile).find("sRGB") != std::string::npos) return {};
    return {nullptr, colours_not_applied(profile, lcms.error().message)};
  }
  static KnownProfiles profiles;
  const SharedKnown known = profiles.find_or_learn(*lcms, profile, model);
  if (!known->problem.empty()) return {nullptr, colours_not_applied(profile, known->problem)};
  if (convert) return {known->transform, {}};
  if (!known->wide) return {};
  return {nullptr, colours_not_applied(profile, "its colours are wider than sRGB and are used as stored")};
}

bool is_for_gray(const ColourTransform& transform) { return transform.handle == nullptr; }

void convert_pixels(const ColourTransform& transform, const std::uint8_t* from, std::uint8_t* to, int count) {
  if (transform.matrix) {
    transform.matrix->convert(from, to, static_cast<std::size_t>(count));
    return;
  }
  if (transform.handle != nullptr) {
    transform.context.lcms().do_transform(transform.handle, from, to, static_cast<cmsUInt32Number>(count));
    return;
  }
  // The three channels are equal: the second one stands for the gray.
  for (int i = 0; i < count; ++i) {
    const std::uint8_t* gray = &transform.of_gray[std::size_t{3} * from[3 * i + 1]];
    std::copy(gray, gray + 3, to + std::ptrdiff_t{3} * i);
  }
}

Result<std::vector<std::uint8_t>> make_icc_profile(const RgbSpace& space) {
  const Result<Lcms>& library = opened_once<Lcms>();
  if (!library) return library.error();
  if (!is_plausible(space)) return Error{ErrorCode::bad_data, "these chromaticities make no colour space"};
  const Lcms& lcms = *library;
  Context context(lcms);
  // Types of curves in Little CMS: 1 is a power, 4 the form that sRGB has.
  constexpr double kSrgbCurve[] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
  cmsToneCurve* curve = space.gamma == 0 ? lcms.build_curve(context.handle(), 4, kSrgbCurve)
                                         : lcms.build_curve(context.handle(), 1, &space.gamma);
  if (curve == nullptr) return Error{ErrorCode::bad_data, fmt::format("a gamma of {} makes no curve", space.gamma)};
  cmsToneCurve* const curves[3] = {curve, curve, curve};
  const cmsCIExyY white = {space.white_x, space.white_y, 1};
  const cmsCIExyYTRIPLE primaries = {
      {space.red_x, space.red_y, 1}, {space.green_x, space.green_y, 1}, {space.blue_x, space.blue_y, 1}};
  const cmsHPROFILE profile = context.keep(lcms.create_rgb(context.handle(), &white, &primaries, curves));
  lcms.free_curve(curve);
  if (profile == nullptr) return Error{ErrorCode::bad_data, "its chromaticities make no colour space"};
  if (cmsMLU* const name = lcms.mlu_alloc(context.handle(), 1)) {
    lcms.mlu_set(name, "en", "US", space.name.c_str());
    lcms.write_tag(profile, cmsSigProfileDescriptionTag, name);
    lcms.mlu_free(name);
  }
  cmsUInt32Number size = 0;
  std::vector<std::uint8_t> bytes;
  if (lcms.save_profile(profile, nullptr, &size)) {
    bytes.resize(size);
    if (lcms.save_profile(profile, bytes.data(), &size)) {
      // The time of its creation: without it the same space is the same profile.
      constexpr int kDateAt = 24;
      constexpr int kDateBytes = 12;
      std::fill_n(bytes.begin() + kDateAt, kDateBytes, std::uint8_t{0});
      return bytes;
    }
  }
  return Error{ErrorCode::bad_data, "no profile could be made of it"};
}

}  // namespace mien
