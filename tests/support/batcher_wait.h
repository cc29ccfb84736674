// Waiting for one item of a batcher, as a thread does that has handed in nothing else.
#pragma once

#include <stop_token>
#include <string>

#include "device/batcher.h"

namespace mien::test {

struct Patience {
  double cpu_ms = 0;  // the CPU would take so long for the item
  bool takes_back = true;
  std::stop_token stop = {};
};

// Returns an empty text when the device has done the item, or why the CPU has to. Throws Exception(cancelled).
inline std::string wait(Batcher& batcher, Batcher::Caller& caller, const std::shared_ptr<Batcher::Ticket>& ticket,
                        const Patience& patience) {
  const Batcher::Job job{.tickets = {ticket}, .cpu_ms = patience.cpu_ms};
  const Batcher::Job* const jobs = &job;
  (void)caller.wait({&jobs, 1}, {.takes_back = patience.takes_back, .stop = patience.stop});
  return batcher.outcome(ticket);
}

}  // namespace mien::test
