// Runs, their lock, and the files a store refuses.

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "core/store/schema.h"
#include "tests/store/store_testing.h"

using namespace spa;
using namespace spa::testing;

namespace {

mode_t Permissions(const std::string& path) {
  struct stat status = {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

}  // namespace

TEST_CASE("A run goes from running to its end and is found as the latest finished one") {
  TempDir dir;
  auto store = OpenStore(dir.File("audit.db"));

  const RunInfo run = Must(store->BeginRun({"tenant", RunMode::kFull}));
  CHECK(run.status == "running");
  CHECK(store->FindRun("").error().code == ErrorCode::kUsage);
  Must(store->FinishRun("partial", "{\"x\":1}"));

  const RunInfo found = Must(store->FindRun(""));
  CHECK(found.id == run.id);
  CHECK(found.status == "partial");
  CHECK(found.summary_json == "{\"x\":1}");
  CHECK_FALSE(found.finished_at.empty());
  CHECK(store->FindRun("no-such-run").error().code == ErrorCode::kUsage);
}

TEST_CASE("A second run is refused while the first one's process lives") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  auto first = OpenStore(path);
  auto second = OpenStore(path);
  const RunInfo run = Must(first->BeginRun({"tenant", RunMode::kFull}));

  const auto refused = second->BeginRun({"tenant", RunMode::kFull});

  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kBusy);
  CHECK(refused.error().message.find(run.id) != std::string::npos);
  CHECK(refused.error().message.find(std::to_string(::getpid())) != std::string::npos);
  Must(first->FinishRun("complete", ""));
  CHECK(second->BeginRun({"tenant", RunMode::kFull}).has_value());
}

TEST_CASE("A run whose process is dead is taken over and marked interrupted") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  std::string dead;
  {
    auto store = OpenStore(path);
    dead = Must(store->BeginRun({"tenant", RunMode::kFull})).id;
    Must(store->FinishRun("failed", ""));
  }
  // Our own number, but of a process that began at another time.
  Execute(path, "UPDATE run SET status = 'running', process_start = process_start - 1");

  auto store = OpenStore(path);
  Must(store->BeginRun({"tenant", RunMode::kFull}));

  CHECK(Must(store->FindRun(dead)).status == "interrupted");
}

TEST_CASE("A run on another host holds the lock until it has been silent for an hour") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  {
    auto store = OpenStore(path);
    Must(store->BeginRun({"tenant", RunMode::kFull}));
    Must(store->FinishRun("failed", ""));
  }
  Execute(path, "UPDATE run SET status = 'running', host = 'elsewhere.invalid'");
  auto store = OpenStore(path);
  CHECK(store->BeginRun({"tenant", RunMode::kFull}).error().code == ErrorCode::kBusy);

  Execute(path, "UPDATE run SET heartbeat = heartbeat - 4000");

  CHECK(store->BeginRun({"tenant", RunMode::kFull}).has_value());
}

TEST_CASE("A store that goes away leaves its run interrupted and what was staged") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  std::string id;
  {
    auto store = OpenStore(path);
    id = Must(store->BeginRun({"tenant", RunMode::kFull})).id;
    Must(store->PutSite(MakeSite("s", "https://t/s")));
  }

  CHECK(Must(OpenStore(path)->FindRun(id)).status == "interrupted");
  CHECK(std::filesystem::exists(path + "-stage"));
  CHECK(Rows(path, "SELECT count(*) FROM object") == std::vector<std::string>{"0"});
}

TEST_CASE("The database and its companions are for their owner alone") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  auto store = OpenStore(path);
  Must(store->BeginRun({"tenant", RunMode::kFull}));

  for (const char* suffix : {"", "-wal", "-shm", "-stage"})
    CHECK(Permissions(path + suffix) == 0600);
}

TEST_CASE("A database of an older program is brought up by an audit, not read as it is") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  {
    auto db = Must(sqlite::Database::Open(path, sqlite::Database::Mode::kReadWrite));
    Must(Migrate(*db, SchemaSteps().first(1)));
  }
  const auto refused = AuditStore::Open(path, AuditStore::Mode::kReadOnly);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kUsage);
  CHECK(refused.error().message.find("older program") != std::string::npos);
  OpenStore(path);
  CHECK(AuditStore::Open(path, AuditStore::Mode::kReadOnly).has_value());
}

TEST_CASE("A file that is no audit database is refused and left as it is") {
  TempDir dir;
  const auto text = dir.File("notes.txt"), foreign = dir.File("foreign.db");
  std::ofstream(text) << std::string(4096, 'x');
  Execute(foreign, "CREATE TABLE theirs(x); INSERT INTO theirs VALUES (1)");
  const auto before = Rows(foreign, "SELECT name FROM sqlite_schema");

  for (const auto& path : {text, foreign}) {
    const auto opened = AuditStore::Open(path, AuditStore::Mode::kReadWrite);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == ErrorCode::kUsage);
  }
  CHECK(Rows(foreign, "SELECT name FROM sqlite_schema") == before);
  CHECK(Rows(foreign, "PRAGMA journal_mode") == std::vector<std::string>{"delete"});
}

TEST_CASE("A database of a newer program is refused") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  OpenStore(path);
  Execute(path, "PRAGMA user_version = 999");

  const auto opened = AuditStore::Open(path, AuditStore::Mode::kReadWrite);

  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ErrorCode::kUsage);
  CHECK(opened.error().message.find("newer program") != std::string::npos);
}

TEST_CASE("Reading demands a database that is there") {
  TempDir dir;

  const auto opened = AuditStore::Open(dir.File("none.db"), AuditStore::Mode::kReadOnly);

  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ErrorCode::kUsage);
  CHECK_FALSE(std::filesystem::exists(dir.File("none.db")));
}

TEST_CASE("Writing outside a run is an error") {
  TempDir dir;
  auto store = OpenStore(dir.File("audit.db"));

  CHECK_FALSE(store->PutSite(MakeSite("s", "https://t/s")));
}

TEST_CASE("An older database is copied before it is brought to the newest schema") {
  TempDir dir;
  const auto path = dir.File("it's old.db");
  auto db = Must(sqlite::Database::Open(path, sqlite::Database::Mode::kReadWrite));
  const char* const steps[] = {"CREATE TABLE a(x); INSERT INTO a VALUES ('old')",
                               "ALTER TABLE a ADD COLUMN y"};
  Must(Migrate(*db, std::span(steps).first(1)));

  Must(Migrate(*db, steps));

  CHECK(Rows(path, "PRAGMA user_version") == std::vector<std::string>{"2"});
  CHECK(Rows(path, "SELECT y IS NULL FROM a") == std::vector<std::string>{"1"});
  const auto backup = path + ".v1-backup";
  CHECK(Rows(backup, "SELECT x FROM a") == std::vector<std::string>{"old"});
  CHECK(Permissions(backup) == 0600);
}

TEST_CASE("A migration that fails changes nothing") {
  TempDir dir;
  const auto path = dir.File("audit.db");
  auto db = Must(sqlite::Database::Open(path, sqlite::Database::Mode::kReadWrite));
  const char* const steps[] = {"CREATE TABLE a(x)", "CREATE TABLE b(x); nonsense"};

  CHECK_FALSE(Migrate(*db, steps));

  CHECK(Rows(path, "PRAGMA user_version") == std::vector<std::string>{"1"});
  CHECK(Rows(path, "SELECT name FROM sqlite_schema") == std::vector<std::string>{"a"});
}
