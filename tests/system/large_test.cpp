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

TEST_CASE("Ten times the tenant takes ten times the requests and no more",
          "[large][cache][S3-118][S3-124]") {
  // Requests and memory do not depend on the machine; seconds do, and are left out.
  struct Cost {
    double items, requests, of_floor, megabytes;
  };
  const auto cost_of = [](const std::string& sites, const std::string& items) {
    Tenant tenant(Large("medium", kSecret,
                        {"sites=" + sites, "items=" + items, "libraries_per_site=1",
                         "subsite_rate=0", "system_libraries=false"}));
    const auto summary = tenant.Summary();
    const double requests = summary["api"]["graph_requests"];
    WARN(sites << " sites: " << summary["objects"]["files"] << " files, " << requests
               << " requests, " << summary["duration_seconds"] << " s");
    return Cost{summary["objects"]["files"], requests,
                requests / static_cast<double>(tenant.server().floor().requests),
                summary["peak_rss_bytes"].get<double>() / 1e6};
  };

  const Cost load = cost_of("500", "50000"), tenfold = cost_of("5000", "500000");

  CHECK(tenfold.items == Approx(10 * load.items).epsilon(0.01));
  CHECK(tenfold.requests / tenfold.items == Approx(load.requests / load.items).epsilon(0.1));
  CHECK(tenfold.of_floor < 1.15);
  CHECK(tenfold.megabytes < 512);
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
