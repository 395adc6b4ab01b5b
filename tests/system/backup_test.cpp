// backup and restore as a user types them.
#include <csignal>

#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

using nlohmann::json;

Words With(const Tenant& tenant, Words words) {
  words.insert(words.end(), {"--config", tenant.config(), "--json"});
  return words;
}

std::string Permissions(const Tenant& tenant) {
  return ReadText(tenant.Export("permissions", {"--all"}));
}

}  // namespace

TEST_CASE("A backup of yesterday brings yesterday back, and what it replaced is kept") {
  Tenant tenant("small");
  tenant.Summary();
  const std::string yesterday = Permissions(tenant);
  const std::string file = tenant.File("audit.backup");
  const Ended backed = Run(With(tenant, {"backup", file}));
  INFO(backed.err);
  REQUIRE(backed.exit == 0);
  const json told = json::parse(backed.out);
  CHECK(told["runs"] == 1);
  CHECK(Run(With(tenant, {"backup", file})).exit == 2);
  REQUIRE(tenant.server().Mutate(R"({"seed": 5, "count": 60})"));
  const std::string second = tenant.Summary({"--full"})["run_id"];
  REQUIRE((Permissions(tenant) != yesterday));

  const Ended checked = Run({"restore", file, "--check", "--json"});
  CHECK(checked.exit == 0);
  CHECK(json::parse(checked.out)["sha256"] == told["sha256"]);
  const Ended restored = Run(With(tenant, {"restore", file}));

  INFO(restored.err);
  REQUIRE(restored.exit == 0);
  CHECK((Permissions(tenant) == yesterday));
  const std::string kept = json::parse(restored.out)["kept"];
  CHECK(json::parse(Run({"restore", kept, "--check", "--json"}).out)["last_run"] == second);
  // The next audit goes on from what was restored.
  tenant.Summary({"--no-cache"});
  CheckEqual(tenant.CompareAll());
}

TEST_CASE("A backup beside a running audit is whole, and a restore over it is refused with 75") {
  Tenant tenant("small");
  tenant.Summary();
  const std::string finished = Permissions(tenant);
  const std::string file = tenant.File("audit.backup");
  FaultSpec slow;
  slow.latency_ms = 200;
  tenant.server().set_faults(slow);
  const auto before = tenant.counters().http_requests;
  Program audit(tenant.AuditWords({"--full", "--no-cache"}));
  REQUIRE(audit.RunUntil([&] { return tenant.counters().http_requests >= before + 8; }));

  const Ended backed = Run(With(tenant, {"backup", file}));
  const Ended refused = Run(With(tenant, {"restore", file}));
  tenant.server().set_faults(FaultSpec());
  const Ended ended = audit.Wait();

  INFO(backed.err << refused.err);
  CHECK(backed.exit == 0);
  CHECK(refused.exit == 75);
  CHECK(refused.out.empty());
  CHECK(ended.exit == 0);
  CheckEqual(tenant.CompareAll());
  // In the backup the run that was under way can be resumed.
  const std::string other = tenant.File("other.db");
  REQUIRE(Run(With(tenant, {"restore", file, "--db", other})).exit == 0);
  Words resume = tenant.AuditWords({"--resume", "last", "--no-cache", "--db", other});
  const Ended resumed = Run(resume);
  INFO(resumed.err);
  CHECK(resumed.exit == 0);
  CheckEqual(tenant.CompareAll({"--db", other}));
}

TEST_CASE("What is no backup is refused with one sentence and changes nothing") {
  const Tenant tenant("small", kSecret);
  tenant.Summary();
  const std::string before = ReadText(tenant.File("audit.db"));
  WriteText(tenant.File("letter"), "Dear all, this is a letter and no database.");

  const Ended letter = Run(With(tenant, {"restore", tenant.File("letter")}));
  CHECK(letter.exit == 2);
  const Ended itself = Run(With(tenant, {"restore", tenant.File("audit.db")}));
  CHECK(itself.exit == 2);
  const Ended absent = Run(With(tenant, {"restore", tenant.File("absent")}));
  CHECK(absent.exit == 2);
  for (const Ended& ended : {letter, itself, absent}) {
    CHECK(ended.out.empty());
    CHECK(std::count(ended.err.begin(), ended.err.end(), '\n') == 1);
  }
  CHECK((ReadText(tenant.File("audit.db")) == before));
}

}  // namespace spa::testing
