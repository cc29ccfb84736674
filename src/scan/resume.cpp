#include "scan/resume.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/utf8.h"
#include "records/failure.h"
#include "scan/gone.h"
#include "scan/source_state.h"
#include "sources/source.h"

namespace mien {
namespace {

constexpr int kDepthMax = 64;  // records are 5 deep
// Lines are examined in batches of about so many bytes, by several threads: parsing takes CPUs too.
constexpr std::size_t kBatchBytes = std::size_t{4} << 20;

// The facts of a line that resuming needs.
struct LineFacts {
  bool is_object = false;
  std::string source;
  std::string source_base64;
  std::string source_folder;
  std::int64_t size = -1;
  std::int64_t mtime_ns = 0;
  std::string sha256;
  ModelNames models;
  std::string terms;
  std::string detail;
  bool has_error_key = false;
  std::string error_code;
  std::int64_t faces = 0;
  std::int64_t poor_faces = 0;
  bool has_matches_key = false;
  std::int64_t matches = 0;
  bool has_quality_key = false;
  EmbeddingFormat embeddings = EmbeddingFormat::none;  // of its faces
};

// The keys of a record that matter here; of most of a line nothing is kept.
enum class Section { other, size, mtime, text, models, error, matches, quality, faces };
enum class FaceField { other, embedding, poor_reason };

struct TopKey {
  std::string_view name;
  Section section;
  std::string LineFacts::*text = nullptr;  // where its text belongs
};
constexpr TopKey kTopKeys[] = {
    {"source", Section::text, &LineFacts::source},
    {"source_base64", Section::text, &LineFacts::source_base64},
    {"source_folder", Section::text, &LineFacts::source_folder},
    {"source_size", Section::size},
    {"source_mtime_ns", Section::mtime},
    {"sha256", Section::text, &LineFacts::sha256},
    {"terms", Section::text, &LineFacts::terms},
    {"detail", Section::text, &LineFacts::detail},
    {"faces", Section::faces},
    {"quality", Section::quality},
    {"models", Section::models},
    {"error", Section::error},
    {"matches", Section::matches},
};

// Picks the facts out of the events of a JSON parser. Building the whole record instead takes twice
// as long, and a file may hold a million.
class FactsReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  LineFacts facts;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t value) override { return integer(value); }
  bool number_unsigned(number_unsigned_t value) override {
    return value > INT64_MAX || integer(static_cast<std::int64_t>(value));
  }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }

  bool string(string_t& value) override {
    if (wanted_ && depth_ == wanted_depth_) {
      *wanted_ = std::move(value);
    } else if (is_of_face(FaceField::poor_reason)) {
      ++facts.poor_faces;
    } else if (is_of_face(FaceField::embedding)) {
      facts.embeddings = EmbeddingFormat::base64;
    }
    return true;
  }
  bool key(string_t& name) override {
    if (depth_ == 1) {
      enter(name);
    } else if (depth_ == 2 && (section_ == Section::models || section_ == Section::error)) {
      wanted_ = text_wanted(name);
      wanted_depth_ = depth_;
    } else if (depth_ == 3 && section_ == Section::faces) {
      face_key_ = name == "embedding"     ? FaceField::embedding
                  : name == "poor_reason" ? FaceField::poor_reason
                                          : FaceField::other;
    }
    return true;
  }
  bool start_object(std::size_t) override {
    if (depth_ == 0) facts.is_object = true;
    if (depth_ == 2 && section_ == Section::faces) ++facts.faces;
    if (depth_ == 2 && section_ == Section::matches) ++facts.matches;
    return ++depth_ <= kDepthMax;
  }
  bool start_array(std::size_t) override {
    if (is_of_face(FaceField::embedding)) facts.embeddings = EmbeddingFormat::json;
    return ++depth_ <= kDepthMax;
  }
  bool end_object() override { return end_container(); }
  bool end_array() override { return end_container(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  void enter(std::string_view name) {
    const auto* const row =
        std::find_if(std::begin(kTopKeys), std::end(kTopKeys), [&](const TopKey& key) { return key.name == name; });
    const bool is_known = row != std::end(kTopKeys);
    section_ = is_known ? row->section : Section::other;
    wanted_ = is_known && row->text ? &(facts.*row->text) : nullptr;
    wanted_depth_ = depth_;
    facts.has_error_key |= section_ == Section::error;
    facts.has_matches_key |= section_ == Section::matches;
    facts.has_quality_key |= section_ == Section::quality;
  }
  // Where the text of a key below models or error belongs, if anywhere.
  std::string* text_wanted(std::string_view name) {
    if (section_ == Section::error) return name == "code" ? &facts.error_code : nullptr;
    if (name == "detector") return &facts.models.detector;
    if (name == "embedder") return &facts.models.embedder;
    return name == "embedder_id" ? &facts.models.embedder_id : nullptr;
  }
  bool is_of_face(FaceField key) const { return depth_ == 3 && face_key_ == key && section_ == Section::faces; }
  bool integer(std::int64_t value) {
    if (depth_ == 1 && section_ == Section::size) facts.size = value;
    if (depth_ == 1 && section_ == Section::mtime) facts.mtime_ns = value;
    return true;
  }
  bool end_container() {
    --depth_;
    return true;
  }

  int depth_ = 0;
  Section section_ = Section::other;  // of the key at the top level that we are in
  std::string* wanted_ = nullptr;     // where the text of the last key belongs
  int wanted_depth_ = 0;
  FaceField face_key_ = FaceField::other;  // the last one
};

std::optional<LineFacts> read_facts(std::string_view line) {
  FactsReader reader;
  if (!nlohmann::json::sax_parse(line, &reader)) return std::nullopt;
  LineFacts& facts = reader.facts;
  if (!facts.is_object || facts.source.empty() || !facts.has_error_key) return std::nullopt;
  if (!facts.source_base64.empty()) {
    const Result<std::vector<std::uint8_t>> raw = base64_decode(facts.source_base64);
    if (!raw) return std::nullopt;
    facts.source.assign(raw->begin(), raw->end());
  }
  return std::move(facts);
}

// What finding sources shares among threads.
struct Places {
  Identities identities;
  std::string working_folder;  // empty: not known
};

// Where the scan ran that made the record, or where the tree with all of it has moved to since.
FoundSource find_source(const LineFacts& facts, Places& places) {
  const bool is_here = facts.source_folder == places.working_folder;
  std::string name = is_here ? facts.source : resolve_source(facts.source, facts.source_folder);
  ItemState state = open_item(name).state();
  if (state.is_gone && name != facts.source) {
    const ItemState here = open_item(facts.source).state();
    if (!here.is_gone) {
      state = here;
      name = facts.source;
    }
  }
  return compare_source(name, state, facts.size, facts.mtime_ns, places.identities);
}

// Empty, or in what the record differs from what this scan would write.
std::string difference(const LineFacts& facts, const ResumeTerms& terms) {
  if (facts.has_matches_key != terms.like) {
    return terms.like ? "was made without --like" : "was made with --like";
  }
  if (!facts.error_code.empty()) return {};  // such a record holds no results
  if (facts.models.detector != terms.models.detector) {
    return "was made with the detector " + facts.models.detector + ", not " + terms.models.detector;
  }
  const bool embedder_matters = terms.like || terms.embeddings != EmbeddingFormat::none;
  if (embedder_matters && facts.models.embedder != terms.models.embedder) {
    return "was made with the embedder " + facts.models.embedder + ", not " + terms.models.embedder;
  }
  if (embedder_matters && facts.models.embedder_id != terms.models.embedder_id) {
    return "was made with another file, or another feed, of the embedder " + terms.models.embedder + " (" +
           facts.models.embedder_id + ", not " + terms.models.embedder_id + ")";
  }
  if (facts.faces > 0 && facts.embeddings != terms.embeddings) {
    return "was made with another --embeddings";
  }
  if (facts.has_quality_key != terms.image_quality) {
    return terms.image_quality ? "was made without --image-quality" : "was made with --image-quality";
  }
  if (facts.terms != terms.fingerprint) {
    return "was made with other options: --precision, --rotations, --enhance, --min-quality, --min-face, --threshold, "
           "--compare-anyway, another photo of --like or another file of the detector";
  }
  return {};
}

bool failed_for_now(const LineFacts& facts) {
  return !facts.error_code.empty() && may_be_over(error_code_from_name(facts.error_code));
}

// Whether the photo was looked at less closely than this scan looks. Records of before there was a choice do not say:
// they were looked at once.
bool is_less_close(const LineFacts& facts, const ResumeTerms& terms) {
  if (!facts.error_code.empty()) return false;  // nothing was looked at
  const auto rank = [](Detail detail) { return detail == Detail::off ? 0 : detail == Detail::automatic ? 1 : 2; };
  return rank(find_detail(facts.detail).value_or(Detail::off)) < rank(terms.detail);
}

// A line of the file, and what was found out about it.
struct ExaminedLine {
  std::string text;
  LinePlace place;
  std::optional<LineFacts> facts;  // empty: no record
  FoundSource source;
};

void examine(ExaminedLine& line, Places& places) {
  line.facts = read_facts(line.text);
  if (line.facts) line.source = find_source(*line.facts, places);
}

class Resumption {
 public:
  Resumption(RecordFile& file, const ResumeTerms& terms, KnownPaths& paths, KnownContents& contents)
      : file_(file), terms_(terms), paths_(paths), contents_(contents), gone_(terms.sources) {
    std::error_code not_known;
    places_.working_folder = std::filesystem::current_path(not_known).string();
  }

  ScanSummary run() {
    std::vector<ExaminedLine> batch;
    std::size_t batch_bytes = 0;
    file_.visit_lines([&](std::string_view line, LinePlace place) {
      batch.push_back({std::string(line), place, std::nullopt, {}});
      batch_bytes += line.size();
      if (batch_bytes >= kBatchBytes) {
        take(batch);
        batch.clear();
        batch_bytes = 0;
      }
      return true;
    });
    take(batch);
    // A file of one line that is no record is somebody else's file, not a torn one of ours.
    if (damaged_line_ == 1) throw_damaged();
    if (line_number_ == 0 && file_.size_bytes() > 0) require_torn_record();
    judge_what_is_gone();
    if (doubled_ > 0) {
      kept_.notes.push_back(
          fmt::format("{} of {} were of images that an earlier one is of, under another spelling of "
                      "the path: the first is kept",
                      doubled_ == 1 ? "1 record" : fmt::format("{} records", doubled_), file_.shown_path()));
    }
    if (rewrite_) {
      rewrite_->commit();
    } else {
      file_.truncate(whole_bytes_);
    }
    if (less_close_ > 0) {
      kept_.notes.push_back(
          fmt::format("{} of the photos kept were looked at less closely than --detail {}: "
                      "--look-again with --resume looks again at those alone",
                      less_close_, detail_name(terms_.detail)));
    }
    return kept_;
  }

 private:
  void take(std::vector<ExaminedLine>& batch) {
    ask_for_all(batch, [this](ExaminedLine& line) { examine(line, places_); });
    for (const ExaminedLine& line : batch) {
      ++line_number_;
      // Only the last line may be damaged: a power cut can leave its length without its bytes.
      if (damaged_line_ > 0) throw_damaged();
      if (!line.facts) {
        damaged_line_ = line_number_;
        continue;
      }
      whole_bytes_ = line.place.offset + std::int64_t{line.place.length} + 1;
      visit(line);
    }
  }

  void visit(const ExaminedLine& line) {
    const LineFacts& facts = *line.facts;
    const std::string problem = difference(facts, terms_);
    if (!problem.empty()) {
      throw Exception(ErrorCode::invalid_argument,
                      "cannot resume " + file_.shown_path() + ": it " + problem +
                          ". Use the same options, another --out, or --force to begin again");
    }
    if (!is_kept(line)) {
      if (!rewrite_) rewrite_.emplace(file_, line.place.offset);
      return;
    }
    const LinePlace place_now = rewrite_ ? rewrite_->append(line.text) : line.place;
    if (const std::optional<Sha256Digest> digest = sha256_from_hex(facts.sha256)) {
      contents_.set_place(*digest, place_now.offset);
    }
    ++kept_.images;
    ++kept_.resumed;
    if (!facts.error_code.empty()) ++kept_.failed;
    if (facts.matches > 0) ++kept_.matched_images;
    kept_.faces += facts.faces;
    kept_.poor_faces += facts.poor_faces;
    if (is_less_close(facts, terms_)) ++less_close_;
  }

  bool is_kept(const ExaminedLine& line) {
    const SourceNow now = line.source.now;
    if (now == SourceNow::gone) {
      gone_.add_gone(line.source.identity);
    } else {
      gone_.add_there(line.source.identity);
    }
    if (now == SourceNow::gone && terms_.prune != Prune::none) {
      ++kept_.pruned;
      return false;
    }
    if (now == SourceNow::changed) {
      ++kept_.changed;
      return false;
    }
    if (now == SourceNow::unchanged && failed_for_now(*line.facts)) return false;
    if (now == SourceNow::unchanged && terms_.look_again && is_less_close(*line.facts, terms_)) return false;
    // A second record of one image cannot be ours; the first stays.
    if (!paths_.insert(line.source.identity)) {
      ++doubled_;
      return false;
    }
    if (now == SourceNow::gone) ++kept_.gone;
    return true;
  }

  // Refuses, or warns, where it looks as if a disk were not mounted.
  void judge_what_is_gone() {
    const std::optional<GoneSource> source = gone_.find_source_all_gone();
    if (!source || terms_.prune == Prune::all) return;
    const std::string what = fmt::format("none of the {} files below {} that {} has records of is there any more",
                                         source->count, replace_invalid_utf8(source->folder), file_.shown_path());
    if (terms_.prune == Prune::none) {
      kept_.notes.push_back(what + ": is its disk mounted?");
      return;
    }
    throw Exception(ErrorCode::invalid_argument,
                    "will not prune: " + what +
                        ", as when a disk is not mounted. Mount it, or use --prune=all to drop their records too");
  }

  // Cutting would destroy a file that somebody named by mistake.
  void require_torn_record() {
    const std::int64_t shown = std::min<std::int64_t>(file_.size_bytes(), 10);
    const std::string begin = file_.read({0, static_cast<std::uint32_t>(shown)});
    if (!std::string_view(R"({"source")").starts_with(begin.substr(0, 9))) {
      line_number_ = damaged_line_ = 1;
      throw_damaged();
    }
  }

  [[noreturn]] void throw_damaged() const {
    throw Exception(ErrorCode::bad_data, "cannot resume " + file_.shown_path() + ": line " +
                                             std::to_string(damaged_line_) +
                                             " is not a record. Delete that line, or begin again with --force");
  }

  RecordFile& file_;
  const ResumeTerms& terms_;
  KnownPaths& paths_;
  KnownContents& contents_;
  Places places_;
  ScanSummary kept_;
  GoneSources gone_;
  std::int64_t doubled_ = 0;                    // records of one image beyond the first
  std::optional<RecordFile::Rewrite> rewrite_;  // from the first line on that is dropped
  std::int64_t line_number_ = 0;
  std::int64_t damaged_line_ = 0;
  std::int64_t less_close_ = 0;   // photos kept
  std::int64_t whole_bytes_ = 0;  // up to the end of the last line that is a record
};

}  // namespace

ScanSummary resume_records(RecordFile& file, const ResumeTerms& terms, KnownPaths& paths, KnownContents& contents) {
  return Resumption(file, terms, paths, contents).run();
}

}  // namespace mien
