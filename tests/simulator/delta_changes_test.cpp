// What delta tells of changes, and what not (graph.md 4.7).
#include "tests/simulator/mirror.h"

namespace spa::sim {

using nlohmann::json;

TEST_CASE("Nothing is told while nothing changes") {
  SimulatorClient client;
  Mirror mirror(client, Drive(client));

  REQUIRE(mirror.Read(mirror.link()).empty());
  REQUIRE(mirror.pages == 1);
}

TEST_CASE("A new file is told where it is, without a scope of its own") {
  SimulatorClient client;
  Mirror mirror(client, Drive(client));
  const std::string folder = Plain(client, true);

  const auto done =
      ChangeOn(client, {{"kind", "file.add"}, {"parent", folder}, {"name", "new.txt"}});
  const auto told = mirror.Follow();

  const std::string id = done.at("item");
  REQUIRE(Keys(told) == std::set<std::string>{id});
  REQUIRE(told.at(id).at("name") == "new.txt");
  REQUIRE(told.at(id).at("parentReference").at("id") == folder);
  REQUIRE_FALSE(told.at(id).contains("shared"));
  REQUIRE(mirror.Follow().empty());
}

TEST_CASE("A renamed or moved folder is told alone") {
  SimulatorClient client;
  Mirror mirror(client, Drive(client));

  const auto done = ChangeOn(client, {{"kind", "folder.add"}});
  mirror.Follow();
  for (int i = 0; i < 5; ++i) {
    ChangeOn(client, {{"kind", "file.add"}, {"parent", done.at("item")}});
  }
  REQUIRE(mirror.Follow().size() == 5);

  ChangeOn(client, {{"kind", "item.rename"}, {"item", done.at("item")}, {"name", "Other"}});
  REQUIRE(Keys(mirror.Follow()) == std::set<std::string>{done.at("item")});
  REQUIRE(mirror.items.at(done.at("item")).at("name") == "Other");

  const auto moved = ChangeOn(client, {{"kind", "item.move"}, {"item", done.at("item")}});
  REQUIRE(moved.at("parent") != done.at("parent"));
  REQUIRE(Keys(mirror.Follow()) == std::set<std::string>{done.at("item")});
  REQUIRE(mirror.items.at(done.at("item")).at("parentReference").at("id") == moved.at("parent"));
}

TEST_CASE("An edited file has another eTag and size") {
  SimulatorClient client;
  Mirror mirror(client, Drive(client));

  const auto done = ChangeOn(client, {{"kind", "item.edit"}});
  const json before = mirror.items.at(done.at("item"));
  const auto told = mirror.Follow();

  const json& after = told.at(done.at("item"));
  for (const char* key : {"eTag", "cTag", "size", "lastModifiedDateTime"}) {
    CHECK(before.at(key) != after.at(key));
  }
  CHECK_FALSE(after.contains(kFlag));
}

TEST_CASE("A deleted folder takes all below it along") {
  for (const char* mode : {"all", "folder"}) {
    INFO(mode);
    SimulatorClient client(
        SmallSpec({("wire.deleted_subtree=" + std::string(mode)).c_str(), "items=2000"}));
    Mirror mirror(client, Drive(client));
    const std::size_t all = mirror.items.size();

    const auto done = ChangeOn(client, {{"kind", "item.delete"}, {"item", Plain(client, true)}});
    const std::size_t count = done.at("deleted");
    const auto told = mirror.Read(mirror.link());

    REQUIRE(count > 8);
    std::size_t deleted = 0;
    for (const auto& [id, item] : told) {
      if (!item.contains("deleted")) continue;
      ++deleted;
      REQUIRE(item.at("deleted").at("state") == "deleted");
      REQUIRE_FALSE(item.contains("name"));
      REQUIRE_FALSE(item.contains("cTag"));
      client.Graph("/drives/" + Drive(client) + "/items/" + id, 404);
    }
    REQUIRE(told.count(done.at("item")) == 1);
    REQUIRE(deleted == (std::string(mode) == "all" ? count : 1));
    REQUIRE(mirror.pages >= static_cast<int>((deleted + 6) / 7));
    REQUIRE(Mirror(client, Drive(client)).items.size() == all - count);
  }
}

TEST_CASE("A new share is told with a flag where the preference asks for it") {
  SimulatorClient client;
  const std::string hierarchical = "hierarchicalsharing";
  Mirror asking(client, Drive(client)), silent(client, Drive(client), hierarchical);
  const std::string file = Plain(client, false);

  const auto done = ChangeOn(
      client, {{"kind", "item.share"}, {"item", file}, {"link", {{"scope", "anonymous"}}}});
  const auto told = asking.Follow();

  REQUIRE(done.at("broke_inheritance") == true);
  REQUIRE(told.at(file).at(kFlag) == true);
  REQUIRE(told.at(file).at("shared").at("scope") == "anonymous");
  REQUIRE(silent.Follow().empty());
}

TEST_CASE("The flag is a text where the spec says so, and folders have none unless it says so") {
  SimulatorClient bare,
      full(SmallSpec({"wire.shared_changed=string", "wire.shared_changed_on_folders=true"}));
  for (SimulatorClient* client : {&bare, &full}) {
    Mirror mirror(*client, Drive(*client));
    const std::string folder = Plain(*client, true);

    ChangeOn(*client, {{"kind", "item.share"}, {"item", folder}});
    const auto told = mirror.Follow();

    REQUIRE(Keys(told) == std::set<std::string>{folder});
    REQUIRE(told.at(folder).contains("shared"));
    REQUIRE(told.at(folder).value(kFlag, "") == (client == &full ? "True" : ""));
  }
}

TEST_CASE("A OneDrive tells a share unasked") {
  SimulatorClient client(SmallSpec({"items=2000"}));
  std::string drive;
  for (const Library& library : client.tenant.libraries()) {
    if (client.tenant.webs()[library.web].personal) drive = library.drive_id;
  }
  Mirror mirror(client, drive, "");

  const auto done = client.Change({{"kind", "item.share"}, {"drive", drive}});
  const auto told = mirror.Read(mirror.link());

  REQUIRE(told.count(done.at("item")) == 1);
  REQUIRE_FALSE(told.at(done.at("item")).contains(kFlag));
}

TEST_CASE("Access taken away is told without the flag, with it, or not at all") {
  for (const char* mode : {"unflagged", "flagged", "silent"}) {
    for (const char* kind : {"item.unshare", "item.inherit"}) {
      INFO(mode << " " << kind);
      SimulatorClient client(SmallSpec({("wire.unshared=" + std::string(mode)).c_str()}));
      const std::string file = Plain(client, false);
      const auto shared = ChangeOn(
          client, {{"kind", "item.share"}, {"item", file}, {"link", {{"scope", "users"}}}});
      Mirror mirror(client, Drive(client));

      const auto done = ChangeOn(client, {{"kind", kind}, {"item", file}});
      const auto told = mirror.Read(mirror.link());

      REQUIRE((told.count(file) == 1) == (std::string(mode) != "silent"));
      const auto now = client.Graph("/drives/" + Drive(client) + "/items/" + file, 200);
      REQUIRE_FALSE(now.contains("shared"));  // Without the preference: nobody has a link.
      if (told.count(file) == 0) continue;
      REQUIRE(told.at(file).contains(kFlag) == (std::string(mode) == "flagged"));
      REQUIRE(told.at(file).contains("shared") == (std::string(kind) == "item.unshare"));
      if (std::string(kind) == "item.unshare") {
        REQUIRE(done.at("grant") == shared.at("grant"));
        REQUIRE(told.at(file).at("shared").empty());
      }
    }
  }
}

TEST_CASE("A person added to a link and a new expiry are silent, but read") {
  for (const bool tells : {false, true}) {
    SimulatorClient client(SmallSpec({tells ? "wire.link_edits_told=true" : "seed=1"}));
    const std::string file = Plain(client, false);
    ChangeOn(client, {{"kind", "item.share"}, {"item", file}, {"link", {{"scope", "users"}}}});
    Mirror mirror(client, Drive(client));

    const auto person = ChangeOn(client, {{"kind", "link.people"}, {"item", file}});
    const auto expiry = ChangeOn(
        client, {{"kind", "link.expiry"}, {"item", file}, {"expires", "2033-01-01T00:00:00Z"}});

    REQUIRE(mirror.Read(mirror.link()).count(file) == (tells ? 1 : 0));
    bool found = false;
    for (const auto& permission :
         client.All("/drives/" + Drive(client) + "/items/" + file + "/permissions")) {
      if (permission.at("id") != person.at("grant")) continue;
      REQUIRE(permission.at("expirationDateTime") == "2033-01-01T00:00:00Z");
      for (const auto& who : permission.at("grantedToIdentitiesV2")) {
        found |= who.at("user").at("id") == person.at("user");
      }
    }
    REQUIRE(found);
  }
}

TEST_CASE("Children of a folder are not told when its permissions change") {
  SimulatorClient client(SmallSpec({"items=2000"}));
  const std::string folder = Plain(client, true);
  Mirror mirror(client, Drive(client));

  ChangeOn(client, {{"kind", "item.break"}, {"item", folder}});

  REQUIRE(Keys(mirror.Follow()) == std::set<std::string>{folder});
}

TEST_CASE("Delta is silent about libraries, webs and groups, and the truth is not") {
  SimulatorClient client;
  std::vector<Mirror> mirrors;
  for (const auto& drive : OpenDrives(client.tenant)) mirrors.emplace_back(client, drive);

  std::string truth = client.Send("GET", "/__sim/truth/permissions").body +
                      client.Send("GET", "/__sim/truth/groups").body;
  for (const char* kind :
       {"library.grant", "library.break", "library.inherit", "library.ungrant", "web.grant",
        "web.ungrant", "list.grant", "listitem.break", "group.add_member", "group.remove_member"}) {
    INFO(kind);
    client.Change({{"kind", kind}});
    const std::string now = client.Send("GET", "/__sim/truth/permissions").body +
                            client.Send("GET", "/__sim/truth/groups").body;
    CHECK(now != truth);
    truth = now;
  }
  client.Change({{"kind", "sitegroup.add_member"}});
  client.Change({{"kind", "sitegroup.remove_member"}});

  for (Mirror& mirror : mirrors) REQUIRE(mirror.Read(mirror.link()).empty());
}

TEST_CASE("The library's own grants are told as its root where the spec says so") {
  SimulatorClient client(SmallSpec({"wire.library_scope_told=true"}));
  Mirror mirror(client, Drive(client));

  ChangeOn(client, {{"kind", Largest(client.tenant).unique ? "library.inherit" : "library.break"},
                    {"lock", false}});

  const auto told = mirror.Read(mirror.link());
  REQUIRE(told.size() == 1);
  REQUIRE(told.begin()->second.contains("root"));
}

TEST_CASE("Following delta leads where a fresh enumeration does, whatever the shape of its pages") {
  for (const char* wire : {"wire.delta_page=200", "wire.delta_page=3", "wire.empty_page_rate=0.5",
                           "wire.empty_last_page=true", "wire.duplicate_rate=0.5",
                           "wire.repeat_ancestors=false", "wire.deleted_subtree=folder"}) {
    INFO(wire);
    SimulatorClient client(SmallSpec({"items=1500", wire}));
    std::map<std::string, Mirror> mirrors;
    for (const auto& drive : OpenDrives(client.tenant)) {
      mirrors.emplace(drive, Mirror(client, drive));
    }

    for (int round = 0; round < 3; ++round) {
      client.Mutate({{"seed", round}, {"count", 300}});
      for (const auto& drive : OpenDrives(client.tenant)) {
        const auto known = mirrors.try_emplace(drive, client, drive).first;
        known->second.Follow();
        const bool same = known->second.items == Mirror(client, drive).items;
        REQUIRE(same);
      }
    }
  }
}

TEST_CASE("What changes while a drive is enumerated is told by its delta link") {
  SimulatorClient client(SmallSpec({"items=2000", "wire.delta_page=20"}));
  const std::string drive = Drive(client);
  auto page = client.Graph("/drives/" + drive + "/root/delta");
  const auto seen = page.at("value").back();

  client.Change({{"kind", "item.rename"}, {"drive", drive}, {"item", seen.at("id")}});
  while (page.contains("@odata.nextLink")) page = client.Graph(page.at("@odata.nextLink"));
  const auto changes = client.Graph(page.at("@odata.deltaLink"));

  bool told = false;
  for (const auto& item : changes.at("value")) told |= item.at("id") == seen.at("id");
  REQUIRE(told);
}

TEST_CASE("Pages of changes are no larger than pages of items, and batches serve them too") {
  SimulatorClient client(
      SmallSpec({"items=2000", "wire.delta_page=5", "wire.repeat_ancestors=false"}));
  const std::string drive = Drive(client);
  Mirror mirror(client, drive);
  std::set<std::string> changed;
  for (int i = 0; i < 30; ++i) {
    changed.insert(ChangeOn(client, {{"kind", "item.edit"}}).at("item"));
  }

  std::set<std::string> told;
  int pages = 0;
  for (std::string target = mirror.link(); !target.empty(); ++pages) {
    const auto at = target.find("/v1.0");
    const json body = {{"requests",
                        {{{"id", "1"},
                          {"method", "GET"},
                          {"url", target.substr(at + 5)},
                          {"headers", {{"Prefer", SimulatorClient::kPrefer}}}}}}};
    const auto answer = json::parse(client.PostGraph("/$batch", body.dump()).body);
    const json page = answer.at("responses").at(0).at("body");
    REQUIRE(page.at("value").size() <= 5);
    for (const auto& item : page.at("value")) told.insert(item.at("id").get<std::string>());
    target = page.value("@odata.nextLink", "");
  }
  REQUIRE(told == changed);
  REQUIRE(pages == static_cast<int>((changed.size() + 4) / 5));
}

TEST_CASE("A stale token is gone, with a fresh start in Location where the spec has one") {
  for (const char* code : {"resyncRequired", "resyncChangesApplyDifferences"}) {
    SimulatorClient client(SmallSpec({("wire.gone_code=" + std::string(code)).c_str()}));
    const std::string drive = Drive(client);
    Mirror mirror(client, drive);
    Mirror other(client, OpenDrives(client.tenant).front());
    REQUIRE(other.link().find(drive) == std::string::npos);

    client.Send("POST", "/__sim/expire-tokens", json{{"drives", {drive}}}.dump());

    REQUIRE(client.Graph(mirror.link(), 410)["error"]["code"] == code);
    client.Graph(other.link());
    const Response gone = client.PostGraph(
        "/$batch", json{{"requests",
                         {{{"id", "1"},
                           {"method", "GET"},
                           {"url", mirror.link().substr(mirror.link().find("/drives"))}}}}}
                       .dump());
    const auto part = json::parse(gone.body).at("responses").at(0);
    REQUIRE(part.at("status") == 410);
    const auto before = mirror.items.size();
    mirror.Read(part.at("headers").at("Location"));
    REQUIRE(mirror.items.size() == before);
    client.Graph(mirror.link());

    client.Send("POST", "/__sim/expire-tokens");
    client.Graph(other.link(), 410);
  }
}

TEST_CASE("A drive that remembers few changes gives up older tokens") {
  SimulatorClient client(
      SmallSpec({"wire.delta_token_lifetime_changes=3", "wire.gone_location=false"}));
  Mirror mirror(client, Drive(client));

  for (int i = 0; i < 3; ++i) ChangeOn(client, {{"kind", "item.edit"}});
  REQUIRE(client.Graph(mirror.link()).at("value").size() > 0);
  ChangeOn(client, {{"kind", "item.edit"}});

  client.Graph(mirror.link(), 410);
  const Response gone = client.PostGraph(
      "/$batch", json{{"requests",
                       {{{"id", "1"},
                         {"method", "GET"},
                         {"url", mirror.link().substr(mirror.link().find("/drives"))}}}}}
                     .dump());
  REQUIRE_FALSE(json::parse(gone.body).at("responses").at(0).at("headers").contains("Location"));
}

TEST_CASE("A token made without sharing changes is gone for a request that wants them") {
  SimulatorClient client, lenient(SmallSpec({"wire.prefer_change_gone=false"}));
  const std::map<std::string, std::string> prefer = {{"prefer", SimulatorClient::kPrefer}};

  const Mirror strict_mirror(client, Drive(client), "hierarchicalsharing");
  const Mirror lenient_mirror(lenient, Drive(lenient), "hierarchicalsharing");

  client.Graph(strict_mirror.link(), 410, prefer);
  lenient.Graph(lenient_mirror.link(), 200, prefer);
}

TEST_CASE("Changes after the latest token and after a time are told") {
  SimulatorClient client;
  const std::string root = "/drives/" + Drive(client) + "/root/delta?token=";

  const auto latest = client.Graph(root + "latest");
  REQUIRE(latest.at("value").empty());
  const auto done = ChangeOn(client, {{"kind", "item.edit"}});

  for (const std::string& target :
       {latest.at("@odata.deltaLink").get<std::string>(), root + "2020-01-01T00%3A00%3A00Z"}) {
    REQUIRE(client.Graph(target).at("value").back().at("id") == done.at("item"));
  }
  REQUIRE(client.Graph(root + "2999-01-01T00%3A00%3A00Z").at("value").empty());
}

}  // namespace spa::sim
