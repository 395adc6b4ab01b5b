// BudgetSharing: lets the gates of a run's services spend from one budget with other processes, and
// pause when one of them is told to, through Redis (cache/redis_budget.h). The one place that knows
// both.
//
// Without Redis each process keeps to its part of the limits: one of as many as there are shards.
// While it is out of reach the same, after a time in which nothing is sent. It says so once, and
// again when Redis is back.
//
// Threads: the io_context's thread.
// Lifetime: Open before the first request; Watch runs as long as requests are made; Close awaits.
#pragma once

#include <array>
#include <boost/asio/steady_timer.hpp>

#include "cache/redis_budget.h"
#include "core/config/config.h"
#include "core/graph/service_client.h"
#include "core/graph/shared_budget.h"
#include "core/shard.h"

namespace spa {

class BudgetSharing {
 public:
  // `shard`: who of how many. Null where there is no Redis; kUsage where its URL is none.
  static Result<std::unique_ptr<BudgetSharing>> Make(const Config& config, Shard shard,
                                                     ServiceClient& service);

  BudgetSharing(RedisEndpoint endpoint, const std::string& who, Shard shard,
                ServiceClient& service);

  [[nodiscard]] Task<void> Open();
  [[nodiscard]] Task<void> Close();
  // Tells the pauses of this process, and hands those of others to the gates. Ends with the
  // cancellation.
  [[nodiscard]] Task<void> Watch();

 private:
  class Side final : public SharedBudget {
   public:
    Side(BudgetSharing& sharing, ThrottleGate& gate, std::string name)
        : sharing_(sharing), gate_(gate), name_(std::move(name)) {}
    Task<std::optional<Answer>> Take(Wish wish) override;
    void Pause(std::chrono::milliseconds time) override;
    std::chrono::milliseconds quiet() const override { return RedisBudget::kQuiet; }
    Task<void> TellPause();
    Task<void> Leave();
    ThrottleGate& gate() { return gate_; }

   private:
    BudgetSharing& sharing_;
    ThrottleGate& gate_;
    std::string name_;
    ThrottleGate::Clock::time_point untold_{};  // A pause until then is still to be told.
  };

  void Wake();
  void Reached(const Error* failure);

  Shard shard_;
  bool reached_ = true;
  bool woken_ = false;
  asio::steady_timer wake_;
  RedisBudget budget_;
  std::array<Side, 2> sides_;
};

}  // namespace spa
