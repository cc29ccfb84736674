// What the routes share that look at images.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "service/service.h"

namespace mien::service {

// An answer of JSON.
inline Response json_response(std::string body) { return {.body = std::move(body)}; }
Response error_response(const Error& error, const Exchange& exchange);

// The error of an image whose time was over.
Error late_error(std::chrono::milliseconds time_limit);

// An image, or several, that wait for a worker on behalf of a request with one answer. What `work` throws becomes that
// answer, and so does a time that is over.
struct OneAnswer {
  Service& service;
  std::shared_ptr<Exchange> exchange;
  QueryOptions options;
  // Fills in `facts`; options.analyze.stop is set.
  std::function<Response(const QueryOptions& options, Workspace& workspace, RequestFacts& facts)> work;
  // How an error is answered; empty: by error_response.
  std::function<Response(const Error& error)> error = {};
};
ImageTask make_task(OneAnswer answer);

// Takes the one image of a request: the whole body, or the part `image`.
class OneImageHandler : public RequestHandler {
 public:
  using Work = std::function<Response(const Part& image, const QueryOptions& options, Workspace& workspace,
                                      RequestFacts& facts)>;
  OneImageHandler(Service& service, std::shared_ptr<Exchange> exchange, OptionNames names, Work work);
  Flow on_head() override;
  Flow on_part(Part part) override;
  void on_end() override;

 private:
  Service& service_;
  std::shared_ptr<Exchange> exchange_;
  OptionNames names_;
  Work work_;
  QueryOptions options_;
  std::shared_ptr<Part> image_;
};

// Refuses where no more images may wait.
Flow refuse_if_full(Service& service, Exchange& exchange);

}  // namespace mien::service
