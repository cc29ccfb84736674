// One request and its one answer, as routes see them. Nothing here knows faces, nothing sockets:
// src/service/http/server.cpp is the one file that includes Beast, and calls all handlers on its one thread, where
// nothing may take long.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mien/result.h"
#include "service/budget.h"

namespace mien::service {

using NameValue = std::pair<std::string, std::string>;

// What stands before the body.
struct RequestHead {
  std::string method;
  std::string path;                // decoded, without the query
  std::vector<NameValue> query;    // decoded, in their order
  std::vector<NameValue> headers;  // names in lower case
  std::string content_type;
  std::optional<std::uint64_t> content_length;
  std::string peer;      // the address of the TCP peer, never one that a header tells
  std::string id;        // X-Request-Id, taken over or made here
  std::string trace_id;  // of traceparent; empty without one

  // The first value; nothing when the header is not there. `name` in lower case.
  std::optional<std::string_view> header(std::string_view name) const;
};

// One part of a multipart body, or a whole body that is none (then without a name).
struct Part {
  std::string name;
  std::optional<std::string> file_name;
  std::string content_type;
  std::vector<std::uint8_t> bytes;
  Reservation reserved;  // of the budget of bytes: held as long as the bytes are
};

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<NameValue> headers = {};
};

// What the log and the metrics say of a request beyond its status; routes fill it in before they answer.
struct RequestFacts {
  int images = 0;
  int faces = 0;
  double queue_ms = 0;         // that its images waited, the longest
  std::string refused_reason;  // of a table in metrics.h: "queue_full"; empty: not refused
};

// The reasons of refusals that the HTTP side itself gives.
inline constexpr std::string_view kRefusedBytes = "queue_bytes_full";   // no room in the budget
inline constexpr std::string_view kRefusedConnections = "connections";  // more than connections_max
inline constexpr std::string_view kRefusedDraining = "draining";        // it is told to end

// The way to answer. Any thread may call it; what comes when the client is gone is dropped. Shared by the server and
// whoever works for the request.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const RequestHead& request() const = 0;
  // Once.
  virtual void answer(Response response) = 0;
  // An answer in pieces instead: begin once, write as often as needed, end once. What the client does not take waits
  // in memory.
  virtual void begin(Response head) = 0;
  virtual void write(std::string piece) = 0;
  virtual void end() = 0;
  // After a handler said Flow::wait: reading goes on.
  virtual void read_on() = 0;
  // Asks to stop when the client has hung up, or the server is to end at once.
  virtual std::stop_token gone() const = 0;
  virtual void add(const RequestFacts& facts) = 0;
};

enum class Flow {
  read_on,
  wait,    // reads no more until Exchange::read_on; time limits of reading rest
  stop,    // there is or will be an answer without the rest of the body, which is drained within bounds
  forward  // the request goes unchanged to ServerOptions::upstream, whose answer is this one's (Route::forward_after)
};

// What a route does with one request. Called on the server's thread, one call at a time, in the order of the body. One
// that throws is answered by the error's status (see error_response). It is destroyed as soon as no call is left for
// it: behind on_end, after stop and forward, and when the client is gone. What works on keeps the Exchange, not this.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  virtual Flow on_head() { return Flow::read_on; }  // before anything of the body is read
  // The budget has no room for the body (never of BodyKind::stream). stop: the server answers 503. wait: it reads as
  // soon as there is room, unless an answer comes before; Exchange::read_on is not needed.
  virtual Flow on_no_room() { return Flow::stop; }
  virtual Flow on_part(Part part) = 0;
  virtual void on_end() = 0;  // the body is complete
  // The answer has begun (Exchange::begin), and the rest of the body is wrong: broken, or a part too many. true: the
  // handler says so in the answer and ends it. false: the connection ends, so that nobody takes the answer for whole.
  virtual bool on_failure(const Error& /*error*/) { return false; }
};

// What one form or page of a client may have to say.
inline constexpr std::size_t kJsonBytesMax = std::size_t{1} << 20;

enum class BodyKind {
  none,       // a request with a body is refused
  image,      // the body itself, or a multipart of a few parts; reserved in whole before it is read
  json,       // JSON of at most kJsonBytesMax, said to be that by its Content-Type; likewise
  multipart,  // a multipart of a few parts; reserved in whole before it is read
  stream      // a multipart of many parts, read while there is room: reserved part by part
};

enum class Access {
  open,    // everybody: health and the description of the routes
  keyed,   // a key, or loopback
  immich,  // likewise, or an address of --immich-from
  people   // a key of kind people, or loopback; no page but the service's own
};

// A parameter of a query, for /openapi.json and the docs.
struct QueryRow {
  std::string_view name;
  std::string_view schema;  // JSON of its schema
  std::string_view help;
  bool required = false;
};

struct PartRow {
  std::string_view name;
  bool is_file = false;
  bool repeated = false;
  std::string_view help;
  bool required = false;
  std::string_view schema = {};  // JSON of its schema, where it is JSON itself
};

// A row of the table of routes, from which 405s, HEAD, /openapi.json and docs/service.md derive.
struct Route {
  std::string_view method;
  std::string_view path;
  std::string_view summary;
  BodyKind body = BodyKind::none;
  Access access = Access::keyed;
  std::vector<QueryRow> query = {};
  std::vector<PartRow> parts = {};
  std::string_view body_schema = {};  // JSON, of BodyKind::json
  std::string_view answer_type = "application/json";
  std::string_view answer_schema = "{}";  // JSON
  std::vector<int> errors = {};           // statuses beside those that every route has
  std::string_view metrics_name = {};     // empty: its path
  bool analyses = false;                  // its duration is measured
  std::size_t parts_max = 16;
  // The part behind which a handler may say Flow::forward; until then what came of the body is kept as it came.
  std::string_view forward_after = {};
  std::function<std::unique_ptr<RequestHandler>(std::shared_ptr<Exchange>)> make = {};
  // How this route says that something is wrong, where it is not the body of error_response: Immich's.
  std::function<Response(int status, std::string_view code, std::string_view message, std::string_view request_id)>
      error = {};
};

// {"error":{"code":...,"message":...},"request_id":...}
Response error_response(int status, std::string_view code, std::string_view message, std::string_view request_id);

}  // namespace mien::service
