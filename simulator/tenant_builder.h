// TenantBuilder lays out the webs, libraries and lists of a SimulatedTenant: used once, by its
// constructor. The number of items is met exactly, spread over the libraries that can be read:
// mostly small ones, a few large.
#pragma once

#include "simulator/simulated_tenant.h"

namespace spa {

class TenantBuilder {
 public:
  explicit TenantBuilder(SimulatedTenant& tenant) : t_(tenant), spec_(tenant.spec_) {}
  void Build();

 private:
  std::uint32_t AddCollection(int number, bool personal);
  void AddSubsite(std::uint32_t parent, int depth);
  std::uint32_t AddWeb(sim::Web web);
  void AddSiteGroups(sim::Web& web, std::uint64_t hash);
  void GiveOwnScope(sim::Web& web, std::uint64_t hash);
  void AddContents(std::uint32_t web);
  void AddLibrary(std::uint32_t web, int ordinal, bool system);
  void AddList(std::uint32_t web, int ordinal);
  void SpreadItems();
  void ShapeLibrary(sim::Library& library);
  void Index();

  SimulatedTenant& t_;
  const TenantSpec& spec_;
};

}  // namespace spa
