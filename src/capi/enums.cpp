// The numbers of mien.h are those of the library's enumerations, so that a cast goes from one to the other.
#include "mien/face.h"
#include "mien/image.h"
#include "mien/log.h"
#include "mien/mien.h"
#include "mien/scan.h"
#include "mien/settings.h"

namespace mien {
namespace {

template <typename Enum>
consteval bool same(int number, Enum value) {
  return number == static_cast<int>(value);
}

static_assert(same(MIEN_PRECISION_EXACT, Precision::exact) && same(MIEN_PRECISION_DEFAULT, Precision::standard) &&
              same(MIEN_PRECISION_FAST, Precision::fast));
static_assert(same(MIEN_DETAIL_AUTO, Detail::automatic) && same(MIEN_DETAIL_OFF, Detail::off) &&
              same(MIEN_DETAIL_FULL, Detail::full));
static_assert(same(MIEN_SAME, Verdict::same) && same(MIEN_DIFFERENT, Verdict::different) &&
              same(MIEN_NOT_COMPARABLE, Verdict::not_comparable) && same(MIEN_CANNOT_TELL, Verdict::cannot_tell));
// A face that is not poor has no reason; in C that is the number before the first.
static_assert(same(MIEN_TOO_SMALL - 1, PoorReason::too_small) && same(MIEN_TOO_BLURRED - 1, PoorReason::too_blurred) &&
              same(MIEN_TOO_DARK - 1, PoorReason::too_dark) && same(MIEN_LOW_CONTRAST - 1, PoorReason::low_contrast));
static_assert(same(MIEN_PIXELS_RGB, PixelFormat::rgb) && same(MIEN_PIXELS_BGR, PixelFormat::bgr) &&
              same(MIEN_PIXELS_GRAY, PixelFormat::gray) && same(MIEN_PIXELS_RGBA, PixelFormat::rgba) &&
              same(MIEN_PIXELS_BGRA, PixelFormat::bgra) && same(MIEN_PIXELS_NV12, PixelFormat::nv12));
static_assert(same(MIEN_YUV_BT601_LIMITED, YuvColours::bt601_limited) &&
              same(MIEN_YUV_BT601_FULL, YuvColours::bt601_full) &&
              same(MIEN_YUV_BT709_LIMITED, YuvColours::bt709_limited) &&
              same(MIEN_YUV_BT709_FULL, YuvColours::bt709_full));
static_assert(same(MIEN_EMBEDDINGS_NONE, EmbeddingFormat::none) && same(MIEN_EMBEDDINGS_JSON, EmbeddingFormat::json) &&
              same(MIEN_EMBEDDINGS_BASE64, EmbeddingFormat::base64));
static_assert(same(MIEN_PRUNE_NONE, Prune::none) && same(MIEN_PRUNE_GONE, Prune::gone) &&
              same(MIEN_PRUNE_ALL, Prune::all));
static_assert(same(MIEN_LOG_DEBUG, LogLevel::debug) && same(MIEN_LOG_INFO, LogLevel::info) &&
              same(MIEN_LOG_WARNING, LogLevel::warning) && same(MIEN_LOG_ERROR, LogLevel::error));

}  // namespace
}  // namespace mien
