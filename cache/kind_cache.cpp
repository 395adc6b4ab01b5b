#include "cache/kind_cache.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <random>

#include "core/log/log.h"

namespace spa {
namespace {

constexpr std::string_view kLevels[] = {"l1", "l2", "loaded"};
constexpr std::string_view kModes[] = {"off", "observe", "read", "readwrite"};
constexpr std::string_view kStates[] = {"fresh", "stale", "expired"};

std::chrono::seconds AgeOf(const Entry& entry, CacheTime now) {
  return std::chrono::duration_cast<std::chrono::seconds>(
      std::max(now - entry.created, CacheTime::duration::zero()));
}

// The envelope's precision, so that both levels tell the same deadlines.
CacheTime Floor(CacheTime time) { return std::chrono::floor<std::chrono::milliseconds>(time); }

// 5 % to either side, another in each process, so that two of them do not refresh together.
double DrawnRefreshAt(double at) {
  std::random_device device;
  return at * std::uniform_real_distribution<double>(0.95, 1.05)(device);
}

}  // namespace

std::string_view NameOf(CacheLevel level) { return kLevels[static_cast<std::size_t>(level)]; }
std::string_view NameOf(CacheMode mode) { return kModes[static_cast<std::size_t>(mode)]; }
std::string_view NameOf(EntryState state) { return kStates[static_cast<std::size_t>(state)]; }

std::optional<CacheMode> CacheModeNamed(std::string_view name) {
  const auto at = std::find(std::begin(kModes), std::end(kModes), name);
  if (at == std::end(kModes)) return std::nullopt;
  return static_cast<CacheMode>(at - std::begin(kModes));
}

KindCache::KindCache(CachePolicy policy, std::optional<MemoryStore::Limits> limits,
                     const ValueCodec* codec, CacheParts& parts)
    : policy_(policy),
      codec_(codec),
      parts_(parts),
      refresh_at_(parts.refresh_at < 1 ? DrawnRefreshAt(parts.refresh_at) : 1) {
  if (!limits) return;
  // While it is told, locks are held: observers hear of it later.
  const auto evicted = [this](const MemoryStore::Kept& entry) {
    if (!parts_.events.Wanted(CacheEventType::kEvict)) return;
    std::lock_guard lock(evicted_mutex_);
    evicted_.emplace_back(entry.key());
  };
  memory_ = std::make_unique<MemoryStore>(*limits, EvictionPolicy::kHybrid, evicted);
}

void KindCache::TellEvictions() {
  if (!parts_.events.Wanted(CacheEventType::kEvict)) return;
  std::vector<std::string> keys;
  {
    std::lock_guard lock(evicted_mutex_);
    keys.swap(evicted_);
  }
  for (const std::string& key : keys) {
    CacheEvent event(CacheEventType::kEvict, policy_.name, key);
    event.level = NameOf(CacheLevel::kL1);
    parts_.events.Tell(event);
  }
}

// What is in memory under the key, and what may be done with it.
KindCache::Seen KindCache::Look(const CacheKey& key, CacheTime now) {
  return Judge(key, memory_->Get(key, now), now);
}

KindCache::Seen KindCache::Judge(const CacheKey& key, EntryPtr found, CacheTime now) {
  Seen seen;
  seen.entry = std::move(found);
  if (!seen.entry) return seen;
  const Entry& entry = *seen.entry;
  if (!entry.tags.empty() && parts_.stamps.Gone(entry.tags, entry.created)) {
    memory_->Erase(key);
    tally_.Count<&KindStats::tag_evictions>();
    return Seen();
  }
  if (TooOld(entry)) {
    seen.state = State::kOld;
  } else if (entry.shared && parts_.l2 &&
             (entry.epoch != parts_.l2->epoch() ||
              (now >= entry.recheck && !parts_.l2->watching()))) {
    seen.state = State::kUnsure;
  } else if (now < entry.fresh_until) {
    const auto length = entry.fresh_until - entry.created;
    const bool near_end =
        entry.value && now - entry.created >=
                           std::chrono::duration_cast<CacheTime::duration>(length * refresh_at_);
    seen.state = near_end ? State::kNearEnd : State::kFresh;
  } else if (now < entry.hold_until) {
    seen.state = State::kHeld;
  } else {
    seen.state = now < entry.stale_until ? State::kStale : State::kOld;
  }
  return seen;
}

Result<KindCache::Found> KindCache::Show(const EntryPtr& entry, CacheLevel level, bool stale,
                                         CacheTime now) {
  if (entry->failure) {
    if (level != CacheLevel::kLoaded) tally_.Count<&KindStats::negative>();
    return Fail(*entry->failure);
  }
  const auto age = AgeOf(*entry, now);
  tally_.Served(age);
  if (stale) tally_.Count<&KindStats::stale>();
  // Shares the entry's ownership: a hit costs one reference count.
  return Found(std::shared_ptr<const void>(entry, entry->value.get()), age, level, stale);
}

// The answer, where memory may give one without loading.
std::optional<Result<KindCache::Found>> KindCache::Served(const CacheKey& key, const Seen& seen,
                                                          CacheTime now) {
  const bool stale = seen.state == State::kStale || seen.state == State::kHeld;
  if (seen.state == State::kNone || seen.state == State::kOld || seen.state == State::kUnsure ||
      (seen.state == State::kStale && !Refreshes())) {
    return std::nullopt;
  }
  CountHit(key, *seen.entry);
  if (parts_.events.Wanted(CacheEventType::kGetHit)) {
    TellLookup(key, seen.entry->failure ? "negative" : stale ? "stale" : "hit", CacheLevel::kL1);
  }
  return Show(seen.entry, CacheLevel::kL1, stale, now);
}

void KindCache::CountHit(const CacheKey& key, const Entry& entry) {
  tally_.Count<&KindStats::l1_hits>();
  if (!entry.asked && entry.first_use.Claim()) {
    if (FirstTime(key)) tally_.CountFirst();
  } else {
    Sample(key);
  }
}

bool KindCache::FirstTime(const CacheKey& key) {
  Sample(key);
  SeenShard& shard = seen_[key.fingerprint().high % kSeenShards];
  std::lock_guard lock(shard.mutex);
  return !shard.keys.Add(key.fingerprint());
}

// Of a lookup that was no plain hit in memory.
void KindCache::CountOutcome(bool first_time, std::uint64_t KindStats::*outcome) {
  const bool missed = outcome == &KindStats::misses;
  if (missed) {
    tally_.Count<&KindStats::misses>();
  } else if (outcome == &KindStats::l1_hits) {
    tally_.Count<&KindStats::l1_hits>();
  } else if (outcome == &KindStats::l2_hits) {
    tally_.Count<&KindStats::l2_hits>();
  } else {
    tally_.Count<&KindStats::coalesced>();
  }
  if (first_time) {
    tally_.CountFirst();
  } else if (missed) {
    tally_.CountRepeatedMiss();
  }
}

void KindCache::TellLookup(const CacheKey& key, std::string_view result, CacheLevel level) {
  const auto type = result == "miss" ? CacheEventType::kGetMiss : CacheEventType::kGetHit;
  if (!parts_.events.Wanted(type)) return;
  CacheEvent event(type, policy_.name, key.text());
  event.result = result;
  event.level = NameOf(level);
  parts_.events.Tell(event);
}

bool KindCache::Shared(const CacheKey& key) const {
  return parts_.l2 && codec_ && policy_.residence == Residence::kEverywhere && !key.secret();
}

KindCache::Timed KindCache::DeadlinesOf(const CacheKey& key, const WriteOptions& options,
                                        CacheTime created) const {
  Timed timed;
  if (options.ttl || options.expires_at) {
    auto fresh = options.ttl.value_or(std::chrono::hours(24 * 3650));
    auto end = created + fresh;
    if (options.expires_at) end = std::min(end, *options.expires_at - policy_.margin);
    timed.fresh = timed.stale = timed.expires = Floor(end);
    return timed;
  }
  const auto end = created + policy_.fresh;
  // Of the key and the process: the fingerprint is keyed.
  const double share =
      policy_.residence == Residence::kEverywhere
          ? parts_.jitter * static_cast<double>(key.fingerprint().low >> 11) * 0x1.0p-53
          : 0;
  timed.fresh = Floor(end - std::chrono::duration_cast<CacheTime::duration>(policy_.fresh * share));
  timed.stale = Floor(end + policy_.stale_while_revalidate);
  timed.expires = std::max(timed.stale, Floor(end + policy_.stale_if_error));
  if (share == 0 && policy_.stale_while_revalidate.count() == 0) timed.stale = timed.fresh;
  return timed;
}

std::shared_ptr<Entry> KindCache::NewEntry(const CacheKey& key, Value value,
                                           const WriteOptions& options) {
  auto entry = std::make_shared<Entry>();
  entry->value = std::move(value.data);
  entry->cost = value.cost;
  entry->created = Floor(parts_.clock());
  entry->tags = options.tags;
  if (!entry->tags.empty()) {
    // Written after its tag was erased, be it within the same millisecond.
    entry->created = std::max(
        entry->created, Floor(parts_.stamps.Latest(entry->tags)) + std::chrono::milliseconds(1));
  }
  const Timed timed = DeadlinesOf(key, options, entry->created);
  entry->fresh_until = timed.fresh;
  entry->stale_until = timed.stale;
  entry->expires = timed.expires;
  return entry;
}

void KindCache::MarkShared(Entry& entry, std::uint64_t fence) {
  entry.shared = true;
  entry.fence = fence;
  entry.epoch = parts_.l2->epoch();
  entry.recheck = parts_.clock() + parts_.l1_ttl;
}

std::optional<StorePut> KindCache::Sealed(const CacheKey& key, const Entry& entry) {
  Envelope envelope;
  envelope.payload = codec_->encode(entry.value.get(), parts_.format);
  tally_.Count<&KindStats::encodes>();
  if (envelope.payload.size() > kMostInStore) return std::nullopt;
  envelope.schema = policy_.schema;
  envelope.created = entry.created;
  envelope.fresh_until = std::max(entry.fresh_until, entry.created);
  envelope.stale_until = std::max(entry.stale_until, envelope.fresh_until);
  envelope.error_until = std::max(entry.expires, envelope.stale_until);
  envelope.tags = entry.tags;
  StorePut put;
  put.key = key.text();
  put.envelope = Seal(envelope, key.text(), parts_.seal);
  put.expires = envelope.expires();
  put.tags = entry.tags;
  return put;
}

// A bare value, as it was stored before there were envelopes. Nothing says how old it is: it is
// served for as long as memory may keep what nobody tells changes of, again and again until the
// store drops it.
std::optional<Envelope> KindCache::Adopted(std::string_view bytes, CacheTime now) {
  if (!parts_.seal.mac_key.empty()) return std::nullopt;  // Anybody may have written it.
  auto adopted = AdoptPlainJson(bytes, now, now + std::min(parts_.l1_ttl, policy_.fresh));
  if (adopted && !parts_.told_bare.exchange(true)) {
    log::Warn(
        "the second cache level holds values without an envelope: that is deprecated, they "
        "will not be read for ever",
        {{"kind", std::string(policy_.name)},
         {"remedy", "let them expire, or run `sharepoint-audit cache clear --all --yes`"}});
  }
  return adopted;
}

// What lies in the second level as an entry. Nothing where it cannot be read, has expired, or its
// tag was erased.
KindCache::Read KindCache::Judge(const CacheKey& key, Opened opened, CacheTime now) {
  Read read;
  if (!opened.envelope) {
    tally_.Count<&KindStats::decode_errors>();
    read.newer = opened.problem == OpenProblem::kVersion;
    CacheEvent event(CacheEventType::kError, policy_.name, key.text());
    event.level = "l2";
    event.message = opened.problem == OpenProblem::kForged ? "an entry was forged"
                                                           : "an entry could not be read";
    parts_.events.Tell(event);
    return read;
  }
  Envelope& envelope = *opened.envelope;
  if (envelope.expires() <= now) return read;
  if (parts_.stamps.Gone(envelope.tags, envelope.created)) {
    tally_.Count<&KindStats::tag_evictions>();
    return read;
  }
  auto [value, cost] = codec_->decode(envelope.payload);
  tally_.Count<&KindStats::decodes>();
  if (!value) {
    tally_.Count<&KindStats::decode_errors>();
    return read;
  }
  read.entry = std::make_shared<Entry>();
  Entry& entry = *read.entry;
  entry.value = std::move(value);
  entry.cost = cost;
  entry.created = envelope.created;
  entry.fresh_until = envelope.fresh_until;
  entry.stale_until = envelope.stale_until;
  entry.expires = envelope.expires();
  entry.tags = std::move(envelope.tags);
  entry.compressed = envelope.compressed;
  MarkShared(entry, envelope.fence);
  return read;
}

Task<KindCache::Read> KindCache::ReadStored(CacheKey key, std::string bytes) {
  Opened opened = OpenEnvelope(bytes, key.text(), parts_.seal);
  if (opened.problem == OpenProblem::kForeign) opened.envelope = Adopted(bytes, parts_.clock());
  // What it is worth is looked at after its tags are known.
  if (opened.envelope && !opened.envelope->tags.empty()) {
    std::vector<Tag> tags = opened.envelope->tags;
    co_await parts_.l2->LearnStamps(std::move(tags));
  }
  co_return Judge(key, std::move(opened), parts_.clock());
}

// Puts an entry into memory, where it belongs there.
void KindCache::Keep(const CacheKey& key, const Entry& entry) {
  if (entry.cost > kMostInMemory && entry.shared) {
    memory_->Erase(key);
  } else {
    memory_->Set(key, entry);
  }
}

void KindCache::CountStoreError(const Error&) { tally_.Count<&KindStats::l2_errors>(); }

void KindCache::CountLoadError(const Error& error) {
  tally_.Count<&KindStats::load_errors>();
  load_failures_[static_cast<std::size_t>(error.code)].fetch_add(1, std::memory_order_relaxed);
}

std::optional<Result<KindCache::Found>> KindCache::Peek(const CacheKey& key) {
  if (!memory_ || parts_.mode == CacheMode::kObserve) return std::nullopt;
  const CacheTime now = parts_.clock();
  const Seen seen = Look(key, now);
  if (seen.state != State::kFresh && seen.state != State::kNearEnd) return std::nullopt;
  return Served(key, seen, now);
}

Task<std::optional<Result<KindCache::Found>>> KindCache::Get(CacheKey key) {
  if (!memory_ || parts_.mode == CacheMode::kObserve) co_return std::nullopt;
  CacheTime now = parts_.clock();
  const Seen seen = Look(key, now);
  if (seen.state != State::kNone && seen.state != State::kUnsure && seen.state != State::kOld) {
    const bool stale = seen.state == State::kStale || seen.state == State::kHeld;
    CountHit(key, *seen.entry);
    TellLookup(key, seen.entry->failure ? "negative" : stale ? "stale" : "hit", CacheLevel::kL1);
    co_return Show(seen.entry, CacheLevel::kL1, stale, now);
  }
  if (Shared(key)) {
    const auto began = std::chrono::steady_clock::now();
    const std::uint64_t version = flights_.Version(key);
    std::vector<std::string> asked(1, key.text());
    std::optional<std::chrono::milliseconds> within;
    if (seen.state == State::kUnsure) within = kConfirmWithin;
    auto got = co_await parts_.l2->Get(std::move(asked), within);
    EntryPtr entry;
    CacheLevel level = CacheLevel::kL2;
    if (!got) {
      CountStoreError(got.error());
      // Out of reach: what memory has still stands.
      if (seen.state == State::kUnsure) {
        entry = seen.entry;
        level = CacheLevel::kL1;
      }
    } else if ((*got)[0]) {
      Read read = co_await ReadStored(key, *std::move((*got)[0]));
      if (read.entry) {
        flights_.IfUndisturbed(key, version, [&] { Keep(key, *read.entry); });
        TellEvictions();
        entry = std::move(read.entry);
      }
    }
    now = parts_.clock();
    if (entry && now < std::max(entry->stale_until, entry->hold_until)) {
      const bool stale = now >= entry->fresh_until;
      CountSlow(key, level == CacheLevel::kL1 ? &KindStats::l1_hits : &KindStats::l2_hits);
      if (level == CacheLevel::kL2) {
        tally_.hit_l2.Record(std::chrono::steady_clock::now() - began);
      }
      TellLookup(key, stale ? "stale" : "hit", level);
      co_return Show(entry, level, stale, now);
    }
  }
  CountSlow(key, &KindStats::misses);
  TellLookup(key, "miss", CacheLevel::kLoaded);
  co_return std::nullopt;
}

Task<bool> KindCache::Set(CacheKey key, Value value, WriteOptions options) {
  if (!memory_) co_return options.when != PutWhen::kPresent;
  std::vector<std::pair<CacheKey, Value>> one;
  one.emplace_back(std::move(key), std::move(value));
  const std::vector<bool> done = co_await SetMany(std::move(one), std::move(options));
  co_return done[0];
}

Task<std::vector<bool>> KindCache::SetMany(std::vector<std::pair<CacheKey, Value>> values,
                                           WriteOptions options) {
  std::vector<bool> done(values.size(), true);
  if (!memory_) {
    done.assign(values.size(), options.when != PutWhen::kPresent);
    co_return done;
  }
  std::vector<const CacheKey*> order;
  order.reserve(values.size());
  for (const auto& [key, value] : values) order.push_back(&key);
  std::sort(order.begin(), order.end(),
            [](const CacheKey* a, const CacheKey* b) { return KeyLock::Before(*a, *b); });
  std::vector<KeyLock::Turn> turns;
  turns.reserve(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && *order[i] == *order[i - 1]) continue;
    turns.push_back(co_await locks_.Lock(*order[i]));
  }

  if (!values.empty() && Shared(values[0].first)) {
    co_await parts_.l2->LearnStamps(options.tags);
  }
  std::vector<std::shared_ptr<Entry>> entries;
  std::vector<StorePut> puts;
  std::vector<std::size_t> put_of;  // Which value each put is of.
  std::vector<std::string> gone;    // To be erased in the second level instead.
  for (std::size_t i = 0; i < values.size(); ++i) {
    const CacheKey& key = values[i].first;
    auto entry = NewEntry(key, std::move(values[i].second), options);
    const bool over = entry->fresh_until <= entry->created;
    const bool shared = Shared(key) && Writes();
    if (shared) MarkShared(*entry, 0);
    if (shared && !over) {
      if (auto put = Sealed(key, *entry)) {
        put->when = options.when;
        puts.push_back(*std::move(put));
        put_of.push_back(i);
      } else {
        gone.push_back(key.text());
        entry->shared = false;
      }
    } else if (shared) {
      gone.push_back(key.text());
    }
    tally_.Count<&KindStats::sets>();
    if (over) {
      flights_.Overtake(key, [&] { memory_->Erase(key); });
    } else if (options.when == PutWhen::kAlways) {
      flights_.Overtake(key, [&] { Keep(key, *entry); });
    } else if (!shared) {
      const CacheTime now = parts_.clock();
      done[i] = flights_.Overtake(key, [&] {
        const auto old = memory_->Peek(key, now);
        const bool there = old && old->value && now < old->stale_until &&
                           !parts_.stamps.Gone(old->tags, old->created);
        if (there != (options.when == PutWhen::kPresent)) return false;
        Keep(key, *entry);
        return true;
      });
    }
    entries.push_back(std::move(entry));
  }

  if (!gone.empty()) {
    const auto erased = co_await parts_.l2->Erase(std::move(gone));
    if (!erased) CountStoreError(erased.error());
  }
  if (!puts.empty()) {
    tally_.Count<&KindStats::l2_writes>(puts.size());
    const auto stored = co_await parts_.l2->Put(std::move(puts));
    if (!stored) CountStoreError(stored.error());
    for (std::size_t p = 0; p < put_of.size(); ++p) {
      const std::size_t i = put_of[p];
      const CacheKey& key = values[i].first;
      Entry& entry = *entries[i];
      if (stored) {
        done[i] = (*stored)[p].has_value();
        entry.fence = (*stored)[p].value_or(0);
      } else if (options.when != PutWhen::kAlways) {
        // Out of reach: memory decides.
        const auto old = memory_->Peek(key, parts_.clock());
        done[i] = (old && old->value) == (options.when == PutWhen::kPresent);
      }
      if (!done[i]) continue;
      flights_.Overtake(key, [&] { Keep(key, entry); });
    }
  }
  TellEvictions();
  if (parts_.events.Wanted(CacheEventType::kSet)) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      CacheEvent event(CacheEventType::kSet, policy_.name, values[i].first.text());
      event.result = done[i] ? "ok" : "refused";
      parts_.events.Tell(event);
    }
  }
  co_return done;
}

Task<bool> KindCache::Erase(CacheKey key) {
  std::vector<CacheKey> one(1, std::move(key));
  co_return co_await EraseMany(std::move(one)) > 0;
}

Task<std::size_t> KindCache::EraseMany(std::vector<CacheKey> keys) {
  if (!memory_) co_return 0;
  std::sort(keys.begin(), keys.end(), KeyLock::Before);
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::vector<KeyLock::Turn> turns;
  turns.reserve(keys.size());
  for (const CacheKey& key : keys) turns.push_back(co_await locks_.Lock(key));

  std::size_t in_memory = 0, there = 0;
  std::vector<std::string> texts;
  for (const CacheKey& key : keys) {
    if (Drop(key)) ++in_memory;
    if (Shared(key) && Writes()) texts.push_back(key.text());
  }
  there = in_memory;
  if (!texts.empty()) {
    const auto erased = co_await parts_.l2->Erase(std::move(texts));
    if (!erased) {
      CountStoreError(erased.error());
    } else {
      there = std::max(in_memory, *erased);
    }
    // What was read there meanwhile is old.
    for (const CacheKey& key : keys) Drop(key);
  }
  tally_.Count<&KindStats::deletes>(there);
  if (parts_.events.Wanted(CacheEventType::kDelete)) {
    for (const CacheKey& key : keys) {
      parts_.events.Tell(CacheEvent(CacheEventType::kDelete, policy_.name, key.text()));
    }
  }
  co_return there;
}

bool KindCache::Drop(const CacheKey& key) {
  if (!memory_) return false;
  return flights_.Overtake(key, [&] { return memory_->Erase(key); });
}

std::size_t KindCache::DropAll() {
  if (!memory_) return 0;
  flights_.DetachAll();
  return memory_->Clear();
}

bool KindCache::Retag(const CacheKey& key, const Tag& tag, bool add) {
  if (!memory_) return false;
  return flights_.Disturb(key, [&] {
    const auto old = memory_->Peek(key, parts_.clock());
    if (!old || !old->value) return false;
    Entry entry = *old;
    std::erase(entry.tags, tag);
    if (add) entry.tags.push_back(tag);
    memory_->Set(key, std::move(entry));
    return true;
  });
}

void KindCache::Changed(const CacheKey& key) {
  if (!memory_) return;
  flights_.Disturb(key, [&] {
    // What it says of failures is this process's own.
    const auto entry = memory_->Peek(key, parts_.clock());
    if (entry && entry->shared) memory_->Erase(key);
  });
}

Task<bool> KindCache::Contains(CacheKey key) {
  const auto info = co_await Info(std::move(key));
  co_return info && !info->negative && info->state != EntryState::kExpired;
}

Task<std::optional<EntryInfo>> KindCache::Info(CacheKey key) {
  if (!memory_) co_return std::nullopt;
  CacheTime now = parts_.clock();
  const auto kept = memory_->Peek(key, now);
  const std::uint64_t hits = kept ? kept->hits() : 0;
  Seen seen = Judge(key, kept, now);
  CacheLevel level = CacheLevel::kL1;
  std::size_t bytes = seen.entry ? seen.entry->cost : 0;
  if ((seen.state == State::kNone || seen.state == State::kUnsure) && Shared(key)) {
    std::vector<std::string> asked(1, key.text());
    auto got = co_await parts_.l2->Get(std::move(asked));
    if (!got) {
      CountStoreError(got.error());
    } else {
      seen.entry = nullptr;
      if ((*got)[0]) {
        bytes = (*got)[0]->size();
        Read read = co_await ReadStored(key, *std::move((*got)[0]));
        seen.entry = std::move(read.entry);
        level = CacheLevel::kL2;
      }
    }
    now = parts_.clock();
  }
  if (!seen.entry) co_return std::nullopt;
  const Entry& entry = *seen.entry;
  EntryInfo info;
  info.key = key.text();
  info.created = entry.created;
  info.fresh_until = entry.fresh_until;
  info.stale_until = entry.stale_until;
  info.expires = entry.expires;
  info.age = AgeOf(entry, now);
  info.ttl = std::chrono::duration_cast<std::chrono::seconds>(
      std::max(entry.fresh_until - now, CacheTime::duration::zero()));
  info.state = now < entry.fresh_until                               ? EntryState::kFresh
               : now < std::max(entry.stale_until, entry.hold_until) ? EntryState::kStale
                                                                     : EntryState::kExpired;
  info.negative = entry.failure != nullptr;
  info.bytes = bytes;
  info.compressed = entry.compressed;
  info.hits = hits;
  info.level = level;
  info.tags = entry.tags;
  info.fence = entry.fence;
  co_return info;
}

Task<std::vector<std::optional<KindCache::Found>>> KindCache::GetMany(std::vector<CacheKey> keys) {
  std::vector<std::optional<Found>> answers(keys.size());
  if (!memory_ || parts_.mode == CacheMode::kObserve) co_return answers;
  CacheTime now = parts_.clock();
  std::vector<std::size_t> missing;
  std::vector<std::string> asked;
  std::vector<std::uint64_t> versions;
  const auto show = [&](std::size_t i, const EntryPtr& entry, CacheLevel level) {
    const bool stale = now >= entry->fresh_until;
    TellLookup(keys[i], entry->failure ? "negative" : stale ? "stale" : "hit", level);
    auto shown = Show(entry, level, stale, now);
    if (shown) answers[i].emplace(*std::move(shown));
  };
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Seen seen = Look(keys[i], now);
    if (seen.state != State::kNone && seen.state != State::kUnsure && seen.state != State::kOld) {
      CountHit(keys[i], *seen.entry);
      show(i, seen.entry, CacheLevel::kL1);
    } else if (Shared(keys[i])) {
      missing.push_back(i);
      asked.push_back(keys[i].text());
      versions.push_back(flights_.Version(keys[i]));
    } else {
      CountSlow(keys[i], &KindStats::misses);
      TellLookup(keys[i], "miss", CacheLevel::kLoaded);
    }
  }
  if (missing.empty()) co_return answers;
  auto got = co_await parts_.l2->Get(std::move(asked));
  if (!got) CountStoreError(got.error());
  for (std::size_t m = 0; m < missing.size(); ++m) {
    const std::size_t i = missing[m];
    EntryPtr entry;
    if (got && (*got)[m]) {
      Read read = co_await ReadStored(keys[i], *std::move((*got)[m]));
      if (read.entry) {
        flights_.IfUndisturbed(keys[i], versions[m], [&] { Keep(keys[i], *read.entry); });
        TellEvictions();
        entry = std::move(read.entry);
      }
    }
    now = parts_.clock();
    if (entry && now < entry->stale_until) {
      CountSlow(keys[i], &KindStats::l2_hits);
      show(i, entry, CacheLevel::kL2);
    } else {
      CountSlow(keys[i], &KindStats::misses);
      TellLookup(keys[i], "miss", CacheLevel::kLoaded);
    }
  }
  co_return answers;
}

Task<Result<KindCache::Found>> KindCache::Update(CacheKey key, Change change,
                                                 WriteOptions options) {
  if (!memory_) {
    auto made = change(nullptr);
    if (!made) co_return Fail(std::move(made.error()));
    co_return Found(std::move(made->data), std::chrono::seconds(0), CacheLevel::kLoaded);
  }
  const auto turn = co_await locks_.Lock(key);
  if (Shared(key) && Writes()) co_return co_await UpdateShared(key, change, options);
  const CacheTime now = parts_.clock();
  const Seen seen = Look(key, now);
  const bool usable = seen.entry && seen.entry->value && now < seen.entry->stale_until;
  auto made = change(usable ? seen.entry->value.get() : nullptr);
  if (!made) co_return Fail(std::move(made.error()));
  EntryPtr entry = NewEntry(key, *std::move(made), options);
  tally_.Count<&KindStats::sets>();
  flights_.Overtake(key, [&] { Keep(key, *entry); });
  TellEvictions();
  co_return Found(entry->value, std::chrono::seconds(0), CacheLevel::kL1);
}

KindStats KindCache::Stats() const {
  KindStats stats = tally_.Read();
  stats.kind = policy_.name;
  const auto& flights = flights_.counters();
  stats.flights_started = flights.started;
  stats.flights_joined = flights.joined;
  stats.flights_cancelled = flights.cancelled;
  stats.flights_failed = flights.failed;
  stats.flights_active = flights.active;
  stats.shard_waits = flights.waits;
  for (std::size_t i = 0; i < load_failures_.size(); ++i) {
    stats.load_failures[i] = load_failures_[i].load(std::memory_order_relaxed);
  }
  if (memory_) {
    stats.shard_waits += memory_->waits();
    stats.evictions = memory_->evictions();
    stats.expirations = memory_->expired();
    stats.max_entries = memory_->limits().entries;
    stats.max_bytes = memory_->limits().bytes;
    stats.entries = memory_->entries();
    stats.bytes = memory_->bytes();
  }
  return stats;
}

}  // namespace spa
