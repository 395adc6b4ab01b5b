#include "permissions/site_access.h"

#include <fmt/format.h>

#include "core/http/url.h"

namespace spa {
namespace {

std::string ApiOf(const std::string& web_url) {
  std::string url = EncodedUrl(web_url);
  while (url.ends_with('/')) url.pop_back();
  return url + "/_api/web";
}

const std::string& CollectionOf(const Site& site) {
  return site.root_id.empty() ? site.id : site.root_id;
}

}  // namespace

SiteAccess::SiteAccess(Mode mode, CacheManager& cache, std::string tenant, StoreWriter& store,
                       People& people, RoleAssignments& assignments)
    : mode_(mode),
      tenant_(std::move(tenant)),
      store_(store),
      people_(people),
      assignments_(assignments),
      groups_(cache.Open<std::vector<SiteGroupMembers>>(CacheKind::kSiteGroups)) {}

Task<SiteFacts> SiteAccess::Read(Site site, Oid oid, std::vector<FoundList> lists) {
  SiteFacts facts;
  if (!mode_.sharepoint) {
    co_await EnterGraphOnly(site, oid, lists);
    co_return facts;
  }
  const std::string api = ApiOf(site.web_url);
  auto web = co_await ReadWeb(site, api, oid);
  auto rest_lists = co_await mode_.sharepoint->List(
      api +
          "/lists?$select=Id,Title,Hidden,BaseTemplate,ItemCount,HasUniqueRoleAssignments,"
          "ReadSecurity,WriteSecurity",
      "reading which lists of " + site.web_url + " own permissions", &DecodeRestLists);
  if (rest_lists) {
    for (const RestList& list : *rest_lists) {
      facts.lists[list.id].owns_scope = list.owns_scope;
      facts.lists[list.id].item_count = list.item_count;
      facts.lists[list.id].read_security = list.read_security;
      facts.lists[list.id].write_security = list.write_security;
    }
    facts.rest = web.has_value();
  }
  auto groups = co_await EnterGroups(site, oid, facts);
  if (web && site.parent_id.empty()) co_await ReadAdmins(site, oid);

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
      "Graph does not show role assignments of webs and lists, site groups, nor what a site lets "
      "people share";
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
  // Without a known parent there is nothing to inherit from; an inheriting web answers with what
  // applies to it (permissions.md 3.2).
  if (!*owns && !site.parent_id.empty()) {
    co_await store_.Do([oid](AuditStore& store) { return store.PutInherits(oid); });
    co_return Result<void>();
  }
  co_return co_await ReadAssignments(api, "", "reading the role assignments of " + site.web_url,
                                     oid);
}

// They reach everything in the collection, whatever its permission sets say (permissions.md 0.2).
Task<void> SiteAccess::ReadAdmins(const Site& site, Oid oid) {
  auto admins = co_await mode_.sharepoint->List(
      ApiOf(site.web_url) +
          "/siteusers?$filter=IsSiteAdmin%20eq%20true&$select=Id,LoginName,Title,Email,"
          "PrincipalType,IsSiteAdmin,AadObjectId",
      "reading the administrators of " + site.web_url, &DecodeSiteAdmins);
  if (!admins) {
    co_await store_.PutGap(std::nullopt, "administrators of " + site.web_url, admins.error());
    co_return;
  }
  co_await people_.Identify(*admins);
  co_await store_.Do([&](AuditStore& store) { return store.PutSiteScope(oid, "rest", *admins); });
}

Task<Result<void>> SiteAccess::ReadAssignments(std::string api, std::string below, std::string what,
                                               Oid owner) {
  auto grants = co_await assignments_.Read(std::move(api), std::move(below), std::move(what));
  if (!grants) co_return Fail(std::move(grants.error()));
  co_await people_.Identify(*grants);
  co_await store_.Do([&](AuditStore& store) { return store.PutScope(owner, *grants); });
  co_return Result<void>();
}

// Site groups belong to the whole collection: one web asks, the others find the answer.
Task<Result<std::optional<SiteAccess::Groups>>> SiteAccess::Find(Site site) {
  if (!mode_.sharepoint) co_return std::nullopt;
  const CacheKey key(CacheKind::kSiteGroups, tenant_ + '/' + CollectionOf(site));
  Loader<std::vector<SiteGroupMembers>> load = [this, site] { return ReadGroups(site); };
  auto groups = co_await groups_.GetOrLoad(key, std::move(load));
  if (!groups) co_return Fail(std::move(groups.error()));
  co_return *std::move(groups);
}

// Stores them once a run, and notes the items that own a sharing link.
Task<Result<void>> SiteAccess::EnterGroups(Site site, Oid oid, SiteFacts& facts) {
  const std::string collection = CollectionOf(site);
  auto found = co_await Find(site);
  if (!found) co_return Fail(std::move(found.error()));
  const std::optional<Groups>& groups = *found;
  if (groups->stale) co_await store_.PutStale(oid, site.web_url, groups->age);
  for (const SiteGroupMembers& group : *groups->value) {
    if (group.link) facts.linked_items.push_back(ParseLinkGroup(group.title)->item_unique_id);
  }
  if (entered_.insert(collection).second) {
    co_await store_.Do([&](AuditStore& store) -> Status {
      for (const SiteGroupMembers& group : *groups->value) {
        GroupRef ref;
        ref.kind = GroupRef::Kind::kSiteGroup;
        ref.id = group.id;
        ref.site_id = collection;
        GroupFacts facts;
        if (group.link) facts.link_id = ParseLinkGroup(group.title)->link_id;
        facts.name = group.title;
        facts.members_edit = group.members_edit;
        facts.auto_accept = group.auto_accept;
        const auto put = store.PutMembers(ref, group.members.Unpack(), facts);
        if (!put) return put;
      }
      return groups->stale ? Status() : store.SettleSiteGroups(collection);
    });
  }
  facts.links_known = true;
  co_return Result<void>();
}

Task<Result<std::vector<SiteGroupMembers>>> SiteAccess::ReadGroups(Site site) {
  // By the collection's address, whichever of its webs comes first, so that each run asks the same.
  const std::string& url = site.root_url.empty() ? site.web_url : site.root_url;
  auto groups =
      co_await mode_.sharepoint->List(ApiOf(url) + "/sitegroups?$expand=Users",
                                      "reading the site groups of " + url, &DecodeSiteGroups);
  if (!groups) co_return Fail(std::move(groups.error()));
  std::vector<SiteGroupMembers> kept(groups->size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    kept[i].id = std::move((*groups)[i].id);
    kept[i].title = (*groups)[i].title;
    kept[i].members_edit = (*groups)[i].members_edit;
    kept[i].auto_accept = (*groups)[i].auto_accept;
    co_await people_.Identify((*groups)[i].members);
    kept[i].members = PackedMembers((*groups)[i].members);
  }
  auto marked = co_await MarkLinkGroups(ApiOf(url), *groups, kept);
  if (!marked) co_return Fail(std::move(marked.error()));
  co_return std::move(kept);
}

// Nobody can make a group that belongs to the system account, but that is told by its title alone,
// and in the language of the site. Its number is the same everywhere, so that its title can be
// asked for where it is not the English one.
Task<Result<void>> SiteAccess::MarkLinkGroups(std::string api,
                                              const std::vector<RestSiteGroup>& groups,
                                              std::vector<SiteGroupMembers>& kept) {
  std::string system = "System Account";
  bool asked = false;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!ParseLinkGroup(kept[i].title)) continue;
    if (!asked && groups[i].owner_title != system) {
      auto title =
          co_await mode_.sharepoint->Get(api + "/getuserbyid(1073741823)?$select=Title",
                                         "asking what the system account is called", &DecodeTitle);
      if (!title) co_return Fail(std::move(title.error()));
      system = *std::move(title);
      asked = true;
    }
    kept[i].link = groups[i].owner_title == system;
  }
  co_return Result<void>();
}

Task<void> SiteAccess::ReadLists(const std::string& api, const std::vector<FoundList>& lists,
                                 SiteFacts& facts) {
  for (const FoundList& list : lists) {
    const auto flag = facts.lists.find(list.list.id);
    if (flag == facts.lists.end()) {
      if (facts.rest) {
        co_await store_.PutGap(list.oid, list.list.web_url, CoverageState::kFailed,
                               "SharePoint did not list it beside Graph", "run again");
      }
      continue;
    }
    co_await store_.Do([&](AuditStore& store) {
      return store.PutListSecurity(list.oid, flag->second.read_security,
                                   flag->second.write_security);
    });
    if (!flag->second.owns_scope) {
      co_await store_.Do([&](AuditStore& store) { return store.PutInherits(list.oid); });
      continue;
    }
    auto read =
        co_await ReadAssignments(api, fmt::format("/lists(guid'{}')", list.list.id),
                                 "reading the role assignments of " + list.list.web_url, list.oid);
    if (!read) co_await store_.PutGap(list.oid, list.list.web_url, read.error());
  }
}

}  // namespace spa
