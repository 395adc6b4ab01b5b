#include "cache/disk_store.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>

namespace spa {
namespace {

using std::chrono::milliseconds;

constexpr int kMostWaiting = 10'000;
constexpr milliseconds kLookEvery{250};

// Tells the gate that a call which ended without an answer told nothing.
struct Passage {
  explicit Passage(HealthGate& gate) : gate(gate) {}
  Passage(const Passage&) = delete;
  ~Passage() {
    if (!told) gate.Abandoned();
  }
  HealthGate& gate;
  bool told = false;
};

struct Count {
  explicit Count(int& count) : count(count) { ++count; }
  Count(const Count&) = delete;
  ~Count() { --count; }
  int& count;
};

}  // namespace

DiskStore::DiskStore(asio::any_io_executor executor, std::string path, StoreOptions options)
    : executor_(executor),
      path_(std::move(path)),
      options_(std::move(options)),
      gate_("disk:" + path_, options_.clock),
      file_(path_, options_.name_space, options_.max_bytes, options_.timeout),
      next_look_(executor),
      listened_(executor) {}

DiskStore::~DiskStore() { thread_.join(); }

Task<Status> DiskStore::Run(Work work) {
  if (!open_) co_return Fail(ErrorCode::kUnreachable, fmt::format("the cache {} is closed", path_));
  if (waiting_ >= kMostWaiting) {
    co_return Fail(ErrorCode::kUnreachable, fmt::format("the cache {} is behind", path_));
  }
  if (!gate_.Allow()) {
    co_return Fail(ErrorCode::kUnreachable, fmt::format("the cache {} is not used for a while: {}",
                                                        path_, gate_.Snapshot().last_error));
  }
  Passage passage(gate_);
  const Count waiting(waiting_);
  std::chrono::microseconds took{0};
  auto job = [this, &work, &took] {
    const auto start = std::chrono::steady_clock::now();
    Status status = work(file_);
    took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                                 start);
    return status;
  };
  Status status = co_await RunOn(thread_.get_executor(), std::move(job));
  ++operations_;
  passage.told = true;
  if (status) {
    gate_.Succeeded(took);
  } else {
    ++errors_;
    gate_.Failed(status.error().message);
  }
  co_return status;
}

template <class R>
Task<Result<R>> DiskStore::Do(std::function<Result<R>(DiskFile&)> work) {
  std::optional<R> value;
  Work run = [&value, &work](DiskFile& file) -> Status {
    auto result = work(file);
    if (!result) return Fail(result.error());
    value.emplace(*std::move(result));
    return {};
  };
  Status status = co_await Run(std::move(run));
  if (!status) co_return Fail(std::move(status.error()));
  co_return *std::move(value);
}

// --- Life
// -----------------------------------------------------------------------------------------

Task<Status> DiskStore::Open() {
  if (open_) co_return Status();
  auto job = [this] { return file_.Open(); };
  Status opened = co_await RunOn(thread_.get_executor(), std::move(job));
  if (!opened) {
    gate_.Failed(opened.error().message);
    co_return opened;
  }
  open_ = watching_ = listening_ = true;
  listened_.expires_at(asio::steady_timer::time_point::max());
  asio::co_spawn(executor_, Listen(), [this](std::exception_ptr) {
    listening_ = watching_ = false;
    listened_.cancel();
  });
  co_return opened;
}

Task<void> DiskStore::Close() {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  if (!open_) co_return;
  open_ = false;
  next_look_.cancel();
  boost::system::error_code woken;
  while (listening_)
    co_await listened_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  auto job = [this] { file_.Close(); };  // Behind all that waits.
  co_await RunOn(thread_.get_executor(), std::move(job));
}

Task<void> DiskStore::Listen() {
  boost::system::error_code woken;
  bool lost = false;
  while (open_) {
    next_look_.expires_after(kLookEvery);
    co_await next_look_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (!open_) break;
    auto job = [this] { return file_.Changes(); };
    auto change = co_await RunOn(thread_.get_executor(), std::move(job));
    watching_ = change.has_value();
    if (change && std::exchange(lost, false)) change->everything = true;
    lost = lost || !change;
    if (change && open_ && listener_ && (change->everything || !change->keys.empty())) {
      listener_(*change);
    }
  }
}

void DiskStore::Watch(std::function<void(const StoreChange&)> listener) {
  listener_ = std::move(listener);
}

// --- Operations: each is one call of DiskFile
// -----------------------------------------------------

Task<Result<std::vector<std::optional<std::string>>>> DiskStore::Get(
    std::vector<std::string> keys) {
  return Do<std::vector<std::optional<std::string>>>(
      [keys = std::move(keys), now = options_.clock()](DiskFile& file) {
        return file.Get(keys, now);
      });
}

Task<Result<std::vector<StoredFence>>> DiskStore::Put(std::vector<StorePut> puts) {
  return Do<std::vector<StoredFence>>([puts = std::move(puts), now = options_.clock()](
                                          DiskFile& file) mutable { return file.Put(puts, now); });
}

Task<Result<std::size_t>> DiskStore::Erase(std::vector<std::string> keys) {
  return Do<std::size_t>([keys = std::move(keys), now = options_.clock()](DiskFile& file) {
    return file.Erase(keys, now);
  });
}

Task<Result<Acquired>> DiskStore::Acquire(std::string key, milliseconds length) {
  return Do<Acquired>([key = std::move(key), length, now = options_.clock()](DiskFile& file) {
    return file.Acquire(key, length, now);
  });
}

Task<Result<bool>> DiskStore::Renew(Lease lease, milliseconds length) {
  return Do<bool>([lease = std::move(lease), length, now = options_.clock()](DiskFile& file) {
    return file.Renew(lease, length, now);
  });
}

Task<Result<bool>> DiskStore::Fill(Lease lease, StorePut put) {
  return Do<bool>([lease = std::move(lease), put = std::move(put), now = options_.clock()](
                      DiskFile& file) mutable { return file.Fill(lease, put, now); });
}

Task<Result<void>> DiskStore::Release(Lease lease) {
  return Run([lease = std::move(lease)](DiskFile& file) { return file.Release(lease); });
}

Task<Result<ScanPage>> DiskStore::Scan(Glob glob, std::string cursor) {
  return Do<ScanPage>([glob = std::move(glob), cursor = std::move(cursor), now = options_.clock()](
                          DiskFile& file) { return file.Scan(glob, cursor, now); });
}

Task<Result<std::vector<std::string>>> DiskStore::Tagged(Tag tag) {
  return Do<std::vector<std::string>>(
      [tag = std::move(tag)](DiskFile& file) { return file.Tagged(tag); });
}

Task<Result<void>> DiskStore::Untag(Tag tag, std::vector<std::string> keys) {
  return Run([tag = std::move(tag), keys = std::move(keys)](DiskFile& file) {
    return file.Untag(tag, keys);
  });
}

Task<Result<void>> DiskStore::Stamp(Tag tag, CacheTime at) {
  return Run([tag = std::move(tag), at](DiskFile& file) { return file.Stamp(tag, at); });
}

Task<Result<std::vector<CacheTime>>> DiskStore::Stamps(std::vector<Tag> tags) {
  return Do<std::vector<CacheTime>>(
      [tags = std::move(tags)](DiskFile& file) { return file.Stamps(tags); });
}

// Slice by slice, so that others get their turn in between.
Task<Result<std::size_t>> DiskStore::Cleanup() {
  std::size_t dropped = 0;
  for (;;) {
    std::function<Result<std::size_t>(DiskFile&)> slice = [now = options_.clock()](DiskFile& file) {
      return file.Cleanup(now);
    };
    auto some = co_await Do<std::size_t>(std::move(slice));
    if (!some) co_return some;
    dropped += *some;
    if (*some == 0) co_return dropped;
  }
}

Task<Result<void>> DiskStore::Clear() {
  return Run([](DiskFile& file) { return file.Clear(); });
}

Task<Result<void>> DiskStore::AddCounters(std::map<std::string, std::int64_t> more) {
  return Run([more = std::move(more)](DiskFile& file) { return file.AddCounters(more); });
}

Task<Result<std::map<std::string, std::int64_t>>> DiskStore::Counters() {
  return Do<std::map<std::string, std::int64_t>>([](DiskFile& file) { return file.Counters(); });
}

Task<Result<void>> DiskStore::ResetCounters() {
  return Run([](DiskFile& file) { return file.ResetCounters(); });
}

// Answers even while the gate is open: it is then that somebody asks.
Task<Result<StoreInfo>> DiskStore::Info() {
  StoreInfo info;
  if (open_) {
    auto job = [this, now = options_.clock()] { return file_.Info(now); };
    auto found = co_await RunOn(thread_.get_executor(), std::move(job));
    if (found) info = *std::move(found);
  }
  info.kind = "disk";
  info.place = "disk:" + path_;
  if (info.nodes.empty()) info.nodes.emplace_back().name = path_;
  StoreNode& node = info.nodes.front();
  node.health = gate_.Snapshot();
  node.up = open_;
  node.operations = operations_;
  node.errors = errors_;
  co_return info;
}

}  // namespace spa
