// TenantBuilder lays out the webs, libraries and lists of a SimulatedTenant: once in its
// constructor, and one at a time where a change adds some. The number of items is met exactly,
// spread over the libraries that can be read: mostly small ones, a few large.
#pragma once

#include "simulator/simulated_tenant.h"

namespace spa {

class TenantBuilder {
 public:
  explicit TenantBuilder(SimulatedTenant& tenant) : t_(tenant), spec_(tenant.spec_) {}
  void Build();
  // A site collection with its libraries and lists, and a library, each with so many items in a
  // library. They give the number of the web and of the library.
  std::uint32_t AddSiteLater(std::uint32_t items);
  std::uint32_t AddLibraryLater(std::uint32_t web, std::uint32_t items);

 private:
  std::uint32_t AddCollection(int number, bool personal);
  void AddSubsite(std::uint32_t parent, int depth);
  std::uint32_t AddWeb(sim::Web web);
  void AddSiteGroups(sim::Web& web, std::uint64_t hash);
  void AddChannelPeople(sim::Web& web, std::uint64_t hash);
  void GiveOwnScope(sim::Web& web, std::uint64_t hash);
  void AddContents(std::uint32_t web);
  void AddLibrary(std::uint32_t web, int ordinal, bool system);
  void AddList(std::uint32_t web, int ordinal);
  void SpreadItems();
  void ShapeLibrary(sim::Library& library);
  void FillLater(std::size_t first_library, std::uint32_t items);
  void Index(const sim::Web& web);
  void Index(const sim::Library& library);
  void Index(const sim::GenericList& list);

  SimulatedTenant& t_;
  const TenantSpec& spec_;
};

}  // namespace spa
