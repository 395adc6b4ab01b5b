// The flight of KindCache: what happens when memory has no answer.
#include <fmt/format.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <random>
#include <utility>

#include "cache/kind_cache.h"
#include "core/async/task_group.h"

namespace spa {
namespace {

constexpr std::chrono::seconds kLease{5};  // Renewed at half of it.
constexpr std::chrono::seconds kRetryAfterFailure{30};
constexpr std::chrono::milliseconds kFirstPoll{20}, kLastPoll{1000};
constexpr int kUpdateTries = 16;
// Beside a key whose value is old: its lease says who renews it. Never a key: '~' is escaped there.
constexpr std::string_view kGuard = "~load";

// Between half of it and all of it, so that those who wait do not ask in step.
std::chrono::milliseconds Jittered(std::chrono::milliseconds delay) {
  thread_local std::minstd_rand random(std::random_device{}());
  return std::chrono::milliseconds(
      std::uniform_int_distribution<std::int64_t>((delay.count() + 1) / 2, delay.count())(random));
}

Task<void> Sleep(std::chrono::steady_clock::duration time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace

Task<Result<KindCache::Found>> KindCache::GetOrLoad(CacheKey key, Load load) {
  if (!memory_) co_return co_await LoadAlone(std::move(load));
  if (parts_.mode == CacheMode::kObserve) {
    co_return co_await Observe(std::move(key), std::move(load));
  }
  const auto began = std::chrono::steady_clock::now();
  CacheTime now = parts_.clock();
  const Seen seen = Look(key, now);
  if (auto served = Served(key, seen, now)) {
    if (seen.state == State::kNearEnd || seen.state == State::kStale) {
      Refresh(key, load, seen.entry);
    } else if (parts_.verify_share > 0) {
      MaybeVerify(key, load, seen.entry);
    }
    tally_.hit_l1.Record(std::chrono::steady_clock::now() - began);
    co_return *std::move(served);
  }

  bool joined = false, first_time = false;
  auto boarded = [&](bool join) {
    joined = join;
    first_time = FirstTime(key);
    if (join) CountOutcome(first_time, &KindStats::coalesced);
  };
  auto fly = [this, key, load]() { return Fly(key, load, nullptr); };
  std::optional<Flown> flown;
  try {
    flown.emplace(co_await flights_.Run(key, std::move(fly), Publisher(key), std::move(boarded)));
  } catch (...) {
    if (!joined) CountOutcome(first_time, &KindStats::misses);
    throw;
  }
  if (!joined) {
    CountOutcome(first_time, flown->level == CacheLevel::kL1   ? &KindStats::l1_hits
                             : flown->level == CacheLevel::kL2 ? &KindStats::l2_hits
                                                               : &KindStats::misses);
    if (flown->level == CacheLevel::kL2) {
      tally_.hit_l2.Record(std::chrono::steady_clock::now() - began);
    }
  }
  TellLookup(key,
             joined                                ? "joined"
             : flown->level == CacheLevel::kLoaded ? "miss"
             : flown->stale                        ? "stale"
             : flown->entry->failure               ? "negative"
                                                   : "hit",
             flown->level);
  if (flown->level == CacheLevel::kL2 && !joined) {
    if (flown->stale) {
      Refresh(key, load, flown->entry);
    } else {
      MaybeVerify(key, load, flown->entry);
    }
  }
  TellEvictions();
  co_return Show(flown->entry, flown->level, flown->stale, parts_.clock());
}

Task<Result<KindCache::Found>> KindCache::LoadAlone(Load load) {
  LoadContext context;
  auto loaded = co_await TimedLoad(std::move(load), context);
  if (!loaded) co_return Fail(std::move(loaded.error()));
  co_return Found(std::move(loaded->data), std::chrono::seconds(0), CacheLevel::kLoaded);
}

// As without a cache, except that it is told whether the cache would have been right.
Task<Result<KindCache::Found>> KindCache::Observe(CacheKey key, Load load) {
  const Seen seen = Look(key, parts_.clock());
  EntryPtr would;
  if (seen.state == State::kFresh || seen.state == State::kNearEnd) {
    would = seen.entry;
  } else if (Shared(key)) {
    std::vector<std::string> asked(1, key.text());
    auto got = co_await parts_.l2->Get(std::move(asked));
    if (!got) CountStoreError(got.error());
    if (got && (*got)[0]) {
      Read read = co_await ReadStored(key, *std::move((*got)[0]));
      if (read.entry && parts_.clock() < read.entry->fresh_until) would = std::move(read.entry);
    }
  }
  if (would) tally_.Count<&KindStats::would_hit>();
  CountSlow(key, &KindStats::misses);
  TellLookup(key, "miss", CacheLevel::kLoaded);
  LoadContext context;
  auto loaded = co_await TimedLoad(std::move(load), context);
  const bool same = !would || (loaded.has_value() == (would->value != nullptr) &&
                               (!loaded || !codec_ ||
                                codec_->encode(loaded->data.get(), parts_.format) ==
                                    codec_->encode(would->value.get(), parts_.format)));
  if (!same) tally_.Count<&KindStats::would_mismatch>();
  const Flown flown = Landing(key, std::move(loaded), context, nullptr);
  if (flown.keep) {
    flights_.Overtake(key, [&] { Keep(key, *flown.entry); });
    if (flown.entry->value && Shared(key)) {
      if (auto put = Sealed(key, *flown.entry)) {
        tally_.Count<&KindStats::l2_writes>();
        std::vector<StorePut> puts(1, *std::move(put));
        const auto stored = co_await parts_.l2->Put(std::move(puts));
        if (!stored) CountStoreError(stored.error());
      }
    }
  }
  co_return Show(flown.entry, CacheLevel::kLoaded, false, parts_.clock());
}

SingleFlight<KindCache::Flown>::Publish KindCache::Publisher(const CacheKey& key) {
  return [this, key](const Flown& flown) {
    if (!flown.keep || (flown.version && flights_.Version(key) != *flown.version)) return;
    Keep(key, *flown.entry);
  };
}

// `refreshed`: the flight is to replace that entry, though it is still good.
Task<KindCache::Flown> KindCache::Fly(CacheKey key, Load load, EntryPtr refreshed) {
  const CacheTime now = parts_.clock();
  const Seen seen = Look(key, now);
  Flown flown;
  flown.entry = seen.entry;
  flown.level = CacheLevel::kL1;
  if (refreshed) {
    // Somebody else has renewed it, or erased it, since this was decided.
    if (seen.entry && seen.entry != refreshed && seen.entry->created > refreshed->created) {
      co_return flown;
    }
  } else if (seen.state == State::kFresh || seen.state == State::kNearEnd ||
             seen.state == State::kHeld) {
    flown.stale = seen.state == State::kHeld;
    co_return flown;
  }
  if (!Shared(key)) co_return co_await LoadHere(key, load, seen.entry);
  co_return co_await FlyShared(key, load, refreshed, seen.entry);
}

Task<KindCache::Flown> KindCache::FlyShared(CacheKey key, Load load, EntryPtr refreshed,
                                            EntryPtr previous) {
  const auto deadline = std::chrono::steady_clock::now() + parts_.load_timeout;
  auto poll = kFirstPoll;
  bool waited = false;
  // What memory has only waits to be confirmed.
  bool confirms = Stands(previous) && !refreshed;
  for (int erased = 0;;) {
    const std::uint64_t version = flights_.Version(key);
    Acquired acquired;
    if (Writes() && !confirms) {
      auto asked = co_await parts_.l2->Acquire(key.text(), kLease);
      if (!asked) {
        CountStoreError(asked.error());
        break;
      }
      acquired = *std::move(asked);
    } else {
      std::vector<std::string> asked(1, key.text());
      std::optional<std::chrono::milliseconds> within;
      if (confirms) within = kConfirmWithin;
      auto got = co_await parts_.l2->Get(std::move(asked), within);
      if (!got) {
        CountStoreError(got.error());
        break;
      }
      acquired.envelope = std::move((*got)[0]);
      if (!acquired.envelope && !Writes()) co_return co_await LoadHere(key, load, previous);
      if (std::exchange(confirms, false) && !acquired.envelope) continue;
    }
    if (acquired.lease) {
      co_return co_await LoadAndFill(key, load, *std::move(acquired.lease), nullptr);
    }
    std::string awaited = key.text();
    if (acquired.envelope) {
      const std::uint64_t fence = FenceOf(*acquired.envelope);
      Read read = co_await ReadStored(key, *std::move(acquired.envelope));
      if (!read.entry) {
        if (!Writes() || read.newer || ++erased > 2) {
          co_return Followed(co_await LoadHere(key, load, nullptr));
        }
        std::vector<std::string> useless(1, key.text());
        const auto gone = co_await parts_.l2->Erase(std::move(useless));
        if (!gone) break;
        continue;
      }
      const CacheTime now = parts_.clock();
      const bool replace = refreshed && read.entry->created <= refreshed->created;
      const bool good = !TooOld(*read.entry) && (now < read.entry->fresh_until ||
                                                 (now < read.entry->stale_until && Refreshes()));
      read.entry->asked = true;
      previous = read.entry;
      if (good && !replace) {
        Flown flown;
        flown.entry = read.entry;
        flown.level = CacheLevel::kL2;
        flown.keep = true;
        flown.version = version;
        flown.stale = now >= read.entry->fresh_until;
        co_return flown;
      }
      if (!Writes()) co_return co_await LoadHere(key, load, previous);
      awaited.append(kGuard);
      auto guard = co_await parts_.l2->Acquire(awaited, kLease);
      if (!guard) {
        CountStoreError(guard.error());
        break;
      }
      if (guard->lease) {
        co_return co_await LoadOver(key, load, *std::move(guard->lease), previous, fence);
      }
      if (refreshed) {  // Another process does it.
        Flown flown;
        flown.entry = previous;
        flown.level = CacheLevel::kL2;
        co_return flown;
      }
    }
    // Another process loads it.
    if (!waited) tally_.Count<&KindStats::lease_waits>();
    waited = true;
    if (std::chrono::steady_clock::now() >= deadline) {
      tally_.Count<&KindStats::local_loads>();
      co_return Followed(co_await LoadHere(key, load, previous));
    }
    co_await parts_.l2->AwaitChange(key.text(), Jittered(poll));
    poll = std::min(2 * poll, kLastPoll);
  }

  // Out of reach, or slow. What memory has is still good by its own deadlines.
  if (Stands(previous) && !refreshed) {
    auto again = std::make_shared<Entry>(*previous);
    MarkShared(*again, previous->fence);
    Flown flown;
    flown.entry = std::move(again);
    flown.level = CacheLevel::kL1;
    flown.keep = !parts_.l2->reachable();  // Merely slow: it stays to be confirmed.
    co_return flown;
  }
  Flown flown = co_await LoadHere(key, load, previous);
  if (flown.keep && flown.entry->value && !flown.stale && Writes()) {
    if (auto put = Sealed(key, *flown.entry)) {
      put->when = PutWhen::kAbsent;
      tally_.Count<&KindStats::l2_writes>();
      std::vector<StorePut> puts(1, *std::move(put));
      const auto stored = co_await parts_.l2->Put(std::move(puts));
      if (!stored) CountStoreError(stored.error());
      auto shared = std::make_shared<Entry>(*flown.entry);
      MarkShared(*shared, stored ? (*stored)[0].value_or(0) : 0);
      flown.entry = std::move(shared);
    }
  }
  co_return flown;
}

// Loaded without being stored: memory follows what others store all the same.
KindCache::Flown KindCache::Followed(Flown flown) {
  if (!flown.keep || !flown.entry->value || flown.stale || !Writes()) return flown;
  auto shared = std::make_shared<Entry>(*flown.entry);
  MarkShared(*shared, 0);
  flown.entry = std::move(shared);
  return flown;
}

Task<KindCache::Flown> KindCache::LoadHere(CacheKey key, Load load, EntryPtr previous) {
  LoadContext context;
  if (previous) context.previous = previous->value;
  auto loaded = co_await RunLoad(std::move(load), context, std::nullopt);
  if (Shared(key)) co_await parts_.l2->LearnStamps(context.tags_);
  co_return Landing(key, std::move(loaded), context, previous);
}

// Nothing is stored: loads under the key's lease.
Task<KindCache::Flown> KindCache::LoadAndFill(CacheKey key, Load load, Lease lease,
                                              EntryPtr previous) {
  LoadContext context;
  Result<Value> loaded;
  try {
    loaded = co_await RunLoad(std::move(load), context, lease);
  } catch (...) {
    parts_.background.Start(ReleaseTask(lease));
    throw;
  }
  co_await parts_.l2->LearnStamps(context.tags_);
  Flown flown = Landing(key, std::move(loaded), context, previous);
  std::optional<StorePut> put;
  if (flown.keep && flown.entry->value && !flown.stale) put = Sealed(key, *flown.entry);
  if (!put) {
    co_await parts_.l2->Release(std::move(lease));
    co_return flown;
  }
  auto shared = std::make_shared<Entry>(*flown.entry);
  MarkShared(*shared, lease.fence);
  flown.entry = std::move(shared);
  flown.version = flights_.Version(key);
  tally_.Count<&KindStats::l2_writes>();
  const auto filled = co_await parts_.l2->Fill(std::move(lease), *std::move(put));
  if (!filled) {
    CountStoreError(filled.error());
  } else if (!*filled) {
    tally_.Count<&KindStats::fenced_off>();
    flown.keep = false;
  }
  co_return flown;
}

// Something old is stored: loads under the guard beside it, and replaces that very entry.
Task<KindCache::Flown> KindCache::LoadOver(CacheKey key, Load load, Lease guard, EntryPtr previous,
                                           std::uint64_t fence) {
  LoadContext context;
  if (previous) context.previous = previous->value;
  Result<Value> loaded;
  try {
    loaded = co_await RunLoad(std::move(load), context, guard);
  } catch (...) {
    parts_.background.Start(ReleaseTask(guard));
    throw;
  }
  co_await parts_.l2->LearnStamps(context.tags_);
  Flown flown = Landing(key, std::move(loaded), context, previous);
  std::optional<StorePut> put;
  if (flown.keep && flown.entry->value && !flown.stale) put = Sealed(key, *flown.entry);
  if (put) {
    put->when = PutWhen::kFence;
    put->fence = fence;
    flown.version = flights_.Version(key);
    tally_.Count<&KindStats::l2_writes>();
    std::vector<StorePut> puts(1, *std::move(put));
    const auto stored = co_await parts_.l2->Put(std::move(puts));
    if (!stored) CountStoreError(stored.error());
    auto shared = std::make_shared<Entry>(*flown.entry);
    MarkShared(*shared, stored ? (*stored)[0].value_or(0) : 0);
    flown.entry = std::move(shared);
    if (stored && !(*stored)[0]) {
      tally_.Count<&KindStats::fenced_off>();
      flown.keep = false;
    }
  }
  co_await parts_.l2->Release(std::move(guard));
  co_return flown;
}

// The load, kept within its time, and its lease kept alive meanwhile.
Task<Result<KindCache::Value>> KindCache::RunLoad(Load load, LoadContext& context,
                                                  std::optional<Lease> lease) {
  if (!lease && parts_.load_cap.count() == 0) {
    co_return co_await TimedLoad(std::move(load), context);
  }
  std::optional<Result<Value>> loaded;
  const auto cap = [this](TaskGroup& group) -> Task<void> {
    co_await Sleep(parts_.load_cap);
    group.Stop();
  };
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  co_await RunGroup(executor, 0, [&](TaskGroup& group) -> Task<void> {
    if (lease) group.Start(KeepLease(*lease));
    if (parts_.load_cap.count() > 0) group.Start(cap(group));
    loaded.emplace(co_await TimedLoad(load, context));
    group.Stop();
  });
  if (!loaded) {
    Error late(ErrorCode::kUnreachable, fmt::format("loading a {} took longer than {} s",
                                                    policy_.name, parts_.load_cap.count()));
    CountLoadError(late);
    co_return Fail(std::move(late));
  }
  co_return *std::move(loaded);
}

Task<Result<KindCache::Value>> KindCache::TimedLoad(Load load, LoadContext& context) {
  tally_.Count<&KindStats::loads>();
  const auto began = std::chrono::steady_clock::now();
  auto loaded = co_await load(context);
  const auto took = std::chrono::steady_clock::now() - began;
  tally_.load.Record(took);
  if (!loaded) CountLoadError(loaded.error());
  if (parts_.events.Wanted(CacheEventType::kLoad)) {
    CacheEvent event(CacheEventType::kLoad, policy_.name, {});
    event.result = loaded ? "ok" : "error";
    event.took = took;
    if (!loaded) event.message = loaded.error().message;
    parts_.events.Tell(event);
  }
  co_return loaded;
}

Task<void> KindCache::KeepLease(Lease lease) {
  for (;;) {
    co_await Sleep(kLease / 2);
    Lease held = lease;
    const auto kept = co_await parts_.l2->Renew(std::move(held), kLease);
    if (kept && !*kept) co_return;  // Lost: the fill will be refused.
  }
}

Task<void> KindCache::ReleaseTask(Lease lease) { co_await parts_.l2->Release(std::move(lease)); }

// What is to be remembered of a load, and served.
KindCache::Flown KindCache::Landing(const CacheKey& key, Result<Value> loaded, LoadContext& context,
                                    const EntryPtr& previous) {
  Flown flown;
  const CacheTime now = parts_.clock();
  if (loaded) {
    WriteOptions options;
    options.tags = std::move(context.tags_);
    options.expires_at = context.ends_;
    if (context.ends_ || context.outcome_ != Outcome::kGood) {
      options.ttl = policy_.Ttl(context.outcome_, std::nullopt, now);
    }
    if (context.fresh_) options.ttl = context.fresh_;
    auto entry = NewEntry(key, *std::move(loaded), options);
    entry->asked = true;
    flown.keep = entry->created < entry->fresh_until;
    flown.entry = std::move(entry);
    return flown;
  }
  auto entry = std::make_shared<Entry>();
  const Error& error = loaded.error();
  const auto ttl = NegativeTtl(error);
  if (!ttl && previous && previous->value && !TooOld(*previous) && now < previous->expires) {
    *entry = *previous;
    if (entry->shared && parts_.l2) MarkShared(*entry, entry->fence);
    entry->hold_until = std::min(now + kRetryAfterFailure, previous->expires);
    entry->asked = true;
    flown.entry = std::move(entry);
    flown.level = CacheLevel::kL1;
    flown.keep = true;
    flown.stale = true;
    return flown;
  }
  entry->failure = std::make_shared<const Error>(error);
  entry->cost = sizeof error + error.message.size() + error.remedy.size();
  entry->created = now;
  entry->asked = true;
  entry->fresh_until = entry->stale_until = entry->expires =
      now + std::min(ttl.value_or(std::chrono::seconds(0)), policy_.fresh);
  entry->tags = std::move(context.tags_);
  flown.keep = ttl.has_value();
  flown.entry = std::move(entry);
  return flown;
}

// One at a time: while a flight is under way, or once the entry was replaced, it does nothing.
void KindCache::Refresh(const CacheKey& key, const Load& load, const EntryPtr& entry) {
  if (!Refreshes() || flights_.Has(key)) return;
  parts_.background.Start(RefreshTask(key, load, entry));
}

Task<void> KindCache::RefreshTask(CacheKey key, Load load, EntryPtr entry) {
  auto fly = [this, key, load = std::move(load), entry]() { return Fly(key, load, entry); };
  auto boarded = [this](bool joined) {
    if (!joined) tally_.Count<&KindStats::refreshes>();
  };
  co_await flights_.Run(key, std::move(fly), Publisher(key), std::move(boarded));
  TellEvictions();
}

void KindCache::MaybeVerify(const CacheKey& key, const Load& load, const EntryPtr& entry) {
  if (parts_.verify_share <= 0 || !codec_ || !entry->value || !parts_.background.open()) return;
  thread_local std::minstd_rand random(std::random_device{}());
  if (std::uniform_real_distribution<double>()(random) >= parts_.verify_share) return;
  parts_.background.Start(VerifyTask(key, load, entry));
}

Task<void> KindCache::VerifyTask(CacheKey key, Load load, EntryPtr entry) {
  LoadContext context;
  const auto loaded = co_await TimedLoad(std::move(load), context);
  if (!loaded) co_return;
  tally_.Count<&KindStats::verify_checked>();
  if (codec_->encode(loaded->data.get(), parts_.format) ==
      codec_->encode(entry->value.get(), parts_.format))
    co_return;
  tally_.Count<&KindStats::verify_mismatch>();
  CacheEvent event(CacheEventType::kError, policy_.name, key.text());
  event.message = "a remembered value differs from what is loaded now";
  parts_.events.Tell(event);
}

// Read, change, write where nobody wrote between; after many tries nobody else may begin one.
Task<Result<KindCache::Found>> KindCache::UpdateShared(CacheKey key, Change change,
                                                       WriteOptions options) {
  std::optional<Lease> guard;
  const std::string guarded = key.text() + std::string(kGuard);
  auto delay = std::chrono::milliseconds(1);
  EntryPtr made_entry;
  std::optional<Error> refused;
  bool done = false;
  for (int tries = 0; !done; ++tries) {
    if (tries >= kUpdateTries && !guard) {
      auto asked = co_await parts_.l2->Acquire(guarded, kLease);
      if (asked && asked->lease) guard = *std::move(asked->lease);
    }
    std::vector<std::string> wanted(1, key.text());
    auto got = co_await parts_.l2->Get(std::move(wanted));
    EntryPtr old;
    std::uint64_t fence = 0;
    if (!got) {
      CountStoreError(got.error());
      const Seen seen = Look(key, parts_.clock());
      if (seen.entry && seen.entry->value) old = seen.entry;
    } else if ((*got)[0]) {
      fence = FenceOf(*(*got)[0]);
      Read read = co_await ReadStored(key, *std::move((*got)[0]));
      old = std::move(read.entry);
    }
    if (old && parts_.clock() >= old->stale_until) old = nullptr;
    auto made = change(old ? old->value.get() : nullptr);
    if (!made) {
      refused = std::move(made.error());
      break;
    }
    auto entry = NewEntry(key, *std::move(made), options);
    MarkShared(*entry, 0);
    auto put = Sealed(key, *entry);
    if (!put) {  // Too large for the second level.
      entry->shared = false;
      std::vector<std::string> useless(1, key.text());
      co_await parts_.l2->Erase(std::move(useless));
      made_entry = std::move(entry);
      break;
    }
    put->when = got ? PutWhen::kFence : PutWhen::kAlways;
    put->fence = fence;
    tally_.Count<&KindStats::l2_writes>();
    std::vector<StorePut> puts(1, *std::move(put));
    auto stored = co_await parts_.l2->Put(std::move(puts));
    if (!stored) {
      CountStoreError(stored.error());
      done = true;
    } else if ((*stored)[0]) {
      entry->fence = *(*stored)[0];
      done = true;
    }
    if (done) {
      made_entry = std::move(entry);
    } else {
      co_await Sleep(Jittered(delay));
      delay = std::min(2 * delay, std::chrono::milliseconds(64));
    }
  }
  if (guard) co_await parts_.l2->Release(*std::move(guard));
  if (refused) co_return Fail(*std::move(refused));
  tally_.Count<&KindStats::sets>();
  flights_.Overtake(key, [&] { Keep(key, *made_entry); });
  TellEvictions();
  co_return Found(made_entry->value, std::chrono::seconds(0), CacheLevel::kL2);
}

}  // namespace spa
