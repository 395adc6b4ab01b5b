#include "permissions/site_access.h"

#include <fmt/format.h>

namespace spa {
namespace {

std::string ApiOf(const Site& site) {
  std::string url = site.web_url;
  while (url.ends_with('/')) url.pop_back();
  return url + "/_api/web";
}

}  // namespace

Task<SiteFacts> SiteAccess::Read(Site site, Oid oid, std::vector<FoundList> lists) {
  SiteFacts facts;
  if (!mode_.sharepoint) {
    co_await EnterGraphOnly(site, oid, lists);
    co_return facts;
  }
  const std::string api = ApiOf(site);
  auto web = co_await ReadWeb(site, api, oid);
  auto rest_lists = co_await mode_.sharepoint->List(
      api + "/lists?$select=Id,Title,Hidden,BaseTemplate,ItemCount,HasUniqueRoleAssignments",
      "reading which lists of " + site.web_url + " own permissions", &DecodeRestLists);
  if (rest_lists) {
    for (const RestList& list : *rest_lists) facts.list_owns_scope[list.id] = list.owns_scope;
    facts.rest = web.has_value();
  }
  auto groups = co_await ReadGroups(site, api, facts);

  // One line in the ledger for a web that refuses, not one per question.
  for (const Error* error :
       {web ? nullptr : &web.error(), rest_lists ? nullptr : &rest_lists.error(),
        groups ? nullptr : &groups.error()}) {
    if (!error) continue;
    co_await store_.PutGap(oid, site.web_url, *error);
    break;
  }
  co_await ReadLists(api, lists, facts);
  co_return facts;
}

Task<void> SiteAccess::EnterGraphOnly(const Site& site, Oid oid,
                                      const std::vector<FoundList>& lists) {
  const CoverageState state = mode_.by_choice ? CoverageState::kSkipped : CoverageState::kDenied;
  const std::string remedy =
      mode_.by_choice
          ? "set permissions.sharepoint_rest to auto"
          : "configure auth.certificate_path and grant SharePoint Sites.FullControl.All";
  const std::string reason =
      "Graph does not show role assignments of webs and lists, nor site groups";
  co_await store_.PutGap(oid, site.web_url, state, reason, remedy);
  for (const FoundList& list : lists) {
    co_await store_.PutGap(list.oid, list.list.web_url, state, reason, remedy);
  }
}

Task<Result<void>> SiteAccess::ReadWeb(const Site& site, const std::string& api, Oid oid) {
  auto owns = co_await mode_.sharepoint->Get(api + "/HasUniqueRoleAssignments",
                                             "asking whether " + site.web_url + " owns permissions",
                                             &DecodeFlag);
  if (!owns) co_return Fail(std::move(owns.error()));
  if (!*owns) {
    co_await store_.Do([oid](AuditStore& store) { return store.PutInherits(oid); });
    co_return Result<void>();
  }
  co_return co_await ReadAssignments(api + "/roleassignments?$expand=Member,RoleDefinitionBindings",
                                     "reading the role assignments of " + site.web_url, oid);
}

Task<Result<void>> SiteAccess::ReadAssignments(std::string url, std::string what, Oid owner) {
  auto grants =
      co_await mode_.sharepoint->List(std::move(url), std::move(what), &DecodeRoleAssignments);
  if (!grants) co_return Fail(std::move(grants.error()));
  co_await store_.Do([&](AuditStore& store) { return store.PutScope(owner, *grants); });
  co_return Result<void>();
}

Task<Result<void>> SiteAccess::ReadGroups(const Site& site, const std::string& api,
                                          SiteFacts& facts) {
  auto groups = co_await mode_.sharepoint->List(api + "/sitegroups?$expand=Users",
                                                "reading the site groups of " + site.web_url,
                                                &DecodeSiteGroups);
  if (!groups) co_return Fail(std::move(groups.error()));
  for (const RestSiteGroup& group : *groups) {
    if (const auto link = ParseLinkGroup(group.title, group.owner_title)) {
      facts.linked_items.push_back(link->item_unique_id);
    }
    GroupRef ref;
    ref.kind = GroupRef::Kind::kSiteGroup;
    ref.id = group.id;
    ref.site_id = site.id;
    co_await store_.Do([&](AuditStore& store) { return store.PutMembers(ref, group.members); });
  }
  co_return Result<void>();
}

Task<void> SiteAccess::ReadLists(const std::string& api, const std::vector<FoundList>& lists,
                                 SiteFacts& facts) {
  for (const FoundList& list : lists) {
    const auto flag = facts.list_owns_scope.find(list.list.id);
    if (flag == facts.list_owns_scope.end()) {
      if (facts.rest) {
        co_await store_.PutGap(list.oid, list.list.web_url, CoverageState::kFailed,
                               "SharePoint did not list it beside Graph", "run again");
      }
      continue;
    }
    if (!flag->second) {
      co_await store_.Do([&](AuditStore& store) { return store.PutInherits(list.oid); });
      continue;
    }
    auto read = co_await ReadAssignments(
        fmt::format("{}/lists(guid'{}')/roleassignments?$expand=Member,RoleDefinitionBindings", api,
                    list.list.id),
        "reading the role assignments of " + list.list.web_url, list.oid);
    if (!read) co_await store_.PutGap(list.oid, list.list.web_url, read.error());
  }
}

}  // namespace spa
