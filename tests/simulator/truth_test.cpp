#include "simulator/truth.h"

#include <set>

#include "tests/simulator/simulator_client.h"

namespace spa::sim {
namespace {

using nlohmann::json;

// What one grant comes down to: object, owner of the scope, grant id, role, link scope.
using Line = std::string;
Line MakeLine(const std::string& object, const std::string& scope, const std::string& grant,
              const std::string& role, const std::string& link) {
  return object + " <" + scope + "> " + grant + " " + role + " " + link;
}

std::string RoleOfMask(const json& bindings) {
  std::uint64_t mask = 0;
  for (const auto& binding : bindings) {
    const auto& rights = binding.at("BasePermissions");
    mask |= std::stoull(rights.at("High").get<std::string>()) << 32 |
            std::stoull(rights.at("Low").get<std::string>());
  }
  if ((mask & 1) == 0) return "none";
  return (mask & 0x2000000) != 0 ? "owner" : (mask & 0xe) != 0 ? "write" : "read";
}

std::string RoleOfGraph(const json& roles) {
  const std::string role = roles.at(0);
  return role == "read" || role == "write" || role == "owner"
             ? role
             : (role.starts_with("sp.restricted") ? "read" : "other");
}

struct Scope {
  std::string owner;
  std::vector<std::array<std::string, 3>> grants;  // id, role, link scope
};

// Reads the whole tenant in the most naive way and concludes who can do what where.
class ReferenceAudit {
 public:
  explicit ReferenceAudit(SimulatorClient& client) : client_(client) {}

  std::multiset<Line> Run() {
    for (const auto& site : client_.All("/sites/getAllSites")) Visit(site, Scope());
    return std::move(lines_);
  }
  int refused = 0;

 private:
  void Visit(const json& site, const Scope& above) {
    const std::string id = site.at("id"), url = site.at("webUrl");
    const auto probe =
        client_.Send("GET", "/v1.0/sites/" + id, "", {{"authorization", "Bearer " + Bearer()}});
    if (probe.status != 200) {
      ++refused;
      return;
    }
    const auto web = client_.Rest(url + "/_api/web?$select=HasUniqueRoleAssignments");
    const Scope scope = web.at("HasUniqueRoleAssignments") ? Read(id, url + "/_api/web") : above;
    Write(id, scope);
    if (!site.contains("parentReference")) WriteSiteWide(id, url);
    const auto lists =
        client_.Rest(url + "/_api/web/lists?$select=Id,BaseTemplate,HasUniqueRoleAssignments");
    std::map<std::string, bool> unique;
    for (const auto& list : lists.at("value")) {
      unique[list.at("Id")] = list.at("HasUniqueRoleAssignments");
      if (list.at("BaseTemplate") != 101) VisitList(url, list, scope);
    }
    const auto drives = client_.All(
        "/sites/" + id + "/drives?$select=id,name,webUrl,driveType,sharePointIds,system");
    for (const auto& drive : drives) {
      const std::string list_id = drive.at("sharePointIds").at("listId");
      VisitDrive(url, drive.at("id"), list_id, unique.at(list_id), scope);
    }
    for (const auto& child : client_.All("/sites/" + id + "/sites")) Visit(child, scope);
  }

  // Administrators and applications, outside any scope.
  void WriteSiteWide(const std::string& id, const std::string& url) {
    Scope wide{id, {}};
    const auto users = client_.Rest(url + "/_api/web/siteusers");
    for (const auto& user : users.at("value")) {
      if (!user.at("IsSiteAdmin")) continue;
      wide.grants.push_back({Base64Url(user.at("LoginName").get<std::string>()), "owner", ""});
    }
    for (const auto& listed : client_.All("/sites/" + id + "/permissions")) {
      REQUIRE_FALSE(listed.contains("roles"));
      const std::string grant = listed.at("id");
      const std::string role =
          client_.Graph("/sites/" + id + "/permissions/" + grant).at("roles").at(0);
      wide.grants.push_back({grant,
                             role == "read"          ? role
                             : role == "fullcontrol" ? "owner"
                                                     : "write",
                             ""});
    }
    Write(id, wide);
  }

  void VisitList(const std::string& url, const json& list, const Scope& web) {
    const std::string id = list.at("Id");
    const std::string api = url + "/_api/web/lists(guid'" + id + "')";
    const Scope scope = list.at("HasUniqueRoleAssignments") ? Read(id, api) : web;
    Write(id, scope);
    const auto items = client_.Rest(api + "/items?$select=ID,HasUniqueRoleAssignments&$top=5000");
    for (const auto& item : items.at("value")) {
      const std::string number = std::to_string(item.at("ID").get<int>());
      const std::string item_id = id + "/" + number;
      Write(item_id, item.at("HasUniqueRoleAssignments")
                         ? Read(item_id, api + "/items(" + number + ")")
                         : scope);
    }
  }

  void VisitDrive(const std::string& url, const std::string& drive, const std::string& list,
                  bool unique, const Scope& web) {
    std::map<std::string, json> items;  // The last one seen wins.
    std::string root;
    const auto pages =
        client_.All("/drives/" + drive + "/root/delta", {{"prefer", SimulatorClient::kPrefer}});
    for (const auto& item : pages) {
      items[item.at("id")] = item;
      if (item.contains("root")) root = item.at("id");
    }
    std::map<std::string, Scope> scopes;
    scopes[root] = unique ? Read(root, url + "/_api/web/lists(guid'" + list + "')") : web;
    for (const auto& [id, item] : items) {
      std::string owner = id;
      while (owner != root && !items.at(owner).contains("shared")) {
        owner = items.at(owner).at("parentReference").at("id");
      }
      if (scopes.count(owner) == 0) scopes[owner] = ReadGraph(drive, owner);
      Write(id, scopes[owner]);
    }
  }

  Scope Read(const std::string& owner, const std::string& api) {
    Scope scope{owner, {}};
    const auto rows = client_.Rest(api + "/roleassignments?$expand=Member,RoleDefinitionBindings");
    for (const auto& row : rows.at("value")) {
      const std::string role = RoleOfMask(row.at("RoleDefinitionBindings"));
      if (role == "none") continue;
      const std::string title = row.at("Member").at("Title");
      if (title.starts_with("SharingLinks.") &&
          row["Member"].value("OnlyAllowMembersViewMembership", false)) {  // The system's own.
        const bool anyone = title.find(".Anonymous") != title.npos;
        const bool organization = title.find(".Organization") != title.npos;
        scope.grants.push_back({title.substr(title.rfind('.') + 1), role,
                                anyone         ? "anonymous"
                                : organization ? "organization"
                                               : ""});
        continue;
      }
      scope.grants.push_back(
          {Base64Url(row.at("Member").at("LoginName").get<std::string>()), role, ""});
    }
    return scope;
  }

  Scope ReadGraph(const std::string& drive, const std::string& item) {
    Scope scope{item, {}};
    for (const auto& entry : client_.All("/drives/" + drive + "/items/" + item + "/permissions")) {
      const std::string link = entry.contains("link") ? entry["link"].value("scope", "") : "";
      if (link == "existingAccess") continue;
      scope.grants.push_back({entry.at("id"), RoleOfGraph(entry.at("roles")), link});
    }
    return scope;
  }

  void Write(const std::string& object, const Scope& scope) {
    for (const auto& [grant, role, link] : scope.grants) {
      lines_.insert(MakeLine(object, scope.owner, grant, role, link));
    }
  }

  std::string Bearer() {
    return json::parse(client_.PostToken(client_.Secret()).body).at("access_token");
  }

  SimulatorClient& client_;
  std::multiset<Line> lines_;
};

std::multiset<Line> Truth(SimulatorClient& client) {
  std::multiset<Line> lines;
  for (const auto& line : client.Lines("/__sim/truth/permissions")) {
    lines.insert(MakeLine(
        line.at("object_id"), line.at("scope_object_id"), line.at("grant_id"), line.at("role"),
        line.at("link_scope").is_null() ? "" : line["link_scope"].get<std::string>()));
  }
  return lines;
}

void CheckSame(const std::multiset<Line>& found, const std::multiset<Line>& truth) {
  for (const auto& line : truth) {
    INFO("missing or miscounted: " << line);
    REQUIRE(found.count(line) == truth.count(line));
  }
  REQUIRE(found.size() == truth.size());
}

// The truth says what the rights are; Graph, which this reader believes, has no word for such
// levels.
constexpr const char* kNoLevelsOfItsOwn = "custom_level_rate=0";

}  // namespace

TEST_CASE("Reading every answer of a small tenant gives exactly its truth") {
  SimulatorClient client(SmallSpec({kNoLevelsOfItsOwn}));

  ReferenceAudit audit(client);
  const auto found = audit.Run();

  REQUIRE(found.size() > 1000);
  REQUIRE(audit.refused == 2);  // the locked and the forbidden site
  CheckSame(found, Truth(client));
}

TEST_CASE("Small pages, duplicates, empty pages and odd entries change nothing of the truth") {
  SimulatorClient client(
      SmallSpec({"wire.delta_page=7", "wire.duplicate_rate=0.3", "wire.empty_page_rate=0.3",
                 "wire.empty_last_page=true", "wire.permissions_page=2", "wire.sites_page=2",
                 "wire.drives_page=1", "wire.deprecated_twins=true", "wire.inherited_from=full",
                 kNoLevelsOfItsOwn}));

  CheckSame(ReferenceAudit(client).Run(), Truth(client));
}

TEST_CASE("After five hundred changes reading every answer still gives exactly the truth") {
  for (const int seed : {1, 2, 3, 4, 5}) {
    SimulatorClient client(SmallSpec({kNoLevelsOfItsOwn, "wire.delta_page=9"}));
    const auto before = Truth(client);

    const auto done = client.Mutate({{"seed", seed}, {"count", 500}});
    REQUIRE(done.at("changes").size() == 500);
    REQUIRE(Truth(client) != before);

    CheckSame(ReferenceAudit(client).Run(), Truth(client));
  }
}

TEST_CASE("A client that trusts an ignored preference is proven wrong") {
  SimulatorClient client(SmallSpec({"wire.prefer_mode=ignore"}));

  REQUIRE(ReferenceAudit(client).Run() != Truth(client));
}

TEST_CASE("Truth names every object once, also those without a grant") {
  SimulatorClient client;

  std::set<std::string> ids;
  std::map<std::string, int> types;
  for (const auto& object : client.Lines("/__sim/truth/objects")) {
    REQUIRE(ids.insert(object.at("object_id")).second);
    ++types[object.at("object_type")];
  }

  std::size_t open_libraries = 0;
  for (const Library& library : client.tenant.libraries()) {
    open_libraries += client.tenant.webs()[library.web].state == SiteState::kOpen;
  }
  REQUIRE(types["file"] + types["folder"] == client.tenant.spec().items);
  REQUIRE(static_cast<std::size_t>(types["site"]) == client.tenant.webs().size());
  REQUIRE(static_cast<std::size_t>(types["library"]) == open_libraries);
}

TEST_CASE("The floor is the sum of its terms") {
  SimulatorClient client;

  const Floor& floor = client.service.floor();

  REQUIRE(floor.unique_items > 20);
  REQUIRE(floor.requests == floor.site_pages + floor.web_batches + floor.delta_pages +
                                floor.permission_batches + floor.group_batches +
                                floor.people_batches);
}

}  // namespace spa::sim
