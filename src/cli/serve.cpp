// `mien serve`: from the command line to a service, and from signals to its end.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <optional>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "cli/service_signals.h"
#include "cli/text.h"
#include "mien/engine.h"
#include "mien/log.h"
#include "service/guard.h"
#include "service/http/server.h"
#include "service/http/upstream.h"
#include "service/keys.h"
#include "service/openapi.h"
#include "service/request_log.h"
#include "service/routes.h"
#include "service/service.h"

namespace mien::cli {
namespace {

using service::LogFormat;

// An option of the service, and the setting that it wins over.
struct ServeOption {
  std::string_view name;
  std::string_view placeholder;  // empty: a flag, which sets "true"
  std::string_view setting;
  std::string_view help;
  bool may_repeat = false;  // the setting is a list by commas
};

constexpr ServeOption kServeOptions[] = {
    {"--listen", "ADDRESS:PORT", "MIEN_LISTEN", "where to listen (127.0.0.1:8765); port 0 is any that is free"},
    {"--key-file", "FILE", "MIEN_KEY_FILE", "keys that 'mien keys' made; named here, they are needed on loopback too"},
    {"--host", "NAME", "MIEN_HOST", "on loopback: a name besides localhost that Host may have; may be repeated", true},
    {"--immich", "NAME=DET+REC", "MIEN_IMMICH",
     "what a model name of Immich stands for: buffalo_l=centerface+fr_feature; may be repeated", true},
    {"--immich-from", "CIDR", "MIEN_IMMICH_FROM",
     "addresses that need no key for /ping and /predict: 192.168.1.5/32; may be repeated", true},
    {"--upstream", "URL", "MIEN_UPSTREAM", "http://HOST:PORT that gets Immich's other tasks"},
    {"--store", "FILE", "MIEN_SERVE_STORE", "shows the people of this index of photos, and takes what is said of them"},
    {"--nextcloud", "", "MIEN_NEXTCLOUD", "answer Nextcloud's Face Recognition too (docs/nextcloud.md)"},
    {"--nextcloud-threshold", "T", "MIEN_NEXTCLOUD_THRESHOLD",
     "cosine above which faces are one person's to Nextcloud, where the model's own is not known or not wanted"},
    {"--crawler", "", "MIEN_CRAWLER", "answer the face crawlers as their worker too (docs/crawler.md)"},
    {"--crawler-embeddings", "", "MIEN_CRAWLER_EMBEDDINGS", "and give them embeddings, which are otherwise null"},
    {"--queue", "N", "MIEN_QUEUE", "images that may wait (256)"},
    {"--queue-mb", "MB", "MIEN_QUEUE_MB", "bodies that may wait (512)"},
    {"--body-mb", "MB", "MIEN_BODY_MB", "largest image (64)"},
    {"--batch-delay-ms", "MS", "MIEN_BATCH_DELAY_MS", "that a batch waits for more images while the GPU is idle (2)"},
    {"--drain-seconds", "S", "MIEN_DRAIN_SECONDS", "for what was accepted, once it is told to end (30)"},
    {"--log-format", "FORMAT", "MIEN_LOG_FORMAT", "text or json"},
    {"--no-sandbox", "", "MIEN_NO_SANDBOX",
     "decode without a sandbox although other computers may send images (see SECURITY.md)"},
};

void add_serve_options(Arguments& arguments, SettingsSources& sources, std::vector<std::vector<std::string>>& lists) {
  lists.resize(std::size(kServeOptions));
  for (std::size_t i = 0; i < std::size(kServeOptions); ++i) {
    const ServeOption& row = kServeOptions[i];
    Option option{std::string(row.name), std::string(row.placeholder), std::string(row.help)};
    if (row.may_repeat) {
      arguments.list(std::move(option), lists[i]);
    } else if (row.placeholder.empty()) {
      arguments.custom(std::move(option), [&sources, &row](const std::string&) {
        sources.overrides.push_back({std::string(row.setting), "true", std::string(row.name)});
      });
    } else {
      add_override(arguments, sources, std::move(option), std::string(row.setting));
    }
  }
}

void take_lists(const std::vector<std::vector<std::string>>& lists, SettingsSources& sources) {
  for (std::size_t i = 0; i < lists.size(); ++i) {
    if (lists[i].empty()) continue;
    const ServeOption& row = kServeOptions[i];
    sources.overrides.push_back(
        {std::string(row.setting), fmt::format("{}", fmt::join(lists[i], ",")), std::string(row.name)});
  }
}

std::vector<std::string> by_comma(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, end);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// "127.0.0.1:8765", "[::1]:8765" or "localhost:8765".
void take_listen(const std::string& text, service::ServerOptions& options) {
  const std::size_t colon = text.rfind(':');
  std::string address = text.substr(0, std::min(colon, text.size()));
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  if (address == "localhost") address = "127.0.0.1";
  const char* const end = text.data() + text.size();
  const char* const begin = colon == std::string::npos ? end : text.data() + colon + 1;
  const std::from_chars_result result = std::from_chars(begin, end, options.port);
  const bool is_port = begin != end && result.ec == std::errc() && result.ptr == end;
  if (!is_port || !service::parse_address(address)) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("cannot listen on '{}': use ADDRESS:PORT, as in 127.0.0.1:8765, 0.0.0.0:8765 or "
                                "[::]:8765",
                                text));
  }
  options.address = address;
}

// A setting that changes nothing is a mistake of whoever made it.
void check_pairs(const Settings& settings) {
  if (!settings.nextcloud_threshold.empty() && !settings.nextcloud) {
    throw Exception(ErrorCode::invalid_argument,
                    "MIEN_NEXTCLOUD_THRESHOLD (--nextcloud-threshold) is set, and Nextcloud is not answered: add "
                    "--nextcloud");
  }
  if (settings.crawler_embeddings && !settings.crawler) {
    throw Exception(ErrorCode::invalid_argument,
                    "MIEN_CRAWLER_EMBEDDINGS (--crawler-embeddings) is set, and crawlers are not answered: add "
                    "--crawler");
  }
}

bool on_loopback(const service::ServerOptions& options) {
  return service::is_loopback(*service::parse_address(options.address));
}

// Keys that SIGHUP reads again.
class LiveKeys {
 public:
  explicit LiveKeys(service::KeyFile keys) : keys_(std::move(keys)) {}
  bool has(std::string_view key) const {
    const std::lock_guard lock(mutex_);
    return keys_.has(key);
  }
  bool opens_people(std::string_view key) const {
    const std::lock_guard lock(mutex_);
    return keys_.opens_people(key);
  }
  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return keys_.keys().size();
  }
  bool has_one_for_people() const {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(keys_.keys(), &service::Key::opens_people);
  }
  // Returns what is wrong with the file; the keys are those of before then.
  std::string reload() {
    try {
      service::KeyFile read(keys_.path());
      const std::lock_guard lock(mutex_);
      keys_ = std::move(read);
      return "";
    } catch (const Exception& exception) {
      return exception.error().message;
    }
  }

 private:
  mutable std::mutex mutex_;
  service::KeyFile keys_;
};

// On loopback none are needed, unless somebody names a file of them.
std::shared_ptr<LiveKeys> keys_of(const Settings& settings, const service::ServerOptions& options) {
  if (on_loopback(options) && settings.key_file.empty()) return nullptr;
  const std::string path = settings.key_file.empty() ? service::default_key_file() : settings.key_file;
  auto keys = std::make_shared<LiveKeys>(service::KeyFile(path));
  if (keys->count() > 0 && (settings.serve_store.empty() || keys->has_one_for_people())) return keys;
  if (keys->count() > 0) {
    throw Exception(ErrorCode::invalid_argument,
                    fmt::format("no key in {} opens the people of {}: make one with 'mien keys add NAME --people', or "
                                "leave --store out",
                                path, settings.serve_store));
  }
  throw Exception(ErrorCode::invalid_argument,
                  fmt::format("no key is in {}, and {} can be reached by other computers: make one with 'mien keys add "
                              "NAME{}', or listen on loopback alone with --listen 127.0.0.1:8765",
                              path.empty() ? "any key file" : path, settings.listen,
                              settings.serve_store.empty() ? "" : " --people"));
}

// What the HTTP side is told, and what is wrong with the settings of it.
service::ServerOptions server_options(const Settings& settings) {
  service::ServerOptions options;
  take_listen(settings.listen, options);
  constexpr std::size_t kBytesInMegabyte = std::size_t{1} << 20;
  options.body_bytes_max = static_cast<std::size_t>(settings.body_mb) * kBytesInMegabyte;
  options.hosts = by_comma(settings.hosts);
  options.immich_from = by_comma(settings.immich_from);
  for (const std::string& network : options.immich_from) (void)service::Network::parse(network).take();
  options.upstream = settings.upstream;
  if (!options.upstream.empty()) (void)service::parse_upstream(options.upstream).take();
  return options;
}

void log_in_form(Terminal& terminal, const Settings& settings, LogFormat format) {
  set_log_sink(
      [&terminal, format](LogLevel level, std::string_view line) {
        terminal.note(printable(service::library_line(level, line, format)) + "\n");
      },
      log_level_from_name(settings.log_level));
}

// Ends when a signal says so and what was accepted is answered.
void serve(const Call& call, EngineOptions engine, service::ServerOptions options,
           const std::shared_ptr<LiveKeys>& keys) {
  const Settings settings = engine.settings;
  const LogFormat format = settings.log_format == "json" ? LogFormat::json : LogFormat::text;
  const LogLevel level_min = log_level_from_name(settings.log_level);
  Terminal& terminal = call.terminal;
  const auto say = [&terminal, format, level_min](LogLevel level, const std::string& text) {
    const std::string begin = level == LogLevel::info ? "INFO - " : "WARNING - ";
    if (level >= level_min) terminal.note(printable(service::library_line(level, begin + text, format)) + "\n");
  };
  ServiceSignals signals;
  const bool needs_sandbox = engine.sandbox && !on_loopback(options);
  std::optional<service::Service> opened;
  try {
    opened.emplace(std::move(engine));
  } catch (const Exception& exception) {
    const Error& error = exception.error();
    if (!needs_sandbox || error.message.find("sandbox") == std::string::npos) throw;
    throw Exception(error.code,
                    fmt::format("{}: other computers may send images to {}, which are decoded in the sandbox "
                                "unless --no-sandbox says otherwise",
                                error.message, settings.listen));
  }
  service::Service& service = *opened;
  options.on_completed = [&service, &terminal, format, level_min](const service::Completed& request) {
    service.completed(request);
    if (service::level_of(request) < level_min) return;
    terminal.note(printable(service::request_line(request, format)) + "\n");
  };
  options.retry_after = [&service] { return service.scheduler().retry_after_seconds(); };
  std::vector<service::Route> routes = service::make_routes(service);
  routes.push_back(service::openapi_route(routes));
  const std::string address = options.address;
  service::Server server(std::move(options), std::move(routes), service.budget());
  const bool is_ipv6 = address.find(':') != std::string::npos;
  terminal.print(fmt::format("listening on http://{}:{}\n", is_ipv6 ? "[" + address + "]" : address, server.port()));
  signals.listen(
      [&] {
        say(LogLevel::info,
            fmt::format("stopping: what was accepted is answered within {} s; once more ends it at once",
                        settings.drain_seconds));
        service.drain();
        server.drain(std::chrono::seconds(settings.drain_seconds));
      },
      [&] {
        const std::string problem = keys ? keys->reload() : "";
        if (!problem.empty()) return say(LogLevel::warning, "the keys are those of before: " + problem);
        say(LogLevel::info, keys ? fmt::format("{} keys read", keys->count()) : std::string("no keys are needed here"));
      });
  server.run();
}

void add_serve_examples(Arguments& arguments) {
  arguments.example("mien serve", "for programs on this computer, on 127.0.0.1:8765");
  arguments.example("mien serve --immich buffalo_l=centerface+fr_feature", "in the place of Immich's recogniser");
  arguments.example("mien serve --store photos.mien", "with the people of an index of photos");
  arguments.example("mien serve --nextcloud", "for Nextcloud's Face Recognition on this computer");
  arguments.example("mien keys add crawler && mien serve --listen 0.0.0.0:8765", "for other computers too, by key");
}

}  // namespace

int run_serve(const Call& call) {
  SettingsSources sources;
  EngineOptions engine;
  std::vector<std::vector<std::string>> lists;
  Arguments arguments("mien serve",
                      "Answers other programs by HTTP: faces, quality, comparison, and what Immich, Nextcloud and "
                      "face crawlers ask of theirs (docs/service.md, docs/immich.md, docs/nextcloud.md, "
                      "docs/crawler.md). It listens on this computer alone unless told "
                      "otherwise, and keeps no image. SIGTERM ends it once what was accepted is answered; SIGHUP reads "
                      "the keys again. Exit code: 0 ended, 2 wrong call or cannot start, 3 a required GPU is not "
                      "there.");
  add_serve_options(arguments, sources, lists);
  add_model_options(arguments, engine, sources);
  add_detail_option(arguments, sources);
  add_threads_option(arguments, sources);
  add_gpu_options(arguments, sources);
  add_serve_examples(arguments);
  if (!parse_or_help(call, arguments)) return 0;
  if (!service::Server::is_built_in()) service::Server({}, {}, nullptr);  // says what is missing
  take_lists(lists, sources);
  load_engine_settings(call.terminal, sources, engine);
  const Settings& settings = engine.settings;
  log_in_form(call.terminal, settings, settings.log_format == "json" ? LogFormat::json : LogFormat::text);
  engine.many_images = true;
  check_pairs(settings);
  service::ServerOptions options = server_options(settings);
  const std::shared_ptr<LiveKeys> keys = keys_of(settings, options);
  if (keys) {
    options.is_key = [keys](std::string_view key) { return keys->has(key); };
    options.is_people_key = [keys](std::string_view key) { return keys->opens_people(key); };
  }
  // Images of strangers are decoded where they can do no harm.
  if (!on_loopback(options) && !settings.no_sandbox) engine.sandbox = true;
  serve(call, std::move(engine), std::move(options), keys);
  return 0;
}

}  // namespace mien::cli
