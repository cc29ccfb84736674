#include "models/catalog.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "mien/catalog.h"
#include "mien/file.h"
#include "support/contains.h"
#include "support/tiny_models.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

using test::ByteVector;
using test::contains;
using test::ScratchFolder;

// A folder of models of its own: nothing in it unless the test puts it there.
class Catalog : public ::testing::Test {
 protected:
  Catalog() { settings.model_dir = folder.path(); }

  void link_model(const std::string& name) {
    fs::create_symlink(test::deps_path("models/" + name), fs::path(folder.path()) / name);
  }
  Error add_error(const std::string& name, const std::string& path) {
    try {
      add_model(settings, name, path);
    } catch (const Exception& error) {
      return error.error();
    }
    ADD_FAILURE() << name << " was added";
    return {};
  }

  ScratchFolder folder;
  ScratchFolder elsewhere;
  Settings settings;
};

TEST_F(Catalog, HasOneDefaultOfEachRole) {
  for (const std::string_view role : {"detector", "embedder"}) {
    const std::span<const CatalogRow> rows = catalog_rows();
    EXPECT_EQ(std::count_if(rows.begin(), rows.end(),
                            [&](const CatalogRow& row) { return row.role == role && row.is_default; }),
              1);
  }
  for (const CatalogRow& row : catalog_rows()) {
    EXPECT_EQ(row.sha256.size(), 64U) << row.name;
    EXPECT_FALSE(row.licence.empty()) << row.name;
    EXPECT_GT(row.size_bytes, 0) << row.name;
    EXPECT_FALSE(row.source.empty()) << row.name;
    // A threshold without its source is a number that nobody can check; without a threshold, the source says why.
    EXPECT_EQ(row.role == "embedder", !row.threshold_source.empty()) << row.name;
    EXPECT_FALSE(row.rate_verify && !row.threshold_verify) << row.name;
    EXPECT_FALSE(row.rate_search && !row.threshold_search) << row.name;
    EXPECT_EQ(row.role == "detector", !row.decoder.empty()) << row.name;
    // A licence that has to be accepted can be read.
    EXPECT_EQ(row.licence_must_be_accepted, !row.licence_terms.empty()) << row.name;
  }
}

TEST_F(Catalog, FindsDefaultsAndNames) {
  link_model("centerface.onnx");
  for (const char* name : {"", "centerface"}) {
    const Result<ModelFile> found = find_model(settings, "detector", name);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->info.name, "centerface");
    EXPECT_EQ(found->info.path, folder.path() + "/centerface.onnx");
    EXPECT_NE(found->row, nullptr);
  }
}

TEST_F(Catalog, KnowsAFileUnderAnotherName) {
  link_model("fr_feature.onnx");
  fs::create_symlink(test::deps_path("models/fr_feature.onnx"), elsewhere.path() + "/renamed.onnx");
  const Result<ModelFile> found = find_model(settings, "embedder", elsewhere.path() + "/renamed.onnx");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->info.name, "fr_feature");
  EXPECT_TRUE(found->info.threshold_verify);
}

TEST_F(Catalog, TakesAnyFileAsItIs) {
  const std::string path = elsewhere.add("own.onnx", test::make_tiny_embedder({}));
  const Result<ModelFile> found = find_model(settings, "embedder", path);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->info.name, "own.onnx");
  EXPECT_EQ(found->row, nullptr);
  EXPECT_FALSE(found->info.threshold_verify);
}

TEST_F(Catalog, SaysWhatIsMissing) {
  const Result<ModelFile> absent = find_model(settings, "detector", "");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::not_found);
  for (const std::string& part : {std::string("centerface"), folder.path(), std::string("MIEN_MODEL_DIR")}) {
    EXPECT_TRUE(contains(absent.error().message, part)) << absent.error().message;
  }
  const Result<ModelFile> unknown = find_model(settings, "embedder", "arcface_r9000");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::not_found);
  EXPECT_TRUE(contains(unknown.error().message, "arcface_r9000"));
  EXPECT_TRUE(contains(unknown.error().message, "fr_feature")) << "the known names: " << unknown.error().message;
  EXPECT_FALSE(contains(unknown.error().message, "centerface")) << "a detector is no help here";
}

TEST_F(Catalog, RefusesAModelOfTheOtherRole) {
  link_model("fr_feature.onnx");
  const Result<ModelFile> found = find_model(settings, "detector", "fr_feature");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(contains(found.error().message, "embedder")) << found.error().message;
}

TEST_F(Catalog, AddsModelsOfTheUser) {
  const std::string detector = elsewhere.add("d.onnx", test::make_tiny_scrfd({}));
  const std::string embedder = elsewhere.add("e.onnx", test::make_tiny_embedder({}));
  EXPECT_EQ(add_model(settings, "my_det", detector).model.role, "detector");
  EXPECT_EQ(add_model(settings, "my_rec", embedder).model.role, "embedder");
  const std::vector<CatalogEntry> entries = list_models(settings);
  ASSERT_EQ(entries.size(), catalog_rows().size() + 2);
  EXPECT_EQ(entries[entries.size() - 2].model.name, "my_det");
  EXPECT_TRUE(entries.back().added_by_user);
  EXPECT_TRUE(entries.back().installed);
  const Result<ModelFile> found = find_model(settings, "embedder", "my_rec");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->info.name, "my_rec");
  const Result<ByteVector> copy = read_file(found->info.path, std::size_t{1} << 20);
  ASSERT_TRUE(copy);
  EXPECT_EQ(*copy, test::make_tiny_embedder({}));
  // The user's names are known names too.
  EXPECT_TRUE(contains(find_model(settings, "embedder", "nobody").error().message, "my_rec"));
  const Result<ModelFile> swapped = find_model(settings, "detector", "my_rec");
  ASSERT_FALSE(swapped) << "a model that was added as an embedder is no detector";
  EXPECT_EQ(swapped.error().code, ErrorCode::invalid_argument);
}

TEST_F(Catalog, AddRefusesWhatIsNoFaceModel) {
  const std::string text = "name: value\n";
  EXPECT_EQ(add_error("x", elsewhere.add("t.onnx", ByteVector(text.begin(), text.end()))).code, ErrorCode::bad_data);
  EXPECT_EQ(add_error("x", elsewhere.add("s.onnx", test::make_tiny_stranger())).code, ErrorCode::unsupported);
  EXPECT_EQ(add_error("x", elsewhere.add("w.onnx", test::make_tiny_table_model())).code, ErrorCode::unsupported);
  EXPECT_EQ(add_error("x", elsewhere.path() + "/absent.onnx").code, ErrorCode::not_found);
  EXPECT_FALSE(fs::exists(folder.path() + "/x.onnx")) << "nothing of a refused model remains";
  EXPECT_EQ(list_models(settings).size(), catalog_rows().size());
}

TEST_F(Catalog, AddRefusesUnsafeAndTakenNames) {
  const std::string path = elsewhere.add("d.onnx", test::make_tiny_scrfd({}));
  for (const char* name : {"", "../up", "a/b", ".hidden", "two words", "nul\n"}) {
    EXPECT_EQ(add_error(name, path).code, ErrorCode::invalid_argument) << name;
  }
  EXPECT_EQ(add_error("centerface", path).code, ErrorCode::invalid_argument);
  add_model(settings, "mine", path);
  const Error taken = add_error("mine", path);
  EXPECT_EQ(taken.code, ErrorCode::invalid_argument);
  EXPECT_TRUE(contains(taken.message, "mine"));
}

TEST_F(Catalog, VerifySeesAChangedFile) {
  link_model("centerface.onnx");
  folder.add("fr_feature.onnx", test::make_tiny_embedder({}));
  const std::vector<ModelCheck> checks = verify_models(settings);
  ASSERT_EQ(checks.size(), 2U) << "models that nobody asked for need not be here";
  for (const ModelCheck& check : checks) {
    EXPECT_EQ(check.ok, check.name == "centerface") << check.detail;
    EXPECT_FALSE(check.detail.empty());
  }
}

}  // namespace
}  // namespace mien
