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
