#include "image/sandbox.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <system_error>

#include "base/cancel.h"
#include "base/descriptor.h"
#include "base/utf8.h"
#include "image/limits.h"
#include "image/sandbox_wire.h"
#include "image/taken_time.h"

namespace mien {
namespace {

using sandbox::Answer;
using sandbox::Reply;
using sandbox::Request;
using Clock = std::chrono::steady_clock;

constexpr double kStartSeconds = 20;     // a busy machine may take seconds to start a program
constexpr double kGraceSeconds = 2;      // beyond the limit, which the child checks itself
constexpr int kImagesMax = 256;          // by one child: what took it over does not see more
constexpr double kBusySecondsMax = 300;  // likewise, and within its own limit of CPU time
// Address space for stacks and heaps of a codec's threads, which is set aside and mostly never used.
constexpr std::size_t kThreadsBytes = std::size_t{256} << 20;
constexpr int kStopCheckMs = 20;
constexpr int kDescriptorsFrom = 10;  // out of the way of those that the child gets
constexpr std::size_t kWarningsMax = 64;

Error system_error(const char* what) {
  return {ErrorCode::unsupported,
          fmt::format("--sandbox: cannot {}: {}", what, std::generic_category().message(errno))};
}

// The child can neither change nor grow it.
Descriptor seal(Bytes encoded) {
  Descriptor file(::memfd_create("mien-image", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const std::string_view bytes(reinterpret_cast<const char*>(encoded.data()), encoded.size());
  if (!file || write_all(file.get(), bytes) < bytes.size()) return {};
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return {};
  return file;
}

bool same_limits(const ImageLimits& a, const ImageLimits& b) {
  return a.memory_bytes_max == b.memory_bytes_max && a.bytes_max == b.bytes_max && a.pixels_max == b.pixels_max &&
         a.seconds_max == b.seconds_max;
}

struct Message {
  Reply reply;
  std::string text;
};

enum class Waiting { answered, ended, too_long, stopped };

class Child {
 public:
  ~Child() { end(); }

  // Makes sure that a child of this program and these limits is there.
  std::optional<Error> start(const DecodeOptions& options);
  Result<Done> decode(Bytes encoded, const DecodeOptions& options, DecodedImage& out);

 private:
  std::optional<Error> spawn(const DecodeOptions& options);
  std::optional<Error> greet();
  bool send(Request& request, int file) const;
  Waiting wait(double seconds, const std::stop_token& stop, Message& message) const;
  Error explain_end(const char* on);
  Result<Done> take(const Message& message, const DecodeOptions& options, DecodedImage& out);
  int end();

  std::string program_;
  ImageLimits limits_;
  Descriptor socket_;
  Descriptor pixels_;
  pid_t process_ = -1;
  pid_t owner_ = -1;  // who started it: after a fork somebody else has a copy of this object
  int images_ = 0;
  double busy_seconds_ = 0;
};

std::optional<Error> Child::start(const DecodeOptions& options) {
  if (process_ > 0 && owner_ != ::getpid()) {
    process_ = -1;  // the child belongs to the process that we were forked from
    socket_ = {};
    pixels_ = {};
  }
  const bool fits = process_ > 0 && program_ == options.decoder_program && same_limits(limits_, options.limits) &&
                    images_ < kImagesMax && busy_seconds_ < kBusySecondsMax;
  if (fits) return std::nullopt;
  end();
  program_ = options.decoder_program;
  limits_ = options.limits;
  images_ = 0;
  busy_seconds_ = 0;
  if (std::optional<Error> error = spawn(options)) return error;
  return greet();
}

std::optional<Error> Child::spawn(const DecodeOptions& options) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return system_error("make a socket");
  socket_ = Descriptor(ends[0]);
  const Descriptor near_end(ends[1]);
  const Descriptor its_socket(::fcntl(near_end.get(), F_DUPFD_CLOEXEC, kDescriptorsFrom));
  const Descriptor made(::memfd_create("mien-pixels", MFD_CLOEXEC));
  pixels_ = Descriptor(made ? ::fcntl(made.get(), F_DUPFD_CLOEXEC, kDescriptorsFrom) : -1);
  if (!its_socket || !pixels_) return system_error("make a memory file");

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawnattr_init(&attributes);
  for (int standard = 0; standard < sandbox::kSocket; ++standard) {
    ::posix_spawn_file_actions_addopen(&files, standard, "/dev/null", O_RDWR, 0);
  }
  ::posix_spawn_file_actions_adddup2(&files, its_socket.get(), sandbox::kSocket);
  ::posix_spawn_file_actions_adddup2(&files, pixels_.get(), sandbox::kPixels);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  // A group of its own: Ctrl-C is for mien, which then ends the child.
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

  // The pixels in other colours come on top of what the limit is about.
  const std::size_t converted_bytes = 3 * static_cast<std::size_t>(options.limits.pixels_max);
  std::string memory =
      std::to_string(options.limits.memory_bytes_max + converted_bytes + options.limits.bytes_max + kThreadsBytes);
  std::string pixels = std::to_string(options.limits.pixels_max);
  std::string seconds = fmt::format("{:.0f}", kBusySecondsMax + 16 * options.limits.seconds_max);
  std::string parent = std::to_string(::getpid());
  std::array<char*, 6> arguments = {program_.data(), memory.data(), pixels.data(),
                                    seconds.data(),  parent.data(), nullptr};
  // The codecs are found as here; nothing else of the environment is the child's business.
  const char* const path = std::getenv("LD_LIBRARY_PATH");
  std::string library_path = fmt::format("LD_LIBRARY_PATH={}", path == nullptr ? "" : path);
  std::array<char*, 2> environment = {path == nullptr ? nullptr : library_path.data(), nullptr};
  const int failure =
      ::posix_spawn(&process_, program_.c_str(), &files, &attributes, arguments.data(), environment.data());
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  owner_ = ::getpid();
  if (failure == 0) return std::nullopt;
  process_ = -1;
  return Error{ErrorCode::unsupported,
               fmt::format("--sandbox: {} cannot be started: {}", program_, std::generic_category().message(failure))};
}

// The first word is the child's, once it has given up its rights.
std::optional<Error> Child::greet() {
  Message message;
  const Waiting outcome = wait(kStartSeconds, {}, message);
  if (outcome == Waiting::answered && message.reply.answer == Answer::ready) return std::nullopt;
  std::string reason = "it does not answer";
  if (outcome == Waiting::answered && message.reply.answer == Answer::refused) reason = message.text;
  if (outcome == Waiting::ended) reason = "it ends at once: a library that it needs (libseccomp2) may be missing";
  end();
  return Error{ErrorCode::unsupported, fmt::format("--sandbox: {} does not start: {}", program_, reason)};
}

bool Child::send(Request& request, int file) const {
  sandbox::RequestMessage message(request);
  cmsghdr* const rights = CMSG_FIRSTHDR(&message.header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &file, sizeof(int));
  return ::sendmsg(socket_.get(), &message.header, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof(request));
}

// Waits for a message and checks its shape alone; take() checks what it says.
Waiting Child::wait(double seconds, const std::stop_token& stop, Message& message) const {
  const Clock::time_point deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  for (;;) {
    if (stop.stop_requested()) return Waiting::stopped;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return Waiting::too_long;
    constexpr std::int64_t kLongMs = 60'000;
    const int slice = static_cast<int>(std::min<std::int64_t>(left, stop.stop_possible() ? kStopCheckMs : kLongMs));
    pollfd waiting{socket_.get(), POLLIN, 0};
    const int ready = ::poll(&waiting, 1, slice);
    if (ready < 0 && errno != EINTR) return Waiting::ended;
    if (ready > 0) break;
  }
  std::array<std::uint8_t, sizeof(Reply) + sandbox::kTextBytesMax> bytes;
  const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count < static_cast<ssize_t>(sizeof(Reply))) return Waiting::ended;
  std::memcpy(&message.reply, bytes.data(), sizeof(Reply));
  const std::size_t text_bytes = static_cast<std::size_t>(count) - sizeof(Reply);
  if (message.reply.magic != sandbox::kMagic || message.reply.text_bytes != text_bytes) return Waiting::ended;
  message.text.assign(reinterpret_cast<const char*>(bytes.data()) + sizeof(Reply), text_bytes);
  return Waiting::answered;
}

// Kills it if it is still there, and returns what it ended with as waitpid says it.
int Child::end() {
  socket_ = {};
  pixels_ = {};
  int status = 0;
  if (process_ > 0 && owner_ == ::getpid()) {
    ::kill(process_, SIGKILL);
    while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  process_ = -1;
  return status;
}

Error Child::explain_end(const char* on) {
  // Its end of the socket closes a moment before it is dead: a kill in between would hide the true reason.
  socket_ = {};
  int status = 0;
  for (int i = 0; i < 200; ++i) {
    const pid_t ended = ::waitpid(process_, &status, WNOHANG);
    if (ended == process_ || (ended < 0 && errno != EINTR)) {
      process_ = -1;
      break;
    }
    ::usleep(1000);
  }
  end();
  if (!WIFSIGNALED(status)) {
    return {ErrorCode::bad_data, fmt::format("the decoder ended with status {} on this {}", WEXITSTATUS(status), on)};
  }
  const int number = WTERMSIG(status);
  if (number == SIGSYS) {
    return {ErrorCode::bad_data, fmt::format("the decoder was stopped on this {}: it tried what it has no right to, as "
                                             "a file does that takes it over",
                                             on)};
  }
  if (number == SIGXCPU || number == SIGXFSZ || number == SIGKILL) {
    return {ErrorCode::limit_exceeded,
            fmt::format("the decoder was stopped on this {}: it took more {} than it may", on,
                        number == SIGXCPU   ? "CPU time"
                        : number == SIGXFSZ ? "space for pixels"
                                            : "memory")};
  }
  return {ErrorCode::bad_data, fmt::format("the decoder ended by signal {} on this {}", number, on)};
}

// Text of the child as a message may hold it: no control characters, no broken UTF-8.
std::string clean(std::string_view text) { return replace_controls(replace_invalid_utf8(text), ' '); }

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < text.size() && parts.size() <= kWarningsMax + 1;) {
    const std::size_t end = std::min(text.find('\0', begin), text.size());
    parts.push_back(clean(std::string_view(text).substr(begin, end - begin)));
    begin = end + 1;
  }
  return parts;
}

bool is_error_of_decoding(std::int32_t code) {
  constexpr ErrorCode kCodes[] = {ErrorCode::bad_data, ErrorCode::limit_exceeded, ErrorCode::unsupported,
                                  ErrorCode::internal};
  return std::any_of(std::begin(kCodes), std::end(kCodes),
                     [&](ErrorCode known) { return static_cast<std::int32_t>(known) == code; });
}

// As in the table of formats, which is not asked, because that opens the codecs.
bool is_format_name(const std::string& name) {
  constexpr std::size_t kBytesMax = 8;
  const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= kBytesMax && std::all_of(name.begin(), name.end(), is_plain);
}

// Whoever wrote the reply may have been taken over: nothing in it is believed that was not checked.
bool is_possible(const Reply& reply, const DecodeOptions& options) {
  const auto is_side = [](std::int32_t stored, std::int32_t decoded) { return decoded >= 1 && decoded <= stored; };
  return is_side(reply.stored_width, reply.width) && is_side(reply.stored_height, reply.height) &&
         !check_pixel_limit({reply.stored_width, reply.stored_height}, options.limits) && reply.orientation >= 1 &&
         reply.orientation <= 8;
}

Result<Done> Child::take(const Message& message, const DecodeOptions& options, DecodedImage& out) {
  const Reply& reply = message.reply;
  const Error nonsense = {ErrorCode::bad_data, "the decoder answered what cannot be on this file"};
  if (reply.answer == Answer::failed && is_error_of_decoding(reply.error_code)) {
    return Error{static_cast<ErrorCode>(reply.error_code), clean(message.text)};
  }
  std::vector<std::string> parts = split(message.text);
  const bool is_named = parts.size() >= 2 && is_format_name(parts[0]) && read_time(parts[1]) == parts[1];
  if (reply.answer != Answer::decoded || !is_named || !is_possible(reply, options)) {
    end();
    return nonsense;
  }
  out.pixels.reset(reply.width, reply.height, 3);
  const bool has_converted = options.converted_too && reply.has_converted != 0;
  if (has_converted) out.converted.reset(reply.width, reply.height, 3);
  const auto read = [this](std::size_t begin, Image& pixels) {
    return sandbox::move_all(::pread, pixels_.get(), pixels.data(), pixels.size_bytes(), begin);
  };
  if (!read(0, out.pixels) || !read(out.pixels.size_bytes(), out.converted)) {
    end();
    return nonsense;
  }
  out.format = parts[0];
  out.taken = parts[1];
  out.icc_profile.clear();
  out.warnings.assign(parts.begin() + 2, parts.end());
  out.stored_width = reply.stored_width;
  out.stored_height = reply.stored_height;
  out.orientation = reply.orientation;
  out.orientation_stated = reply.orientation_stated != 0;
  out.hash = reply.hash;
  return Done{};
}

Result<Done> Child::decode(Bytes encoded, const DecodeOptions& options, DecodedImage& out) {
  if (std::optional<Error> error = start(options)) return *error;
  const Descriptor file = seal(encoded);
  if (!file) return Error{ErrorCode::limit_exceeded, "there is no memory to hand this file to the decoder"};
  const ImageLimits& limits = options.limits;
  Request request;
  request.scale_denominator = options.scale_denominator;
  request.convert_colours = options.convert_colours ? 1 : 0;
  request.converted_too = options.converted_too ? 1 : 0;
  request.hash = options.hash ? 1 : 0;
  request.limits = limits;
  request.encoded_bytes = encoded.size();
  const Clock::time_point begin = Clock::now();
  if (!send(request, file.get())) return explain_end("file or before it");
  Message message;
  const Waiting outcome = wait(limits.seconds_max + kGraceSeconds, options.stop, message);
  ++images_;
  busy_seconds_ += std::chrono::duration<double>(Clock::now() - begin).count();
  switch (outcome) {
    case Waiting::answered: return take(message, options, out);
    case Waiting::ended: return explain_end("file");
    case Waiting::stopped: end(); return cancelled_error();
    case Waiting::too_long: break;
  }
  end();
  return Error{ErrorCode::limit_exceeded,
               fmt::format("decoding takes longer than the limit of {:g} s (seconds_max)", limits.seconds_max)};
}

Child& child_of_this_thread() {
  static thread_local Child child;
  return child;
}

bool is_program(const std::string& path) { return ::access(path.c_str(), X_OK) == 0; }

}  // namespace

Result<Done> decode_in_sandbox(Bytes encoded, const DecodeOptions& options, DecodedImage& out) {
  return child_of_this_thread().decode(encoded, options, out);
}

void start_sandbox(const DecodeOptions& options) {
  if (std::optional<Error> error = child_of_this_thread().start(options)) throw Exception(*error);
}

Result<std::string> find_decoder_program(const std::string& asked) {
  if (!asked.empty()) {
    if (is_program(asked)) return asked;
    return Error{ErrorCode::unsupported,
                 fmt::format("--sandbox: MIEN_DECODER={} is no program that can be started", asked)};
  }
  Dl_info here{};
  std::string folder = ".";
  if (::dladdr(reinterpret_cast<const void*>(&find_decoder_program), &here) != 0 && here.dli_fname != nullptr) {
    // For a program whose first argument has no slash the loader has no path: in the current folder that name may be
    // anything, with a mien-decoder of a stranger beside it.
    const bool is_path = std::strchr(here.dli_fname, '/') != nullptr;
    const std::unique_ptr<char, decltype(&std::free)> resolved(is_path ? ::realpath(here.dli_fname, nullptr) : nullptr,
                                                               &std::free);
    const std::unique_ptr<char, decltype(&std::free)> program(::realpath("/proc/self/exe", nullptr), &std::free);
    const std::string file = resolved ? resolved.get() : program ? program.get() : "./mien";
    folder = file.substr(0, file.rfind('/'));
  }
  for (const char* place : {"/mien-decoder", "/../libexec/mien/mien-decoder", "/../../libexec/mien/mien-decoder"}) {
    if (is_program(folder + place)) return folder + place;
  }
  return Error{ErrorCode::unsupported,
               fmt::format("--sandbox needs the program mien-decoder, which is not beside {} nor in ../libexec/mien: "
                           "build with libseccomp-dev, which it needs, or name it with MIEN_DECODER",
                           folder)};
}

}  // namespace mien
