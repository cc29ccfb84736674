#include "service/request_log.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>

namespace mien::service {
namespace {

constexpr int kServerError = 500;
constexpr int kClientError = 400;

// 2026-01-31T12:00:00.123Z
std::string time_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::time_t seconds = static_cast<std::time_t>(milliseconds / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:03}Z", std::string_view(text.data(), size), milliseconds % 1000);
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "DEBUG";
    case LogLevel::info: return "INFO";
    case LogLevel::warning: return "WARNING";
    case LogLevel::error: return "ERROR";
  }
  return "INFO";
}

std::string_view or_dash(std::string_view text) { return text.empty() ? "-" : text; }

std::string json_text(const nlohmann::ordered_json& line) {
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

double rounded_ms(double ms) { return static_cast<double>(static_cast<long long>(ms * 10 + 0.5)) / 10; }

}  // namespace

LogLevel level_of(const Completed& request) {
  if (request.status >= kServerError && request.facts.refused_reason.empty()) return LogLevel::error;
  return request.status >= kClientError ? LogLevel::warning : LogLevel::info;
}

std::string request_line(const Completed& request, LogFormat format) {
  const RequestFacts& facts = request.facts;
  const std::string level(name_of(level_of(request)));
  const double total_ms = request.seconds * 1000;
  if (format == LogFormat::text) {
    return fmt::format("{} - {} {} {} {} bytes, {} images, {} faces, {:.1f} ms queued, {:.1f} ms, {}, id {}, trace {}",
                       level, or_dash(request.method), request.route,
                       request.status == 0 ? "gone" : std::to_string(request.status), request.bytes_in, facts.images,
                       facts.faces, facts.queue_ms, total_ms, request.peer, request.id, or_dash(request.trace_id));
  }
  nlohmann::ordered_json line = {{"time", time_now()}, {"level", level}, {"request_id", request.id}};
  line["trace_id"] = request.trace_id.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(request.trace_id);
  line["method"] = request.method;
  line["route"] = std::string(request.route);
  // Null: the client was gone before there was one.
  line["status"] = request.status == 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(request.status);
  line["bytes"] = request.bytes_in;
  line["images"] = facts.images;
  line["faces"] = facts.faces;
  line["queue_ms"] = rounded_ms(facts.queue_ms);
  line["total_ms"] = rounded_ms(total_ms);
  line["client"] = request.peer;
  return json_text(line);
}

std::string library_line(LogLevel level, std::string_view line, LogFormat format) {
  if (format == LogFormat::text) return std::string(line);
  const std::string level_name(name_of(level));
  const std::string begin = level_name + " - ";
  if (line.starts_with(begin)) line.remove_prefix(begin.size());
  return json_text({{"time", time_now()}, {"level", level_name}, {"message", std::string(line)}});
}

}  // namespace mien::service
