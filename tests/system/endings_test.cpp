// How commands end: exit codes, what they say, and what they leave behind.
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

using nlohmann::json;

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

json Runs(const Tenant& tenant) {
  const Ended ended = Run({"runs", "--config", tenant.config(), "--output-format", "json"});
  INFO(ended.err);
  REQUIRE(ended.exit == 0);
  return json::parse(ended.out);
}

std::string IntegrityOf(const std::string& path) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK);
  std::string answer;
  sqlite3_exec(
      db, "PRAGMA integrity_check",
      [](void* to, int, char** cells, char**) {
        *static_cast<std::string*>(to) += cells[0];
        return 0;
      },
      &answer, nullptr);
  sqlite3_close(db);
  return answer;
}

// Names of the files under the folder that hold the text, raw.
std::set<std::string> FilesWith(const Folder& folder, const std::string& text) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    if (entry.is_regular_file() && Contains(ReadText(entry.path()), text)) {
      names.insert(entry.path().filename());
    }
  }
  return names;
}

// Long enough to be met in the middle.
const Words kSlow = {"faults.latency_ms=100"};

}  // namespace

TEST_CASE("A wrong secret ends with 4, advice, and no run left behind") {
  const Tenant tenant("small", kSecret);
  tenant.Configure({{"auth", {{"client_secret", "not-the-secret-at-all"}}}});

  const Ended ended = tenant.Audit();

  CHECK(ended.exit == 4);
  CHECK(ended.out.empty());
  CHECK(Contains(ended.err, "secret"));
  CHECK(Contains(ended.err, "AADSTS7000215"));
  CHECK_FALSE(Contains(ended.err, "not-the-secret-at-all"));
  CHECK(Runs(tenant).empty());
}

TEST_CASE("An expired secret ends with 4 and says that it expired") {
  const Tenant tenant("small", kSecret, {"wire.secret_expired=true"});

  const Ended ended = tenant.Audit();

  CHECK(ended.exit == 4);
  CHECK(Contains(ended.err, "expired"));
}

TEST_CASE("A tenant that does not exist ends with 4") {
  const Tenant tenant("small", kSecret);
  tenant.Configure({{"auth", {{"tenant_id", "00000000-1111-2222-3333-444444444444"}}}});

  const Ended ended = tenant.Audit();

  CHECK(ended.exit == 4);
  CHECK(ended.out.empty());
  CHECK(Contains(ended.err, "tenant"));
}

TEST_CASE("An application without consent ends with 4") {
  const Tenant tenant("small", kCertificate, {"wire.roles=[]"});

  const Ended ended = tenant.Audit();

  INFO(ended.err);
  CHECK(ended.exit == 4);
  CHECK(Contains(ended.err, "consent"));
}

TEST_CASE("Where nothing listens an audit gives up with 5 within 25 seconds") {
  const Tenant tenant("small", kSecret);
  tenant.Configure({{"auth", {{"authority_host", "http://127.0.0.1:1"}}}});

  const Ended ended = tenant.Audit();

  CHECK(ended.exit == 5);
  CHECK(ended.out.empty());
  CHECK(Contains(ended.err, "127.0.0.1:1"));
  CHECK(ended.took < std::chrono::seconds(25));
}

TEST_CASE("An unknown configuration key ends with 2 and names the nearest") {
  const Tenant tenant("small", kSecret);
  tenant.Configure({{"discovery", {{"include_subsite", true}}}});

  const Ended ended = tenant.Audit();

  CHECK(ended.exit == 2);
  CHECK(ended.out.empty());
  CHECK(Contains(ended.err, "include_subsites"));
}

TEST_CASE("While one audit runs a second one ends with 75, and SIGINT ends the first with 130") {
  Tenant tenant("small", kCertificate, kSlow);
  tenant.Configure({{"concurrency", {{"max_api_calls", 1}}}});
  Program first(tenant.AuditWords());
  REQUIRE(first.RunUntil([&] { return tenant.counters().http_requests >= 8; }));

  const Ended second = tenant.Audit();
  first.Signal(SIGINT);
  const Ended interrupted = first.Wait();

  CHECK(second.exit == 75);
  CHECK(second.out.empty());
  CHECK(interrupted.exit == 130);
  CHECK(interrupted.took < std::chrono::seconds(20));
  CHECK(ParseSummary(interrupted)["status"] == "interrupted");
  const json runs = Runs(tenant);
  REQUIRE(runs.size() == 1);
  CHECK(runs[0]["status"] == "interrupted");
  CHECK(IntegrityOf(tenant.File("audit.db")) == "ok");

  tenant.server().set_faults(FaultSpec());
  tenant.Summary();
  CheckEqual(tenant.CompareAll());
}

TEST_CASE("An audit killed outright leaves a database the next one works with") {
  Tenant tenant("small", kCertificate, kSlow);
  tenant.Configure({{"concurrency", {{"max_api_calls", 1}}}});
  {
    Program killed(tenant.AuditWords());
    REQUIRE(killed.RunUntil([&] { return tenant.counters().http_requests >= 30; }));
    killed.Signal(SIGKILL);
    CHECK(killed.Wait().exit == 128 + SIGKILL);
  }

  tenant.server().set_faults(FaultSpec());
  tenant.Summary();

  CheckEqual(tenant.CompareAll());
  CHECK(IntegrityOf(tenant.File("audit.db")) == "ok");
  for (const json& run : Runs(tenant)) CHECK(run["status"] != "running");
}

TEST_CASE("SIGTERM during sign-in ends with 130 and leaves no run behind") {
  const Tenant tenant("small", kSecret, {"faults.latency_ms=3000"});
  Program audit(tenant.AuditWords());
  REQUIRE(audit.RunUntil([&] { return tenant.counters().http_requests >= 1; }));

  audit.Signal(SIGTERM);
  const Ended ended = audit.Wait();

  CHECK(ended.exit == 130);
  CHECK(ended.took < std::chrono::seconds(2));
  CHECK(Runs(tenant).empty());
}

TEST_CASE("Coverage below what was asked for ends with 6 after the summary") {
  const Tenant tenant("small");

  const Ended ended = tenant.Audit({"--min-coverage", "100"});

  CHECK(ended.exit == 6);
  CHECK(ParseSummary(ended)["status"] == "partial");
  CHECK(tenant.Audit({"--min-coverage", "50"}).exit == 0);
}

TEST_CASE("A reader that went away is no error") {
  const Tenant tenant("small");
  tenant.Summary();
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  ::close(ends[0]);
  Surroundings around;
  around.out = ends[1];

  const Ended exported =
      Run({"export", "permissions", "--all", "--config", tenant.config()}, around);
  const Ended audited = Run(tenant.AuditWords(), around);
  ::close(ends[1]);

  CHECK(exported.exit == 0);
  CHECK(audited.exit == 0);
  CHECK(Runs(tenant).size() == 2);
}

TEST_CASE("A database that is none ends with 2 and is left as it was") {
  const Tenant tenant("small", kSecret);
  const std::string path = tenant.File("notes.txt");
  const std::string text = "not a database, " + std::string(5000, 'x');
  WriteText(path, text);

  for (const Words& words : {Words{"export", "permissions"}, Words{"runs"}, Words{"audit"}}) {
    Words line = words;
    line.insert(line.end(), {"--config", tenant.config(), "--db", path});
    const Ended ended = Run(line);
    INFO(words[0] << ": " << ended.err);
    CHECK(ended.exit == 2);
    CHECK(Contains(ended.err, "notes.txt"));
    CHECK(ReadText(path) == text);
  }
  CHECK(Run({"export", "permissions", "--db", tenant.File("absent.db")}).exit == 2);
  CHECK_FALSE(std::filesystem::exists(tenant.File("absent.db")));
}

TEST_CASE("A certificate nobody vouches for is refused with the way to trust it") {
  Tenant::Setup setup;
  setup.https = true;
  const Tenant tenant(setup);
  tenant.Configure({{"tls", {{"ca_file", nullptr}}}});

  const Ended ended = tenant.Audit();

  INFO(ended.err);
  CHECK(ended.exit == 5);
  CHECK(ended.out.empty());
  CHECK(Contains(ended.err, "tls.ca_file"));
  CHECK(ended.took < std::chrono::seconds(25));
}

// {"alg": and {"typ": as a token's head begins. Fewer letters occur in a key now and then.
constexpr const char* kTokenStarts[] = {"eyJhbGciOi", "eyJ0eXAiOi"};

TEST_CASE("Secrets, keys and tokens are in no output, log or database") {
  const std::string credential = GENERATE(as<std::string>(), kCertificate, kSecret);
  INFO(credential);
  const Tenant tenant("small", credential,
                      {"faults.rate_500=0.05", "faults.rate_truncated=0.05", "faults.login=true"});
  tenant.Configure({{"logging", {{"file", tenant.File("audit.log")}}}});

  const Ended ended = tenant.Audit({"-vv", "--metrics", tenant.File("metrics.prom")});
  tenant.Export("permissions", {"--all"});
  tenant.Export("coverage");

  REQUIRE(ended.exit == 0);
  REQUIRE(std::filesystem::exists(tenant.File("audit.log")));
  const std::string secret = tenant.truth().spec().client_secret;
  std::string encoded;  // As it is in a request's body.
  for (const char letter : secret) {
    encoded += letter == '+' ? "%2B" : letter == '/' ? "%2F" : std::string(1, letter);
  }
  std::set<std::string> at_home;  // Where it has to be, and the proof that the search finds it.
  if (credential == kSecret) at_home = {"config.json"};
  CHECK(FilesWith(tenant.folder(), secret) == at_home);
  CHECK(FilesWith(tenant.folder(), encoded).empty());
  for (const char* start : kTokenStarts) CHECK(FilesWith(tenant.folder(), start).empty());
  at_home.clear();
  if (credential == kCertificate) at_home = {"config-credential.pem"};
  CHECK(FilesWith(tenant.folder(), "PRIVATE KEY") == at_home);
  for (const std::string& text : {ended.out, ended.err}) {
    CHECK_FALSE(Contains(text, secret));
    CHECK_FALSE(Contains(text, encoded));
    for (const char* start : kTokenStarts) CHECK_FALSE(Contains(text, start));
  }
}

TEST_CASE("Files that hold what was found are for their owner alone") {
  const Tenant tenant("small");
  tenant.Summary();
  tenant.Export("permissions");

  for (const auto& entry : std::filesystem::directory_iterator(tenant.folder().path())) {
    INFO(entry.path());
    CHECK((entry.status().permissions() & std::filesystem::perms(077)) ==
          std::filesystem::perms::none);
  }
}

}  // namespace spa::testing
