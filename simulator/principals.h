// How a principal of the tenant looks from outside: its claim, its names, its numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "simulator/simulated_tenant.h"

namespace spa::sim {

struct Face {
  std::string title;
  std::string login;  // the claim; a site group's is its title
  std::string email;
  std::string upn;                // directory users
  std::string directory_id;       // users and groups
  std::uint32_t site_number = 0;  // principal id, unique inside the site collection
  int principal_type = 1;         // 1 user, 4 security group, 8 SharePoint group
  bool guest = false;
};

// `web` is any web of the collection. Not for links.
Face FaceOf(const SimulatedTenant& tenant, const Web& web, const Principal& who);

// What SharePoint calls an application; Graph's permission id is made of it.
std::string AppLogin(const SimulatedTenant& tenant, const AppGrant& app);

// The number of the hidden group of a sharing link in its site collection, and back.
std::uint32_t LinkGroupNumber(const SimulatedTenant& tenant, const Library& library,
                              std::uint32_t item, std::uint32_t index, const Link& link);
// Numbers that changes give to new links begin here.
constexpr std::uint32_t kFirstGivenLinkGroup = 0x40000000;
struct LinkPlace {
  std::uint32_t library, item, link;
};
std::optional<LinkPlace> LinkOfGroup(const SimulatedTenant& tenant, const Web& web,
                                     std::uint32_t number);
// The same for items of generic lists.
std::uint32_t LinkGroupNumber(const GenericList& list, std::uint32_t item, std::uint32_t index);
std::string LinkGroupTitle(const SimulatedTenant& tenant, const Library& library,
                           std::uint32_t item, const Link& link);

// The roles Graph shows for these levels, and the sum of their rights.
std::string_view GraphRole(const std::vector<Level>& levels);
std::uint64_t Mask(const std::vector<Level>& levels);

}  // namespace spa::sim
