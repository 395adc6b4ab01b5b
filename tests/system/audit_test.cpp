// What an audit of a whole tenant says, against what is true. Over real HTTP, with the real
// program.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

using nlohmann::json;

// Groups that something is granted to, or that stand in such a group, and that cannot be read. One
// that was deleted can: nobody is in it.
std::set<std::string> UnreadableGroups(const SimulatedTenant& t) {
  std::set<std::string> ids;
  std::set<std::uint32_t> seen;
  const std::function<void(std::uint32_t)> note_group = [&](std::uint32_t number) {
    const sim::Group& group = t.directory().groups()[number];
    if (!seen.insert(number).second || group.deleted) return;
    if (group.hidden) {
      ids.insert("group:" + group.id);
      return;
    }
    for (const std::uint32_t inner : t.directory().Members(number).groups) note_group(inner);
  };
  const auto note = [&](const sim::Principal& who) {
    if (who.kind == sim::Principal::Kind::kGroup) note_group(who.number);
  };
  const auto note_all = [&](const sim::Acl& acl) {
    for (const sim::Entry& entry : acl.entries) note(entry.who);
    for (const sim::Link& link : acl.links) {
      for (const sim::Principal& who : link.people) note(who);
    }
  };
  for (const sim::Web& web : t.webs()) {
    if (web.state != sim::SiteState::kOpen) continue;
    note_all(web.acl);
    for (const sim::Principal& admin : web.admins) note(admin);
    for (const sim::SiteGroup& group : web.groups) {
      for (const sim::Principal& member : group.members) note(member);
    }
    for (const auto number : web.lists) {
      const sim::GenericList& list = t.lists()[number];
      note_all(list.acl);
      for (std::uint32_t item = 1; item <= list.items; ++item) note_all(t.ListItemAcl(list, item));
    }
    for (const auto number : web.libraries) {
      const sim::Library& library = t.libraries()[number];
      note_all(t.LibraryAcl(library));
      for (std::uint32_t item = 1; item <= library.items; ++item) {
        if (t.OwnsScope(library, item)) note_all(t.OwnAcl(library, item));
      }
    }
  }
  return ids;
}

// "state url" of each gap that is about an object, and the groups apart.
struct Gaps {
  explicit Gaps(const json& gaps) {
    for (const json& gap : gaps) {
      const std::string url = gap.at("object_url"), state = gap.at("state");
      if (url.starts_with("group")) {
        groups.insert(url);
      } else {
        objects.insert(state + " " + url);
      }
    }
  }
  std::set<std::string> objects, groups;
};

template <class Holds>
std::int64_t Count(const std::vector<json>& lines, Holds holds) {
  return std::count_if(lines.begin(), lines.end(), holds);
}

// The truth of the site collections with these numbers.
Lines OfCollections(const Tenant& tenant, const std::set<std::uint32_t>& collections) {
  std::set<std::string> urls;
  for (const sim::Web& web : tenant.truth().webs()) {
    if (collections.contains(web.collection)) {
      urls.insert(tenant.server().base_url() + web.path);
    }
  }
  return [all = tenant.TruePermissions(), urls](const Line& line) {
    all([&](std::string_view text) {
      if (urls.contains(json::parse(text).at("site_url").get<std::string>())) line(text);
    });
  };
}

}  // namespace

TEST_CASE("With a certificate every object of the tenant has exactly its true permissions") {
  const Tenant tenant("demo");

  tenant.Summary();

  CheckEqual(tenant.CompareAll());
}

TEST_CASE("The gaps of an audit are the closed sites and the unreadable groups, and no other") {
  const Tenant tenant("demo", kCertificate, {"hidden_groups=3", "deleted_groups=3"});
  std::set<std::string> expected;
  for (const json& object : tenant.TrueObjects()) {
    const std::string state = object.at("state"), url = object.at("object_url");
    if (state == "open") continue;
    expected.insert((state == "forbidden" ? "denied "
                     : state == "missing" ? "failed "
                                          : "locked ") +
                    url);
  }
  REQUIRE(expected.size() == 4);
  const auto groups = UnreadableGroups(tenant.truth());
  REQUIRE_FALSE(groups.empty());

  const json summary = tenant.Summary();

  CHECK(summary["status"] == "partial");
  const Gaps told(summary["coverage"]["gaps"]);
  CHECK(told.objects == expected);
  CHECK(told.groups == groups);
  for (const json& row : tenant.Coverage()) {
    const std::string state = row.at("state");
    if (state == "read" || state == "inherited") continue;
    INFO(row.dump());
    CHECK_FALSE(row.at("reason").get<std::string>().empty());
    CHECK_FALSE(row.at("remedy").get<std::string>().empty());
  }
}

TEST_CASE("A tenant without gaps is audited completely") {
  const Tenant tenant(
      "small", kCertificate,
      {"locked_sites=0", "forbidden_sites=0", "hidden_groups=0", "deleted_groups=0"});

  const json summary = tenant.Summary({"--min-coverage", "100"});

  CHECK(summary["status"] == "complete");
  CHECK(summary["coverage"]["percent"] == 100);
  CHECK(summary["coverage"]["gaps"].empty());
  CheckEqual(tenant.CompareAll());
}

TEST_CASE("The summary counts the objects, scopes and grants that there are") {
  const Tenant tenant("demo");
  const auto objects = tenant.TrueObjects();
  std::vector<json> owned;  // Grants of the objects that own their scope.
  tenant.TruePermissions()([&](std::string_view line) {
    json grant = json::parse(line);
    if (!grant.at("inherits")) owned.push_back(std::move(grant));
  });
  const auto of_type = [&](const char* type) {
    return Count(objects, [&](const json& object) { return object.at("object_type") == type; });
  };

  const json summary = tenant.Summary();

  const json& told = summary["objects"];
  CHECK(told["sites"] == of_type("site"));
  CHECK(told["libraries"] == of_type("library"));
  CHECK(told["folders"] == of_type("folder"));
  CHECK(told["files"] == of_type("file"));
  CHECK(told["lists"] == of_type("list"));
  CHECK(told["list_items"] == of_type("list_item"));
  CHECK(summary["scopes"]["unique"] == Count(objects, [](const json& object) {
          return object.at("state") == "open" && !object.at("inherits").get<bool>();
        }));
  CHECK(summary["grants"]["total"] == owned.size());
  CHECK(summary["grants"]["links"] ==
        Count(owned, [](const json& grant) { return grant.at("principal_type") == "link"; }));
  CHECK(summary["grants"]["anonymous"] ==
        Count(owned, [](const json& grant) { return grant.at("link_scope") == "anonymous"; }));
  const json& coverage = summary["coverage"];
  CHECK(coverage["discovered"] == objects.size());
  CHECK(coverage["discovered"] == coverage["read"].get<int>() + coverage["inherited"].get<int>() +
                                      coverage["skipped"].get<int>() +
                                      coverage["failed"].get<int>());
}

TEST_CASE("The summary counts the requests that the services saw") {
  // What a refused request costs is the service's secret.
  const Tenant tenant(
      "demo", kCertificate,
      {"locked_sites=0", "archived_sites=0", "forbidden_sites=0", "missing_sites=0"});

  const json api = tenant.Summary()["api"];

  const auto seen = tenant.counters();
  CHECK(api["http_requests"] == seen.http_requests);
  CHECK(api["graph_requests"] == seen.graph);
  CHECK(api["sharepoint_requests"] == seen.sharepoint);
  CHECK(api["token_requests"] == seen.token);
  CHECK(api["resource_units"] == seen.resource_units);
  CHECK(api["throttled"] == 0);
  CHECK(api["retried"] == 0);
}

TEST_CASE("With a secret everything in libraries is right and the rest is told as a gap") {
  const Tenant tenant("demo", kSecret, {"custom_level_rate=0"});

  const json summary = tenant.Summary();

  CHECK(summary["status"] == "partial");
  CHECK(summary["api"]["sharepoint_requests"] == 0);
  CheckEqual(tenant.CompareItems());
  std::map<std::string, json> ledger;
  for (json& row : tenant.Coverage()) {
    if (!row.at("object_id").is_string()) continue;
    const std::string id = row.at("object_id");
    ledger[id] = std::move(row);
  }
  for (const json& object : tenant.TrueObjects()) {
    const std::string type = object.at("object_type");
    if (object.at("state") != "open" || (type != "site" && type != "list")) continue;
    const json& row = ledger[object.at("object_id")];
    INFO(object.dump() << " " << row.dump());
    REQUIRE(row.is_object());
    CHECK(row.at("state") == "denied");
    CHECK(row.at("remedy").get<std::string>().find("auth.certificate_path") != std::string::npos);
  }
}

TEST_CASE("Graph alone calls a level of the tenant's own 'other' and guesses nothing") {
  const Tenant tenant("small", kSecret, {"custom_level_rate=0.5"});

  tenant.Summary();

  using Key = std::pair<std::string, std::string>;
  std::map<Key, std::string> roles;
  tenant.TruePermissions()([&](std::string_view line) {
    const json grant = json::parse(line);
    roles[{grant.at("object_id"), grant.at("grant_id")}] = grant.at("role");
  });
  int others = 0;
  for (const json& grant : ParseLines(ReadText(tenant.Export("permissions", {"--all"})))) {
    const auto role = roles.find({grant.at("object_id"), grant.at("grant_id")});
    INFO(grant.dump());
    REQUIRE(role != roles.end());
    if (grant.at("role") == "other") {
      ++others;
    } else {
      CHECK(grant.at("role") == role->second);
    }
  }
  CHECK(others > 0);
}

TEST_CASE("However the services honour the delta preferences the permissions are right") {
  const std::string mode = GENERATE("ignore", "honour-without-empty-facet");
  const std::string credential = GENERATE(as<std::string>(), kCertificate, kSecret);
  INFO(mode << " " << credential);
  const Tenant tenant("demo", credential, {"wire.prefer_mode=" + mode, "custom_level_rate=0"});

  const json summary = tenant.Summary();

  const bool rest = credential == kCertificate;
  CheckEqual(rest ? tenant.CompareAll() : tenant.CompareItems());
  const json& methods = summary["scope_methods"];
  INFO(methods.dump());
  CHECK(methods.contains(rest ? "rest_unique_flags" : "item_permissions"));
  CHECK_FALSE(methods.contains("delta_hierarchy"));
}

TEST_CASE("Where some libraries ignore the preferences each is read the way it needs") {
  const Tenant tenant("demo", kCertificate, {"wire.prefer_ignored_drives=0.5"});

  const json summary = tenant.Summary();

  CheckEqual(tenant.CompareAll());
  CHECK(summary["scope_methods"].contains("delta_hierarchy"));
  CHECK(summary["scope_methods"].contains("rest_unique_flags"));
}

TEST_CASE("Whatever shape the services give their answers the permissions are right") {
  const std::string change = GENERATE(
      "wire.inherited_from=absent", "wire.inherited_from=full", "wire.deprecated_twins=true",
      "wire.gzip=true", "wire.top=honour", "wire.preference_applied=true",
      "wire.repeat_ancestors=false", "wire.permissions_page=3", "wire.sites_page=2",
      "wire.drives_page=1", "wire.members_page=5", "wire.rest_refuses_401=true",
      "wire.separate_sharepoint_host=true", "big_acl_rate=0.5");
  INFO(change);
  const Tenant tenant("small", kCertificate, {change});

  tenant.Summary();

  // With a host of its own SharePoint is named by it in every address, which the truth is not.
  const bool own_host = change.find("separate") != std::string::npos;
  CheckEqual(own_host ? tenant.CompareItems() : tenant.CompareAll());
}

TEST_CASE("Oddities of delta paging lose and invent nothing") {
  const Words changes = GENERATE(
      Words{"wire.delta_page=7"}, Words{"wire.duplicate_rate=0.3", "wire.delta_page=20"},
      Words{"wire.empty_page_rate=0.3", "wire.delta_page=20"}, Words{"wire.empty_last_page=true"},
      Words{"wire.gone_at_page=2", "wire.delta_page=20", "wire.gone_location=true"},
      Words{"wire.gone_at_page=2", "wire.delta_page=20", "wire.gone_location=false"});
  const std::string credential = GENERATE(as<std::string>(), kCertificate, kSecret);
  INFO(fmt::format("{} {}", fmt::join(changes, " "), credential));
  Words set = changes;
  set.push_back("custom_level_rate=0");
  const Tenant tenant("demo", credential, set);

  tenant.Summary();

  CheckEqual(credential == kCertificate ? tenant.CompareAll() : tenant.CompareItems());
}

TEST_CASE("Without the cache the exports are the same bytes for more requests",
          "[cache][S0-30][S4-22][S4-23]") {
  const Tenant tenant("demo");

  const json cached = tenant.Summary();
  std::map<std::string, std::string> exports;
  for (const char* what : {"permissions", "objects"}) {
    exports[what] = ReadText(tenant.Export(what));
  }
  const json plain = tenant.Summary({"--no-cache", "--db", tenant.File("plain.db")});

  CHECK(cached["cache"]["enabled"] == true);
  CHECK(plain["cache"]["enabled"] == false);
  CHECK(plain["api"]["batched"] > cached["api"]["batched"]);
  for (const auto& [what, text] : exports) {
    INFO(what);
    CHECK_FALSE(text.empty());
    CHECK(text == ReadText(tenant.Export(what, {"--db", tenant.File("plain.db")})));
  }
}

TEST_CASE("Two runs in one database stand side by side") {
  const Tenant tenant("small");

  const std::string first = tenant.Summary()["run_id"];
  const std::string before = ReadText(tenant.Export("permissions", {"--all"}));
  const std::string second = tenant.Summary()["run_id"];

  CHECK(first != second);
  CheckEqual(tenant.CompareAll());
  CheckEqual(tenant.CompareAll({"--run", first}));
  CHECK(ReadText(tenant.Export("permissions", {"--all", "--run", first})) == before);
  const Ended runs = Run({"runs", "--config", tenant.config(), "--output-format", "json"});
  std::set<std::string> listed;
  for (const json& run : json::parse(runs.out)) listed.insert(run.at("run_id"));
  CHECK(listed == std::set<std::string>{first, second});
}

TEST_CASE("Chosen sites are audited alone, by their old address too, and a wrong one is a gap") {
  const Tenant tenant("small", kCertificate, {"renamed_sites=1"});
  const std::string base = tenant.server().base_url();
  const sim::Web *renamed = nullptr, *root = nullptr, *plain = nullptr;
  for (const sim::Web& web : tenant.truth().webs()) {
    if (web.parent >= 0 || web.state != sim::SiteState::kOpen) continue;
    if (!web.old_path.empty()) {
      renamed = &web;
    } else if (web.path.empty() || web.path == "/") {
      root = &web;
    } else if (!web.personal) {
      plain = &web;
    }
  }
  REQUIRE((renamed && root && plain));
  const std::string missing = base + "/sites/no-such-site";
  tenant.Configure(
      {{"target_sites", {base + renamed->old_path, base, base + plain->path, missing}}});

  const json summary = tenant.Summary();

  const auto truth =
      OfCollections(tenant, {renamed->collection, root->collection, plain->collection});
  const auto result = CompareLines(truth, LinesOfFile(tenant.Export("permissions", {"--all"})));
  CheckEqual(result);
  const Gaps told(summary["coverage"]["gaps"]);
  REQUIRE(told.objects.size() == 1);
  CHECK(told.objects.begin()->ends_with(" " + missing));
}

TEST_CASE("Tokens that expire during a run are renewed in time") {
  const Tenant tenant("small", kCertificate, {"wire.token_lifetime=2", "faults.latency_ms=100"});
  tenant.Configure({{"concurrency", {{"max_api_calls", 2}}}});

  const json summary = tenant.Summary();

  CheckEqual(tenant.CompareAll());
  const auto seen = tenant.counters();
  REQUIRE(summary["duration_seconds"] > 2.5);
  CHECK(seen.token >= 4);                      // At least one renewal for each service …
  CHECK(seen.token < seen.http_requests / 3);  // … and not one for each call.
}

TEST_CASE("No more calls are under way than the configuration allows", "[S4-09][S4-12]") {
  const Tenant tenant("small", kCertificate, {"faults.latency_ms=20"});
  tenant.Configure({{"concurrency", {{"max_api_calls", 3}}}});

  const json summary = tenant.Summary();

  const auto peak = tenant.counters().peak_in_flight;
  CHECK(peak >= 2);
  CHECK(peak <= 3);
  CHECK(summary["api"]["peak_in_flight"] == peak);
}

TEST_CASE("Over HTTPS a tenant is trusted through the CA file") {
  Tenant::Setup setup;
  setup.https = true;
  const Tenant tenant(setup);

  tenant.Summary();

  CheckEqual(tenant.CompareAll());
}

}  // namespace spa::testing
