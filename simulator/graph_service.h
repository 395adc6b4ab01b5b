// GraphService: Microsoft Graph v1.0 as the simulated tenant answers it (graph.md 2 to 5,
// permissions.md 1, 2, 5). It answers for a request whose bearer token has been checked; faults,
// prices and limits are put on top by Service.
//
// Threads: any, while nobody changes the tenant; the few things it remembers (drives that answered
// 410 already, expired tokens) are behind a mutex.
// Lifetime: the tenant must outlive it.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/http.h"
#include "simulator/simulated_tenant.h"

namespace spa::sim {

class JsonOut;

Response GraphError(int status, std::string_view code, std::string_view message);

class GraphService {
 public:
  // Answers one part of a batch: authorised, priced and throttled like any other request.
  using PartHandler = std::function<Response(const Request&)>;

  explicit GraphService(const SimulatedTenant& tenant) : t_(tenant) {}

  Response Handle(const Request& request, const PartHandler& part);
  void Reset();
  // Every delta token given out so far is stale from now on: those of all drives, or of these
  // libraries.
  void ExpireTokens(const std::vector<std::uint32_t>* libraries);

 private:
  using Segments = std::vector<std::string>;
  struct Token;

  // graph_sites.cpp
  Response Sites(const Request& request, const Segments& path);
  Response ListSites(const Request& request);
  Response SiteRoutes(const Request& request, const Web& web, const Segments& rest);
  Response ListWebs(const Request& request, const Web& web);
  Response ListDrives(const Request& request, const Web& web);
  Response ListLists(const Request& request, const Web& web);
  void WriteSite(JsonOut& json, const Request& request, const Web& web) const;
  void WriteDrive(JsonOut& json, const Request& request, const Library& library) const;
  void WriteLibraryList(JsonOut& json, const Request& request, const Library& library) const;
  void WriteList(JsonOut& json, const Request& request, const GenericList& list) const;

  // graph_items.cpp
  Response Drives(const Request& request, const Segments& path);
  Response DriveItemRoutes(const Request& request, const Library& library, std::uint32_t item,
                           const Segments& rest);
  void WriteItem(JsonOut& json, const Request& request, const Library& library, std::uint32_t item,
                 std::uint32_t select, bool hierarchical, bool stale) const;
  void WriteDeleted(JsonOut& json, const Library& library, std::uint32_t item,
                    std::uint32_t select) const;
  void WriteShared(JsonOut& json, const Library& library, std::uint32_t item,
                   bool hierarchical) const;
  std::string SharedScope(const Library& library, std::uint32_t item) const;

  // graph_delta.cpp
  Response Delta(const Request& request, const Library& library, std::string_view token);
  Response DeltaPage(const Request& request, const Library& library, const Token& token);
  Response ChangesPage(const Request& request, const Library& library, const Token& token);
  Response Gone(const Request& request, const Library& library, const Token& token);
  bool IsGone(const Request& request, const Library& library, const Token& token);
  bool Visible(const Library& library, const Token& token, LoggedChange::What what) const;
  bool Ignores(const Library& library) const;
  std::vector<std::uint32_t> AncestorsOf(const Library& library,
                                         const std::vector<std::uint32_t>& items) const;
  std::string DeltaUrl(const Request& request, const Library& library, const Token& token) const;

  // graph_permissions.cpp
  Response Permissions(const Request& request, const Library& library, std::uint32_t item);
  Response SitePermissions(const Request& request, const Web& web, const Segments& rest);
  void WritePermission(JsonOut& json, const Request& request, const Library& library,
                       const Acl& acl, const Entry& entry, bool inherited) const;

  // graph_directory.cpp
  Response Groups(const Request& request, const Segments& path);
  Response Users(const Request& request, const Segments& path);
  Response DeletedItems(const Request& request, const Segments& path);
  Response GetByIds(const Request& request);

  // graph_settings.cpp
  bool Holds(std::string_view role) const;  // the token
  Response TenantSettings(const Request& request);
  Response ListGuests(const Request& request);

  // graph_organization.cpp
  Response Licences(const Request& request);
  Response Registration(const Request& request);

  // graph_batch.cpp
  Response Batch(const Request& request, const PartHandler& part);

  std::string Base(const Request& request) const { return request.Origin() + "/v1.0"; }
  std::string SiteOrigin(const Request& request) const;  // how webUrls begin

  const SimulatedTenant& t_;
  std::mutex mutex_;
  std::set<std::uint32_t> gone_;  // drives that answered their one 410
  // Tokens carry the epoch they were made in; older ones than these are stale.
  std::uint32_t epoch_ = 0, expired_epoch_ = 0;
  std::map<std::uint32_t, std::uint32_t> expired_drives_;
};

// The origin that webUrls and SharePoint REST have, seen from a request to Graph.
std::string SharePointOrigin(const TenantSpec& spec, const Request& request);
// 423, 403 or 404 for a site that cannot be opened; status 200 for one that can.
Response SiteRefusal(const Web& web);
bool Selects(const Request& request, std::string_view lower_name);  // named in $select
bool SelectsAll(const Request& request);                            // no $select
// The members of a drive item that $select asks for, as WriteItem takes it.
std::uint32_t SelectMask(const Request& request);

}  // namespace spa::sim
