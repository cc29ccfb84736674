// `mien find`: the photos that show people, from a store alone.
#include <fmt/format.h>

#include <filesystem>

#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/json.h"
#include "cli/store_options.h"
#include "cli/text.h"
#include "mien/engine.h"
#include "mien/tools/people.h"

namespace mien::cli {
namespace {

namespace fs = std::filesystem;

struct FindCall {
  StoreOptions store;
  FindOptions find;
  EngineOptions engine;
  SettingsSources sources;
  std::vector<std::string> words;
  std::string link_folder;
  bool json = false;
};

void declare(Arguments& arguments, FindCall& call) {
  arguments.positionals({"PHOTO|NAME...", 1, SIZE_MAX}, call.words);
  add_store_option(arguments, call.store.path);
  arguments.flag({"--and", "", "photos with all of them (default: with any)"}, call.find.all);
  arguments.list({"--not", "NAME", "photos without this person; may be repeated", "", false, true}, call.find.without);
  arguments.text({"--since", "DATE", "taken then or later: 2019, 2019-07 or 2019-07-04"}, call.find.since);
  arguments.text({"--folder", "DIR", "photos below it"}, call.find.folder);
  arguments.number({"--threshold", "COSINE", "of photos: a face that similar is a match (default: the embedder's)"},
                   {-1, 1}, [&](double value) { call.find.threshold = static_cast<float>(value); });
  arguments.text({"--link", "DIR", "fill a new folder with links to the photos"}, call.link_folder);
  add_model_options(arguments, call.engine, call.sources);
  arguments.flag({"--json", "", "print JSON"}, call.json);
  arguments.example("mien find Anna Ben --and", "photos with both");
  arguments.example("mien find me.jpg --since 2019", "faces like the one in me.jpg");
}

// What is a file is a photo, what is not is a name.
bool is_photo(const std::string& word) {
  std::error_code error;
  return fs::is_regular_file(word, error);
}

std::vector<Analysis> analyze_photos(const Call& call, FindCall& find, const std::vector<std::string>& paths) {
  std::vector<Analysis> analyses;
  if (paths.empty()) return analyses;
  load_engine_settings(call.terminal, find.sources, find.engine);
  find.engine.load_embedder = true;
  const Engine engine(find.engine);
  for (const std::string& path : paths) {
    const std::vector<std::uint8_t> bytes = take(read_image(path), path);
    analyses.push_back(take(engine.analyze(bytes), path));
    note_warnings(call.terminal, path, analyses.back().warnings);
  }
  return analyses;
}

std::string faces_text(const FoundPhoto& photo) {
  std::string text;
  for (const FoundFace& face : photo.faces) {
    text += fmt::format("{}{} #{}", text.empty() ? "" : ", ", face.name, face.number);
    if (face.similarity) text += fmt::format(" ({:.3f})", *face.similarity);
  }
  return text;
}

nlohmann::ordered_json photo_json(const FoundPhoto& photo) {
  nlohmann::ordered_json faces = nlohmann::ordered_json::array();
  for (const FoundFace& face : photo.faces) {
    faces.push_back(
        {{"face", face.number},
         {"id", face.face},
         {"for", face.name},
         {"similarity", face.similarity ? nlohmann::ordered_json(*face.similarity) : nlohmann::ordered_json()}});
  }
  return {{"source", photo.source}, {"taken", text_or_null(photo.taken)}, {"faces", faces}, {"copies", photo.copies}};
}

void print_json(const Call& call, const FindResult& result, bool has_photos) {
  nlohmann::ordered_json photos = nlohmann::ordered_json::array();
  for (const FoundPhoto& photo : result.photos) photos.push_back(photo_json(photo));
  nlohmann::ordered_json json = {{"photos", photos}, {"without_date", result.without_date}, {"notes", result.notes}};
  if (has_photos) {
    json["threshold"] = result.threshold;
    json["compared"] = result.compared;
    json["expected_false_matches"] = result.expected_false_matches;
  }
  call.terminal.print(json_text(json));
}

void print_text(const Call& call, const FindResult& result, bool has_photos) {
  for (const FoundPhoto& photo : result.photos) {
    std::string line = printable(photo.source) + "  " + printable(faces_text(photo));
    if (!photo.copies.empty())
      line += fmt::format("  (+{})", counted(static_cast<long long>(photo.copies.size()), "copy", "copies"));
    call.terminal.print(line + "\n");
  }
  std::string summary = counted(static_cast<long long>(result.photos.size()), "photo");
  if (has_photos) {
    summary += fmt::format("; similarity threshold {:.3f}", result.threshold);
    if (result.expected_false_matches > 0) {
      summary += fmt::format("; expect about {:.2g} false matches among {}", result.expected_false_matches,
                             counted(result.compared, "face"));
    }
  }
  if (result.without_date > 0) {
    summary += fmt::format("; {} left out: when they were taken is not known", counted(result.without_date, "photo"));
  }
  call.terminal.note(summary + "\n");
  for (const std::string& note : result.notes) call.terminal.note(printable(note) + "\n");
}

// Links by number and name, so that two photos of one name both get one.
void make_links(const std::string& folder, const FindResult& result) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("--link {}: it is there and not empty: name a new folder", folder));
  }
  fs::create_directories(folder, error);
  if (!error) fs::permissions(folder, fs::perms::owner_all, error);
  for (std::size_t i = 0; i < result.photos.size() && !error; ++i) {
    const fs::path source = result.photos[i].source;
    fs::create_symlink(source, fs::path(folder) / fmt::format("{:04}-{}", i + 1, source.filename().string()), error);
  }
  if (error) throw Exception(ErrorCode::io, fmt::format("cannot fill {}: {}", folder, error.message()));
}

}  // namespace

int run_find(const Call& call) {
  FindCall find;
  Arguments arguments("mien find",
                      "Finds the photos that show people, in the store that 'mien index' made: by name, or by a photo "
                      "of somebody. Photos that look the same are one line.");
  declare(arguments, find);
  if (!parse_or_help(call, arguments)) return 0;
  find.store.access = access_to_look(find.store.path);
  Store store(find.store);
  const Settings settings = load(call.terminal, find.sources);
  std::vector<std::string> paths;
  for (const std::string& word : find.words) (is_photo(word) ? paths : find.find.names).push_back(word);
  const std::vector<Analysis> analyses = analyze_photos(call, find, paths);
  for (std::size_t i = 0; i < paths.size(); ++i) find.find.photos.emplace_back(paths[i], &analyses[i]);
  const People people(store, settings);
  call.terminal.make_out_private();
  const FindResult result = people.find_photos(find.find);
  if (!find.link_folder.empty()) make_links(find.link_folder, result);
  find.json ? print_json(call, result, !paths.empty()) : print_text(call, result, !paths.empty());
  return 0;
}

}  // namespace mien::cli
