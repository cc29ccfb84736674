// A sidecar of somebody else -> the same with other regions. The first bytes say which come and go.
#include "people/xmp_change.h"
#include "../input_reader.h"
#include "../target.h"
#include "people/xmp_names.h"

namespace {

using namespace mien;

constexpr int kRemovedMax = 4;
constexpr const char* kToken = "00112233445566778899aabbccddeeff";

Result<XmpNames> names_in(std::string_view text) {
  return read_xmp_names({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::size_t count_own(const XmpNames& names) {
  return static_cast<std::size_t>(std::ranges::count(names.marks, kToken, &RegionMark::person));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::InputReader reader({data, size});
  RegionChange change;
  change.width = 300;
  change.height = 200;
  for (int i = reader.take_below(3); i > 0; --i) {
    change.added.push_back({"Anna & <Co>", kToken, {0.25F, 0.25F, 0.5F, 0.5F}});
  }
  const int removed = reader.take_below(kRemovedMax);
  const fuzz::Input rest = reader.take_rest();
  const std::string sidecar(fuzz::as_text(rest));
  const Result<XmpNames> before = names_in(sidecar);
  // Marks that are there go, as in mien; places that are none are never asked for.
  for (int i = 0; before && i < removed && i < static_cast<int>(before->marks.size()); ++i) {
    change.removed.push_back(before->marks[static_cast<std::size_t>(i)].place);
  }
  const Result<std::string> text = change_regions(sidecar, change);
  if (!text) {
    fuzz::require(text.error().code != ErrorCode::internal, "what is wrong is the sidecar");
    fuzz::require(text.error().message.find('\n') == std::string::npos, "an error is one line");
    return 0;
  }
  const Result<XmpNames> after = names_in(*text);
  fuzz::require(static_cast<bool>(after), "what was written can be read");
  const std::size_t own = before ? count_own(*before) : 0;
  fuzz::require(count_own(*after) + change.removed.size() >= own + change.added.size(), "what was added is there");
  if (!before || change.added.empty() || !change.removed.empty()) return 0;
  // What was put in is taken out again.
  RegionChange back;
  for (std::size_t i = after->marks.size() - change.added.size(); i < after->marks.size(); ++i) {
    back.removed.push_back(after->marks[i].place);
  }
  const Result<std::string> again = change_regions(*text, back);
  fuzz::require(again && count_own(*names_in(*again)) == own, "what was added goes again");
  return 0;
}
