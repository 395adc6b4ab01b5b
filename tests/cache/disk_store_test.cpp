#include "cache/disk_store.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "cache/envelope.h"
#include "core/encoding.h"
#include "tests/cache/cache_testing.h"
#include "tests/cache/store_contract.h"

namespace spa::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Folder {
  std::string path = (std::filesystem::temp_directory_path() / ("spa-disk-" + NewGuid())).string();
  ~Folder() { std::filesystem::remove_all(path); }
  std::string File() const { return path + "/cache.db"; }
};

StorePlace MakeDiskPlace() {
  auto folder = std::make_shared<Folder>();
  StorePlace place;
  place.make = [file = folder->File()](asio::any_io_executor executor, StoreOptions options) {
    return std::make_unique<DiskStore>(executor, file, options);
  };
  place.url = "disk:" + folder->File();
  place.keep = folder;
  return place;
}

}  // namespace

SPA_STORE_CONTRACT("disk store", MakeDiskPlace);

namespace {

std::string Key(int n) { return "sharepoint_audit:unnamed:1:" + std::to_string(n); }

// The file itself, without threads or coroutines.
struct Fixture {
  Folder folder;
  CacheTime now{seconds(1'800'000'000)};
  DiskFile Make(std::size_t max_bytes = std::size_t{1} << 30) {
    return DiskFile(folder.File(), "", max_bytes, seconds(5));
  }
  std::vector<StorePut> Puts(int from, int to, std::size_t size, seconds ttl = seconds(3600)) {
    std::vector<StorePut> puts;
    for (int n = from; n < to; ++n) {
      StorePut& put = puts.emplace_back();
      put.key = Key(n);
      put.envelope = std::string(size, 'x');
      put.expires = now + ttl;
    }
    return puts;
  }
  std::size_t There(DiskFile& file, int from, int to) {
    std::vector<std::string> keys;
    for (int n = from; n < to; ++n) keys.push_back(Key(n));
    std::size_t there = 0;
    const auto found = file.Get(keys, now).value();
    for (const auto& envelope : found) there += envelope ? 1 : 0;
    return there;
  }
};

void Write(const std::string& path, std::string_view bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

unsigned ModeOf(const std::string& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 0777U;
}

TEST_CASE("The cache file and its folders are for their owner alone", "[cache][disk][security]") {
  Fixture f;
  DiskFile file(f.folder.path + "/deep/cache.db", "", 1 << 20, seconds(1));

  REQUIRE(file.Open());

  CHECK(ModeOf(f.folder.path) == 0700);
  CHECK(ModeOf(f.folder.path + "/deep") == 0700);
  for (const char* part : {"", "-wal", "-shm"}) {
    CHECK(ModeOf(f.folder.path + "/deep/cache.db" + part) == 0600);
  }
}

TEST_CASE("A file that is not ours is refused and left as it is", "[cache][disk]") {
  Fixture f;
  SECTION("a text") {
    Write(f.folder.File(), "My notes, many of them.\n" + std::string(5000, '.'));
  }
  SECTION("another database") {
    std::filesystem::create_directories(f.folder.path);
    auto db = sqlite::Database::Open(f.folder.File(), sqlite::Database::Mode::kReadWrite).value();
    db->Exec("CREATE TABLE diary (day TEXT); INSERT INTO diary VALUES ('today')");
    REQUIRE(db->Check("writing"));
  }
  const std::string before = Read(f.folder.File());
  DiskFile file = f.Make();

  const Status opened = file.Open();

  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ErrorCode::kStorage);
  CHECK(opened.error().message.find(f.folder.File()) != std::string::npos);
  CHECK(opened.error().message.find("no cache of this program") != std::string::npos);
  CHECK_FALSE(opened.error().remedy.empty());
  CHECK(Read(f.folder.File()) == before);
  CHECK_FALSE(std::filesystem::exists(f.folder.File() + ".corrupt"));
}

TEST_CASE("A file of another version is refused", "[cache][disk]") {
  Fixture f;
  {
    DiskFile file = f.Make();
    REQUIRE(file.Open());
  }
  {
    auto db = sqlite::Database::Open(f.folder.File(), sqlite::Database::Mode::kReadWrite).value();
    db->Exec("PRAGMA user_version = 99");
  }
  DiskFile file = f.Make();

  const Status opened = file.Open();

  REQUIRE_FALSE(opened);
  CHECK(opened.error().message.find("another version") != std::string::npos);
}

TEST_CASE("A place that cannot be written is an error with a remedy", "[cache][disk]") {
  DiskFile file("/proc/spa/cache.db", "", 1 << 20, seconds(1));

  const Status opened = file.Open();

  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ErrorCode::kStorage);
  CHECK_FALSE(opened.error().remedy.empty());
}

TEST_CASE("Our own damaged file is moved aside and begun anew", "[cache][disk][S3-84]") {
  Fixture f;
  {
    DiskFile file = f.Make();
    REQUIRE(file.Open());
    auto puts = f.Puts(0, 200, 3000);
    REQUIRE(file.Put(puts, f.now));
  }
  std::string bytes = Read(f.folder.File());
  SECTION("damaged everywhere but in its first page") {
    std::fill(bytes.begin() + 4096, bytes.end(), '\x5a');
  }
  SECTION("damaged in its schema") { std::fill(bytes.begin() + 100, bytes.end(), '\x5a'); }
  Write(f.folder.File(), bytes);
  DiskFile file = f.Make();

  // Damage shows when it is met: at the opening or at a first read.
  if (file.Open()) file.Get({Key(1)}, f.now);

  CHECK(std::filesystem::exists(f.folder.File() + ".corrupt"));
  auto puts = f.Puts(0, 10, 100);
  REQUIRE(file.Put(puts, f.now));
  CHECK(f.There(file, 0, 10) == 10);
}

TEST_CASE("A file that was replaced is noticed", "[cache][disk]") {
  Fixture f;
  DiskFile file = f.Make();
  REQUIRE(file.Open());
  auto puts = f.Puts(0, 10, 100);
  const auto old = file.Put(puts, f.now).value();
  REQUIRE(file.Changes());
  for (const char* part : {"", "-wal", "-shm"}) std::filesystem::remove(f.folder.File() + part);

  const auto change = file.Changes();

  REQUIRE(change);
  CHECK(change->everything);
  CHECK(f.There(file, 0, 10) == 0);
  puts = f.Puts(0, 1, 100);
  CHECK(file.Put(puts, f.now).value().front() > old.back());  // Fences grow even so.
}

TEST_CASE("A listener that was overrun is told everything", "[cache][disk]") {
  Fixture f;
  DiskFile file = f.Make(), other = f.Make();
  REQUIRE(file.Open());
  REQUIRE(other.Open());
  auto puts = f.Puts(0, 100, 20);
  REQUIRE(other.Put(puts, f.now));
  CHECK(file.Changes()->keys.size() == 100);
  CHECK(file.Changes()->keys.empty());

  for (int i = 0; i < 17; ++i) {
    puts = f.Puts(0, 1000, 20);
    REQUIRE(other.Put(puts, f.now));
  }

  CHECK(file.Changes()->everything);
  CHECK_FALSE(file.Changes()->everything);
  for (int i = 0; i < 17; ++i) {  // Own writes overrun nobody who wrote them.
    puts = f.Puts(0, 1000, 20);
    REQUIRE(file.Put(puts, f.now));
    CHECK_FALSE(file.Changes()->everything);
  }
}

TEST_CASE("Beyond its size the oldest to expire go first", "[cache][disk]") {
  Fixture f;
  DiskFile file = f.Make(2 << 20);
  REQUIRE(file.Open());
  auto lasting = f.Puts(0, 100, 1000, seconds(100'000));
  REQUIRE(file.Put(lasting, f.now));
  for (int n = 100; n < 10'000; n += 100) {
    auto puts = f.Puts(n, n + 100, 1000, seconds(1000 + n));
    REQUIRE(file.Put(puts, f.now));
  }

  CHECK(f.There(file, 0, 100) == 100);
  CHECK(f.There(file, 100, 8000) == 0);
  CHECK(f.There(file, 9900, 10'000) == 100);
  CHECK(std::filesystem::file_size(f.folder.File()) < (3 << 20));
}

TEST_CASE("Cleanup drops what has expired and counts it", "[cache][disk]") {
  Fixture f;
  DiskFile file = f.Make();
  REQUIRE(file.Open());
  auto puts = f.Puts(0, 1500, 20, seconds(10));
  REQUIRE(file.Put(puts, f.now));
  puts = f.Puts(1500, 1600, 20, seconds(100));
  REQUIRE(file.Put(puts, f.now));
  f.now += seconds(50);

  std::size_t dropped = 0;
  while (const std::size_t some = file.Cleanup(f.now).value()) dropped += some;

  CHECK(dropped == 1500);
  CHECK(f.There(file, 0, 1600) == 100);
}

// A limit on the size of files is a disk that is full.
TEST_CASE("A full disk is an error and leaves nothing half-written", "[cache][disk][S3-84]") {
  Fixture f;
  DiskFile file = f.Make();
  REQUIRE(file.Open());
  auto puts = f.Puts(0, 10, 1000);
  REQUIRE(file.Put(puts, f.now));
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit full = before;
  full.rlim_cur = 256 << 10;
  ::setrlimit(RLIMIT_FSIZE, &full);

  puts = f.Puts(10, 1000, 1000);
  const auto failed = file.Put(puts, f.now);
  const std::size_t there = f.There(file, 0, 1000);

  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == ErrorCode::kStorage);
  CHECK(there == 10);
  CHECK(file.Put(puts, f.now));
  CHECK(f.There(file, 0, 1000) == 1000);
}

TEST_CASE("A store whose file fails is left alone for a while", "[cache][disk][health][S3-68]") {
  Folder folder;
  asio::io_context io;
  StoreOptions options;
  options.timeout = milliseconds(1);
  DiskStore store(io.get_executor(), folder.File(), options);
  Await(io, [&]() -> Task<void> {
    CHECK_AWAITED(co_await store.Open());
    auto other = sqlite::Database::Open(folder.File(), sqlite::Database::Mode::kReadWrite).value();
    other->Exec("BEGIN IMMEDIATE");  // Somebody writes and does not end.
    for (int i = 0; i < 5; ++i) CHECK_AWAITED(!(co_await store.Clear()));
    std::vector<std::string> keys{Key(1)};
    const auto turned_away = co_await store.Get(std::move(keys));
    REQUIRE_FALSE(turned_away);
    CHECK(turned_away.error().code == ErrorCode::kUnreachable);
    const auto info = co_await store.Info();
    CHECK(info->nodes.front().health.state == GateState::kOpen);
    CHECK(info->nodes.front().errors == 5);
    other->Exec("ROLLBACK");
    asio::steady_timer timer(io);
    for (;;) {  // Until it is tried again.
      if (co_await store.Clear()) break;
      timer.expires_after(milliseconds(20));
      co_await timer.async_wait(asio::use_awaitable);
    }
    CHECK_AWAITED((co_await store.Info())->nodes.front().health.state == GateState::kClosed);
    co_await store.Close();
  });
}

}  // namespace
}  // namespace spa::testing
