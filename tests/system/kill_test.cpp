// Runs that are killed outright at moments nobody chose, and resumed: what they export is what an
// undisturbed run exports.
#include <fmt/format.h>

#include <csignal>
#include <random>

#include "tests/system/changes.h"

namespace spa::testing {
namespace {

using nlohmann::json;
using SteadyClock = std::chrono::steady_clock;

constexpr int kMoments = 25;  // of each kind of run

// One tenant, an audit of it, and what that exports when nobody disturbs it.
class Disturbance {
 public:
  // `base`: the database each run begins with; empty: none.
  Disturbance(const Tenant& tenant, Words words, std::string base)
      : tenant_(tenant), words_(std::move(words)), base_(std::move(base)) {
    Begin();
    const auto start = SteadyClock::now();
    const Ended ended = Audit({});
    INFO(ended.err);
    REQUIRE(ended.exit == 0);
    length_ = SteadyClock::now() - start;
    expected_ = Exported(tenant_, kDatabase);
  }

  // Kills a run so far into its time, which is 1, and goes on with it. Whether it had begun.
  bool KillAndResume(double moment) {
    Begin();
    {
      Program audit(Line({}));
      const auto end = SteadyClock::now() + length_ * moment;
      if (audit.RunUntil([&] { return SteadyClock::now() >= end; })) audit.Signal(SIGKILL);
      const int exit = audit.Wait().exit;
      if (exit == 0) return false;  // It was faster this time.
      REQUIRE(exit == 128 + SIGKILL);
    }
    Ended ended = Audit({"--resume", "last"});
    // Killed before it began, or after it had ended, there is nothing to go on with.
    const bool begun = ended.err.find("without --resume") == std::string::npos;
    if (!begun) ended = Audit({});
    INFO(ended.err);
    REQUIRE(ended.exit == 0);
    // Not CHECK(a == b): nobody wants to read what differs as a whole.
    const bool same = Exported(tenant_, kDatabase) == expected_;
    CHECK(same);
    return begun;
  }

 private:
  static constexpr char kDatabase[] = "killed.db";

  void Begin() const {
    for (const char* end : {"", "-wal", "-shm", "-stage", "-stage-wal", "-stage-shm"}) {
      std::filesystem::remove(tenant_.File(kDatabase) + end);
    }
    if (!base_.empty()) std::filesystem::copy_file(base_, tenant_.File(kDatabase));
  }
  Words Line(const Words& more) const {
    Words words = tenant_.AuditWords({"--no-cache", "--db", tenant_.File(kDatabase)});
    const Words& how = more.empty() ? words_ : more;
    words.insert(words.end(), how.begin(), how.end());
    return words;
  }
  Ended Audit(const Words& more) const { return Run(Line(more)); }

  const Tenant& tenant_;
  const Words words_;
  const std::string base_;
  SteadyClock::duration length_{};
  std::string expected_;
};

void CheckKills(Disturbance& disturbance) {
  std::mt19937_64 random(std::random_device{}());
  // One that was killed while it signed in, or had ended already, counts for nothing.
  int attempts = 0;
  for (int resumed = 0; resumed < kMoments && attempts < 4 * kMoments; ++attempts) {
    const double moment = std::uniform_real_distribution<>(0.05, 0.98)(random);
    INFO("killed at " << moment << " of its time, attempt " << attempts);
    resumed += disturbance.KillAndResume(moment) ? 1 : 0;
  }
  CHECK(attempts < 4 * kMoments);
}

// Several pages of most libraries, and answers that take their time, so that most moments lie
// between the first and the last write.
const Words kTenant = {"items=600", "personal_sites=2", "wire.delta_page=20", "seed=31",
                       "faults.latency_ms=6"};

TEST_CASE("A full run killed at twenty-five random moments is resumed to what it would have been",
          "[large]") {
  const Tenant tenant("small", kCertificate, kTenant);
  Disturbance disturbance(tenant, {"--full"}, "");
  CheckKills(disturbance);
  CheckEqual(tenant.CompareAll({"--db", tenant.File("killed.db")}));
}

TEST_CASE("An incremental run killed at twenty-five random moments is resumed likewise",
          "[large]") {
  Tenant tenant("small", kCertificate, kTenant);
  tenant.Summary({"--no-cache", "--db", tenant.File("base.db")});
  Change(tenant, {{"seed", 9}, {"count", 200}, {"kinds", Kinds()}});
  Disturbance disturbance(tenant, {"--incremental"}, tenant.File("base.db"));
  CheckKills(disturbance);
  CheckEqual(tenant.CompareAll({"--db", tenant.File("killed.db")}));
}

}  // namespace
}  // namespace spa::testing
