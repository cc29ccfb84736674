// Many images of one request: each is handed in as soon as there is room for it, and their records come in any order.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>

#include "service/image_work.h"

namespace mien::service {

// Shared by the server's thread and workers. Held by shared_ptr alone.
class ImageBatch : public std::enable_shared_from_this<ImageBatch> {
 public:
  ImageBatch(Service& service, std::shared_ptr<Exchange> exchange, QueryOptions options);
  virtual ~ImageBatch() = default;
  ImageBatch(const ImageBatch&) = delete;
  ImageBatch& operator=(const ImageBatch&) = delete;

  // False: the image waits for room; reading goes on by Exchange::read_on then.
  bool take(Part part);
  // The request was refused before an answer began: what was taken of it is of no use.
  void leave();

 protected:
  // What is to be done with an image's record while the lock is held. Called without it, on any thread, an image at a
  // time or several at once: what takes long is done before it returns.
  using WithLock = std::function<void()>;
  virtual WithLock on_record(std::size_t index, const Part& image, const Record& record) = 0;
  // All records are there, and no more images come. With the lock held.
  virtual void on_all_done() = 0;

  // No more images come. `last` is called with the lock held, before anything else that this leads to.
  void complete(const WithLock& last);
  std::size_t images() const { return images_; }  // so far; with the lock held
  const QueryOptions& options() const { return options_; }
  Exchange& exchange() { return *exchange_; }

 private:
  void stop_all();
  bool submit(const std::shared_ptr<Part>& image, std::size_t index, bool reads_on);
  ImageTask task(const std::shared_ptr<Part>& image, std::size_t index);
  void finish(std::size_t index, const Part& image, const Record& record, double queue_ms);
  void end();

  Service& service_;
  const std::shared_ptr<Exchange> exchange_;
  const QueryOptions options_;
  std::stop_source left_;
  const std::stop_callback<std::function<void()>> on_gone_;
  const std::shared_ptr<Scheduler::Request> request_;
  std::mutex mutex_;        // guards all that follows
  std::size_t images_ = 0;  // so far
  std::size_t open_ = 0;    // without a record
  bool is_left_ = false;
  bool is_complete_ = false;  // no more images come
  RequestFacts facts_;
};

}  // namespace mien::service
