// libheif reads the boxes of the file and hands the pictures in it to plugins: libde265 for HEIC, libaom or dav1d for
// AVIF. It rotates, mirrors and crops by the boxes irot, imir and clap itself; the orientation that EXIF states beside
// them is for programs that do not, and is not read. When the photo was taken is read from EXIF and XMP.
//
// Memory: libheif holds the picture as planes of 8 or 16 bits and once more as RGB; pixels_bytes() adds it up. What a
// plugin takes for a picture that is larger than its file's boxes say is not ours to limit: that is what the sandbox is
// for. The canvas of a grid or an overlay is libheif's own, which limits its sides and not its area: canvas_side_max().
#include "image/codecs_built.h"

#include <fmt/format.h>
#include <libheif/heif.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/dynamic_library.h"
#include "base/utf8.h"
#include "image/colour.h"
#include "image/icc.h"
#include "image/limits.h"
#include "image/stated_facts.h"

namespace mien {
namespace {

constexpr int kWarningsMax = 4;

struct Heif {
  DynamicLibrary library{kHEIFSoname, "libheif1"};
  decltype(&heif_init) init = library["heif_init"];
  decltype(&heif_context_alloc) context_alloc = library["heif_context_alloc"];
  decltype(&heif_context_free) context_free = library["heif_context_free"];
  decltype(&heif_context_read_from_memory_without_copy) read = library["heif_context_read_from_memory_without_copy"];
  decltype(&heif_context_get_number_of_top_level_images) image_count =
      library["heif_context_get_number_of_top_level_images"];
  decltype(&heif_context_set_maximum_image_size_limit) set_size_limit =
      library["heif_context_set_maximum_image_size_limit"];
  decltype(&heif_context_set_max_decoding_threads) set_threads = library["heif_context_set_max_decoding_threads"];
  decltype(&heif_context_get_primary_image_handle) primary_image = library["heif_context_get_primary_image_handle"];
  decltype(&heif_image_handle_release) release_handle = library["heif_image_handle_release"];
  decltype(&heif_image_handle_get_width) handle_width = library["heif_image_handle_get_width"];
  decltype(&heif_image_handle_get_height) handle_height = library["heif_image_handle_get_height"];
  decltype(&heif_image_handle_get_luma_bits_per_pixel) handle_bits =
      library["heif_image_handle_get_luma_bits_per_pixel"];
  decltype(&heif_image_handle_get_color_profile_type) profile_type =
      library["heif_image_handle_get_color_profile_type"];
  decltype(&heif_image_handle_get_raw_color_profile_size) profile_size =
      library["heif_image_handle_get_raw_color_profile_size"];
  decltype(&heif_image_handle_get_raw_color_profile) profile = library["heif_image_handle_get_raw_color_profile"];
  decltype(&heif_image_handle_get_nclx_color_profile) nclx = library["heif_image_handle_get_nclx_color_profile"];
  decltype(&heif_nclx_color_profile_free) nclx_free = library["heif_nclx_color_profile_free"];
  decltype(&heif_image_handle_get_number_of_metadata_blocks) block_count =
      library["heif_image_handle_get_number_of_metadata_blocks"];
  decltype(&heif_image_handle_get_list_of_metadata_block_IDs) block_ids =
      library["heif_image_handle_get_list_of_metadata_block_IDs"];
  decltype(&heif_image_handle_get_metadata_type) block_type = library["heif_image_handle_get_metadata_type"];
  decltype(&heif_image_handle_get_metadata_content_type) block_content =
      library["heif_image_handle_get_metadata_content_type"];
  decltype(&heif_image_handle_get_metadata_size) block_size = library["heif_image_handle_get_metadata_size"];
  decltype(&heif_image_handle_get_metadata) block = library["heif_image_handle_get_metadata"];
  decltype(&heif_have_decoder_for_format) has_decoder = library["heif_have_decoder_for_format"];
  decltype(&heif_decoding_options_alloc) options_alloc = library["heif_decoding_options_alloc"];
  decltype(&heif_decoding_options_free) options_free = library["heif_decoding_options_free"];
  decltype(&heif_decode_image) decode = library["heif_decode_image"];
  decltype(&heif_image_get_width) image_width = library["heif_image_get_width"];
  decltype(&heif_image_get_height) image_height = library["heif_image_get_height"];
  decltype(&heif_image_get_plane_readonly) plane = library["heif_image_get_plane_readonly"];
  decltype(&heif_image_get_decoding_warnings) decoding_warnings = library["heif_image_get_decoding_warnings"];
  decltype(&heif_image_release) release_image = library["heif_image_release"];
};

Result<Heif> load_heif() {
  Result<Heif> heif = opened(Heif());
  if (!heif) return heif;
  const heif_error started = heif->init(nullptr);  // finds the plugins
  if (started.code != heif_error_Ok) {
    return Error{ErrorCode::unsupported, fmt::format("libheif cannot be started: {}", started.message)};
  }
  return heif;
}

const Result<Heif>& heif_library() {
  static const Result<Heif> library = load_heif();
  return library;
}

// Owns what libheif allocated, with libheif's own function that frees it.
template <typename T, typename Free>
std::unique_ptr<T, Free*> owned(T* object, Free* release) {
  return {object, release};
}

// The decoder that a kind of file needs, and the package that brings it where libheif comes without.
struct Codec {
  std::string_view format;
  heif_compression_format compression;
  const char* package;
};

constexpr Codec kCodecs[] = {
    {"heic", heif_compression_HEVC, "libheif-plugin-libde265"},
    {"avif", heif_compression_AV1, "libheif-plugin-aomdec or libheif-plugin-dav1d"},
};

std::optional<Error> find_missing_decoder(const Heif& heif, std::string_view format) {
  for (const Codec& codec : kCodecs) {
    if (codec.format != format || heif.has_decoder(codec.compression)) continue;
    return Error{ErrorCode::unsupported,
                 fmt::format("libheif has no decoder for {} images here: install {}", format, codec.package)};
  }
  return std::nullopt;
}

Error to_error(const Heif& heif, const heif_error& error, const DecodedImage& out) {
  const std::string reason =
      fmt::format("the {} image cannot be read: {}", out.format, replace_controls(error.message));
  if (error.subcode == heif_suberror_Security_limit_exceeded) return {ErrorCode::limit_exceeded, reason};
  switch (error.code) {
    case heif_error_Memory_allocation_error: return {ErrorCode::limit_exceeded, reason};
    case heif_error_Unsupported_filetype:
    case heif_error_Unsupported_feature: {
      const std::optional<Error> missing = find_missing_decoder(heif, out.format);
      return missing ? *missing : Error{ErrorCode::unsupported, reason};
    }
    default: return {ErrorCode::bad_data, reason};
  }
}

// Planes as decoded (three at most, without subsampling), RGB of the same depth, RGB of 8 bits, and our pixels.
double memory_estimate(StatedSize size, int bits) {
  const int sample_bytes = bits > 8 ? 2 : 1;
  return static_cast<double>(size.width * size.height) * (2 * 3 * sample_bytes + 2 * 3);
}

void read_colours(const Heif& heif, const heif_image_handle* handle, DecodedImage& out) {
  switch (heif.profile_type(handle)) {
    case heif_color_profile_type_prof:
    case heif_color_profile_type_rICC: {
      const std::size_t size = heif.profile_size(handle);
      if (size == 0 || size > kIccBytesMax) {
        out.warnings.push_back(fmt::format("colour profile not applied: it has {} bytes", size));
        return;
      }
      out.icc_profile.resize(size);
      if (heif.profile(handle, out.icc_profile.data()).code != heif_error_Ok) out.icc_profile.clear();
      return;
    }
    case heif_color_profile_type_nclx: {
      heif_color_profile_nclx* nclx = nullptr;
      const bool known = heif.nclx(handle, &nclx).code == heif_error_Ok;
      if (nclx == nullptr) return;
      if (!known) return heif.nclx_free(nclx);  // it is handed out with the error too
      CodedColours colours = colours_of_code_points(nclx->color_primaries, nclx->transfer_characteristics, "nclx");
      heif.nclx_free(nclx);
      out.icc_profile = std::move(colours.profile);
      if (!colours.warning.empty()) out.warnings.push_back(std::move(colours.warning));
      return;
    }
    default: return;
  }
}

// EXIF comes behind the length of what lies before it, as a rule of nothing.
Bytes without_exif_offset(Bytes block) {
  constexpr std::size_t kLength = 4;
  if (block.size() < kLength) return {};
  const std::size_t before =
      std::size_t{block[0]} << 24 | std::size_t{block[1]} << 16 | std::size_t{block[2]} << 8 | std::size_t{block[3]};
  return before < block.size() - kLength ? block.subspan(kLength + before) : Bytes();
}

void read_metadata(const Heif& heif, const heif_image_handle* handle, const DecodeOptions& options, DecodedImage& out) {
  constexpr int kBlocksMax = 16;
  constexpr std::size_t kBlockBytesMax = std::size_t{4} << 20;
  std::array<heif_item_id, kBlocksMax> ids{};
  const int count =
      heif.block_ids(handle, nullptr, ids.data(), std::min(heif.block_count(handle, nullptr), kBlocksMax));
  StatedFacts exif;
  StatedFacts xmp;
  for (int i = 0; i < count; ++i) {
    const heif_item_id id = ids[static_cast<std::size_t>(i)];
    const char* const type = heif.block_type(handle, id);
    const char* const content = heif.block_content(handle, id);
    const bool is_exif = type != nullptr && std::strcmp(type, "Exif") == 0;
    const bool is_xmp = content != nullptr && std::strcmp(content, "application/rdf+xml") == 0;
    const std::size_t size = heif.block_size(handle, id);
    if ((!is_exif && !is_xmp) || size == 0 || size > kBlockBytesMax) continue;
    std::vector<std::uint8_t> block(size);
    if (heif.block(handle, id, block.data()).code != heif_error_Ok) continue;
    if (is_exif) exif.add_exif("EXIF", without_exif_offset(block));
    if (is_xmp) xmp.add_xmp("XMP", block);
    if (is_xmp && options.keep_xmp) out.xmp.push_back(std::move(block));
  }
  exif.add(xmp.times());
  out.taken = exif.taken();
}

void note_warnings(const Heif& heif, heif_image* image, DecodedImage& out) {
  heif_error found[kWarningsMax];
  const int count = heif.decoding_warnings(image, 0, found, kWarningsMax);
  // libheif 1.15 frees the texts before it returns: only the number of its complaints can be told.
  if (count > 0) out.warnings.push_back(fmt::format("corrupt: the decoder had {} complaints", count));
}

Result<Done> copy_pixels(const Heif& heif, heif_image* image, DecodedImage& out) {
  int stride = 0;
  const std::uint8_t* plane = heif.plane(image, heif_channel_interleaved, &stride);
  const int width = heif.image_width(image, heif_channel_interleaved);
  const int height = heif.image_height(image, heif_channel_interleaved);
  if (plane == nullptr || width <= 0 || height <= 0 || stride < 3 * width) {
    return Error{ErrorCode::bad_data, fmt::format("the {} image has no pixels", out.format)};
  }
  out.stored_width = width;
  out.stored_height = height;
  out.pixels.reset(width, height, 3);
  for (int y = 0; y < height; ++y) {
    std::memcpy(out.pixels.row(y), plane + static_cast<std::ptrdiff_t>(y) * stride, out.pixels.stride());
  }
  return Done{};
}

std::optional<Error> check_size(const Heif& heif, const heif_image_handle* handle, const ImageLimits& limits,
                                DecodedImage& out) {
  const StatedSize size{heif.handle_width(handle), heif.handle_height(handle)};
  if (size.width <= 0 || size.height <= 0) {
    return Error{ErrorCode::bad_data, fmt::format("the {} image states no size", out.format)};
  }
  if (std::optional<Error> error = take_size(size, limits, out)) return error;
  return check_memory_limit(memory_estimate(size, heif.handle_bits(handle)), size, limits);
}

// How long the sides of a canvas may be, whatever the boxes say of the image: as long as those of the largest square
// within the limits, or as the image's own when it is a panorama as phones make them.
int canvas_side_max(const DecodedImage& image, const ImageLimits& limits) {
  constexpr int kPanoramaSideMax = 16'384;
  const double by_memory = static_cast<double>(limits.memory_bytes_max) / memory_estimate({1, 1}, 8);
  const int square = static_cast<int>(std::sqrt(std::min(by_memory, static_cast<double>(limits.pixels_max))));
  const int own = std::min(std::max(image.stored_width, image.stored_height), kPanoramaSideMax);
  return std::min(std::max(square, own), limits.side_max);
}

Result<Done> decode_with(const Heif& heif, Bytes encoded, const DecodeOptions& options, DecodedImage& out) {
  const auto context = owned(heif.context_alloc(), heif.context_free);
  const auto decoding = owned(heif.options_alloc(), heif.options_free);
  if (context == nullptr || decoding == nullptr) return Error{ErrorCode::internal, "libheif cannot be started"};
  heif.set_size_limit(context.get(), options.limits.side_max);
  heif.set_threads(context.get(), 0);  // images are decoded in parallel, not parts of one
  heif_error error = heif.read(context.get(), encoded.data(), encoded.size(), nullptr);
  if (error.code != heif_error_Ok) return to_error(heif, error, out);
  const int images = heif.image_count(context.get());
  if (images > options.limits.frames_max) {
    return Error{ErrorCode::limit_exceeded,
                 fmt::format("the file has {} images, the limit frames_max is {}", images, options.limits.frames_max)};
  }
  heif_image_handle* primary = nullptr;
  error = heif.primary_image(context.get(), &primary);
  if (error.code != heif_error_Ok) return to_error(heif, error, out);
  const auto handle = owned<const heif_image_handle>(primary, heif.release_handle);
  // From here on the size that the file claims is known, and nothing of that size has been allocated.
  if (std::optional<Error> too_large = check_size(heif, primary, options.limits, out)) return *too_large;
  if (options.stop.stop_requested()) return cancelled_error();
  heif.set_size_limit(context.get(), canvas_side_max(out, options.limits) + 1);  // refused from there on
  decoding->convert_hdr_to_8bit = 1;
  heif_image* decoded = nullptr;
  error = heif.decode(primary, &decoded, heif_colorspace_RGB, heif_chroma_interleaved_RGB, decoding.get());
  const auto image = owned<const heif_image>(decoded, heif.release_image);
  if (error.code != heif_error_Ok) return to_error(heif, error, out);
  const Result<Done> copied = copy_pixels(heif, decoded, out);
  if (!copied) return copied;
  note_warnings(heif, decoded, out);
  read_colours(heif, primary, out);
  read_metadata(heif, primary, options, out);
  return Done{};
}

}  // namespace

Result<Done> open_heif() { return open_result(heif_library()); }

Result<Done> decode_heif(Bytes encoded, const DecodeOptions& options, DecodedImage& out) {
  return decode_with(*heif_library(), encoded, options, out);
}

}  // namespace mien
