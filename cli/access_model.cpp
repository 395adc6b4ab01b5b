#include "cli/access_model.h"

#include <fmt/format.h>

#include "core/store/run_reader.h"
#include "permissions/access/what_if.h"

namespace spa {

Result<std::unique_ptr<AccessModel>> AccessModel::Open(const std::string& db_path,
                                                       const std::string& run_id) {
  auto opened = OpenRun(db_path, run_id, "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768;");
  if (!opened) return Fail(opened.error());
  auto model = std::make_unique<AccessModel>(std::move(opened->db), opened->info);
  if (auto read = model->Check(); !read) return Fail(read.error());
  return model;
}

AccessModel::AccessModel(std::unique_ptr<sqlite::Database> db, const RunInfo& run)
    : db_(std::move(db)),
      run_(run),
      rows_(*db_, run.number),
      principals_(rows_),
      access_(rows_, principals_),
      coverage_(*db_, run.number) {}

ScopeIndex& AccessModel::index() {
  if (!index_) index_.emplace(rows_, principals_);
  return *index_;
}

ReachesOf OpenReaches(sqlite::Database& db, RunNo run) {
  struct Parts {
    Parts(sqlite::Database& db, RunNo run)
        : rows(db, run), principals(rows), access(rows, principals) {}
    AccessRows rows;
    Principals principals;
    ScopeAccess access;
  };
  const auto parts = std::make_shared<Parts>(db, run);
  return [parts](Oid owner, const std::function<bool(const Reach&)>& use) {
    if (const auto scope = parts->access.GrantsOf(owner)) parts->access.Reaches(*scope, use);
  };
}

EachGroup OpenGroupList(sqlite::Database& db, RunNo run) {
  return [&db, run](const std::function<bool(const ExportedGroup&)>& use) {
    AccessRows rows(db, run);
    Principals principals(rows);
    const ScopeIndex index(rows, principals);
    const auto key = [&](Node node) {
      const Principal& p = principals.At(node);
      if (p.is_group()) return std::string(p.key);
      return fmt::format("{}:{}", KindOf(p), p.id.empty() ? p.login : p.id);
    };
    for (Node node = 0; node < principals.size(); ++node) {
      const Principal& p = principals.At(node);
      if (!p.is_group()) continue;
      ExportedGroup group;
      group.kind = KindOf(p);
      group.id = p.id;
      group.name = p.name;
      group.site_id = p.site_id;
      group.link_id = p.link_id;
      group.state = Name(p.state);
      for (const Node member : principals.MembersOf(node)) group.members.push_back(key(member));
      for (const Node above : principals.GroupsWith(node)) group.member_of.push_back(key(above));
      for (const Oid scope : index.GrantedTo(node)) {
        const auto face = rows.FaceOf(scope);
        if (face) group.granted_on.push_back(fmt::format("{}:{}", Name(face->type), face->id));
      }
      std::sort(group.granted_on.begin(), group.granted_on.end());
      if (!use(group)) return;
    }
  };
}

EachGuest OpenGuestList(sqlite::Database& db, RunNo run) {
  return [&db, run](const std::function<bool(const ListedGuest&)>& use) {
    AccessRows rows(db, run);
    Principals principals(rows);
    const ScopeAccess access(rows, principals);
    const ScopeIndex index(rows, principals);
    for (Node node = 0; node < principals.size(); ++node) {
      const Principal& p = principals.At(node);
      if (p.kind != Principal::Kind::kPerson || !p.is_guest()) continue;
      ListedGuest guest;
      guest.name = p.name;
      guest.login = p.login;
      guest.mail = p.mail;
      guest.id = p.id;
      guest.domain = GuestDomainOf(p);
      guest.blocked_by = access.BlockOf(node);
      guest.scopes = index.GrantedToAny(GroupsAbove(principals, {node})).size();
      if (!use(guest)) return;
    }
  };
}

}  // namespace spa
