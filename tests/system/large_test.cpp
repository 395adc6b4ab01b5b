// Audits of large tenants: right under faults, thrifty without them, flat in memory.
#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

Tenant::Setup Large(const std::string& preset, const std::string& credential, Words set = {}) {
  Tenant::Setup setup;
  setup.preset = preset;
  setup.credential = credential;
  setup.set = std::move(set);
  setup.threads = 2;
  return setup;
}

}  // namespace

TEST_CASE("A hundred thousand items under faults have exactly their true permissions", "[large]") {
  const Tenant tenant(Large("medium", kCertificate,
                            {"faults.rate_429=0.05", "faults.rate_503=0.02",
                             "faults.rate_reset=0.01", "faults.rate_truncated=0.01",
                             "faults.retry_after=decimal", "faults.retry_after_seconds=0.05"}));

  tenant.Summary();

  CheckEqual(tenant.CompareAll());
  CHECK(tenant.counters().early_retries == 0);
}

TEST_CASE("A large audit asks hardly more than the cheapest one would", "[large]") {
  Tenant tenant(Large("medium", kSecret, {"custom_level_rate=0"}));

  const auto summary = tenant.Summary();

  const auto floor = static_cast<double>(tenant.server().floor().requests);
  CAPTURE(floor);
  CHECK(summary["api"]["graph_requests"].get<double>() <= 1.15 * floor);
  CheckEqual(tenant.CompareItems());
}

TEST_CASE("Memory does not grow with the number of items", "[large][S4-28]") {
  const auto peak = [](const std::string& preset, Words set) {
    const Tenant tenant(Large(preset, kCertificate, std::move(set)));
    const auto summary = tenant.Summary();
    WARN(preset << ", " << summary["objects"]["files"] << " files: " << summary["duration_seconds"]
                << " s, peak " << summary["peak_rss_bytes"].get<double>() / 1e6 << " MB");
    return summary["peak_rss_bytes"].get<double>();
  };
  const double hundred_thousand = peak("medium", {});

  CHECK(peak("medium", {"items=1000000"}) < 1.5 * hundred_thousand);
  CHECK(peak("large", {}) < 200e6);  // Five times the sites and groups, too.
}

}  // namespace spa::testing
