// Does with a store what the lines of standard input say, one answer a line: for tests from outside, which kill it.
//
// clang-format off
//   open PATH                      makes the store, or opens it
//   close
//   put FIRST COUNT TERMS          made-up photos, 10 a transaction; TERMS beside 1 move boxes and embeddings
//   gone FIRST COUNT, prune        takes photos away
//   compute                        neighbours (the next three keys) and groups (by pairs)
//   name NAME FIRST COUNT          a person on the left of these photos; answers the person's number
//   merge PERSON OTHER
//   forget PERSON FIRST COUNT      the person, and the faces on the left of these photos
//   backup FILE, restore FILE
//   check                          answers the number of findings
//   embeddings FIRST COUNT TERMS   the embeddings on the left, in hex of 32-bit floats, one answer for all
// clang-format on
#include <algorithm>
#include <bit>
#include <cstdint>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "mien/result.h"
#include "mien/tools/store.h"
#include "support/store_scene.h"

namespace mien {
namespace {

constexpr const char* kEmbedder = "tiny-a";
constexpr std::uint32_t kBatch = 10;

Record photo(std::uint32_t content, std::uint32_t terms) {
  const float shift = static_cast<float>(terms - 1) * 2;
  Record record = made_up_record(content, {{10 + shift, 10, 50 + shift, 60}, {100, 20, 140, 70}});
  record.terms = "terms-" + std::to_string(terms);
  if (terms == 1) return record;
  for (std::uint32_t i = 0; i < 2; ++i) {
    record.analysis.faces[i].embedding = made_up_embedding(terms * 1'000'000 + content * 1000 + i);
  }
  return record;
}

std::string path_of(std::uint32_t content) {
  return "/photos/" + std::to_string(content % 7) + "/" + std::to_string(content);
}

void put(Store& store, std::uint32_t first, std::uint32_t count, std::uint32_t terms) {
  for (std::uint32_t start = first; start < first + count; start += kBatch) {
    std::vector<Record> records;
    std::vector<Store::Entry> batch;
    for (std::uint32_t i = start; i < std::min(start + kBatch, first + count); ++i) records.push_back(photo(i, terms));
    for (std::size_t i = 0; i < records.size(); ++i) {
      batch.push_back({"/photos", path_of(start + static_cast<std::uint32_t>(i)), &records[i]});
    }
    store.put(batch);
  }
}

void take_away(Store& store, std::uint32_t first, std::uint32_t count) {
  std::vector<std::string> paths;
  for (std::uint32_t i = first; i < first + count; ++i) paths.push_back(path_of(i));
  store.set_gone(paths, true);
}

void compute(Store& store) {
  std::vector<std::pair<FaceId, FaceKey>> faces;
  store.visit_vectors(kEmbedder, [&faces](const StoredVector& one) { faces.emplace_back(one.face, one.key); });
  std::vector<Store::FaceNeighbours> lists;
  std::vector<FaceGroup> groups;
  for (std::size_t i = 0; i < faces.size(); ++i) {
    Store::FaceNeighbours& list = lists.emplace_back(Store::FaceNeighbours{faces[i].first, {}});
    for (std::size_t k = 1; k <= 3; ++k) {
      list.neighbours.push_back({faces[(i + k) % faces.size()].second, 1 - 0.1F * static_cast<float>(k)});
    }
    groups.push_back({faces[i].first, faces[i / 2 * 2].first});
  }
  store.put_neighbours(kEmbedder, lists);
  store.put_groups(groups, "test");
}

PersonId name(Store& store, const std::string& text, std::uint32_t first, std::uint32_t count) {
  PersonOperation operation;
  operation.kind = OperationKind::name;
  operation.person = store.add_person();
  operation.text = text;
  for (std::uint32_t i = first; i < first + count; ++i) {
    operation.statements.push_back({{made_up_sha256(i), {10, 10, 50, 60}}, VerdictKind::named, operation.person});
  }
  store.add(operation);
  return operation.person;
}

std::vector<FaceId> left_faces(Store& store, std::uint32_t first, std::uint32_t count) {
  std::vector<FaceId> faces;
  store.visit_faces([&](const StoredFace& face) {
    if (face.number != 0) return;
    const std::string sha256 = store.image(face.image)->sha256;
    for (std::uint32_t i = first; i < first + count; ++i) {
      if (made_up_sha256(i) == sha256) faces.push_back(face.id);
    }
  });
  return faces;
}

std::string embeddings(std::uint32_t first, std::uint32_t count, std::uint32_t terms) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (std::uint32_t i = first; i < first + count; ++i) {
    text += text.empty() ? "" : " ";
    const Record record = photo(i, terms);
    for (const float value : record.analysis.faces[0].embedding) {
      const auto bits = std::bit_cast<std::uint32_t>(value);
      for (unsigned shift = 0; shift < 32; shift += 8) {
        text += {kDigits[bits >> (shift + 4) & 15], kDigits[bits >> shift & 15]};
      }
    }
  }
  return text;
}

std::string answer(std::optional<Store>& store, std::istringstream& line) {
  std::string word;
  std::string text;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::uint32_t third = 0;
  line >> word;
  if (word == "open" && line >> text) {
    store.emplace(StoreOptions{text, StoreOptions::Access::create});
  } else if (word == "put" && line >> first >> count >> third) {
    put(*store, first, count, third);
  } else if (word == "gone" && line >> first >> count) {
    take_away(*store, first, count);
  } else if (word == "prune") {
    return std::to_string(store->prune({}));
  } else if (word == "compute") {
    compute(*store);
  } else if (word == "name" && line >> text >> first >> count) {
    return std::to_string(name(*store, text, first, count));
  } else if (word == "merge" && line >> first >> count) {
    PersonOperation merge;
    merge.kind = OperationKind::merge;
    merge.person = first;
    merge.other = count;
    store->add(merge);
  } else if (word == "forget" && line >> third >> first >> count) {
    const PersonId person = third;
    return std::to_string(store->forget({&person, 1}, left_faces(*store, first, count)).vectors);
  } else if (word == "backup" && line >> text) {
    back_up_store(store->path(), text);
  } else if (word == "restore" && line >> text) {
    restore_store(text, store->path());
  } else if (word == "check") {
    return std::to_string(store->check().size());
  } else if (word == "embeddings" && line >> first >> count >> third) {
    return embeddings(first, count, third);
  } else if (word == "close") {
    store.reset();
  } else {
    return "what?";
  }
  return "done";
}

}  // namespace
}  // namespace mien

int main() {
  std::optional<mien::Store> store;
  std::string text;
  while (std::getline(std::cin, text)) {
    std::istringstream line(text);
    try {
      std::cout << mien::answer(store, line) << std::endl;
    } catch (const mien::Exception& failure) {
      std::cout << "failed: " << failure.error().message << std::endl;
    }
  }
  return 0;
}
