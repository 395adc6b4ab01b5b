#include "simulator/truth.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>

#include "simulator/json_out.h"
#include "simulator/principals.h"

namespace spa::sim {
namespace {

using Kind = Principal::Kind;

struct Object {
  const Web* web = nullptr;
  const Library* library = nullptr;  // for links and ids of drive items
  std::string_view type;
  std::string id, url;
  bool inherits = false;
  std::string scope_id;
  bool graph = false;  // the scope is a drive item's
  std::uint32_t scope_item = 0;
};

std::string_view PrincipalTypeName(const SimulatedTenant& tenant, const Principal& who) {
  switch (who.kind) {
    case Kind::kUser:
      return tenant.directory().IsGuest(who.number) ? "guest" : "user";
    case Kind::kOtpGuest:
      return "guest";
    case Kind::kGroup:
    case Kind::kGroupOwners:
      return "group";
    case Kind::kSiteGroup:
      return "site_group";
    case Kind::kEveryone:
    case Kind::kWindowsEveryone:
      return "everyone";
    case Kind::kEveryoneExceptExternal:
    case Kind::kForeignEveryoneExceptExternal:
      return "everyone_except_external";
    case Kind::kSharePointApp:
      return "application";
    case Kind::kLink:
      return "link";
  }
  return "unknown";
}

// permissions.md 3.3: what the rights are, whatever a service has a word for.
std::string_view RoleOf(const std::vector<Level>& levels) {
  const std::uint64_t mask = Mask(levels);
  if ((mask & 0x2000000) != 0) return "owner";
  return (mask & 0xe) != 0 ? "write" : "read";
}

// Of one whom SharePoint knows without AadObjectId, and who is gone for good, nobody can say more
// than the login.
bool HasKnownId(const SimulatedTenant& tenant, const Principal& who) {
  if (who.kind != Kind::kUser) return true;
  const User user = tenant.directory().UserAt(who.number);
  return !user.purged || Unit(HashText(user.login)) >= tenant.spec().wire.no_aad_id_rate;
}

void WritePrincipal(JsonOut& json, const SimulatedTenant& tenant, const Object& object,
                    const Entry& entry, const Acl& acl) {
  if (entry.who.kind == Kind::kLink) {
    const Link& link = acl.links[entry.who.number];
    json.Field("grant_id", link.id).Field("principal_type", "link").Field("principal_id", link.id);
    json.Field("principal_name", "").Field("principal_login", "").Field("principal_email", "");
    return;
  }
  Face face = FaceOf(tenant, *object.web, entry.who);
  if (!object.graph && !HasKnownId(tenant, entry.who)) face.directory_id.clear();
  json.Field("grant_id", Base64Url(face.login));
  json.Field("principal_type", PrincipalTypeName(tenant, entry.who));
  json.Field("principal_id", entry.who.kind == Kind::kSiteGroup ? std::to_string(face.site_number)
                                                                : face.directory_id);
  json.Field("principal_name", face.title).Field("principal_login", face.login);
  json.Field("principal_email", face.email);
}

void WriteLinkPeople(JsonOut& json, const SimulatedTenant& tenant, const Link& link, bool by_rest) {
  std::set<std::string> people;
  for (const Principal& who : link.people) {
    if (by_rest && !HasKnownId(tenant, who)) continue;
    if (who.kind == Kind::kUser) people.insert(tenant.directory().UserAt(who.number).id);
    if (who.kind == Kind::kGroup) people.insert(tenant.directory().groups()[who.number].id);
  }
  json.Open("link_people", '[');
  for (const auto& id : people) json.String(id);
  json.Close(']');
}

void WriteLink(JsonOut& json, const SimulatedTenant& tenant, const Link* link,
               bool by_rest = false) {
  if (!link) {
    json.Null("link_scope").Null("link_type").Null("link_expires_at").Null("link_has_password");
    json.Open("link_people", '[').Close(']');
    return;
  }
  if (by_rest) {
    // Graph has no word for the items of lists; SharePoint tells what the group's title says.
    const std::string& kind = link->group_kind;
    const auto field = [&](const char* key, std::string_view value) {
      value.empty() ? json.Null(key) : json.Field(key, value);
    };
    field("link_scope", kind.starts_with("Anonymous")      ? "anonymous"
                        : kind.starts_with("Organization") ? "organization"
                                                           : "");
    field("link_type", kind.ends_with("Edit") ? "edit" : kind.ends_with("View") ? "view" : "");
    json.Null("link_expires_at").Null("link_has_password");
    WriteLinkPeople(json, tenant, *link, by_rest);
    return;
  }
  json.Field("link_scope", link->scope).Field("link_type", link->type);
  if (link->expires.empty()) {
    json.Null("link_expires_at");
  } else {
    json.Field("link_expires_at", link->expires);
  }
  json.Field("link_has_password", link->password);
  WriteLinkPeople(json, tenant, *link, by_rest);
}

void WriteGrants(std::string& out, const SimulatedTenant& tenant, const std::string& origin,
                 const Object& object, const Acl& acl) {
  for (const Entry& entry : acl.entries) {
    if (!GivesAccess(entry.levels.front())) continue;
    JsonOut json(out);
    json.Open('{').Field("site_url", origin + object.web->path).Field("object_type", object.type);
    json.Field("object_id", object.id).Field("object_url", object.url);
    json.Field("inherits", object.inherits).Field("scope_object_id", object.scope_id);
    WritePrincipal(json, tenant, object, entry, acl);
    std::set<std::string_view> names;
    for (Level level : entry.levels) {
      names.insert(Info(level).names[static_cast<int>(object.web->language)]);
    }
    json.Field("role", RoleOf(entry.levels)).Open("levels", '[');
    for (const std::string_view name : names) json.String(name);
    json.Close(']');
    WriteLink(json, tenant, entry.who.kind == Kind::kLink ? &acl.links[entry.who.number] : nullptr,
              !object.graph);
    json.Field("source", object.graph ? "graph" : "rest").Close('}');
    out += '\n';
  }
}

// What holds for a whole site collection beside the scopes in it (permissions.md 0.2, 2.1).
void WriteSiteWide(std::string& out, const SimulatedTenant& tenant, const std::string& origin,
                   const Object& object) {
  const auto open = [&](JsonOut& json) {
    json.Open('{').Field("site_url", origin + object.web->path).Field("object_type", object.type);
    json.Field("object_id", object.id).Field("object_url", object.url);
    json.Field("inherits", false).Field("scope_object_id", object.id);
  };
  const auto close = [&](JsonOut& json, std::string_view role, std::string_view level,
                         std::string_view source) {
    json.Field("role", role).Open("levels", '[').String(level).Close(']');
    WriteLink(json, tenant, nullptr);
    json.Field("source", source).Close('}');
    out += '\n';
  };
  for (const Principal& admin : object.web->admins) {
    JsonOut json(out);
    open(json);
    WritePrincipal(json, tenant, object, Entry{admin, {Level::kFullControl}, false}, Acl());
    close(json, "owner", "Site collection administrator", "rest");
  }
  for (const AppGrant& app : object.web->apps) {
    JsonOut json(out);
    open(json);
    const std::string login = AppLogin(tenant, app);
    json.Field("grant_id", Base64Url(login)).Field("principal_type", "application");
    json.Field("principal_id", app.app_id).Field("principal_name", app.name);
    json.Field("principal_login", login).Field("principal_email", "");
    close(json,
          app.role == "read"          ? "read"
          : app.role == "fullcontrol" ? "owner"
                                      : "write",
          app.role, "graph");
  }
}

void WriteObject(std::string& out, const std::string& origin, const Object& object,
                 std::string_view state) {
  JsonOut json(out);
  json.Open('{').Field("site_url", origin + object.web->path).Field("object_type", object.type);
  json.Field("object_id", object.id).Field("object_url", object.url);
  json.Field("inherits", object.inherits).Field("scope_object_id", object.scope_id);
  json.Field("state", state).Close('}');
  out += '\n';
}

// Walks the tenant object by object. Visit is called with each object and a function that gives its
// effective entries; a slice of items at a time, so that the caller can flush.
class Walk {
 public:
  using AclOf = std::function<const Acl&()>;
  using Visit = std::function<void(const Object&, const AclOf&)>;

  Walk(const SimulatedTenant& tenant, std::string origin, bool closed_sites, Visit visit)
      : t_(tenant),
        origin_(std::move(origin)),
        closed_sites_(closed_sites),
        visit_(std::move(visit)) {}

  bool Next() {
    if (web_ >= t_.webs().size()) return false;
    const Web& web = t_.webs()[web_];
    if (web.state != SiteState::kOpen) {
      if (closed_sites_ && web.state != SiteState::kDeleted) VisitWeb(web);
      ++web_;
      return true;
    }
    if (library_ == 0 && item_ == 0) {
      VisitWeb(web);
      for (auto list : web.lists) VisitList(t_.lists()[list]);
    }
    if (library_ >= web.libraries.size()) {
      ++web_;
      library_ = item_ = 0;
      return true;
    }
    const Library& library = t_.libraries()[web.libraries[library_]];
    const std::uint32_t end =
        std::min<std::uint64_t>(std::uint64_t{item_} + 512, library.items + 1);
    for (; item_ < end; ++item_) {
      if (t_.Exists(library, item_)) VisitItem(library, item_);
    }
    if (item_ > library.items) {
      ++library_;
      item_ = 0;
      if (library_ >= web.libraries.size()) {
        ++web_;
        library_ = 0;
      }
    }
    return true;
  }

 private:
  void VisitWeb(const Web& web) {
    const Web& scope = t_.ScopeWeb(web);
    Object object;
    object.web = &web;
    object.type = "site";
    object.id = web.id;
    object.url = origin_ + web.path;
    object.inherits = !web.unique;
    object.scope_id = scope.id;
    visit_(object, [&]() -> const Acl& { return scope.acl; });
  }

  void VisitList(const GenericList& list) {
    const Web& web = t_.webs()[list.web];
    Object object;
    object.web = &web;
    object.type = "list";
    object.id = Text(list.list_id);
    object.url = fmt::format("{}{}/Lists/{}", origin_, web.path, list.url_name);
    object.inherits = !list.unique;
    object.scope_id = list.unique ? object.id : t_.ScopeWeb(web).id;
    visit_(object, [&]() -> const Acl& { return t_.ListAcl(list); });
    const std::string list_url = object.url, list_scope = object.scope_id, list_id = object.id;
    object.type = "list_item";
    Acl acl;
    for (std::uint32_t item = 1; item <= list.items; ++item) {
      if (!t_.Exists(list, item)) continue;
      object.id = fmt::format("{}/{}", list_id, item);
      object.url = fmt::format("{}/{}_.000", list_url, item);
      object.inherits = !t_.ListItemOwnsScope(list, item);
      object.scope_id = object.inherits ? list_scope : object.id;
      visit_(object, [&]() -> const Acl& { return acl = t_.ListItemAcl(list, item); });
    }
  }

  void VisitItem(const Library& library, std::uint32_t item) {
    const Web& web = t_.webs()[library.web];
    const std::uint32_t owner = t_.ScopeOf(library, item);
    Object object;
    object.web = &web;
    object.library = &library;
    object.type = item == 0 ? "library" : t_.IsFolder(library, item) ? "folder" : "file";
    object.id = t_.ItemId(library, item);
    object.url = origin_;
    t_.AppendPath(object.url, library, item);
    object.inherits = !t_.OwnsScope(library, item);
    object.graph = owner > 0;
    object.scope_item = owner;
    object.scope_id = owner > 0 || library.unique ? t_.ItemId(library, owner) : t_.ScopeWeb(web).id;
    visit_(object, [&]() -> const Acl& { return CachedAcl(library, owner); });
  }

  // Neighbours often share a scope.
  const Acl& CachedAcl(const Library& library, std::uint32_t owner) {
    if (owner == 0) return t_.LibraryAcl(library);
    if (last_library_ != library.number || last_owner_ != owner ||
        last_position_ != t_.position()) {
      last_position_ = t_.position();
      last_ = t_.OwnAcl(library, owner);
      last_library_ = library.number;
      last_owner_ = owner;
    }
    return last_;
  }

  const SimulatedTenant& t_;
  std::string origin_;
  bool closed_sites_;
  Visit visit_;
  std::size_t web_ = 0, library_ = 0;
  std::uint32_t item_ = 0;
  Acl last_;
  std::uint32_t last_library_ = UINT32_MAX, last_owner_ = 0;
  std::uint64_t last_position_ = 0;
};

LineStream StreamOf(const SimulatedTenant& tenant, std::string origin, bool closed_sites,
                    std::function<void(std::string&, const Object&, const Walk::AclOf&)> write) {
  auto out = std::make_shared<std::string*>(nullptr);
  auto walk = std::make_shared<Walk>(
      tenant, std::move(origin), closed_sites,
      [out, write = std::move(write)](const Object& object, const Walk::AclOf& acl) {
        write(**out, object, acl);
      });
  return [walk, out](std::string& piece) {
    *out = &piece;
    const std::size_t before = piece.size();
    while (piece.size() - before < 65'536) {
      if (!walk->Next()) return piece.size() > before;
    }
    return true;
  };
}

std::uint64_t Batches(std::uint64_t count) { return (count + 19) / 20; }

}  // namespace

LineStream TruePermissions(const SimulatedTenant& tenant, std::string origin) {
  return StreamOf(
      tenant, origin, false,
      [&tenant, origin](std::string& out, const Object& object, const Walk::AclOf& acl) {
        WriteGrants(out, tenant, origin, object, acl());
        if (object.type == "site" && object.web->parent < 0) {
          WriteSiteWide(out, tenant, origin, object);
        }
      });
}

LineStream TrueObjects(const SimulatedTenant& tenant, std::string origin) {
  return StreamOf(tenant, origin, true,
                  [origin](std::string& out, const Object& object, const Walk::AclOf&) {
                    WriteObject(out, origin, object, Name(object.web->state));
                  });
}

LineStream TrueGroups(const SimulatedTenant& tenant) {
  return [&tenant, next = std::uint32_t{0}](std::string& out) mutable {
    const auto& groups = tenant.directory().groups();
    if (next >= groups.size()) return false;
    const Group& group = groups[next];
    const auto all = tenant.directory().TransitiveMembers(next);
    JsonOut json(out);
    json.Open('{').Field("id", group.id).Field("name", group.name).Field("m365", group.m365);
    json.Field("hidden", group.hidden).Field("deleted", group.deleted);
    json.Field("purged", group.purged).Field("role", group.role).Field("dynamic", group.dynamic);
    const auto direct = tenant.directory().Members(next);
    json.Open("members", '[');
    for (auto user : direct.users) json.String(tenant.directory().UserAt(user).id);
    for (auto child : direct.groups) json.String(groups[child].id);
    json.Close(']').Open("users", '[');
    for (auto user : all.users) json.String(tenant.directory().UserAt(user).id);
    json.Close(']').Open("groups", '[');
    for (auto child : all.groups) json.String(groups[child].id);
    json.Close(']').Open("owners", '[');
    for (auto user : group.owners) json.String(tenant.directory().UserAt(user).id);
    json.Close(']').Close('}');
    out += '\n';
    ++next;
    return true;
  };
}

Floor FloorOf(const SimulatedTenant& tenant) {
  Floor floor;
  std::uint64_t listed = 0;
  std::set<std::uint32_t> groups, owner_groups;
  std::set<std::uint32_t> people;
  // With a group come those within it.
  std::vector<std::uint32_t> open;
  auto note = [&](const Principal& who) {
    if (who.kind == Kind::kUser) people.insert(who.number);
    if (who.kind == Kind::kGroupOwners) owner_groups.insert(who.number);
    if (who.kind == Kind::kGroup) open.push_back(who.number);
    while (!open.empty()) {
      const std::uint32_t group = open.back();
      open.pop_back();
      if (!groups.insert(group).second || tenant.directory().groups()[group].deleted) continue;
      for (const auto inner : tenant.directory().Members(group).groups) open.push_back(inner);
    }
  };
  auto note_acl = [&](const Acl& acl) {
    for (const Entry& entry : acl.entries) note(entry.who);
    for (const Link& link : acl.links) {
      for (const Principal& who : link.people) note(who);
    }
  };
  for (const Web& web : tenant.webs()) {
    if (web.parent < 0 && web.state != SiteState::kDeleted) ++listed;
    if (web.state != SiteState::kOpen) continue;
    ++floor.webs;
    if (web.parent < 0) floor.app_reads += 1 + web.apps.size();
    note_acl(web.acl);
    for (const Principal& admin : web.admins) note(admin);
    for (const SiteGroup& group : web.groups) {
      for (const Principal& member : group.members) note(member);
    }
    for (auto list : web.lists) {
      if (tenant.lists()[list].unique) note_acl(tenant.lists()[list].acl);
    }
  }
  for (const Library& library : tenant.libraries()) {
    if (library.deleted || tenant.webs()[library.web].state != SiteState::kOpen) continue;
    ++floor.drives;
    floor.delta_pages += (tenant.CountItems(library) + 1 + 199) / 200;
    if (library.unique) note_acl(library.acl);
    for (std::uint32_t item = 1; item <= library.items; ++item) {
      const ScopeKind kind = tenant.KindOf(library, item);
      if (kind == ScopeKind::kInherits) continue;
      ++floor.unique_items;
      note_acl(tenant.OwnAcl(library, item));
    }
  }
  floor.site_pages = (listed + 199) / 200;
  floor.web_batches = Batches(floor.webs);
  floor.app_batches = Batches(floor.app_reads);
  floor.permission_batches = Batches(floor.unique_items + floor.app_reads);
  // Whoever stands in a group that can be read is known with it.
  const auto& all = tenant.directory().groups();
  for (const auto group : groups) {
    if (all[group].deleted || all[group].hidden) continue;
    for (const auto user : tenant.directory().Members(group).users) people.erase(user);
  }
  for (const auto group : owner_groups) {
    if (all[group].deleted) continue;
    for (const auto user : all[group].owners) people.erase(user);
  }
  floor.people = people.size();
  floor.people_batches = Batches(floor.people);
  floor.groups = 2 * groups.size() + owner_groups.size();
  floor.group_batches = Batches(floor.groups);
  floor.drive_batches = Batches(floor.drives);
  floor.quiet_requests = floor.site_pages + floor.web_batches + floor.drive_batches +
                         floor.group_batches + floor.app_batches;
  floor.requests = floor.site_pages + floor.web_batches + floor.delta_pages +
                   floor.permission_batches + floor.group_batches + floor.people_batches;
  return floor;
}

}  // namespace spa::sim
