#include "permissions/findings/facts.h"

namespace spa {
namespace {

// `sql` gives true where it is there; one that cannot be prepared asks for what this program does
// not store. An empty one: nothing reads it.
struct Fact {
  std::string_view name;
  const char* sql;
  const char* missing;
};

constexpr Fact kFacts[] = {
    {"allowed_domains",
     "SELECT EXISTS (SELECT 1 FROM allowed_domain) OR EXISTS (SELECT 1 FROM blocked_domain)",
     "findings.allowed_guest_domains names no domain, nor does the tenant"},
    {"app_grants", "SELECT EXISTS (SELECT 1 FROM site_scope WHERE source = 'graph')",
     "the applications with a grant for a site were not read: that needs Sites.FullControl.All"},
    {"directory", "SELECT EXISTS (SELECT 1 FROM principal WHERE kind = 'user')",
     "whether people still exist in the directory was not asked"},
    {"group_settings", "SELECT EXISTS (SELECT 1 FROM group_info WHERE members_edit IS NOT NULL)",
     "the settings of site groups were not read: that needs SharePoint REST"},
    {"group_types", "SELECT EXISTS (SELECT 1 FROM principal WHERE kind = 'group')",
     "which groups are dynamic was not asked"},
    {"group_visibility", "SELECT EXISTS (SELECT 1 FROM principal WHERE kind = 'group')",
     "the visibility of groups was not asked"},
    {"guest_states",
     "SELECT NOT EXISTS (SELECT 1 FROM person WHERE user_type = 'guest') OR EXISTS (SELECT 1 FROM "
     "member WHERE external_state IS NOT NULL) OR EXISTS (SELECT 1 FROM principal WHERE "
     "user_type = 'guest')",
     "whether guests accepted their invitation was not asked"},
    {"item_labels", "SELECT EXISTS (SELECT 1 FROM setting WHERE key = 'item_labels')",
     "labels of files were not read: that needs SharePoint REST"},
    {"labels",
     "SELECT EXISTS (SELECT 1 FROM site_setting WHERE sharing IS NOT NULL) OR EXISTS (SELECT 1 "
     "FROM "
     "setting WHERE key = 'item_labels')",
     "labels of sites and files were not read: that needs SharePoint REST"},
    {"long_history",
     "SELECT EXISTS (SELECT 1 FROM run r, latest_run l WHERE r.number < l.run AND r.started_at < "
     "(SELECT day FROM threshold WHERE name = 'link_stale_days'))",
     "Graph tells no date of creation, and this database does not know the tenant for long enough"},
    {"rights", "SELECT EXISTS (SELECT 1 FROM acl_grant WHERE rights IS NOT NULL)",
     "the rights behind levels were not read: that needs SharePoint REST"},
    {"sensitive_labels", "SELECT EXISTS (SELECT 1 FROM sensitive_label)",
     "findings.sensitive_labels names no label"},
    {"sharing", "SELECT EXISTS (SELECT 1 FROM site_setting WHERE effective IS NOT NULL)",
     "what tenant and sites let people share was not told: that needs SharePoint REST, or "
     "SharePointTenantSettings.Read.All"},
    {"sign_ins",
     "SELECT NOT EXISTS (SELECT 1 FROM person WHERE user_type = 'guest' AND id <> '') OR EXISTS "
     "(SELECT 1 FROM setting s, latest_run r WHERE s.key = 'sign_ins' AND s.read_run >= r.run)",
     "when guests signed in was not told: that needs AuditLog.Read.All and Entra ID P1"},
    {"site_admins", "SELECT EXISTS (SELECT 1 FROM site_scope WHERE source = 'rest')",
     "site collection administrators were not read: that needs SharePoint REST"},
    {"site_groups", "SELECT EXISTS (SELECT 1 FROM group_info WHERE kind = 'site_group')",
     "site groups were not read: that needs SharePoint REST"},
    {"site_sharing", "SELECT EXISTS (SELECT 1 FROM site_setting WHERE sharing IS NOT NULL)",
     "what sites let people share was not told: SharePoint's administration alone knows, by "
     "SharePoint REST"},
    {"tenant_links", "",
     "when anonymous links and guests run out, and which link is offered first, is not read: Graph "
     "does not tell"},
    {"tenant_settings", "SELECT EXISTS (SELECT 1 FROM tenant_setting)",
     "the tenant's sharing settings were not told: that needs SharePointTenantSettings.Read.All"},
};

}  // namespace

const std::string& Facts::Why(std::string_view name) {
  const auto [found, fresh] = known_.try_emplace(std::string(name));
  if (!fresh) return found->second;
  found->second = "unknown fact " + std::string(name);
  for (const Fact& fact : kFacts) {
    if (fact.name != name) continue;
    sqlite3_stmt* statement = nullptr;
    const bool there =
        fact.sql[0] != '\0' &&
        sqlite3_prepare_v2(db_.handle(), fact.sql, -1, &statement, nullptr) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_int(statement, 0) != 0;
    sqlite3_finalize(statement);
    found->second = there ? "" : fact.missing;
  }
  return found->second;
}

std::string Facts::Missing(std::string_view names) {
  std::string all;
  while (!names.empty()) {
    const std::size_t space = names.find(' ');
    const std::string& why = Why(names.substr(0, space));
    if (!why.empty()) all += (all.empty() ? "" : "; ") + why;
    names.remove_prefix(space == std::string_view::npos ? names.size() : space + 1);
  }
  return all;
}

}  // namespace spa
