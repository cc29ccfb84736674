#include "ops/compare.h"

#include <gtest/gtest.h>

namespace mien {
namespace {

Analysis analysis_of(const std::string& id, std::vector<float> embedding) {
  Analysis analysis;
  analysis.models = {"some_detector", "name_of_" + id, id};
  analysis.faces.emplace_back().embedding = std::move(embedding);
  return analysis;
}

ErrorCode code_of(const Result<float>& result) { return result ? ErrorCode::internal : result.error().code; }

TEST(CompareFaces, IsTheCosine) {
  const Analysis a = analysis_of("one", {3, 4});
  EXPECT_FLOAT_EQ(*compare_faces(a, 0, a, 0), 1);
  EXPECT_FLOAT_EQ(*compare_faces(a, 0, analysis_of("one", {-4, 3}), 0), 0);
  EXPECT_FLOAT_EQ(*compare_faces(a, 0, analysis_of("one", {10, 0}), 0), 0.6F);
  EXPECT_EQ(*compare_faces(a, 0, analysis_of("one", {0, 0}), 0), 0);
}

TEST(JudgePair, SaysNothingOfTwoPoorFacesAndNeverDifferentOfOne) {
  Face good, poor, unknown;
  good.recognition_quality = kRecognitionFloor;
  poor.recognition_quality = kRecognitionFloor - 0.001F;
  struct Row {
    const Face& a;
    const Face& b;
    float similarity;
    Verdict verdict;
  };
  const Row rows[] = {
      {good, good, 0.5F, Verdict::same},
      {good, good, 0.49F, Verdict::different},
      {poor, good, 0.5F, Verdict::same},
      {good, poor, 0.49F, Verdict::cannot_tell},
      {poor, poor, 0.99F, Verdict::not_comparable},
      {poor, poor, -1, Verdict::not_comparable},
      {unknown, poor, 0.49F, Verdict::cannot_tell},
      {unknown, unknown, 0.49F, Verdict::different},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(verdict_name(judge_pair(row.a, row.b, row.similarity, 0.5F)), verdict_name(row.verdict));
    EXPECT_EQ(verdict_name(judge_pair(row.b, row.a, row.similarity, 0.5F)), verdict_name(row.verdict));
  }
}

TEST(PoorReason, IsReadAsItIsWritten) {
  for (const PoorReason reason :
       {PoorReason::too_small, PoorReason::too_blurred, PoorReason::too_dark, PoorReason::low_contrast}) {
    EXPECT_EQ(poor_reason_from_name(poor_reason_name(reason)), reason);
  }
  EXPECT_EQ(poor_reason_name(PoorReason::too_small), "too_small");
  EXPECT_EQ(poor_reason_name(PoorReason::low_contrast), "low_contrast");
  EXPECT_FALSE(poor_reason_from_name("ugly"));
  EXPECT_EQ(verdict_name(Verdict::cannot_tell), "cannot_tell");
}

TEST(CompareFaces, NamesTheModelsThatItRefusesToMix) {
  const Analysis a = analysis_of("one", {1, 2});
  const Result<float> mixed = compare_faces(a, 0, analysis_of("two", {1, 2}), 0);
  ASSERT_FALSE(mixed) << "same length, other model";
  EXPECT_EQ(mixed.error().code, ErrorCode::invalid_argument);
  for (const char* part : {"name_of_one", "(one)", "name_of_two", "(two)"}) {
    EXPECT_NE(mixed.error().message.find(part), std::string::npos) << mixed.error().message;
  }
  // The name proves nothing: another file may be behind it.
  Analysis same_name = analysis_of("two", {1, 2});
  same_name.models.embedder = a.models.embedder;
  EXPECT_EQ(code_of(compare_faces(a, 0, same_name, 0)), ErrorCode::invalid_argument);
  // Nor do two models that nobody named.
  EXPECT_EQ(code_of(compare_faces(analysis_of("", {1}), 0, analysis_of("", {1}), 0)), ErrorCode::invalid_argument);
}

TEST(CompareFaces, RefusesWhatIsNotThere) {
  const Analysis a = analysis_of("one", {1, 2});
  EXPECT_EQ(code_of(compare_faces(a, 1, a, 0)), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(compare_faces(a, 0, a, SIZE_MAX)), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(compare_faces(a, 0, analysis_of("one", {}), 0)), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(compare_faces(a, 0, analysis_of("one", {1, 2, 3}), 0)), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace mien
