#include "core/store/access_rows.h"

#include <algorithm>
#include <unordered_set>

#include "core/ascii.h"
#include "core/encoding.h"

namespace spa {
namespace {

constexpr int kDeepest = 100;  // webs below webs

// What stood in run ?1, of the rows called x.
#define SPA_STOOD(x) x ".from_run <= ?1 AND (" x ".to_run IS NULL OR " x ".to_run > ?1)"

#define SPA_GRANT_COLUMNS                                                                      \
  "SELECT g.grant_id, g.principal_type, g.principal_id, g.principal_name, g.principal_login, " \
  "g.principal_email, g.role, g.levels, g.link_scope, g.link_type, g.link_expires_at, "        \
  "g.link_people, g.link_invited, coalesce(g.link_groups, '[]'), " \
  "g.link_has_password "

constexpr int kGrantColumns = 15;

// How addresses are compared: decoded, ASCII letters in lower case, without a query or a slash at
// the end.
std::string AddressOf(std::string_view text) {
  text = text.substr(0, text.find_first_of("?#"));
  std::string plain = UrlDecode(text);
  while (plain.ends_with('/')) plain.pop_back();
  return AsciiLower(plain);
}

// "https://host:port" of an address; empty where it is a path.
std::string_view OriginOf(std::string_view url) {
  const auto scheme = url.find("://");
  return scheme == std::string_view::npos ? std::string_view()
                                          : url.substr(0, url.find('/', scheme + 3));
}

}  // namespace

AccessRows::AccessRows(sqlite::Database& db, RunNo run) : db_(db), run_(run) {
  started_at_ = StartOf(run);
}

void AccessRows::EachGroup(const std::function<void(const GroupRow&)>& use) {
  sqlite::Statement rows(
      db_,
      "SELECT x.key, x.kind, x.id, coalesce(x.site_id, ''), "
      "lower(coalesce(x.link_id, '')), x.member_set, x.read_run >= ?1, coalesce(x.name, '') "
      "FROM group_info x WHERE " SPA_STOOD("x") " ORDER BY x.key");
  rows.Bind(run_);
  GroupRow row;
  while (rows.Step()) {
    row.key = rows.Text(0);
    row.kind = rows.Text(1);
    row.id = rows.Text(2);
    row.site_id = rows.Text(3);
    row.link_id = rows.Text(4);
    row.member_set = rows.Int(5);
    row.read = rows.Int(6) != 0;
    row.name = rows.Text(7);
    use(row);
  }
}

void AccessRows::EachMember(const std::function<void(const MemberRow&)>& use) {
  sqlite::Statement rows(
      db_,
      "SELECT m.member_set, m.id, m.kind, m.name, m.login, m.email, coalesce(m.user_type, ''), "
      "m.account_enabled FROM member m WHERE m.member_set IN "
      "(SELECT x.member_set FROM group_info x WHERE " SPA_STOOD("x") ") ORDER BY m.member_set, "
      "m.ord");
  rows.Bind(run_);
  MemberRow row;
  while (rows.Step()) {
    row.member_set = rows.Int(0);
    row.id = rows.Text(1);
    row.kind = rows.Text(2);
    row.name = rows.Text(3);
    row.login = rows.Text(4);
    row.email = rows.Text(5);
    row.user_type = rows.Text(6);
    row.account_enabled = rows.IsNull(7) ? std::nullopt : std::optional(rows.Int(7) != 0);
    use(row);
  }
}

void AccessRows::Take(const sqlite::Statement& rows, GrantRow& row) {
  int at = 0;
  for (std::string_view* field :
       {&row.grant_id, &row.principal_type, &row.principal_id, &row.principal_name,
        &row.principal_login, &row.principal_email, &row.role, &row.levels, &row.link_scope,
        &row.link_type, &row.link_expires_at, &row.link_people, &row.link_invited,
        &row.link_groups}) {
    *field = rows.Text(at++);
  }
  row.link_has_password = rows.IsNull(at) ? std::nullopt : std::optional(rows.Int(at) != 0);
}

void AccessRows::ReadGrants(sqlite::Statement& rows,
                            const std::function<void(const GrantRow&)>& use) {
  GrantRow row;
  while (rows.Step()) {
    Take(rows, row);
    use(row);
  }
  rows.Reset();
}

void AccessRows::EachGrantee(const std::function<void(Oid, bool, const GrantRow&)>& use) {
  GrantRow row;
  const auto read = [&](bool site_wide, const char* sql) {
    sqlite::Statement rows(db_, sql);
    rows.Bind(run_);
    while (rows.Step()) {
      Take(rows, row);
      use(rows.Int(kGrantColumns), site_wide, row);
    }
  };
  read(false, SPA_GRANT_COLUMNS
       ", x.oid FROM scope x JOIN acl_grant g ON g.acl = x.acl WHERE g.role <> 'none' "
       "AND " SPA_STOOD("x"));
  read(true, SPA_GRANT_COLUMNS
       ", x.oid FROM site_scope x JOIN acl_grant g ON g.acl = x.acl WHERE g.role <> 'none' "
       "AND " SPA_STOOD("x"));
}

void AccessRows::EachDirectoryObject(const std::function<void(const DirectoryRow&)>& use) {
  sqlite::Statement rows(db_,
                         "SELECT x.id, x.kind, x.state, x.name, x.login, x.email, "
                         "coalesce(x.user_type, ''), x.account_enabled FROM principal x "
                         "WHERE " SPA_STOOD("x") " ORDER BY x.id");
  rows.Bind(run_);
  DirectoryRow row;
  while (rows.Step()) {
    int at = 0;
    for (std::string_view* field :
         {&row.id, &row.kind, &row.state, &row.name, &row.login, &row.email, &row.user_type}) {
      *field = rows.Text(at++);
    }
    row.account_enabled = rows.IsNull(7) ? std::nullopt : std::optional(rows.Int(7) != 0);
    use(row);
  }
}

void AccessRows::EachGroupGap(const std::function<void(const GroupGap&)>& use) {
  sqlite::Statement rows(db_,
                         "SELECT url, state, reason FROM gap WHERE run = ?1 AND oid IS NULL AND "
                         "(url LIKE 'group:%' OR url LIKE 'group\\_owners:%' ESCAPE '\\') "
                         "ORDER BY url, seq");
  rows.Bind(run_);
  GroupGap gap;
  while (rows.Step()) {
    gap.key = rows.Text(0);
    gap.state = rows.Text(1);
    gap.reason = rows.Text(2);
    use(gap);
  }
}

void AccessRows::EachGrant(Oid scope, const std::function<void(const GrantRow&)>& use) {
  auto& rows = db_.Get(SPA_GRANT_COLUMNS
                       "FROM scope x JOIN acl_grant g ON g.acl = x.acl WHERE x.oid = ?2 "
                       "AND " SPA_STOOD("x") " AND g.role <> 'none' ORDER BY g.ord");
  rows.Bind(run_, scope);
  ReadGrants(rows, use);
}

void AccessRows::EachSiteGrant(Oid top_site, const std::function<void(const GrantRow&)>& use) {
  auto& rows = db_.Get(SPA_GRANT_COLUMNS
                       "FROM site_scope x JOIN acl_grant g ON g.acl = x.acl WHERE x.oid = ?2 "
                       "AND " SPA_STOOD("x") " AND g.role <> 'none' ORDER BY g.ord");
  rows.Bind(run_, top_site);
  ReadGrants(rows, use);
}

void AccessRows::EachScope(const std::function<void(Oid, std::int64_t)>& use) {
  sqlite::Statement rows(db_,
                         "SELECT x.oid, x.acl FROM scope x JOIN object o ON o.oid = x.oid AND "
                         "o.scope = o.oid AND " SPA_STOOD("o") " WHERE " SPA_STOOD("x"));
  rows.Bind(run_);
  while (rows.Step()) use(rows.Int(0), rows.Int(1));
}

void AccessRows::EachGrantOfSet(std::int64_t acl, const std::function<void(const GrantRow&)>& use) {
  auto& rows = db_.Get(SPA_GRANT_COLUMNS
                       "FROM acl_grant g WHERE g.acl = ?1 AND g.role <> 'none' ORDER BY g.ord");
  rows.Bind(acl);
  ReadGrants(rows, use);
}

bool AccessRows::IsRead(Oid scope) {
  auto& row = db_.Get("SELECT 1 FROM scope x WHERE x.oid = ?2 AND " SPA_STOOD("x"));
  const bool read = row.Bind(run_, scope).Step();
  row.Reset();
  return read;
}

bool AccessRows::KnowsAdmins(Oid top_site) {
  const auto [known, fresh] = admins_known_.try_emplace(top_site, false);
  if (fresh) {
    auto& row = db_.Get(
        "SELECT 1 FROM site_scope x WHERE x.oid = ?2 AND x.source = 'rest' "
        "AND " SPA_STOOD("x"));
    known->second = row.Bind(run_, top_site).Step();
    row.Reset();
  }
  return known->second;
}

Sharing AccessRows::SharingOf(Oid top_site) {
  const auto [known, fresh] = sharing_.try_emplace(top_site, Sharing::kUnknown);
  if (!fresh) return known->second;
  auto& row = db_.Get(
      "SELECT json_extract(x.value, '$.sharing') FROM setting x WHERE x.key IN ('tenant_sharing', "
      "'site_sharing:' || ?2) AND " SPA_STOOD("x"));
  const std::string site = GraphIdOf(top_site);
  row.Bind(run_, site);
  while (row.Step()) known->second = Stricter(known->second, SharingNamed(row.Text(0)));
  row.Reset();
  return known->second;
}

bool AccessRows::IsNarrowed(Oid scope) {
  auto& row = db_.Get(
      "SELECT 1 FROM object x JOIN container c ON c.oid = CASE x.type WHEN 4 THEN x.oid ELSE "
      "x.container END WHERE x.oid = ?2 AND x.type IN (4, 5) AND (c.read_security = 2 OR "
      "c.write_security IN (2, 4)) AND " SPA_STOOD("x"));
  const bool narrowed = row.Bind(run_, scope).Step();
  row.Reset();
  return narrowed;
}

Oid AccessRows::TopSiteOf(Oid object) {
  // Up through containers, then through the sites above; each step is remembered.
  auto& row = db_.Get(
      "SELECT x.type, x.container, x.parent FROM object x WHERE x.oid = ?2 "
      "AND " SPA_STOOD("x"));
  std::vector<Oid> passed;
  Oid at = object, top = 0;
  for (int i = 0; i < kDeepest; ++i) {
    if (const auto known = tops_.find(at); known != tops_.end()) {
      top = known->second;
      break;
    }
    const bool found = row.Bind(run_, at).Step();
    const bool site = found && row.Int(0) == static_cast<int>(ObjectType::kSite);
    const Oid above = !found ? 0 : row.Int(site ? 2 : 1);
    row.Reset();
    if (found && at != object) passed.push_back(at);
    if (site) top = at;
    if (above == 0) break;
    at = above;
  }
  for (const Oid each : passed) tops_[each] = top;
  return top;
}

std::string AccessRows::GraphIdOf(Oid oid) {
  auto& row = db_.Get("SELECT graph_id FROM entity WHERE oid = ?1");
  std::string id = row.Bind(oid).Step() ? row.String(0) : "";
  row.Reset();
  return id;
}

std::optional<ObjectFace> AccessRows::FaceOf(Oid oid) {
  auto& row = db_.Get(
      "SELECT x.type, coalesce(c.root_item_id, e.graph_id), "
      "coalesce(x.url, p.url || '/' || coalesce(x.url_segment, x.name)), x.name, x.scope "
      "FROM object x JOIN entity e ON e.oid = x.oid LEFT JOIN container c ON c.oid = x.oid "
      "LEFT JOIN object p ON p.oid = x.parent AND " SPA_STOOD(
          "p") " WHERE x.oid = ?2 AND " SPA_STOOD("x"));
  if (!row.Bind(run_, oid).Step()) {
    row.Reset();
    return std::nullopt;
  }
  ObjectFace face;
  face.oid = oid;
  face.type = static_cast<ObjectType>(row.Int(0));
  face.id = row.String(1);
  face.url = row.String(2);
  face.name = row.String(3);
  face.owner = row.Int(4);
  row.Reset();
  auto& up = db_.Get("SELECT x.scope FROM object x WHERE x.oid = ?2 AND " SPA_STOOD("x"));
  for (int i = 0; i < kDeepest; ++i) {
    const Oid next = up.Bind(run_, face.owner).Step() ? up.Int(0) : face.owner;
    up.Reset();
    if (next == face.owner) break;
    face.owner = next;
  }
  return face;
}

std::vector<Oid> AccessRows::FindObjects(const std::string& text) {
  std::vector<Oid> found;
  const auto take = [&](sqlite::Statement& rows, const std::string* address) {
    while (rows.Step()) {
      const auto face = FaceOf(rows.Int(0));
      if (face && (address == nullptr || AddressOf(face->url) == *address)) {
        found.push_back(face->oid);
      }
    }
  };
  for (const std::string& id : {text, AsciiLower(text)}) {
    sqlite::Statement rows(db_,
                           "SELECT oid FROM entity WHERE graph_id = ?1 AND container IN "
                           "(SELECT 0 UNION ALL SELECT oid FROM container) UNION ALL "
                           "SELECT oid FROM container WHERE ?1 IN (root_item_id, list_id)");
    rows.Bind(id);
    take(rows, nullptr);
  }
  if (found.empty() && text.find('/') != std::string::npos) {
    std::vector<std::string> addresses;
    if (!OriginOf(text).empty()) {
      addresses.push_back(AddressOf(text));
    } else {  // A path: in whichever of the tenant's hosts has it.
      sqlite::Statement sites(
          db_,
          "SELECT DISTINCT x.url FROM object x WHERE x.type = 0 AND x.oid "
          "IN (SELECT oid FROM entity WHERE container = 0) AND " SPA_STOOD("x"));
      sites.Bind(run_);
      while (sites.Step()) {
        addresses.push_back(AddressOf(std::string(OriginOf(sites.Text(0))) +
                                      (text.starts_with('/') ? "" : "/") + text));
      }
      std::sort(addresses.begin(), addresses.end());
      addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    }
    for (const std::string& address : addresses) {
      // Sites, libraries and lists are few and have names of their own …
      sqlite::Statement containers(db_, "SELECT oid FROM container");
      take(containers, &address);
      if (!found.empty()) continue;
      // … all else is called as its address ends, but for list items.
      sqlite::Statement items(db_,
                              "SELECT x.oid FROM object x WHERE (x.name = ?2 COLLATE NOCASE OR "
                              "x.url = ?3 COLLATE NOCASE) AND " SPA_STOOD("x"));
      const std::string name = address.substr(address.rfind('/') + 1);
      items.Bind(run_, name, text);
      take(items, &address);
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

Oid AccessRows::NearestAbove(const std::string& text) {
  const std::string address = AddressOf(text);
  sqlite::Statement containers(db_,
                               "SELECT c.oid, x.url FROM container c JOIN object x ON x.oid = "
                               "c.oid WHERE " SPA_STOOD("x"));
  containers.Bind(run_);
  Oid nearest = 0;
  std::size_t longest = 0;
  while (containers.Step()) {
    std::string url = AddressOf(containers.Text(1));
    if (OriginOf(text).empty()) url.erase(0, OriginOf(url).size());
    if (url.size() > longest && address.starts_with(url + "/")) {
      longest = url.size();
      nearest = containers.Int(0);
    }
  }
  return nearest;
}

RunNo AccessRows::GrantSince(Oid scope, bool site_wide, std::string_view grant_id) {
  // Versions from this run back, for as long as each holds the grant and joins the one after it.
  const auto since = [&](sqlite::Statement& rows) {
    RunNo first = 0;
    while (rows.Step() && rows.Int(2) != 0) {
      if (first != 0 && rows.Int(1) != first) break;
      first = rows.Int(0);
    }
    rows.Reset();
    return first;
  };
  if (!site_wide) {
    return since(db_.Get("SELECT x.from_run, x.to_run, EXISTS (SELECT 1 FROM acl_grant g "
                         "WHERE g.acl = x.acl AND g.grant_id = ?3) FROM scope x "
                         "WHERE x.oid = ?2 AND x.from_run <= ?1 ORDER BY x.from_run DESC")
                     .Bind(run_, scope, grant_id));
  }
  RunNo oldest = 0;
  for (const char* source : {"rest", "graph"}) {
    const RunNo first =
        since(db_.Get("SELECT x.from_run, x.to_run, EXISTS (SELECT 1 FROM acl_grant g "
                      "WHERE g.acl = x.acl AND g.grant_id = ?3) FROM site_scope x "
                      "WHERE x.oid = ?2 AND x.source = ?4 AND x.from_run <= ?1 "
                      "ORDER BY x.from_run DESC")
                  .Bind(run_, TopSiteOf(scope), grant_id, source));
    if (first != 0) oldest = first;
  }
  return oldest;
}

RunNo AccessRows::MemberSince(std::string_view group_key, std::string_view id,
                              std::string_view login) {
  auto& rows = db_.Get(
      "SELECT x.from_run, x.to_run, EXISTS (SELECT 1 FROM member m WHERE m.member_set = "
      "x.member_set AND (?3 <> '' AND m.id = ?3 OR ?4 <> '' AND (lower(m.login) LIKE "
      "'%' || ?4 OR lower(m.email) = ?4))) FROM group_info x WHERE x.key = ?2 "
      "AND x.from_run <= ?1 ORDER BY x.from_run DESC");
  RunNo since = 0;
  rows.Bind(run_, group_key, id, login);
  while (rows.Step() && rows.Int(2) != 0) {
    if (since != 0 && rows.Int(1) != since) break;
    since = rows.Int(0);
  }
  rows.Reset();
  return since;
}

std::string AccessRows::StartOf(RunNo run) {
  auto& row = db_.Get("SELECT started_at FROM run WHERE number = ?1");
  std::string text = row.Bind(run).Step() ? row.String(0) : "";
  row.Reset();
  return text;
}

std::string AccessRows::IdOfRun(RunNo run) {
  auto& row = db_.Get("SELECT id FROM run WHERE number = ?1");
  std::string text = row.Bind(run).Step() ? row.String(0) : "";
  row.Reset();
  return text;
}

}  // namespace spa
