#include "cli/shared_budget.h"

#include <fmt/format.h>

#include <boost/asio/redirect_error.hpp>

#include "cache/store_factory.h"
#include "cli/cache_options.h"
#include "core/http/url.h"
#include "core/log/log.h"

namespace spa {
namespace {

constexpr char kSharePoint[] = "sharepoint", kDirectory[] = "directory";
constexpr std::chrono::seconds kListenEvery{2};
static_assert(2 * kListenEvery < RedisBudget::kAway);

}  // namespace

Result<std::unique_ptr<BudgetSharing>> BudgetSharing::Make(const Config& config, Shard shard,
                                                           ServiceClient& service) {
  for (const Family family : {Family::kSharePoint, Family::kDirectory}) {
    service.gate(family).Share(nullptr, shard.count);
  }
  const std::string url = SecondLevelOf(config);
  if (!url.starts_with("redis")) {
    log::Info(fmt::format("no Redis to share the budget through: this process keeps to 1/{} of it",
                          shard.count));
    return nullptr;
  }
  auto endpoint = ParseRedisUrl(url, StoreSecurityOf(config));
  if (!endpoint) return Fail(std::move(endpoint.error()));
  const std::string who =
      fmt::format("{}@{}/{}", config.auth.tenant_id, SplitUrl(config.graph.base_url).authority,
                  config.auth.client_id);
  return std::make_unique<BudgetSharing>(*std::move(endpoint), who, shard, service);
}

BudgetSharing::BudgetSharing(RedisEndpoint endpoint, const std::string& who, Shard shard,
                             ServiceClient& service)
    : shard_(shard),
      wake_(service.executor(), asio::steady_timer::time_point::max()),
      budget_(service.executor(), std::move(endpoint), who, shard.number, shard.count,
              {kSharePoint, kDirectory}, [this] { Wake(); }),
      sides_{Side(*this, service.gate(Family::kSharePoint), kSharePoint),
             Side(*this, service.gate(Family::kDirectory), kDirectory)} {}

Task<void> BudgetSharing::Open() {
  for (Side& side : sides_) side.gate().Share(&side, shard_.count);
  const Status opened = co_await budget_.Open();
  Reached(opened ? nullptr : &opened.error());
  for (Side& side : sides_) co_await side.gate().Listen();
}

Task<void> BudgetSharing::Close() {
  for (Side& side : sides_) {
    if (reached_) co_await side.Leave();
    side.gate().Share(nullptr, shard_.count);
  }
  co_await budget_.Close();
}

Task<void> BudgetSharing::Watch() {
  wake_.expires_after(kListenEvery);
  for (;;) {
    while (!woken_ && wake_.expiry() > asio::steady_timer::clock_type::now()) {
      boost::system::error_code woken;
      co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) co_return;
    }
    woken_ = false;
    for (Side& side : sides_) {
      co_await side.TellPause();
      co_await side.gate().Listen();
    }
    wake_.expires_after(kListenEvery);
  }
}

void BudgetSharing::Wake() {
  woken_ = true;
  wake_.cancel();
}

void BudgetSharing::Reached(const Error* failure) {
  const bool reached = failure == nullptr;
  if (reached == reached_) return;
  reached_ = reached;
  if (reached) {
    log::Info("the budget is shared through Redis again");
  } else {
    log::Warn(fmt::format(
        "Redis does not tell the common budget: this process stands still for {} s, then keeps to "
        "1/{} of it: {}",
        RedisBudget::kQuiet.count(), shard_.count, failure->message));
  }
}

Task<std::optional<SharedBudget::Answer>> BudgetSharing::Side::Take(Wish wish) {
  RedisBudget::Wish common;
  common.need = wish.need;
  common.want = wish.want;
  common.alone_in_minute = wish.alone_in_minute;
  common.alone = wish.alone;
  common.limits.per_minute = wish.limits.per_minute;
  common.limits.per_day = wish.limits.per_day;
  auto taken = co_await sharing_.budget_.Take(name_, common);
  sharing_.Reached(taken ? nullptr : &taken.error());
  if (!taken) co_return std::nullopt;
  Answer answer;
  answer.units = taken->units;
  answer.wait = taken->wait;
  answer.paused = taken->held;
  answer.left_today = taken->left_today;
  co_return answer;
}

void BudgetSharing::Side::Pause(std::chrono::milliseconds time) {
  const auto until = ThrottleGate::Clock::now() + time;
  if (until <= untold_) return;
  untold_ = until;
  sharing_.Wake();
}

// One that could not be told is told again, as long as it lasts.
Task<void> BudgetSharing::Side::TellPause() {
  const auto until = untold_;
  const auto rest =
      std::chrono::ceil<std::chrono::milliseconds>(until - ThrottleGate::Clock::now());
  if (rest.count() <= 0) co_return;
  const Status told = co_await sharing_.budget_.Hold(name_, rest);
  sharing_.Reached(told ? nullptr : &told.error());
  if (told && untold_ == until) untold_ = {};
}

Task<void> BudgetSharing::Side::Leave() {
  const Status left = co_await sharing_.budget_.Leave(name_);
  if (!left) log::Debug("the common budget was not told of the end: " + left.error().message);
}

}  // namespace spa
