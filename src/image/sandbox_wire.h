// The messages between mien and mien-decoder, over a socket that keeps messages apart. Both are of one build.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "mien/engine.h"

namespace mien::sandbox {

// Descriptors that the child is started with.
inline constexpr int kSocket = 3;
inline constexpr int kPixels = 4;  // a memory file: the child writes the pixels into it, mien reads them

inline constexpr std::uint32_t kMagic = 0x4D444335;  // changes with the structs below

// A request for one image; without a descriptor beside it the child ends. The file's bytes come as a sealed memory
// file.
struct Request {
  std::uint32_t magic = kMagic;
  std::int32_t scale_denominator = 1;
  std::int32_t convert_colours = 1;
  std::int32_t converted_too = 0;
  std::int32_t hash = 0;
  ImageLimits limits;
  std::uint64_t encoded_bytes = 0;
};

// A request with room for the descriptor that goes along.
struct RequestMessage {
  explicit RequestMessage(Request& request) : part{&request, sizeof(request)} {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  RequestMessage(const RequestMessage&) = delete;
  RequestMessage& operator=(const RequestMessage&) = delete;

  iovec part;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
};

enum class Answer : std::uint32_t { ready, refused, decoded, failed };

// Followed by text_bytes of text: the message of refused and failed; of decoded the format, when the photo
// was taken and then the warnings, each ended by a NUL byte.
struct Reply {
  std::uint32_t magic = kMagic;
  Answer answer = Answer::failed;
  std::int32_t error_code = 0;
  std::int32_t width = 0;
  std::int32_t height = 0;
  std::int32_t stored_width = 0;
  std::int32_t stored_height = 0;
  std::int32_t orientation = 1;
  std::uint32_t orientation_stated = 0;
  std::uint32_t has_converted = 0;  // the same pixels in sRGB lie behind the others
  std::uint64_t hash = 0;
  std::uint32_t text_bytes = 0;
};

inline constexpr std::size_t kTextBytesMax = 16'384;

// Reads or writes all of `bytes`, which begin at this place of a file, by calls of pread or pwrite.
template <typename Call, typename Byte>
bool move_all(Call call, int file, Byte* bytes, std::size_t size, std::size_t begin) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count = call(file, bytes + done, size - done, static_cast<off_t>(begin + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

}  // namespace mien::sandbox
