// Mutation: what POST /__sim/mutate asks for, done to the tenant (docs/simulator.md, "Changes").
//
//   {"seed": 7, "count": 100}                 that many, of all kinds
//   {"seed": 7, "count": 5, "kinds": [...]}   of these kinds
//   {"changes": [{"kind": "item.rename", "drive": "b!…", "item": "01…", "name": "x.docx"}]}
//
// Whatever a named change leaves out is chosen by seed. The same tenant and the same request always
// give the same changes. The answer tells each one with the ids the services know it by:
// {"position": 12, "changes": [{"kind": …, "site": …, "drive": …, "item": …, …}]}.
//
// Threads: nobody else may ask the tenant meanwhile.
// Errors: kUsage for what cannot be understood or done; the changes before it are done.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "simulator/tenant_changer.h"

namespace spa::sim {

class Mutation {
 public:
  explicit Mutation(SimulatedTenant& tenant) : t_(tenant), changer_(tenant) {}

  Result<std::string> Apply(std::string_view body);

 private:
  using Json = nlohmann::json;
  using Kind = Securable::Kind;
  struct Row;
  static const Row kRows[];

  // Each does one change, tells it in done_ and gives true; or says why not in why_.
  bool AddFile(const Json& ask, Kind);
  bool AddFolder(const Json& ask, Kind);
  bool DeleteItem(const Json& ask, Kind);
  bool RenameItem(const Json& ask, Kind);
  bool MoveItem(const Json& ask, Kind);
  bool EditItem(const Json& ask, Kind);
  bool Share(const Json& ask, Kind);
  bool Grant(const Json& ask, Kind kind);
  bool Ungrant(const Json& ask, Kind kind);
  bool Break(const Json& ask, Kind kind);
  bool Inherit(const Json& ask, Kind kind);
  bool LinkPeople(const Json& ask, Kind);
  bool LinkExpiry(const Json& ask, Kind);
  bool AddListItem(const Json& ask, Kind);
  bool DeleteListItem(const Json& ask, Kind);
  bool AddLibrary(const Json& ask, Kind);
  bool DeleteLibrary(const Json& ask, Kind);
  bool RenameLibrary(const Json& ask, Kind);
  bool AddSite(const Json& ask, Kind);
  bool DeleteSite(const Json& ask, Kind);
  bool RenameSite(const Json& ask, Kind);
  bool AddMember(const Json& ask, Kind);
  bool RemoveMember(const Json& ask, Kind);
  bool AddSiteMember(const Json& ask, Kind);
  bool RemoveSiteMember(const Json& ask, Kind);
  bool AddItem(const Json& ask, bool folder);
  bool ChangeMember(const Json& ask, bool add);
  bool ChangeSiteMember(const Json& ask, bool add);

  // What the request names, or what the seed chooses of all that suit.
  using Suits = std::function<bool(const Securable&)>;
  std::optional<Securable> PickWeb(const Json& ask, const Suits& suits);
  std::optional<Securable> PickLibrary(const Json& ask, const Suits& suits);
  std::optional<Securable> PickList(const Json& ask, const Suits& suits);
  std::optional<Securable> PickItem(const Json& ask, const Suits& suits);
  std::optional<Securable> PickListItem(const Json& ask, const Suits& suits);
  std::optional<Securable> Pick(const Json& ask, Kind kind, const Suits& suits);
  template <class Container, class IsThere>
  std::optional<Securable> PickIn(const Container& all, Kind kind, const Suits& suits,
                                  IsThere is_there);
  template <class Container>
  std::optional<Securable> ScanItems(const Container& container, Kind kind, const Suits& suits);
  std::optional<std::uint32_t> PickFolder(const Json& ask, std::uint32_t library,
                                          std::uint32_t for_item);
  std::optional<Principal> PickWho(const Json& ask, const Json& who);
  std::optional<Level> PickLevel(const Json& ask);
  std::optional<Link> MakeLink(const Json& ask);
  std::optional<std::size_t> PickEntry(const Json& ask, const Securable& object, bool links_only);
  std::optional<std::uint32_t> PickUser(const Json& id);

  bool DoOne(const Row& row, const Json& ask);
  void Tell(const Securable& object);
  std::string GrantId(const Securable& object, const Acl& acl, const Entry& entry) const;
  const Web& WebOf(const Securable& object) const;
  bool OpenLibrary(const Library& library) const;
  // A text of the request; empty where there is none.
  static std::string Field(const Json& ask, const char* key);
  static std::uint32_t Number(const Json& ask, const char* key, std::uint32_t otherwise);
  bool No(std::string why);
  std::uint64_t Next() { return Hash(seed_, ++drawn_); }
  bool Chance(double rate) { return Unit(Next()) < rate; }

  const SimulatedTenant& t_;
  TenantChanger changer_;
  std::uint64_t seed_ = 0, drawn_ = 0;
  std::string why_;
  Json done_;
};

}  // namespace spa::sim
