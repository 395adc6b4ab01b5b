// Audits of services that throttle and break: the result is the same, and the manners are good.
#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

const Words kFaults = {"faults.rate_429=0.05", "faults.rate_503=0.02", "faults.rate_reset=0.01",
                       "faults.rate_truncated=0.01", "faults.retry_after_seconds=0.05"};

Words With(Words words, const std::string& more) {
  words.push_back(more);
  return words;
}

}  // namespace

TEST_CASE("Throttled, refused and cut off answers change nothing about the result") {
  const std::string form = GENERATE("int", "decimal", "date", "missing", "mixed");
  INFO(form);
  // Forms in whole seconds take their time.
  const Tenant tenant(form == "decimal" ? "demo" : "small", kCertificate,
                      With(kFaults, "faults.retry_after=" + form));

  const auto summary = tenant.Summary();

  CheckEqual(tenant.CompareAll());
  const auto seen = tenant.counters();
  CHECK(seen.throttled > 0);
  CHECK(seen.unavailable + seen.resets + seen.truncations > 0);
  CHECK(seen.early_retries == 0);
  CHECK(summary["api"]["throttled"] > 0);
  CHECK(summary["api"]["retried"] > 0);
}

TEST_CASE("While a service says wait nothing is sent to it") {
  const Tenant tenant("small", kCertificate,
                      {"faults.rate_429=0.06", "faults.rate_503=0.06", "faults.retry_after=decimal",
                       "faults.retry_after_seconds=0.05"});
  // One call at a time: what was on its way when the service said wait cannot be taken back.
  tenant.Configure({{"concurrency", {{"max_api_calls", 1}}}});

  tenant.Summary();

  const auto seen = tenant.counters();
  CHECK(seen.throttled > 0);
  CHECK(seen.unavailable > 0);
  CHECK(seen.early_retries == 0);
  CHECK(seen.requests_while_throttled == 0);
  CheckEqual(tenant.CompareAll());
}

TEST_CASE("Every kind of broken answer is asked for again") {
  const std::string fault = GENERATE("rate_500", "rate_502", "rate_504", "rate_reset",
                                     "rate_reset_body", "rate_truncated", "rate_html", "rate_slow");
  const std::string credential = GENERATE(as<std::string>(), kCertificate, kSecret);
  INFO(fault << " " << credential);
  const Tenant tenant("small", credential,
                      {"faults." + fault + "=0.15", "faults.slow_ms=5", "custom_level_rate=0"});

  tenant.Summary();

  CheckEqual(credential == kCertificate ? tenant.CompareAll() : tenant.CompareItems());
}

TEST_CASE("Sign-in that breaks now and then is tried again") {
  const Tenant tenant("small", kCertificate,
                      {"faults.login=true", "faults.rate_503=0.3", "faults.rate_reset=0.1",
                       "faults.retry_after=decimal", "faults.retry_after_seconds=0.02"});

  tenant.Summary();

  CheckEqual(tenant.CompareAll());
}

TEST_CASE("A budget of resource units is waited out") {
  const Tenant tenant(
      "small", kCertificate,
      {"faults.units_per_minute=150", "faults.minute_ms=1000", "faults.retry_after=decimal"});

  tenant.Summary();

  CheckEqual(tenant.CompareAll());
  CHECK(tenant.counters().early_retries == 0);
}

TEST_CASE("A service that only throttles is given up after the patience that was asked for") {
  const Tenant tenant(
      "small", kCertificate,
      {"faults.rate_429=1", "faults.retry_after=decimal", "faults.retry_after_seconds=0.2"});

  const Ended ended = tenant.Audit({"--patience", "2s"});

  CHECK(ended.exit == 5);
  CHECK(ended.took < std::chrono::seconds(20));
  CHECK(tenant.counters().early_retries == 0);
  CHECK(ended.err.find("patience") != std::string::npos);
}

}  // namespace spa::testing
