#include "base/child.h"

#include <gtest/gtest.h>

namespace mien {
namespace {

TEST(Child, GivesExitCodeAndBothOutputs) {
  const ChildResult result = run_program({{"sh", "-c", "echo out; echo $A >&2; exit 7"}, {{"A", "err"}}});
  EXPECT_EQ(result.problem, "");
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(result.output, "out\nerr\n");
}

TEST(Child, SaysWhyThereIsNoExitCode) {
  EXPECT_NE(run_program({{"/nonexistent/program"}}).problem.find("cannot be started"), std::string::npos);
  EXPECT_NE(run_program({{"sh", "-c", "kill -SEGV $$"}}).problem.find("signal 11"), std::string::npos);
  ChildRun slow{{"sh", "-c", "sleep 60 & wait"}};
  slow.limit = std::chrono::seconds(0);
  EXPECT_NE(run_program(slow).problem.find("did not end within 0 s"), std::string::npos);
  std::stop_source source;
  source.request_stop();
  ChildRun stopped{{"sleep", "60"}};
  stopped.stop = source.get_token();
  EXPECT_EQ(run_program(stopped).problem, "it was stopped");
}

TEST(Child, KeepsTheEndOfMuchOutput) {
  const ChildResult result = run_program({{"sh", "-c", "yes | head -c 1000000; echo end"}});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_LT(result.output.size(), 200000U);
  EXPECT_EQ(last_line(result.output), "end");
}

TEST(LastLine, SkipsEmptyOnes) {
  EXPECT_EQ(last_line("a\nb\n\n"), "b");
  EXPECT_EQ(last_line(""), "");
}

}  // namespace
}  // namespace mien
