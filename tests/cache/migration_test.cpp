#include "cache/migration.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "cache/cache_key.h"
#include "cache/disk_store.h"
#include "cache/envelope.h"
#include "core/digest.h"
#include "core/encoding.h"
#include "tests/cache/cache_testing.h"
#include "tests/cache/store_contract.h"

namespace spa::testing {
namespace {

using std::chrono::seconds;

struct Fixture {
  std::string folder =
      (std::filesystem::temp_directory_path() / ("spa-move-" + NewGuid())).string();
  asio::io_context io;
  DiskStore from{io.get_executor(), folder + "/from.db"};
  DiskStore to{io.get_executor(), folder + "/to.db"};
  CacheTime expires = std::chrono::floor<seconds>(std::chrono::system_clock::now()) + seconds(3600);

  ~Fixture() { std::filesystem::remove_all(folder); }

  void Run(std::function<Task<void>(Fixture&)> body) {
    Await(io, [&]() -> Task<void> {
      std::exception_ptr failure;
      CHECK_AWAITED(co_await from.Open());
      CHECK_AWAITED(co_await to.Open());
      try {
        co_await body(*this);
      } catch (...) {
        failure = std::current_exception();
      }
      co_await from.Close();
      co_await to.Close();
      if (failure) std::rethrow_exception(failure);
    });
  }

  StorePut Entry(std::string key, std::string payload, const SealOptions& seal = {}) {
    Envelope envelope;
    envelope.created = expires - seconds(7200);
    envelope.fresh_until = envelope.stale_until = envelope.error_until = expires;
    envelope.tags = {{"site", "hr"}};
    envelope.payload = std::move(payload);
    StorePut put;
    put.envelope = Seal(envelope, key, seal);
    put.key = std::move(key);
    put.expires = expires;
    put.tags = envelope.tags;
    return put;
  }

  // 1500 groups, so that there are several pages.
  Task<void> Fill(Store& store) {
    for (int i = 0; i < 1500; i += 500) {
      std::vector<StorePut> puts;
      for (int n = i; n < i + 500; ++n) {
        puts.push_back(Entry(Group(n), std::string(static_cast<std::size_t>(n), 'x')));
      }
      auto stored = co_await store.Put(std::move(puts));
      REQUIRE(stored);
    }
  }

  Task<void> Put(Store& store, StorePut put) {
    std::vector<StorePut> puts;
    puts.push_back(std::move(put));
    auto stored = co_await store.Put(std::move(puts));
    REQUIRE(stored);
  }

  static std::string Group(int n) {
    return CacheKey(CacheKind::kGroupMembers, "g" + std::to_string(n)).text();
  }
};

std::string Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_CASE("What is migrated is consistent and lives no longer", "[cache][migration][S1-31]") {
  Fixture f;
  f.Run([](Fixture& f) -> Task<void> {
    co_await f.Fill(f.from);
    // Nobody should have put it there; it goes no further.
    co_await f.Put(f.from, f.Entry(CacheKey(CacheKind::kAccessToken, "t").text(), "secret"));

    const auto moved = co_await Migrate(f.from, f.to, Glob("*"));

    REQUIRE(moved);
    CHECK(moved->entries == 1500);
    CHECK(moved->skipped == 1);
    const auto report = co_await Validate(f.from, f.to);
    REQUIRE(report);
    CHECK(report->is_consistent);
    const Tag hr("site", "hr");
    const auto tagged = co_await f.to.Tagged(hr);
    CHECK(tagged.value().size() == 1500);
  });
}

TEST_CASE("A migration takes what its glob matches", "[cache][migration][S1-31]") {
  Fixture f;
  f.Run([](Fixture& f) -> Task<void> {
    co_await f.Fill(f.from);

    const auto moved = co_await Migrate(f.from, f.to, Glob("*:group_members:*:g14*"));

    CHECK(moved.value().entries == 111);  // 14, 140 to 149, 1400 to 1499
    const auto report = co_await Validate(f.from, f.to);
    REQUIRE(report);
    CHECK_FALSE(report->is_consistent);
    CHECK_FALSE(report->key_count_match);
    CHECK(report->value_mismatches.size() == 1389);
  });
}

TEST_CASE("Validation names what differs and nothing else", "[cache][migration][S1-30][S1-32]") {
  Fixture f;
  f.Run([](Fixture& f) -> Task<void> {
    co_await f.Fill(f.from);
    const auto moved = co_await Migrate(f.from, f.to, Glob("*"));
    REQUIRE(moved);
    co_await f.Put(f.to, f.Entry(Fixture::Group(1), "y"));  // Another value.
    SealOptions never;
    never.compress_from = 1'000'000;  // Another flag.
    co_await f.Put(f.to, f.Entry(Fixture::Group(1200), std::string(1200, 'x'), never));
    f.expires += seconds(60);  // Another deadline.
    StorePut later = f.Entry(Fixture::Group(3), "xxx");
    Envelope envelope = OpenEnvelope(later.envelope, later.key, {}).envelope.value();
    envelope.created -= seconds(60);
    later.envelope = Seal(envelope, later.key, {});
    co_await f.Put(f.to, std::move(later));

    const auto report = co_await Validate(f.from, f.to);

    REQUIRE(report);
    CHECK_FALSE(report->is_consistent);
    CHECK(report->key_count_match);
    CHECK(report->value_mismatches == std::vector<std::string>{Fixture::Group(1)});
    CHECK(report->metadata_mismatches == std::vector<std::string>{Fixture::Group(1200)});
    REQUIRE(report->ttl_mismatches.size() == 1);
    CHECK(report->ttl_mismatches[0].key == Fixture::Group(3));
    CHECK(report->ttl_mismatches[0].to - report->ttl_mismatches[0].from == seconds(60));
  });
}

TEST_CASE("A backup holds everything but what must stay in memory",
          "[cache][migration][S1-33][security]") {
  Fixture f;
  f.Run([](Fixture& f) -> Task<void> {
    co_await f.Fill(f.from);
    co_await f.Put(f.from, f.Entry(CacheKey(CacheKind::kAccessToken, "t").text(), "secret"));
    const std::string path = f.folder + "/cache.backup";

    const auto backup = co_await Backup(f.from, path);

    REQUIRE(backup);
    CHECK(backup->path == path);
    CHECK(backup->entries == 1500);
    const std::string bytes = Read(path);
    CHECK(backup->bytes == bytes.size());
    Sha256 digest;
    digest.Add(bytes);
    CHECK(backup->sha256 == digest.Hex());
    CHECK(bytes.find("secret") == std::string::npos);
    CHECK(bytes.find("access_token") == std::string::npos);
    struct stat found {};
    REQUIRE(::stat(path.c_str(), &found) == 0);
    CHECK((found.st_mode & 0777U) == 0600);
    for (const auto& file : std::filesystem::directory_iterator(f.folder)) {
      const std::string name = file.path().filename().string();
      CHECK((name == "cache.backup" || !name.starts_with("cache.backup")));
    }
  });
}

TEST_CASE("A restored store is what was backed up", "[cache][migration][S1-34]") {
  Fixture f;
  f.Run([](Fixture& f) -> Task<void> {
    co_await f.Fill(f.from);
    const std::string path = f.folder + "/cache.backup";
    const auto backup = co_await Backup(f.from, path);
    REQUIRE(backup);

    const auto restored = co_await Restore(path, f.to);

    REQUIRE(restored);
    CHECK(restored->entries == 1500);
    CHECK(restored->skipped == 0);
    const auto report = co_await Validate(f.from, f.to);
    CHECK(report.value().is_consistent);
  });
}

TEST_CASE("A restore skips what has expired meanwhile", "[cache][migration][S1-34]") {
  Fixture f;
  f.Run([](Fixture& f) -> Task<void> {
    co_await f.Put(f.from, f.Entry(Fixture::Group(1), "x"));
    f.expires += seconds(3600);
    co_await f.Put(f.from, f.Entry(Fixture::Group(2), "x"));
    const std::string path = f.folder + "/cache.backup";
    const auto backup = co_await Backup(f.from, path);
    REQUIRE(backup);

    const auto restored = co_await Restore(path, f.to, f.expires - seconds(1800));

    REQUIRE(restored);
    CHECK(restored->entries == 1);
    CHECK(restored->skipped == 1);
  });
}

TEST_CASE("A damaged backup is refused before anything is written", "[cache][migration][S1-34]") {
  Fixture f;
  f.Run([](Fixture& f) -> Task<void> {
    co_await f.Fill(f.from);
    const std::string path = f.folder + "/cache.backup";
    const auto backup = co_await Backup(f.from, path);
    REQUIRE(backup);
    const std::string whole = Read(path);
    std::string flipped = whole;
    flipped[whole.size() / 2] ^= 1;
    std::vector<std::string> all{flipped, whole.substr(0, whole.size() - 1), whole.substr(1)};
    all.insert(all.end(), {whole + "x", "", "no backup at all"});
    for (const std::string& broken : all) {
      std::ofstream(path, std::ios::binary) << broken;

      const auto restored = co_await Restore(path, f.to);

      REQUIRE_FALSE(restored);
      CHECK(restored.error().code == ErrorCode::kMalformed);
      const auto page = co_await f.to.Scan(Glob("*"), "");
      CHECK(page.value().keys.empty());
    }
    const auto missing = co_await Restore(f.folder + "/none", f.to);
    CHECK(missing.error().code == ErrorCode::kStorage);
    const auto nowhere = co_await Backup(f.from, f.folder + "/none/x");
    CHECK(nowhere.error().code == ErrorCode::kStorage);
  });
}

}  // namespace
}  // namespace spa::testing
