// RestService: SharePoint REST as the simulated tenant answers it (permissions.md 3), in
// odata=nometadata JSON. Tokens have been checked before; faults and limits come on top.
//
// Threads: any. Lifetime: the tenant must outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/http.h"
#include "simulator/principals.h"
#include "simulator/simulated_tenant.h"

namespace spa::sim {

class JsonOut;

Response RestError(int status, std::string_view code, std::string_view message);

class RestService {
 public:
  using PartHandler = std::function<Response(const Request&)>;

  explicit RestService(const SimulatedTenant& tenant) : t_(tenant) {}

  Response Handle(const Request& request, const PartHandler& part);

 private:
  // "lists(guid'…')" is a name and an argument.
  struct Step {
    std::string name;      // lower case
    std::string argument;  // without quotes and "guid"
  };
  using Steps = std::vector<Step>;
  // A list or a library: what both have in common here.
  struct ListRef {
    const Library* library = nullptr;
    const GenericList* list = nullptr;
  };

  Response WebRoutes(const Request& request, const Web& web, const Steps& steps);
  Response WebObject(const Request& request, const Web& web);
  Response Lists(const Request& request, const Web& web);
  Response ListRoutes(const Request& request, const Web& web, ListRef list, const Steps& steps);
  void WriteList(JsonOut& json, const Request& request, ListRef list) const;

  bool Exists(ListRef list, std::uint32_t item) const {
    return list.library ? t_.Exists(*list.library, item) : t_.Exists(*list.list, item);
  }

  // rest_items.cpp
  Response Items(const Request& request, const Web& web, ListRef list);
  Response ItemRoutes(const Request& request, const Web& web, ListRef list, std::uint32_t item,
                      const Steps& steps);
  void WriteItem(JsonOut& json, const Request& request, ListRef list, std::uint32_t item) const;

  // rest_people.cpp
  Response Assignments(const Request& request, const Web& web, const Acl& acl,
                       const std::vector<Entry>& plumbing, ListRef place,
                       std::uint32_t scope_item) const;
  Response SiteGroups(const Request& request, const Web& web);
  Response SiteGroupRoutes(const Request& request, const Web& web, const Steps& steps);
  static constexpr std::uint32_t kSystemAccount = 1073741823;
  void WriteSystemAccount(JsonOut& json, const Web& web) const;
  Response SiteUsers(const Request& request, const Web& web);
  void WritePerson(JsonOut& json, const Web& web, const Principal& who) const;
  void WriteSiteGroup(JsonOut& json, const Web& web, const SiteGroup& group, bool with_users) const;
  SiteGroup LinkGroup(ListRef place, std::uint32_t item, std::uint32_t link,
                      const Link& what) const;
  std::vector<SiteGroup> LinkGroups(const Web& web) const;

  // rest_admin.cpp
  Response Admin(const Request& request, const Steps& steps);

  // rest_batch.cpp
  Response Batch(const Request& request, const Web& web, const PartHandler& part);

  Steps ParseSteps(std::string_view api) const;

  const SimulatedTenant& t_;
};

}  // namespace spa::sim
