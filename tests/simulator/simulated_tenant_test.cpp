#include "simulator/simulated_tenant.h"

#include <set>

#include "tests/simulator/simulator_client.h"

namespace spa::sim {

TEST_CASE("The same spec makes the same tenant, another seed another one") {
  SimulatorClient one, two, other(SmallSpec({"seed=2"}));

  const auto truth = one.Send("GET", "/__sim/truth/permissions").body;

  REQUIRE(truth == two.Send("GET", "/__sim/truth/permissions").body);
  REQUIRE(truth != other.Send("GET", "/__sim/truth/permissions").body);
}

TEST_CASE("A tenant holds exactly the items its spec asks for") {
  for (const char* items : {"items=0", "items=1", "items=400", "items=12345"}) {
    const SimulatedTenant tenant(SmallSpec({items}));

    std::int64_t count = 0;
    for (const Library& library : tenant.libraries()) count += library.items;

    CHECK(count == tenant.spec().items);
  }
}

TEST_CASE("Every item has a folder as parent and reaches the root within the depth") {
  const SimulatedTenant tenant(SmallSpec({"items=20000", "depth=5"}));

  int parents_after_children = 0;
  for (const Library& library : tenant.libraries()) {
    for (std::uint32_t item = 1; item <= library.items; ++item) {
      int depth = 0;
      for (std::uint32_t at = item; at > 0; ++depth) {
        const std::uint32_t parent = tenant.ParentOf(library, at);
        REQUIRE(parent <= library.items);
        REQUIRE(tenant.IsFolder(library, parent));
        parents_after_children += parent > at;
        at = parent;
      }
      REQUIRE(depth <= 6);
    }
  }
  REQUIRE(parents_after_children > 0);
}

TEST_CASE("Ids of drives and items lead back to what they name") {
  const SimulatedTenant tenant(SmallSpec());

  for (const Library& library : tenant.libraries()) {
    REQUIRE(library.drive_id.size() == 66);
    REQUIRE(tenant.FindLibrary(library.drive_id) == library.number);
    const std::string root = tenant.ItemId(library, 0);
    REQUIRE(root.substr(9) == "6Y2GOVW7725BZO354PWSELRRZ");
    REQUIRE(tenant.FindItem(library, root) == 0u);
    for (std::uint32_t item = 1; item <= library.items; ++item) {
      REQUIRE(tenant.FindItem(library, tenant.ItemId(library, item)) == item);
    }
    REQUIRE_FALSE(tenant.FindItem(library, tenant.ItemId(library, library.items + 1)));
  }
}

TEST_CASE("Paths stay within SharePoint's 400 characters, and some come near") {
  const SimulatedTenant tenant(SmallSpec({"long_paths=true", "items=3000", "depth=4", "sites=12"}));

  std::size_t longest = 0;
  for (const Library& library : tenant.libraries()) {
    for (std::uint32_t item = 1; item <= library.items; ++item) {
      std::string path;
      tenant.AppendPath(path, library, item);
      longest = std::max(longest, PercentDecode(path).size());
    }
  }
  REQUIRE(longest > 300);
  REQUIRE(longest <= 400);
}

TEST_CASE("Transitive members are each told once although groups hold each other") {
  const SimulatedTenant tenant(SmallSpec());
  REQUIRE(tenant.directory().groups()[0].nested == std::vector<std::uint32_t>{1});
  REQUIRE(tenant.directory().groups()[1].nested == std::vector<std::uint32_t>{0});

  const auto members = tenant.directory().TransitiveMembers(0);

  const std::set<std::uint32_t> users(members.users.begin(), members.users.end());
  REQUIRE(users.size() == members.users.size());
  REQUIRE(members.groups.size() == 2);
}

TEST_CASE("Site groups are those of the collection, whichever of its webs is asked") {
  SimulatorClient client;

  int compared = 0;
  for (const Web& web : client.tenant.webs()) {
    if (web.parent < 0 || web.state != SiteState::kOpen) continue;
    const std::string ask = "/_api/web/sitegroups?$expand=Users";
    const auto answer = client.Rest(web.path + ask);
    CHECK(answer == client.Rest(client.tenant.webs()[web.collection].path + ask));
    std::set<int> ids;
    for (const auto& group : answer["value"]) CHECK(ids.insert(group["Id"].get<int>()).second);
    ++compared;
  }
  CHECK(compared > 0);
}

TEST_CASE("A spec with an unknown key names the nearest known one") {
  const auto spec = TenantSpec::Parse(R"({"faults": {"rate_42": 0.1}})", "spec.json");

  REQUIRE_FALSE(spec);
  REQUIRE(spec.error().message == "spec.json: unknown key 'faults.rate_42'");
  REQUIRE(spec.error().remedy == "did you mean 'faults.rate_429'?");
}

TEST_CASE("Every preset is a valid spec") {
  for (const auto& name : TenantSpec::PresetNames()) CHECK(TenantSpec::Preset(name));
  REQUIRE_FALSE(TenantSpec::Preset("huge"));
}

}  // namespace spa::sim
