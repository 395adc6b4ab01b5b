#include "tests/cache/store_contract.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "cache/envelope.h"
#include "core/async/task_group.h"
#include "core/encoding.h"
#include "tests/cache/cache_testing.h"

namespace spa::testing::contract {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Fixture {
  explicit Fixture(MakePlace make) : place(make()) {}
  asio::io_context io;
  StorePlace place;
  std::unique_ptr<Store> a, b;  // Two processes, as it were.

  std::unique_ptr<Store> Make(std::string name_space = {}) {
    StoreOptions options;
    options.name_space = std::move(name_space);
    options.timeout = seconds(10);  // The machine may be busy; nothing here is about that.
    return place.make(io.get_executor(), options);
  }
  Task<void> Wait(milliseconds length) {
    asio::steady_timer timer(io, length);
    co_await timer.async_wait(asio::use_awaitable);
  }
};

// Opens two stores on a fresh place, runs the body, closes them.
void Run(MakePlace make, std::function<Task<void>(Fixture&)> body) {
  Fixture f(make);
  f.a = f.Make();
  f.b = f.Make();
  Await(f.io, [&]() -> Task<void> {
    std::exception_ptr failure;
    const Status a = co_await f.a->Open();
    const Status b = co_await f.b->Open();
    try {
      REQUIRE(a);
      REQUIRE(b);
      co_await body(f);
    } catch (...) {
      failure = std::current_exception();
    }
    co_await f.a->Close();
    co_await f.b->Close();
    if (failure) std::rethrow_exception(failure);
  });
}

std::string Key(std::string_view id) { return "sharepoint_audit:unnamed:1:" + std::string(id); }

// By a function: g++ 12 stumbles over a list of strings in an expression that awaits.
template <class... Ids>
std::set<std::string> Keys(Ids... ids) {
  return {Key(ids)...};
}

StorePut Entry(std::string key, std::string payload, CacheTime expires = {}) {
  const CacheTime now = std::chrono::system_clock::now();
  if (expires == CacheTime{}) expires = now + seconds(3600);
  Envelope envelope;
  envelope.created = std::min(now, expires);
  envelope.fresh_until = envelope.stale_until = envelope.error_until = expires;
  envelope.payload = std::move(payload);
  StorePut put;
  put.envelope = Seal(envelope, key, {});
  put.key = std::move(key);
  put.expires = expires;
  return put;
}

StorePut Entry(std::string key, std::string payload, PutWhen when, std::uint64_t fence = 0) {
  StorePut put = Entry(std::move(key), std::move(payload));
  put.when = when;
  put.fence = fence;
  return put;
}

Task<StoredFence> Put(Store& store, StorePut put) {
  std::vector<StorePut> puts;
  puts.push_back(std::move(put));
  auto fences = co_await store.Put(std::move(puts));
  REQUIRE(fences);
  REQUIRE(fences->size() == 1);
  co_return fences->front();
}

Task<std::size_t> Erase(Store& store, std::string key) {
  std::vector<std::string> keys{std::move(key)};
  auto erased = co_await store.Erase(std::move(keys));
  REQUIRE(erased);
  co_return *erased;
}

// The envelope under a key; none: nothing.
Task<std::optional<Envelope>> Get(Store& store, std::string key) {
  std::vector<std::string> keys{key};
  auto found = co_await store.Get(std::move(keys));
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  if (!found->front()) co_return std::nullopt;
  auto opened = OpenEnvelope(*found->front(), key, {});
  REQUIRE(opened.envelope);
  co_return std::move(opened.envelope);
}

Task<Acquired> Acquire(Store& store, std::string key, milliseconds length = seconds(60)) {
  auto acquired = co_await store.Acquire(std::move(key), length);
  REQUIRE(acquired);
  const int answers = (acquired->envelope ? 1 : 0) + (acquired->lease ? 1 : 0) +
                      (acquired->retry_after.count() > 0 ? 1 : 0);
  REQUIRE(answers == 1);
  co_return *std::move(acquired);
}

Task<bool> Fill(Store& store, Lease lease, std::string payload) {
  StorePut put = Entry(lease.key, std::move(payload));
  auto filled = co_await store.Fill(std::move(lease), std::move(put));
  REQUIRE(filled);
  co_return *filled;
}

Task<std::set<std::string>> ScanAll(Store& store, std::string pattern) {
  std::set<std::string> keys;
  std::string cursor;
  do {
    auto page = co_await store.Scan(Glob(pattern), cursor);
    REQUIRE(page);
    keys.insert(page->keys.begin(), page->keys.end());
    cursor = page->cursor;
  } while (!cursor.empty());
  co_return keys;
}

}  // namespace

void EntriesComeBack(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    std::vector<StorePut> puts;
    puts.push_back(Entry(Key("one"), "1"));
    puts.push_back(Entry(Key("two"), std::string(100'000, '\0') + "2"));
    puts.push_back(Entry(Key("empty"), ""));
    auto fences = co_await f.a->Put(std::move(puts));
    REQUIRE(fences);
    REQUIRE(fences->size() == 3);

    std::vector<std::string> keys{Key("two"), Key("none"), Key("one"), Key("two")};
    auto found = co_await f.b->Get(std::move(keys));

    REQUIRE(found);
    REQUIRE(found->size() == 4);
    CHECK(found->at(0));
    CHECK_FALSE(found->at(1));
    CHECK(found->at(0) == found->at(3));
    CHECK(FenceOf(found->at(2).value()) == fences->at(0));
    CHECK_AWAITED((co_await Get(*f.b, Key("two")))->payload == std::string(100'000, '\0') + "2");
    CHECK_AWAITED((co_await Get(*f.a, Key("empty")))->payload.empty());
    std::vector<std::string> nothing;
    CHECK_AWAITED((co_await f.a->Get(std::move(nothing)))->empty());
  });
}

void FencesGrow(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    std::uint64_t last = 0;
    for (int i = 0; i < 20; ++i) {
      Store& store = i % 2 == 0 ? *f.a : *f.b;
      if (i % 5 == 4) co_await Erase(store, Key("k"));
      const auto fence = co_await Put(store, Entry(Key("k"), std::to_string(i)));
      REQUIRE(fence);
      CHECK(*fence > last);
      last = *fence;
      CHECK_AWAITED((co_await Get(*f.a, Key("k")))->fence == last);
    }
    co_await Erase(*f.a, Key("k"));
    auto acquired = co_await Acquire(*f.b, Key("k"));
    REQUIRE(acquired.lease);
    CHECK(acquired.lease->fence > last);
  });
}

void PutConditions(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    Store& store = *f.a;
    CHECK_AWAITED(!(co_await Put(store, Entry(Key("k"), "0", PutWhen::kPresent))));
    CHECK_AWAITED(!(co_await Put(store, Entry(Key("k"), "0", PutWhen::kFence, 17))));
    CHECK_AWAITED(!(co_await Get(store, Key("k"))));
    CHECK_AWAITED(co_await Put(store, Entry(Key("k"), "1", PutWhen::kAbsent)));
    CHECK_AWAITED(!(co_await Put(*f.b, Entry(Key("k"), "2", PutWhen::kAbsent))));
    CHECK_AWAITED(!(co_await Put(*f.b, Entry(Key("k"), "2", PutWhen::kFence, 0))));
    const auto fence = co_await Put(store, Entry(Key("k"), "3", PutWhen::kPresent));
    CHECK_AWAITED(co_await Put(*f.b, Entry(Key("k"), "4", PutWhen::kFence, fence.value())));
    CHECK_AWAITED(!(co_await Put(store, Entry(Key("k"), "5", PutWhen::kFence, fence.value()))));
    CHECK_AWAITED((co_await Get(store, Key("k")))->payload == "4");
    CHECK_AWAITED(co_await Put(store, Entry(Key("new"), "1", PutWhen::kFence, 0)));
  });
}

void ExpiredIsGone(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    const auto soon = std::chrono::system_clock::now() + milliseconds(300);
    co_await Put(*f.a, Entry(Key("soon"), "x", soon));
    co_await Put(*f.a, Entry(Key("later"), "x"));
    co_await Put(*f.a, Entry(Key("past"), "x", soon - seconds(100)));

    CHECK_AWAITED(!(co_await Get(*f.b, Key("past"))));
    while (co_await Get(*f.b, Key("soon"))) co_await f.Wait(milliseconds(20));
    CHECK(std::chrono::system_clock::now() >= soon);
    auto keys = co_await ScanAll(*f.b, "*");
    CHECK(keys == Keys("later"));
    CHECK_AWAITED(co_await Erase(*f.a, Key("soon")) == 0);
    CHECK_AWAITED(co_await Put(*f.a, Entry(Key("soon"), "x", PutWhen::kAbsent)));
    CHECK_AWAITED(co_await f.a->Cleanup());
    CHECK_AWAITED(co_await Get(*f.b, Key("later")));
  });
}

void EraseCounts(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    co_await Put(*f.a, Entry(Key("1"), "x"));
    co_await Put(*f.a, Entry(Key("2"), "x"));

    std::vector<std::string> keys{Key("1"), Key("none"), Key("2")};
    auto erased = co_await f.b->Erase(std::move(keys));

    REQUIRE(erased);
    CHECK(*erased == 2);
    CHECK_AWAITED(!(co_await Get(*f.a, Key("1"))));
    CHECK_AWAITED(co_await Erase(*f.a, Key("1")) == 0);
  });
}

void OneLease(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    auto first = co_await Acquire(*f.a, Key("k"));
    REQUIRE(first.lease);
    CHECK(first.lease->key == Key("k"));
    for (Store* store : {f.a.get(), f.b.get()}) {
      auto other = co_await Acquire(*store, Key("k"));
      CHECK_FALSE(other.lease);
      CHECK(other.retry_after > seconds(30));
      CHECK(other.retry_after <= seconds(60));
    }
    CHECK_AWAITED((co_await Acquire(*f.b, Key("another"))).lease);

    const std::uint64_t fence = first.lease->fence;
    CHECK_AWAITED(co_await Fill(*f.a, *first.lease, "loaded"));

    CHECK_AWAITED((co_await Acquire(*f.b, Key("k"))).envelope);
    CHECK_AWAITED((co_await Get(*f.b, Key("k")))->payload == "loaded");
    CHECK_AWAITED((co_await Get(*f.b, Key("k")))->fence == fence);
    CHECK_AWAITED(!(co_await Fill(*f.a, *first.lease, "twice")));
    CHECK_AWAITED((co_await Get(*f.b, Key("k")))->payload == "loaded");
  });
}

void LateFiller(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    auto written_over = co_await Acquire(*f.a, Key("written"));
    co_await Put(*f.b, Entry(Key("written"), "new"));
    CHECK_AWAITED(!(co_await Fill(*f.a, *written_over.lease, "old")));
    CHECK_AWAITED((co_await Get(*f.a, Key("written")))->payload == "new");

    auto erased = co_await Acquire(*f.a, Key("erased"));
    co_await Erase(*f.b, Key("erased"));
    CHECK_AWAITED(!(co_await Fill(*f.a, *erased.lease, "old")));
    CHECK_AWAITED(!(co_await Get(*f.a, Key("erased"))));

    // A lease that was given back does not come alive again by another's.
    auto first = co_await Acquire(*f.a, Key("released"));
    CHECK_AWAITED(co_await f.a->Release(*first.lease));
    auto second = co_await Acquire(*f.b, Key("released"));
    REQUIRE(second.lease);
    CHECK_AWAITED(!(co_await Fill(*f.a, *first.lease, "old")));
    CHECK_AWAITED(co_await f.a->Release(*first.lease));  // Not its own any more: nothing happens.
    CHECK_AWAITED(co_await Fill(*f.b, *second.lease, "new"));
  });
}

void LeaseEnds(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    auto dead = co_await Acquire(*f.a, Key("k"), milliseconds(300));
    REQUIRE(dead.lease);
    auto next = co_await Acquire(*f.b, Key("k"), seconds(60));
    while (!next.lease) {
      CHECK(next.retry_after <= milliseconds(300));
      co_await f.Wait(std::min(next.retry_after, milliseconds(50)));
      next = co_await Acquire(*f.b, Key("k"), seconds(60));
    }
    CHECK(next.lease->fence > dead.lease->fence);
    CHECK_AWAITED(!((co_await f.a->Renew(*dead.lease, seconds(60))).value()));
    CHECK_AWAITED(!(co_await Fill(*f.a, *dead.lease, "old")));
    CHECK_AWAITED(co_await Fill(*f.b, *next.lease, "new"));
    CHECK_AWAITED((co_await Get(*f.a, Key("k")))->payload == "new");
  });
}

void LeaseRenewed(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    auto held = co_await Acquire(*f.a, Key("k"), seconds(2));
    CHECK_AWAITED((co_await f.a->Renew(*held.lease, seconds(60))).value());
    CHECK_AWAITED((co_await Acquire(*f.b, Key("k"))).retry_after > seconds(30));
    CHECK_AWAITED(co_await f.a->Release(*held.lease));
    CHECK_AWAITED((co_await Acquire(*f.b, Key("k"))).lease);
    CHECK_AWAITED(!((co_await f.a->Renew(*held.lease, seconds(60))).value()));
  });
}

void ManyAskForALease(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    int leases = 0;
    auto ask = [&f, &leases](int i) -> Task<void> {
      auto acquired = co_await Acquire(i % 2 == 0 ? *f.a : *f.b, Key("k"));
      leases += acquired.lease ? 1 : 0;
    };
    std::function<Task<void>(TaskGroup&)> all = [&ask](TaskGroup& group) -> Task<void> {
      for (int i = 0; i < 200; ++i) group.Start(ask(i));
      co_return;
    };
    co_await RunGroup(f.io.get_executor(), 0, std::move(all));
    CHECK(leases == 1);
  });
}

void CompareAndSet(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    auto count = [&f](int i) -> Task<void> {
      Store& store = i % 2 == 0 ? *f.a : *f.b;
      for (int done = 0; done < 20;) {
        auto old = co_await Get(store, Key("n"));
        const std::string next = std::to_string(old ? std::stoi(old->payload) + 1 : 1);
        StorePut put = Entry(Key("n"), next, PutWhen::kFence, old ? old->fence : 0);
        if (co_await Put(store, std::move(put))) ++done;
      }
    };
    std::function<Task<void>(TaskGroup&)> all = [&count](TaskGroup& group) -> Task<void> {
      for (int i = 0; i < 16; ++i) group.Start(count(i));
      co_return;
    };
    co_await RunGroup(f.io.get_executor(), 0, std::move(all));
    CHECK_AWAITED((co_await Get(*f.a, Key("n")))->payload == "320");
  });
}

void ScanByGlob(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    std::set<std::string> all, sevens;
    for (int i = 0; i < 2500; i += 500) {
      std::vector<StorePut> puts;
      for (int n = i; n < i + 500; ++n) {
        const std::string key = Key("g" + std::to_string(n));
        all.insert(key);
        if (n % 10 == 7) sevens.insert(key);
        puts.push_back(Entry(key, "x"));
      }
      CHECK_AWAITED(co_await f.a->Put(std::move(puts)));
    }
    co_await Put(*f.a, Entry("sharepoint_audit:user:1:g7", "x"));

    CHECK_AWAITED((co_await ScanAll(*f.b, "sharepoint_audit:unnamed:*")) == all);
    CHECK_AWAITED((co_await ScanAll(*f.b, "*:unnamed:1:g*7")) == sevens);
    CHECK_AWAITED((co_await ScanAll(*f.b, "sharepoint_audit:u[n]named:?:g7")) == Keys("g7"));
    CHECK_AWAITED((co_await ScanAll(*f.b, "*")).size() == 2501);
    CHECK_AWAITED((co_await ScanAll(*f.b, "nothing*")).empty());
  });
}

void TagsAndStamps(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    const Tag hr("site", "hr"), other("site", "it");
    for (const char* id : {"1", "2", "3"}) {
      StorePut put = Entry(Key(id), "x");
      put.tags.push_back(hr);
      co_await Put(*f.a, std::move(put));
    }
    auto tagged = co_await f.b->Tagged(hr);
    REQUIRE(tagged);
    CHECK(std::set<std::string>(tagged->begin(), tagged->end()) == Keys("1", "2", "3"));
    CHECK_AWAITED((co_await f.b->Tagged(other))->empty());

    std::vector<std::string> keys{Key("2")};
    CHECK_AWAITED(co_await f.b->Untag(hr, std::move(keys)));
    CHECK_AWAITED((co_await f.a->Tagged(hr))->size() == 2);

    const CacheTime at(seconds(1'800'000'000));
    CHECK_AWAITED(co_await f.a->Stamp(hr, at));
    CHECK_AWAITED(co_await f.b->Stamp(hr, at - seconds(5)));  // A stamp never goes back.
    std::vector<Tag> tags{other, hr};
    auto stamps = co_await f.b->Stamps(std::move(tags));
    REQUIRE(stamps);
    CHECK(*stamps == std::vector<CacheTime>{CacheTime{}, at});
  });
}

void CountersAdd(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    std::map<std::string, std::int64_t> more{{"item.l1_hits", 5}, {"item.misses", 2}};
    CHECK_AWAITED(co_await f.a->AddCounters(more));
    more = {{"item.l1_hits", 7}};
    CHECK_AWAITED(co_await f.b->AddCounters(more));

    auto counters = co_await f.a->Counters();

    REQUIRE(counters);
    CHECK(counters->at("item.l1_hits") == 12);
    CHECK(counters->at("item.misses") == 2);
    CHECK_AWAITED(co_await f.b->ResetCounters());
    counters = co_await f.a->Counters();
    CHECK(counters.value()["item.l1_hits"] == 0);
  });
}

void ClearIsOwn(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    auto blue = f.Make("blue");
    auto green = f.Make("green");
    CHECK_AWAITED(co_await blue->Open());
    CHECK_AWAITED(co_await green->Open());
    for (Store* store : {f.a.get(), blue.get(), green.get()}) {
      co_await Put(*store, Entry(Key("k"), "x"));
    }
    co_await Put(*green, Entry(Key("only"), "x"));
    CHECK_AWAITED(!(co_await Get(*blue, Key("only"))));
    auto loading = co_await Acquire(*blue, Key("loading"));

    CHECK_AWAITED(co_await blue->Clear());

    CHECK_AWAITED(!(co_await Get(*blue, Key("k"))));
    CHECK_AWAITED(!(co_await Fill(*blue, *loading.lease, "old")));
    CHECK_AWAITED(co_await Get(*f.a, Key("k")));
    CHECK_AWAITED((co_await ScanAll(*green, "*")) == Keys("k", "only"));
    CHECK_AWAITED((co_await ScanAll(*blue, "*")).empty());
    co_await blue->Close();
    co_await green->Close();
  });
}

void HearsOthers(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    std::set<std::string> heard;
    bool everything = false;
    f.a->Watch([&](const StoreChange& change) {
      heard.insert(change.keys.begin(), change.keys.end());
      everything = everything || change.everything;
    });
    REQUIRE(f.a->watching());
    co_await Put(*f.a, Entry(Key("own"), "x"));
    co_await Put(*f.b, Entry(Key("put"), "x"));
    co_await Erase(*f.b, Key("erased"));
    auto acquired = co_await Acquire(*f.b, Key("filled"));
    co_await Fill(*f.b, *acquired.lease, "x");

    while (!heard.contains(Key("filled"))) co_await f.Wait(milliseconds(20));
    CHECK(heard == Keys("put", "erased", "filled"));
    CHECK_FALSE(everything);

    CHECK_AWAITED(co_await f.b->Clear());
    while (!everything) co_await f.Wait(milliseconds(20));
    f.a->Watch({});
  });
}

void TellsOfItself(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    co_await Put(*f.a, Entry(Key("k"), std::string(500, 'x')));
    co_await Get(*f.a, Key("k"));

    auto info = co_await f.a->Info();

    REQUIRE(info);
    CHECK_FALSE(info->kind.empty());
    CHECK_FALSE(info->place.empty());
    CHECK_FALSE(info->version.empty());
    CHECK(info->entries >= 1);
    CHECK(info->bytes > 0);
    REQUIRE_FALSE(info->nodes.empty());
    std::uint64_t operations = 0;
    for (const StoreNode& node : info->nodes) {
      CHECK_FALSE(node.name.empty());
      CHECK(node.health.state == GateState::kClosed);
      operations += node.operations;
    }
    CHECK(operations >= 2);
  });
}

void ClosedAndReopened(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    co_await Put(*f.a, Entry(Key("k"), "x"));
    co_await f.a->Close();
    CHECK_FALSE(f.a->watching());
    std::vector<std::string> keys{Key("k")};
    auto closed = co_await f.a->Get(std::move(keys));
    REQUIRE_FALSE(closed);
    CHECK(closed.error().code == ErrorCode::kUnreachable);

    auto again = f.Make();
    CHECK_AWAITED(co_await again->Open());
    CHECK_AWAITED((co_await Get(*again, Key("k")))->payload == "x");
    co_await again->Close();
  });
}

// --- Other processes
// ------------------------------------------------------------------------------

namespace {

// Runs tests/cache/store_child.cpp. Its output goes to `out`.
pid_t StartChild(std::vector<std::string> words, const std::string& out) {
  static char program[] = SPA_STORE_CHILD;
  std::vector<char*> arguments{program};
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    const int file = ::open(out.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(file, STDOUT_FILENO);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  return pid;
}

int ExitOf(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

std::string Read(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct OutFile {
  std::string path = (std::filesystem::temp_directory_path() / ("spa-child-" + NewGuid())).string();
  ~OutFile() { std::filesystem::remove(path); }
};

}  // namespace

void EightProcessesOneLoad(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    const OutFile out;
    std::vector<pid_t> children;
    for (int i = 0; i < 8; ++i) {
      children.push_back(StartChild({"load", f.place.url, Key("shared"), "1000"}, out.path));
    }
    for (const pid_t child : children) CHECK(ExitOf(child) == 0);

    CHECK(Read(out.path) == "loaded\n");
    CHECK_AWAITED((co_await Get(*f.a, Key("shared")))->payload == "loaded");
  });
}

void FourProcessesCount(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    const OutFile out;
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
      children.push_back(StartChild({"count", f.place.url, Key("n"), "250"}, out.path));
    }
    for (const pid_t child : children) CHECK(ExitOf(child) == 0);

    CHECK_AWAITED((co_await Get(*f.a, Key("n")))->payload == "1000");
  });
}

void HolderKilled(MakePlace make) {
  Run(make, [](Fixture& f) -> Task<void> {
    const OutFile out;
    const pid_t child = StartChild({"hold", f.place.url, Key("k"), "3000"}, out.path);
    while (Read(out.path) != "held\n") co_await f.Wait(milliseconds(10));
    const auto start = std::chrono::steady_clock::now();
    CHECK_AWAITED((co_await Acquire(*f.a, Key("k"))).retry_after.count() > 0);
    ::kill(child, SIGKILL);
    CHECK(ExitOf(child) == 1000 + SIGKILL);

    auto next = co_await Acquire(*f.a, Key("k"));
    while (!next.lease) {
      co_await f.Wait(std::min(next.retry_after, milliseconds(50)));
      next = co_await Acquire(*f.a, Key("k"));
    }

    CHECK(std::chrono::steady_clock::now() - start <= seconds(5));
    CHECK_AWAITED(co_await Fill(*f.a, *next.lease, "loaded"));
  });
}

}  // namespace spa::testing::contract
