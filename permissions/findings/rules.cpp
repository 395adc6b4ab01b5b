// The rules of permissions.md section 6, by the same ids.
#include <fmt/format.h>

#include <algorithm>

#include "core/config/config_keys.h"
#include "permissions/findings/rule.h"

namespace spa {
namespace {

constexpr Threshold kThresholds[] = {
    {"audience_people", 1000, "AUD-LARGE: a site reached by more people is told"},
    {"audience_percent", 20, "AUD-LARGE: … and by more than this share of the members known"},
    {"group_depth", 3, "AUD-NESTED: groups inside each other"},
    {"guest_stale_days", 90, "GST-STALE: without a sign-in"},
    {"guest_pending_days", 30, "GST-STALE: an invitation not accepted"},
    {"link_stale_days", 180, "LNK-STALE: the age of a link"},
    {"rule_seconds", 60, "a rule of one's own: how long it may work"},
    {"scope_depth", 3, "ACL-BROKEN-DEPTH: folders above one that owns its permissions"},
    {"scopes_medium", 500, "ACL-BROKEN-DEPTH: scopes in one library or list"},
    {"scopes_high", 5000, "ACL-BROKEN-DEPTH: … from which it is high"},
    {"scopes_critical", 45000, "ACL-BROKEN-DEPTH: … from which it is critical"},
    {"site_admins", 5, "SITE-ADMIN-MANY: people who administer a site"},
    {"site_inactive_days", 180, "SITE-INACTIVE: without a change"},
};

// clang-format off
std::vector<Rule> MakeRules() {
  return {
      {.id = "LNK-ANON-EDIT",
       .name = "Anonymous edit link",
       .severity = Severity::kCritical,
       .message = "anyone who has the link can change it",
       .remedy = "Delete the link or change it to specific people.",
       .sql = R"sql(
         SELECT oid, grant_id AS key, role, link_type, link_expires_at, link_has_password
         FROM access_grant
         WHERE principal_type = 'link' AND NOT expired AND audience = 'anyone' AND (link_type
           = 'edit' OR role IN ('write', 'owner')))sql"},
      {.id = "LNK-ANON-NOEXP",
       .name = "Anonymous link without expiry",
       .severity = Severity::kHigh,
       .message = "an anonymous {link_type} link never runs out",
       .remedy = "Set an end; let the tenant require one within 30 days.",
       // What Graph did not tell of (links of list items) has no known end.
       .sql = R"sql(
         SELECT oid, grant_id AS key, role, link_type, link_expires_at, link_has_password
         FROM access_grant
         WHERE principal_type = 'link' AND NOT expired AND audience = 'anyone' AND
           link_expires_at IS NULL AND source = 'graph')sql"},
      {.id = "LNK-ANON-VIEW",
       .name = "Anonymous view link",
       .severity = Severity::kHigh,
       .message = "anyone who has the link can read it",
       .remedy = "Replace it by a link for specific people.",
       .sql = R"sql(
         SELECT oid, grant_id AS key, CASE WHEN link_has_password OR link_blocks_download
           THEN 'medium' END AS severity, role, link_type, link_expires_at, link_has_password
         FROM access_grant
         WHERE principal_type = 'link' AND NOT expired AND audience = 'anyone' AND NOT
           (link_type = 'edit' OR role IN ('write', 'owner')))sql"},
      {.id = "LNK-ANON-FOLDER",
       .name = "Anonymous link on a folder or library",
       .severity = Severity::kCritical,
       .message = "anyone who has the link gets at all that is or will be in this {object_type}",
       .remedy = "Delete the link.",
       .sql = R"sql(
         SELECT oid, grant_id AS key, object_type, role, link_type, link_expires_at
         FROM access_grant
         WHERE principal_type = 'link' AND NOT expired AND audience = 'anyone' AND
           object_type IN ('folder', 'library', 'list', 'site'))sql"},
      {.id = "LNK-ORG-EDIT",
       .name = "Organization-wide edit link",
       .severity = Severity::kHigh,
       .message = "everybody in the organization who has the link can change it",
       .remedy = "Change it to specific people; turn company-wide links off for the site.",
       .sql = R"sql(
         SELECT oid, grant_id AS key, role, link_type, link_expires_at, link_has_password
         FROM access_grant
         WHERE principal_type = 'link' AND NOT expired AND audience = 'organization' AND
           (link_type = 'edit' OR role IN ('write', 'owner')))sql"},
      {.id = "LNK-ORG-VIEW",
       .name = "Organization-wide view link",
       .severity = Severity::kMedium,
       .message = "everybody in the organization who has the link can read it",
       .remedy = "Change it to specific people; turn company-wide links off for the site.",
       .sql = R"sql(
         SELECT oid, grant_id AS key, CASE WHEN object_type IN ('folder', 'library') THEN
           'high' END AS severity, role, link_type, link_expires_at
         FROM access_grant
         WHERE principal_type = 'link' AND NOT expired AND audience = 'organization' AND NOT
           (link_type = 'edit' OR role IN ('write', 'owner')))sql"},
      {.id = "LNK-EXT-USERS",
       .name = "Specific-people link to somebody external",
       .severity = Severity::kMedium,
       .message = "a {link_type} link is for {people} from outside: {names}",
       .remedy = "Review who needs it, and let it run out.",
       .sql = R"sql(
         SELECT a.oid, a.grant_id AS key, CASE WHEN a.role IN ('write', 'owner') THEN 'high'
           END AS severity, a.role, a.link_type, a.link_expires_at, count(*) AS people,
           group_concat(p.login, ', ') AS names
         FROM access_grant a JOIN external_grant e ON e.oid = a.oid AND e.acl = a.acl AND
           e.ord = a.ord JOIN person p ON p.node = e.person
         WHERE a.principal_type = 'link' AND a.audience IS NULL AND NOT a.expired
         GROUP BY a.oid, a.ord)sql"},
      {.id = "LNK-STALE",
       .name = "Old link",
       .severity = Severity::kLow,
       .message = "the link is there since {known_since} at least and never runs out",
       .remedy = "Delete it, or set an end.",
       .needs = "long_history",
       .sql = R"sql(
         SELECT oid, grant_id AS key, role, link_scope, link_type, known_since
         FROM (SELECT a.*, (SELECT min(r.started_at) FROM scope s JOIN run r ON r.number =
           s.from_run JOIN acl_grant g ON g.acl = s.acl AND g.grant_id = a.grant_id WHERE
           s.oid = a.oid) AS known_since FROM access_grant a WHERE a.principal_type = 'link'
           AND a.link_expires_at IS NULL AND a.source = 'graph')
         WHERE known_since < (SELECT day FROM threshold WHERE name = 'link_stale_days'))sql"},
      {.id = "LNK-ORPHAN",
       .name = "Dead link group",
       .severity = Severity::kInfo,
       .message = "a sharing link's group with {members} members has no permission any more",
       .remedy = "Delete the group: it grants nothing.",
       .needs = "site_groups",
       // Where something in the collection was not read, the link may be there.
       .sql = R"sql(
         SELECT s.oid, gi.link_id AS key, gi.link_id, (SELECT count(*) FROM member m WHERE
           m.member_set = gi.member_set) AS members
         FROM latest_run r CROSS JOIN group_info gi JOIN site s ON s.graph_id = gi.site_id
           AND s.top = s.oid
         WHERE gi.link_id IS NOT NULL AND gi.from_run <= r.run AND (gi.to_run IS NULL OR
           gi.to_run > r.run) AND NOT EXISTS (SELECT 1 FROM granted n JOIN acl_grant g ON
           g.acl = n.acl AND g.ord = n.ord WHERE n.top = s.top AND g.principal_type = 'link'
           AND lower(g.principal_id) = lower(gi.link_id)) AND NOT EXISTS (SELECT 1 FROM gap x
           JOIN latest_object o ON o.oid = x.oid LEFT JOIN latest_object l ON l.oid =
           o.container JOIN site w ON w.oid IN (o.oid, o.container, l.container) WHERE x.run
           = r.run AND w.top = s.top))sql"},
      {.id = "ACL-EVERYONE",
       .name = "\"Everyone\" has access",
       .severity = Severity::kCritical,
       .message = "Everyone, guests included, has the role {role} here, by {principal_name}",
       .remedy = "Replace it by a group of those who need it.",
       .sql = R"sql(
         SELECT oid, grantee AS key, role, principal_type, principal_name
         FROM everyone_grant
         WHERE whom = 'everyone')sql"},
      {.id = "ACL-EEEU-SITE",
       .name = "Everyone except external users at a site",
       .severity = Severity::kHigh,
       .message = "every member of the organization has the role {role} at the whole site, by "
                  "{principal_name}",
       .remedy = "Replace it by a group; hide the claim for the tenant.",
       .sql = R"sql(
         SELECT oid, grantee AS key, CASE WHEN role IN ('write', 'owner') THEN 'critical' END
           AS severity, role, principal_type, principal_name
         FROM everyone_grant
         WHERE whom = 'organization' AND object_type = 'site')sql"},
      {.id = "ACL-EEEU-ITEM",
       .name = "Everyone except external users below a site",
       .severity = Severity::kHigh,
       .message = "every member of the organization has the role {role} here, by {principal_name}",
       .remedy = "Remove the entry.",
       .sql = R"sql(
         SELECT oid, grantee AS key, role, principal_type, principal_name
         FROM everyone_grant
         WHERE whom = 'organization' AND object_type <> 'site')sql"},
      {.id = "ACL-EEEU-ADMIN",
       .name = "Everyone is site administrator",
       .severity = Severity::kCritical,
       .message = "{principal_login} administers the site collection",
       .remedy = "Remove it at once.",
       .needs = "site_admins",
       .sql = R"sql(
         SELECT oid, lower(principal_login) AS key, principal_name, principal_login
         FROM site_grant
         WHERE source = 'rest' AND (node IN (1, 2) OR EXISTS (SELECT 1 FROM inside i WHERE
           i.grp = node AND i.person IN (1, 2))))sql"},
      {.id = "GST-FULL",
       .name = "Guest with full control",
       .severity = Severity::kCritical,
       .message = "{name} ({domain}) has full control of {scopes} permission scopes, at "
                  "{object_url} for one",
       .remedy = "Demote the guest; keep guests from being site administrators.",
       .wants = "site_admins",
       .sql = R"sql(
         SELECT e.top AS oid, coalesce(nullif(p.id, ''), p.login) AS key, p.name, p.login,
           p.domain, count(DISTINCT e.oid) AS scopes, min(o.object_url) AS object_url,
           max(e.site_wide) AS site_admin
         FROM external_grant e JOIN person p ON p.node = e.person JOIN acl_grant g ON g.acl =
           e.acl AND g.ord = e.ord LEFT JOIN scope_owner o ON o.oid = e.oid
         WHERE NOT e.expired AND g.role = 'owner' AND g.principal_type <> 'link' AND
           p.enabled IS NOT 0
         GROUP BY e.top, e.person)sql"},
      {.id = "GST-WRITE",
       .name = "Guest who can write at a site or library",
       .severity = Severity::kHigh,
       .message = "{name} ({domain}) can write in the whole {object_type}",
       .remedy = "Review whether the guest needs it.",
       .sql = R"sql(
         SELECT e.oid, coalesce(nullif(p.id, ''), p.login) AS key, p.name, p.login, p.domain,
           o.object_type, min(g.principal_name) AS by
         FROM external_grant e JOIN person p ON p.node = e.person JOIN acl_grant g ON g.acl =
           e.acl AND g.ord = e.ord JOIN scope_owner o ON o.oid = e.oid
         WHERE NOT e.expired AND g.role = 'write' AND g.principal_type <> 'link' AND NOT
           e.site_wide AND o.object_type IN ('site', 'library', 'list') AND p.enabled IS NOT
           0
         GROUP BY e.oid, e.person)sql"},
      {.id = "GST-STALE",
       .name = "Stale guest",
       .severity = Severity::kMedium,
       .message = "{name} {what} since {since}",
       .remedy = "Review the guest's access, or delete the account.",
       .needs = "guest_states",
       .wants = "sign_ins",
       .sql = R"sql(
         WITH pending(id, since) AS (SELECT lower(id), external_since FROM member WHERE
           lower(external_state) = 'pendingacceptance' UNION SELECT d.id, d.external_since
           FROM latest_run r CROSS JOIN principal d WHERE d.from_run <= r.run AND (d.to_run
           IS NULL OR d.to_run > r.run) AND lower(d.external_state) = 'pendingacceptance')
         SELECT NULL AS oid, p.id AS key, p.name, p.login, p.domain,
           'was invited and has not accepted' AS what, min(w.since) AS since, count(DISTINCT
           e.oid) AS scopes
         FROM pending w JOIN person p ON p.id = w.id JOIN external_grant e ON e.person =
           p.node
         WHERE p.id <> '' AND w.since < (SELECT day FROM threshold WHERE name =
           'guest_pending_days')
         GROUP BY p.node
         UNION ALL SELECT NULL, 'sign-in:' || p.id, p.name, p.login, p.domain,
           'has not signed in', w.last, count(DISTINCT e.oid)
         FROM sign_in w JOIN person p ON p.node = w.person JOIN external_grant e ON e.person =
           p.node
         WHERE NOT e.expired AND w.last < (SELECT day FROM threshold WHERE name =
           'guest_stale_days')
         GROUP BY p.node)sql"},
      {.id = "GST-DOMAIN",
       .name = "Guest of a domain that is not allowed",
       .severity = Severity::kHigh,
       .message = "{name} is from {domain} and reaches {scopes} permission scopes",
       .remedy = "Remove the guest, or allow the domain (findings.allowed_guest_domains).",
       .needs = "allowed_domains",
       .sql = R"sql(
         SELECT NULL AS oid, coalesce(nullif(p.id, ''), p.login) AS key, p.name, p.login,
           p.domain, count(DISTINCT e.oid) AS scopes
         FROM external_grant e JOIN person p ON p.node = e.person
         WHERE NOT e.expired AND p.domain <> '' AND (p.domain IN (SELECT domain FROM
           blocked_domain) OR (p.domain NOT IN (SELECT domain FROM allowed_domain) AND EXISTS
           (SELECT 1 FROM allowed_domain)))
         GROUP BY e.person)sql"},
      {.id = "GST-SPONLY",
       .name = "Guest known to SharePoint alone",
       .severity = Severity::kMedium,
       .message = "{login} signs in with a code by mail and has no account in the directory",
       .remedy = "Invite the guest into the directory (B2B).",
       .sql = R"sql(
         WITH code(top, login) AS (SELECT n.top, g.principal_login FROM granted n JOIN
           acl_grant g ON g.acl = n.acl AND g.ord = n.ord UNION SELECT s.top, m.login FROM
           latest_run r CROSS JOIN group_info gi JOIN site s ON s.graph_id = gi.site_id JOIN
           member m ON m.member_set = gi.member_set WHERE gi.from_run <= r.run AND (gi.to_run
           IS NULL OR gi.to_run > r.run) AND gi.kind = 'site_group' AND EXISTS (SELECT 1 FROM
           granted n JOIN directory_group d ON d.node = n.node WHERE n.top = s.top AND d.kind
           = 'site_group' AND d.id = gi.id))
         SELECT top AS oid, lower(login) AS key, replace(replace(lower(login),
           'i:0#.f|membership|urn:spo:guest#', ''), 'i:0#.f|membership|urn%3aspo%3aguest#',
           '') AS login
         FROM code
         WHERE lower(login) LIKE '%|urn:spo:guest#%' OR lower(login) LIKE
           '%|urn\%3aspo\%3aguest#%' ESCAPE '\'
         GROUP BY top, lower(login))sql"},
      {.id = "PRN-ORPHAN",
       .name = "Grant to somebody who is gone",
       .severity = Severity::kMedium,
       .message = "the {kind} {name} was deleted and still has the role {role} in {scopes} "
                  "permission scopes",
       .remedy = "Remove the entries.",
       .wants = "directory",
       .sql = R"sql(
         WITH gone(node, kind, id, name, guest) AS (SELECT node, kind, id, name, 0 FROM
           directory_group WHERE state = 'deleted' UNION ALL SELECT node, coalesce(user_type,
           'user'), coalesce(nullif(id, ''), login), coalesce(nullif(name, ''), login),
           user_type IS 'guest' FROM person WHERE gone), entry(gone, oid, acl, ord, top) AS
           (SELECT w.node, n.oid, n.acl, n.ord, n.top FROM gone w JOIN granted n ON n.node =
           w.node UNION SELECT w.node, n.oid, n.acl, n.ord, n.top FROM gone w JOIN inside i
           ON i.person = w.node AND i.depth = 1 JOIN directory_group d ON d.node = i.grp AND
           d.kind = 'site_group' JOIN granted n ON n.node = i.grp)
         SELECT e.top AS oid, w.kind || ':' || w.id AS key, CASE WHEN w.guest OR max(g.role =
           'owner') THEN 'high' END AS severity, w.kind, w.id, coalesce(nullif(w.name, ''),
           w.id) AS name, CASE WHEN max(g.role = 'owner') THEN 'owner' ELSE max(g.role) END
           AS role, count(DISTINCT e.oid) AS scopes
         FROM entry e JOIN gone w ON w.node = e.gone JOIN acl_grant g ON g.acl = e.acl AND
           g.ord = e.ord
         GROUP BY e.top, e.gone)sql"},
      {.id = "PRN-DISABLED",
       .name = "Grant to a disabled account",
       .severity = Severity::kLow,
       .message = "{name} may not sign in and is named in {scopes} permission scopes",
       .remedy = "Remove the entries.",
       .sql = R"sql(
         SELECT n.top AS oid, p.id AS key, CASE WHEN max(n.site_wide) THEN 'medium' END AS
           severity, p.name, p.login, count(DISTINCT n.oid) AS scopes, max(n.site_wide) AS
           site_admin
         FROM person p JOIN granted n ON n.node = p.node
         WHERE p.enabled = 0
         GROUP BY n.top, p.node)sql"},
      {.id = "ACL-DIRECT",
       .name = "People named one by one",
       .severity = Severity::kMedium,
       .message = "{people} people have permissions of their own at the site, its libraries or "
                  "lists, {for_one} for one",
       .remedy = "Put them into groups.",
       .sql = R"sql(
         SELECT a.site AS oid, '' AS key, count(DISTINCT a.node) AS people,
           min(coalesce(nullif(p.login, ''), p.id)) AS for_one
         FROM access_grant a JOIN person p ON p.node = a.node JOIN site s ON s.oid = a.site
         WHERE a.principal_type IN ('user', 'guest') AND a.object_type IN ('site', 'library',
           'list') AND NOT s.personal
         GROUP BY a.site)sql"},
      {.id = "ACL-BROKEN-DEPTH",
       .name = "Deep or massive broken inheritance",
       .severity = Severity::kMedium,
       .message = "{scopes} objects in it own their permissions, the deepest below {deepest} "
                  "folders",
       .remedy = "Let them inherit again; arrange what needs its own permissions at the top.",
       .sql = R"sql(
         SELECT oid, '' AS key, CASE WHEN scopes > (SELECT value FROM threshold WHERE name =
           'scopes_critical') THEN 'critical' WHEN scopes > (SELECT value FROM threshold
           WHERE name = 'scopes_high') THEN 'high' END AS severity, scopes, deepest
         FROM (SELECT o.library AS oid, count(*) AS scopes, max(CASE WHEN o.object_type IN
           ('folder', 'file') THEN length(o.object_url) - length(replace(o.object_url, '/',
           '')) - length(l.url) + length(replace(l.url, '/', '')) - 1 ELSE 0 END) AS deepest
           FROM scope_owner o JOIN latest_object l ON l.oid = o.library WHERE o.oid <>
           o.library GROUP BY o.library)
         WHERE scopes > (SELECT value FROM threshold WHERE name = 'scopes_medium') OR deepest
           > (SELECT value FROM threshold WHERE name = 'scope_depth'))sql"},
      {.id = "ACL-CUSTOM",
       .name = "Risky custom level",
       .severity = Severity::kLow,
       .message = "the level {levels} is the tenant's own and lets people manage permissions or "
                  "the site",
       .remedy = "Use a built-in level.",
       .needs = "rights",
       // ManagePermissions, ManageWeb.
       .sql = R"sql(
         SELECT site AS oid, CAST(rights AS TEXT) AS key, min(levels) AS levels,
           count(DISTINCT oid) AS scopes, min(principal_name) AS for_one
         FROM access_grant
         WHERE custom_level AND (rights & 0x42000000) <> 0
         GROUP BY site, rights)sql"},
      {.id = "ACL-APP",
       .name = "Application with a grant for the whole site",
       .severity = Severity::kHigh,
       .message = "the application {principal_name} has the role {role} at the whole site",
       .remedy = "Review the application; give it a narrower permission (*.Selected).",
       .needs = "app_grants",
       .sql = R"sql(
         SELECT oid, principal_id AS key, CASE WHEN role = 'read' THEN 'medium' END AS
           severity, role, principal_id, principal_name
         FROM site_grant
         WHERE principal_type = 'application'
         UNION ALL SELECT oid, principal_id, CASE WHEN role = 'read' THEN 'medium' END, role,
           principal_id, principal_name
         FROM access_grant
         WHERE principal_type = 'application' AND object_type = 'site')sql"},
      {.id = "GRP-PUBLIC",
       .name = "Public group",
       .severity = Severity::kMedium,
       .message = "whoever wants can join {name}, which has the role {role} in {scopes} "
                  "permission scopes",
       .remedy = "Make the group private.",
       .needs = "group_visibility",
       .sql = R"sql(
         SELECT n.top AS oid, d.id AS key, CASE WHEN n.top IN (SELECT top FROM labelled) THEN
           'high' END AS severity, d.id AS group_id, d.name, max(g.role) AS role,
           count(DISTINCT n.oid) AS scopes
         FROM latest_run r CROSS JOIN principal d JOIN directory_group m ON m.id = d.id AND
           m.kind = 'group' JOIN granted n ON n.node = m.node JOIN acl_grant g ON g.acl =
           n.acl AND g.ord = n.ord
         WHERE d.from_run <= r.run AND (d.to_run IS NULL OR d.to_run > r.run) AND
           lower(d.visibility) = 'public'
         GROUP BY n.top, d.id)sql"},
      {.id = "AUD-LARGE",
       .name = "Large audience",
       .severity = Severity::kMedium,
       .message = "{people} people reach something in the site",
       .remedy = "Split the site, or restrict who reaches it.",
       .sql = R"sql(
         SELECT s.oid, '' AS key, a.people
         FROM site_audience a JOIN site s ON s.oid = a.top
         WHERE a.people > (SELECT value FROM threshold WHERE name = 'audience_people') AND
           a.people > (SELECT value FROM threshold WHERE name = 'audience_percent') / 100 *
           (SELECT count(*) FROM person WHERE user_type = 'member'))sql"},
      {.id = "AUD-NESTED",
       .name = "Access through deeply nested groups",
       .severity = Severity::kLow,
       .message = "{name} gives its access {how}",
       .remedy = "Flatten the groups.",
       .wants = "group_types",
       .sql = R"sql(
         SELECT n.top AS oid, d.kind || ':' || d.id AS key, d.kind, d.id, d.name, d.deepest,
           'through ' || d.deepest || ' groups inside each other' AS how, count(DISTINCT
           n.oid) AS scopes
         FROM directory_group d JOIN granted n ON n.node = d.node
         WHERE d.deepest > (SELECT value FROM threshold WHERE name = 'group_depth')
         GROUP BY n.top, d.node
         UNION ALL SELECT n.top, 'dynamic:' || d.id, d.kind, d.id, d.name, d.deepest,
           'to write to whomever a rule of the directory makes a member', count(DISTINCT
           n.oid)
         FROM latest_run r CROSS JOIN principal x JOIN directory_group d ON d.kind = 'group'
           AND lower(d.id) = x.id JOIN granted n ON n.node = d.node JOIN acl_grant g ON g.acl
           = n.acl AND g.ord = n.ord
         WHERE x.from_run <= r.run AND (x.to_run IS NULL OR x.to_run > r.run) AND
           x.group_types LIKE '%"DynamicMembership"%' AND g.role IN ('write', 'owner')
         GROUP BY n.top, d.node)sql"},
      {.id = "LBL-BROAD",
       .name = "Sensitive label with broad sharing",
       .severity = Severity::kCritical,
       .message = "labelled {label} and shared broadly ({by})",
       .remedy = "Remove the sharing; let the label encrypt.",
       .needs = "sensitive_labels labels",
       .wants = "site_sharing item_labels",
       // What other rules found: of a site anywhere in it, of a file in the scope it uses.
       .sql = R"sql(
         WITH broad(oid, rule) AS (SELECT f.oid, f.rule FROM latest_run r JOIN finding f ON
           f.run = r.run WHERE f.rule IN ('LNK-ANON-EDIT', 'LNK-ANON-NOEXP', 'LNK-ANON-VIEW',
           'LNK-ANON-FOLDER', 'LNK-ORG-EDIT', 'LNK-ORG-VIEW', 'ACL-EVERYONE', 'ACL-EEEU-SITE',
           'ACL-EEEU-ITEM', 'AUD-LARGE') UNION SELECT e.oid, 'GST-DOMAIN' FROM external_grant
           e JOIN person p ON p.node = e.person WHERE NOT e.expired AND p.domain <> '' AND
           (p.domain IN (SELECT domain FROM blocked_domain) OR (p.domain NOT IN (SELECT domain
           FROM allowed_domain) AND EXISTS (SELECT 1 FROM allowed_domain)))), placed(oid, top,
           rule) AS MATERIALIZED (SELECT b.oid, coalesce(o.top, s.top), b.rule FROM broad b
           LEFT JOIN scope_owner o ON o.oid = b.oid LEFT JOIN site s ON s.oid = b.oid)
         SELECT l.oid, l.label AS key, l.label, group_concat(DISTINCT p.rule) AS by
         FROM labelled l JOIN placed p ON p.oid = l.owner
         WHERE l.sensitive AND l.oid <> l.top AND p.rule <> 'AUD-LARGE'
         GROUP BY l.oid
         UNION ALL SELECT l.oid, l.label, l.label, group_concat(DISTINCT p.rule)
         FROM labelled l JOIN placed p ON p.top = l.top
         WHERE l.sensitive AND l.oid = l.top
         GROUP BY l.oid)sql"},
      {.id = "SITE-NOOWNER",
       .name = "Site without an active owner",
       .severity = Severity::kHigh,
       .message = "{owners} enabled members of the organization own the site",
       .remedy = "Name two owners.",
       .needs = "site_admins",
       // Who stands in a group that was not read may own it.
       .sql = R"sql(
         SELECT s.oid, '' AS key, CASE WHEN owners = 1 THEN 'medium' END AS severity, owners
         FROM (SELECT t.oid, (SELECT count(*) FROM site_owner o JOIN person p ON p.node =
           o.person WHERE o.top = t.oid AND p.enabled IS NOT 0 AND NOT p.external AND NOT
           p.gone) AS owners FROM latest_run r CROSS JOIN site t WHERE t.top = t.oid AND NOT
           t.personal AND EXISTS (SELECT 1 FROM site_scope x WHERE x.oid = t.oid AND x.source
           = 'rest' AND x.from_run <= r.run AND (x.to_run IS NULL OR x.to_run > r.run)) AND
           NOT EXISTS (SELECT 1 FROM granted n JOIN directory_group d ON d.node = n.node JOIN
           acl_grant g ON g.acl = n.acl AND g.ord = n.ord WHERE n.top = t.oid AND n.oid =
           t.oid AND g.role = 'owner' AND NOT d.whole AND d.state <> 'deleted')) s
         WHERE owners < 2)sql"},
      {.id = "SITE-INACTIVE",
       .name = "Inactive site that is still shared",
       .severity = Severity::kMedium,
       .message = "nothing in it changed since {changed}, and it is shared broadly",
       .remedy = "Archive it or make it read-only.",
       .sql = R"sql(
         WITH broad(top) AS (SELECT top FROM granted WHERE audience IS NOT NULL AND NOT
           expired UNION SELECT top FROM everyone_grant UNION SELECT top FROM external_grant
           WHERE NOT expired), changed(library, at) AS MATERIALIZED (SELECT container,
           max(modified) FROM latest_object WHERE type = 3 AND modified <> '' GROUP BY
           container), changes(top, changed) AS (SELECT s.top, max(c.at) FROM changed c JOIN
           latest_object l ON l.oid = c.library JOIN site s ON s.oid = l.container GROUP BY
           s.top)
         SELECT c.top AS oid, '' AS key, c.changed
         FROM changes c
         WHERE c.top IN (SELECT top FROM broad) AND c.changed < (SELECT day FROM threshold
           WHERE name = 'site_inactive_days'))sql"},
      {.id = "SITE-ADMIN-MANY",
       .name = "Too many site administrators",
       .severity = Severity::kMedium,
       .message = "{admins} people administer the site",
       .remedy = "Reduce them.",
       .needs = "site_admins",
       .sql = R"sql(
         SELECT top AS oid, '' AS key, count(*) AS admins
         FROM site_owner o JOIN person p ON p.node = o.person
         WHERE o.admin AND p.enabled IS NOT 0
         GROUP BY top HAVING count(*) > (SELECT value FROM threshold WHERE name =
           'site_admins'))sql"},
      {.id = "SITE-SHARE-OPEN",
       .name = "Site more open than its label",
       .severity = Severity::kHigh,
       .message = "the site allows anonymous links, and {what}",
       .remedy = "Lower what the site allows to share.",
       .needs = "site_sharing",
       .wants = "tenant_settings group_visibility",
       .sql = R"sql(
         SELECT top AS oid, '' AS key, label, group_id, CASE WHEN label <> '' THEN
           'carries the label ' || label ELSE 'belongs to a private group' END AS what
         FROM site_setting
         WHERE sharing = 'anyone' AND effective = 'anyone' AND (label <> '' OR group_visibility
           = 'private'))sql"},
      {.id = "TEN-SHARE",
       .name = "Tenant allows too much sharing",
       .severity = Severity::kHigh,
       .message = "{what}",
       .remedy = "See CIS Microsoft 365 7.2.3 to 7.2.11.",
       .needs = "tenant_settings",
       .wants = "tenant_links",
       .sql = R"sql(
         SELECT NULL AS oid, name AS key, CASE WHEN name <> 'sharing' THEN 'medium' END AS
           severity, name AS setting, value, CASE name WHEN 'sharing' THEN
           'anonymous links are allowed' WHEN 'domain_mode' THEN
           'guests of any domain may be invited' ELSE 'guests may share what they do not own'
           END AS what
         FROM tenant_setting
         WHERE (name = 'sharing' AND value = 'anyone') OR ((SELECT value FROM tenant_setting
           WHERE name = 'sharing') <> 'off' AND ((name = 'domain_mode' AND value = 'none') OR
           (name = 'resharing_by_guests' AND value = 1))))sql"},
      {.id = "GRP-MEMB-INVITE",
       .name = "Members may let others in",
       .severity = Severity::kLow,
       .message = "{how} of the group {name}, which has the role {role}",
       .remedy = "Turn it off, at sensitive sites first.",
       .needs = "group_settings",
       .sql = R"sql(
         SELECT s.oid, gi.id AS key, gi.id AS group_id, d.name, max(g.role) AS role, CASE
           WHEN gi.auto_accept THEN 'whoever asks becomes a member' ELSE
           'members may change the membership' END AS how
         FROM latest_run r CROSS JOIN group_info gi JOIN site s ON s.graph_id = gi.site_id
           AND s.top = s.oid JOIN directory_group d ON d.kind = 'site_group' AND d.id = gi.id
           JOIN granted n ON n.node = d.node AND n.top = s.oid JOIN acl_grant g ON g.acl =
           n.acl AND g.ord = n.ord
         WHERE gi.from_run <= r.run AND (gi.to_run IS NULL OR gi.to_run > r.run) AND
           gi.link_id IS NULL AND gi.kind = 'site_group' AND (gi.auto_accept OR
           (gi.members_edit AND g.role IN ('write', 'owner')))
         GROUP BY s.oid, gi.id)sql"},
      {.id = "LAT-EXT",
       .name = "Latent external access",
       .severity = Severity::kInfo,
       .message = "sharing is off, and {people} people from outside and {links} anonymous links "
                  "wait for it",
       .remedy = "Remove them before sharing is switched on again.",
       .needs = "sharing",
       .wants = "site_sharing",
       .sql = R"sql(
         SELECT top AS oid, '' AS key, people, links
         FROM (SELECT t.top, (SELECT count(DISTINCT e.person) FROM external_grant e WHERE e.top
           = t.top AND NOT e.expired) AS people, (SELECT count(*) FROM granted n WHERE n.top =
           t.top AND n.audience = 'anyone' AND NOT n.expired) AS links FROM site_setting t
           WHERE t.effective = 'off')
         WHERE people > 0 OR links > 0)sql"},
  };
}
// clang-format on

}  // namespace

std::span<const Rule> BuiltInRules() {
  static const std::vector<Rule> rules = MakeRules();
  return rules;
}

std::span<const Threshold> Thresholds() { return kThresholds; }

double ThresholdOf(const FindingsConfig& config, std::string_view name) {
  const auto given = config.thresholds.find(std::string(name));
  if (given != config.thresholds.end()) return given->second;
  for (const Threshold& each : kThresholds) {
    if (each.name == name) return each.value;
  }
  return 0;
}

Status CheckThresholds(const std::map<std::string, double>& given) {
  for (const auto& [name, value] : given) {
    const auto known = std::find_if(std::begin(kThresholds), std::end(kThresholds),
                                    [&](const Threshold& each) { return each.name == name; });
    if (known != std::end(kThresholds)) continue;
    const auto nearest = std::min_element(
        std::begin(kThresholds), std::end(kThresholds), [&](const auto& a, const auto& b) {
          return EditDistance(name, a.name) < EditDistance(name, b.name);
        });
    return Fail(ErrorCode::kUsage, fmt::format("findings.thresholds has {}, which is none", name),
                fmt::format("did you mean {}?", nearest->name));
  }
  return {};
}

}  // namespace spa
