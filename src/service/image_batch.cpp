#include "service/image_batch.h"

#include <algorithm>
#include <utility>

namespace mien::service {

ImageBatch::ImageBatch(Service& service, std::shared_ptr<Exchange> exchange, QueryOptions options)
    : service_(service),
      exchange_(std::move(exchange)),
      options_(std::move(options)),
      on_gone_(exchange_->gone(), [this] { stop_all(); }),
      request_(service_.scheduler().open(left_.get_token())) {}

bool ImageBatch::take(Part part) {
  const auto image = std::make_shared<Part>(std::move(part));
  std::size_t index = 0;
  {
    const std::lock_guard lock(mutex_);
    index = images_++;
    ++open_;
  }
  return submit(image, index, false);
}

void ImageBatch::leave() {
  {
    const std::lock_guard lock(mutex_);
    is_left_ = true;
  }
  stop_all();
}

void ImageBatch::complete(const WithLock& last) {
  const std::lock_guard lock(mutex_);
  last();
  is_complete_ = true;
  if (open_ == 0) end();
}

// What it stops may be the last to hold this object.
void ImageBatch::stop_all() {
  std::stop_source left = left_;
  left.request_stop();
}

bool ImageBatch::submit(const std::shared_ptr<Part>& image, std::size_t index, bool reads_on) {
  while (!service_.scheduler().submit(request_, task(image, index))) {
    const auto again = [self = shared_from_this(), image, index] { (void)self->submit(image, index, true); };
    if (service_.scheduler().when_room(request_, again)) return false;
  }
  if (reads_on) exchange_->read_on();
  return true;
}

ImageTask ImageBatch::task(const std::shared_ptr<Part>& image, std::size_t index) {
  ImageTask task;
  task.time_limit = options_.time_limit;
  const auto done = [self = shared_from_this(), image, index](Record record, double queue_ms) {
    self->service_.metrics().add(record);
    if (record.error && record.error->code == ErrorCode::cancelled) {
      record.error = late_error(self->options_.time_limit);
    }
    record.source = image->file_name.value_or("");
    self->finish(index, *image, record, queue_ms);
  };
  task.analysis = AnalysisTask{service_.shared_engine(), image->bytes, options_.analyze, done};
  task.late = [self = shared_from_this(), image, index](double queue_ms) {
    self->service_.metrics().add_late();
    Record record;
    record.source = image->file_name.value_or("");
    record.error = late_error(self->options_.time_limit);
    self->finish(index, *image, record, queue_ms);
  };
  return task;
}

void ImageBatch::finish(std::size_t index, const Part& image, const Record& record, double queue_ms) {
  const WithLock keep = on_record(index, image, record);
  const std::lock_guard lock(mutex_);
  if (is_left_) return;
  facts_.faces += static_cast<int>(record.analysis.faces.size());
  facts_.queue_ms = std::max(facts_.queue_ms, queue_ms);
  keep();
  if (--open_ == 0 && is_complete_) end();
}

void ImageBatch::end() {
  facts_.images = static_cast<int>(images_);
  exchange_->add(facts_);
  on_all_done();
}

}  // namespace mien::service
