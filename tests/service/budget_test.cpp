#include "service/budget.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace mien::service {
namespace {

TEST(Budget, GivesWhatItHasAndGetsItBack) {
  const auto budget = std::make_shared<Budget>(100);
  Reservation first;
  Reservation second;
  EXPECT_TRUE(budget->reserve(first, 60));
  EXPECT_FALSE(budget->reserve(second, 41));
  EXPECT_EQ(second.bytes(), 0U);
  EXPECT_TRUE(budget->reserve(second, 40));
  EXPECT_EQ(budget->held(), 100U);
  first.shrink(10);
  EXPECT_EQ(budget->held(), 50U);
  first = {};
  EXPECT_EQ(budget->held(), 40U);
  EXPECT_FALSE(budget->reserve(first, SIZE_MAX)) << "no overflow";
}

TEST(Budget, ReservationsAreCutAndJoined) {
  const auto budget = std::make_shared<Budget>(100);
  Reservation whole;
  ASSERT_TRUE(budget->reserve(whole, 50));
  Reservation part = whole.split(20);
  EXPECT_EQ(whole.bytes() + part.bytes(), 50U);
  part.merge(std::move(whole));
  EXPECT_EQ(part.bytes(), 50U);
  EXPECT_EQ(budget->held(), 50U);
}

TEST(Budget, CallsWhoeverWaitsOnceInTheOrderOfAsking) {
  const auto budget = std::make_shared<Budget>(10);
  std::vector<int> calls;
  Reservation all;
  ASSERT_TRUE(budget->reserve(all, 10));
  budget->when_room([&] { calls.push_back(1); });
  budget->when_room([&] {
    calls.push_back(2);
    EXPECT_EQ(budget->held(), 9U) << "may ask from within";
  });
  EXPECT_TRUE(calls.empty());
  all.shrink(9);
  all.shrink(8);
  EXPECT_EQ(calls, (std::vector<int>{1, 2}));
}

TEST(Budget, OneAtATimeMayGoBeyond) {
  const auto budget = std::make_shared<Budget>(10);
  Reservation a;
  Reservation b;
  ASSERT_TRUE(budget->reserve_beyond(a, 6));
  ASSERT_TRUE(budget->reserve_beyond(b, 4)) << "there is room";
  ASSERT_TRUE(budget->reserve_beyond(a, 6));
  EXPECT_FALSE(budget->reserve_beyond(b, 1)) << "another one is beyond";
  EXPECT_TRUE(budget->reserve_beyond(a, 6)) << "who is beyond goes on";
  Reservation c;
  EXPECT_FALSE(budget->reserve(c, 1));
  a = {};
  EXPECT_EQ(budget->held(), 4U);
  EXPECT_TRUE(budget->reserve_beyond(b, 20));
}

TEST(Budget, IsSafeFromManyThreads) {
  const auto budget = std::make_shared<Budget>(1000);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 2000; ++n) {
        Reservation one;
        EXPECT_TRUE(!budget->reserve(one, 300) || budget->held() <= 1000U);
        budget->when_room([] {});
      }
    });
  }
  threads.clear();
  EXPECT_EQ(budget->held(), 0U);
}

}  // namespace
}  // namespace mien::service
