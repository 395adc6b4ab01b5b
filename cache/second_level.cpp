#include "cache/second_level.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "core/async/within.h"
#include "core/log/log.h"

namespace spa {
namespace {

constexpr std::size_t kMostAside = 10'000;
constexpr std::size_t kMostBytesAside = std::size_t{32} << 20;
constexpr std::size_t kReplayedAtOnce = 100;

// In the order of StoreCall.
constexpr std::string_view kStoreCalls[] = {"get",   "put",     "erase",   "acquire", "renew",
                                            "fill",  "release", "scan",    "tagged",  "untag",
                                            "stamp", "stamps",  "cleanup", "clear",   "counters"};
static_assert(std::size(kStoreCalls) == static_cast<std::size_t>(StoreCall::kCounters) + 1);

// A strand upon the store's own executor runs on the store's thread.
bool SameThread(const asio::any_io_executor& here, const asio::any_io_executor& home) {
  if (here == home) return true;
  const auto* strand = here.target<asio::strand<asio::any_io_executor>>();
  return strand && strand->get_inner_executor() == home;
}

}  // namespace

SecondLevel::SecondLevel(std::unique_ptr<Store> store, asio::any_io_executor executor,
                         CacheEvents& events, TagStamps& stamps)
    : store_(std::move(store)), executor_(std::move(executor)), events_(events), stamps_(stamps) {}

SecondLevel::~SecondLevel() = default;

template <class T>
Task<T> SecondLevel::AtHome(Task<T> task) {
  const asio::any_io_executor here = co_await asio::this_coro::executor;
  if (SameThread(here, executor_)) co_return co_await std::move(task);
  co_return co_await asio::co_spawn(executor_, std::move(task), asio::use_awaitable);
}

template <class T>
Task<Result<T>> SecondLevel::Ask(StoreCall call, Task<Result<T>> asked) {
  const auto began = std::chrono::steady_clock::now();
  Result<T> answer = co_await AtHome(std::move(asked));
  Answered(call, answer ? nullptr : &answer.error(), std::chrono::steady_clock::now() - began);
  co_return answer;
}

void SecondLevel::Answered(StoreCall call, const Error* error, std::chrono::nanoseconds took) {
  operations_.fetch_add(1, std::memory_order_relaxed);
  took_.Record(took);
  Calls& calls = calls_[static_cast<std::size_t>(call)];
  calls.took.Record(took);
  watching_.store(store_->watching(), std::memory_order_relaxed);
  if (error) {
    errors_.fetch_add(1, std::memory_order_relaxed);
    calls.failures[static_cast<std::size_t>(error->code)].fetch_add(1, std::memory_order_relaxed);
    CacheEvent event(CacheEventType::kError, {}, {});
    event.level = "l2";
    event.message = error->message;
    events_.Tell(event);
  }
  const bool reached = !error || error->code != ErrorCode::kUnreachable;
  if (reachable_.exchange(reached) == reached) return;
  const auto now = std::chrono::steady_clock::now();
  {
    std::lock_guard lock(mutex_);
    if (reached) {
      degraded_ += std::chrono::duration_cast<std::chrono::milliseconds>(now - lost_at_);
    } else {
      lost_at_ = now;
    }
    // Where one server of several is gone, calls fail and succeed in turns: told once a minute.
    if (!reached && quiet_until_ > now) return;
    if (reached && std::exchange(told_back_, true)) return;
    if (!reached) {
      quiet_until_ = now + std::chrono::minutes(1);
      told_back_ = false;
    }
  }
  if (reached) {
    log::Info("the second cache level is back", {{"store", url_}});
  } else {
    log::Warn("the second cache level is out of reach; going on with memory alone",
              {{"store", url_}, {"reason", error->message}});
  }
}

Task<Status> SecondLevel::Open(std::function<void(const StoreChange&)> changed) {
  changed_ = std::move(changed);
  Status opened = co_await AtHome(store_->Open());
  if (!opened) co_return opened;
  open_ = true;
  auto info = co_await AtHome(store_->Info());
  if (info) url_ = info->place;
  store_->Watch([this](const StoreChange& change) { Changed(change); });
  watching_ = store_->watching();
  co_return opened;
}

Task<void> SecondLevel::Close() {
  if (!open_.exchange(false)) co_return;
  store_->Watch(nullptr);
  co_await AtHome(store_->Close());
}

void SecondLevel::Changed(const StoreChange& change) {
  changes_.fetch_add(std::max<std::size_t>(change.keys.size(), 1), std::memory_order_relaxed);
  watching_.store(store_->watching(), std::memory_order_relaxed);
  if (change.everything) epoch_.fetch_add(1, std::memory_order_relaxed);
  changed_(change);
  std::vector<ParkedPtr> woken;
  {
    std::lock_guard lock(mutex_);
    for (const std::string& key : change.keys) {
      const auto at = awaiting_.find(key);
      if (at == awaiting_.end()) continue;
      woken.insert(woken.end(), at->second.begin(), at->second.end());
      awaiting_.erase(at);
    }
  }
  for (const ParkedPtr& waiter : woken) waiter->Resume();
}

Task<void> SecondLevel::AwaitChange(std::string key, std::chrono::milliseconds longest) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  auto withdraw = [this, &key](const ParkedPtr& me) {
    std::lock_guard lock(mutex_);
    const auto at = awaiting_.find(key);
    if (at == awaiting_.end() || at->second.erase(me) == 0) return false;
    if (at->second.empty()) awaiting_.erase(at);
    return true;
  };
  auto admit = [this, &key, &timer, longest](ParkedPtr me) {
    timer.expires_after(longest);
    timer.async_wait([this, key, weak = std::weak_ptr<Parked>(me)](boost::system::error_code) {
      const ParkedPtr me = weak.lock();
      if (!me) return;
      {
        std::lock_guard lock(mutex_);
        const auto at = awaiting_.find(key);
        if (at == awaiting_.end() || at->second.erase(me) == 0) return;
        if (at->second.empty()) awaiting_.erase(at);
      }
      me->Resume();
    });
    std::lock_guard lock(mutex_);
    awaiting_[key].insert(std::move(me));
    return true;
  };
  co_await Park(admit, withdraw);
}

Task<Result<std::vector<std::optional<std::string>>>> SecondLevel::Get(
    std::vector<std::string> keys, std::optional<std::chrono::milliseconds> within) {
  if (!within) co_return co_await Ask(StoreCall::kGet, store_->Get(std::move(keys)));
  auto got = co_await Within(*within, Ask(StoreCall::kGet, store_->Get(std::move(keys))));
  if (got) co_return *std::move(got);
  co_return Fail(Error(ErrorCode::kUnreachable,
                       fmt::format("{} did not answer within {} ms", url_, within->count())));
}

Task<Result<Acquired>> SecondLevel::Acquire(std::string key, std::chrono::milliseconds length) {
  co_return co_await Ask(StoreCall::kAcquire, store_->Acquire(std::move(key), length));
}

Task<Result<bool>> SecondLevel::Renew(Lease lease, std::chrono::milliseconds length) {
  co_return co_await Ask(StoreCall::kRenew, store_->Renew(std::move(lease), length));
}

Task<Result<void>> SecondLevel::Release(Lease lease) {
  co_return co_await Ask(StoreCall::kRelease, store_->Release(std::move(lease)));
}

Task<Result<ScanPage>> SecondLevel::Scan(Glob glob, std::string cursor) {
  co_return co_await Ask(StoreCall::kScan, store_->Scan(std::move(glob), std::move(cursor)));
}

Task<Result<std::vector<std::string>>> SecondLevel::Tagged(Tag tag) {
  co_return co_await Ask(StoreCall::kTagged, store_->Tagged(std::move(tag)));
}

Task<Result<void>> SecondLevel::Untag(Tag tag, std::vector<std::string> keys) {
  co_return co_await Ask(StoreCall::kUntag, store_->Untag(std::move(tag), std::move(keys)));
}

Task<Result<std::size_t>> SecondLevel::Cleanup() {
  co_return co_await Ask(StoreCall::kCleanup, store_->Cleanup());
}

Task<Result<void>> SecondLevel::Clear() {
  {
    std::lock_guard lock(mutex_);
    aside_.clear();
    ages_.clear();
    aside_bytes_ = 0;
  }
  co_return co_await Ask(StoreCall::kClear, store_->Clear());
}

Task<Result<void>> SecondLevel::AddCounters(std::map<std::string, std::int64_t> more) {
  co_return co_await Ask(StoreCall::kCounters, store_->AddCounters(std::move(more)));
}

Task<Result<std::vector<StoredFence>>> SecondLevel::Put(std::vector<StorePut> puts) {
  for (const StorePut& put : puts) Forget(put.key);
  std::vector<StorePut> sent = puts;
  auto answer = co_await Ask(StoreCall::kPut, store_->Put(std::move(sent)));
  if (!answer && answer.error().code == ErrorCode::kUnreachable) {
    for (StorePut& put : puts) {
      if (put.when == PutWhen::kAlways || put.when == PutWhen::kAbsent) {
        PutAside(std::move(put), false);
      }
    }
  }
  co_return answer;
}

Task<Result<std::size_t>> SecondLevel::Erase(std::vector<std::string> keys) {
  for (const std::string& key : keys) Forget(key);
  std::vector<std::string> sent = keys;
  auto answer = co_await Ask(StoreCall::kErase, store_->Erase(std::move(sent)));
  if (!answer && answer.error().code == ErrorCode::kUnreachable) {
    for (std::string& key : keys) {
      StorePut gone;
      gone.key = std::move(key);
      PutAside(std::move(gone), true);
    }
  }
  co_return answer;
}

Task<Result<bool>> SecondLevel::Fill(Lease lease, StorePut put) {
  StorePut sent = put;
  auto answer = co_await Ask(StoreCall::kFill, store_->Fill(std::move(lease), std::move(sent)));
  if (!answer && answer.error().code == ErrorCode::kUnreachable) {
    put.when = PutWhen::kAbsent;
    PutAside(std::move(put), false);
  }
  co_return answer;
}

Task<Result<void>> SecondLevel::Stamp(Tag tag, CacheTime at) {
  Tag sent = tag;
  auto answer = co_await Ask(StoreCall::kStamp, store_->Stamp(std::move(sent), at));
  if (!answer && answer.error().code == ErrorCode::kUnreachable) {
    std::lock_guard lock(mutex_);
    if (stamps_aside_.size() < kMostAside) {
      auto& aside = stamps_aside_[std::move(tag)];
      aside = std::max(aside, at);
    }
  }
  co_return answer;
}

Task<void> SecondLevel::LearnStamps(std::vector<Tag> tags) {
  if (tags.empty() || stamps_.Know(tags)) co_return;
  std::vector<Tag> asked = tags;
  const auto at = co_await Ask(StoreCall::kStamps, store_->Stamps(std::move(asked)));
  if (at) stamps_.Learn(tags, *at);
}

Task<void> SecondLevel::RereadStamps() {
  std::vector<Tag> tags = stamps_.Known();
  if (tags.empty()) co_return;
  std::vector<Tag> asked = tags;
  const auto at = co_await Ask(StoreCall::kStamps, store_->Stamps(std::move(asked)));
  if (at) stamps_.Learn(tags, *at);
}

void SecondLevel::PutAside(StorePut put, bool erase) {
  std::lock_guard lock(mutex_);
  queued_.fetch_add(1, std::memory_order_relaxed);
  const std::string key = put.key;
  Aside aside;
  aside.erase = erase;
  aside.bytes = key.size() + put.envelope.size();
  aside.put = std::move(put);
  aside.age = ages_.insert(ages_.end(), key);
  aside_bytes_ += aside.bytes;
  if (const auto old = aside_.find(key); old != aside_.end()) {
    aside_bytes_ -= old->second.bytes;
    ages_.erase(old->second.age);
    aside_.erase(old);
  }
  aside_.emplace(key, std::move(aside));
  while (aside_.size() > kMostAside || aside_bytes_ > kMostBytesAside) {
    const auto oldest = aside_.find(ages_.front());
    aside_bytes_ -= oldest->second.bytes;
    aside_.erase(oldest);
    ages_.pop_front();
    dropped_.fetch_add(1, std::memory_order_relaxed);
  }
}

void SecondLevel::Forget(const std::string& key) {
  std::lock_guard lock(mutex_);
  const auto at = aside_.find(key);
  if (at == aside_.end()) return;
  aside_bytes_ -= at->second.bytes;
  ages_.erase(at->second.age);
  aside_.erase(at);
}

Task<void> SecondLevel::Replay() {
  for (;;) {
    std::map<Tag, CacheTime> stamps;
    std::vector<StorePut> puts;
    std::vector<std::string> erases;
    {
      std::lock_guard lock(mutex_);
      stamps = stamps_aside_;
      for (const std::string& key : ages_) {
        const Aside& aside = aside_.at(key);
        if (aside.erase) {
          erases.push_back(key);
        } else {
          puts.push_back(aside.put);
        }
        if (puts.size() + erases.size() == kReplayedAtOnce) break;
      }
    }
    if (stamps.empty() && puts.empty() && erases.empty()) co_return;
    for (const auto& [tag, at] : stamps) {
      Tag sent = tag;
      if (!co_await Ask(StoreCall::kStamp, store_->Stamp(std::move(sent), at))) co_return;
      std::lock_guard lock(mutex_);
      const auto aside = stamps_aside_.find(tag);
      if (aside != stamps_aside_.end() && aside->second == at) stamps_aside_.erase(aside);
    }
    // Taken out first: what is put aside meanwhile is newer.
    for (const StorePut& put : puts) Forget(put.key);
    for (const std::string& key : erases) Forget(key);
    if (!erases.empty()) {
      const std::size_t count = erases.size();
      if (!co_await Erase(std::move(erases))) {
        for (StorePut& put : puts) PutAside(std::move(put), false);
        co_return;
      }
      replayed_.fetch_add(count, std::memory_order_relaxed);
    }
    if (!puts.empty()) {
      const std::size_t count = puts.size();
      if (!co_await Put(std::move(puts))) co_return;
      replayed_.fetch_add(count, std::memory_order_relaxed);
    }
  }
}

SecondLevelStats SecondLevel::Stats() const {
  SecondLevelStats stats;
  stats.url = url_;
  stats.open = open_;
  stats.reachable = open_ && reachable_;
  stats.watching = watching();
  stats.operations = operations_;
  stats.errors = errors_;
  stats.queued = queued_;
  stats.replayed = replayed_;
  stats.dropped = dropped_;
  stats.changes = changes_;
  stats.took = took_.Read();
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    StoreCallStats& call = stats.calls.emplace_back();
    call.operation = kStoreCalls[i];
    call.took = calls_[i].took.Read();
    call.count = call.took.count();
    for (std::size_t code = 0; code < call.failures.size(); ++code) {
      call.failures[code] = calls_[i].failures[code].load(std::memory_order_relaxed);
    }
  }
  std::lock_guard lock(mutex_);
  stats.waiting = aside_.size() + stamps_aside_.size();
  stats.degraded = degraded_;
  if (!reachable_) {
    stats.degraded += std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - lost_at_);
  }
  return stats;
}

}  // namespace spa
