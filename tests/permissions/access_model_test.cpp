// Who reaches a scope and how, concluded from a database made by hand.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <random>
#include <set>

#include "permissions/access/explain.h"
#include "permissions/access/scope_index.h"
#include "permissions/access/what_if.h"
#include "tests/store/store_testing.h"

using namespace spa;
using namespace spa::testing;

namespace {

Member User(const std::string& id, const std::string& type = "member") {
  Member member;
  member.id = id;
  member.kind = "user";
  member.name = "Name of " + id;
  member.login = id + "@t.example";
  member.email = member.login;
  member.user_type = type;
  return member;
}

Member Inner(const std::string& id) {
  Member member;
  member.id = id;
  member.kind = "group";
  member.name = id;
  return member;
}

Grant AudienceGrant(PrincipalType type) {
  Grant grant;
  grant.grant_id = "grant-" + std::string(Name(type));
  grant.principal_type = type;
  grant.role = Role::kRead;
  grant.source = "rest";
  return grant;
}

// One site with these grants and groups, and the model of it.
class Model {
 public:
  using Groups = std::map<std::string, std::vector<Member>>;

  Model(
      const std::vector<Grant>& grants, const Groups& groups,
      const std::function<void(AuditStore&, Oid)>& more = [](AuditStore&, Oid) {}) {
    const std::string path = dir_.File("audit.db");
    {
      auto store = OpenStore(path);
      Must(store->BeginRun({"tenant", RunMode::kFull}));
      site = Must(store->PutSite(MakeSite("site", "https://t/sites/s")));
      Must(store->PutScope(site, grants));
      for (const auto& [id, members] : groups) Must(store->PutMembers(Group(id), members));
      Must(store->PutSiteScope(site, "rest", {}));  // No administrators, and that is known.
      more(*store, site);
      Must(store->FinishRun("complete", ""));
    }
    db_ = Must(sqlite::Database::Open(path, sqlite::Database::Mode::kReadOnly));
    rows.emplace(*db_, 1);
    principals.emplace(*rows);
    access.emplace(*rows, *principals);
    scope = access->GrantsOf(site).value();
  }

  std::map<std::string, Reach> Reaches() {
    std::map<std::string, Reach> all;
    access->Reaches(scope, [&](const Reach& reach) {
      all[std::string(reach.user_id.empty() ? Name(reach.audience) : reach.user_id)] = reach;
      return true;
    });
    return all;
  }
  Node Of(const std::string& name) const {
    const auto found = principals->Find(name);
    REQUIRE(found.size() == 1);
    return found.front();
  }

 private:
  TempDir dir_;
  std::unique_ptr<sqlite::Database> db_;

 public:
  Oid site = 0;
  std::optional<AccessRows> rows;
  std::optional<Principals> principals;
  std::optional<ScopeAccess> access;
  ScopeGrants scope;
};

std::string TextOf(std::span<const Hop> path) {
  std::string text;
  for (const Hop& hop : path) text += fmt::format("{}{}", text.empty() ? "" : " > ", hop.id);
  return text;
}

std::set<std::string> PathsOf(const Reach& reach) {
  std::set<std::string> texts;
  for (std::size_t i = 0; i < reach.paths(); ++i) texts.insert(TextOf(reach.Path(i)));
  return texts;
}

}  // namespace

TEST_CASE("Every path through nested groups is told and a cycle ends") {
  Model model({GroupGrant("a"), GroupGrant("c", Role::kWrite)}, {{"a", {Inner("b"), Inner("c")}},
                                                                 {"b", {Inner("c"), Inner("a")}},
                                                                 {"c", {User("u"), Inner("a")}}});

  const auto reaches = model.Reaches();

  REQUIRE(reaches.size() == 1);
  const Reach& reach = reaches.at("u");
  CHECK(reach.role == Role::kWrite);
  CHECK(reach.bound == Bound::kExact);
  CHECK_FALSE(reach.more_paths);
  CHECK(PathsOf(reach) ==
        std::set<std::string>{"site > a > b > c > u", "site > a > c > u", "site > c > u"});
}

TEST_CASE("A person is one by id, by claim, by name and by mail") {
  Grant claim = UserGrant("");
  claim.grant_id = "by-claim";
  claim.principal_id.clear();
  claim.principal_login = "i:0#.f|membership|U@T.example";
  claim.role = Role::kOwner;
  Grant link = LinkGrant("link", "users");
  link.link_invited = {"u@t.example", "new@elsewhere.example"};
  Model model({claim, link, GroupGrant("a")}, {{"a", {User("u")}}});

  const auto reaches = model.Reaches();

  REQUIRE(reaches.size() == 2);
  CHECK(reaches.at("u").role == Role::kOwner);
  CHECK(reaches.at("u").paths() == 3);
  CHECK_FALSE(reaches.at("u").needs_link);
  const Reach& invited = reaches.at("person");
  CHECK(invited.user_principal_name == "new@elsewhere.example");
  CHECK(invited.needs_link);
}

TEST_CASE("Two people of one mail address stay two") {
  Grant link = LinkGrant("link", "users");
  link.link_invited = {"shared@t.example"};
  Member one = User("u"), other = User("w");
  one.email = other.email = "shared@t.example";
  Model model({GroupGrant("a"), link}, {{"a", {one, other}}});

  const auto reaches = model.Reaches();

  // Whom the invitation means cannot be told: it is for somebody of its own.
  CHECK(reaches.size() == 3);
  CHECK(reaches.at("u").paths() == 1);
  CHECK(reaches.at("w").paths() == 1);
}

TEST_CASE("Closed paths are told and open no access") {
  Grant link = LinkGrant("link", "users", {"u", "v"});
  link.link_expires_at = "2020-01-01T00:00:00Z";
  link.role = Role::kWrite;
  Member disabled = User("d");
  disabled.account_enabled = false;
  Model model({link, GroupGrant("a")}, {{"a", {User("v"), disabled}}, {"b", {User("u")}}});

  const auto reaches = model.Reaches();

  CHECK(reaches.at("u").blocked_by == "expired");
  CHECK(reaches.at("v").blocked_by.empty());
  CHECK(reaches.at("v").role == Role::kRead);
  CHECK(reaches.at("v").paths() == 2);
  CHECK(reaches.at("d").blocked_by == "disabled");
}

TEST_CASE("A group that nobody could read makes the list of people a lower bound") {
  Model model({GroupGrant("a"), GroupGrant("unread")}, {{"a", {User("u")}}});

  CHECK(model.Reaches().at("u").bound == Bound::kLower);
}

TEST_CASE("A group of 50,000 nested ten deep with cycles is expanded within its bounds") {
  constexpr int kGroups = 10, kEach = 5'000;
  Model::Groups groups;
  for (int g = 0; g < kGroups; ++g) {
    auto& members = groups[fmt::format("g{}", g)];
    for (int u = 0; u < kEach; ++u) members.push_back(User(fmt::format("u{}-{}", g, u)));
    // Everyone with everyone: far more paths than anybody could read.
    for (int other = 0; other < kGroups; ++other) {
      if (other != g) members.push_back(Inner(fmt::format("g{}", other)));
    }
  }
  Model model({GroupGrant("g0")}, groups);

  const auto expansion = model.access->expansions().Of(model.Of("g0"));
  const auto again = model.access->expansions().Of(model.Of("g0"));

  CHECK(expansion == again);
  CHECK(expansion->more);
  CHECK(expansion->chains.size() <= Expansions::kMostChains + kGroups);
  CHECK(expansion->steps.size() <= Expansions::kMostSteps + kGroups * kEach);
  std::size_t people = 0;
  model.access->Reaches(model.scope, [&](const Reach& reach) {
    ++people;
    return reach.paths() > 0;
  });
  CHECK(people == kGroups * kEach);
}

TEST_CASE("The cut of an access is the smallest set that hits every path") {
  std::mt19937 random(11);
  int compared = 0, large = 0;
  for (int round = 0; round < 60; ++round) {
    Model::Groups groups;
    std::vector<Grant> grants;
    for (int g = 0; g < 4; ++g) {
      auto& members = groups[fmt::format("g{}", g)];
      for (int other = 0; other < 4; ++other) {
        if (other != g && random() % 4 == 0) members.push_back(Inner(fmt::format("g{}", other)));
      }
      if (random() % 2 == 0) members.push_back(User("u"));
      if (random() % 2 == 0) grants.push_back(GroupGrant(fmt::format("g{}", g)));
    }
    groups["others"] = {User("u"), User("v")};
    if (random() % 4 == 0) grants.push_back(LinkGrant("link", "users", {"u"}));
    if (random() % 6 == 0) grants.push_back(AudienceGrant(PrincipalType::kEveryoneExceptExternal));
    Model model(grants, groups);
    const Node user = model.Of("u");

    const Explanation why = ExplainAccess(*model.rows, *model.access, model.scope, user);
    const AccessCut cut = CutAccess(*model.principals, *model.access, model.scope, user);

    // The steps of each path as bits; what leads from an audience to a person cannot be removed.
    std::map<std::string, int> numbers;
    std::vector<std::uint32_t> paths;
    for (const ExplainedPath& path : why.paths) {
      std::uint32_t steps = 0;
      for (std::size_t i = 1; i < path.hops.size(); ++i) {
        if (path.hops[i - 1].kind.starts_with("everyone")) continue;
        const auto name = fmt::format("{}:{} {}:{}", path.hops[i - 1].kind, path.hops[i - 1].id,
                                      path.hops[i].kind, path.hops[i].id);
        steps |= 1u << numbers.emplace(name, static_cast<int>(numbers.size())).first->second;
      }
      paths.push_back(steps);
    }
    REQUIRE(cut.access == !paths.empty());
    if (numbers.size() > 18) continue;
    int smallest = 99;
    for (std::uint32_t set = 0; set < 1u << numbers.size(); ++set) {
      const bool hits = std::all_of(paths.begin(), paths.end(),
                                    [&](std::uint32_t path) { return (path & set) != 0; });
      if (hits) smallest = std::min(smallest, std::popcount(set));
    }
    CHECK(static_cast<int>(cut.removals.size()) == smallest);
    ++compared;
    large += smallest > 1;
  }
  CHECK(compared > 40);
  CHECK(large > 10);
}

TEST_CASE("Taking a group away tells who loses, who keeps it and by which way") {
  Model model(
      {GroupGrant("a", Role::kWrite), GroupGrant("b"), AudienceGrant(PrincipalType::kEveryone)},
      {{"a", {User("u"), User("v"), Inner("c")}}, {"b", {User("v")}}, {"c", {User("w")}}});
  Model alone({GroupGrant("a", Role::kWrite)}, {{"a", {User("u")}}});
  const auto changes_of = [](Model& of, const std::string& group) {
    const ScopeIndex index(*of.rows, *of.principals);
    Taken taken;
    taken.nodes.insert(of.Of(group));
    WhatIf what_if(*of.principals, *of.access, index, taken);
    std::map<std::string, std::string> changes;
    what_if.Run([&](std::span<const Oid> scopes, std::span<const Change> found) {
      REQUIRE(scopes.size() == 1);
      for (const Change& change : found) {
        Reach reach;
        const bool left = what_if.Afterwards(of.scope, change.who, reach);
        changes[std::string(of.principals->At(change.who).id)] = fmt::format(
            "{} {} {}", Name(change.before), Name(change.after), left ? reach.Path(0)[1].kind : "");
      }
    });
    return changes;
  };

  CHECK(changes_of(model, "a") == std::map<std::string, std::string>{{"u", "write read everyone"},
                                                                     {"v", "write read group"},
                                                                     {"w", "write read everyone"}});
  CHECK(changes_of(alone, "a") == std::map<std::string, std::string>{{"u", "write none "}});
}

TEST_CASE("From a principal the index leads back to the scopes that name it") {
  Model model({GroupGrant("a"), LinkGrant("link", "users", {"u"}), LinkGrant("open", "anonymous")},
              {{"a", {Inner("b")}}, {"b", {User("v")}}});
  const ScopeIndex index(*model.rows, *model.principals);
  const auto count = [&](const std::string& name) {
    return index.GrantedToAny(GroupsAbove(*model.principals, {model.Of(name)})).size();
  };

  CHECK(count("u") == 1);
  CHECK(count("v") == 1);
  CHECK(index.GrantedTo(model.Of("b")).empty());
  CHECK(index.GrantedTo(kAnyoneNode).size() == 1);
  CHECK(index.WithLinks("anonymous").size() == 1);
  CHECK(index.WithLinks("organization").empty());
}

TEST_CASE("Administrators of a site collection reach every scope in it, around its grants") {
  const std::vector<Grant> none;
  Model model(none, {{"a", {User("u")}}}, [](AuditStore& store, Oid site) {
    Grant admin = GroupGrant("a", Role::kOwner);
    admin.levels = {"Site collection administrator"};
    Must(store.PutSiteScope(site, "rest", std::vector{admin}));
  });

  const auto reaches = model.Reaches();

  REQUIRE(reaches.size() == 1);
  CHECK(reaches.at("u").role == Role::kOwner);
  CHECK(reaches.at("u").Path(0)[1].kind == "site_admin");
  CHECK(reaches.at("u").Path(0)[2].kind == "group");
  const AccessCut cut = CutAccess(*model.principals, *model.access, model.scope, model.Of("u"));
  CHECK(cut.removals.size() == 1);
}

TEST_CASE(
    "Whom the directory has no more is told as deleted, and a deleted group leads to nobody") {
  Model model({UserGrant("u"), GroupGrant("gone"), GroupGrant("unread")}, {},
              [](AuditStore& store, Oid) {
                DirectoryObject user;
                user.id = "user-u";
                user.kind = "user";
                user.state = DirectoryObject::State::kDeleted;
                Must(store.PutPrincipal(user));
                DirectoryObject group;
                group.id = "gone";
                group.kind = "group";
                group.state = DirectoryObject::State::kMissing;
                Must(store.PutPrincipal(group));
              });

  const auto reaches = model.Reaches();

  REQUIRE(reaches.size() == 1);
  CHECK(reaches.at("user-u").blocked_by == "deleted");
  CHECK_FALSE(model.access->expansions().Of(model.Of("gone"))->lower);
  CHECK(model.access->expansions().Of(model.Of("unread"))->lower);
}
