// A second level in this process's memory, for tests: "mem2:NAME". Stores of one name are one
// place, as seen by several processes; each hears what the others change.
//
// Also proof that a store can be plugged in from outside: it is registered, not built in.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cache/envelope.h"
#include "cache/store.h"
#include "cache/store_factory.h"

namespace spa::testing {

class Mem2Store final : public Store {
 public:
  struct Held {
    std::string envelope;
    CacheTime expires;
  };
  struct LeaseHeld {
    std::uint64_t fence = 0;
    std::chrono::steady_clock::time_point ends;
  };
  struct Place {
    std::map<std::string, Held> held;
    std::map<std::string, LeaseHeld> leases;
    std::map<std::string, std::uint64_t> fences;
    std::map<Tag, std::set<std::string>> index;
    std::map<Tag, CacheTime> stamps;
    std::map<std::string, std::int64_t> counters;
    std::set<Mem2Store*> open;
    bool unreachable = false;
    bool mute = false;  // A get is never answered.
    bool tells = true;  // Changes are told.
    std::uint64_t gets = 0, acquires = 0, puts = 0, renewals = 0;
  };

  static std::shared_ptr<Place> PlaceOf(const std::string& name) {
    static std::map<std::string, std::shared_ptr<Place>> places;
    auto& place = places[name];
    if (!place) place = std::make_shared<Place>();
    return place;
  }
  static void Register() {
    RegisterStore("mem2",
                  [](asio::any_io_executor, std::string_view url, const StoreOptions& options,
                     const StoreSecurity&) -> Result<std::unique_ptr<Store>> {
                    return std::make_unique<Mem2Store>(PlaceOf(std::string(url.substr(5))),
                                                       options);
                  });
  }

  Mem2Store(std::shared_ptr<Place> place, StoreOptions options)
      : place_(std::move(place)), options_(std::move(options)) {}
  ~Mem2Store() override { place_->open.erase(this); }

  Task<Status> Open() override {
    place_->open.insert(this);
    co_return Status();
  }
  Task<void> Close() override {
    place_->open.erase(this);
    co_return;
  }

  Task<Result<std::vector<std::optional<std::string>>>> Get(
      std::vector<std::string> keys) override {
    if (place_->unreachable) co_return Away();
    if (place_->mute) co_await Never();
    ++place_->gets;
    std::vector<std::optional<std::string>> got;
    for (const std::string& key : keys) got.push_back(Find(key));
    co_return got;
  }

  Task<Result<std::vector<StoredFence>>> Put(std::vector<StorePut> puts) override {
    if (place_->unreachable) co_return Away();
    ++place_->puts;
    std::vector<StoredFence> fences;
    for (StorePut& put : puts) {
      const auto now = Find(put.key);
      const std::uint64_t fence = now ? FenceOf(*now) : 0;
      const bool holds = put.when == PutWhen::kAlways || (put.when == PutWhen::kAbsent && !now) ||
                         (put.when == PutWhen::kPresent && now) ||
                         (put.when == PutWhen::kFence && fence == put.fence);
      if (!holds) {
        fences.push_back(std::nullopt);
        continue;
      }
      place_->leases.erase(put.key);
      fences.push_back(Write(std::move(put), 0));
    }
    co_return fences;
  }

  Task<Result<std::size_t>> Erase(std::vector<std::string> keys) override {
    if (place_->unreachable) co_return Away();
    std::size_t there = 0;
    for (const std::string& key : keys) {
      if (Find(key)) ++there;
      place_->held.erase(key);
      place_->leases.erase(key);
      Tell(key);
    }
    co_return there;
  }

  Task<Result<Acquired>> Acquire(std::string key, std::chrono::milliseconds length) override {
    if (place_->unreachable) co_return Away();
    ++place_->acquires;
    Acquired acquired;
    acquired.envelope = Find(key);
    if (acquired.envelope) co_return acquired;
    const auto now = std::chrono::steady_clock::now();
    LeaseHeld& held = place_->leases[key];
    if (held.ends > now) {
      acquired.retry_after = std::chrono::ceil<std::chrono::milliseconds>(held.ends - now);
      co_return acquired;
    }
    held.fence = ++place_->fences[key];
    held.ends = now + length;
    acquired.lease.emplace();
    acquired.lease->key = key;
    acquired.lease->fence = held.fence;
    co_return acquired;
  }
  Task<Result<bool>> Renew(Lease lease, std::chrono::milliseconds length) override {
    if (place_->unreachable) co_return Away();
    ++place_->renewals;
    if (!Holds(lease)) co_return false;
    place_->leases[lease.key].ends = std::chrono::steady_clock::now() + length;
    co_return true;
  }
  Task<Result<bool>> Fill(Lease lease, StorePut put) override {
    if (place_->unreachable) co_return Away();
    if (!Holds(lease)) co_return false;
    place_->leases.erase(lease.key);
    Write(std::move(put), lease.fence);
    co_return true;
  }
  Task<Result<void>> Release(Lease lease) override {
    if (place_->unreachable) co_return Away();
    if (Holds(lease)) place_->leases.erase(lease.key);
    co_return Result<void>();
  }

  Task<Result<ScanPage>> Scan(Glob glob, std::string cursor) override {
    if (place_->unreachable) co_return Away();
    ScanPage page;
    for (auto at = place_->held.upper_bound(cursor); at != place_->held.end(); ++at) {
      if (page.keys.size() == 100) {
        page.cursor = page.keys.back();
        break;
      }
      if (glob.Matches(at->first) && Find(at->first)) page.keys.push_back(at->first);
    }
    co_return page;
  }
  Task<Result<std::vector<std::string>>> Tagged(Tag tag) override {
    if (place_->unreachable) co_return Away();
    const auto& keys = place_->index[tag];
    co_return std::vector<std::string>(keys.begin(), keys.end());
  }
  Task<Result<void>> Untag(Tag tag, std::vector<std::string> keys) override {
    if (place_->unreachable) co_return Away();
    for (const std::string& key : keys) place_->index[tag].erase(key);
    co_return Result<void>();
  }
  Task<Result<void>> Stamp(Tag tag, CacheTime at) override {
    if (place_->unreachable) co_return Away();
    auto& known = place_->stamps[tag];
    known = std::max(known, at);
    co_return Result<void>();
  }
  Task<Result<std::vector<CacheTime>>> Stamps(std::vector<Tag> tags) override {
    if (place_->unreachable) co_return Away();
    std::vector<CacheTime> at;
    for (const Tag& tag : tags) at.push_back(place_->stamps[tag]);
    co_return at;
  }

  Task<Result<std::size_t>> Cleanup() override {
    const CacheTime now = options_.clock();
    co_return std::erase_if(place_->held, [&](const auto& h) { return h.second.expires <= now; });
  }
  Task<Result<void>> Clear() override {
    if (place_->unreachable) co_return Away();
    place_->held.clear();
    place_->leases.clear();
    co_return Result<void>();
  }
  Task<Result<void>> AddCounters(std::map<std::string, std::int64_t> more) override {
    if (place_->unreachable) co_return Away();
    for (const auto& [name, value] : more) place_->counters[name] += value;
    co_return Result<void>();
  }
  Task<Result<std::map<std::string, std::int64_t>>> Counters() override {
    co_return place_->counters;
  }
  Task<Result<void>> ResetCounters() override {
    place_->counters.clear();
    co_return Result<void>();
  }
  void Watch(std::function<void(const StoreChange&)> listener) override {
    listener_ = std::move(listener);
  }
  bool watching() const override { return listener_ && place_->tells && !place_->unreachable; }
  Task<Result<StoreInfo>> Info() override {
    StoreInfo info;
    info.kind = "mem2";
    info.place = "mem2:";
    info.entries = place_->held.size();
    co_return info;
  }

 private:
  static Task<void> Never() {
    asio::steady_timer timer(co_await asio::this_coro::executor,
                             asio::steady_timer::time_point::max());
    co_await timer.async_wait(asio::use_awaitable);
  }
  static tl::unexpected<Error> Away() { return Fail(ErrorCode::kUnreachable, "mem2 is away"); }

  std::optional<std::string> Find(const std::string& key) const {
    const auto at = place_->held.find(key);
    if (at == place_->held.end() || at->second.expires <= options_.clock()) return std::nullopt;
    return at->second.envelope;
  }
  bool Holds(const Lease& lease) const {
    const auto at = place_->leases.find(lease.key);
    return at != place_->leases.end() && at->second.fence == lease.fence &&
           at->second.ends > std::chrono::steady_clock::now();
  }
  std::uint64_t Write(StorePut put, std::uint64_t fence) {
    if (fence == 0) fence = ++place_->fences[put.key];
    SetFence(put.envelope, fence);
    for (const Tag& tag : put.tags) place_->index[tag].insert(put.key);
    const std::string key = put.key;
    place_->held[key] = Held{std::move(put.envelope), put.expires};
    Tell(key);
    return fence;
  }
  void Tell(const std::string& key) {
    if (!place_->tells) return;
    StoreChange change;
    change.keys.push_back(key);
    for (Mem2Store* other : place_->open) {
      if (other != this && other->listener_) other->listener_(change);
    }
  }

  std::shared_ptr<Place> place_;
  StoreOptions options_;
  std::function<void(const StoreChange&)> listener_;
};

}  // namespace spa::testing
