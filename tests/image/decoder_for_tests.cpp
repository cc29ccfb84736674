// A decoder whose files say what it does: how a codec behaves that a file has taken over. For tests alone: mien never
// starts it by itself.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "image/decoder/serve.h"

namespace {

using namespace mien;

std::string try_calls() {
  std::string tried;
  const auto note = [&](const char* name, bool worked) {
    tried += std::string(name) + (worked ? " works, " : " fails, ");
  };
  note("open", ::open("/etc/passwd", O_RDONLY) >= 0);
  note("create", ::open("/tmp/mien_decoder_was_here", O_WRONLY | O_CREAT, 0600) >= 0);
  note("unlink", ::unlink("/tmp/mien_decoder_was_here") == 0);
  note("kill", ::kill(::getppid(), 0) == 0);
  const pid_t forked = ::fork();
  if (forked == 0) std::_Exit(0);
  note("fork", forked > 0);
  note("memfd", ::memfd_create("more", 0) >= 0);
  const rlimit more{RLIM_INFINITY, RLIM_INFINITY};
  note("setrlimit", ::setrlimit(RLIMIT_AS, &more) == 0);
  void* const code = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  note("code", code != MAP_FAILED);
  int from_thread = 0;
  std::thread([&] { from_thread = 1; }).join();
  note("thread", from_thread == 1);
  return tried;
}

[[noreturn]] void hang() {
  for (;;) std::this_thread::yield();
}

void eat_memory() {
  std::vector<std::vector<char>> eaten;
  for (;;) eaten.emplace_back(std::size_t{64} << 20, 'a');
}

Result<Done> obey(Bytes encoded, const DecodeOptions& options, DecodedImage& out) {
  const std::string_view order(reinterpret_cast<const char*>(encoded.data()), encoded.size());
  out.format = "png";
  out.warnings.clear();
  out.orientation = 1;
  out.stored_width = 1;
  out.stored_height = 1;
  out.pixels.reset(1, 1, 3);
  if (order == "crash") std::raise(SIGSEGV);
  if (order == "abort") std::abort();
  if (order == "hang") hang();
  if (order == "eat") eat_memory();
  if (order == "leave") std::_Exit(7);
  if (order == "socket") (void)::socket(AF_INET, SOCK_STREAM, 0);
  if (order == "exec") ::execl("/bin/true", "true", nullptr);
  if (order == "ptrace") (void)::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr);
  if (order == "try") out.warnings.push_back(try_calls());
  if (order == "descriptors") {
    for (int file = 5; file < 64; ++file) {
      if (::lseek(file, 0, SEEK_CUR) >= 0) out.warnings.push_back("open: " + std::to_string(file));
    }
  }
  if (order == "large") out.stored_width = out.stored_height = options.limits.side_max + 1;
  if (order == "wide") {
    out.stored_width = 2;
    out.pixels.reset(3, 1, 3);
  }
  if (order == "sideways") out.orientation = 9;
  if (order == "strange") out.format = "a format of its own";
  if (order == "text") out.warnings.push_back("\x1B[2J\xFF\n" + std::string(40'000, 'x'));
  if (order == "code") return Error{static_cast<ErrorCode>(77), "an error of its own"};
  return Done{};
}

}  // namespace

int main(int argc, char** argv) { return mien::decoder::serve({argv, static_cast<std::size_t>(argc)}, obey); }
