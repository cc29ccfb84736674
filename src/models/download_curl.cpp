#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/cancel.h"
#include "base/dynamic_library.h"
#include "base/part_file.h"
#include "base/text.h"
#include "models/download.h"

namespace mien {
namespace {

namespace fs = std::filesystem;

constexpr long kConnectSeconds = 20;
constexpr long kRedirectsMax = 5;
constexpr long kStallBytesPerSecond = 1024;
constexpr auto kProgressPause = std::chrono::milliseconds(100);

struct Curl {
  DynamicLibrary library{MIEN_CURL_SONAME, "libcurl4"};
  decltype(&curl_global_init) global_init = library["curl_global_init"];
  decltype(&curl_easy_init) easy_init = library["curl_easy_init"];
  decltype(&curl_easy_setopt) easy_setopt = library["curl_easy_setopt"];
  decltype(&curl_easy_perform) easy_perform = library["curl_easy_perform"];
  decltype(&curl_easy_getinfo) easy_getinfo = library["curl_easy_getinfo"];
  decltype(&curl_easy_cleanup) easy_cleanup = library["curl_easy_cleanup"];
  decltype(&curl_easy_strerror) easy_strerror = library["curl_easy_strerror"];
  decltype(&curl_slist_append) slist_append = library["curl_slist_append"];
  decltype(&curl_slist_free_all) slist_free_all = library["curl_slist_free_all"];
};

Result<Curl> open_curl() {
  Result<Curl> curl = opened(Curl());
  if (curl && curl->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return Error{ErrorCode::internal, "libcurl cannot be started"};
  }
  return curl;
}

const Curl& curl_library() {
  static const Result<Curl> curl = open_curl();
  if (!curl) throw Exception(curl.error());
  return *curl;
}

// The address and the version that a part file came from. Without a version its download is not resumed.
struct PartFacts {
  std::string url;
  std::string version;  // what If-Range takes: a strong ETag, or a date
};

PartFacts read_facts(const std::string& part_path) {
  std::ifstream file(part_facts_path(part_path));
  PartFacts facts;
  std::getline(file, facts.url);
  std::getline(file, facts.version);
  return facts;
}

void write_facts(const std::string& part_path, const PartFacts& facts) {
  std::ofstream file(part_facts_path(part_path), std::ios::trunc);
  file << facts.url << '\n' << facts.version << '\n';
}

std::int64_t number_at(std::string_view text) {
  std::int64_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The header of one response.
struct Response {
  int status = 0;
  std::int64_t length = -1;
  std::int64_t range_begin = -1;
  std::string type;
  std::string etag;
  std::string modified;

  void read_line(std::string_view line) {
    if (line.starts_with("HTTP/")) {  // a redirect's header came before, or "100 Continue"
      *this = {};
      const std::size_t space = line.find(' ');
      if (space != std::string_view::npos) status = static_cast<int>(number_at(line.substr(space + 1)));
      return;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const std::string name = lower(line.substr(0, colon));
    const std::string_view value = trim(line.substr(colon + 1));
    if (name == "content-length") length = number_at(value);
    if (name == "content-range" && value.starts_with("bytes ")) range_begin = number_at(value.substr(6));
    if (name == "content-type") type = value.substr(0, value.find(';'));
    if (name == "etag" && !value.starts_with("W/")) etag = value;  // weak ones do not promise equal bytes
    if (name == "last-modified") modified = value;
  }
  std::string version() const { return etag.empty() ? modified : etag; }
};

class Transfer {
 public:
  Transfer(const Curl& curl, const Download& wanted)
      : curl_(curl),
        wanted_(wanted),
        part_(wanted.part_path),
        handle_(curl.easy_init(), curl.easy_cleanup),
        headers_(nullptr, curl.slist_free_all) {
    if (!handle_) throw Exception(ErrorCode::internal, "libcurl cannot be used");
  }

  bool run() {
    const PartFacts facts = read_facts(wanted_.part_path);
    const bool may_resume = part_.size() > 0 && facts.url == wanted_.url && !facts.version.empty() &&
                            (wanted_.size_bytes == 0 || part_.size() <= wanted_.size_bytes);
    if (part_.size() > 0 && !may_resume) part_.clear();
    if (may_resume && part_.size() == wanted_.size_bytes) return true;  // all of it came, nobody could check it
    resume_from_ = part_.size();
    set_options(facts);
    const CURLcode code = curl_.easy_perform(handle_.get());
    if (failure_) std::rethrow_exception(failure_);
    if (code == CURLE_OK && response_.status == 416 && resume_from_ > 0) return run_again();
    check_end(code);
    return resume_from_ > 0;
  }

 private:
  template <typename Value>
  void set(CURLoption option, Value value) {
    const CURLcode code = curl_.easy_setopt(handle_.get(), option, value);
    if (code == CURLE_OK) return;
    throw Exception(ErrorCode::unsupported, fmt::format("this libcurl cannot be used: {}", curl_.easy_strerror(code)));
  }

  void set_options(const PartFacts& facts) {
    set(CURLOPT_URL, wanted_.url.c_str());
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_USERAGENT, "mien/" MIEN_VERSION);
    // An address that begins with https never leads to one without.
    const bool is_secure = lower(wanted_.url.substr(0, 8)) == "https://";
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_REDIR_PROTOCOLS_STR, is_secure ? "https" : "http,https");
    set(CURLOPT_FOLLOWLOCATION, 1L);
    set(CURLOPT_MAXREDIRS, kRedirectsMax);
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    set(CURLOPT_LOW_SPEED_LIMIT, kStallBytesPerSecond);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(wanted_.stall_seconds));
    set(CURLOPT_ERRORBUFFER, error_text_.data());
    set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &Transfer::on_progress);
    set(CURLOPT_XFERINFODATA, this);
    if (resume_from_ == 0) return;
    const std::string range = fmt::format("Range: bytes={}-", resume_from_);
    const std::string if_range = "If-Range: " + facts.version;
    headers_.reset(curl_.slist_append(curl_.slist_append(nullptr, range.c_str()), if_range.c_str()));
    set(CURLOPT_HTTPHEADER, headers_.get());
  }

  // The server has no bytes from there on: what lies here is of another file.
  bool run_again() {
    part_.clear();
    fs::remove(part_facts_path(wanted_.part_path));
    return Transfer(curl_, wanted_).run();
  }

  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self) {
    static_cast<Transfer*>(self)->response_.read_line({data, size * count});
    return size * count;
  }

  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) {
    Transfer& transfer = *static_cast<Transfer*>(self);
    try {
      transfer.take({data, size * count});
    } catch (...) {  // must not leave through C code
      transfer.failure_ = std::current_exception();
      return CURL_WRITEFUNC_ERROR;
    }
    return size * count;
  }

  static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    Transfer& transfer = *static_cast<Transfer*>(self);
    transfer.show();
    return transfer.wanted_.stop.stop_requested() ? 1 : 0;
  }

  void take(std::string_view body) {
    if (response_.status != 200 && response_.status != 206) return;  // an explanation for people
    if (!has_begun_) begin();
    if (part_.size() + static_cast<std::int64_t>(body.size()) > wanted_.bytes_max) {
      part_.clear();
      throw Exception(ErrorCode::limit_exceeded,
                      fmt::format("{} sends more than the {} bytes of the catalogue: it is not the published file, and "
                                  "what came was removed",
                                  wanted_.url, wanted_.bytes_max));
    }
    part_.append(body.data(), body.size());
  }

  void begin() {
    has_begun_ = true;
    const bool goes_on = response_.status == 206 && response_.range_begin == resume_from_ && resume_from_ > 0;
    if (response_.status == 206 && !goes_on) {
      throw Exception(ErrorCode::io, fmt::format("{} answers with another part than the one asked for", wanted_.url));
    }
    if (!goes_on) {
      resume_from_ = 0;
      part_.clear();
    }
    const std::int64_t whole = response_.length < 0 ? -1 : resume_from_ + response_.length;
    if (wanted_.size_bytes > 0 && whole >= 0 && whole != wanted_.size_bytes) {
      part_.clear();
      const bool is_page = response_.type == "text/html";
      throw Exception(ErrorCode::bad_data,
                      fmt::format("{} sends {} of {} bytes, and the published file has {}: {}", wanted_.url,
                                  is_page ? "a web page" : "a file", whole, wanted_.size_bytes,
                                  is_page ? "is there a login or a proxy in between?" : "it is another file"));
    }
    write_facts(wanted_.part_path, {wanted_.url, response_.version()});
  }

  void show() {
    const auto now = std::chrono::steady_clock::now();
    if (!wanted_.on_progress || now - shown_ < kProgressPause) return;
    shown_ = now;
    curl_off_t speed = 0;
    curl_.easy_getinfo(handle_.get(), CURLINFO_SPEED_DOWNLOAD_T, &speed);
    wanted_.on_progress(part_.size(), wanted_.size_bytes, static_cast<double>(speed));
  }

  // Throws an error that says how the download ended, unless it ended well.
  void check_end(CURLcode code) {
    const std::string kept =
        part_.size() > 0 ? fmt::format("; {} bytes are kept: run it again to go on", part_.size()) : "";
    if (wanted_.stop.stop_requested()) throw Exception(ErrorCode::cancelled, cancelled_error().message + kept);
    if (code == CURLE_OPERATION_TIMEDOUT && has_begun_) {
      throw Exception(ErrorCode::io, fmt::format("{} sent less than {} bytes a second for {} s{}", wanted_.url,
                                                 kStallBytesPerSecond, wanted_.stall_seconds, kept));
    }
    if (code != CURLE_OK) {
      const std::string reason = error_text_[0] != '\0' ? error_text_.data() : curl_.easy_strerror(code);
      throw Exception(ErrorCode::io, fmt::format("cannot fetch {}: {}{}", wanted_.url, reason, kept));
    }
    if (response_.status == 404 || response_.status == 410) {
      throw Exception(ErrorCode::not_found,
                      fmt::format("there is no file at {} (HTTP {}){}", wanted_.url, response_.status, kept));
    }
    if (response_.status != 200 && response_.status != 206) {
      throw Exception(ErrorCode::io, fmt::format("cannot fetch {}: the server answers HTTP {}{}", wanted_.url,
                                                 response_.status, kept));
    }
    if (!has_begun_) part_.clear();
    if (wanted_.size_bytes > 0 && part_.size() < wanted_.size_bytes) {
      throw Exception(ErrorCode::io, fmt::format("{} ended after {} of {} bytes{}", wanted_.url, part_.size(),
                                                 wanted_.size_bytes, kept));
    }
  }

  const Curl& curl_;
  const Download& wanted_;
  PartFile part_;
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle_;
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  Response response_;
  std::int64_t resume_from_ = 0;
  bool has_begun_ = false;
  std::chrono::steady_clock::time_point shown_;
  std::exception_ptr failure_;
};

}  // namespace

bool download(const Download& wanted) { return Transfer(curl_library(), wanted).run(); }

}  // namespace mien
