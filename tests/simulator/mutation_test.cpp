// What happens to a tenant after it was built, as its services show it.
#include "simulator/mutation.h"

#include "tests/simulator/mirror.h"

namespace spa::sim {

using nlohmann::json;

TEST_CASE("The same seed changes the same tenant in the same way") {
  SimulatorClient one, two, other;

  const auto first = one.Mutate({{"seed", 7}, {"count", 300}});
  REQUIRE(first == two.Mutate({{"seed", 7}, {"count", 300}}));
  REQUIRE(first != other.Mutate({{"seed", 8}, {"count", 300}}));
  REQUIRE(one.Send("GET", "/__sim/truth/permissions").body ==
          two.Send("GET", "/__sim/truth/permissions").body);
  std::set<std::string> kinds;
  for (const auto& change : first.at("changes")) kinds.insert(change.at("kind"));
  REQUIRE(kinds.size() > 30);
}

TEST_CASE("Every kind of change can be named alone") {
  SimulatorClient client;

  for (const char* kind : {"file.add",
                           "folder.add",
                           "item.delete",
                           "item.rename",
                           "item.move",
                           "item.edit",
                           "item.share",
                           "item.unshare",
                           "item.grant",
                           "item.break",
                           "item.inherit",
                           "link.people",
                           "link.expiry",
                           "library.add",
                           "library.delete",
                           "library.rename",
                           "library.grant",
                           "library.ungrant",
                           "library.break",
                           "library.inherit",
                           "list.grant",
                           "list.ungrant",
                           "list.inherit",
                           "list.break",
                           "listitem.add",
                           "listitem.delete",
                           "listitem.break",
                           "listitem.grant",
                           "listitem.ungrant",
                           "listitem.inherit",
                           "web.grant",
                           "web.ungrant",
                           "web.inherit",
                           "web.break",
                           "site.add",
                           "site.rename",
                           "group.add_member",
                           "group.remove_member",
                           "sitegroup.add_member",
                           "site.delete",
                           "sitegroup.remove_member"}) {
    INFO(kind);
    const auto position = client.tenant.position();
    REQUIRE(client.Change({{"kind", kind}}).at("kind") == kind);
    REQUIRE(client.tenant.position() > position);
  }
}

TEST_CASE("What cannot be understood or done is refused with the reason") {
  SimulatorClient client;

  REQUIRE(client.Mutate({{"changes", {{{"kind", "item.paint"}}}}}, 400)["error"] ==
          "change 0 'item.paint': there is no such kind");
  client.Mutate({{"changes", {{{"kind", "item.edit"}, {"drive", "b!none"}}}}}, 400);
  client.Mutate({{"seed", 1}}, 400);
  client.Mutate({{"seed", 1}, {"count", 3}, {"kinds", json::array()}}, 400);
  client.Mutate({{"changes", {{{"kind", "item.edit"}, {"item", 7}}}}}, 400);
  REQUIRE(client.Send("POST", "/__sim/mutate", "{").status == 400);
  REQUIRE(client.Mutate({{"seed", 1}, {"count", 3}, {"kinds", {"item.edit"}}})["changes"].size() ==
          3);
}

TEST_CASE("Group members are read as they are now") {
  SimulatorClient client;

  const auto added = client.Change({{"kind", "group.add_member"}});
  const std::string group = added.at("group");
  auto has = [&](const std::string& user) {
    for (const auto& member : client.All("/groups/" + group + "/members")) {
      if (member.at("id") == user) return true;
    }
    return false;
  };

  REQUIRE(has(added.at("user")));
  client.Change({{"kind", "group.remove_member"}, {"group", group}, {"user", added.at("user")}});
  REQUIRE_FALSE(has(added.at("user")));
}

TEST_CASE("Sites and libraries come, are renamed and go") {
  SimulatorClient client;
  const std::size_t sites = client.All("/sites/getAllSites").size();

  const auto site = client.Change({{"kind", "site.add"}, {"items", 30}});
  const std::string id = site.at("site");
  REQUIRE(client.All("/sites/getAllSites").size() == sites + 1);
  const auto drives = client.All("/sites/" + id + "/drives");
  REQUIRE(drives.size() == 2);
  REQUIRE(Mirror(client, drives[0].at("id")).items.size() == 31);

  const auto library = client.Change({{"kind", "library.add"}, {"site", id}});
  REQUIRE(client.All("/sites/" + id + "/drives").size() == 3);
  client.Change({{"kind", "library.rename"}, {"drive", library.at("drive")}, {"title", "New"}});
  REQUIRE(client.Graph("/drives/" + library.at("drive").get<std::string>()).at("name") == "New");
  client.Change({{"kind", "library.delete"}, {"drive", library.at("drive")}});
  REQUIRE(client.All("/sites/" + id + "/drives").size() == 2);
  client.Graph("/drives/" + library.at("drive").get<std::string>() + "/root/delta", 404);

  client.Change({{"kind", "site.rename"}, {"site", id}, {"title", "Other"}});
  REQUIRE(client.Graph("/sites/" + id).at("displayName") == "Other");
  client.Change({{"kind", "site.delete"}, {"site", id}});
  REQUIRE(client.All("/sites/getAllSites").size() == sites);
  client.Graph("/sites/" + id, 404);
  client.Graph("/drives/" + drives[0].at("id").get<std::string>() + "/root/delta", 404);
}

TEST_CASE("A fresh full delta holds exactly the items of the truth after 500 changes") {
  SimulatorClient client(SmallSpec({"items=1500", "wire.delta_page=50"}));
  client.Mutate({{"seed", 11}, {"count", 500}});

  std::set<std::string> truth, seen;
  for (const auto& object : client.Lines("/__sim/truth/objects")) {
    const std::string type = object.at("object_type");
    if (type == "file" || type == "folder" || type == "library") {
      REQUIRE(truth.insert(object.at("object_id")).second);
    }
  }
  for (const auto& drive : OpenDrives(client.tenant)) {
    for (const auto& [id, item] : Mirror(client, drive).items) seen.insert(id);
  }
  REQUIRE(seen == truth);
}

TEST_CASE("SharePoint lists what is left, page by page") {
  SimulatorClient client(SmallSpec({"list_items=30"}));
  const GenericList& list = client.tenant.lists().front();
  const std::string guid = Text(list.list_id);
  const std::string api =
      client.tenant.webs()[list.web].path + "/_api/web/lists(guid'" + guid + "')";

  for (int item : {1, 2, 3, 29, 30}) {
    client.Change({{"kind", "listitem.delete"}, {"list", guid}, {"item", item}});
  }
  const auto added = client.Change({{"kind", "listitem.add"}, {"list", guid}});
  client.Change({{"kind", "listitem.break"}, {"list", guid}, {"item", added.at("item")}});

  std::set<int> seen;
  int pages = 0;
  for (std::string next = api + "/items?$select=ID,HasUniqueRoleAssignments&$top=10"; !next.empty();
       ++pages) {
    const auto page = client.Rest(next);
    for (const auto& item : page.at("value")) {
      REQUIRE(seen.insert(item.at("ID").get<int>()).second);
      if (item.at("ID") == added.at("item")) REQUIRE(item.at("HasUniqueRoleAssignments") == true);
    }
    next = page.value("odata.nextLink", "");
  }
  REQUIRE(seen.size() == 26);
  REQUIRE(seen.count(31) == 1);
  REQUIRE(pages == 3);
  REQUIRE(client.Rest(api + "?$select=ItemCount").at("ItemCount") == 26);
  client.Rest(api + "/items(3)/HasUniqueRoleAssignments", 404);
}

TEST_CASE("A link's hidden group keeps its number when another link goes") {
  SimulatorClient client;
  const std::string file = Plain(client, false);
  const auto first =
      ChangeOn(client, {{"kind", "item.share"}, {"item", file}, {"link", {{"scope", "users"}}}});
  const auto second =
      ChangeOn(client, {{"kind", "item.share"}, {"item", file}, {"link", {{"scope", "users"}}}});
  const std::string api =
      client.tenant.webs()[Largest(client.tenant).web].path + "/_api/web/sitegroups";
  auto number = [&](const json& link) {
    const auto groups = client.Rest(api + "?$expand=users");
    for (const auto& group : groups.at("value")) {
      const std::string title = group.at("Title");
      if (title.ends_with(link.at("grant").get<std::string>())) return group.at("Id").get<int>();
    }
    return 0;
  };
  const int before = number(second);

  ChangeOn(client, {{"kind", "item.unshare"}, {"item", file}, {"grant", first.at("grant")}});

  REQUIRE(before > 0);
  REQUIRE(number(second) == before);
  REQUIRE(number(first) == 0);
  REQUIRE(client.Rest(api + "(" + std::to_string(before) + ")").at("Id") == before);
}

TEST_CASE("The floors follow the changes") {
  SimulatorClient client;
  const Floor before = client.service.floor();

  client.Change({{"kind", "site.add"}, {"items", 500}});
  const Floor after = client.service.floor();

  REQUIRE(after.webs > before.webs);
  REQUIRE(after.delta_pages > before.delta_pages);
  REQUIRE(after.quiet_requests == after.site_pages + after.web_batches + after.drive_batches +
                                      after.group_batches + after.app_batches +
                                      after.people_batches);
  REQUIRE(after.quiet_requests < after.requests);
}

}  // namespace spa::sim
