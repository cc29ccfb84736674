// The one thread that works on the store of people. Whoever asks for something of it is answered in turn.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "service/chores.h"
#include "service/http/http.h"
#include "service/people/session.h"

namespace mien::service {

class PeopleDesk {
 public:
  // Opens the store. Throws what Store throws.
  PeopleDesk(std::string path, const Settings& settings) : session_(std::move(path), settings) {}

  // Does the work on the thread of the store, unless the client is gone by then. What it throws is the answer; else it
  // answers itself, or hands the exchange on to who does.
  using Work = std::function<void(PeopleSession& session)>;
  void post(const std::shared_ptr<Exchange>& exchange, PeopleSession::Purpose purpose, Work work);
  // Reads the people again where others have changed them, so that the next one who asks need not wait for that.
  void read_ahead();

 private:
  PeopleSession session_;
  Chores chores_;  // ends first
};

}  // namespace mien::service
