#include "base/queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

namespace mien {
namespace {

using Queue = OrderedQueue<int, int>;

// Begins a job as a thread does that needs nothing but the job.
std::optional<Queue::Fetched> begin(Queue& queue) {
  std::optional<Queue::Fetched> fetched = queue.fetch();
  if (fetched && !queue.engage(fetched->ticket)) return std::nullopt;
  return fetched;
}

constexpr std::chrono::milliseconds kLong{10'000};
constexpr std::chrono::milliseconds kShort{20};

// Ends what a failed expectation would leave waiting for ever.
struct AbandonAtExit {
  Queue& queue;
  ~AbandonAtExit() { queue.abandon(); }
};

TEST(OrderedQueue, GivesOutcomesInTheOrderOfTheJobs) {
  Queue queue(8);
  std::vector<std::jthread> threads;
  const AbandonAtExit at_exit{queue};
  threads.emplace_back([&] {
    for (int i = 0; i < 2000; ++i) ASSERT_TRUE(queue.push(i));
    queue.finish();
  });
  for (int worker = 0; worker < 4; ++worker) {
    threads.emplace_back([&, worker] {
      while (std::optional<Queue::Fetched> begun = begin(queue)) {
        if ((begun->job + worker) % 7 == 0) std::this_thread::yield();
        queue.complete(begun->ticket, begun->job * 2);
      }
    });
  }
  int outcome = -1;
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(queue.take(outcome, kLong), Queue::Taken::outcome);
    ASSERT_EQ(outcome, 2 * i);
  }
  EXPECT_EQ(queue.take(outcome, kLong), Queue::Taken::end);
}

TEST(OrderedQueue, HoldsNoMoreThanItsCapacityWhileOneJobIsSlow) {
  Queue queue(4);
  std::atomic<int> pushed{0};
  std::vector<std::jthread> threads;
  const AbandonAtExit at_exit{queue};
  threads.emplace_back([&] {
    while (pushed < 10 && queue.push(pushed)) ++pushed;
    queue.finish();
  });
  const Queue::Fetched slow = *begin(queue);
  for (int i = 1; i < 4; ++i) {  // the others run ahead as far as there is room
    const Queue::Fetched begun = *begin(queue);
    queue.complete(begun.ticket, begun.job);
  }
  int outcome = -1;
  EXPECT_EQ(queue.take(outcome, kShort), Queue::Taken::timeout);
  EXPECT_EQ(pushed, 4);
  queue.complete(slow.ticket, 100);
  ASSERT_EQ(queue.take(outcome, kLong), Queue::Taken::outcome);
  EXPECT_EQ(outcome, 100);
  EXPECT_EQ(begin(queue)->job, 4);  // now there is room
}

TEST(OrderedQueue, ShowsTheTakerALaterOutcomeWithoutTakingIt) {
  Queue queue(4);
  queue.push(10);
  queue.push(11);
  const Queue::Fetched first = *begin(queue);
  const Queue::Fetched second = *begin(queue);
  std::jthread late([&] {
    std::this_thread::sleep_for(kShort);
    queue.complete(second.ticket, 22);
  });
  EXPECT_EQ(queue.wait_for(second.ticket), 22);
  queue.complete(first.ticket, 21);
  int outcome = 0;
  EXPECT_EQ(queue.take(outcome, kLong), Queue::Taken::outcome);
  EXPECT_EQ(outcome, 21);
  EXPECT_EQ(queue.take(outcome, kLong), Queue::Taken::outcome);
  EXPECT_EQ(outcome, 22);
}

TEST(OrderedQueue, AbandonedKeepsWhatWasBegunAndDropsTheRest) {
  Queue queue(8);
  for (int i = 0; i < 5; ++i) queue.push(i);
  const Queue::Fetched first = *begin(queue);
  const Queue::Fetched second = *begin(queue);
  queue.abandon();
  queue.abandon();  // twice is once
  EXPECT_EQ(queue.dropped(), 3U);
  EXPECT_FALSE(queue.push(9));
  EXPECT_FALSE(begin(queue));
  queue.complete(second.ticket, 2);
  queue.complete(first.ticket, 1);
  int outcome = 0;
  EXPECT_EQ(queue.take(outcome, kLong), Queue::Taken::outcome);
  EXPECT_EQ(queue.take(outcome, kLong), Queue::Taken::outcome);
  EXPECT_EQ(outcome, 2);
  EXPECT_EQ(queue.take(outcome, kLong), Queue::Taken::end);
}

TEST(OrderedQueue, AbandonedWaitsForNobodyWhoOnlyFetched) {
  Queue queue(8);
  for (int i = 0; i < 4; ++i) queue.push(i);
  const Queue::Fetched first = *begin(queue);
  const Queue::Fetched hangs = *queue.fetch();
  const Queue::Fetched third = *begin(queue);
  queue.abandon();
  EXPECT_EQ(queue.dropped(), 3U) << "without the second, the third would leave a gap";
  EXPECT_FALSE(queue.engage(hangs.ticket));
  queue.complete(third.ticket, 3);
  EXPECT_FALSE(queue.wait_for(third.ticket));
  queue.complete(first.ticket, 1);
  int outcome = 0;
  EXPECT_EQ(queue.take(outcome, kLong), Queue::Taken::outcome);
  EXPECT_EQ(outcome, 1);
  EXPECT_EQ(queue.take(outcome, kLong), Queue::Taken::end);
}

TEST(OrderedQueue, WakesAPusherThatWaitsForRoom) {
  Queue queue(1);
  queue.push(0);
  std::atomic<bool> refused{false};
  std::jthread pusher([&] { refused = !queue.push(1); });
  std::this_thread::sleep_for(kShort);
  queue.abandon();
  pusher.join();
  EXPECT_TRUE(refused);
}

TEST(OrderedQueue, GivesTheTakerTheFirstFailure) {
  Queue queue(4);
  queue.push(0);
  queue.push(1);
  begin(queue);
  queue.fail(std::make_exception_ptr(std::runtime_error("first")));
  queue.fail(std::make_exception_ptr(std::runtime_error("second")));
  EXPECT_FALSE(begin(queue));
  int outcome = 0;
  try {
    queue.take(outcome, kLong);
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "first");
  }
  EXPECT_THROW(queue.wait_for(0), std::runtime_error);
}

}  // namespace
}  // namespace mien
