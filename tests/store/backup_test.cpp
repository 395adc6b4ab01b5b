// Backups of the audit database, and what a restore refuses, replaces and keeps.
#include "core/store/backup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <sstream>

#include "core/store/schema.h"
#include "tests/store/store_testing.h"

using namespace spa;
using namespace spa::testing;

namespace {

const StopAsked kNever = [] { return false; };

std::string ReadAll(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void WriteAll(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

std::string FinishedRun(const std::string& path) {
  auto store = OpenStore(path);
  const std::string id = Must(store->BeginRun({"tenant", RunMode::kFull})).id;
  Must(store->PutSite(MakeSite("host,site," + id, "https://x/" + id)));
  Must(store->FinishRun("complete", ""));
  return id;
}

BackupInfo Backed(const std::string& path, const std::string& file) {
  auto info = Must(BackUpDatabase(path, file, false, kNever));
  REQUIRE(info.has_value());
  return *info;
}

std::vector<std::string> RunsOf(const std::string& path) {
  return Rows(path, "SELECT id FROM run ORDER BY number");
}

std::set<std::string> FilesOf(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.insert(entry.path().filename());
  return names;
}

}  // namespace

TEST_CASE("A backup is private, readable by SQLite, and says what is in it") {
  TempDir dir;
  const std::string path = dir.File("audit.db"), file = dir.File("audit.backup");
  const std::string run = FinishedRun(path);

  const BackupInfo info = Backed(path, file);

  struct stat status = {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(info.bytes == status.st_size);
  CHECK(info.runs == 1);
  CHECK(info.last_run == run);
  CHECK(info.schema == static_cast<std::int64_t>(SchemaSteps().size()));
  CHECK(RunsOf(file) == RunsOf(path));
  CHECK(Rows(file, "PRAGMA integrity_check") == std::vector<std::string>{"ok"});
  CHECK(ReadAll(file).find("SHA-256 " + info.sha256) != std::string::npos);
  CHECK(Must(CheckBackup(file)).sha256 == info.sha256);
  CHECK(FilesOf(std::filesystem::path(file).parent_path()).contains("audit.backup"));
}

TEST_CASE(
    "A backup beside a run that writes is of one moment, and that run counts as interrupted") {
  TempDir dir;
  const std::string path = dir.File("audit.db"), file = dir.File("audit.backup");
  FinishedRun(path);
  auto store = OpenStore(path);
  const RunInfo run = Must(store->BeginRun({"tenant", RunMode::kFull}));
  const Oid site = Must(store->PutSite(MakeSite("host,a,b", "https://x/a")));
  Must(store->Commit());
  const Oid library = Must(store->PutDrive(site, MakeDrive("b!1", "https://x/a/lib")));

  Backed(path, file);

  CHECK(Rows(file, "SELECT status FROM run WHERE id = '" + run.id + "'") ==
        std::vector<std::string>{"interrupted"});
  CHECK(Rows(file, "SELECT count(*) FROM entity WHERE graph_id = 'host,a,b'") ==
        std::vector<std::string>{"1"});
  CHECK(Rows(file, "SELECT count(*) FROM entity WHERE graph_id = 'b!1'") ==
        std::vector<std::string>{"0"});
  CHECK(library > 0);
  // The run that writes was not disturbed.
  Must(store->FinishRun("complete", ""));
  CHECK(Rows(path, "SELECT count(*) FROM entity WHERE graph_id = 'b!1'") ==
        std::vector<std::string>{"1"});
}

TEST_CASE("A restore brings back what was backed up and keeps what it replaces") {
  TempDir dir;
  const std::string path = dir.File("audit.db"), file = dir.File("audit.backup");
  const std::string first = FinishedRun(path);
  Backed(path, file);
  const std::string second = FinishedRun(path);
  WriteAll(path + "-stage", "what an interrupted run had staged");

  const auto restored = Must(RestoreDatabase(file, path, /*keep=*/true, kNever));

  REQUIRE(restored.has_value());
  CHECK(RunsOf(path) == std::vector<std::string>{first});
  CHECK_FALSE(std::filesystem::exists(path + "-stage"));
  REQUIRE_FALSE(restored->kept.empty());
  CHECK(RunsOf(restored->kept) == std::vector<std::string>{first, second});
  // What was kept is a backup itself.
  REQUIRE(Must(RestoreDatabase(restored->kept, path, /*keep=*/false, kNever)).has_value());
  CHECK(RunsOf(path) == std::vector<std::string>{first, second});
  CHECK(FinishedRun(path) != second);
}

TEST_CASE("A restore makes a database where there is none") {
  TempDir dir;
  const std::string path = dir.File("audit.db"), file = dir.File("audit.backup");
  const std::string run = FinishedRun(path);
  Backed(path, file);
  const std::string fresh = dir.File("fresh.db");

  const auto restored = Must(RestoreDatabase(file, fresh, /*keep=*/true, kNever));

  REQUIRE(restored.has_value());
  CHECK(restored->kept.empty());
  CHECK(RunsOf(fresh) == std::vector<std::string>{run});
  struct stat status = {};
  REQUIRE(::stat(fresh.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("A reader in the middle of something sees the old content to its end") {
  TempDir dir;
  const std::string path = dir.File("audit.db"), file = dir.File("audit.backup");
  FinishedRun(path);
  Backed(path, file);
  FinishedRun(path);
  auto reader = Must(sqlite::Database::Open(path, sqlite::Database::Mode::kReadOnly));
  reader->Exec("BEGIN");
  CHECK(reader->Number("SELECT count(*) FROM run") == 2);

  REQUIRE(Must(RestoreDatabase(file, path, /*keep=*/true, kNever)).has_value());

  CHECK(reader->Number("SELECT count(*) FROM run") == 2);
  reader->Exec("COMMIT");
  CHECK(reader->Number("SELECT count(*) FROM run") == 1);
}

TEST_CASE("Nothing is restored over a run that is under way") {
  TempDir dir;
  const std::string path = dir.File("audit.db"), file = dir.File("audit.backup");
  FinishedRun(path);
  Backed(path, file);
  auto store = OpenStore(path);
  Must(store->BeginRun({"tenant", RunMode::kFull}));
  const auto before = FilesOf(std::filesystem::path(path).parent_path());

  for (const bool keep : {true, false}) {
    const auto refused = RestoreDatabase(file, path, keep, kNever);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kBusy);
  }

  CHECK(FilesOf(std::filesystem::path(path).parent_path()) == before);
  Must(store->FinishRun("complete", ""));
  CHECK(RunsOf(path).size() == 2);
}

TEST_CASE("A backup that is damaged, cut, foreign or too new is refused and changes nothing") {
  TempDir dir;
  const std::string path = dir.File("audit.db"), file = dir.File("audit.backup");
  const std::string run = FinishedRun(path);
  Backed(path, file);
  const std::string whole = ReadAll(file);
  const auto refusal = [&](const std::string& bytes) {
    const std::string bad = dir.File("bad");
    WriteAll(bad, bytes);
    const auto refused = RestoreDatabase(bad, path, true, kNever);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("bad") != std::string::npos);
    CHECK(RunsOf(path) == std::vector<std::string>{run});
    return refused.error().code;
  };

  std::string flipped = whole;
  flipped[whole.size() / 2] ^= 1;
  CHECK(refusal(flipped) == ErrorCode::kMalformed);
  CHECK(refusal(whole.substr(0, whole.size() - 1)) == ErrorCode::kMalformed);
  CHECK(refusal(whole.substr(0, whole.size() / 2)) == ErrorCode::kMalformed);
  CHECK(refusal(ReadAll(path)) == ErrorCode::kMalformed);
  CHECK(refusal("a letter, and no database at all") == ErrorCode::kUsage);
  CHECK(refusal("") == ErrorCode::kUsage);
  CHECK(RestoreDatabase(dir.File("nowhere"), path, true, kNever).error().code == ErrorCode::kUsage);

  // By a newer program, with everything else as it should be.
  const std::string newer = dir.File("newer.db"), sealed = dir.File("newer.backup");
  FinishedRun(newer);
  Backed(newer, sealed);
  Execute(newer, "PRAGMA user_version = 9999");
  const auto not_taken = BackUpDatabase(newer, dir.File("x"), false, kNever);
  REQUIRE_FALSE(not_taken);
  CHECK(not_taken.error().code == ErrorCode::kUsage);
  const auto over_newer = RestoreDatabase(file, newer, true, kNever);
  REQUIRE_FALSE(over_newer);
  CHECK(over_newer.error().code == ErrorCode::kUsage);
}

TEST_CASE("A backup is not written over what is there, unless told, nor over the database") {
  TempDir dir;
  const std::string path = dir.File("audit.db"), file = dir.File("audit.backup");
  const std::string run = FinishedRun(path);
  WriteAll(file, "precious");

  CHECK(BackUpDatabase(path, file, false, kNever).error().code == ErrorCode::kUsage);
  CHECK(ReadAll(file) == "precious");
  CHECK(BackUpDatabase(path, path, true, kNever).error().code == ErrorCode::kUsage);
  REQUIRE(Must(BackUpDatabase(path, file, true, kNever)).has_value());
  CHECK(Must(CheckBackup(file)).last_run == run);
  CHECK(BackUpDatabase(dir.File("none.db"), dir.File("b"), false, kNever).error().code ==
        ErrorCode::kUsage);
  CHECK_FALSE(std::filesystem::exists(dir.File("none.db")));
}

TEST_CASE("What is stopped half-way leaves nothing behind") {
  TempDir dir;
  const std::string path = dir.File("audit.db"), file = dir.File("audit.backup");
  const std::string run = FinishedRun(path);
  Backed(path, file);
  FinishedRun(path);
  const auto before = FilesOf(std::filesystem::path(path).parent_path());
  const StopAsked at_once = [] { return true; };

  CHECK_FALSE(Must(BackUpDatabase(path, dir.File("two"), false, at_once)).has_value());
  CHECK_FALSE(Must(RestoreDatabase(file, path, true, at_once)).has_value());
  CHECK_FALSE(Must(RestoreDatabase(file, path, false, at_once)).has_value());
  CHECK_FALSE(Must(RestoreDatabase(file, dir.File("fresh.db"), true, at_once)).has_value());

  CHECK(RunsOf(path).size() == 2);
  auto after = FilesOf(std::filesystem::path(path).parent_path());
  for (const char* journal : {"audit.db-wal", "audit.db-shm"}) after.erase(journal);
  auto wanted = before;
  for (const char* journal : {"audit.db-wal", "audit.db-shm"}) wanted.erase(journal);
  CHECK(after == wanted);
}

TEST_CASE("Pruning by age and number deletes what both allow") {
  TempDir dir;
  const std::string path = dir.File("audit.db");
  std::vector<std::string> ids;
  for (int run = 0; run < 4; ++run) ids.push_back(FinishedRun(path));
  Execute(path, "UPDATE run SET started_at = '2026-01-0' || number || 'T00:00:00Z'");
  auto store = OpenStore(path);

  CHECK(Must(store->PruneRuns(3, "2026-01-01T00:00:00Z")).empty());
  CHECK(Must(store->PruneRuns(1, "2026-01-03T00:00:00Z")).size() == 2);
  CHECK(RunsOf(path).size() == 4);  // Their rows stay, as deleted.
  const auto left = Must(store->Runs());
  REQUIRE(left.size() == 2);
  CHECK(left[0].id == ids[2]);
  CHECK(Must(store->PruneRuns(1, "")).size() == 1);
}
