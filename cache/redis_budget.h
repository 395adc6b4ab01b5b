// RedisBudget: units that several processes take from common limits, kept in Redis: so many in any
// minute, so many in any day. And a hold: for some time nobody gets any, which all are told.
//
// Both windows slide, in slots of a second and of 24 minutes, by the server's clock. The minute is
// longer than one by kSlack: what was taken at its end may be used that much later. All of it is
// one Lua script (cache/redis/scripts.h), so that no unit is given out twice.
//
// A member that does not reach Redis may go on with its part of the minute, one of `count`, when it
// has heard nothing for kQuiet. It is not missing from the limit: a member that was here, and which
// no answer is known to have reached for kAway, has its part kept free until it comes back (and
// tells what it spent), says Leave, or a day is over; and when kQuiet has passed, all that the
// others took earlier is spent. Known by its next request, which says when the last answer came:
// that Redis heard us is not enough. A server that forgot what was taken (it was restarted, or a
// replica that lagged took over) does not know its members: the first that asks puts a hold of a
// whole minute on all.
//
// Keys, in one slot: {sharepoint_audit:budget:WHO:NAME}:minute, :day, :hold and :members. They end
// by themselves. No namespace: who shares the limits shares the budget.
//
// Threads: the io_context's thread.
// Lifetime: Open before use; Close awaits. `held` is called from Open to Close.
// Errors: those of RedisNodes. After a failure it goes on connecting in the background.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cache/redis/nodes.h"

namespace spa {

class RedisBudget {
 public:
  struct Limits {
    Limits() = default;
    std::int64_t per_minute = 0, per_day = 0;  // 0: none
  };
  // What is asked for: from `need` to `want` units; more than a whole limit only where nothing else
  // was taken. `want` 0 only says that we are here, and asks whether there is a hold.
  struct Wish {
    Wish() = default;
    std::int64_t need = 0, want = 0;
    // Spent without Redis and not told yet: in the last minute, and in all.
    std::int64_t alone_in_minute = 0, alone = 0;
    Limits limits;
  };
  struct Taken {
    Taken() = default;
    std::int64_t units = 0;  // 0: none before `wait` has passed.
    std::chrono::milliseconds wait{0};
    bool held = false;            // That is why.
    std::int64_t left_today = 0;  // After it; meaningless without a limit of the day.
  };
  static constexpr std::chrono::seconds kSlack{4};
  static constexpr std::chrono::seconds kAway{6};
  static constexpr std::chrono::seconds kQuiet{80};  // kAway, the minute, kSlack, and some more

  // This is member `number` of `count`. `names`: the budgets there are. `held`: a hold may have
  // begun or ended.
  RedisBudget(asio::any_io_executor executor, RedisEndpoint endpoint, std::string who, int number,
              int count, const std::vector<std::string>& names, std::function<void()> held);

  [[nodiscard]] Task<Status> Open() { return nodes_.Open(); }
  [[nodiscard]] Task<void> Close() { return nodes_.Close(); }

  [[nodiscard]] Task<Result<Taken>> Take(std::string name, Wish wish);
  // For `time` from now, or longer where an earlier hold lasts longer.
  [[nodiscard]] Task<Status> Hold(std::string name, std::chrono::milliseconds time);
  // Nothing is kept free for this one any more.
  [[nodiscard]] Task<Status> Leave(std::string name);

 private:
  std::string KeyOf(const std::string& name) const;
  RedisOptions OptionsOf(const std::vector<std::string>& names) const;

  std::string who_, member_;
  // By name: the server's time in milliseconds at the last answer that came.
  std::map<std::string, std::int64_t> heard_;
  RedisNodes nodes_;
};

}  // namespace spa
