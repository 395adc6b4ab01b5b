// TenantChanger: the things that can happen to a SimulatedTenant after it was built, one function
// each. It keeps the model sound (numbers, scopes, the change log that delta reads) and chooses
// nothing: mutation.h does.
//
// Threads: nobody else may ask the tenant meanwhile. References to its webs, libraries and lists
// may move when one is added.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/simulated_tenant.h"

namespace spa::sim {

// Something that can own a scope.
struct Securable {
  enum class Kind : std::uint8_t { kWeb, kLibrary, kList, kItem, kListItem };
  Kind kind = Kind::kWeb;
  std::uint32_t number = 0;  // of the web, library or list
  std::uint32_t item = 0;    // kItem, kListItem
};

}  // namespace spa::sim

namespace spa {

class TenantChanger {
 public:
  explicit TenantChanger(SimulatedTenant& tenant) : t_(tenant) {}

  // Before each change: moves the position, also for those that no library logs.
  void Begin();

  // Items of libraries. The caller has seen that they exist and that a parent is a folder.
  std::uint32_t AddItem(std::uint32_t library, std::uint32_t parent, bool folder, std::string name);
  std::uint32_t Delete(std::uint32_t library, std::uint32_t item);  // how many, with what is below
  void Rename(std::uint32_t library, std::uint32_t item, std::string name);
  void Move(std::uint32_t library, std::uint32_t item, std::uint32_t parent);
  void Edit(std::uint32_t library, std::uint32_t item);
  bool IsBelow(std::uint32_t library, std::uint32_t item, std::uint32_t folder) const;

  // Items of generic lists.
  std::uint32_t AddListItem(std::uint32_t list);
  void DeleteListItem(std::uint32_t list, std::uint32_t item);

  // Scopes. Breaking copies the entries above without links (permissions.md 1.5).
  bool Owns(const sim::Securable& object) const;
  sim::Acl AclOf(const sim::Securable& object) const;  // what applies, whoever owns it
  void Break(const sim::Securable& object);
  void Inherit(const sim::Securable& object);
  // Replaces the levels of one who is in already.
  void Grant(const sim::Securable& object, const sim::Principal& who, sim::Level level);
  void Ungrant(const sim::Securable& object, std::size_t entry);
  // Gives the link its number. Items of libraries alone.
  void AddLink(const sim::Securable& item, sim::Link link);
  void AddLinkPerson(const sim::Securable& item, std::size_t link, const sim::Principal& who);
  void SetLinkExpiry(const sim::Securable& item, std::size_t link, std::string expires);

  // Containers.
  std::uint32_t AddSite(std::uint32_t items);
  void DeleteWeb(std::uint32_t web);  // and its subsites
  void RenameWeb(std::uint32_t web, std::string title);
  std::uint32_t AddLibrary(std::uint32_t web, std::uint32_t items);
  void DeleteLibrary(std::uint32_t library);
  void RenameLibrary(std::uint32_t library, std::string title);

  // Groups; false where nothing changes.
  bool AddMember(std::uint32_t group, std::uint32_t user);
  bool RemoveMember(std::uint32_t group, std::uint32_t user);
  bool AddSiteMember(std::uint32_t web, std::uint32_t group, const sim::Principal& who);
  bool RemoveSiteMember(std::uint32_t web, std::uint32_t group, const sim::Principal& who);

  sim::Principal AnyPrincipal(std::uint64_t hash) const { return t_.AnyPrincipal(hash); }
  sim::Link AnyLink(std::uint64_t hash) const { return t_.MakeLink(hash); }

 private:
  sim::ItemChange& Touch(std::uint32_t library, std::uint32_t item);
  sim::ItemChange& TouchListItem(std::uint32_t list, std::uint32_t item);
  void Log(std::uint32_t library, std::uint32_t item, sim::LoggedChange::What what);
  void Tell(const sim::Securable& object, sim::LoggedChange::What what);
  // The object's own scope as data of its own. Before the first change it is what was computed.
  struct OwnScope {
    bool& unique;
    sim::Acl& acl;
  };
  OwnScope Own(const sim::Securable& object);

  SimulatedTenant& t_;
};

}  // namespace spa
