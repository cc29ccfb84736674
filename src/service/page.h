// The page at /: HTML, styles and scripts of src/service/page, which the build puts into the program
// (cmake/page.cmake).
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace mien::service {

// Files as they are, in the order of the lists in src/CMakeLists.txt. `html` has a place for each of the others.
struct PageTexts {
  std::string_view html;
  std::span<const std::string_view> styles;
  std::span<const std::string_view> scripts;
};
PageTexts page_texts();

struct Page {
  std::string document;
  std::string
      policy;  // the Content-Security-Policy that allows its style and its script, by their hashes, and no other
};
Page make_page(const PageTexts& texts, int body_mb);

}  // namespace mien::service
