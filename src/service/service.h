// The engine side of `mien serve`: models that are open, images that wait, and what is counted. It knows requests by
// http.h alone.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "mien/device.h"
#include "mien/engine.h"
#include "service/budget.h"
#include "service/chores.h"
#include "service/http/http.h"
#include "service/http/server.h"
#include "service/immich_models.h"
#include "service/metrics.h"
#include "service/people/desk.h"
#include "service/query.h"
#include "service/scheduler.h"

namespace mien::service {

class Service {
 public:
  // Opens all models, Immich's too, and the store of people. Throws what Engine and Store throw, and
  // Exception(invalid_argument) for a wrong MIEN_IMMICH.
  explicit Service(EngineOptions options);
  ~Service();

  const Engine& engine() const { return *engine_; }
  const std::shared_ptr<const Engine>& shared_engine() const { return engine_; }
  const Settings& settings() const { return engine_->options().settings; }
  const ImmichModels& immich() const { return immich_; }
  const std::shared_ptr<Budget>& budget() const { return budget_; }
  Scheduler& scheduler() { return *scheduler_; }
  Metrics& metrics() { return metrics_; }
  Chores& chores() { return chores_; }
  // The store of people; null without MIEN_SERVE_STORE.
  PeopleDesk* people() { return people_.get(); }
  // What a request begins with that says nothing else.
  QueryOptions query_defaults() const;

  // Whether the models are open, an image was analysed, and the service is not told to end.
  bool is_ready() const { return is_warm_ && !is_draining_; }
  bool is_draining() const { return is_draining_; }
  // It is told to end: what was accepted is done, what is held is refused.
  void drain();
  // For ServerOptions::on_completed.
  void completed(const Completed& request) { metrics_.add(request); }
  // The page of /metrics; asks the devices' drivers.
  std::string metrics_page();

  // 503 with Retry-After, for a request that has no room. `reason`: kRefused*.
  Response refusal(Exchange& exchange, std::string_view reason);

 private:
  void warm_up();

  std::shared_ptr<const Engine> engine_;
  ImmichModels immich_;
  std::shared_ptr<Budget> budget_;
  Metrics metrics_;
  std::atomic<bool> is_warm_{false};
  std::atomic<bool> is_draining_{false};
  std::optional<VersionInfo> version_;  // asked for on the thread of chores
  Chores chores_;
  std::unique_ptr<Scheduler> scheduler_;  // ends before what its images use
  std::unique_ptr<PeopleDesk> people_;    // hands pictures to the scheduler, and ends before it
};

}  // namespace mien::service
