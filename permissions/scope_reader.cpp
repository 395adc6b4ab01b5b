#include "permissions/scope_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/log/log.h"
#include "permissions/claim.h"
#include "permissions/graph_permission.h"
#include "permissions/rest_decoders.h"

namespace spa {
namespace {

constexpr int kTargetsAtOnce = 500;  // scope owners taken from the store in one go
constexpr int kListTargetsAtOnce = sharepoint_batch::kMostParts;
constexpr int kUnits = 5;  // graph.md 6.1

// Below a web: "/lists(guid'…')", "/lists(guid'…')/items(5)"
std::string PlaceOf(const ScopeTarget& target) {
  const std::string list = fmt::format("/lists(guid'{}')", target.list_id);
  return target.is_container ? list : list + fmt::format("/items({})", target.list_item_id);
}

// Graph has words for read, write and owner only (permissions.md 1.4).
bool IsUnclear(const Grant& grant) {
  return grant.role == Role::kOther && grant.principal_type != PrincipalType::kLink;
}

// Takes role and levels of unclear grants from the assignment of the same principal.
void Clarify(std::vector<Grant>& grants, const std::vector<Grant>& assignments) {
  for (Grant& grant : grants) {
    if (!IsUnclear(grant)) continue;
    for (const Grant& assignment : assignments) {
      if (!EqualLogins(assignment.principal_login, grant.principal_login)) continue;
      grant.role = assignment.role;
      grant.levels = assignment.levels;
    }
  }
}

// Who may use a Flexible link only Graph could tell, and it has no word for items of lists: its
// scope stays unknown, and those it was sent to, or who used it, are in its group.
void BecomeLink(Grant& grant, const LinkGroup& link) {
  const auto title = ParseLinkGroup(grant.principal_name);
  grant.principal_type = PrincipalType::kLink;
  grant.claim = "link_group";
  grant.grant_id = grant.principal_id = link.link_id;
  grant.principal_name.clear();
  grant.principal_login.clear();
  if (title->kind.starts_with("anonymous")) grant.link_scope = "anonymous";
  if (title->kind.starts_with("organization")) grant.link_scope = "organization";
  if (title->kind.ends_with("edit")) grant.link_type = "edit";
  if (title->kind.ends_with("view")) grant.link_type = "view";
  for (const Member& member : link.members) {
    if (member.id.empty()) {
      grant.link_invited.push_back(member.email.empty() ? member.login : member.email);
      continue;
    }
    grant.link_people.push_back(member.id);
    if (member.kind == "group") grant.link_groups.push_back(member.id);
  }
  std::sort(grant.link_people.begin(), grant.link_people.end());
  std::sort(grant.link_groups.begin(), grant.link_groups.end());
  std::sort(grant.link_invited.begin(), grant.link_invited.end());
}

}  // namespace

ScopeReader::ScopeReader(Parts parts, PermissionsConfig config, asio::any_io_executor executor)
    : parts_(parts), config_(config), executor_(std::move(executor)) {}

Task<void> ScopeReader::ReadDrive(Oid library, std::string site_url, ScopeMethod method,
                                  TaskGroup& reads) {
  if (method != ScopeMethod::kItemPermissions) {
    co_await ReadTargets(library, std::move(site_url), &ScopeReader::ReadByGraph, reads);
    co_return;
  }
  co_await RunGroup(executor_, kMaxReads, [&](TaskGroup& own) {
    return ReadTargets(library, site_url, &ScopeReader::ReadByGraph, own);
  });
  co_await parts_.store.Do([&](AuditStore& store) -> Status {
    if (auto done = store.ResolveItemScopes(library); !done) return done;
    return store.Commit();
  });
}

Task<void> ScopeReader::ReadList(Oid list, std::string site_url, TaskGroup& reads) {
  const auto url = std::make_shared<const std::string>(std::move(site_url));
  for (Oid after = 0;;) {
    auto targets = co_await parts_.store.Do(
        [&](AuditStore& store) { return store.ScopeTargets(list, after, kListTargetsAtOnce); });
    if (targets.empty()) co_return;
    after = targets.back().oid;
    parts_.progress.scopes_found += static_cast<std::int64_t>(targets.size());
    co_await reads.Spawn(ReadByRest(std::move(targets), url));
  }
}

Task<void> ScopeReader::ReadTargets(Oid container, std::string site_url, Read read,
                                    TaskGroup& reads) {
  BatchQueue::Producer more(parts_.batches);
  const auto url = std::make_shared<const std::string>(std::move(site_url));
  for (Oid after = 0;;) {
    auto targets = co_await parts_.store.Do(
        [&](AuditStore& store) { return store.ScopeTargets(container, after, kTargetsAtOnce); });
    if (targets.empty()) co_return;
    const bool last = targets.size() < kTargetsAtOnce;
    after = targets.back().oid;
    parts_.progress.scopes_found += static_cast<std::int64_t>(targets.size());
    for (ScopeTarget& target : targets) {
      co_await reads.Spawn((this->*read)(std::move(target), url));
    }
    if (last) co_return;
  }
}

Task<void> ScopeReader::ReadByGraph(ScopeTarget target, SiteUrl site_url) {
  GraphRead read(fmt::format("/drives/{}/items/{}/permissions", target.drive_id, target.item_id),
                 fmt::format("reading the permissions of item {} in drive {}", target.item_id,
                             target.drive_id),
                 kUnits);
  auto grants = co_await parts_.batches.List(std::move(read), &DecodePermissions);
  ++parts_.progress.scopes_read;
  if (!grants) {
    co_await parts_.store.PutGap(target.oid, "", grants.error());
    co_return;
  }
  if (!config_.include_sharing_links) {
    std::erase_if(*grants, [](const Grant& g) { return g.principal_type == PrincipalType::kLink; });
  }
  if (std::any_of(grants->begin(), grants->end(), IsUnclear)) {
    co_await MakeClear(target, *site_url, *grants);
  }
  co_await parts_.people.Identify(*grants);
  bool inherits = false;
  if (target.stood) inherits = co_await InheritsNow(target, *grants, *site_url);
  if (inherits) {
    co_await parts_.store.Do([&](AuditStore& store) { return store.PutItemInherits(target.oid); });
    co_return;
  }
  co_await parts_.store.Do([&](AuditStore& store) { return store.PutScope(target.oid, *grants); });
}

// What stays unclear is shown so, and stands in the ledger: who is there is known, how far is not.
Task<void> ScopeReader::MakeClear(const ScopeTarget& target, const std::string& site_url,
                                  std::vector<Grant>& grants) {
  if (!parts_.assignments) {
    if (std::exchange(told_, true)) co_return;
    const bool by_choice = config_.sharepoint_rest == "off";
    co_await parts_.store.PutGap(
        std::nullopt, "levels of permission",
        by_choice ? CoverageState::kSkipped : CoverageState::kDenied,
        "Graph does not say how far some grants go: their role is told as other",
        by_choice ? "set permissions.sharepoint_rest to auto"
                  : "configure auth.certificate_path and grant SharePoint Sites.FullControl.All");
    co_return;
  }
  const auto assignments = co_await Assignments(target, site_url);
  if (assignments) {
    Clarify(grants, *assignments);
    co_return;
  }
  AbortIfFatal(assignments.error());
  co_await parts_.store.PutGap(
      std::nullopt,
      fmt::format("levels of permission of item {} in drive {}", target.item_id, target.drive_id),
      assignments.error());
}

Task<void> ScopeReader::ReadByRest(std::vector<ScopeTarget> targets, SiteUrl site_url) {
  parts_.progress.scopes_read += static_cast<std::int64_t>(targets.size());
  // The list itself is read with its web.
  std::erase_if(targets, [](const ScopeTarget& target) { return target.is_container; });
  if (targets.empty()) co_return;
  std::vector<std::string> below;
  for (const ScopeTarget& target : targets) below.push_back(PlaceOf(target));
  auto answers = co_await parts_.assignments->ReadMany(
      *site_url + "/_api/web", std::move(below),
      "reading the role assignments of list items in " + *site_url);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    co_await Enter(std::move(targets[i]), std::move(answers[i]));
  }
}

Task<void> ScopeReader::Enter(ScopeTarget target, Result<std::vector<Grant>> grants) {
  if (!grants) {
    co_await parts_.store.PutGap(target.oid, "", grants.error());
    co_return;
  }
  co_await FindLinks(target, *grants);
  if (!config_.include_sharing_links) {
    std::erase_if(*grants, [](const Grant& g) { return g.principal_type == PrincipalType::kLink; });
  }
  co_await parts_.people.Identify(*grants);
  co_await parts_.store.Do([&](AuditStore& store) { return store.PutScope(target.oid, *grants); });
}

Task<bool> ScopeReader::InheritsNow(const ScopeTarget& target, std::span<const Grant> grants,
                                    const std::string& site_url) {
  if (!parts_.sharepoint || target.list_id.empty() || target.list_item_id < 0) co_return false;
  const bool may = co_await parts_.store.Do(
      [&](AuditStore& store) { return store.MayInherit(target.oid, grants); });
  if (!may) co_return false;
  const std::string where =
      fmt::format("lists(guid'{}')/items({})", target.list_id, target.list_item_id);
  const auto owns = co_await parts_.sharepoint->Get(
      fmt::format("{}/_api/web/{}/HasUniqueRoleAssignments", site_url, where),
      fmt::format("asking whether {} in {} still owns its permissions", where, site_url),
      &DecodeFlag);
  if (owns) co_return !*owns;
  AbortIfFatal(owns.error());
  log::Debug("taken to own its permissions still: " + owns.error().message);
  co_return false;
}

Task<void> ScopeReader::FindLinks(const ScopeTarget& target, std::vector<Grant>& grants) {
  for (Grant& grant : grants) {
    if (grant.principal_type != PrincipalType::kSiteGroup) continue;
    if (!ParseLinkGroup(grant.principal_name)) continue;
    const auto link = co_await parts_.store.Do(
        [&](AuditStore& store) { return store.FindLinkGroup(target.oid, grant.principal_id); });
    if (link) BecomeLink(grant, *link);
  }
}

Task<Result<std::vector<Grant>>> ScopeReader::Assignments(const ScopeTarget& target,
                                                          const std::string& site_url) {
  if (target.list_id.empty() || (target.list_item_id < 0 && !target.is_container)) {
    co_return Fail(ErrorCode::kUnsupported,
                   fmt::format("reading the role assignments of item {}: its list is not known",
                               target.item_id));
  }
  const std::string where = PlaceOf(target);
  co_return co_await parts_.assignments->Read(
      site_url + "/_api/web", where,
      fmt::format("reading the role assignments of {} in {}", where, site_url));
}

}  // namespace spa
