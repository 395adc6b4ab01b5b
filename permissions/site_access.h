// SiteAccess: who may do what on a web, by SharePoint REST: the role assignments of the web and its
// generic lists, the site groups with their members, the administrators of the collection, and
// which lists own a scope (permissions.md 3).
//
// Graph does not show any of this. Without a certificate (or another credential SharePoint listens
// to) the web and its lists stay unread, and the ledger says so with the way to close the gap.
//
// Threads: the io_context's thread. One SiteAccess serves many webs at once.
#pragma once

#include <set>

#include "cache/cache_manager.h"
#include "core/graph/sharepoint_client.h"
#include "core/store/store_writer.h"
#include "permissions/packed_members.h"
#include "permissions/people.h"
#include "permissions/rest_decoders.h"
#include "permissions/role_assignments.h"

namespace spa {

class SiteAccess {
 public:
  // `sharepoint` null: Graph-only mode; `by_choice`: because the configuration turned it off.
  struct Mode {
    SharePointClient* sharepoint = nullptr;
    bool by_choice = false;
  };

  // `tenant`: what the keys of the cache begin with.
  SiteAccess(Mode mode, CacheManager& cache, std::string tenant, StoreWriter& store, People& people,
             RoleAssignments& assignments);

  [[nodiscard]] Task<SiteFacts> Read(Site site, Oid oid, std::vector<FoundList> lists);

  using Groups = Hit<std::vector<SiteGroupMembers>>;
  // The groups of the site's collection, through the cache. Nothing in Graph-only mode.
  [[nodiscard]] Task<Result<std::optional<Groups>>> Find(Site site);

 private:
  [[nodiscard]] Task<void> EnterGraphOnly(const Site& site, Oid oid,
                                          const std::vector<FoundList>& lists);
  [[nodiscard]] Task<Result<void>> ReadWeb(const Site& site, const std::string& api, Oid oid);
  [[nodiscard]] Task<Result<std::vector<SiteGroupMembers>>> ReadGroups(Site site);
  // Marks the groups that stand for sharing links.
  [[nodiscard]] Task<Result<void>> MarkLinkGroups(std::string api,
                                                  const std::vector<RestSiteGroup>& groups,
                                                  std::vector<SiteGroupMembers>& kept);
  [[nodiscard]] Task<Result<void>> EnterGroups(Site site, Oid oid, SiteFacts& facts);
  // Of the collection, asked of its topmost site alone.
  [[nodiscard]] Task<void> ReadAdmins(const Site& site, Oid oid);
  [[nodiscard]] Task<void> ReadLists(const std::string& api, const std::vector<FoundList>& lists,
                                     SiteFacts& facts);
  [[nodiscard]] Task<Result<void>> ReadAssignments(std::string api, std::string below,
                                                   std::string what, Oid owner);

  Mode mode_;
  std::string tenant_;
  StoreWriter& store_;
  People& people_;
  RoleAssignments& assignments_;
  Cache<std::vector<SiteGroupMembers>> groups_;  // by site collection
  std::set<std::string> entered_;                // Collections whose groups this run has stored.
};

}  // namespace spa
