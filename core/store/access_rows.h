// AccessRows: what the database holds about access in one run, row by row: groups and members,
// grants of a scope, objects by what people call them. No conclusions; permissions/access/ draws
// them.
//
// Threads: one. Lifetime: within its Database. Rows are valid until the next one.
// Errors: the Database remembers the first; ask its Check at the end.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/sharing.h"
#include "core/sqlite.h"
#include "core/store/audit_store.h"

namespace spa {

struct GroupRow {
  GroupRow() = default;
  std::string_view key, kind, id, site_id, link_id, name;
  std::int64_t member_set = 0;
  bool read = false;  // in this run; else known from an earlier one
};

struct MemberRow {
  MemberRow() = default;
  std::int64_t member_set = 0;
  std::string_view id, kind, name, login, email, user_type;
  std::optional<bool> account_enabled;
};

struct GrantRow {
  GrantRow() = default;
  std::string_view grant_id, principal_type, principal_id, principal_name, principal_login,
      principal_email, role, levels, link_scope, link_type, link_expires_at;
  std::string_view link_people, link_invited, link_groups;  // JSON lists
  std::optional<bool> link_has_password;
};

// What the directory said of somebody who is named.
struct DirectoryRow {
  DirectoryRow() = default;
  std::string_view id;  // directory id, else the login
  std::string_view kind, state, name, login, email, user_type;
  std::optional<bool> account_enabled;
};

struct GroupGap {  // A group whose members this run could not read.
  GroupGap() = default;
  std::string_view key, state, reason;
};

// An object as people see it.
struct ObjectFace {
  ObjectFace() = default;
  Oid oid = 0;
  Oid owner = 0;  // Whose permissions apply.
  ObjectType type = ObjectType::kSite;
  std::string id, url, name;
};

class AccessRows {
 public:
  AccessRows(sqlite::Database& db, RunNo run);

  sqlite::Database& db() { return db_; }
  RunNo run() const { return run_; }
  const std::string& started_at() const { return started_at_; }

  // --- principals ---
  void EachGroup(const std::function<void(const GroupRow&)>& use);
  // Each member set once, in its order.
  void EachMember(const std::function<void(const MemberRow&)>& use);
  // Every grant that gives access, with the object that owns its scope; of those that hold for a
  // whole site collection (`site_wide`) with its topmost site.
  void EachGrantee(const std::function<void(Oid scope, bool site_wide, const GrantRow&)>& use);
  void EachDirectoryObject(const std::function<void(const DirectoryRow&)>& use);
  void EachGroupGap(const std::function<void(const GroupGap&)>& use);

  // --- scopes ---
  void EachGrant(Oid scope, const std::function<void(const GrantRow&)>& use);
  // What holds for the whole site collection of a scope, outside its grants.
  void EachSiteGrant(Oid top_site, const std::function<void(const GrantRow&)>& use);
  // Every scope of the run with each of its grants, scope by scope.
  void EachScope(const std::function<void(Oid scope, std::int64_t acl)>& use);
  void EachGrantOfSet(std::int64_t acl, const std::function<void(const GrantRow&)>& use);
  // The scope's grants were read, in this run or before.
  bool IsRead(Oid scope);
  // The administrators of the collection with this topmost site were.
  bool KnowsAdmins(Oid top_site);
  // A list lets people see or change only what they made: grants of it or of its items say more
  // than holds (permissions.md 3.4).
  bool IsNarrowed(Oid scope);
  // With whom the site collection with this topmost site lets people share, as far as is known.
  Sharing SharingOf(Oid top_site);
  // The topmost site above an object; 0 where there is none.
  Oid TopSiteOf(Oid object);
  std::string GraphIdOf(Oid oid);

  // --- objects ---
  std::optional<ObjectFace> FaceOf(Oid oid);
  // By Graph id, URL or server-relative path ("/sites/x/Docs/a.txt"), any casing of addresses.
  std::vector<Oid> FindObjects(const std::string& text);
  // The deepest object whose address begins that of `text`; 0: none.
  Oid NearestAbove(const std::string& text);

  // --- since when ---
  // The first of the runs, without a break up to this one, in which the scope had that grant, or
  // its collection (`site_wide`).
  RunNo GrantSince(Oid scope, bool site_wide, std::string_view grant_id);
  // … in which the group had that member (directory id, else login).
  RunNo MemberSince(std::string_view group_key, std::string_view id, std::string_view login);
  std::string StartOf(RunNo run);
  std::string IdOfRun(RunNo run);

 private:
  static void Take(const sqlite::Statement& rows, GrantRow& row);
  void ReadGrants(sqlite::Statement& rows, const std::function<void(const GrantRow&)>& use);

  sqlite::Database& db_;
  RunNo run_;
  std::string started_at_;
  std::unordered_map<Oid, Oid> tops_;
  std::unordered_map<Oid, bool> admins_known_;
  std::unordered_map<Oid, Sharing> sharing_;
};

}  // namespace spa
