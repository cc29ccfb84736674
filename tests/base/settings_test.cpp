// Where settings come from, in which order, and what happens to wrong ones.
#include "mien/settings.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "base/env_file.h"
#include "support/contains.h"

namespace mien {
namespace {

using test::contains;
using Environment = std::vector<std::pair<std::string, std::string>>;

// A folder with a .env and a user's file; the process's own environment is never looked at.
class SettingsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("mien_settings_" + std::to_string(::getpid()) + "_" +
                                                        testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }

  SettingsSources sources(const Environment& environment) const {
    SettingsSources result;
    result.environment = [environment] { return environment; };
    result.dotenv_path = (folder_ / ".env").string();
    result.user_path = (folder_ / "user").string();
    return result;
  }
  Settings load(const Environment& environment = {}) const { return load_settings(sources(environment)); }
  std::string error_of(const Environment& environment) const {
    try {
      load(environment);
    } catch (const Exception& exception) {
      EXPECT_EQ(exception.error().code, ErrorCode::invalid_argument);
      return exception.error().message;
    }
    return "";
  }

  std::filesystem::path folder_;
};

const SettingValue& row(const Settings& settings, std::string_view name) {
  for (const SettingValue& value : settings.values) {
    if (value.name == name) return value;
  }
  ADD_FAILURE() << "no setting " << name;
  return settings.values.front();
}

TEST_F(SettingsTest, DefaultsAreThoseOfTheGuide) {
  const Settings settings = load();
  EXPECT_FALSE(settings.all_gpu);
  for (const OperationRow& operation : kOperations) {
    EXPECT_EQ(settings.gpu_mode(operation.operation), GpuMode::off);
    EXPECT_EQ(row(settings, gpu_setting(operation.operation)).value, "false");
  }
  EXPECT_EQ(settings.gpu_backend, "auto");
  EXPECT_EQ(settings.gpu_device_id, 0);
  EXPECT_EQ(settings.gpu_memory_limit_gb, 8);
  EXPECT_EQ(settings.gpu_batch_size, 32);
  EXPECT_EQ(settings.log_level, "INFO");
  EXPECT_EQ(settings.runtime, "auto");
  EXPECT_FALSE(settings.allow_software_gpu);
  for (const SettingValue& value : settings.values) EXPECT_EQ(value.source, "default");
  EXPECT_TRUE(settings.warnings.empty());
}

TEST_F(SettingsTest, TheGuidesOwnBlockParses) {
  write(".env",
        "# Master GPU control\n"
        "ALL_GPU=false                    # Enable all GPU operations\n"
        "\n"
        "FACE_DETECTION_GPU=true          # Face detection acceleration\n"
        "GPU_BACKEND=cuda                 # auto|cuda|rocm|mps|cpu\n"
        "GPU_DEVICE_ID=1                  # GPU device ID\n"
        "GPU_MEMORY_LIMIT_GB=4            # GPU memory limit\n"
        "GPU_BATCH_SIZE=16                # Batch size for GPU operations\n");
  const Settings settings = load();
  EXPECT_TRUE(settings.is_gpu_enabled_for_operation("face_detection"));
  EXPECT_FALSE(settings.is_gpu_enabled_for_operation("face_embedding"));
  EXPECT_FALSE(settings.is_gpu_enabled_for_operation("no such operation"));
  EXPECT_EQ(settings.gpu_backend, "cuda");
  EXPECT_EQ(settings.gpu_device_id, 1);
  EXPECT_EQ(settings.gpu_memory_limit_gb, 4);
  EXPECT_EQ(settings.gpu_batch_size, 16);
  EXPECT_TRUE(settings.warnings.empty());
}

TEST_F(SettingsTest, EachSourceWinsOverThoseBelowIt) {
  write("user", "GPU_BATCH_SIZE=1\n");
  EXPECT_EQ(load().gpu_batch_size, 1);
  EXPECT_TRUE(contains(row(load(), "GPU_BATCH_SIZE").source, "user line 1"));
  write(".env", "\nGPU_BATCH_SIZE=2\n");
  EXPECT_EQ(load().gpu_batch_size, 2);
  EXPECT_TRUE(contains(row(load(), "GPU_BATCH_SIZE").source, ".env line 2"));
  const Environment environment = {{"GPU_BATCH_SIZE", "3"}};
  EXPECT_EQ(load(environment).gpu_batch_size, 3);
  EXPECT_EQ(row(load(environment), "GPU_BATCH_SIZE").source, "environment GPU_BATCH_SIZE");
  SettingsSources flagged = sources(environment);
  flagged.overrides = {{"GPU_BATCH_SIZE", "4", "--batch"}};
  EXPECT_EQ(load_settings(flagged).gpu_batch_size, 4);
  EXPECT_EQ(row(load_settings(flagged), "GPU_BATCH_SIZE").source, "--batch");
}

TEST_F(SettingsTest, ThePrefixedNameWinsWithinOneSource) {
  EXPECT_EQ(load({{"GPU_BATCH_SIZE", "3"}, {"MIEN_GPU_BATCH_SIZE", "5"}}).gpu_batch_size, 5);
  write(".env", "MIEN_GPU_BATCH_SIZE=6\nGPU_BATCH_SIZE=7\n");
  EXPECT_EQ(load().gpu_batch_size, 6);
  EXPECT_EQ(load({{"GPU_BATCH_SIZE", "8"}}).gpu_batch_size, 8);
}

TEST_F(SettingsTest, OwnNamesTakeNoSecondPrefix) {
  EXPECT_EQ(load({{"MIEN_MIEN_RUNTIME", "nonsense"}}).runtime, "auto");
  EXPECT_EQ(load({{"RUNTIME", "nonsense"}}).runtime, "auto");
  EXPECT_EQ(load({{"MIEN_RUNTIME", "openvino"}}).runtime, "openvino");
  EXPECT_TRUE(load({{"MIEN_ALLOW_SOFTWARE_GPU", "1"}}).allow_software_gpu);
  EXPECT_EQ(load({{"MIEN_MODEL_DIR", "/models"}}).model_dir, "/models");
  EXPECT_EQ(load({{"MIEN_ORT_LIBRARY", "/x.so"}}).ort_library, "/x.so");
}

// A stranger's folder with a .env would else run a stranger's library in whoever works there.
TEST_F(SettingsTest, TheFileOfTheFolderNamesNoCode) {
  write(".env", "MIEN_MODEL_DIR=/models\nmien_ort_library=/evil.so\nMIEN_DECODER=/evil\n");
  const Settings settings = load();
  EXPECT_EQ(settings.model_dir, "/models");
  EXPECT_EQ(settings.ort_library, "");
  EXPECT_EQ(settings.decoder, "");
  EXPECT_EQ(row(settings, "MIEN_ORT_LIBRARY").source, "default");
  ASSERT_EQ(settings.warnings.size(), 2U);
  EXPECT_TRUE(contains(settings.warnings[0], ".env line 3: MIEN_DECODER is not taken")) << settings.warnings[0];
  EXPECT_TRUE(contains(settings.warnings[1], ".env line 2: MIEN_ORT_LIBRARY is not taken")) << settings.warnings[1];
  write("user", "MIEN_ORT_LIBRARY=/mine.so\n");
  EXPECT_EQ(load().ort_library, "/mine.so");
}

TEST_F(SettingsTest, NamesAreCaseInsensitiveAndCapitalsAreMeantFirst) {
  EXPECT_EQ(load({{"gpu_batch_size", "3"}}).gpu_batch_size, 3);
  EXPECT_EQ(load({{"gpu_batch_size", "3"}, {"GPU_BATCH_SIZE", "4"}}).gpu_batch_size, 4);
  EXPECT_EQ(load({{"GPU_BATCH_SIZE", "4"}, {"gpu_batch_size", "3"}}).gpu_batch_size, 4);
  EXPECT_EQ(load({{"Mien_Gpu_Batch_Size", "9"}}).gpu_batch_size, 9);
}

TEST_F(SettingsTest, AnEmptyValueIsNotSet) {
  write(".env", "GPU_BATCH_SIZE=2\nGPU_BACKEND=   # nothing\nLOG_LEVEL=\"\"\n");
  EXPECT_EQ(load({{"GPU_BATCH_SIZE", ""}}).gpu_batch_size, 2);
  EXPECT_EQ(load({{"MIEN_GPU_BATCH_SIZE", " "}, {"GPU_BATCH_SIZE", "7"}}).gpu_batch_size, 7);
  EXPECT_EQ(load().gpu_backend, "auto");
  EXPECT_EQ(load().log_level, "INFO");
  EXPECT_TRUE(load().warnings.empty());
}

TEST_F(SettingsTest, BooleansInEverySpelling) {
  for (const char* text : {"true", "1", "yes", "on", "TRUE", "Yes", " on "}) {
    EXPECT_TRUE(load({{"ALL_GPU", text}}).all_gpu) << text;
  }
  for (const char* text : {"false", "0", "no", "off", "FALSE", "No"}) {
    EXPECT_FALSE(load({{"ALL_GPU", text}}).all_gpu) << text;
  }
}

TEST_F(SettingsTest, AllGpuTurnsEveryOperationOnAndRequireStays) {
  const Settings settings = load({{"ALL_GPU", "true"}, {"QUALITY_CHECKS_GPU", "Require"}});
  EXPECT_EQ(settings.gpu_mode(Operation::face_detection), GpuMode::on);
  EXPECT_EQ(settings.gpu_mode(Operation::quality_checks), GpuMode::require);
  EXPECT_EQ(row(settings, "QUALITY_CHECKS_GPU").value, "require");
  EXPECT_TRUE(settings.is_gpu_enabled_for_operation("image_processing"));
}

TEST_F(SettingsTest, AutoMeansWhereItPaysAndFlagsOfTheirOwnStay) {
  const Settings settings =
      load({{"ALL_GPU", "Auto"}, {"QUALITY_CHECKS_GPU", "true"}, {"FACE_DETECTION_GPU", "require"}});
  EXPECT_FALSE(settings.all_gpu);
  EXPECT_EQ(settings.gpu_mode(Operation::face_embedding), GpuMode::where_it_pays);
  EXPECT_EQ(settings.gpu_mode(Operation::quality_checks), GpuMode::on);
  EXPECT_EQ(settings.gpu_mode(Operation::face_detection), GpuMode::require);
  EXPECT_EQ(row(settings, "ALL_GPU").value, "auto");
  EXPECT_TRUE(settings.wants_gpu());
  EXPECT_TRUE(settings.is_gpu_enabled_for_operation("image_processing"));
  const Settings one = load({{"FACE_EMBEDDING_GPU", "auto"}});
  EXPECT_EQ(one.gpu_mode(Operation::face_embedding), GpuMode::where_it_pays);
  EXPECT_EQ(one.gpu_mode(Operation::face_detection), GpuMode::off);
  EXPECT_EQ(row(one, "FACE_EMBEDDING_GPU").value, "auto");
}

TEST_F(SettingsTest, AnOperationIsFoundByItsNameAndMovedByItsSetting) {
  EXPECT_EQ(find_operation("image_processing"), Operation::image_processing);
  EXPECT_EQ(find_operation("Image_processing"), std::nullopt);
  EXPECT_EQ(operation_name(Operation::quality_checks), "quality_checks");
  EXPECT_EQ(gpu_setting(Operation::face_embedding), "FACE_EMBEDDING_GPU");
  EXPECT_FALSE(load({{"ALL_GPU", "true"}}).is_gpu_enabled_for_operation("nonsense"));
}

TEST_F(SettingsTest, EveryValueSaysItsKind) {
  const std::map<std::string, SettingKind> kinds = {
      {"ALL_GPU", SettingKind::gpu_mode},
      {"QUALITY_CHECKS_GPU", SettingKind::gpu_mode},
      {"GPU_BACKEND", SettingKind::choice},
      {"GPU_DEVICE_ID", SettingKind::number},
      {"GPU_BATCH_SIZE", SettingKind::number},
      {"GPU_MEMORY_LIMIT_GB", SettingKind::number},
      {"DEBUG", SettingKind::flag},
      {"LOG_LEVEL", SettingKind::choice},
      {"MIEN_THREADS", SettingKind::number},
      {"MIEN_PRECISION", SettingKind::choice},
      {"MIEN_DETAIL", SettingKind::choice},
      {"MIEN_MODEL_DIR", SettingKind::path},
      {"MIEN_ORT_LIBRARY", SettingKind::path},
  };
  const Settings settings = load({{"GPU_BATCH_SIZE", "4"}, {"MIEN_MODEL_DIR", "2024"}});
  for (const auto& [name, kind] : kinds) EXPECT_EQ(row(settings, name).kind, kind) << name;
}

TEST_F(SettingsTest, ThreadsAndPrecisionAreFields) {
  EXPECT_EQ(load().threads, 0);
  EXPECT_EQ(load().precision, Precision::standard);
  EXPECT_EQ(load({{"MIEN_THREADS", "7"}}).threads, 7);
  EXPECT_EQ(load({{"MIEN_PRECISION", "Exact"}}).precision, Precision::exact);
  EXPECT_EQ(load({{"MIEN_PRECISION", "fast"}}).precision, Precision::fast);
  EXPECT_EQ(load().detail, Detail::automatic);
  EXPECT_EQ(load({{"MIEN_DETAIL", "Full"}}).detail, Detail::full);
  EXPECT_EQ(load({{"MIEN_DETAIL", "off"}}).detail, Detail::off);
  EXPECT_EQ(load({{"MIEN_PRECISION", "default"}}).precision, Precision::standard);
  EXPECT_TRUE(contains(error_of({{"MIEN_THREADS", "1025"}}), "a whole number from 0 to 1024"));
  EXPECT_TRUE(contains(error_of({{"MIEN_PRECISION", "standard"}}), "one of exact, default, fast"));
}

TEST_F(SettingsTest, TheSearchOfCudnnIsAField) {
  EXPECT_EQ(load().cudnn_search, "default");
  EXPECT_EQ(load({{"MIEN_CUDNN_SEARCH", "Heuristic"}}).cudnn_search, "heuristic");
  EXPECT_EQ(row(load({{"MIEN_CUDNN_SEARCH", "exhaustive"}}), "MIEN_CUDNN_SEARCH").kind, SettingKind::choice);
  EXPECT_TRUE(contains(error_of({{"MIEN_CUDNN_SEARCH", "fallback"}}), "one of default, heuristic, exhaustive"));
}

TEST_F(SettingsTest, WrongValuesNameTheVariableItsPlaceItsValueAndWhatIsAllowed) {
  struct Case {
    const char* name;
    const char* value;
    const char* allowed;
  };
  const Case cases[] = {
      {"ALL_GPU", "maybe", "true or false"},
      {"ALL_GPU", "require", "true or false"},
      {"FACE_EMBEDDING_GPU", "2", "false, true or require"},
      {"GPU_BACKEND", "tpu", "auto, cuda, rocm, mps, webgpu, openvino, cpu"},
      {"GPU_DEVICE_ID", "-1", "0 or more"},
      {"GPU_DEVICE_ID", "1.5", "0 or more"},
      {"GPU_DEVICE_ID", "99999999999", "0 or more"},
      {"GPU_BATCH_SIZE", "0", "from 1 to 4096"},
      {"GPU_BATCH_SIZE", "4097", "from 1 to 4096"},
      {"GPU_BATCH_SIZE", "32x", "from 1 to 4096"},
      {"GPU_MEMORY_LIMIT_GB", "0", "above 0"},
      {"GPU_MEMORY_LIMIT_GB", "-4", "above 0"},
      {"GPU_MEMORY_LIMIT_GB", "nan", "above 0"},
      {"GPU_MEMORY_LIMIT_GB", "inf", "above 0"},
      {"GPU_MEMORY_LIMIT_GB", "8GB", "above 0"},
      {"GPU_MEMORY_LIMIT_GB", "4,5", "above 0"},
      {"MIEN_RUNTIME", "tensorrt", "auto, onnxruntime, openvino"},
      {"MIEN_ALLOW_SOFTWARE_GPU", "2", "true or false"},
  };
  for (const Case& test : cases) {
    const std::string message = error_of({{test.name, test.value}});
    EXPECT_TRUE(contains(message, std::string(test.name) + "=" + test.value)) << message;
    EXPECT_TRUE(contains(message, std::string("environment ") + test.name)) << message;
    EXPECT_TRUE(contains(message, test.allowed)) << message;
  }
}

TEST_F(SettingsTest, AWrongFlagIsNamedAsTyped) {
  SettingsSources flagged = sources({});
  flagged.overrides = {{"GPU_BATCH_SIZE", "", "--batch"}};
  EXPECT_THROW(load_settings(flagged), Exception);
  flagged.overrides = {{"GPU_BACKEND", "tpu", "--backend"}};
  try {
    load_settings(flagged);
    ADD_FAILURE();
  } catch (const Exception& exception) {
    EXPECT_TRUE(contains(exception.error().message, "--backend"));
  }
}

TEST_F(SettingsTest, ALongWrongValueIsCutAndHasNoControlCharacters) {
  const std::string message = error_of({{"GPU_BACKEND", "\x1b[31m" + std::string(5000, 'x')}});
  EXPECT_LT(message.size(), 300U);
  EXPECT_FALSE(contains(message, "\x1b"));
}

TEST_F(SettingsTest, MemoryLimitIsADecimal) {
  EXPECT_EQ(load({{"GPU_MEMORY_LIMIT_GB", "0.5"}}).gpu_memory_limit_gb, 0.5);
  EXPECT_EQ(row(load({{"GPU_MEMORY_LIMIT_GB", "8.0"}}), "GPU_MEMORY_LIMIT_GB").value, "8");
}

TEST_F(SettingsTest, OtherProgramsLogSettingsAreOneWarningEach) {
  const Settings node = load({{"DEBUG", "express:*"}, {"LOG_LEVEL", "verbose"}});
  EXPECT_EQ(node.log_level, "INFO");
  ASSERT_EQ(node.warnings.size(), 2U);
  EXPECT_TRUE(contains(node.warnings[0], "LOG_LEVEL=verbose"));
  EXPECT_TRUE(contains(node.warnings[1], "DEBUG=express:*"));
  EXPECT_EQ(load({{"LOG_LEVEL", "warn"}}).log_level, "WARNING");
}

TEST_F(SettingsTest, DebugHasTheLastWordOnTheLevel) {
  const Settings settings = load({{"DEBUG", "true"}, {"LOG_LEVEL", "ERROR"}});
  EXPECT_EQ(settings.log_level, "DEBUG");
  EXPECT_EQ(row(settings, "LOG_LEVEL").value, "DEBUG");
  EXPECT_EQ(row(settings, "LOG_LEVEL").source, "DEBUG=true, environment DEBUG");
  EXPECT_EQ(load({{"DEBUG", "false"}, {"LOG_LEVEL", "ERROR"}}).log_level, "ERROR");
}

TEST_F(SettingsTest, UnknownNamesInFilesAreIgnoredAndMalformedLinesAreWarnings) {
  write(".env", "DATABASE_PASSWORD=hunter2\nnonsense hunter2\n=x\nGPU_BATCH_SIZE=9\n");
  const Settings settings = load();
  EXPECT_EQ(settings.gpu_batch_size, 9);
  ASSERT_EQ(settings.warnings.size(), 2U);
  EXPECT_TRUE(contains(settings.warnings[0], ".env line 2"));
  EXPECT_TRUE(contains(settings.warnings[1], ".env line 3"));
  for (const std::string& warning : settings.warnings) {
    EXPECT_FALSE(contains(warning, "hunter2")) << warning;
  }
}

TEST_F(SettingsTest, ManyMalformedLinesAreFewWarnings) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "nonsense\n";
  write(".env", text);
  EXPECT_EQ(load().warnings.size(), 4U);
  EXPECT_TRUE(contains(load().warnings.back(), "997 more"));
}

TEST_F(SettingsTest, AFileThatCannotBeUsedIsAWarning) {
  std::filesystem::create_directory(folder_ / ".env");
  ASSERT_EQ(load().warnings.size(), 1U);
  EXPECT_TRUE(contains(load().warnings[0], ".env"));
  write("user", std::string((1 << 20) + 1, '#'));
  EXPECT_EQ(load().warnings.size(), 2U);
}

TEST_F(SettingsTest, TheUsersFileIsFoundThroughTheEnvironment) {
  write("xdg/mien/env", "GPU_BATCH_SIZE=11\n");
  write("home/.config/mien/env", "GPU_BATCH_SIZE=12\n");
  SettingsSources found =
      sources({{"XDG_CONFIG_HOME", (folder_ / "xdg").string()}, {"HOME", (folder_ / "home").string()}});
  found.user_path.clear();
  EXPECT_EQ(load_settings(found).gpu_batch_size, 11);
  found.environment = [&]() -> Environment { return {{"HOME", (folder_ / "home").string()}}; };
  EXPECT_EQ(load_settings(found).gpu_batch_size, 12);
  EXPECT_EQ(row(load_settings(found), "GPU_BATCH_SIZE").source, "~/.config/mien/env line 1");
  found.environment = []() -> Environment { return {}; };
  EXPECT_EQ(load_settings(found).gpu_batch_size, 32);
}

std::string only_value(std::string_view text) {
  const EnvFile file = parse_env_file(text);
  EXPECT_TRUE(file.problems.empty()) << text;
  EXPECT_EQ(file.entries.size(), 1U) << text;
  return file.entries.empty() ? "" : file.entries[0].value;
}

TEST(EnvFile, ReadsEveryWayToWriteAValue) {
  EXPECT_EQ(only_value("A=b"), "b");
  EXPECT_EQ(only_value("\xEF\xBB\xBF"
                       "A=b\r\n"),
            "b");
  EXPECT_EQ(only_value("  export\tA = b c \n"), "b c");
  EXPECT_EQ(only_value("A=b # comment"), "b");
  EXPECT_EQ(only_value("A=b#c"), "b#c");
  EXPECT_EQ(only_value("A=#c"), "");
  EXPECT_EQ(only_value("A='b # c' # comment"), "b # c");
  EXPECT_EQ(only_value("A='b\\n'"), "b\\n");
  EXPECT_EQ(only_value("A=\"b\\n\\\"c\\\\\""), "b\n\"c\\");
  EXPECT_EQ(only_value("A=\"b\nc\"\n"), "b\nc");
  EXPECT_EQ(only_value("A=b=c"), "b=c");
  EXPECT_EQ(only_value("exported=1"), "1");
  EXPECT_EQ(only_value("# comment\n\n   \nA="), "");
}

TEST(EnvFile, AProblemNamesItsLineAndTheRestIsRead) {
  const EnvFile file = parse_env_file("A=1\n\"B\"=2\nC='open\nD=4\nE=\"x\"y\nF=6");
  ASSERT_EQ(file.problems.size(), 3U);
  EXPECT_EQ(file.problems[0].line, 2);
  EXPECT_EQ(file.problems[1].line, 3);
  EXPECT_EQ(file.problems[2].line, 5);
  ASSERT_EQ(file.entries.size(), 3U);
  EXPECT_EQ(file.entries[1].name, "D");
  EXPECT_EQ(file.entries[1].line, 4);
  EXPECT_EQ(file.entries[2].line, 6);
}

TEST(EnvFile, SurvivesAnyBytes) {
  std::string text;
  unsigned state = 1;
  for (int i = 0; i < 20000; ++i) {
    state = state * 1103515245U + 12345U;
    constexpr std::string_view kAlphabet = "A=\"'\\\n\r#  \0\xFF$x";
    text += kAlphabet[(state >> 16U) % kAlphabet.size()];
  }
  const EnvFile file = parse_env_file(text);
  EXPECT_FALSE(file.problems.empty());
}

}  // namespace
}  // namespace mien
