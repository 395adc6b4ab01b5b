// Every rule over a small database that triggers it, and over one that is nearly the same and does
// not.
#include <algorithm>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "permissions/findings/evaluation.h"
#include "permissions/findings/rule_test.h"
#include "tests/store/store_testing.h"

using namespace spa;
using namespace spa::testing;

namespace {

using Json = nlohmann::json;

// A site with a library, a folder, a file in it and a list; each may own a scope.
struct World {
  TempDir dir;
  std::string path = dir.File("audit.db");
  std::unique_ptr<AuditStore> store = OpenStore(path);
  FindingsConfig config;
  RunNo run = Must(store->BeginRun({"tenant", RunMode::kFull})).number;
  Oid site = 0, library = 0, list = 0, folder = 0, file = 0;
  int groups = 0;

  World() { Discover(); }

  void Discover() {
    site = Must(store->PutSite(MakeSite("site", "https://t/sites/s")));
    library = Must(store->PutDrive(site, MakeDrive("drive", "https://t/sites/s/Docs")));
    List made;
    made.id = "list";
    made.name = "Tasks";
    made.web_url = "https://t/sites/s/Lists/Tasks";
    list = Must(store->PutList(site, made));
    std::vector<DriveItem> items = {Root("root"),
                                    Folder("folder", "root", "Plans", SharedFacet::kShared),
                                    File("file", "folder", "a.txt", SharedFacet::kShared)};
    for (DriveItem& item : items) item.modified = "2099-01-01T00:00:00Z";
    Must(store->StageItems(library, items));
    Must(store->FinishDrive(library, ScopeMethod::kDeltaHierarchy, false,
                            DeltaLink("link", "shape")));
    for (const ScopeTarget& target : Must(store->ScopeTargets(library, 0, 100))) {
      if (target.item_id == "folder") folder = target.oid;
      if (target.item_id == "file") file = target.oid;
    }
    for (const Oid owner : {site, library, list, folder, file}) Put(owner, {});
  }

  // The run that began on that day is over, the tenant is as it was, and another begins.
  void GoOn(const std::string& began) {
    Must(store->Settle());
    Must(store->FinishRun("complete", ""));
    Execute(path, "UPDATE run SET started_at = '" + began + "'");
    run = Must(store->BeginRun({"tenant", RunMode::kFull})).number;
    Discover();
  }

  void Put(Oid owner, const std::vector<Grant>& grants) { Must(store->PutScope(owner, grants)); }

  // A directory group, or with `kind` another one, and who is in it; its id.
  std::string Group(const std::vector<Member>& members,
                    GroupRef::Kind kind = GroupRef::Kind::kMembers) {
    GroupRef group;
    group.kind = kind;
    group.id = kind == GroupRef::Kind::kSiteGroup ? std::to_string(++groups)
                                                  : "group-" + std::to_string(++groups);
    if (kind == GroupRef::Kind::kSiteGroup) group.site_id = "site";
    Must(store->PutMembers(group, members));
    return group.id;
  }

  // The findings of the rule, with evidence.
  std::vector<Json> Find(const std::string& rule) {
    Must(store->Settle());
    Must(EvaluateFindings(*store, run, config, Must(RulesOf(config))));
    Must(store->FinishRun("complete", ""));
    std::vector<Json> found;
    auto db = Must(sqlite::Database::Open(path, sqlite::Database::Mode::kReadOnly));
    sqlite::Statement state(*db, "SELECT state, reason FROM applied_rule WHERE id = ?");
    REQUIRE(state.Bind(rule).Step());
    applied = state.String(0);
    reason = state.String(1);
    sqlite::Statement rows(*db,
                           "SELECT id, severity, object_type, message, evidence, remedy FROM "
                           "v_findings WHERE rule = ? ORDER BY id");
    rows.Bind(rule);
    while (rows.Step()) {
      Json one = Json::parse(rows.Text(4));
      one["id"] = rows.String(0);
      one["severity"] = rows.String(1);
      one["object"] = rows.String(2);
      one["message"] = rows.String(3);
      CHECK_FALSE(rows.Text(3).empty());
      CHECK_FALSE(rows.Text(5).empty());
      found.push_back(std::move(one));
    }
    Must(db->Check("reading findings"));
    return found;
  }
  std::string applied, reason;
};

Grant Link(const std::string& scope, Role role, const std::string& expires = "") {
  Grant grant = LinkGrant("link-" + scope, scope);
  grant.role = role;
  grant.link_type = role == Role::kRead ? "view" : "edit";
  grant.link_expires_at = expires;
  return grant;
}

Grant Guest(Role role, const std::string& login = "lee_partner.example#EXT#@t.onmicrosoft.com") {
  Grant grant = UserGrant("guest", role);
  grant.principal_type = PrincipalType::kGuest;
  grant.principal_id = "guest-id";
  grant.principal_name = "Lee";
  grant.principal_login = "i:0#.f|membership|" + login;
  return grant;
}

Grant User(Role role, const std::string& name = "pam") {
  Grant grant = UserGrant(name, role);
  grant.principal_login = "i:0#.f|membership|" + name + "@t.example";
  grant.principal_name = name;
  return grant;
}

Grant Everybody(PrincipalType type, Role role) {
  Grant grant = UserGrant("all", role);
  grant.principal_type = type;
  grant.principal_id.clear();
  // The titles are the tenant's language, and say nothing.
  grant.principal_name = "Jeder";
  grant.principal_login = type == PrincipalType::kEveryone
                              ? "c:0(.s|true"
                              : "c:0-.f|rolemanager|spo-grid-all-users/other-guid";
  return grant;
}

Grant To(const std::string& group, Role role, bool site_group = false) {
  Grant grant = UserGrant("to-" + group, role);
  grant.principal_type = site_group ? PrincipalType::kSiteGroup : PrincipalType::kGroup;
  grant.principal_id = group;
  grant.principal_name = "Besitzer";
  if (!site_group) grant.principal_login = "c:0t.c|tenant|" + group;
  return grant;
}

Grant App(Role role) {
  Grant grant = UserGrant("app", role);
  grant.principal_type = PrincipalType::kApplication;
  grant.principal_id = "app-id";
  grant.principal_name = "Payroll";
  return grant;
}

Member Person(const std::string& id, const std::string& type = "member", bool enabled = true) {
  Member member;
  member.id = id;
  member.kind = "user";
  member.name = id;
  member.login =
      type == "guest" ? id + "_partner.example#EXT#@t.onmicrosoft.com" : id + "@t.example";
  member.user_type = type;
  member.account_enabled = enabled;
  return member;
}

Member Inner(const std::string& id) {
  Member member;
  member.id = id;
  member.kind = "group";
  return member;
}

Member All(bool guests) {
  Member member;
  member.kind = guests ? "everyone" : "everyone_except_external";
  member.login = guests ? "c:0(.s|true" : "c:0-.f|rolemanager|spo-grid-all-users/x";
  return member;
}

std::vector<Member> People(int count) {
  std::vector<Member> people;
  for (int i = 0; i < count; ++i) people.push_back(Person("p" + std::to_string(i)));
  return people;
}

// A group in a group in a group …, `depth` of them; the outermost.
std::string Nest(World& w, int depth) {
  std::string inner = w.Group({Person("deep")});
  for (int i = 1; i < depth; ++i) inner = w.Group({Inner(inner)});
  return inner;
}

// What holds for the whole collection.
void Admins(World& w, const std::vector<Grant>& grants) {
  std::vector<Grant> admins = grants;
  for (Grant& grant : admins) grant.source = "rest";
  Must(w.store->PutSiteScope(w.site, "rest", admins));
}

// A library with so many scopes of its own.
void Fragment(World& w, int scopes) {
  const Oid other = Must(w.store->PutDrive(w.site, MakeDrive("many", "https://t/sites/s/Many")));
  std::vector<DriveItem> items = {Root("many-root")};
  for (int i = 0; i < scopes; ++i) {
    items.push_back(File("m" + std::to_string(i), "many-root", std::to_string(i) + ".txt",
                         SharedFacet::kShared));
  }
  FillDrive(*w.store, other, items);
}

// A scope below so many folders.
void Deepen(World& w, int folders) {
  const Oid other = Must(w.store->PutDrive(w.site, MakeDrive("deep", "https://t/sites/s/Deep")));
  std::vector<DriveItem> items = {Root("deep-root")};
  std::string above = "deep-root";
  for (int i = 0; i < folders; ++i) {
    const std::string id = "d" + std::to_string(i);
    items.push_back(Folder(id, above, id));
    above = id;
  }
  items.push_back(File("deepest", above, "deepest.txt", SharedFacet::kShared));
  FillDrive(*w.store, other, items);
}

void Know(World& w, const std::string& id, const std::string& kind,
          const std::function<void(DirectoryObject&)>& change) {
  DirectoryObject object;
  object.id = id;
  object.kind = kind;
  change(object);
  Must(w.store->PutPrincipal(object));
}

// A site group with such settings, and with that role at the site.
void SiteGroup(World& w, bool members_edit, bool auto_accept, Role role) {
  GroupRef group;
  group.kind = GroupRef::Kind::kSiteGroup;
  group.id = "5";
  group.site_id = "site";
  GroupFacts facts;
  facts.members_edit = members_edit;
  facts.auto_accept = auto_accept;
  Must(w.store->PutMembers(group, std::vector{Person("pam")}, facts));
  w.Put(w.site, {To("5", role, true)});
}

// What the tenant, and the site, let people share.
void TenantShares(World& w, const std::string& sharing, const Json& more = Json::object()) {
  Json value = {{"sharing", sharing}, {"domain_mode", "allow"}, {"resharing_by_guests", false}};
  value.update(more);
  Must(w.store->PutSetting("tenant_sharing", value.dump()));
}

void SiteShares(World& w, const std::string& sharing, const std::string& label = "",
                const std::string& group = "") {
  const Json value = {{"sharing", sharing}, {"label", label}, {"group_id", group}};
  Must(w.store->PutSetting("site_sharing:site", value.dump()));
}

// The file has this label, which the configuration calls sensitive.
void LabelFile(World& w, const std::string& label = "Confidential") {
  w.config.sensitive_labels = {"confidential"};
  DriveItem file = File("file", "folder", "a.txt", SharedFacet::kShared);
  file.list_item_id = 7;
  file.modified = "2099-01-01T00:00:00Z";
  Must(w.store->StageChanges(w.library));
  Must(w.store->StageItems(w.library, std::vector{file}));
  Must(w.store->FinishChanges(w.library, false, DeltaLink("link", "shape")));
  Must(w.store->PutSetting("item_label:drive/7", Json{{"label", label}}.dump()));
  Must(w.store->PutSetting("item_labels", "{}"));
}

void SignedIn(World& w, const std::string& when) {
  Member lee = Person("lee", "guest");
  lee.external_state = "Accepted";
  w.Put(w.file, {Guest(Role::kRead), To(w.Group({lee}), Role::kRead)});
  Must(w.store->PutSetting("sign_in:lee", Json{{"last", when}}.dump()));
  Must(w.store->PutSetting("sign_ins", "{}"));
}

using Make = std::function<void(World&)>;

struct Case {
  std::string rule;
  Make hit;
  Make miss;
  std::string severity;
  std::string object;  // of the hit
};

// What a scope holds, for most of the cases.
Make On(Oid World::*owner, std::vector<Grant> grants) {
  return [=](World& w) { w.Put(w.*owner, grants); };
}

std::vector<Case> Cases() {
  const auto kAll = PrincipalType::kEveryone;
  const auto kMembers = PrincipalType::kEveryoneExceptExternal;
  const std::string kPast = "2001-01-01T00:00:00Z", kFuture = "2099-01-01T00:00:00Z";
  Grant secret = Link("anonymous", Role::kRead);
  secret.link_has_password = true;
  Grant to_guest = Link("users", Role::kRead);
  to_guest.link_invited = {"lee@partner.example"};
  Grant to_guest_write = to_guest;
  to_guest_write.role = Role::kWrite;
  Grant to_member = Link("users", Role::kRead);
  to_member.link_invited = {"kim@t.example"};
  return {
      {"LNK-ANON-EDIT", On(&World::file, {Link("anonymous", Role::kWrite)}),
       On(&World::file, {Link("anonymous", Role::kWrite, kPast)}), "critical", "file"},
      {"LNK-ANON-EDIT", On(&World::file, {Link("anonymous", Role::kWrite, kFuture)}),
       On(&World::file, {Link("organization", Role::kWrite)}), "critical", "file"},
      {"LNK-ANON-NOEXP", On(&World::file, {Link("anonymous", Role::kRead)}),
       On(&World::file, {Link("anonymous", Role::kRead, kFuture)}), "high", "file"},
      {"LNK-ANON-VIEW", On(&World::file, {Link("anonymous", Role::kRead)}),
       On(&World::file, {Link("anonymous", Role::kWrite)}), "high", "file"},
      {"LNK-ANON-VIEW", On(&World::file, {secret}),
       On(&World::file, {Link("anonymous", Role::kRead, kPast)}), "medium", "file"},
      {"LNK-ANON-FOLDER", On(&World::folder, {Link("anonymous", Role::kRead)}),
       On(&World::file, {Link("anonymous", Role::kRead)}), "critical", "folder"},
      {"LNK-ORG-EDIT", On(&World::file, {Link("organization", Role::kWrite)}),
       On(&World::file, {Link("organization", Role::kRead)}), "high", "file"},
      {"LNK-ORG-VIEW", On(&World::file, {Link("organization", Role::kRead)}),
       On(&World::file, {Link("organization", Role::kWrite)}), "medium", "file"},
      {"LNK-ORG-VIEW", On(&World::folder, {Link("organization", Role::kRead)}),
       On(&World::folder, {Link("users", Role::kRead)}), "high", "folder"},
      {"LNK-EXT-USERS", On(&World::file, {to_guest}),
       // The address is of a domain that a member has.
       On(&World::file, {to_member, User(Role::kRead)}), "medium", "file"},
      {"LNK-EXT-USERS", On(&World::file, {to_guest_write}),
       [=](World& w) {
         w.config.internal_domains = {"Partner.example"};
         w.Put(w.file, {to_guest_write});
       },
       "high", "file"},
      {"LNK-ORPHAN",
       [](World& w) {
         GroupRef group;
         group.kind = GroupRef::Kind::kSiteGroup;
         group.id = "9";
         group.site_id = "site";
         Must(w.store->PutMembers(group, {}, GroupFacts("gone")));
       },
       [](World& w) {
         GroupRef group;
         group.kind = GroupRef::Kind::kSiteGroup;
         group.id = "9";
         group.site_id = "site";
         Must(w.store->PutMembers(group, {}, GroupFacts("link-users")));
         w.Put(w.file, {Link("users", Role::kRead)});
       },
       "info", "site"},
      {"ACL-EVERYONE", On(&World::list, {Everybody(kAll, Role::kRead)}),
       On(&World::list, {Everybody(kAll, Role::kNone)}), "critical", "list"},
      {"ACL-EVERYONE",
       [](World& w) {
         w.Put(w.site, {To(w.Group({All(true)}, GroupRef::Kind::kSiteGroup), Role::kRead, true)});
       },
       [](World& w) {
         w.Put(w.site, {To(w.Group({All(false)}, GroupRef::Kind::kSiteGroup), Role::kRead, true)});
       },
       "critical", "site"},
      {"ACL-EEEU-SITE", On(&World::site, {Everybody(kMembers, Role::kRead)}),
       On(&World::library, {Everybody(kMembers, Role::kRead)}), "high", "site"},
      {"ACL-EEEU-SITE",
       [](World& w) {
         w.Put(w.site, {To(w.Group({All(false)}, GroupRef::Kind::kSiteGroup), Role::kWrite, true)});
       },
       [](World& w) {
         // A group of that kind without any permission.
         w.Group({All(false)}, GroupRef::Kind::kSiteGroup);
       },
       "critical", "site"},
      {"ACL-EEEU-ITEM", On(&World::folder, {Everybody(kMembers, Role::kRead)}),
       On(&World::site, {Everybody(kMembers, Role::kRead)}), "high", "folder"},
      {"ACL-EEEU-ADMIN", [=](World& w) { Admins(w, {Everybody(kMembers, Role::kOwner)}); },
       [](World& w) { Admins(w, {User(Role::kOwner)}); }, "critical", "site"},
      {"GST-FULL", On(&World::file, {Guest(Role::kOwner)}),
       On(&World::file, {Guest(Role::kWrite), User(Role::kOwner)}), "critical", "site"},
      {"GST-FULL", [](World& w) { Admins(w, {Guest(Role::kOwner)}); },
       [](World& w) {
         w.config.internal_domains = {"partner.example"};
         Admins(w, {Guest(Role::kOwner)});
       },
       "critical", "site"},
      {"GST-FULL",
       [](World& w) { w.Put(w.site, {To(w.Group({Person("lee", "guest")}), Role::kOwner)}); },
       [](World& w) {
         w.Put(w.site, {To(w.Group({Person("lee", "guest", false)}), Role::kOwner)});
       },
       "critical", "site"},
      {"GST-WRITE", On(&World::library, {Guest(Role::kWrite)}),
       On(&World::file, {Guest(Role::kWrite)}), "high", "library"},
      {"GST-WRITE",
       [](World& w) {
         const std::string inner = w.Group({Person("lee", "guest")});
         w.Put(w.site, {To(w.Group({Inner(inner)}), Role::kWrite)});
       },
       [](World& w) {
         const std::string inner = w.Group({Person("lee", "guest")});
         w.Put(w.site, {To(w.Group({Inner(inner)}), Role::kRead)});
       },
       "high", "site"},
      {"GST-DOMAIN",
       [](World& w) {
         w.config.allowed_guest_domains = {"friend.example"};
         w.Put(w.file, {Guest(Role::kRead)});
       },
       [](World& w) {
         w.config.allowed_guest_domains = {"PARTNER.example"};
         w.Put(w.file, {Guest(Role::kRead)});
       },
       "high", ""},
      {"GST-SPONLY", On(&World::file, {Guest(Role::kRead, "urn:spo:guest#lee@partner.example")}),
       On(&World::file, {Guest(Role::kRead)}), "medium", "site"},
      {"PRN-DISABLED",
       [](World& w) {
         w.Group({Person("pam", "member", false)});
         Grant grant = User(Role::kRead);
         grant.principal_id = "pam";
         w.Put(w.file, {grant});
       },
       [](World& w) {
         // In a group that has access, but not named.
         w.Put(w.file, {To(w.Group({Person("pam", "member", false)}), Role::kRead)});
       },
       "low", "site"},
      {"PRN-ORPHAN",
       [](World& w) {
         Know(w, "gone", "group",
              [](DirectoryObject& o) { o.state = DirectoryObject::State::kDeleted; });
         w.Put(w.file, {To("gone", Role::kRead)});
       },
       [](World& w) {
         Gap gap;
         gap.url = "group:gone";
         gap.state = CoverageState::kMembersHidden;
         gap.reason = "its members are hidden";
         Must(w.store->PutGap(gap));
         w.Put(w.file, {To("gone", Role::kRead)});
       },
       "medium", "site"},
      {"ACL-DIRECT", On(&World::list, {User(Role::kRead)}), On(&World::file, {User(Role::kRead)}),
       "medium", "site"},
      {"ACL-DIRECT", On(&World::site, {User(Role::kRead)}), On(&World::site, {User(Role::kNone)}),
       "medium", "site"},
      {"ACL-BROKEN-DEPTH",
       [](World& w) {
         w.config.thresholds["scopes_medium"] = 5;
         Fragment(w, 6);
       },
       [](World& w) {
         w.config.thresholds["scopes_medium"] = 5;
         Fragment(w, 5);
       },
       "medium", "library"},
      {"ACL-BROKEN-DEPTH",
       [](World& w) {
         w.config.thresholds["scopes_high"] = 5;
         w.config.thresholds["scopes_medium"] = 2;
         Fragment(w, 6);
       },
       [](World& w) { Deepen(w, 3); }, "high", "library"},
      {"ACL-BROKEN-DEPTH", [](World& w) { Deepen(w, 4); }, [](World& w) { Fragment(w, 6); },
       "medium", "library"},
      {"ACL-CUSTOM",
       [](World& w) {
         Grant grant = User(Role::kOwner);
         grant.levels = {"Verwalter"};
         grant.custom_level = true;
         grant.rights = 0x2000001;
         w.Put(w.list, {grant});
       },
       [](World& w) {
         Grant grant = User(Role::kRead);
         grant.levels = {"Full Control"};  // A title alone tells nothing.
         grant.custom_level = true;
         grant.rights = 0x1;
         w.Put(w.list, {grant});
       },
       "low", "site"},
      {"ACL-APP",
       [](World& w) {
         Must(w.store->PutSiteScope(w.site, "graph", std::vector{App(Role::kWrite)}));
       },
       [](World& w) {
         Must(w.store->PutSiteScope(w.site, "graph", std::vector{User(Role::kWrite)}));
         w.Put(w.file, {App(Role::kWrite)});
       },
       "high", "site"},
      {"ACL-APP",
       [](World& w) {
         Must(w.store->PutSiteScope(w.site, "graph", std::vector{App(Role::kRead)}));
       },
       [](World& w) { w.Put(w.site, {App(Role::kWrite)}); }, "medium", "site"},
      {"AUD-LARGE",
       [](World& w) {
         w.config.thresholds["audience_people"] = 10;
         w.Group(People(20));
         w.Put(w.file, {To(w.Group(People(11)), Role::kRead)});
       },
       [](World& w) {
         w.config.thresholds["audience_people"] = 10;
         w.Put(w.file, {To(w.Group(People(10)), Role::kRead)});
         // The same people by another way are no more people.
         w.Put(w.list, {To(w.Group(People(10)), Role::kRead)});
       },
       "medium", "site"},
      {"AUD-LARGE",
       [](World& w) {
         w.config.thresholds["audience_people"] = 10;
         w.Group(People(20));
         w.Put(w.file, {Link("organization", Role::kRead)});
       },
       [](World& w) {
         w.config.thresholds["audience_people"] = 10;
         w.config.thresholds["audience_percent"] = 60;
         w.Group(People(20));
         w.Put(w.file, {To(w.Group(People(12)), Role::kRead)});
       },
       "medium", "site"},
      {"LNK-STALE",
       [](World& w) {
         w.Put(w.file, {Link("users", Role::kRead)});
         w.GoOn("2001-01-01T00:00:00Z");
         w.Put(w.file, {Link("users", Role::kRead)});
       },
       [=](World& w) {
         w.Put(w.file, {Link("users", Role::kRead, kFuture)});
         w.GoOn("2001-01-01T00:00:00Z");
         w.Put(w.file, {Link("users", Role::kRead, kFuture)});
         w.Put(w.folder, {Link("organization", Role::kRead)});  // It is new.
       },
       "low", "file"},
      {"GST-STALE",
       [](World& w) {
         Member guest = Person("lee", "guest");
         guest.external_state = "PendingAcceptance";
         guest.external_since = "2001-01-01T00:00:00Z";
         w.Put(w.file, {To(w.Group({guest}), Role::kRead)});
       },
       [](World& w) {
         Member guest = Person("lee", "guest");
         guest.external_state = "Accepted";
         guest.external_since = "2001-01-01T00:00:00Z";
         w.Put(w.file, {To(w.Group({guest}), Role::kRead)});
       },
       "medium", ""},
      {"PRN-ORPHAN",
       [](World& w) {
         Know(w, "user-pam", "user",
              [](DirectoryObject& o) { o.state = DirectoryObject::State::kDeleted; });
         w.Put(w.list, {User(Role::kOwner)});
       },
       [](World& w) {
         // May not be asked for: that is not gone.
         Know(w, "user-pam", "user",
              [](DirectoryObject& o) { o.state = DirectoryObject::State::kUnknown; });
         w.Put(w.list, {User(Role::kOwner)});
       },
       "high", "site"},
      {"PRN-ORPHAN",
       [](World& w) {
         Know(w, "pam", "user",
              [](DirectoryObject& o) { o.state = DirectoryObject::State::kMissing; });
         w.Put(w.site,
               {To(w.Group({Person("pam")}, GroupRef::Kind::kSiteGroup), Role::kRead, true)});
       },
       [](World& w) {
         Know(w, "pam", "user", [](DirectoryObject&) {});
         w.Put(w.site,
               {To(w.Group({Person("pam")}, GroupRef::Kind::kSiteGroup), Role::kRead, true)});
       },
       "medium", "site"},
      {"GRP-PUBLIC",
       [](World& w) {
         const std::string group = w.Group({Person("pam")});
         Know(w, group, "group", [](DirectoryObject& o) { o.visibility = "public"; });
         w.Put(w.site, {To(group, Role::kWrite)});
       },
       [](World& w) {
         const std::string group = w.Group({Person("pam")});
         Know(w, group, "group", [](DirectoryObject& o) { o.visibility = "Private"; });
         w.Put(w.site, {To(group, Role::kWrite)});
       },
       "medium", "site"},
      {"GRP-MEMB-INVITE", [](World& w) { SiteGroup(w, true, false, Role::kWrite); },
       [](World& w) { SiteGroup(w, true, false, Role::kRead); }, "low", "site"},
      {"GRP-MEMB-INVITE", [](World& w) { SiteGroup(w, false, true, Role::kRead); },
       [](World& w) { SiteGroup(w, false, false, Role::kWrite); }, "low", "site"},
      {"AUD-NESTED",
       [](World& w) {
         const std::string group = w.Group({Person("pam")});
         Know(w, group, "group", [](DirectoryObject& o) { o.group_types = {"DynamicMembership"}; });
         w.Put(w.file, {To(group, Role::kWrite)});
       },
       [](World& w) {
         const std::string group = w.Group({Person("pam")});
         Know(w, group, "group", [](DirectoryObject& o) { o.group_types = {"DynamicMembership"}; });
         w.Put(w.file, {To(group, Role::kRead)});
       },
       "low", "site"},
      {"AUD-NESTED", [](World& w) { w.Put(w.file, {To(Nest(w, 4), Role::kRead)}); },
       [](World& w) { w.Put(w.file, {To(Nest(w, 3), Role::kRead)}); }, "low", "site"},
      {"SITE-NOOWNER", [](World& w) { Admins(w, {Guest(Role::kOwner)}); },
       [](World& w) {
         Admins(w, {User(Role::kOwner, "a"), User(Role::kOwner, "b")});
       },
       "high", "site"},
      {"SITE-NOOWNER", [](World& w) { Admins(w, {User(Role::kOwner, "a")}); },
       [](World& w) {
         Admins(w, {User(Role::kOwner, "a")});
         w.Put(w.site, {To(w.Group({Person("b")}), Role::kOwner)});
       },
       "medium", "site"},
      {"SITE-INACTIVE",
       [](World& w) {
         Must(w.store->StageChanges(w.library));
         DriveItem old = File("file", "folder", "a.txt", SharedFacet::kShared);
         old.modified = "2001-01-01T00:00:00Z";
         Must(w.store->StageItems(w.library, std::vector{old}));
         Must(w.store->FinishChanges(w.library, false, DeltaLink("link", "shape")));
         w.Put(w.file, {Link("anonymous", Role::kRead)});
       },
       On(&World::file, {Link("anonymous", Role::kRead)}), "medium", "site"},
      {"LBL-BROAD",
       [](World& w) {
         LabelFile(w);
         w.Put(w.file, {Link("anonymous", Role::kRead)});
       },
       [](World& w) {
         LabelFile(w, "General");
         w.Put(w.file, {Link("anonymous", Role::kRead)});
       },
       "critical", "file"},
      {"LBL-BROAD",
       [](World& w) {
         LabelFile(w);
         w.Put(w.file, {Everybody(PrincipalType::kEveryone, Role::kRead)});
       },
       [](World& w) {
         // Shared broadly is another file, and another site is labelled.
         LabelFile(w);
         w.Put(w.file, {User(Role::kRead)});
         w.Put(w.folder, {Link("anonymous", Role::kRead)});
       },
       "critical", "file"},
      {"LBL-BROAD",
       [](World& w) {
         w.config.sensitive_labels = {"LABEL-ID"};
         SiteShares(w, "anyone", "label-id");
         w.Put(w.file, {Link("organization", Role::kRead)});
       },
       [](World& w) {
         w.config.sensitive_labels = {"LABEL-ID"};
         SiteShares(w, "anyone", "label-id");
         w.Put(w.file, {Link("users", Role::kRead)});
       },
       "critical", "site"},
      {"LBL-BROAD",
       [](World& w) {
         w.config.allowed_guest_domains = {"friend.example"};
         LabelFile(w);
         w.Put(w.file, {Guest(Role::kRead)});
       },
       [](World& w) {
         w.config.allowed_guest_domains = {"partner.example"};
         LabelFile(w);
         w.Put(w.file, {Guest(Role::kRead)});
       },
       "critical", "file"},
      {"SITE-SHARE-OPEN", [](World& w) { SiteShares(w, "anyone", "label-id"); },
       [](World& w) { SiteShares(w, "guests", "label-id"); }, "high", "site"},
      {"SITE-SHARE-OPEN",
       [](World& w) {
         Know(w, "team", "group", [](DirectoryObject& o) { o.visibility = "Private"; });
         SiteShares(w, "anyone", "", "team");
       },
       [](World& w) {
         Know(w, "team", "group", [](DirectoryObject& o) { o.visibility = "Public"; });
         SiteShares(w, "anyone", "", "team");
       },
       "high", "site"},
      {"SITE-SHARE-OPEN", [](World& w) { SiteShares(w, "anyone", "label-id"); },
       [](World& w) {
         SiteShares(w, "anyone", "label-id");
         TenantShares(w, "guests");  // The stricter one holds.
       },
       "high", "site"},
      {"TEN-SHARE", [](World& w) { TenantShares(w, "anyone"); },
       [](World& w) { TenantShares(w, "guests"); }, "high", ""},
      {"TEN-SHARE",
       [](World& w) {
         TenantShares(w, "guests", {{"domain_mode", "none"}});
       },
       [](World& w) {
         TenantShares(w, "off", {{"domain_mode", "none"}});
       },
       "medium", ""},
      {"TEN-SHARE",
       [](World& w) {
         TenantShares(w, "guests", {{"resharing_by_guests", true}});
       },
       [](World& w) {
         TenantShares(w, "off", {{"resharing_by_guests", true}});
       },
       "medium", ""},
      {"LAT-EXT",
       [](World& w) {
         SiteShares(w, "off");
         w.Put(w.file, {Guest(Role::kRead)});
       },
       [](World& w) {
         SiteShares(w, "existing_guests");
         w.Put(w.file, {Guest(Role::kRead)});
       },
       "info", "site"},
      {"LAT-EXT",
       [](World& w) {
         TenantShares(w, "off");  // Sites need not be known.
         w.Put(w.file, {Link("anonymous", Role::kRead)});
       },
       [=](World& w) {
         TenantShares(w, "off");
         w.Put(w.file, {Link("anonymous", Role::kRead, kPast), User(Role::kRead)});
       },
       "info", "site"},
      {"GST-STALE", [=](World& w) { SignedIn(w, kPast); }, [=](World& w) { SignedIn(w, kFuture); },
       "medium", ""},
      {"GST-DOMAIN",
       [](World& w) {
         TenantShares(w, "guests", {{"allowed_domains", {"friend.example"}}});
         w.Put(w.file, {Guest(Role::kRead)});
       },
       [](World& w) {
         TenantShares(w, "guests", {{"allowed_domains", {"partner.example"}}});
         w.Put(w.file, {Guest(Role::kRead)});
       },
       "high", ""},
      {"GST-DOMAIN",
       [](World& w) {
         const Json domains = {{"domain_mode", "block"}, {"blocked_domains", {"partner.example"}}};
         TenantShares(w, "guests", domains);
         w.Put(w.file, {Guest(Role::kRead)});
       },
       [](World& w) {
         const Json domains = {{"domain_mode", "block"}, {"blocked_domains", {"evil.example"}}};
         TenantShares(w, "guests", domains);
         w.Put(w.file, {Guest(Role::kRead)});
       },
       "high", ""},
      {"GRP-PUBLIC",
       [](World& w) {
         const std::string group = w.Group({Person("pam")});
         Know(w, group, "group", [](DirectoryObject& o) { o.visibility = "public"; });
         SiteShares(w, "off", "label-id");
         w.Put(w.site, {To(group, Role::kWrite)});
       },
       [](World& w) {
         const std::string group = w.Group({Person("pam")});
         Know(w, group, "group", [](DirectoryObject& o) { o.visibility = "HiddenMembership"; });
         SiteShares(w, "off", "label-id");
         w.Put(w.site, {To(group, Role::kWrite)});
       },
       "high", "site"},
      {"SITE-ADMIN-MANY", [](World& w) { Admins(w, {To(w.Group(People(6)), Role::kOwner)}); },
       [](World& w) {
         Grant again = User(Role::kOwner, "p1");
         again.principal_id = "p1";  // Who stands in the group, too.
         Admins(w, {To(w.Group(People(5)), Role::kOwner), again});
         // An owner is no administrator.
         w.Put(w.site, {To(w.Group(People(9)), Role::kOwner)});
       },
       "medium", "site"},
  };
}

}  // namespace

TEST_CASE("Every rule finds what it is for, and nothing in what is nearly so") {
  for (const Case& one : Cases()) {
    INFO(one.rule);
    World hit, miss;
    one.hit(hit);
    one.miss(miss);
    const auto found = hit.Find(one.rule);
    INFO(Json(found).dump(1));
    REQUIRE(found.size() == 1);
    CHECK(found[0]["severity"] == one.severity);
    CHECK(found[0]["object"] == one.object);
    CHECK(hit.applied != "not_evaluated");
    const auto none = miss.Find(one.rule);
    INFO(Json(none).dump(1));
    CHECK(none.empty());
  }
}

TEST_CASE("Every rule has a case, and no rule a query that fails") {
  std::set<std::string> covered, ids;
  for (const Case& one : Cases()) covered.insert(one.rule);
  for (const Rule& rule : BuiltInRules()) CHECK(ids.insert(rule.id).second);
  CHECK(ids.size() == 35);
  CHECK(covered == ids);
  World world;
  world.Find("LBL-BROAD");
  CHECK(
      Rows(world.path, "SELECT id, reason FROM applied_rule WHERE reason LIKE '%query%'").empty());
}

TEST_CASE("What was not told of sharing, labels and sign-ins is said by the rules that need it") {
  const auto [rule, state, why] = GENERATE(table<std::string, std::string, std::string>({
      {"LBL-BROAD", "not_evaluated", "findings.sensitive_labels names no label"},
      {"SITE-SHARE-OPEN", "not_evaluated", "administration alone knows"},
      {"TEN-SHARE", "not_evaluated", "SharePointTenantSettings.Read.All"},
      {"LAT-EXT", "not_evaluated", "SharePointTenantSettings.Read.All"},
      {"GST-DOMAIN", "not_evaluated", "names no domain"},
      {"GST-STALE", "partly", "AuditLog.Read.All"},
  }));
  World world;
  Member guest = Person("lee", "guest");
  guest.external_state = "Accepted";
  world.Group({guest});
  world.Find(rule);
  CHECK(world.applied == state);
  CHECK_THAT(world.reason, Catch::Contains(why));
}

TEST_CASE("What was not read makes no rule silent: it says what is missing") {
  World world;  // Without SharePoint: no site groups, no administrators.
  CHECK(world.Find("SITE-NOOWNER").empty());
  CHECK(world.applied == "not_evaluated");
  CHECK(world.reason.find("SharePoint REST") != std::string::npos);
}

TEST_CASE("A finding keeps its id over runs and databases, another object has another") {
  const auto id = [](Oid World::*owner) {
    World world;
    // Numbers in the database differ, names do not.
    if (owner == &World::file) Fragment(world, 3);
    world.Put(world.*owner, {Link("anonymous", Role::kWrite)});
    return world.Find("LNK-ANON-EDIT").at(0).at("id").get<std::string>();
  };
  World plain;
  plain.Put(plain.file, {Link("anonymous", Role::kWrite)});
  CHECK(id(&World::file) == plain.Find("LNK-ANON-EDIT").at(0).at("id").get<std::string>());
  CHECK(id(&World::file) != id(&World::folder));
}

TEST_CASE("What was accepted does not count until its day is over") {
  World world;
  world.Put(world.file, {Link("anonymous", Role::kWrite)});
  const auto found = world.Find("LNK-ANON-EDIT");
  const auto before = Must(world.store->CountFindings(world.run));
  CHECK(before.worst() == Severity::kCritical);
  Acceptance acceptance;
  acceptance.finding = found.at(0).at("id");
  acceptance.owner = "pam";
  acceptance.reason = "on purpose";
  const auto state = [&](const std::string& until) {
    acceptance.until = until;
    Must(world.store->Accept(std::vector{acceptance}));
    return Rows(world.path, "SELECT state FROM v_findings WHERE rule = 'LNK-ANON-EDIT'").at(0);
  };
  CHECK(state("2099-01-01") == "accepted");
  const auto during = Must(world.store->CountFindings(world.run));
  CHECK(during.accepted == 1);
  CHECK(during.open[4] == before.open[4] - 1);
  CHECK(state("2001-01-01") == "expired");
  CHECK(Must(world.store->CountFindings(world.run)).accepted == 0);
  acceptance.baseline = true;
  CHECK(state("") == "baseline");
  Must(world.store->Reopen(std::vector{acceptance.finding}));
  CHECK(Must(world.store->CountFindings(world.run)).worst() == Severity::kCritical);
}

TEST_CASE("A rule of one's own may read and nothing else") {
  const auto [sql, why] = GENERATE(table<std::string, std::string>({
      {"DELETE FROM finding", "not authorized"},
      {"PRAGMA user_version = 9", "not authorized"},
      {"ATTACH '/tmp/x' AS x", "not authorized"},
      {"SELECT load_extension('x')", "not authorized"},
      {"SELECT 1 AS oid; SELECT 2 AS oid", "more than one statement"},
      {"SELECT one FROM nowhere", "no such table"},
      {"", "no query"},
  }));
  World world;
  world.config.rules = world.dir.File("rules");
  std::filesystem::create_directory(world.config.rules);
  std::ofstream(world.config.rules + "/own.sql") << "-- id: OWN-1\n-- severity: low\n" << sql;
  CHECK(world.Find("OWN-1").empty());
  CHECK(world.applied == "not_evaluated");
  CHECK_THAT(world.reason, Catch::Contains(why));
}

TEST_CASE("A rule of one's own that does not end is broken off, and the others go on") {
  World world;
  world.config.rules = world.dir.File("rules");
  world.config.thresholds["rule_seconds"] = 0.05;
  std::filesystem::create_directory(world.config.rules);
  std::ofstream(world.config.rules + "/own.sql")
      << "-- id: OWN-1\n-- severity: low\nWITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
         "FROM n) SELECT NULL AS oid, i AS key FROM n WHERE i % 1000 = 0";
  std::ofstream(world.config.rules + "/two.sql")
      << "-- id: OWN-2\n-- severity: low\nSELECT NULL AS oid, 'a' AS key";
  CHECK(world.Find("OWN-1").empty());  // What it found until then is not kept either.
  CHECK(world.applied == "not_evaluated");
  CHECK_THAT(world.reason, Catch::Contains("broken off after 0.05 s"));
  CHECK_THAT(world.reason, Catch::Contains("rule_seconds"));
  CHECK(Rows(world.path, "SELECT state FROM applied_rule WHERE id = 'OWN-2'") ==
        std::vector<std::string>{"evaluated"});
  CHECK(Rows(world.path, "SELECT count(*) FROM finding WHERE rule = 'OWN-2'") ==
        std::vector<std::string>{"1"});
}

TEST_CASE("A rule of one's own finds by the stable views, and its tests tell whether it does") {
  World world;
  const std::string rules = world.config.rules = world.dir.File("rules");
  std::filesystem::create_directory(rules);
  std::ofstream(rules + "/own.sql")
      << "-- id: OWN-LINKS\n-- name: Links in Plans\n-- severity: high\n"
         "-- message: a {link_scope} link\n-- remedy: none\n"
         "SELECT oid, grant_id AS key, link_scope FROM v_permissions\n"
         "WHERE principal_type = 'link' AND object_url LIKE '%/Plans/%'";
  const auto test = [&](const std::string& expect) {
    std::ofstream(rules + "/own.test.json") << R"({"given": {"v_permissions": [
             {"oid": 1, "grant_id": "a", "principal_type": "link", "link_scope": "users",
              "object_url": "https://t/Plans/x"},
             {"oid": 2, "principal_type": "link", "object_url": "https://t/Other/x"},
             {"oid": 3, "principal_type": "user", "object_url": "https://t/Plans/x"}]},
           "expect": )" << expect << "}";
    return Must(TestRules(rules));
  };
  CHECK(Must(TestRules(rules)).untested == std::vector<std::string>{"OWN-LINKS"});
  CHECK(test(R"([{"oid": 1, "key": "a", "severity": "high", "message": "a users link"}])")
            .failed.empty());
  CHECK_THAT(test("[]").failed.at(0).second, Catch::Contains("also finds"));
  CHECK_THAT(test(R"([{"oid": 1}, {"oid": 2}])").failed.at(0).second,
             Catch::Contains("does not find"));

  world.Put(world.file, {Link("users", Role::kRead)});
  const auto found = world.Find("OWN-LINKS");
  REQUIRE(found.size() == 1);
  CHECK(found[0]["message"] == "a users link");
  CHECK(found[0]["object"] == "file");
}

TEST_CASE("A threshold or rule that is none is told before an audit begins") {
  FindingsConfig config;
  config.thresholds["site_admin"] = 3;
  const auto rules = RulesOf(config);
  REQUIRE_FALSE(rules.has_value());
  CHECK(rules.error().code == ErrorCode::kUsage);
  CHECK(rules.error().remedy == "did you mean site_admins?");
}

TEST_CASE("docs/findings.md lists the rules and thresholds as they are") {
  std::ifstream file(SPA_SOURCE_DIR "/docs/findings.md");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  for (const Rule& rule : BuiltInRules()) {
    CHECK_THAT(text, Catch::Contains("| `" + rule.id + "` | " + std::string(Name(rule.severity)) +
                                     " | " + rule.name + " |"));
    CHECK_FALSE(rule.remedy.empty());
  }
  for (const Threshold& threshold : Thresholds()) {
    CHECK_THAT(text, Catch::Contains("| `" + std::string(threshold.name) + "` | " +
                                     std::to_string(static_cast<long>(threshold.value)) + " | "));
  }
}
