// The lines of somebody's file of settings that are changed, and those that are not.
#include "base/env_edit.h"

#include <gtest/gtest.h>

#include "base/env_file.h"

namespace mien {
namespace {

constexpr const char* kMark = "mien tune";

TEST(EnvEdit, AddsAtTheEnd) {
  const EnvEdit edit = edit_env_text("# mine\nPASSWORD=x", {{"GPU_BATCH_SIZE", "8"}}, kMark);
  EXPECT_EQ(edit.text, "# mine\nPASSWORD=x\nGPU_BATCH_SIZE=8  # mien tune: 8\n");
  EXPECT_EQ(edit.changed, std::vector<std::string>{"GPU_BATCH_SIZE"});
  EXPECT_TRUE(edit.kept.empty());
  EXPECT_EQ(edit_env_text("", {{"A", "1"}}, kMark).text, "A=1  # mien tune: 1\n");
  EXPECT_EQ(parse_env_file(edit.text).entries.back().value, "8");
}

TEST(EnvEdit, ChangesItsOwnLineWhereItStands) {
  const std::string before = "A=1\nFACE_DETECTION_GPU=true  # mien tune: true\n\n# end\n";
  const EnvEdit edit = edit_env_text(before, {{"FACE_DETECTION_GPU", "false"}}, kMark);
  EXPECT_EQ(edit.text, "A=1\nFACE_DETECTION_GPU=false  # mien tune: false\n\n# end\n");
  const EnvEdit again = edit_env_text(edit.text, {{"FACE_DETECTION_GPU", "false"}}, kMark);
  EXPECT_EQ(again.text, edit.text);
  EXPECT_TRUE(again.changed.empty());
}

TEST(EnvEdit, WhatIsSetByHandWins) {
  for (const std::string line : {"GPU_BATCH_SIZE=4", "gpu_batch_size = 4 # mine", "export MIEN_GPU_BATCH_SIZE='4'",
                                 "GPU_BATCH_SIZE=4  # mien tune: 32"}) {
    const std::string before = "X=1\n" + line + "\nY=2\n";
    const EnvEdit edit = edit_env_text(before, {{"GPU_BATCH_SIZE", "8"}}, kMark);
    EXPECT_EQ(edit.text, before) << line;
    ASSERT_EQ(edit.kept.size(), 1U) << line;
    EXPECT_EQ(edit.kept.front(), (std::pair<std::string, int>{"GPU_BATCH_SIZE", 2})) << line;
  }
}

TEST(EnvEdit, AnEmptyValueIsNoSetting) {
  const EnvEdit edit = edit_env_text("GPU_BATCH_SIZE=\n", {{"GPU_BATCH_SIZE", "8"}}, kMark);
  EXPECT_EQ(edit.text, "GPU_BATCH_SIZE=\nGPU_BATCH_SIZE=8  # mien tune: 8\n");
}

TEST(EnvEdit, LinesOfOtherKindsStay) {
  const std::string before =
      "\xEF\xBB\xBF# mark\r\nKEY=\"two\r\nlines GPU_BATCH_SIZE=3\"\r\nnonsense\r\nGPU_BATCH_SIZE=1  # mien tune: 1\r\n";
  const EnvEdit edit = edit_env_text(before, {{"GPU_BATCH_SIZE", "8"}, {"NEW", "x"}}, kMark);
  EXPECT_EQ(edit.text,
            "\xEF\xBB\xBF# mark\r\nKEY=\"two\r\nlines GPU_BATCH_SIZE=3\"\r\nnonsense\r\nGPU_BATCH_SIZE=8  # mien "
            "tune: 8\r\nNEW=x  # mien tune: x\r\n");
}

TEST(EnvEdit, PrefixedNamesOfOurOwnHaveOneSpelling) {
  const EnvEdit edit = edit_env_text("MIEN_MIEN_THREADS=3\n", {{"MIEN_THREADS", "2"}}, kMark);
  EXPECT_EQ(edit.changed.size(), 1U);
  EXPECT_EQ(edit_env_text("mien_threads=3\n", {{"MIEN_THREADS", "2"}}, kMark).kept.size(), 1U);
}

}  // namespace
}  // namespace mien
