// What the cache does for audits, and what it must never do to them: over real HTTP, with the real
// program, and stores that are shared by processes one after the other.
#include <fmt/format.h>
#include <sys/stat.h>

#include <map>

#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

using nlohmann::json;

constexpr char kMembers[] = "directory members";

// Every group can be read: what cannot be is asked for again by each process.
Words Readable() { return {"hidden_groups=0", "deleted_groups=0"}; }

std::uint64_t Asked(const Tenant& tenant, const std::string& route) {
  const auto counters = tenant.counters();
  const auto at = counters.by_route.find(route);
  return at == counters.by_route.end() ? 0 : at->second;
}

// All that was asked, the parts of batches one by one; tokens apart.
std::uint64_t AllAsked(const Tenant& tenant) {
  std::uint64_t all = 0;
  for (const auto& [route, count] : tenant.counters().by_route) {
    if (route.find("token") == std::string::npos && route.find("batch") == std::string::npos)
      all += count;
  }
  return all;
}

// Permissions and objects of the run in that database.
std::string Exported(const Tenant& tenant, const std::string& database) {
  const Words words = {"--db", tenant.File(database), "--all"};
  return ReadText(tenant.Export("permissions", words)) +
         ReadText(tenant.Export("objects", {"--db", tenant.File(database)}));
}

// An audit into a database of its own.
json AuditInto(const Tenant& tenant, const std::string& database, const Words& more = {}) {
  Words words = {"--db", tenant.File(database)};
  words.insert(words.end(), more.begin(), more.end());
  return tenant.Summary(words);
}

std::size_t Count(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

unsigned ModeOf(const std::string& path) {
  struct stat about {};
  REQUIRE(::stat(path.c_str(), &about) == 0);
  return about.st_mode & 0777;
}

}  // namespace

TEST_CASE("A second process takes groups and sites from the disk and exports the same bytes",
          "[cache][S4-13][S4-16][S4-17][S4-22][S4-23][S2-78]") {
  const Tenant tenant("demo", kCertificate, Readable());
  const json cold = AuditInto(tenant, "cold.db");
  const std::uint64_t members = Asked(tenant, kMembers), all = AllAsked(tenant);
  REQUIRE(members > 0);

  const json warm = AuditInto(tenant, "warm.db");
  const std::uint64_t warm_all = AllAsked(tenant) - all;

  CHECK(Asked(tenant, kMembers) == members);
  CHECK(warm_all < all);
  CHECK(cold["cache"]["l2_hits"] == 0);
  CHECK(cold["cache"]["l2"]["reachable"] == true);
  CHECK(warm["cache"]["l2_hits"] > 0);
  CHECK(warm["cache"]["by_kind"]["group_members"]["misses"] == 0);
  CHECK(warm["cache"]["by_kind"]["site_groups"]["misses"] == 0);
  for (const char* kind :
       {"drive", "list", "site"}) {  // What a closed site answers is asked again.
    INFO(kind);
    CHECK(warm["cache"]["by_kind"][kind]["hits"] >
          2 * warm["cache"]["by_kind"][kind]["misses"].get<int>());
  }
  const std::string exported = Exported(tenant, "cold.db");
  CHECK(exported == Exported(tenant, "warm.db"));
  AuditInto(tenant, "plain.db", {"--no-cache"});
  CHECK(exported == Exported(tenant, "plain.db"));
  CheckEqual(tenant.CompareAll({"--db", tenant.File("warm.db")}));
}

TEST_CASE("The file of the cache is for its owner alone and holds no secret", "[cache][S2-06]") {
  const Tenant tenant("small", kSecret);
  tenant.Configure(
      {{"cache", {{"l2", "disk:" + tenant.File("kept/cache.db")}, {"compression_threshold", 0}}}});

  tenant.Summary();

  CHECK(ModeOf(tenant.File("kept")) == 0700);
  CHECK(ModeOf(tenant.File("kept/cache.db")) == 0600);
  const json config = json::parse(ReadText(tenant.config()));
  const std::string secret = config["auth"]["client_secret"];
  std::string bytes;
  for (const char* suffix : {"", "-wal"}) {
    const std::string path = tenant.File(std::string("kept/cache.db") + suffix);
    if (std::filesystem::exists(path)) bytes += ReadText(path);
  }
  CHECK(bytes.find("sharepoint_audit:group_members:2:") != std::string::npos);
  CHECK(bytes.find(secret) == std::string::npos);
  CHECK(bytes.find("eyJ") == std::string::npos);  // No token.
  CHECK(bytes.find("sharepoint_audit:access_token") == std::string::npos);
}

TEST_CASE("What is older than --max-age is asked for again", "[cache][S4-13]") {
  const Tenant tenant("small", kCertificate, Readable());
  AuditInto(tenant, "first.db");
  const std::uint64_t first = Asked(tenant, kMembers);

  AuditInto(tenant, "within.db", {"--max-age", "1h"});
  CHECK(Asked(tenant, kMembers) == first);

  const json summary = AuditInto(tenant, "beyond.db", {"--max-age", "0s"});
  CHECK(Asked(tenant, kMembers) == 2 * first);
  CHECK(summary["cache"]["l2_hits"] == 0);
  CHECK(Exported(tenant, "first.db") == Exported(tenant, "beyond.db"));
}

TEST_CASE("Observing asks as much as no cache does, and tells what would have been spared",
          "[cache][S1-59]") {
  const Tenant tenant("small", kCertificate, Readable());
  AuditInto(tenant, "first.db");
  std::uint64_t before = AllAsked(tenant);
  AuditInto(tenant, "plain.db", {"--no-cache"});
  const std::uint64_t plain = AllAsked(tenant) - before;
  before += plain;

  const json observed = AuditInto(tenant, "observed.db", {"--cache-mode", "observe"});

  CHECK(AllAsked(tenant) - before == plain);
  CHECK(observed["cache"]["mode"] == "observe");
  CHECK(observed["cache"]["would_hit"] > 0);
  CHECK(observed["cache"]["mismatch"] == 0);
  CHECK(Exported(tenant, "plain.db") == Exported(tenant, "observed.db"));
}

TEST_CASE("Hits that are loaded again to compare are as they were", "[cache][S3-116]") {
  const Tenant tenant("demo", kCertificate, Readable());
  AuditInto(tenant, "first.db");

  const json summary = AuditInto(tenant, "second.db", {"--cache-verify", "100"});

  CHECK(summary["cache"]["verified"] > 0);
  CHECK(summary["cache"]["mismatch"] == 0);
  CHECK(Exported(tenant, "first.db") == Exported(tenant, "second.db"));
}

TEST_CASE("A second level that is not there costs one warning", "[cache][S1-48][S1-03]") {
  const Tenant tenant("small");
  const std::string l2 =
      GENERATE(as<std::string>(), "redis://127.0.0.1:1/0", "disk:/proc/no-such-place/cache.db");

  const Ended ended = tenant.Audit({"--cache-l2", l2});

  INFO(ended.err);
  CHECK(ended.exit == 0);
  CHECK(Count(ended.err, "cache level cannot be used") == 1);
  CHECK(ParseSummary(ended)["cache"]["l2_hits"] == 0);
  CheckEqual(tenant.CompareAll());
}

TEST_CASE("Where the second level cannot be opened the fallback is used", "[cache][S1-48]") {
  const Tenant tenant("small", kCertificate, Readable());
  const Words fallback = {"--cache-l2", "redis://127.0.0.1:1/0", "--l2-fallback",
                          "disk:" + tenant.File("fallback.db")};
  AuditInto(tenant, "first.db", fallback);
  const std::uint64_t members = Asked(tenant, kMembers);

  const json summary = AuditInto(tenant, "second.db", fallback);

  CHECK(Asked(tenant, kMembers) == members);
  CHECK(summary["cache"]["l2_hits"] > 0);
}

TEST_CASE("A cache file that was tampered with changes nothing", "[cache][S1-22][S3-84]") {
  const Tenant tenant("small", kCertificate, Readable());
  AuditInto(tenant, "first.db");
  const std::string path = tenant.File("cache.db");
  const std::string kept = ReadText(path);
  REQUIRE(kept.size() > 4096);
  const bool whole = GENERATE(true, false);
  if (whole) {
    WriteText(path, std::string(kept.size(), 'x'));
  } else {  // Sealed values, byte by byte.
    std::string harmed = kept;
    for (std::size_t at = harmed.find("SPAC"); at != std::string::npos;
         at = harmed.find("SPAC", at + 1)) {
      for (std::size_t i = 40; i < 60 && at + i < harmed.size(); ++i) harmed[at + i] ^= 0x5a;
    }
    WriteText(path, harmed);
  }
  for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(path + suffix);

  AuditInto(tenant, "second.db");

  CHECK(Exported(tenant, "first.db") == Exported(tenant, "second.db"));
}

TEST_CASE("Two namespaces share a store without meeting", "[cache][S3-115]") {
  const Tenant tenant("small", kCertificate, Readable());
  AuditInto(tenant, "blue.db", {"--cache-namespace", "blue"});
  const std::uint64_t blue = Asked(tenant, kMembers);

  const json green = AuditInto(tenant, "green.db", {"--cache-namespace", "green"});
  CHECK(green["cache"]["l2_hits"] == 0);
  CHECK(Asked(tenant, kMembers) == 2 * blue);

  AuditInto(tenant, "again.db", {"--cache-namespace", "blue"});
  CHECK(Asked(tenant, kMembers) == 2 * blue);
}

TEST_CASE("One token per resource serves all calls of an audit", "[cache][S0-09][S0-25]") {
  const Tenant tenant("small");

  const json summary = tenant.Summary();

  CHECK(summary["api"]["token_requests"] == 2);  // Graph, SharePoint.
  CHECK(tenant.counters().token == 2);
  CHECK(summary["cache"]["by_kind"]["access_token"]["hits"] > 10);
  CHECK(summary["cache"]["by_kind"]["access_token"]["misses"] == 2);
}

TEST_CASE("Groups that stand on many sites are found nine times of ten", "[cache][S4-26]") {
  const Tenant tenant("demo");

  const json summary = tenant.Summary();

  CHECK(summary["cache"]["repeat_hit_rate"] > 0.9);
  CHECK(summary["cache"]["by_kind"]["group_members"]["hits"] > 0);
}

TEST_CASE("At the level debug each lookup is a line, and none holds a secret",
          "[cache][S0-23][S2-06]") {
  const Tenant tenant("small", kCertificate, Readable());

  const Ended ended = tenant.Audit({"--log-level", "debug"});

  REQUIRE(ended.exit == 0);
  const json kinds = ParseSummary(ended)["cache"]["by_kind"];
  CHECK(ended.err.find("eyJ") == std::string::npos);  // No token.
  CHECK(ended.err.find("PRIVATE KEY") == std::string::npos);
  for (const char* kind : {"group_members", "site_groups"}) {
    INFO(kind);
    const std::uint64_t lookups =
        kinds[kind]["hits"].get<std::uint64_t>() + kinds[kind]["misses"].get<std::uint64_t>();
    CHECK(Count(ended.err, fmt::format("cache.get kind={} ", kind)) == lookups);
  }
}

}  // namespace spa::testing
