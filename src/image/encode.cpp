#include "image/encode.h"

#include <jpeglib.h>

#include <cassert>
#include <csetjmp>
#include <cstdlib>
#include <string>

#include "mien/result.h"

namespace mien {
namespace {

// From this quality on colours keep their full resolution: below it, halving them is what saves bytes.
constexpr int kFullChromaQuality = 90;

// Everything libjpeg works on lives here, outside the function that setjmp returns to, so that a jump skips
// nothing that would need to be released.
class JpegWriter {
 public:
  JpegWriter() {
    jpeg_.err = jpeg_std_error(&errors_);
    jpeg_.client_data = this;
    errors_.error_exit = [](j_common_ptr jpeg) {
      JpegWriter& self = *static_cast<JpegWriter*>(jpeg->client_data);
      jpeg->err->format_message(jpeg, self.failure_);
      std::longjmp(self.jump_, 1);
    };
    errors_.emit_message = [](j_common_ptr, int) {};
    errors_.output_message = [](j_common_ptr) {};
  }
  ~JpegWriter() {
    jpeg_destroy_compress(&jpeg_);
    std::free(buffer_);
  }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;

  // False: libjpeg gave up, failure() says why.
  bool write(ImageView pixels, int quality) {
    if (setjmp(jump_) != 0) return false;
    jpeg_create_compress(&jpeg_);
    jpeg_mem_dest(&jpeg_, &buffer_, &size_);
    start(pixels, quality);
    while (jpeg_.next_scanline < jpeg_.image_height) {
      // libjpeg's rows are not const, and it does not write to them.
      JSAMPROW row = const_cast<JSAMPROW>(pixels.row(static_cast<int>(jpeg_.next_scanline)));
      jpeg_write_scanlines(&jpeg_, &row, 1);
    }
    jpeg_finish_compress(&jpeg_);
    return true;
  }
  Bytes bytes() const { return {buffer_, static_cast<std::size_t>(size_)}; }
  std::string failure() const { return failure_; }

 private:
  void start(ImageView pixels, int quality) {
    jpeg_.image_width = static_cast<JDIMENSION>(pixels.width);
    jpeg_.image_height = static_cast<JDIMENSION>(pixels.height);
    jpeg_.input_components = pixels.channels;
    jpeg_.in_color_space = pixels.channels == 1 ? JCS_GRAYSCALE : pixels.bgr ? JCS_EXT_BGR : JCS_RGB;
    jpeg_set_defaults(&jpeg_);
    jpeg_set_quality(&jpeg_, quality, TRUE);
    const int luma_sampling = pixels.channels == 3 && quality < kFullChromaQuality ? 2 : 1;
    jpeg_.comp_info[0].h_samp_factor = luma_sampling;
    jpeg_.comp_info[0].v_samp_factor = luma_sampling;
    jpeg_start_compress(&jpeg_, TRUE);
  }

  jpeg_compress_struct jpeg_{};
  jpeg_error_mgr errors_{};
  std::jmp_buf jump_{};
  unsigned char* buffer_ = nullptr;  // libjpeg allocates it with malloc
  unsigned long size_ = 0;
  char failure_[JMSG_LENGTH_MAX] = {};
};

}  // namespace

std::vector<std::uint8_t> encode_jpeg(ImageView pixels, int quality) {
  assert(!pixels.empty() && quality >= 1 && quality <= 100);
  assert(pixels.channels == 1 || pixels.channels == 3);
  JpegWriter writer;
  if (!writer.write(pixels, quality)) {
    // Only a side beyond 65,500 or a lack of memory ends here.
    throw Exception(ErrorCode::internal, "cannot write a JPEG of " + std::to_string(pixels.width) + " x " +
                                             std::to_string(pixels.height) + ": " + writer.failure());
  }
  return {writer.bytes().begin(), writer.bytes().end()};
}

}  // namespace mien
