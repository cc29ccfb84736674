// Photos and their faces as pictures: by their number in the store, made when they are asked for, and kept nowhere.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/sha256.h"
#include "mien/file.h"
#include "mien/tools/picture.h"
#include "service/image_work.h"
#include "service/people/handlers.h"
#include "service/people/routes.h"
#include "service/people/schemas.h"

namespace mien::service {
namespace {

constexpr std::string_view kJpeg = "image/jpeg";
constexpr std::string_view kSizeMeaning = "pixels of a side at most";
constexpr std::size_t kPlacesMax = 8;  // that are looked at for one photo

// A photo that the store knows, and where it was.
struct KnownPhoto {
  StoredImage image;
  std::vector<StoredPlace> places;
};

KnownPhoto known_photo(const Store& store, ImageId id) {
  std::optional<StoredImage> image = store.image(id);
  if (!image) throw Exception(ErrorCode::not_found, fmt::format("no photo has the number {}", id));
  KnownPhoto photo{std::move(*image), {}};
  for (const std::string& path : photo.image.paths) {
    if (photo.places.size() == kPlacesMax) break;
    if (std::optional<StoredPlace> place = store.find_place(path)) photo.places.push_back(std::move(*place));
  }
  return photo;
}

enum class PhotoState { there, changed, gone };

// What can be said of a place without reading its file; nothing: only its content tells whether it is the same.
std::optional<PhotoState> state_unread(const StoredPlace& place, std::size_t bytes_max) {
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  struct stat status {};
  if (::stat(place.path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return PhotoState::gone;
  if (place.size_bytes >= 0 && status.st_size != place.size_bytes) return PhotoState::changed;
  const std::int64_t mtime_ns = status.st_mtim.tv_sec * kNanoseconds + status.st_mtim.tv_nsec;
  if (status.st_size == place.size_bytes && mtime_ns == place.mtime_ns) return PhotoState::there;
  // Nothing as large was ever read.
  if (static_cast<std::uintmax_t>(status.st_size) > bytes_max) return PhotoState::changed;
  return std::nullopt;
}

// Whether the file is the one that was indexed. Throws Exception(cancelled).
PhotoState state_of(const KnownPhoto& photo, const StoredPlace& place, std::size_t bytes_max,
                    const std::stop_token& stop) {
  if (const std::optional<PhotoState> state = state_unread(place, bytes_max)) return *state;
  const Result<Sha256Digest> digest = sha256_file(place.path, stop);
  if (!digest && digest.error().code == ErrorCode::cancelled) throw Exception(digest.error());
  if (!digest) return PhotoState::gone;
  return sha256_hex(*digest) == photo.image.sha256 ? PhotoState::there : PhotoState::changed;
}

PhotoState state_of(const KnownPhoto& photo, std::size_t bytes_max, const std::stop_token& stop) {
  PhotoState best = PhotoState::gone;
  for (const StoredPlace& place : photo.places) {
    best = std::min(best, state_of(photo, place, bytes_max, stop));
    if (best == PhotoState::there) break;
  }
  return best;
}

// The bytes that were indexed. Throws Exception: not_found, bad_data (there is another photo in its place).
std::vector<std::uint8_t> read_photo(const KnownPhoto& photo, const InputOptions& input) {
  bool has_changed = false;
  for (const StoredPlace& place : photo.places) {
    if (state_unread(place, input.limits.bytes_max) == PhotoState::changed) {
      has_changed = true;
      continue;
    }
    Result<std::vector<std::uint8_t>> bytes = read_file(place.path, input.limits.bytes_max);
    if (!bytes) continue;
    if (sha256_hex(sha256(*bytes)) == photo.image.sha256) return std::move(*bytes);
    has_changed = true;
  }
  if (has_changed) {
    throw Exception(ErrorCode::bad_data, "the photo has changed since it was indexed: 'mien index' reads it again");
  }
  throw Exception(ErrorCode::not_found, "the photo is gone, or cannot be read any more");
}

// What is made of a photo on a worker's thread.
using MakePicture = std::function<Result<std::vector<std::uint8_t>>(Bytes encoded, const InputOptions& input)>;

void answer_picture(Service& service, const std::shared_ptr<Exchange>& exchange, KnownPhoto known, MakePicture make) {
  const auto work = [&service, known = std::make_shared<const KnownPhoto>(std::move(known)), make = std::move(make)](
                        const QueryOptions&, Workspace&, RequestFacts&) {
    InputOptions input = service.engine().input();
    input.on_warning = [](const std::string&) {};  // was said when it was indexed
    const std::vector<std::uint8_t> picture = make(read_photo(*known, input), input).take();
    return Response{.body = {picture.begin(), picture.end()}, .content_type = std::string(kJpeg)};
  };
  submit_or_refuse(service, exchange, make_task({service, exchange, service.query_defaults()}, work));
}

Route people_picture(PeopleDesk& desk, std::string_view path, std::string_view summary, std::vector<QueryRow> query,
                     PeopleLook look) {
  return people_get(desk,
                    {.method = "GET",
                     .path = path,
                     .summary = summary,
                     .query = std::move(query),
                     .answer_type = kJpeg,
                     .answer_schema = R"({"type":"string"})",
                     .errors = {413, 415, 504}},
                    std::move(look));
}

Route thumbnail_route(Service& service, PeopleDesk& desk) {
  const auto look = [&service](PeopleSession& session, const PeopleQuery& query,
                               const std::shared_ptr<Exchange>& exchange) {
    constexpr std::int64_t kLeast = 16, kMost = 512, kUsual = 160;
    const PersonFace face = session.people().face(query.number("face", 1, kPeopleIdMax, 0));
    const int side = static_cast<int>(query.number("size", kLeast, kMost, kUsual));
    KnownPhoto known = known_photo(session.store(), face.image);
    const PhotoSize size{known.image.width, known.image.height};
    answer_picture(service, exchange, std::move(known),
                   [bbox = face.bbox, size, side](Bytes encoded, const InputOptions& input) {
                     return face_square(encoded, size, bbox, side, input);
                   });
  };
  return people_picture(desk, "/v1/people/thumbnail", "A square around a face",
                        {{"face", kIdSchema, "the face's id", true},
                         {"size", R"({"type":"integer","minimum":16,"maximum":512,"default":160})", kSizeMeaning}},
                        look);
}

Route picture_route(Service& service, PeopleDesk& desk) {
  const auto look = [&service](PeopleSession& session, const PeopleQuery& query,
                               const std::shared_ptr<Exchange>& exchange) {
    constexpr std::int64_t kLeast = 64, kMost = 4096, kUsual = 1280;
    const int side = static_cast<int>(query.number("size", kLeast, kMost, kUsual));
    KnownPhoto known = known_photo(session.store(), query.number("image", 1, kPeopleIdMax, 0));
    const PhotoSize size{known.image.width, known.image.height};
    answer_picture(service, exchange, std::move(known), [size, side](Bytes encoded, const InputOptions& input) {
      return fit_picture(encoded, size, side, input);
    });
  };
  return people_picture(desk, "/v1/people/picture", "A photo, upright and made small",
                        {{"image", kIdSchema, "the photo's id", true},
                         {"size", R"({"type":"integer","minimum":64,"maximum":4096,"default":1280})", kSizeMeaning}},
                        look);
}

PeopleJson photo_json(const KnownPhoto& known, PhotoState state) {
  return {{"id", known.image.id},
          {"width", known.image.width},
          {"height", known.image.height},
          {"taken", text_json(known.image.taken)},
          {"file", text_json(known.places.empty() ? "" : base_name(known.places.front().path))},
          {"is_gone", state == PhotoState::gone},
          {"is_changed", state == PhotoState::changed}};
}

// The store is as fresh as the request, while people who are only looked at may be older: a face that came since is
// shown when they are read again.
std::optional<PersonFace> find_face(const People& people, FaceId id) {
  try {
    return people.face(id);
  } catch (const Exception& failure) {
    if (failure.error().code != ErrorCode::not_found) throw;
    return std::nullopt;
  }
}

Route photo_route(Service& service, PeopleDesk& desk) {
  const auto look = [&service](PeopleSession& session, const PeopleQuery& query,
                               const std::shared_ptr<Exchange>& exchange) {
    const ImageId id = query.number("image", 1, kPeopleIdMax, 0);
    const auto known = std::make_shared<const KnownPhoto>(known_photo(session.store(), id));
    PeopleJson faces = PeopleJson::array();
    for (const StoredFace& face : session.store().faces_of(id)) {
      if (std::optional<PersonFace> known_face = find_face(session.people(), face.id)) {
        faces.push_back(person_face_json(session.people(), *known_face));
      }
    }
    PeopleJson answer = {{"revision", session.revision()}, {"image", nullptr}, {"faces", std::move(faces)}};
    // A disk that sleeps lets the others wait for a worker, not for the store.
    const auto work = [&service, known, answer](const QueryOptions& options, Workspace&, RequestFacts&) {
      PeopleJson whole = answer;
      const std::size_t bytes_max = service.engine().input().limits.bytes_max;
      whole["image"] = photo_json(*known, state_of(*known, bytes_max, options.analyze.stop));
      return people_answer(whole);
    };
    submit_or_refuse(service, exchange, make_task({service, exchange, service.query_defaults()}, work));
  };
  return people_get(desk,
                    {.method = "GET",
                     .path = "/v1/people/photo",
                     .summary = "A photo with its faces",
                     .query = {{"image", kIdSchema, "the photo's id", true}},
                     .answer_schema = kPhotoSchema,
                     .errors = {504}},
                    look);
}

}  // namespace

std::vector<Route> people_picture_routes(Service& service, PeopleDesk& desk) {
  return {photo_route(service, desk), picture_route(service, desk), thumbnail_route(service, desk)};
}

}  // namespace mien::service
