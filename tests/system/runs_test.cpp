// Deleting runs: what is left tells the same as before.
#include <fmt/format.h>

#include <csignal>
#include <map>

#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

using nlohmann::json;

void Change(Tenant& tenant, int seed) {
  const json what = {{"seed", seed}, {"count", 120}};
  const auto changed = tenant.server().Mutate(what.dump());
  INFO((changed ? "" : changed.error().message));
  REQUIRE(changed.has_value());
}

Words RunsWords(const Tenant& tenant, const Words& verb) {
  Words words = {"runs"};
  words.insert(words.end(), verb.begin(), verb.end());
  words.insert(words.end(), {"--config", tenant.config(), "--output-format", "json"});
  return words;
}

std::vector<std::string> RunIds(const Tenant& tenant) {
  const Ended ended = Run(RunsWords(tenant, {}));
  REQUIRE(ended.exit == 0);
  std::vector<std::string> ids;
  for (const json& run : json::parse(ended.out)) ids.push_back(run["run_id"]);
  return ids;
}

// All that can be exported of a run.
std::map<std::string, std::string> Exports(const Tenant& tenant, const std::string& run) {
  std::map<std::string, std::string> texts;
  for (const char* what : {"permissions", "objects", "coverage"}) {
    Words more = {"--run", run};
    if (std::string(what) == "permissions") more.push_back("--all");
    texts[what] = ReadText(tenant.Export(what, more));
  }
  return texts;
}

}  // namespace

TEST_CASE("What is left of four runs is exported as before, whichever are deleted") {
  for (const std::vector<int>& doomed :
       std::vector<std::vector<int>>{{0}, {1}, {2}, {0, 2}, {1, 2}, {0, 1, 2}, {3}}) {
    INFO("deleting " << json(doomed).dump());
    Tenant tenant("small", kCertificate, {"seed=21"});
    for (int run = 0; run < 4; ++run) {
      if (run > 0) Change(tenant, run);
      tenant.Summary({"--no-cache"});
    }
    const auto ids = RunIds(tenant);
    REQUIRE(ids.size() == 4);
    std::map<std::string, std::map<std::string, std::string>> before;
    Words verb = {"delete", "--compact"};
    for (int run = 0; run < 4; ++run) {
      if (std::find(doomed.begin(), doomed.end(), run) != doomed.end()) {
        verb.push_back(ids[static_cast<std::size_t>(run)]);
      } else {
        const std::string& id = ids[static_cast<std::size_t>(run)];
        before[id] = Exports(tenant, id);
      }
    }
    if (doomed.back() == 3) verb.push_back("--force");

    const Ended ended = Run(RunsWords(tenant, verb));

    INFO(ended.err);
    REQUIRE(ended.exit == 0);
    CHECK(json::parse(ended.out)["deleted"].size() == doomed.size());
    CHECK(RunIds(tenant).size() == before.size());
    for (const auto& [id, texts] : before) {
      // Not CHECK(a == b): nobody wants to read what differs as a whole.
      const bool same = Exports(tenant, id) == texts;
      CHECK(same);
    }
    // And the next run goes on from the present state.
    Change(tenant, 9);
    CHECK(tenant.Summary({"--no-cache", "--max-age", "0s"})["mode"] == "incremental");
    CheckEqual(tenant.CompareAll());
  }
}

TEST_CASE("Pruned runs leave a smaller file and their number is not given twice") {
  Tenant tenant("small", kCertificate, {"seed=22"});
  for (int run = 0; run < 3; ++run) {
    if (run > 0) Change(tenant, run);
    tenant.Summary({"--no-cache", "--full"});
  }
  const auto ids = RunIds(tenant);
  const auto size = std::filesystem::file_size(tenant.File("audit.db"));

  const Ended ended = Run(RunsWords(tenant, {"prune", "--keep", "1", "--compact"}));

  REQUIRE(ended.exit == 0);
  CHECK(json::parse(ended.out)["deleted"] == json({ids[0], ids[1]}));
  CHECK(RunIds(tenant) == std::vector<std::string>{ids[2]});
  CHECK(std::filesystem::file_size(tenant.File("audit.db")) < size);
  CHECK(Run(RunsWords(tenant, {"prune", "--keep", "0"})).exit == 2);

  REQUIRE(Run(RunsWords(tenant, {"delete", ids[2], "--force"})).exit == 0);
  CHECK(RunIds(tenant).empty());
  CHECK(tenant.Summary({"--no-cache"})["mode"] == "full");
  CheckEqual(tenant.CompareAll());
}

TEST_CASE("Neither the last finished run nor a running one is deleted by mistake") {
  Tenant tenant("small");
  tenant.Summary({"--no-cache"});
  const std::string finished = RunIds(tenant).front();

  const Ended last = Run(RunsWords(tenant, {"delete", finished}));
  CHECK(last.exit == 2);
  CHECK(last.err.find("--force") != std::string::npos);
  CHECK(Run(RunsWords(tenant, {"delete", "no-such-run"})).exit != 0);

  FaultSpec slow;
  slow.latency_ms = 2000;
  tenant.server().set_faults(slow);
  Program audit(tenant.AuditWords({"--no-cache", "--full"}));
  REQUIRE(audit.RunUntil([&] { return RunIds(tenant).size() == 2; }));
  const Ended busy = Run(RunsWords(tenant, {"prune", "--keep", "1"}));
  CHECK(busy.exit == 75);
  CHECK(busy.err.find("holds") != std::string::npos);

  // Interrupted, it can be resumed, so pruning leaves it; by name it goes, with what it had staged.
  audit.Signal(SIGKILL);
  audit.Wait();
  tenant.server().set_faults(FaultSpec());
  REQUIRE(Run(RunsWords(tenant, {"prune", "--keep", "1"})).exit == 0);
  const auto left = RunIds(tenant);
  REQUIRE(left.size() == 2);
  CHECK(std::filesystem::exists(tenant.File("audit.db-stage")));
  const auto exported = Exports(tenant, finished);
  REQUIRE(Run(RunsWords(tenant, {"delete", left.back()})).exit == 0);
  CHECK_FALSE(std::filesystem::exists(tenant.File("audit.db-stage")));
  CHECK((Exports(tenant, finished) == exported));
  CHECK(tenant.Audit({"--no-cache", "--resume", "last"}).exit == 2);
  tenant.Summary({"--no-cache"});
  CheckEqual(tenant.CompareAll());
}

}  // namespace spa::testing
