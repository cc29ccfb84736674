// Memory that is kept for reuse: who gets which block, and the ceiling.
#include "device/memory_pool.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <thread>

#include "device/device_pools.h"

namespace mien {
namespace {

// Memory of this computer that counts what is out.
class MemoryPoolTest : public testing::Test {
 protected:
  MemoryPool::Source source() {
    return {[this](std::size_t bytes) -> void* {
              if (is_full_) return nullptr;
              ++out_;
              auto block = std::make_unique<char[]>(bytes);
              const std::lock_guard lock(mutex_);
              void* const address = block.get();
              blocks_.emplace(address, std::move(block));
              return address;
            },
            [this](void* block) {
              --out_;
              const std::lock_guard lock(mutex_);
              blocks_.erase(block);
            }};
  }

  std::mutex mutex_;
  std::map<void*, std::unique_ptr<char[]>> blocks_;
  std::atomic<int> out_{0};
  std::atomic<bool> is_full_{false};
  std::shared_ptr<MemoryBudget> budget_ = std::make_shared<MemoryBudget>();
};

TEST_F(MemoryPoolTest, AFreedBlockServesTheNextOfItsSize) {
  budget_->set_max(1 << 20);
  MemoryPool pool(budget_, source());
  void* const first = pool.allocate(10'000);
  pool.free(first);
  EXPECT_EQ(pool.allocate(9'900), first);
  EXPECT_NE(pool.allocate(9'900), first) << "it is in use";
  EXPECT_EQ(out_, 2);
  pool.free(first);
  EXPECT_NE(pool.allocate(1'000), first) << "much too large to be given away";
}

TEST_F(MemoryPoolTest, UnusedBlocksGoBeforeTheCeilingIsPassed) {
  budget_->set_max(100'000);
  MemoryPool pool(budget_, source());
  void* const large = pool.allocate(80'000);
  ASSERT_NE(large, nullptr);
  EXPECT_EQ(pool.allocate(30'000), nullptr) << "the first is still used";
  pool.free(large);
  EXPECT_NE(pool.allocate(30'000), nullptr);
  EXPECT_EQ(out_, 1);
  EXPECT_LE(budget_->peak(), 100'000U);
}

TEST_F(MemoryPoolTest, TwoPoolsShareACeilingAndNoBlock) {
  budget_->set_max(100'000);
  MemoryPool one(budget_, source());
  MemoryPool other(budget_, source());
  void* const block = one.allocate(40'000);
  one.free(block);
  void* const second = other.allocate(40'000);
  EXPECT_NE(second, block);
  EXPECT_EQ(other.allocate(40'000), nullptr);
  one.trim();
  EXPECT_NE(other.allocate(40'000), nullptr);
}

TEST_F(MemoryPoolTest, AFullDeviceIsNoUse) {
  budget_->set_max(1 << 20);
  MemoryPool pool(budget_, source());
  is_full_ = true;
  EXPECT_EQ(pool.allocate(1'000), nullptr);
  EXPECT_EQ(budget_->taken(), 0U);
  is_full_ = false;
  EXPECT_NE(pool.allocate(1'000), nullptr);
}

TEST_F(MemoryPoolTest, FromManyThreadsNoBlockIsGivenTwice) {
  constexpr std::uint64_t kMost = 4 << 20;
  budget_->set_max(kMost);
  {
    MemoryPool pool(budget_, source());
    std::mutex mutex;
    std::set<void*> used;
    std::vector<std::thread> threads;
    for (unsigned seed = 0; seed < 4; ++seed) {
      threads.emplace_back([&, seed] {
        std::mt19937 random(seed);
        for (int i = 0; i < 3'000; ++i) {
          void* const block = pool.allocate(1 + random() % 300'000);
          if (block == nullptr) continue;
          {
            const std::lock_guard lock(mutex);
            ASSERT_TRUE(used.insert(block).second);
          }
          {
            const std::lock_guard lock(mutex);
            used.erase(block);
          }
          pool.free(block);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_LE(budget_->peak(), kMost);
    EXPECT_EQ(pool.used(), 0U);
  }
  EXPECT_EQ(out_, 0);
  EXPECT_EQ(budget_->taken(), 0U);
}

TEST_F(MemoryPoolTest, ProvidersAllocateByFunctionsOfC) {
  // This is a device that nothing else in this program opens: the pools are the process's.
  constexpr int kDevice = kPooledDevicesMax - 1;
  DevicePools& pools = open_device_pools(kDevice, source(), 10'000);
  const PoolFunctions functions = pool_functions(kDevice);
  void* const block = functions.allocate(8'000);
  EXPECT_EQ(pools.runs.used(), 8'192U);
  EXPECT_FALSE(pools.has_run_out);
  EXPECT_EQ(functions.allocate(8'000), nullptr);
  EXPECT_TRUE(pools.has_run_out);
  functions.free(block);
  EXPECT_EQ(pools.runs.used(), 0U);
  void* const copied = pools.allocate(pools.copies, 8'000);
  EXPECT_NE(copied, nullptr) << "what the other pool keeps unused goes first";
  pools.copies.free(copied);
  pools.trim();
  EXPECT_EQ(out_, 0);
}

}  // namespace
}  // namespace mien
