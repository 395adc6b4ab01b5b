// What meets a new user: each of the usual mishaps ends with one clear sentence, the right exit
// code, and nothing lost.
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "tests/auth/token_server.h"
#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

using nlohmann::json;

// The sentence is for people: one line, with its name before it, and nothing on standard output.
void CheckSentence(const Ended& ended, int exit, const std::vector<std::string>& parts) {
  INFO(ended.err);
  CHECK(ended.exit == exit);
  std::vector<std::string> sentences;
  std::istringstream lines(ended.err);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("sharepoint-audit: ")) {
      sentences.push_back(line);
    } else {  // Beside it there is nothing but the log.
      CHECK(json::accept(line));
    }
  }
  REQUIRE(sentences.size() == 1);
  for (const std::string& part : parts) {
    INFO(part);
    CHECK(sentences[0].find(part) != std::string::npos);
  }
}

// A tenant that was audited once, and what that audit found.
struct Audited {
  explicit Audited(const std::string& credential = kCertificate) : tenant("small", credential) {
    tenant.Summary();
    before = ReadText(tenant.Export("permissions", {"--all"}));
  }
  // What the first audit found is still there to be told, and the next one works.
  void CheckNothingLost() {
    CHECK((ReadText(tenant.Export("permissions", {"--all"})) == before));
    tenant.server().set_faults(FaultSpec());
    tenant.Summary({"--no-cache"});
    CHECK((ReadText(tenant.Export("permissions", {"--all"})) == before));
  }

  Tenant tenant;
  std::string before;
};

}  // namespace

TEST_CASE("A wrong tenant id is one sentence, 4, and nothing lost") {
  Audited audited(kSecret);
  const json right = json::parse(ReadText(audited.tenant.config()))["auth"];
  audited.tenant.Configure({{"auth", {{"tenant_id", "00000000-1111-2222-3333-444444444444"}}}});

  CheckSentence(audited.tenant.Audit(), 4, {"tenant", "auth.tenant_id"});

  audited.tenant.Configure({{"auth", right}});
  audited.CheckNothingLost();
}

TEST_CASE("An expired secret is one sentence, 4, and nothing lost") {
  const Tenant tenant("small", kSecret, {"wire.secret_expired=true"});

  CheckSentence(tenant.Audit(), 4, {"expired", "secret"});

  CHECK(Run({"runs", "--config", tenant.config(), "--output-format", "json"}).out == "[]\n");
}

TEST_CASE("A missing role is one sentence, 4, and nothing lost") {
  const Tenant tenant("small", kCertificate, {"wire.roles=[]"});

  CheckSentence(tenant.Audit(), 4, {"consent"});
}

TEST_CASE("A proxy that blocks is one sentence, 5, and nothing lost") {
  Audited audited(kSecret);
  asio::io_context io;
  TokenServer proxy(io, [](const ServedRequest&, std::size_t) { return ServedAnswer(403, ""); });
  std::thread serving([&io] {
    const auto stay = asio::make_work_guard(io);
    io.run();
  });
  Surroundings around;
  around.environment = {"https_proxy=" + proxy.url(), "no_proxy="};

  const Ended ended = Run(
      audited.tenant.AuditWords({"--authority-host", "https://login.microsoftonline.com"}), around);
  io.stop();
  serving.join();

  CheckSentence(ended, 5, {"login.microsoftonline.com", "403", "proxy"});
  CHECK(ended.took < std::chrono::seconds(25));
  for (const ServedRequest& request : proxy.requests()) CHECK(request.method == "CONNECT");
  audited.CheckNothingLost();
}

TEST_CASE("A disk that takes no more is one sentence, 1, and nothing lost") {
  Audited audited;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit small = before;
  small.rlim_cur = 100'000;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  // The child takes the limit over at its start.
  Program audit(audited.tenant.AuditWords({"--full", "--no-cache"}));
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);

  const Ended ended = audit.Wait();

  CheckSentence(ended, 1, {"audit.db", "disk"});
  audited.CheckNothingLost();
}

TEST_CASE("A locked database is one sentence, and nothing lost") {
  Audited audited;
  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open(audited.tenant.File("audit.db").c_str(), &other) == SQLITE_OK);
  REQUIRE(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);

  const Ended ended = audited.tenant.Audit();
  sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
  sqlite3_close(other);

  CheckSentence(ended, 1, {"audit.db", "Another program is writing"});
  CHECK(ended.took < std::chrono::seconds(30));
  audited.CheckNothingLost();
}

TEST_CASE("A closed pipe is no error, whatever writes into it") {
  const Tenant tenant("small");
  tenant.Summary();
  const std::string config = " --config " + tenant.config();
  for (const std::string& command :
       {"export permissions --all" + config, "runs --output-format json" + config,
        std::string("config schema"), "audit --output-format json" + config}) {
    INFO(command);
    const std::string line = "bash -c 'set -o pipefail; " SPA_PROGRAM " " + command +
                             " 2>/dev/null | head -n 1 >/dev/null'";
    const int status = std::system(line.c_str());
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
}

TEST_CASE("Ctrl-C ends with 130, and what was read is gone on with") {
  Tenant tenant("small", kCertificate, {"faults.latency_ms=100"});
  tenant.Configure({{"concurrency", {{"max_api_calls", 2}}}});
  Program audit(tenant.AuditWords());
  REQUIRE(audit.RunUntil([&] { return tenant.counters().http_requests >= 12; }));

  audit.Signal(SIGINT);
  const Ended ended = audit.Wait();
  tenant.server().set_faults(FaultSpec());

  INFO(ended.err);
  CHECK(ended.exit == 130);
  const json summary = ParseSummary(ended);
  CHECK(summary["status"] == "interrupted");
  CHECK(ended.err.find("--resume last") != std::string::npos);
  CHECK(tenant.Summary({"--resume", "last"})["run_id"] == summary["run_id"]);
  CheckEqual(tenant.CompareAll());
}

TEST_CASE("A configuration written by flags is commented, private, and looked at by the doctor") {
  const Tenant tenant("small", kSecret);
  const json made = json::parse(ReadText(tenant.config()));
  const std::string file = tenant.File("mine.json");
  Words words = {"config", "init", "--config", file};
  const auto give = [&](const char* flag, const json& value) {
    words.insert(words.end(), {flag, value.get<std::string>()});
  };
  give("--tenant-id", made["auth"]["tenant_id"]);
  give("--client-id", made["auth"]["client_id"]);
  give("--authority-host", made["auth"]["authority_host"]);
  give("--tenant-url", made["tenant_url"]);
  give("--graph-url", made["graph"]["base_url"]);
  words.insert(words.end(), {"--db", tenant.File("mine.db"), "--cache-l2", "none"});
  Surroundings around;
  around.environment = {"AZURE_CLIENT_SECRET=" + made["auth"]["client_secret"].get<std::string>()};

  const Ended ended = Run(words, around);

  INFO(ended.out << ended.err);
  CHECK(ended.exit == 0);
  CHECK(ended.out.find("consent: sites") != std::string::npos);
  CHECK(ended.err.find("sharepoint-audit audit --config " + file) != std::string::npos);
  CHECK(ReadText(file).find("// Directory (tenant) id") != std::string::npos);
  CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms(077)) ==
        std::filesystem::perms::none);
  CHECK(Run({"audit", "--config", file, "--output-format", "json"}, around).exit == 0);
  // Not over a file that is there, and the doctor's word is the exit code.
  CHECK(Run(words, around).exit == 2);
  words.insert(words.end(), {"--force"});
  CHECK(Run(words).exit == 2);
  words.push_back("--no-doctor");
  CHECK(Run(words).exit == 0);
}

TEST_CASE("Without a terminal and without ids config init writes a template and checks nothing") {
  const Folder folder;

  const Ended ended = Run({"config", "init", "--config", folder.File("config.json")});

  CHECK(ended.exit == 0);
  CHECK(ended.out.empty());
  CHECK(ended.err.find("Fill it in") != std::string::npos);
  const Ended doctor = Run({"doctor", "--config", folder.File("config.json")});
  CHECK(doctor.exit == 2);
  CHECK(doctor.out.find("no credential is set") != std::string::npos);
}

}  // namespace spa::testing
