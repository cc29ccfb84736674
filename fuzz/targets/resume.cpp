// A file that an earlier scan left behind, whoever wrote into it since -> what goes on from there.
#include "scan/resume.h"
#include "../scratch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mien;
  static fuzz::ScratchFile scratch;
  ResumeTerms terms;
  terms.models = {"centerface", "fr_feature"};
  terms.fingerprint = "5f2c9a7be01d4c36";
  constexpr std::size_t kPlaces = 64;  // few, since they are zeroed for every input
  KnownPaths paths(kPlaces);
  KnownContents contents(kPlaces);
  try {
    RecordFile file({scratch.put({data, size}), true, false});
    const ScanSummary kept = resume_records(file, terms, paths, contents);
    fuzz::require(kept.failed <= kept.images && kept.matched_images <= kept.images, "parts are no more than the whole");
    // Records that were kept can be kept again.
    KnownPaths paths_again(kPlaces);
    KnownContents contents_again(kPlaces);
    fuzz::require(resume_records(file, terms, paths_again, contents_again).images == kept.images, "nothing is lost");
  } catch (const Exception& error) {
    const ErrorCode code = error.error().code;
    fuzz::require(
        code == ErrorCode::bad_data || code == ErrorCode::invalid_argument || code == ErrorCode::limit_exceeded,
        "a wrong file is wrong data or belongs to another scan");
  }
  return 0;
}
