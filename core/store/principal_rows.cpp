// What the directory knows of those who are named, and who is still to be asked about.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/ascii.h"
#include "core/store/sqlite_store.h"

namespace spa {
namespace {

// People in grants, links and site groups. What a group of the directory lists comes with all that
// is known of it, so that nobody need be asked again; guests that only SharePoint knows have no
// object to ask for.
constexpr char kNamed[] = R"sql(
  WITH listed(id) AS MATERIALIZED (
    SELECT DISTINCT lower(m.id) FROM group_info gi JOIN member m ON m.member_set = gi.member_set
    WHERE gi.to_run IS NULL AND gi.kind <> 'site_group' AND m.kind = 'user' AND m.id <> ''),
  used(acl) AS (
    SELECT acl FROM scope WHERE to_run IS NULL UNION SELECT acl FROM site_scope WHERE to_run IS NULL),
  named(id, login, name, email) AS (
    SELECT lower(principal_id), lower(principal_login), principal_name, principal_email
    FROM used JOIN acl_grant g ON g.acl = used.acl
    WHERE principal_type IN ('user', 'guest') AND role <> 'none'
      AND coalesce(claim, '') <> 'sharepoint_guest'
    UNION ALL
    SELECT lower(j.value), '', '', ''
    FROM used JOIN acl_grant g ON g.acl = used.acl, json_each(g.link_people) j
    WHERE principal_type = 'link' AND role <> 'none' AND link_people <> '[]'
      AND j.value NOT IN (SELECT value FROM json_each(coalesce(g.link_groups, '[]')))
    UNION ALL
    SELECT lower(m.id), lower(m.login), m.name, m.email
    FROM group_info gi JOIN member m ON m.member_set = gi.member_set
    WHERE gi.to_run IS NULL AND gi.kind = 'site_group' AND m.kind = 'user'
      AND coalesce(m.claim, '') <> 'sharepoint_guest')
  SELECT id, max(login), max(name), max(email) FROM named
  WHERE id <> '' AND id NOT IN (SELECT id FROM listed) GROUP BY id
  UNION ALL
  SELECT '', login, max(name), max(email) FROM named
  WHERE id = '' AND login <> '' GROUP BY login
  ORDER BY 1, 2)sql";

std::optional<std::string_view> OrNull(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string_view>(text);
}

}  // namespace

Status SqliteStore::ForEachNamed(const std::function<void(const NamedPrincipal&)>& use) {
  if (auto begun = StartWrite(); !begun) return begun;
  sqlite::Statement rows(*db_, kNamed);
  NamedPrincipal one;
  while (rows.Step()) {
    one.id = rows.String(0);
    one.login = rows.String(1);
    one.name = rows.String(2);
    one.email = rows.String(3);
    use(one);
  }
  return EndWrite("looking for the people in the permissions");
}

Status SqliteStore::PutPrincipal(const DirectoryObject& principal) {
  if (auto begun = StartWrite(); !begun) return begun;
  const std::string types = nlohmann::json(principal.group_types)
                                .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const auto bound = [&](sqlite::Statement& statement) -> sqlite::Statement& {
    return statement.Bind(principal.id, run_, principal.kind, Name(principal.state), principal.name,
                          principal.login, principal.email, OrNull(principal.user_type),
                          principal.account_enabled, OrNull(principal.external_state),
                          OrNull(principal.external_since), OrNull(principal.deleted_at), types,
                          OrNull(principal.visibility));
  };
  const auto refreshed =
      bound(db_->Get("UPDATE principal SET read_run = ?2 WHERE id = ?1 AND to_run IS NULL "
                     "AND kind = ?3 AND state = ?4 AND name = ?5 AND login = ?6 AND email = ?7 "
                     "AND user_type IS ?8 AND account_enabled IS ?9 AND external_state IS ?10 "
                     "AND external_since IS ?11 AND deleted_at IS ?12 AND group_types = ?13 "
                     "AND visibility IS ?14"))
          .Run();
  if (refreshed == 0) {
    db_->Get("DELETE FROM principal WHERE id = ? AND from_run = ?").Bind(principal.id, run_).Run();
    db_->Get("UPDATE principal SET to_run = ?2 WHERE id = ?1 AND to_run IS NULL")
        .Bind(principal.id, run_)
        .Run();
    bound(
        db_->Get("INSERT INTO principal(id, from_run, kind, state, name, login, email, user_type, "
                 "account_enabled, external_state, external_since, deleted_at, group_types, "
                 "visibility, read_run) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, "
                 "?12, ?13, ?14, ?2)"))
        .Run();
  }
  return EndWrite("storing what the directory knows of somebody");
}

}  // namespace spa
