// Control groups as kernels write them, in folders of our own.
#include "base/processor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>

#include "support/fake_root.h"

namespace mien {
namespace {

class ControlGroups : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const { root_.write(name, text); }
  const std::string& root() const { return root_.path(); }
  static int all() { return static_cast<int>(std::max(1U, std::thread::hardware_concurrency())); }

 private:
  test::FakeRoot root_;
};

TEST_F(ControlGroups, WithoutAQuotaAllProcessorsAreUsable) {
  EXPECT_EQ(usable_processors(root()), all());
  write("/proc/self/cgroup", "0::/user.slice\n");
  write("/sys/fs/cgroup/user.slice/cpu.max", "max 100000\n");
  EXPECT_EQ(usable_processors(root()), all());
  EXPECT_GE(usable_processors(), 1);
}

TEST_F(ControlGroups, ThePartOfAProcessorIsOne) {
  write("/proc/self/cgroup", "0::/\n");
  write("/sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(usable_processors(root()), 1);
}

TEST_F(ControlGroups, TheQuotaOfAGroupAboveCounts) {
  write("/proc/self/cgroup", "0::/system.slice/mien.service\n");
  write("/sys/fs/cgroup/system.slice/mien.service/cpu.max", "max 100000\n");
  write("/sys/fs/cgroup/system.slice/cpu.max", "20000 100000\n");
  EXPECT_EQ(usable_processors(root()), 1);
}

// Inside a container /proc names a path of the host, which is not there.
TEST_F(ControlGroups, APathThatIsNotThereIsTheGroupAtTheTop) {
  write("/proc/self/cgroup", "0::/docker/0123\n");
  write("/sys/fs/cgroup/cpu.max", "100000 100000\n");
  EXPECT_EQ(usable_processors(root()), 1);
}

TEST_F(ControlGroups, TheFirstVersionHasAFolderForEachController) {
  write("/proc/self/cgroup", "5:memory:/a\n4:cpu,cpuacct:/a\n0::/b\n");
  write("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(usable_processors(root()), 1);
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(usable_processors(root()), all());
}

TEST_F(ControlGroups, MemoryIsThatOfTheGroup) {
  write("/proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n");
  Device cpu;
  read_system_memory(root(), cpu);
  EXPECT_EQ(cpu.memory_total_mb, 8192);
  write("/proc/self/cgroup", "0::/\n");
  write("/sys/fs/cgroup/memory.max", "1073741824\n");
  read_system_memory(root(), cpu);
  EXPECT_EQ(cpu.memory_total_mb, 1024);
  EXPECT_EQ(cpu.memory_free_mb, 1024);
  write("/sys/fs/cgroup/memory.max", "max\n");
  read_system_memory(root(), cpu);
  EXPECT_EQ(cpu.memory_total_mb, 8192);
}

}  // namespace
}  // namespace mien
