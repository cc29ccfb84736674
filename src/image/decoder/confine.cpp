#include "image/decoder/confine.h"

#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <initializer_list>
#include <memory>
#include <system_error>

namespace mien::decoder {
namespace {

std::string reason(const std::string& what, int number) {
  return what + ": " + std::generic_category().message(number);
}

bool limit(__rlimit_resource resource, std::uint64_t value) {
  const rlimit bound{value, value};
  return ::setrlimit(resource, &bound) == 0;
}

// Address space in use now: the program, the codecs, the stacks.
std::uint64_t mapped_bytes() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/statm", "re"), &std::fclose);
  unsigned long pages = 0;
  if (!file || std::fscanf(file.get(), "%lu", &pages) != 1) return 0;
  return std::uint64_t{pages} * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::string set_limits(const Bounds& bounds) {
  constexpr std::uint64_t kDescriptorsMax = 16;
  const std::uint64_t mapped = mapped_bytes();
  if (mapped == 0) return "cannot read how much memory is mapped (/proc)";
  if (!limit(RLIMIT_AS, mapped + bounds.memory_bytes)) return reason("cannot limit memory", errno);
  if (!limit(RLIMIT_FSIZE, bounds.written_bytes)) return reason("cannot limit what is written", errno);
  if (!limit(RLIMIT_CPU, bounds.cpu_seconds)) return reason("cannot limit CPU time", errno);
  if (!limit(RLIMIT_NOFILE, kDescriptorsMax)) return reason("cannot limit open files", errno);
  if (!limit(RLIMIT_CORE, 0)) return reason("cannot forbid core files", errno);
  return "";
}

class Filter {
 public:
  // A call that is not listed fails with EPERM, as it would for somebody without the right: codecs that only ask for
  // something optional go on.
  Filter() : context_(::seccomp_init(SCMP_ACT_ERRNO(EPERM))) {}
  ~Filter() {
    if (context_ != nullptr) ::seccomp_release(context_);
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  void allow(std::initializer_list<int> calls) {
    for (const int call : calls) add(SCMP_ACT_ALLOW, call, {});
  }
  void kill(std::initializer_list<int> calls) {
    for (const int call : calls) add(SCMP_ACT_KILL_PROCESS, call, {});
  }
  void add(std::uint32_t action, int call, std::initializer_list<scmp_arg_cmp> when) {
    if (failure_ != 0 || context_ == nullptr) return;
    failure_ = ::seccomp_rule_add_array(context_, action, call, static_cast<unsigned>(when.size()), when.begin());
  }
  std::string load() {
    if (context_ == nullptr) return "libseccomp cannot make a filter";
    if (failure_ == 0) failure_ = ::seccomp_load(context_);
    return failure_ == 0 ? "" : reason("the kernel does not take the filter of system calls", -failure_);
  }

 private:
  scmp_filter_ctx context_;
  int failure_ = 0;
};

constexpr scmp_arg_cmp argument(unsigned index, scmp_compare comparison, std::uint64_t a, std::uint64_t b = 0) {
  return {index, comparison, a, b};
}

std::string filter_calls() {
  Filter filter;
  // Allowed are memory, threads of codecs, time, and messages and pixels over descriptors that are open.
  filter.allow({SCMP_SYS(read),
                SCMP_SYS(write),
                SCMP_SYS(pread64),
                SCMP_SYS(pwrite64),
                SCMP_SYS(recvmsg),
                SCMP_SYS(sendmsg),
                SCMP_SYS(close),
                SCMP_SYS(lseek),
                SCMP_SYS(munmap),
                SCMP_SYS(mremap),
                SCMP_SYS(brk),
                SCMP_SYS(madvise),
                SCMP_SYS(futex),
                SCMP_SYS(set_robust_list),
                SCMP_SYS(rseq),
                SCMP_SYS(rt_sigprocmask),
                SCMP_SYS(rt_sigaction),
                SCMP_SYS(rt_sigreturn),
                SCMP_SYS(sigaltstack),
                SCMP_SYS(exit),
                SCMP_SYS(exit_group),
                SCMP_SYS(getpid),
                SCMP_SYS(gettid),
                SCMP_SYS(sched_yield),
                SCMP_SYS(sched_getaffinity),
                SCMP_SYS(clock_gettime),
                SCMP_SYS(clock_nanosleep),
                SCMP_SYS(nanosleep),
                SCMP_SYS(gettimeofday),
                SCMP_SYS(getrandom),
                SCMP_SYS(sysinfo),
                SCMP_SYS(restart_syscall)});
  // Memory that can be run is never allowed.
  filter.add(SCMP_ACT_ALLOW, SCMP_SYS(mmap), {argument(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)});
  filter.add(SCMP_ACT_ALLOW, SCMP_SYS(mprotect), {argument(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)});
  // Threads are allowed, but no processes. What clone3 asks for lies in memory, which a filter cannot read: without it
  // the C library uses clone.
  filter.add(SCMP_ACT_ALLOW, SCMP_SYS(clone), {argument(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)});
  filter.add(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), {});
  // Limits may be read, not changed.
  filter.add(SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), {argument(0, SCMP_CMP_EQ, 0), argument(2, SCMP_CMP_EQ, 0)});
  // abort() reaches this process alone.
  filter.add(SCMP_ACT_ALLOW, SCMP_SYS(tgkill), {argument(0, SCMP_CMP_EQ, static_cast<std::uint64_t>(::getpid()))});
  // No codec has a reason for these: somebody else is at work.
  filter.kill({SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(socket),
               SCMP_SYS(connect), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev)});
  return filter.load();
}

}  // namespace

std::string confine(const Bounds& bounds) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return reason("cannot bind itself to who started it", errno);
  if (::getppid() != bounds.parent) return "who started it has ended";
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return reason("cannot hide from other programs", errno);
  if (std::string problem = set_limits(bounds); !problem.empty()) return problem;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return reason("cannot give up new rights", errno);
  return filter_calls();
}

}  // namespace mien::decoder
