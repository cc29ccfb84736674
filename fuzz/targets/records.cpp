// A line of a file of records -> a Record, and back.
#include "../target.h"
#include "mien/scan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mien;
  const Result<Record> record = record_from_json(fuzz::as_text({data, size}));
  if (!record) return 0;
  for (const EmbeddingFormat format : {EmbeddingFormat::none, EmbeddingFormat::json, EmbeddingFormat::base64}) {
    const std::string line = record_to_json(*record, format);
    fuzz::require(line.find('\n') == std::string::npos, "a record is one line");
    const Result<Record> again = record_from_json(line);
    fuzz::require(again.ok(), "what was written can be read");
    fuzz::require(record_to_json(*again, format) == line, "and says the same");
  }
  return 0;
}
