// One tenant audited by several processes at once, each its shard, and their runs merged.
#include "core/shard.h"

#include "tests/system/shards.h"

namespace spa::testing {
namespace {

using nlohmann::json;

// Sites of every state, subsites, and groups that many of them share.
const Words kTenant = {"sites=24", "personal_sites=2", "subsite_rate=0.3", "items=500"};

}  // namespace

TEST_CASE("A shard holds every site of a collection, and each collection is in one shard") {
  const std::string collection = "contoso.sharepoint.com,2c712604-1370-44e7-a1f5-426573fda80a";
  for (int count : {1, 2, 4, 7}) {
    int holders = 0;
    for (int number = 1; number <= count; ++number) {
      const Shard shard(number, count);
      const bool holds = shard.Has(collection + ",2d2244c3-251a-49ea-93a8-39e1c3a060fe");
      holders += holds;
      CHECK(shard.Has("CONTOSO.sharepoint.com,2C712604-1370-44e7-a1f5-426573fda80a,other") ==
            holds);
      CHECK(Shard(*ParseShard(shard.Text())).number == number);
    }
    CHECK(holders == 1);
  }
  // The same in every build, or a database would lose its sites.
  CHECK(Shard(3, 4).Has("a"));
  CHECK(Shard(2, 3).Has("b,c"));
  for (const char* text : {"", "1", "0/2", "3/2", "1/", "/2", "a/2", "1/2/3", "-1/2", "1/1001"}) {
    INFO(text);
    CHECK_FALSE(ParseShard(text));
  }
}

TEST_CASE("The shards of a tenant merge to the run that one process makes") {
  const Tenant tenant("small", kCertificate, kTenant);
  const json whole = tenant.Summary({"--db", tenant.File("whole.db")});
  const std::string expected = Exported(tenant, "whole.db");

  const auto shards = AuditShards(tenant, 3);
  const Ended merged = Run(MergeWords(tenant, UpTo(3), 3, "merged.db"));

  INFO(merged.err);
  REQUIRE(merged.exit == 0);
  const json sum = json::parse(merged.out);
  CHECK(Exported(tenant, "merged.db") == expected);
  for (const char* part : {"objects", "scopes", "grants", "coverage", "scope_methods", "status"}) {
    INFO(part);
    CHECK(sum[part] == whole[part]);
  }
  CHECK(sum["mode"] == "merged");
  int sites = 0;
  for (const json& shard : shards) {
    CHECK(shard["objects"]["sites"] > 0);
    sites += shard["objects"]["sites"].get<int>();
  }
  CHECK(sites == whole["objects"]["sites"]);
  CHECK(shards[1]["shard"] == "2/3");

  SECTION("Merged once more, nothing changes") {
    const Ended again = Run(MergeWords(tenant, UpTo(3), 3, "merged.db"));
    INFO(again.err);
    REQUIRE(again.exit == 0);
    CHECK(json::parse(again.out)["objects"] == whole["objects"]);
    CHECK(Exported(tenant, "merged.db") == expected);
  }
  SECTION("What does not belong together is refused") {
    const auto refused = [&](const Words& words, const std::string& why) {
      const Ended ended = Run(words);
      INFO(ended.err);
      CHECK(ended.exit == 2);
      CHECK(ended.err.find(why) != std::string::npos);
    };
    refused(MergeWords(tenant, {1, 3}, 3, "other.db"), "missing: shard 2/3");
    refused(MergeWords(tenant, {1, 2, 3, 2}, 3, "other.db"), "both shard 2/3");
    refused(And(MergeWords(tenant, {1}, 3, "other.db"), {tenant.File("whole.db")}),
            "of the whole tenant");
    refused(MergeWords(tenant, UpTo(3), 3, "shard-1-of-3.db"), "holds runs of shard 1/3");
    refused(tenant.AuditWords({"--shard", "2/3", "--db", DatabaseOf(tenant, 1, 3)}),
            "holds runs of shard 1/3, not of shard 2/3");
    refused(tenant.AuditWords({"--db", DatabaseOf(tenant, 1, 3)}), "not of the whole tenant");
    refused(tenant.AuditWords({"--shard", "4/3"}), "--shard");
  }
  SECTION("A shard that is missing is a gap") {
    const Ended partial = Run(And(MergeWords(tenant, {1, 3}, 3, "part.db"), {"--partial"}));
    INFO(partial.err);
    REQUIRE(partial.exit == 0);
    const json summary = json::parse(partial.out);
    CHECK(summary["status"] == "partial");
    CHECK(summary["objects"]["sites"] < whole["objects"]["sites"]);
    CHECK(summary["coverage"]["gaps"].dump().find("shard 2/3") != std::string::npos);
  }
}

}  // namespace spa::testing
