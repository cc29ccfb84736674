#include "base/dynamic_library.h"

#include <gtest/gtest.h>

namespace mien {
namespace {

struct Whole {
  DynamicLibrary library{MIEN_TEST_FAKE_NVML, "the fake driver"};
  int (*shutdown)() = library["nvmlShutdown"];
  int (*absent)() = library.find_optional("nvmlNotThere");
};

struct Older {
  DynamicLibrary library{MIEN_TEST_FAKE_NVML, "the fake driver"};
  int (*shutdown)() = library["nvmlShutdown"];
  int (*first)() = library["nvmlNotThere"];
  int (*second)() = library["nvmlNorThis"];
};

struct Absent {
  DynamicLibrary library{"libmien_not_there.so.1", "libmien-not-there"};
  int (*shutdown)() = library["nvmlShutdown"];
};

TEST(DynamicLibrary, GivesItsFunctions) {
  const Result<Whole> table = opened(Whole());
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(table->shutdown(), 0);
  EXPECT_EQ(table->absent, nullptr);
}

TEST(DynamicLibrary, SaysWhichFunctionIsMissingFirst) {
  const Result<Older> table = opened(Older());
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code, ErrorCode::unsupported);
  EXPECT_EQ(table.error().message,
            std::string(MIEN_TEST_FAKE_NVML) + " has no function nvmlNotThere: install a newer the fake driver");
}

TEST(DynamicLibrary, SaysWhatToInstallWhereItCannotBeOpened) {
  const Absent table;
  EXPECT_EQ(table.shutdown, nullptr);
  EXPECT_TRUE(table.library.missing().empty());
  EXPECT_FALSE(table.library.reason().empty());
  EXPECT_EQ(opened(Absent()).error().message,
            "libmien_not_there.so.1 cannot be opened: install libmien-not-there (" + table.library.reason() + ")");
}

}  // namespace
}  // namespace mien
