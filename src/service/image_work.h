// What the routes share that look at images.
#pragma once

#include <chrono>
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

// A request with one answer, whose image, or several, wait for a worker.
struct OneAnswer {
  Service& service;
  std::shared_ptr<Exchange> exchange;
  QueryOptions options;
  // How an error is answered; empty: by error_response.
  std::function<Response(const Error& error)> error = {};
};

// What `work` throws becomes the answer, and so does a time that is over. It fills in `facts`; the stop of its options
// is set.
using Work = std::function<Response(const QueryOptions& options, Workspace& workspace, RequestFacts& facts)>;
ImageTask make_task(OneAnswer answer, Work work);
// The same of an image that is looked at as options.analyze says. `view` makes the answer of a record without an error.
using View = std::function<Response(const Record& record)>;
ImageTask make_analysis(OneAnswer answer, std::shared_ptr<const Engine> engine, std::shared_ptr<const Part> image,
                        View view);

// Takes the one image of a request: the whole body, or the part `image`.
class OneImageHandler : public RequestHandler {
 public:
  using Make = std::function<ImageTask(OneAnswer answer, std::shared_ptr<const Part> image)>;
  OneImageHandler(Service& service, std::shared_ptr<Exchange> exchange, OptionNames names, Make make);
  Flow on_head() override;
  Flow on_part(Part part) override;
  void on_end() override;

 private:
  Service& service_;
  std::shared_ptr<Exchange> exchange_;
  OptionNames names_;
  Make make_;
  QueryOptions options_;
  std::shared_ptr<const Part> image_;
};

// A request of one image of a client that asks once and never again: where others are refused it waits for room, with
// its body unread.
class HeldRequest {
 public:
  HeldRequest(Service& service, std::shared_ptr<Exchange> exchange);
  // To be asked before the image is read.
  Flow wait_for_room();
  // What is left for the image of the request's whole time.
  std::chrono::milliseconds time_left() const;
  // Hands the image in, or refuses it.
  void submit(ImageTask task);

 private:
  std::chrono::milliseconds left_of(std::chrono::milliseconds most) const;

  Service& service_;
  std::shared_ptr<Exchange> exchange_;
  std::shared_ptr<Scheduler::Request> request_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// Refuses where no more images may wait.
Flow refuse_if_full(Service& service, Exchange& exchange);
// Hands a request's only task in, or refuses it.
void submit_or_refuse(Service& service, const std::shared_ptr<Exchange>& exchange, ImageTask task);

}  // namespace mien::service
