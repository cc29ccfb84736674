// Prometheus' text format, version 0.0.4.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "service/metrics.h"

namespace mien::service {

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

class MetricsText {
 public:
  // Begins a family: its samples follow. `type`: counter, gauge, histogram, summary.
  void family(std::string_view name, std::string_view type, std::string_view help);
  // Of the family that was begun last; `suffix` behind its name.
  void sample(Labels labels, double value, std::string_view suffix = {});
  void histogram(std::pair<std::string_view, std::string_view> label, const Histogram& values,
                 const Histogram::Bounds& bounds);
  std::string take() { return std::move(text_); }

 private:
  void put_label(std::string_view name, std::string_view value, char before);
  std::string text_;
  std::string name_;
};

// process_*: what the kernel tells of this process.
void add_process(MetricsText& text);

}  // namespace mien::service
