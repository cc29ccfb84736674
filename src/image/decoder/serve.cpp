#include "image/decoder/serve.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "image/colour.h"
#include "image/decoder/confine.h"
#include "image/sandbox_wire.h"
#include "image/xmp.h"

namespace mien::decoder {
namespace {

using sandbox::Answer;
using sandbox::Reply;
using sandbox::Request;

// The bytes of a file, as they lie in the memory file that mien sealed.
class Encoded {
 public:
  Encoded(int file, std::size_t size) : file_(file), size_(size) {
    void* const start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    if (start != MAP_FAILED) bytes_ = static_cast<const std::uint8_t*>(start);
  }
  ~Encoded() {
    if (bytes_ != nullptr) ::munmap(const_cast<std::uint8_t*>(bytes_), size_);
    ::close(file_);
  }
  Encoded(const Encoded&) = delete;
  Encoded& operator=(const Encoded&) = delete;
  explicit operator bool() const { return bytes_ != nullptr; }
  Bytes bytes() const { return {bytes_, size_}; }

 private:
  int file_;
  std::size_t size_;
  const std::uint8_t* bytes_ = nullptr;
};

bool send(Reply reply, const std::string& text) {
  reply.text_bytes = static_cast<std::uint32_t>(std::min(text.size(), sandbox::kTextBytesMax));
  std::array<iovec, 2> parts = {iovec{&reply, sizeof(reply)}, iovec{const_cast<char*>(text.data()), reply.text_bytes}};
  msghdr header{};
  header.msg_iov = parts.data();
  header.msg_iovlen = parts.size();
  return ::sendmsg(sandbox::kSocket, &header, MSG_NOSIGNAL) >= 0;
}

// The descriptor that came along; -1 at the end.
int receive(Request& request) {
  sandbox::RequestMessage message(request);
  ssize_t count = 0;
  do {
    count = ::recvmsg(sandbox::kSocket, &message.header, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  const cmsghdr* const rights =
      count == static_cast<ssize_t>(sizeof(request)) ? CMSG_FIRSTHDR(&message.header) : nullptr;
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS || request.magic != sandbox::kMagic) return -1;
  int file = -1;
  std::memcpy(&file, CMSG_DATA(rights), sizeof(int));
  return file;
}

DecodeOptions options_of(const Request& request) {
  DecodeOptions options;
  options.limits = request.limits;
  options.scale_denominator = request.scale_denominator;
  options.convert_colours = request.convert_colours != 0;
  options.converted_too = request.converted_too != 0;
  options.hash = request.hash != 0;
  return options;
}

bool write_pixels(std::size_t begin, const Image& pixels) {
  return sandbox::move_all(::pwrite, sandbox::kPixels, pixels.data(), pixels.size_bytes(), begin);
}

bool fail(const Error& error) {
  Reply reply;
  reply.answer = Answer::failed;
  reply.error_code = static_cast<std::int32_t>(error.code);
  return send(reply, error.message);
}

bool answer(const DecodedImage& image) {
  if (!write_pixels(0, image.pixels) || !write_pixels(image.pixels.size_bytes(), image.converted)) {
    return fail({ErrorCode::limit_exceeded, "there is no memory for the pixels of this image"});
  }
  Reply reply;
  reply.answer = Answer::decoded;
  reply.width = image.pixels.width();
  reply.height = image.pixels.height();
  reply.stored_width = image.stored_width;
  reply.stored_height = image.stored_height;
  reply.orientation = image.orientation;
  reply.orientation_stated = image.orientation_stated ? 1 : 0;
  reply.has_converted = image.converted.empty() ? 0 : 1;
  reply.hash = image.hash;
  std::string text = image.format + '\0' + image.taken + '\0';
  for (const std::string& warning : image.warnings) text += warning + '\0';
  return send(reply, text);
}

bool handle(const Request& request, int file, Decode decode, DecodedImage& image) {
  try {
    const Encoded encoded(file, request.encoded_bytes);
    if (!encoded) return fail({ErrorCode::limit_exceeded, "there is no memory for the bytes of this file"});
    const Result<Done> done = decode(encoded.bytes(), options_of(request), image);
    return done ? answer(image) : fail(done.error());
  } catch (const std::bad_alloc&) {
    image = {};
    return fail({ErrorCode::limit_exceeded, "the image needs more memory than the limit memory_bytes_max"});
  } catch (const Exception& error) {
    return fail(error.error());
  }
}

}  // namespace

int serve(std::span<char*> arguments, Decode decode) {
  constexpr std::size_t kArguments = 5;
  constexpr std::uint64_t kBytesPerPixel = 6;  // as stored and in sRGB
  if (arguments.size() != kArguments) return EXIT_FAILURE;
  // Whatever else the parent had open is not ours.
  ::close_range(sandbox::kPixels + 1, ~0U, 0);
  const Bounds bounds{.memory_bytes = std::strtoull(arguments[1], nullptr, 10),
                      .written_bytes = std::strtoull(arguments[2], nullptr, 10) * kBytesPerPixel,
                      .cpu_seconds = std::strtoull(arguments[3], nullptr, 10),
                      .parent = std::atoi(arguments[4])};
  // Libraries that are opened on first use are opened now, while that is possible.
  (void)image_formats();
  (void)make_icc_profile({});
  constexpr std::array<std::uint8_t, 1> kAnyPacket = {'<'};
  (void)read_xmp(kAnyPacket);
  Reply first;
  const std::string problem = confine(bounds);
  first.answer = problem.empty() ? Answer::ready : Answer::refused;
  if (!send(first, problem) || !problem.empty()) return EXIT_FAILURE;
  DecodedImage image;
  Request request;
  for (int file = receive(request); file >= 0; file = receive(request)) {
    if (!handle(request, file, decode, image)) return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

}  // namespace mien::decoder
